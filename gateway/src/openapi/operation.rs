//! One operation: what a route takes and answers.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use indexmap::IndexMap;
use prost_reflect::MethodDescriptor;
use serde_json::{Map, Value, json};
use transcode::{Message, Schema};

use super::comments;
use super::errors::Response;
use super::paths::{PathParameter, Slot};
use super::schemas::Schemas;
use super::schemas::message::describe;
use super::{query, reference, request_body, schemes, set};
use crate::descriptors::Comments;
use crate::edge::has_no_content;
use crate::policy::Scheme;
use crate::route::{HostPattern, RoutePlan};

/// Makes the operations of a document; remembers what is said once for all of them.
pub(super) struct Operations<'s> {
    schema: &'s Arc<Schema>,
    error: String,
    ids: HashSet<String>,
    /// How far the numbers have come that tell operations of one method apart: thousands of routes may call it.
    numbered: HashMap<String, usize>,
    /// The services, in the order in which routes first call them.
    services: Vec<Arc<str>>,
    /// The ways to know callers, by their names in the configuration, with those that they have here.
    schemes: IndexMap<Arc<str>, String>,
    security: Map<String, Value>,
}

impl<'s> Operations<'s> {
    pub(super) fn new(schema: &'s Arc<Schema>, routes: &[&RoutePlan]) -> Self {
        let mut services: Vec<Arc<str>> = Vec::new();
        for plan in routes {
            if !services.contains(&plan.grpc.service) {
                services.push(Arc::clone(&plan.grpc.service));
            }
        }
        // Messages of a package have a dot in their names; one without a package might be called so, too.
        let mut error = "Error".to_owned();
        while schema.find(&error).is_some() {
            error.push('_');
        }
        let schemes = schemes::names(routes);
        Self {
            schema,
            error,
            ids: HashSet::new(),
            numbered: HashMap::new(),
            services,
            schemes,
            security: Map::new(),
        }
    }

    /// The name of the error schema.
    pub(super) fn error_name(&self) -> &str {
        &self.error
    }

    /// `components.securitySchemes` of what the operations so far ask for.
    pub(super) fn security_schemes(&self) -> Map<String, Value> {
        self.security.clone()
    }

    /// `tags`: a service each.
    pub(super) fn tags(&self, comments: &mut Comments) -> Value {
        let tags = self.services.iter().map(|service| {
            let mut tag = Map::new();
            set(&mut tag, "name", self.tag(service));
            if let Some(descriptor) = self.schema.pool().get_service_by_name(service) {
                set(&mut tag, "description", comments.of(&descriptor.parent_file(), descriptor.path()));
            }
            Value::from(tag)
        });
        tags.collect()
    }

    /// The name of a service; the full one where two packages have a service of that name.
    fn tag<'n>(&self, service: &'n str) -> &'n str {
        let short = |name: &'n str| name.rsplit('.').next().unwrap_or(name);
        let own = short(service);
        let alike = self.services.iter().filter(|other| other.rsplit('.').next() == Some(own)).count();
        if alike > 1 { service } else { own }
    }

    /// A name that no other operation has.
    fn id(&mut self, plan: &RoutePlan) -> String {
        let name = format!("{}_{}", self.tag(&plan.grpc.service).replace('.', "_"), plan.grpc.name);
        let mut n = self.numbered.get(&name).copied().unwrap_or(1);
        let mut id = if n == 1 { name.clone() } else { format!("{name}_{n}") };
        while !self.ids.insert(id.clone()) {
            n += 1;
            id = format!("{name}_{n}");
        }
        self.numbered.insert(name, n);
        id
    }

    pub(super) fn operation(
        &mut self,
        plan: &RoutePlan,
        slot: &Slot,
        schemas: &mut Schemas<'_>,
        comments: &mut Comments,
    ) -> Value {
        let method = method(self.schema, plan);
        let mut operation = Map::new();
        set(&mut operation, "operationId", self.id(plan));
        set(&mut operation, "tags", json!([self.tag(&plan.grpc.service)]));
        if let Some(method) = &method {
            if let Some(comment) = comments.of(&method.parent_file(), method.path()) {
                let summary = comments::summary(comment);
                if comment.trim_end_matches('.') != summary {
                    set(&mut operation, "description", comment);
                }
                set(&mut operation, "summary", summary);
            }
            if is_deprecated(method) {
                set(&mut operation, "deprecated", true);
            }
        }
        let filled = plan.policies.set().iter().map(|set| &*set.field);
        let variables = plan.template.variables().iter().map(|variable| variable.field_path.as_str());
        let taken: Vec<&str> = variables.chain(filled).collect();
        let parameters = parameters(plan, slot, &taken, schemas, comments);
        if !parameters.is_empty() {
            set(&mut operation, "parameters", parameters);
        }
        if plan.request.takes_body() {
            set(&mut operation, "requestBody", request_body::request_body(plan, &taken, schemas, comments));
        }
        set(&mut operation, "responses", responses(plan, schemas));
        self.security(plan, &mut operation);
        hosts(plan, &mut operation);
        set(&mut operation, "x-grpc-method", plan.grpc.to_string());
        operation.into()
    }

    fn security(&mut self, plan: &RoutePlan, operation: &mut Map<String, Value>) {
        let Some(auth) = plan.policies.auth() else { return };
        let scheme = match auth.scheme() {
            Scheme::Bearer => json!({ "type": "http", "scheme": "bearer", "bearerFormat": "JWT" }),
            Scheme::Header(name) => json!({ "type": "apiKey", "in": "header", "name": name.as_str() }),
            // Only that service knows what it wants to see.
            Scheme::Unknown => return,
        };
        let Some(name) = self.schemes.get(auth.name()) else { return };
        self.security.insert(name.clone(), scheme);
        set(operation, "security", json!([{ name: plan.policies.scopes() }]));
    }
}

