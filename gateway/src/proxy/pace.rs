//! How fast a request's body arrives, judged by its last seconds.
//!
//! Of a body that arrives fast enough, the last bytes have come within the last seconds. An average over the whole body would
//! let a client send most of it at once and hold the memory for as long as the average allows.

use std::time::Duration;

use smallvec::{SmallVec, smallvec};
use tokio::time::Instant;

/// The fewest bytes that have to arrive in each second of the window.
const BYTES_PER_SECOND: usize = 1024;
/// The parts of the window that are told apart.
const PARTS: u32 = 8;
/// Under pressure the window is as many times shorter.
const PRESSED: u32 = 4;

/// When the last bytes of a body arrived.
#[derive(Debug)]
pub(super) struct Pace {
    window: Duration,
    /// The parts of the window in which something was waited for, oldest first; at most one for each part, and two more.
    marks: SmallVec<[Mark; 1]>,
}

#[derive(Debug, Clone, Copy)]
struct Mark {
    begin: Instant,
    /// When it was last waited for more.
    end: Instant,
    /// The bytes that had arrived by then.
    received: usize,
}

impl Pace {
    /// Of a body whose speed is judged over so much time.
    pub(super) const fn new(window: Duration) -> Self {
        Self { window, marks: SmallVec::new_const() }
    }

    /// How long to wait before the pressure is looked at again.
    pub(super) fn step(&self) -> Duration {
        self.window / PARTS
    }

    /// Notes that `received` bytes have arrived by now, and that more are awaited.
    pub(super) fn wait(&mut self, now: Instant, received: usize) {
        let step = self.step();
        match self.marks.last_mut() {
            None => self.marks = smallvec![Mark { begin: now, end: now, received }],
            Some(last) if now.duration_since(last.begin) < step => {
                (last.end, last.received) = (now, received);
            }
            Some(_) => {
                self.forget(received);
                self.marks.push(Mark { begin: now, end: now, received });
            }
        }
    }

    /// Drops the marks before the bytes that any deadline is made of. Those of the highest pressure are the most.
    fn forget(&mut self, received: usize) {
        let most = (0..=4).map(|pressure| self.required(pressure).1).max().unwrap_or_default();
        let old = self.marks.iter().take_while(|mark| mark.received <= received.saturating_sub(most)).count();
        self.marks.drain(..old.min(self.marks.len().saturating_sub(1)));
        // Whatever is older than the window has missed its deadline, unless little is required.
        if self.marks.len() > PARTS as usize + 2 {
            self.marks.remove(1);
        }
    }

    /// The window, and the bytes that have to arrive within it. The more pressure there is (see [`crate::edge::Load::pressure`]),
    /// the faster a body has to be, so that the slowest end first.
    fn required(&self, pressure: u32) -> (Duration, usize) {
        let (window, factor) = match pressure.checked_sub(1) {
            None => (self.window, 1),
            Some(level) => (self.window / PRESSED, 4_usize.saturating_pow(level)),
        };
        let millis = usize::try_from(window.as_millis()).unwrap_or(usize::MAX);
        let bytes =
            (millis / 1000).saturating_mul(BYTES_PER_SECOND) + millis % 1000 * BYTES_PER_SECOND / 1000;
        (window, bytes.saturating_mul(factor).max(1))
    }

    /// Until when the next byte has to arrive: the required number of last bytes may not be older than the window.
    pub(super) fn deadline(&self, received: usize, pressure: u32) -> Option<Instant> {
        let (window, required) = self.required(pressure);
        let first = self.marks.first()?;
        let since = match received.checked_sub(required) {
            // Too few in all: since the body was first waited for.
            None => first.begin,
            Some(before) => {
                self.marks.iter().find(|mark| mark.received > before).map_or(first.begin, |mark| mark.end)
            }
        };
        Some(since + window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(8);

    /// Plays pieces, each so many milliseconds after the start. Gives when the body is ended, if it is before the last one.
    fn ended(pieces: impl IntoIterator<Item = (u64, usize)>, pressure: u32) -> Option<u64> {
        let start = Instant::now();
        let (mut pace, mut received) = (Pace::new(WINDOW), 0);
        pace.wait(start, 0);
        for (at, bytes) in pieces {
            let deadline = pace.deadline(received, pressure).unwrap();
            let at = start + Duration::from_millis(at);
            if deadline < at {
                return Some(u64::try_from(deadline.duration_since(start).as_millis()).unwrap());
            }
            received += bytes;
            pace.wait(at, received);
            assert!(pace.marks.len() <= PARTS as usize + 3, "{}", pace.marks.len());
        }
        None
    }

    #[test]
    fn the_last_seconds_count() {
        let drip = |from: u64, pause: u64, bytes: usize| (0..2_000).map(move |n| (from + n * pause, bytes));
        // Nothing, or a byte now and then.
        assert_eq!(ended([(60_000, 1)], 0), Some(8_000));
        assert_eq!(ended(drip(0, 500, 1), 0), Some(8_000));
        // Much at once earns no time for the rest.
        assert_eq!(ended([(10, 4 << 20), (60_000, 1)], 0), Some(8_010));
        assert_eq!(ended([(10, 4 << 20)].into_iter().chain(drip(3_000, 3_000, 1)), 0), Some(8_010));
        // Slow and steady, in small pieces and in large ones.
        assert_eq!(ended(drip(100, 100, 110), 0), None);
        assert_eq!(ended(drip(100, 1_000, 1_100), 0), None);
        assert_eq!(ended(drip(7_000, 7_000, 9_000), 0), None);
        assert!(ended(drip(100, 100, 80), 0).is_some());
        // It gets slower after a while.
        let late = ended((0..100).map(|n| (n * 100, 500)).chain(drip(10_000, 1_000, 100)), 0).unwrap();
        assert!((14_000..19_000).contains(&late), "{late}");
    }

    #[test]
    fn under_pressure_the_slowest_end_first() {
        let steady = |bytes: usize| move |n: u64| (n * 100, bytes);
        let ends = |bytes: usize| {
            (0..=4).map(|pressure| ended((0..300).map(steady(bytes)), pressure).is_some()).collect::<Vec<_>>()
        };
        // 1.2, 5, 20 and 80 KB a second.
        assert_eq!(ends(120), [false, false, true, true, true]);
        assert_eq!(ends(500), [false, false, false, true, true]);
        assert_eq!(ends(2_000), [false, false, false, false, true]);
        assert_eq!(ends(8_000), [false; 5]);
        assert_eq!(ended([(10, 4 << 20), (60_000, 1)], 1), Some(2_010), "and sooner");
    }
}
