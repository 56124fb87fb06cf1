//! One try of a call on one stream: sends head, message and end together, reads the answer to its status.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use h2::RecvStream;
use http::uri::{self, PathAndQuery, Uri};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Version, header};
use tokio::time::Instant;

use crate::call::Answer;
use crate::endpoint::Endpoint;
use crate::error::CallError;
use crate::fields::{self, Fields};
use crate::frame::{Encoding, Messages};
use crate::orphan::CallStream;
use crate::timeout::TimeoutHeader;

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");
const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/grpc");
const ACCEPT_ENCODING: HeaderValue = HeaderValue::from_static("identity,gzip");

/// Received bytes that are given back to the peer's window in one go. Answers below it never touch the window: it is given
/// back when the stream is dropped.
const RELEASE: usize = 256 << 10;

/// What the head of a request says beyond what every call says.
pub(crate) struct HeadParts {
    pub(crate) path: PathAndQuery,
    pub(crate) metadata: HeaderMap,
    pub(crate) deadline: Option<Instant>,
}

/// The request's head for one endpoint.
pub(crate) fn head(
    parts: HeadParts,
    endpoint: &Endpoint,
    timeout: &TimeoutHeader,
    now: Instant,
) -> Request<()> {
    let HeadParts { path, metadata: mut headers, deadline } = parts;
    headers.insert(header::TE, TRAILERS);
    headers.insert(header::CONTENT_TYPE, CONTENT_TYPE);
    headers.insert(GRPC_ACCEPT_ENCODING, ACCEPT_ENCODING);
    if let Some(deadline) = deadline {
        headers.insert(GRPC_TIMEOUT, timeout.value(deadline.saturating_duration_since(now)));
    }
    let mut uri = uri::Parts::default();
    uri.scheme = Some(endpoint.scheme.clone());
    uri.authority = Some(endpoint.authority.clone());
    uri.path_and_query = Some(path);
    let mut request = Request::new(());
    *request.method_mut() = Method::POST;
    *request.version_mut() = Version::HTTP_2;
    // All three parts are there, which is all that it checks.
    *request.uri_mut() = Uri::from_parts(uri).unwrap_or_default();
    *request.headers_mut() = headers;
    request
}

/// Sends the message and reads a unary answer.
pub(crate) async fn unary(
    mut stream: CallStream,
    frame: Bytes,
    messages: impl FnOnce(Encoding) -> Messages,
) -> Result<Box<Answer>, CallError> {
    stream.send_all(frame)?;
    let head = stream.head().await?;
    let endpoint = Arc::clone(&stream.endpoint().name);
    // In a box: it is handed through half a dozen futures.
    let answer = |metadata, message, trailers, status| {
        Box::new(Answer { metadata, message, trailers, status, endpoint, attempts: 1 })
    };
    let fields = Fields::of(&head.headers);
    let is_large = fields.is_large();
    if let Some(status) = fields.status() {
        // Trailers-only: the head is the trailers. A body after it would be against the protocol, and is not read.
        stream.end_at_head();
        if status.is_ok() {
            return Err(CallError::NoMessage);
        }
        let trailers = if is_large { fields::trimmed(head.headers) } else { head.headers };
        return Ok(answer(HeaderMap::new(), Bytes::new(), trailers, status));
    }
    if is_large {
        return Err(CallError::TooLarge { limit: fields::LARGE });
    }
    if !fields.is_grpc(head.status) {
        return Err(CallError::MissingStatus { http: head.status.as_u16() });
    }
    // They hold the message's room until the answer is complete.
    let mut messages = messages(fields.encoding());
    let message = read_message(stream.body()?, &mut messages).await?;
    let body = stream.body()?;
    let trailers = poll_fn(|cx| body.poll_trailers(cx)).await?.unwrap_or_default();
    stream.end();
    let fields = Fields::of(&trailers);
    let Some(status) = fields.status() else {
        return Err(CallError::MissingStatus { http: head.status.as_u16() });
    };
    let trailers = if fields.is_large() { fields::trimmed(trailers) } else { trailers };
    match (message, status.is_ok()) {
        (Some(message), true) => Ok(answer(head.headers, message, trailers, status)),
        (None, true) => Err(CallError::NoMessage),
        (_, false) => Ok(answer(head.headers, Bytes::new(), trailers, status)),
    }
}

/// The only message, or none.
async fn read_message(body: &mut RecvStream, messages: &mut Messages) -> Result<Option<Bytes>, CallError> {
    let mut message = None;
    let mut held = 0;
    while let Some(chunk) = data(body).await? {
        held += chunk.len();
        messages.push(chunk);
        while let Some(next) = messages.next()? {
            if message.replace(next).is_some() {
                return Err(CallError::TooManyMessages);
            }
        }
        if held >= RELEASE {
            body.flow_control().release_capacity(held)?;
            held = 0;
        }
    }
    if messages.is_between_messages() { Ok(message) } else { Err(CallError::Truncated) }
}

pub(crate) async fn data(body: &mut RecvStream) -> Result<Option<Bytes>, CallError> {
    match poll_fn(|cx| body.poll_data(cx)).await {
        None => Ok(None),
        Some(Ok(chunk)) => Ok(Some(chunk)),
        Some(Err(error)) => Err(error.into()),
    }
}
