//! Which requests the admin address serves: those that name it by a known host, and orders only from tools, not from pages.
//!
//! Without the check of the host, a web page could read the admin address through the browser of an operator: its own
//! name can resolve to the admin address (DNS rebinding), and the browser then sees one origin.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::header::{HOST, ORIGIN, REFERER};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, Uri, Version};

use crate::route::{HostPattern, host_name};

/// Why a request is rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rejection {
    /// It names no host, or several.
    BadHost,
    /// It names a host that the admin address is not called by.
    UnknownHost(String),
}

/// Checks every name that a request gives its host by: the authority of its target and its `Host` header.
///
/// HTTP/1.0 requests may have neither. Browsers, which this is about, always send one.
///
/// # Errors
/// When one of the names is neither an IP address, nor `localhost`, nor one of `hosts`.
pub(super) fn check_host(head: &Parts, hosts: &[HostPattern]) -> Result<(), Rejection> {
    let authority = head.uri.authority().map(Authority::as_str);
    let mut headers = head.headers.get_all(HOST).iter();
    let header = headers.next().map(|host| host.to_str()).transpose().map_err(|_| Rejection::BadHost)?;
    let is_missing = authority.is_none() && header.is_none() && head.version != Version::HTTP_10;
    if is_missing || headers.next().is_some() {
        return Err(Rejection::BadHost);
    }
    match authority.into_iter().chain(header).find(|host| !is_known(host, hosts)) {
        Some(unknown) => Err(Rejection::UnknownHost(unknown.to_owned())),
        None => Ok(()),
    }
}

fn is_known(host: &str, hosts: &[HostPattern]) -> bool {
    let name = host_name(host);
    let is_ip = match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => name.parse::<Ipv4Addr>().is_ok(),
    };
    let is_plain = || name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    is_ip || name == "localhost" || is_plain() && hosts.iter().any(|pattern| pattern.matches(host))
}

/// Returns whether a browser sends the request for a web page. Browsers name the origin of the page in `Origin` with every
/// order, older ones at least in `Referer`; the admin address has no page of its own that sends orders.
pub(super) fn is_from_a_page(head: &Parts) -> bool {
    let headers = &head.headers;
    headers.contains_key(ORIGIN)
        || headers.get("sec-fetch-site").is_some_and(|site| site != "none")
        || headers.get_all(REFERER).iter().any(|referer| !is_own(referer.to_str().ok(), headers))
}

/// Returns whether a `Referer` is a page of the host that the request names.
fn is_own(referer: Option<&str>, headers: &HeaderMap) -> bool {
    let page = referer.and_then(|referer| referer.parse::<Uri>().ok());
    let page = page.as_ref().and_then(Uri::authority).map(Authority::as_str);
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    page.zip(host).is_some_and(|(page, host)| page.eq_ignore_ascii_case(host))
}

