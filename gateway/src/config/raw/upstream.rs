//! `upstreams:`: named groups of endpoints.

use std::time::Duration;

use super::node::{Key, Kind, Node};
use super::reader::{At, Reader};
use crate::config::diagnostic::{Code, Diagnostic};

/// What an upstream takes.
pub(super) const KEYS: &[&str] = &[
    "address",
    "tls",
    "balance",
    "connect_timeout",
    "timeout",
    "retry",
    "circuit_breaker",
    "outlier_detection",
    "health_check",
    "keepalive",
    "max_metadata",
    "max_message",
];

#[derive(Debug, Default)]
pub(in crate::config) struct RawUpstream {
    pub(in crate::config) address: Vec<At<String>>,
    pub(in crate::config) tls: Option<RawTls>,
    pub(in crate::config) balance: Option<At<RawBalance>>,
    pub(in crate::config) connect_timeout: Option<At<Duration>>,
    pub(in crate::config) timeout: Option<At<Duration>>,
    pub(in crate::config) retry: Option<Part<RawRetry>>,
    pub(in crate::config) circuit_breaker: Option<RawBreaker>,
    pub(in crate::config) outlier_detection: Option<Part<RawOutlier>>,
    pub(in crate::config) health_check: Option<Part<RawHealthCheck>>,
    pub(in crate::config) keepalive: Option<Part<RawKeepalive>>,
    pub(in crate::config) max_metadata: Option<At<usize>>,
    pub(in crate::config) max_message: Option<At<usize>>,
}

/// A part that `false` switches off and `true` leaves at its defaults.
#[derive(Debug)]
pub(in crate::config) enum Part<T> {
    Off,
    On(T),
}

/// `tls: true`, or its parts.
#[derive(Debug)]
pub(in crate::config) struct RawTls {
    pub(in crate::config) at: Key,
    pub(in crate::config) enabled: bool,
    pub(in crate::config) ca: Option<At<String>>,
    pub(in crate::config) certificate: Option<At<String>>,
    pub(in crate::config) key: Option<At<String>>,
    pub(in crate::config) server_name: Option<At<String>>,
}

#[derive(Debug, Clone)]
pub(in crate::config) enum RawBalance {
    RoundRobin,
    LeastRequest,
    Random,
    /// By the value of a request header.
    HashHeader(String),
}

#[derive(Debug, Default)]
pub(in crate::config) struct RawRetry {
    pub(in crate::config) attempts: Option<At<u32>>,
    pub(in crate::config) on: Option<Vec<At<String>>>,
    pub(in crate::config) base: Option<At<Duration>>,
    pub(in crate::config) max: Option<At<Duration>>,
    pub(in crate::config) per_try_timeout: Option<At<Duration>>,
    pub(in crate::config) budget: Option<At<u8>>,
}

#[derive(Debug, Default)]
pub(in crate::config) struct RawBreaker {
    pub(in crate::config) max_requests: Option<At<u32>>,
    pub(in crate::config) max_pending: Option<At<u32>>,
    pub(in crate::config) max_retries: Option<At<u32>>,
}

#[derive(Debug, Default)]
pub(in crate::config) struct RawOutlier {
    pub(in crate::config) consecutive_errors: Option<At<u32>>,
    pub(in crate::config) ejection: Option<At<Duration>>,
    pub(in crate::config) max_ejected: Option<At<u8>>,
}

#[derive(Debug, Default)]
pub(in crate::config) struct RawHealthCheck {
    pub(in crate::config) interval: Option<At<Duration>>,
    pub(in crate::config) timeout: Option<At<Duration>>,
    pub(in crate::config) service: Option<At<String>>,
    pub(in crate::config) unhealthy_after: Option<At<u32>>,
    pub(in crate::config) healthy_after: Option<At<u32>>,
}

#[derive(Debug, Default)]
pub(in crate::config) struct RawKeepalive {
    pub(in crate::config) interval: Option<At<Duration>>,
    pub(in crate::config) timeout: Option<At<Duration>>,
}

