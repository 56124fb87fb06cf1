//! The circuit breaker: how much may be under way to an upstream at once, counted over all workers.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::error::{CallError, Limit};
use crate::spec::BreakerSpec;

/// Counters against limits. Full is refused at once: waiting would only move the queue to where nobody sees it.
#[derive(Debug)]
pub(crate) struct Breaker {
    spec: BreakerSpec,
    requests: AtomicU32,
    pending: AtomicU32,
    retries: AtomicU32,
}

/// Something counted that is under way; dropping it counts it out.
#[derive(Debug)]
pub(crate) struct Permit<'a>(&'a AtomicU32);

impl<'a> Permit<'a> {
    fn take(count: &'a AtomicU32, most: u32) -> Option<Self> {
        if count.fetch_add(1, Relaxed) < most {
            return Some(Self(count));
        }
        count.fetch_sub(1, Relaxed);
        None
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Breaker {
    pub(crate) fn new(spec: BreakerSpec) -> Self {
        let zero = || AtomicU32::new(0);
        Self { spec, requests: zero(), pending: zero(), retries: zero() }
    }

    /// A call begins.
    pub(crate) fn enter(&self) -> Result<Permit<'_>, CallError> {
        Permit::take(&self.requests, self.spec.max_requests).ok_or(CallError::Overflow(Limit::Requests))
    }

    /// A call must wait for a connection.
    pub(crate) fn wait(&self) -> Result<Permit<'_>, CallError> {
        Permit::take(&self.pending, self.spec.max_pending).ok_or(CallError::Overflow(Limit::Pending))
    }

    /// Calls under way.
    pub(crate) fn requests(&self) -> u32 {
        self.requests.load(Relaxed)
    }

    /// Calls that wait for a connection.
    pub(crate) fn pending(&self) -> u32 {
        self.pending.load(Relaxed)
    }
}