/// Returns the text of a rejection by [`Rejection::UnknownHost`].
pub(super) fn advice(host: &str) -> String {
    format!(
        "`{}` is not a name of this admin address: use an IP address or localhost, or list the name in `admin.hosts`\n",
        host.escape_default()
    )
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn head(version: Version, target: &str, headers: &[(&str, &str)]) -> Parts {
        let request = Request::builder().version(version).uri(target);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn hosts_are_addresses_localhost_and_what_is_listed() {
        let hosts =
            [HostPattern::parse("gateway.internal").unwrap(), HostPattern::parse("*.ops.example").unwrap()];
        for (host, expected) in [
            ("127.0.0.1", true),
            ("127.0.0.1:9901", true),
            ("127.0.0.1.", true),
            ("10.1.2.3:9901", true),
            ("[::1]:9901", true),
            ("[::1]", true),
            ("[fd00::5]:9901", true),
            ("[::ffff:127.0.0.1]", true),
            ("localhost", true),
            ("localhost:", true),
            ("LOCALHOST:9901", true),
            ("LocalHost", true),
            ("localhost.", true),
            ("localhost.:9901", true),
            ("gateway.internal", true),
            ("Gateway.Internal.:9901", true),
            ("a.ops.example", true),
            ("a.b.ops.example:1", true),
            // Neither resolvers nor browsers have to agree about these.
            ("127.1", false),
            ("2130706433", false),
            ("0x7f.0.0.1", false),
            ("0177.0.0.1", false),
            ("127.0.0.1.evil.example", false),
            ("foo.localhost", false),
            ("localhost.evil.example", false),
            ("localhost..", false),
            ("xlocalhost", false),
            ("evil.example", false),
            ("evil.example:127.0.0.1", false),
            ("user@localhost", false),
            ("localhost@evil.example", false),
            ("localhost, evil.example", false),
            ("localhost evil.example", false),
            ("::1", false),
            ("[::1", false),
            ("[localhost]", false),
            ("[127.0.0.1]", false),
            ("[fe80::1%25eth0]", false),
            ("", false),
            (".", false),
            (":9901", false),
            ("gateway.internal.evil.example", false),
            ("ops.example", false),
            ("xops.example", false),
            ("*.ops.example", false),
            ("evil.example/.ops.example", false),
        ] {
            assert_eq!(is_known(host, &hosts), expected, "{host}");
        }
        assert!(!is_known("gateway.internal", &[]));
    }

    #[test]
    fn every_name_of_a_request_is_checked() {
        let (zero, one, two) = (Version::HTTP_10, Version::HTTP_11, Version::HTTP_2);
        let unknown = |name: &str| Err(Rejection::UnknownHost(name.to_owned()));
        for (version, target, hosts, expected) in [
            (one, "/config", &["localhost"][..], Ok(())),
            (one, "/config", &["evil.example"], unknown("evil.example")),
            (one, "/config", &[], Err(Rejection::BadHost)),
            (one, "/config", &["localhost", "localhost"], Err(Rejection::BadHost)),
            (one, "/config", &["\u{e4}"], Err(Rejection::BadHost)),
            (zero, "/config", &[], Ok(())),
            (zero, "/config", &["evil.example"], unknown("evil.example")),
            (one, "http://localhost/config", &["localhost"], Ok(())),
            (one, "http://evil.example/config", &["localhost"], unknown("evil.example")),
            (one, "http://localhost/config", &["evil.example"], unknown("evil.example")),
            (one, "http://evil@localhost/config", &["localhost"], unknown("evil@localhost")),
            (two, "http://127.0.0.1/config", &[], Ok(())),
            (two, "http://evil.example/config", &[], unknown("evil.example")),
            (two, "http://127.0.0.1/config", &["evil.example"], unknown("evil.example")),
            (two, "/config", &["localhost"], Ok(())),
            (two, "/config", &[], Err(Rejection::BadHost)),
        ] {
            let headers: Vec<_> = hosts.iter().map(|host| ("host", *host)).collect();
            let head = head(version, target, &headers);
            assert_eq!(check_host(&head, &[]), expected, "{version:?} {target} {hosts:?}");
        }
    }

    #[test]
    fn orders_of_pages_are_told_from_those_of_tools() {
        for (headers, expected) in [
            (&[][..], false),
            (&[("user-agent", "curl/8")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "cross-site")], true),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("origin", "http://evil.example")], true),
            (&[("origin", "null")], true),
            (&[("origin", "")], true),
            (&[("referer", "http://evil.example/page")], true),
            (&[("referer", "http://localhost:9901.evil.example/")], true),
            (&[("referer", "http://evil.example/?http://localhost:9901/")], true),
            (&[("referer", "http://localhost:9901@evil.example/")], true),
            (&[("referer", "http://localhost:3000/")], true),
            (&[("referer", "/reload")], true),
            (&[("referer", "about:blank")], true),
            (&[("referer", "")], true),
            (&[("referer", "\u{e4}")], true),
            (&[("referer", "http://localhost:9901/"), ("referer", "http://evil.example/")], true),
            (&[("referer", "http://LOCALHOST:9901/reloads")], false),
        ] {
            let headers = [&[("host", "localhost:9901")][..], headers].concat();
            assert_eq!(is_from_a_page(&head(Version::HTTP_11, "/reload", &headers)), expected, "{headers:?}");
        }
    }
}
