//! `auth` and `rate_limit_service`: specs with the files that they name, compiled.

mod keys;

use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderName, StatusCode};
use indexmap::IndexMap;

use super::is_lost;
use super::policies::{parsed, tell};
use super::unused::Used;
use super::upstreams::Upstreams;
use crate::config::Context;
use crate::config::diagnostic::{Code, Diagnostic, Place};
use crate::config::files::File;
use crate::config::raw::{At, Key, RawAsked, RawAuth, RawAuthSpec, RawJwt};
use crate::config::suggest;
use crate::policy::{
    Algorithm, ApiKeySpec, Auth, AuthSpec, ClaimName, DEFAULT_DOMAIN, DEFAULT_LEEWAY, Encoding, ExternalSpec,
    Finding, JwtSpec, OnFailure, Problem, RateLimitServiceSpec, check_jwt, is_settable,
};

/// How long an authorization service has, unless the file says otherwise.
const AUTH_TIMEOUT: Duration = Duration::from_millis(200);
/// How long a rate-limit service has.
const LIMIT_TIMEOUT: Duration = Duration::from_millis(50);

/// The ways to know a caller, by name, in the order of the files.
#[derive(Debug, Default)]
pub(super) struct Ways {
    entries: IndexMap<String, Way>,
    /// What any of them vouches for.
    vouched: Arc<[HeaderName]>,
    /// Whether there are others, which could not be read.
    lost: bool,
}

#[derive(Debug)]
struct Way {
    place: Place,
    /// The key of its kind; nothing when there is none, which has been told.
    kind: Option<Key>,
    spec: Option<AuthSpec>,
    /// Nothing when it is broken: a reference to it is no second mistake.
    auth: Option<Arc<Auth>>,
}

impl Ways {
    /// The entry of a name, and a finding when there is none or it is of another kind than `kind`.
    pub(super) fn resolve(
        &self,
        kind: Option<&Key>,
        name: &At<String>,
        used: &mut Used,
        context: &mut Context,
    ) -> Option<Arc<Auth>> {
        used.auth.insert(name.value.clone());
        let Some(way) = self.entries.get(&name.value) else {
            if !self.lost {
                let finding = Diagnostic::error(
                    Code::UnknownAuth,
                    format!("no entry of `auth` is named `{}`", name.value),
                )
                .at(name.place, "used here");
                context.push(match context.may_compare(self.entries.len()) {
                    true => finding.with_help(self.meant(kind, name)),
                    false => finding,
                });
            }
            return None;
        };
        if let (Some(meant), Some(is)) = (kind, &way.kind)
            && meant.name != is.name
        {
            let message = format!("`{}` is `{}`, not `{}`", name.value, is.name, meant.name);
            context.push(
                Diagnostic::error(Code::BadAuth, message)
                    .at(meant.place, "")
                    .and_at(way.place, "declared here")
                    .with_help(format!("write `auth: {{{}: {}}}`", is.name, name.value)),
            );
            return None;
        }
        way.auth.clone()
    }

    /// What to write instead of a name that no entry has.
    fn meant(&self, kind: Option<&Key>, name: &At<String>) -> String {
        // `none` is no name: it stands by itself.
        let none = kind.is_none().then_some("none");
        let kind = kind.map_or("jwt", |kind| kind.name.as_str());
        let known = self.entries.keys().map(String::as_str);
        suggest::did_you_mean(&name.value, known.clone().chain(none)).unwrap_or_else(|| {
            if name.value == "none" {
                "write `auth: none` for a route without authentication".to_owned()
            } else if matches!(name.value.to_ascii_lowercase().as_str(), "true" | "yes" | "on" | "required") {
                match self.entries.is_empty() {
                    true => "write the name of an entry, and the entry at the top level: `auth: {shop: {jwt: {…}}}`".to_owned(),
                    false => format!("write the name of an entry: {}", suggest::list(known)),
                }
            } else if matches!(name.value.to_ascii_lowercase().as_str(), "false" | "no" | "off" | "null") {
                "write `auth: none` for a route without authentication".to_owned()
            } else if self.entries.is_empty() {
                format!("add it at the top level: `auth: {{{}: {{{kind}: …}}}}`", name.value)
            } else {
                format!("add it under `auth` at the top level; there are: {}", suggest::list(known))
            }
        })
    }

