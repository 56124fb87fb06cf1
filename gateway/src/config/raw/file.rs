//! The top level of a file: `routes.yaml` and its includes have the same keys.

use std::time::Duration;

use super::admin::{self, RawAdmin};
use super::auth::{self, RawAsked, RawAuth};
use super::headers::{self, RawCors};
use super::http;
use super::json::{self, RawJson};
use super::listener::{self, RawListener};
use super::node::{Key, Kind, Node};
use super::own::{self, RawHealth, RawProbes};
use super::reader::{At, Reader};
use super::route::{self, RawRoute, RawSettings};
use super::service::{self, RawService};
use super::settings::{self, RawErrors, RawLog, RawReload};
use super::upstream::{self, RawUpstream};
use crate::config::diagnostic::{Code, Diagnostic, Place};
use crate::config::suggest;
use crate::proxy::coding::Coding;

/// What the top level takes.
pub(super) const KEYS: &[&str] = &[
    "listeners",
    "trusted_proxies",
    "admin",
    "include",
    "descriptors",
    "upstreams",
    "services",
    "defaults",
    "routes",
    "auth",
    "rate_limit_service",
    "cors",
    "compression",
    "http",
    "json",
    "errors",
    "limits",
    "explain",
    "health",
    "probes",
    "docs",
    "log",
    "reload",
    "tracing",
    "drain",
];

/// One file. Settings of the whole gateway may stand in any file, but only in one.
#[derive(Debug, Default)]
pub(in crate::config) struct RawFile {
    /// The keys that stand at the top level, for [`Key`]s that only one file may have.
    pub(in crate::config) keys: Vec<Key>,
    /// The keys of the top level that are misspelt or could not be read, which has been told.
    pub(in crate::config) lost: Vec<&'static str>,
    pub(in crate::config) listeners: Vec<RawListener>,
    pub(in crate::config) trusted_proxies: Vec<At<String>>,
    pub(in crate::config) admin: Option<RawAdmin>,
    pub(in crate::config) include: Vec<At<String>>,
    pub(in crate::config) descriptors: Vec<RawDescriptor>,
    pub(in crate::config) upstreams: Vec<(Key, RawUpstream)>,
    pub(in crate::config) services: Vec<(Key, RawService)>,
    pub(in crate::config) defaults: RawSettings,
    pub(in crate::config) routes: Vec<RawRoute>,
    /// The ways to know callers; nothing for what is broken.
    pub(in crate::config) auth: Vec<(Key, Option<RawAuth>)>,
    pub(in crate::config) rate_limit_service: Option<RawAsked>,
    pub(in crate::config) cors: Option<RawCors>,
    pub(in crate::config) json: RawJson,
    pub(in crate::config) compression: Vec<At<Coding>>,
    pub(in crate::config) errors: RawErrors,
    pub(in crate::config) limits: RawLimits,
    pub(in crate::config) explain: Option<At<bool>>,
    pub(in crate::config) health: RawHealth,
    pub(in crate::config) probes: RawProbes,
    pub(in crate::config) docs: Option<RawDocs>,
    pub(in crate::config) log: RawLog,
    pub(in crate::config) reload: RawReload,
    pub(in crate::config) tracing: Option<RawTracing>,
    pub(in crate::config) drain: Option<At<Duration>>,
}

/// One source of descriptors.
#[derive(Debug)]
pub(in crate::config) enum RawDescriptor {
    /// A descriptor set, a .proto file, or a folder of .proto files, and the folders for their imports.
    Path { path: At<String>, imports: Vec<At<String>> },
    /// The upstream that is asked.
    Reflection(At<String>),
}

/// `docs:`, a path alone or with what the document says about itself.
#[derive(Debug, Default)]
pub(in crate::config) struct RawDocs {
    pub(in crate::config) path: Option<At<String>>,
    pub(in crate::config) title: Option<At<String>>,
    pub(in crate::config) version: Option<At<String>>,
}

