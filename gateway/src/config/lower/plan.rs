//! Compiles one rule against its messages.

use std::sync::Arc;

use http::StatusCode;
use transcode::ResponsePlan;
use transcode::binding::{BindingError, BodyRule, RequestPlan, RequestRule, Subject};

use super::routes::{Blame, Inputs, Rule};
use super::{methods, policies};
use crate::config::Context;
use crate::config::diagnostic::{Code, Place};
use crate::config::suggest;
use crate::policy::ChainPlan;
use crate::route::{GrpcMethod, Idempotency, RoutePlan};

/// The plan of a rule; nothing when something about it is wrong, which is told.
pub(super) fn compile(rule: &Rule, inputs: &Inputs<'_>, context: &mut Context) -> Option<RoutePlan> {
    let template = rule.template.as_ref()?;
    let method = rule.shared.method.as_ref()?;
    let schema = inputs.descriptors.schema.as_ref()?;
    let input = schema.message(method.input().full_name())?;
    let output = schema.message(method.output().full_name())?;

    let variables: Vec<&str> =
        template.variables().iter().map(|variable| variable.field_path.as_str()).collect();
    let settings = &rule.shared.settings;
    let mut request = RequestRule::new(&rule.http_method, &variables, BodyRule::parse(&rule.body));
    request.patch_mask &= settings.update_mask.as_ref().is_none_or(|at| at.value);
    let request = RequestPlan::compile(&input, &request);
    let response_body = Some(rule.response_body.as_str()).filter(|field| !field.is_empty());
    let response = ResponsePlan::compile(&output, response_body);
    if let Err(errors) = &request {
        for error in errors {
            tell(error, rule, input.full_name(), context);
        }
    }
    if let Err(error) = &response {
        tell(error, rule, output.full_name(), context);
    }
    let (mut request, response) = request.ok().zip(response.ok())?;
    let name = rule.name();
    let set = settings.set.as_deref().unwrap_or_default();
    let of = format!("{}/{}", method.parent_service().full_name(), method.name());
    if !policies::set(&mut request, set, &policies::Filled { route: &name, method: &of }, context) {
        return None;
    }
    let targets = rule.shared.targets.clone()?;
    let grpc = methods::plan(method)?;
    // What is wrong with them has been told, once for all bindings.
    let policies = ChainPlan::compile(&name, &rule.shared.identity, rule.shared.policies.as_ref()?).ok()?;
    let mut encode = inputs.settings.encode.clone();
    if let Some(unknown) = &settings.unknown {
        encode.unknown = unknown.value;
    }
    let default_timeout = || {
        let first = targets.upstreams.first().and_then(|target| inputs.upstreams.specs.get(&target.upstream));
        first.map_or(std::time::Duration::from_secs(3), |spec| spec.timeout)
    };
    Some(RoutePlan {
        // Its place among the routes that are served is known when all are compiled.
        index: 0,
        name: Arc::from(name),
        method: rule.pattern(),
        template: template.clone(),
        hosts: rule.shared.hosts.clone(),
        idempotent: settings.idempotent.as_ref().map_or_else(|| idempotent(rule, &grpc), |at| at.value),
        grpc,
        request,
        response,
        encode,
        decode: inputs.settings.decode.clone(),
        body_type: inputs.settings.body_type,
        status: settings
            .status
            .as_ref()
            .and_then(|at| StatusCode::from_u16(at.value).ok())
            .unwrap_or(StatusCode::OK),
        timeout: settings.timeout.as_ref().map_or_else(default_timeout, |at| at.value),
        targets,
        policies,
        errors: inputs.settings.errors,
        origin: rule.origin.clone(),
    })
}

/// Whether a call may be made twice: what HTTP or the descriptors promise.
fn idempotent(rule: &Rule, grpc: &GrpcMethod) -> bool {
    matches!(rule.http_method.as_str(), "GET" | "HEAD") || grpc.idempotency != Idempotency::Unknown
}

fn tell(error: &BindingError, rule: &Rule, message: &str, context: &mut Context) {
    let code = if error.unknown.is_some() { Code::UnknownField } else { Code::UnbindableField };
    let help = match &error.unknown {
        Some(name) => {
            let known = error.known.iter().map(String::as_str);
            Some(suggest::did_you_mean(name, known.clone()).unwrap_or_else(|| {
                if error.known.is_empty() {
                    format!("`{message}` has no fields")
                } else {
                    format!("its fields are: {}", suggest::list(known))
                }
            }))
        }
        None => error.help.clone(),
    };
    let mut place = place(error.subject, rule, context);
    if let Some(name) = &error.unknown {
        // Of `user.nme`, the piece that is wrong.
        place = context.sources.inside(place, name, &(0..name.len()));
    }
    let mut diagnostic =
        Blame::of(rule.origin.kind).diagnostic(code, error.message.clone()).at(place, "").with_help_if(help);
    if let Some(note) = &rule.places.note {
        diagnostic = diagnostic.with_note(note.clone());
    }
    context.push(diagnostic);
}

fn place(subject: Subject, rule: &Rule, context: &Context) -> Place {
    match subject {
        Subject::Variable(index) => {
            let template = rule.template.as_ref();
            let variable =
                template.and_then(|template| Some((template.source(), template.variables().get(index)?)));
            variable.map_or(rule.places.path, |(source, variable)| {
                context.sources.inside(rule.places.path, source, &variable.span)
            })
        }
        Subject::Body => rule.places.body,
        Subject::ResponseBody => rule.places.response_body,
        Subject::Set | Subject::SetBeside(_) => rule.places.rule,
    }
}
