//! Writing JSON strings and base64.

use super::halt::Halt;
use crate::{
    DecodeErrorKind,
    block::{self, BLOCK},
    room::Room,
    utf8,
};

/// Writes the first `length` bytes of `source` as a JSON string. Only what JSON demands is escaped: quotes, backslashes,
/// control characters. What else follows in `source` does not show, but lets the text be read in whole blocks.
#[inline(never)]
pub(super) fn string(room: &mut Room<'_>, source: &[u8], length: usize) -> Result<(), Halt> {
    let Some(text) = source.get(..length) else { return Err(Halt::truncated()) };
    room.reserve(length + 2 + BLOCK);
    room.push(b'"');
    let mut high = 0;
    let mut at = 0;
    while at < length {
        let mut padded = [b' '; BLOCK];
        let bytes = match source.get(at..).and_then(|rest| rest.first_chunk()) {
            Some(bytes) => bytes,
            None => {
                for (slot, byte) in padded.iter_mut().zip(text.get(at..).unwrap_or_default()) {
                    *slot = *byte;
                }
                &padded
            }
        };
        let left = length - at;
        let end = BLOCK.min(left);
        let odd = block::escapes(bytes);
        let plain = (odd.trailing_zeros() as usize).min(end);
        high |= block::high(bytes) & ((1 << end) - 1);
        room.start_of(bytes, plain);
        at += plain;
        if plain < end {
            escape(room, bytes[plain]);
            at += 1;
        }
    }
    room.push(b'"');
    if high != 0 && !utf8::is_valid(text) {
        return Err(Halt::new(DecodeErrorKind::Utf8));
    }
    Ok(())
}

#[inline(never)]
fn escape(room: &mut Room<'_>, byte: u8) {
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
            room.start_of(&[b'\\', b'u', b'0', b'0', b'0' + (byte >> 4), low], 6);
            return;
        }
    };
    room.start_of(&[b'\\', short], 2);
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
