//! What a new configuration changes, and what of it breaks clients: for `gateway diff` and for reloads.
//!
//! Routes are the same when they take the same requests, whatever their variables are called. What is behind them is
//! compared as well: the messages, by what their JSON looks like.

mod auth;
mod descriptors;
mod pairs;
mod render;
mod routes;
mod settings;

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::GatewayConfig;
use crate::descriptors::changes::Change;
use crate::route::{OriginKind, RoutePlan};

pub use descriptors::DescriptorChanges;

/// All differences between two configurations.
#[derive(Debug, Default)]
pub struct Report {
    /// Routes that are new.
    pub added: Vec<Arc<RoutePlan>>,
    /// Routes that are gone, with what their clients get now.
    pub removed: Vec<(Arc<RoutePlan>, String)>,
    /// Routes that are still there and do something else.
    pub altered: Vec<Altered>,
    /// What changed in the messages behind routes, each with the routes that are concerned.
    pub messages: Vec<(Change, Vec<Arc<str>>)>,
    /// Everything that belongs to no route.
    pub settings: Vec<Alteration>,
}

/// A route that does something else than before.
#[derive(Debug)]
pub struct Altered {
    /// Its name: `GET /users/{user_id}`; the old one, when that has changed.
    pub route: Arc<str>,
    /// How the old one came to be.
    pub origin: OriginKind,
    /// What is different, never empty.
    pub alterations: Vec<Alteration>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alteration {
    /// What has changed, as its key in routes.yaml: `status`.
    pub what: String,
    /// What it was; empty when it was not there.
    pub was: String,
    /// What it is; empty when it is not there any more.
    pub is: String,
    /// Whether clients that worked before may not work any more.
    pub breaking: bool,
}

impl Alteration {
    fn new(what: &str, was: impl ToString, is: impl ToString, breaking: bool) -> Self {
        Self { what: what.to_owned(), was: was.to_string(), is: is.to_string(), breaking }
    }
}

impl Report {
    /// Compares two configurations.
    pub fn between(old: &GatewayConfig, new: &GatewayConfig) -> Self {
        let pairs = pairs::pair(old, new);
        let mut report = Self { settings: settings::between(old, new), ..Self::default() };
        let mut messages = routes::Messages::new(old, new);
        for (was, is) in &pairs.both {
            let alterations = routes::between(was, is);
            if !alterations.is_empty() {
                let (route, origin) = (Arc::clone(&was.name), was.origin.kind);
                report.altered.push(Altered { route, origin, alterations });
            }
            messages.compare(was, is);
        }
        report.messages = messages.finish();
        report.added = pairs.added;
        report.removed =
            pairs.removed.into_iter().map(|route| (Arc::clone(&route), gone(&route, new))).collect();
        report
    }

    /// How many changes break clients.
    pub fn breaking(&self) -> usize {
        let altered = self.altered.iter().flat_map(|altered| &altered.alterations);
        self.removed.len()
            + altered.chain(&self.settings).filter(|alteration| alteration.breaking).count()
            + self.messages.iter().filter(|(change, _)| change.is_breaking()).count()
    }

    /// Whether there is no difference.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty()
            && self.removed.is_empty()
            && self.altered.is_empty()
            && self.messages.is_empty()
            && self.settings.is_empty()
    }

    /// For people.
    pub fn to_text(&self) -> String {
        render::text(self)
    }

    /// For machines.
    pub fn to_json(&self) -> serde_json::Value {
        render::json(self)
    }
}

/// What the requests of a route get that is gone.
fn gone(route: &RoutePlan, new: &GatewayConfig) -> String {
    use crate::route::Lookup;
    let path = pairs::sample(route, "x");
    match new.table.lookup(pairs::host(route), pairs::method(route), &path) {
        Ok(Lookup::Found { route, .. }) => {
            format!("`{}` takes its requests and calls {}", route.name, route.grpc)
        }
        Ok(Lookup::MethodNotAllowed { allow }) => format!("405, the path takes {allow}"),
        Ok(Lookup::NotFound) | Err(_) => match same_method(route, new) {
            Some(other) => format!("404, {} is at `{}` now", route.grpc, other.name),
            None => "404".to_owned(),
        },
    }
}

/// Another route to the same gRPC method.
fn same_method<'n>(route: &RoutePlan, new: &'n GatewayConfig) -> Option<&'n RoutePlan> {
    let same = |other: &&Arc<RoutePlan>| other.grpc.path == route.grpc.path;
    new.routes.iter().find(same).map(|route| &**route)
}

/// Items in the order in which they first came, each with all that came with it.
#[derive(Debug)]
struct Grouped<K, V> {
    at: HashMap<K, usize>,
    groups: Vec<(K, Vec<V>)>,
}

impl<K: Clone + Eq + std::hash::Hash, V> Grouped<K, V> {
    fn new() -> Self {
        Self { at: HashMap::new(), groups: Vec::new() }
    }

    fn add(&mut self, key: K, value: V) {
        match self.at.get(&key).and_then(|at| self.groups.get_mut(*at)) {
            Some((_, values)) => values.push(value),
            None => {
                self.at.insert(key.clone(), self.groups.len());
                self.groups.push((key, vec![value]));
            }
        }
    }
}
