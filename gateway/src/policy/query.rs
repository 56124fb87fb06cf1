//! Query parameters that a service sets and removes.

use std::borrow::Cow;

use http::Uri;
use http::uri::PathAndQuery;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What is done to the query of a request. The default does nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct QueryEdits {
    set: Vec<(String, String)>,
    remove: Vec<String>,
}

/// The bytes that are encoded in what a service sets: those that would end the parameter or the query. As Envoy writes the
/// text of a service unchanged, services encode it themselves: `%` and `+` remain.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'%')
    .remove(b'+')
    .remove(b':')
    .remove(b'/')
    .remove(b'@')
    .remove(b',')
    .remove(b'!')
    .remove(b'$')
    .remove(b'*')
    .remove(b'(')
    .remove(b')')
    .remove(b'?');

impl QueryEdits {
    /// The edits that replace or add the pairs of `set` and then remove the names of `remove`.
    pub(super) const fn new(set: Vec<(String, String)>, remove: Vec<String>) -> Self {
        Self { set, remove }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.set.is_empty() && self.remove.is_empty()
    }

    /// Returns the target of a request with these edits; `None` if nothing changes. Names are compared decoded, so that a
    /// client cannot hide one by encoding it.
    pub(super) fn apply(&self, uri: &Uri) -> Option<Uri> {
        if self.is_empty() {
            return None;
        }
        let query = uri.query().unwrap_or_default();
        let mut pairs: Vec<Cow<'_, str>> =
            query.split('&').filter(|pair| !pair.is_empty()).map(Cow::Borrowed).collect();
        for (name, value) in &self.set {
            pairs.retain(|pair| name_of(pair) != decoded(name));
            pairs.push(Cow::Owned(format!("{}={}", encoded(name), encoded(value))));
        }
        for name in &self.remove {
            pairs.retain(|pair| name_of(pair) != decoded(name));
        }
        let path = uri.path();
        let target = if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) };
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::try_from(target).ok()?);
        Uri::from_parts(parts).ok().filter(|edited| edited != uri)
    }
}

fn name_of(pair: &str) -> String {
    decoded(pair.split('=').next().unwrap_or_default())
}

fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_set_and_then_removed() {
        type Row = (
            &'static str,
            &'static [(&'static str, &'static str)],
            &'static [&'static str],
            Option<&'static str>,
        );
        let table: &[Row] = &[
            ("/a?x=1", &[], &[], None),
            ("/a?x=1", &[("y", "2")], &[], Some("/a?x=1&y=2")),
            ("/a", &[("y", "2")], &[], Some("/a?y=2")),
            ("/a?x=1&y=2&x=3", &[("x", "4")], &[], Some("/a?y=2&x=4")),
            ("/a?x=1&y=2", &[], &["x"], Some("/a?y=2")),
            ("/a?x=1", &[], &["x"], Some("/a")),
            ("/a?x=1", &[], &["y"], None),
            ("/a?x=1", &[], &["X"], None),
            ("/a?%78=1&x&y", &[], &["x"], Some("/a?y")),
            ("/a?a+b=1", &[], &["a b"], Some("/a")),
            ("/a?x=1", &[("y", "2")], &["y"], None),
            ("/a", &[("x", "a&b=c#d e\u{fc}")], &[], Some("/a?x=a%26b%3Dc%23d%20e%C3%BC")),
            ("/a", &[("x", "a%20b+c")], &[], Some("/a?x=a%20b+c")),
            ("http://h:1/a?x=1", &[], &["x"], Some("http://h:1/a")),
        ];
        for (target, set, remove, expected) in table {
            let set = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let remove = remove.iter().map(|name| (*name).to_owned()).collect();
            let edited = QueryEdits::new(set, remove).apply(&Uri::from_static(target));
            assert_eq!(edited.map(|uri| uri.to_string()).as_deref(), *expected, "{target}");
        }
    }
}
