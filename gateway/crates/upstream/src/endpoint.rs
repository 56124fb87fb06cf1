//! One endpoint: what it is called, how it is dialled, each worker's connections to it, and how it fares.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::uri::{Authority, Scheme};
use tokio::time::Instant;

use crate::dial::{Dialer, Peer};
use crate::metrics::Metrics;
use crate::pool::Pool;
use crate::random::Dice;
use crate::reach::{Reach, Sight};
use crate::spec::KeepaliveSpec;

/// Keepalive is slowed down at most this much for a peer that finds it too frequent.
const SLOWEST_KEEPALIVE: u32 = 64;

/// One endpoint of an upstream.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// Its address, as logs and the admin address show it.
    pub(crate) name: Arc<str>,
    /// Where it was declared: the place of its address in the spec.
    pub(crate) source: usize,
    pub(crate) authority: Authority,
    pub(crate) scheme: Scheme,
    /// Calls under way to it, over all workers.
    pub(crate) active: AtomicU32,
    dialer: Dialer,
    keepalive: Option<KeepaliveSpec>,
    keepalive_factor: AtomicU32,
    pools: Box<[Pool]>,
    vitals: Mutex<Vitals>,
    dice: Dice,
    metrics: Arc<Metrics>,
}

/// How an endpoint fares. Changes are rare; calls see only what [`crate::roster`] makes of them.
#[derive(Debug)]
pub(crate) struct Vitals {
    pub(crate) reach: Reach,
    /// What went wrong last.
    pub(crate) error: Option<Arc<str>>,
}

/// What an endpoint is made of.
pub(crate) struct EndpointParts {
    pub(crate) source: usize,
    pub(crate) authority: Authority,
    pub(crate) dialer: Dialer,
    pub(crate) keepalive: Option<KeepaliveSpec>,
    pub(crate) workers: usize,
    pub(crate) metrics: Arc<Metrics>,
}

impl Endpoint {
    pub(crate) fn new(parts: EndpointParts) -> Self {
        let scheme = if parts.dialer.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
        Self {
            name: parts.dialer.peer.to_string().into(),
            source: parts.source,
            authority: parts.authority,
            scheme,
            active: AtomicU32::new(0),
            dialer: parts.dialer,
            keepalive: parts.keepalive,
            keepalive_factor: AtomicU32::new(1),
            pools: (0..parts.workers.max(1)).map(|_| Pool::new()).collect(),
            vitals: Mutex::new(Vitals { reach: Reach::Connecting, error: None }),
            dice: Dice::new(),
            metrics: parts.metrics,
        }
    }

    pub(crate) fn peer(&self) -> &Peer {
        &self.dialer.peer
    }

    pub(crate) fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    pub(crate) fn dice(&self) -> &Dice {
        &self.dice
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The worker's connections; workers beyond the number declared share those that there are.
    #[allow(clippy::indexing_slicing, reason = "the remainder is below the length, which is at least 1")]
    pub(crate) fn pool(&self, worker: usize) -> &Pool {
        &self.pools[worker % self.pools.len()]
    }

    pub(crate) fn pools(&self) -> &[Pool] {
        &self.pools
    }

    pub(crate) fn vitals(&self) -> MutexGuard<'_, Vitals> {
        self.vitals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keepalive as this peer bears it.
    pub(crate) fn keepalive(&self) -> Option<KeepaliveSpec> {
        let factor = self.keepalive_factor.load(Relaxed);
        self.keepalive.clone().map(|k| KeepaliveSpec { interval: k.interval.saturating_mul(factor), ..k })
    }

    /// The peer complained of too many PINGs: half as many from now on.
    pub(crate) fn slow_keepalive(&self) {
        let factor = self.keepalive_factor.load(Relaxed).saturating_mul(2).min(SLOWEST_KEEPALIVE);
        self.keepalive_factor.store(factor, Relaxed);
    }

    /// Takes in what the lookout saw; true if the state changed.
    pub(crate) fn saw(&self, sight: Sight, error: Option<Arc<str>>, now: Instant) -> bool {
        let (before, after) = {
            let mut vitals = self.vitals();
            let before = vitals.reach;
            vitals.reach = before.after(sight);
            if error.is_some() {
                vitals.error.clone_from(&error);
            }
            (before, vitals.reach)
        };
        match after {
            Reach::Reachable => self.pools.iter().for_each(Pool::forgive),
            Reach::Unreachable => {
                let error = error.unwrap_or_else(|| "no connection yet".into());
                self.pools.iter().for_each(|pool| pool.give_up(now, &error));
            }
            Reach::Connecting => {}
        }
        before != after
    }
}
