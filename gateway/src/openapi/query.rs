//! The query parameters of a route: every field that neither the path nor the body fills, and that a query can give.

use serde_json::{Map, Value, json};
use transcode::Message;
use transcode::plan::{FieldPlan, MessageIndex, WellKnown};

use super::schemas::Schemas;
use super::schemas::message::{OUTPUT_ONLY, REQUIRED, behaviour, describe};
use super::set;
use crate::descriptors::Comments;

/// As deep as the gateway follows names.
const DEPTH: usize = 32;
/// More parameters than anybody reads: a request message of messages of messages could have millions.
const MOST: usize = 500;
/// Fields that are looked at. Messages without a field for a query can hold each other in more ways than can be walked.
const VISITS: usize = 10_000;

/// Gathers the query parameters of one route.
pub(super) struct Query<'q, 's> {
    schemas: &'q mut Schemas<'s>,
    comments: &'q mut Comments,
    /// Field paths, in proto names, that are filled otherwise.
    taken: &'q [&'q str],
    found: Vec<Value>,
    /// The messages that the field stands in: one of them inside itself ends the descent.
    within: Vec<MessageIndex>,
    visits: usize,
}

/// The query parameters of a request message.
pub(super) fn parameters(
    message: &Message,
    taken: &[&str],
    schemas: &mut Schemas<'_>,
    comments: &mut Comments,
) -> Vec<Value> {
    let mut query = Query { schemas, comments, taken, found: Vec::new(), within: Vec::new(), visits: 0 };
    query.message(message, "", "");
    query.found
}

impl Query<'_, '_> {
    /// `prefix` in the names of the answer, `path` in proto names.
    fn message(&mut self, message: &Message, prefix: &str, path: &str) {
        if self.within.contains(&message.index()) || self.within.len() >= DEPTH {
            return;
        }
        self.within.push(message.index());
        for field in message.plan().fields.iter().filter(|field| !field.is_extension) {
            if self.found.len() >= MOST || self.visits >= VISITS {
                break;
            }
            self.visits += 1;
            let name = format!("{prefix}{}", self.schemas.key(field));
            let path = format!("{path}{}", field.name);
            if !self.taken.contains(&path.as_str()) {
                self.field(message, field, name, path);
            }
        }
        self.within.pop();
    }

    fn field(&mut self, message: &Message, field: &FieldPlan, name: String, path: String) {
        let value = field.map().map_or(field, |map| &map.value);
        if let Some(index) = value.message() {
            let inner = self.schemas.schema.message_at(index);
            match inner.plan().well_known {
                WellKnown::Timestamp | WellKnown::Duration | WellKnown::FieldMask | WellKnown::Wrapper => {}
                WellKnown::None if !field.is_list() && field.map().is_none() => {
                    return self.message(&inner, &format!("{name}."), &format!("{path}."));
                }
                _ => return,
            }
        }
        let descriptor = message.descriptor().get_field(field.number);
        let behaviours = descriptor.map(|field| behaviour(&field)).unwrap_or_default();
        if behaviours.contains(&OUTPUT_ONLY) {
            return;
        }
        let mut said = describe(message.descriptor(), field, self.comments);
        let mut parameter = Map::new();
        set(&mut parameter, "name", name);
        set(&mut parameter, "in", "query");
        set(&mut parameter, "description", said.remove("description"));
        let required = message.plan().required.contains(&field.position) || behaviours.contains(&REQUIRED);
        // A field of a message is required only when the message is there.
        if required && self.within.len() == 1 {
            set(&mut parameter, "required", true);
        }
        set(&mut parameter, "deprecated", said.remove("deprecated"));
        // `labels[key]=value`
        if field.map().is_some() {
            set(&mut parameter, "style", "deepObject");
            set(&mut parameter, "explode", true);
        }
        set(&mut parameter, "schema", not_null(self.schemas.field(field)));
        self.found.push(parameter.into());
    }
}

/// A query cannot say `null`.
pub(super) fn not_null(mut schema: Value) -> Value {
    if let Some(kind) = schema.get_mut("type")
        && let Some(kinds) = kind.as_array()
    {
        *kind = kinds.first().cloned().unwrap_or_else(|| json!("string"));
    }
    if let Some(kinds) = schema.get_mut("oneOf").and_then(Value::as_array_mut) {
        kinds.retain(|kind| kind.get("type").is_none_or(|kind| kind != "null"));
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get_mut(inner) {
            *inner = not_null(inner.take());
        }
    }
    schema
}
