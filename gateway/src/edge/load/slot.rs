//! The place of one request among those in flight.
//!
//! A request whose body is still on its way does not occupy a slot of `limits.requests`: it waits among the pending ones,
//! which are as many at most. So requests that send a head and nothing more cannot take the slots of others.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};

use super::clients::{ClientUsage, FairShare, is_scarce};
use super::{Load, Shortage, Totals};

/// A connection uses little of `limits.requests` if it has no more than so many of them.
const LITTLE: u32 = 8;

/// How many requests may be in flight, and how many of them for one client.
#[derive(Debug, Clone, Copy)]
pub struct RequestLimits {
    /// The value of `limits.requests`.
    pub requests: usize,
    /// The value of `limits.share`, in percent.
    pub share: u8,
}

/// Where a request is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Queue {
    /// Among those that run.
    Running,
    /// Among those whose body has not arrived.
    Pending,
}

impl Queue {
    const fn total(self, totals: &Totals) -> &AtomicUsize {
        match self {
            Self::Running => &totals.requests,
            Self::Pending => &totals.pending,
        }
    }

    const fn own(self, usage: &ClientUsage) -> &AtomicU32 {
        match self {
            Self::Running => &usage.requests,
            Self::Pending => &usage.pending,
        }
    }
}

/// The place of one request, given back when dropped.
#[derive(Debug)]
pub struct RequestSlot<'l> {
    load: &'l Load,
    limits: RequestLimits,
    queue: Queue,
}

impl<'l> RequestSlot<'l> {
    /// Takes a slot for a request whose head has arrived.
    ///
    /// # Errors
    /// When `limits.requests` are in flight, or the client has its share of them.
    pub fn take(load: &'l Load, limits: RequestLimits) -> Result<Self, Shortage> {
        let (is_admitted, is_shared) = count(load, limits, Queue::Running);
        let slot = Self { load, limits, queue: Queue::Running };
        match (is_admitted, is_shared) {
            (false, _) => Err(Shortage::Requests),
            (true, false) => Err(Shortage::RequestShare),
            (true, true) => Ok(slot),
        }
    }

    /// Frees the slot while the request's body is awaited.
    ///
    /// # Errors
    /// When as many requests as `limits.requests` wait for their bodies, or the client has its share of them.
    pub fn await_body(&mut self) -> Result<(), Shortage> {
        match self.move_to(Queue::Pending) {
            (false, _) => Err(Shortage::Pending),
            (true, false) => Err(Shortage::PendingShare),
            (true, true) => Ok(()),
        }
    }

    /// Takes a slot again, once the body has arrived.
    ///
    /// # Errors
    /// See [`RequestSlot::take`].
    pub fn resume(&mut self) -> Result<(), Shortage> {
        match self.move_to(Queue::Running) {
            (false, _) => Err(Shortage::Requests),
            (true, false) => Err(Shortage::RequestShare),
            (true, true) => Ok(()),
        }
    }

    fn move_to(&mut self, queue: Queue) -> (bool, bool) {
        if self.queue == queue {
            return (true, true);
        }
        let admitted = count(self.load, self.limits, queue);
        uncount(self.load, self.queue);
        self.queue = queue;
        admitted
    }
}

impl Drop for RequestSlot<'_> {
    fn drop(&mut self) {
        uncount(self.load, self.queue);
    }
}

/// Counts a request: whether the limit allows it, and whether its client's share does.
fn count(load: &Load, limits: RequestLimits, queue: Queue) -> (bool, bool) {
    let used = queue.total(&load.totals).fetch_add(1, Relaxed);
    let connection = queue.own(&load.own).fetch_add(1, Relaxed);
    let client = load.usage().map(|usage| queue.own(usage).fetch_add(1, Relaxed) as usize);
    let limit = limits.requests;
    let is_shared = client.is_none_or(|client| {
        FairShare::percent(limits.share).admits(limit, used, client, 1)
            || !load.is_request && connection < LITTLE && !is_scarce(limit, used)
    });
    (used < limit, is_shared)
}

fn uncount(load: &Load, queue: Queue) {
    queue.total(&load.totals).fetch_sub(1, Relaxed);
    queue.own(&load.own).fetch_sub(1, Relaxed);
    if let Some(usage) = load.usage() {
        queue.own(usage).fetch_sub(1, Relaxed);
    }
}
