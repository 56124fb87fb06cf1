//! One endpoint: what it is called, how it is dialled, each worker's connections to it, and how it fares.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use http::uri::{Authority, Scheme};
use tokio::time::Instant;

use crate::condition::{Condition, Report};
use crate::connect_problem::ConnectError;
use crate::damper::Damper;
use crate::dial::{Dialer, Peer};
use crate::metrics::Metrics;
use crate::outlier::Outlier;
use crate::pace::LogPace;
use crate::ping::PingPace;
use crate::pool::Pool;
use crate::random::{Dice, hash_key};
use crate::reach::{Reach, Sight};
use crate::spec::{HealthCheckSpec, KeepaliveSpec};

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
    ping_pace: Mutex<PingPace>,
    /// Whether it was reported that a health check brought an answer that says nothing of its health.
    unclear_check: AtomicBool,
    /// A connection for calls was found dead: the lookout has to look whether its own is, too.
    suspected: AtomicBool,
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
    pub(crate) damper: Damper,
    pub(crate) outlier: Outlier,
    /// What went wrong last.
    pub(crate) error: Option<Arc<str>>,
    /// Why it cannot be reached, while it cannot.
    pub(crate) problem: Option<ConnectError>,
    /// When reach, health or problem changed last.
    pub(crate) since: SystemTime,
    pace: LogPace,
    /// The problem that was logged last.
    logged: Option<ConnectError>,
}

impl Vitals {
    /// Whether its health checks let it be called.
    pub(crate) fn is_healthy(&self) -> bool {
        self.condition.is_usable() && !self.damper.is_held()
    }
}

/// What the lookout's sight changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SightChange {
    None,
    /// Whether it can be reached.
    Reach,
    /// Why it cannot be reached; worth a line in the log.
    Problem,
}

/// What a health check changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    None,
    /// Whether it is healthy now.
    Healthy(bool),
    /// Its health flips: it is held as unhealthy for this long.
    Held(Duration),
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
            ping_pace: Mutex::default(),
            unclear_check: AtomicBool::new(false),
            suspected: AtomicBool::new(false),
            pools: (0..parts.workers.max(1)).map(|_| Pool::new()).collect(),
            vitals: Mutex::new(Vitals {
                reach: Reach::Connecting,
                condition: Condition::NEW,
                damper: Damper::default(),
                outlier: Outlier::NEW,
                error: None,
                problem: None,
                since: SystemTime::now(),
                pace: LogPace::default(),
                logged: None,
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

    /// Keepalive at the pace that this peer accepts.
    pub(crate) fn keepalive(&self) -> Option<KeepaliveSpec> {
        let factor = self.ping_pace().factor(Instant::now());
        self.keepalive.clone().map(|k| KeepaliveSpec { interval: k.interval.saturating_mul(factor), ..k })
    }

    /// The peer complained of too many PINGs: half as many from now on, for a while.
    pub(crate) fn slow_keepalive(&self, now: Instant) {
        self.ping_pace().complain(now);
    }

    fn ping_pace(&self) -> MutexGuard<'_, PingPace> {
        self.ping_pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection did not answer its PING: the others may be dead as well.
    pub(crate) fn suspect(&self) {
        self.suspected.store(true, Relaxed);
    }

    /// Whether it was suspected since this was last asked.
    pub(crate) fn was_suspected(&self) -> bool {
        self.suspected.swap(false, Relaxed)
    }

    /// Whether this is the first health check whose answer says nothing of its health.
    pub(crate) fn is_first_unclear_check(&self) -> bool {
        !self.unclear_check.swap(true, Relaxed)
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

    /// Takes in what a health check brought, and `error` if it was bad.
    pub(crate) fn heard(
        &self,
        report: Report,
        error: Option<&Arc<str>>,
        spec: &HealthCheckSpec,
        now: Instant,
    ) -> Change {
        let mut vitals = self.vitals();
        let before = vitals.is_healthy();
        let said_before = vitals.condition.is_usable();
        vitals.condition = vitals.condition.after(report, spec);
        vitals.damper.pass(now);
        let hold = match said_before != vitals.condition.is_usable() {
            true => vitals.damper.change(now),
            false => None,
        };
        let after = vitals.is_healthy();
        if !after && let Some(error) = error {
            vitals.error = Some(Arc::clone(error));
        }
        if before != after || hold.is_some() {
            vitals.since = SystemTime::now();
        }
        match hold {
            Some(hold) => Change::Held(hold),
            None if before != after => Change::Healthy(after),
            None => Change::None,
        }
    }

    /// Takes in what the lookout saw, and `error` if it could not connect.
    pub(crate) fn saw(&self, sight: Sight, error: Option<ConnectError>, now: Instant) -> SightChange {
        let (change, reach) = {
            let mut vitals = self.vitals();
            let change = vitals.saw(sight, error.as_ref(), now);
            (change, vitals.reach)
        };
        match reach {
            Reach::Reachable => self.pools.iter().for_each(Pool::forgive),
            Reach::Unreachable => {
                let error =
                    error.map_or_else(|| "no connection yet".into(), |error| Arc::clone(error.message()));
                self.pools.iter().for_each(|pool| pool.give_up(now, &error));
            }
            Reach::Connecting => {}
        }
        change
    }
}

impl Vitals {
    fn saw(&mut self, sight: Sight, error: Option<&ConnectError>, now: Instant) -> SightChange {
        let before = self.reach;
        self.reach = before.after(sight);
        // An attempt that takes long says less than one that failed.
        let error = error.filter(|_| sight != Sight::Overdue || self.problem.is_none());
        if let Some(error) = error {
            self.error = Some(Arc::clone(error.message()));
        }
        let is_same = |known: &ConnectError, error: &ConnectError| {
            known == error || known.problem() == error.problem() && known.problem().is_timeout()
        };
        let is_new =
            error.is_some_and(|error| !self.problem.as_ref().is_some_and(|known| is_same(known, error)));
        if let Some(error) = error {
            self.problem = Some(error.clone());
        }
        if self.reach == Reach::Reachable {
            self.problem = None;
            self.logged = None;
        }
        if before != self.reach || is_new && self.reach == Reach::Unreachable {
            self.since = SystemTime::now();
        }
        if before != self.reach {
            self.logged.clone_from(&self.problem);
            return SightChange::Reach;
        }
        let is_logged = match (&self.logged, &self.problem) {
            (Some(logged), Some(problem)) => is_same(logged, problem),
            (None, Some(_)) => false,
            (_, None) => true,
        };
        if self.reach != Reach::Unreachable || is_logged || !self.pace.allows(now) {
            return SightChange::None;
        }
        self.logged.clone_from(&self.problem);
        SightChange::Problem
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::net::SocketAddr;

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
        let spec = KeepaliveSpec { interval: Duration::from_secs(10), ..KeepaliveSpec::default() };
        let endpoint = Arc::into_inner(endpoints(1).remove(0)).unwrap();
        let endpoint = Endpoint { keepalive: Some(spec), ..endpoint };
        endpoint.slow_keepalive(Instant::now());
        assert_eq!(endpoint.keepalive().unwrap().interval, Duration::from_secs(20));
    }
}
