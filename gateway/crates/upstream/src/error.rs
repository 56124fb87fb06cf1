//! Why a call has no answer, or an upstream cannot start: closed enums, each variant with its flag, code and retry verdict.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use thiserror::Error;

use crate::code;
use crate::connection::is_ping_complaint;

/// A call that no service answered. What a service itself says, good or bad, is an [`crate::Answer`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CallError {
    /// There is no endpoint that could be asked.
    #[error("no healthy endpoint: {0}")]
    NoEndpoint(NoEndpoint),
    /// A circuit breaker is open.
    #[error("the limit of {0} is reached")]
    Overflow(Limit),
    /// A connection could not be made.
    #[error("cannot connect: {0}")]
    Connect(Arc<str>),
    /// Time ran out.
    #[error("the deadline passed before an answer came")]
    Deadline,
    /// The endpoint said that it did not process the call (a refused stream, or one past its GOAWAY).
    #[error("the endpoint refused the stream")]
    Refused,
    /// The endpoint ended the connection with an error (GOAWAY), and promised that it did not process the call.
    #[error("the endpoint ended the connection: {0}")]
    GoAway(Arc<str>),
    /// Both connections that the call was sent on broke before a response came. The call is not sent again.
    #[error("the connection broke each of the two times that the call was sent")]
    DisconnectedTwice,
    /// The metadata is larger than the spec's limit, or than the endpoint announced (SETTINGS_MAX_HEADER_LIST_SIZE). Nothing was
    /// sent.
    #[error("the metadata has {size} bytes; the limit is {limit}")]
    MetadataTooLarge {
        /// The size of the header list, in bytes as RFC 9113 section 6.5.2 counts them.
        size: usize,
        /// The limit, in the same bytes.
        limit: usize,
    },
    /// The endpoint rejected the metadata as too large (HTTP status 431).
    #[error("the endpoint rejected the metadata as too large (HTTP 431)")]
    MetadataRejected,
    /// The request message is larger than the spec's limit. Nothing was sent.
    #[error("the message is larger than {limit} bytes")]
    MessageTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The endpoint rejected the request message as too large (HTTP status 413).
    #[error("the endpoint rejected the message as too large (HTTP 413)")]
    MessageRejected,
    /// The endpoint reset the stream; the HTTP/2 error code.
    #[error("the endpoint reset the stream ({})", reset_name(*.0))]
    Reset(u32),
    /// The connection broke under the call.
    #[error("the connection broke: {0}")]
    Disconnected(Arc<str>),
    /// What came is not HTTP/2, or not gRPC over it.
    #[error("the endpoint broke the protocol: {0}")]
    Protocol(Arc<str>),
    /// An answer that ended without a gRPC status; its HTTP status.
    #[error("the answer has no grpc-status (HTTP {http})")]
    MissingStatus {
        /// The HTTP status that came instead.
        http: u16,
    },
    /// A message beyond the limit, before or after decompression.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// A message in an encoding that was not offered.
    #[error("the answer is compressed in `{0}`, which was not offered")]
    Encoding(Arc<str>),
    /// A compressed message that does not decompress.
    #[error("the answer does not decompress")]
    Decompress,
    /// The stream ended within a message.
    #[error("the answer ends within a message")]
    Truncated,
    /// A unary call answered by more than one message.
    #[error("a unary call was answered by more than one message")]
    TooManyMessages,
    /// A unary call answered OK without a message.
    #[error("a unary call was answered OK without a message")]
    NoMessage,
}

/// Why no endpoint could be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoEndpoint {
    /// The names have no addresses (yet).
    #[error("no name resolves")]
    Unresolved,
    /// None accepts connections.
    #[error("none can be reached")]
    Unreachable,
    /// They can be reached, but their health checks fail.
    #[error("none is serving")]
    Unhealthy,
    /// The upstream is being shut down.
    #[error("the upstream is stopped")]
    Stopped,
}

/// A limit of the circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Limit {
    /// `max_requests`
    #[error("requests under way")]
    Requests,
    /// `max_pending`
    #[error("requests that wait for a connection")]
    Pending,
    /// Bytes of answers that are held.
    #[error("bytes of answers")]
    Room,
}

/// Whether a failed try may be followed by another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The call was certainly not processed: any call may be tried again.
    Safe,
    /// It may have been processed: idempotent calls only.
    IfIdempotent,
    /// Another try would end the same way, or do harm.
    Never,
}