/// Reads one upstream.
pub(super) fn read(name: &Key, node: &Node, reader: &mut Reader<'_>) -> RawUpstream {
    let mut upstream = RawUpstream::default();
    if let Kind::Scalar(scalar) = &node.kind {
        let message = format!("upstream `{}` is a mapping, not a single value", name.name);
        let help = match scalar.split_once(':').filter(|(key, _)| KEYS.contains(&key.trim())) {
            Some((key, value)) => {
                format!("write `{}: {}`, with a space behind the colon", key.trim(), value.trim())
            }
            None => format!("write `{{address: {scalar}}}`"),
        };
        reader.bad(Code::WrongType, node.place, message, help);
        return upstream;
    }
    let Some(entries) = reader.entries(node, "an upstream, as `address: localhost:50051`") else {
        return upstream;
    };
    if !Reader::has(&entries, "address", KEYS) {
        let of = format!("upstream `{}`", name.name);
        reader.missing(name.place, &of, "address", "localhost:50051");
    }
    for (key, value) in entries {
        match key.name.as_str() {
            "address" => {
                let items = reader.one_or_more(value, "an address, as localhost:50051, or a list of them");
                let addresses =
                    items.iter().filter_map(|item| reader.name(item, "an address, as localhost:50051"));
                upstream.address = addresses.collect();
                if items.is_empty() && matches!(value.kind, Kind::List(_)) {
                    reader.bad(
                        Code::BadAddress,
                        value.place,
                        "an upstream needs an address",
                        "write `address: localhost:50051`",
                    );
                }
            }
            "tls" => upstream.tls = tls(key, value, reader),
            "balance" => upstream.balance = balance(value, reader),
            "connect_timeout" => upstream.connect_timeout = reader.duration(value),
            "timeout" => upstream.timeout = reader.duration(value),
            "retry" => upstream.retry = part(value, reader, retry),
            "circuit_breaker" => upstream.circuit_breaker = Some(breaker(value, reader)),
            "outlier_detection" => upstream.outlier_detection = part(value, reader, outlier),
            "health_check" => upstream.health_check = part(value, reader, health_check),
            "keepalive" => upstream.keepalive = part(value, reader, keepalive),
            "max_metadata" => upstream.max_metadata = reader.size(value),
            "max_message" => upstream.max_message = reader.size(value),
            _ => reader.unknown_key(key, "an upstream", KEYS),
        }
    }
    upstream
}