    /// Tells about entries that no route asks for.
    pub(super) fn unused(&self, used: &Used, context: &mut Context) {
        for (name, way) in self.entries.iter().filter(|(name, _)| !used.auth.contains(*name)) {
            let kind = way.kind.as_ref().map_or("jwt", |kind| kind.name.as_str());
            context.push(
                Diagnostic::warning(Code::UnusedAuth, format!("no route asks for `{name}`"))
                    .at(way.place, "protects nothing")
                    .with_help(format!(
                        "give routes, or `defaults`, `auth: {{{kind}: {name}}}`, or remove it"
                    )),
            );
        }
    }

    /// Adds the names that the rate-limit service vouches for.
    pub(super) fn vouch_for(&mut self, limiter: &Limiter) {
        let headers = limiter.spec.iter().flat_map(|spec| &spec.headers);
        self.vouched = self.vouched.iter().chain(headers.filter(|name| is_kept(name))).cloned().collect();
    }

    /// The names that no client may reach a service with.
    pub(super) fn vouched(&self) -> Arc<[HeaderName]> {
        Arc::clone(&self.vouched)
    }

    /// What was declared, by name.
    pub(super) fn specs(self) -> IndexMap<Arc<str>, AuthSpec> {
        let specs = self.entries.into_iter();
        specs.filter_map(|(name, way)| Some((Arc::from(name), way.spec?))).collect()
    }
}

/// Compiles the entries of all files.
pub(super) fn ways(files: &[File], upstreams: &Upstreams, used: &mut Used, context: &mut Context) -> Ways {
    let mut ways = Ways { lost: is_lost(files, "auth"), ..Ways::default() };
    for file in files {
        for (key, raw) in &file.raw.auth {
            if let Some(first) = ways.entries.get(&key.name) {
                context.push(
                    Diagnostic::error(Code::DuplicateKey, format!("`auth` has `{}` twice", key.name))
                        .at(key.place, "again here")
                        .and_at(first.place, "first here")
                        .with_help("give one of them another name"),
                );
                continue;
            }
            let mut way = Way { place: key.place, kind: None, spec: None, auth: None };
            if let Some(raw) = raw {
                way.kind = Some(raw.kind.clone());
                let known = spec(raw, file, upstreams, used, context);
                way.auth = known.as_ref().and_then(|known| compile(&key.name, raw, known, context));
                way.spec = known.map(|known| known.spec);
            }
            ways.entries.insert(key.name.clone(), way);
        }
    }
    let auths = ways.entries.values().filter_map(|way| way.auth.as_ref());
    ways.vouched = auths.flat_map(|auth| auth.vouched()).filter(is_kept).collect();
    ways
}

/// Whether a vouched name is the gateway's on other routes, too. A route that forwards one of these two has named it.
fn is_kept(name: &HeaderName) -> bool {
    *name != AUTHORIZATION && *name != COOKIE
}

/// A spec as far as it could be read.
struct Known {
    spec: AuthSpec,
    /// Where the keys of its clients stand, if it has any.
    clients: Vec<(Key, At<String>)>,
    /// The keys of the parts that could not be read, which has been told: it is compiled only to find what else is wrong.
    broken: Vec<&'static str>,
}

/// Whether a problem may be only that these keys could not be read.
fn explain(broken: &[&str], problem: &Problem) -> bool {
    match problem {
        Problem::NoAlgorithm | Problem::JwksUseless { .. } => broken.contains(&"algorithms"),
        Problem::AudienceUnchecked => broken.contains(&"audience"),
        _ => false,
    }
}

fn compile(name: &str, raw: &RawAuth, known: &Known, context: &mut Context) -> Option<Arc<Auth>> {
    let (auth, findings) = match Auth::compile(name, &known.spec) {
        Ok((auth, warnings)) => (Some(Arc::new(auth)), warnings),
        Err(findings) => (None, findings),
    };
    let (of_clients, others): (Vec<_>, Vec<_>) = findings
        .into_iter()
        .filter(|finding| !explain(&known.broken, &finding.problem))
        .partition(|finding| keys::client(&finding.problem).is_some());
    keys::tell(&of_clients, &known.clients, raw.value("file"), context);
    for finding in &others {
        tell(&finding.problem, Code::BadAuth, place(finding, raw), context);
    }
    auth.filter(|_| known.broken.is_empty())
}