impl CallError {
    /// Every flag that [`CallError::flag`] returns.
    pub const FLAGS: [&'static str; 23] = [
        "NO_ENDPOINT",
        "OVERFLOW_REQUESTS",
        "OVERFLOW_PENDING",
        "CONNECT_FAILED",
        "DEADLINE",
        "REFUSED",
        "RESET",
        "DISCONNECTED",
        "PROTOCOL",
        "MISSING_STATUS",
        "RESPONSE_TOO_LARGE",
        "UNKNOWN_ENCODING",
        "DECOMPRESS_FAILED",
        "TRUNCATED",
        "TOO_MANY_MESSAGES",
        "NO_MESSAGE",
        "OVERFLOW_ROOM",
        "GOAWAY",
        "DISCONNECTED_TWICE",
        "METADATA_TOO_LARGE",
        "METADATA_REJECTED",
        "MESSAGE_TOO_LARGE",
        "MESSAGE_REJECTED",
    ];

    /// A short stable name for logs and metrics.
    pub fn flag(&self) -> &'static str {
        Self::FLAGS.get(self.index()).copied().unwrap_or("UNKNOWN")
    }

    /// The flag's place in [`CallError::FLAGS`].
    pub(crate) fn index(&self) -> usize {
        match self {
            Self::NoEndpoint(_) => 0,
            Self::Overflow(Limit::Requests) => 1,
            Self::Overflow(Limit::Pending) => 2,
            Self::Connect(_) => 3,
            Self::Deadline => 4,
            Self::Refused => 5,
            Self::Reset(_) => 6,
            Self::Disconnected(_) => 7,
            Self::Protocol(_) => 8,
            Self::MissingStatus { .. } => 9,
            Self::TooLarge { .. } => 10,
            Self::Encoding(_) => 11,
            Self::Decompress => 12,
            Self::Truncated => 13,
            Self::TooManyMessages => 14,
            Self::NoMessage => 15,
            Self::Overflow(Limit::Room) => 16,
            Self::GoAway(_) => 17,
            Self::DisconnectedTwice => 18,
            Self::MetadataTooLarge { .. } => 19,
            Self::MetadataRejected => 20,
            Self::MessageTooLarge { .. } => 21,
            Self::MessageRejected => 22,
        }
    }

    /// The gRPC code that the failure amounts to.
    pub fn code(&self) -> u32 {
        match self {
            Self::NoEndpoint(_)
            | Self::Overflow(_)
            | Self::Connect(_)
            | Self::Refused
            | Self::GoAway(_)
            | Self::Disconnected(_) => code::UNAVAILABLE,
            Self::Deadline => code::DEADLINE_EXCEEDED,
            Self::Reset(reason) => reset_code(*reason),
            Self::MissingStatus { http } => code::from_http(*http),
            Self::TooLarge { .. }
            | Self::MetadataTooLarge { .. }
            | Self::MetadataRejected
            | Self::MessageTooLarge { .. }
            | Self::MessageRejected => code::RESOURCE_EXHAUSTED,
            Self::DisconnectedTwice
            | Self::Protocol(_)
            | Self::Encoding(_)
            | Self::Decompress
            | Self::Truncated
            | Self::TooManyMessages
            | Self::NoMessage => code::INTERNAL,
        }
    }

    /// Whether another try is sensible, apart from the codes that the spec lists.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Connect(_) | Self::Refused | Self::GoAway(_) => Verdict::Safe,
            Self::Reset(_) | Self::Disconnected(_) | Self::MissingStatus { .. } | Self::Deadline => {
                Verdict::IfIdempotent
            }
            // There is nobody to ask, or asking more is what the breaker forbids.
            Self::NoEndpoint(_) | Self::Overflow(_) => Verdict::Never,
            // The request itself is too large, or breaks connections.
            Self::MetadataTooLarge { .. }
            | Self::MetadataRejected
            | Self::MessageTooLarge { .. }
            | Self::MessageRejected
            | Self::DisconnectedTwice => Verdict::Never,
            // An endpoint that speaks wrongly does so again.
            Self::Protocol(_)
            | Self::TooLarge { .. }
            | Self::Encoding(_)
            | Self::Decompress
            | Self::Truncated
            | Self::TooManyMessages
            | Self::NoMessage => Verdict::Never,
        }
    }

    /// When it may be worth coming back, for `Retry-After`; `None` where waiting promises nothing.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::NoEndpoint(_)
            | Self::Overflow(_)
            | Self::Connect(_)
            | Self::Refused
            | Self::GoAway(_)
            | Self::Disconnected(_) => Some(Duration::from_secs(1)),
            Self::MissingStatus { http } if code::from_http(*http) == code::UNAVAILABLE => {
                Some(Duration::from_secs(1))
            }
            _ => None,
        }
    }

    /// Whether it speaks against the endpoint (outlier detection): our own limits and missing endpoints do not.
    pub(crate) fn blames_endpoint(&self) -> bool {
        !matches!(
            self,
            Self::NoEndpoint(_)
                | Self::Overflow(_)
                | Self::TooLarge { .. }
                | Self::Refused
                | Self::GoAway(_)
                | Self::MetadataTooLarge { .. }
                | Self::MetadataRejected
                | Self::MessageTooLarge { .. }
                | Self::MessageRejected
        )
    }

    /// The error of a response that has no gRPC status: what its HTTP status tells of the request, or that the status is
    /// missing.
    pub(crate) fn without_status(http: StatusCode) -> Self {
        match http {
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Self::MetadataRejected,
            StatusCode::PAYLOAD_TOO_LARGE => Self::MessageRejected,
            _ => Self::MissingStatus { http: http.as_u16() },
        }
    }
}

