//! The life of a request, from the listener's hands to its record.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use hyper::body::Incoming;

use super::host;
use super::record::Recorder;
use super::sharing;
use super::terminal;
use super::{Current, Health, Snapshot, Tally};
use crate::edge::{Body, Fault, Handler, Peer, Refuse, RequestLimits, RequestSlot, has_padded_value};
use crate::policy::{self, Admitted, Refusal};
use crate::proxy::coding;
use crate::proxy::explain::near_misses;
use crate::proxy::failure::Failure;
use crate::proxy::{Exchange, Target, unary};
use crate::route::{ANY_METHOD, Lookup, Own, allowed};
use crate::telemetry::access::AccessLog;
use crate::telemetry::request_id::{self, X_REQUEST_ID};

/// Answers requests by the running snapshot.
#[derive(Debug)]
pub struct Dispatch {
    current: Arc<Current>,
    access: AccessLog,
    tally: Tally,
    draining: Arc<AtomicBool>,
}

impl Dispatch {
    /// Answers by whatever `current` holds when a request comes. The readiness probe fails once `draining` is set.
    pub fn new(current: Arc<Current>, access: AccessLog, draining: Arc<AtomicBool>) -> Self {
        Self { current, access, tally: Tally::default(), draining }
    }

    /// What it has refused and failed so far.
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Access records that were lost because the log was not read fast enough.
    pub fn records_dropped(&self) -> u64 {
        self.access.dropped()
    }
}

impl Refuse for Dispatch {
    fn refuse(&self, fault: Fault) -> Response<Body> {
        let snapshot = self.current.pin();
        let id = request_id::of(None);
        let failure = Failure::from(fault);
        failure.reason().into_iter().for_each(|reason| self.tally.failed(reason));
        let mut response = failure.into_response(snapshot.config.errors, &id);
        response.headers_mut().insert(X_REQUEST_ID, id);
        response
    }
}

impl Handler for Dispatch {
    async fn handle(&self, head: &Parts, body: Incoming, peer: &Peer) -> Response<Body> {
        // The request belongs to this snapshot from here to its last byte, whatever is put live meanwhile.
        let snapshot = self.current.pin();
        let client = peer.client(&head.headers, &snapshot.config.trusted_proxies);
        let peer = client.as_ref().unwrap_or(peer);
        let mut recorder = Recorder::new(&snapshot, head, peer, &self.access, &self.tally);

        let mut response = match sharing::preflight(&snapshot, &recorder) {
            Some(response) => recorder.succeeded(response),
            None => respond(&snapshot, body, &mut recorder, &self.draining).await,
        };
        response.headers_mut().insert(X_REQUEST_ID, recorder.id.clone());
        if head.method == Method::HEAD {
            strip_body(&mut response);
        }
        response
    }
}

/// The answer to anything but a preflight, whatever comes of it.
async fn respond<'s>(
    snapshot: &'s Snapshot,
    body: Incoming,
    recorder: &mut Recorder<'s>,
    draining: &AtomicBool,
) -> Response<Body> {
    let head = recorder.head;
    let mut slot = None; // Held until the answer is complete.
    let mut response = match answer(snapshot, body, recorder, &mut slot, draining).await {
        Ok(response) => {
            // The bytes of a google.api.HttpBody are the service's own.
            let is_raw = recorder.target.is_some_and(|target| target.plan.response.is_raw());
            let response = if is_raw { response } else { terminal::end_line(response, &recorder.fields) };
            let offer = &snapshot.config.compression;
            let response = if offer.is_empty() {
                response
            } else {
                coding::encode(response, offer, &head.headers, &recorder.peer.load).await
            };
            recorder.succeeded(response)
        }
        Err(failure) => recorder.failed(explained(snapshot, recorder, failure)),
    };
    sharing::mark(snapshot, &head.headers, response.headers_mut());
    response
}

