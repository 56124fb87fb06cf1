//! The entries of `routes`.

use std::sync::Arc;

use super::{Blame, Inputs, Places, Rule, Shared, api, hosts, http_method, targets, template};
use crate::config::Context;
use crate::config::diagnostic::{Code, Diagnostic, Place};
use crate::config::files::File;
use crate::config::lower::unused::Used;
use crate::config::lower::{methods, policies};
use crate::config::raw::{At, RawBinding, RawMethod, RawRoute, RawSettings};
use crate::route::{Origin, OriginKind, identity};

/// The rules of all entries of all files, each binding one.
pub(super) fn rules(inputs: &Inputs<'_>, used: &mut Used, context: &mut Context) -> Vec<Rule> {
    let mut rules = Vec::new();
    let Some(first) = inputs.files.first() else {
        return rules;
    };
    for file in inputs.files {
        let name = context.sources.shared_name(file.id);
        // An included file's defaults are its own; where they are silent, those of the first file hold.
        let defaults = file.raw.defaults.or(&first.raw.defaults);
        let mut of_api = api::Rules::default();
        for route in &file.raw.routes {
            if route.overrides && !of_api.can_be_served(route, inputs, context) {
                continue;
            }
            let shared = Arc::new(shared(route, &defaults, inputs, used, context));
            warn_of_mask(route, context);
            for binding in std::iter::once(&route.binding).chain(&route.additional) {
                let line = context.line(binding.method.place);
                // The rules of a service configuration come with an API, as annotations do.
                let kind = if route.overrides { OriginKind::Annotation } else { OriginKind::File };
                let origin = Origin { kind, file: Arc::clone(&name), line };
                rules.extend(rule(binding, origin, &shared, context));
            }
        }
        of_api.report(context);
    }
    rules
}

fn shared(
    route: &RawRoute,
    defaults: &RawSettings,
    inputs: &Inputs<'_>,
    used: &mut Used,
    context: &mut Context,
) -> Shared {
    let settings = route.settings.or(defaults);
    let hosts = hosts(&settings, context);
    let schema = inputs.descriptors.schema.as_ref();
    let written = route.grpc.value.trim_start_matches('/').split_once('/').map(|(service, _)| service);
    let is_described = !written.is_some_and(|service| inputs.descriptors.may_come(service));
    let schema = schema.filter(|_| is_described);
    let method = schema.and_then(|schema| methods::method(schema.pool(), &route.grpc, context));
    // Whatever is wrong with the method, its service is used, and its upstream can be looked for.
    let service = method.as_ref().map(|method| method.parent_service().full_name().to_owned());
    let named = service.or_else(|| written.map(str::to_owned));
    let known = method.is_some() || schema.is_none();
    let targets = match named {
        Some(service) if known || settings.upstream.is_some() || inputs.services.contains_key(&service) => {
            targets(&settings, &service, route.grpc.place, inputs, used, context)
        }
        _ => None,
    };
    if let Some(method) = &method {
        refuse_streams(method, &route.grpc, context);
    }
    let policies = policies::policies(&settings, inputs, used, context);
    let identity = identity(&format!("{} {}", route.binding.method.name, route.binding.path.value), &hosts);
    Shared { method, is_described, identity, settings, hosts, targets, policies }
}

/// Only a PATCH has a mask made for it.
fn warn_of_mask(route: &RawRoute, context: &mut Context) {
    let mut bindings = std::iter::once(&route.binding).chain(&route.additional);
    let Some(at) = &route.settings.update_mask else { return };
    if !bindings.any(|binding| binding.method.name == "PATCH") {
        context.push(
            Diagnostic::warning(Code::Ineffective, "`update_mask` has no effect: the route is no PATCH")
                .at(at.place, "")
                .with_help("remove it"),
        );
    }
}

fn refuse_streams(method: &prost_reflect::MethodDescriptor, grpc: &At<String>, context: &mut Context) {
    let kind = match (method.is_client_streaming(), method.is_server_streaming()) {
        (false, false) => return,
        (false, true) => "answers a stream",
        (true, false) => "takes a stream",
        (true, true) => "takes and answers a stream",
    };
    context.push(
        Diagnostic::error(Code::NotSupported, format!("`{}` {kind}, which is not supported yet", grpc.value))
            .at(grpc.place, kind)
            .with_help("remove the route: this version of the gateway calls unary methods only"),
    );
}

fn rule(binding: &RawBinding, origin: Origin, shared: &Arc<Shared>, context: &mut Context) -> Option<Rule> {
    let RawMethod { name: method, place } = &binding.method;
    let blame = Blame::of(origin.kind);
    http_method::check(method, *place, None, blame, context)?;
    let template = template(&binding.path, None, blame, context);
    let place_of = |at: &Option<At<String>>| -> Option<Place> { at.as_ref().map(|at| at.place) };
    let body = binding.body.as_ref().or(shared.settings.body.as_ref());
    let response_body = binding.response_body.as_ref().or(shared.settings.response_body.as_ref());
    if let Some(at) =
        binding.body.as_ref().filter(|at| !at.value.is_empty() && matches!(method.as_str(), "GET" | "HEAD"))
    {
        context.push(
            Diagnostic::warning(Code::BodyMeaningless, format!("a body on {method}"))
                .at(at.place, "many clients and proxies drop it")
                .with_help("remove `body`, so that fields come from the query, or use POST"),
        );
    }
    let default_body = if matches!(method.as_str(), "POST" | "PUT" | "PATCH") { "*" } else { "" };
    Some(Rule {
        origin,
        places: Places {
            rule: binding.path.place,
            path: binding.path.place,
            body: body.map_or(binding.path.place, |at| at.place),
            response_body: place_of(&binding.response_body).unwrap_or(binding.path.place),
            note: None,
        },
        http_method: method.clone(),
        template,
        body: body.map_or_else(|| default_body.to_owned(), |at| at.value.clone()),
        response_body: response_body.map(|at| at.value.clone()).unwrap_or_default(),
        shared: Arc::clone(shared),
    })
}

/// The file of an id.
pub(super) fn file_of<'f>(inputs: &Inputs<'f>, id: crate::config::diagnostic::FileId) -> Option<&'f File> {
    inputs.files.iter().find(|file| file.id == id)
}
