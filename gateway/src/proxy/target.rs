//! A route and what it needs at run time: counters, and the upstreams that its calls go to.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ::upstream::Upstream;
use http::HeaderName;

use crate::policy::Chain;
use crate::route::RoutePlan;
use crate::telemetry::access;
use crate::telemetry::metrics::RouteMetrics;

/// A route, ready to take requests.
#[derive(Debug)]
pub struct Target {
    /// What was declared, compiled.
    pub plan: Arc<RoutePlan>,
    /// What its access records say of it.
    pub lines: Lines,
    /// Its counters.
    pub metrics: Arc<RouteMetrics>,
    /// Where its calls go.
    pub split: Split,
    /// Gets a copy of each call; its answer is dropped.
    pub mirror: Option<Arc<Upstream>>,
    /// Its policies, running.
    pub chain: Chain,
}

/// One of the upstreams of a route.
#[derive(Debug)]
pub struct Share {
    /// The upstream.
    pub upstream: Arc<Upstream>,
    /// The request header whose value decides which endpoint takes the call, where the upstream balances so.
    pub hash: Option<HeaderName>,
    /// Why no endpoint is available.
    cause: LastCause,
}

impl Share {
    /// Makes the share of an upstream.
    pub fn new(upstream: Arc<Upstream>, hash: Option<HeaderName>) -> Self {
        Self { upstream, hash, cause: LastCause::default() }
    }

    /// The last error of an endpoint of the upstream, with its address: for logs, never for clients.
    pub fn cause(&self, now: Instant) -> Option<Arc<str>> {
        self.cause.read(now, || {
            let mut endpoints = self.upstream.view().endpoints.into_iter();
            endpoints
                .find_map(|endpoint| Some(format!("{}: {}", endpoint.address, endpoint.last_error?).into()))
        })
    }
}

/// The cause why an upstream is unavailable. Every request to such an upstream records it, and looking at all endpoints
/// takes time, so one look serves for a second.
#[derive(Debug, Default)]
struct LastCause(Mutex<Option<(Instant, Option<Arc<str>>)>>);

/// How long a cause is used.
const CAUSE_AGE: Duration = Duration::from_secs(1);

impl LastCause {
    fn read(&self, now: Instant, look: impl FnOnce() -> Option<Arc<str>>) -> Option<Arc<str>> {
        let mut known = self.0.lock().ok()?;
        if let Some((at, cause)) = &*known
            && now.saturating_duration_since(*at) < CAUSE_AGE
        {
            return cause.clone();
        }
        let cause = look();
        *known = Some((now, cause.clone()));
        cause
    }
}

/// What the access records of a route say of it: for each upstream that a call may go to, and for requests that did not get
/// so far.
#[derive(Debug)]
pub struct Lines {
    by_share: Box<[access::Route]>,
    unchosen: access::Route,
}

impl Lines {
    /// Renders the lines of a route whose calls go to these upstreams, in the order of its [`Split`].
    pub fn new(plan: &RoutePlan, split: &Split) -> Self {
        let grpc = plan.grpc.path.as_str().trim_start_matches('/');
        let names: Vec<&str> = split.upstreams.iter().map(|(_, share)| share.upstream.name()).collect();
        // A single upstream is known before it is chosen.
        let only = if let [name] = names[..] { Some(name) } else { None };
        let line = |upstream| access::Route::new(&plan.name, grpc, upstream);
        let by_share = if only.is_some() {
            Box::default()
        } else {
            names.iter().map(|name| line(Some(*name))).collect()
        };
        Self { by_share, unchosen: line(only) }
    }

    /// The line of a request whose call went to this share of the split.
    pub fn of(&self, share: Option<usize>) -> &access::Route {
        share.and_then(|share| self.by_share.get(share)).unwrap_or(&self.unchosen)
    }
}

/// Upstreams that share a route's calls by weight.
#[derive(Debug)]
pub struct Split {
    /// Each with the sum of the weights up to and including its own.
    upstreams: Box<[(u32, Share)]>,
    turn: AtomicU32,
}

impl Split {
    /// Shares calls among these by weight; `None` when there is nobody, or no weight at all.
    pub fn new(weighted: impl IntoIterator<Item = (u32, Share)>) -> Option<Self> {
        let mut sum = 0_u32;
        let upstreams: Box<[_]> = weighted
            .into_iter()
            .filter(|(weight, _)| *weight > 0)
            .map(|(weight, share)| {
                sum = sum.saturating_add(weight);
                (sum, share)
            })
            .collect();
        (!upstreams.is_empty()).then(|| Self { upstreams, turn: AtomicU32::new(0) })
    }

    /// The upstream for the next call, and its position.
    pub fn pick(&self) -> Option<(usize, &Share)> {
        let (sum, last) = self.upstreams.last()?;
        if self.upstreams.len() == 1 {
            return Some((0, last));
        }
        let turn = spread(self.turn.fetch_add(1, Relaxed), *sum);
        let mut shares = self.upstreams.iter().enumerate();
        shares.find(|(_, (up_to, _))| turn < *up_to).map(|(index, (_, share))| (index, share))
    }
}

/// The n-th of a sequence of numbers below `sum` whose every stretch is spread evenly: the fractions of n times the
/// golden ratio. Unlike random numbers it keeps to the weights over a few calls, too.
const fn spread(n: u32, sum: u32) -> u32 {
    let fraction = n.wrapping_mul(2_654_435_769);
    ((fraction as u64 * sum as u64) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_looked_up_once_a_second() {
        let (cause, start) = (LastCause::default(), Instant::now());
        let read = |after, text: &str| cause.read(start + Duration::from_millis(after), || Some(text.into()));
        assert_eq!(read(0, "refused").as_deref(), Some("refused"));
        assert_eq!(read(999, "no TLS").as_deref(), Some("refused"));
        assert_eq!(read(1000, "no TLS").as_deref(), Some("no TLS"));
    }

    #[test]
    fn a_tenth_is_a_tenth_even_of_a_few_calls() {
        for start in [0, 1000, u32::MAX - 20] {
            let hits = (0..40).filter(|n| spread(start.wrapping_add(*n), 100) >= 90).count();
            assert!((3..=5).contains(&hits), "{hits} of 40 from {start}");
        }
    }
}
