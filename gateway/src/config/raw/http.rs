//! `http: rules:` of a service configuration (`google.api.Service`): rules for methods that cannot be annotated.
//!
//! Such a file is written by the authors of an API, for more than the gateway. It is read as it is: what the gateway has
//! no use for is ignored.

use super::file;
use super::node::{Key, Kind, Node};
use super::reader::{At, Reader};
use super::route::{self, RawBinding, RawRoute, RawSettings};
use crate::config::diagnostic::{Code, Diagnostic};

/// The value of `type` in such a file.
const TYPE: &str = "google.api.Service";
/// Keys that only say which file it is: ignoring them is not worth a note.
const HEAD: &[&str] = &["type", "config_version", "name", "id", "title", "apis"];
/// The other fields of `google.api.Service`, for files that do not name their type.
const FIELDS: &[&str] = &[
    "authentication",
    "backend",
    "billing",
    "context",
    "control",
    "custom_error",
    "documentation",
    "endpoints",
    "enums",
    "logging",
    "logs",
    "metrics",
    "monitored_resources",
    "monitoring",
    "producer_project_id",
    "publishing",
    "quota",
    "source_info",
    "system_parameters",
    "system_types",
    "types",
    "usage",
];
/// Fields of `google.api.HttpRule`, today's and former ones, that say nothing about the route.
const UNUSED_IN_RULES: &[&str] = &[
    "allow_half_duplex",
    "authorizations",
    "media_download",
    "media_upload",
    "rest_collection",
    "rest_method_name",
];

/// Takes the foreign keys out of a file that is a service configuration, with a note that lists them.
pub(in crate::config) fn ignore_foreign(root: &mut Node, reader: &mut Reader<'_>) {
    let Kind::Map(entries) = &mut root.kind else { return };
    let is_named = entries
        .iter()
        .any(|(key, value)| key.name == "type" && matches!(&value.kind, Kind::Scalar(text) if text == TYPE));
    if !is_named && !entries.iter().any(|(key, _)| key.name == "http") {
        return;
    }
    let is_foreign = |name: &str| {
        let is_field = HEAD.contains(&name) || FIELDS.contains(&name);
        !file::KEYS.contains(&name) && (is_named || is_field)
    };
    let foreign: Vec<Key> =
        entries.extract_if(.., |(key, _)| is_foreign(&key.name)).map(|(key, _)| key).collect();
    let mut worth_a_note = foreign.iter().filter(|key| !HEAD.contains(&key.name.as_str()));
    let Some(first) = worth_a_note.next() else { return };
    let mut names = format!("`{}`", first.name);
    for key in worth_a_note {
        names += &format!(", `{}`", key.name);
    }
    reader.push(
        Diagnostic::note(Code::Ineffective, format!("keys of a service configuration are ignored: {names}"))
            .at(first.place, "the gateway reads `http` only"),
    );
}

/// Reads `http`.
pub(super) fn read(node: &Node, reader: &mut Reader<'_>) -> Vec<RawRoute> {
    let mut routes = Vec::new();
    for (key, value) in reader.entries(node, "a mapping, as `rules: […]`").unwrap_or_default() {
        match key.name.as_str() {
            "rules" => {
                let items = reader.items(value, "a list of rules, as `- selector: package.Service.Method`");
                routes.extend(items.iter().filter_map(|item| rule(item, reader)));
            }
            // What it asks for is what the gateway does in any case.
            "fully_decode_reserved_expansion" => {
                if reader.boolean(value).is_some_and(|decode| !decode.value) {
                    reader.push(
                        Diagnostic::note(Code::Ineffective, format!("`{}: false` is ignored", key.name)).at(
                            key.place,
                            "captures of several segments are decoded, but for `%2F`, in any case",
                        ),
                    );
                }
            }
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
            name if UNUSED_IN_RULES.contains(&name) => {}
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
            reader.push(
                Diagnostic::warning(Code::BadAnnotation, message)
                    .at(selector.place, "")
                    .with_note("the rule is left out; the other routes are served")
                    .with_help("write package.Service.Method, without wildcards"),
            );
            None
        }
    }
}
