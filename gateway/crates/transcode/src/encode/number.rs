//! JSON numbers → integers and floats.
//!
//! Integers take what is integral in value, however it is written (`1`, `1.0`, `1e3`, `10e-1`); floats
//! are correctly rounded, `float` from the text itself and not by way of `double`.

/// Why a number does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberError {
    /// Not a whole number.
    Fraction,
    /// Outside of what the type holds.
    Range,
}

/// A whole number: sign and magnitude.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Integer {
    pub(crate) negative: bool,
    pub(crate) magnitude: u64,
}

impl Integer {
    /// As an `int64`.
    #[inline]
    pub(crate) fn signed(self) -> Result<i64, NumberError> {
        if self.negative {
            0i64.checked_sub_unsigned(self.magnitude).ok_or(NumberError::Range)
        } else {
            i64::try_from(self.magnitude).map_err(|_| NumberError::Range)
        }
    }

    /// As a `uint64`. Minus zero is zero.
    #[inline]
    pub(crate) fn unsigned(self) -> Result<u64, NumberError> {
        if self.negative && self.magnitude != 0 { Err(NumberError::Range) } else { Ok(self.magnitude) }
    }
}

/// The integer at the beginning of `input` and its length, if it is written plainly: digits without
/// leading zeros, fraction or exponent, and below 2^64. `None` says nothing but that the long way must be taken.
#[inline]
pub(crate) fn plain_integer(input: &[u8]) -> Option<(Integer, usize)> {
    let negative = input.first() == Some(&b'-');
    let start = usize::from(negative);
    let (magnitude, end) = digits(input, start)?;
    let after = input.get(end).copied().unwrap_or(0);
    let leading_zero = input.get(start) == Some(&b'0') && end > start + 1;
    if end == start || leading_zero || matches!(after, b'.' | b'e' | b'E') {
        return None;
    }
    Some((Integer { negative, magnitude }, end))
}

/// The digits from `start` on and where they end; `None` if they mean 2^64 or more.
///
/// Up to eight digits are read in one step, whatever their number: lengths vary, and a loop over single
/// digits is left at a place that the processor cannot foresee.
#[inline]
fn digits(input: &[u8], start: usize) -> Option<(u64, usize)> {
    let mut at = start;
    let mut value = 0u64;
    while let Some(word) = input.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*word);
        let count = digit_count(word);
        if count == 0 {
            return Some((value, at));
        }
        let part = first_digits(word, count);
        value = append(value, part, count, at - start)?;
        at += count;
        if count < 8 {
            return Some((value, at));
        }
    }
    while let Some(digit) = input.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit <= 9) {
        value = append(value, u64::from(digit), 1, at - start)?;
        at += 1;
    }
    Some((value, at))
}

/// `value` with the `count` digits of `part` behind its `before` digits.
#[inline]
fn append(value: u64, part: u64, count: usize, before: usize) -> Option<u64> {
    let scale = SCALES.get(count)?;
    // Nineteen digits fit whatever they are.
    if before + count <= 19 {
        Some(value * scale + part)
    } else {
        value.checked_mul(*scale)?.checked_add(part)
    }
}

/// How much [`short_integer`] and [`shortest_double`] look at: a sign, and three words that overlap by what they may leave.
pub(crate) const WINDOW: usize = 26;

/// The integer below 2^64 that `window` begins with, and its length. What follows has not been looked at, but it is no
/// digit.
#[inline(always)]
pub(crate) fn short_integer(window: &[u8; WINDOW]) -> Option<(Integer, usize)> {
    let negative = window[0] == b'-';
    let start = usize::from(negative);
    let word = |at: usize| {
        window.get(start + at..).and_then(|rest| rest.first_chunk()).map(|word| u64::from_le_bytes(*word))
    };
    let first = word(0)?;
    let count = digit_count(first);
    if count == 0 || (first as u8 == b'0' && count > 1) {
        return None;
    }
    let mut magnitude = first_digits(first, count);
    let mut length = count;
    if count == 8 {
        let second = word(8)?;
        let count = digit_count(second);
        if count > 0 {
            magnitude = magnitude * SCALES[count] + first_digits(second, count);
        }
        length += count;
        if count == 8 {
            let third = word(16)?;
            let count = digit_count(third);
            if count > 4 {
                return None;
            }
            if count > 0 {
                magnitude = magnitude.checked_mul(SCALES[count])?.checked_add(first_digits(third, count))?;
            }
            length += count;
        }
    }
    Some((Integer { negative, magnitude }, start + length))
}

