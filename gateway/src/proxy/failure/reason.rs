//! The closed list of reasons for which the gateway itself refuses or fails a request.

use std::borrow::Cow;
use std::time::Duration;

use http::StatusCode;
use upstream::{CallError, Limit, NoEndpoint};

use super::Failure;
use crate::policy;
use crate::proxy::code::Code;

/// Declares the reasons once: variant, name, gRPC code, HTTP status, and what the reference says of it.
macro_rules! reasons {
    ($($variant:ident = $name:literal, $code:ident, $status:literal, $about:literal;)*) => {
        /// Why the gateway refused or failed a request. Each has a section in `docs/reference/errors.md`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason {
            $(#[doc = $about] $variant,)*
        }

        impl Reason {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its stable name, as clients, logs and metrics see it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it means, in a sentence.
            pub const fn about(self) -> &'static str {
                match self { $(Self::$variant => $about,)* }
            }

            /// The gRPC code and the HTTP status that go with it.
            pub const fn answer(self) -> (Code, StatusCode) {
                match self {
                    $(Self::$variant => (Code::$code, match StatusCode::from_u16($status) {
                        Ok(status) => status,
                        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
                    }),)*
                }
            }
        }
    };
}

reasons! {
    RouteNotFound = "ROUTE_NOT_FOUND", NOT_FOUND, 404, "No route takes this path.";
    MethodNotAllowed = "METHOD_NOT_ALLOWED", UNIMPLEMENTED, 405, "The path exists under other methods, which `Allow` lists.";
    BadPath = "BAD_PATH", INVALID_ARGUMENT, 400, "The path has a malformed escape, invalid UTF-8, a dot segment, or too many segments.";
    BadHead = "BAD_HEAD", INVALID_ARGUMENT, 400, "The request's head is malformed or ambiguous: it can be read in two ways, has not exactly one Host, has `content-type`, `authorization` or `grpc-timeout` with two values, or (HTTP/2) a `host` that differs from `:authority` or a value that begins or ends with a blank.";
    UriTooLong = "URI_TOO_LONG", RESOURCE_EXHAUSTED, 414, "The request line is longer than `limits.headers`.";
    HeadersTooLarge = "HEADERS_TOO_LARGE", RESOURCE_EXHAUSTED, 431, "The headers are larger than `limits.headers`, or more than 100 over HTTP/1.1.";
    MetadataTooLarge = "METADATA_TOO_LARGE", RESOURCE_EXHAUSTED, 431, "The headers that go to the service are larger than `max_metadata` of the upstream, or than the endpoint accepts.";
    InvalidRequest = "INVALID_REQUEST", INVALID_ARGUMENT, 400, "Path, query or body do not fit the request message; `details` lists every violation.";
    UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE", INVALID_ARGUMENT, 415, "The body's content-type is not JSON.";
    UnsupportedEncoding = "UNSUPPORTED_ENCODING", INVALID_ARGUMENT, 415, "The body's content-encoding is not understood.";
    BodyTooLarge = "BODY_TOO_LARGE", RESOURCE_EXHAUSTED, 413, "The body is larger than `limits.body`, or announces that by `content-length` or the size of a chunk.";
    MessageTooLarge = "MESSAGE_TOO_LARGE", RESOURCE_EXHAUSTED, 413, "The request message is larger than `max_message` of the upstream, or than the endpoint accepts.";
    BodyTimeout = "BODY_TIMEOUT", DEADLINE_EXCEEDED, 408, "The client stopped sending its body, or sends it too slowly.";
    BodyUnreadable = "BODY_UNREADABLE", INVALID_ARGUMENT, 400, "The body broke off, is not framed as HTTP says, or is not what its content-encoding says.";
    Overloaded = "OVERLOADED", UNAVAILABLE, 503, "No room in `limits.requests` or `limits.buffers`, or the client has used its share (`limits.share`) of one of them.";
    AuthMissing = "AUTH_MISSING", UNAUTHENTICATED, 401, "The request shows no token and no key; `WWW-Authenticate` says what is needed.";
    AuthInvalid = "AUTH_INVALID", PERMISSION_DENIED, 403, "The token is malformed, forged, not for this service, or not valid yet.";
    AuthExpired = "AUTH_EXPIRED", PERMISSION_DENIED, 403, "The token was valid once.";
    AuthScope = "AUTH_SCOPE", PERMISSION_DENIED, 403, "The token is good, but does not grant a scope of the route.";
    AuthClaim = "AUTH_CLAIM", PERMISSION_DENIED, 403, "The token is good, but lacks a claim that the route fills a field from, or has one that cannot be sent upstream.";
    AuthUnavailable = "AUTH_UNAVAILABLE", UNAVAILABLE, 503, "The issuer's keys are not known: none could be fetched so far.";
    ApiKeyInvalid = "API_KEY_INVALID", PERMISSION_DENIED, 403, "No client has this API key.";
    RateLimited = "RATE_LIMITED", RESOURCE_EXHAUSTED, 429, "The caller is too fast; `Retry-After` says when to come back.";
    RateLimitUnavailable = "RATE_LIMIT_UNAVAILABLE", UNAVAILABLE, 503, "The rate-limit service cannot be asked, and `on_failure` is `deny`.";
    RateLimitInvalid = "RATE_LIMIT_INVALID", INTERNAL, 502, "The rate-limit service set a request header that cannot be sent upstream: its value is not printable ASCII, begins or ends with a blank, or is not base64 under a name in `-bin`.";
    ExternalDenied = "EXTERNAL_DENIED", PERMISSION_DENIED, 403, "The authorization service said no; the status may be one of its own.";
    ExternalUnavailable = "EXTERNAL_UNAVAILABLE", UNAVAILABLE, 503, "The authorization service cannot be asked, and `on_failure` is `deny`.";
    ExternalInvalid = "EXTERNAL_INVALID", INTERNAL, 502, "The authorization service set a header that cannot be sent upstream: its value is not printable ASCII, begins or ends with a blank, or is not base64 under a name in `-bin`.";
    DescriptorsUnavailable = "DESCRIPTORS_UNAVAILABLE", UNAVAILABLE, 503, "The service is not described: the server that describes it by reflection has not been reached since the gateway started, or what it has sent does not link.";
    NoHealthyUpstream = "NO_HEALTHY_UPSTREAM", UNAVAILABLE, 503, "No endpoint of the upstream can be asked.";
    UpstreamOverflow = "UPSTREAM_OVERFLOW", UNAVAILABLE, 503, "A circuit breaker limit of the upstream is reached.";
    UpstreamConnectFailed = "UPSTREAM_CONNECT_FAILED", UNAVAILABLE, 503, "No connection to an endpoint could be made.";
    UpstreamDisconnected = "UPSTREAM_DISCONNECTED", UNAVAILABLE, 503, "The connection broke before the answer was complete.";
    UpstreamDisconnectedTwice = "UPSTREAM_DISCONNECTED_TWICE", INTERNAL, 502, "The connection broke each of the two times that the request was sent, so it is not sent again.";
    UpstreamRefused = "UPSTREAM_REFUSED", UNAVAILABLE, 503, "The endpoint refused to take the call.";
    UpstreamReset = "UPSTREAM_RESET", INTERNAL, 502, "The endpoint reset the call.";
    UpstreamProtocolError = "UPSTREAM_PROTOCOL_ERROR", INTERNAL, 502, "What the endpoint answered is not gRPC.";
    UpstreamStatusMissing = "UPSTREAM_STATUS_MISSING", UNKNOWN, 502, "The endpoint's answer ended without a gRPC status.";
    DeadlineExceeded = "DEADLINE_EXCEEDED", DEADLINE_EXCEEDED, 504, "The answer did not come before the deadline of the route or the client.";
    ResponseTooLarge = "RESPONSE_TOO_LARGE", RESOURCE_EXHAUSTED, 502, "The answer is larger than `limits.response`.";
    ResponseTranscodeFailed = "RESPONSE_TRANSCODE_FAILED", INTERNAL, 502, "The answer is not the message that the descriptors declare.";
}

