//! The unary call: one message there, one back.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_rule::Captures;
use hyper::body::Incoming;
use transcode::binding::RequestParts;
use transcode::{DecodeOptions, EncodeError, Encoded, Enums, Reason, Violation};
use upstream::{Answer, Call, Observer, hash_key};

use super::failure::Failure;
use super::metadata;
use super::request_body::{self, Limits, Whole};
use super::tries::Tries;
use super::{Share, Target, Trail, deadline};
use crate::edge::{Body, Charge, Fields, LimitsSpec, Peer, RequestSlot, has_no_content};
use crate::policy::Admitted;
use crate::route::RoutePlan;
use crate::telemetry::spans::Spans;
use crate::telemetry::trace::Trace;

/// The length prefix of a gRPC message: a flag and 32 bits of length.
const PREFIX: usize = 5;

/// What the exchange of one request is made with.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// The route that took it.
    pub target: &'a Target,
    /// What the route's template captured.
    pub captures: &'a Captures<'a>,
    /// What it says in the fields that all are asked for.
    pub fields: &'a Fields<'a>,
    /// Where it came from.
    pub peer: &'a Peer,
    /// Its id.
    pub request_id: &'a HeaderValue,
    /// What the policies want done to it.
    pub admitted: &'a Admitted,
    /// The gateway's limits.
    pub limits: &'a LimitsSpec,
    /// Its trace.
    pub trace: &'a Trace,
    /// Who takes its spans, while tracing is on.
    pub spans: Option<&'a Arc<Spans>>,
    /// When it came.
    pub started: Instant,
}

/// Makes the call and tells its answer. While the body is awaited, `slot` is free for other requests.
///
/// # Errors
/// Whatever went wrong, from the body's first byte to the answer's last.
pub async fn unary(
    exchange: &Exchange<'_>,
    head: &Parts,
    body: Incoming,
    slot: &mut RequestSlot<'_>,
    trail: &mut Trail,
) -> Result<Response<Body>, Failure> {
    let plan = &exchange.target.plan;
    // What the body is charged for is held to the end: the call is made of it.
    let Whole { bytes: body, charge: _charge } = read_body(exchange, head, body, slot).await?;
    trail.received = body.len();
    let (frame, Encoded { unknown, enum_numbers }) = encode(exchange, head, &body)?;
    if !unknown.is_empty() {
        exchange.target.metrics.record_unknown(unknown.len());
    }
    drop(body);
    let room = make_room(exchange)?;
    let mut call = call(exchange, head, frame);
    let metadata = || metadata(exchange, head);
    call.room_made = room.as_ref().map_or(0, Charge::bytes);
    let (index, share) = exchange.target.split.pick().ok_or_else(Failure::no_upstream)?;
    trail.share = Some(index);
    let Share { upstream, hash, .. } = share;
    call.hash = hash.as_ref().and_then(|name| head.headers.get(name)).map(|value| hash_key(value.as_bytes()));
    mirror(exchange.target, &call, metadata);
    let called = Instant::now();
    trail.called = Some(called);
    let outcome = upstream.unary_reported(&call, &metadata, &mut trail.call).await;
    trail.answered = Some(called.elapsed());
    let answer = outcome.map_err(|error| Failure::of_call(&error, || share.cause(Instant::now())))?;

    if !answer.status.is_ok() {
        return Err(service_failure(plan, &answer));
    }
    let numbered = enum_numbers.then(|| DecodeOptions { enums: Enums::Number, ..plan.decode.clone() });
    let options = numbered.as_ref().unwrap_or(&plan.decode);
    let mut response = decode(exchange.target, &answer, options, exchange.peer.load.is_pressed())?;
    drop(room);
    fit(exchange, response.body().held())?;
    warn_of_unknown(&unknown, response.headers_mut());
    Ok(response)
}

/// Makes room for the answer, as large as the route's answers are of late, before anything is asked of anybody.
fn make_room(exchange: &Exchange<'_>) -> Result<Option<Charge>, Failure> {
    let expected = exchange.target.metrics.expected_answer();
    if expected < Charge::FREE {
        return Ok(None);
    }
    let load = &exchange.peer.load;
    load.reserve(expected).map_err(Failure::overloaded)?;
    Ok(Some(Charge::new(load, expected)))
}

