//! `grpc-timeout`: what is left of a deadline, as a header.

use std::sync::Mutex;
use std::time::Duration;

use http::HeaderValue;

/// Writes timeouts, and remembers the last one: calls mostly come with the same timeout, fresh.
#[derive(Debug)]
pub(crate) struct TimeoutHeader {
    last: Mutex<(u64, HeaderValue)>,
}

impl TimeoutHeader {
    pub(crate) fn new() -> Self {
        Self { last: Mutex::new((0, HeaderValue::from_static("0m"))) }
    }

    /// The header for what is left, in whole milliseconds, rounded up.
    pub(crate) fn value(&self, left: Duration) -> HeaderValue {
        let ms = u64::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX).max(1);
        let Ok(mut last) = self.last.lock() else { return write(ms) };
        if last.0 != ms {
            *last = (ms, write(ms));
        }
        last.1.clone()
    }
}

/// At most eight digits are allowed: beyond 27 hours, seconds; beyond three years, hours.
fn write(ms: u64) -> HeaderValue {
    const MOST: u64 = 99_999_999;
    let text = match ms {
        ..=MOST => format!("{ms}m"),
        _ if ms.div_ceil(1000) <= MOST => format!("{}S", ms.div_ceil(1000)),
        _ => format!("{}H", (ms / 3_600_000).min(MOST)),
    };
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("1S"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_written_in_eight_digits_at_most() {
        let header = TimeoutHeader::new();
        let table = [
            (Duration::ZERO, "1m"),
            (Duration::from_micros(1), "1m"),
            (Duration::from_micros(2_999_001), "3000m"),
            (Duration::from_secs(3), "3000m"),
            (Duration::from_millis(99_999_999), "99999999m"),
            (Duration::from_millis(100_000_000), "100000S"),
            (Duration::from_secs(99_999_999), "99999999S"),
            (Duration::from_secs(100_000_000), "27777H"),
            (Duration::MAX, "99999999H"),
        ];
        for (left, text) in table {
            assert_eq!(header.value(left), text, "{left:?}");
        }
    }
}
