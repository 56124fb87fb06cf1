//! Which fields of a message have come, and which oneofs: a bit each, oneofs after the fields.

use super::{Decoder, halt::Halt};
use crate::plan::{FieldPlan, MessagePlan};

/// The bits of one message.
pub(super) struct Seen {
    /// The first 64, which is all of most messages.
    pub(super) low: u64,
    /// Where the rest lies in [`Decoder::seen`].
    base: usize,
}

impl<'a> Decoder<'a, '_> {
    #[inline(always)]
    pub(super) fn seen_none(&mut self, plan: &MessagePlan) -> Seen {
        let base = self.seen.len();
        let bits = plan.fields.len() + plan.oneofs as usize;
        if bits > 64 {
            self.seen.resize(base + bits / 64, 0);
        }
        Seen { low: 0, base }
    }

    /// Forgets the bits of a message that has been printed.
    #[inline(always)]
    pub(super) fn seen_end(&mut self, seen: &Seen) {
        if self.seen.len() > seen.base {
            self.seen.truncate(seen.base);
        }
    }

    /// Notes that a field has come; stops if it, or another member of its oneof, has come before.
    #[inline]
    pub(super) fn see(&mut self, plan: &MessagePlan, field: &FieldPlan, seen: &mut Seen) -> Result<(), Halt> {
        if self.set_bit(seen, field.position) {
            return Err(Halt::split());
        }
        if let Some(oneof) = field.oneof
            && self.set_bit(seen, oneof_bit(plan, oneof))
        {
            return Err(Halt::split());
        }
        Ok(())
    }

    pub(super) fn unsee(&mut self, plan: &MessagePlan, field: &FieldPlan, seen: &mut Seen) {
        self.clear_bit(seen, field.position);
        if let Some(oneof) = field.oneof {
            self.clear_bit(seen, oneof_bit(plan, oneof));
        }
    }

    /// Prints the unset fields between two positions that show nevertheless; returns where to go on.
    pub(super) fn unset_until(&mut self, plan: &'a MessagePlan, from: u32, to: u32, seen: &mut Seen) -> u32 {
        let fields = plan.fields.get(from as usize..).unwrap_or_default();
        for field in fields.iter().take_while(|field| field.position < to) {
            if !self.was_seen(seen, field.position) && self.unset(field) {
                // If it comes after all, that is as if it came twice.
                self.set_bit(seen, field.position);
            }
        }
        from.max(to)
    }

    /// Sets a bit and tells whether it was set before.
    #[inline]
    fn set_bit(&mut self, seen: &mut Seen, bit: u32) -> bool {
        let (word, mask) = self.bit(seen, bit);
        let was = *word & mask != 0;
        *word |= mask;
        was
    }

    fn clear_bit(&mut self, seen: &mut Seen, bit: u32) {
        let (word, mask) = self.bit(seen, bit);
        *word &= !mask;
    }

    pub(super) fn was_seen(&self, seen: &Seen, bit: u32) -> bool {
        let word = match (bit as usize / 64).checked_sub(1) {
            None => Some(seen.low),
            Some(at) => self.seen.get(seen.base + at).copied(),
        };
        word.is_some_and(|word| word & (1 << (bit % 64)) != 0)
    }

    #[inline]
    fn bit<'s>(&'s mut self, seen: &'s mut Seen, bit: u32) -> (&'s mut u64, u64) {
        let mask = 1 << (bit % 64);
        if bit < 64 {
            return (&mut seen.low, mask);
        }
        let at = seen.base + bit as usize / 64 - 1;
        match self.seen.get_mut(at) {
            Some(word) => (word, mask),
            // `seen_none` made room for every bit.
            None => (&mut seen.low, 0),
        }
    }
}

#[inline]
fn oneof_bit(plan: &MessagePlan, oneof: u32) -> u32 {
    plan.fields.len() as u32 + oneof
}
