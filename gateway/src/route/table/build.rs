//! Builds the matcher, and finds routes that conflict or are never reached.

use std::collections::{BTreeMap, HashMap, HashSet};

use http_rule::{Finding, MethodPattern, Template};

use crate::route::HostPattern;
use crate::route::host::host_name;

/// The tables of each host. Their values are indices into the list of all routes.
#[derive(Debug)]
pub struct Matcher {
    any: http_rule::Table<usize>,
    exact: HashMap<Box<str>, http_rule::Table<usize>>,
    /// By suffix, the longest first.
    below: Vec<(Box<str>, http_rule::Table<usize>)>,
}

impl Matcher {
    /// The one table, when no route names a host.
    pub(super) fn only(&self) -> Option<&http_rule::Table<usize>> {
        (self.exact.is_empty() && self.below.is_empty()).then_some(&self.any)
    }

    /// The tables that a host's requests are looked up in, in this order.
    pub(super) fn for_host(&self, host: Option<&str>) -> Vec<&http_rule::Table<usize>> {
        let mut tables = Vec::with_capacity(2);
        if let Some(host) = host {
            let name = host_name(host);
            tables.extend(self.exact.get(name.as_ref()));
            let below = self
                .below
                .iter()
                .filter(|(suffix, _)| name.len() > suffix.len() && name.ends_with(&**suffix));
            tables.extend(below.map(|(_, table)| table));
        }
        tables.push(&self.any);
        tables
    }

    /// Every table.
    pub(super) fn all(&self) -> impl Iterator<Item = &http_rule::Table<usize>> {
        let below = self.below.iter().map(|(_, table)| table);
        std::iter::once(&self.any).chain(self.exact.values()).chain(below)
    }
}

/// Something about two routes that their author should know. Routes are given by what [`TableBuilder::insert`] returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// Both match the same requests equally well; the second one is not in the table.
    Conflict {
        /// The route that was inserted first.
        first: usize,
        /// The one that is left out.
        second: usize,
    },
    /// Another route takes every request that this one could.
    Shadowed {
        /// The route that is never reached.
        route: usize,
        /// The one that takes its requests.
        by: usize,
    },
}

/// Collects the rules of routes.
#[derive(Debug, Default)]
pub struct TableBuilder {
    any: http_rule::TableBuilder<usize>,
    exact: BTreeMap<Box<str>, http_rule::TableBuilder<usize>>,
    below: BTreeMap<Box<str>, http_rule::TableBuilder<usize>>,
    /// For each table that a route is in.
    hosts: Vec<usize>,
}

impl TableBuilder {
    /// No routes yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the rule of a route and returns its index, which counts from 0. No hosts are any host.
    pub fn insert(&mut self, hosts: &[HostPattern], method: &MethodPattern, template: &Template) -> usize {
        let index = self.hosts.len();
        let mut distinct: Vec<&HostPattern> = hosts.iter().collect();
        distinct.sort();
        distinct.dedup();
        self.hosts.push(distinct.len().max(1));
        if distinct.is_empty() {
            self.any.insert(method.clone(), template.clone(), index);
        }
        for host in distinct {
            let table = match host {
                HostPattern::Exact(name) => self.exact.entry(name.clone()).or_default(),
                HostPattern::Below(suffix) => self.below.entry(suffix.clone()).or_default(),
            };
            table.insert(method.clone(), template.clone(), index);
        }
        index
    }

    /// The finished matcher, and every pair of routes in conflict and every route that is reached on none of its hosts.
    pub fn build(self) -> (Matcher, Vec<Problem>) {
        let mut findings = Findings::default();
        let any = findings.build(self.any);
        let exact = self.exact.into_iter().map(|(name, table)| (name, findings.build(table))).collect();
        let mut below: Vec<_> =
            self.below.into_iter().map(|(suffix, table)| (suffix, findings.build(table))).collect();
        below.sort_by_key(|(suffix, _)| std::cmp::Reverse(suffix.len()));
        (Matcher { any, exact, below }, findings.problems(&self.hosts))
    }
}

