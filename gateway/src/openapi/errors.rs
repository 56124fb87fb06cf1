//! Error answers: their schema in the configured shape, and the responses that operations refer to.

use serde_json::{Value, json};
use transcode::{EncodeError, Violation};

use super::reference;
use crate::proxy::code::Code;
use crate::proxy::failure::{Failure, Reason};
use crate::route::ErrorFormat;

/// The id of the request in examples.
const REQUEST_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A response of every operation, or of those that need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Response {
    BadRequest,
    Unauthenticated,
    PermissionDenied,
    TooLarge,
    UnsupportedMediaType,
    TooManyRequests,
    Unavailable,
    DeadlineExceeded,
    Error,
}

impl Response {
    const ALL: [Self; 9] = [
        Self::BadRequest,
        Self::Unauthenticated,
        Self::PermissionDenied,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::TooManyRequests,
        Self::Unavailable,
        Self::DeadlineExceeded,
        Self::Error,
    ];

    /// The key among an operation's responses, the name among the components, and what it means.
    fn say(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::BadRequest => {
                ("400", "BadRequest", "Path, query or body do not fit; the details name every field.")
            }
            Self::Unauthenticated => (
                "401",
                "Unauthenticated",
                "No token or key was shown; `WWW-Authenticate` says what is needed.",
            ),
            Self::PermissionDenied => {
                ("403", "PermissionDenied", "The token or key is not good, or does not allow this.")
            }
            Self::TooLarge => ("413", "BodyTooLarge", "The body is too large."),
            Self::UnsupportedMediaType => {
                ("415", "UnsupportedMediaType", "The body is not JSON, or its encoding is not understood.")
            }
            Self::TooManyRequests => {
                ("429", "TooManyRequests", "The caller is too fast; `Retry-After` says when to come back.")
            }
            Self::Unavailable => {
                ("503", "Unavailable", "The service cannot be reached, or has too much to do.")
            }
            Self::DeadlineExceeded => ("504", "DeadlineExceeded", "The answer did not come in time."),
            Self::Error => ("default", "Error", "Any other error; the gRPC code decides the status."),
        }
    }

    /// A failure that is answered so.
    fn example(self) -> Failure {
        let new = |reason, message: &'static str| Failure::new(reason, message);
        match self {
            Self::BadRequest => EncodeError::from(Violation {
                field: "items[1].quantity".to_owned(),
                description: "expected int32, got \"two\"".to_owned(),
                line: 0,
                column: 0,
                reason: transcode::Reason::Type,
            })
            .into(),
            Self::Unauthenticated => new(Reason::AuthMissing, "the request has no credentials"),
            Self::PermissionDenied => new(Reason::AuthExpired, "the token has expired"),
            Self::TooLarge => Failure::body_too_large(4 << 20),
            Self::UnsupportedMediaType => Failure::unsupported_media_type("text/plain"),
            Self::TooManyRequests => new(Reason::RateLimited, "rate limit exceeded"),
            Self::Unavailable => new(Reason::NoHealthyUpstream, "the service is not healthy"),
            Self::DeadlineExceeded => new(Reason::DeadlineExceeded, "the service did not answer in time"),
            Self::Error => {
                let status =
                    upstream::Status { code: 5, message: "user not found".to_owned(), details: None };
                Failure::service(&status, None)
            }
        }
    }

    /// The entry among an operation's responses.
    pub(super) fn entry(self) -> (String, Value) {
        let (status, name, _) = self.say();
        (status.to_owned(), reference("responses", name))
    }
}

/// `components.responses`.
pub(super) fn responses(format: ErrorFormat, error: &str) -> Value {
    let media_type = match format {
        ErrorFormat::Simple | ErrorFormat::Google => "application/json",
        ErrorFormat::Problem => "application/problem+json",
    };
    let all = Response::ALL.into_iter().map(|response| {
        let (_, name, description) = response.say();
        let mut headers = json!({ "x-request-id": reference("headers", "RequestId") });
        let retry_after = matches!(response, Response::TooManyRequests | Response::Unavailable);
        if let Some(headers) = headers.as_object_mut().filter(|_| retry_after) {
            headers.insert("retry-after".to_owned(), reference("headers", "RetryAfter"));
        }
        let example = response.example().body(format, REQUEST_ID);
        let example: Value = serde_json::from_slice(&example).unwrap_or_default();
        let body = json!({
            "description": description,
            "headers": headers,
            "content": { media_type: { "schema": reference("schemas", error), "example": example } },
        });
        (name.to_owned(), body)
    });
    all.collect::<serde_json::Map<_, _>>().into()
}

/// `components.headers`.
pub(super) fn headers() -> Value {
    json!({
        "RequestId": {
            "description": "The request in the logs: what the client sent as this header, or made for it.",
            "schema": { "type": "string" },
        },
        "RetryAfter": { "description": "Seconds to wait.", "schema": { "type": "integer", "minimum": 0 } },
    })
}

/// The body of an error answer.
pub(super) fn schema(format: ErrorFormat) -> Value {
    let codes: Vec<&str> = (1..17).map(|number| Code::from_number(number).name()).collect();
    let reasons: Vec<&str> = Reason::ALL.iter().map(|reason| reason.name()).collect();
    let code = json!({ "type": "string", "description": "The gRPC code.", "enum": codes });
    let reason = json!({ "type": "string", "description": "Why the gateway itself refused or failed the request.", "enum": reasons });
    let request_id = json!({ "type": "string", "description": "As in `x-request-id`." });
    let details = json!({
        "type": "array",
        "description": "google.rpc error details, such as BadRequest with its violations.",
        "items": { "type": "object", "properties": { "@type": { "type": "string" } }, "required": ["@type"], "additionalProperties": true },
    });
    let misses = json!({ "type": "array", "description": "Routes that nearly took the request; in development.", "items": { "type": "string" } });
    match format {
        ErrorFormat::Simple => json!({
            "type": "object",
            "description": "An error.",
            "properties": {
                "error": { "type": "string", "description": "What went wrong, for people." },
                "code": code,
                "requestId": request_id,
                "reason": reason,
                "details": details,
                "nearMisses": misses,
            },
            "required": ["error", "code", "requestId"],
        }),
        ErrorFormat::Google => json!({
            "type": "object",
            "description": "An error (google.rpc.Status).",
            "properties": {
                "code": { "type": "integer", "format": "int32", "description": "The gRPC code.", "minimum": 1, "maximum": 16 },
                "message": { "type": "string", "description": "What went wrong, for people." },
                "details": details,
            },
            "required": ["code", "message", "details"],
        }),
        ErrorFormat::Problem => json!({
            "type": "object",
            "description": "An error (RFC 9457).",
            "properties": {
                "type": { "type": "string", "format": "uri-reference", "description": "The kind of problem." },
                "title": { "type": "string", "description": "The HTTP status in words." },
                "status": { "type": "integer", "description": "The HTTP status.", "minimum": 400, "maximum": 599 },
                "detail": { "type": "string", "description": "What went wrong, for people." },
                "code": code,
                "requestId": request_id,
                "reason": reason,
                "details": details,
                "nearMisses": misses,
            },
            "required": ["type", "title", "status", "detail", "code", "requestId"],
        }),
    }
}