/// The double that `window` begins with, and its length, if there are at most seven digits before the point and not many
/// more after it.
#[inline(always)]
pub(crate) fn shortest_double(window: &[u8; WINDOW]) -> Option<(f64, usize)> {
    let negative = window[0] == b'-';
    let start = usize::from(negative);
    let word = |at: usize| {
        window.get(at..).and_then(|rest| rest.first_chunk()).map(|word| u64::from_le_bytes(*word))
    };
    let first = word(start)?;
    let count = digit_count(first);
    if count == 0 || count == 8 || (first as u8 == b'0' && count > 1) {
        return None;
    }
    let mut digits = first_digits(first, count);
    let mut end = start + count;
    let mut fraction = 0;
    if window.get(end) == Some(&b'.') {
        let second = word(end + 1)?;
        fraction = digit_count(second);
        if fraction == 0 {
            return None;
        }
        let mut below = first_digits(second, fraction);
        if fraction == 8 {
            let third = word(end + 9)?;
            let more = digit_count(third);
            if more > 0 {
                below = below * SCALES[more] + first_digits(third, more);
            }
            fraction += more;
        }
        // Ten to the sixteenth is far from overflow.
        if count + fraction > 16 || fraction == 16 {
            return None;
        }
        digits = digits * TENS[fraction] + below;
        if digits >= 1 << 53 {
            return None;
        }
        end += 1 + fraction;
    }
    if matches!(window.get(end), Some(b'e' | b'E')) {
        return None;
    }
    // Both are exact, so the quotient is rounded but once.
    let value = digits as i64 as f64 / POWERS[fraction];
    Some((if negative { -value } else { value }, end))
}

/// What the first `count` digits of a word mean, 1 to 8.
#[inline(always)]
fn first_digits(word: u64, count: usize) -> u64 {
    // The first digit is the lowest byte; the others move up, and zeros come in before them.
    eight_digits(word << (64 - 8 * count))
}

const SCALES: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// The powers of ten as whole numbers, as far as [`shortest_double`] wants them.
const TENS: [u64; 16] = {
    let mut tens = [1; 16];
    let mut power = 1;
    while power < tens.len() {
        tens[power] = tens[power - 1] * 10;
        power += 1;
    }
    tens
};

/// How many of the bytes are digits before the first that is none.
#[inline]
fn digit_count(word: u64) -> usize {
    let low = word ^ 0x3030_3030_3030_3030;
    // Above nine the sum reaches the high bit; without its own high bit a byte cannot reach the next one.
    let above_nine = ((low & 0x7f7f_7f7f_7f7f_7f7f) + 0x7676_7676_7676_7676) | low;
    ((above_nine & 0x8080_8080_8080_8080).trailing_zeros() / 8) as usize
}