fn part<T: Default>(
    node: &Node,
    reader: &mut Reader<'_>,
    read: fn(&Node, &mut Reader<'_>) -> T,
) -> Option<Part<T>> {
    if let Kind::Scalar(scalar) = &node.kind {
        if !is_boolean(scalar) {
            let message = format!("expected a mapping, true or false, found `{scalar}`");
            let help = "write a mapping, false for none, or true for the defaults";
            reader.bad(Code::WrongType, node.place, message, help);
            return None;
        }
        let on = reader.boolean(node)?.value;
        return Some(if on { Part::On(T::default()) } else { Part::Off });
    }
    Some(Part::On(read(node, reader)))
}

fn is_boolean(scalar: &str) -> bool {
    scalar.eq_ignore_ascii_case("true") || scalar.eq_ignore_ascii_case("false")
}

fn tls(at: &Key, node: &Node, reader: &mut Reader<'_>) -> Option<RawTls> {
    let mut tls =
        RawTls { at: at.clone(), enabled: true, ca: None, certificate: None, key: None, server_name: None };
    if let Kind::Scalar(scalar) = &node.kind {
        if !is_boolean(scalar) {
            let message = format!("expected true, false or a mapping, found `{scalar}`");
            let help = "write true, or a mapping of ca, certificate, key and server_name, as `{ca: ca.pem}`";
            reader.bad(Code::WrongType, node.place, message, help);
            return None;
        }
        tls.enabled = reader.boolean(node)?.value;
        return Some(tls);
    }
    let entries = reader.entries(node, "true, or a mapping with ca, certificate, key or server_name")?;
    for (key, value) in &entries {
        match key.name.as_str() {
            "ca" => tls.ca = reader.name(value, "the path of a PEM file"),
            "certificate" => tls.certificate = reader.name(value, "the path of a PEM file"),
            "key" => tls.key = reader.name(value, "the path of a PEM file"),
            "server_name" => {
                tls.server_name = reader.name(value, "the name that the certificate must be for")
            }
            _ => reader.unknown_key(key, "`tls`", TLS_KEYS),
        }
    }
    for (at, present, absent) in [(&tls.certificate, "certificate", "key"), (&tls.key, "key", "certificate")]
    {
        if let Some(at) = at
            && !Reader::has(&entries, absent, TLS_KEYS)
        {
            reader.push(
                Diagnostic::error(Code::MissingKey, format!("`{present}` needs `{absent}`"))
                    .at(at.place, format!("`{absent}` is missing"))
                    .with_help("a client certificate has both"),
            );
        }
    }
    Some(tls)
}

const TLS_KEYS: &[&str] = &["ca", "certificate", "key", "server_name"];

fn balance(node: &Node, reader: &mut Reader<'_>) -> Option<At<RawBalance>> {
    if !matches!(node.kind, Kind::Map(_)) {
        #[derive(Clone, Copy)]
        enum Word {
            RoundRobin,
            LeastRequest,
            Random,
        }
        let choices = [
            ("round_robin", Word::RoundRobin),
            ("least_request", Word::LeastRequest),
            ("random", Word::Random),
        ];
        return reader.choice_or(node, &choices, Some("{hash: header:NAME}")).map(|at| {
            let balance = match at.value {
                Word::RoundRobin => RawBalance::RoundRobin,
                Word::LeastRequest => RawBalance::LeastRequest,
                Word::Random => RawBalance::Random,
            };
            At::new(balance, at.place)
        });
    }
    let mut balance = None;
    let entries = reader.entries(node, "round_robin, least_request, random or {hash: header:NAME}")?;
    if !Reader::may_have(&entries, "hash", &["hash"]) {
        reader.missing(node.place, "`balance`", "hash", "header:x-user-id");
    }
    for (key, value) in entries {
        if key.name != "hash" {
            reader.unknown_key(key, "`balance`", &["hash"]);
            continue;
        }
        let text = reader.name(value, "what to hash, as header:x-user-id")?;
        match text.value.strip_prefix("header:").map(str::trim) {
            Some(header) if header.parse::<http::HeaderName>().is_ok() => {
                balance = Some(At::new(RawBalance::HashHeader(header.to_ascii_lowercase()), text.place));
            }
            _ => {
                let message = format!("`{}` is nothing that can be hashed", text.value);
                reader.bad(Code::BadValue, text.place, message, "write header:NAME, as header:x-user-id");
            }
        }
    }
    balance
}

fn retry(node: &Node, reader: &mut Reader<'_>) -> RawRetry {
    let mut retry = RawRetry::default();
    for (key, value) in reader.entries(node, "a mapping, as `attempts: 3`").unwrap_or_default() {
        match key.name.as_str() {
            "attempts" => retry.attempts = reader.number32(value, 1),
            // YAML 1.1 tools (Helm's toYaml, PyYAML, Ruby) write `on:` as `true:`.
            "on" | "true" | "True" | "TRUE" => {
                let items = reader.one_or_more(value, "gRPC codes, as [UNAVAILABLE]");
                retry.on = Some(
                    items
                        .iter()
                        .filter_map(|item| reader.name(item, "a gRPC code, as UNAVAILABLE"))
                        .collect(),
                );
            }
            "backoff" => {
                for (key, value) in reader.entries(value, "a mapping, as `base: 25ms`").unwrap_or_default() {
                    match key.name.as_str() {
                        "base" => retry.base = reader.duration(value),
                        "max" => retry.max = reader.duration(value),
                        _ => reader.unknown_key(key, "`backoff`", &["base", "max"]),
                    }
                }
            }
            "per_try_timeout" => retry.per_try_timeout = reader.duration(value),
            "budget" => retry.budget = reader.percent(value),
            _ => reader.unknown_key(
                key,
                "`retry`",
                &["attempts", "on", "backoff", "per_try_timeout", "budget"],
            ),
        }
    }
    retry
}

fn breaker(node: &Node, reader: &mut Reader<'_>) -> RawBreaker {
    let mut breaker = RawBreaker::default();
    for (key, value) in reader.entries(node, "a mapping, as `max_requests: 1024`").unwrap_or_default() {
        match key.name.as_str() {
            "max_requests" => breaker.max_requests = reader.number32(value, 1),
            "max_pending" => breaker.max_pending = reader.number32(value, 1),
            "max_retries" => breaker.max_retries = reader.number32(value, 0),
            _ => {
                reader.unknown_key(key, "`circuit_breaker`", &["max_requests", "max_pending", "max_retries"])
            }
        }
    }
    breaker
}

fn outlier(node: &Node, reader: &mut Reader<'_>) -> RawOutlier {
    let mut outlier = RawOutlier::default();
    for (key, value) in reader.entries(node, "a mapping, as `consecutive_errors: 5`").unwrap_or_default() {
        match key.name.as_str() {
            "consecutive_errors" => outlier.consecutive_errors = reader.number32(value, 1),
            "ejection" => outlier.ejection = reader.duration(value),
            "max_ejected" => outlier.max_ejected = reader.percent(value),
            _ => reader.unknown_key(
                key,
                "`outlier_detection`",
                &["consecutive_errors", "ejection", "max_ejected"],
            ),
        }
    }
    outlier
}

fn health_check(node: &Node, reader: &mut Reader<'_>) -> RawHealthCheck {
    const KEYS: &[&str] = &["interval", "timeout", "service", "unhealthy_after", "healthy_after"];
    let mut check = RawHealthCheck::default();
    for (key, value) in reader.entries(node, "a mapping, as `interval: 5s`").unwrap_or_default() {
        match key.name.as_str() {
            "interval" => check.interval = reader.duration(value),
            "timeout" => check.timeout = reader.duration(value),
            "service" => check.service = reader.text(value, "the name of a service, or \"\""),
            "unhealthy_after" => check.unhealthy_after = reader.number32(value, 1),
            "healthy_after" => check.healthy_after = reader.number32(value, 1),
            _ => reader.unknown_key(key, "`health_check`", KEYS),
        }
    }
    check
}

fn keepalive(node: &Node, reader: &mut Reader<'_>) -> RawKeepalive {
    let mut keepalive = RawKeepalive::default();
    for (key, value) in reader.entries(node, "a mapping, as `interval: 30s`").unwrap_or_default() {
        match key.name.as_str() {
            "interval" => keepalive.interval = reader.duration(value),
            "timeout" => keepalive.timeout = reader.duration(value),
            _ => reader.unknown_key(key, "`keepalive`", &["interval", "timeout"]),
        }
    }
    keepalive
}