/// `limits:`.
#[derive(Debug, Default)]
pub(in crate::config) struct RawLimits {
    pub(in crate::config) body: Option<At<usize>>,
    pub(in crate::config) response: Option<At<usize>>,
    pub(in crate::config) headers: Option<At<usize>>,
    pub(in crate::config) connections: Option<At<u32>>,
    pub(in crate::config) requests: Option<At<u32>>,
    pub(in crate::config) buffers: Option<At<usize>>,
    pub(in crate::config) share: Option<At<u8>>,
    pub(in crate::config) header_timeout: Option<At<Duration>>,
    pub(in crate::config) idle_timeout: Option<At<Duration>>,
    pub(in crate::config) stream_idle: Option<At<Duration>>,
}

/// `tracing:`.
#[derive(Debug)]
pub(in crate::config) struct RawTracing {
    pub(in crate::config) otlp: At<String>,
    pub(in crate::config) sample: Option<At<u8>>,
}

impl RawFile {
    /// Decodes the root of a file.
    pub(in crate::config) fn read(node: &Node, reader: &mut Reader<'_>) -> Self {
        let mut file = Self::default();
        let Some(entries) = reader.entries(node, "a mapping of settings, as `routes:`") else {
            return file;
        };
        for (key, value) in entries {
            let (_, broken) = reader.judged(value, |value, reader| file.read_key(key, value, reader));
            file.lost.extend(lost(key, value, broken));
            file.keys.push(key.clone());
        }
        file
    }

    fn read_key(&mut self, key: &Key, value: &Node, reader: &mut Reader<'_>) {
        match key.name.as_str() {
            "listeners" => self.listeners = listener::listeners(value, reader),
            "trusted_proxies" => self.trusted_proxies = listener::trusted_proxies(value, reader),
            "admin" => self.admin = admin::read(key, value, reader),
            "include" => {
                let items = reader.one_or_more(value, "a list of files, as `- routes.d/*.yaml`");
                self.include =
                    items.iter().filter_map(|item| reader.name(item, "the path of a file")).collect();
            }
            "descriptors" => {
                let items = reader.one_or_more(value, "a list of descriptor sources, as `- proto/`");
                self.descriptors = items.iter().filter_map(|item| descriptor(item, reader)).collect();
            }
            "upstreams" => {
                let expected = "upstreams by their names, as `users: {address: localhost:50051}`";
                let entries = reader.entries(value, expected).unwrap_or_default();
                let mut above: Option<&Key> = None;
                for (index, (name, value)) in entries.iter().enumerate() {
                    if let Some(owner) = above.filter(|_| upstream::KEYS.contains(&name.name.as_str())) {
                        too_high(name, "upstream", owner, reader);
                        continue;
                    }
                    above = matches!(value.kind, Kind::Null).then_some(*name);
                    let next = entries.get(index + 1).map(|(next, _)| next.name.as_str());
                    let is_below = above.is_some() && next.is_some_and(|next| upstream::KEYS.contains(&next));
                    let read =
                        if is_below { RawUpstream::default() } else { upstream::read(name, value, reader) };
                    self.upstreams.push(((*name).clone(), read));
                }
            }
            "services" => {
                for (name, value) in reader
                    .entries(value, "gRPC services by their full names, as `shop.v1.Users: users`")
                    .unwrap_or_default()
                {
                    if let Some(known) = KEYS.iter().find(|known| **known == name.name) {
                        let message = format!("`{known}` is a key of the top level, and no service");
                        reader.bad(Code::UnknownKey, name.place, message, "indent it as `services`");
                        self.lost.push(known);
                        continue;
                    }
                    self.services.push((name.clone(), service::read(value, reader)));
                }
            }
            "defaults" => self.defaults = route::read_defaults(value, reader),
            "routes" => {
                let items = reader.items(value, "a list of routes, as `- get: /users/{id}`");
                self.routes.extend(items.iter().filter_map(|item| route::read(item, reader)));
            }
            "http" => self.routes.extend(http::read(value, reader)),
            "auth" => self.auth = auth::read(value, reader),
            "rate_limit_service" => {
                self.rate_limit_service = auth::rate_limit_service(key, value, reader);
            }
            "cors" => self.cors = headers::cors(key, value, reader),
            "json" => self.json = json::read(value, reader),
            "compression" => {
                let items = reader.one_or_more(value, "a list of codings, as `[gzip, br]`");
                self.compression = items.iter().filter_map(|item| reader.choice(item, Coding::ALL)).collect();
            }
            "errors" => self.errors = settings::errors(value, reader),
            "limits" => self.limits = limits(value, reader),
            "explain" => self.explain = reader.boolean(value),
            "health" => self.health = own::health(value, reader),
            "probes" => self.probes = own::probes(value, reader),
            "docs" => self.docs = Some(docs(key, value, reader)),
            "log" => self.log = settings::log(value, reader),
            "reload" => self.reload = settings::reload(value, reader),
            "tracing" => self.tracing = tracing(key, value, reader),
            "drain" => self.drain = reader.duration_or_zero(value),
            name if route::SETTINGS.contains(&name) && !KEYS.contains(&&*format!("{name}s")) => {
                let message = format!("unknown key `{name}` in the top level");
                let help = format!("`{name}` is a key of routes; for all of them, write it under `defaults`");
                reader.bad(Code::UnknownKey, key.place, message, help);
            }
            _ => reader.unknown_key(key, "the top level", KEYS),
        }
    }
}