/// Whether an answer that is larger than expected may be held until its client has taken it.
fn fit(exchange: &Exchange<'_>, answer: usize) -> Result<(), Failure> {
    exchange.target.metrics.record_answer(answer);
    if answer < Charge::FREE {
        return Ok(());
    }
    exchange.peer.load.reserve(answer).map_err(Failure::overloaded)
}

/// Sends a copy of the call to the mirror, whose answer nobody waits for. The call's deadline bounds the task.
fn mirror(target: &Target, call: &Call, metadata: impl Fn() -> HeaderMap) {
    let Some(mirror) = &target.mirror else { return };
    // The room was made for the other answer.
    let call = Call { metadata: metadata(), observer: None, room_made: 0, ..call.clone() };
    let mirror = Arc::clone(mirror);
    tokio::spawn(async move { drop(mirror.unary(call).await) });
}

async fn read_body(
    exchange: &Exchange<'_>,
    head: &Parts,
    body: Incoming,
    slot: &mut RequestSlot<'_>,
) -> Result<Whole, Failure> {
    let limits = Limits {
        size: exchange.limits.body,
        window: exchange.limits.header_timeout,
        load: &exchange.peer.load,
    };
    let body = request_body::read(body, limits, slot).await?;
    if body.bytes.is_empty() {
        return Ok(body);
    }
    let plan = &exchange.target.plan;
    if !plan.request.takes_raw_body() && !plan.request.takes_body() {
        return Ok(body);
    }
    if !plan.request.takes_raw_body() {
        request_body::check_json(plan.body_type, exchange.fields.content_type)?;
    }
    if exchange.fields.content_encoding.is_none() {
        return Ok(body);
    }
    body.decoded(&head.headers, limits)
}

/// Encodes path, query and body behind the prefix of the one frame. Gives what the request named but the message has
/// not, too, where the route only warns of that, and what the client asks of the answer.
fn encode(exchange: &Exchange<'_>, head: &Parts, body: &Bytes) -> Result<(Bytes, Encoded), Failure> {
    let plan = &exchange.target.plan;
    let mut out = Vec::with_capacity(PREFIX + 64 + body.len());
    out.extend_from_slice(&[0; PREFIX]);
    let parts = RequestParts {
        captures: exchange.captures.iter(),
        query: head.uri.query(),
        body,
        content_type: exchange.fields.content_type.and_then(|value| value.to_str().ok()),
    };
    let set = exchange.admitted.fields().iter().map(|field| field.text.as_deref());
    let encoded = plan.request.encode_with(parts, set, &plan.encode, &mut out);
    let encoded = encoded.map_err(|error| misfit(plan, error))?;
    let length = u32::try_from(out.len() - PREFIX).map_err(|_| Failure::body_too_large(u32::MAX as usize))?;
    if let Some(prefix) = out.get_mut(1..PREFIX) {
        prefix.copy_from_slice(&length.to_be_bytes());
    }
    Ok((out.into(), encoded))
}

/// A claim that does not fit its field is the token's fault, everything else the request's.
fn misfit(plan: &RoutePlan, error: EncodeError) -> Failure {
    let from_claim = |violation: &Violation| {
        let set = plan.policies.set().iter().find(|set| *set.field == *violation.field)?;
        (violation.reason == Reason::Set).then_some((set.source.claim()?, &set.field))
    };
    match error.violations.iter().find_map(from_claim) {
        Some((claim, field)) => Failure::claim_does_not_fit(claim.as_str(), field),
        None => error.into(),
    }
}

fn call(exchange: &Exchange<'_>, head: &Parts, frame: Bytes) -> Call {
    let plan = &exchange.target.plan;
    let timeout = deadline::timeout(plan.timeout, exchange.fields.grpc_timeout);
    Call {
        idempotent: plan.idempotent || is_safe(&head.method),
        worker: exchange.peer.worker,
        isolated: !exchange.peer.via_proxy && exchange.peer.load.cancels_often(),
        max_response: exchange.limits.response,
        observer: observer(exchange),
        room: Some(Arc::clone(&exchange.peer.load) as _),
        ..Call::new(plan.grpc.path.clone(), frame, (exchange.started + timeout).into())
    }
}

/// The metadata of one try.
fn metadata(exchange: &Exchange<'_>, head: &Parts) -> HeaderMap {
    let chain = &exchange.target.chain;
    let host = host(exchange, head);
    let Exchange { fields, peer, request_id, .. } = exchange;
    let mut metadata = metadata::for_call(&head.headers, fields, chain.forward(), peer, host, request_id);
    exchange.trace.apply(&mut metadata);
    chain.write_metadata(exchange.admitted, &mut metadata);
    metadata
}