/// Finds who answers, and lets it.
async fn answer<'s>(
    snapshot: &'s Snapshot,
    body: Incoming,
    recorder: &mut Recorder<'s>,
    slot: &mut Option<RequestSlot<'s>>,
    draining: &AtomicBool,
) -> Result<Response<Body>, Failure> {
    let limits = &snapshot.config.limits;
    let limits = RequestLimits { requests: limits.requests, share: limits.share };
    let slot = slot.insert(RequestSlot::take(&recorder.peer.load, limits).map_err(Failure::overloaded)?);
    let head = recorder.head;
    host::check(head, &recorder.fields)?;
    if has_padded_value(head) {
        return Err(Failure::padded_field());
    }
    if let Some(name) = recorder.fields.torn {
        return Err(Failure::torn_field(name));
    }
    let path = head.uri.path();
    if path == "*" && head.method == Method::OPTIONS {
        return not_allowed(head, ANY_METHOD, None); // Of the server as a whole (RFC 9110 section 9.3.7).
    }
    let own = snapshot.config.own.find(path);
    if let Some(own) = own
        && is_read(&head.method)
    {
        return own_answer(snapshot, own, head, draining);
    }
    let host = host::of(head, &recorder.fields);
    let table = &snapshot.config.table;
    let found = table.lookup(host, head.method.as_str(), path);
    let (index, captures) = match found.map_err(|error| Failure::bad_path(&error))? {
        Lookup::Found { route, captures } => (route.index, captures),
        Lookup::MethodNotAllowed { allow } => return not_allowed(head, &allow, own),
        Lookup::NotFound if own.is_some() => return not_allowed(head, "", own),
        Lookup::NotFound if table.is_undescribed(host, head.method.as_str(), path) => {
            return Err(Failure::undescribed());
        }
        Lookup::NotFound => return Err(Failure::route_not_found()),
    };
    let target = snapshot.targets.get(index).ok_or_else(Failure::route_not_found)?;
    recorder.target = Some(target);
    let admitted = admit(target, recorder).await;
    let admitted = recorder.admitted.insert(admitted.map_err(|refusal| {
        recorder.refused = refusal.caller().cloned();
        Failure::from(refusal)
    })?);
    let exchange = Exchange {
        target,
        captures: &captures,
        fields: &recorder.fields,
        peer: recorder.peer,
        request_id: &recorder.id,
        admitted,
        limits: &snapshot.config.limits,
        trace: &recorder.trace,
        spans: snapshot.spans.as_ref(),
        started: recorder.started,
    };
    match exchange.admitted.rewritten(head) {
        None => unary(&exchange, head, body, slot, &mut recorder.trail).await,
        Some(head) => Box::pin(unary(&exchange, &head, body, slot, &mut recorder.trail)).await,
    }
}

/// Asks the route's policies, if it has any that could refuse.
async fn admit(target: &Target, recorder: &Recorder<'_>) -> Result<Admitted, Refusal> {
    let Recorder { head, fields, peer, id, trace, .. } = recorder;
    if target.chain.admits_all() {
        return Ok(Admitted::default());
    }
    let request = policy::Request {
        method: &head.method,
        uri: &head.uri,
        version: head.version,
        headers: &head.headers,
        authority: host::authority(head, fields),
        client: peer.address.ip().to_canonical(),
        peer,
        request_id: id,
        trace,
        worker: peer.worker,
        now: policy::Now::read(),
    };
    target.chain.admit(&request).await
}

/// With `explain: true` a refusal carries the routes that nearly took the request.
fn explained(snapshot: &Snapshot, recorder: &Recorder<'_>, failure: Failure) -> Failure {
    if !snapshot.config.explain || !failure.is_about_the_request() {
        return failure;
    }
    let head = recorder.head;
    let host = host::of(head, &recorder.fields);
    let near = near_misses(&snapshot.config.table, host, head.method.as_str(), head.uri.path());
    failure.with_near_misses(near)
}

fn is_read(method: &Method) -> bool {
    *method == Method::GET || *method == Method::HEAD
}

fn own_answer(
    snapshot: &Snapshot,
    own: Own,
    head: &Parts,
    draining: &AtomicBool,
) -> Result<Response<Body>, Failure> {
    match own {
        Own::Health => Ok(health(snapshot)),
        Own::Live => Ok(probe(StatusCode::OK, "live\n")),
        Own::Ready if draining.load(Relaxed) => Ok(probe(StatusCode::SERVICE_UNAVAILABLE, "draining\n")),
        Own::Ready => Ok(probe(StatusCode::OK, "ready\n")),
        Own::Docs(file) => {
            let docs = snapshot.docs.as_ref().ok_or_else(Failure::route_not_found)?;
            Ok(docs.answer(file, &head.headers))
        }
    }
}

fn health(snapshot: &Snapshot) -> Response<Body> {
    let health = Health::of(snapshot);
    let mut response = Response::new(Body::full(serde_json::to_vec(&health).unwrap_or_default()));
    if !health.is_ok() {
        *response.status_mut() = snapshot.config.degraded;
    }
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The response of a probe: its status decides, its text is for people.
fn probe(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::full(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// The answer on a path that takes other methods. OPTIONS is answered on all of these.
fn not_allowed(head: &Parts, allow: &str, own: Option<Own>) -> Result<Response<Body>, Failure> {
    let allow = allowed([allow, Own::methods(own), "OPTIONS"]);
    if head.method == Method::OPTIONS {
        Ok(options(&allow))
    } else {
        Err(Failure::method_not_allowed(&allow))
    }
}

fn options(allowed: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if let Ok(allowed) = HeaderValue::from_str(allowed) {
        response.headers_mut().insert(ALLOW, allowed);
    }
    response
}

/// HEAD is answered like GET, without the body but with its length (RFC 9110 section 9.3.2).
fn strip_body(response: &mut Response<Body>) {
    let length = response.body().len();
    *response.body_mut() = Body::empty();
    if !matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
}
