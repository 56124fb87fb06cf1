//! Builds tables, and finds the routes that can never be reached.

use super::trie::{Leaf, Trie};
use super::{MethodPattern, Route, Table};
use crate::hash::NameMap;
use crate::template::Template;

/// Something about two routes that their author should know. Routes are given by what [`TableBuilder::insert`]
/// returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// Two routes match the same requests equally well: same method, same verb, same template but for the names of
    /// variables and the spelling of literals. The table holds the first one only.
    Conflict {
        /// The route that was inserted first.
        first: usize,
        /// The one that is not in the table.
        second: usize,
    },
    /// Every request that a route could take is taken by another one, which is more specific yet matches them all:
    /// `/a/*/**` takes all of `/a/**/b`.
    ///
    /// (But for paths with empty segments: `/a//b` has none that `*` takes. Nobody means those.)
    Shadowed {
        /// The route that is never reached.
        route: usize,
        /// The one that takes its requests.
        by: usize,
    },
}

/// Collects routes for a [`Table`].
#[derive(Debug)]
pub struct TableBuilder<T> {
    routes: Vec<Route<T>>,
}

impl<T> TableBuilder<T> {
    /// No routes yet.
    #[must_use]
    pub fn new() -> Self {
        Self { routes: Vec::new() }
    }

    /// Adds a route and returns its index, which counts from 0. Nothing depends on the order but the indices.
    pub fn insert(&mut self, method: MethodPattern, template: Template, value: T) -> usize {
        self.routes.push(Route { method, template, value });
        self.routes.len() - 1
    }

    /// The finished table, and all that is suspicious about its routes, in the order of the later route of each pair.
    ///
    /// The cost is linear in the sizes of the templates, but for templates with `**` whose tails overlap in many ways.
    #[must_use]
    pub fn build(self) -> (Table<T>, Vec<Finding>) {
        let mut table = Table { routes: self.routes, plain: Trie::default(), verbs: NameMap::default() };
        let mut findings = Vec::new();
        for (index, route) in table.routes.iter().enumerate() {
            let trie = match route.template.verb() {
                None => &mut table.plain,
                Some(verb) => table.verbs.entry(verb.into()).or_default(),
            };
            // An index overflows only at four thousand million segments, which no memory holds.
            let Ok(leaf) = trie.leaf_mut(&route.template) else { continue };
            match leaf.routes.iter().find(|(method, _)| *method == route.method) {
                Some(&(_, first)) => findings.push(Finding::Conflict { first, second: index }),
                None => leaf.routes.push((route.method.clone(), index)),
            }
        }
        findings.extend(table.shadows());
        findings.sort_by_key(|finding| match *finding {
            Finding::Conflict { first, second } => first.max(second),
            Finding::Shadowed { route, by } => route.max(by),
        });
        (table, findings)
    }
}

impl<T> Default for TableBuilder<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Table<T> {
    fn shadows(&self) -> impl Iterator<Item = Finding> {
        self.routes.iter().enumerate().filter_map(|(index, route)| {
            let trie = self.trie(route.template.verb())?;
            let by =
                trie.covering(&route.template).into_iter().find_map(|leaf| taker(leaf, &route.method))?;
            Some(Finding::Shadowed { route: index, by })
        })
    }
}

/// The route of a leaf that takes all that a route for `method` at a less specific leaf could take.
fn taker(leaf: &Leaf, method: &MethodPattern) -> Option<usize> {
    match method {
        MethodPattern::Named(name) => leaf.route(name),
        MethodPattern::Any => leaf.any(),
    }
}
