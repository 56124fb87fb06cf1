//! One try of a call on one stream: sends head, message and end together, reads the answer to its status.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::RecvStream;
use h2::client::ResponseFuture;
use http::uri::{self, PathAndQuery, Uri};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Version, header};
use tokio::time::Instant;

use crate::call::Answer;
use crate::endpoint::Endpoint;
use crate::error::CallError;
use crate::fields::{self, Fields};
use crate::frame::{Encoding, Messages};
use crate::orphan::CallStream;
use crate::peer_settings::PeerSettings;
use crate::status;
use crate::timeout::TimeoutHeader;

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");
const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/grpc");
const ACCEPT_ENCODING: HeaderValue = HeaderValue::from_static("identity,gzip");

/// Received bytes that are given back to the peer's window in one go. Answers below it never touch the window: it is given
/// back when the stream is dropped.
const RELEASE: usize = 256 << 10;
/// Informational responses (1xx) that may come before a response. No gRPC server sends any.
const MAX_INFORMATIONAL: u32 = 64;
/// A response is awaited this many times before informational responses are counted: a usual one comes with the second time.
const UNCOUNTED_POLLS: u32 = 4;
/// What RFC 9113 section 6.5.2 adds to the name and value of each field of a header list.
const FIELD_OVERHEAD: usize = 32;

/// What the head of a request says beyond what every call says.
pub(crate) struct HeadParts {
    pub(crate) path: PathAndQuery,
    pub(crate) metadata: HeaderMap,
    pub(crate) deadline: Option<Instant>,
}

/// A request's head for one endpoint.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) request: Request<()>,
    /// The size of its header list in bytes, uncompressed, pseudo-header fields included, as RFC 9113 section 6.5.2 defines it.
    pub(crate) list_size: usize,
}

/// A request on its way to a connection.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// `None` once it was sent.
    pub(crate) head: Option<Head>,
    /// The connection that it was sent on.
    pub(crate) sent_on: Option<Arc<PeerSettings>>,
}

impl Outgoing {
    pub(crate) fn new(head: Head) -> Self {
        Self { head: Some(head), sent_on: None }
    }
}

/// Makes the request's head for one endpoint.
pub(crate) fn head(parts: HeadParts, endpoint: &Endpoint, timeout: &TimeoutHeader, now: Instant) -> Head {
    let HeadParts { path, metadata: mut headers, deadline } = parts;
    headers.insert(header::TE, TRAILERS);
    headers.insert(header::CONTENT_TYPE, CONTENT_TYPE);
    headers.insert(GRPC_ACCEPT_ENCODING, ACCEPT_ENCODING);
    if let Some(deadline) = deadline {
        headers.insert(GRPC_TIMEOUT, timeout.value(deadline.saturating_duration_since(now)));
    }
    let list_size = list_size(&headers) + pseudo_size(endpoint, &path);
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
    Head { request, list_size }
}

/// The size of these fields in a header list.
fn list_size(headers: &HeaderMap) -> usize {
    let size =
        |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + FIELD_OVERHEAD;
    headers.iter().map(size).sum()
}

/// The size of the four pseudo-header fields of a request.
fn pseudo_size(endpoint: &Endpoint, path: &PathAndQuery) -> usize {
    const NAMES: usize = ":method".len() + ":scheme".len() + ":authority".len() + ":path".len();
    let values =
        [Method::POST.as_str(), endpoint.scheme.as_str(), endpoint.authority.as_str(), path.as_str()];
    values.iter().map(|value| value.len() + FIELD_OVERHEAD).sum::<usize>() + NAMES
}

/// A response whose head has not come.
#[derive(Debug)]
pub(crate) struct PendingHead {
    response: ResponseFuture,
    polls: u32,
    informational: u32,
}

impl PendingHead {
    pub(crate) fn new(response: ResponseFuture) -> Self {
        Self { response, polls: 0, informational: 0 }
    }

    /// Waits for the head, past informational responses. A peer that sends those without end loses the connection.
    pub(crate) async fn read(&mut self, peer: &PeerSettings) -> Result<Response<RecvStream>, CallError> {
        poll_fn(|cx| self.poll(peer, cx)).await
    }

    /// The same, for one turn. After such a peer was found, it fails each time.
    pub(crate) fn poll(
        &mut self,
        peer: &PeerSettings,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response<RecvStream>, CallError>> {
        self.polls = self.polls.saturating_add(1);
        // `h2` drops the informational responses that nothing asked for.
        while self.polls > UNCOUNTED_POLLS && self.informational <= MAX_INFORMATIONAL {
            let Poll::Ready(Some(skipped)) = self.response.poll_informational(cx) else { break };
            skipped?;
            self.informational += 1;
        }
        if self.informational > MAX_INFORMATIONAL {
            // Dropping the stream wakes the connection.
            peer.end_connection();
            let error = format!("more than {MAX_INFORMATIONAL} informational responses (1xx)");
            return Poll::Ready(Err(CallError::Protocol(error.into())));
        }
        Pin::new(&mut self.response).poll(cx).map_err(CallError::from)
    }
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
    if let Some(status) = fields.status()? {
        // Trailers-only: the head is the trailers.
        ends_after_status(stream.body()?).await?;
        stream.end();
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
        return Err(CallError::without_status(head.status));
    }
    // They hold the message's room until the answer is complete.
    let mut messages = messages(fields.encoding());
    let message = read_message(stream.body()?, &mut messages).await?;
    let body = stream.body()?;
    let trailers = poll_fn(|cx| body.poll_trailers(cx)).await?.unwrap_or_default();
    stream.end();
    let fields = Fields::of(&trailers);
    let Some(status) = fields.status()? else {
        return Err(CallError::without_status(head.status));
    };
    let trailers = if fields.is_large() { fields::trimmed(trailers) } else { trailers };
    match (message, status.is_ok()) {
        (Some(message), true) => Ok(answer(head.headers, message, trailers, status)),
        (None, true) => Err(CallError::NoMessage),
        (_, false) => Ok(answer(head.headers, Bytes::new(), trailers, status)),
    }
}

/// Checks that nothing follows a head that has the status. Servers that end the stream by a frame of its own are common.
pub(crate) async fn ends_after_status(body: &mut RecvStream) -> Result<(), CallError> {
    while !body.is_end_stream() {
        match data(body).await {
            Ok(Some(chunk)) if chunk.is_empty() => {}
            Ok(Some(_)) => return Err(CallError::Protocol("a message after the status".into())),
            Ok(None) => {
                let trailers = poll_fn(|cx| body.poll_trailers(cx)).await?.unwrap_or_default();
                return match Fields::of(&trailers).status()? {
                    Some(_) => Err(CallError::Protocol(status::REPEATED.into())),
                    None => Ok(()),
                };
            }
            // The status came before the stream broke.
            Err(_) => return Ok(()),
        }
    }
    Ok(())
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
