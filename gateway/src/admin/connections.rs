//! The open connections of the admin address, and which of them is closed when there are too many.
//!
//! Probes and scrapers must get through, whatever others hold open. At the limit, a new connection takes the place of the
//! one that has waited longest for a complete request; those with a request in progress are closed only if no other is left.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What a connection is doing, and since when. The variant orders before the time: idle connections are closed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// No request, or the head of one that is not complete.
    Waiting(Instant),
    /// A request is in progress.
    Busy(Instant),
}

#[derive(Debug)]
struct Entry {
    phase: Phase,
    evict: CancellationToken,
}

/// The open connections. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Connections(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    next_id: u64,
    open: HashMap<u64, Entry>,
}

/// One open connection. Dropping it makes room for another one.
#[derive(Debug)]
pub(super) struct OpenConnection {
    id: u64,
    all: Connections,
    evict: CancellationToken,
}

/// A request in progress on a connection, until it is dropped.
#[derive(Debug)]
pub(super) struct InProgress<'c>(&'c OpenConnection);

impl Connections {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a connection. If `max` are open already, one of those is told to close.
    pub(super) fn open(&self, max: usize, now: Instant) -> OpenConnection {
        let evict = CancellationToken::new();
        let mut inner = self.lock();
        if inner.open.len() >= max {
            let longest = inner.open.iter().min_by_key(|(id, entry)| (entry.phase, **id));
            let longest = longest.map(|(id, _)| *id);
            if let Some(entry) = longest.and_then(|id| inner.open.remove(&id)) {
                entry.evict.cancel();
            }
        }
        let id = inner.next_id;
        inner.next_id += 1;
        inner.open.insert(id, Entry { phase: Phase::Waiting(now), evict: evict.clone() });
        OpenConnection { id, all: self.clone(), evict }
    }
}

impl OpenConnection {
    /// Completes when the connection has to make room.
    pub(super) async fn evicted(&self) {
        self.evict.cancelled().await;
    }

    /// Marks the start of a request.
    pub(super) fn begin(&self) -> InProgress<'_> {
        self.set(Phase::Busy(Instant::now()));
        InProgress(self)
    }

    fn set(&self, phase: Phase) {
        if let Some(entry) = self.all.lock().open.get_mut(&self.id) {
            entry.phase = phase;
        }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.all.lock().open.remove(&self.id);
    }
}

impl Drop for InProgress<'_> {
    fn drop(&mut self) {
        self.0.set(Phase::Waiting(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_evicted(connection: &OpenConnection) -> bool {
        connection.evict.is_cancelled()
    }

    #[test]
    fn the_one_that_has_waited_longest_makes_room() {
        let all = Connections::default();
        let start = Instant::now();
        let at = |seconds| start + std::time::Duration::from_secs(seconds);
        let (first, second) = (all.open(2, at(1)), all.open(2, at(0)));
        assert!(!is_evicted(&first) && !is_evicted(&second));
        let third = all.open(2, at(2));
        assert!(is_evicted(&second) && !is_evicted(&first) && !is_evicted(&third));
        // The closed one does not count any more, and neither does its end.
        drop(second);
        let fourth = all.open(2, at(3));
        assert!(is_evicted(&first) && !is_evicted(&third) && !is_evicted(&fourth));
        drop(third);
        let _fifth = all.open(2, at(4));
        assert!(!is_evicted(&fourth), "there was room");
    }

    #[test]
    fn requests_in_progress_are_the_last_to_go() {
        let all = Connections::default();
        let (busy, idle) = (all.open(2, Instant::now()), all.open(2, Instant::now()));
        let request = busy.begin();
        let next = all.open(2, Instant::now());
        assert!(is_evicted(&idle) && !is_evicted(&busy));
        let other_request = next.begin();
        let _last = all.open(2, Instant::now());
        assert!(is_evicted(&busy) && !is_evicted(&next), "the older of two requests");
        drop((request, other_request));
    }
}
