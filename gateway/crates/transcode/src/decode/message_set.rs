//! Printing messages with `message_set_wire_format`: their extensions are items, each a group of a number and a message.
//!
//! `repeated group Item = 1 { required int32 type_id = 2; required bytes message = 3; }`, the two in either order. Items of
//! one number merge. An extension that is written as an ordinary field is read as well.

use smallvec::SmallVec;

use super::{Decoder, halt::Halt, wire};
use crate::plan::{Kind, MessagePlan, WireType};

/// The field number of an item's group.
const ITEM: u32 = 1;
/// The field number of the extension's number in an item.
const TYPE_ID: u32 = 2;
/// The field number of the extension's value in an item.
const MESSAGE: u32 = 3;

/// The value of one extension: its position among the fields, and the bytes.
type Item<'a> = (u32, &'a [u8]);

impl<'a> Decoder<'a, '_> {
    /// Prints a message set. Its depth was checked.
    pub(super) fn message_set(
        &mut self,
        plan: &'a MessagePlan,
        pieces: &[&'a [u8]],
        depth: u32,
    ) -> Result<(), Halt> {
        let open = self.out.len();
        self.items(plan, pieces, depth)?;
        self.close(open, b'{', b'}');
        Ok(())
    }

    /// Prints the extensions of a message set, `,"key":value` each, by ascending number.
    pub(super) fn items(
        &mut self,
        plan: &'a MessagePlan,
        pieces: &[&'a [u8]],
        depth: u32,
    ) -> Result<(), Halt> {
        let mut items = self.gather_items(plan, pieces)?;
        items.sort_by_key(|(position, _)| *position);
        for group in items.chunk_by(|(a, _), (b, _)| a == b) {
            let field = group.first().and_then(|(position, _)| plan.fields.get(*position as usize));
            let Some((field, index)) = field.and_then(|field| Some((field, field.message()?))) else {
                continue;
            };
            self.key(field);
            let merged: SmallVec<[&[u8]; 1]> = group.iter().map(|(_, message)| *message).collect();
            self.message(self.schema.plan(index), &merged, depth + 1).map_err(|halt| halt.within(field))?;
        }
        Ok(())
    }

    /// The items of known extensions, in the order of the wire.
    fn gather_items(&self, plan: &MessagePlan, pieces: &[&'a [u8]]) -> Result<Vec<Item<'a>>, Halt> {
        let mut items = Vec::new();
        let mut add = |number: u32, message: &'a [u8]| {
            let field = plan.field_by_number(number);
            items.extend(field.filter(|field| is_item(field.kind)).map(|field| (field.position, message)));
        };
        self.each_field(pieces, |tag, input| {
            if tag.number() == ITEM && tag.is(WireType::StartGroup) {
                let group = wire::group(tag, input, self.options.max_depth)?;
                if let Some((number, message)) = self.item(group)? {
                    add(number, message);
                }
                return Ok(true);
            }
            if !tag.is(WireType::Len) {
                return Ok(false);
            }
            add(tag.number(), wire::piece(input)?);
            Ok(true)
        })?;
        Ok(items)
    }

    /// The number and the value of an item that has both.
    fn item(&self, group: &'a [u8]) -> Result<Option<(u32, &'a [u8])>, Halt> {
        let (mut number, mut message) = (None, None);
        self.each_field(&[group], |tag, input| {
            match tag.number() {
                TYPE_ID if tag.is(WireType::Varint) => number = Some(wire::varint(input)?),
                MESSAGE if tag.is(WireType::Len) => message = Some(wire::piece(input)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(number.and_then(|number| u32::try_from(number).ok()).zip(message))
    }
}

fn is_item(kind: Kind) -> bool {
    matches!(kind, Kind::Message(_))
}
