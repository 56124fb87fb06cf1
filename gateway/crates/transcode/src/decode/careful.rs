//! The careful way: gathers where each field's pieces lie, then prints each field once.
//!
//! What protobuf says about pieces: of a scalar the last one counts; the pieces of a message merge, which is to
//! read them one after the other; elements of a list and entries of a map add up, of entries with one key the
//! last counts; of the members of a oneof the last that came counts, with the pieces since another came.

use std::collections::HashMap;

use smallvec::SmallVec;

use super::{
    Decoder,
    fields::missing,
    halt::Halt,
    map::Key,
    scalar::Value,
    wire::{self, RawTag},
};
use crate::plan::{Cardinality, FieldPlan, Kind, MapPlan, MessagePlan, WireType};

/// One occurrence of a field. Eight bytes, since there may be one for every two on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Occurrence {
    /// The position of the field in the plan.
    position: u32,
    /// Where its tag begins, in the whole wire.
    offset: u32,
}

/// What is known of a oneof: the member that came last, and since when it came without another between.
#[derive(Debug, Clone, Copy)]
struct Current {
    member: u32,
    since: u32,
}

/// Of each oneof what is known of it, if a member came.
type Oneofs = SmallVec<[Option<Current>; 8]>;

impl<'a> Decoder<'a, '_> {
    /// Prints the fields of a message, by ascending number, whatever the order they came in.
    pub(super) fn gathered(
        &mut self,
        plan: &'a MessagePlan,
        pieces: &[&'a [u8]],
        depth: u32,
    ) -> Result<(), Halt> {
        let (occurrences, oneofs) = self.gather(plan, pieces)?;
        let mut printed = 0;
        for group in occurrences.chunk_by(|a, b| a.position == b.position) {
            let field = group.first().and_then(|first| plan.fields.get(first.position as usize));
            let Some(field) = field else { continue };
            let group = match field.oneof.and_then(|oneof| oneofs.get(oneof as usize)) {
                Some(Some(current)) if current.member != field.position => continue,
                Some(Some(current)) => {
                    group.get(group.partition_point(|one| one.offset < current.since)..).unwrap_or_default()
                }
                _ => group,
            };
            if self.prints_unset() {
                self.unset_between(plan, printed, field.position);
                printed = field.position + 1;
            }
            self.gathered_field(field, group, depth).map_err(|halt| halt.within(field))?;
        }
        if self.prints_unset() {
            self.unset_between(plan, printed, u32::MAX);
        }
        for position in &plan.required {
            if occurrences.binary_search_by_key(position, |one| one.position).is_err() {
                return Err(missing(plan, *position));
            }
        }
        Ok(())
    }

    fn unset_between(&mut self, plan: &MessagePlan, from: u32, to: u32) {
        let fields = plan.fields.get(from as usize..).unwrap_or_default();
        for field in fields.iter().take_while(|field| field.position < to) {
            self.unset(field);
        }
    }

    /// Finds all occurrences of known fields that hold a known value, sorted by field and then as they came.
    fn gather(&self, plan: &MessagePlan, pieces: &[&'a [u8]]) -> Result<(Vec<Occurrence>, Oneofs), Halt> {
        let mut occurrences = Vec::new();
        let mut oneofs = Oneofs::from_elem(None, plan.oneofs as usize);
        for piece in pieces {
            let mut input = *piece;
            while !input.is_empty() {
                let offset = self.offset_of(input)?;
                let tag = wire::tag(&mut input)?;
                let value = input;
                wire::skip(tag, &mut input, self.options.max_depth)?;
                let Some(field) = plan.field_by_number(tag.number()) else { continue };
                if !self.counts(field, tag, value)? {
                    continue;
                }
                let position = field.position;
                occurrences.push(Occurrence { position, offset });
                if let Some(current) = field.oneof.and_then(|oneof| oneofs.get_mut(oneof as usize))
                    && current.is_none_or(|current| current.member != position)
                {
                    *current = Some(Current { member: position, since: offset });
                }
            }
        }
        occurrences.sort_unstable();
        Ok((occurrences, oneofs))
    }

    /// Whether an occurrence sets the field, rather than being unknown for its wire type or its enum number.
    pub(super) fn counts(&self, field: &FieldPlan, tag: RawTag, mut value: &[u8]) -> Result<bool, Halt> {
        if !wire::fits(field.kind, tag) {
            return Ok(match field.cardinality {
                Cardinality::Map(_) => tag.is(WireType::Len),
                Cardinality::Repeated { .. } => tag.is(WireType::Len) && wire::packable(field.kind),
                _ => false,
            });
        }
        if let Kind::Enum(index) = field.kind {
            let plan = self.schema.enum_plan(index);
            return Ok(!plan.closed || plan.by_number(wire::varint(&mut value)? as i32).is_some());
        }
        Ok(true)
    }

    fn gathered_field(
        &mut self,
        field: &'a FieldPlan,
        occurrences: &[Occurrence],
        depth: u32,
    ) -> Result<(), Halt> {
        let before = self.out.len();
        self.key(field);
        let open = self.out.len();
        match &field.cardinality {
            Cardinality::Repeated { .. } => {
                for (index, one) in occurrences.iter().enumerate() {
                    let mut input = self.rest_from(one.offset);
                    let tag = wire::tag(&mut input)?;
                    self.elements(field, tag, &mut input, depth).map_err(|halt| halt.at(index))?;
                }
                self.close_list(before, open);
            }
            Cardinality::Map(map) => {
                self.gathered_map(map, occurrences, depth)?;
                self.close_map(before, open);
            }
            _ => self.gathered_singular(field, occurrences, depth, before)?,
        }
        Ok(())
    }

    fn gathered_singular(
        &mut self,
        field: &'a FieldPlan,
        occurrences: &[Occurrence],
        depth: u32,
        before: usize,
    ) -> Result<(), Halt> {
        let (Kind::Message(index) | Kind::Group(index)) = field.kind else {
            let Some(last) = occurrences.last() else { return Ok(()) };
            let mut input = self.rest_from(last.offset);
            wire::tag(&mut input)?;
            let value = self.scalar(field, &mut input)?;
            let implicit = matches!(field.cardinality, Cardinality::Implicit);
            if value == Value::Default && implicit && !self.prints_unset() {
                self.out.truncate(before);
            }
            return Ok(());
        };
        let mut merged: SmallVec<[&[u8]; 4]> = SmallVec::new();
        for one in occurrences {
            let mut input = self.rest_from(one.offset);
            let tag = wire::tag(&mut input)?;
            merged.push(match field.kind {
                Kind::Group(_) => wire::group(tag, &mut input, self.options.max_depth)?,
                _ => wire::piece(&mut input)?,
            });
        }
        self.message(self.schema.plan(index), &merged, depth + 1)
    }

    fn gathered_map(&mut self, map: &'a MapPlan, occurrences: &[Occurrence], depth: u32) -> Result<(), Halt> {
        let mut last: HashMap<Key<'a>, u32> = HashMap::new();
        for one in occurrences {
            if let Some(key) = self.key_of(map, self.entry_at(one.offset)?)? {
                last.insert(key, one.offset);
            }
        }
        let mut offsets: Vec<u32> = last.into_values().collect();
        offsets.sort_unstable();
        for offset in offsets {
            self.entry(map, self.entry_at(offset)?, depth)?;
        }
        Ok(())
    }

    fn entry_at(&self, offset: u32) -> Result<&'a [u8], Halt> {
        let mut input = self.rest_from(offset);
        wire::tag(&mut input)?;
        wire::piece(&mut input)
    }

    /// Where in the whole wire this part of it begins.
    fn offset_of(&self, part: &[u8]) -> Result<u32, Halt> {
        let offset = part.as_ptr().addr().wrapping_sub(self.wire.as_ptr().addr());
        u32::try_from(offset).map_err(|_| Halt::malformed("a message beyond 4 GiB"))
    }

    /// The wire from an offset that [`gather`](Self::gather) found; it has checked that the field ends where it must.
    fn rest_from(&self, offset: u32) -> &'a [u8] {
        self.wire.get(offset as usize..).unwrap_or_default()
    }

    /// Prints the entries of one map field, each key once, and no other field.
    pub(super) fn gathered_entries(
        &mut self,
        plan: &'a MessagePlan,
        field: &'a FieldPlan,
        map: &'a MapPlan,
        pieces: &[&'a [u8]],
        depth: u32,
    ) -> Result<(), Halt> {
        let (mut occurrences, _) = self.gather(plan, pieces)?;
        occurrences.retain(|one| one.position == field.position);
        self.gathered_map(map, &occurrences, depth)
    }
}
