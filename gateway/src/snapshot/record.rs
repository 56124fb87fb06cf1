//! The record of one request: kept while it runs, written when it ends, however it ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode, Version};

use super::{Snapshot, Tally, terminal};
use crate::edge::{Body, Fields, Peer};
use crate::policy::{self, Admitted};
use crate::proxy::code::{CLIENT_CLOSED, Code};
use crate::proxy::failure::Failure;
use crate::proxy::{Target, Trail};
use crate::telemetry::access::{AccessLog, MAX_DETAIL, Record};
use crate::telemetry::request_id;
use crate::telemetry::spans::{self, Kind, Outline, Span};
use crate::telemetry::trace::{Context, Trace};

/// The longest path that is recorded: records wait in queues that are bounded by their number.
const MAX_PATH: usize = 2048;
/// The longest method.
const MAX_METHOD: usize = 32;

/// The flag of a request whose client left before the answer.
const CLIENT_GONE: &str = "CLIENT_GONE";

/// What is known of a request. Dropping it writes the access record and counts the request; one that has no answer by
/// then was dropped because its client left.
pub(super) struct Recorder<'a> {
    pub(super) head: &'a Parts,
    pub(super) fields: Fields<'a>,
    pub(super) peer: &'a Peer,
    pub(super) id: HeaderValue,
    pub(super) started: Instant,
    pub(super) trail: Trail,
    pub(super) trace: Trace,
    pub(super) target: Option<&'a Target>,
    /// What the route's policies want, once they have let the request through.
    pub(super) admitted: Option<Admitted>,
    /// Whom they knew, and refused.
    pub(super) refused: Option<Arc<str>>,
    /// What went wrong, where it is recorded.
    detail: Option<Box<str>>,
    snapshot: &'a Snapshot,
    access: &'a AccessLog,
    tally: &'a Tally,
    end: End,
}

struct End {
    status: StatusCode,
    code: Code,
    flag: &'static str,
    sent: usize,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(
        snapshot: &'a Snapshot,
        head: &'a Parts,
        peer: &'a Peer,
        access: &'a AccessLog,
        tally: &'a Tally,
    ) -> Self {
        let fields = Fields::of(&head.headers);
        Self {
            head,
            fields,
            peer,
            id: request_id::of(fields.request_id),
            started: Instant::now(),
            trail: Trail::default(),
            trace: Trace::of(fields.trace, snapshot.spans.as_ref().map(|spans| spans.spec().sample)),
            target: None,
            admitted: None,
            refused: None,
            detail: None,
            snapshot,
            access,
            tally,
            end: End { status: CLIENT_CLOSED, code: Code::CANCELLED, flag: CLIENT_GONE, sent: 0 },
        }
    }

    pub(super) fn succeeded(&mut self, mut response: Response<Body>) -> Response<Body> {
        let status = response.status();
        // Only the health answer says by its own status that something is not well.
        let code = if status.is_server_error() { Code::UNAVAILABLE } else { Code::OK };
        // A request that was let through because nobody could be asked about it.
        let undecided = self.admitted.as_ref().and_then(Admitted::undecided);
        let flag = undecided.map_or("", policy::Reason::name);
        self.end = End { status, code, flag, sent: response.body().len() };
        self.write_headers(response.headers_mut());
        response
    }

    pub(super) fn failed(&mut self, failure: Failure) -> Response<Body> {
        let (status, code, flag) = (failure.status(), failure.code(), failure.flag());
        let format = self.target.map_or(self.snapshot.config.errors, |target| target.plan.errors);
        failure.reason().into_iter().for_each(|reason| self.tally.failed(reason));
        let config = &self.snapshot.config;
        if config.log.access && config.log.detail && !failure.record().is_empty() {
            self.detail = Some(first(failure.record(), MAX_DETAIL).into());
        }
        let failure = failure.hide(config.hidden_errors);
        let failure = if config.explain { failure } else { failure.without_debug_info() };
        let mut response = terminal::end_line(failure.into_response(format, &self.id), &self.fields);
        self.end = End { status, code, flag, sent: response.body().len() };
        self.write_headers(response.headers_mut());
        response
    }

