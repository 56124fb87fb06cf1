//! Writing JSON text: strings, numbers, base64.

use zmij::Float;

use super::{digits, halt::Halt, room::Room, wire};
use crate::DecodeErrorKind;

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGHS: u64 = ONES << 7;

/// How long a string may be to be looked at and copied as one block, whatever its length.
const BLOCK: usize = 32;

/// Ones for the first so many bytes of a block.
const FIRST: [[u8; BLOCK]; BLOCK + 1] = {
    let mut masks = [[0; BLOCK]; BLOCK + 1];
    let mut length = 0;
    while length <= BLOCK {
        let mut at = 0;
        while at < length {
            masks[length][at] = 1;
            at += 1;
        }
        length += 1;
    }
    masks
};

/// Reads a length and that many bytes, and writes them as a JSON string. True if there were any.
#[inline(always)]
pub(super) fn piece(room: &mut Room<'_>, input: &mut &[u8]) -> Result<bool, Halt> {
    let before = *input;
    let length = wire::varint(input)? as usize;
    if let (Some(mask), Some(block)) = (FIRST.get(length), input.first_chunk())
        && is_plain_start(block, mask)
    {
        room.push(b'"');
        room.start_of(block, length);
        room.push(b'"');
        *input = input.get(length..).unwrap_or_default();
        return Ok(length > 0);
    }
    let mut rest = before;
    let text = wire::piece(&mut rest)?;
    *input = rest;
    string(room, text)?;
    Ok(!text.is_empty())
}

/// Writes a JSON string. Only what JSON demands is escaped: quotes, backslashes, control characters.
#[inline(never)]
pub(super) fn string(room: &mut Room<'_>, text: &[u8]) -> Result<(), Halt> {
    room.push(b'"');
    if is_plain(text) {
        room.short(text);
    } else {
        let text = std::str::from_utf8(text).map_err(|_| Halt::new(DecodeErrorKind::Utf8))?;
        escape(room, text.as_bytes());
    }
    room.push(b'"');
    Ok(())
}

/// Whether a byte cannot be copied without a look at its neighbours: escapes, and all that is not ASCII.
#[inline(always)]
fn is_odd(byte: u8) -> bool {
    // Signed, bytes from 0x80 are below zero.
    (byte.cast_signed() < 0x20) | (byte == b'"') | (byte == b'\\')
}

/// Whether the masked bytes are ASCII that needs no escape. Without an early exit, so that it becomes vector code.
#[inline(always)]
fn is_plain_start(block: &[u8; BLOCK], mask: &[u8; BLOCK]) -> bool {
    let mut odd = 0;
    for at in 0..BLOCK {
        odd |= u8::from(is_odd(block[at])) & mask[at];
    }
    odd == 0
}

/// Whether there is nothing but ASCII that needs no escape.
#[inline]
fn is_plain(text: &[u8]) -> bool {
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    for block in blocks {
        if block.iter().fold(0, |odd, byte| odd | u8::from(is_odd(*byte))) != 0 {
            return false;
        }
    }
    let (words, tail) = rest.as_chunks::<8>();
    for word in words {
        let word = u64::from_le_bytes(*word);
        if special(word) | (word & HIGHS) != 0 {
            return false;
        }
    }
    !tail.iter().any(|byte| is_odd(*byte))
}

/// The high bit of each byte that needs an escape; only the lowest one set is exact, and bytes from 0x80 never count.
#[inline]
fn special(word: u64) -> u64 {
    let control = word.wrapping_sub(ONES * 0x20);
    let quote = (word ^ (ONES * b'"' as u64)).wrapping_sub(ONES);
    let backslash = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    (control | quote | backslash) & !word & HIGHS
}

/// Writes UTF-8 text.
fn escape(room: &mut Room<'_>, mut text: &[u8]) {
    loop {
        let (plain, rest) = text.split_at_checked(unescaped(text)).unwrap_or((text, &[]));
        room.short(plain);
        let [byte, rest @ ..] = rest else { return };
        escape_one(room, *byte);
        text = rest;
    }
}

