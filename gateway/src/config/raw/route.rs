//! `routes:` and `defaults:`: google.api.HttpRule in YAML, and the settings of a route.

use std::time::Duration;

use transcode::Unknown;

use super::auth::{self, RawRouteAuth};
use super::file;
use super::foreign;
use super::headers::{self, Pairs, RawHeaders};
use super::node::{Key, Kind, Node};
use super::rate_limit::{self, RawRateLimit};
use super::reader::{At, Reader};
use super::upstream;
use crate::config::diagnostic::{Code, Diagnostic, Place};
use crate::config::suggest;

pub(super) const METHODS: &[&str] = &["get", "put", "post", "delete", "patch", "custom"];
pub(super) const BINDING: &[&str] = &["body", "response_body"];
pub(super) const SETTINGS: &[&str] = &[
    "status",
    "timeout",
    "upstream",
    "mirror",
    "host",
    "unknown",
    "idempotent",
    "update_mask",
    "auth",
    "rate_limit",
    "set",
    "headers",
];
const NOT_YET: &[&str] = &["stream"];

/// What other notations write a method and a path with.
const NOTATIONS: &[&str] = &["path", "paths", "uri", "url", "method", "methods", "verb"];

/// The choices of `unknown`.
pub(super) const UNKNOWN: &[(&str, Unknown)] =
    &[("reject", Unknown::Reject), ("warn", Unknown::Warn), ("ignore", Unknown::Ignore)];

/// An entry of `routes`.
#[derive(Debug)]
pub(in crate::config) struct RawRoute {
    /// Whether it is a rule of a service configuration, which stands for what the method is annotated with.
    pub(in crate::config) overrides: bool,
    pub(in crate::config) grpc: At<String>,
    pub(in crate::config) binding: RawBinding,
    pub(in crate::config) additional: Vec<RawBinding>,
    pub(in crate::config) settings: RawSettings,
}

/// One HTTP method and path, and how its body is used.
#[derive(Debug, Clone)]
pub(in crate::config) struct RawBinding {
    pub(in crate::config) method: RawMethod,
    pub(in crate::config) path: At<String>,
    pub(in crate::config) body: Option<At<String>>,
    pub(in crate::config) response_body: Option<At<String>>,
}

/// The HTTP method, with the place of the key or of `kind`.
#[derive(Debug, Clone)]
pub(in crate::config) struct RawMethod {
    /// In the case of the request line; `*` for any.
    pub(in crate::config) name: String,
    pub(in crate::config) place: Place,
}

/// What a route may say beyond its rule, and `defaults` for all routes.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct RawSettings {
    pub(in crate::config) body: Option<At<String>>,
    pub(in crate::config) response_body: Option<At<String>>,
    pub(in crate::config) status: Option<At<u16>>,
    pub(in crate::config) timeout: Option<At<Duration>>,
    pub(in crate::config) upstream: Option<RawTargets>,
    pub(in crate::config) mirror: Option<At<String>>,
    pub(in crate::config) host: Option<Vec<At<String>>>,
    pub(in crate::config) unknown: Option<At<Unknown>>,
    pub(in crate::config) idempotent: Option<At<bool>>,
    /// Whether a PATCH fills the request's field mask.
    pub(in crate::config) update_mask: Option<At<bool>>,
    pub(in crate::config) auth: Option<RawRouteAuth>,
    pub(in crate::config) rate_limit: Option<RawRateLimit>,
    pub(in crate::config) set: Option<Pairs>,
    pub(in crate::config) headers: Option<RawHeaders>,
}

/// `upstream: name`, or names with their shares.
#[derive(Debug, Clone)]
pub(in crate::config) struct RawTargets {
    pub(in crate::config) place: Place,
    /// A name by itself has no share.
    pub(in crate::config) names: Vec<(At<String>, Option<At<u8>>)>,
    /// Whether some of that could not be read, which has been told.
    pub(in crate::config) broken: bool,
}

