//! What stands in the file and does nothing.

use std::collections::HashSet;
use std::sync::Arc;

use super::services::Services;
use super::upstreams::Upstreams;
use crate::config::Context;
use crate::config::diagnostic::{Code, Diagnostic};

/// What routes refer to.
#[derive(Debug, Clone, Default)]
pub(super) struct Used {
    pub(super) upstreams: HashSet<Arc<str>>,
    pub(super) services: HashSet<String>,
    /// Entries of `auth`.
    pub(super) auth: HashSet<String>,
    /// Whether a route asks the rate-limit service.
    pub(super) limiter: bool,
}

/// Tells about upstreams and services that nothing refers to.
pub(super) fn unused(upstreams: &Upstreams, services: &Services, used: &Used, context: &mut Context) {
    for (name, service) in services {
        if !service.exposes() && !used.services.contains(name) {
            context.push(
                Diagnostic::warning(Code::UnusedService, format!("no route calls the service `{name}`"))
                    .at(service.place, "never called")
                    .with_help("add a route, or expose it whole: `annotations: true` or `auto: true`"),
            );
        }
    }
    let by_services: HashSet<&Arc<str>> =
        services.values().filter_map(|service| service.upstream.as_ref()).collect();
    for (name, place) in upstreams.names() {
        if !used.upstreams.contains(name) && !by_services.contains(name) {
            context.push(
                Diagnostic::warning(Code::UnusedUpstream, format!("nothing uses the upstream `{name}`"))
                    .at(place, "never called")
                    .with_help(format!("add a service that it serves under `services`, as `package.Service: {name}`, or remove it")),
            );
        }
    }
}