    fn caller(&self) -> &str {
        let admitted = self.admitted.as_ref().and_then(Admitted::caller);
        admitted.or(self.refused.as_ref()).map_or("", |caller| caller)
    }

    /// The path, without the query, which may hold secrets; the template where the path itself does.
    fn path(&self) -> &str {
        let path = match self.target {
            Some(target) if target.plan.request.has_redacted_variable() => target.plan.template.source(),
            _ => self.head.uri.path(),
        };
        shortened(path, MAX_PATH)
    }

    fn method(&self) -> &str {
        shortened(self.head.method.as_str(), MAX_METHOD)
    }

    /// The request as a span, by the semantic conventions of HTTP servers.
    fn span(&self, context: Context, took: Duration) -> Span {
        let ended = spans::now();
        let mut span = Span::new(&Outline {
            context,
            parent: self.trace.client.map(|client| client.span),
            name: self.target.map_or_else(|| self.head.method.as_str(), |target| &target.plan.name),
            kind: Kind::Server,
            begun: ended.saturating_sub(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)),
            ended,
        });
        let (status, flag) = (self.end.status, self.end.flag);
        span.text("http.request.method", self.method());
        span.text("url.scheme", if self.peer.tls { "https" } else { "http" });
        span.text("url.path", self.path());
        span.number("http.response.status_code", status.as_u16().into());
        span.text("network.protocol.version", if self.head.version == Version::HTTP_2 { "2" } else { "1.1" });
        span.text("client.address", &self.peer.address.ip().to_canonical().to_string());
        span.text("gateway.request_id", self.id.to_str().unwrap_or_default());
        if let Some(target) = self.target {
            span.text("http.route", target.plan.template.source());
        }
        if !flag.is_empty() {
            span.text("gateway.flag", flag);
        }
        // What the client did wrong is no fault of the server.
        if status.is_server_error() || status == CLIENT_CLOSED {
            span.fail(if flag.is_empty() { self.end.code.name() } else { flag });
        }
        span
    }

    /// What the route's policies say about the headers of any answer.
    fn write_headers(&self, headers: &mut HeaderMap) {
        if let Some(target) = self.target {
            target.chain.write_headers(self.admitted.as_ref(), headers);
        }
    }
}

impl Drop for Recorder<'_> {
    fn drop(&mut self) {
        let ended = Instant::now();
        let took = ended.saturating_duration_since(self.started);
        if self.end.flag == CLIENT_GONE {
            self.tally.gone();
            self.peer.load.cancelled(ended);
        }
        if let Some(target) = self.target {
            target.metrics.record(self.end.code.number(), took);
            if self.admitted.as_ref().is_some_and(|admitted| admitted.undecided().is_some()) {
                target.metrics.record_undecided();
            }
        }
        if let (Some(spans), Some(context)) = (&self.snapshot.spans, self.trace.recorded()) {
            spans.record(self.span(context, took));
        }
        let log = &self.snapshot.config.log;
        if !log.access {
            return;
        }
        let record = Record {
            peer: self.peer.address,
            method: self.method(),
            path: self.path(),
            route: self.target.map(|target| target.lines.of(self.trail.share)),
            status: self.end.status.as_u16(),
            code: self.end.code.name(),
            ended,
            took,
            upstream_time: self.trail.upstream(),
            received: self.trail.received,
            sent: self.end.sent,
            attempts: self.trail.call.attempts,
            endpoint: self.trail.call.endpoint.as_deref().unwrap_or_default(),
            request_id: self.id.as_bytes(),
            caller: self.caller(),
            trace: self.trace.id(),
            flag: self.end.flag,
            detail: self.detail.as_deref().unwrap_or_default(),
        };
        self.access.log(self.peer.worker, &record, log.format.into());
    }
}

/// The first characters of a text.
fn first(text: &str, most: usize) -> &str {
    let end = text.char_indices().nth(most).map_or(text.len(), |(end, _)| end);
    text.get(..end).unwrap_or_default()
}

/// The beginning of a text, to a whole character.
fn shortened(text: &str, most: usize) -> &str {
    if text.len() <= most { text } else { text.get(..text.floor_char_boundary(most)).unwrap_or_default() }
}
