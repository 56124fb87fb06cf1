//! What services expose whole: their `google.api.http` annotations, and every method by its gRPC name.

use std::sync::Arc;

use prost_reflect::{MethodDescriptor, ServiceDescriptor};

use super::written::file_of;
use super::{Blame, Inputs, Places, Rule, Shared, hosts, http_method, targets, template};
use crate::config::Context;
use crate::config::diagnostic::{Code, Diagnostic, Place};
use crate::config::lower::policies;
use crate::config::lower::services::Service;
use crate::config::lower::unused::Used;
use crate::config::raw::{At, RawSettings};
use crate::descriptors::{HttpRule, Origins, RuleFlaw, RuleReader};
use crate::route::{Origin, OriginKind, identity};

/// Adds the annotations of every service that has them switched on.
pub(super) fn annotations(
    inputs: &Inputs<'_>,
    rules: &mut Vec<Rule>,
    used: &mut Used,
    context: &mut Context,
) {
    let Some(schema) = &inputs.descriptors.schema else {
        return;
    };
    let reader = RuleReader::new(schema.pool());
    let mut origins = Origins::default();
    for (name, service) in inputs.services {
        let Some(switch) = service.annotations else { continue };
        let Some(descriptor) = schema.pool().get_service_by_name(name) else { continue };
        let settings = defaults_of(service, inputs);
        let mut found = false;
        for method in descriptor.methods() {
            let annotated = reader.rules(&method);
            let flaws = reader.flaws(&method);
            found |= !annotated.is_empty() || !flaws.is_empty();
            for flaw in flaws {
                let line = origins.line(&method);
                let places = places(&method, line, switch, inputs, context);
                context.push(flawed(flaw, &places));
            }
            if annotated.is_empty() || is_overridden(&method, inputs) || !is_unary(&method, switch, context) {
                continue;
            }
            let shared = Arc::new(shared(&method, service, &settings, inputs, used, context));
            let line = origins.line(&method);
            for rule in annotated {
                rules.extend(annotation(rule, &method, line, service, &shared, inputs, context));
            }
        }
        if !found {
            context.push(nothing_annotated(&descriptor, switch));
        }
    }
}

/// Whether a service configuration has rules for the method: they override its annotation (google/api/http.proto).
fn is_overridden(method: &MethodDescriptor, inputs: &Inputs<'_>) -> bool {
    let routes = inputs.files.iter().flat_map(|file| &file.raw.routes).filter(|route| route.overrides);
    let mut named = routes.filter_map(|route| route.grpc.value.split_once('/'));
    named.any(|(service, name)| service == method.parent_service().full_name() && name == method.name())
}

/// Adds `POST /<service>/<method>` for every method of the services that say `auto`.
pub(super) fn auto(inputs: &Inputs<'_>, rules: &mut Vec<Rule>, used: &mut Used, context: &mut Context) {
    let Some(schema) = &inputs.descriptors.schema else {
        return;
    };
    let mut origins = Origins::default();
    for (name, service) in inputs.services {
        let Some(switch) = service.auto else { continue };
        let Some(descriptor) = schema.pool().get_service_by_name(name) else { continue };
        let settings = defaults_of(service, inputs);
        for method in descriptor.methods() {
            if !is_unary(&method, switch, context) {
                continue;
            }
            let line = origins.line(&method);
            let shared = Arc::new(shared(&method, service, &settings, inputs, used, context));
            let path = At::new(format!("{}/{name}/{}", service.prefix, method.name()), switch);
            let places = places(&method, line, switch, inputs, context);
            rules.push(Rule {
                origin: Origin { kind: OriginKind::Auto, file: method.parent_file().name().into(), line },
                template: template(&path, places.note.as_deref(), Blame::Descriptors, context),
                places,
                http_method: "POST".to_owned(),
                body: "*".to_owned(),
                response_body: String::new(),
                shared,
            });
        }
    }
}

/// The defaults that hold for what a service exposes: those of the file that names it, without what belongs to a rule.
fn defaults_of(service: &Service, inputs: &Inputs<'_>) -> RawSettings {
    let own = file_of(inputs, service.file).map(|file| file.raw.defaults.clone()).unwrap_or_default();
    let first = inputs.files.first().map(|file| file.raw.defaults.clone()).unwrap_or_default();
    RawSettings { body: None, response_body: None, ..own.or(&first) }
}

