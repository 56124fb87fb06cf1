//! `auth:`, the named ways to know a caller, and what a route says of them.

use std::time::Duration;

use http::StatusCode;

use super::headers::{Pairs, pairs, words};
use super::node::{Key, Kind, Node};
use super::reader::{At, Reader};
use crate::config::diagnostic::{Code, Place};
use crate::policy::{Encoding, OnFailure};

/// The kinds of entries, as the file writes them.
pub(super) const KINDS: &[&str] = &["jwt", "api_key", "external"];

/// The choices of `on_failure`.
const ON_FAILURE: &[(&str, OnFailure)] = &[("allow", OnFailure::Allow), ("deny", OnFailure::Deny)];

/// The choices of `refused`: the status for credentials that are not valid.
const REFUSED: &[(&str, StatusCode)] = &[("403", StatusCode::FORBIDDEN), ("401", StatusCode::UNAUTHORIZED)];

/// The choices of `encoding`.
const ENCODINGS: &[(&str, Encoding)] = &[("none", Encoding::None), ("percent", Encoding::Percent)];

const KEYS_OF_EXTERNAL: &[&str] = &["upstream", "timeout", "on_failure", "headers", "encoding"];
const KEYS_OF_LIMITER: &[&str] = &["upstream", "domain", "timeout", "on_failure", "headers", "encoding"];

/// An entry of `auth`.
#[derive(Debug)]
pub(in crate::config) struct RawAuth {
    /// The key of its kind.
    pub(in crate::config) kind: Key,
    /// The keys that stand in it, with the places of their values.
    keys: Vec<(Key, Place)>,
    pub(in crate::config) spec: RawAuthSpec,
}

impl RawAuth {
    /// Where a key of it stands; itself when it does not.
    pub(in crate::config) fn place(&self, key: &str) -> Place {
        self.keys.iter().find(|(at, _)| at.name == key).map_or(self.kind.place, |(at, _)| at.place)
    }

    /// Where the value of a key of it stands; itself when it does not.
    pub(in crate::config) fn value(&self, key: &str) -> Place {
        self.keys.iter().find(|(at, _)| at.name == key).map_or(self.kind.place, |(_, place)| *place)
    }
}

#[derive(Debug)]
pub(in crate::config) enum RawAuthSpec {
    Jwt(Box<RawJwt>),
    ApiKey { header: Option<At<String>>, file: Option<At<String>>, refused: Option<At<StatusCode>> },
    External(RawAsked),
}

#[derive(Debug, Default)]
pub(in crate::config) struct RawJwt {
    pub(in crate::config) secret: Option<At<String>>,
    pub(in crate::config) key: Option<At<String>>,
    pub(in crate::config) jwks: Option<At<String>>,
    pub(in crate::config) algorithms: Vec<At<String>>,
    pub(in crate::config) issuer: Option<At<String>>,
    pub(in crate::config) audience: Vec<At<String>>,
    pub(in crate::config) leeway: Option<At<Duration>>,
    pub(in crate::config) refused: Option<At<StatusCode>>,
    pub(in crate::config) forward: Pairs,
    pub(in crate::config) encoding: Option<At<Encoding>>,
    /// The keys of the parts that could not be read, which has been told.
    pub(in crate::config) broken: Vec<&'static str>,
}

/// A service that decides.
#[derive(Debug, Default)]
pub(in crate::config) struct RawAsked {
    pub(in crate::config) upstream: Option<At<String>>,
    pub(in crate::config) domain: Option<At<String>>,
    pub(in crate::config) timeout: Option<At<Duration>>,
    pub(in crate::config) on_failure: Option<At<OnFailure>>,
    pub(in crate::config) headers: Vec<At<String>>,
    pub(in crate::config) encoding: Option<At<Encoding>>,
}

/// `auth` of a route.
#[derive(Debug, Clone)]
pub(in crate::config) enum RawRouteAuth {
    /// `none`: everybody may call.
    Nobody,
    /// `{jwt: NAME, scopes: […]}`, or the name alone.
    By { kind: Option<Key>, name: At<String>, scopes: Option<(Key, Vec<At<String>>)> },
    /// A mistake, which has been told.
    Broken,
}

/// Reads `auth`.
pub(super) fn read(node: &Node, reader: &mut Reader<'_>) -> Vec<(Key, Option<RawAuth>)> {
    let expected = "named ways to know callers, as `shop: {jwt: {…}}`";
    let mut all = Vec::new();
    for (name, value) in reader.entries(node, expected).unwrap_or_default() {
        if name.name == "none" {
            let help = "give it another name";
            reader.bad(Code::BadAuth, name.place, "`none` says that a route lets everybody in", help);
            continue;
        }
        all.push((name.clone(), entry(name, value, reader)));
    }
    all
}

