//! Who can be asked right now: an immutable list, rebuilt whenever an endpoint's state changes.
//!
//! Decided at change, read at call: picking an endpoint looks at nothing but this.

use std::sync::Arc;

use crate::endpoint::Endpoint;
use crate::error::NoEndpoint;
use crate::reach::Reach;

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
    pub(crate) fn of(all: &[Arc<Endpoint>], resolving: bool) -> Self {
        let mut ready = Vec::with_capacity(all.len());
        let mut connecting = resolving;
        for endpoint in all {
            match endpoint.vitals().reach {
                Reach::Reachable => ready.push(Arc::clone(endpoint)),
                Reach::Connecting => connecting = true,
                Reach::Unreachable => {}
            }
        }
        let otherwise = match () {
            () if connecting => Otherwise::Wait,
            () if all.is_empty() => Otherwise::Fail(NoEndpoint::Unresolved),
            () => Otherwise::Fail(NoEndpoint::Unreachable),
        };
        Self { ready, otherwise }
    }
}
