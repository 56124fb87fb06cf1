//! Which of two routes takes the requests that both match.

use std::cmp::Ordering;

use http_rule::{MethodPattern, Template};

use crate::route::HostPattern;
use crate::route::host::contest_hosts;

/// What decides which requests a route matches.
#[derive(Debug, Clone, Copy)]
pub struct Matches<'r> {
    /// The hosts that the route is for; empty: any.
    pub hosts: &'r [HostPattern],
    /// The HTTP method.
    pub method: &'r MethodPattern,
    /// The path.
    pub template: &'r Template,
}

/// Compares two routes by the requests that both match. `None` when there are none; `Less` when `one` takes at least some
/// of them in a table of the two; `Equal` when the routes conflict on some and `one` takes none.
pub fn contest(one: &Matches<'_>, other: &Matches<'_>) -> Option<Ordering> {
    let by_path = http_rule::contest((one.method, one.template), (other.method, other.template))?;
    let hosts = |route: &Matches<'_>| -> Vec<Option<HostPattern>> {
        if route.hosts.is_empty() { vec![None] } else { route.hosts.iter().cloned().map(Some).collect() }
    };
    let others = hosts(other);
    let pairs = hosts(one).into_iter().flat_map(|one| others.iter().map(move |other| (one.clone(), other)));
    let by_host = pairs.filter_map(|(one, other)| contest_hosts(one.as_ref(), other.as_ref()));
    by_host.map(|by_host| by_host.then(by_path)).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches((hosts, method, template): &(Vec<HostPattern>, MethodPattern, Template)) -> Matches<'_> {
        Matches { hosts, method, template }
    }

    fn contest_of(one: (&[&str], &str, &str), other: (&[&str], &str, &str)) -> Option<Ordering> {
        let parse = |(hosts, method, path): (&[&str], &str, &str)| {
            let hosts: Vec<_> = hosts.iter().map(|host| HostPattern::parse(host).unwrap()).collect();
            (hosts, MethodPattern::from(method), Template::parse(path).unwrap())
        };
        let (one, other) = (parse(one), parse(other));
        contest(&matches(&one), &matches(&other))
    }

    #[test]
    fn the_more_specific_host_decides_before_the_path() {
        let (any, me): ((&[&str], _, _), (&[&str], _, _)) =
            ((&[], "GET", "/users/{id}"), (&[], "GET", "/users/me"));
        for (one, other, expected) in [
            (me, any, Some(Ordering::Less)),
            (any, me, Some(Ordering::Greater)),
            (any, any, Some(Ordering::Equal)),
            ((&["a.example"][..], "GET", "/users/{id}"), me, Some(Ordering::Less)),
            (me, (&["a.example"][..], "GET", "/users/{id}"), Some(Ordering::Greater)),
            ((&["a.example"], "GET", "/users/me"), (&["b.example"], "GET", "/users/{id}"), None),
            (
                (&["a.example"], "GET", "/users/{id}"),
                (&["*.example"], "GET", "/users/me"),
                Some(Ordering::Less),
            ),
            ((&["*.a.example"], "GET", "/**"), (&["*.example"], "GET", "/users/me"), Some(Ordering::Less)),
            ((&["*.example"], "GET", "/users/me"), (&["*.a.example"], "GET", "/**"), Some(Ordering::Greater)),
            ((&["*.a.example"], "GET", "/users/me"), (&["*.b.example"], "GET", "/**"), None),
            ((&["*.example"], "GET", "/users/me"), (&["example"], "GET", "/**"), None),
            // On one host of two.
            (
                (&["a.example", "b.example"], "GET", "/users/me"),
                (&["b.example"], "GET", "/**"),
                Some(Ordering::Less),
            ),
            ((&["a.example"], "POST", "/users/{id}"), me, None),
        ] {
            assert_eq!(contest_of(one, other), expected, "{one:?} and {other:?}");
        }
    }
}
