//! The health of the gateway, as `/health` tells it.

use ::upstream::Health as UpstreamHealth;
use serde::Serialize;
use std::collections::BTreeMap;

use super::Snapshot;

/// The body of a health answer.
#[derive(Debug, Serialize)]
pub struct Health<'a> {
    status: &'static str,
    services: BTreeMap<&'a str, &'static str>,
}

impl<'a> Health<'a> {
    /// The health of now.
    pub fn of(snapshot: &'a Snapshot) -> Self {
        let services: BTreeMap<&str, &str> = snapshot
            .upstreams
            .iter()
            .map(|(name, upstream)| (name.as_ref(), word(upstream.health())))
            .collect();
        let ok = services.values().all(|word| *word == word_of_connected());
        Self { status: if ok { "ok" } else { "degraded" }, services }
    }

    /// Whether every upstream has a healthy endpoint.
    pub fn is_ok(&self) -> bool {
        self.status == "ok"
    }
}

const fn word(health: UpstreamHealth) -> &'static str {
    match health {
        UpstreamHealth::Connected => word_of_connected(),
        UpstreamHealth::Unavailable => "unavailable",
    }
}

const fn word_of_connected() -> &'static str {
    "connected"
}
