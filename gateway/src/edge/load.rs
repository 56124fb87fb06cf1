//! How much the gateway holds just now: what is shed before memory grows is decided by it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::cancels::Cancels;

/// Requests in flight and bytes held, over all workers.
#[derive(Debug)]
pub struct Totals {
    requests: AtomicUsize,
    buffered: AtomicUsize,
    /// Who may compute beside the workers just now.
    aside: Arc<Semaphore>,
}

impl Default for Totals {
    fn default() -> Self {
        // More at once would be no sooner done, and would take the processors from the workers.
        let at_once = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        Self {
            requests: AtomicUsize::new(0),
            buffered: AtomicUsize::new(0),
            aside: Arc::new(Semaphore::new(at_once)),
        }
    }
}

impl Totals {
    /// Requests in flight, from head to answer.
    pub fn requests(&self) -> usize {
        self.requests.load(Relaxed)
    }

    /// Bytes of bodies held: requests that are being read or made, and answers that are on their way or expected. Bodies of
    /// less than [`Charge::FREE`] are not counted: the number of requests bounds them.
    pub fn buffered(&self) -> usize {
        self.buffered.load(Relaxed)
    }
}

/// A connection's view of it: what it counts in, and how much there may be.
#[derive(Debug, Default)]
pub struct Load {
    totals: Arc<Totals>,
    buffers: usize,
    cancels: Cancels,
}

impl Load {
    /// Of a connection whose terms allow so many bytes.
    pub fn new(totals: Arc<Totals>, buffers: usize) -> Self {
        Self { totals, buffers, cancels: Cancels::default() }
    }

    /// The client has cancelled a request.
    pub fn cancelled(&self, now: Instant) {
        self.cancels.add(now);
    }

    /// Whether the client cancels so often that its calls must not share a connection with those of others.
    pub fn cancels_often(&self) -> bool {
        self.cancels.are_many(Instant::now)
    }

    /// Requests in flight, over all workers.
    pub fn requests(&self) -> usize {
        self.totals.requests()
    }

    /// Whether so many more bytes may be held.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.totals.buffered().saturating_add(bytes) <= self.buffers
    }

    /// Whether more than half of what may be held is.
    pub fn is_pressed(&self) -> bool {
        !self.has_room(self.buffers / 2)
    }

    /// Counts bytes, whether there is room or not.
    pub fn take(&self, bytes: usize) {
        self.totals.buffered.fetch_add(bytes, Relaxed);
    }

    /// Counts them no more.
    pub fn give_back(&self, bytes: usize) {
        self.totals.buffered.fetch_sub(bytes, Relaxed);
    }

    /// The right to one computation beside the workers, once there are few enough of them. Who gives up waiting leaves nothing
    /// behind.
    pub async fn aside(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.totals.aside).acquire_owned().await.ok()
    }

    pub(super) fn begin(&self) {
        self.totals.requests.fetch_add(1, Relaxed);
    }

    pub(super) fn end(&self) {
        self.totals.requests.fetch_sub(1, Relaxed);
    }
}

/// Bytes held by somebody, given back when dropped.
#[derive(Debug)]
pub struct Charge {
    load: Arc<Load>,
    bytes: usize,
}

impl Charge {
    /// Bodies smaller than this are not worth counting.
    pub const FREE: usize = 4 << 10;

    /// Counts so many bytes. Refuses nothing: that is for whoever asks [`Load::has_room`].
    pub fn new(load: &Arc<Load>, bytes: usize) -> Self {
        load.take(bytes);
        Self { load: Arc::clone(load), bytes }
    }

    /// Counts so many more.
    pub fn grow(&mut self, bytes: usize) {
        self.load.take(bytes);
        self.bytes += bytes;
    }

    /// How many they are.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Hands so many of them to another holder.
    pub(super) fn split(&mut self, bytes: usize) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self { load: Arc::clone(&self.load), bytes }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.load.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_charged_is_given_back_once() {
        let load = Arc::new(Load::new(Arc::default(), 200));
        let mut whole = Charge::new(&load, 100);
        whole.grow(50);
        let part = whole.split(120);
        assert!(load.has_room(50) && !load.has_room(51) && load.is_pressed());
        drop(whole);
        assert!(load.has_room(80) && !load.has_room(81));
        drop(part);
        assert_eq!(load.totals.buffered(), 0);
        assert!(!load.is_pressed());
    }
}
