//! How often a client connection cancels its requests: those that do it often are served with a delay, and through upstream
//! connections of their own.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::load::Load;

/// A cancelled request counts for this long: a client that cancels two requests a second never counts as one that cancels often.
const WEIGHT: Duration = Duration::from_millis(500);
/// Cancelled requests above which a client cancels often.
const MANY: u64 = 20;
/// Cancelled requests that count at most, so that a client that stops is soon like any other.
const MOST: u64 = 60;

/// The delay of a request whose client cancels often. What is cancelled meanwhile costs the upstream nothing.
const DELAY: Duration = Duration::from_millis(20);

/// Holds a request back for a moment. A request that is cancelled meanwhile counts as cancelled.
pub(super) async fn delay(load: &Load) {
    let waiting = Waiting(Some(load));
    tokio::time::sleep(DELAY).await;
    waiting.end();
}

/// A request that is held back.
struct Waiting<'a>(Option<&'a Load>);

impl Waiting<'_> {
    fn end(mut self) {
        self.0 = None;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(load) = self.0 {
            load.cancelled(Instant::now());
        }
    }
}

/// The cancelled requests of one client connection, as a leaky bucket.
#[derive(Debug, Default)]
pub(super) struct Cancels {
    /// The time of the first one.
    first: OnceLock<Instant>,
    /// Milliseconds after `first` at which none counts any more; 0 before the first.
    empty_at: AtomicU64,
}

impl Cancels {
    /// A request was cancelled.
    pub(super) fn add(&self, now: Instant) {
        let now = self.millis(now);
        let weight = WEIGHT.as_millis() as u64;
        let empty_at = self.empty_at.load(Relaxed).max(now) + weight;
        self.empty_at.store(empty_at.min(now + MOST * weight).max(1), Relaxed);
    }

    /// Whether many of them count at the moment.
    pub(super) fn are_many(&self, now: impl FnOnce() -> Instant) -> bool {
        let empty_at = self.empty_at.load(Relaxed);
        empty_at != 0 && empty_at.saturating_sub(self.millis(now())) > MANY * WEIGHT.as_millis() as u64
    }

    fn millis(&self, now: Instant) -> u64 {
        let first = *self.first.get_or_init(|| now);
        u64::try_from(now.saturating_duration_since(first).as_millis()).unwrap_or(u64::MAX / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_clients_that_cancel_in_series_cancel_often() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        // A person who types: 8 cancelled requests within 2 s, then a pause of 5 s, for ever.
        let typing = Cancels::default();
        for round in 0..100 {
            (0..8).for_each(|key| typing.add(at(round * 7000 + key * 250)));
            assert!(!typing.are_many(|| at(round * 7000 + 2000)), "round {round}");
        }
        let rapid = Cancels::default();
        assert!(!rapid.are_many(|| at(0)));
        (0..20).for_each(|_| rapid.add(at(0)));
        assert!(!rapid.are_many(|| at(0)));
        (0..100_000).for_each(|_| rapid.add(at(1)));
        assert!(rapid.are_many(|| at(2)));
        assert!(rapid.are_many(|| at(20_000)));
        assert!(!rapid.are_many(|| at(20_010)));
    }
}
