//! The time of a line, in RFC 3339 form. What the times of one second have alike is worked out once.

use std::time::{Duration, Instant, SystemTime};

/// How long an answer of the wall clock is good for.
const ASKED_EVERY: Duration = Duration::from_secs(1);

/// The wall clock, asked once a second: between, it goes as the other one does, which was looked at anyway. A clock that is set
/// is believed after a second.
#[derive(Debug, Default)]
pub(super) struct Wall {
    asked: Option<(Instant, SystemTime)>,
}

impl Wall {
    /// What it showed at this moment, one of late. `ask` tells what both clocks show now.
    pub(super) fn at(&mut self, moment: Instant, ask: impl FnOnce() -> (Instant, SystemTime)) -> SystemTime {
        if let Some((asked, answer)) = self.asked {
            let since = moment.saturating_duration_since(asked);
            if since < ASKED_EVERY {
                return answer + since;
            }
        }
        let (now, answer) = ask();
        self.asked = Some((now, answer));
        answer - now.saturating_duration_since(moment)
    }
}

/// Writes times.
#[derive(Debug, Default)]
pub(super) struct Clock {
    second: u64,
    /// `2025-12-30T10:00:00.`, for that second; empty before the first time.
    beginning: String,
}

/// A time, in UTC and with milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Time<'a> {
    beginning: &'a str,
    millis: u32,
}

impl Clock {
    pub(super) fn read(&mut self, now: SystemTime) -> Time<'_> {
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        if self.second != since.as_secs() || self.beginning.is_empty() {
            self.second = since.as_secs();
            self.beginning = beginning(self.second);
        }
        Time { beginning: &self.beginning, millis: since.subsec_millis() }
    }
}

impl Time<'_> {
    pub(super) fn write(self, line: &mut Vec<u8>) {
        line.extend_from_slice(self.beginning.as_bytes());
        line.extend_from_slice(&three_digits(self.millis));
        line.push(b'Z');
    }
}

/// A number below 1,000, with leading zeros.
pub(super) const fn three_digits(number: u32) -> [u8; 3] {
    const fn digit(number: u32) -> u8 {
        b'0' + (number % 10) as u8
    }
    [digit(number / 100), digit(number / 10), digit(number)]
}

fn beginning(second: u64) -> String {
    let (days, second) = (second / 86_400, second % 86_400);
    let (year, month, day) = civil(i64::try_from(days).unwrap_or(0));
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.")
}

/// Year, month and day of a day since 1970-01-01, in the Gregorian calendar (H. Hinnant's `civil_from_days`).
const fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + (month <= 2) as i64, month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_wall_clock_is_followed() {
        let begun = Instant::now();
        let after = |millis| {
            (begun + Duration::from_millis(millis), SystemTime::UNIX_EPOCH + Duration::from_millis(millis))
        };
        let set_back = |millis| (begun + Duration::from_millis(millis), SystemTime::UNIX_EPOCH);
        let mut wall = Wall::default();
        let mut shown = |moment, now: (Instant, SystemTime)| {
            let time = wall.at(begun + Duration::from_millis(moment), || now);
            time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis()
        };
        assert_eq!(shown(1000, after(1001)), 1000, "asked a little later");
        assert_eq!(shown(900, set_back(1100)), 1001, "not before it was asked");
        assert_eq!(shown(2000, set_back(2000)), 2000, "not asked again within a second");
        assert_eq!(shown(2001, after(2001)), 2001);
        assert_eq!(shown(4000, set_back(4000)), 0);
    }

    #[test]
    fn times_are_written_as_rfc_3339_has_them() {
        let mut clock = Clock::default();
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_007, "2000-02-29T00:00:00.007Z"),
            (951_782_400_999, "2000-02-29T00:00:00.999Z"),
            (951_782_401_010, "2000-02-29T00:00:01.010Z"),
            (1_767_088_800_100, "2025-12-30T10:00:00.100Z"),
            // A clock may be set back.
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
        ] {
            let mut line = Vec::new();
            clock.read(SystemTime::UNIX_EPOCH + Duration::from_millis(millis)).write(&mut line);
            assert_eq!(String::from_utf8(line).unwrap(), text);
        }
    }
}
