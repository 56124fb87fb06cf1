//! Which headers of a client become metadata: by default few, and never what the gateway or the protocol says itself.

use http::HeaderName;
use http::header::{self, HeaderMap};

use super::spelling::{Spellings, fold};
use crate::policy::finding::Problem;

/// Goes through whatever the patterns say: a trace must not end here.
const ALWAYS: [&str; 2] = ["traceparent", "tracestate"];

/// Which headers a pattern is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderPattern {
    /// This one. Only so do `authorization` and `cookie` go upstream.
    Name(HeaderName),
    /// `x-*`: those that begin so, in lower case.
    Prefix(Box<str>),
    /// `*`
    All,
}

impl HeaderPattern {
    /// Reads the form that the file writes.
    ///
    /// # Errors
    /// When it is neither a name nor a prefix, or names what never goes upstream.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        if text == "*" {
            return Ok(Self::All);
        }
        let bad = || Problem::HeaderPattern(text.to_owned());
        if let Some(prefix) = text.strip_suffix('*') {
            let prefix: HeaderName = prefix.parse().map_err(|_| bad())?;
            // `*` is allowed in header names, but nobody means that here.
            return if prefix.as_str().contains('*') {
                Err(bad())
            } else {
                Ok(Self::Prefix(prefix.as_str().into()))
            };
        }
        let name: HeaderName = text.parse().map_err(|_| bad())?;
        if name.as_str().contains('*') {
            return Err(bad());
        }
        if is_never_forwarded(&fold(&name)) {
            return Err(Problem::HeaderReserved(name.to_string()));
        }
        Ok(Self::Name(name))
    }
}

/// Which headers of a client become metadata, compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardRules {
    all: bool,
    names: Vec<HeaderName>,
    prefixes: Vec<Box<str>>,
    /// Names that the gateway sets itself.
    stripped: Spellings,
}

impl Default for ForwardRules {
    /// `x-*`, `accept-language`, `user-agent`.
    fn default() -> Self {
        Self {
            all: false,
            names: vec![header::ACCEPT_LANGUAGE, header::USER_AGENT],
            prefixes: vec!["x-".into()],
            stripped: Spellings::default(),
        }
    }
}

impl ForwardRules {
    /// Compiles the patterns.
    pub fn new(patterns: &[HeaderPattern]) -> Self {
        let stripped = Spellings::default();
        let mut rules = Self { all: false, names: Vec::new(), prefixes: Vec::new(), stripped };
        for pattern in patterns {
            match pattern {
                HeaderPattern::All => rules.all = true,
                HeaderPattern::Name(name) => rules.names.push(name.clone()),
                HeaderPattern::Prefix(prefix) => rules.prefixes.push(prefix.clone()),
            }
        }
        rules
    }

    /// Excludes these headers, in all their spellings.
    pub(in crate::policy) fn without(mut self, stripped: Spellings) -> Self {
        self.stripped = stripped;
        self
    }

    /// Whether a header of this name becomes metadata. Whether its value can, and whether `connection` names it, are
    /// questions of the request.
    pub fn passes(&self, name: &HeaderName) -> bool {
        // Most headers are not chosen; only the others are worth folding.
        if !self.is_chosen(name) {
            return false;
        }
        let folded = fold(name);
        !is_never_forwarded(&folded) && !self.stripped.contains(&folded)
    }

    fn is_chosen(&self, name: &HeaderName) -> bool {
        if self.names.contains(name) || ALWAYS.contains(&name.as_str()) {
            return true;
        }
        if *name == header::AUTHORIZATION || *name == header::COOKIE {
            return false;
        }
        self.all || self.prefixes.iter().any(|prefix| name.as_str().starts_with(&**prefix))
    }

    /// Whether `connection` names this header, and so makes it one of the connection (RFC 9110 section 7.6.1).
    pub fn is_named_by_connection(client: &HeaderMap, name: &HeaderName) -> bool {
        client.get_all(header::CONNECTION).iter().any(|value| {
            let options = value.as_bytes().split(|byte| *byte == b',');
            options
                .into_iter()
                .any(|option| option.trim_ascii().eq_ignore_ascii_case(name.as_str().as_bytes()))
        })
    }
}

/// Whether a folded name belongs to HTTP, gRPC or the gateway itself: hop-by-hop headers, `host`, `content-*`, `grpc-*`,
/// and what the gateway sets.
pub(super) fn is_never_forwarded(text: &str) -> bool {
    text.starts_with("content-")
        || text.starts_with("grpc-")
        || text.starts_with("x-forwarded-")
        || matches!(text, "host" | "expect" | "x-request-id" | "x-http-code")
        || super::is_hop_by_hop(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passing(rules: &ForwardRules) -> Vec<&'static str> {
        let sent = [
            "x-tenant",
            "x-user-id",
            "accept-language",
            "accept",
            "user-agent",
            "authorization",
            "cookie",
            "x-user_id",
            "x_user_id",
            "x-request_id",
            "x-forwarded_for",
            "x_forwarded_proto",
            "x-http_code",
            "grpc_timeout",
            "content_type",
            "proxy_authorization",
            "host",
            "content-type",
            "grpc-timeout",
            "connection",
            "te",
            "x-request-id",
            "x-forwarded-for",
            "x-http-code",
            "proxy-authorization",
            "traceparent",
        ];
        sent.into_iter().filter(|name| rules.passes(&HeaderName::from_static(name))).collect()
    }

    fn rules(patterns: &[&str]) -> ForwardRules {
        let patterns: Vec<_> = patterns.iter().map(|text| HeaderPattern::parse(text).unwrap()).collect();
        let vouched = HeaderName::from_static("x-user-id");
        ForwardRules::new(&patterns).without([&vouched].into_iter().collect())
    }

    #[test]
    fn what_goes_through() {
        let table: &[(&[&str], &[&str])] = &[
            (&[], &["traceparent"]),
            (&["x-*"], &["x-tenant", "traceparent"]),
            (&["X-Tenant", "Authorization"], &["x-tenant", "authorization", "traceparent"]),
            (&["*"], &["x-tenant", "accept-language", "accept", "user-agent", "traceparent"]),
            (
                &["*", "cookie"],
                &["x-tenant", "accept-language", "accept", "user-agent", "cookie", "traceparent"],
            ),
            (&["a*"], &["accept-language", "accept", "traceparent"]),
            (&["x-user-id"], &["traceparent"]),
        ];
        for (patterns, expected) in table {
            assert_eq!(passing(&rules(patterns)), *expected, "{patterns:?}");
        }
        let default = ForwardRules::default();
        assert_eq!(
            passing(&default),
            ["x-tenant", "x-user-id", "accept-language", "user-agent", "x-user_id", "traceparent"]
        );
    }

    #[test]
    fn patterns_that_cannot_be_meant() {
        for bad in ["", "x-*-y", "**", "x-**", "a b", "x y*"] {
            assert_eq!(HeaderPattern::parse(bad), Err(Problem::HeaderPattern(bad.into())), "{bad}");
        }
        for reserved in ["host", "te", "content-type", "grpc-status", "x-request-id", "x-request_id"] {
            assert_eq!(HeaderPattern::parse(reserved), Err(Problem::HeaderReserved(reserved.into())));
        }
    }

    #[test]
    fn connection_names_headers_of_its_own() {
        let mut client = HeaderMap::new();
        client.insert(header::CONNECTION, "close, X-Secret".parse().unwrap());
        let named = |name| ForwardRules::is_named_by_connection(&client, &HeaderName::from_static(name));
        assert!(named("x-secret"));
        assert!(!named("x-secre"));
    }
}
