//! Printing the fields of a message in the order in which they come, as long as each comes in one piece.

use super::{
    Decoder,
    halt::Halt,
    scalar::Value,
    seen::Seen,
    wire::{self, RawTag},
};
use crate::plan::{Cardinality, FieldPlan, Kind, MessageIndex, MessagePlan, WellKnown, WireType};

impl<'a> Decoder<'a, '_> {
    /// Prints a message, given in one piece or several that merge. `depth` is how many messages it lies in.
    pub(super) fn message(
        &mut self,
        plan: &'a MessagePlan,
        pieces: &[&'a [u8]],
        depth: u32,
    ) -> Result<(), Halt> {
        self.enter(depth)?;
        if !is_ordinary(plan) {
            return self.well_known(plan, pieces, depth);
        }
        let open = self.out.len();
        self.members(plan, pieces, depth)?;
        self.close(open, b'{', b'}');
        Ok(())
    }

    /// Prints a message given in one piece.
    #[inline(always)]
    pub(super) fn whole(&mut self, plan: &'a MessagePlan, piece: &'a [u8], depth: u32) -> Result<(), Halt> {
        if self.careful || !is_ordinary(plan) {
            return self.message(plan, &[piece], depth);
        }
        self.enter(depth)?;
        let open = self.out.len();
        self.stream(plan, piece, None, depth)?;
        self.close(open, b'{', b'}');
        Ok(())
    }

    /// Prints the fields of a message, `,"key":value` each.
    pub(super) fn members(
        &mut self,
        plan: &'a MessagePlan,
        pieces: &[&'a [u8]],
        depth: u32,
    ) -> Result<(), Halt> {
        match pieces {
            [piece] if !self.careful => self.stream(plan, piece, None, depth).map(drop),
            _ => self.gathered(plan, pieces, depth),
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
        if self.careful || !is_ordinary(plan) {
            let piece = wire::group(start, input, self.options.max_depth)?;
            return self.message(plan, &[piece], depth);
        }
        self.enter(depth)?;
        let open = self.out.len();
        let left = self.stream(plan, input, Some(start), depth)?;
        *input = input.get(input.len() - left..).unwrap_or_default();
        self.close(open, b'{', b'}');
        Ok(())
    }

    /// Prints fields as they come, until the input ends or the group that `start` began. Returns how much is left then.
    fn stream(
        &mut self,
        plan: &'a MessagePlan,
        input: &'a [u8],
        start: Option<RawTag>,
        depth: u32,
    ) -> Result<usize, Halt> {
        let names = self.options.names;
        let shows_unset = self.prints_unset();
        let mut seen = self.seen_none(plan);
        let mut printed = 0; // up to which position unset fields were printed
        // From here to the end of the whole wire, so that it can be read in words and blocks.
        let mut rest = self.from(input);
        let mut left = input.len();
        while left > 0 {
            if let Some(window) = rest.first_chunk()
                && let Some(field) = plan.prints.by_tag(names, window)
            {
                if shows_unset {
                    printed = self.unset_until(plan, printed, field.position, &mut seen);
                }
                if seen.low & field.bits == 0 {
                    let taken = self
                        .predicted(field, window, rest, left, depth)
                        .map_err(|halt| within(halt, plan, field.position))?;
                    if taken > 0 {
                        seen.low |= field.bits;
                        rest = rest.get(taken..).unwrap_or_default();
                        left = left.saturating_sub(taken);
                        continue;
                    }
                }
            }
            let mut ahead = rest.get(..left).unwrap_or_default();
            let tag = wire::tag(&mut ahead)?;
            if tag.is(WireType::EndGroup) {
                if start.is_none_or(|start| start.number() != tag.number()) {
                    return Err(Halt::malformed("the end of a group that has not begun"));
                }
                self.stream_end(plan, printed, &mut seen)?;
                return Ok(ahead.len());
            }
            self.any_field(plan, tag, &mut ahead, &mut seen, &mut printed, depth)?;
            rest = rest.get(left - ahead.len()..).unwrap_or_default();
            left = ahead.len();
        }
        if start.is_some() {
            return Err(Halt::truncated());
        }
        self.stream_end(plan, printed, &mut seen)?;
        Ok(0)
    }

    /// Deals with the fields that have not come.
    #[inline(always)]
    fn stream_end(&mut self, plan: &'a MessagePlan, printed: u32, seen: &mut Seen) -> Result<(), Halt> {
        if self.prints_unset() {
            self.unset_until(plan, printed, u32::MAX, seen);
        }
        for position in &plan.required {
            if !self.was_seen(seen, *position) {
                return Err(missing(plan, *position));
            }
        }
        self.seen_end(seen);
        Ok(())
    }

    /// Prints a field of any kind, known or not, whose tag was read.
    #[inline(never)]
    fn any_field(
        &mut self,
        plan: &'a MessagePlan,
        tag: RawTag,
        input: &mut &'a [u8],
        seen: &mut Seen,
        printed: &mut u32,
        depth: u32,
    ) -> Result<(), Halt> {
        let Some(field) = plan.field_by_number(tag.number()) else {
            return wire::skip(tag, input, self.options.max_depth);
        };
        if self.prints_unset() {
            *printed = self.unset_until(plan, *printed, field.position, seen);
        }
        self.see(plan, field, seen)?;
        match &field.cardinality {
            Cardinality::Repeated { .. } => self.list(field, tag, input, depth),
            Cardinality::Map(map) => self.map(field, map, tag, input, depth),
            _ => self.singular(field, tag, input, depth).map(|known| {
                if !known {
                    self.unsee(plan, field, seen);
                }
            }),
        }
        .map_err(|halt| halt.within(field))
    }

    /// Prints a singular field. False if the value counts as unknown.
    fn singular(
        &mut self,
        field: &'a FieldPlan,
        tag: RawTag,
        input: &mut &'a [u8],
        depth: u32,
    ) -> Result<bool, Halt> {
        if !wire::fits(field.kind, tag) {
            wire::skip(tag, input, self.options.max_depth)?;
            return Ok(false);
        }
        let before = self.out.len();
        self.key(field);
        match field.kind {
            Kind::Message(index) => {
                let piece = wire::piece(input)?;
                self.message(self.schema.plan(index), &[piece], depth + 1)?;
                return Ok(true);
            }
            Kind::Group(index) => {
                self.group(index, tag, input, depth + 1)?;
                return Ok(true);
            }
            _ => {}
        }
        match self.scalar(field, input)? {
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
                self.out.bytes(b"[]");
            }
            Cardinality::Map(_) => {
                self.key(field);
                self.out.bytes(b"{}");
            }
        }
        true
    }
}

/// Whether a message is printed as its fields.
#[inline(always)]
fn is_ordinary(plan: &MessagePlan) -> bool {
    matches!(plan.well_known, WellKnown::None | WellKnown::Empty)
}

#[cold]
fn within(halt: Halt, plan: &MessagePlan, position: u32) -> Halt {
    match plan.fields.get(position as usize) {
        Some(field) => halt.within(field),
        None => halt,
    }
}

/// The error for a required field that has not come.
#[cold]
pub(super) fn missing(plan: &MessagePlan, position: u32) -> Halt {
    within(Halt::new(crate::DecodeErrorKind::Required), plan, position)
}