fn method(schema: &Schema, plan: &RoutePlan) -> Option<MethodDescriptor> {
    let service = schema.pool().get_service_by_name(&plan.grpc.service)?;
    service.methods().find(|method| method.name() == &*plan.grpc.name)
}

fn is_deprecated(method: &MethodDescriptor) -> bool {
    let service = method.parent_service();
    let own = method.method_descriptor_proto().options.as_ref();
    let all = service.service_descriptor_proto().options.as_ref();
    own.is_some_and(|options| options.deprecated()) || all.is_some_and(|options| options.deprecated())
}

fn parameters(
    plan: &RoutePlan,
    slot: &Slot,
    taken: &[&str],
    schemas: &mut Schemas<'_>,
    comments: &mut Comments,
) -> Vec<Value> {
    let mut parameters: Vec<Value> =
        slot.parameters.iter().map(|parameter| path_parameter(plan, parameter, schemas, comments)).collect();
    if plan.request.takes_query() {
        let body = plan.request.body_field().map(|field| &*field.name);
        let taken: Vec<&str> = taken.iter().copied().chain(body).collect();
        parameters.extend(query::parameters(plan.request.message(), &taken, schemas, comments));
    }
    parameters
}

fn path_parameter(
    plan: &RoutePlan,
    parameter: &PathParameter,
    schemas: &mut Schemas<'_>,
    comments: &mut Comments,
) -> Value {
    let variable = parameter.variable.and_then(|index| plan.template.variables().get(index));
    let mut schema = json!({ "type": "string" });
    let mut texts = Vec::new();
    let mut is_deprecated = false;
    if let Some(variable) = variable {
        if let Some((message, field)) = resolve(plan.request.message(), &variable.field_path) {
            if parameter.pattern.is_none() {
                let field = message.plan().field_by_number(field);
                schema = query::not_null(field.map_or(schema, |field| schemas.field(field)));
            }
            if let Some(field) = message.plan().field_by_number(field) {
                let mut said = describe(message.descriptor(), field, comments);
                texts.extend(said.remove("description").and_then(|text| Some(text.as_str()?.to_owned())));
                is_deprecated = said.contains_key("deprecated");
            }
        }
        if let Some(pattern) = &parameter.pattern {
            texts.push(format!("Part of `{}`, which is `{pattern}`.", variable.field_path));
        }
    }
    if parameter.multi {
        texts.push("Any number of segments: its slashes are not escaped.".to_owned());
    }
    let mut object = Map::new();
    set(&mut object, "name", parameter.name.as_str());
    set(&mut object, "in", "path");
    set(&mut object, "required", true);
    if !texts.is_empty() {
        set(&mut object, "description", texts.join("\n\n"));
    }
    if is_deprecated {
        set(&mut object, "deprecated", true);
    }
    set(&mut object, "schema", schema);
    object.into()
}

/// The message that a field path ends in, and the number of the field there.
fn resolve(message: &Message, path: &str) -> Option<(Message, u32)> {
    let (first, rest) = match path.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (path, None),
    };
    let field = message.plan().field_by_proto_name(first)?;
    match rest {
        Some(rest) => resolve(&message.schema().message_at(field.message()?), rest),
        None => Some((message.clone(), field.number)),
    }
}