impl RawSettings {
    /// What a route has when it does not say: first these, then `others`.
    pub(in crate::config) fn or(&self, others: &Self) -> Self {
        Self {
            body: self.body.clone().or_else(|| others.body.clone()),
            response_body: self.response_body.clone().or_else(|| others.response_body.clone()),
            status: self.status.clone().or_else(|| others.status.clone()),
            timeout: self.timeout.clone().or_else(|| others.timeout.clone()),
            upstream: self.upstream.clone().or_else(|| others.upstream.clone()),
            mirror: self.mirror.clone().or_else(|| others.mirror.clone()),
            host: self.host.clone().or_else(|| others.host.clone()),
            unknown: self.unknown.clone().or_else(|| others.unknown.clone()),
            idempotent: self.idempotent.clone().or_else(|| others.idempotent.clone()),
            update_mask: self.update_mask.clone().or_else(|| others.update_mask.clone()),
            auth: self.auth.clone().or_else(|| others.auth.clone()),
            rate_limit: self.rate_limit.clone().or_else(|| others.rate_limit.clone()),
            set: self.set.clone().or_else(|| others.set.clone()),
            headers: self.headers.clone().or_else(|| others.headers.clone()),
        }
    }

    /// Reads a key of a route or of `defaults`; false when it is none.
    fn read_key(&mut self, key: &Key, value: &Node, reader: &mut Reader<'_>) -> bool {
        match key.name.as_str() {
            "body" => self.body = body(value, reader),
            "response_body" => self.response_body = body(value, reader),
            "status" => {
                let status = reader.integer(value, 200, 299);
                self.status = status.map(|at| At::new(u16::try_from(at.value).unwrap_or(200), at.place));
            }
            "timeout" => self.timeout = reader.duration(value),
            "upstream" => self.upstream = Some(targets(value, reader)),
            "mirror" => self.mirror = reader.name(value, "the name of an upstream"),
            "host" => {
                let items = reader.one_or_more(value, "a host, or a list of them");
                let hosts = items.iter().filter_map(|item| reader.name(item, "a host, as api.example.com"));
                self.host = Some(hosts.collect());
            }
            "unknown" => self.unknown = reader.choice(value, UNKNOWN),
            "idempotent" => self.idempotent = reader.boolean(value),
            "update_mask" => {
                self.update_mask = reader.choice(value, &[("auto", true), ("off", false)]);
            }
            "auth" => self.auth = Some(auth::route(value, reader)),
            "rate_limit" => self.rate_limit = Some(rate_limit::read(value, reader)),
            "set" => {
                let expected = "fields and where their values come from, as `tenant_id: jwt:tenant`";
                self.set = Some(headers::pairs(value, expected, reader));
            }
            "headers" => self.headers = Some(headers::read(value, reader)),
            name if NOT_YET.contains(&name) => reader.not_supported(key),
            _ => return false,
        }
        true
    }
}

/// `"*"`, a field, or nothing.
fn body(node: &Node, reader: &mut Reader<'_>) -> Option<At<String>> {
    if matches!(node.kind, Kind::Null) {
        return Some(At::new(String::new(), node.place));
    }
    reader.text(node, "\"*\", a field, or \"\" for none")
}

fn targets(node: &Node, reader: &mut Reader<'_>) -> RawTargets {
    let mut targets = RawTargets { place: node.place, names: Vec::new(), broken: false };
    if !matches!(node.kind, Kind::Map(_)) {
        let name = reader.name(node, "the name of an upstream, or upstreams with their shares");
        targets.broken = name.is_none();
        targets.names.extend(name.map(|name| (name, None)));
        return targets;
    }
    for (key, value) in reader.entries(node, "upstreams with their shares").unwrap_or_default() {
        let share = reader.percent(value);
        targets.broken |= share.is_none();
        targets.names.push((At::new(key.name.clone(), key.place), share));
    }
    targets
}

