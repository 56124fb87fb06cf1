//! The look at all connections of a worker, a few times a second.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::{Activity, Limits, Millis};
use crate::edge::load::{Load, Totals};

/// How often a draining connection is looked at.
const DRAINING: Duration = Duration::from_millis(50);
/// The longest time between two looks.
const CALM: Duration = Duration::from_secs(1);
/// The shortest.
const BUSY: Duration = Duration::from_millis(10);

/// A clock that is read without a system call; the sweep moves it.
#[derive(Debug)]
pub(super) struct Clock {
    start: Instant,
    now: AtomicU64,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), now: AtomicU64::new(1) }
    }

    pub(super) fn now(&self) -> Millis {
        self.now.load(Relaxed)
    }

    #[cfg(test)]
    pub(super) fn set(&self, now: Millis) {
        self.now.store(now, Relaxed);
    }

    fn advance(&self) -> Millis {
        let now = Millis::try_from(self.start.elapsed().as_millis()).unwrap_or(Millis::MAX).max(1);
        self.now.store(now, Relaxed);
        now
    }
}

/// The connections of one worker.
#[derive(Debug, Clone)]
pub(in crate::edge) struct Sweep {
    clock: Arc<Clock>,
    totals: Arc<Totals>,
    connections: Arc<Mutex<Vec<Weak<Activity>>>>,
}

impl Sweep {
    pub(in crate::edge) fn new(totals: Arc<Totals>) -> Self {
        Self { clock: Arc::new(Clock::new()), totals, connections: Arc::default() }
    }

    /// Starts to watch a connection.
    pub(in crate::edge) fn watch(&self, limits: Limits, drain: Arc<AtomicBool>) -> Arc<Activity> {
        self.clock.advance();
        let load = Arc::new(Load::new(Arc::clone(&self.totals), limits.buffers, limits.share));
        let activity = Activity::new(Arc::clone(&self.clock), limits, load, drain);
        let activity = Arc::new(activity);
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.push(Arc::downgrade(&activity));
        activity
    }

    /// Tells the connections what they have to know, and forgets the closed ones. Returns how soon to look again.
    pub(in crate::edge) fn look(&self) -> Duration {
        let now = self.clock.advance();
        self.totals.trim(Instant::now().into());
        let mut period = CALM;
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.retain(|connection| {
            let Some(connection) = connection.upgrade() else { return false };
            let Limits { head, idle, write, .. } = connection.limits;
            period = period.min(head / 4).min(idle / 4).min(write / 4);
            connection.judge(now);
            if connection.drain.load(Relaxed) {
                period = period.min(DRAINING);
            }
            true
        });
        period.max(BUSY)
    }
}