/// gRPC's mapping of HTTP/2 error codes to status codes (`PROTOCOL-HTTP2`, "Errors").
fn reset_code(reason: u32) -> u32 {
    match reason {
        7 => code::UNAVAILABLE,
        8 => code::CANCELLED,
        11 => code::RESOURCE_EXHAUSTED,
        12 => code::PERMISSION_DENIED,
        _ => code::INTERNAL,
    }
}

fn reset_name(reason: u32) -> &'static str {
    match reason {
        0 => "NO_ERROR",
        1 => "PROTOCOL_ERROR",
        2 => "INTERNAL_ERROR",
        3 => "FLOW_CONTROL_ERROR",
        4 => "SETTINGS_TIMEOUT",
        5 => "STREAM_CLOSED",
        6 => "FRAME_SIZE_ERROR",
        7 => "REFUSED_STREAM",
        8 => "CANCEL",
        9 => "COMPRESSION_ERROR",
        10 => "CONNECT_ERROR",
        11 => "ENHANCE_YOUR_CALM",
        12 => "INADEQUATE_SECURITY",
        13 => "HTTP_1_1_REQUIRED",
        _ => "unknown code",
    }
}

/// What h2 says went wrong with a stream that was sent.
///
/// A GOAWAY *of the peer* reaches only streams above its last-stream-id, those that it promises not to have processed; the
/// streams below go on, and see an I/O error should the connection end early.
impl From<h2::Error> for CallError {
    fn from(error: h2::Error) -> Self {
        if error.is_go_away() && error.is_remote() {
            let is_harmless = error.reason() == Some(h2::Reason::NO_ERROR) || is_ping_complaint(&error);
            return if is_harmless { Self::Refused } else { Self::GoAway(error.to_string().into()) };
        }
        if let Some(io) = error.get_io() {
            return Self::Disconnected(io.to_string().into());
        }
        match error.reason() {
            Some(h2::Reason::REFUSED_STREAM) if error.is_remote() => Self::Refused,
            Some(reason) if error.is_reset() && error.is_remote() => Self::Reset(reason.into()),
            _ => Self::Protocol(error.to_string().into()),
        }
    }
}

/// Why an upstream cannot be started.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StartError {
    /// The list of addresses is empty.
    #[error("upstream `{0}` has no address")]
    NoAddress(String),
    /// Nothing would run its tasks.
    #[error("upstream `{0}` must be started within a tokio runtime")]
    NoRuntime(String),
    /// Its certificates or names are unusable.
    #[error("upstream `{name}`: {error}")]
    Tls {
        /// The upstream.
        name: String,
        /// What is wrong.
        error: TlsError,
    },
}

/// What is wrong with the TLS settings.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TlsError {
    /// A PEM file has nothing of the kind in it, or does not parse.
    #[error("{file}: {message}")]
    Pem {
        /// `ca`, `certificate` or `key`.
        file: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// The system trusts nobody.
    #[error("the system has no trusted root certificates; name a `ca`")]
    NoRoots,
    /// Not a name that a certificate could carry.
    #[error("`{0}` is not a server name; set `server_name`")]
    ServerName(String),
    /// Certificate and key are refused.
    #[error("the client certificate cannot be used: {0}")]
    Identity(String),
}