fn entry(name: &Key, node: &Node, reader: &mut Reader<'_>) -> Option<RawAuth> {
    const OF: &str = "an entry of `auth`";
    let entries = reader.entries(node, "a mapping, as `jwt: {secret: …, algorithms: [HS256]}`")?;
    if entries.is_empty() {
        reader.missing(name.place, OF, "jwt", "{secret: \"${JWT_SECRET}\", algorithms: [HS256]}");
    }
    let mut found: Option<(&Key, &Node)> = None;
    for (key, value) in entries {
        if !KINDS.contains(&key.name.as_str()) {
            reader.unknown_key(key, OF, KINDS);
        } else if let Some((first, _)) = found {
            let message = format!("`{}` and `{}` in one entry of `auth`", first.name, key.name);
            let help = "an entry is one way to know callers: give each a name of its own";
            reader.bad(Code::KeyConflict, key.place, message, help);
        } else {
            found = Some((key, value));
        }
    }
    let (kind, value) = found?;
    let expected = match kind.name.as_str() {
        "jwt" => "a mapping, as `{secret: …, algorithms: [HS256]}`",
        "api_key" => "a mapping, as `{header: x-api-key, file: keys.yaml}`",
        _ => "a mapping, as `{upstream: NAME}`",
    };
    let entries = reader.entries(value, expected)?;
    let keys = entries.iter().map(|(key, value)| ((*key).clone(), value.place)).collect();
    let spec = match kind.name.as_str() {
        "jwt" => RawAuthSpec::Jwt(Box::new(jwt(kind, &entries, reader))),
        "api_key" => api_key(kind, &entries, reader),
        _ => RawAuthSpec::External(asked(kind, &entries, KEYS_OF_EXTERNAL, reader)),
    };
    Some(RawAuth { kind: kind.clone(), keys, spec })
}

type Entries<'n> = [(&'n Key, &'n Node)];

/// What verifies the signatures, one of them.
const KEYS_OF_JWT: &[&str] = &["secret", "key", "jwks"];

fn jwt(kind: &Key, entries: &Entries<'_>, reader: &mut Reader<'_>) -> RawJwt {
    let known =
        [KEYS_OF_JWT, &["algorithms", "issuer", "audience", "leeway", "refused", "forward", "encoding"]]
            .concat();
    let mut jwt = RawJwt::default();
    for (key, value) in entries {
        match key.name.as_str() {
            "secret" => jwt.secret = reader.text(value, "a secret, as \"${JWT_SECRET}\""),
            "key" => jwt.key = reader.name(value, "the path of a PEM file"),
            "jwks" => jwt.jwks = reader.name(value, "the path or https URL of a key set"),
            "algorithms" => {
                let read = |node: &Node, reader: &mut _| words(node, "an algorithm, as HS256", reader);
                let (algorithms, broken) = reader.judged(value, read);
                jwt.algorithms = algorithms;
                jwt.broken.extend(broken.then_some("algorithms"));
            }
            "issuer" => {
                jwt.issuer = reader.name(value, "the issuer, as tokens name it");
                jwt.broken.extend(jwt.issuer.is_none().then_some("issuer"));
            }
            "audience" => {
                let read =
                    |node: &Node, reader: &mut _| words(node, "the audience, as tokens name it", reader);
                let (audience, broken) = reader.judged(value, read);
                jwt.audience = audience;
                jwt.broken.extend(broken.then_some("audience"));
            }
            "leeway" => jwt.leeway = reader.duration_or_zero(value),
            "refused" => jwt.refused = reader.choice(value, REFUSED),
            "forward" => jwt.forward = pairs(value, "claims and headers, as `sub: x-user-id`", reader),
            "encoding" => jwt.encoding = reader.choice(value, ENCODINGS),
            _ => reader.unknown_key(key, "`jwt`", &known),
        }
    }
    let misspelt = |name: &&str| Reader::has_misspelt(entries, name, &known);
    jwt.broken.extend(["algorithms", "audience"].into_iter().filter(misspelt));
    if !check_key(kind, entries, &known, reader) {
        // Of two keys neither is meant more than the other: what they hold is no matter.
        jwt = RawJwt { secret: None, key: None, jwks: None, ..jwt };
    }
    jwt
}

/// Whether there is exactly one key, or a broken one.
fn check_key(kind: &Key, entries: &Entries<'_>, known: &[&str], reader: &mut Reader<'_>) -> bool {
    let mut keys = entries.iter().map(|(key, _)| key).filter(|key| KEYS_OF_JWT.contains(&key.name.as_str()));
    let Some(first) = keys.next() else {
        if !KEYS_OF_JWT.iter().any(|name| Reader::has(entries, name, known)) {
            let message = "`jwt` needs `secret`, `key` or `jwks`";
            let help = "add what verifies the signatures: `secret: \"${JWT_SECRET}\"`, `key: issuer.pem`, or `jwks`, \
                        the path or https URL of a key set";
            reader.bad(Code::MissingKey, kind.place, message, help);
        }
        return false;
    };
    let Some(second) = keys.next() else { return true };
    let message = format!("`{}` and `{}` exclude each other", first.name, second.name);
    reader.bad(Code::KeyConflict, second.place, message, "keep the one that the issuer uses");
    false
}

