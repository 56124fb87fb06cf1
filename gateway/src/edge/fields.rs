//! The header fields that every request is asked for, found in one look at all that it has.
//!
//! A map of headers hashes each name that it is asked for, letter by letter, and most of these are not there.

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Version};

use crate::telemetry::trace::Sent;

/// What a request says in the fields that the gateway reads of every request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fields<'a> {
    /// `host`.
    pub host: Option<&'a HeaderValue>,
    /// How often there is one.
    pub hosts: usize,
    /// `x-request-id`; none when there are several that differ, for then none is the request's.
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
    /// A field that a request has once, and that stands here with several values: whoever reads one of them may read
    /// another one than those behind (RFC 9110 section 5.3).
    pub torn: Option<&'static str>,
    /// Whether the client is a program for terminals: its prompt comes right behind the body.
    pub is_terminal: bool,
}

impl<'a> Fields<'a> {
    /// Looks for them.
    pub fn of(headers: &'a HeaderMap) -> Self {
        let mut fields = Self::default();
        let (mut authorization, mut ids_agree) = (None, true);
        for (name, value) in headers {
            match name.as_str() {
                "host" => {
                    fields.host.get_or_insert(value);
                    fields.hosts += 1;
                }
                "x-request-id" => ids_agree &= agree(&mut fields.request_id, value),
                "content-type" if !agree(&mut fields.content_type, value) => {
                    fields.torn = Some("content-type")
                }
                "grpc-timeout" if !agree(&mut fields.grpc_timeout, value) => {
                    fields.torn = Some("grpc-timeout")
                }
                "authorization" if !agree(&mut authorization, value) => fields.torn = Some("authorization"),
                // A list, which is read whole where it is acted on.
                "content-encoding" => _ = fields.content_encoding.get_or_insert(value),
                "connection" => fields.has_connection = true,
                "user-agent" => fields.is_terminal = is_terminal(value.as_bytes()),
                "traceparent" => fields.trace.add_parent(value),
                "tracestate" => fields.trace.has_state = true,
                _ => {}
            }
        }
        fields.request_id = fields.request_id.filter(|_| ids_agree);
        fields
    }
}

/// Whether a value begins or ends with a blank, which HTTP/2 forbids (RFC 9113 section 8.2.1). Over HTTP/1.1 such blanks are
/// no part of the value, and are gone here.
pub fn has_padded_value(head: &Parts) -> bool {
    head.version == Version::HTTP_2 && head.headers.values().any(|value| is_padded(value.as_bytes()))
}

const fn is_padded(value: &[u8]) -> bool {
    matches!(value, [b' ' | b'\t', ..] | [.., b' ' | b'\t'])
}

/// Whether a user agent prints bodies to a terminal as they are.
fn is_terminal(user_agent: &[u8]) -> bool {
    user_agent.starts_with(b"curl/") || user_agent.starts_with(b"Wget/")
}

/// Takes the first value; whether this one is the same.
fn agree<'a>(first: &mut Option<&'a HeaderValue>, value: &'a HeaderValue) -> bool {
    match first {
        Some(first) => *first == value,
        None => {
            *first = Some(value);
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn headers(sent: &[(&'static str, &'static str)]) -> HeaderMap {
        let sent = sent.iter().copied();
        sent.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn each_is_found_and_the_rest_passed_over() {
        let headers = headers(&[
            ("host", "a"),
            ("accept", "*/*"),
            ("content-type", "text/plain"),
            ("host", "b"),
            ("x-request-id", "1"),
            ("x-request-ie", "0"),
            ("x-request-id", "1"),
            ("content-type", "text/plain"),
            ("connection", "close"),
            ("user-agent", "curl/8.1"),
            ("tracestate", "x=y"),
        ]);
        let fields = Fields::of(&headers);
        let text = |value: Option<&HeaderValue>| value.map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(text(fields.host).as_deref(), Some("a"));
        assert_eq!(fields.hosts, 2);
        assert_eq!(text(fields.content_type).as_deref(), Some("text/plain"));
        assert_eq!(text(fields.request_id).as_deref(), Some("1"));
        assert!(fields.content_encoding.is_none() && fields.grpc_timeout.is_none());
        assert!(fields.has_connection && fields.trace.has_state && fields.trace.parent.is_none());
        assert_eq!(fields.torn, None);
        assert!(fields.is_terminal);
    }

    #[test]
    fn programs_for_terminals_are_known_by_their_user_agent() {
        for (agent, expected) in
            [("curl/8.1.2", true), ("Wget/1.21", true), ("libcurl/8.1", false), ("Mozilla/5.0 curl/8", false)]
        {
            assert_eq!(Fields::of(&headers(&[("user-agent", agent)])).is_terminal, expected, "{agent}");
        }
    }

    #[test]
    fn a_field_that_stands_once_is_torn_by_another_value() {
        for (name, first, second, torn) in [
            ("content-type", "text/plain", "application/json", true),
            ("content-type", "application/json", "application/json", false),
            ("grpc-timeout", "1S", "2S", true),
            ("authorization", "Bearer a", "Bearer b", true),
            ("authorization", "Bearer a", "Bearer a", false),
            // Lists, and what has a rule of its own.
            ("content-encoding", "gzip", "br", false),
            ("accept", "text/plain", "application/json", false),
            ("traceparent", "a", "b", false),
            ("x-request-id", "a", "b", false),
            ("x-own", "a", "b", false),
        ] {
            let headers = headers(&[(name, first), ("x-between", "1"), (name, second)]);
            assert_eq!(Fields::of(&headers).torn, torn.then_some(name), "{name}: {first}, {second}");
        }
    }

    #[test]
    fn blanks_around_a_value_are_found() {
        for (value, expected) in [
            ("", false),
            ("a", false),
            ("a b", false),
            (" a", true),
            ("a ", true),
            ("\ta", true),
            ("a\t", true),
            (" ", true),
        ] {
            for (version, expected) in [(Version::HTTP_2, expected), (Version::HTTP_11, false)] {
                let mut request = http::Request::new(());
                *request.version_mut() = version;
                *request.headers_mut() = headers(&[("x-a", "1"), ("x-b", value)]);
                assert_eq!(has_padded_value(&request.into_parts().0), expected, "{version:?} {value:?}");
            }
        }
    }

    #[test]
    fn ids_that_differ_are_none() {
        let id = |sent: &[(&'static str, &'static str)]| Fields::of(&headers(sent)).request_id.cloned();
        assert_eq!(id(&[("x-request-id", "a"), ("x-request-id", "b"), ("x-request-id", "a")]), None);
        assert_eq!(id(&[("x-request-id", "a"), ("x-request-id", "a")]), Some(HeaderValue::from_static("a")));
    }
}