/// Where the part of an entry stands that a finding is about: the item of a list, the value of a file or URL, or the key.
fn place(finding: &Finding, raw: &RawAuth) -> Place {
    let item = match &raw.spec {
        RawAuthSpec::Jwt(jwt) => item(&finding.problem, jwt),
        RawAuthSpec::ApiKey { .. } | RawAuthSpec::External(_) => None,
    };
    item.unwrap_or_else(|| match finding.key {
        "key" | "jwks" | "file" => raw.value(finding.key),
        key => raw.place(key),
    })
}

/// The one of several algorithms or claims that a problem is about.
fn item(problem: &Problem, raw: &RawJwt) -> Option<Place> {
    let algorithm = |name: &str| raw.algorithms.iter().find(|at| at.value == name);
    let same = |name: &str| {
        let forward = raw.forward.iter().map(|(_, at)| at);
        forward.filter(|at| at.value.eq_ignore_ascii_case(name)).collect::<Vec<_>>()
    };
    let at = match problem {
        Problem::KeyMismatch { algorithm: name, .. } | Problem::KeyKind { algorithm: name, .. } => {
            algorithm(name)
        }
        Problem::JwksSecrets(name) => algorithm(name),
        Problem::HeaderReserved(name) => same(name).first().copied(),
        Problem::HeaderTwice(name) => same(name).get(1).copied(),
        _ => None,
    };
    at.map(|at| at.place)
}

fn spec(
    raw: &RawAuth,
    file: &File,
    upstreams: &Upstreams,
    used: &mut Used,
    context: &mut Context,
) -> Option<Known> {
    let (spec, clients) = match &raw.spec {
        RawAuthSpec::Jwt(parts) => return jwt(parts, raw, file, context),
        RawAuthSpec::ApiKey { header, file: path, refused } => {
            let header = header.as_ref().and_then(|at| key_header(at, context));
            let clients = path.as_ref().and_then(|at| keys::read(at, file, context));
            let (header, clients) = (header?, clients?);
            let keys = clients.iter().map(|(key, hash)| (key.name.clone(), hash.value.clone())).collect();
            (
                AuthSpec::ApiKey(ApiKeySpec { header, keys, refused: refused_status(refused.as_ref()) }),
                clients,
            )
        }
        RawAuthSpec::External(asked) => {
            let upstream = upstream(asked, upstreams, used, context)?;
            let timeout = asked.timeout.as_ref().map_or(AUTH_TIMEOUT, |at| at.value);
            let on_failure = asked.on_failure.as_ref().map_or(OnFailure::Deny, |at| at.value);
            let headers = vouched(&asked.headers, context)?;
            let encoding = asked.encoding.as_ref().map_or_else(Encoding::default, |at| at.value);
            let spec = ExternalSpec { upstream, timeout, on_failure, headers, encoding };
            (AuthSpec::External(spec), Vec::new())
        }
    };
    Some(Known { spec, clients, broken: Vec::new() })
}

/// The one `rate_limit_service` of all files, and whether there is one at all: a broken one is not missing.
pub(super) fn limiter(
    files: &[File],
    upstreams: &Upstreams,
    used: &mut Used,
    context: &mut Context,
) -> Limiter {
    let place = files.iter().find_map(|file| file.raw.key("rate_limit_service"));
    let mut limiter = Limiter { place, lost: is_lost(files, "rate_limit_service"), spec: None };
    let Some(raw) = files.iter().find_map(|file| file.raw.rate_limit_service.as_ref()) else {
        return limiter;
    };
    let headers = vouched(&raw.headers, context);
    if let (Some(upstream), Some(headers)) = (upstream(raw, upstreams, used, context), headers) {
        limiter.spec = Some(Arc::new(RateLimitServiceSpec {
            upstream,
            domain: raw.domain.as_ref().map_or(DEFAULT_DOMAIN, |at| at.value.as_str()).into(),
            timeout: raw.timeout.as_ref().map_or(LIMIT_TIMEOUT, |at| at.value),
            on_failure: raw.on_failure.as_ref().map_or(OnFailure::Allow, |at| at.value),
            headers,
            encoding: raw.encoding.as_ref().map_or_else(Encoding::default, |at| at.value),
        }));
    }
    limiter
}

/// Who keeps limits for many gateways.
#[derive(Debug)]
pub(super) struct Limiter {
    /// Where it is declared, if it is.
    pub(super) place: Option<Place>,
    /// Whether it could not be read.
    pub(super) lost: bool,
    /// Nothing when it is broken, too.
    pub(super) spec: Option<Arc<RateLimitServiceSpec>>,
}

