//! Sixteen bytes of text at a time: which of them a JSON string cannot hold as they are, which are not ASCII.
//!
//! Answers are masks of sixteen bits, the first byte lowest.

/// How many bytes a block has.
pub(crate) const BLOCK: usize = 16;

pub(crate) use arch::{any, escapes, high, same};

/// SSE2, which every x86-64 processor has. The portable form costs three times the instructions on strings, which are
/// half of what is transcoded.
#[cfg(target_arch = "x86_64")]
mod arch {
    #![allow(unsafe_code)] // the proof stands at each block; nothing unsafe leaves this module

    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
        _mm_set1_epi8,
    };

    use super::BLOCK;

    #[inline(always)]
    fn load(block: &[u8; BLOCK]) -> __m128i {
        // SAFETY: sixteen bytes can be read there, no alignment is asked for, and SSE2 is part of x86-64.
        unsafe { _mm_loadu_si128(block.as_ptr().cast()) }
    }

    /// Quotes, backslashes and control characters.
    #[inline(always)]
    pub(crate) fn escapes(block: &[u8; BLOCK]) -> u32 {
        let bytes = load(block);
        // SAFETY: SSE2 is part of x86-64.
        let mask = unsafe {
            let control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
            let quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"' as i8));
            let backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\\' as i8));
            _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(control, quote), backslash))
        };
        mask.cast_unsigned()
    }

    /// Bytes from 0x80.
    #[inline(always)]
    pub(crate) fn high(block: &[u8; BLOCK]) -> u32 {
        let bytes = load(block);
        // SAFETY: SSE2 is part of x86-64.
        unsafe { _mm_movemask_epi8(bytes) }.cast_unsigned()
    }

    /// Whether any byte of several blocks is one of [`escapes`], and whether any is one of [`high`].
    #[inline(always)]
    pub(crate) fn any<const N: usize>(blocks: &[[u8; BLOCK]; N]) -> (bool, bool) {
        // SAFETY: SSE2 is part of x86-64.
        unsafe {
            let (mut odd, mut high) = (_mm_set1_epi8(0), _mm_set1_epi8(0));
            for block in blocks {
                let bytes = load(block);
                let control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
                let quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"' as i8));
                let backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\\' as i8));
                odd = _mm_or_si128(_mm_or_si128(odd, control), _mm_or_si128(quote, backslash));
                high = _mm_or_si128(high, bytes);
            }
            (_mm_movemask_epi8(odd) != 0, _mm_movemask_epi8(high) != 0)
        }
    }

    /// Bytes that both blocks have at the same place.
    #[inline(always)]
    pub(crate) fn same(block: &[u8; BLOCK], other: &[u8; BLOCK]) -> u32 {
        let (block, other) = (load(block), load(other));
        // SAFETY: SSE2 is part of x86-64.
        unsafe { _mm_movemask_epi8(_mm_cmpeq_epi8(block, other)) }.cast_unsigned()
    }
}

#[cfg(not(target_arch = "x86_64"))]
use portable as arch;

/// Two words of eight bytes.
#[cfg(any(test, not(target_arch = "x86_64")))]
mod portable {
    use super::BLOCK;

    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHS: u64 = ONES << 7;

    /// Quotes, backslashes and control characters.
    #[inline(always)]
    pub(crate) fn escapes(block: &[u8; BLOCK]) -> u32 {
        each_word(block, |word| {
            // Without their high bits, bytes cannot borrow from one another.
            let low = (word | HIGHS) - ONES * 0x20;
            !low & !word & HIGHS | zeros(word ^ (ONES * b'"' as u64)) | zeros(word ^ (ONES * b'\\' as u64))
        })
    }

    /// Bytes from 0x80.
    #[inline(always)]
    pub(crate) fn high(block: &[u8; BLOCK]) -> u32 {
        each_word(block, |word| word & HIGHS)
    }

    /// Whether any byte of several blocks is one of [`escapes`], and whether any is one of [`high`].
    #[inline(always)]
    pub(crate) fn any<const N: usize>(blocks: &[[u8; BLOCK]; N]) -> (bool, bool) {
        let all = |mask: fn(&[u8; BLOCK]) -> u32| blocks.iter().fold(0, |all, block| all | mask(block));
        (all(escapes) != 0, all(high) != 0)
    }

    /// Bytes that both blocks have at the same place.
    #[inline(always)]
    pub(crate) fn same(block: &[u8; BLOCK], other: &[u8; BLOCK]) -> u32 {
        let mut differences = *block;
        for (byte, other) in differences.iter_mut().zip(other) {
            *byte ^= other;
        }
        each_word(&differences, zeros)
    }

    /// The high bit of each byte that is zero.
    #[inline(always)]
    fn zeros(word: u64) -> u64 {
        !(((word & !HIGHS) + !HIGHS) | word) & HIGHS
    }

    /// Turns the high bits that `mark` sets into a mask.
    #[inline(always)]
    fn each_word(block: &[u8; BLOCK], mark: impl Fn(u64) -> u64) -> u32 {
        let (words, _) = block.as_chunks::<8>();
        words.iter().rev().fold(0, |mask, word| {
            // The product brings the high bit of byte n to bit 56 + n.
            let bits = (mark(u64::from_le_bytes(*word)) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
            mask << 8 | bits as u32
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_at_each_place_is_told() {
        for at in 0..BLOCK {
            // Interpreters that look for undefined behaviour are slow.
            for byte in (0..=255u8).step_by(if cfg!(miri) { 31 } else { 1 }) {
                for around in [b'a', b' ', 0x1f, b'"', b'\\', 0x80, 0xff, 0xa2] {
                    let mut block = [around; BLOCK];
                    block[at] = byte;
                    let expected = |is: fn(u8) -> bool| {
                        block.iter().rev().fold(0u32, |mask, byte| mask << 1 | u32::from(is(*byte)))
                    };
                    let wanted = expected(|byte| byte < 0x20 || byte == b'"' || byte == b'\\');
                    assert_eq!((escapes(&block), portable::escapes(&block)), (wanted, wanted), "{block:?}");
                    let wanted = expected(|byte| byte >= 0x80);
                    assert_eq!((high(&block), portable::high(&block)), (wanted, wanted), "{block:?}");
                    let other = [around; BLOCK];
                    let both = [other, block];
                    let wanted = (
                        both.iter().any(|block| escapes(block) != 0),
                        both.iter().any(|block| high(block) != 0),
                    );
                    assert_eq!((any(&both), portable::any(&both)), (wanted, wanted));
                    let wanted = if byte == around { 0xffff } else { 0xffff & !(1 << at) };
                    assert_eq!((same(&block, &other), portable::same(&block, &other)), (wanted, wanted));
                }
            }
        }
    }
}
