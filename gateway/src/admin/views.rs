//! What the admin address shows, as its own serializable types.

mod auth;
mod certificates;
pub(super) mod config;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::time::SystemTime;

use prost_types::Timestamp;
use serde::Serialize;
use upstream::{Condition, ConnectProblem, EndpointView, NameView, UpstreamView};

use super::State;
use crate::proxy::code::Code;
use crate::reload::Entry;
use crate::snapshot::Snapshot;
use crate::telemetry::metrics::{Exposition, labels};
use crate::telemetry::process;

#[derive(Debug, Serialize)]
pub(super) struct Route<'a> {
    route: &'a str,
    grpc: String,
    upstream: String,
    timeout_ms: u128,
    status: u16,
    policies: Vec<String>,
    origin: String,
    requests: u64,
}

pub(super) fn routes(snapshot: &Snapshot) -> Vec<Route<'_>> {
    let route = |target: &'_ crate::proxy::Target| {
        let plan = &target.plan;
        (plan.grpc.to_string(), plan.targets.to_string(), plan.origin.to_string(), target.metrics.requests())
    };
    snapshot
        .targets
        .iter()
        .map(|target| {
            let (grpc, upstream, origin, requests) = route(target);
            Route {
                route: &target.plan.name,
                grpc,
                upstream,
                timeout_ms: target.plan.timeout.as_millis(),
                status: target.plan.status.as_u16(),
                policies: target.plan.policies.describe(),
                origin,
                requests,
            }
        })
        .collect()
}

#[derive(Debug, Serialize)]
pub(super) struct Upstream {
    name: String,
    health: &'static str,
    /// Whether unhealthy or ejected endpoints are called, because less than half of all are left.
    panic: bool,
    requests: u64,
    active: u32,
    pending: u32,
    retries: u64,
    connections_opened: u64,
    failures: BTreeMap<&'static str, u64>,
    /// Failed attempts to connect, or to resolve a name, by reason.
    connect_failures: BTreeMap<&'static str, u64>,
    endpoints: Vec<Endpoint>,
}

#[derive(Debug, Serialize)]
struct Endpoint {
    address: String,
    /// `connecting`, `reachable`, `unreachable`, or `unresolved` for a name.
    state: String,
    health: &'static str,
    /// The time of the latest change of state, health or reason, as RFC 3339 writes it.
    since: String,
    active: u32,
    connections: usize,
    /// Why the endpoint is unreachable, or the name unresolved: one of a closed list.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    /// What can be done about the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'static str>,
}

impl From<EndpointView> for Endpoint {
    fn from(view: EndpointView) -> Self {
        let problem = view.problem.as_ref().map(upstream::ConnectError::problem);
        Self {
            address: view.address.to_string(),
            state: format!("{:?}", view.reach).to_lowercase(),
            health: endpoint_health(&view),
            since: rfc3339(view.since),
            active: view.active,
            connections: view.connections,
            reason: problem.map(ConnectProblem::name),
            last_error: view.last_error.map(|error| error.to_string()),
            help: problem.map(ConnectProblem::help),
        }
    }
}

impl From<NameView> for Endpoint {
    fn from(view: NameView) -> Self {
        let problem = view.problem.problem();
        Self {
            address: view.address.to_string(),
            state: "unresolved".to_owned(),
            health: "unknown",
            since: rfc3339(view.since),
            active: 0,
            connections: 0,
            reason: Some(problem.name()),
            last_error: Some(view.problem.to_string()),
            help: Some(problem.help()),
        }
    }
}

/// A time to the millisecond, as RFC 3339 writes it.
fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let nanos = i32::try_from(since.subsec_millis()).unwrap_or_default() * 1_000_000;
    Timestamp { seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX), nanos }.to_string()
}

pub(super) fn upstreams(snapshot: &Snapshot) -> Vec<Upstream> {
    snapshot.upstreams.iter().map(|(_, upstream)| Upstream::from(upstream.view())).collect()
}

impl From<UpstreamView> for Upstream {
    fn from(view: UpstreamView) -> Self {
        let endpoints =
            view.endpoints.into_iter().map(Endpoint::from).chain(view.names.into_iter().map(Endpoint::from));
        Self {
            name: view.name.to_string(),
            health: health_word(view.health),
            panic: view.panic,
            requests: view.requests,
            active: view.active,
            pending: view.pending,
            retries: view.retries,
            connections_opened: view.connections_opened,
            failures: view.failures.into_iter().collect(),
            connect_failures: named(view.connect_failures),
            endpoints: endpoints.collect(),
        }
    }
}