/// The same reasons, among those of everybody else.
pub(super) const fn of_refusal(reason: policy::Reason) -> Reason {
    match reason {
        policy::Reason::AuthMissing => Reason::AuthMissing,
        policy::Reason::AuthInvalid => Reason::AuthInvalid,
        policy::Reason::AuthExpired => Reason::AuthExpired,
        policy::Reason::AuthScope => Reason::AuthScope,
        policy::Reason::AuthClaim => Reason::AuthClaim,
        policy::Reason::AuthUnavailable => Reason::AuthUnavailable,
        policy::Reason::ApiKeyInvalid => Reason::ApiKeyInvalid,
        policy::Reason::RateLimited => Reason::RateLimited,
        policy::Reason::RateLimitUnavailable => Reason::RateLimitUnavailable,
        policy::Reason::RateLimitInvalid => Reason::RateLimitInvalid,
        policy::Reason::ExternalDenied => Reason::ExternalDenied,
        policy::Reason::ExternalUnavailable => Reason::ExternalUnavailable,
        policy::Reason::ExternalInvalid => Reason::ExternalInvalid,
    }
}

/// The failure behind a call that no service answered. Neither the text nor the code tells the client an address.
pub(super) fn of_call(error: &CallError) -> Failure {
    let (reason, message) = explain(error);
    let failure = Failure::new(reason, message);
    let failure = match error {
        // The endpoint's HTTP status says more than its missing gRPC status (the gRPC HTTP status mapping).
        CallError::MissingStatus { .. } | CallError::Reset(_) => failure.with_code(error.code()),
        _ => failure,
    };
    match error.retry_after() {
        Some(after) => failure.retry_after(after.max(Duration::from_secs(1))),
        None => failure,
    }
}

