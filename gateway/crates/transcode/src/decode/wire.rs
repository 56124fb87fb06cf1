//! Reading the wire: varints, tags, fixed-width numbers, length-delimited pieces, and what is skipped.
//!
//! Each function takes the input from the front of a slice and leaves the rest in it.

use super::halt::Halt;
use crate::plan::{Kind, WireType};

/// A field number and wire type. Either may be one that cannot be: no field has it then, and [`skip`] refuses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawTag(u32);

impl RawTag {
    #[inline(always)]
    pub(crate) fn number(self) -> u32 {
        self.0 >> 3
    }

    /// The wire type as on the wire.
    #[inline(always)]
    pub(crate) fn wire_type(self) -> u8 {
        (self.0 & 7) as u8
    }

    #[inline(always)]
    pub(crate) fn is(self, wire_type: WireType) -> bool {
        self.wire_type() == wire_type as u8
    }
}

#[inline(always)]
pub(crate) fn tag(input: &mut &[u8]) -> Result<RawTag, Halt> {
    if let [byte @ 0..0x80, rest @ ..] = *input {
        *input = rest;
        return Ok(RawTag(u32::from(*byte)));
    }
    let mut rest = *input;
    let tag = tag_long(&mut rest)?;
    *input = rest;
    Ok(tag)
}

#[inline(never)]
fn tag_long(input: &mut &[u8]) -> Result<RawTag, Halt> {
    match u32::try_from(varint(input)?) {
        Ok(tag) => Ok(RawTag(tag)),
        Err(_) => Err(Halt::malformed("a field number beyond 2^29")),
    }
}

#[inline(always)]
pub(crate) fn varint(input: &mut &[u8]) -> Result<u64, Halt> {
    if let [byte @ 0..0x80, rest @ ..] = *input {
        *input = rest;
        return Ok(u64::from(*byte));
    }
    // Not `input` itself, so that it can stay in registers.
    let mut rest = *input;
    let value = varint_long(&mut rest)?;
    *input = rest;
    Ok(value)
}

#[inline]
fn varint_long(input: &mut &[u8]) -> Result<u64, Halt> {
    if let Some(word) = input.first_chunk()
        && let Some((value, len)) = short_varint(u64::from_le_bytes(*word))
    {
        *input = input.get(len..).unwrap_or_default();
        return Ok(value);
    }
    varint_slow(input)
}

/// A varint that `whole` begins with, and its length, which is at most `left`.
#[inline(always)]
pub(crate) fn varint_of(whole: &[u8], left: usize) -> Result<(u64, usize), Halt> {
    if let Some(word) = whole.first_chunk()
        && let Some((value, len)) = short_varint(u64::from_le_bytes(*word))
        && len <= left
    {
        return Ok((value, len));
    }
    let mut rest = whole.get(..left).unwrap_or_default();
    let value = varint(&mut rest)?;
    Ok((value, left - rest.len()))
}

/// The first eight bytes; zeros follow the last one where there are fewer.
#[inline(always)]
pub(crate) fn word(input: &[u8]) -> u64 {
    match input.first_chunk() {
        Some(word) => u64::from_le_bytes(*word),
        None => input.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// A varint that a word begins with, and its length, if it ends there.
#[inline(always)]
pub(crate) fn short_varint(word: u64) -> Option<(u64, usize)> {
    if word & 0x80 == 0 {
        return Some((word & 0x7f, 1));
    }
    let ends = !word & 0x8080_8080_8080_8080;
    if ends == 0 {
        return None;
    }
    // Up to eight bytes at once: cut off what follows the last one, then close the gaps between groups of seven bits.
    let bits = word & (ends ^ ends.wrapping_sub(1)) & 0x7f7f_7f7f_7f7f_7f7f;
    let bits = (bits & 0x007f_007f_007f_007f) | ((bits & 0x7f00_7f00_7f00_7f00) >> 1);
    let bits = (bits & 0x0000_3fff_0000_3fff) | ((bits & 0x3fff_0000_3fff_0000) >> 2);
    let value = (bits & 0x0fff_ffff) | ((bits & 0x0fff_ffff_0000_0000) >> 4);
    Some((value, (ends.trailing_zeros() / 8 + 1) as usize))
}

#[inline(never)]
fn varint_slow(input: &mut &[u8]) -> Result<u64, Halt> {
    let mut value = 0;
    for (at, byte) in input.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if *byte < 0x80 {
            if at == 9 && *byte > 1 {
                break;
            }
            *input = input.get(at + 1..).unwrap_or_default();
            return Ok(value);
        }
    }
    if input.len() < 10 { Err(Halt::truncated()) } else { Err(Halt::malformed("a varint beyond 64 bits")) }
}

#[inline(always)]
pub(crate) fn fixed32(input: &mut &[u8]) -> Result<u32, Halt> {
    let Some((bytes, rest)) = input.split_first_chunk() else {
        return Err(Halt::truncated());
    };
    *input = rest;
    Ok(u32::from_le_bytes(*bytes))
}

#[inline(always)]
pub(crate) fn fixed64(input: &mut &[u8]) -> Result<u64, Halt> {
    let Some((bytes, rest)) = input.split_first_chunk() else {
        return Err(Halt::truncated());
    };
    *input = rest;
    Ok(u64::from_le_bytes(*bytes))
}

/// A length, and that many bytes.
#[inline(always)]
pub(crate) fn piece<'a>(input: &mut &'a [u8]) -> Result<&'a [u8], Halt> {
    let length = varint(input)?;
    let split = usize::try_from(length).ok().and_then(|length| input.split_at_checked(length));
    let Some((piece, rest)) = split else {
        return Err(Halt::truncated());
    };
    *input = rest;
    Ok(piece)
}

/// Passes over the value of a field, which is checked to be well-formed. `depth` bounds nested groups.
pub(crate) fn skip(tag: RawTag, input: &mut &[u8], depth: u32) -> Result<(), Halt> {
    if tag.number() == 0 {
        return Err(Halt::malformed("field number 0"));
    }
    match tag.wire_type() {
        0 => varint(input).map(drop),
        1 => fixed64(input).map(drop),
        2 => piece(input).map(drop),
        3 => group(tag, input, depth).map(drop),
        5 => fixed32(input).map(drop),
        4 => Err(Halt::malformed("the end of a group that has not begun")),
        _ => Err(Halt::malformed("an unknown wire type")),
    }
}

/// The content of a group whose start tag was read; the end tag is read too. `depth` is how many more may nest.
pub(crate) fn group<'a>(start: RawTag, input: &mut &'a [u8], depth: u32) -> Result<&'a [u8], Halt> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(Halt::malformed("groups nested too deep"));
    };
    let whole = *input;
    loop {
        let before = input.len();
        let next = tag(input)?;
        if next.is(WireType::EndGroup) {
            if next.number() != start.number() {
                return Err(Halt::malformed("a group ended by another's end"));
            }
            return Ok(whole.get(..whole.len() - before).unwrap_or_default());
        }
        skip(next, input, depth)?;
    }
}

/// Whether a value of this kind may be written as this wire type, packed lists left aside.
#[inline]
pub(crate) fn fits(kind: Kind, tag: RawTag) -> bool {
    tag.is(kind.wire_type())
}

/// Whether elements of this kind can be packed.
#[inline]
pub(crate) fn packable(kind: Kind) -> bool {
    !matches!(kind.wire_type(), WireType::Len | WireType::StartGroup)
}