fn named(failures: Vec<(ConnectProblem, u64)>) -> BTreeMap<&'static str, u64> {
    failures.into_iter().map(|(problem, count)| (problem.name(), count)).collect()
}

const fn endpoint_health(endpoint: &EndpointView) -> &'static str {
    match endpoint.condition {
        _ if endpoint.ejected => "ejected",
        _ if endpoint.held => "flipping",
        Condition::Unknown { .. } => "unknown",
        Condition::Serving { .. } => "serving",
        Condition::NotServing => "not_serving",
        Condition::Failing { .. } => "failing",
    }
}

const fn health_word(health: upstream::Health) -> &'static str {
    match health {
        upstream::Health::Connected => "connected",
        upstream::Health::Unavailable => "unavailable",
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Reload<'a> {
    seconds_ago: u64,
    trigger: String,
    outcome: &'static str,
    version: Option<u64>,
    text: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'a [String],
}

pub(super) fn reloads(entries: &[Entry]) -> Vec<Reload<'_>> {
    let now = SystemTime::now();
    let reload = |entry: &'_ Entry| now.duration_since(entry.at).unwrap_or_default().as_secs();
    entries
        .iter()
        .map(|entry| Reload {
            seconds_ago: reload(entry),
            trigger: entry.trigger.to_string(),
            outcome: entry.outcome,
            version: entry.version,
            text: &entry.text,
            warnings: &entry.warnings,
        })
        .collect()
}

/// Everything that Prometheus gets.
pub(super) fn metrics(state: &State, snapshot: &Snapshot) -> String {
    let mut out = Exposition::default();
    out.family("gateway_requests_total", "counter", "Requests answered, by route and gRPC code.");
    for target in &snapshot.targets {
        let code = |number: usize| Code::from_number(u32::try_from(number).unwrap_or(2)).name();
        out.route_requests(&route_labels(&target.plan), &target.metrics, code);
    }
    out.family("gateway_request_duration_seconds", "histogram", "From a request's head to its answer.");
    for target in &snapshot.targets {
        out.route_durations(&route_labels(&target.plan), &target.metrics);
    }
    let about = "Requests let through because a service that decides could not be asked (on_failure: allow).";
    out.family("gateway_undecided_total", "counter", about);
    for target in snapshot.targets.iter().filter(|target| target.metrics.undecided() > 0) {
        out.value("gateway_undecided_total", &route_labels(&target.plan), target.metrics.undecided());
    }
    let about = "Fields and parameters left out because the message has not got them (unknown: warn).";
    out.family("gateway_unknown_fields_total", "counter", about);
    for target in &snapshot.targets {
        if target.metrics.unknown() > 0 {
            out.value("gateway_unknown_fields_total", &route_labels(&target.plan), target.metrics.unknown());
        }
    }
    let about = "Requests that the gateway itself refused or failed, by reason (docs/reference/errors.md).";
    out.family("gateway_failures_total", "counter", about);
    for (reason, count) in state.dispatch.tally().failures() {
        out.value("gateway_failures_total", &labels(&[("reason", reason.name())]), count);
    }
    out.family("gateway_clients_gone_total", "counter", "Requests whose client left before the answer.");
    out.value("gateway_clients_gone_total", "", state.dispatch.tally().clients_gone());
    out.family(
        "gateway_access_records_dropped_total",
        "counter",
        "Access records that nobody read fast enough.",
    );
    out.value("gateway_access_records_dropped_total", "", state.dispatch.records_dropped());
    let about = "Lines of the log dropped because its reader is too slow or has stopped.";
    out.family("gateway_log_lines_dropped_total", "counter", about);
    out.value("gateway_log_lines_dropped_total", "", state.level.dropped());
    upstream_metrics(&mut out, snapshot);
    let reloads = state.history.counts();
    out.family("gateway_config_version", "gauge", "The version of the running configuration.");
    out.value("gateway_config_version", "", snapshot.version);
    out.family("gateway_reloads_total", "counter", "Reloads, by outcome.");
    out.value("gateway_reloads_total", "outcome=\"applied\"", reloads.applied);
    out.value("gateway_reloads_total", "outcome=\"rejected\"", reloads.rejected);
    out.value("gateway_reloads_total", "outcome=\"held\"", reloads.held);
    let seconds = |at: SystemTime| at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let about = "When a configuration last went live, in seconds since 1970; the start counts.";
    out.family("gateway_reload_last_success_timestamp_seconds", "gauge", about);
    out.value("gateway_reload_last_success_timestamp_seconds", "", seconds(reloads.last_success));
    if let Some(at) = reloads.last_error {
        let about = "When a reload was last refused, in seconds since 1970.";
        out.family("gateway_reload_last_error_timestamp_seconds", "gauge", about);
        out.value("gateway_reload_last_error_timestamp_seconds", "", seconds(at));
    }
    out.family("gateway_connections", "gauge", "Client connections open now.");
    out.value("gateway_connections", "", state.workers.connections());
    let about = "Client connections closed as soon as they were accepted, by the limit that was reached.";
    out.family("gateway_connections_refused_total", "counter", about);
    for (reason, count) in state.workers.refused().counts() {
        out.value("gateway_connections_refused_total", &labels(&[("reason", reason)]), count);
    }
    let about = "TLS handshakes of clients that failed, by reason (docs/guides/tls.md).";
    out.family("gateway_tls_handshake_failures_total", "counter", about);
    for (reason, count) in state.workers.totals().handshakes().counts() {
        out.value("gateway_tls_handshake_failures_total", &labels(&[("reason", reason)]), count);
    }
    certificates::metrics(&mut out, snapshot);
    out.family("gateway_buffered_bytes", "gauge", "Bytes of request and response bodies held now.");
    out.value("gateway_buffered_bytes", "", state.workers.totals().buffered());
    out.family("gateway_requests_in_flight", "gauge", "Requests in flight now.");
    out.value("gateway_requests_in_flight", "", state.workers.totals().requests());
    out.family("gateway_requests_pending", "gauge", "Requests whose bodies have not arrived yet.");
    out.value("gateway_requests_pending", "", state.workers.totals().pending());
    if let Some(spans) = &snapshot.spans {
        out.family("gateway_spans_exported_total", "counter", "Spans that the collector took.");
        out.value("gateway_spans_exported_total", "", spans.exported());
        out.family(
            "gateway_spans_dropped_total",
            "counter",
            "Spans that the queue or the collector did not take.",
        );
        out.value("gateway_spans_dropped_total", "", spans.dropped());
    }
    out.family("gateway_draining", "gauge", "1 while the gateway finishes.");
    out.value("gateway_draining", "", u8::from(state.draining.load(Relaxed)));
    process::expose(&mut out);
    out.finish()
}

