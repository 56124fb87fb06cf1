//! Printing one value that is not a message, and packed lists of them.

use super::{Decoder, halt::Halt, room::Room, text, wire};
use crate::{
    DecodeOptions, Enums, Names, Schema,
    plan::{EnumIndex, FieldPlan, Kind},
};

/// Room for a key and a number: most of what is printed.
const SHORT: usize = 96;

/// What came of reading a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    /// It was printed and differs from the default of its type.
    Set,
    /// It was printed and is the default of its type.
    Default,
    /// It is a number that its closed enum does not have, which counts as an unknown field: nothing was printed.
    Unknown,
}

impl Value {
    #[inline]
    fn new(set: bool) -> Self {
        if set { Self::Set } else { Self::Default }
    }
}

impl<'a> Decoder<'a, '_> {
    /// Reads and prints the value of a field that is no message.
    pub(super) fn scalar(&mut self, field: &FieldPlan, input: &mut &'a [u8]) -> Result<Value, Halt> {
        let mut room = Room::new(self.out, SHORT);
        scalar(self.schema, self.options, &mut room, field, input)
    }

    /// The same behind `,"key":`.
    #[inline(always)]
    pub(super) fn scalar_member(&mut self, field: &FieldPlan, input: &mut &'a [u8]) -> Result<Value, Halt> {
        let mut room = Room::new(self.out, SHORT);
        key(self.options, &mut room, field);
        scalar(self.schema, self.options, &mut room, field, input)
    }

    /// Prints an enum value: by name, else by number.
    pub(super) fn enumeration(&mut self, index: EnumIndex, number: i32) -> Value {
        enumeration(self.schema, self.options, &mut Room::new(self.out, SHORT), index, number)
    }

    /// Prints the default of a field that is no message, as for one that is not on the wire.
    pub(super) fn default(&mut self, field: &FieldPlan) {
        let text: &[u8] = match field.kind {
            Kind::Bool => b"false",
            Kind::String | Kind::Bytes => b"\"\"",
            Kind::Int64 | Kind::Uint64 | Kind::Sint64 | Kind::Fixed64 | Kind::Sfixed64 => b"\"0\"",
            Kind::Enum(index) => {
                self.enumeration(index, self.schema.enum_plan(index).default);
                return;
            }
            Kind::Message(_) | Kind::Group(_) => b"null",
            _ => b"0",
        };
        self.out.extend_from_slice(text);
    }

    /// Prints packed elements, a comma before each.
    pub(super) fn packed(&mut self, field: &FieldPlan, mut input: &'a [u8]) -> Result<(), Halt> {
        let input = &mut input;
        if matches!(field.kind, Kind::Enum(_)) {
            return self.packed_enums(field, input);
        }
        let room = &mut Room::new(self.out, SHORT);
        // A loop of its own for each kind, so that the kind is looked at once.
        match field.kind {
            Kind::Int32 => each(room, input, wire::varint, |room, value| text::integer(room, value as i32)),
            Kind::Uint32 => each(room, input, wire::varint, |room, value| text::unsigned(room, value as u32)),
            Kind::Sint32 => {
                each(room, input, wire::varint, |room, value| text::integer(room, zigzag32(value)))
            }
            Kind::Int64 => {
                each(room, input, wire::varint, |room, value| text::quoted_integer(room, value as i64))
            }
            Kind::Uint64 => each(room, input, wire::varint, text::quoted_unsigned),
            Kind::Sint64 => {
                each(room, input, wire::varint, |room, value| text::quoted_integer(room, zigzag64(value)))
            }
            Kind::Fixed32 => each(room, input, wire::fixed32, text::unsigned),
            Kind::Sfixed32 => {
                each(room, input, wire::fixed32, |room, value| text::integer(room, value.cast_signed()))
            }
            Kind::Fixed64 => each(room, input, wire::fixed64, text::quoted_unsigned),
            Kind::Sfixed64 => each(room, input, wire::fixed64, |room, value| {
                text::quoted_integer(room, value.cast_signed())
            }),
            Kind::Float => {
                each(room, input, wire::fixed32, |room, bits| text::single(room, f32::from_bits(bits)))
            }
            Kind::Double => {
                each(room, input, wire::fixed64, |room, bits| text::double(room, f64::from_bits(bits)))
            }
            Kind::Bool => each(room, input, wire::varint, |room, value| boolean(room, value != 0)),
            _ => Err(Halt::malformed("packed elements that cannot be")),
        }
    }

    fn packed_enums(&mut self, field: &FieldPlan, input: &mut &'a [u8]) -> Result<(), Halt> {
        while !input.is_empty() {
            let before = self.out.len();
            self.out.push(b',');
            if self.scalar(field, input)? == Value::Unknown {
                self.out.truncate(before);
            }
        }
        Ok(())
    }
}

