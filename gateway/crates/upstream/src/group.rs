//! The endpoints of an upstream and the tasks that watch them.
//!
//! A group outlives a change of the rest of its upstream's spec: a new deadline is no reason to dial anew.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

use arc_swap::{ArcSwap, Guard};
use http::uri::Authority;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::address::{Scheme, Target};
use crate::connect_problem::ConnectError;
use crate::dial::{Dialer, Peer, TlsConnectorBox};
use crate::endpoint::{Endpoint, EndpointParts};
use crate::metrics::Metrics;
use crate::outlier::{self, Standing};
use crate::pool::Pool;
use crate::reach::Reach;
use crate::roster::Roster;
use crate::spec::{OutlierSpec, TlsSpec, UpstreamSpec};
use crate::tls::Tls;
use crate::view::NameView;
use crate::{lookout, resolve};

/// Endpoints that are resolved, dialled and watched. Dropping the last handle ends the tasks.
#[derive(Debug)]
pub(crate) struct Group {
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
    workers: usize,
    metrics: Arc<Metrics>,
    runtime: Handle,
}

#[derive(Debug, Default)]
struct Members {
    endpoints: Vec<(Arc<Endpoint>, AbortOnDropHandle<()>)>,
    /// Names, by place in the spec, whose first look-up is under way.
    resolving: BTreeSet<usize>,
    /// Names, by place in the spec, whose latest look-up failed: why, and since when.
    unresolved: BTreeMap<usize, (ConnectError, SystemTime)>,
    /// The tasks that follow names, and the one that ends ejections.
    tasks: Vec<AbortOnDropHandle<()>>,
}

impl Group {
    /// Starts to resolve, dial and watch on `runtime`. Of the spec it reads what [`UpstreamSpec::has_the_endpoints_of`]
    /// compares.
    pub(crate) fn start(
        name: Arc<str>,
        spec: UpstreamSpec,
        workers: usize,
        metrics: Arc<Metrics>,
        runtime: Handle,
    ) -> Result<Arc<Self>, crate::error::TlsError> {
        let group = Arc::new(Self {
            name,
            tls: tls_of(&spec)?,
            roster: ArcSwap::from_pointee(Roster::empty()),
            changed: Notify::new(),
            ejected: Arc::default(),
            members: Mutex::default(),
            workers,
            metrics,
            runtime,
            spec,
        });
        group.begin();
        Ok(group)
    }

    /// The upstream's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What it was started from.
    pub(crate) fn spec(&self) -> &UpstreamSpec {
        &self.spec
    }

    /// Who can be asked now.
    pub(crate) fn roster(&self) -> Guard<Arc<Roster>> {
        self.roster.load()
    }

    /// Told when the roster changes.
    pub(crate) fn changed(&self) -> &Notify {
        &self.changed
    }

    /// All endpoints, whatever their state.
    pub(crate) fn endpoints(&self) -> Vec<Arc<Endpoint>> {
        self.members().endpoints.iter().map(|(endpoint, _)| Arc::clone(endpoint)).collect()
    }

    /// An endpoint failed too often in a row: leaves it out for a while, if enough others are left.
    pub(crate) fn strike(&self, endpoint: &Arc<Endpoint>, spec: &OutlierSpec) {
        let members = self.members();
        let (mut usable, mut out) = (0, 0);
        for (member, _) in &members.endpoints {
            let vitals = member.vitals();
            if vitals.reach == Reach::Reachable && vitals.is_healthy() {
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

    /// The names whose latest look-up failed.
    pub(crate) fn names(&self) -> Vec<NameView> {
        let members = self.members();
        let name = |(source, (error, since)): (&usize, &(ConnectError, SystemTime))| {
            let address = self.spec.addresses.get(*source)?.authority().into();
            Some(NameView { address, problem: error.clone(), since: *since })
        };
        members.unresolved.iter().filter_map(name).collect()
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
            Some((TlsConnectorBox(tls.connector().clone()), tls.side_for(address.host()).ok()?))
        });
        let endpoint = Arc::new(Endpoint::new(EndpointParts {
            source,
            authority,
            dialer: Dialer {
                peer,
                tls,
                timeout: self.spec.connect_timeout,
                max_header_list: Arc::new(AtomicU32::new(u32::MAX)),
            },
            keepalive: self.spec.keepalive.clone(),
            workers: self.workers,
            metrics: Arc::clone(&self.metrics),
        }));
        let watch = lookout::watch(Arc::clone(&endpoint), Arc::downgrade(self));
        members.endpoints.push((endpoint, AbortOnDropHandle::new(self.runtime.spawn(watch))));
    }

    /// The addresses of a name: new ones are added, those that are gone let go once their calls have ended.
    pub(crate) fn resolved(self: &Arc<Self>, source: usize, found: &BTreeSet<SocketAddr>) {
        let mut members = self.members();
        members.resolving.remove(&source);
        members.unresolved.remove(&source);
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

    /// A name did not resolve. Calls need not wait for it; the addresses that it had stay.
    pub(crate) fn unresolved(&self, source: usize, error: ConnectError) {
        let mut members = self.members();
        let since = members.unresolved.get(&source).map_or_else(SystemTime::now, |(_, since)| *since);
        members.unresolved.insert(source, (error, since));
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
async fn end_ejections(group: Weak<Group>, spec: OutlierSpec, ejected: Arc<Notify>) {
    loop {
        let Some(next) = group.upgrade().map(|group| group.readmit(&spec, Instant::now())) else {
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
            tls.side_for(address.host())?;
            Ok(Some(tls.clone()))
        })
        .collect()
}
