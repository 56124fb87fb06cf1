//! Printing one value that is not a message, and packed lists of them.

use super::{Decoder, halt::Halt, text, wire};
use crate::plan::{EnumIndex, FieldPlan, Kind};

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
    #[inline]
    pub(super) fn scalar(&mut self, field: &FieldPlan, input: &mut &'a [u8]) -> Result<Value, Halt> {
        let out = &mut *self.out;
        let set = match field.kind {
            Kind::Int32 => {
                let value = wire::varint(input)? as i32;
                text::integer(out, value);
                value != 0
            }
            Kind::Int64 => {
                let value = wire::varint(input)? as i64;
                text::quoted_integer(out, value);
                value != 0
            }
            Kind::Uint32 => {
                let value = wire::varint(input)? as u32;
                text::integer(out, value);
                value != 0
            }
            Kind::Uint64 => {
                let value = wire::varint(input)?;
                text::quoted_integer(out, value);
                value != 0
            }
            Kind::Sint32 => {
                let value = zigzag32(wire::varint(input)?);
                text::integer(out, value);
                value != 0
            }
            Kind::Sint64 => {
                let value = zigzag64(wire::varint(input)?);
                text::quoted_integer(out, value);
                value != 0
            }
            Kind::Fixed32 => {
                let value = wire::fixed32(input)?;
                text::integer(out, value);
                value != 0
            }
            Kind::Fixed64 => {
                let value = wire::fixed64(input)?;
                text::quoted_integer(out, value);
                value != 0
            }
            Kind::Sfixed32 => {
                let value = wire::fixed32(input)?.cast_signed();
                text::integer(out, value);
                value != 0
            }
            Kind::Sfixed64 => {
                let value = wire::fixed64(input)?.cast_signed();
                text::quoted_integer(out, value);
                value != 0
            }
            Kind::Float => {
                let bits = wire::fixed32(input)?;
                text::float(out, f32::from_bits(bits));
                bits != 0
            }
            Kind::Double => {
                let bits = wire::fixed64(input)?;
                text::float(out, f64::from_bits(bits));
                bits != 0
            }
            Kind::Bool => {
                let value = wire::varint(input)? != 0;
                out.extend_from_slice(boolean(value));
                value
            }
            Kind::String => {
                let value = wire::piece(input)?;
                text::string(out, value)?;
                !value.is_empty()
            }
            Kind::Bytes => {
                let value = wire::piece(input)?;
                text::base64(out, value);
                !value.is_empty()
            }
            Kind::Enum(index) => {
                let number = wire::varint(input)? as i32;
                return Ok(self.enumeration(index, number));
            }
            // Callers send messages elsewhere.
            Kind::Message(_) | Kind::Group(_) => {
                return Err(Halt::malformed("a message where a scalar belongs"));
            }
        };
        Ok(Value::new(set))
    }

    /// Prints an enum value: by name, else by number.
    pub(super) fn enumeration(&mut self, index: EnumIndex, number: i32) -> Value {
        let plan = self.schema.enum_plan(index);
        let known = plan.by_number(number);
        if known.is_none() && plan.closed {
            return Value::Unknown;
        }
        match known {
            _ if plan.null_value => self.out.extend_from_slice(b"null"),
            Some(value) if !self.prints_numbers() => self.out.extend_from_slice(&value.json),
            _ => text::integer(self.out, number),
        }
        Value::new(number != 0)
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
        let out = &mut *self.out;
        let input = &mut input;
        // A loop of its own for each kind, so that the kind is looked at once.
        match field.kind {
            Kind::Int32 => each(out, input, wire::varint, |out, value| text::integer(out, value as i32)),
            Kind::Uint32 => each(out, input, wire::varint, |out, value| text::integer(out, value as u32)),
            Kind::Sint32 => each(out, input, wire::varint, |out, value| text::integer(out, zigzag32(value))),
            Kind::Int64 => {
                each(out, input, wire::varint, |out, value| text::quoted_integer(out, value as i64))
            }
            Kind::Uint64 => each(out, input, wire::varint, text::quoted_integer),
            Kind::Sint64 => {
                each(out, input, wire::varint, |out, value| text::quoted_integer(out, zigzag64(value)))
            }
            Kind::Fixed32 => each(out, input, wire::fixed32, text::integer),
            Kind::Sfixed32 => {
                each(out, input, wire::fixed32, |out, value| text::integer(out, value.cast_signed()))
            }
            Kind::Fixed64 => each(out, input, wire::fixed64, text::quoted_integer),
            Kind::Sfixed64 => {
                each(out, input, wire::fixed64, |out, value| text::quoted_integer(out, value.cast_signed()))
            }
            Kind::Float => {
                each(out, input, wire::fixed32, |out, bits| text::float(out, f32::from_bits(bits)))
            }
            Kind::Double => {
                each(out, input, wire::fixed64, |out, bits| text::float(out, f64::from_bits(bits)))
            }
            Kind::Bool => {
                each(out, input, wire::varint, |out, value| out.extend_from_slice(boolean(value != 0)))
            }
            _ => self.packed_one_by_one(field, input),
        }
    }

    fn packed_one_by_one(&mut self, field: &FieldPlan, input: &mut &'a [u8]) -> Result<(), Halt> {
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

#[inline]
fn each<T>(
    out: &mut Vec<u8>,
    input: &mut &[u8],
    read: impl Fn(&mut &[u8]) -> Result<T, Halt>,
    print: impl Fn(&mut Vec<u8>, T),
) -> Result<(), Halt> {
    while !input.is_empty() {
        let value = read(input)?;
        out.push(b',');
        print(out, value);
    }
    Ok(())
}

#[inline]
fn boolean(value: bool) -> &'static [u8] {
    if value { b"true" } else { b"false" }
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
