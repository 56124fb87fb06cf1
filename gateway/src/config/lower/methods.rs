//! gRPC services and methods by their names, with the nearest names for those that do not exist.

use http::uri::PathAndQuery;
use prost_reflect::{DescriptorPool, MethodDescriptor, ServiceDescriptor};

use crate::config::Context;
use crate::config::diagnostic::{Code, Diagnostic, Place};
use crate::config::raw::At;
use crate::config::suggest;
use crate::route::{GrpcMethod, Idempotency};

/// The method that a route's `grpc` names, and a finding when there is none.
pub(super) fn method(
    pool: &DescriptorPool,
    grpc: &At<String>,
    context: &mut Context,
) -> Option<MethodDescriptor> {
    let text = grpc.value.strip_prefix('/').unwrap_or(&grpc.value);
    let Some((service_name, method_name)) = text.split_once('/') else {
        context.push(no_slash(pool, grpc, text));
        return None;
    };
    let offset = grpc.value.len() - text.len();
    let service_at = context.sources.inside(grpc.place, &grpc.value, &(offset..offset + service_name.len()));
    let service = service(pool, service_name, service_at, context)?;
    let found = service.methods().find(|method| method.name() == method_name);
    if found.is_none() {
        let method_at = offset + service_name.len() + 1;
        let place = context.sources.inside(grpc.place, &grpc.value, &(method_at..grpc.value.len()));
        context.push(unknown_method(&service, method_name, place));
    }
    found
}

/// The service that was probably meant by a name that none has.
pub(super) fn meant(pool: &DescriptorPool, name: &str) -> Option<String> {
    let all: Vec<String> = pool.services().map(|service| service.full_name().to_owned()).collect();
    let last = |name: &str| name.rsplit('.').next().unwrap_or("").to_owned();
    // A name without its package, or with another one, is meant more often than it is misspelt.
    let same_name = all.iter().find(|other| last(other) == last(name)).map(String::as_str);
    same_name.or_else(|| suggest::nearest(name, all.iter().map(String::as_str))).map(str::to_owned)
}

/// The service of this full name, and a finding when there is none.
pub(super) fn service(
    pool: &DescriptorPool,
    name: &str,
    place: Place,
    context: &mut Context,
) -> Option<ServiceDescriptor> {
    if let Some(service) = pool.get_service_by_name(name) {
        return Some(service);
    }
    let finding =
        Diagnostic::error(Code::UnknownService, format!("no descriptor source has the service `{name}`"))
            .at(place, "no such service");
    if !context.may_compare(pool.services().len()) {
        context.push(finding);
        return None;
    }
    let help = match meant(pool, name) {
        Some(other) => format!("did you mean `{other}`?"),
        None if pool.services().len() == 0 => "the descriptors hold no service at all".to_owned(),
        None => {
            let all: Vec<String> = pool.services().map(|service| service.full_name().to_owned()).collect();
            format!("there are: {}", suggest::list(all.iter().map(String::as_str)))
        }
    };
    context.push(finding.with_help(help));
    None
}

fn no_slash(pool: &DescriptorPool, grpc: &At<String>, text: &str) -> Diagnostic {
    let help = match text.rsplit_once('.') {
        Some((service, method)) if pool.get_service_by_name(service).is_some() => {
            format!("write `{service}/{method}`")
        }
        _ => "write package.Service/Method, as shop.user.v1.UserService/GetUser".to_owned(),
    };
    Diagnostic::error(Code::BadValue, format!("`{}` is not a gRPC method", grpc.value))
        .at(grpc.place, "expected Service/Method")
        .with_help(help)
}

fn unknown_method(service: &ServiceDescriptor, name: &str, place: Place) -> Diagnostic {
    let names: Vec<String> = service.methods().map(|method| method.name().to_owned()).collect();
    let known = names.iter().map(String::as_str);
    let help = suggest::did_you_mean(name, known.clone())
        .unwrap_or_else(|| format!("its methods are: {}", suggest::list(known)));
    Diagnostic::error(Code::UnknownMethod, format!("`{}` has no method `{name}`", service.full_name()))
        .at(place, "no such method")
        .with_help(help)
}

/// What a call needs to know of a method.
pub(super) fn plan(method: &MethodDescriptor) -> Option<GrpcMethod> {
    let service = method.parent_service();
    // Names of protobuf are letters, digits, `_` and dots: always a path.
    let path = format!("/{}/{}", service.full_name(), method.name());
    let options = method.method_descriptor_proto().options.as_ref();
    let idempotency = match options.and_then(|options| options.idempotency_level) {
        Some(1) => Idempotency::NoSideEffects,
        Some(2) => Idempotency::Idempotent,
        _ => Idempotency::Unknown,
    };
    Some(GrpcMethod {
        service: service.full_name().into(),
        name: method.name().into(),
        input: method.input().full_name().into(),
        output: method.output().full_name().into(),
        path: PathAndQuery::try_from(path).ok()?,
        idempotency,
        client_streaming: method.is_client_streaming(),
        server_streaming: method.is_server_streaming(),
    })
}
