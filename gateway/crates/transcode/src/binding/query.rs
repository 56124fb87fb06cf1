//! A query string, cut into parameters.
//!
//! Only cut, not decoded: a name or value is decoded when it is looked at, so that each fault can be told with
//! the parameter it stands in.

/// One parameter as it stands in the query string, still percent-encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parameter<'q> {
    /// What is left of the first `=`.
    pub(crate) name: &'q str,
    /// What is right of it; `None` when there is no `=`.
    pub(crate) value: Option<&'q str>,
}

/// The parameters of `query` in their order. Empty pieces (`a=1&&b=2`) are no parameters.
pub(crate) fn parameters(query: &str) -> impl Iterator<Item = Parameter<'_>> {
    query.split('&').filter(|piece| !piece.is_empty()).map(|piece| match piece.split_once('=') {
        Some((name, value)) => Parameter { name, value: Some(value) },
        None => Parameter { name: piece, value: None },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_cut_at_ampersands_and_the_first_equals_sign() {
        type Pairs = &'static [(&'static str, Option<&'static str>)];
        let rows: &[(&str, Pairs)] = &[
            ("", &[]),
            ("&", &[]),
            ("a=1", &[("a", Some("1"))]),
            ("a=1&b=2", &[("a", Some("1")), ("b", Some("2"))]),
            ("a=1&&b=2&", &[("a", Some("1")), ("b", Some("2"))]),
            ("flag", &[("flag", None)]),
            ("flag=", &[("flag", Some(""))]),
            ("a=b=c", &[("a", Some("b=c"))]),
            ("=x", &[("", Some("x"))]),
            ("a=1;b=2", &[("a", Some("1;b=2"))]),
            ("a=1&a=2", &[("a", Some("1")), ("a", Some("2"))]),
            ("a%3Db=c%26d", &[("a%3Db", Some("c%26d"))]),
        ];
        for (query, expected) in rows {
            let found: Vec<_> = parameters(query).map(|p| (p.name, p.value)).collect();
            assert_eq!(found, *expected, "{query}");
        }
    }
}