impl Limiter {
    /// Tells if no route asks it.
    pub(super) fn unused(&self, used: &Used, context: &mut Context) {
        let Some(place) = self.place.filter(|_| !used.limiter) else { return };
        context.push(
            Diagnostic::warning(Code::Ineffective, "no route asks the rate-limit service")
                .at(place, "limits nothing")
                .with_help("give routes, or `defaults`, `rate_limit: {descriptor: {…}}`, or remove it"),
        );
    }
}

fn upstream(
    raw: &RawAsked,
    upstreams: &Upstreams,
    used: &mut Used,
    context: &mut Context,
) -> Option<Arc<str>> {
    let upstream = upstreams.resolve(raw.upstream.as_ref()?, context)?;
    used.upstreams.insert(Arc::clone(&upstream));
    Some(upstream)
}

/// The headers that a service vouches for; nothing if one of them is not the service's to set.
fn vouched(names: &[At<String>], context: &mut Context) -> Option<Vec<HeaderName>> {
    let settable = |at: &At<String>, context: &mut Context| {
        let name = header_name(at, context)?;
        let reserved = || Problem::HeaderReserved(name.to_string());
        parsed(if is_settable(&name) { Ok(()) } else { Err(reserved()) }, Code::BadAuth, at.place, context)?;
        Some(name)
    };
    let names: Vec<_> = names.iter().map(|at| settable(at, context)).collect();
    names.into_iter().collect()
}

/// The spec, as far as it could be read; nothing without a key, but then the rest has been looked at.
fn jwt(parts: &RawJwt, raw: &RawAuth, file: &File, context: &mut Context) -> Option<Known> {
    let mut broken = parts.broken.clone();
    let algorithms: Vec<Option<Algorithm>> = parts
        .algorithms
        .iter()
        .map(|at| parsed(Algorithm::parse(&at.value), Code::BadAuth, at.place, context))
        .collect();
    broken.extend(algorithms.contains(&None).then_some("algorithms"));
    let algorithms: Vec<Algorithm> = algorithms.into_iter().flatten().collect();
    let forward: Vec<Option<(ClaimName, HeaderName)>> = parts
        .forward
        .iter()
        .map(|(claim, name)| {
            let claim = parsed(ClaimName::parse(&claim.name), Code::BadAuth, claim.place, context);
            let name = header_name(name, context);
            Some((claim?, name?))
        })
        .collect();
    broken.extend(forward.contains(&None).then_some("forward"));
    let forward: Vec<_> = forward.into_iter().flatten().collect();
    let audiences: Vec<String> = parts.audience.iter().map(|at| at.value.clone()).collect();
    let Some(keys) = keys::source(parts, file, context) else {
        let findings = check_jwt(&algorithms, &forward, &audiences);
        for finding in findings.iter().filter(|finding| !explain(&broken, &finding.problem)) {
            tell(&finding.problem, Code::BadAuth, place(finding, raw), context);
        }
        return None;
    };
    let spec = JwtSpec {
        keys,
        algorithms,
        issuer: parts.issuer.as_ref().map(|at| at.value.clone()),
        audiences,
        leeway: parts.leeway.as_ref().map_or(DEFAULT_LEEWAY, |at| at.value),
        refused: refused_status(parts.refused.as_ref()),
        forward,
        encoding: parts.encoding.as_ref().map_or_else(Encoding::default, |at| at.value),
    };
    Some(Known { spec: AuthSpec::Jwt(spec), clients: Vec::new(), broken })
}

fn refused_status(raw: Option<&At<StatusCode>>) -> StatusCode {
    raw.map_or(StatusCode::FORBIDDEN, |at| at.value)
}

fn header_name(at: &At<String>, context: &mut Context) -> Option<HeaderName> {
    let name = at.value.parse().map_err(|_| Problem::HeaderName(at.value.clone()));
    parsed(name, Code::BadAuth, at.place, context)
}

/// The header of an API key: one that requests are free to carry.
fn key_header(at: &At<String>, context: &mut Context) -> Option<HeaderName> {
    let name = header_name(at, context)?;
    let reserved =
        matches!(name.as_str(), "host" | "connection" | "content-length" | "content-type" | "x-request-id");
    if reserved {
        let problem = Problem::HeaderReserved(name.to_string());
        return parsed(Err(problem), Code::BadAuth, at.place, context);
    }
    Some(name)
}
