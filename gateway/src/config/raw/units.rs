//! Durations, sizes and percentages as the file writes them.

use std::time::Duration;

/// What is wrong with a quantity, and how to write it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UnitError {
    pub(super) message: String,
    pub(super) help: String,
}

impl UnitError {
    fn new(message: String, help: impl Into<String>) -> Self {
        Self { message, help: help.into() }
    }
}

const DURATION_HELP: &str = "write a number and a unit: 250ms, 3s, 1m or 2h";
const SIZE_HELP: &str = "write a whole number and a unit: 512B, 64KiB, 4MiB or 1GiB";
/// Longer than any deadline can be; and far from where adding it to a clock would overflow.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// `250ms`, `3s`, `1.5m`, `2h`, or several in a row: `1m30s`.
pub(super) fn duration(text: &str) -> Result<Duration, UnitError> {
    let wrong = |what: String| UnitError::new(what, DURATION_HELP);
    let mut rest = text.trim();
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(wrong("expected a duration, found an empty value".to_owned()));
    }
    let mut nanos: u128 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, next) = tail.split_at(letters);
        let unit_nanos = match unit {
            "ns" => 1,
            "us" | "µs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            "" => return Err(wrong_unit(text, number)),
            _ if number.is_empty() => return Err(wrong(format!("`{text}` is not a duration"))),
            other => {
                let message = format!("`{}` in `{text}` is not a unit of time", other.trim());
                return Err(match meant(other) {
                    Some("") => UnitError::new(format!("`{text}` is not a duration"), without_blanks(text)),
                    Some(unit) => UnitError::new(message, format!("write {number}{unit}")),
                    None => wrong(message),
                });
            }
        };
        let value =
            decimal(number, unit_nanos).ok_or_else(|| wrong(format!("`{text}` is not a duration")))?;
        nanos = nanos.saturating_add(value);
        rest = next;
    }
    match u64::try_from(nanos).map(Duration::from_nanos) {
        Ok(duration) if duration <= LONGEST => Ok(duration),
        _ => Err(UnitError::new(format!("`{text}` is too long"), "write a year (366d) at most")),
    }
}

/// The unit that others write so; nothing to write where only a blank is in the way.
fn meant(unit: &str) -> Option<&'static str> {
    let trimmed = unit.trim();
    if trimmed.len() < unit.len() && ["ns", "us", "µs", "ms", "s", "m", "h", "d"].contains(&trimmed) {
        return Some("");
    }
    Some(match trimmed.to_ascii_lowercase().trim_end_matches('s') {
        "sec" | "second" => "s",
        "min" | "minute" => "m",
        "hr" | "hour" => "h",
        "day" => "d",
        "msec" | "milli" | "millisecond" => "ms",
        _ => return None,
    })
}

fn without_blanks(text: &str) -> String {
    let text: String = text.split_whitespace().collect();
    format!("write {text}, without a blank")
}

fn wrong_unit(text: &str, number: &str) -> UnitError {
    let help = match number.parse::<u64>() {
        Ok(value) => format!("write {value}s for seconds, or {value}ms for milliseconds"),
        Err(_) => DURATION_HELP.to_owned(),
    };
    UnitError::new(format!("the duration `{text}` has no unit"), help)
}

/// A decimal number times `unit`, exactly; digits beyond the last nanosecond are dropped.
fn decimal(number: &str, unit: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || whole.len() > 18 || fraction.len() > 18 {
        return None;
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let part: u128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let scale = 10u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    Some(whole.checked_mul(unit)? + part.checked_mul(unit)? / scale)
}

/// `512B`, `64KiB`, `4MiB`, `1GiB`; also the decimal `KB`, `MB`, `GB`; a bare number counts bytes. Never 0.
pub(super) fn size(text: &str) -> Result<usize, UnitError> {
    let trimmed = text.trim();
    let digits = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    let unit_bytes: usize = match unit.trim_start() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "KB" | "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        other if number.is_empty() => {
            return Err(UnitError::new(format!("`{other}` is not a size"), SIZE_HELP));
        }
        other if other.starts_with(['.', ',', '_']) => {
            return Err(UnitError::new(format!("`{text}` is not a whole number of a unit"), SIZE_HELP));
        }
        other => {
            return Err(UnitError::new(format!("`{other}` in `{text}` is not a unit of size"), SIZE_HELP));
        }
    };
    if number.is_empty() {
        let what = match trimmed {
            "" => "expected a size, found an empty value".to_owned(),
            unit => format!("`{unit}` is a unit without a number"),
        };
        return Err(UnitError::new(what, SIZE_HELP));
    }
    let bytes = number.parse::<usize>().ok().and_then(|n| n.checked_mul(unit_bytes));
    match bytes {
        Some(0) => Err(UnitError::new("a size of 0 lets nothing through".to_owned(), SIZE_HELP)),
        Some(bytes) => Ok(bytes),
        None => Err(UnitError::new(format!("`{text}` is too large"), SIZE_HELP)),
    }
}

/// `20%`: a whole number from 0 to 100.
pub(super) fn percent(text: &str) -> Result<u8, UnitError> {
    let help = "write a whole number of percent: 20%";
    let Some(number) = text.trim().strip_suffix('%') else {
        let help = match text.trim().parse::<u8>() {
            Ok(value @ 0..=100) => format!("write {value}%"),
            _ => help.to_owned(),
        };
        return Err(UnitError::new(format!("the percentage `{text}` has no `%`"), help));
    };
    let number = number.trim_end();
    match number.parse::<u8>() {
        Ok(value @ 0..=100) if !number.starts_with('+') => Ok(value),
        _ => Err(UnitError::new(format!("`{text}` is not a percentage from 0% to 100%"), help)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, millis) in [
            ("250ms", 250),
            ("3s", 3_000),
            ("1m", 60_000),
            ("1.5s", 1_500),
            ("1m30s", 90_000),
            ("2h", 7_200_000),
            ("0s", 0),
            ("0", 0),
            (".5s", 500),
            ("366d", 31_622_400_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(duration("10us"), Ok(Duration::from_micros(10)));
        for text in [
            "",
            " ",
            "3",
            "s",
            "3 seconds",
            "3sec",
            "-3s",
            "1e3s",
            "3s!",
            "9999999999999999999d",
            "367d",
            "1..5s",
            ".s",
            "³s",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
        for (text, help) in [
            ("2 seconds", "write 2s"),
            ("3sec", "write 3s"),
            ("5 min", "write 5m"),
            ("10 ms", "write 10ms, without a blank"),
            ("1m 30s", "write 1m30s, without a blank"),
            ("2 weeks", DURATION_HELP),
        ] {
            assert_eq!(duration(text).unwrap_err().help, help, "{text}");
        }
        assert_eq!(duration("30").unwrap_err().help, "write 30s for seconds, or 30ms for milliseconds");
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("512", 512),
            ("512B", 512),
            ("64KiB", 65_536),
            ("4MiB", 4_194_304),
            ("1GiB", 1 << 30),
            ("1 MiB", 1 << 20),
            ("10MB", 10_000_000),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "MiB", "4M", "4mb", "-1", "1.5MiB", "0", "0MiB", "99999999999GiB", "4 quux"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn percentages() {
        for (text, value) in [("0%", 0), ("20%", 20), ("100%", 100), ("5 %", 5)] {
            assert_eq!(percent(text), Ok(value), "{text}");
        }
        for text in ["", "%", "20", "101%", "-1%", "1.5%", "a%", "+1%"] {
            assert!(percent(text).is_err(), "{text}");
        }
        assert_eq!(percent("20").unwrap_err().help, "write 20%");
    }
}
