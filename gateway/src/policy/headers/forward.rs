//! Which headers of a client become metadata: by default few, and never what the gateway or the protocol says itself.

use std::borrow::Cow;
use std::cmp::Reverse;

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
    /// `grpc-metadata-*: "*"`: those that get another name.
    Rename(HeaderRename),
}

/// Headers that become metadata of another name: one of them, or all that begin so, whose beginning is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderRename {
    from: Box<str>,
    to: Box<str>,
    is_prefix: bool,
}

impl HeaderRename {
    /// The new name of a header, if it is one of these and the name is one.
    fn apply(&self, name: &HeaderName) -> Option<HeaderName> {
        let rest = name.as_str().strip_prefix(&*self.from)?;
        if !self.is_prefix && !rest.is_empty() {
            return None;
        }
        HeaderName::try_from(format!("{}{rest}", self.to)).ok()
    }

    fn matches(&self, name: &HeaderName) -> bool {
        let rest = name.as_str().strip_prefix(&*self.from);
        rest.is_some_and(|rest| self.is_prefix || rest.is_empty())
    }
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

impl HeaderPattern {
    /// Reads the form `from: to`, in which both are names, or both end in `*`.
    ///
    /// # Errors
    /// When they are of different forms, or name what never goes upstream.
    pub fn parse_rename(from: &str, to: &str) -> Result<Self, Problem> {
        let (from, to) = (from.to_ascii_lowercase(), to.to_ascii_lowercase());
        let bad = || Problem::HeaderRename(format!("{from}: {to}"));
        let is_prefix = from.ends_with('*');
        if is_prefix != to.ends_with('*') {
            return Err(bad());
        }
        let parts = [&from, &to].map(|text| text.strip_suffix('*').unwrap_or(text));
        let is_name = |text: &str| !text.contains('*') && HeaderName::try_from(text).is_ok();
        if !parts.iter().all(|text| is_name(text) || (is_prefix && text.is_empty())) {
            return Err(bad());
        }
        let [source, target] = parts;
        if HeaderName::try_from(source).is_ok_and(|name| super::is_hop_by_hop(&fold(&name))) {
            return Err(Problem::HeaderReserved(from));
        }
        if HeaderName::try_from(target).is_ok_and(|name| is_never_metadata(&fold(&name))) {
            return Err(Problem::HeaderReserved(to));
        }
        Ok(Self::Rename(HeaderRename { from: source.into(), to: target.into(), is_prefix }))
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
    /// The most exact first.
    renames: Vec<HeaderRename>,
}

impl Default for ForwardRules {
    /// `x-*`, `accept-language`, `user-agent`.
    fn default() -> Self {
        Self {
            all: false,
            names: vec![header::ACCEPT_LANGUAGE, header::USER_AGENT],
            prefixes: vec!["x-".into()],
            stripped: Spellings::default(),
            renames: Vec::new(),
        }
    }
}

impl ForwardRules {
    /// Compiles the patterns.
    pub fn new(patterns: &[HeaderPattern]) -> Self {
        let stripped = Spellings::default();
        let mut rules =
            Self { all: false, names: Vec::new(), prefixes: Vec::new(), stripped, renames: Vec::new() };
        for pattern in patterns {
            match pattern {
                HeaderPattern::All => rules.all = true,
                HeaderPattern::Name(name) => rules.names.push(name.clone()),
                HeaderPattern::Prefix(prefix) => rules.prefixes.push(prefix.clone()),
                HeaderPattern::Rename(rename) => rules.renames.push(rename.clone()),
            }
        }
        rules.renames.sort_by_key(|rename| (rename.is_prefix, Reverse(rename.from.len())));
        rules
    }

    /// Excludes these headers, in all their spellings.
    pub(in crate::policy) fn without(mut self, stripped: Spellings) -> Self {
        self.stripped = stripped;
        self
    }

    /// The name under which a header becomes metadata, if it does. A header that a rename matches has no other name.
    /// Whether its value can, and whether `connection` names it, are questions of the request.
    pub fn name_of<'n>(&self, name: &'n HeaderName) -> Option<Cow<'n, HeaderName>> {
        match self.renames.iter().find(|rename| rename.matches(name)) {
            Some(rename) => self.renamed(rename, name).map(Cow::Owned),
            None => self.passes(name).then_some(Cow::Borrowed(name)),
        }
    }

