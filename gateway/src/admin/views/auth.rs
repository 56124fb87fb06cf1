//! How callers are known, without anything that would let somebody pass for one.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::policy::{AuthSpec, ExternalSpec, JwtSpec, OnFailure, RateLimitServiceSpec};

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Auth {
    Jwt(Jwt),
    ApiKey { header: String, clients: Vec<String> },
    External(Asked),
}

#[derive(Debug, Serialize)]
pub(super) struct Jwt {
    /// The kind of the keys, and for a URL where they lie.
    keys: String,
    algorithms: Vec<&'static str>,
    issuer: Option<String>,
    audience: Vec<String>,
    leeway_ms: u128,
    refused: u16,
    forward: BTreeMap<String, String>,
    encoding: &'static str,
}

/// A service that decides.
#[derive(Debug, Serialize)]
pub(super) struct Asked {
    upstream: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
    timeout_ms: u128,
    on_failure: &'static str,
    headers: Vec<String>,
    encoding: &'static str,
}

impl From<&AuthSpec> for Auth {
    fn from(spec: &AuthSpec) -> Self {
        match spec {
            AuthSpec::Jwt(spec) => Self::Jwt(spec.into()),
            AuthSpec::ApiKey(spec) => {
                let mut clients: Vec<String> = spec.keys.iter().map(|(client, _)| client.clone()).collect();
                clients.dedup();
                Self::ApiKey { header: spec.header.to_string(), clients }
            }
            AuthSpec::External(spec) => Self::External(spec.into()),
        }
    }
}

impl From<&JwtSpec> for Jwt {
    fn from(spec: &JwtSpec) -> Self {
        let forward = spec.forward.iter().map(|(claim, name)| (claim.to_string(), name.to_string()));
        Self {
            keys: spec.keys.describe(),
            algorithms: spec.algorithms.iter().map(|algorithm| algorithm.name()).collect(),
            issuer: spec.issuer.clone(),
            audience: spec.audiences.clone(),
            leeway_ms: spec.leeway.as_millis(),
            refused: spec.refused.as_u16(),
            forward: forward.collect(),
            encoding: spec.encoding.name(),
        }
    }
}

impl From<&ExternalSpec> for Asked {
    fn from(spec: &ExternalSpec) -> Self {
        Self {
            upstream: spec.upstream.to_string(),
            domain: None,
            timeout_ms: spec.timeout.as_millis(),
            on_failure: word(spec.on_failure),
            headers: spec.headers.iter().map(ToString::to_string).collect(),
            encoding: spec.encoding.name(),
        }
    }
}

impl From<&RateLimitServiceSpec> for Asked {
    fn from(spec: &RateLimitServiceSpec) -> Self {
        Self {
            upstream: spec.upstream.to_string(),
            domain: Some(spec.domain.to_string()),
            timeout_ms: spec.timeout.as_millis(),
            on_failure: word(spec.on_failure),
            headers: spec.headers.iter().map(ToString::to_string).collect(),
            encoding: spec.encoding.name(),
        }
    }
}

const fn word(on_failure: OnFailure) -> &'static str {
    match on_failure {
        OnFailure::Allow => "allow",
        OnFailure::Deny => "deny",
    }
}
