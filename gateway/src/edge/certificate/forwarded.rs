//! The `x-forwarded-client-cert` header, in the format of Envoy.

use std::fmt::Write;

use http::HeaderValue;

use super::CertificateNames;

/// `By` (the URIs of the listener's certificate), `Hash` (SHA-256 of the client's certificate), `Subject`, `URI` and `DNS`.
/// Names that the certificates do not have are left out, except for `Subject`.
pub(super) fn value(
    own: &CertificateNames,
    hash: impl AsRef<[u8]>,
    client: &CertificateNames,
) -> Option<HeaderValue> {
    let mut text = String::new();
    let mut pairs = |key: &str, values: &[String]| {
        for value in values {
            let _ = write!(text, "{key}={};", quoted(value));
        }
    };
    pairs("By", &own.uris);
    let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    pairs("Hash", &[hash]);
    let _ = write!(text, "Subject=\"{}\"", client.subject);
    for (key, values) in [("URI", &client.uris), ("DNS", &client.dns)] {
        for value in values {
            let _ = write!(text, ";{key}={}", quoted(value));
        }
    }
    HeaderValue::try_from(text).ok()
}

/// A name within which no parser finds another pair: the delimiters of pairs, and bytes that no URI and no DNS name has, are
/// percent-encoded. Names with `=` are quoted.
fn quoted(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'"' | b'\\' | b',' | b';' => _ = write!(text, "%{byte:02X}"),
            b'!'..=b'~' => text.push(char::from(byte)),
            byte => _ = write!(text, "%{byte:02X}"),
        }
    }
    if text.contains('=') { format!("\"{text}\"") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(uris: &[&str], dns: &[&str], subject: &str) -> CertificateNames {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        CertificateNames { uris: owned(uris), dns: owned(dns), subject: subject.to_owned() }
    }

    #[test]
    fn the_value_has_the_format_of_envoy() {
        let own = names(&["spiffe://shop.example/edge"], &["shop.example"], "");
        for (own, client, expected) in [
            (
                &own,
                names(&["spiffe://shop.example/gw"], &["gw.example", "b.example"], "CN=gw"),
                "By=spiffe://shop.example/edge;Hash=0aff;Subject=\"CN=gw\";URI=spiffe://shop.example/gw;DNS=gw.example;DNS=b.example",
            ),
            (&names(&[], &[], ""), names(&[], &[], ""), "Hash=0aff;Subject=\"\""),
            (
                &names(&[], &[], ""),
                names(&["urn:a;b=c,d", "x\" ;URI=y\n"], &[], ""),
                "Hash=0aff;Subject=\"\";URI=\"urn:a%3Bb=c%2Cd\";URI=\"x%22%20%3BURI=y%0A\"",
            ),
        ] {
            assert_eq!(value(own, [0x0a, 0xff], &client).unwrap(), expected);
        }
    }
}
