//! Memory goes back to the system soon after much of it was held.
//!
//! The allocator keeps freed memory for a second and returns it when it is next called for a large block. A gateway that has
//! become quiet, or answers small calls only, does not call it for one: so this does, when the bodies held have become few.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use super::{Millis, has_passed};

/// Less than this is not worth the trouble.
const MUCH: usize = 16 << 20;
/// The pause between two requests to the allocator, a little longer than it keeps freed memory.
const PAUSE: Duration = Duration::from_millis(1100);
/// How often it is called: it returns a part of the memory each time.
const ROUNDS: usize = 8;
/// A block of this size is taken from the system's memory, and given back to it, by itself. It is never written to.
const BLOCK: usize = 1 << 20;

/// Watches how much one worker sees held, and has the allocator return what was freed.
#[derive(Debug, Default)]
pub(super) struct Trim {
    peak: AtomicUsize,
    rounds: AtomicUsize,
    last: AtomicU64,
}

impl Trim {
    /// Looks at how much is held now.
    pub(super) fn look(&self, now: Millis, held: usize) {
        if self.is_due(now, held) {
            drop(black_box(Vec::<u8>::with_capacity(BLOCK)));
        }
    }

    fn is_due(&self, now: Millis, held: usize) -> bool {
        let peak = self.peak.load(Relaxed).max(held);
        let has_fallen = peak >= MUCH && held <= peak / 2;
        self.peak.store(if has_fallen { held } else { peak }, Relaxed);
        if has_fallen {
            self.rounds.store(ROUNDS, Relaxed);
            self.last.store(now, Relaxed);
        }
        let rounds = self.rounds.load(Relaxed);
        let is_due = rounds > 0 && has_passed(self.last.load(Relaxed), now, PAUSE);
        if is_due {
            self.rounds.store(rounds - 1, Relaxed);
            self.last.store(now, Relaxed);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_allocator_is_called_for_a_while_after_much_was_held() {
        let trim = Trim::default();
        let due = |now, held| trim.is_due(now, held);
        assert!(!due(1_000, MUCH - 1) && !due(3_000, 0), "that was little");
        assert!(!due(4_000, 4 * MUCH) && !due(6_000, 3 * MUCH), "it is held");
        assert!(!due(7_000, MUCH) && !due(8_000, MUCH), "just freed");
        assert!(due(8_200, MUCH) && !due(8_300, MUCH));
        let more = (0..20).filter(|n| due(10_000 + n * 2_000, MUCH)).count();
        assert_eq!(more, ROUNDS - 1);
    }
}
