//! Finds the end of a JSON string, many bytes at a time.
//!
//! Portable: eight bytes in a word for the short strings, then blocks that the compiler turns into
//! vector instructions.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;
const BLOCK: usize = 32;
/// How many words are looked at before the blocks begin.
const WORDS: usize = 4;

/// The offset of the first quote, backslash or control character at or after `at`; the length of the input if there is none.
#[inline]
pub(crate) fn string_end(input: &[u8], mut at: usize) -> usize {
    for _ in 0..WORDS {
        let Some(word) = input.get(at..).and_then(|rest| rest.first_chunk::<8>()) else {
            return tail(input, at);
        };
        let found = special(u64::from_le_bytes(*word));
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    long(input, at)
}

/// The high bit of each byte that is special; exact up to and including the first of them.
#[inline]
fn special(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    // A byte below 0x20, or one that became zero, borrows into its high bit; bytes above 0x7f are masked out.
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = quote.wrapping_sub(ONES) & !quote;
    let backslash = backslash.wrapping_sub(ONES) & !backslash;
    (control | quote | backslash) & HIGHS
}

fn long(input: &[u8], mut at: usize) -> usize {
    while let Some(block) = input.get(at..).and_then(|rest| rest.first_chunk::<BLOCK>()) {
        if block.iter().fold(false, |any, byte| any | is_special(*byte)) {
            break;
        }
        at += BLOCK;
    }
    while let Some(word) = input.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let found = special(u64::from_le_bytes(*word));
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    tail(input, at)
}

#[inline]
fn is_special(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\\') | (byte < 0x20)
}

fn tail(input: &[u8], at: usize) -> usize {
    let rest = input.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| is_special(*byte)).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_first_special_byte_at_every_place() {
        for len in 0..150 {
            for plain in [b'a', b' ', b'!', b'#', b'[', b']', 0x7f, 0x80, 0xff, 0xa2, 0xdc, 0x9f] {
                assert_eq!(string_end(&vec![plain; len], 0), len, "{len} of {plain}");
                for special in [b'"', b'\\', 0, 0x1f, b'\n'] {
                    let mut text = vec![plain; len];
                    text.push(special);
                    text.extend([b'"'; 40]);
                    assert_eq!(string_end(&text, 0), len, "{len} of {plain} then {special}");
                }
            }
        }
    }
}
