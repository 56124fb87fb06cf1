//! The hosts that a route is for.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

/// `api.shop.example`, or `*.shop.example` for every name below `shop.example`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostPattern {
    /// This name, in lower case.
    Exact(Box<str>),
    /// Every name that ends so, in lower case, the dot included: `.shop.example`.
    Below(Box<str>),
}

/// Why a text is no host pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// `*` by itself.
    #[error("a route without `host` is for any host")]
    Any,
    /// A `*` elsewhere than in front.
    #[error("`*` stands only in front, for a whole label or more: *.shop.example")]
    Star,
    /// A port; the port a client connected to does not matter.
    #[error("a host is matched without its port")]
    Port,
    /// A scheme, a path, or a character that no host name has.
    #[error("`{0}` has no place in a host name")]
    Character(char),
    /// Nothing, or an empty label.
    #[error("a label of the host name is empty")]
    Empty,
}

impl HostPattern {
    /// Reads a pattern. IPv6 addresses stand in brackets, as in the `Host` header.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        if text == "*" {
            return Err(HostError::Any);
        }
        if text.starts_with('[') && text.ends_with(']') {
            return Ok(Self::Exact(text.to_ascii_lowercase().into()));
        }
        let (below, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text),
        };
        if name.contains('*') {
            return Err(HostError::Star);
        }
        if let Some((_, port)) = name.rsplit_once(':')
            && !port.is_empty()
            && port.bytes().all(|byte| byte.is_ascii_digit())
        {
            return Err(HostError::Port);
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if let Some(c) = name.chars().find(|c| !allowed(*c)) {
            return Err(HostError::Character(c));
        }
        if name.split('.').any(str::is_empty) {
            return Err(HostError::Empty);
        }
        let name = name.to_ascii_lowercase();
        Ok(if below { Self::Below(format!(".{name}").into()) } else { Self::Exact(name.into()) })
    }
}

impl HostPattern {
    /// Returns whether the pattern matches a `Host` header or an authority; port and last dot are ignored.
    pub fn matches(&self, host: &str) -> bool {
        let name = host_name(host);
        match self {
            Self::Exact(exact) => name == **exact,
            Self::Below(suffix) => name.len() > suffix.len() && name.ends_with(&**suffix),
        }
    }
}

/// Compares two patterns by the hosts that both match, `None` being any host. `None` when there are none; `Less` when
/// the first pattern is the more specific.
pub(super) fn contest_hosts(one: Option<&HostPattern>, other: Option<&HostPattern>) -> Option<Ordering> {
    use HostPattern::{Below, Exact};
    match (one, other) {
        (None, None) => Some(Ordering::Equal),
        (Some(_), None) => Some(Ordering::Less),
        (None, Some(_)) => Some(Ordering::Greater),
        (Some(Exact(one)), Some(Exact(other))) => (one == other).then_some(Ordering::Equal),
        (Some(Exact(name)), Some(below @ Below(_))) => below.matches(name).then_some(Ordering::Less),
        (Some(below @ Below(_)), Some(Exact(name))) => below.matches(name).then_some(Ordering::Greater),
        (Some(Below(one)), Some(Below(other))) => {
            let overlap = one.ends_with(&**other) || other.ends_with(&**one);
            overlap.then(|| other.len().cmp(&one.len()))
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Below(suffix) => write!(f, "*{suffix}"),
        }
    }
}

/// Returns the name in a `Host` header or an authority: without its port or a last dot, in lower case.
pub fn host_name(host: &str) -> Cow<'_, str> {
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Owned(host.to_ascii_lowercase());
    }
    Cow::Borrowed(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        assert_eq!(HostPattern::parse("API.shop.example"), Ok(HostPattern::Exact("api.shop.example".into())));
        assert_eq!(HostPattern::parse("*.shop.example"), Ok(HostPattern::Below(".shop.example".into())));
        assert_eq!(HostPattern::parse("[::1]"), Ok(HostPattern::Exact("[::1]".into())));
        for (text, error) in [
            ("*", HostError::Any),
            ("", HostError::Empty),
            ("a..b", HostError::Empty),
            (".a", HostError::Empty),
            ("a.*.b", HostError::Star),
            ("*a.b", HostError::Star),
            ("a.b:3000", HostError::Port),
            ("https://a.b", HostError::Character(':')),
            ("a/b", HostError::Character('/')),
            ("bücher.example", HostError::Character('ü')),
        ] {
            assert_eq!(HostPattern::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_pattern_matches_whole_labels() {
        for (pattern, host, expected) in [
            ("a.b", "A.B:80", true),
            ("a.b", "a.b.", true),
            ("a.b", "x.a.b", false),
            ("*.a.b", "x.a.b:80", true),
            ("*.a.b", "y.x.a.b", true),
            ("*.a.b", "a.b", false),
            ("*.a.b", ".a.b", false),
            ("*.a.b", "xa.b", false),
            ("*.a.b", "x.a.b.evil", false),
            ("[::1]", "[::1]:80", true),
        ] {
            assert_eq!(HostPattern::parse(pattern).unwrap().matches(host), expected, "{pattern} {host}");
        }
    }

    #[test]
    fn the_name_of_a_request_has_no_port() {
        let table = [
            ("a.b", "a.b"),
            ("A.b:80", "a.b"),
            ("a.b.", "a.b"),
            ("[::1]:3000", "[::1]"),
            ("[::1]", "[::1]"),
            ("", ""),
        ];
        for (host, name) in table {
            assert_eq!(host_name(host), name, "{host}");
        }
    }
}
