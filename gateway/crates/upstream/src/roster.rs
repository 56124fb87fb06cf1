//! Who can be asked right now: an immutable list, rebuilt whenever an endpoint's state changes.
//!
//! Decided at change, read at call: picking an endpoint looks at nothing but this.

use std::sync::Arc;

use crate::endpoint::Endpoint;
use crate::error::NoEndpoint;
use crate::outlier::is_panic;
use crate::reach::Reach;
use crate::spec::OutlierSpec;

/// The endpoints that may be picked, and what to do if there are none.
#[derive(Debug)]
pub(crate) struct Roster {
    pub(crate) ready: Vec<Arc<Endpoint>>,
    pub(crate) otherwise: Otherwise,
}

/// What a call does while nobody is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Otherwise {
    /// Waits: the first attempts are still under way.
    Wait,
    /// Fails at once.
    Fail(NoEndpoint),
}

impl Roster {
    /// Before anything is known.
    pub(crate) fn empty() -> Self {
        Self { ready: Vec::new(), otherwise: Otherwise::Wait }
    }

    /// From all endpoints. `resolving` says that a name's first addresses are still to come.
    pub(crate) fn of(all: &[Arc<Endpoint>], resolving: bool, outlier: Option<&OutlierSpec>) -> Self {
        let mut usable = Vec::with_capacity(all.len());
        let mut ready = Vec::with_capacity(all.len());
        let mut connecting = resolving;
        let mut unhealthy = false;
        for endpoint in all {
            let vitals = endpoint.vitals();
            match vitals.reach {
                Reach::Reachable if vitals.condition.is_usable() => {
                    usable.push(Arc::clone(endpoint));
                    if !vitals.outlier.is_out() {
                        ready.push(Arc::clone(endpoint));
                    }
                }
                Reach::Reachable => unhealthy = true,
                Reach::Connecting => connecting = true,
                Reach::Unreachable => {}
            }
        }
        let panic = outlier.is_some_and(|spec| is_panic(spec, all.len(), ready.len()));
        let otherwise = match () {
            () if connecting => Otherwise::Wait,
            () if all.is_empty() => Otherwise::Fail(NoEndpoint::Unresolved),
            () if unhealthy => Otherwise::Fail(NoEndpoint::Unhealthy),
            () => Otherwise::Fail(NoEndpoint::Unreachable),
        };
        Self { ready: if panic { usable } else { ready }, otherwise }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::condition::{Condition, Report};
    use crate::endpoint::tests::endpoints;
    use crate::outlier::Event;
    use crate::reach::Sight;
    use crate::spec::HealthCheckSpec;

    /// Builds a roster from one letter per endpoint: `r`eady, `c`onnecting, `u`nreachable, `n`ot serving, `e`jected; gives the
    /// places of those that are asked.
    fn roster(states: &str, resolving: bool) -> (Vec<usize>, Otherwise) {
        let all = endpoints(states.len() as u16);
        let (outlier, health, now) = (OutlierSpec::default(), HealthCheckSpec::default(), Instant::now());
        for (endpoint, state) in all.iter().zip(states.chars()) {
            match state {
                'c' => continue,
                'u' => drop(endpoint.saw(Sight::Failed, None, now)),
                _ => drop(endpoint.saw(Sight::Connected, None, now)),
            }
            let mut vitals = endpoint.vitals();
            match state {
                'n' => vitals.condition = Condition::NEW.after(Report::NotServing, &health),
                'e' => vitals.outlier = vitals.outlier.after(Event::Struck, &outlier, now),
                _ => {}
            }
        }
        let roster = Roster::of(&all, resolving, Some(&outlier));
        let place = |e: &Arc<Endpoint>| all.iter().position(|other| Arc::ptr_eq(e, other)).unwrap();
        (roster.ready.iter().map(place).collect(), roster.otherwise)
    }

    #[test]
    fn who_is_asked() {
        use NoEndpoint::*;
        use Otherwise::*;
        let table: [(&str, bool, &[usize], Otherwise); 15] = [
            ("", true, &[], Wait),
            ("", false, &[], Fail(Unresolved)),
            ("c", false, &[], Wait),
            ("u", false, &[], Fail(Unreachable)),
            ("n", false, &[], Fail(Unhealthy)),
            ("nu", false, &[], Fail(Unhealthy)),
            ("cu", false, &[], Wait),
            ("r", false, &[0], Fail(Unreachable)),
            ("rcun", false, &[0], Wait),
            ("re", false, &[0], Fail(Unreachable)),
            ("rree", false, &[0, 1], Fail(Unreachable)),
            // Fewer than half are left: the ejected are asked too, those known to be unable are not.
            ("e", false, &[0], Fail(Unreachable)),
            ("eu", false, &[0], Fail(Unreachable)),
            ("reeu", false, &[0, 1, 2], Fail(Unreachable)),
            ("reen", false, &[0, 1, 2], Fail(Unhealthy)),
        ];
        for (states, resolving, ready, otherwise) in table {
            assert_eq!(roster(states, resolving), (ready.to_vec(), otherwise), "{states:?}");
        }
    }
}
