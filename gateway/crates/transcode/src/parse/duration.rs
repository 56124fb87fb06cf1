//! `3.5s` → seconds and nanoseconds.

use super::fraction;

/// About 10,000 years: what `google.protobuf.Duration` allows, both ways.
pub(crate) const MAX_SECONDS: i64 = 315_576_000_000;

/// Why a text is no duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DurationError {
    /// Not of the form.
    Format,
    /// Of more than 315,576,000,000 whole seconds.
    Range,
}

/// Parses seconds with up to nine digits after the point and an `s` at the end. Both numbers have the same sign.
pub(crate) fn parse(text: &[u8]) -> Result<(i64, i32), DurationError> {
    let (negative, text) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(len);
    if digits.is_empty() {
        return Err(DurationError::Format);
    }
    let (nanos, rest) = match rest.split_first() {
        Some((b'.', digits)) => fraction(digits).ok_or(DurationError::Format)?,
        _ => (0, rest),
    };
    if rest != b"s" {
        return Err(DurationError::Format);
    }
    let seconds =
        digits.iter().try_fold(0i64, |all, digit| all.checked_mul(10)?.checked_add(i64::from(digit - b'0')));
    let seconds = seconds.filter(|seconds| *seconds <= MAX_SECONDS).ok_or(DurationError::Range)?;
    let sign = if negative { -1 } else { 1 };
    Ok((sign * seconds, sign as i32 * nanos as i32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_with_an_s() {
        use DurationError::{Format, Range};
        for (text, expected) in [
            ("0s", Ok((0, 0))),
            ("-0s", Ok((0, 0))),
            ("3.5s", Ok((3, 500_000_000))),
            ("-3.5s", Ok((-3, -500_000_000))),
            ("-0.000000001s", Ok((0, -1))),
            ("1.000000001s", Ok((1, 1))),
            ("315576000000s", Ok((MAX_SECONDS, 0))),
            ("-315576000000.000000000s", Ok((-MAX_SECONDS, 0))),
            ("315576000000.999999999s", Ok((MAX_SECONDS, 999_999_999))),
            ("315576000001s", Err(Range)),
            ("99999999999999999999s", Err(Range)),
            ("1", Err(Format)),
            ("s", Err(Format)),
            ("", Err(Format)),
            ("-s", Err(Format)),
            (".5s", Err(Format)),
            ("1.s", Err(Format)),
            ("1.0000000001s", Err(Format)),
            ("+1s", Err(Format)),
            ("1 s", Err(Format)),
            ("1S", Err(Format)),
            ("1m", Err(Format)),
            ("1s ", Err(Format)),
            ("0x1s", Err(Format)),
        ] {
            assert_eq!(parse(text.as_bytes()), expected, "{text}");
        }
    }
}
