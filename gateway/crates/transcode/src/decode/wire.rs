//! Reading the wire: varints, tags, fixed-width numbers, length-delimited pieces, and what is skipped.
//!
//! Each function takes the input from the front of a slice and leaves the rest in it.

use super::halt::Halt;
use crate::plan::{Kind, WireType};

/// A field number and wire type, checked: the number is never 0, the wire type one of the six.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawTag(u32);

impl RawTag {
    #[inline]
    pub(crate) fn number(self) -> u32 {
        self.0 >> 3
    }

    /// The wire type as on the wire.
    #[inline]
    pub(crate) fn wire_type(self) -> u8 {
        (self.0 & 7) as u8
    }

    #[inline]
    pub(crate) fn is(self, wire_type: WireType) -> bool {
        self.wire_type() == wire_type as u8
    }
}

#[inline]
pub(crate) fn tag(input: &mut &[u8]) -> Result<RawTag, Halt> {
    if let [byte @ 8..0x80, rest @ ..] = *input
        && byte & 7 <= 5
    {
        *input = rest;
        return Ok(RawTag(u32::from(*byte)));
    }
    tag_long(input)
}

fn tag_long(input: &mut &[u8]) -> Result<RawTag, Halt> {
    let Ok(tag) = u32::try_from(varint(input)?) else {
        return Err(Halt::malformed("a field number beyond 2^29"));
    };
    if tag < 8 {
        return Err(Halt::malformed("field number 0"));
    }
    if tag & 7 > 5 {
        return Err(Halt::malformed("an unknown wire type"));
    }
    Ok(RawTag(tag))
}

#[inline]
pub(crate) fn varint(input: &mut &[u8]) -> Result<u64, Halt> {
    if let [byte @ 0..0x80, rest @ ..] = *input {
        *input = rest;
        return Ok(u64::from(*byte));
    }
    varint_long(input)
}

fn varint_long(input: &mut &[u8]) -> Result<u64, Halt> {
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

#[inline]
pub(crate) fn fixed32(input: &mut &[u8]) -> Result<u32, Halt> {
    let Some((bytes, rest)) = input.split_first_chunk() else {
        return Err(Halt::truncated());
    };
    *input = rest;
    Ok(u32::from_le_bytes(*bytes))
}

#[inline]
pub(crate) fn fixed64(input: &mut &[u8]) -> Result<u64, Halt> {
    let Some((bytes, rest)) = input.split_first_chunk() else {
        return Err(Halt::truncated());
    };
    *input = rest;
    Ok(u64::from_le_bytes(*bytes))
}

/// A length, and that many bytes.
#[inline]
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
    match tag.wire_type() {
        0 => varint(input).map(drop),
        1 => fixed64(input).map(drop),
        2 => piece(input).map(drop),
        3 => group(tag, input, depth).map(drop),
        5 => fixed32(input).map(drop),
        _ => Err(Halt::malformed("the end of a group that has not begun")),
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
