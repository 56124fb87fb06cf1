//! Whether text is UTF-8, when most of it is ASCII or not at all.
//!
//! `str::from_utf8` goes byte by byte from the first byte that is not ASCII; short strings with a letter of another
//! script in them are validated faster from one such letter to the next.

const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);

/// Whether it is UTF-8.
pub(crate) fn is_valid(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some(word) = rest.first_chunk::<8>() {
        let ascii = ((u64::from_le_bytes(*word) & HIGHS).trailing_zeros() / 8) as usize;
        let Some(next) = rest.get(ascii..) else { break };
        rest = next;
        while let Some(four) = rest.first_chunk::<4>() {
            let word = u32::from_le_bytes(*four);
            if word & 0x80 == 0 {
                break;
            }
            let Some(next) = rest.get(sequence(word)..) else { return false };
            if next.len() == rest.len() {
                return false;
            }
            rest = next;
        }
    }
    // Most texts end in ASCII: of their last eight bytes, those that are left are looked at together.
    let unread = u32::try_from(rest.len()).unwrap_or(u32::MAX);
    let last = text.last_chunk().map(|last| u64::from_le_bytes(*last));
    if last
        .and_then(|last| last.checked_shr(u64::BITS.saturating_sub(8 * unread)))
        .is_some_and(|last| last & HIGHS == 0)
    {
        return true;
    }
    std::str::from_utf8(rest).is_ok()
}

/// How long the sequence is that begins with the lowest byte; 0 if that is none. Table 3-7 of the Unicode standard.
#[inline(always)]
fn sequence(word: u32) -> usize {
    if word & 0x0000_c0e0 == 0x0000_80c0 {
        // From U+0080: lead bytes 0xc0 and 0xc1 would say less.
        return if word & 0x1e != 0 { 2 } else { 0 };
    }
    if word & 0x00c0_c0f0 == 0x0080_80e0 {
        // From U+0800, and no surrogates.
        let top = word & 0x200f;
        return if top != 0 && top != 0x200d { 3 } else { 0 };
    }
    if word & 0xc0c0_c0f8 == 0x8080_80f0 {
        // From U+10000 to U+10FFFF.
        let top = (word & 7) << 2 | (word >> 12) & 3;
        return if (1..=16).contains(&top) { 4 } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_is_valid_and_no_other_sequence() {
        for lead in 0x80..=0xffu32 {
            for second in 0..=255u32 {
                for third in [0, 0x20, 0x7f, 0x80, 0x9f, 0xa0, 0xbf, 0xc0, 0xff] {
                    for fourth in [0, 0x7f, 0x80, 0xbf, 0xc0, 0xff] {
                        let bytes = [lead as u8, second as u8, third, fourth];
                        for (before, after) in
                            [("", ""), ("ascii", " and more ascii"), ("grün", "日本語 ascii")]
                        {
                            let text = [before.as_bytes(), &bytes, after.as_bytes()].concat();
                            let expected = std::str::from_utf8(&text).is_ok();
                            assert_eq!(is_valid(&text), expected, "{text:x?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn cut_off_anywhere() {
        let text = "plain text, grün, 日本語, 😀😀 and русский текст";
        for start in 0..text.len() {
            for end in start..=text.len() {
                let part = &text.as_bytes()[start..end];
                assert_eq!(is_valid(part), std::str::from_utf8(part).is_ok(), "{start}..{end}");
            }
        }
    }
}
