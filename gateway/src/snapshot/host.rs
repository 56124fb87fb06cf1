//! The host that a request is meant for. One that names none, several, or something else instead is refused: parties that
//! read it in different ways would route it in different ways.

use http::Version;
use http::request::Parts;
use http::uri::Authority;

use crate::edge::Fields;
use crate::proxy::failure::Failure;

/// The host of a request, as its client writes it. What the target says wins (RFC 9112 section 3.2.2).
pub(super) fn of<'a>(head: &'a Parts, fields: &Fields<'a>) -> Option<&'a str> {
    head.uri.host().or_else(|| fields.host?.to_str().ok())
}

/// The host of a request with its port, as its client writes them.
pub(super) fn authority<'a>(head: &'a Parts, fields: &Fields<'a>) -> Option<&'a str> {
    head.uri.authority().map(Authority::as_str).or_else(|| fields.host?.to_str().ok())
}

/// Whether a request names one host (RFC 9112 section 3.2, RFC 9113 section 8.3.1).
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn check(head: &Parts, fields: &Fields<'_>) -> Result<(), Failure> {
    let host = fields.host;
    let authority = head.uri.authority().map(Authority::as_str);
    let is_missing = match head.version {
        Version::HTTP_11 => host.is_none(),
        Version::HTTP_2 => host.is_none() && authority.is_none(),
        _ => false,
    };
    if fields.hosts > 1 || is_missing {
        return Err(Failure::bad_host("a request names its host, once"));
    }
    let is_host = |text: &str| is_host(text.as_bytes());
    if host.is_some_and(|host| !host.to_str().is_ok_and(is_host)) || authority.is_some_and(|a| !is_host(a)) {
        return Err(Failure::bad_host("the host is not HOST or HOST:PORT"));
    }
    if head.version == Version::HTTP_2
        && let (Some(host), Some(authority)) = (host.and_then(|host| host.to_str().ok()), authority)
        && !is_same(host, authority, head.uri.scheme_str())
    {
        return Err(Failure::bad_host("`host` and `:authority` differ"));
    }
    Ok(())
}

/// Whether both name one host and port, in the normal form of RFC 3986 section 6.2: letter case does not matter, nor does
/// the port of the scheme.
fn is_same(host: &str, authority: &str, scheme: Option<&str>) -> bool {
    let default = match scheme {
        Some("https") => ":443",
        _ => ":80",
    };
    let plain = |text: &'_ str| -> usize {
        text.strip_suffix(default).or_else(|| text.strip_suffix(':')).unwrap_or(text).len()
    };
    let (host, authority) = (host.get(..plain(host)), authority.get(..plain(authority)));
    host.zip(authority).is_some_and(|(host, authority)| host.eq_ignore_ascii_case(authority))
}

/// `uri-host [":" port]` (RFC 9110 section 7.2), which may be empty.
fn is_host(text: &[u8]) -> bool {
    // The colons of an IPv6 address stand within its brackets.
    let colon = text.iter().rposition(|byte| *byte == b':').filter(|_| text.last() != Some(&b']'));
    let (name, port) = text.split_at(colon.unwrap_or(text.len()));
    let is_name = match name {
        [b'[', address @ .., b']'] => address.iter().all(|byte| *byte == b':' || is_name_byte(*byte)),
        name => name.iter().all(|byte| is_name_byte(*byte)),
    };
    is_name && port.iter().skip(1).all(u8::is_ascii_digit)
}

/// What a registered name may hold (RFC 3986 section 3.2.2).
const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'%'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
        )
}

#[cfg(test)]
mod tests {
    use http::Request;
    use http::header::HOST;

    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_and_a_port() {
        for fine in
            ["", "a", "shop.example", "Shop.Example:80", "127.0.0.1:3000", "[::1]", "[::1]:80", "a_b.c", "a:"]
        {
            assert!(is_host(fine.as_bytes()), "{fine}");
        }
        for bad in
            ["a b", "a/b", "u@a", "a:x", "a:80:80", "[::1", "::1", "a\\b", "a?b", "a#b", "a\"", "<a>", "[a]b"]
        {
            assert!(!is_host(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn one_host_is_named() {
        let (one, two) = (Version::HTTP_11, Version::HTTP_2);
        for (version, target, hosts, is_fine) in [
            (one, "/", &["a"][..], true),
            (one, "/", &[], false),
            (Version::HTTP_10, "/", &[], true),
            (one, "/", &["a", "a"], false),
            (one, "/", &["a b"], false),
            (one, "/", &["\u{e4}"], false),
            (one, "http://a/", &["b"], true),
            (one, "http://u@a/", &["a"], false),
            (two, "http://a/", &[], true),
            (two, "http://a/", &["b"], false),
            (two, "http://a/", &["a"], true),
            (two, "http://a/", &["A:80"], true),
            (two, "http://a:80/", &["a:"], true),
            (two, "https://a/", &["a:443"], true),
            (two, "https://a/", &["a:80"], false),
            (two, "http://a/", &["a:81"], false),
            (two, "http://a:81/", &["a"], false),
            (two, "http://a/", &["a."], false),
            (two, "http://a/", &[""], false),
            (two, "http://[::1]:80/", &["[::1]"], true),
            (two, "/", &["a"], true),
            (two, "/", &[], false),
            (two, "http://u@a/", &[], false),
        ] {
            let request = Request::builder().version(version).uri(target);
            let request = hosts.iter().fold(request, |request, host| request.header(HOST, *host));
            let (head, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(
                check(&head, &Fields::of(&head.headers)).is_ok(),
                is_fine,
                "{version:?} {target} {hosts:?}"
            );
        }
    }
}
