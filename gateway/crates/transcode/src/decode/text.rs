//! Writing JSON text: strings, numbers, base64.

use zmij::Float;

use super::halt::Halt;
use crate::DecodeErrorKind;

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGHS: u64 = ONES << 7;

/// Writes a JSON string. Only what JSON demands is escaped: quotes, backslashes, control characters.
#[inline]
pub(super) fn string(out: &mut Vec<u8>, text: &[u8]) -> Result<(), Halt> {
    out.reserve(text.len() + 2);
    out.push(b'"');
    string_content(out, text)?;
    out.push(b'"');
    Ok(())
}

/// The same without the quotes.
#[inline]
pub(super) fn string_content(out: &mut Vec<u8>, text: &[u8]) -> Result<(), Halt> {
    if is_plain_ascii(text) {
        out.extend_from_slice(text);
        return Ok(());
    }
    let text = std::str::from_utf8(text).map_err(|_| Halt::new(DecodeErrorKind::Utf8))?;
    escape(out, text.as_bytes());
    Ok(())
}

/// Whether there is nothing but ASCII that needs no escape.
#[inline]
fn is_plain_ascii(text: &[u8]) -> bool {
    let (blocks, rest) = text.as_chunks::<32>();
    for block in blocks {
        // Without an early exit inside the block, so that it becomes vector code.
        if block.iter().fold(false, |odd, byte| odd | needs_escape(*byte) | (*byte >= 0x80)) {
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
    tail.iter().all(|byte| !needs_escape(*byte) && *byte < 0x80)
}

#[inline]
fn needs_escape(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
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
fn escape(out: &mut Vec<u8>, mut text: &[u8]) {
    loop {
        let (plain, rest) = text.split_at_checked(unescaped(text)).unwrap_or((text, &[]));
        out.extend_from_slice(plain);
        let [byte, rest @ ..] = rest else { return };
        escape_one(out, *byte);
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
    at + tail.iter().take_while(|byte| !needs_escape(**byte)).count()
}

#[cold]
fn escape_one(out: &mut Vec<u8>, byte: u8) {
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
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', b'0' + (byte >> 4), low]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// An integer as a JSON number.
#[inline]
pub(super) fn integer(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// An integer as a JSON string: what 64-bit ones become, because JSON readers lose digits beyond 2^53.
#[inline]
pub(super) fn quoted_integer(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.push(b'"');
    integer(out, value);
    out.push(b'"');
}

/// The shortest number that reads back as this one; what JSON has no number for is a string.
#[inline]
pub(super) fn float<F: Float + Into<f64> + Copy>(out: &mut Vec<u8>, value: F) {
    let wide: f64 = value.into();
    if !wide.is_finite() {
        out.extend_from_slice(not_finite(wide));
        return;
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value);
    out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
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
pub(super) fn base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.reserve(bytes.len().div_ceil(3) * 4 + 2);
    out.push(b'"');
    base64_simd::STANDARD.encode_append(bytes, out);
    out.push(b'"');
}