fn api_key(kind: &Key, entries: &Entries<'_>, reader: &mut Reader<'_>) -> RawAuthSpec {
    const KEYS: &[&str] = &["header", "file", "refused"];
    let (mut header, mut file, mut refused) = (None, None, None);
    for (key, value) in entries {
        match key.name.as_str() {
            "header" => header = reader.name(value, "a header, as x-api-key"),
            "file" => file = reader.name(value, "the path of a file of keys"),
            "refused" => refused = reader.choice(value, REFUSED),
            _ => reader.unknown_key(key, "`api_key`", KEYS),
        }
    }
    for (name, example) in [("header", "x-api-key"), ("file", "keys.yaml")] {
        if !Reader::may_have(entries, name, KEYS) {
            reader.missing(kind.place, "`api_key`", name, example);
        }
    }
    RawAuthSpec::ApiKey { header, file, refused }
}

/// Reads `rate_limit_service`.
pub(super) fn rate_limit_service(at: &Key, node: &Node, reader: &mut Reader<'_>) -> Option<RawAsked> {
    let entries = reader.entries(node, "a mapping, as `upstream: limiter`")?;
    Some(asked(at, &entries, KEYS_OF_LIMITER, reader))
}

/// Reads what says whom to ask, and what to do without an answer.
fn asked(at: &Key, entries: &Entries<'_>, known: &[&str], reader: &mut Reader<'_>) -> RawAsked {
    let of = format!("`{}`", at.name);
    let mut asked = RawAsked::default();
    for (key, value) in entries {
        match key.name.as_str() {
            "upstream" => asked.upstream = reader.name(value, "the name of an upstream"),
            "domain" if known.contains(&"domain") => {
                asked.domain = reader.name(value, "a domain, as the service's rules name it");
            }
            "timeout" => asked.timeout = reader.duration(value),
            "on_failure" => asked.on_failure = reader.choice(value, ON_FAILURE),
            "headers" => asked.headers = words(value, "a header, as x-user", reader),
            "encoding" => asked.encoding = reader.choice(value, ENCODINGS),
            _ => reader.unknown_key(key, &of, known),
        }
    }
    if !Reader::has(entries, "upstream", known) {
        reader.missing(at.place, &of, "upstream", "NAME");
    }
    asked
}

/// Reads `auth` of a route.
pub(super) fn route(node: &Node, reader: &mut Reader<'_>) -> RawRouteAuth {
    const EXPECTED: &str = "`none`, the name of an entry of `auth`, or `{jwt: NAME, scopes: […]}`";
    if matches!(node.kind, Kind::Scalar(_)) {
        return match reader.name(node, EXPECTED) {
            Some(name) if name.value == "none" => RawRouteAuth::Nobody,
            Some(name) => RawRouteAuth::By { kind: None, name, scopes: None },
            None => RawRouteAuth::Broken,
        };
    }
    let known = [KINDS, &["scopes"]].concat();
    let Some(entries) = reader.entries(node, EXPECTED) else { return RawRouteAuth::Broken };
    if !KINDS.iter().any(|kind| Reader::may_have(&entries, kind, &known)) {
        reader.missing(node.place, "`auth` of a route", "jwt", "NAME");
    }
    let mut by: Option<(&Key, Option<At<String>>)> = None;
    let mut scopes = None;
    for (key, value) in entries {
        match key.name.as_str() {
            "scopes" => {
                let read = |node: &Node, reader: &mut _| words(node, "a scope, as orders:read", reader);
                let (named, broken) = reader.judged(value, read);
                if named.is_empty() && !broken {
                    let help = "name one, or remove the key: without scopes every valid token is enough";
                    reader.bad(Code::BadAuth, key.place, "`scopes` names no scope", help);
                }
                scopes = Some((key.clone(), named));
            }
            name if KINDS.contains(&name) => {
                if let Some((first, _)) = by {
                    let message = format!("`{}` and `{name}` in one route", first.name);
                    reader.bad(Code::KeyConflict, key.place, message, "a route knows its callers in one way");
                }
                let name = reader.name(value, "the name of an entry of `auth`");
                by = by.or(Some((key, name)));
            }
            _ => reader.unknown_key(key, "`auth` of a route", &known),
        }
    }
    match by {
        Some((kind, Some(name))) => RawRouteAuth::By { kind: Some(kind.clone()), name, scopes },
        _ => RawRouteAuth::Broken,
    }
}

/// Reads a file of API keys: clients, each with the hash of a key or a list of them.
pub(in crate::config) fn api_keys(node: &Node, reader: &mut Reader<'_>) -> Pairs {
    let entries = reader.entries(node, "clients and the hashes of their keys, as `acme: c018…`");
    let mut keys = Vec::new();
    for (name, value) in entries.unwrap_or_default() {
        let hashes = words(value, "the SHA-256 hash of a key", reader);
        keys.extend(hashes.into_iter().map(|hash| (name.clone(), hash)));
    }
    keys
}
