//! Which route of the new configuration is which of the old one: the one that takes its requests.

use std::collections::HashMap;
use std::sync::Arc;

use http_rule::{MethodPattern, Segment};

use crate::config::GatewayConfig;
use crate::route::{HostPattern, Lookup, RoutePlan};

/// The routes of two configurations, side by side.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    pub(super) both: Vec<(Arc<RoutePlan>, Arc<RoutePlan>)>,
    pub(super) added: Vec<Arc<RoutePlan>>,
    pub(super) removed: Vec<Arc<RoutePlan>>,
}

/// What a route takes, whatever its variables are called.
type Key<'r> = (&'r MethodPattern, &'r [Segment], Option<&'r str>);

fn key(route: &RoutePlan) -> Key<'_> {
    (&route.method, route.template.segments(), route.template.verb())
}

fn hosts(route: &RoutePlan) -> Vec<&HostPattern> {
    let mut hosts: Vec<_> = route.hosts.iter().collect();
    hosts.sort();
    hosts
}

/// Pairs them: by what they take on the same hosts, then on others, then by who takes the requests now.
pub(super) fn pair(old: &GatewayConfig, new: &GatewayConfig) -> Pairs {
    let mut by_key: HashMap<Key<'_>, Vec<usize>> = HashMap::new();
    for (index, route) in new.routes.iter().enumerate() {
        by_key.entry(key(route)).or_default().push(index);
    }
    let mut found: Vec<Option<usize>> = vec![None; old.routes.len()];
    let mut taken = vec![false; new.routes.len()];
    for same_hosts in [true, false] {
        for (route, slot) in old.routes.iter().zip(&mut found) {
            if slot.is_some() {
                continue;
            }
            let candidates = by_key.get(&key(route)).map_or(&[][..], Vec::as_slice);
            let fits = |index: &&usize| {
                let other = new.routes.get(**index);
                let free = taken.get(**index) == Some(&false);
                free && other.is_some_and(|other| !same_hosts || hosts(other) == hosts(route))
            };
            *slot = candidates.iter().find(fits).copied();
            if let Some(place) = slot.and_then(|index| taken.get_mut(index)) {
                *place = true;
            }
        }
    }
    let mut pairs = Pairs::default();
    for (route, slot) in old.routes.iter().zip(found) {
        let other = slot.or_else(|| taker(route, new));
        match other.and_then(|index| Some((index, new.routes.get(index)?))) {
            Some((index, other)) => {
                if let Some(place) = taken.get_mut(index) {
                    *place = true;
                }
                pairs.both.push((Arc::clone(route), Arc::clone(other)));
            }
            None => pairs.removed.push(Arc::clone(route)),
        }
    }
    let added = new.routes.iter().zip(taken).filter(|(_, taken)| !taken);
    pairs.added = added.map(|(route, _)| Arc::clone(route)).collect();
    pairs
}

/// The route of another shape that takes all requests of a route for the same gRPC method, as `/v1/**` does those of `/v1/a`.
fn taker(route: &RoutePlan, new: &GatewayConfig) -> Option<usize> {
    let find = |piece: &str| {
        let path = sample(route, piece);
        match new.table.lookup(host(route), method(route), &path) {
            Ok(Lookup::Found { route: found, .. }) if found.grpc.path == route.grpc.path => Some(found.index),
            _ => None,
        }
    };
    // Nobody has a literal of that name, and a `**` takes any number of segments.
    let first = find("x-sample")?;
    let many = route.template.segments().contains(&Segment::Multi);
    (!many || find("x-sample/y-sample") == Some(first)).then_some(first)
}

/// A path that the route takes; `multi` stands for its `**`.
pub(super) fn sample(route: &RoutePlan, multi: &str) -> String {
    let mut path = String::new();
    for segment in route.template.segments() {
        path.push('/');
        path.push_str(match segment {
            Segment::Literal(text) => text,
            Segment::Single => "x-sample",
            Segment::Multi => multi,
        });
    }
    if let Some(verb) = route.template.verb() {
        path.push(':');
        path.push_str(verb);
    }
    path
}

/// A host that the route is for.
pub(super) fn host(route: &RoutePlan) -> Option<&str> {
    match route.hosts.first()? {
        HostPattern::Exact(name) => Some(name),
        HostPattern::Below(name) => Some(name.trim_start_matches('.')),
    }
}

/// A method that the route takes.
pub(super) fn method(route: &RoutePlan) -> &str {
    match &route.method {
        MethodPattern::Any => "GET",
        MethodPattern::Named(name) => name,
    }
}
