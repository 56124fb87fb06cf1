//! `http: rules:` of a service configuration (`google.api.Service`): rules for methods that cannot be annotated.

use super::node::Node;
use super::reader::{At, Reader};
use super::route::{self, RawBinding, RawRoute, RawSettings};
use crate::config::diagnostic::Code;

/// What such files also hold and the gateway has no use for; it is theirs, so it is no mistake.
pub(super) const BESIDES: &[&str] = &["type", "config_version", "name", "title", "apis"];

/// Reads `http`.
pub(super) fn read(node: &Node, reader: &mut Reader<'_>) -> Vec<RawRoute> {
    let mut routes = Vec::new();
    for (key, value) in reader.entries(node, "a mapping, as `rules: […]`").unwrap_or_default() {
        match key.name.as_str() {
            "rules" => {
                let items = reader.items(value, "a list of rules, as `- selector: package.Service.Method`");
                routes.extend(items.iter().filter_map(|item| rule(item, reader)));
            }
            "fully_decode_reserved_expansion" => reader.not_supported(key),
            _ => reader.unknown_key(key, "`http`", &["rules"]),
        }
    }
    routes
}

fn rule(node: &Node, reader: &mut Reader<'_>) -> Option<RawRoute> {
    const OF: &str = "a rule";
    let entries = reader.entries(node, "a rule, as `selector: package.Service.Method`")?;
    let known = [&["selector", "additional_bindings"], route::METHODS, route::BINDING].concat();
    if !Reader::has(&entries, "selector", &known) {
        reader.missing(node.place, OF, "selector", "package.Service.Method");
    }
    let mut selector = None;
    let mut additional = Vec::new();
    let mut own = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        match key.name.as_str() {
            "selector" => {
                selector = reader.name(value, "the full name of a method, as shop.v1.Users.GetUser")
            }
            "additional_bindings" => {
                for item in reader.items(value, "a list of rules") {
                    let entries = reader.entries(item, "a rule, as `get: /orders`").unwrap_or_default();
                    additional.extend(route::read_binding(
                        item.place,
                        &entries,
                        "an additional binding",
                        reader,
                    ));
                }
            }
            name if known.contains(&name) => own.push((key, value)),
            _ => reader.unknown_key(key, OF, &known),
        }
    }
    let binding = route::read_binding(node.place, &own, OF, reader).map(explicit)?;
    let grpc = method(selector?, reader)?;
    let additional = additional.into_iter().map(explicit).collect();
    Some(RawRoute { overrides: true, grpc, binding, additional, settings: RawSettings::default() })
}

/// In such files a rule without `body` has none, whatever its method.
fn explicit(binding: RawBinding) -> RawBinding {
    let nothing = At::new(String::new(), binding.path.place);
    RawBinding {
        body: binding.body.or_else(|| Some(nothing.clone())),
        response_body: binding.response_body.or(Some(nothing)),
        ..binding
    }
}

/// `package.Service.Method` as the routes write it.
fn method(selector: At<String>, reader: &mut Reader<'_>) -> Option<At<String>> {
    match selector.value.rsplit_once('.') {
        Some((service, method)) if !selector.value.contains(['*', '/']) => {
            Some(At::new(format!("{service}/{method}"), selector.place))
        }
        _ => {
            let message = format!("`{}` is not the full name of one method", selector.value);
            reader.bad(
                Code::BadValue,
                selector.place,
                message,
                "write package.Service.Method, without wildcards",
            );
            None
        }
    }
}
