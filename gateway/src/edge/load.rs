//! How much the gateway holds just now: what is shed before memory grows is decided by it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Requests in flight and bytes held, over all workers.
#[derive(Debug, Default)]
pub struct Load {
    requests: AtomicUsize,
    buffered: AtomicUsize,
}

impl Load {
    /// Requests in flight, from head to answer.
    pub fn requests(&self) -> usize {
        self.requests.load(Relaxed)
    }

    /// Bytes of bodies held: requests that are being read or made, and answers that are not sent yet. Bodies of less than
    /// [`Charge::FREE`] are not counted: the number of requests bounds them.
    pub fn buffered(&self) -> usize {
        self.buffered.load(Relaxed)
    }

    pub(super) fn begin(&self) {
        self.requests.fetch_add(1, Relaxed);
    }

    pub(super) fn end(&self) {
        self.requests.fetch_sub(1, Relaxed);
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

    /// Counts so many bytes. Refuses nothing: that is for whoever asks [`Load::buffered`].
    pub fn new(load: &Arc<Load>, bytes: usize) -> Self {
        load.buffered.fetch_add(bytes, Relaxed);
        Self { load: Arc::clone(load), bytes }
    }

    /// Counts so many more.
    pub fn grow(&mut self, bytes: usize) {
        self.load.buffered.fetch_add(bytes, Relaxed);
        self.bytes += bytes;
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
        self.load.buffered.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_charged_is_given_back_once() {
        let load = Arc::new(Load::default());
        let mut whole = Charge::new(&load, 100);
        whole.grow(50);
        let part = whole.split(120);
        assert_eq!(load.buffered(), 150);
        drop(whole);
        assert_eq!(load.buffered(), 120);
        drop(part);
        assert_eq!(load.buffered(), 0);
    }
}
