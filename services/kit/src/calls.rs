//! A log line for every call: method, code, how long it took, request id, trace id.
//!
//! The layer also makes sure that every request has an id: a call that comes without `x-request-id` gets one, and
//! handlers hand it on.

use std::fmt::Write;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Frame, SizeHint};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

/// The metadata that names a request through all services.
pub const REQUEST_ID: &str = "x-request-id";
/// The metadata of W3C trace context.
pub const TRACEPARENT: &str = "traceparent";

/// Puts [`CallLog`] around a service.
#[derive(Debug, Clone, Default)]
pub struct CallLogLayer {
    ids: Arc<Ids>,
}

/// Logs the calls that go through it.
#[derive(Debug, Clone)]
pub struct CallLog<S> {
    inner: S,
    ids: Arc<Ids>,
}

impl<S> Layer<S> for CallLogLayer {
    type Service = CallLog<S>;

    fn layer(&self, inner: S) -> CallLog<S> {
        CallLog { inner, ids: Arc::clone(&self.ids) }
    }
}

impl<S> Service<Request<Body>> for CallLog<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let request_id = self.ids.of(request.headers_mut());
        let record = Record::begin(request.uri().path(), request_id, trace_of(request.headers()));
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            if let Some(code) = code_in(answer.headers()) {
                record.end(code);
                return Ok(answer);
            }
            Ok(answer.map(|body| Body::new(Recorded { body, record })))
        })
    }
}

/// Request ids of this process: hard to guess, never the same twice.
#[derive(Debug, Default)]
struct Ids {
    made: AtomicU64,
    key: RandomState,
}

impl Ids {
    /// The request's id, which it gets now if it came without.
    fn of(&self, headers: &mut HeaderMap) -> HeaderValue {
        if let Some(id) = headers.get(REQUEST_ID) {
            return id.clone();
        }
        let count = self.made.fetch_add(1, Ordering::Relaxed);
        let mut id = String::with_capacity(32);
        for half in [self.key.hash_one((count, 0)), self.key.hash_one((count, 1))] {
            if write!(id, "{half:016x}").is_err() {
                break;
            }
        }
        let id = HeaderValue::try_from(id).unwrap_or_else(|_| HeaderValue::from_static("none"));
        headers.insert(REQUEST_ID, id.clone());
        id
    }
}

/// The id of the trace that the caller is in, as its `traceparent` says.
fn trace_of(headers: &HeaderMap) -> Option<String> {
    let mut fields = headers.get(TRACEPARENT)?.to_str().ok()?.split('-');
    let (_version, id) = (fields.next()?, fields.next()?);
    (id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit())).then(|| id.to_owned())
}

/// One call, logged when it is dropped: after its last byte, or when the caller goes away.
struct Record {
    method: String,
    request_id: HeaderValue,
    trace: Option<String>,
    begun: Instant,
    code: Code,
}

impl Record {
    fn begin(path: &str, request_id: HeaderValue, trace: Option<String>) -> Self {
        let method = path.trim_start_matches('/').to_owned();
        Self { method, request_id, trace, begun: Instant::now(), code: Code::Cancelled }
    }

    fn end(mut self, code: Code) {
        self.code = code;
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let (method, code) = (&self.method, name_of(self.code));
        let took = self.begun.elapsed();
        let request_id = self.request_id.to_str().unwrap_or("-");
        let trace_id = self.trace.as_deref();
        match self.code {
            Code::Unknown | Code::Internal | Code::DataLoss => {
                tracing::error!(%method, %code, ?took, %request_id, trace_id, "call");
            }
            // Probes come every few seconds and say nothing new.
            _ if method.starts_with("grpc.health.") => {
                tracing::debug!(%method, %code, ?took, %request_id, trace_id, "call");
            }
            _ => tracing::info!(%method, %code, ?took, %request_id, trace_id, "call"),
        }
    }
}

/// A body whose trailers tell how the call ended.
struct Recorded {
    body: Body,
    record: Record,
}

impl http_body::Body for Recorded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(code) = frame.trailers_ref().and_then(code_in) {
                    self.record.code = code;
                }
            }
            Poll::Ready(Some(Err(status))) => self.record.code = status.code(),
            Poll::Ready(None) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn code_in(headers: &HeaderMap) -> Option<Code> {
    headers.get("grpc-status").map(|value| Code::from_bytes(value.as_bytes()))
}

/// The name of a code as gRPC writes it.
#[must_use]
pub fn name_of(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_keeps_its_id() {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_static("abc"));
        assert_eq!(Ids::default().of(&mut headers), "abc");
    }

    #[test]
    fn a_request_without_an_id_gets_one_of_its_own() {
        let ids = Ids::default();
        let (mut first, mut second) = (HeaderMap::new(), HeaderMap::new());
        let made = ids.of(&mut first);
        assert_eq!(made.len(), 32);
        assert_eq!(first.get(REQUEST_ID), Some(&made), "handlers see it");
        assert_ne!(made, ids.of(&mut second));
    }
}
