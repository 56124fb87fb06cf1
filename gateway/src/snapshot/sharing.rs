//! Answers for pages of other origins: preflights, which come before everything else, and the mark on all other answers.

use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ALLOW};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use super::Snapshot;
use super::host;
use super::record::Recorder;
use crate::edge::Body;
use crate::policy::Cors;
use crate::route::{self, Lookup, Own};

/// The answer to a preflight, when the request is one and its path is served. It asks for no credentials: it has none.
pub(super) fn preflight(snapshot: &Snapshot, request: &Recorder<'_>) -> Option<Response<Body>> {
    let head = request.head;
    let cors = snapshot.config.cors.as_ref()?;
    if !Cors::is_preflight(&head.method, &head.headers) {
        return None;
    }
    let allowed = allowed(snapshot, head, host::of(head, &request.fields))?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.extend(cors.preflight(&head.headers, &allowed));
    // That it is answered shows that OPTIONS is supported; pages need not be told.
    if let Ok(allowed) = HeaderValue::try_from(route::allowed([&*allowed, "OPTIONS"])) {
        headers.insert(ALLOW, allowed);
    }
    Some(response)
}

/// The methods that the path takes.
fn allowed(snapshot: &Snapshot, head: &Parts, host: Option<&str>) -> Option<String> {
    let path = head.uri.path();
    let Some(own) = snapshot.config.own.find(path) else { return routed(snapshot, head, host, path) };
    let routed = routed(snapshot, head, host, path).unwrap_or_default();
    Some(route::allowed([Own::methods(Some(own)), &routed]))
}

/// Those of its routes.
fn routed(snapshot: &Snapshot, head: &Parts, host: Option<&str>, path: &str) -> Option<String> {
    let table = &snapshot.config.table;
    // No route takes TRACE, so this finds all that any takes.
    let Lookup::MethodNotAllowed { allow } = table.lookup(host, Method::TRACE.as_str(), path).ok()? else {
        return None;
    };
    // A route for any method takes others than those in common use, too.
    let wanted = Method::from_bytes(head.headers.get(ACCESS_CONTROL_REQUEST_METHOD)?.as_bytes()).ok();
    let wanted = wanted.as_ref().map_or("", Method::as_str);
    let found = matches!(table.lookup(host, wanted, path), Ok(Lookup::Found { .. }));
    Some(route::allowed([&*allow, if found { wanted } else { "" }]))
}

/// Marks the answer to any other request, errors too: a page must be able to read why it failed.
pub(super) fn mark(snapshot: &Snapshot, request: &HeaderMap, response: &mut HeaderMap) {
    if let Some(cors) = &snapshot.config.cors {
        cors.apply(request, response);
    }
}
