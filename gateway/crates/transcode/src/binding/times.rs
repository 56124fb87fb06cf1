//! Timestamps and durations that are given by their parts: each part may fit its field, and the whole be no time.

use super::{
    path::{Step, numbers},
    report::Report,
    scan::{Fields, Value, each},
};
use crate::{
    Reason,
    parse::{duration, timestamp},
    plan::WellKnown,
};

const NANOS: i32 = 1_000_000_000;

/// Reports the part that these steps lead to, `name` to its client, if the time that it belongs to, in the encoded
/// `request`, is out of range.
pub(crate) fn check(steps: &[Step<'_>], name: &str, request: &[u8], report: &mut Report) {
    let Some((leaf, parents)) = steps.split_last() else { return };
    let range = match leaf.parent.well_known {
        WellKnown::Timestamp => timestamp_range,
        WellKnown::Duration => duration_range,
        _ => return,
    };
    let (mut seconds, mut nanos) = (0, 0);
    let mut read = |fields: Fields<'_>| {
        for (number, value) in fields {
            match (number, value) {
                (1, Value::Varint(value)) => seconds = value.cast_signed(),
                (2, Value::Varint(value)) => nanos = value as i32,
                _ => {}
            }
        }
    };
    let request = Fields::new(request);
    match parents {
        [] => read(request),
        _ => each(request, &numbers(parents), &mut |value| value.message().into_iter().for_each(&mut read)),
    }
    if let Err(range) = range(seconds, nanos) {
        report.violation(name, Reason::Range, format!("makes a time out of range: {range}"));
    }
}

/// What `google.protobuf.Timestamp` documents.
fn timestamp_range(seconds: i64, nanos: i32) -> Result<(), &'static str> {
    let fits =
        (timestamp::MIN_SECONDS..=timestamp::MAX_SECONDS).contains(&seconds) && (0..NANOS).contains(&nanos);
    if fits { Ok(()) } else { Err("seconds of the years 1 to 9999, nanos from 0 to 999999999") }
}

/// What `google.protobuf.Duration` documents.
fn duration_range(seconds: i64, nanos: i32) -> Result<(), &'static str> {
    let in_range = seconds.unsigned_abs() <= duration::MAX_SECONDS.unsigned_abs();
    let one_sign = seconds == 0 || nanos == 0 || (seconds < 0) == (nanos < 0);
    let fits = in_range && one_sign && nanos.unsigned_abs() < NANOS.unsigned_abs();
    if fits { Ok(()) } else { Err("10,000 years of seconds, less than a second of nanos, both of one sign") }
}
