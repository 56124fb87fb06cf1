//! Whether an endpoint that answers badly is left out, and for how long.
//!
//! ```text
//!            consecutive_errors in a row, and others are left
//!      In ─────────────────────────────────────────────────────► Out { until }
//!       ▲                                                             │
//!       └─────────────────────────── until has come ──────────────────┘
//! ```
//! Each ejection lasts one `ejection` longer than the one before, up to ten; each `ejection` of good conduct takes one off.

use tokio::time::Instant;

use crate::spec::{OutlierSpec, Percent};

/// Ejections do not get longer than this many times the first.
const LONGEST: u32 = 10;

/// Whether an endpoint is among those that are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    In,
    Out { until: Instant },
}

/// What may change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// It failed too often in a row.
    Struck,
    /// Time went by.
    Passed,
}

/// An endpoint's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outlier {
    pub(crate) standing: Standing,
    /// How many `ejection`s the next one lasts, less one.
    times: u32,
    /// When it last came back.
    back: Option<Instant>,
}

impl Outlier {
    pub(crate) const NEW: Self = Self { standing: Standing::In, times: 0, back: None };

    pub(crate) fn is_out(&self) -> bool {
        matches!(self.standing, Standing::Out { .. })
    }

    pub(crate) fn after(self, event: Event, spec: &OutlierSpec, now: Instant) -> Self {
        match (self.standing, event) {
            (Standing::In, Event::Struck) => {
                let times = (self.times - self.forgiven(spec, now).min(self.times) + 1).min(LONGEST);
                Self { standing: Standing::Out { until: now + spec.ejection * times }, times, back: None }
            }
            (Standing::Out { until }, Event::Passed) if now >= until => {
                Self { standing: Standing::In, times: self.times, back: Some(now) }
            }
            _ => self,
        }
    }

    /// How many ejections its conduct since the last one makes up for.
    fn forgiven(&self, spec: &OutlierSpec, now: Instant) -> u32 {
        let Some(back) = self.back else { return 0 };
        let good = now.saturating_duration_since(back).as_nanos();
        u32::try_from(good / spec.ejection.as_nanos().max(1)).unwrap_or(u32::MAX)
    }
}

/// Whether another endpoint may be ejected, of `usable` ones of which `out` are.
pub(crate) fn may_eject(spec: &OutlierSpec, usable: usize, out: usize) -> bool {
    out < spec.max_ejected.of(usable)
}

/// Whether ejections and health checks are ignored: `left` of `all` endpoints would be asked.
pub(crate) fn is_panic(threshold: Percent, all: usize, left: usize) -> bool {
    left < all.saturating_mul(threshold.get().into()).div_ceil(100)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn ejections_grow_and_are_forgotten() {
        let spec = OutlierSpec { ejection: Duration::from_secs(30), ..OutlierSpec::default() };
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let out = |until| Standing::Out { until: at(until) };
        // (seconds, event) → standing, one after the other
        let table = [
            (0, Event::Passed, Standing::In),
            (0, Event::Struck, out(30)),
            (10, Event::Struck, out(30)),
            (29, Event::Passed, out(30)),
            (30, Event::Passed, Standing::In),
            (31, Event::Struck, out(91)),
            (91, Event::Passed, Standing::In),
            // 30 s of good conduct take one off.
            (121, Event::Struck, out(181)),
            (181, Event::Passed, Standing::In),
            (1000, Event::Struck, out(1030)),
        ];
        let mut outlier = Outlier::NEW;
        for (seconds, event, standing) in table {
            outlier = outlier.after(event, &spec, at(seconds));
            assert_eq!(outlier.standing, standing, "at {seconds} s after {event:?}");
        }
    }

    #[test]
    fn ejections_last_ten_times_the_first_at_most() {
        let spec = OutlierSpec { ejection: Duration::from_secs(30), ..OutlierSpec::default() };
        let mut now = Instant::now();
        let mut outlier = Outlier::NEW;
        let mut last = Duration::ZERO;
        for _ in 0..20 {
            outlier = outlier.after(Event::Struck, &spec, now);
            let Standing::Out { until } = outlier.standing else { panic!("not out") };
            last = until - now;
            now = until;
            outlier = outlier.after(Event::Passed, &spec, now);
        }
        assert_eq!(last, Duration::from_secs(300));
    }

    #[test]
    fn some_are_always_left() {
        let spec = OutlierSpec::default();
        for (usable, out, may) in [
            (0, 0, false),
            (1, 0, false),
            (2, 0, true),
            (2, 1, false),
            (3, 0, true),
            (3, 1, false),
            (4, 1, true),
        ] {
            assert_eq!(may_eject(&spec, usable, out), may, "{out} of {usable}");
        }
        for (all, left, panic) in
            [(1, 0, true), (1, 1, false), (2, 1, false), (3, 1, true), (4, 1, true), (4, 2, false)]
        {
            assert_eq!(is_panic(spec.panic_threshold, all, left), panic, "{left} of {all}");
        }
    }
}
