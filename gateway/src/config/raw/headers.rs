//! `headers:` of a route, and `cors:`.

use std::time::Duration;

use super::node::{Key, Kind, Node};
use super::reader::{At, Reader};
use crate::config::diagnostic::Place;

/// Names and texts, each with its place.
pub(in crate::config) type Pairs = Vec<(Key, At<String>)>;

/// `headers:` of a route.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct RawHeaders {
    pub(in crate::config) forward: Option<Vec<RawForward>>,
    pub(in crate::config) request: RawEdits,
    pub(in crate::config) response: RawEdits,
}

/// An entry of `forward`.
#[derive(Debug, Clone)]
pub(in crate::config) enum RawForward {
    /// Headers that keep their names.
    Pattern(At<String>),
    /// Headers and the names that they get.
    Rename(At<String>, At<String>),
}

/// What is set and removed on one way.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct RawEdits {
    pub(in crate::config) set: Pairs,
    pub(in crate::config) remove: Vec<At<String>>,
}

/// `cors:`.
#[derive(Debug)]
pub(in crate::config) struct RawCors {
    /// The key itself.
    pub(in crate::config) place: Place,
    /// The keys that stand in it.
    pub(in crate::config) keys: Vec<Key>,
    pub(in crate::config) origins: Vec<At<String>>,
    /// Whether there are origins that could not be read, which has been told.
    pub(in crate::config) broken: bool,
    pub(in crate::config) methods: Vec<At<String>>,
    pub(in crate::config) headers: Vec<At<String>>,
    pub(in crate::config) expose: Vec<At<String>>,
    pub(in crate::config) max_age: Option<At<Duration>>,
    pub(in crate::config) credentials: Option<At<bool>>,
}

/// Reads `headers`.
pub(super) fn read(node: &Node, reader: &mut Reader<'_>) -> RawHeaders {
    let mut headers = RawHeaders::default();
    for (key, value) in reader.entries(node, "a mapping, as `forward: [x-*]`").unwrap_or_default() {
        match key.name.as_str() {
            "forward" => headers.forward = Some(forward(value, reader)),
            "request" => headers.request = edits(value, reader),
            "response" => headers.response = edits(value, reader),
            _ => reader.unknown_key(key, "`headers`", &["forward", "request", "response"]),
        }
    }
    headers
}

/// Names and patterns, some of them with another name behind: `[x-*, {grpc-metadata-*: "*"}]`.
fn forward(node: &Node, reader: &mut Reader<'_>) -> Vec<RawForward> {
    const EXPECTED: &str = "a header, as x-tenant or x-*";
    let items = match &node.kind {
        Kind::Null => return Vec::new(),
        Kind::Map(_) => std::slice::from_ref(node),
        _ => reader.one_or_more(node, &format!("{EXPECTED}, or a list of them")),
    };
    let mut found = Vec::new();
    for item in items {
        if matches!(item.kind, Kind::Map(_)) {
            let renamed = pairs(item, "headers and their names as metadata", reader);
            let names = renamed.into_iter().map(|(from, to)| (At::new(from.name, from.place), to));
            found.extend(names.map(|(from, to)| RawForward::Rename(from, to)));
        } else {
            found.extend(reader.name(item, EXPECTED).map(RawForward::Pattern));
        }
    }
    found
}

fn edits(node: &Node, reader: &mut Reader<'_>) -> RawEdits {
    let mut edits = RawEdits::default();
    let expected = "a mapping, as `set: {x-team: orders}`";
    for (key, value) in reader.entries(node, expected).unwrap_or_default() {
        match key.name.as_str() {
            "set" => {
                edits.set = pairs(value, "headers and their values, as `x-team: orders`", reader);
                each_once(&edits.set, reader);
            }
            "remove" => edits.remove = words(value, "a header, as x-debug", reader),
            _ => reader.unknown_key(key, "a rule for headers", &["set", "remove"]),
        }
    }
    edits
}

/// Names of headers are the same in any case.
fn each_once(headers: &Pairs, reader: &mut Reader<'_>) {
    for (position, (name, _)) in headers.iter().enumerate() {
        let same = |(first, _): &&(Key, At<String>)| first.name.eq_ignore_ascii_case(&name.name);
        if let Some((first, _)) = headers.iter().take(position).find(same) {
            reader.duplicate(first, name);
        }
    }
}

/// Reads `cors`.
pub(super) fn cors(at: &Key, node: &Node, reader: &mut Reader<'_>) -> Option<RawCors> {
    const KEYS: &[&str] = &["origins", "methods", "headers", "expose", "max_age", "credentials"];
    let entries = reader.entries(node, "a mapping, as `origins: [https://shop.example]`")?;
    let mut cors = RawCors {
        place: at.place,
        keys: entries.iter().map(|(key, _)| (*key).clone()).collect(),
        origins: Vec::new(),
        broken: Reader::has_misspelt(&entries, "origins", KEYS),
        methods: Vec::new(),
        headers: Vec::new(),
        expose: Vec::new(),
        max_age: None,
        credentials: None,
    };
    let has_origins = Reader::has(&entries, "origins", KEYS);
    for (key, value) in entries {
        match key.name.as_str() {
            "origins" => {
                let read =
                    |node: &Node, reader: &mut _| words(node, "an origin, as https://shop.example", reader);
                let (origins, broken) = reader.judged(value, read);
                cors.origins = origins;
                cors.broken |= broken;
            }
            "methods" => cors.methods = words(value, "an HTTP method, as GET", reader),
            "headers" => cors.headers = words(value, "a header, as authorization", reader),
            "expose" => cors.expose = words(value, "a header, as x-request-id", reader),
            "max_age" => cors.max_age = reader.duration_or_zero(value),
            "credentials" => cors.credentials = reader.boolean(value),
            _ => reader.unknown_key(key, "`cors`", KEYS),
        }
    }
    if !has_origins {
        reader.missing(at.place, "`cors`", "origins", "[https://shop.example]");
        return None;
    }
    Some(cors)
}

/// A list of words, or the one by itself.
pub(super) fn words(node: &Node, expected: &str, reader: &mut Reader<'_>) -> Vec<At<String>> {
    if matches!(node.kind, Kind::Null) {
        return Vec::new();
    }
    let items = reader.one_or_more(node, &format!("{expected}, or a list of them"));
    items.iter().filter_map(|item| reader.name(item, expected)).collect()
}

/// Names and texts.
pub(super) fn pairs(node: &Node, expected: &str, reader: &mut Reader<'_>) -> Pairs {
    let entries = reader.entries(node, expected).unwrap_or_default();
    entries
        .into_iter()
        .filter_map(|(key, value)| Some((key.clone(), reader.text(value, "a single value")?)))
        .collect()
}