/// Reads `defaults`.
pub(super) fn read_defaults(node: &Node, reader: &mut Reader<'_>) -> RawSettings {
    let mut settings = RawSettings::default();
    for (key, value) in reader.entries(node, "settings of routes, as `timeout: 3s`").unwrap_or_default() {
        if settings.read_key(key, value, reader) {
            continue;
        }
        let name = key.name.as_str();
        if METHODS.contains(&name) || matches!(name, "grpc" | "additional_bindings") {
            let message = format!("`{name}` belongs to a route and has no default");
            reader.bad(Code::UnknownKey, key.place, message, "write it in the routes themselves");
        } else {
            reader.unknown_key_besides(key, "`defaults`", &[BINDING, SETTINGS].concat(), NOT_YET);
        }
    }
    settings
}

/// Reads an entry of `routes`; nothing when it is too broken to be one.
pub(super) fn read(node: &Node, reader: &mut Reader<'_>) -> Option<RawRoute> {
    let entries = reader.entries(node, "a route, as `get: /users/{id}`")?;
    let mut settings = RawSettings::default();
    let mut methods = Vec::new();
    let mut grpc = None;
    let mut additional = Vec::new();
    let mut told_notation = false;
    let told_grpc = Reader::has(&entries, "grpc", &keys());
    let is_meant = |(key, value): &(&Key, &Node)| {
        let name = key.name.as_str();
        let is_none = keys().contains(&name) || elsewhere(name).is_some();
        is_other_method(name) || NOTATIONS.contains(&name) || !is_none && is_path(value)
    };
    let meant =
        entries.iter().any(is_meant) || METHODS.iter().any(|method| Reader::has(&entries, method, &keys()));
    for (key, value) in entries {
        match key.name.as_str() {
            name if METHODS.contains(&name) => methods.push((key, value)),
            "grpc" => grpc = reader.name(value, "a gRPC method, as shop.v1.Users/GetUser"),
            "additional_bindings" => {
                let items = reader.items(value, "a list of bindings");
                additional = items.iter().filter_map(|item| read_additional(item, reader)).collect();
            }
            _ if settings.read_key(key, value, reader) => {}
            // One mistake, however many keys it takes.
            name if NOTATIONS.contains(&name) && std::mem::replace(&mut told_notation, true) => {}
            _ => unknown_key(key, is_path(value), reader),
        }
    }
    if !told_grpc {
        reader.missing(node.place, "a route", "grpc", "package.Service/Method");
    }
    if methods.is_empty() && meant {
        return None;
    }
    let (method, path) = method_and_path(node.place, &methods, "a route", reader)?;
    let binding =
        RawBinding { method, path, body: settings.body.take(), response_body: settings.response_body.take() };
    Some(RawRoute { overrides: false, grpc: grpc?, binding, additional, settings })
}

fn read_additional(node: &Node, reader: &mut Reader<'_>) -> Option<RawBinding> {
    let entries = reader.entries(node, "a binding, as `get: /orders`")?;
    read_binding(node.place, &entries, "an additional binding", reader)
}

/// Reads what is a binding and nothing more.
pub(super) fn read_binding(
    place: Place,
    entries: &[(&Key, &Node)],
    of: &str,
    reader: &mut Reader<'_>,
) -> Option<RawBinding> {
    let mut methods = Vec::new();
    let (mut request, mut response) = (None, None);
    for (key, value) in entries {
        match key.name.as_str() {
            name if METHODS.contains(&name) => methods.push((*key, *value)),
            "body" => request = body(value, reader),
            "response_body" => response = body(value, reader),
            "additional_bindings" => {
                let help = "list them beside each other, under the route";
                reader.bad(Code::UnknownKey, key.place, "additional bindings do not nest", help);
            }
            name if SETTINGS.contains(&name) || matches!(name, "grpc" | "selector") => {
                let message = format!("`{name}` is said once, on the route, for all of its bindings");
                let help = "move it to the route, or make this a route of its own";
                reader.bad(Code::UnknownKey, key.place, message, help);
            }
            _ => reader.unknown_key(key, of, &[METHODS, BINDING].concat()),
        }
    }
    let (method, path) = method_and_path(place, &methods, of, reader)?;
    Some(RawBinding { method, path, body: request, response_body: response })
}

fn is_path(node: &Node) -> bool {
    matches!(&node.kind, Kind::Scalar(text) if text.starts_with('/'))
}

