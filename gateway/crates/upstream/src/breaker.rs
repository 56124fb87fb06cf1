//! The circuit breaker: how much may be under way to an upstream at once, counted over all workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::error::{CallError, Limit};
use crate::spec::{BreakerSpec, RetrySpec};

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

/// A call that is counted as long as its stream lives.
#[derive(Debug)]
pub(crate) struct OwnedPermit(Arc<Breaker>);

impl OwnedPermit {
    pub(crate) fn enter(breaker: &Arc<Breaker>) -> Result<Self, CallError> {
        // Counted by hand from here on.
        std::mem::forget(breaker.enter()?);
        Ok(Self(Arc::clone(breaker)))
    }
}

impl Drop for OwnedPermit {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Relaxed);
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

    /// A call is to be tried again: allowed while retries are few, absolutely and as a share of the calls under way, so that
    /// retries cannot keep a service down that cannot answer.
    pub(crate) fn retry(&self, spec: &RetrySpec) -> Option<Permit<'_>> {
        let share = spec.budget.of(self.requests() as usize) as u32;
        Permit::take(&self.retries, share.max(spec.budget_floor).min(self.spec.max_retries))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Percent;

    #[test]
    fn what_is_full_is_refused_until_something_ends() {
        let breaker = Breaker::new(BreakerSpec { max_requests: 2, max_pending: 1, max_retries: 64 });
        let one = breaker.enter().unwrap();
        let _two = breaker.enter().unwrap();
        assert_eq!(breaker.enter().unwrap_err(), CallError::Overflow(Limit::Requests));
        drop(one);
        let _three = breaker.enter().unwrap();
        let _waits = breaker.wait().unwrap();
        assert_eq!(breaker.wait().unwrap_err(), CallError::Overflow(Limit::Pending));
        assert_eq!((breaker.requests(), breaker.pending()), (2, 1));
    }

    #[test]
    fn retries_are_a_share_of_what_is_under_way_with_a_floor_and_a_cap() {
        let percent = |n| Percent::new(n).unwrap();
        // requests under way, budget, floor, max_retries → retries allowed at once
        let table = [
            (0, 20, 3, 64, 3),
            (10, 20, 3, 64, 3),
            (100, 20, 3, 64, 20),
            (100, 20, 3, 8, 8),
            (100, 0, 0, 64, 0),
        ];
        for (requests, budget, floor, most, allowed) in table {
            let breaker = Breaker::new(BreakerSpec { max_retries: most, ..BreakerSpec::default() });
            let spec = RetrySpec { budget: percent(budget), budget_floor: floor, ..RetrySpec::default() };
            let _calls: Vec<_> = (0..requests).map(|_| breaker.enter().unwrap()).collect();
            let retries: Vec<_> = std::iter::from_fn(|| breaker.retry(&spec)).collect();
            assert_eq!(retries.len(), allowed, "{requests} {budget}% floor {floor} cap {most}");
        }
    }
}
