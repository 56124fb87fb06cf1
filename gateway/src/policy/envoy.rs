//! Envoy's two gRPC APIs for decisions made elsewhere, as far as they are used: declared by field number, and called.
//!
//! Servers written for Envoy answer this gateway unchanged. Messages are those of `envoy.service.auth.v3` and
//! `envoy.service.ratelimit.v3`; fields that are not sent or not read are left out, as protobuf allows.

pub(super) mod auth;
pub(super) mod limit;

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue};
use prost::Message;
use upstream::{Call, Upstream, frame};

use super::headers::{self, Encoding};
use super::request::Request;
use crate::telemetry::request_id::X_REQUEST_ID;

/// The largest answer that is read.
const MAX_RESPONSE: usize = 1 << 20;
/// What follows a request through every service.
const PASSED_ON: [HeaderName; 2] =
    [HeaderName::from_static("traceparent"), HeaderName::from_static("tracestate")];

/// The longest value of those: what W3C Trace Context section 3.3.1.5 asks to be passed on at least.
const MAX_TRACE_HEADER: usize = 512;

/// `envoy.config.core.v3.HeaderValue`
#[derive(Clone, PartialEq, Message)]
pub(super) struct HeaderPair {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    #[prost(string, tag = "2")]
    pub(super) value: String,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) raw_value: Vec<u8>,
}

impl HeaderPair {
    /// Returns the pair as a header of a response; `None` if it cannot be one.
    pub(super) fn parse(&self) -> Option<(HeaderName, HeaderValue)> {
        let name = HeaderName::from_bytes(self.key.as_bytes()).ok()?;
        Some((name, HeaderValue::from_bytes(self.bytes()).ok()?))
    }

    fn bytes(&self) -> &[u8] {
        if self.raw_value.is_empty() { self.value.as_bytes() } else { &self.raw_value }
    }

    /// Returns the pair as metadata of the call; `None` for names that no service may set, such as `:path` and `grpc-*`.
    ///
    /// # Errors
    /// The name, if it is no header name or if metadata cannot carry its value.
    pub(super) fn metadata(&self, encoding: Encoding) -> Result<Option<(HeaderName, HeaderValue)>, &str> {
        let key = self.key.trim();
        if key.is_empty() || key.starts_with(':') {
            return Ok(None);
        }
        let name: HeaderName = key.parse().map_err(|_| key)?;
        if !headers::is_settable(&name) {
            return Ok(None);
        }
        let value = headers::service_value(&name, self.bytes(), encoding).ok_or(key)?;
        Ok(Some((name, value)))
    }
}

/// What one call is made of.
pub(super) struct Ask<'a> {
    pub(super) upstream: &'a Arc<Upstream>,
    /// `/package.Service/Method`
    pub(super) path: &'static str,
    pub(super) timeout: Duration,
    /// Whether asking twice does no harm.
    pub(super) idempotent: bool,
}

impl Ask<'_> {
    /// Asks once. The error says why there is no answer; it is for logs.
    pub(super) async fn send<Q: Message, A: Message + Default>(
        &self,
        request: &Request<'_>,
        question: &Q,
    ) -> Result<A, String> {
        let mut message = BytesMut::with_capacity(frame::PREFIX + question.encoded_len());
        message.put_slice(&frame::prefix(question.encoded_len()));
        question.encode(&mut message).map_err(|error| error.to_string())?;
        // One deadline, by tokio's clock: the upstream keeps it.
        let deadline = tokio::time::Instant::now() + self.timeout;
        let call = Call {
            metadata: metadata(request),
            idempotent: self.idempotent,
            worker: request.worker,
            max_response: MAX_RESPONSE,
            ..Call::new(PathAndQuery::from_static(self.path), message.freeze(), deadline)
        };
        let answer = self.upstream.unary(call).await.map_err(|error| error.to_string())?;
        if !answer.status.is_ok() {
            return Err(format!("status {}: {}", answer.status.code, answer.status.message));
        }
        A::decode(answer.message).map_err(|error| error.to_string())
    }
}

/// Whether a client's trace header can go with the call. One that is too large, or no ASCII, would make the call fail, and with
/// `on_failure: allow` that would be a way around the policy.
fn is_trace(value: &HeaderValue) -> bool {
    value.len() <= MAX_TRACE_HEADER && value.as_bytes().iter().all(|byte| (0x20..=0x7e).contains(byte))
}

fn metadata(request: &Request<'_>) -> HeaderMap {
    let mut metadata = HeaderMap::with_capacity(3);
    metadata.insert(X_REQUEST_ID, request.request_id.clone());
    for name in PASSED_ON {
        if let Some(value) = request.headers.get(&name).filter(|value| is_trace(value)) {
            metadata.insert(name, value.clone());
        }
    }
    request.trace.apply(&mut metadata);
    metadata
}
