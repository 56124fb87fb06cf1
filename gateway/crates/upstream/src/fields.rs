//! The fields of an answer's head, or of its trailers, that gRPC gives a meaning, found in one look at all of them.
//!
//! Asking a map for a name hashes it, letter by letter, and an answer has few fields.

use http::{HeaderMap, HeaderValue, StatusCode};

use crate::call::Status;
use crate::error::CallError;
use crate::frame::Encoding;
use crate::status;

/// Bytes of values above which a head or trailers are large: what HTTP servers and clients accept at most.
pub(crate) const LARGE: usize = 64 << 10;
/// Values that large trailers keep.
const KEPT: usize = 8 << 10;

/// Takes the long values out of large trailers, and all of them if many short ones are left: they would not fit into a response to
/// a client. The status has been read from them before.
pub(crate) fn trimmed(mut headers: HeaderMap) -> HeaderMap {
    if !Fields::of(&headers).is_large() {
        return headers;
    }
    let long: Vec<_> =
        headers.iter().filter(|(_, value)| value.len() > KEPT).map(|(name, _)| name.clone()).collect();
    for name in long {
        headers.remove(name);
    }
    if Fields::of(&headers).is_large() {
        headers.clear();
    }
    headers
}

/// What was found; of repeated fields the first, except for the status, which must not be repeated.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Fields<'a> {
    content_type: Option<&'a HeaderValue>,
    encoding: Option<&'a HeaderValue>,
    status: Option<&'a HeaderValue>,
    is_status_repeated: bool,
    message: Option<&'a HeaderValue>,
    details: Option<&'a HeaderValue>,
    /// Bytes of all values.
    size: usize,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(headers: &'a HeaderMap) -> Self {
        let mut fields = Self::default();
        for (name, value) in headers {
            fields.size += value.len();
            let field = match name.as_str() {
                "content-type" => &mut fields.content_type,
                "grpc-encoding" => &mut fields.encoding,
                "grpc-status" => {
                    fields.is_status_repeated = fields.status.is_some();
                    &mut fields.status
                }
                "grpc-message" => &mut fields.message,
                "grpc-status-details-bin" => &mut fields.details,
                _ => continue,
            };
            field.get_or_insert(value);
        }
        fields
    }

    /// Returns the status, if there is one. Fails if there are several, even equal ones: which one counts would depend on who
    /// reads them.
    pub(crate) fn status(&self) -> Result<Option<Status>, CallError> {
        if self.is_status_repeated {
            return Err(CallError::Protocol(status::REPEATED.into()));
        }
        Ok(self.status.map(|code| status::read(code, self.message, self.details)))
    }

    /// Whether the fields are more than a response usually has, so that the long ones must not be kept.
    pub(crate) fn is_large(&self) -> bool {
        self.size > LARGE
    }

    /// Whether an answer with this head is one of gRPC.
    pub(crate) fn is_grpc(&self, http: StatusCode) -> bool {
        let is_grpc = |value: &HeaderValue| value.as_bytes().starts_with(b"application/grpc");
        http == StatusCode::OK && self.content_type.is_some_and(is_grpc)
    }

    /// How messages behind this head are compressed.
    pub(crate) fn encoding(&self) -> Encoding {
        Encoding::named(self.encoding)
    }
}
