//! An answer written by hand, where no HTTP library stands between: to what could not be read as a request.

use std::io::Write;

use bytes::Bytes;
use http::Response;

use super::Body;

/// An HTTP/1.1 answer as it goes out; the last one on its connection.
pub(super) fn bytes(response: Response<Body>) -> Bytes {
    let (head, body) = response.into_parts();
    let body = body.into_bytes();
    let mut out = Vec::with_capacity(512);
    let reason = head.status.canonical_reason().unwrap_or("Refused");
    // Writing to a vector can't fail, here and below.
    let _ = write!(out, "HTTP/1.1 {} {reason}\r\n", head.status.as_u16());
    for (name, value) in &head.headers {
        if *name != http::header::CONNECTION && *name != http::header::CONTENT_LENGTH {
            out.extend_from_slice(name.as_str().as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
    let _ = write!(out, "connection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    out.extend_from_slice(&body);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_and_the_last_one() {
        let response = Response::builder().status(431).header("x-a", "1").header("connection", "keep-alive");
        let text = bytes(response.body(Body::full("{}")).unwrap());
        let expected = "HTTP/1.1 431 Request Header Fields Too Large\r\nx-a: 1\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(text, expected);
    }
}
