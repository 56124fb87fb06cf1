//! The body of a request: its schema, and an example.

use http_rule::MethodPattern;
use serde_json::{Map, Value, json};
use transcode::Message;
use transcode::plan::{FieldPlan, WellKnown};

use super::schemas::Schemas;
use super::schemas::message::{Parts, is_demanded};
use super::{example, set};
use crate::descriptors::Comments;
use crate::route::RoutePlan;

/// The body that a route takes. `taken` has the paths, in proto names, that the path and the gateway fill.
pub(super) fn request_body(
    plan: &RoutePlan,
    taken: &[&str],
    schemas: &mut Schemas<'_>,
    comments: &mut Comments,
) -> Value {
    let mut body = Map::new();
    if plan.request.fills_mask() {
        set(&mut body, "description", "Only the fields that are sent are changed; `null` clears one.");
    }
    if plan.request.takes_raw_body() {
        set(&mut body, "description", "Any bytes.");
        set(&mut body, "content", json!({ "*/*": {} }));
        return body.into();
    }
    // A PATCH changes what is sent, so nothing needs to be.
    let is_partial = plan.method == MethodPattern::Named("PATCH".into());
    let schema = match is_partial {
        true => body_schema(plan, taken, schemas, comments),
        false => schemas.for_requests(|schemas| body_schema(plan, taken, schemas, comments)),
    };
    let example = example::body(plan, taken, schemas);
    let content = if plan.grpc.client_streaming {
        set(&mut body, "description", "A stream: an object a line, or an array.");
        json!({
            "application/x-ndjson": { "schema": schema },
            "application/json": { "schema": { "type": "array", "items": schema } },
        })
    } else {
        let mut json = Map::new();
        set(&mut json, "schema", schema);
        if let Some(example) = example {
            json.insert("example".to_owned(), example);
        }
        json!({ "application/json": json })
    };
    set(&mut body, "content", content);
    body.into()
}

/// The schema of a route's JSON body.
fn body_schema(
    plan: &RoutePlan,
    taken: &[&str],
    schemas: &mut Schemas<'_>,
    comments: &mut Comments,
) -> Value {
    let message = plan.request.message();
    let Some(field) = plan.request.body_field() else {
        return whole_body(message, taken, schemas, comments);
    };
    let inner = field.message().filter(|_| !field.is_list());
    let Some(inner) = inner.map(|index| message.schema().message_at(index)) else {
        return schemas.field(field);
    };
    // What the path fills the body may leave out, although it is required.
    let is_filled = |inner: &&FieldPlan| taken.contains(&&*format!("{}.{}", field.name, inner.name));
    let filled: Vec<&FieldPlan> = inner.plan().fields.iter().filter(is_filled).collect();
    if schemas.is_of_requests() && filled.iter().any(|filled| is_demanded(inner.descriptor(), filled)) {
        let optional: Vec<u32> = filled.iter().map(|field| field.position).collect();
        return schemas.message(&inner, Parts { optional: &optional, ..Parts::default() }, comments);
    }
    schemas.field(field)
}

/// The request message without what the path and the gateway fill.
fn whole_body(
    message: &Message,
    taken: &[&str],
    schemas: &mut Schemas<'_>,
    comments: &mut Comments,
) -> Value {
    let is_taken = |field: &FieldPlan| !field.is_extension && taken.contains(&&*field.name);
    let filled = message.plan().fields.iter().filter(|field| is_taken(field));
    let without: Vec<u32> = filled.map(|field| field.position).collect();
    let leads_into = |field: &&FieldPlan| {
        taken.iter().any(|path| path.strip_prefix(&*field.name).is_some_and(|rest| rest.starts_with('.')))
    };
    let led_into = message.plan().fields.iter().filter(|_| schemas.is_of_requests()).filter(leads_into);
    let partial: Vec<u32> = led_into.map(|field| field.position).collect();
    if (without.is_empty() && partial.is_empty()) || message.plan().well_known != WellKnown::None {
        return schemas.reference(message.index());
    }
    schemas.message(message, Parts { without: &without, partial: &partial, ..Parts::default() }, comments)
}
