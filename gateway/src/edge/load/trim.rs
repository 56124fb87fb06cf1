//! Memory goes back to the system soon after much of it was held.
//!
//! The allocator keeps freed memory for a second, and returns it when it is next called for a large block. A gateway that is
//! idle, or answers small calls only, does not call it for one. So this does, once the bodies held have become few.

use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Less than this is not worth the trouble.
const MUCH: usize = 16 << 20;
/// The pause between two calls of the allocator, a little longer than it keeps freed memory.
const PAUSE: Duration = Duration::from_millis(1100);
/// How often it is called: it returns a part of the memory each time.
const CALLS: u32 = 8;
/// A block of this size is taken from the system's memory, and given back to it, by itself. It is never written to.
const BLOCK: usize = 1 << 20;

/// Follows how much is held, and has the allocator return what was freed.
#[derive(Debug, Default)]
pub(super) struct Trim {
    /// The most that was held since the last time that it fell to half.
    peak: AtomicUsize,
    calls: Mutex<Calls>,
}

/// The calls of the allocator that are left to make.
#[derive(Debug, Default)]
struct Calls {
    left: u32,
    last: Option<Instant>,
}

impl Trim {
    /// So many bytes are held now.
    pub(super) fn note(&self, held: usize) {
        if held > self.peak.load(Relaxed) {
            self.peak.fetch_max(held, Relaxed);
        }
    }

    /// Calls the allocator if it is time to; for every second or so.
    pub(super) fn look(&self, now: Instant, held: usize) {
        if self.is_due(now, held) {
            drop(black_box(Vec::<u8>::with_capacity(BLOCK)));
        }
    }

    fn is_due(&self, now: Instant, held: usize) -> bool {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let peak = self.peak.load(Relaxed);
        if peak >= MUCH && held <= peak / 2 {
            self.peak.store(held, Relaxed);
            *calls = Calls { left: CALLS, last: Some(now) };
        }
        let is_due =
            calls.left > 0 && calls.last.is_none_or(|last| now.saturating_duration_since(last) >= PAUSE);
        if is_due {
            *calls = Calls { left: calls.left - 1, last: Some(now) };
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_allocator_is_called_for_a_while_after_much_was_held() {
        let (trim, start) = (Trim::default(), Instant::now());
        let due = |millis, held| trim.is_due(start + Duration::from_millis(millis), held);
        trim.note(MUCH - 1);
        assert!(!due(1_000, 0) && !due(3_000, 0), "that was little");
        // Also when it was held for a moment between two looks.
        trim.note(4 * MUCH);
        assert!(!due(4_000, 3 * MUCH) && !due(6_000, 3 * MUCH), "it is held");
        assert!(!due(7_000, MUCH) && !due(8_000, MUCH), "just freed");
        assert!(due(8_200, MUCH) && !due(8_300, MUCH));
        let more = (0..20).filter(|n| due(10_000 + n * 2_000, MUCH)).count();
        assert_eq!(more, CALLS as usize - 1);
    }
}