/// Who records the call's tries, when the trace is recorded.
fn observer(exchange: &Exchange<'_>) -> Option<Arc<dyn Observer>> {
    let (spans, request) = exchange.spans.zip(exchange.trace.recorded())?;
    Some(Arc::new(Tries::new(spans, request, &exchange.target.plan)))
}

/// What the client calls this host.
fn host(exchange: &Exchange<'_>, head: &Parts) -> Option<HeaderValue> {
    match head.uri.authority() {
        Some(authority) => HeaderValue::from_str(authority.as_str()).ok(),
        None => exchange.fields.host.filter(|host| host.to_str().is_ok()).cloned(),
    }
}

/// RFC 9110 section 9.2.2, as far as a REST route gives the method its usual meaning.
fn is_safe(method: &Method) -> bool {
    *method == Method::GET || *method == Method::HEAD
}

/// The answer in JSON, in a buffer without much room to spare; `tight` without any.
fn decode(
    target: &Target,
    answer: &Answer,
    options: &DecodeOptions,
    tight: bool,
) -> Result<Response<Body>, Failure> {
    let Target { plan, metrics, .. } = target;
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    let first = metadata::to_headers(&answer.metadata, headers);
    let last = metadata::to_headers(&answer.trailers, headers);
    let chosen = first.or(last).and_then(|value| StatusCode::from_bytes(value.as_bytes()).ok());
    let chosen = chosen.filter(|status| status.is_success() || status.is_redirection());
    let status = chosen.unwrap_or(plan.status);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if has_no_content(status) {
        return Ok(response);
    }
    let mut out = Vec::with_capacity(metrics.room_for(answer.message.len()));
    let decoded = plan.response.decode(&answer.message, options, &mut out);
    let content_type = match decoded.map_err(|error| Failure::response_not_transcodable(&error))? {
        transcode::Body::Json => HeaderValue::from_static("application/json"),
        transcode::Body::Raw { content_type } => HeaderValue::try_from(content_type)
            .unwrap_or(HeaderValue::from_static("application/octet-stream")),
    };
    headers.insert(CONTENT_TYPE, content_type);
    metrics.record_growth(answer.message.len(), out.len());
    if tight || out.capacity() > 2 * out.len() + Charge::FREE {
        out.shrink_to_fit();
    }
    *response.body_mut() = Body::buffered(out);
    Ok(response)
}

/// The service's own error, with its details and its metadata.
fn service_failure(plan: &RoutePlan, answer: &Answer) -> Failure {
    let details = answer.status.details.as_deref().and_then(|details| details_of(plan, details));
    let mut headers = HeaderMap::new();
    metadata::to_headers(&answer.metadata, &mut headers);
    metadata::to_headers(&answer.trailers, &mut headers);
    let failure = Failure::service(&answer.status, details);
    let failure = failure.with_headers(&headers);
    match answer.status.retry_after().filter(|_| !headers.contains_key(RETRY_AFTER)) {
        Some(after) => failure.retry_after(after),
        None => failure,
    }
}

/// The google.rpc details of an error, as a JSON array, printed as those that the gateway makes: in the usual mapping, whatever
/// answers look like. Details that can't be read are no reason to lose the error.
fn details_of(plan: &RoutePlan, bytes: &[u8]) -> Option<String> {
    let schema = plan.response.message().schema();
    let DecodeOptions { unset, names, enums, .. } = DecodeOptions::default();
    let usual = DecodeOptions { unset, names, enums, ..plan.decode.clone() };
    let status = schema.decode_status(bytes, &usual);
    let status = status.inspect_err(|error| tracing::debug!(%error, "unreadable error details")).ok()?;
    String::from_utf8(status.details).ok()
}

/// `Warning: 299` names what was left out (RFC 7234 section 5.5.7), one header for all.
fn warn_of_unknown(unknown: &[String], headers: &mut HeaderMap) {
    if unknown.is_empty() {
        return;
    }
    let text: String =
        unknown.join(", ").chars().filter(|c| (' '..='~').contains(c) && !"\"\\".contains(*c)).collect();
    if let Ok(value) = HeaderValue::from_str(&format!("299 - \"ignored unknown fields: {text}\"")) {
        headers.insert(http::header::WARNING, value);
    }
}