fn route_labels(plan: &crate::route::RoutePlan) -> String {
    let grpc = plan.grpc.to_string();
    if plan.hosts.is_empty() {
        return labels(&[("route", &plan.name), ("grpc", &grpc)]);
    }
    // The same path for other hosts is another series.
    let hosts: Vec<String> = plan.hosts.iter().map(ToString::to_string).collect();
    labels(&[("route", &plan.name), ("grpc", &grpc), ("host", &hosts.join(","))])
}

fn upstream_metrics(out: &mut Exposition, snapshot: &Snapshot) {
    let views: Vec<UpstreamView> = snapshot.upstreams.iter().map(|(_, upstream)| upstream.view()).collect();
    let mut each = |name: &str, kind: &str, help: &str, value: &dyn Fn(&UpstreamView) -> u64| {
        out.family(name, kind, help);
        for view in &views {
            out.value(name, &labels(&[("upstream", &view.name)]), value(view));
        }
    };
    each("gateway_upstream_requests_total", "counter", "Calls made.", &|view| view.requests);
    each("gateway_upstream_retries_total", "counter", "Tries beyond the first.", &|view| view.retries);
    each("gateway_upstream_connections_opened_total", "counter", "Connections opened.", &|view| {
        view.connections_opened
    });
    each("gateway_upstream_active", "gauge", "Calls under way.", &|view| u64::from(view.active));
    each("gateway_upstream_pending", "gauge", "Calls that wait for a connection.", &|view| {
        u64::from(view.pending)
    });
    each("gateway_upstream_healthy", "gauge", "1 when an endpoint can be asked.", &|view| {
        u64::from(view.health == upstream::Health::Connected)
    });
    each(
        "gateway_upstream_panic",
        "gauge",
        "1 while unhealthy endpoints are called because less than half of all endpoints are healthy.",
        &|view| u64::from(view.panic),
    );
    out.family("gateway_upstream_failures_total", "counter", "Calls that no service answered, by reason.");
    for view in &views {
        for (flag, count) in &view.failures {
            let labels = labels(&[("upstream", &view.name), ("reason", flag)]);
            out.value("gateway_upstream_failures_total", &labels, count);
        }
    }
    out.family(
        "gateway_upstream_connect_failures_total",
        "counter",
        "Attempts to connect to an endpoint or to resolve a name that failed, by reason.",
    );
    for view in &views {
        for (problem, count) in &view.connect_failures {
            let labels = labels(&[("upstream", &view.name), ("reason", problem.name())]);
            out.value("gateway_upstream_connect_failures_total", &labels, count);
        }
    }
}