    /// The new name of a header. It must be one that a client may use, and credentials are renamed only when both names
    /// are written out.
    fn renamed(&self, rename: &HeaderRename, name: &HeaderName) -> Option<HeaderName> {
        let new = rename.apply(name)?;
        let (from, to) = (fold(name), fold(&new));
        let is_credential = |folded: &str| matches!(folded, "authorization" | "cookie");
        let leaks = rename.is_prefix && (is_credential(&from) || is_credential(&to));
        let barred = super::is_hop_by_hop(&from)
            || self.stripped.contains(&from)
            || self.stripped.contains(&to)
            || is_never_metadata(&to);
        (!leaks && !barred).then_some(new)
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

/// Whether a client's header must not become metadata of this folded name: the gateway writes it.
fn is_never_metadata(folded: &str) -> bool {
    is_never_forwarded(folded) || ALWAYS.contains(&folded)
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
    fn headers_get_other_names() {
        let rules = |pairs: &[(&str, &str)], patterns: &[&str]| {
            let renames = pairs.iter().map(|(from, to)| HeaderPattern::parse_rename(from, to).unwrap());
            let patterns = patterns.iter().map(|text| HeaderPattern::parse(text).unwrap());
            let patterns: Vec<_> = renames.chain(patterns).collect();
            let vouched = HeaderName::from_static("x-user-id");
            ForwardRules::new(&patterns).without([&vouched].into_iter().collect())
        };
        let gateway = &[("Grpc-Metadata-*", "*")][..];
        type Row = (&'static [(&'static str, &'static str)], &'static str, Option<&'static str>);
        let table: &[Row] = &[
            (gateway, "grpc-metadata-macaroon", Some("macaroon")),
            (gateway, "grpc-metadata-key-bin", Some("key-bin")),
            (gateway, "grpc-metadata-", None),
            (gateway, "grpc-timeout", None),
            (gateway, "macaroon", None),
            (gateway, "x-other", Some("x-other")),
            (gateway, "grpc-metadata-host", None),
            (gateway, "grpc-metadata-te", None),
            (gateway, "grpc-metadata-connection", None),
            (gateway, "grpc-metadata-content-type", None),
            (gateway, "grpc-metadata-grpc-timeout", None),
            (gateway, "grpc-metadata-x-forwarded-for", None),
            (gateway, "grpc-metadata-x-request-id", None),
            (gateway, "grpc-metadata-x-user-id", None),
            (gateway, "grpc-metadata-x_user_id", None),
            (gateway, "grpc_metadata_x_user-id", None),
            (gateway, "grpc-metadata-x-forwarded_for", None),
            (gateway, "grpc-metadata-content_type", None),
            (gateway, "grpc-metadata-traceparent", None),
            (gateway, "grpc-metadata-authorization", None),
            (gateway, "grpc-metadata-cookie", None),
            (&[("x-tenant", "tenant")], "x-tenant", Some("tenant")),
            (&[("x-tenant", "tenant")], "x-tenant-id", Some("x-tenant-id")),
            (&[("x-tenant", "x-user-id")], "x-tenant", None),
            (&[("x-*", "y-*"), ("x-a-*", "z-*"), ("x-a-b", "exact")], "x-a-b", Some("exact")),
            (&[("x-*", "y-*"), ("x-a-*", "z-*"), ("x-a-b", "exact")], "x-a-c", Some("z-c")),
            (&[("x-*", "y-*"), ("x-a-*", "z-*"), ("x-a-b", "exact")], "x-b", Some("y-b")),
            (&[("x-*", "y-*")], "x-user-id", None),
            (&[("*", "client-*")], "accept", Some("client-accept")),
            (&[("*", "client-*")], "authorization", None),
            (&[("*", "client-*")], "keep-alive", None),
            (
                &[("grpc-metadata-authorization", "authorization")],
                "grpc-metadata-authorization",
                Some("authorization"),
            ),
            (&[("authorization", "x-token")], "authorization", Some("x-token")),
            (&[("content-type", "x-type")], "content-type", Some("x-type")),
        ];
        for (pairs, name, expected) in table {
            let rules = rules(pairs, &["x-*"]);
            let name = HeaderName::from_static(name);
            assert_eq!(
                rules.name_of(&name).as_ref().map(|name| name.as_str()),
                *expected,
                "{pairs:?} {name}"
            );
        }
        for (from, to) in [
            ("x-*", "y"),
            ("x", "y-*"),
            ("x", ""),
            ("", "x"),
            ("x y", "z"),
            ("x", "y z"),
            ("x-*-y*", "z*"),
            ("x*", "y*z*"),
        ] {
            let error = HeaderPattern::parse_rename(from, to).unwrap_err();
            assert_eq!(error, Problem::HeaderRename(format!("{from}: {to}")));
        }
        for (from, to, reserved) in [
            ("x", "Host", "host"),
            ("x", "grpc-status", "grpc-status"),
            ("x-*", "grpc-*", "grpc-*"),
            ("x-*", "x-forwarded-*", "x-forwarded-*"),
            ("x", "traceparent", "traceparent"),
            ("Connection", "x", "connection"),
        ] {
            let error = HeaderPattern::parse_rename(from, to).unwrap_err();
            assert_eq!(error, Problem::HeaderReserved(reserved.to_owned()));
        }
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
