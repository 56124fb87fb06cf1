//! How an upstream fares, as plain data for whoever shows it.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::SystemTime;

use crate::breaker::Breaker;
use crate::condition::Condition;
use crate::connect_problem::{ConnectError, ConnectProblem};
use crate::endpoint::Endpoint;
use crate::error::CallError;
use crate::metrics::Metrics;
use crate::pool::Pool;
use crate::reach::Reach;

/// Whether an upstream has an endpoint that can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// At least one.
    Connected,
    /// None: calls fail at once.
    Unavailable,
}

/// One upstream.
#[derive(Debug, Clone)]
pub struct UpstreamView {
    /// Its name.
    pub name: Arc<str>,
    /// Whether it can be called.
    pub health: Health,
    /// Whether unhealthy or ejected endpoints are called, because less than half of all are left.
    pub panic: bool,
    /// Its endpoints, in the order in which they were found.
    pub endpoints: Vec<EndpointView>,
    /// The names whose latest look-up failed.
    pub names: Vec<NameView>,
    /// Calls made so far.
    pub requests: u64,
    /// Calls that no service answered, by flag; only flags that occurred.
    pub failures: Vec<(&'static str, u64)>,
    /// Attempts to connect, or to resolve a name, that failed, by problem; only problems that occurred.
    pub connect_failures: Vec<(ConnectProblem, u64)>,
    /// Tries beyond the first.
    pub retries: u64,
    /// Ejections of endpoints.
    pub ejections: u64,
    /// Connections opened for calls so far.
    pub connections_opened: u64,
    /// Calls under way.
    pub active: u32,
    /// Calls that wait for a connection.
    pub pending: u32,
}

/// One endpoint.
#[derive(Debug, Clone)]
pub struct EndpointView {
    /// `ip:port`, or `unix:/path`.
    pub address: Arc<str>,
    /// Whether it can be reached.
    pub reach: Reach,
    /// Whether it is serving.
    pub condition: Condition,
    /// Whether it is held as unhealthy because its health flips.
    pub held: bool,
    /// Whether it is left out because it failed too often.
    pub ejected: bool,
    /// Calls that it answered.
    pub answered: u64,
    /// Calls under way to it.
    pub active: u32,
    /// Connections for calls that stand.
    pub connections: usize,
    /// What went wrong last.
    pub last_error: Option<Arc<str>>,
    /// Why it cannot be reached, while it cannot.
    pub problem: Option<ConnectError>,
    /// When `reach`, its health or `problem` changed last.
    pub since: SystemTime,
}

/// A name that does not resolve.
#[derive(Debug, Clone)]
pub struct NameView {
    /// `host:port`.
    pub address: Arc<str>,
    /// Why it does not resolve.
    pub problem: ConnectError,
    /// When its look-ups began to fail.
    pub since: SystemTime,
}

impl EndpointView {
    pub(crate) fn of(endpoint: &Endpoint) -> Self {
        let vitals = endpoint.vitals();
        Self {
            address: Arc::clone(&endpoint.name),
            reach: vitals.reach,
            condition: vitals.condition,
            held: vitals.damper.is_held(),
            ejected: vitals.outlier.is_out(),
            answered: endpoint.answered.load(Relaxed),
            active: endpoint.active.load(Relaxed),
            connections: endpoint.pools().iter().map(Pool::connections).sum(),
            last_error: vitals.error.clone(),
            problem: vitals.problem.clone().filter(|_| vitals.reach == Reach::Unreachable),
            since: vitals.since,
        }
    }
}

impl UpstreamView {
    pub(crate) fn of(
        name: &Arc<str>,
        health: Health,
        panic: bool,
        endpoints: Vec<EndpointView>,
        names: Vec<NameView>,
        metrics: &Metrics,
        breaker: &Breaker,
    ) -> Self {
        let failures = CallError::FLAGS
            .iter()
            .zip(&metrics.failures)
            .map(|(flag, count)| (*flag, count.load(Relaxed)))
            .filter(|(_, count)| *count > 0)
            .collect();
        let connect_failures = ConnectProblem::ALL
            .into_iter()
            .zip(&metrics.connect_failures)
            .map(|(problem, count)| (problem, count.load(Relaxed)))
            .filter(|(_, count)| *count > 0)
            .collect();
        Self {
            name: Arc::clone(name),
            health,
            panic,
            endpoints,
            names,
            connect_failures,
            requests: metrics.requests.load(Relaxed),
            failures,
            retries: metrics.retries.load(Relaxed),
            ejections: metrics.ejections.load(Relaxed),
            connections_opened: metrics.connections_opened.load(Relaxed),
            active: breaker.requests(),
            pending: breaker.pending(),
        }
    }
}
