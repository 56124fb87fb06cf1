//! Bodies for terminals: curl prints a body as it is, and the prompt right behind it. JSON may end in a line break.

use http::header::{CONTENT_TYPE, ETAG};
use http::{HeaderMap, Response};

use crate::edge::{Body, Fields};

/// Ends a body of JSON with a line break if the client is a program for terminals.
pub(super) fn end_line(mut response: Response<Body>, fields: &Fields<'_>) -> Response<Body> {
    if fields.is_terminal && is_json(response.headers()) && !ends_line(response.body()) {
        let body = std::mem::take(response.body_mut());
        *response.body_mut() = body.with_line_break();
    }
    response
}

/// Whether the body is JSON, and of no fixed bytes: an entity tag stands for exactly those that it was made of.
fn is_json(headers: &HeaderMap) -> bool {
    if headers.contains_key(ETAG) {
        return false;
    }
    headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value == "application/json" || value == "application/problem+json")
}

/// Whether there is nothing to end.
fn ends_line(body: &Body) -> bool {
    body.bytes().is_none_or(|bytes| bytes.ends_with(b"\n"))
}
