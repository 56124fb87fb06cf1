//! Headers on their way through: the client's become metadata, the service's come back as headers.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::edge::{ClientCertificate, Fields, Peer};
use crate::policy::ForwardRules;
use crate::telemetry::request_id::X_REQUEST_ID;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_CLIENT_CERT: HeaderName = HeaderName::from_static("x-forwarded-client-cert");

/// The metadata of a service's choice of the success status.
const X_HTTP_CODE: HeaderName = HeaderName::from_static("x-http-code");

/// The metadata for a call: what of the client's headers, whose `fields` these are, `forward` lets pass, and what the gateway
/// adds.
pub(super) fn for_call(
    client: &HeaderMap,
    fields: &Fields<'_>,
    forward: &ForwardRules,
    peer: &Peer,
    host: Option<HeaderValue>,
    request_id: &HeaderValue,
) -> HeaderMap {
    let mut metadata = HeaderMap::with_capacity(8);
    for (name, value) in client {
        let is_of_the_connection = || ForwardRules::is_named_by_connection(client, name);
        let Some(passed) = forward.name_of(name) else { continue };
        if fields.has_connection && is_of_the_connection() {
            continue;
        }
        let name = &*passed;
        if name.as_str().ends_with("-bin") {
            for value in binary(value.as_bytes()).unwrap_or_default() {
                metadata.append(name, value);
            }
        } else if is_text(value) {
            metadata.append(name, passed_on(name, value));
        }
    }
    metadata.insert(X_REQUEST_ID, request_id.clone());
    metadata.insert(X_FORWARDED_FOR, peer.forwarded_for.clone());
    let scheme = if peer.tls { "https" } else { "http" };
    metadata.insert(X_FORWARDED_PROTO, HeaderValue::from_static(scheme));
    if let Some(certificate) = peer.certificate().and_then(ClientCertificate::forwarded) {
        metadata.insert(X_FORWARDED_CLIENT_CERT, certificate.clone());
    }
    if let Some(host) = peer.forwarded_host.clone().or(host) {
        metadata.insert(X_FORWARDED_HOST, host);
    }
    metadata
}

/// A client's header as metadata. Most of them differ from request to request (see `request_id::of`).
fn passed_on(name: &HeaderName, value: &HeaderValue) -> HeaderValue {
    let mut value = value.clone();
    value.set_sensitive(*name != header::USER_AGENT && *name != header::ACCEPT_LANGUAGE);
    value
}

/// Metadata is visible ASCII, or base64 under a name that ends in `-bin` (the gRPC protocol, "Custom-Metadata").
/// Peers reset a call for anything else, so it does not go through.
fn is_text(value: &HeaderValue) -> bool {
    value.as_bytes().iter().all(|byte| (0x20..=0x7e).contains(byte))
}

/// The values of a `-bin` header, each by itself and as gRPC sends them: in the standard alphabet, without padding. Clients
/// use either alphabet and join values by commas, which not every server takes. Nothing when one of them is no base64.
fn binary(value: &[u8]) -> Option<Vec<HeaderValue>> {
    let parts = value.split(|byte| *byte == b',').map(|part| {
        let part = part.trim_ascii();
        let end = part.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
        let (digits, padding) = part.split_at(end);
        let padded = padding.is_empty() || (padding.len() < 3 && part.len().is_multiple_of(4));
        let digits = standard(digits);
        let is_base64 =
            padded && digits.len() % 4 != 1 && base64_simd::forgiving_decode_to_vec(&digits).is_ok();
        let mut value = HeaderValue::from_bytes(&digits).ok().filter(|_| is_base64)?;
        value.set_sensitive(true);
        Some(value)
    });
    parts.collect()
}

/// Both alphabets are in use.
fn standard(digits: &[u8]) -> Vec<u8> {
    let translate = |byte: &u8| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => *other,
    };
    digits.iter().map(translate).collect()
}

/// Copies a service's metadata to the headers of the answer, without what belongs to gRPC or to one hop. Gives what it says
/// of the status, if anything.
pub(super) fn to_headers<'m>(metadata: &'m HeaderMap, headers: &mut HeaderMap) -> Option<&'m HeaderValue> {
    let mut chosen = None;
    for (name, value) in metadata {
        if is_returned(name) {
            headers.append(name, value.clone());
        } else if *name == X_HTTP_CODE {
            chosen = chosen.or(Some(value));
        }
    }
    chosen
}

