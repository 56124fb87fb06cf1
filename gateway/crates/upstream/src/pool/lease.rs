//! What is open on one connection: its streams, its orphans, and the resets that it has left.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use crate::endpoint::Endpoint;
use crate::orphan::OrphanPlace;
use crate::peer_settings::PeerSettings;
use crate::reset_budget::ResetBudget;

/// Orphans on one connection. Each of them takes one of its streams.
const MAX_ORPHANS: u32 = 128;
/// Request bytes that the orphans of one connection may hold: what the server did not take before the call was cancelled.
const MAX_ORPHANED_BYTES: usize = 4 << 20;

/// What is open on a connection.
#[derive(Debug)]
pub(super) struct Load {
    /// Streams, orphans included.
    pub(super) streams: AtomicU32,
    /// Streams that no call waits for.
    orphans: AtomicU32,
    /// Request bytes that orphans may still hold.
    unsent: AtomicUsize,
    /// Whether a call completed since a PING was last due.
    pub(super) heard: AtomicBool,
    /// Resets since a call last completed.
    unproven: AtomicU32,
    resets: Mutex<ResetBudget>,
    /// Takes no new calls, because it has too many orphans.
    pub(super) retired: AtomicBool,
    /// Has only calls of clients that cancel often: resets need no pace.
    pub(super) isolated: bool,
    /// What the peer announced, and how the connection ended.
    settings: Arc<PeerSettings>,
}

impl Load {
    pub(super) fn new(isolated: bool, settings: Arc<PeerSettings>) -> Self {
        Self {
            isolated,
            settings,
            streams: AtomicU32::new(0),
            orphans: AtomicU32::new(0),
            unsent: AtomicUsize::new(0),
            heard: AtomicBool::new(false),
            unproven: AtomicU32::new(0),
            resets: Mutex::new(ResetBudget::FULL),
            retired: AtomicBool::new(false),
        }
    }

    pub(super) fn settings(&self) -> &Arc<PeerSettings> {
        &self.settings
    }

    fn take_reset(&self, now: Instant) -> bool {
        if self.isolated {
            return true;
        }
        let mut resets = self.resets.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = resets.take(self.unproven.load(Relaxed), now);
        if taken {
            self.unproven.fetch_add(1, Relaxed);
        }
        taken
    }

    /// Whether nothing but orphans is left of a connection that takes no new calls.
    fn is_abandoned(&self) -> bool {
        self.retired.load(Relaxed) && self.orphans.load(Relaxed) >= self.streams.load(Relaxed)
    }
}

/// Permission to use one stream of one connection; dropping it gives the place to the next.
#[derive(Debug)]
pub(crate) struct Lease {
    endpoint: Arc<Endpoint>,
    worker: usize,
    load: Arc<Load>,
    /// Whether it stands for a stream; a second lease of the same stream does not.
    counted: bool,
}

impl Lease {
    pub(super) fn new(endpoint: &Arc<Endpoint>, worker: usize, load: Arc<Load>) -> Self {
        endpoint.active.fetch_add(1, Relaxed);
        load.streams.fetch_add(1, Relaxed);
        Self { endpoint: Arc::clone(endpoint), worker, load, counted: true }
    }

    pub(crate) fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// What the peer of the connection announced.
    pub(crate) fn settings(&self) -> &PeerSettings {
        &self.load.settings
    }

    /// A second permission for the same stream, for its other half.
    pub(crate) fn uncounted(&self) -> Self {
        let (endpoint, load) = (Arc::clone(&self.endpoint), Arc::clone(&self.load));
        Self { endpoint, worker: self.worker, load, counted: false }
    }

    /// A second permission for the same stream, counted like the first, which is about to be dropped.
    pub(crate) fn again(&self) -> Self {
        Self::new(&self.endpoint, self.worker, Arc::clone(&self.load))
    }

    /// The call was answered: the server reads what is sent on this connection.
    pub(crate) fn completed(&self) {
        if self.load.unproven.load(Relaxed) != 0 {
            self.load.unproven.store(0, Relaxed);
        }
        if !self.load.heard.load(Relaxed) {
            self.load.heard.store(true, Relaxed);
        }
    }

    /// Takes one reset from the budget of the connection. Orphans that wait for a reset come first.
    pub(crate) fn may_reset(&self, now: Instant) -> bool {
        self.load.orphans.load(Relaxed) == 0 && self.load.take_reset(now)
    }

    /// Takes one reset from the budget for an orphan.
    pub(crate) fn may_reset_orphan(&self, now: Instant) -> bool {
        self.load.is_abandoned() || self.load.take_reset(now)
    }

    /// Makes the stream an orphan. Retires the connection if it has too many; `None` if the pool has too many retired ones,
    /// and the stream has to be reset after all.
    pub(crate) fn orphan(&self, unsent: usize) -> Option<OrphanPlace> {
        let load = &self.load;
        let is_full = load.orphans.load(Relaxed) >= MAX_ORPHANS
            || load.unsent.load(Relaxed).saturating_add(unsent) > MAX_ORPHANED_BYTES;
        if is_full && !self.endpoint.pool(self.worker).retire(load) {
            return None;
        }
        load.orphans.fetch_add(1, Relaxed);
        load.unsent.fetch_add(unsent, Relaxed);
        Some(OrphanPlace::new(self.again(), unsent))
    }

    /// An orphan is gone.
    pub(crate) fn orphan_ended(&self, unsent: usize) {
        self.load.orphans.fetch_sub(1, Relaxed);
        self.load.unsent.fetch_sub(unsent, Relaxed);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.counted {
            return;
        }
        self.load.streams.fetch_sub(1, Relaxed);
        self.endpoint.active.fetch_sub(1, Relaxed);
        self.endpoint.pool(self.worker).stream_ended(self.load.isolated);
    }
}
