//! A running upstream: its endpoints the tasks that watch them, and who is asked next.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arc_swap::ArcSwap;
use http::uri::Authority;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::address::{Scheme, Target};
use crate::balance::Chooser;
use crate::breaker::Breaker;
use crate::call::Call;
use crate::dial::{Dialer, Peer, TlsConnectorBox};
use crate::endpoint::{Endpoint, EndpointParts};
use crate::error::{CallError, StartError};
use crate::metrics::Metrics;
use crate::outlier::{self, Standing};
use crate::pool::Pool;
use crate::random::Dice;
use crate::reach::Reach;
use crate::roster::{Otherwise, Roster};
use crate::spec::{OutlierSpec, TlsSpec, UpstreamSpec};
use crate::timeout::TimeoutHeader;
use crate::tls::Tls;
use crate::view::{EndpointView, Health, UpstreamView};
use crate::{lookout, resolve};

/// A named group of servers, running: dialled, watched, ready to be called. Dropping the last handle ends its tasks.
#[derive(Debug)]
pub struct Upstream {
    name: Arc<str>,
    spec: UpstreamSpec,
    /// TLS for each address of the spec, where it is spoken.
    tls: Box<[Option<Tls>]>,
    roster: ArcSwap<Roster>,
    /// Told when the roster changes.
    changed: Notify,
    /// Told when an endpoint is ejected.
    ejected: Arc<Notify>,
    members: Mutex<Members>,
    workers: Box<[Worker]>,
    breaker: Arc<Breaker>,
    metrics: Arc<Metrics>,
    runtime: Handle,
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

#[derive(Debug, Default)]
struct Members {
    endpoints: Vec<(Arc<Endpoint>, AbortOnDropHandle<()>)>,
    /// Names, by place in the spec, whose first look-up is under way.
    resolving: BTreeSet<usize>,
    /// The tasks that follow names, and the one that ends ejections.
    tasks: Vec<AbortOnDropHandle<()>>,
}

impl Upstream {
    /// Starts to resolve, dial and watch, on the tokio runtime within which it is called; that runtime must live as long as
    /// the upstream. `workers` is how many shared-nothing workers will call.
    pub fn start(name: &str, spec: UpstreamSpec, workers: usize) -> Result<Arc<Self>, StartError> {
        if spec.addresses.is_empty() {
            return Err(StartError::NoAddress(name.to_owned()));
        }
        let runtime = Handle::try_current().map_err(|_| StartError::NoRuntime(name.to_owned()))?;
        let tls = tls_of(&spec).map_err(|error| StartError::Tls { name: name.to_owned(), error })?;
        let upstream = Arc::new(Self {
            name: name.into(),
            tls,
            roster: ArcSwap::from_pointee(Roster::empty()),
            changed: Notify::new(),
            ejected: Arc::default(),
            members: Mutex::default(),
            workers: (0..workers.max(1)).map(|_| Worker::new()).collect(),
            breaker: Arc::new(Breaker::new(spec.circuit_breaker.clone())),
            metrics: Arc::default(),
            runtime,
            spec,
        });
        upstream.begin();
        Ok(upstream)
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
                let mut changed = pin!(self.changed.notified());
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
        let roster = self.roster.load();
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
        self.roster.load().ready.iter().any(|e| !is(e, endpoint) && !tried.iter().any(|t| is(e, t)))
    }

    /// An endpoint failed too often in a row: leaves it out for a while, if enough others are left.
    pub(crate) fn strike(&self, endpoint: &Arc<Endpoint>, spec: &OutlierSpec) {
        let members = self.members();
        let (mut usable, mut out) = (0, 0);
        for (member, _) in &members.endpoints {
            let vitals = member.vitals();
            if vitals.reach == Reach::Reachable && vitals.condition.is_usable() {
                usable += 1;
                out += usize::from(vitals.outlier.is_out());
            }
        }
        if !outlier::may_eject(spec, usable, out) {
            return;
        }
        {
            let mut vitals = endpoint.vitals();
            if vitals.outlier.is_out() {
                return;
            }
            vitals.outlier = vitals.outlier.after(outlier::Event::Struck, spec, Instant::now());
        }
        self.metrics.ejections.fetch_add(1, Relaxed);
        tracing::warn!(upstream = self.name(), endpoint = %endpoint.name, "endpoint ejected: too many failures in a row");
        self.rebuild(&members);
        self.ejected.notify_one();
    }

    /// Takes back those whose ejection is over; tells when the next one's is.
    pub(crate) fn readmit(&self, spec: &OutlierSpec, now: Instant) -> Option<Instant> {
        let members = self.members();
        let (mut next, mut changed) = (None::<Instant>, false);
        for (endpoint, _) in &members.endpoints {
            let mut vitals = endpoint.vitals();
            let before = vitals.outlier;
            vitals.outlier = before.after(outlier::Event::Passed, spec, now);
            match vitals.outlier.standing {
                Standing::Out { until } => next = Some(next.map_or(until, |next| next.min(until))),
                Standing::In if before.is_out() => {
                    changed = true;
                    tracing::info!(upstream = self.name(), endpoint = %endpoint.name, "endpoint back after ejection");
                }
                Standing::In => {}
            }
        }
        if changed {
            self.rebuild(&members);
        }
        next
    }

    /// Whether a call would find somebody to ask.
    pub fn health(&self) -> Health {
        if self.roster.load().ready.is_empty() { Health::Unavailable } else { Health::Connected }
    }

