//! One endpoint: what it is called, how it is dialled, each worker's connections to it, and how it fares.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::uri::{Authority, Scheme};
use tokio::time::Instant;

use crate::condition::{Condition, Report};
use crate::dial::{Dialer, Peer};
use crate::metrics::Metrics;
use crate::outlier::Outlier;
use crate::pool::Pool;
use crate::random::{Dice, hash_key};
use crate::reach::{Reach, Sight};
use crate::spec::{HealthCheckSpec, KeepaliveSpec};

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
    /// Stands for it in consistent hashing: the same for the same address in every process.
    pub(crate) identity: u64,
    /// Calls under way to it, over all workers.
    pub(crate) active: AtomicU32,
    /// Answers that it gave.
    pub(crate) answered: AtomicU64,
    /// Failures since the last good answer.
    errors: AtomicU32,
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
    pub(crate) condition: Condition,
    pub(crate) outlier: Outlier,
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
        let name: Arc<str> = parts.dialer.peer.to_string().into();
        Self {
            identity: hash_key(name.as_bytes()),
            name,
            source: parts.source,
            authority: parts.authority,
            scheme,
            active: AtomicU32::new(0),
            answered: AtomicU64::new(0),
            errors: AtomicU32::new(0),
            dialer: parts.dialer,
            keepalive: parts.keepalive,
            keepalive_factor: AtomicU32::new(1),
            pools: (0..parts.workers.max(1)).map(|_| Pool::new()).collect(),
            vitals: Mutex::new(Vitals {
                reach: Reach::Connecting,
                condition: Condition::NEW,
                outlier: Outlier::NEW,
                error: None,
            }),
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

    /// A good answer.
    pub(crate) fn answered(&self) {
        self.answered.fetch_add(1, Relaxed);
        if self.errors.load(Relaxed) != 0 {
            self.errors.store(0, Relaxed);
        }
    }

    /// A failure that speaks against it; true if it is one too many in a row.
    pub(crate) fn failed(&self, limit: u32) -> bool {
        if self.errors.fetch_add(1, Relaxed).saturating_add(1) < limit {
            return false;
        }
        self.errors.store(0, Relaxed);
        true
    }

    /// Whether it said last that it is not serving.
    pub(crate) fn says_not_serving(&self) -> bool {
        self.vitals().condition == Condition::NotServing
    }

    /// Takes in what a health check brought; true if that changes whether it may be asked.
    pub(crate) fn heard(&self, report: Report, spec: &HealthCheckSpec) -> bool {
        let mut vitals = self.vitals();
        let before = vitals.condition;
        vitals.condition = before.after(report, spec);
        before.is_usable() != vitals.condition.is_usable()
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

#[cfg(test)]
pub(crate) mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use super::*;

    /// Endpoints that nobody dials, for tests of what chooses among them.
    pub(crate) fn endpoints(n: u16) -> Vec<Arc<Endpoint>> {
        let endpoint = |port| {
            let peer = Peer::Tcp(SocketAddr::from(([10, 0, 0, 1], port)));
            Arc::new(Endpoint::new(EndpointParts {
                source: 0,
                authority: Authority::from_static("test"),
                dialer: Dialer {
                    peer,
                    tls: None,
                    timeout: Duration::from_secs(1),
                    max_header_list: Arc::default(),
                },
                keepalive: None,
                workers: 1,
                metrics: Arc::default(),
            }))
        };
        (1..=n).map(endpoint).collect()
    }

    #[test]
    fn failures_count_in_a_row() {
        let endpoint = &endpoints(1)[0];
        assert_eq!([(); 4].map(|()| endpoint.failed(5)), [false; 4]);
        endpoint.answered();
        assert_eq!([(); 5].map(|()| endpoint.failed(5)), [false, false, false, false, true]);
        assert!(!endpoint.failed(5));
    }

    #[test]
    fn a_peer_that_complains_is_pinged_less() {
        let spec = KeepaliveSpec { interval: Duration::from_secs(10), timeout: Duration::from_secs(1) };
        let endpoint = Arc::into_inner(endpoints(1).remove(0)).unwrap();
        let endpoint = Endpoint { keepalive: Some(spec), ..endpoint };
        endpoint.slow_keepalive();
        assert_eq!(endpoint.keepalive().unwrap().interval, Duration::from_secs(20));
        (0..100).for_each(|_| endpoint.slow_keepalive());
        assert_eq!(endpoint.keepalive().unwrap().interval, Duration::from_secs(640));
    }
}
