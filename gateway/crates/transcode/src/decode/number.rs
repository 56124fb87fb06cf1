//! Writing JSON numbers, and the strings that 64-bit ones become.

use zmij::Float;

use super::digits::{self, NUMBER};
use crate::room::Claim;

/// What an integer may take while it is written.
pub(super) const INTEGER: usize = NUMBER + 1;
/// The same in quotes.
pub(super) const QUOTED: usize = INTEGER + 2;
/// What a floating point number may take.
pub(super) const FLOAT: usize = NUMBER + 10;

/// An integer as a JSON number.
#[inline(always)]
pub(super) fn integer(claim: Claim<'_, INTEGER>, value: i64) -> Claim<'_, 0> {
    let claim = if value < 0 { claim.push(b'-') } else { claim.start_of(&[], 0) };
    digits::number(claim, value.unsigned_abs())
}

/// An unsigned integer as a JSON number.
#[inline(always)]
pub(super) fn unsigned(claim: Claim<'_, INTEGER>, value: u64) -> Claim<'_, 0> {
    claim.part::<NUMBER, 0>(|claim| digits::number(claim, value))
}

/// An integer as a JSON string: what 64-bit ones become, because JSON readers lose digits beyond 2^53.
#[inline(always)]
pub(super) fn quoted_integer(claim: Claim<'_, QUOTED>, value: i64) -> Claim<'_, 0> {
    let claim: Claim<'_, { QUOTED - 1 }> = claim.push(b'"');
    let claim: Claim<'_, 1> = claim.part(|claim| integer(claim, value));
    claim.push(b'"')
}

/// An unsigned integer as a JSON string.
#[inline(always)]
pub(super) fn quoted_unsigned(claim: Claim<'_, QUOTED>, value: u64) -> Claim<'_, 0> {
    let claim: Claim<'_, { QUOTED - 1 }> = claim.push(b'"');
    let claim: Claim<'_, 1> = claim.part(|claim| unsigned(claim, value));
    claim.push(b'"')
}

/// `.x` or `.xx` of hundredths, and its length; nothing of none.
const FRACTIONS: [[u8; 4]; 100] = {
    let mut fractions = [[0; 4]; 100];
    let mut hundredths = 1;
    while hundredths < 100 {
        let (tenth, hundredth) = (hundredths as u8 / 10, hundredths as u8 % 10);
        let length = if hundredth == 0 { 2 } else { 3 };
        fractions[hundredths] = [b'.', b'0' + tenth, b'0' + hundredth, length];
        hundredths += 1;
    }
    fractions
};

/// Added to a number below 2^51 it leaves no bits for a fraction, and its lowest ones are the number rounded.
const ROUNDER: f64 = (1u64 << 52) as f64;

/// The number of parts, of which `scale` make one, that `value` is when read as a double; `None` if it is none or as large
/// that it might have more than fifteen digits.
///
/// A decimal of at most 15 digits is the only one of that length that reads as its double, and so the shortest: it
/// need not be searched for. Division rounds to the nearest, so equality proves that it reads as that double.
#[inline(always)]
fn parts(value: f64, scale: f64) -> Option<u64> {
    let scaled = value * scale;
    if scaled >= 1e15 {
        return None;
    }
    let raised = scaled + ROUNDER;
    let rounded = raised - ROUNDER;
    // The product is off by its last bit at most. Most numbers of more digits are told by that, without dividing; NaN is
    // told by being unequal to itself.
    if (rounded - scaled).abs() > scaled * f64::EPSILON || rounded / scale != value {
        return None;
    }
    Some(raised.to_bits() - ROUNDER.to_bits())
}

/// The shortest number that reads back as this one; what JSON has no number for is a string.
#[inline(always)]
pub(super) fn double(claim: Claim<'_, FLOAT>, value: f64) -> Claim<'_, 0> {
    let Some(hundredths) = parts(value.abs(), 100.0) else { return long_double(claim, value) };
    decimal(claim, value.is_sign_negative(), hundredths)
}

/// A number of hundredths: prices, percentages, counts.
#[inline(always)]
fn decimal(claim: Claim<'_, FLOAT>, negative: bool, hundredths: u64) -> Claim<'_, 0> {
    let claim: Claim<'_, { FLOAT - 1 }> = if negative { claim.push(b'-') } else { claim.start_of(&[], 0) };
    let fraction = &FRACTIONS[(hundredths % 100) as usize];
    let claim: Claim<'_, 4> = claim.part(|claim| digits::number(claim, hundredths / 100));
    claim.start_of(fraction, usize::from(fraction[3]))
}

/// With more digits after the point.
#[inline(never)]
fn long_double(claim: Claim<'_, FLOAT>, value: f64) -> Claim<'_, 0> {
    let Some(millionths) = parts(value.abs(), 1e6) else { return float(claim, value) };
    let claim: Claim<'_, { FLOAT - 1 }> =
        if value.is_sign_negative() { claim.push(b'-') } else { claim.start_of(&[], 0) };
    let claim: Claim<'_, 9> = claim.part(|claim| digits::number(claim, millionths / 1_000_000));
    let claim: Claim<'_, 8> = claim.push(b'.');
    digits::fraction(claim, millionths % 1_000_000)
}

/// As [`double`], in the precision of its type.
#[inline(always)]
pub(super) fn single(claim: Claim<'_, FLOAT>, value: f32) -> Claim<'_, 0> {
    // As above, with the six digits that a float holds.
    const SCALE: f32 = 1e2;
    let scaled = value.abs() * SCALE + 0.5;
    if scaled < 1e6 {
        let hundredths = scaled as i32;
        if hundredths as f32 / SCALE == value.abs() {
            return decimal(claim, value.is_sign_negative(), u64::from(hundredths.cast_unsigned()));
        }
    }
    float(claim, value)
}

#[inline(never)]
fn float<F: Float + Into<f64> + Copy>(claim: Claim<'_, FLOAT>, value: F) -> Claim<'_, 0> {
    let wide: f64 = value.into();
    if !wide.is_finite() {
        return claim.short(not_finite(wide));
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value);
    claim.short(text.strip_suffix(".0").unwrap_or(text).as_bytes())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::Room;

    fn written<const N: usize>(write: impl for<'c> FnOnce(Claim<'c, N>) -> Claim<'c, 0>) -> String {
        let mut out = Vec::new();
        Room::new(&mut out).claim(write);
        String::from_utf8(out).unwrap()
    }

    /// What the shortest form is, by another way to it.
    fn shortest(value: f64) -> String {
        if value == 0.0 {
            return if value.is_sign_negative() { "-0" } else { "0" }.to_owned();
        }
        let text = zmij::Buffer::new().format_finite(value).to_owned();
        text.strip_suffix(".0").unwrap_or(&text).to_owned()
    }

    #[test]
    fn short_decimals_are_printed_as_the_shortest_form_has_them() {
        let mut seed = 1u64;
        for round in 0..200_000u64 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(round);
            let whole = seed >> (20 + seed % 44);
            for scale in [1.0, 10.0, 100.0, 1e3, 1e6, 1e7, 1e9] {
                let value = whole as f64 / scale;
                for near in [value, -value, f64::from_bits(value.to_bits() + 1), value * 3.0] {
                    // Numbers as large or small as to need an exponent are printed otherwise by either.
                    if near != 0.0 && !(1e-4..1e15).contains(&near.abs()) {
                        continue;
                    }
                    assert_eq!(written(|claim| double(claim, near)), shortest(near), "{near:?}");
                }
            }
        }
    }

    #[test]
    fn numbers_that_are_special() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (0.01, "0.01"),
            (-0.5, "-0.5"),
            (100.0, "100"),
            (0.3, "0.3"),
            (0.1 + 0.2, "0.30000000000000004"),
            (9_999_999_999_999.99, "9999999999999.99"),
            (f64::NAN, "\"NaN\""),
            (f64::INFINITY, "\"Infinity\""),
            (f64::NEG_INFINITY, "\"-Infinity\""),
        ] {
            assert_eq!(written(|claim| double(claim, value)), expected);
        }
        assert_eq!(written(|claim| single(claim, 0.1)), "0.1");
        assert_eq!(written(|claim| single(claim, -1234.5)), "-1234.5");
        assert_eq!(written(|claim| single(claim, f32::NAN)), "\"NaN\"");
        assert_eq!(written(|claim| quoted_integer(claim, i64::MIN)), "\"-9223372036854775808\"");
        assert_eq!(written(|claim| quoted_unsigned(claim, u64::MAX)), "\"18446744073709551615\"");
    }
}