/// How many bytes from the start need no escape, whatever their script.
fn unescaped(text: &[u8]) -> usize {
    let mut at = 0;
    let (words, tail) = text.as_chunks::<8>();
    for word in words {
        let odd = special(u64::from_le_bytes(*word));
        if odd != 0 {
            return at + (odd.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    at + tail.iter().take_while(|byte| **byte >= 0x80 || !is_odd(**byte)).count()
}

#[cold]
fn escape_one(room: &mut Room<'_>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            let low = HEX.get(usize::from(byte & 15)).copied().unwrap_or(b'0');
            room.bytes(&[b'\\', b'u', b'0', b'0', b'0' + (byte >> 4), low]);
            return;
        }
    };
    room.bytes(&[b'\\', short]);
}

/// An integer as a JSON number.
#[inline(always)]
pub(super) fn integer(room: &mut Room<'_>, value: impl Into<i64>) {
    let value = value.into();
    if value < 0 {
        room.push(b'-');
    }
    digits::number(room, value.unsigned_abs());
}

/// An unsigned integer as a JSON number.
#[inline(always)]
pub(super) fn unsigned(room: &mut Room<'_>, value: impl Into<u64>) {
    digits::number(room, value.into());
}

/// An integer as a JSON string: what 64-bit ones become, because JSON readers lose digits beyond 2^53.
#[inline(always)]
pub(super) fn quoted_integer(room: &mut Room<'_>, value: impl Into<i64>) {
    room.push(b'"');
    integer(room, value);
    room.push(b'"');
}

/// An unsigned integer as a JSON string.
#[inline(always)]
pub(super) fn quoted_unsigned(room: &mut Room<'_>, value: impl Into<u64>) {
    room.push(b'"');
    unsigned(room, value);
    room.push(b'"');
}

/// The shortest number that reads back as this one; what JSON has no number for is a string.
#[inline(always)]
pub(super) fn double(room: &mut Room<'_>, value: f64) {
    // A decimal of at most 15 digits is the only one of that length that reads as its double, and so the shortest:
    // it need not be searched for. Division rounds to the nearest, so equality proves that it reads as that double.
    const SCALE: f64 = 1e6;
    let scaled = value.abs() * SCALE + 0.5;
    if scaled < 1e15 {
        let millionths = scaled as i64;
        if millionths as f64 / SCALE == value.abs() {
            decimal(room, value.is_sign_negative(), millionths.cast_unsigned());
            return;
        }
    }
    float(room, value);
}

/// As [`double`], in the precision of its type.
#[inline(always)]
pub(super) fn single(room: &mut Room<'_>, value: f32) {
    // As above, with the six digits that a float holds.
    const SCALE: f32 = 1e2;
    let scaled = value.abs() * SCALE + 0.5;
    if scaled < 1e6 {
        let hundredths = scaled as i32;
        if hundredths as f32 / SCALE == value.abs() {
            decimal(room, value.is_sign_negative(), u64::from(hundredths.cast_unsigned()) * 10_000);
            return;
        }
    }
    float(room, value);
}

/// A number of millionths.
#[inline(always)]
fn decimal(room: &mut Room<'_>, negative: bool, millionths: u64) {
    if negative {
        room.push(b'-');
    }
    digits::number(room, millionths / 1_000_000);
    let fraction = millionths % 1_000_000;
    if fraction != 0 {
        room.push(b'.');
        digits::fraction(room, fraction);
    }
}

#[inline(never)]
fn float<F: Float + Into<f64> + Copy>(room: &mut Room<'_>, value: F) {
    let wide: f64 = value.into();
    if !wide.is_finite() {
        room.bytes(not_finite(wide));
        return;
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value);
    room.short(text.strip_suffix(".0").unwrap_or(text).as_bytes());
}

fn not_finite(value: f64) -> &'static [u8] {
    if value.is_nan() {
        b"\"NaN\""
    } else if value > 0.0 {
        b"\"Infinity\""
    } else {
        b"\"-Infinity\""
    }
}

/// Bytes as a JSON string in standard base64, padded.
#[inline]
pub(super) fn base64(room: &mut Room<'_>, bytes: &[u8]) {
    room.append(|out| {
        out.reserve(bytes.len().div_ceil(3) * 4 + 2);
        out.push(b'"');
        base64_simd::STANDARD.encode_append(bytes, out);
        out.push(b'"');
    });
}
