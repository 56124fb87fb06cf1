//! A running upstream: its group of endpoints, and the rules by which they are called.

use std::pin::pin;
use std::sync::Arc;

use http::uri::PathAndQuery;
use tokio::runtime::Handle;

use crate::balance::Chooser;
use crate::breaker::Breaker;
use crate::call::Call;
use crate::endpoint::Endpoint;
use crate::error::{CallError, StartError};
use crate::group::Group;
use crate::metrics::Metrics;
use crate::random::Dice;
use crate::roster::Otherwise;
use crate::spec::{OutlierSpec, UpstreamSpec};
use crate::timeout::TimeoutHeader;
use crate::unserved::Unserved;
use crate::view::{EndpointView, Health, UpstreamView};

/// A named group of servers, running: dialled, watched, ready to be called. Dropping the last handle ends its tasks.
#[derive(Debug)]
pub struct Upstream {
    name: Arc<str>,
    spec: UpstreamSpec,
    group: Arc<Group>,
    workers: Arc<[Worker]>,
    breaker: Arc<Breaker>,
    metrics: Arc<Metrics>,
    unserved: Arc<Unserved>,
}

/// What one worker keeps for itself.
#[derive(Debug)]
pub(crate) struct Worker {
    chooser: Chooser,
    timeout: TimeoutHeader,
    dice: Dice,
}

impl Worker {
    fn new() -> Self {
        Self { chooser: Chooser::new(Dice::new()), timeout: TimeoutHeader::new(), dice: Dice::new() }
    }

    pub(crate) fn timeout(&self) -> &TimeoutHeader {
        &self.timeout
    }

    pub(crate) fn dice(&self) -> &Dice {
        &self.dice
    }
}

impl Upstream {
    /// Starts to resolve, dial and watch, on the tokio runtime within which it is called; that runtime must live as long as
    /// the upstream. `workers` is how many shared-nothing workers will call.
    pub fn start(name: &str, spec: UpstreamSpec, workers: usize) -> Result<Arc<Self>, StartError> {
        if spec.addresses.is_empty() {
            return Err(StartError::NoAddress(name.to_owned()));
        }
        let runtime = Handle::try_current().map_err(|_| StartError::NoRuntime(name.to_owned()))?;
        let (shared, metrics) = (Arc::<str>::from(name), Arc::<Metrics>::default());
        let workers: Arc<[Worker]> = (0..workers.max(1)).map(|_| Worker::new()).collect();
        let group =
            Group::start(Arc::clone(&shared), spec.clone(), workers.len(), Arc::clone(&metrics), runtime)
                .map_err(|error| StartError::Tls { name: name.to_owned(), error })?;
        let breaker = Arc::new(Breaker::new(spec.circuit_breaker.clone()));
        Ok(Arc::new(Self { name: shared, spec, group, workers, breaker, metrics, unserved: Arc::default() }))
    }

    /// The same upstream under another spec, if that has the same endpoints and treats them alike: connections, health,
    /// ejections and counters live on, and calls under way keep the rules that they began with. `None` if the endpoints
    /// differ.
    pub fn with_spec(&self, spec: &UpstreamSpec) -> Option<Arc<Self>> {
        if !spec.has_the_endpoints_of(&self.spec) {
            return None;
        }
        let breaker = if spec.circuit_breaker == self.spec.circuit_breaker {
            Arc::clone(&self.breaker)
        } else {
            Arc::new(Breaker::new(spec.circuit_breaker.clone()))
        };
        Some(Arc::new(Self {
            name: Arc::clone(&self.name),
            spec: spec.clone(),
            group: Arc::clone(&self.group),
            workers: Arc::clone(&self.workers),
            breaker,
            metrics: Arc::clone(&self.metrics),
            unserved: Arc::clone(&self.unserved),
        }))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it was started from.
    pub fn spec(&self) -> &UpstreamSpec {
        &self.spec
    }

    #[allow(clippy::indexing_slicing, reason = "the remainder is below the length, which is at least 1")]
    pub(crate) fn worker(&self, worker: usize) -> &Worker {
        &self.workers[worker % self.workers.len()]
    }

    /// An endpoint for the next try; waits while the first dials are under way.
    pub(crate) async fn pick(
        &self,
        worker: &Worker,
        call: &Call,
        tried: &[Arc<Endpoint>],
    ) -> Result<Arc<Endpoint>, CallError> {
        if let Some(endpoint) = self.pick_now(worker, call, tried)? {
            return Ok(endpoint);
        }
        let _pending = self.breaker.wait()?;
        let found = async {
            loop {
                let mut changed = pin!(self.group.changed().notified());
                changed.as_mut().enable();
                if let Some(endpoint) = self.pick_now(worker, call, tried)? {
                    return Ok(endpoint);
                }
                changed.await;
            }
        };
        tokio::time::timeout_at(call.deadline, found).await.unwrap_or(Err(CallError::Deadline))
    }

    fn pick_now(
        &self,
        worker: &Worker,
        call: &Call,
        tried: &[Arc<Endpoint>],
    ) -> Result<Option<Arc<Endpoint>>, CallError> {
        let roster = self.group.roster();
        match worker.chooser.choose(self.spec.balance, &roster.ready, call.hash, tried) {
            Some(endpoint) => Ok(Some(Arc::clone(endpoint))),
            None => match roster.otherwise {
                Otherwise::Wait => Ok(None),
                Otherwise::Fail(why) => Err(CallError::NoEndpoint(why)),
            },
        }
    }

    /// Whether somebody else could be asked.
    pub(crate) fn has_other(&self, endpoint: &Arc<Endpoint>, tried: &[Arc<Endpoint>]) -> bool {
        let is = |e: &Arc<Endpoint>, other: &Arc<Endpoint>| Arc::ptr_eq(e, other);
        self.group.roster().ready.iter().any(|e| !is(e, endpoint) && !tried.iter().any(|t| is(e, t)))
    }

    /// An endpoint failed too often in a row: leaves it out for a while, if enough others are left.
    pub(crate) fn strike(&self, endpoint: &Arc<Endpoint>, spec: &OutlierSpec) {
        self.group.strike(endpoint, spec);
    }

    /// Whether a call would find somebody to ask.
    pub fn health(&self) -> Health {
        if self.group.roster().ready.is_empty() { Health::Unavailable } else { Health::Connected }
    }

    /// How it fares, as plain data.
    pub fn view(&self) -> UpstreamView {
        let endpoints = self.group.endpoints().iter().map(|endpoint| EndpointView::of(endpoint)).collect();
        let panic = self.group.roster().panic;
        let names = self.group.names();
        UpstreamView::of(&self.name, self.health(), panic, endpoints, names, &self.metrics, &self.breaker)
    }

    /// An endpoint responded UNIMPLEMENTED to a call of this path.
    pub(crate) fn unimplemented(&self, endpoint: &Endpoint, path: &PathAndQuery) {
        if let Some(service) = self.unserved.is_first(path.path()) {
            let (upstream, endpoint) = (&*self.name, &endpoint.name);
            tracing::warn!(
                upstream,
                %endpoint,
                "`{upstream}` answers UNIMPLEMENTED for {service}: does it serve it?"
            );
        }
    }

    pub(crate) fn breaker(&self) -> &Arc<Breaker> {
        &self.breaker
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}

#[cfg(test)]
mod tests;
