//! Printing lists and maps: an occurrence and all that follow without another field between.

use super::{
    Decoder,
    halt::Halt,
    scalar::Value,
    wire::{self, RawTag},
};
use crate::plan::{FieldPlan, Kind, MapPlan, WireType};

impl<'a> Decoder<'a, '_> {
    /// Prints a list: this element and all that follow without another field between.
    pub(super) fn list(
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
        self.close_shown(before, open, [b'[', b']']);
    }

    /// Prints a map: this entry and all that follow without another field between.
    pub(super) fn map(
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
        self.close_shown(before, open, [b'{', b'}']);
    }

    fn close_shown(&mut self, before: usize, open: usize, [opening, closing]: [u8; 2]) {
        if self.out.len() > open || self.prints_unset() {
            self.close(open, opening, closing);
        } else {
            self.out.truncate(before);
        }
    }
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
