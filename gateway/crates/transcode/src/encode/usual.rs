//! Values of the fields that nearly all messages are made of, in the form that they nearly always have.
//!
//! What is unusual in any way (`null`, an escape, a number out of range, a mistake) is left alone: nothing is taken and nothing
//! written then, and [`object`](super::object) has a look at it.

use super::{Encoder, keys::Map, number, scalar::fit, scan::Step, wire::SHORT};
use crate::{
    block::{self, BLOCK},
    plan::{EnumIndex, Form, Kind, MapPlan, MessageIndex, Write},
    utf8,
};

/// How much of the input is looked at when a number is expected.
const WINDOW: usize = number::WINDOW + 2;

impl<'a> Encoder<'a, '_> {
    /// Encodes the value that comes next, if it is a usual one.
    #[inline(always)]
    pub(super) fn usual_value(&mut self, field: &'a Write) -> Step<bool> {
        let Some(form) = field.form else { return Ok(false) };
        self.scan.token();
        Ok(match form {
            Form::String => self.usual_string(field),
            Form::Messages(index) => return self.usual_messages(field, index),
            Form::Message(index) => return self.usual_message(field, index),
            Form::Enum(index) => self.usual_enum(field, index),
            Form::Bool => self.usual_bool(field),
            Form::Double => self.usual_double(field),
            Form::Float => self.usual_float(field),
            Form::Int32 => self.usual_varint(field, Kind::Int32),
            Form::Int64 => self.usual_varint(field, Kind::Int64),
            Form::Uint32 => self.usual_varint(field, Kind::Uint32),
            Form::Uint64 => self.usual_varint(field, Kind::Uint64),
            Form::Sint32 => self.usual_varint(field, Kind::Sint32),
            Form::Sint64 => self.usual_varint(field, Kind::Sint64),
            Form::Fixed32 => self.usual_fixed(field, Kind::Fixed32),
            Form::Sfixed32 => self.usual_fixed(field, Kind::Sfixed32),
            Form::Fixed64 => self.usual_fixed(field, Kind::Fixed64),
            Form::Sfixed64 => self.usual_fixed(field, Kind::Sfixed64),
        })
    }

    #[inline(always)]
    fn usual_string(&mut self, field: &Write) -> bool {
        let Some((text, length)) = self.short_text() else { return false };
        if length > 0 || !field.implicit {
            self.out.tagged_block(field, text, length);
        }
        self.scan.advance(length + 2);
        true
    }

    /// The string that comes next and its length, if it is short and has no escapes.
    #[inline(always)]
    pub(super) fn short_text(&self) -> Option<(&'a [u8; SHORT], usize)> {
        let [b'"', text @ ..] = self.scan.window::<{ 1 + SHORT }>()? else { return None };
        let text: &[u8; SHORT] = text.first_chunk()?;
        let ([first, second], _) = text.as_chunks() else { return None };
        let ends = block::escapes(first) | block::escapes(second) << BLOCK;
        let length = ends.trailing_zeros() as usize;
        if text.get(length) != Some(&b'"') {
            return None;
        }
        let high = block::high(first) | block::high(second) << BLOCK;
        // The lowest bit of `ends` and what is below it.
        if high & (ends ^ ends.wrapping_sub(1)) != 0 && !utf8::is_valid(text.get(..length)?) {
            return None;
        }
        Some((text, length))
    }

    /// Writes the key that comes next, up to its colon, if it is a short string and shall be one; whether it was there before.
    #[inline(always)]
    pub(super) fn usual_map_key(&mut self, map: &MapPlan, keys: &mut Map) -> Option<bool> {
        if map.key_write.form != Some(Form::String) {
            return None;
        }
        let (text, length) = self.short_text()?;
        if self.scan.window::<{ SHORT + 3 }>()?.get(length + 2) != Some(&b':') {
            return None;
        }
        self.out.tagged_block(&map.key_write, text, length);
        self.scan.advance(length + 3);
        let text = text.get(..length).unwrap_or_default();
        Some(self.keys.insert(keys, text, &self.schema.hash_sets))
    }

    #[inline(always)]
    fn usual_enum(&mut self, field: &Write, index: EnumIndex) -> bool {
        let Some((text, length)) = self.short_text() else { return false };
        let Some(value) = self.schema.enum_plan(index).by_name(text.get(..length).unwrap_or_default()) else {
            return false;
        };
        if value.number != 0 || !field.implicit {
            self.out.tagged_varint(field, i64::from(value.number) as u64);
        }
        self.scan.advance(length + 2);
        true
    }

    #[inline(always)]
    fn usual_bool(&mut self, field: &Write) -> bool {
        let Some(word) = self.scan.window::<5>() else { return false };
        let value = match word {
            [b't', b'r', b'u', b'e', _] => true,
            b"false" => false,
            _ => return false,
        };
        if value || !field.implicit {
            self.out.tagged_varint(field, u64::from(value));
        }
        self.scan.advance(if value { 4 } else { 5 });
        true
    }

    #[inline(always)]
    fn usual_varint(&mut self, field: &Write, kind: Kind) -> bool {
        let Some((bits, length)) = self.short_integer(kind) else { return false };
        if bits != 0 || !field.implicit {
            self.out.tagged_varint(field, bits);
        }
        self.scan.advance(length);
        true
    }

    #[inline(always)]
    fn usual_fixed(&mut self, field: &Write, kind: Kind) -> bool {
        let Some((bits, length)) = self.short_integer(kind) else { return false };
        if bits != 0 || !field.implicit {
            match kind {
                Kind::Fixed32 | Kind::Sfixed32 => self.out.tagged_fixed(field, (bits as u32).to_le_bytes()),
                _ => self.out.tagged_fixed(field, bits.to_le_bytes()),
            }
        }
        self.scan.advance(length);
        true
    }

    /// The integer that comes next, in quotes or not, as the bits that are written, and how long it is.
    #[inline(always)]
    pub(super) fn short_integer(&self, kind: Kind) -> Option<(u64, usize)> {
        let window = self.scan.window::<WINDOW>()?;
        let (value, length) = if let [b'"', quoted @ ..] = window {
            let (value, length) = number::short_integer(quoted.first_chunk()?)?;
            if quoted.get(length) != Some(&b'"') {
                return None;
            }
            (value, length + 2)
        } else {
            let (value, length) = number::short_integer(window.first_chunk()?)?;
            if matches!(window.get(length), Some(b'.' | b'e' | b'E')) {
                return None;
            }
            (value, length)
        };
        Some((fit(kind, value).ok()?, length))
    }

    #[inline(always)]
    fn usual_double(&mut self, field: &Write) -> bool {
        let Some((value, length)) = self.scan.window().and_then(number::shortest_double) else {
            return false;
        };
        // Minus zero is not the default.
        if value.to_bits() != 0 || !field.implicit {
            self.out.tagged_fixed(field, value.to_le_bytes());
        }
        self.scan.advance(length);
        true
    }

    #[inline(always)]
    fn usual_float(&mut self, field: &Write) -> bool {
        let Some((value, length)) = number::short_float(self.scan.rest()) else { return false };
        if value.to_bits() != 0 || !field.implicit {
            self.out.tagged_fixed(field, value.to_le_bytes());
        }
        self.scan.advance(length);
        true
    }

    #[inline(never)]
    fn usual_message(&mut self, field: &Write, index: MessageIndex) -> Step<bool> {
        // What other forms a message may have, `null` among them, is not for here.
        let plan = self.schema.plan(index);
        if self.scan.peek() == b'n' {
            return Ok(false);
        }
        let mark = self.out.tagged_open(field);
        self.message_body(plan)?;
        self.out.close(mark);
        Ok(true)
    }

    #[inline(never)]
    fn usual_messages(&mut self, field: &Write, index: MessageIndex) -> Step<bool> {
        let plan = self.schema.plan(index);
        if self.scan.peek() != b'[' {
            return Ok(false);
        }
        let mut more = self.scan.begin(b']')?;
        while more {
            let mark = self.out.tagged_open(field);
            self.message_body(plan)?;
            self.out.close(mark);
            more = self.scan.more(b']')?;
        }
        Ok(true)
    }
}