/// What eight digits mean; a byte that is zero counts as the digit zero.
#[inline]
fn eight_digits(word: u64) -> u64 {
    let ones = word & 0x0f0f_0f0f_0f0f_0f0f;
    let pairs = (ones * 10 + (ones >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    (fours * 10_000 + (fours >> 32)) & 0xffff_ffff
}

/// The integer that a JSON number (by its grammar already) means.
pub(crate) fn integer(number: &[u8]) -> Result<Integer, NumberError> {
    let decimal = Decimal::parse(number);
    // The digits times ten to the exponent; digits after the point move the exponent down.
    let mut magnitude = 0u64;
    let mut zeros = 0i64;
    let mut exponent = decimal.exponent;
    for digit in decimal.whole.iter().chain(decimal.fraction).map(|digit| u64::from(digit - b'0')) {
        if digit == 0 {
            zeros += 1;
            continue;
        }
        // Zeros count only when a digit follows them: trailing ones stay in the exponent.
        magnitude = shift(magnitude, zeros + 1)?.checked_add(digit).ok_or(NumberError::Range)?;
        zeros = 0;
    }
    if magnitude == 0 {
        return Ok(Integer { negative: decimal.negative, magnitude });
    }
    exponent = exponent.saturating_add(zeros).saturating_sub(decimal.fraction.len() as i64);
    if exponent < 0 {
        return Err(NumberError::Fraction);
    }
    Ok(Integer { negative: decimal.negative, magnitude: shift(magnitude, exponent)? })
}

/// Times ten to the `zeros`.
fn shift(magnitude: u64, zeros: i64) -> Result<u64, NumberError> {
    if magnitude == 0 {
        return Ok(0);
    }
    let power = u32::try_from(zeros).ok().and_then(|zeros| 10u64.checked_pow(zeros));
    power.and_then(|power| magnitude.checked_mul(power)).ok_or(NumberError::Range)
}

struct Decimal<'n> {
    negative: bool,
    whole: &'n [u8],
    fraction: &'n [u8],
    /// Saturated: beyond some hundreds it makes no difference.
    exponent: i64,
}

impl<'n> Decimal<'n> {
    fn parse(number: &'n [u8]) -> Self {
        let (negative, unsigned) = match number.split_first() {
            Some((b'-', rest)) => (true, rest),
            _ => (false, number),
        };
        let mut at_exponent = unsigned.splitn(2, |byte| matches!(byte, b'e' | b'E'));
        let mantissa = at_exponent.next().unwrap_or_default();
        let exponent = at_exponent.next().map_or(0, exponent);
        let mut at_point = mantissa.splitn(2, |byte| *byte == b'.');
        let whole = at_point.next().unwrap_or_default();
        Self { negative, whole, fraction: at_point.next().unwrap_or_default(), exponent }
    }
}

fn exponent(text: &[u8]) -> i64 {
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    let value = digits
        .iter()
        .fold(0i64, |all, digit| all.saturating_mul(10).saturating_add(i64::from(digit - b'0')).min(1 << 40));
    if negative { -value } else { value }
}

/// Exact powers of ten: every one that a double holds without rounding.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// A number written without an exponent whose digits mean less than 2^53, read at the beginning of `input`: sign, digits,
/// how many of them stand after the point, and the length. Digits and power of ten are then exact, and so one
/// division rounds correctly.
#[inline]
fn short_decimal(input: &[u8]) -> Option<(bool, u64, usize, usize)> {
    let negative = input.first() == Some(&b'-');
    let start = usize::from(negative);
    let (mut value, mut end) = digits(input, start)?;
    let whole = end - start;
    let leading_zero = input.get(start) == Some(&b'0') && whole > 1;
    if whole == 0 || leading_zero {
        return None;
    }
    let mut fraction = 0;
    if input.get(end) == Some(&b'.') {
        let (below, after) = digits(input, end + 1)?;
        fraction = after - end - 1;
        if fraction == 0 {
            return None;
        }
        let scale = 10u64.checked_pow(u32::try_from(fraction).ok()?)?;
        value = value.checked_mul(scale)?.checked_add(below)?;
        end = after;
    }
    if value >= 1 << 53 || matches!(input.get(end), Some(b'e' | b'E')) {
        return None;
    }
    Some((negative, value, fraction, end))
}

/// The double at the beginning of `input` and its length, if it is written shortly. `None` says nothing but
/// that the long way must be taken.
#[inline]
pub(crate) fn short_double(input: &[u8]) -> Option<(f64, usize)> {
    let (negative, digits, fraction, len) = short_decimal(input)?;
    let value = digits as f64 / POWERS.get(fraction)?;
    Some((if negative { -value } else { value }, len))
}

/// The float at the beginning of `input` and its length, if it is written shortly.
#[inline]
pub(crate) fn short_float(input: &[u8]) -> Option<(f32, usize)> {
    let (double, len) = input.first_chunk().and_then(shortest_double).or_else(|| short_double(input))?;
    // Rounding twice is as good as once unless the first rounding ends halfway between two floats. Small
    // values, whose floats are spaced otherwise, take the long way.
    let is_halfway = double.to_bits() & 0x1fff_ffff == 0x1000_0000;
    let is_ordinary = double == 0.0 || (1e-30..1e30).contains(&double.abs());
    if is_halfway || !is_ordinary {
        return None;
    }
    Some((double as f32, len))
}

/// The double that a JSON number (by its grammar already) means.
pub(crate) fn double(number: &[u8]) -> Result<f64, NumberError> {
    let value: f64 = parse(number)?;
    if value.is_finite() { Ok(value) } else { Err(NumberError::Range) }
}

/// The float that a JSON number (by its grammar already) means.
pub(crate) fn float(number: &[u8]) -> Result<f32, NumberError> {
    let value: f32 = parse(number)?;
    if value.is_finite() { Ok(value) } else { Err(NumberError::Range) }
}

fn parse<T: std::str::FromStr>(number: &[u8]) -> Result<T, NumberError> {
    let text = str::from_utf8(number).map_err(|_| NumberError::Range)?;
    text.parse().map_err(|_| NumberError::Range)
}

#[cfg(test)]
mod tests;
