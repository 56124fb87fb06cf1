//! Money: doubles on the wire, whole cents everywhere else.

use std::iter::Sum;

/// The dearest price of one thing, in whole units of the currency.
const DEAREST: f64 = 10_000_000.0;

/// An amount in hundredths of the currency's unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cents(pub i64);

/// Why a number is no price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// NaN or an infinity.
    #[error("must be a number")]
    NotFinite,
    /// Below zero.
    #[error("must not be negative")]
    Negative,
    /// Above the dearest price.
    #[error("must be at most 10000000")]
    TooLarge,
}

impl Cents {
    /// A price as it came over the wire, rounded to the cent, half to even.
    ///
    /// What is rounded is the decimal number that the sender wrote (the shortest one that names this double), so that
    /// 1.005 is a half and becomes 1.00, although the double lies a little beside it.
    ///
    /// # Errors
    /// The number is not finite, negative, or too large.
    pub fn from_price(price: f64) -> Result<Self, PriceError> {
        if !price.is_finite() {
            return Err(PriceError::NotFinite);
        }
        if price < 0.0 {
            return Err(PriceError::Negative);
        }
        if price > DEAREST {
            return Err(PriceError::TooLarge);
        }
        // Rust prints doubles in full, never with an exponent.
        let text = price.abs().to_string();
        let (whole, fraction) = text.split_once('.').unwrap_or((text.as_str(), ""));
        let whole: i64 = whole.parse().map_err(|_| PriceError::TooLarge)?;
        let mut digits = fraction.bytes().map(|digit| i64::from(digit - b'0'));
        let cents = whole * 100 + digits.next().unwrap_or(0) * 10 + digits.next().unwrap_or(0);
        let next = digits.next().unwrap_or(0);
        let more = digits.any(|digit| digit != 0);
        let up = next > 5 || (next == 5 && (more || cents % 2 == 1));
        Ok(Self(cents + i64::from(up)))
    }

    /// The amount as a double: the one that prints with the same cents. Exact up to 2^53 cents, which no order reaches.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "below 2^53")]
    pub fn to_wire(self) -> f64 {
        self.0 as f64 / 100.0
    }

    /// So many times the amount.
    #[must_use]
    pub fn times(self, quantity: i32) -> Self {
        Self(self.0.saturating_mul(i64::from(quantity)))
    }
}

impl Sum for Cents {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self(0), |sum, amount| Self(sum.0.saturating_add(amount.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_rounded_to_the_cent_half_to_even() {
        for (price, cents) in [
            (0.0, 0),
            (-0.0, 0),
            (999.99, 99_999),
            (19.9, 1_990),
            (7.0, 700),
            (0.1 + 0.2, 30),
            (1.005, 100),
            (1.015, 102),
            (1.025, 102),
            (1.025_000_1, 103),
            (1.004_999, 100),
            (0.995, 100),
            (0.005, 0),
            (0.015, 2),
            (f64::MIN_POSITIVE, 0),
            (9_999_999.994, 999_999_999),
            (10_000_000.0, 1_000_000_000),
        ] {
            assert_eq!(Cents::from_price(price), Ok(Cents(cents)), "{price}");
        }
    }

    #[test]
    fn what_is_no_price_is_refused() {
        for (price, error) in [
            (f64::NAN, PriceError::NotFinite),
            (f64::INFINITY, PriceError::NotFinite),
            (f64::NEG_INFINITY, PriceError::NotFinite),
            (-0.01, PriceError::Negative),
            (10_000_000.01, PriceError::TooLarge),
            (f64::MAX, PriceError::TooLarge),
        ] {
            assert_eq!(Cents::from_price(price), Err(error), "{price}");
        }
    }

    #[test]
    fn cents_come_back_as_they_went() {
        for cents in (0..200_000).chain([99_999, 1_000_000_000, 1_000_000_000_000_000, 999_999_999_999_999]) {
            let wire = Cents(cents).to_wire();
            assert_eq!(wire.to_string().parse::<f64>().unwrap(), wire);
            if cents <= 1_000_000_000 {
                assert_eq!(Cents::from_price(wire), Ok(Cents(cents)));
            }
        }
    }

    #[test]
    fn sums_are_exact() {
        let tenths: Cents = std::iter::repeat_n(Cents::from_price(0.1).unwrap(), 10).sum();
        assert_eq!(tenths.to_wire(), 1.0);
        let line = Cents::from_price(19.99).unwrap().times(3);
        assert_eq!([line, Cents::from_price(0.03).unwrap()].into_iter().sum::<Cents>().to_wire(), 60.0);
    }
}
