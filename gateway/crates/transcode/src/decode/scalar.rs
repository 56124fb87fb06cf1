//! Printing one value that is not a message, and packed lists of them.

use super::{
    Decoder,
    halt::Halt,
    number::{double, integer, quoted_integer, quoted_unsigned, single, unsigned},
    text, wire,
};
use crate::{
    Enums, Names,
    plan::{EnumIndex, FieldPlan, Kind},
    room::{Claim, Room},
};

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
    /// Writes `,"key":`.
    #[inline]
    pub(super) fn key(&mut self, field: &FieldPlan) {
        self.out.short(match self.options.names {
            Names::Camel => &field.json_key,
            Names::Proto => &field.proto_key,
        });
    }

    /// Reads and prints the value of a field that is no message.
    pub(super) fn scalar(&mut self, field: &FieldPlan, input: &mut &'a [u8]) -> Result<Value, Halt> {
        let room = &mut self.out;
        let set = match field.kind {
            Kind::String => return self.string(input),
            Kind::Bytes => {
                let value = wire::piece(input)?;
                text::base64(room, value);
                !value.is_empty()
            }
            Kind::Enum(index) => {
                let number = wire::varint(input)? as i32;
                return Ok(self.enumeration(index, number));
            }
            Kind::Int32 => {
                number(room, wire::varint(input)? as i32, |claim, value| integer(claim, value.into()))
            }
            Kind::Int64 => number(room, wire::varint(input)? as i64, quoted_integer),
            Kind::Uint32 => {
                number(room, wire::varint(input)? as u32, |claim, value| unsigned(claim, value.into()))
            }
            Kind::Uint64 => number(room, wire::varint(input)?, quoted_unsigned),
            Kind::Sint32 => {
                number(room, zigzag32(wire::varint(input)?), |claim, value| integer(claim, value.into()))
            }
            Kind::Sint64 => number(room, zigzag64(wire::varint(input)?), quoted_integer),
            Kind::Fixed32 => {
                number(room, wire::fixed32(input)?, |claim, value| unsigned(claim, value.into()))
            }
            Kind::Fixed64 => number(room, wire::fixed64(input)?, quoted_unsigned),
            Kind::Sfixed32 => {
                let value = wire::fixed32(input)?.cast_signed();
                number(room, value, |claim, value| integer(claim, value.into()))
            }
            Kind::Sfixed64 => number(room, wire::fixed64(input)?.cast_signed(), quoted_integer),
            Kind::Float => {
                number(room, wire::fixed32(input)?, |claim, bits| single(claim, f32::from_bits(bits)))
            }
            Kind::Double => {
                number(room, wire::fixed64(input)?, |claim, bits| double(claim, f64::from_bits(bits)))
            }
            Kind::Bool => number(room, wire::varint(input)? != 0, boolean),
            // Callers send messages elsewhere.
            Kind::Message(_) | Kind::Group(_) => {
                return Err(Halt::malformed("a message where a scalar belongs"));
            }
        };
        Ok(Value::new(set))
    }

    /// Reads and prints a string.
    #[inline]
    pub(super) fn string(&mut self, input: &mut &'a [u8]) -> Result<Value, Halt> {
        let text = wire::piece(input)?;
        let source = self.from(text);
        text::string(&mut self.out, source, text.len())?;
        Ok(Value::new(!text.is_empty()))
    }

    /// A part of the wire with all that follows it: what can be read in whole blocks is read faster.
    #[inline(always)]
    pub(super) fn from(&self, part: &'a [u8]) -> &'a [u8] {
        let start = part.as_ptr().addr().wrapping_sub(self.wire.as_ptr().addr());
        self.wire.get(start..).filter(|whole| whole.len() >= part.len()).unwrap_or(part)
    }

    /// Prints an enum value: by name, else by number.
    pub(super) fn enumeration(&mut self, index: EnumIndex, number: i32) -> Value {
        let plan = self.schema.enum_plan(index);
        let known = plan.by_number(number);
        if known.is_none() && plan.closed {
            return Value::Unknown;
        }
        match known {
            _ if plan.null_value => self.out.bytes(b"null"),
            Some(value) if self.options.enums == Enums::Name => self.out.short(&value.json),
            _ => self.out.claim(|claim| integer(claim, number.into())),
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
        self.out.bytes(text);
    }

    /// Prints packed elements, a comma before each.
    pub(super) fn packed(&mut self, field: &FieldPlan, mut input: &'a [u8]) -> Result<(), Halt> {
        let input = &mut input;
        if matches!(field.kind, Kind::Enum(_)) {
            return self.packed_enums(field, input);
        }
        let whole = self.from(input);
        let room = &mut self.out;
        // A loop of its own for each kind, so that the kind is looked at once.
        match field.kind {
            Kind::Int32 => varints(room, input, whole, |claim, value| integer(claim, (value as i32).into())),
            Kind::Uint32 => {
                varints(room, input, whole, |claim, value| unsigned(claim, (value as u32).into()))
            }
            Kind::Sint32 => {
                varints(room, input, whole, |claim, value| integer(claim, zigzag32(value).into()))
            }
            Kind::Int64 => varints(room, input, whole, |claim, value| quoted_integer(claim, value as i64)),
            Kind::Uint64 => varints(room, input, whole, quoted_unsigned),
            Kind::Sint64 => {
                varints(room, input, whole, |claim, value| quoted_integer(claim, zigzag64(value)))
            }
            Kind::Bool => varints(room, input, whole, |claim, value| boolean(claim, value != 0)),
            Kind::Fixed32 => each(room, input, wire::fixed32, |claim, value| unsigned(claim, value.into())),
            Kind::Sfixed32 => {
                each(room, input, wire::fixed32, |claim, value| integer(claim, value.cast_signed().into()))
            }
            Kind::Fixed64 => each(room, input, wire::fixed64, quoted_unsigned),
            Kind::Sfixed64 => {
                each(room, input, wire::fixed64, |claim, value| quoted_integer(claim, value.cast_signed()))
            }
            Kind::Float => {
                each(room, input, wire::fixed32, |claim, bits| single(claim, f32::from_bits(bits)))
            }
            Kind::Double => {
                each(room, input, wire::fixed64, |claim, bits| double(claim, f64::from_bits(bits)))
            }
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

/// What any number may take, and a comma before it.
const ELEMENT: usize = super::number::FLOAT + 1;

/// Prints a number; whether it differs from the default of its type.
#[inline(always)]
fn number<T: Copy + Default + PartialEq, const N: usize>(
    room: &mut Room<'_>,
    value: T,
    print: impl for<'c> FnOnce(Claim<'c, N>, T) -> Claim<'c, 0>,
) -> bool {
    room.claim(|claim| print(claim, value));
    value != T::default()
}

/// Prints packed varints. `whole` is `input` with all that follows it, so that they can be read in words.
#[inline]
fn varints<const N: usize>(
    room: &mut Room<'_>,
    input: &[u8],
    mut whole: &[u8],
    print: impl for<'c> Fn(Claim<'c, N>, u64) -> Claim<'c, 0>,
) -> Result<(), Halt> {
    let mut left = input.len();
    while left > 0 {
        let (value, len) = wire::varint_of(whole, left)?;
        element(room, |claim| print(claim, value));
        whole = whole.get(len..).unwrap_or_default();
        left -= len;
    }
    Ok(())
}

/// Prints a comma and a number.
#[inline(always)]
fn element<const N: usize>(room: &mut Room<'_>, print: impl for<'c> FnOnce(Claim<'c, N>) -> Claim<'c, 0>) {
    room.claim::<ELEMENT>(|claim| {
        let claim: Claim<'_, { ELEMENT - 1 }> = claim.push(b',');
        claim.part::<N, 0>(print)
    });
}

#[inline]
fn each<T, const N: usize>(
    room: &mut Room<'_>,
    input: &mut &[u8],
    read: impl Fn(&mut &[u8]) -> Result<T, Halt>,
    print: impl for<'c> Fn(Claim<'c, N>, T) -> Claim<'c, 0>,
) -> Result<(), Halt> {
    while !input.is_empty() {
        let value = read(input)?;
        element(room, |claim| print(claim, value));
    }
    Ok(())
}

#[inline(always)]
pub(super) fn boolean(claim: Claim<'_, 5>, value: bool) -> Claim<'_, 0> {
    claim.start_of(if value { b"true " } else { b"false" }, if value { 4 } else { 5 })
}

#[inline]
pub(super) fn zigzag32(value: u64) -> i32 {
    let value = value as u32;
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

#[inline]
pub(super) fn zigzag64(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}
