//! Printing the messages that have a form of their own in JSON, `Any` and times left aside.
//!
//! Their fields are few: each reads all pieces with the last value counting, so none of them needs the careful way,
//! but for the maps inside `Struct`.

use smallvec::SmallVec;

use super::{
    Decoder,
    halt::Halt,
    number::double,
    wire::{self, RawTag},
};
use crate::{
    DecodeErrorKind, MaskPaths,
    plan::{MessagePlan, WellKnown, WireType},
    room::Room,
};

impl<'a> Decoder<'a, '_> {
    /// Prints a well-known message. Its depth was checked.
    pub(super) fn well_known(
        &mut self,
        plan: &'a MessagePlan,
        pieces: &[&'a [u8]],
        depth: u32,
    ) -> Result<(), Halt> {
        match plan.well_known {
            WellKnown::Timestamp => self.timestamp(plan, pieces),
            WellKnown::Duration => self.duration(plan, pieces),
            WellKnown::FieldMask => self.field_mask(pieces),
            WellKnown::Wrapper => self.wrapper(plan, pieces),
            WellKnown::Struct => self.structure(plan, pieces, depth),
            WellKnown::Value => self.value(plan, pieces, depth),
            WellKnown::ListValue => self.list_value(plan, pieces, depth),
            WellKnown::Any => self.any(pieces, depth),
            WellKnown::MessageSet => self.message_set(plan, pieces, depth),
            WellKnown::None | WellKnown::Empty => Err(Halt::malformed("an ordinary message")),
        }
    }

    /// Calls `field` for each field, with the input behind its tag. Where it answers false, the field is passed over.
    pub(super) fn each_field(
        &self,
        pieces: &[&'a [u8]],
        mut field: impl FnMut(RawTag, &mut &'a [u8]) -> Result<bool, Halt>,
    ) -> Result<(), Halt> {
        for piece in pieces {
            let mut input = *piece;
            while !input.is_empty() {
                let tag = wire::tag(&mut input)?;
                if !field(tag, &mut input)? {
                    wire::skip(tag, &mut input, self.options.max_depth)?;
                }
            }
        }
        Ok(())
    }

    fn field_mask(&mut self, pieces: &[&'a [u8]]) -> Result<(), Halt> {
        let mut paths: SmallVec<[&[u8]; 8]> = SmallVec::new();
        self.each_field(pieces, |tag, input| {
            if tag.number() != 1 || !tag.is(WireType::Len) {
                return Ok(false);
            }
            paths.push(wire::piece(input)?);
            Ok(true)
        })?;
        self.out.push(b'"');
        for (index, path) in paths.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            let start = self.out.len();
            if let Err(halt) = camel_case(&mut self.out, path) {
                let is_proto_name = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.');
                if self.options.mask_paths == MaskPaths::Strict || !path.iter().all(is_proto_name) {
                    return Err(halt.at(index));
                }
                self.out.truncate(start);
                self.out.bytes(path);
            }
        }
        self.out.push(b'"');
        Ok(())
    }

    fn wrapper(&mut self, plan: &'a MessagePlan, pieces: &[&'a [u8]]) -> Result<(), Halt> {
        let Some(field) = plan.fields.first() else {
            return Err(Halt::malformed("a wrapper without a field"));
        };
        let mut value = None;
        self.each_field(pieces, |tag, input| {
            if tag.number() == 1 && wire::fits(field.kind, tag) {
                value = Some(*input);
            }
            Ok(false)
        })?;
        match value {
            Some(mut value) => self.scalar(field, &mut value).map(drop),
            None => {
                self.default(field);
                Ok(())
            }
        }
    }

    fn structure(&mut self, plan: &'a MessagePlan, pieces: &[&'a [u8]], depth: u32) -> Result<(), Halt> {
        let Some((field, map)) = plan.fields.first().and_then(|field| Some((field, field.map()?))) else {
            return Err(Halt::malformed("a Struct without fields"));
        };
        let open = self.out.len();
        if self.careful {
            self.gathered_entries(plan, field, map, pieces, depth)?;
        } else {
            let keys = self.keys.len();
            for piece in pieces {
                let mut input = *piece;
                while !input.is_empty() {
                    let tag = wire::tag(&mut input)?;
                    if tag.number() == 1 && tag.is(WireType::Len) {
                        self.entry(map, wire::piece(&mut input)?, depth)?;
                    } else {
                        wire::skip(tag, &mut input, self.options.max_depth)?;
                    }
                }
            }
            self.check_keys(keys)?;
        }
        self.close(open, b'{', b'}');
        Ok(())
    }

    fn list_value(&mut self, plan: &'a MessagePlan, pieces: &[&'a [u8]], depth: u32) -> Result<(), Halt> {
        let Some((field, value)) = plan.fields.first().and_then(|field| Some((field, field.message()?)))
        else {
            return Err(Halt::malformed("a ListValue without values"));
        };
        let value = self.schema.plan(value);
        let open = self.out.len();
        let mut index = 0;
        for piece in pieces {
            let mut input = *piece;
            while !input.is_empty() {
                let tag = wire::tag(&mut input)?;
                if tag.number() == field.number && tag.is(WireType::Len) {
                    let piece = wire::piece(&mut input)?;
                    self.out.push(b',');
                    self.message(value, &[piece], depth + 1).map_err(|halt| halt.at(index))?;
                    index += 1;
                } else {
                    wire::skip(tag, &mut input, self.options.max_depth)?;
                }
            }
        }
        self.close(open, b'[', b']');
        Ok(())
    }

    /// Prints a `Value`: the member of its oneof that came last; `null` if none did.
    fn value(&mut self, plan: &'a MessagePlan, pieces: &[&'a [u8]], depth: u32) -> Result<(), Halt> {
        let mut last: Option<(u32, &'a [u8])> = None;
        let mut merged: SmallVec<[&[u8]; 1]> = SmallVec::new();
        self.each_field(pieces, |tag, input| {
            let (number, value) = (tag.number(), *input);
            match number {
                1 | 4 if tag.is(WireType::Varint) => {}
                2 if tag.is(WireType::Fixed64) => {}
                3 if tag.is(WireType::Len) => {}
                5 | 6 if tag.is(WireType::Len) => {
                    if last.is_some_and(|(member, _)| member != number) {
                        merged.clear();
                    }
                    merged.push(wire::piece(input)?);
                    last = Some((number, value));
                    return Ok(true);
                }
                _ => return Ok(false),
            }
            last = Some((number, value));
            merged.clear();
            Ok(false)
        })?;
        let Some((number, mut input)) = last else {
            self.out.bytes(b"null");
            return Ok(());
        };
        match number {
            1 => self.out.bytes(b"null"),
            2 => {
                let number = f64::from_bits(wire::fixed64(&mut input)?);
                if !number.is_finite() {
                    return Err(Halt::unprintable(format!("a google.protobuf.Value cannot hold {number}")));
                }
                self.out.claim(|claim| double(claim, number));
            }
            3 => drop(self.string(&mut input)?),
            4 => {
                let text: &[u8] = if wire::varint(&mut input)? == 0 { b"false" } else { b"true" };
                self.out.bytes(text);
            }
            _ => {
                let Some(index) = plan.field_by_number(number).and_then(|field| field.message()) else {
                    return Err(Halt::malformed("a Value of another shape"));
                };
                // The value and its struct or list are two messages, and one level of JSON.
                self.message(self.schema.plan(index), &merged, depth)?;
            }
        }
        Ok(())
    }
}

/// A path of a FieldMask in lowerCamelCase; an error if that could not be turned back.
fn camel_case(out: &mut Room<'_>, path: &[u8]) -> Result<(), Halt> {
    let start = out.len();
    let mut bytes = path.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'_' => match bytes.next() {
                Some(letter @ b'a'..=b'z') => out.push(letter.to_ascii_uppercase()),
                _ => return Err(no_camel_case(path)),
            },
            b'A'..=b'Z' => return Err(no_camel_case(path)),
            // What else stands in a path is not ours to judge, but it must stay one string, and one path.
            b',' => return Err(no_camel_case(path)),
            0x20..0x80 if !matches!(byte, b'"' | b'\\') => out.push(byte),
            _ => {
                out.truncate(start);
                std::str::from_utf8(path).map_err(|_| Halt::new(DecodeErrorKind::Utf8))?;
                return Err(no_camel_case(path));
            }
        }
    }
    Ok(())
}

#[cold]
fn no_camel_case(path: &[u8]) -> Halt {
    Halt::unprintable(format!(
        "the FieldMask path {:?} has no lowerCamelCase form that reads back",
        String::from_utf8_lossy(path)
    ))
}