fn is_returned(name: &HeaderName) -> bool {
    let text = name.as_str();
    let hop_by_hop = matches!(
        text,
        "connection" | "keep-alive" | "proxy-connection" | "te" | "trailer" | "transfer-encoding" | "upgrade"
    );
    // The gateway writes these itself, for its own body.
    let own = text.starts_with("content-") && text != "content-disposition" && text != "content-language";
    !(hop_by_hop
        || own
        || text.starts_with("grpc-")
        || *name == header::DATE
        || *name == X_REQUEST_ID
        || *name == X_HTTP_CODE)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn peer() -> Peer {
        Peer::new("203.0.113.7:5000".parse().unwrap(), 0, false, Arc::default())
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    fn forwarded(pairs: &[(&'static str, &'static str)], name: &str) -> Option<String> {
        let id = HeaderValue::from_static("id-1");
        let headers = headers(pairs);
        let metadata = for_call(
            &headers,
            &Fields::of(&headers),
            &ForwardRules::default(),
            &peer(),
            Some(HeaderValue::from_static("shop.example")),
            &id,
        );
        metadata.get(name).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn what_goes_through_and_what_does_not() {
        let sent = [
            ("x-tenant", "t1"),
            ("accept-language", "de"),
            ("user-agent", "curl"),
            ("authorization", "Bearer x"),
            ("cookie", "a=b"),
            ("host", "shop.example"),
            ("content-type", "application/json"),
            ("grpc-timeout", "1S"),
            ("te", "trailers"),
            ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ];
        for passes in ["x-tenant", "accept-language", "user-agent", "traceparent"] {
            assert!(forwarded(&sent, passes).is_some(), "{passes}");
        }
        for stays in ["authorization", "cookie", "host", "content-type", "grpc-timeout", "te"] {
            assert_eq!(forwarded(&sent, stays), None, "{stays}");
        }
    }

    #[test]
    fn what_the_gateway_sets_cannot_be_spoofed() {
        let sent =
            [("x-request-id", "theirs"), ("x-forwarded-for", "10.0.0.1"), ("x-forwarded-host", "evil")];
        assert_eq!(forwarded(&sent, "x-request-id").as_deref(), Some("id-1"));
        assert_eq!(forwarded(&sent, "x-forwarded-for").as_deref(), Some("203.0.113.7"));
        assert_eq!(forwarded(&sent, "x-forwarded-host").as_deref(), Some("shop.example"));
        assert_eq!(forwarded(&sent, "x-forwarded-proto").as_deref(), Some("http"));
    }

    #[test]
    fn headers_named_by_connection_are_hop_by_hop() {
        let sent = [("connection", "close, X-Secret"), ("x-secret", "1"), ("x-other", "2")];
        assert_eq!(forwarded(&sent, "x-secret"), None);
        assert_eq!(forwarded(&sent, "x-other").as_deref(), Some("2"));
    }

    #[test]
    fn binary_metadata_is_base64_as_grpc_sends_it() {
        for (sent, passed) in [
            ("aGk", &["aGk"][..]),
            ("aGk=", &["aGk"]),
            ("_-8=", &["/+8"]),
            ("aGk=, aGk", &["aGk", "aGk"]),
            ("", &[""]),
        ] {
            assert_eq!(binary(sent.as_bytes()).unwrap(), passed, "{sent}");
        }
        for bad in ["a", "a!", "aGk===", "aGk=,a"] {
            assert_eq!(binary(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(forwarded(&[("x-a-bin", "_-8=,aGk")], "x-a-bin").as_deref(), Some("/+8"));
    }

    #[test]
    fn values_that_are_no_ascii_do_not_become_metadata() {
        assert!(!is_text(&HeaderValue::from_bytes("Grüße".as_bytes()).unwrap()));
    }

    #[test]
    fn metadata_comes_back_without_what_belongs_to_grpc() {
        let mut answer = HeaderMap::new();
        let metadata = headers(&[
            ("grpc-status", "0"),
            ("content-type", "application/grpc"),
            ("x-http-code", "201"),
            ("x-page", "2"),
            ("etag", "\"1\""),
        ]);
        to_headers(&metadata, &mut answer);
        let names: Vec<_> = answer.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["x-page", "etag"]);
    }
}
