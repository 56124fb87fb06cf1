//! Damps an endpoint whose health flips: it is held as unhealthy, each time for longer.
//!
//! ```text
//!            more than 6 changes in a minute
//!   Free ─────────────────────────────────────► Held { until }
//!    ▲                                               │
//!    └───────────────── until has come ──────────────┘
//! ```
//! A hold lasts 10 s, and twice as long as the one before it up to 5 minutes; 10 minutes without a hold begin anew.

use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::Backoff;

/// Changes within [`WINDOW`] that are taken as they come.
const CHANGES: u32 = 6;
const WINDOW: Duration = Duration::from_secs(60);
const HOLD: Backoff = Backoff { base: Duration::from_secs(10), max: Duration::from_secs(300) };
/// The time after a hold after which its length is forgotten.
const QUIET: Duration = Duration::from_secs(600);

/// The changes of one endpoint's health.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Damper {
    /// The window of the latest change, and the changes in it.
    window: Option<Instant>,
    changes: u32,
    /// Holds in a row.
    holds: u32,
    until: Option<Instant>,
    is_held: bool,
}

impl Damper {
    /// Whether the endpoint is held as unhealthy, as of the last event.
    pub(crate) fn is_held(&self) -> bool {
        self.is_held
    }

    /// Time passed.
    pub(crate) fn pass(&mut self, now: Instant) {
        if self.until.is_some_and(|until| now >= until) {
            self.is_held = false;
        }
    }

    /// The health changed. Returns the length of the hold that this begins.
    pub(crate) fn change(&mut self, now: Instant) -> Option<Duration> {
        self.pass(now);
        if self.is_held {
            return None;
        }
        if self.window.is_none_or(|begun| now.saturating_duration_since(begun) >= WINDOW) {
            (self.window, self.changes) = (Some(now), 0);
        }
        self.changes += 1;
        if self.changes <= CHANGES {
            return None;
        }
        if self.until.is_some_and(|until| now.saturating_duration_since(until) >= QUIET) {
            self.holds = 0;
        }
        self.holds = self.holds.saturating_add(1);
        let hold = HOLD.ceiling(self.holds);
        (self.until, self.is_held) = (Some(now + hold), true);
        // After the hold one change is enough to hold it again, until the window has passed without one.
        (self.window, self.changes) = (Some(now + hold), CHANGES - 1);
        Some(hold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy)]
    enum Step {
        /// So many changes at once; whether the endpoint is held after them.
        Changes(u32, bool),
        /// Only time passed.
        Passes(bool),
    }

    #[test]
    fn an_endpoint_that_flips_is_held_for_a_growing_time() {
        use Step::*;
        let table = [
            (0, Changes(6, false)),
            // A new minute.
            (60, Changes(6, false)),
            (119, Changes(1, true)),
            (128, Passes(true)),
            (129, Passes(false)),
            // Twice as long, and one change is let through.
            (130, Changes(1, false)),
            (131, Changes(1, true)),
            (150, Changes(50, true)),
            (151, Passes(false)),
            (152, Changes(2, true)),
            (191, Passes(true)),
            (192, Passes(false)),
            // Calm for more than ten minutes: as at first.
            (900, Changes(6, false)),
            (901, Changes(1, true)),
            (910, Passes(true)),
            (911, Passes(false)),
        ];
        let (start, mut damper) = (Instant::now(), Damper::default());
        for (seconds, step) in table {
            let now = start + Duration::from_secs(seconds);
            let held = match step {
                Changes(count, held) => {
                    (0..count).for_each(|_| _ = damper.change(now));
                    held
                }
                Passes(held) => {
                    damper.pass(now);
                    held
                }
            };
            assert_eq!(damper.is_held(), held, "at {seconds} s after {step:?}");
        }
    }

    #[test]
    fn an_endpoint_that_flips_for_ever_changes_seldom() {
        let (start, mut damper) = (Instant::now(), Damper::default());
        let (mut holds, mut longest) = (0, Duration::ZERO);
        // A change every millisecond for an hour.
        for ms in 0..3_600_000 {
            if let Some(hold) = damper.change(start + Duration::from_millis(ms)) {
                holds += 1;
                longest = longest.max(hold);
            }
        }
        assert!(holds < 20, "{holds}");
        assert_eq!(longest, Duration::from_secs(300));
    }
}
