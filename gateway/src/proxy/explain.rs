//! What would become of a request: the route that takes it, what it would call, and why the near misses do not.
//!
//! The same code answers `gateway explain` and, with `explain: true`, stands behind the near misses in error bodies.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use transcode::binding::RequestParts;

use super::failure::torn_field;
use super::{deadline, metadata, request_body};
use crate::edge::{Fields, Peer};
use crate::policy::{SetSpec, Source};
use crate::route::{BodyType, CandidateOutcome, Lookup, Own, OwnPaths, RoutePlan, Table, allowed};
use crate::telemetry::trace::Trace;

/// Near misses that are told.
const TOLD: usize = 8;

/// A request that is not sent.
#[derive(Debug)]
pub struct Request<'a> {
    /// The HTTP method.
    pub method: &'a str,
    /// The path, still escaped, without the query.
    pub path: &'a str,
    /// What stands behind the `?`.
    pub query: Option<&'a str>,
    /// The client's headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
}

/// What would become of it.
#[derive(Debug, Default)]
pub struct Explained<'t> {
    /// The route that takes it.
    pub taken: Option<Taken<'t>>,
    /// What the gateway answers itself, before any route.
    pub own: Option<Own>,
    /// What it answers to OPTIONS where no route does: the methods of the path.
    pub allow: Option<String>,
    /// Why it is refused all the same, or by all.
    pub error: Option<String>,
    /// The routes that nearly take it, each with the segment or condition at which it fails.
    pub misses: Vec<String>,
}

/// The call that a request becomes.
#[derive(Debug)]
pub struct Taken<'t> {
    /// The route.
    pub plan: &'t RoutePlan,
    /// The deadline of the call.
    pub timeout: Duration,
    /// Whether it may be made again when it may have been processed.
    pub idempotent: bool,
    /// The request message, as JSON, or why it has none.
    pub message: Option<String>,
    /// The metadata.
    pub metadata: HeaderMap,
}

impl<'t> Explained<'t> {
    /// Explains a request by the gateway's own paths and the table of routes.
    pub fn of(own: &OwnPaths, table: &'t Table, request: &Request<'_>) -> Self {
        let fields = Fields::of(request.headers);
        if let Some(name) = fields.torn {
            return Self::refused(format!("{} (400)", torn_field(name)), Vec::new());
        }
        let own = own.find(request.path);
        if own.is_some() && matches!(request.method, "GET" | "HEAD") {
            return Self { own, ..Self::default() };
        }
        let host = request.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
        let misses = near_misses(table, host, request.method, request.path);
        match table.lookup(host, request.method, request.path) {
            Err(error) => Self::refused(error.to_string(), misses),
            Ok(Lookup::NotFound) if own.is_some() => Self::not_allowed("", own, request, misses),
            Ok(Lookup::NotFound) if table.is_undescribed(host, request.method, request.path) => {
                Self::refused(
                    "a route matches, but its method is not described so far (503)".to_owned(),
                    misses,
                )
            }
            Ok(Lookup::NotFound) => Self::refused("no route matches this path (404)".to_owned(), misses),
            Ok(Lookup::MethodNotAllowed { allow }) => Self::not_allowed(&allow, own, request, misses),
            Ok(Lookup::Found { route, captures }) => {
                let (message, error) = message(route, captures.iter(), request);
                let taken = Taken {
                    plan: route,
                    timeout: deadline::timeout(route.timeout, fields.grpc_timeout),
                    idempotent: route.idempotent || matches!(request.method, "GET" | "HEAD"),
                    message,
                    metadata: metadata_of(route, request, &fields, host),
                };
                Self { taken: Some(taken), error, misses, ..Self::default() }
            }
        }
    }

    fn refused(error: String, misses: Vec<String>) -> Self {
        Self { error: Some(error), misses, ..Self::default() }
    }

    fn not_allowed(allow: &str, own: Option<Own>, request: &Request<'_>, misses: Vec<String>) -> Self {
        let allow = allowed([allow, Own::methods(own), "OPTIONS"]);
        match request.method {
            "OPTIONS" => Self { allow: Some(allow), misses, ..Self::default() },
            _ => Self::refused(format!("this path takes {allow} (405)"), misses),
        }
    }
}

/// The request message in JSON, or why there is none.
fn message<'c>(
    plan: &RoutePlan,
    captures: impl Iterator<Item = &'c str>,
    request: &Request<'c>,
) -> (Option<String>, Option<String>) {
    let content_type = request.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let parts = RequestParts {
        captures: captures.collect::<Vec<_>>(),
        query: request.query,
        body: request.body,
        content_type,
    };
    let takes_json = plan.request.takes_body() && !plan.request.takes_raw_body();
    let is_json = || plan.body_type == BodyType::Any || content_type.is_none_or(request_body::is_json);
    if takes_json && !request.body.is_empty() && !is_json() {
        return (None, Some("the body's content type is not JSON (415)".to_owned()));
    }
    let mut wire = Vec::new();
    let set: Vec<Option<String>> = plan.policies.set().iter().map(|set| foretold(set, request)).collect();
    let set = set.iter().map(Option::as_deref);
    if let Err(error) = plan.request.encode_with(parts, set, &plan.encode, &mut wire) {
        let violations: Vec<String> = error.violations.iter().map(ToString::to_string).collect();
        return (None, Some(format!("{} (400)", violations.join("; "))));
    }
    let mut json = Vec::new();
    match plan.request.message().decode(&wire, &plan.decode, &mut json) {
        Ok(()) => (String::from_utf8(json).ok(), None),
        // The call is made all the same: a request may hold what its JSON form cannot.
        Err(error) => (Some(format!("(has no JSON form: {error})")), None),
    }
}

/// What the gateway fills a field with, as far as that is known without a token.
fn foretold(set: &SetSpec, request: &Request<'_>) -> Option<String> {
    match &set.source {
        Source::Const(text) => Some(text.to_string()),
        Source::Header(name) => Some(request.headers.get(name)?.to_str().ok()?.to_owned()),
        Source::RequestId => Some(ID.to_owned()),
        Source::Claim(_) => None,
    }
}

/// Stands for the request's id.
const ID: &str = "(made for each request)";

/// As a client on this machine would cause it.
fn metadata_of(
    plan: &RoutePlan,
    request: &Request<'_>,
    fields: &Fields<'_>,
    host: Option<&str>,
) -> HeaderMap {
    let peer = Peer::new(([127, 0, 0, 1], 0).into(), 0, false, Arc::default());
    let id = HeaderValue::from_static(ID);
    let host = host.and_then(|host| HeaderValue::from_str(host).ok());
    let mut metadata = metadata::for_call(request.headers, fields, plan.policies.forward(), &peer, host, &id);
    Trace::of(fields.trace, None).apply(&mut metadata);
    plan.policies.edit_metadata(&mut metadata);
    metadata
}

/// The routes that nearly take a request, the nearest first, each in a line.
pub fn near_misses(table: &Table, host: Option<&str>, method: &str, path: &str) -> Vec<String> {
    let candidates = table.explain(host, method, path);
    let misses = candidates.iter().filter_map(|candidate| {
        let name = &candidate.route.name;
        match &candidate.outcome {
            CandidateOutcome::Rule(http_rule::Outcome::Matched) => None,
            CandidateOutcome::Rule(outcome) => Some(format!("{name}: {outcome}")),
            CandidateOutcome::HostDiffers => Some(format!("{name}: is for other hosts")),
        }
    });
    misses.take(TOLD).collect()
}
