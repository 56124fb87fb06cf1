//! How long to wait before the next attempt: doubling, capped, jittered.

use std::time::Duration;

use crate::random::Dice;

/// Doubles from `base` to `max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backoff {
    pub(crate) base: Duration,
    pub(crate) max: Duration,
}

impl Backoff {
    /// The longest wait after so many failures (1 is the first).
    pub(crate) fn ceiling(self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.base.saturating_mul(1 << doublings).min(self.max)
    }

    /// For calls: anywhere up to the ceiling, so that callers that failed together do not come back together.
    pub(crate) fn full_jitter(self, failures: u32, dice: &Dice) -> Duration {
        dice.jitter(self.ceiling(failures))
    }

    /// For dialling: between half the ceiling and all of it, so that a dead endpoint is never hammered.
    pub(crate) fn half_jitter(self, failures: u32, dice: &Dice) -> Duration {
        let half = self.ceiling(failures) / 2;
        half + dice.jitter(half)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff { base: Duration::from_millis(25), max: Duration::from_millis(1000) };

    #[test]
    fn the_ceiling_doubles_up_to_its_maximum() {
        let table = [(0, 25), (1, 25), (2, 50), (3, 100), (6, 800), (7, 1000), (8, 1000), (u32::MAX, 1000)];
        for (failures, ms) in table {
            assert_eq!(BACKOFF.ceiling(failures), Duration::from_millis(ms), "{failures}");
        }
    }

    #[test]
    fn jitter_stays_within_its_bounds() {
        let dice = Dice::seeded(7);
        for _ in 0..1000 {
            assert!(BACKOFF.full_jitter(3, &dice) < Duration::from_millis(100));
            let half = BACKOFF.half_jitter(3, &dice);
            assert!((Duration::from_millis(50)..Duration::from_millis(100)).contains(&half), "{half:?}");
        }
    }
}