fn unknown_key(key: &Key, names_path: bool, reader: &mut Reader<'_>) {
    let name = key.name.as_str();
    match meant(name, names_path) {
        Some(help) => {
            reader.bad(Code::UnknownKey, key.place, format!("unknown key `{name}` in a route"), help);
        }
        None => reader.unknown_key_besides(key, "a route", &keys(), NOT_YET),
    }
}

/// What to do about a key that is none of a route, where more can be said than which key is like it.
fn meant(name: &str, names_path: bool) -> Option<String> {
    if let Some(help) = foreign::help("a route", name) {
        return Some(help.to_owned());
    }
    // What is a key elsewhere is no method, whatever it holds: `docs: /docs`.
    if let Some(of) = elsewhere(name) {
        return Some(format!("`{name}` is a key of {of}"));
    }
    if is_other_method(name) {
        let kind = if name == "any" { "\"*\"".to_owned() } else { name.to_uppercase() };
        return Some(format!("write `custom: {{kind: {kind}, path: …}}`"));
    }
    (NOTATIONS.contains(&name) || names_path && !is_near(name))
        .then(|| "the HTTP method is the key of the path: `get: /users/{id}`".to_owned())
}

fn is_near(name: &str) -> bool {
    suggest::nearest(name, keys()).is_some()
}

/// What a name is a key of, when it is one, and not like one of a route.
fn elsewhere(name: &str) -> Option<&'static str> {
    let places = [(upstream::KEYS, "an upstream"), (file::KEYS, "the top level")];
    places.into_iter().find(|(keys, _)| keys.contains(&name) && !is_near(name)).map(|(_, of)| of)
}

/// The keys of a route.
fn keys() -> Vec<&'static str> {
    [METHODS, &["grpc", "additional_bindings"], BINDING, SETTINGS].concat()
}

/// Methods that other notations have a key for, and this one has `custom`.
fn is_other_method(name: &str) -> bool {
    matches!(name, "head" | "options" | "trace" | "connect" | "any")
}

/// The one HTTP method of a binding.
fn method_and_path(
    place: Place,
    methods: &[(&Key, &Node)],
    of: &str,
    reader: &mut Reader<'_>,
) -> Option<(RawMethod, At<String>)> {
    let (key, value) = match methods {
        [] => {
            reader.push(
                Diagnostic::error(Code::MissingKey, format!("{of} needs an HTTP method and a path"))
                    .at(place, "no method here")
                    .with_help("add `get: /path`; the methods are get, put, post, delete, patch and custom"),
            );
            return None;
        }
        [one] => *one,
        [first, second, ..] => {
            reader.push(
                Diagnostic::error(Code::KeyConflict, format!("{of} has one HTTP method"))
                    .at(second.0.place, "a second one")
                    .and_at(first.0.place, "the first one")
                    .with_help("put the others under `additional_bindings`"),
            );
            *first
        }
    };
    if key.name == "custom" {
        return custom(key, value, reader);
    }
    let path = reader.name(value, "a path, as /users/{id}")?;
    let method = RawMethod { name: key.name.to_uppercase(), place: key.place };
    Some((method, path))
}

fn custom(at: &Key, node: &Node, reader: &mut Reader<'_>) -> Option<(RawMethod, At<String>)> {
    const KEYS: &[&str] = &["kind", "path"];
    let entries = reader.entries(node, "`{kind: METHOD, path: /path}`")?;
    for (name, example) in [("kind", "HEAD"), ("path", "/users/{id}")] {
        if !Reader::may_have(&entries, name, KEYS) {
            reader.missing(at.place, "`custom`", name, example);
        }
    }
    let (mut kind, mut path) = (None, None);
    for (key, value) in entries {
        match key.name.as_str() {
            "kind" => kind = reader.name(value, "an HTTP method, as HEAD"),
            "path" => path = reader.name(value, "a path, as /users/{id}"),
            _ => reader.unknown_key(key, "`custom`", KEYS),
        }
    }
    let (kind, path) = (kind?, path?);
    Some((RawMethod { name: kind.value, place: kind.place }, path))
}
