//! The table of all routes: by host, then by path and method.
//!
//! The host that says most wins: a name beats `*.example`, the longer of those beats the shorter, and both beat routes
//! for any host. A host's routes that do not take the request leave it to the next.

mod build;
mod contest;

use std::sync::Arc;

use http_rule::{Captures, Outcome, PathError};

use super::RoutePlan;
pub use build::{Matcher, Problem, TableBuilder};
pub use contest::{Matches, contest};

/// The methods that a route for any method takes, as `Allow` has them; others of a client's own besides.
pub const ANY_METHOD: &str = "DELETE, GET, HEAD, PATCH, POST, PUT";

/// Finds the route of a request.
#[derive(Debug)]
pub struct Table {
    matcher: Matcher,
    routes: Vec<Arc<RoutePlan>>,
    /// Whether the matcher has more than these.
    has_undescribed: bool,
}

/// The answer to a request.
#[derive(Debug)]
pub enum Lookup<'t, 'p> {
    /// This route takes it.
    Found {
        /// The route.
        route: &'t Arc<RoutePlan>,
        /// The values of the template's variables.
        captures: Captures<'p>,
    },
    /// There are routes for the path, under other methods.
    MethodNotAllowed {
        /// The value of `Allow`: sorted, HEAD wherever GET is.
        allow: String,
    },
    /// No route matches the path, or one whose method is not described so far: see [`Table::is_undescribed`].
    NotFound,
}

/// A route that takes a request, or nearly does.
#[derive(Debug)]
pub struct Candidate<'t> {
    /// The route.
    pub route: &'t Arc<RoutePlan>,
    /// How near it came.
    pub outcome: CandidateOutcome<'t>,
}

/// What became of a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CandidateOutcome<'t> {
    /// Path and method decided.
    Rule(Outcome<'t>),
    /// It would take the request on one of its own hosts.
    HostDiffers,
}

impl Table {
    /// A table of these routes; `matcher` was built from the same, in the same order. What it has beyond them are routes
    /// whose methods are not described so far.
    pub fn new(matcher: Matcher, routes: Vec<Arc<RoutePlan>>) -> Self {
        let beyond =
            |table: &http_rule::Table<usize>| table.routes().iter().any(|route| route.value >= routes.len());
        let has_undescribed = matcher.all().any(beyond);
        Self { matcher, routes, has_undescribed }
    }

    /// All routes.
    pub fn routes(&self) -> &[Arc<RoutePlan>] {
        &self.routes
    }

    /// The route of a request. `host` is its `Host` header or authority; `path` is as it came, still escaped, without
    /// a query.
    ///
    /// # Errors
    ///
    /// The path is one that is not routed, whatever the routes.
    pub fn lookup<'t, 'p>(
        &'t self,
        host: Option<&str>,
        method: &str,
        path: &'p str,
    ) -> Result<Lookup<'t, 'p>, PathError> {
        Ok(self.find(host, method, path)?.unwrap_or(Lookup::NotFound))
    }

    /// Whether a route would take a request that none takes now, once its method is described.
    pub fn is_undescribed(&self, host: Option<&str>, method: &str, path: &str) -> bool {
        self.has_undescribed && matches!(self.find(host, method, path), Ok(None))
    }

    /// As [`Self::lookup`]; nothing for a route whose method is not described.
    fn find<'t, 'p>(
        &'t self,
        host: Option<&str>,
        method: &str,
        path: &'p str,
    ) -> Result<Option<Lookup<'t, 'p>>, PathError> {
        if let Some(only) = self.matcher.only() {
            return self.find_in(only, method, path);
        }
        let mut allowed: Vec<String> = Vec::new();
        for table in self.matcher.for_host(host) {
            match self.find_in(table, method, path)? {
                Some(Lookup::NotFound) => {}
                Some(Lookup::MethodNotAllowed { allow }) => {
                    allowed.extend(allow.split(", ").map(str::to_owned));
                }
                found @ (Some(Lookup::Found { .. }) | None) => return Ok(found),
            }
        }
        if allowed.is_empty() {
            return Ok(Some(Lookup::NotFound));
        }
        allowed.sort_unstable();
        allowed.dedup();
        Ok(Some(Lookup::MethodNotAllowed { allow: allowed.join(", ") }))
    }

    fn find_in<'t, 'p>(
        &'t self,
        table: &'t http_rule::Table<usize>,
        method: &str,
        path: &'p str,
    ) -> Result<Option<Lookup<'t, 'p>>, PathError> {
        Ok(Some(match table.lookup(method, path)? {
            // TRACE would show others what a proxy adds, and CONNECT asks for a tunnel: no route for any method means these.
            http_rule::Lookup::Found(_) if matches!(method, "CONNECT" | "TRACE") => {
                Lookup::MethodNotAllowed { allow: ANY_METHOD.to_owned() }
            }
            http_rule::Lookup::Found(found) => match self.routes.get(*found.value) {
                Some(route) => Lookup::Found { route, captures: found.captures },
                None => return Ok(None),
            },
            http_rule::Lookup::MethodNotAllowed(allowed) => {
                Lookup::MethodNotAllowed { allow: allowed.to_string() }
            }
            http_rule::Lookup::NotFound => Lookup::NotFound,
        }))
    }

    /// The routes that take a request or nearly do, the most specific first. This looks at all routes: it is for people.
    pub fn explain<'t>(&'t self, host: Option<&str>, method: &str, path: &str) -> Vec<Candidate<'t>> {
        let mut candidates: Vec<Candidate<'t>> = Vec::new();
        let mut add = |route: Option<&'t Arc<RoutePlan>>, outcome| {
            if let Some(route) = route
                && !candidates.iter().any(|known| known.route.index == route.index)
            {
                candidates.push(Candidate { route, outcome });
            }
        };
        let tables = self.matcher.for_host(host);
        let mut taken = false;
        for table in &tables {
            for candidate in table.explain(method, path) {
                let outcome = match candidate.outcome {
                    Outcome::Matched if taken => Outcome::Outranked,
                    outcome => outcome,
                };
                taken |= outcome == Outcome::Matched;
                add(self.route_in(table, candidate.route), CandidateOutcome::Rule(outcome));
            }
        }
        for table in self.matcher.all() {
            if tables.iter().any(|asked| std::ptr::eq(*asked, table)) {
                continue;
            }
            for candidate in table.explain(method, path) {
                if matches!(candidate.outcome, Outcome::Matched | Outcome::Outranked) {
                    add(self.route_in(table, candidate.route), CandidateOutcome::HostDiffers);
                }
            }
        }
        candidates
    }

    fn route_in(&self, table: &http_rule::Table<usize>, index: usize) -> Option<&Arc<RoutePlan>> {
        self.routes.get(table.route(index)?.value)
    }
}
