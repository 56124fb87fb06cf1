//! The generic cell rate algorithm: one number per key says when its bucket will be full again. Pure arithmetic.
//!
//! Times are nanoseconds since a moment that the caller chose. A bucket of `burst` refills at one per `interval`; the
//! number kept is the moment at which it would be full, so that a bucket that was never used, and one that has been full for
//! long, are the same: nothing has to be kept of either.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::policy::finding::Problem;
use crate::policy::refusal::whole_seconds;

/// How many per how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    count: NonZeroU32,
    per: Per,
}

/// The unit of time of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Per {
    /// `s`
    Second,
    /// `min`
    Minute,
    /// `h`
    Hour,
    /// `day`
    Day,
}

impl Per {
    const fn duration(self) -> Duration {
        Duration::from_secs(match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
            Self::Day => 86_400,
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Minute => "min",
            Self::Hour => "h",
            Self::Day => "day",
        }
    }
}

impl Rate {
    /// So many per unit.
    pub const fn new(count: NonZeroU32, per: Per) -> Self {
        Self { count, per }
    }

    /// Reads `100/s`, `600/min`, `1000/h`, `5000/day`.
    ///
    /// # Errors
    /// When it has another form, or the number is zero.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let bad = || Problem::Rate(text.to_owned());
        let (count, unit) = text.split_once('/').ok_or_else(bad)?;
        let per = match unit.trim() {
            "s" | "sec" | "second" => Per::Second,
            "m" | "min" | "minute" => Per::Minute,
            "h" | "hour" => Per::Hour,
            "d" | "day" => Per::Day,
            _ => return Err(bad()),
        };
        let count = count.trim();
        if !count.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(bad()); // A sign is none of a count.
        }
        let count: u32 = count.parse().map_err(|_| bad())?;
        NonZeroU32::new(count).map(|count| Self { count, per }).ok_or(Problem::RateZero)
    }

    /// The rate that a text probably means: `600/min` of `600 per minute`.
    pub(in crate::policy) fn meant(text: &str) -> Option<Self> {
        let (count, unit) = text.split_once('/').or_else(|| text.split_once(" per "))?;
        let unit = match unit.trim().trim_end_matches('s').to_ascii_lowercase().as_str() {
            "sec" | "second" => "s",
            "min" | "minute" => "min",
            "h" | "hr" | "hour" => "h",
            "day" => "day",
            _ => return None,
        };
        Self::parse(&format!("{count}/{unit}")).ok()
    }

    /// How many per unit.
    pub const fn count(self) -> NonZeroU32 {
        self.count
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, self.per.name())
    }
}

/// A rate and a burst, ready to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gcra {
    /// Nanoseconds that one request costs.
    interval: u64,
    /// Nanoseconds that a full bucket pays for.
    depth: u64,
    burst: u32,
}

/// How a bucket stands after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::policy) struct Standing {
    /// What a full bucket holds.
    pub(in crate::policy) limit: u32,
    /// What it holds now.
    pub(in crate::policy) remaining: u32,
    /// Until it is full.
    pub(in crate::policy) reset: Duration,
    /// Until the next request passes; `None` if this one did.
    pub(in crate::policy) retry: Option<Duration>,
}

impl Standing {
    /// Whether the request passes.
    pub(in crate::policy) const fn passes(&self) -> bool {
        self.retry.is_none()
    }

    /// `RateLimit-Reset`, in whole seconds.
    pub(in crate::policy) const fn reset_seconds(&self) -> u64 {
        whole_seconds(self.reset)
    }
}

impl Gcra {
    pub(super) fn new(rate: Rate, burst: NonZeroU32) -> Self {
        let unit = u64::try_from(rate.per.duration().as_nanos()).unwrap_or(u64::MAX);
        // Not below 1 ns: more than 10^9 per second is no limit that anybody could tell from none.
        let interval = (unit / u64::from(rate.count.get())).max(1);
        Self { interval, depth: interval.saturating_mul(u64::from(burst.get())), burst: burst.get() }
    }

    /// One request at `now` against a bucket that will be full at `full`: when it will be full then, if the request passes,
    /// and how it stands.
    pub(super) fn take(&self, full: u64, now: u64) -> (Option<u64>, Standing) {
        let full = full.max(now);
        let after = full.saturating_add(self.interval);
        let debt = after - now;
        if debt > self.depth {
            return (None, self.standing(full - now, Some(debt - self.depth)));
        }
        (Some(after), self.standing(debt, None))
    }

    fn standing(&self, debt: u64, retry: Option<u64>) -> Standing {
        let remaining = self.depth.saturating_sub(debt) / self.interval;
        Standing {
            limit: self.burst,
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            reset: Duration::from_nanos(debt),
            retry: retry.map(Duration::from_nanos),
        }
    }
}
