//! RFC 3339 → seconds and nanoseconds since 1970.

use super::fraction;

/// The first second of the year 1.
pub(crate) const MIN_SECONDS: i64 = -62_135_596_800;
/// The last second of the year 9999.
pub(crate) const MAX_SECONDS: i64 = 253_402_300_799;

/// Why a text is no timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimestampError {
    /// Not of the form, or no such date or time of day.
    Format,
    /// Before the year 1 or after the year 9999, by its offset.
    Range,
}

/// Parses `2025-12-30T10:00:00.5Z` or with an offset `+01:00`. `T` and `Z` are capital letters.
pub(crate) fn parse(text: &[u8]) -> Result<(i64, u32), TimestampError> {
    let (local, nanos, offset) = split(text).ok_or(TimestampError::Format)?;
    let seconds = local - offset;
    if !(MIN_SECONDS..=MAX_SECONDS).contains(&seconds) {
        return Err(TimestampError::Range);
    }
    Ok((seconds, nanos))
}

/// Seconds as if in UTC, nanoseconds, and the offset in seconds.
fn split(text: &[u8]) -> Option<(i64, u32, i64)> {
    let (date_time, rest) = text.split_at_checked(19)?;
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2] = date_time
    else {
        return None;
    };
    let year = number(&[y1, y2, y3, y4])?;
    let (month, day) = (number(&[m1, m2])?, number(&[d1, d2])?);
    let (hour, minute, second) = (number(&[h1, h2])?, number(&[n1, n2])?, number(&[s1, s2])?);
    if year == 0 || !(1..=12).contains(&month) || day == 0 || day > days_of_month(year, month) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (nanos, rest) = match rest.split_first() {
        Some((b'.', digits)) => fraction(digits)?,
        _ => (0, rest),
    };
    let seconds = days_from_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some((seconds, nanos, offset(rest)?))
}

fn offset(text: &[u8]) -> Option<i64> {
    let &[sign, h1, h2, b':', m1, m2] = text else {
        return (text == b"Z").then_some(0);
    };
    let (hours, minutes) = (number(&[h1, h2])?, number(&[m1, m2])?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let seconds = hours * 3_600 + minutes * 60;
    match sign {
        b'+' => Some(seconds),
        b'-' => Some(-seconds),
        _ => None,
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |all, digit| digit.is_ascii_digit().then(|| all * 10 + i64::from(digit - b'0')))
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar.
fn days_from_1970(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March, so that the leap day is the last one.
    let shifted = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339() {
        use TimestampError::{Format, Range};
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Ok((0, 0))),
            ("1970-01-01T00:00:00.000000001Z", Ok((0, 1))),
            ("1969-12-31T23:59:59.5Z", Ok((-1, 500_000_000))),
            ("2000-02-29T12:34:56Z", Ok((951_827_696, 0))),
            ("2025-12-30T10:00:00+01:30", Ok((1_767_083_400, 0))),
            ("2025-12-30T10:00:00-01:30", Ok((1_767_094_200, 0))),
            ("0001-01-01T00:00:00Z", Ok((MIN_SECONDS, 0))),
            ("9999-12-31T23:59:59.999999999Z", Ok((MAX_SECONDS, 999_999_999))),
            ("9999-12-31T23:59:59-00:01", Err(Range)),
            ("0001-01-01T00:00:00+00:01", Err(Range)),
            ("0000-01-01T00:00:00Z", Err(Format)),
            ("1970-01-01T00:00:00z", Err(Format)),
            ("1970-01-01t00:00:00Z", Err(Format)),
            ("1970-01-01 00:00:00Z", Err(Format)),
            ("1970-01-01T00:00:00", Err(Format)),
            ("1970-01-01T00:00:00.Z", Err(Format)),
            ("1970-01-01T00:00:00.1234567891Z", Err(Format)),
            ("1970-01-01T00:00:00Zx", Err(Format)),
            ("1970-01-01T00:00:00+0100", Err(Format)),
            ("1970-01-01T24:00:00Z", Err(Format)),
            ("1970-01-01T00:60:00Z", Err(Format)),
            ("1970-01-01T00:00:60Z", Err(Format)),
            ("1970-13-01T00:00:00Z", Err(Format)),
            ("1970-00-01T00:00:00Z", Err(Format)),
            ("1970-01-00T00:00:00Z", Err(Format)),
            ("1900-02-29T00:00:00Z", Err(Format)),
            ("2023-02-29T00:00:00Z", Err(Format)),
            ("10000-01-01T00:00:00Z", Err(Format)),
            ("", Err(Format)),
        ] {
            assert_eq!(parse(text.as_bytes()), expected, "{text}");
        }
    }
}
