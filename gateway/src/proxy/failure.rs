//! A request that did not succeed, and the answer that its client gets.
//!
//! The only place that turns an error into a status. Whoever made the error (router, limits, transcoder, upstream,
//! service), the client sees one shape, and never an upstream's address in what the gateway says.

mod reason;
mod shape;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use transcode::{DecodeError, EncodeError};
use upstream::{CallError, Codes};

use super::code::Code;
use crate::edge::{Body, Fault, Shortage};
use crate::policy::Refusal;
use crate::route::ErrorFormat;
use crate::telemetry::access::MAX_DETAIL;

pub use reason::Reason;

/// What a client may send to a route that takes JSON (RFC 9110 and the Accept-Post registration).
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");

/// What clients get instead of a service's message that is hidden.
const HIDDEN: &str = "the service returned an error";

/// A request that did not succeed.
#[derive(Debug)]
pub struct Failure {
    code: Code,
    status: StatusCode,
    reason: Option<Reason>,
    message: Cow<'static, str>,
    /// What the access record says instead of the message.
    record: Option<Box<str>>,
    /// The google.rpc error details, a JSON array.
    details: Option<String>,
    /// The routes that nearly took the request; only with `explain: true`.
    near_misses: Vec<String>,
    /// Headers beyond the usual: what to do about it.
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// What is wrong with a field that stands several times.
pub(super) fn torn_field(name: &str) -> String {
    format!("`{name}` stands several times, with different values")
}

impl Failure {
    /// A failure that the gateway itself made.
    pub fn new(reason: Reason, message: impl Into<Cow<'static, str>>) -> Self {
        let (code, status) = reason.answer();
        Self {
            code,
            status,
            reason: Some(reason),
            message: message.into(),
            record: None,
            details: None,
            near_misses: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// The body of the answer in this shape.
    pub fn body(&self, format: ErrorFormat, request_id: &str) -> Vec<u8> {
        shape::render(format, self, request_id)
    }

    /// No route takes this path.
    pub fn route_not_found() -> Self {
        Self::new(Reason::RouteNotFound, "no route matches this path")
    }

    /// A route takes the request, and its method is not described so far.
    pub fn undescribed() -> Self {
        Self::new(Reason::DescriptorsUnavailable, "the descriptors of the service are not available")
            .retry_after(Duration::from_secs(1))
    }

    /// The path exists, under these other methods.
    pub fn method_not_allowed(allowed: &str) -> Self {
        let message = format!("this path takes {allowed}");
        Self::new(Reason::MethodNotAllowed, message).with(ALLOW, allowed)
    }

    /// The path can't be routed at all.
    pub fn bad_path(error: &http_rule::PathError) -> Self {
        Self::new(Reason::BadPath, error.to_string())
    }

    /// The request does not name one host.
    pub fn bad_host(what: &'static str) -> Self {
        Self::new(Reason::BadHead, what).with(CONNECTION, "close")
    }

    /// The value of a field begins or ends with a blank.
    pub fn padded_field() -> Self {
        Self::new(Reason::BadHead, "a header value begins or ends with a blank")
    }

    /// A field that a request has once has several values.
    pub fn torn_field(name: &str) -> Self {
        Self::new(Reason::BadHead, torn_field(name))
    }

    /// The token is good, but what it says cannot fill a field of the request.
    pub fn claim_does_not_fit(claim: &str, field: &str) -> Self {
        let message = format!("the token's claim `{claim}` does not fit the field `{field}`");
        Self::new(Reason::AuthClaim, message)
    }

    /// The request has a body of a type that the route can't read.
    pub fn unsupported_media_type(got: &str) -> Self {
        let message = format!("content-type `{got}` is not understood here: send application/json");
        Self::new(Reason::UnsupportedMediaType, message)
            .with(ACCEPT_POST, "application/json")
            .with(ACCEPT, "application/json")
    }

    /// The request has a body in an encoding that is not undone.
    pub fn unsupported_encoding(got: &str) -> Self {
        let message = format!(
            "content-encoding `{got}` is not understood: send gzip, deflate, br or zstd, or no coding"
        );
        Self::new(Reason::UnsupportedEncoding, message)
            .with(http::header::ACCEPT_ENCODING, "gzip, deflate, br, zstd")
    }

    /// The request's body is not what its content-encoding says.
    pub fn body_not_encoded(coding: &str) -> Self {
        Self::new(
            Reason::BodyUnreadable,
            format!("the body is not valid {coding}, as its content-encoding says"),
        )
    }

    /// The request's body is larger than it may be.
    pub fn body_too_large(limit: usize) -> Self {
        // What is left of the body is not worth reading.
        Self::new(Reason::BodyTooLarge, format!("the body is larger than {limit} bytes"))
            .with(CONNECTION, "close")
    }

    /// The client stopped sending in the middle of its body.
    pub fn body_timeout() -> Self {
        Self::new(Reason::BodyTimeout, "the body did not arrive in time").with(CONNECTION, "close")
    }

    /// The body broke off, or was not HTTP.
    pub fn body_unreadable() -> Self {
        Self::new(Reason::BodyUnreadable, "the body broke off").with(CONNECTION, "close")
    }

    /// A limit of the gateway leaves no room for the request.
    pub fn overloaded(shortage: Shortage) -> Self {
        let message = match shortage {
            Shortage::Requests => "too many requests at once: `limits.requests` is reached",
            Shortage::RequestShare => {
                "too many requests of this client at once: its share (`limits.share`) of `limits.requests` is used"
            }
            Shortage::Pending => {
                "too many requests at once wait for their bodies: `limits.requests` is reached"
            }
            Shortage::PendingShare => {
                "too many requests of this client at once wait for their bodies: its share (`limits.share`) of \
                 `limits.requests` is used"
            }
            Shortage::Buffers => "too many bodies at once: `limits.buffers` is reached",
            Shortage::BufferShare => {
                "too many bodies of this client at once: its share (`limits.share`) of `limits.buffers` is used"
            }
        };
        Self::new(Reason::Overloaded, message).retry_after(Duration::from_secs(1))
    }

    /// The route has nobody to call.
    pub fn no_upstream() -> Self {
        Self::new(Reason::NoHealthyUpstream, "the service cannot be reached")
    }

    /// The service's message can't be told in JSON: not the client's fault.
    pub fn response_not_transcodable(error: &DecodeError) -> Self {
        tracing::warn!(%error, "an answer cannot be transcoded");
        Self::new(Reason::ResponseTranscodeFailed, "the service's answer cannot be read")
            .with_record(error.to_string())
    }

    /// Returns the failure behind a call that no service answered. `cause` tells why an upstream has no endpoint.
    pub fn of_call(error: &CallError, cause: impl FnOnce() -> Option<Arc<str>>) -> Self {
        let record = match error {
            CallError::NoEndpoint(_) => match cause() {
                Some(cause) => format!("{error}: {cause}"),
                None => error.to_string(),
            },
            _ => error.to_string(),
        };
        reason::of_call(error).with_record(record)
    }

    /// The service answered with an error of its own.
    ///
    /// `details` is the JSON array of its google.rpc error details.
    pub fn service(status: &upstream::Status, details: Option<String>) -> Self {
        let code = Code::from_number(status.code);
        let message = if status.message.is_empty() {
            Cow::Borrowed(code.name())
        } else {
            Cow::Owned(status.message.clone())
        };
        Self {
            code,
            status: code.http(),
            reason: None,
            message,
            // The code alone is in the record anyway.
            record: status.message.is_empty().then(Box::default),
            details,
            near_misses: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// Tells the client when to come back, in whole seconds.
    pub fn retry_after(mut self, after: Duration) -> Self {
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        self.headers.retain(|(name, _)| *name != RETRY_AFTER);
        self.headers.push((RETRY_AFTER, HeaderValue::from(seconds.max(1))));
        self
    }

    /// Has the access record say this instead of the message, which clients get.
    fn with_record(self, text: String) -> Self {
        Self { record: Some(text.into()), ..self }
    }

    /// What the access record says of the failure: the message, or what clients must not know.
    pub fn record(&self) -> &str {
        self.record.as_deref().unwrap_or(&self.message)
    }

    /// Replaces the message of a service, and drops its details, if its code is one of these.
    pub fn hide(self, codes: Codes) -> Self {
        if self.reason.is_some() || !codes.contains(self.code.number().into()) {
            return self;
        }
        Self { message: Cow::Borrowed(HIDDEN), details: None, ..self }
    }

    /// Drops the google.rpc.DebugInfo among the details of a service: stack traces are not for clients.
    pub fn without_debug_info(self) -> Self {
        let details = self.details.map(shape::without_debug_info);
        Self { details, ..self }
    }

    /// The same failure under a gRPC code, and its HTTP status, that the upstream's answer suggests.
    fn with_code(self, number: u32) -> Self {
        let code = Code::from_number(number);
        Self { code, status: code.http(), ..self }
    }

    fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// Headers that the client sees besides, such as a service's metadata.
    pub fn with_headers(mut self, headers: &HeaderMap) -> Self {
        let own: Vec<HeaderName> = self.headers.iter().map(|(name, _)| name.clone()).collect();
        let new = headers.iter().filter(|(name, _)| !own.contains(name));
        self.headers.extend(new.map(|(name, value)| (name.clone(), value.clone())));
        self
    }

    /// Whether the near misses help its client: the router, or the binding, refused the request.
    pub fn is_about_the_request(&self) -> bool {
        matches!(
            self.reason,
            Some(Reason::RouteNotFound | Reason::MethodNotAllowed | Reason::BadPath | Reason::InvalidRequest)
        )
    }

    /// Tells the client which routes nearly took its request: for development.
    pub fn with_near_misses(self, near_misses: Vec<String>) -> Self {
        Self { near_misses, ..self }
    }

    /// The gRPC code behind the answer.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The HTTP status of the answer.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// Why the gateway itself refused or failed the request; nothing when a service made the error.
    pub const fn reason(&self) -> Option<Reason> {
        self.reason
    }

    /// The short reason for logs and metrics; empty when a service made the error.
    pub fn flag(&self) -> &'static str {
        self.reason.map_or("", Reason::name)
    }

    /// The answer.
    pub fn into_response(self, format: ErrorFormat, request_id: &HeaderValue) -> Response<Body> {
        let body = shape::render(format, &self, request_id.to_str().unwrap_or_default());
        let mut response = Response::new(Body::full(Bytes::from(body)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.extend(self.headers);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(shape::content_type(format)));
        response
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Malformed(what) => Self::new(Reason::BadHead, what),
            Fault::PlainText => Self::new(Reason::BadHead, "this port speaks TLS: use https://"),
            Fault::TargetTooLong => Self::new(Reason::UriTooLong, "the request line is longer than may be"),
            Fault::HeadTooLarge => {
                Self::new(Reason::HeadersTooLarge, "the headers are larger than may be, or too many")
            }
        }
    }
}

impl From<EncodeError> for Failure {
    fn from(error: EncodeError) -> Self {
        Self {
            record: Some(shape::all_violations(&error.violations, MAX_DETAIL).into()),
            details: Some(shape::bad_request(&error.violations)),
            ..Self::new(Reason::InvalidRequest, shape::summary(&error.violations))
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let (reason, status, message, headers, record) = refusal.into_parts();
        let failure = Self { status, record, ..Self::new(reason::of_refusal(reason), message) };
        let failure = match status {
            StatusCode::UNAUTHORIZED => Self { code: Code::UNAUTHENTICATED, ..failure },
            _ => failure,
        };
        failure.with_headers(&headers)
    }
}
