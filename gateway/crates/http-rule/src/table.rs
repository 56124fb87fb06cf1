//! The table of routes, and the lookup.

mod build;
mod children;
mod explain;
mod trie;

use std::fmt;
use std::ops::ControlFlow;

use crate::captures::Captures;
use crate::hash::NameMap;
use crate::inline::Inline;
use crate::path::{PathError, Segments};
use crate::template::Template;

pub use build::{Finding, TableBuilder};
pub use explain::{Candidate, EXPLAIN_LIMIT, Outcome, Wanted};
use trie::{Leaf, Trie};

/// The methods that a route takes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MethodPattern {
    /// All: the custom kind `*`.
    Any,
    /// This one, letter case included; GET takes HEAD too, where nothing else does.
    Named(String),
}

impl From<&str> for MethodPattern {
    /// `*` is [`Self::Any`].
    fn from(kind: &str) -> Self {
        if kind == "*" { Self::Any } else { Self::Named(kind.to_owned()) }
    }
}

impl fmt::Display for MethodPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "*",
            Self::Named(name) => name,
        })
    }
}

/// One route of a table.
#[derive(Debug, Clone)]
pub struct Route<T> {
    /// The methods that it takes.
    pub method: MethodPattern,
    /// The paths that it takes.
    pub template: Template,
    /// What the caller put there.
    pub value: T,
}

/// An immutable set of routes; see the crate's documentation for which of them takes a request.
#[derive(Debug)]
pub struct Table<T> {
    /// As they were inserted; those that conflict with an earlier one are in no trie.
    routes: Vec<Route<T>>,
    /// The routes without a verb.
    plain: Trie,
    /// The others, by verb.
    verbs: NameMap<Trie>,
}

/// The answer to a request.
#[derive(Debug, Clone)]
pub enum Lookup<'t, 'p, T> {
    /// This route takes it.
    Found(Found<'t, 'p, T>),
    /// There are routes for the path, under other methods.
    MethodNotAllowed(Allowed<'t>),
    /// No route matches the path.
    NotFound,
}

/// The route that takes a request.
#[derive(Debug, Clone)]
pub struct Found<'t, 'p, T> {
    /// Its index, as [`TableBuilder::insert`] returned it.
    pub route: usize,
    /// Its value.
    pub value: &'t T,
    /// The values of the template's variables.
    pub captures: Captures<'p>,
}

/// The methods that a path has routes for: sorted, each once, never empty, HEAD wherever GET is. `Display` makes it
/// the value of an `Allow` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed<'t>(Vec<&'t str>);

impl<'t> Allowed<'t> {
    fn of(leaves: impl Iterator<Item = &'t Leaf>) -> Self {
        let mut methods = Vec::new();
        for (pattern, _) in leaves.flat_map(|leaf| &leaf.routes) {
            // A route for any method would have taken the request.
            let MethodPattern::Named(name) = pattern else { continue };
            methods.push(name.as_str());
            if name == "GET" {
                methods.push("HEAD");
            }
        }
        methods.sort_unstable();
        methods.dedup();
        Self(methods)
    }

    /// The methods' names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'t str> {
        self.0.iter().copied()
    }

    /// Whether a method is among them.
    #[must_use]
    pub fn contains(&self, method: &str) -> bool {
        self.0.contains(&method)
    }
}

impl fmt::Display for Allowed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

impl<T> Table<T> {
    /// The route that takes a request. `path` is as it came, still escaped, without a query.
    ///
    /// # Errors
    ///
    /// The path is one that is not routed, whatever the routes; see [`PathError`].
    pub fn lookup<'t, 'p>(&'t self, method: &str, path: &'p str) -> Result<Lookup<'t, 'p, T>, PathError> {
        self.lookup_counting(method, path, &mut 0)
    }

    /// As [`Self::lookup`]; `steps` counts the nodes looked at, as a measure of the work.
    fn lookup_counting<'t, 'p>(
        &'t self,
        method: &str,
        path: &'p str,
        steps: &mut usize,
    ) -> Result<Lookup<'t, 'p, T>, PathError> {
        let Some(mut segments) = Segments::split(path)? else {
            return Ok(Lookup::NotFound);
        };
        let mut search = Search { method, found: None, others: Inline::new() };
        if let Some(trie) = self.verb_trie(&segments)
            && let Some(cut) = segments.cut_verb()
        {
            if trie.search(&segments, steps, |leaf| search.offer(leaf)).is_break() {
                return self.found(search.found, &segments);
            }
            segments.restore(cut);
        }
        if self.plain.search(&segments, steps, |leaf| search.offer(leaf)).is_break() {
            return self.found(search.found, &segments);
        }
        Ok(search.not_found())
    }

    fn found<'t, 'p>(
        &'t self,
        route: Option<usize>,
        segments: &Segments<'p>,
    ) -> Result<Lookup<'t, 'p, T>, PathError> {
        let Some((index, route)) = route.and_then(|index| Some((index, self.routes.get(index)?))) else {
            return Ok(Lookup::NotFound);
        };
        // Each segment has been found to decode; parts of them do as well.
        let captures = Captures::cut(&route.template, segments).ok_or(PathError::NotUtf8 { at: 0 })?;
        Ok(Lookup::Found(Found { route: index, value: &route.value, captures }))
    }

    /// The routes for the verb that a path ends in, if there are any.
    #[inline]
    fn verb_trie(&self, segments: &Segments<'_>) -> Option<&Trie> {
        if self.verbs.is_empty() {
            return None;
        }
        self.verbs.get(segments.verb()?)
    }

    fn trie(&self, verb: Option<&str>) -> Option<&Trie> {
        verb.map_or(Some(&self.plain), |verb| self.verbs.get(verb))
    }

    /// All routes, by index; also those that are not reached because they conflict with others.
    #[must_use]
    pub fn routes(&self) -> &[Route<T>] {
        &self.routes
    }

    /// The route of an index.
    #[must_use]
    pub fn route(&self, index: usize) -> Option<&Route<T>> {
        self.routes.get(index)
    }
}

/// Takes the first leaf that has the method, and remembers those that have not.
struct Search<'t, 'm> {
    method: &'m str,
    found: Option<usize>,
    others: Inline<Option<&'t Leaf>, 4>,
}

impl<'t> Search<'t, '_> {
    #[inline]
    fn offer(&mut self, leaf: &'t Leaf) -> ControlFlow<()> {
        self.found = leaf.route(self.method);
        if self.found.is_some() {
            return ControlFlow::Break(());
        }
        self.others.push(Some(leaf));
        ControlFlow::Continue(())
    }

    fn not_found<'p, T>(self) -> Lookup<'t, 'p, T> {
        if self.others.len() == 0 {
            return Lookup::NotFound;
        }
        let leaves = (0..self.others.len()).filter_map(|index| self.others.get(index).flatten());
        Lookup::MethodNotAllowed(Allowed::of(leaves))
    }
}

#[cfg(test)]
mod tests;
