//! Printing the fields that nearly all messages are made of, in the form that they nearly always have.
//!
//! A field of this sort is looked at once, as a window of its tag and a word, and written after one check that there is
//! room. What is unusual in any way (a default where it means unset, a number of more than 56 bits, an error) is left
//! alone: then [`fields`](super::fields) has a look at it.

use super::{
    Decoder,
    halt::Halt,
    number::{FLOAT, double, integer, quoted_integer, quoted_unsigned, single, unsigned},
    scalar::{Value, boolean, zigzag32, zigzag64},
    text, wire,
};
use crate::{
    block,
    plan::{EnumIndex, Form, KEY, MessageIndex, Print, WINDOW, WellKnown},
    room::Claim,
    utf8,
};

/// How long a string may be to be looked at and copied as one block, whatever its length.
const SHORT: usize = 2 * block::BLOCK;

impl<'a> Decoder<'a, '_> {
    /// Prints the field that `rest` begins with, of which `left` bytes belong to this message, and `window` again.
    /// Returns how long it was, or 0 if it is unusual: then nothing was printed.
    #[inline(always)]
    pub(super) fn predicted(
        &mut self,
        field: &Print,
        window: &[u8; WINDOW],
        rest: &'a [u8],
        left: usize,
        depth: u32,
    ) -> Result<usize, Halt> {
        let [_, word @ ..] = *window;
        let word = u64::from_le_bytes(word);
        Ok(match field.form {
            Form::String => return self.short_string(field, word, rest, left),
            Form::Messages(index) => return self.messages(field, index, rest, left, depth),
            Form::Message(index) => return self.one_message(field, index, rest, left, depth),
            Form::Enum(index) => self.short_enum(field, index, word, left),
            Form::Int32 => self.varint(
                field,
                word,
                left,
                |word| word as i32,
                |claim, value| integer(claim, value.into()),
            ),
            Form::Int64 => self.varint(field, word, left, |word| word as i64, quoted_integer),
            Form::Uint32 => self.varint(
                field,
                word,
                left,
                |word| word as u32,
                |claim, value| unsigned(claim, value.into()),
            ),
            Form::Uint64 => self.varint(field, word, left, |word| word, quoted_unsigned),
            Form::Sint32 => {
                self.varint(field, word, left, zigzag32, |claim, value| integer(claim, value.into()))
            }
            Form::Sint64 => self.varint(field, word, left, zigzag64, quoted_integer),
            Form::Bool => self.varint(field, word, left, |word| word != 0, boolean),
            Form::Double => {
                self.fixed(field, left, 8, word, |claim, word| double(claim, f64::from_bits(word)))
            }
            Form::Fixed64 => self.fixed(field, left, 8, word, quoted_unsigned),
            Form::Sfixed64 => {
                self.fixed(field, left, 8, word, |claim, word| quoted_integer(claim, word.cast_signed()))
            }
            Form::Float => {
                self.fixed(field, left, 4, word as u32, |claim, word| single(claim, f32::from_bits(word)))
            }
            Form::Fixed32 => {
                self.fixed(field, left, 4, word as u32, |claim, word| unsigned(claim, word.into()))
            }
            Form::Sfixed32 => self
                .fixed(field, left, 4, word as u32, |claim, word| integer(claim, word.cast_signed().into())),
        })
    }

    #[inline(always)]
    fn varint<T: Copy + Default + PartialEq, const N: usize>(
        &mut self,
        field: &Print,
        word: u64,
        left: usize,
        convert: impl Fn(u64) -> T,
        print: impl for<'c> FnOnce(Claim<'c, N>, T) -> Claim<'c, 0>,
    ) -> usize {
        match wire::short_varint(word) {
            Some((value, len)) => self.fixed(field, left, len, convert(value), print),
            None => 0,
        }
    }

    /// Prints a number of so many bytes.
    #[inline(always)]
    fn fixed<T: Copy + Default + PartialEq, const N: usize>(
        &mut self,
        field: &Print,
        left: usize,
        len: usize,
        value: T,
        print: impl for<'c> FnOnce(Claim<'c, N>, T) -> Claim<'c, 0>,
    ) -> usize {
        if len >= left || (field.implicit && value == T::default()) {
            return 0;
        }
        self.out.claim::<{ KEY + FLOAT }>(|claim| {
            let claim: Claim<'_, FLOAT> = claim.start_of(&field.key, field.key_len.into());
            claim.part::<N, 0>(|claim| print(claim, value))
        });
        1 + len
    }

    /// Prints the string whose length `word` begins with.
    #[inline(always)]
    fn short_string(&mut self, field: &Print, word: u64, rest: &'a [u8], left: usize) -> Result<usize, Halt> {
        let (length, start) = match word {
            _ if word & 0x80 == 0 => ((word & 0x7f) as usize, 2),
            _ if word & 0x8000 == 0 => ((word & 0x7f | (word & 0x7f00) >> 1) as usize, 3),
            _ => return Ok(0),
        };
        let Some(source) = rest.get(start..) else { return Ok(0) };
        if start + length > left || (field.implicit && length == 0) {
            return Ok(0);
        }
        if length <= SHORT
            && let Some(text) = source.first_chunk()
            && is_plain(text, length)
        {
            self.out.claim::<{ KEY + SHORT + 2 }>(|claim| {
                let claim: Claim<'_, { SHORT + 2 }> = claim.start_of(&field.key, field.key_len.into());
                let claim: Claim<'_, { SHORT + 1 }> = claim.push(b'"');
                let claim: Claim<'_, 1> = claim.start_of(text, length);
                claim.push(b'"')
            });
            return Ok(start + length);
        }
        self.out.start_of(&field.key, field.key_len.into());
        text::string(&mut self.out, source, length)?;
        Ok(start + length)
    }

    #[inline(always)]
    fn short_enum(&mut self, field: &Print, index: EnumIndex, word: u64, left: usize) -> usize {
        let Some((number, len)) = wire::short_varint(word) else { return 0 };
        let number = number as i32;
        if len >= left || (field.implicit && number == 0) {
            return 0;
        }
        let before = self.out.len();
        self.out.start_of(&field.key, field.key_len.into());
        if self.enumeration(index, number) == Value::Unknown {
            self.out.truncate(before);
            return 0;
        }
        1 + len
    }

    #[inline(never)]
    fn one_message(
        &mut self,
        field: &Print,
        index: MessageIndex,
        rest: &'a [u8],
        left: usize,
        depth: u32,
    ) -> Result<usize, Halt> {
        let plan = self.schema.plan(index);
        let mut input = rest.get(1..left).unwrap_or_default();
        let piece = wire::piece(&mut input)?;
        self.out.start_of(&field.key, field.key_len.into());
        let taken = left - input.len();
        if plan.well_known == WellKnown::Timestamp && !self.careful {
            self.enter(depth + 1)?;
            if self.usual_timestamp(rest.get(taken - piece.len()..).unwrap_or_default(), piece.len()) {
                return Ok(taken);
            }
        }
        self.whole(plan, piece, depth + 1)?;
        Ok(taken)
    }

    /// Prints a list of messages: all that follow one another.
    #[inline(never)]
    fn messages(
        &mut self,
        field: &Print,
        index: MessageIndex,
        rest: &'a [u8],
        left: usize,
        depth: u32,
    ) -> Result<usize, Halt> {
        let plan = self.schema.plan(index);
        self.out.start_of(&field.key, field.key_len.into());
        let open = self.out.len();
        let mut input = rest.get(..left).unwrap_or_default();
        let tag = input.first();
        let mut index = 0;
        while let Some((next, ahead)) = input.split_first()
            && Some(next) == tag
        {
            input = ahead;
            self.out.push(b',');
            wire::piece(&mut input)
                .and_then(|piece| self.whole(plan, piece, depth + 1))
                .map_err(|halt| halt.at(index))?;
            index += 1;
        }
        self.close(open, b'[', b']');
        Ok(left - input.len())
    }
}

/// Whether the first `length` bytes are UTF-8 that needs no escape.
#[inline(always)]
fn is_plain(text: &[u8; SHORT], length: usize) -> bool {
    let ([first, second], _) = text.as_chunks() else { return false };
    let mask = (1u64 << length) - 1;
    let escapes = u64::from(block::escapes(first) | block::escapes(second) << block::BLOCK);
    if escapes & mask != 0 {
        return false;
    }
    let high = u64::from(block::high(first) | block::high(second) << block::BLOCK);
    high & mask == 0 || utf8::is_valid(text.get(..length).unwrap_or_default())
}
