//! Answers for pages of other origins: preflights, which come before everything else, and the mark on all other answers.

use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ALLOW};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode};

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
    if let Ok(allowed) = HeaderValue::try_from(allowed) {
        headers.insert(ALLOW, allowed);
    }
    Some(response)
}

/// The methods that the path takes, as far as the page needs to know.
fn allowed(snapshot: &Snapshot, head: &Parts, host: Option<&str>) -> Option<String> {
    let path = head.uri.path();
    let Some(own) = snapshot.config.own.find(path) else { return routed(snapshot, head, host, path) };
    let routed = routed(snapshot, head, host, path).unwrap_or_default();
    Some(route::allowed([Own::methods(Some(own)), &routed]))
}

/// Those of its routes.
fn routed(snapshot: &Snapshot, head: &Parts, host: Option<&str>, path: &str) -> Option<String> {
    let table = &snapshot.config.table;
    match table.lookup(host, head.method.as_str(), path).ok()? {
        Lookup::MethodNotAllowed { allow } => Some(allow),
        Lookup::NotFound => None,
        // The path has a route that takes OPTIONS, or any method.
        Lookup::Found { .. } => {
            let wanted = head.headers.get(ACCESS_CONTROL_REQUEST_METHOD)?.to_str().ok()?;
            match table.lookup(host, wanted, path).ok()? {
                Lookup::Found { .. } => Some(wanted.to_owned()),
                Lookup::MethodNotAllowed { allow } => Some(allow),
                Lookup::NotFound => None,
            }
        }
    }
}

/// Marks the answer to any other request, errors too: a page must be able to read why it failed.
pub(super) fn mark(snapshot: &Snapshot, request: &HeaderMap, response: &mut HeaderMap) {
    if let Some(cors) = &snapshot.config.cors {
        cors.apply(request, response);
    }
}
