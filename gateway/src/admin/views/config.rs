//! The configuration as it is in force, defaults filled in, in the words of routes.yaml and without its secrets.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use upstream::{Balance, BreakerSpec, HealthCheckSpec, KeepaliveSpec, OutlierSpec, RetrySpec, UpstreamSpec};

use super::auth::{Asked, Auth};
use crate::config::{AdminSpec, GatewayConfig};
use crate::edge::{LimitsSpec, ListenerSpec};
use crate::snapshot::Snapshot;

#[derive(Debug, Serialize)]
pub(in crate::admin) struct Config {
    version: u64,
    listeners: Vec<Listener>,
    admin: Option<Admin>,
    upstreams: BTreeMap<String, Upstream>,
    auth: BTreeMap<String, Auth>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_limit_service: Option<Asked>,
    /// How many.
    routes: usize,
    compression: Vec<&'static str>,
    errors: Errors,
    limits: Limits,
    explain: bool,
    health: Option<String>,
    degraded: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ready: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    docs: Option<String>,
    drain: String,
    log: Log,
    reload: Reload,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracing: Option<Tracing>,
}

#[derive(Debug, Serialize)]
struct Admin {
    address: String,
    hosts: Vec<String>,
    orders: bool,
}

#[derive(Debug, Serialize)]
struct Tracing {
    otlp: Option<String>,
    sample: String,
}

#[derive(Debug, Serialize)]
struct Listener {
    address: String,
    tls: bool,
    client_certificates: bool,
    forward_client_certificates: bool,
    proxy_protocol: bool,
}

#[derive(Debug, Serialize)]
struct Upstream {
    address: Vec<String>,
    tls: bool,
    balance: &'static str,
    connect_timeout: String,
    timeout: String,
    retry: Retry,
    circuit_breaker: Breaker,
    outlier_detection: Option<Outlier>,
    health_check: Option<HealthCheck>,
    keepalive: Option<Keepalive>,
    max_metadata: String,
    max_message: Option<String>,
}

#[derive(Debug, Serialize)]
struct Retry {
    attempts: u32,
    on: Vec<&'static str>,
    backoff: Backoff,
    per_try_timeout: Option<String>,
    budget: String,
}

#[derive(Debug, Serialize)]
struct Backoff {
    base: String,
    max: String,
}

#[derive(Debug, Serialize)]
struct Breaker {
    max_requests: u32,
    max_pending: u32,
    max_retries: u32,
}

#[derive(Debug, Serialize)]
struct Outlier {
    consecutive_errors: u32,
    ejection: String,
    max_ejected: String,
}

#[derive(Debug, Serialize)]
struct HealthCheck {
    interval: String,
    timeout: String,
    service: String,
    unhealthy_after: u32,
    healthy_after: u32,
}

#[derive(Debug, Serialize)]
struct Keepalive {
    interval: String,
    timeout: String,
}

#[derive(Debug, Serialize)]
struct Limits {
    body: String,
    response: String,
    headers: String,
    connections: usize,
    requests: usize,
    buffers: String,
    share: String,
    header_timeout: String,
    idle_timeout: String,
    stream_idle: String,
}

#[derive(Debug, Serialize)]
struct Log {
    level: &'static str,
    format: String,
    access: bool,
    detail: bool,
}

/// The short form of the key where it says all.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Errors {
    Format(String),
    Hiding { format: String, hide: Vec<&'static str> },
}

#[derive(Debug, Serialize)]
struct Reload {
    breaking: String,
}

/// What a snapshot runs by.
pub(in crate::admin) fn config(snapshot: &Snapshot) -> Config {
    let config: &GatewayConfig = &snapshot.config;
    Config {
        version: snapshot.version,
        listeners: config.listeners.iter().map(Listener::from).collect(),
        admin: config.admin.as_ref().map(Admin::from),
        upstreams: config.upstreams.iter().map(|(name, spec)| (name.to_string(), spec.into())).collect(),
        auth: config.auth.iter().map(|(name, spec)| (name.to_string(), Auth::from(spec))).collect(),
        rate_limit_service: config.rate_limit_service.as_deref().map(Asked::from),
        routes: config.routes.len(),
        compression: config.compression.0.iter().map(|coding| coding.name()).collect(),
        errors: Errors::of(config),
        limits: Limits::from(&config.limits),
        explain: config.explain,
        health: config.own.health.clone(),
        degraded: config.degraded.as_u16(),
        live: config.own.live.clone(),
        ready: config.own.ready.clone(),
        docs: config.own.docs.as_ref().map(|docs| docs.as_str().to_owned()),
        drain: duration(config.drain),
        log: Log {
            level: config.log.level.as_str(),
            format: word(config.log.format),
            access: config.log.access,
            detail: config.log.detail,
        },
        reload: Reload { breaking: word(config.breaking) },
        tracing: config.tracing.as_ref().map(|spec| Tracing {
            otlp: spec.collector.addresses.first().map(ToString::to_string),
            sample: spec.sample.to_string(),
        }),
    }
}

