//! A route and what it needs at run time: counters, and the upstreams that its calls go to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

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
    pub line: access::Route,
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

    /// The upstream for the next call.
    pub fn pick(&self) -> Option<&Share> {
        let (sum, last) = self.upstreams.last()?;
        if self.upstreams.len() == 1 {
            return Some(last);
        }
        let turn = spread(self.turn.fetch_add(1, Relaxed), *sum);
        self.upstreams.iter().find(|(up_to, _)| turn < *up_to).map(|(_, share)| share)
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
    use super::spread;

    #[test]
    fn a_tenth_is_a_tenth_even_of_a_few_calls() {
        for start in [0, 1000, u32::MAX - 20] {
            let hits = (0..40).filter(|n| spread(start.wrapping_add(*n), 100) >= 90).count();
            assert!((3..=5).contains(&hits), "{hits} of 40 from {start}");
        }
    }
}
