//! The request's body: checked, bounded, read whole.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use super::failure::Failure;

/// How a body is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The most bytes that it may have.
    pub size: usize,
    /// The longest pause between two pieces of it.
    pub pause: Duration,
}

/// Reads a body to its end.
///
/// # Errors
/// When it is too large (before it is read, if it says so itself), too slow, or breaks off.
pub(super) async fn read(mut body: Incoming, limits: Limits) -> Result<Bytes, Failure> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    if body.size_hint().lower() > limits.size as u64 {
        return Err(Failure::body_too_large(limits.size));
    }
    let Some(first) = next(&mut body, limits).await? else { return Ok(Bytes::new()) };
    let Some(second) = next(&mut body, limits).await? else { return within(first, limits) };
    let mut whole = BytesMut::with_capacity(body_reserve(&body, first.len() + second.len()));
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&second);
    while let Some(piece) = next(&mut body, limits).await? {
        if whole.len() + piece.len() > limits.size {
            return Err(Failure::body_too_large(limits.size));
        }
        whole.extend_from_slice(&piece);
    }
    within(whole.freeze(), limits)
}

/// Room for what has come and for what is announced; an announcement alone is not believed further than this.
fn body_reserve(rest: &Incoming, received: usize) -> usize {
    const BELIEVED: u64 = 256 * 1024;
    received + usize::try_from(rest.size_hint().lower().min(BELIEVED)).unwrap_or(0)
}

fn within(body: Bytes, limits: Limits) -> Result<Bytes, Failure> {
    if body.len() > limits.size { Err(Failure::body_too_large(limits.size)) } else { Ok(body) }
}

/// The next piece of data. The timer is armed only when the piece is not there yet.
async fn next(body: &mut Incoming, limits: Limits) -> Result<Option<Bytes>, Failure> {
    loop {
        if body.is_end_stream() {
            return Ok(None);
        }
        let frame = body.frame();
        let frame = tokio::time::timeout(limits.pause, frame).await.map_err(|_| Failure::body_timeout())?;
        match frame.transpose().map_err(|_| Failure::body_unreadable())? {
            None => return Ok(None),
            Some(frame) => match frame.into_data() {
                Ok(data) if data.is_empty() => {}
                Ok(data) => return Ok(Some(data)),
                Err(_trailers) => {}
            },
        }
    }
}

/// Whether the body's type and encoding are ones that a JSON route reads.
///
/// # Errors
/// Names what came instead: a 415.
pub(super) fn check_json(headers: &HeaderMap) -> Result<(), Failure> {
    check_encoding(headers)?;
    let Some(media_type) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let text = media_type.to_str().unwrap_or("not ASCII");
    if is_json(text) { Ok(()) } else { Err(Failure::unsupported_media_type(text)) }
}

/// Whether the body comes as it is.
///
/// # Errors
/// Names the encoding otherwise: a 415.
pub(super) fn check_encoding(headers: &HeaderMap) -> Result<(), Failure> {
    match headers.get(CONTENT_ENCODING) {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            Err(Failure::unsupported_encoding(encoding.to_str().unwrap_or("not ASCII")))
        }
        _ => Ok(()),
    }
}

/// JSON by any of its names, in UTF-8 (RFC 8259 section 8.1 knows no other charset).
fn is_json(media_type: &str) -> bool {
    let mut parts = media_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let json = matches!(essence.as_str(), "application/json" | "text/json")
        || (essence.starts_with("application/") && essence.ends_with("+json"));
    json && parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            let charset = value.trim().trim_matches('"');
            charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
        }
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use super::is_json;

    #[test]
    fn json_goes_by_several_names() {
        for good in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/merge-patch+json",
            "application/json;charset=\"UTF-8\"",
            "application/json; profile=x",
            "text/json",
        ] {
            assert!(is_json(good), "{good}");
        }
        for bad in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/jsonp",
            "",
            "application/json; charset=latin1",
        ] {
            assert!(!is_json(bad), "{bad}");
        }
    }
}
