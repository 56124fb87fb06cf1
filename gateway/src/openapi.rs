//! OpenAPI 3.1 of what is exposed: made of the compiled routes, so that it says what the gateway does, and of the
//! comments in the descriptors.
//!
//! It describes the canonical JSON that the gateway prints. What it also takes (numbers as strings, both names of a field,
//! enum numbers) is left out: a client needs one way to write, not all of them.

mod comments;
mod errors;
mod example;
mod operation;
mod paths;
mod query;
mod request_body;
mod schemas;
mod schemes;

use std::sync::Arc;

use http_rule::{MethodPattern, Segment};
use serde_json::{Map, Value, json};
use transcode::DecodeOptions;

use crate::config::{DocsSpec, GatewayConfig};
use crate::descriptors::Comments;
use crate::route::{HostPattern, RoutePlan};

use operation::Operations;
use paths::Paths;
use schemas::Schemas;

/// What the configuration does not say about its API.
#[derive(Debug, Clone)]
pub struct Options {
    /// The name of the API.
    pub title: String,
    /// The version of the API.
    pub version: String,
    /// Base URLs. None: the document's own host.
    pub servers: Vec<String>,
    /// Only what clients of this host see. None: all routes; where several hosts have the same method and path, the first.
    pub host: Option<String>,
}

impl Options {
    /// Those of a configuration's own page.
    pub fn of(config: &GatewayConfig) -> Self {
        let DocsSpec { title, version } = config.docs.clone();
        Self { title, version, servers: Vec::new(), host: None }
    }
}

impl Default for Options {
    fn default() -> Self {
        let DocsSpec { title, version } = DocsSpec::default();
        Self { title, version, servers: Vec::new(), host: None }
    }
}

/// The OpenAPI document of a configuration.
pub fn document(config: &GatewayConfig, options: &Options) -> Value {
    let routes: Vec<&RoutePlan> = config.routes.iter().map(Arc::as_ref).collect();
    // It is the same for all routes.
    let decode = routes.first().map(|plan| plan.decode.clone()).unwrap_or_default();
    describe(config, &visible(&routes, options.host.as_deref()), &decode, options)
}

fn describe(
    config: &GatewayConfig,
    routes: &[&RoutePlan],
    decode: &DecodeOptions,
    options: &Options,
) -> Value {
    let mut comments = Comments::default();
    let mut schemas = Schemas::new(&config.schema, decode);
    let mut operations = Operations::new(&config.schema, routes);
    let mut paths = Paths::default();
    // The paths are in the order of the file; of operations in one place the more specific one stays.
    for plan in routes {
        paths.slot(&plan.template);
    }
    let mut ordered = routes.to_vec();
    ordered.sort_by_key(|plan| {
        (plan.method == MethodPattern::Any, plan.template.segments().contains(&Segment::Multi))
    });
    for plan in ordered {
        let slot = paths.slot(&plan.template);
        if paths.has(&slot, &plan.method) {
            continue;
        }
        let operation = operations.operation(plan, &slot, &mut schemas, &mut comments);
        paths.insert(slot, &plan.method, operation);
    }
    let security = operations.security_schemes();
    let tags = operations.tags(&mut comments);
    let responses = errors::responses(config.errors, operations.error_name());
    let mut components = Map::new();
    components.insert(operations.error_name().to_owned(), errors::schema(config.errors));
    components.extend(schemas.finish(&mut comments));

    let mut document = json!({
        "openapi": "3.1.0",
        "info": { "title": options.title, "version": options.version },
        "servers": servers(&options.servers),
        "tags": tags,
        "paths": paths.finish(),
        "components": {
            "schemas": components,
            "responses": responses,
            "headers": errors::headers(),
        },
    });
    if !security.is_empty()
        && let Some(components) = document.get_mut("components").and_then(Value::as_object_mut)
    {
        components.insert("securitySchemes".to_owned(), security.into());
    }
    document
}

fn servers(urls: &[String]) -> Value {
    let urls = if urls.is_empty() { &["/".to_owned()][..] } else { urls };
    urls.iter().map(|url| json!({ "url": url })).collect()
}

/// The routes that clients of a host see, those for it before those for any; all routes when none is named.
fn visible<'p>(routes: &[&'p RoutePlan], host: Option<&str>) -> Vec<&'p RoutePlan> {
    let Some(host) = host.map(str::to_ascii_lowercase) else { return routes.to_vec() };
    let rank = |plan: &RoutePlan| {
        if plan.hosts.is_empty() {
            return Some(usize::MAX);
        }
        plan.hosts.iter().filter_map(|pattern| nearness(pattern, &host)).min()
    };
    let mut ranked: Vec<(usize, &RoutePlan)> =
        routes.iter().filter_map(|plan| Some((rank(plan)?, *plan))).collect();
    // In the order of the file, but for what is nearer.
    ranked.sort_by_key(|(rank, plan)| (*rank, plan.index));
    ranked.into_iter().map(|(_, plan)| plan).collect()
}

/// How near a pattern is to a host, 0 the nearest; `None` when it does not match.
fn nearness(pattern: &HostPattern, host: &str) -> Option<usize> {
    match pattern {
        HostPattern::Exact(name) => (**name == *host).then_some(0),
        HostPattern::Below(end) => {
            (host.len() > end.len() && host.ends_with(&**end)).then(|| 1 + host.len() - end.len())
        }
    }
}

/// Adds a key whose value is worth saying.
fn set(object: &mut Map<String, Value>, key: &str, value: impl Into<Value>) {
    let value = value.into();
    if !value.is_null() {
        object.insert(key.to_owned(), value);
    }
}

fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}