impl Errors {
    fn of(config: &GatewayConfig) -> Self {
        let (format, hide) = (word(config.errors), config.hidden_errors.names().collect::<Vec<_>>());
        if hide.is_empty() { Self::Format(format) } else { Self::Hiding { format, hide } }
    }
}

/// The file's word for a choice is its name in small letters.
fn word(choice: impl std::fmt::Debug) -> String {
    format!("{choice:?}").to_lowercase()
}

/// `250ms`, `3s`.
fn duration(duration: Duration) -> String {
    format!("{duration:?}")
}

/// `64KiB`, `4MiB`; in bytes if it is no whole number of them.
fn size(bytes: usize) -> String {
    [(30, "GiB"), (20, "MiB"), (10, "KiB")]
        .into_iter()
        .find(|(power, _)| bytes > 0 && bytes.is_multiple_of(1 << power))
        .map_or_else(|| format!("{bytes}B"), |(power, unit)| format!("{}{unit}", bytes >> power))
}

impl From<&AdminSpec> for Admin {
    fn from(spec: &AdminSpec) -> Self {
        Self {
            address: spec.address.to_string(),
            hosts: spec.hosts.iter().map(ToString::to_string).collect(),
            orders: spec.orders,
        }
    }
}

impl From<&ListenerSpec> for Listener {
    fn from(spec: &ListenerSpec) -> Self {
        Self {
            address: spec.address.to_string(),
            tls: spec.tls.is_some(),
            client_certificates: spec.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some()),
            forward_client_certificates: spec.tls.as_ref().is_some_and(|tls| tls.forward),
            proxy_protocol: spec.proxy_protocol,
        }
    }
}

impl From<&UpstreamSpec> for Upstream {
    fn from(spec: &UpstreamSpec) -> Self {
        Self {
            address: spec.addresses.iter().map(ToString::to_string).collect(),
            tls: spec.tls.is_some(),
            balance: match spec.balance {
                Balance::RoundRobin => "round_robin",
                Balance::LeastRequest => "least_request",
                Balance::Random => "random",
                Balance::Hash => "hash",
            },
            connect_timeout: duration(spec.connect_timeout),
            timeout: duration(spec.timeout),
            retry: Retry::from(&spec.retry),
            circuit_breaker: Breaker::from(&spec.circuit_breaker),
            outlier_detection: spec.outlier_detection.as_ref().map(Outlier::from),
            health_check: spec.health_check.as_ref().map(HealthCheck::from),
            keepalive: spec.keepalive.as_ref().map(Keepalive::from),
            max_metadata: size(spec.max_metadata),
            max_message: spec.max_message.map(size),
        }
    }
}

impl From<&RetrySpec> for Retry {
    fn from(spec: &RetrySpec) -> Self {
        Self {
            attempts: spec.attempts,
            on: spec.on.names().collect(),
            backoff: Backoff { base: duration(spec.backoff_base), max: duration(spec.backoff_max) },
            per_try_timeout: spec.per_try_timeout.map(duration),
            budget: format!("{}%", spec.budget.get()),
        }
    }
}

impl From<&BreakerSpec> for Breaker {
    fn from(spec: &BreakerSpec) -> Self {
        let BreakerSpec { max_requests, max_pending, max_retries } = *spec;
        Self { max_requests, max_pending, max_retries }
    }
}

impl From<&OutlierSpec> for Outlier {
    fn from(spec: &OutlierSpec) -> Self {
        Self {
            consecutive_errors: spec.consecutive_errors,
            ejection: duration(spec.ejection),
            max_ejected: format!("{}%", spec.max_ejected.get()),
        }
    }
}

impl From<&HealthCheckSpec> for HealthCheck {
    fn from(spec: &HealthCheckSpec) -> Self {
        Self {
            interval: duration(spec.interval),
            timeout: duration(spec.timeout),
            service: spec.service.clone(),
            unhealthy_after: spec.unhealthy_after,
            healthy_after: spec.healthy_after,
        }
    }
}

impl From<&KeepaliveSpec> for Keepalive {
    fn from(spec: &KeepaliveSpec) -> Self {
        Self { interval: duration(spec.interval), timeout: duration(spec.timeout) }
    }
}

impl From<&LimitsSpec> for Limits {
    fn from(spec: &LimitsSpec) -> Self {
        Self {
            body: size(spec.body),
            response: size(spec.response),
            headers: size(spec.headers),
            connections: spec.connections,
            requests: spec.requests,
            buffers: size(spec.buffers),
            share: format!("{}%", spec.share),
            header_timeout: duration(spec.header_timeout),
            idle_timeout: duration(spec.idle_timeout),
            stream_idle: duration(spec.stream_idle),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_as_the_file_writes_them() {
        for (bytes, text) in [(4 << 20, "4MiB"), (64 << 10, "64KiB"), (1 << 30, "1GiB"), (1000, "1000B")] {
            assert_eq!(size(bytes), text);
        }
        assert_eq!(duration(Duration::from_millis(250)), "250ms");
        assert_eq!(duration(Duration::from_secs(3)), "3s");
    }
}