fn shared(
    method: &MethodDescriptor,
    service: &Service,
    settings: &RawSettings,
    inputs: &Inputs<'_>,
    used: &mut Used,
    context: &mut Context,
) -> Shared {
    let name = method.parent_service().full_name().to_owned();
    let hosts = hosts(settings, context);
    Shared {
        identity: identity(method.full_name(), &hosts),
        hosts,
        targets: targets(settings, &name, service.place, inputs, used, context),
        policies: policies::policies(settings, inputs, used, context),
        method: Some(method.clone()),
        is_described: true,
        settings: settings.clone(),
    }
}

fn annotation(
    rule: HttpRule,
    method: &MethodDescriptor,
    line: u32,
    service: &Service,
    shared: &Arc<Shared>,
    inputs: &Inputs<'_>,
    context: &mut Context,
) -> Option<Rule> {
    let switch = service.annotations.unwrap_or(service.place);
    let places = places(method, line, switch, inputs, context);
    http_method::check(&rule.method, places.rule, places.note.as_deref(), Blame::Descriptors, context)?;
    let path = At::new(rule.path, places.path);
    let mut read = template(&path, places.note.as_deref(), Blame::Descriptors, context);
    if read.is_some() && !service.prefix.is_empty() {
        let root = if path.value == "/" { "" } else { path.value.as_str() };
        let moved = At::new(format!("{}{root}", service.prefix), path.place);
        read = template(&moved, places.note.as_deref(), Blame::Descriptors, context);
    }
    Some(Rule {
        origin: Origin { kind: OriginKind::Annotation, file: method.parent_file().name().into(), line },
        template: read,
        places,
        http_method: rule.method,
        body: rule.body,
        response_body: rule.response_body,
        shared: Arc::clone(shared),
    })
}

fn flawed(flaw: RuleFlaw, places: &Places) -> Diagnostic {
    let (message, help) = match flaw {
        RuleFlaw::Nested => (
            "additional_bindings within additional_bindings",
            "they nest one level deep: move the inner ones to the annotation itself",
        ),
        RuleFlaw::NoPath => ("a binding without a method and path", "write one, as `get: \"/users/{id}\"`"),
    };
    let finding = Diagnostic::warning(Code::BadAnnotation, message).at(places.rule, "");
    let finding = places.note.iter().fold(finding, |finding, note| finding.with_note(note.as_str()));
    finding.with_note("the binding is left out; the other routes are served").with_help(help)
}

/// The method's line in its .proto file, where that is at hand; else the switch, with a note of where the rule is.
fn places(
    method: &MethodDescriptor,
    line: u32,
    switch: Place,
    inputs: &Inputs<'_>,
    context: &mut Context,
) -> Places {
    let file = method.parent_file();
    let place = inputs.descriptors.place(file.name(), line, context);
    let note = match place {
        Some(_) => None,
        None if line > 0 => Some(format!("`{}` is declared in {}:{line}", method.full_name(), file.name())),
        None => Some(format!("`{}` is declared in {}", method.full_name(), file.name())),
    };
    let place = place.unwrap_or(switch);
    Places { rule: place, path: place, body: place, response_body: place, note }
}

/// Whether the gateway can call the method; that it leaves one out is told.
fn is_unary(method: &MethodDescriptor, switch: Place, context: &mut Context) -> bool {
    let streaming = method.is_client_streaming() || method.is_server_streaming();
    if streaming {
        context.push(
            Diagnostic::warning(
                Code::NotSupported,
                format!("`{}` is left out: streams are not supported yet", method.full_name()),
            )
            .at(switch, "would expose it"),
        );
    }
    !streaming
}

fn nothing_annotated(service: &ServiceDescriptor, switch: Place) -> Diagnostic {
    Diagnostic::warning(
        Code::Ineffective,
        format!("no method of `{}` has a google.api.http annotation", service.full_name()),
    )
    .at(switch, "nothing to expose")
    .with_help("write routes for it, or `auto: true` to expose its methods by their names")
}
