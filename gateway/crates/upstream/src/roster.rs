//! Who can be asked right now: an immutable list, rebuilt whenever an endpoint's state changes.
//!
//! Decided at change, read at call: picking an endpoint looks at nothing but this.

use std::sync::Arc;

use crate::condition::Condition;
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
    /// Whether unhealthy or ejected endpoints are among them, because too few others are left.
    pub(crate) panic: bool,
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
        Self { ready: Vec::new(), otherwise: Otherwise::Wait, panic: false }
    }

    /// From all endpoints. `resolving` says that a name's first addresses are still to come.
    ///
    /// If less than half of all endpoints are healthy, those that are ejected, fail their health checks or are held for their
    /// flipping health are asked, too: so many at once have a common cause, and one endpoint cannot carry the load of three.
    /// Never asked are endpoints that cannot be reached, and those that respond NOT_SERVING.
    pub(crate) fn of(all: &[Arc<Endpoint>], resolving: bool, outlier: Option<&OutlierSpec>) -> Self {
        let mut spread = Vec::with_capacity(all.len());
        let mut ready = Vec::with_capacity(all.len());
        let mut connecting = resolving;
        let mut unhealthy = false;
        for endpoint in all {
            let vitals = endpoint.vitals();
            let doubtful = match vitals.condition {
                Condition::Unknown { .. } | Condition::Serving { .. } => true,
                // Where there is no other endpoint to share the load with, its health checks are believed.
                Condition::Failing { .. } => all.len() > 1,
                Condition::NotServing => vitals.damper.is_held(),
            };
            match vitals.reach {
                Reach::Reachable if vitals.is_healthy() && !vitals.outlier.is_out() => {
                    ready.push(Arc::clone(endpoint));
                    spread.push(Arc::clone(endpoint));
                }
                Reach::Reachable if doubtful => {
                    unhealthy |= !vitals.is_healthy();
                    spread.push(Arc::clone(endpoint));
                }
                Reach::Reachable => unhealthy = true,
                Reach::Connecting => connecting = true,
                Reach::Unreachable => {}
            }
        }
        let threshold = outlier.map_or(OutlierSpec::PANIC_THRESHOLD, |spec| spec.panic_threshold);
        let panic = is_panic(threshold, all.len(), ready.len()) && spread.len() > ready.len();
        let otherwise = match () {
            () if connecting => Otherwise::Wait,
            () if all.is_empty() => Otherwise::Fail(NoEndpoint::Unresolved),
            () if unhealthy => Otherwise::Fail(NoEndpoint::Unhealthy),
            () => Otherwise::Fail(NoEndpoint::Unreachable),
        };
        Self { ready: if panic { spread } else { ready }, otherwise, panic }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::condition::Report;
    use crate::endpoint::tests::endpoints;
    use crate::outlier::Event;
    use crate::reach::Sight;
    use crate::spec::HealthCheckSpec;

    /// Builds a roster from one letter per endpoint: `r`eady, `c`onnecting, `u`nreachable, `n`ot serving, `e`jected,
    /// `f`ailing its checks, `h`eld for flipping; gives the
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
                'f' => vitals.condition = Condition::Failing { good: 0 },
                'h' => {
                    vitals.condition = Condition::NotServing;
                    (0..100).for_each(|_| _ = vitals.damper.change(now));
                }
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
        let table: [(&str, bool, &[usize], Otherwise); 25] = [
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
            // The same for those that fail their checks or flip, but not for the only one.
            ("f", false, &[], Fail(Unhealthy)),
            ("h", false, &[0], Fail(Unhealthy)),
            ("ff", false, &[0, 1], Fail(Unhealthy)),
            ("fn", false, &[0], Fail(Unhealthy)),
            ("nn", false, &[], Fail(Unhealthy)),
            ("rf", false, &[0], Fail(Unhealthy)),
            ("rff", false, &[0, 1, 2], Fail(Unhealthy)),
            ("rfu", false, &[0, 1], Fail(Unhealthy)),
            ("rfh", false, &[0, 1, 2], Fail(Unhealthy)),
            ("rrfh", false, &[0, 1], Fail(Unhealthy)),
        ];
        for (states, resolving, ready, otherwise) in table {
            assert_eq!(roster(states, resolving), (ready.to_vec(), otherwise), "{states:?}");
        }
    }
}
