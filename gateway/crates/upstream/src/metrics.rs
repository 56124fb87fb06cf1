//! The upstream's own instruments: plain atomics that whoever exposes metrics reads.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::connect_problem::ConnectProblem;
use crate::error::CallError;

/// Counters of one upstream, over all its endpoints and workers.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) requests: AtomicU64,
    pub(crate) failures: [AtomicU64; CallError::FLAGS.len()],
    pub(crate) connect_failures: [AtomicU64; ConnectProblem::ALL.len()],
    pub(crate) retries: AtomicU64,
    pub(crate) ejections: AtomicU64,
    pub(crate) connections_opened: AtomicU64,
}

impl Metrics {
    /// Counts an attempt to connect, or to resolve a name, that failed.
    pub(crate) fn connect_failed(&self, problem: ConnectProblem) {
        if let Some(counter) = self.connect_failures.get(problem as usize) {
            counter.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn failed(&self, error: &CallError) {
        if let Some(counter) = self.failures.get(error.index()) {
            counter.fetch_add(1, Relaxed);
        }
    }
}
