//! Decimal digits, eight at a time in a register: no small buffer between, whose bytes would have to come back from
//! memory before they had reached it.

use crate::room::Claim;

const TEN_TO_8: u64 = 100_000_000;
const ZEROS: u64 = u64::from_ne_bytes([b'0'; 8]);

/// What a number of 64 bits may take while it is written: its twenty digits, in words of eight.
pub(super) const NUMBER: usize = 24;

/// `00` to `99`.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + number as u8 / 10, b'0' + number as u8 % 10];
        number += 1;
    }
    pairs
};

/// Two digits. Only the last two count.
#[inline(always)]
pub(super) fn pair(number: u64) -> [u8; 2] {
    PAIRS[number as usize % 100]
}

/// The eight digits of a number below 10^8 as a byte each, 0 to 9, the first one lowest.
#[inline(always)]
fn eight(number: u64) -> u64 {
    // Divide and conquer: two times four digits, four times two, eight times one. The factors are reciprocals,
    // exact for numbers of that size.
    let high = (number * 109_951_163) >> 40;
    let fours = high | ((number - high * 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = hundreds | ((fours - hundreds * 100) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | ((twos - tens * 10) << 8)
}

/// Writes a number.
#[inline(always)]
pub(super) fn number(claim: Claim<'_, NUMBER>, number: u64) -> Claim<'_, 0> {
    if number < TEN_TO_8 { leading(claim, number).end() } else { long(claim, number) }
}

#[inline(always)]
fn long(claim: Claim<'_, NUMBER>, number: u64) -> Claim<'_, 0> {
    let (high, low) = (number / TEN_TO_8, number % TEN_TO_8);
    let claim = if high < TEN_TO_8 {
        leading(claim, high).start_of(&[], 0)
    } else {
        let claim: Claim<'_, 16> = leading(claim, high / TEN_TO_8);
        all_eight(claim, high % TEN_TO_8)
    };
    let claim: Claim<'_, 8> = claim;
    all_eight(claim, low)
}

/// Without the zeros before it.
#[inline(always)]
fn leading(claim: Claim<'_, NUMBER>, number: u64) -> Claim<'_, 16> {
    if number < 10 {
        return claim.push(b'0' + number as u8);
    }
    let digits = eight(number);
    let zeros = digits.trailing_zeros() / 8;
    let text = (digits | ZEROS) >> (zeros * 8);
    claim.start_of(&text.to_le_bytes(), 8 - zeros as usize)
}

#[inline(always)]
fn all_eight<const LEFT: usize, const REST: usize>(claim: Claim<'_, LEFT>, number: u64) -> Claim<'_, REST> {
    claim.start_of(&(eight(number) | ZEROS).to_le_bytes(), 8)
}

/// Writes a number of millionths that is not 0, without the zeros behind it.
#[inline(always)]
pub(super) fn fraction(claim: Claim<'_, 8>, millionths: u64) -> Claim<'_, 0> {
    let digits = eight(millionths * 100);
    let zeros = digits.leading_zeros() / 8;
    claim.start_of(&(digits | ZEROS).to_le_bytes(), 8 - zeros as usize)
}

/// Writes a number of at most eight digits with zeros before it, in so many digits.
#[inline(always)]
pub(super) fn exactly<const LEFT: usize, const REST: usize>(
    claim: Claim<'_, LEFT>,
    number: u64,
    count: u32,
) -> Claim<'_, REST> {
    let text = (eight(number) | ZEROS) >> (8 * 8u32.saturating_sub(count)).min(63);
    claim.start_of(&text.to_le_bytes(), count.min(8) as usize)
}

#[cfg(test)]
mod tests {
    use crate::room::Room;

    fn written(number: u64) -> String {
        let mut out = Vec::new();
        Room::new(&mut out).claim(|claim| super::number(claim, number));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_of_every_length() {
        let mut number = 0u64;
        for _ in 0..20 {
            for near in [number, number.wrapping_sub(1), number / 2, number / 3, number + 1] {
                assert_eq!(written(near), near.to_string());
            }
            number = if number == 0 { 10 } else { number.saturating_mul(10) };
        }
        assert_eq!(written(u64::MAX), u64::MAX.to_string());
    }

    #[test]
    fn four_digits_are_split_off_exactly() {
        for high in 0..10_000u64 {
            for low in [0, 1, 9, 10, 99, 4_999, 9_998, 9_999] {
                let number = high * 10_000 + low;
                assert_eq!((number * 109_951_163) >> 40, high);
                assert_eq!(written(number), number.to_string());
            }
        }
    }
}