fn explain(error: &CallError) -> (Reason, Cow<'static, str>) {
    let (reason, message) = match error {
        CallError::NoEndpoint(NoEndpoint::Unhealthy) => {
            (Reason::NoHealthyUpstream, "the service is not healthy")
        }
        CallError::NoEndpoint(_) => (Reason::NoHealthyUpstream, "the service cannot be reached"),
        CallError::Overflow(Limit::Room) => (
            Reason::Overloaded,
            "there is no room for the answer in `limits.buffers`, or in the client's share of it",
        ),
        CallError::Overflow(_) => (Reason::UpstreamOverflow, "the service has too many requests at once"),
        CallError::Connect(_) => (Reason::UpstreamConnectFailed, "the service cannot be reached"),
        CallError::Disconnected(_) => {
            (Reason::UpstreamDisconnected, "the connection to the service broke before it answered")
        }
        CallError::GoAway(_) => {
            (Reason::UpstreamDisconnected, "the service ended the connection before it answered")
        }
        CallError::DisconnectedTwice => (
            Reason::UpstreamDisconnectedTwice,
            "the request was stopped: the connection to the service broke each of the two times that it was sent",
        ),
        CallError::MetadataTooLarge { size, limit } => {
            let message = format!(
                "the headers take {size} bytes on the way to the service, more than the limit of {limit} bytes"
            );
            return (Reason::MetadataTooLarge, message.into());
        }
        CallError::MetadataRejected => {
            (Reason::MetadataTooLarge, "the headers are larger than the service accepts")
        }
        CallError::MessageTooLarge { limit } => {
            let message = format!("the request message is larger than the limit of {limit} bytes");
            return (Reason::MessageTooLarge, message.into());
        }
        CallError::MessageRejected => {
            (Reason::MessageTooLarge, "the request message is larger than the service accepts")
        }
        CallError::Refused => (Reason::UpstreamRefused, "the service refused the call"),
        CallError::Reset(_) => (Reason::UpstreamReset, "the service broke off the call"),
        CallError::MissingStatus { .. } => {
            (Reason::UpstreamStatusMissing, "the service's answer has no status")
        }
        CallError::Deadline => (Reason::DeadlineExceeded, "the service did not answer in time"),
        CallError::TooLarge { .. } => (Reason::ResponseTooLarge, "the service's answer is too large"),
        CallError::Protocol(_)
        | CallError::Encoding(_)
        | CallError::Decompress
        | CallError::Truncated
        | CallError::TooManyMessages
        | CallError::NoMessage => (Reason::UpstreamProtocolError, "the service's answer is not valid gRPC"),
    };
    (reason, message.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_of_policies_keep_their_name_and_answer() {
        for refused in policy::Reason::ALL {
            let reason = of_refusal(refused);
            let (code, status) = reason.answer();
            assert_eq!((reason.name(), status), (refused.name(), refused.status()));
            assert_eq!(u32::from(code.number()), refused.code(), "{}", refused.name());
        }
    }

    #[test]
    fn the_reference_describes_every_reason_and_no_other() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/errors.md");
        let text = std::fs::read_to_string(path).unwrap();
        let described: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
        let declared: Vec<&str> = Reason::ALL.iter().map(|reason| reason.name()).collect();
        assert_eq!(
            described, declared,
            "docs/reference/errors.md lists the reasons in the order of the enum"
        );
        for reason in Reason::ALL {
            assert!(text.contains(reason.about()), "docs/reference/errors.md: {}", reason.name());
            let status = reason.answer().1.as_u16().to_string();
            assert!(text.contains(&format!("| `{}` | {status} |", reason.name())), "{}", reason.name());
        }
    }

    #[test]
    fn the_troubleshooting_guide_has_a_row_for_every_reason() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/guides/troubleshooting.md");
        let text = std::fs::read_to_string(path).unwrap();
        let mut described: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
        let mut declared: Vec<&str> = Reason::ALL.iter().map(|reason| reason.name()).collect();
        described.sort_unstable();
        declared.sort_unstable();
        assert_eq!(described, declared);
    }
}