/// Writes `,"key":`.
#[inline(always)]
pub(super) fn key(options: &DecodeOptions, room: &mut Room<'_>, field: &FieldPlan) {
    let (key, start) = match options.names {
        Names::Camel => (&field.json_key, &field.json_key_start),
        Names::Proto => (&field.proto_key, &field.proto_key_start),
    };
    if key.len() <= FieldPlan::KEY_START {
        room.start_of(start, key.len());
    } else {
        room.bytes(key);
    }
}

#[inline(always)]
fn scalar(
    schema: &Schema,
    options: &DecodeOptions,
    room: &mut Room<'_>,
    field: &FieldPlan,
    input: &mut &[u8],
) -> Result<Value, Halt> {
    let set = match field.kind {
        Kind::String => text::piece(room, input)?,
        Kind::Int32 => {
            let value = wire::varint(input)? as i32;
            text::integer(room, value);
            value != 0
        }
        Kind::Int64 => {
            let value = wire::varint(input)? as i64;
            text::quoted_integer(room, value);
            value != 0
        }
        Kind::Uint32 => {
            let value = wire::varint(input)? as u32;
            text::unsigned(room, value);
            value != 0
        }
        Kind::Uint64 => {
            let value = wire::varint(input)?;
            text::quoted_unsigned(room, value);
            value != 0
        }
        Kind::Sint32 => {
            let value = zigzag32(wire::varint(input)?);
            text::integer(room, value);
            value != 0
        }
        Kind::Sint64 => {
            let value = zigzag64(wire::varint(input)?);
            text::quoted_integer(room, value);
            value != 0
        }
        Kind::Fixed32 => {
            let value = wire::fixed32(input)?;
            text::unsigned(room, value);
            value != 0
        }
        Kind::Fixed64 => {
            let value = wire::fixed64(input)?;
            text::quoted_unsigned(room, value);
            value != 0
        }
        Kind::Sfixed32 => {
            let value = wire::fixed32(input)?.cast_signed();
            text::integer(room, value);
            value != 0
        }
        Kind::Sfixed64 => {
            let value = wire::fixed64(input)?.cast_signed();
            text::quoted_integer(room, value);
            value != 0
        }
        Kind::Float => {
            let bits = wire::fixed32(input)?;
            text::single(room, f32::from_bits(bits));
            bits != 0
        }
        Kind::Double => {
            let bits = wire::fixed64(input)?;
            text::double(room, f64::from_bits(bits));
            bits != 0
        }
        Kind::Bool => {
            let value = wire::varint(input)? != 0;
            boolean(room, value);
            value
        }
        Kind::Bytes => {
            let value = wire::piece(input)?;
            text::base64(room, value);
            !value.is_empty()
        }
        Kind::Enum(index) => {
            let number = wire::varint(input)? as i32;
            return Ok(enumeration(schema, options, room, index, number));
        }
        // Callers send messages elsewhere.
        Kind::Message(_) | Kind::Group(_) => return Err(Halt::malformed("a message where a scalar belongs")),
    };
    Ok(Value::new(set))
}

fn enumeration(
    schema: &Schema,
    options: &DecodeOptions,
    room: &mut Room<'_>,
    index: EnumIndex,
    number: i32,
) -> Value {
    let plan = schema.enum_plan(index);
    let known = plan.by_number(number);
    if known.is_none() && plan.closed {
        return Value::Unknown;
    }
    match known {
        _ if plan.null_value => room.bytes(b"null"),
        Some(value) if options.enums == Enums::Name => room.short(&value.json),
        _ => text::integer(room, number),
    }
    Value::new(number != 0)
}

#[inline]
fn each<T>(
    room: &mut Room<'_>,
    input: &mut &[u8],
    read: impl Fn(&mut &[u8]) -> Result<T, Halt>,
    print: impl Fn(&mut Room<'_>, T),
) -> Result<(), Halt> {
    while !input.is_empty() {
        let value = read(input)?;
        room.push(b',');
        print(room, value);
    }
    Ok(())
}

#[inline(always)]
fn boolean(room: &mut Room<'_>, value: bool) {
    room.start_of(if value { b"true " } else { b"false" }, if value { 4 } else { 5 });
}

#[inline]
fn zigzag32(value: u64) -> i32 {
    let value = value as u32;
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

#[inline]
fn zigzag64(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}
