//! Decimal digits, eight at a time in a register: no small buffer between, whose bytes would have to come back from
//! memory before they had reached it.

use super::room::Room;

const TEN_TO_8: u64 = 100_000_000;
const ZEROS: u64 = u64::from_ne_bytes([b'0'; 8]);

/// The eight digits of a number below 10^8 as a byte each, 0 to 9, the first one lowest.
#[inline(always)]
fn eight(number: u64) -> u64 {
    // Divide and conquer: two times four digits, four times two, eight times one. The factors are reciprocals,
    // exact for numbers of that size.
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = hundreds | ((fours - hundreds * 100) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | ((twos - tens * 10) << 8)
}

/// Writes a number.
#[inline(always)]
pub(super) fn number(room: &mut Room<'_>, number: u64) {
    if number < TEN_TO_8 {
        leading(room, number);
    } else {
        long(room, number);
    }
}

#[inline(always)]
fn long(room: &mut Room<'_>, number: u64) {
    let (high, low) = (number / TEN_TO_8, number % TEN_TO_8);
    if high < TEN_TO_8 {
        leading(room, high);
    } else {
        leading(room, high / TEN_TO_8);
        all_eight(room, high % TEN_TO_8);
    }
    all_eight(room, low);
}

/// Without the zeros before it.
#[inline(always)]
fn leading(room: &mut Room<'_>, number: u64) {
    if number < 10 {
        room.push(b'0' + number as u8);
        return;
    }
    let digits = eight(number);
    let zeros = digits.trailing_zeros() / 8;
    let text = (digits | ZEROS) >> (zeros * 8);
    room.start_of(&text.to_le_bytes(), 8 - zeros as usize);
}

#[inline(always)]
fn all_eight(room: &mut Room<'_>, number: u64) {
    room.start_of(&(eight(number) | ZEROS).to_le_bytes(), 8);
}

/// Writes a number of millionths that is not 0, without the zeros behind it.
#[inline(always)]
pub(super) fn fraction(room: &mut Room<'_>, millionths: u64) {
    let digits = eight(millionths * 100);
    let zeros = digits.leading_zeros() / 8;
    room.start_of(&(digits | ZEROS).to_le_bytes(), 8 - zeros as usize);
}

/// Writes a number of at most eight digits with zeros before it, in so many digits.
#[inline(always)]
pub(super) fn exactly(room: &mut Room<'_>, number: u64, count: u32) {
    let text = (eight(number) | ZEROS) >> (8 * 8u32.saturating_sub(count)).min(63);
    room.start_of(&text.to_le_bytes(), count.min(8) as usize);
}
