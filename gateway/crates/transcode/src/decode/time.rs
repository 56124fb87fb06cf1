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
        let Some(time) = Time::new(seconds, nanos.cast_unsigned().into()) else {
            let range = "0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z";
            return Err(out_of_range(plan, seconds, nanos, range));
        };
        self.out.claim(|claim| time.print(claim));
        Ok(())
    }

    /// Prints the timestamp of `length` bytes that `input` begins with, and what follows them, if it is a usual one: its
    /// seconds first, then its nanos or nothing. False if it is not: then nothing was printed.
    pub(super) fn usual_timestamp(&mut self, input: &[u8], length: usize) -> bool {
        const SECONDS_TAG: u8 = 1 << 3;
        const NANOS_TAG: u8 = 2 << 3;
        let field = |at: usize, tag: u8| {
            let (first, rest) = input.get(at..)?.split_first()?;
            // What is read beyond the message, or made up beyond the wire, ends where the message does not.
            let (value, len) = wire::short_varint(wire::word(rest)).filter(|_| *first == tag)?;
            Some((value, at + 1 + len))
        };
        let Some((seconds, end)) = field(0, SECONDS_TAG) else { return false };
        let fields = if end == length { Some((0, end)) } else { field(end, NANOS_TAG) };
        let Some((nanos, end)) = fields else { return false };
        let Some(time) = Time::new(seconds.cast_signed(), nanos).filter(|_| end == length) else {
            return false;
        };
        self.out.claim(|claim| time.print(claim));
        true
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

/// A time that a `Timestamp` may mean.
#[derive(Clone, Copy)]
struct Time {
    /// Since 0000-03-01: years that begin in March end with the leap day.
    days: u32,
    /// Of that day.
    seconds: u32,
    nanos: u32,
}

/// What it takes, quotes included.
const TIME: usize = 22 + FRACTION;

impl Time {
    /// So many seconds since 1970-01-01, unless that is not within the years 1 to 9999.
    #[inline(always)]
    fn new(seconds: i64, nanos: u64) -> Option<Self> {
        /// Days from 0000-03-01 to 0001-01-01.
        const BEFORE: u32 = 306;
        const DAY: u64 = 86_400;
        if !(MIN_SECONDS..=MAX_SECONDS).contains(&seconds) || nanos >= u64::from(NANOS) {
            return None;
        }
        let seconds = (seconds - MIN_SECONDS).cast_unsigned();
        let (days, seconds) = (seconds / DAY, seconds % DAY);
        Some(Self { days: days as u32 + BEFORE, seconds: seconds as u32, nanos: nanos as u32 })
    }

    #[inline(always)]
    fn print(self, claim: Claim<'_, TIME>) -> Claim<'_, 0> {
        let [y1, y2, y3, y4, m1, m2, d1, d2] = date(self.days);
        let (minutes, seconds) = (self.seconds / 60, self.seconds % 60);
        let two = |number: u32| pair(number.into());
        let ([h1, h2], [n1, n2], [s1, s2]) = (two(minutes / 60), two(minutes % 60), two(seconds));
        let start =
            [b'"', y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2];
        let claim: Claim<'_, { 2 + FRACTION }> = claim.start_of(&start, start.len());
        let claim: Claim<'_, 2> = claim.part(|claim| fraction(claim, self.nanos));
        claim.start_of(b"Z\"", 2)
    }
}

/// Year, month and day of a count of days since 0000-03-01, in the proleptic Gregorian calendar: their digits.
///
/// Divisions by the lengths of a century, a year and a month, which are no whole numbers of days, done by multiplying
/// (Neri and Schneider, "Euclidean affine functions and their application to calendar algorithms", 2022).
#[inline(always)]
fn date(days: u32) -> [u8; 8] {
    const CENTURY: u32 = 146_097; // in quarters of a day
    const YEAR: u32 = 2_939_745; // 2^32 by the quarters of a day in a year
    let quarters = 4 * days + 3;
    let (century, rest) = (quarters / CENTURY, quarters % CENTURY);
    let scaled = u64::from(YEAR) * u64::from(rest | 3);
    let year = 100 * century + (scaled >> 32) as u32;
    let day_of_year = scaled as u32 / YEAR / 4;
    let scaled = 2141 * day_of_year + 197_913;
    let (month, day) = (scaled >> 16, (scaled & 0xffff) / 2141 + 1);
    // Months 13 and 14 are the next year's January and February.
    let (year, month) = if month > 12 { (year + 1, month - 12) } else { (year, month) };
    let two = |number: u32| pair(number.into());
    let ([y1, y2], [y3, y4]) = (two(year / 100), two(year % 100));
    let ([m1, m2], [d1, d2]) = (two(month), two(day));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::timestamp;

    #[test]
    fn every_day_has_its_date() {
        let is_leap = |year: u32| year.is_multiple_of(if year.is_multiple_of(100) { 400 } else { 4 });
        let mut days = Time::new(MIN_SECONDS, 0).unwrap().days;
        for year in 1..=9999 {
            let february = if is_leap(year) { 29 } else { 28 };
            for (month, length) in
                [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].into_iter().enumerate()
            {
                for day in 1..=length {
                    let expected = year * 10_000 + (month as u32 + 1) * 100 + day;
                    let digits = date(days).iter().fold(0, |all, digit| all * 10 + u32::from(digit - b'0'));
                    assert_eq!(digits, expected);
                    days += 1;
                }
            }
        }
        assert_eq!(days - 1, Time::new(MAX_SECONDS, 0).unwrap().days);
    }

    #[test]
    fn what_is_printed_is_read_back() {
        let mut seed = 1_u64;
        for round in 0..100_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(round);
            let seconds = MIN_SECONDS + (seed % (MAX_SECONDS - MIN_SECONDS).cast_unsigned()).cast_signed();
            let nanos = [0, 500_000_000, 123_456_000, 1, 999_999_999][seed as usize % 5];
            let mut out = Vec::new();
            crate::room::Room::new(&mut out).claim(|claim| Time::new(seconds, nanos).unwrap().print(claim));
            let text = out.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap();
            assert_eq!(timestamp::parse(text), Ok((seconds, nanos as _)), "{seconds} {nanos}");
        }
    }
}