/// What was found in each table, by the indices of routes.
#[derive(Default)]
struct Findings {
    conflicts: Vec<(usize, usize)>,
    /// The route, and one that takes its requests, for each table.
    shadows: Vec<(usize, usize)>,
}

impl Findings {
    fn build(&mut self, builder: http_rule::TableBuilder<usize>) -> http_rule::Table<usize> {
        let (table, findings) = builder.build();
        let route = |index: usize| table.route(index).map(|route| route.value);
        for finding in findings {
            match finding {
                Finding::Conflict { first, second } => self.conflicts.extend(route(first).zip(route(second))),
                Finding::Shadowed { route: shadowed, by } => {
                    self.shadows.extend(route(shadowed).zip(route(by)))
                }
            }
        }
        table
    }

    /// A conflict on any host is one; a route is shadowed only where that holds for all of its hosts.
    fn problems(self, hosts: &[usize]) -> Vec<Problem> {
        let mut told = HashSet::new();
        let mut problems = Vec::new();
        for (first, second) in self.conflicts {
            if told.insert((first, second)) {
                problems.push(Problem::Conflict { first, second });
            }
        }
        let mut shadowed: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (route, by) in self.shadows {
            shadowed.entry(route).or_default().push(by);
        }
        for (route, by) in shadowed {
            if hosts.get(route).is_some_and(|tables| by.len() >= *tables)
                && let Some(by) = by.first()
            {
                problems.push(Problem::Shadowed { route, by: *by });
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builder(rules: &[(&[&str], &str, &str)]) -> TableBuilder {
        let mut builder = TableBuilder::new();
        for (hosts, method, path) in rules {
            let hosts: Vec<_> = hosts.iter().map(|host| HostPattern::parse(host).unwrap()).collect();
            builder.insert(&hosts, &(*method).into(), &Template::parse(path).unwrap());
        }
        builder
    }

    #[test]
    fn routes_of_different_hosts_do_not_conflict() {
        let rules: &[(&[&str], _, _)] = &[
            (&[], "GET", "/a"),
            (&["x.example"], "GET", "/a"),
            (&["*.example"], "GET", "/a"),
            (&["x.example", "y.example"], "POST", "/a"),
        ];
        assert_eq!(builder(rules).build().1, []);
    }

    #[test]
    fn a_conflict_is_told_once() {
        let rules: &[(&[&str], _, _)] =
            &[(&["x.example", "y.example"], "GET", "/a/{b}"), (&["y.example", "x.example"], "GET", "/a/{c}")];
        assert_eq!(builder(rules).build().1, [Problem::Conflict { first: 0, second: 1 }]);
    }

    #[test]
    fn a_route_that_one_host_reaches_is_not_shadowed() {
        let rules: &[(&[&str], _, _)] =
            &[(&["x.example", "y.example"], "GET", "/a/**/b"), (&["x.example"], "GET", "/a/*/**")];
        assert_eq!(builder(rules).build().1, []);
        let rules: &[(&[&str], _, _)] =
            &[(&["x.example"], "GET", "/a/**/b"), (&["x.example"], "GET", "/a/*/**")];
        assert_eq!(builder(rules).build().1, [Problem::Shadowed { route: 0, by: 1 }]);
    }

    #[test]
    fn the_host_that_says_most_comes_first() {
        let rules: &[(&[&str], _, _)] = &[
            (&[], "GET", "/a"),
            (&["*.example"], "GET", "/a"),
            (&["*.shop.example"], "GET", "/a"),
            (&["api.shop.example"], "GET", "/a"),
        ];
        let (matcher, _) = builder(rules).build();
        let order = |host| -> Vec<usize> {
            let tables = matcher.for_host(host);
            tables.iter().flat_map(|table| table.routes().iter().map(|route| route.value)).collect()
        };
        assert_eq!(order(Some("api.shop.example:80")), [3, 2, 1, 0]);
        assert_eq!(order(Some("API.shop.example")), [3, 2, 1, 0]);
        assert_eq!(order(Some("x.shop.example")), [2, 1, 0]);
        assert_eq!(order(Some("shop.example")), [1, 0]);
        assert_eq!(order(Some("example")), [0]);
        assert_eq!(order(None), [0]);
    }
}
