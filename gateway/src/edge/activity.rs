//! What a connection is doing, and since when: the input of the sweep that closes silent and stalled ones.
//!
//! hyper can time the head of a request by itself, but arms a timer for every request, which costs a system call each
//! on a current-thread runtime. Here a connection only notes times off a coarse clock, and one task per worker looks
//! at all connections a few times a second. That also covers what hyper has no timer for: idle HTTP/2 connections and
//! clients that do not read their answer.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// The times after which a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// From the first byte of a request to the end of its head (HTTP/1.1).
    pub(super) head: Duration,
    /// Without any request in flight.
    pub(super) idle: Duration,
    /// Without progress in writing an answer that the client does not read.
    pub(super) write: Duration,
}

/// Milliseconds on the worker's coarse clock; never 0, which stands for "not since any time".
type Millis = u64;

/// One connection's state, written by its task and read by the sweep of the same worker.
#[derive(Debug)]
pub(super) struct Activity {
    clock: Arc<Clock>,
    limits: Limits,
    http1: AtomicU32,
    in_flight: AtomicU32,
    head_since: AtomicU64,
    idle_since: AtomicU64,
    stalled_since: AtomicU64,
    expired: Notify,
}

impl Activity {
    fn new(clock: Arc<Clock>, limits: Limits) -> Self {
        let now = clock.now();
        Self {
            clock,
            limits,
            http1: AtomicU32::new(0),
            in_flight: AtomicU32::new(0),
            head_since: AtomicU64::new(0),
            idle_since: AtomicU64::new(now),
            stalled_since: AtomicU64::new(0),
            expired: Notify::new(),
        }
    }

    /// The connection turned out to speak HTTP/1.1: from now on, bytes outside a request begin a head.
    pub(super) fn speaks_http1(&self) {
        self.http1.store(1, Relaxed);
        self.head_since.store(self.clock.now(), Relaxed);
    }

    /// Bytes came in.
    pub(super) fn on_read(&self) {
        if self.http1.load(Relaxed) == 1
            && self.in_flight.load(Relaxed) == 0
            && self.head_since.load(Relaxed) == 0
        {
            self.head_since.store(self.clock.now(), Relaxed);
        }
    }

    /// Bytes went out.
    pub(super) fn on_written(&self) {
        if self.stalled_since.load(Relaxed) != 0 {
            self.stalled_since.store(0, Relaxed);
        }
    }

    /// The socket takes no more bytes for now.
    pub(super) fn on_write_blocked(&self) {
        if self.stalled_since.load(Relaxed) == 0 {
            self.stalled_since.store(self.clock.now(), Relaxed);
        }
    }

    /// A request's head is complete. It is in flight until the guard is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        self.head_since.store(0, Relaxed);
        self.in_flight.fetch_add(1, Relaxed);
        InFlight(Arc::clone(self))
    }

    /// Waits until the connection has been silent or stalled for too long.
    pub(super) async fn expired(&self) {
        self.expired.notified().await;
    }

    fn is_expired(&self, now: Millis) -> bool {
        let over = |since: &AtomicU64, limit: Duration| {
            let since = since.load(Relaxed);
            since != 0 && u128::from(now.saturating_sub(since)) > limit.as_millis()
        };
        if over(&self.stalled_since, self.limits.write) {
            return true;
        }
        if self.in_flight.load(Relaxed) > 0 {
            return false;
        }
        over(&self.head_since, self.limits.head) || over(&self.idle_since, self.limits.idle)
    }
}

/// A request in flight on a connection.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Activity>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.idle_since.store(self.0.clock.now(), Relaxed);
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

/// A clock that is read without a system call; the sweep moves it.
#[derive(Debug)]
struct Clock {
    start: Instant,
    now: AtomicU64,
}

impl Clock {
    fn now(&self) -> Millis {
        self.now.load(Relaxed)
    }

    fn advance(&self) -> Millis {
        let now = Millis::try_from(self.start.elapsed().as_millis()).unwrap_or(Millis::MAX).max(1);
        self.now.store(now, Relaxed);
        now
    }
}

/// The connections of one worker.
#[derive(Debug, Clone)]
pub(super) struct Sweep {
    clock: Arc<Clock>,
    connections: Arc<Mutex<Vec<Weak<Activity>>>>,
}

impl Sweep {
    pub(super) fn new() -> Self {
        let clock = Clock { start: Instant::now(), now: AtomicU64::new(1) };
        Self { clock: Arc::new(clock), connections: Arc::default() }
    }

    /// Starts to watch a connection.
    pub(super) fn watch(&self, limits: Limits) -> Arc<Activity> {
        self.clock.advance();
        let activity = Arc::new(Activity::new(Arc::clone(&self.clock), limits));
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.push(Arc::downgrade(&activity));
        activity
    }

    /// Tells the connections that are over their time, and forgets the closed ones. Returns how soon to look again.
    pub(super) fn look(&self) -> Duration {
        let now = self.clock.advance();
        let mut period = Duration::from_secs(1);
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.retain(|connection| {
            let Some(connection) = connection.upgrade() else { return false };
            let Limits { head, idle, write } = connection.limits;
            period = period.min(head / 4).min(idle / 4).min(write / 4);
            if connection.is_expired(now) {
                connection.expired.notify_one();
            }
            true
        });
        period.max(Duration::from_millis(10))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        head: Duration::from_secs(10),
        idle: Duration::from_secs(60),
        write: Duration::from_secs(30),
    };

    fn at(activity: &Activity, seconds: u64) -> bool {
        activity.is_expired(seconds * 1000)
    }

    fn connection() -> Arc<Activity> {
        let clock = Arc::new(Clock { start: Instant::now(), now: AtomicU64::new(1) });
        Arc::new(Activity::new(clock, LIMITS))
    }

    #[test]
    fn a_connection_without_requests_is_closed_when_idle_for_too_long() {
        let connection = connection();
        assert!(!at(&connection, 60));
        assert!(at(&connection, 61));
    }

    #[test]
    fn an_http1_head_that_is_never_finished_is_closed_sooner() {
        let connection = connection();
        connection.speaks_http1();
        assert!(!at(&connection, 9));
        assert!(at(&connection, 11));
    }

    #[test]
    fn a_request_in_flight_keeps_the_connection_open() {
        let connection = connection();
        connection.speaks_http1();
        let request = connection.begin();
        assert!(!at(&connection, 600));
        drop(request);
        assert!(!at(&connection, 11), "the head is over: only the idle time counts");
        assert!(at(&connection, 61));
    }

    #[test]
    fn a_client_that_does_not_read_is_closed_even_with_a_request_in_flight() {
        let connection = connection();
        let _request = connection.begin();
        connection.on_write_blocked();
        assert!(!at(&connection, 30));
        assert!(at(&connection, 31));
        connection.on_written();
        assert!(!at(&connection, 31));
    }
}
