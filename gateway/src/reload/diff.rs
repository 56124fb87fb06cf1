//! What a new configuration changes, in a few lines.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::config::GatewayConfig;
use crate::diff::DescriptorChanges;
use crate::route::{RoutePlan, identity};

/// The difference between two configurations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diff {
    lines: Vec<String>,
    breaking: usize,
}

/// Lines that are shown; a reload of thousands of routes is counted instead.
const SHOWN: usize = 40;

impl Diff {
    /// What `new` has that `old` had not, and the other way round, after what changed descriptors do to clients.
    pub fn between(
        old: &GatewayConfig,
        new: &GatewayConfig,
        descriptors: Option<&DescriptorChanges>,
    ) -> Self {
        let mut lines: Vec<String> = descriptors.iter().map(ToString::to_string).collect();
        compare(&mut lines, "route", &routes(old), &routes(new));
        compare(&mut lines, "upstream", &upstreams(old), &upstreams(new));
        compare(&mut lines, "descriptors of", &reflected(old), &reflected(new));
        compare(&mut lines, "auth", &auth(old), &auth(new));
        compare(&mut lines, "listener", &listeners(old), &listeners(new));
        compare(&mut lines, "setting", &settings(old), &settings(new));
        Self { lines, breaking: descriptors.map_or(0, DescriptorChanges::breaking) }
    }

    /// How many changes of descriptors break clients.
    pub const fn breaking(&self) -> usize {
        self.breaking
    }

    /// Whether nothing changed that a route, an upstream, a listener or a setting would show.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing changed");
        }
        let shown = self.lines.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        f.write_str(&shown)?;
        match self.lines.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// Names, each with what it stands for.
type Things = BTreeMap<String, String>;

fn compare(lines: &mut Vec<String>, kind: &str, old: &Things, new: &Things) {
    for (name, value) in new {
        match old.get(name) {
            None => lines.push(format!("+ {kind} {name}")),
            Some(before) if before != value => lines.push(format!("~ {kind} {name}")),
            Some(_) => {}
        }
    }
    lines.extend(old.keys().filter(|name| !new.contains_key(*name)).map(|name| format!("- {kind} {name}")));
}

fn routes(config: &GatewayConfig) -> Things {
    config.routes.iter().map(|plan| (identity(&plan.name, &plan.hosts), fingerprint(plan))).collect()
}

/// All that a route was declared with, in some text of no importance: two are equal when their routes are.
fn fingerprint(plan: &RoutePlan) -> String {
    let RoutePlan { grpc, encode, decode, body_type, status, timeout, idempotent, .. } = plan;
    let RoutePlan { targets, errors, policies, .. } = plan;
    let (request, response) = (&plan.request, plan.response.field().map(|field| &field.name));
    format!(
        "{grpc} {request:?} {response:?} {encode:?} {decode:?} {body_type:?} {status} {timeout:?} {idempotent} {targets:?} {errors:?} {policies:?}"
    )
}

fn upstreams(config: &GatewayConfig) -> Things {
    config.upstreams.iter().map(|(name, spec)| (name.to_string(), format!("{spec:?}"))).collect()
}

fn reflected(config: &GatewayConfig) -> Things {
    // Whatever they are, they differ when their bytes do.
    let all = config.reflected.iter();
    all.map(|(name, reflected)| (name.to_string(), hash(reflected.set()))).collect()
}

fn auth(config: &GatewayConfig) -> Things {
    // Secrets have no text.
    config.auth.iter().map(|(name, spec)| (name.to_string(), hash(spec))).collect()
}

fn hash(thing: &(impl Hash + ?Sized)) -> String {
    let mut hasher = DefaultHasher::new();
    thing.hash(&mut hasher);
    hasher.finish().to_string()
}

fn listeners(config: &GatewayConfig) -> Things {
    config.listeners.iter().map(|listener| (listener.address.to_string(), format!("{listener:?}"))).collect()
}

fn settings(config: &GatewayConfig) -> Things {
    let named = [
        ("trusted_proxies", format!("{:?}", config.trusted_proxies)),
        ("limits", format!("{:?}", config.limits)),
        ("health", format!("{:?}{}", config.own.health, config.degraded)),
        ("probes", format!("{:?}{:?}", config.own.live, config.own.ready)),
        ("docs", format!("{:?} {:?}", config.own.docs, config.docs)),
        ("errors", format!("{:?}{:?}", config.errors, config.hidden_errors)),
        ("reload", format!("{:?}", config.breaking)),
        ("cors", format!("{:?}", config.cors)),
        ("compression", format!("{:?}", config.compression)),
        ("admin", format!("{:?}", config.admin)),
        ("rate_limit_service", format!("{:?}", config.rate_limit_service)),
        ("explain", format!("{:?}", config.explain)),
        ("drain", format!("{:?}", config.drain)),
        ("log", format!("{:?}", config.log)),
        ("tracing", format!("{:?}", config.tracing)),
    ];
    named.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
