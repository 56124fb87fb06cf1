//! Writing JSON strings and base64.

use super::halt::Halt;
use crate::{
    DecodeErrorKind,
    block::{self, BLOCK},
    room::Room,
    utf8,
};

/// How many blocks of a long text are looked at together.
const MANY: usize = 4;

/// Writes the first `length` bytes of `source` as a JSON string. Only what JSON demands is escaped: quotes, backslashes,
/// control characters. What else follows in `source` does not show, but lets the text be read in whole blocks.
#[inline(never)]
pub(super) fn string(room: &mut Room<'_>, source: &[u8], length: usize) -> Result<(), Halt> {
    let Some(text) = source.get(..length) else { return Err(Halt::truncated()) };
    room.reserve(length + 2 + BLOCK);
    room.push(b'"');
    let (mut at, mut high) = (0, false);
    loop {
        // Many blocks at once, while there is nothing to be escaped.
        while let Some(bytes) = text.get(at..).and_then(|rest| rest.first_chunk::<{ MANY * BLOCK }>())
            && let ([blocks], _) = bytes.as_chunks::<BLOCK>().0.as_chunks::<MANY>()
            && let (false, is_high) = block::any(blocks)
        {
            high |= is_high;
            room.start_of(bytes, bytes.len());
            at += bytes.len();
        }
        if at >= length {
            break;
        }
        high |= one_block(room, source, text, &mut at);
    }
    room.push(b'"');
    if high && !utf8::is_valid(text) {
        return Err(Halt::new(DecodeErrorKind::Utf8));
    }
    Ok(())
}

/// Writes a block, or what there is before the first byte that needs an escape and that. Whether some of it was not ASCII.
#[inline(always)]
fn one_block(room: &mut Room<'_>, source: &[u8], text: &[u8], at: &mut usize) -> bool {
    let mut padded = [b' '; BLOCK];
    let bytes = match source.get(*at..).and_then(|rest| rest.first_chunk()) {
        Some(bytes) => bytes,
        None => {
            for (slot, byte) in padded.iter_mut().zip(text.get(*at..).unwrap_or_default()) {
                *slot = *byte;
            }
            &padded
        }
    };
    let end = BLOCK.min(text.len() - *at);
    let plain = (block::escapes(bytes).trailing_zeros() as usize).min(end);
    room.start_of(bytes, plain);
    *at += plain;
    if let (true, Some(byte)) = (plain < end, bytes.get(plain)) {
        escape(room, *byte);
        *at += 1;
    }
    block::high(bytes) & ((1 << plain) - 1) != 0
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
