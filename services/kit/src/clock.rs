//! Time as the stores keep it: milliseconds since 1970, UTC.

use std::time::{SystemTime, UNIX_EPOCH};

/// The time now. A clock that stands before 1970 counts as 1970.
#[must_use]
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A stored time as seconds and nanoseconds, the way protobuf counts.
#[must_use]
pub fn parts(millis: i64) -> (i64, i32) {
    let nanos = i32::try_from(millis.rem_euclid(1000)).unwrap_or_default() * 1_000_000;
    (millis.div_euclid(1000), nanos)
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn the_nanoseconds_are_never_negative() {
        for (millis, wanted) in [(0, (0, 0)), (1_999, (1, 999_000_000)), (-1, (-1, 999_000_000))] {
            assert_eq!(parts(millis), wanted);
        }
    }
}