/// A key that belongs to the entry above it and is indented as that entry is.
fn too_high(key: &Key, of: &str, owner: &Key, reader: &mut Reader<'_>) {
    let message =
        format!("`{}` is a key of {of} `{}`, and is indented as the {of} itself", key.name, owner.name);
    reader.push(
        Diagnostic::error(Code::UnknownKey, message)
            .at(key.place, "indented too little")
            .and_at(owner.place, format!("the {of}"))
            .with_help(format!("indent it deeper than `{}`", owner.name)),
    );
}

/// The key of the top level that says nothing because of this one: it is misspelt, or its value is broken.
fn lost(key: &Key, value: &Node, broken: bool) -> Option<&'static str> {
    // What they name is known, however broken it is.
    const NAMING: &[&str] = &["upstreams", "services", "auth"];
    let Some(known) = KEYS.iter().find(|known| **known == key.name) else {
        return suggest::nearest(&key.name, KEYS.iter().copied());
    };
    let names = NAMING.contains(known) && matches!(value.kind, Kind::Map(_));
    (broken && !names).then_some(known)
}

fn descriptor(node: &Node, reader: &mut Reader<'_>) -> Option<RawDescriptor> {
    const KEYS: &[&str] = &["proto", "imports", "reflection"];
    if !matches!(node.kind, Kind::Map(_)) {
        let path = reader.name(node, "the path of a descriptor set, a .proto file or a folder")?;
        return Some(RawDescriptor::Path { path, imports: Vec::new() });
    }
    let entries =
        reader.entries(node, "the path of a descriptor source, `reflection: UPSTREAM` or `proto: FOLDER`")?;
    let told = ["proto", "reflection"].iter().any(|key| Reader::may_have(&entries, key, KEYS));
    let (mut path, mut imports, mut reflection) = (None, Vec::new(), None);
    let (mut proto_key, mut imports_key, mut reflection_key) = (None, None, None);
    for (key, value) in entries {
        match key.name.as_str() {
            "proto" => {
                proto_key = Some(key.place);
                path = reader.name(value, "a folder of .proto files, or one of them");
            }
            "imports" => {
                imports_key = Some(key.place);
                let items = reader.one_or_more(value, "a list of folders, as `[third_party/]`");
                imports = items.iter().filter_map(|item| reader.name(item, "a folder")).collect();
            }
            "reflection" => {
                reflection_key = Some(key.place);
                reflection = reader.name(value, "the name of an upstream");
            }
            name if suggest::nearest(name, KEYS.iter().copied()).is_none() => reader.push(
                Diagnostic::error(Code::UnknownKey, format!("unknown key `{name}` in a descriptor source"))
                    .at(key.place, "no such key")
                    .with_help("a descriptor source takes: proto, imports, reflection")
                    .with_help("a file or a folder stands by itself, as `- proto/`"),
            ),
            _ => reader.unknown_key(key, "a descriptor source", KEYS),
        }
    }
    if let (Some(server), Some(other)) = (reflection_key, proto_key.or(imports_key)) {
        reader.push(
            Diagnostic::error(Code::KeyConflict, "a descriptor source is either files or a server")
                .at(other, "files")
                .and_at(server, "a server")
                .with_help("make two entries of it: `- {proto: proto/}` and `- {reflection: UPSTREAM}`"),
        );
        return None;
    }
    if !told {
        let (key, example) =
            if imports_key.is_some() { ("proto", "proto/") } else { ("reflection", "userService") };
        reader.missing(node.place, "a descriptor source", key, example);
    }
    match (path, reflection) {
        (Some(path), _) => Some(RawDescriptor::Path { path, imports }),
        (None, reflection) => reflection.map(RawDescriptor::Reflection),
    }
}

