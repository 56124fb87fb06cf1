//! The upstream's own instruments: plain atomics that whoever exposes metrics reads.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::error::CallError;

/// Counters of one upstream, over all its endpoints and workers.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) requests: AtomicU64,
    pub(crate) failures: [AtomicU64; CallError::FLAGS.len()],
    pub(crate) retries: AtomicU64,
    pub(crate) ejections: AtomicU64,
    pub(crate) connections_opened: AtomicU64,
}

impl Metrics {
    pub(crate) fn failed(&self, error: &CallError) {
        if let Some(counter) = self.failures.get(error.index()) {
            counter.fetch_add(1, Relaxed);
        }
    }
}