fn responses(plan: &RoutePlan, schemas: &mut Schemas<'_>) -> Value {
    let mut responses = Map::new();
    let (description, content) = success(plan, schemas);
    let mut answer = json!({
        "description": description,
        "headers": { "x-request-id": reference("headers", "RequestId") },
    });
    if let (Some(content), Some(answer)) = (content, answer.as_object_mut()) {
        set(answer, "content", content);
    }
    responses.insert(plan.status.as_str().to_owned(), answer);
    let mut add = |response: Response| {
        let (status, value) = response.entry();
        responses.insert(status, value);
    };
    add(Response::BadRequest);
    if plan.policies.auth().is_some() {
        add(Response::Unauthenticated);
        add(Response::PermissionDenied);
    }
    if plan.request.takes_body() {
        add(Response::TooLarge);
        add(Response::UnsupportedMediaType);
    }
    if plan.policies.is_limited() {
        add(Response::TooManyRequests);
    }
    add(Response::Unavailable);
    add(Response::DeadlineExceeded);
    add(Response::Error);
    responses.into()
}

/// What a success is, and its content.
fn success(plan: &RoutePlan, schemas: &mut Schemas<'_>) -> (&'static str, Option<Value>) {
    if has_no_content(plan.status) {
        return ("Done.", None);
    }
    if plan.response.is_raw() {
        return ("Any bytes, of the type that the service names.", Some(json!({ "*/*": {} })));
    }
    let schema = match plan.response.field() {
        Some(field) => schemas.field(field),
        None => schemas.reference(plan.response.message().index()),
    };
    if !plan.grpc.server_streaming {
        return ("Success.", Some(json!({ "application/json": { "schema": schema } })));
    }
    let content = json!({
        "application/x-ndjson": { "schema": schema },
        "text/event-stream": { "schema": { "type": "string" } },
        "application/json": { "schema": { "type": "array", "items": schema } },
    });
    (STREAM, Some(content))
}

const STREAM: &str = "A stream, in the form that `Accept` asks for: a message a line (`application/x-ndjson`); server-sent \
                      events whose data is a message, `event: end` or `event: stream-error` last (`text/event-stream`); or \
                      an array (`application/json`). An error after the first message is the last element: \
                      `{\"error\": {…}}`.";

/// Where a route is that is for some hosts only.
fn hosts(plan: &RoutePlan, operation: &mut Map<String, Value>) {
    if plan.hosts.is_empty() {
        return;
    }
    let servers = plan.hosts.iter().filter_map(|host| match host {
        HostPattern::Exact(name) => Some(json!({ "url": format!("//{name}") })),
        HostPattern::Below(_) => None,
    });
    let servers: Vec<Value> = servers.collect();
    if !servers.is_empty() {
        set(operation, "servers", servers);
    }
    set(operation, "x-hosts", plan.hosts.iter().map(ToString::to_string).collect::<Vec<_>>());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, GatewayConfig};

    const ROUTES: &str = "descriptors: [set.binpb]\nupstreams: {up: {address: localhost:1}}\nservices: {k.Streams: up}\n\
                          routes:\n  - {post: /streams, grpc: k.Streams/Call}\n";
    const PROTO: &str = "syntax = \"proto3\"; package k; message M { string a = 1; }\
                         service Streams { rpc Call(M) returns (M); }";

    /// The operation of a route, changed as the configuration would have it.
    fn changed(change: impl FnOnce(&mut RoutePlan)) -> Value {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("set.binpb"), testkit::backend::compile(PROTO)).unwrap();
        std::fs::write(folder.path().join("routes.yaml"), ROUTES).unwrap();
        let config = config::load(&folder.path().join("routes.yaml"), &|_| None).config.unwrap();
        let GatewayConfig { mut routes, schema, table, .. } = Arc::into_inner(config).unwrap();
        drop(table);
        let plan = Arc::get_mut(&mut routes[0]).unwrap();
        change(plan);
        let mut schemas = Schemas::new(&schema, &plan.decode);
        let slot = super::super::paths::Paths::default().slot(&plan.template);
        Operations::new(&schema, &[plan]).operation(plan, &slot, &mut schemas, &mut Comments::default())
    }

    #[test]
    fn streams_are_described_in_every_form_they_have() {
        let message = json!({ "schema": { "$ref": "#/components/schemas/k.M" } });
        let array = json!({ "schema": { "type": "array", "items": { "$ref": "#/components/schemas/k.M" } } });
        let operation = changed(|plan| {
            plan.grpc.client_streaming = true;
            plan.grpc.server_streaming = true;
        });
        let taken = &operation["requestBody"]["content"];
        assert_eq!((&taken["application/x-ndjson"], &taken["application/json"]), (&message, &array));
        let answered = &operation["responses"]["200"];
        let content = &answered["content"];
        assert_eq!((&content["application/x-ndjson"], &content["application/json"]), (&message, &array));
        assert!(content["text/event-stream"].is_object());
        assert!(answered["description"].as_str().unwrap().contains("`event: stream-error`"));
    }
}
