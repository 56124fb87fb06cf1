//! Everything that a request needs, immutable and swapped whole.
//!
//! A snapshot is built from a validated configuration beside the running one. What did not change is adopted from the
//! running one: upstreams with their connections, breakers and health, and the counters of routes.

mod dispatch;
mod docs;
mod health;
mod host;
mod record;
mod sharing;
mod tally;
mod terminal;

use std::collections::HashMap;
use std::sync::Arc;

use ::upstream::{StartError, Upstream};
use arc_swap::ArcSwap;

use crate::config::GatewayConfig;
use crate::policy;
use crate::proxy::{Lines, Share, Split, Target};
use crate::route::RoutePlan;
use crate::telemetry::metrics::RouteMetrics;
use crate::telemetry::spans::Spans;

use docs::Docs;

pub use dispatch::Dispatch;
pub use health::Health;
pub use tally::Tally;

/// The state of the gateway under one version of its configuration.
#[derive(Debug)]
pub struct Snapshot {
    /// Counts the configurations that went live, from 1.
    pub version: u64,
    /// What was declared.
    pub config: Arc<GatewayConfig>,
    /// The upstreams, in the order of the configuration.
    pub upstreams: Upstreams,
    /// What each route needs at run time, by the route's index.
    pub targets: Vec<Target>,
    /// Who takes recorded spans, while tracing is on.
    pub spans: Option<Arc<Spans>>,
    /// What policies remember from one snapshot to the next.
    pub policies: Arc<policy::State>,
    /// The page of the API, when there is one.
    docs: Option<Docs>,
}

/// Running upstreams by name, in the order of the configuration.
pub type Upstreams = Vec<(Arc<str>, Arc<Upstream>)>;

/// A configuration that is valid but can't be made to run.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// An upstream can't be started.
    #[error("upstream `{name}`: {source}")]
    Upstream {
        /// Its name in the file.
        name: Arc<str>,
        /// Why.
        source: StartError,
    },
    /// The collector of spans can't be called.
    #[error("tracing: {0}")]
    Tracing(StartError),
    /// The page of the API can't be made.
    #[error("docs: {0}")]
    Docs(std::io::Error),
    /// A route's policies can't run.
    #[error("the policies of `{route}`: {source}")]
    Policies {
        /// The route's name.
        route: Arc<str>,
        /// Why.
        source: policy::BindError,
    },
}

impl Snapshot {
    /// Builds the state of a configuration, taking over from `previous` what is equal. Must run inside a runtime, on which
    /// new upstreams start their tasks.
    ///
    /// # Errors
    /// When an upstream can't be started. Nothing of `previous` has changed then.
    pub fn build(
        config: Arc<GatewayConfig>,
        previous: Option<&Self>,
        workers: usize,
    ) -> Result<Self, BuildError> {
        let upstreams = start_upstreams(&config, previous, workers)?;
        let counters = counters(previous);
        let policies = previous.map(|previous| Arc::clone(&previous.policies)).unwrap_or_default();
        let by_name = |name: &str| {
            upstreams
                .iter()
                .find(|(known, _)| known.as_ref() == name)
                .map(|(_, upstream)| Arc::clone(upstream))
        };
        let target = |plan: &Arc<RoutePlan>| {
            let chain = plan.policies.bind(&policies, by_name);
            let chain =
                chain.map_err(|source| BuildError::Policies { route: Arc::clone(&plan.name), source });
            let chain = match chain {
                Ok(chain) => chain,
                Err(error) => return Some(Err(error)),
            };
            let shares = plan.targets.upstreams.iter();
            // The configuration has resolved every name, so that none is missing here.
            let split = Split::new(shares.filter_map(|share| {
                let upstream = by_name(&share.upstream)?;
                Some((share.weight, Share::new(upstream, share.hash.clone())))
            }))?;
            let metrics =
                counters.get(&identity(plan)).map(|metrics| Arc::clone(metrics)).unwrap_or_default();
            let mirror = plan.targets.mirror.as_deref().and_then(by_name);
            let lines = Lines::new(plan, &split);
            Some(Ok(Target { plan: Arc::clone(plan), lines, metrics, split, mirror, chain }))
        };
        let targets = config.routes.iter().filter_map(target).collect::<Result<_, _>>()?;
        let spans = spans(&config, previous)?;
        let docs = Docs::of(&config, previous.and_then(|previous| previous.docs.as_ref()));
        let docs = docs.map_err(BuildError::Docs)?;
        let version = previous.map_or(1, |previous| previous.version + 1);
        Ok(Self { version, config, upstreams, targets, spans, policies, docs })
    }
}

fn start_upstreams(
    config: &GatewayConfig,
    previous: Option<&Snapshot>,
    workers: usize,
) -> Result<Upstreams, BuildError> {
    let running: HashMap<&str, &Arc<Upstream>> = previous
        .iter()
        .flat_map(|previous| &previous.upstreams)
        .map(|(name, upstream)| (name.as_ref(), upstream))
        .collect();
    let start = |(name, spec): (&Arc<str>, &::upstream::UpstreamSpec)| {
        if let Some(running) = running.get(name.as_ref()) {
            if running.spec() == spec {
                return Ok((Arc::clone(name), Arc::clone(running)));
            }
            // Another deadline is no reason to dial anew.
            if let Some(upstream) = running.with_spec(spec) {
                return Ok((Arc::clone(name), upstream));
            }
        }
        match Upstream::start(name, spec.clone(), workers) {
            Ok(upstream) => Ok((Arc::clone(name), upstream)),
            Err(source) => Err(BuildError::Upstream { name: Arc::clone(name), source }),
        }
    };
    config.upstreams.iter().map(start).collect()
}

fn spans(config: &GatewayConfig, previous: Option<&Snapshot>) -> Result<Option<Arc<Spans>>, BuildError> {
    let Some(spec) = &config.tracing else { return Ok(None) };
    let running = previous.and_then(|previous| previous.spans.as_ref());
    match running.filter(|running| running.spec() == spec) {
        Some(running) => Ok(Some(Arc::clone(running))),
        None => Spans::start(spec.clone()).map(Arc::new).map(Some).map_err(BuildError::Tracing),
    }
}

/// What makes a route the same one across reloads: how it is called, and what it calls.
fn identity(plan: &RoutePlan) -> (String, String) {
    (crate::route::identity(&plan.name, &plan.hosts), plan.grpc.path.as_str().to_owned())
}

fn counters(previous: Option<&Snapshot>) -> HashMap<(String, String), &Arc<RouteMetrics>> {
    let targets = previous.iter().flat_map(|previous| &previous.targets);
    targets.map(|target| (identity(&target.plan), &target.metrics)).collect()
}

/// The running snapshot. The one place that is swapped.
#[derive(Debug)]
pub struct Current(ArcSwap<Snapshot>);

impl Current {
    /// Starts with this one.
    pub fn new(snapshot: Snapshot) -> Self {
        Self(ArcSwap::from_pointee(snapshot))
    }

    /// The snapshot of now. A request takes it once and keeps it to its end.
    pub fn pin(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Puts another one live. Requests in flight end under the one that they began with.
    pub fn swap(&self, snapshot: Snapshot) -> Arc<Snapshot> {
        self.0.swap(Arc::new(snapshot))
    }
}
