//! Printing `google.protobuf.Timestamp` and `Duration`.

use super::{
    Decoder,
    digits::{exactly, pair},
    halt::Halt,
    number::unsigned,
    wire,
};
use crate::{
    parse::{
        duration,
        timestamp::{MAX_SECONDS, MIN_SECONDS},
    },
    plan::{MessagePlan, WireType},
    room::Claim,
};

const NANOS: u32 = 1_000_000_000;

/// What a fraction may take, its point counted.
const FRACTION: usize = 17;

impl<'a> Decoder<'a, '_> {
    fn seconds_and_nanos(&self, pieces: &[&'a [u8]]) -> Result<(i64, i32), Halt> {
        let (mut seconds, mut nanos) = (0, 0);
        self.each_field(pieces, |tag, input| {
            match tag.number() {
                1 if tag.is(WireType::Varint) => seconds = wire::varint(input)?.cast_signed(),
                2 if tag.is(WireType::Varint) => nanos = wire::varint(input)? as i32,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok((seconds, nanos))
    }

    pub(super) fn timestamp(&mut self, plan: &MessagePlan, pieces: &[&'a [u8]]) -> Result<(), Halt> {
        let (seconds, nanos) = self.seconds_and_nanos(pieces)?;
        if !(MIN_SECONDS..=MAX_SECONDS).contains(&seconds) || nanos.cast_unsigned() >= NANOS {
            let range = "0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z";
            return Err(out_of_range(plan, seconds, nanos, range));
        }
        let [y1, y2, y3, y4, m1, m2, d1, d2] = date(seconds.div_euclid(86_400));
        let time = seconds.rem_euclid(86_400).cast_unsigned();
        let ([h1, h2], [n1, n2], [s1, s2]) = (pair(time / 3600), pair(time / 60 % 60), pair(time % 60));
        self.out.claim::<{ 22 + FRACTION }>(|claim| {
            let start =
                [b'"', y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2];
            let claim: Claim<'_, { 2 + FRACTION }> = claim.start_of(&start, start.len());
            let claim: Claim<'_, 2> = claim.part(|claim| fraction(claim, nanos.cast_unsigned()));
            claim.start_of(b"Z\"", 2)
        });
        Ok(())
    }

    pub(super) fn duration(&mut self, plan: &MessagePlan, pieces: &[&'a [u8]]) -> Result<(), Halt> {
        let (seconds, nanos) = self.seconds_and_nanos(pieces)?;
        let in_range =
            seconds.unsigned_abs() <= duration::MAX_SECONDS.unsigned_abs() && nanos.unsigned_abs() < NANOS;
        let one_sign = seconds == 0 || nanos == 0 || (seconds < 0) == (nanos < 0);
        if !in_range || !one_sign {
            return Err(out_of_range(plan, seconds, nanos, "10,000 years, seconds and nanos of one sign"));
        }
        self.out.claim::<{ 29 + FRACTION }>(|claim| {
            let sign = if seconds < 0 || nanos < 0 { 2 } else { 1 };
            let claim: Claim<'_, { 27 + FRACTION }> = claim.start_of(b"\"-", sign);
            let claim: Claim<'_, { 2 + FRACTION }> =
                claim.part(|claim| unsigned(claim, seconds.unsigned_abs()));
            let claim: Claim<'_, 2> = claim.part(|claim| fraction(claim, nanos.unsigned_abs()));
            claim.start_of(b"s\"", 2)
        });
        Ok(())
    }
}

#[cold]
fn out_of_range(plan: &MessagePlan, seconds: i64, nanos: i32, range: &str) -> Halt {
    let name = &plan.full_name;
    Halt::unprintable(format!("{name} of {seconds} seconds and {nanos} nanos is out of range ({range})"))
}

/// Year, month and day of a count of days since 1970-01-01, in the proleptic Gregorian calendar: their digits.
///
/// Years are counted from March, in eras of 400 years, which all have the same number of days.
#[inline]
fn date(days: i64) -> [u8; 8] {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = (year_of_era + era * 400 + i64::from(month <= 2)).cast_unsigned();
    let ([y1, y2], [y3, y4]) = (pair(year / 100), pair(year % 100));
    let ([m1, m2], [d1, d2]) = (pair(month.cast_unsigned()), pair(day.cast_unsigned()));
    [y1, y2, y3, y4, m1, m2, d1, d2]
}

/// Nanoseconds in 0, 3, 6 or 9 digits, with the point.
#[inline]
fn fraction(claim: Claim<'_, FRACTION>, nanos: u32) -> Claim<'_, 0> {
    let nanos = u64::from(nanos);
    if nanos == 0 {
        return claim.end();
    }
    let claim: Claim<'_, 16> = claim.push(b'.');
    if nanos.is_multiple_of(1_000_000) {
        exactly(claim, nanos / 1_000_000, 3)
    } else if nanos.is_multiple_of(1000) {
        exactly(claim, nanos / 1000, 6)
    } else {
        let claim: Claim<'_, 8> = exactly(claim, nanos / 1000, 6);
        exactly(claim, nanos % 1000, 3)
    }
}
