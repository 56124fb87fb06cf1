//! Printing the fields of a message in the order in which they come, as long as each comes in one piece.

use super::{
    Decoder,
    halt::Halt,
    scalar::Value,
    wire::{self, RawTag},
};
use crate::plan::{Cardinality, FieldPlan, Kind, MapPlan, MessageIndex, MessagePlan, WellKnown, WireType};

/// Which fields of a message have come, and which oneofs: a bit each, oneofs after the fields.
struct Seen {
    /// The first 64, which is all of most messages.
    low: u64,
    /// Where the rest lies in [`Decoder::seen`].
    base: usize,
}

impl<'a> Decoder<'a, '_> {
    /// Prints a message, given in one piece or several that merge. `depth` is how many messages it lies in.
    #[inline]
    pub(super) fn message(
        &mut self,
        plan: &'a MessagePlan,
        pieces: &[&'a [u8]],
        depth: u32,
    ) -> Result<(), Halt> {
        self.enter(depth)?;
        if !matches!(plan.well_known, WellKnown::None | WellKnown::Empty) {
            return self.well_known(plan, pieces, depth);
        }
        let open = self.out.len();
        self.members(plan, pieces, depth)?;
        self.close(open, b'{', b'}');
        Ok(())
    }

    /// Prints the fields of a message, `,"key":value` each.
    #[inline]
    pub(super) fn members(
        &mut self,
        plan: &'a MessagePlan,
        pieces: &[&'a [u8]],
        depth: u32,
    ) -> Result<(), Halt> {
        match pieces {
            [piece] if !self.careful => self.stream(plan, &mut { *piece }, None, depth),
            _ => self.gathered(plan, pieces, depth),
        }
    }

    /// Prints fields as they come, until the input ends or the group that `start` began.
    fn stream(
        &mut self,
        plan: &'a MessagePlan,
        input: &mut &'a [u8],
        start: Option<RawTag>,
        depth: u32,
    ) -> Result<(), Halt> {
        let mut seen = self.seen_none(plan);
        let mut printed = 0; // up to which position unset fields were printed
        let mut rest = *input; // a copy that can stay in registers
        loop {
            if rest.is_empty() {
                if start.is_some() {
                    return Err(Halt::truncated());
                }
                break;
            }
            let tag = wire::tag(&mut rest)?;
            if tag.is(WireType::EndGroup) {
                if start.is_none_or(|start| start.number() != tag.number()) {
                    return Err(Halt::malformed("the end of a group that has not begun"));
                }
                break;
            }
            let Some(field) = plan.field_by_number(tag.number()) else {
                let mut at = rest;
                wire::skip(tag, &mut at, self.options.max_depth)?;
                rest = at;
                continue;
            };
            if self.prints_unset() {
                printed = self.unset_until(plan, printed, field.position, &mut seen);
            }
            self.see(plan, field, &mut seen)?;
            let outcome = match &field.cardinality {
                Cardinality::Repeated { .. } => {
                    let mut at = rest;
                    let outcome = self.list(field, tag, &mut at, depth);
                    rest = at;
                    outcome
                }
                Cardinality::Map(map) => {
                    let mut at = rest;
                    let outcome = self.map(field, map, tag, &mut at, depth);
                    rest = at;
                    outcome
                }
                _ => match self.singular(field, tag, &mut rest, depth) {
                    Ok(true) => Ok(()),
                    Ok(false) => {
                        self.unsee(plan, field, &mut seen);
                        Ok(())
                    }
                    Err(halt) => Err(halt),
                },
            };
            outcome.map_err(|halt| halt.within(field))?;
        }
        *input = rest;
        if self.prints_unset() {
            self.unset_until(plan, printed, u32::MAX, &mut seen);
        }
        for position in &plan.required {
            if !self.was_seen(&seen, *position) {
                return Err(missing(plan, *position));
            }
        }
        self.seen.truncate(seen.base);
        Ok(())
    }

    /// Prints a singular field. False if the value counts as unknown.
    #[inline(always)]
    fn singular(
        &mut self,
        field: &'a FieldPlan,
        tag: RawTag,
        input: &mut &'a [u8],
        depth: u32,
    ) -> Result<bool, Halt> {
        if !wire::fits(field.kind, tag) {
            let mut at = *input;
            wire::skip(tag, &mut at, self.options.max_depth)?;
            *input = at;
            return Ok(false);
        }
        match field.kind {
            Kind::Message(index) => {
                self.key(field);
                let piece = wire::piece(input)?;
                self.message(self.schema.plan(index), &[piece], depth + 1)?;
                return Ok(true);
            }
            Kind::Group(index) => {
                self.key(field);
                let mut at = *input;
                self.group(index, tag, &mut at, depth + 1)?;
                *input = at;
                return Ok(true);
            }
            _ => {}
        }
        let before = self.out.len();
        match self.scalar_member(field, input)? {
            Value::Set => {}
            Value::Default => {
                if matches!(field.cardinality, Cardinality::Implicit) && !self.prints_unset() {
                    self.out.truncate(before);
                }
            }
            Value::Unknown => {
                self.out.truncate(before);
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Prints a list: this element and all that follow without another field between.
    fn list(
        &mut self,
        field: &'a FieldPlan,
        mut tag: RawTag,
        input: &mut &'a [u8],
        depth: u32,
    ) -> Result<(), Halt> {
        let before = self.out.len();
        self.key(field);
        let open = self.out.len();
        let mut index = 0;
        loop {
            self.elements(field, tag, input, depth).map_err(|halt| halt.at(index))?;
            index += 1;
            match next_of(field, input) {
                Some(next) => tag = next,
                None => break,
            }
        }
        self.close_list(before, open);
        Ok(())
    }

    /// Prints what one occurrence of a list field holds: an element, or packed ones; a comma before each.
    #[inline]
    pub(super) fn elements(
        &mut self,
        field: &'a FieldPlan,
        tag: RawTag,
        input: &mut &'a [u8],
        depth: u32,
    ) -> Result<(), Halt> {
        if !wire::fits(field.kind, tag) {
            if tag.is(WireType::Len) && wire::packable(field.kind) {
                return self.packed(field, wire::piece(input)?);
            }
            return wire::skip(tag, input, self.options.max_depth);
        }
        let before = self.out.len();
        self.out.push(b',');
        match field.kind {
            Kind::Message(index) => {
                let piece = wire::piece(input)?;
                self.message(self.schema.plan(index), &[piece], depth + 1)
            }
            Kind::Group(index) => self.group(index, tag, input, depth + 1),
            _ => {
                if self.scalar(field, input)? == Value::Unknown {
                    self.out.truncate(before);
                }
                Ok(())
            }
        }
    }

    /// Ends a list whose first comma, if any, is at `open`; takes it back to `before` if it is empty and need not show.
    pub(super) fn close_list(&mut self, before: usize, open: usize) {
        if self.out.len() > open || self.prints_unset() {
            self.close(open, b'[', b']');
        } else {
            self.out.truncate(before);
        }
    }

    /// Prints a map: this entry and all that follow without another field between.
    fn map(
        &mut self,
        field: &'a FieldPlan,
        map: &'a MapPlan,
        mut tag: RawTag,
        input: &mut &'a [u8],
        depth: u32,
    ) -> Result<(), Halt> {
        let before = self.out.len();
        self.key(field);
        let open = self.out.len();
        let keys = self.keys.len();
        loop {
            if tag.is(WireType::Len) {
                self.entry(map, wire::piece(input)?, depth)?;
            } else {
                wire::skip(tag, input, self.options.max_depth)?;
            }
            match next_of(field, input) {
                Some(next) => tag = next,
                None => break,
            }
        }
        self.check_keys(keys)?;
        self.close_map(before, open);
        Ok(())
    }

    /// As [`close_list`](Self::close_list).
    pub(super) fn close_map(&mut self, before: usize, open: usize) {
        if self.out.len() > open || self.prints_unset() {
            self.close(open, b'{', b'}');
        } else {
            self.out.truncate(before);
        }
    }

    /// Prints a group whose start was read.
    pub(super) fn group(
        &mut self,
        index: MessageIndex,
        start: RawTag,
        input: &mut &'a [u8],
        depth: u32,
    ) -> Result<(), Halt> {
        let plan = self.schema.plan(index);
        if self.careful || !matches!(plan.well_known, WellKnown::None | WellKnown::Empty) {
            let piece = wire::group(start, input, self.options.max_depth)?;
            return self.message(plan, &[piece], depth);
        }
        self.enter(depth)?;
        let open = self.out.len();
        self.stream(plan, input, Some(start), depth)?;
        self.close(open, b'{', b'}');
        Ok(())
    }

    /// Prints the unset fields between two positions that show nevertheless; returns where to go on.
    fn unset_until(&mut self, plan: &'a MessagePlan, from: u32, to: u32, seen: &mut Seen) -> u32 {
        let fields = plan.fields.get(from as usize..).unwrap_or_default();
        for field in fields.iter().take_while(|field| field.position < to) {
            if !self.was_seen(seen, field.position) && self.unset(field) {
                // If it comes after all, that is as if it came twice.
                self.set_bit(seen, field.position);
            }
        }
        from.max(to)
    }

    /// Prints an unset field if it shows: those without presence do, extensions never.
    pub(super) fn unset(&mut self, field: &FieldPlan) -> bool {
        if field.is_extension {
            return false;
        }
        match field.cardinality {
            Cardinality::Explicit | Cardinality::Required => return false,
            Cardinality::Implicit => {
                self.key(field);
                self.default(field);
            }
            Cardinality::Repeated { .. } => {
                self.key(field);
                self.out.extend_from_slice(b"[]");
            }
            Cardinality::Map(_) => {
                self.key(field);
                self.out.extend_from_slice(b"{}");
            }
        }
        true
    }

    fn seen_none(&mut self, plan: &MessagePlan) -> Seen {
        let base = self.seen.len();
        let bits = plan.fields.len() + plan.oneofs as usize;
        if bits > 64 {
            self.seen.resize(base + bits / 64, 0);
        }
        Seen { low: 0, base }
    }

    /// Notes that a field has come; stops if it, or another member of its oneof, has come before.
    #[inline]
    fn see(&mut self, plan: &MessagePlan, field: &FieldPlan, seen: &mut Seen) -> Result<(), Halt> {
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

    fn unsee(&mut self, plan: &MessagePlan, field: &FieldPlan, seen: &mut Seen) {
        self.clear_bit(seen, field.position);
        if let Some(oneof) = field.oneof {
            self.clear_bit(seen, oneof_bit(plan, oneof));
        }
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

    fn was_seen(&self, seen: &Seen, bit: u32) -> bool {
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

/// Takes the next tag if it is of this field too.
#[inline]
fn next_of(field: &FieldPlan, input: &mut &[u8]) -> Option<RawTag> {
    if input.is_empty() {
        return None; // an error would be made only to be dropped
    }
    let mut ahead = *input;
    let tag = wire::tag(&mut ahead).ok().filter(|tag| tag.number() == field.number)?;
    if tag.is(WireType::EndGroup) {
        return None;
    }
    *input = ahead;
    Some(tag)
}

/// The error for a required field that has not come.
#[cold]
pub(super) fn missing(plan: &MessagePlan, position: u32) -> Halt {
    let halt = Halt::new(crate::DecodeErrorKind::Required);
    match plan.fields.get(position as usize) {
        Some(field) => halt.within(field),
        None => halt,
    }
}