    /// How it fares, as plain data.
    pub fn view(&self) -> UpstreamView {
        let endpoints = self.members().endpoints.iter().map(|(e, _)| EndpointView::of(e)).collect();
        UpstreamView::of(&self.name, self.health(), endpoints, &self.metrics, &self.breaker)
    }

    pub(crate) fn breaker(&self) -> &Arc<Breaker> {
        &self.breaker
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what needs no look-up, and starts to look up the rest.
    fn begin(self: &Arc<Self>) {
        let mut members = self.members();
        for (source, address) in self.spec.addresses.iter().enumerate() {
            match address.target() {
                Target::Unix(path) => self.add(&mut members, source, Peer::Unix(path.clone())),
                Target::Host { host, port } => match host.parse::<IpAddr>() {
                    Ok(ip) => self.add(&mut members, source, Peer::Tcp(SocketAddr::new(ip, *port))),
                    Err(_) => {
                        members.resolving.insert(source);
                        let follow = resolve::follow(Arc::downgrade(self), source, host.clone(), *port);
                        members.tasks.push(AbortOnDropHandle::new(self.runtime.spawn(follow)));
                    }
                },
            }
        }
        if let Some(spec) = &self.spec.outlier_detection {
            let keep = end_ejections(Arc::downgrade(self), spec.clone(), Arc::clone(&self.ejected));
            members.tasks.push(AbortOnDropHandle::new(self.runtime.spawn(keep)));
        }
        self.rebuild(&members);
    }

    fn add(self: &Arc<Self>, members: &mut Members, source: usize, peer: Peer) {
        let Some(address) = self.spec.addresses.get(source) else { return };
        let Ok(authority) = Authority::try_from(address.authority()) else { return };
        let tls = self.tls.get(source).and_then(Option::as_ref).and_then(|tls| {
            // Checked at start.
            Some((TlsConnectorBox(tls.connector().clone()), tls.name_for(address.host()).ok()?))
        });
        let endpoint = Arc::new(Endpoint::new(EndpointParts {
            source,
            authority,
            dialer: Dialer { peer, tls, timeout: self.spec.connect_timeout },
            keepalive: self.spec.keepalive.clone(),
            workers: self.workers.len(),
            metrics: Arc::clone(&self.metrics),
        }));
        let watch = lookout::watch(Arc::clone(&endpoint), Arc::downgrade(self));
        members.endpoints.push((endpoint, AbortOnDropHandle::new(self.runtime.spawn(watch))));
    }

    /// The addresses of a name: new ones are added, those that are gone let go once their calls have ended.
    pub(crate) fn resolved(self: &Arc<Self>, source: usize, found: &BTreeSet<SocketAddr>) {
        let mut members = self.members();
        members.resolving.remove(&source);
        let mut new = found.clone();
        let mut gone = Vec::new();
        members.endpoints.retain(|(endpoint, _)| {
            let Peer::Tcp(address) = endpoint.peer() else { return true };
            if endpoint.source != source {
                return true;
            }
            let stays = new.remove(address);
            if !stays {
                gone.push(Arc::clone(endpoint));
            }
            stays
        });
        for address in &new {
            tracing::info!(upstream = self.name(), endpoint = %address, "endpoint found");
            self.add(&mut members, source, Peer::Tcp(*address));
        }
        self.rebuild(&members);
        drop(members);
        for endpoint in gone {
            tracing::info!(upstream = self.name(), endpoint = %endpoint.name, "endpoint gone");
            endpoint.pools().iter().for_each(Pool::close);
        }
    }

    /// A name has no addresses yet: calls need not wait for it.
    pub(crate) fn unresolved(&self, source: usize) {
        let mut members = self.members();
        if members.resolving.remove(&source) {
            self.rebuild(&members);
        }
    }

    /// An endpoint's state changed.
    pub(crate) fn refresh(&self) {
        self.rebuild(&self.members());
    }

    fn rebuild(&self, members: &Members) {
        let all: Vec<_> = members.endpoints.iter().map(|(endpoint, _)| Arc::clone(endpoint)).collect();
        let outlier = self.spec.outlier_detection.as_ref();
        self.roster.store(Arc::new(Roster::of(&all, !members.resolving.is_empty(), outlier)));
        self.changed.notify_waiters();
    }
}

/// Takes ejected endpoints back when their time has come.
async fn end_ejections(upstream: Weak<Upstream>, spec: OutlierSpec, ejected: Arc<Notify>) {
    loop {
        let Some(next) = upstream.upgrade().map(|upstream| upstream.readmit(&spec, Instant::now())) else {
            return;
        };
        match next {
            None => ejected.notified().await,
            Some(next) => tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                () = ejected.notified() => {}
            },
        }
    }
}

/// TLS of each address: what the spec says, or the system's roots where only the address says `https`.
fn tls_of(spec: &UpstreamSpec) -> Result<Box<[Option<Tls>]>, crate::error::TlsError> {
    let wanted = |address: &crate::Address| match address.scheme() {
        Scheme::Plain => false,
        Scheme::Tls => true,
        Scheme::Unsaid => spec.tls.is_some(),
    };
    if !spec.addresses.iter().any(wanted) {
        return Ok(spec.addresses.iter().map(|_| None).collect());
    }
    let tls = match &spec.tls {
        Some(tls) => Tls::new(tls)?,
        None => Tls::new(&TlsSpec::default())?,
    };
    spec.addresses
        .iter()
        .map(|address| {
            if !wanted(address) {
                return Ok(None);
            }
            tls.name_for(address.host())?;
            Ok(Some(tls.clone()))
        })
        .collect()
}

#[cfg(test)]
mod tests;
