//! The header fields that every request is asked for, found in one look at all that it has.
//!
//! A map of headers hashes each name that it is asked for, letter by letter, and most of these are not there.

use http::{HeaderMap, HeaderValue};

use crate::telemetry::trace::Sent;

/// What a request says in the fields that the gateway reads of every request. Of repeated ones the first counts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fields<'a> {
    /// `host`.
    pub host: Option<&'a HeaderValue>,
    /// How often there is one.
    pub hosts: usize,
    /// `x-request-id`.
    pub request_id: Option<&'a HeaderValue>,
    /// `content-type`.
    pub content_type: Option<&'a HeaderValue>,
    /// `content-encoding`.
    pub content_encoding: Option<&'a HeaderValue>,
    /// `grpc-timeout`.
    pub grpc_timeout: Option<&'a HeaderValue>,
    /// Whether there is a `connection`, which may name others that go no further.
    pub has_connection: bool,
    /// `traceparent` and `tracestate`.
    pub trace: Sent<'a>,
}

impl<'a> Fields<'a> {
    /// Looks for them.
    pub fn of(headers: &'a HeaderMap) -> Self {
        let mut fields = Self::default();
        for (name, value) in headers {
            match name.as_str() {
                "host" => {
                    fields.host.get_or_insert(value);
                    fields.hosts += 1;
                }
                "x-request-id" => _ = fields.request_id.get_or_insert(value),
                "content-type" => _ = fields.content_type.get_or_insert(value),
                "content-encoding" => _ = fields.content_encoding.get_or_insert(value),
                "grpc-timeout" => _ = fields.grpc_timeout.get_or_insert(value),
                "connection" => fields.has_connection = true,
                "traceparent" => fields.trace.add_parent(value),
                "tracestate" => fields.trace.has_state = true,
                _ => {}
            }
        }
        fields
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    #[test]
    fn the_first_of_each_is_found_and_the_rest_passed_over() {
        let sent = [
            ("host", "a"),
            ("accept", "*/*"),
            ("content-type", "text/plain"),
            ("host", "b"),
            ("x-request-id", "1"),
            ("x-request-ie", "0"),
            ("x-request-id", "2"),
            ("connection", "close"),
            ("tracestate", "x=y"),
        ];
        let headers: HeaderMap = sent
            .into_iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let fields = Fields::of(&headers);
        let text = |value: Option<&HeaderValue>| value.map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(text(fields.host).as_deref(), Some("a"));
        assert_eq!(fields.hosts, 2);
        assert_eq!(text(fields.content_type).as_deref(), Some("text/plain"));
        assert_eq!(text(fields.request_id).as_deref(), Some("1"));
        assert!(fields.content_encoding.is_none() && fields.grpc_timeout.is_none());
        assert!(fields.has_connection && fields.trace.has_state && fields.trace.parent.is_none());
    }
}
