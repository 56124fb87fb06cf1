//! Finds the end of a JSON string, many bytes at a time.

use crate::block::{self, BLOCK};

/// How many blocks of a long string are looked at together.
const MANY: usize = 4;

/// The offset of the first quote, backslash or control character at or after `at` (the length of the input if there is
/// none), and whether all before it is ASCII.
#[inline]
pub(crate) fn string_end(input: &[u8], mut at: usize) -> (usize, bool) {
    let mut high = 0;
    for _ in 0..2 {
        let Some(block) = chunk(input, at) else { return tail(input, at, high != 0) };
        let found = block::escapes(block).trailing_zeros();
        high |= block::high(block) & before(found);
        if found < BLOCK as u32 {
            return (at + found as usize, high == 0);
        }
        at += BLOCK;
    }
    long(input, at, high != 0)
}

#[inline(always)]
fn chunk<const N: usize>(input: &[u8], at: usize) -> Option<&[u8; N]> {
    input.get(at..).and_then(|rest| rest.first_chunk())
}

/// The bits before one of 16, or all.
#[inline(always)]
fn before(found: u32) -> u32 {
    ((1u64 << found) - 1) as u32
}

fn long(input: &[u8], mut at: usize, mut high: bool) -> (usize, bool) {
    while let Some(bytes) = chunk::<{ MANY * BLOCK }>(input, at)
        && let ([blocks], _) = bytes.as_chunks::<BLOCK>().0.as_chunks::<MANY>()
        && let (false, is_high) = block::any(blocks)
    {
        high |= is_high;
        at += bytes.len();
    }
    while let Some(block) = chunk(input, at) {
        let found = block::escapes(block).trailing_zeros();
        high |= block::high(block) & before(found) != 0;
        if found < BLOCK as u32 {
            return (at + found as usize, !high);
        }
        at += BLOCK;
    }
    tail(input, at, high)
}

#[cold]
fn tail(input: &[u8], at: usize, mut high: bool) -> (usize, bool) {
    let rest = input.get(at..).unwrap_or_default();
    let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len());
    high |= !rest.iter().take(plain).all(u8::is_ascii);
    (at + plain, !high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_first_special_byte_at_every_place() {
        for len in 0..150 {
            for plain in [b'a', b' ', b'!', b'#', b'[', b']', 0x7f, 0x80, 0xff, 0xa2, 0xdc, 0x9f] {
                let is_ascii = plain < 0x80 || len == 0;
                assert_eq!(string_end(&vec![plain; len], 0), (len, is_ascii), "{len} of {plain}");
                for special in [b'"', b'\\', 0, 0x1f, b'\n'] {
                    let mut text = vec![plain; len];
                    text.push(special);
                    text.extend([b'"', 0xff].repeat(40));
                    assert_eq!(string_end(&text, 0), (len, is_ascii), "{len} of {plain} then {special}");
                    if let Some(last) = len.checked_sub(1) {
                        text[last] = 0xff;
                        assert_eq!(string_end(&text, 0), (len, false), "{len} of {plain} then {special}");
                    }
                }
            }
        }
    }
}