fn docs(at: &Key, node: &Node, reader: &mut Reader<'_>) -> RawDocs {
    const KEYS: &[&str] = &["path", "title", "version"];
    const EXAMPLE: &str = "/docs";
    let mut docs = RawDocs::default();
    if !matches!(node.kind, Kind::Map(_)) {
        docs.path = own::path(node, EXAMPLE, reader);
        return docs;
    }
    let entries =
        reader.entries(node, "a path, as /docs, or a mapping, as `path: /docs`").unwrap_or_default();
    if !Reader::has(&entries, "path", KEYS) {
        reader.missing(at.place, "`docs`", "path", EXAMPLE);
    }
    for (key, value) in entries {
        match key.name.as_str() {
            "path" => docs.path = own::path(value, EXAMPLE, reader),
            "title" => docs.title = reader.name(value, "the name of the API"),
            "version" => docs.version = reader.name(value, "the version of the API"),
            _ => reader.unknown_key(key, "`docs`", KEYS),
        }
    }
    docs
}

fn limits(node: &Node, reader: &mut Reader<'_>) -> RawLimits {
    const KEYS: &[&str] = &[
        "body",
        "response",
        "headers",
        "connections",
        "requests",
        "buffers",
        "share",
        "header_timeout",
        "idle_timeout",
        "stream_idle",
    ];
    let mut limits = RawLimits::default();
    for (key, value) in reader.entries(node, "a mapping, as `body: 4MiB`").unwrap_or_default() {
        match key.name.as_str() {
            "body" => limits.body = reader.size(value),
            "response" => limits.response = reader.size(value),
            "headers" => limits.headers = reader.size(value),
            "connections" => limits.connections = reader.number32(value, 1),
            "requests" => limits.requests = reader.number32(value, 1),
            "buffers" => limits.buffers = reader.size(value),
            "share" => limits.share = reader.percent(value),
            "header_timeout" => limits.header_timeout = reader.duration(value),
            "idle_timeout" => limits.idle_timeout = reader.duration(value),
            "stream_idle" => limits.stream_idle = reader.duration(value),
            _ => reader.unknown_key(key, "`limits`", KEYS),
        }
    }
    limits
}

fn tracing(at: &Key, node: &Node, reader: &mut Reader<'_>) -> Option<RawTracing> {
    const KEYS: &[&str] = &["otlp", "sample"];
    let (mut otlp, mut sample) = (None, None);
    let entries = reader.entries(node, "a mapping, as `otlp: http://localhost:4317`")?;
    if !Reader::has(&entries, "otlp", KEYS) {
        reader.missing(at.place, "`tracing`", "otlp", "http://localhost:4317");
    }
    for (key, value) in entries {
        match key.name.as_str() {
            "otlp" => otlp = reader.name(value, "the address of a collector, as http://localhost:4317"),
            "sample" => sample = reader.percent(value),
            _ => reader.unknown_key(key, "`tracing`", KEYS),
        }
    }
    otlp.map(|otlp| RawTracing { otlp, sample })
}

impl RawFile {
    /// Where a key of the top level stands.
    pub(in crate::config) fn key(&self, name: &str) -> Option<Place> {
        self.keys.iter().find(|key| key.name == name).map(|key| key.place)
    }
}
