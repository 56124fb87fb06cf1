//! An example of a body: one that the gateway accepts as it is, so that the page of the API can send it untouched.
//!
//! Every field is in it once, as far as the descriptors allow it: of a oneof one member, of a list one element. Left out
//! are fields that the path or the gateway fills, that only the service sets (`OUTPUT_ONLY`), deprecated ones, masks, and
//! messages inside themselves.

use std::collections::HashSet;

use serde_json::{Map, Value, json};
use transcode::plan::{Cardinality, FieldPlan, Kind, MessageIndex, MessagePlan, WellKnown};
use transcode::{Enums, Message};

use super::schemas::Schemas;
use super::schemas::message::{OUTPUT_ONLY, REQUIRED, behaviour};
use crate::route::RoutePlan;

/// How many messages may nest. Beyond, only what is required is shown.
const DEPTH: usize = 6;
/// How many fields are shown. Beyond, only what is required is.
const FIELDS: usize = 100;

/// The example of a route's JSON body; `None` when no body can be accepted. `taken` has the paths, in proto names, that the
/// path and the gateway fill.
pub(super) fn body(plan: &RoutePlan, taken: &[&str], schemas: &Schemas<'_>) -> Option<Value> {
    let mut example = Example { schemas, taken, within: Vec::new(), shown: 0 };
    let request = plan.request.message();
    match plan.request.body_field() {
        Some(field) => example.field(field, &field.name),
        None => example.message(request.index(), ""),
    }
}

struct Example<'e, 's> {
    schemas: &'e Schemas<'s>,
    taken: &'e [&'e str],
    /// The messages that the value lies in.
    within: Vec<MessageIndex>,
    /// How many fields there are so far.
    shown: usize,
}

impl Example<'_, '_> {
    /// A value of a field, whose path is in proto names.
    fn field(&mut self, field: &FieldPlan, path: &str) -> Option<Value> {
        match &field.cardinality {
            Cardinality::Repeated { .. } => Some(json!([self.one(field.kind, path)?])),
            Cardinality::Map(map) => {
                let value = self.one(map.value.kind, path)?;
                Some(json!({ key(map.key.kind): value }))
            }
            Cardinality::Implicit | Cardinality::Explicit | Cardinality::Required => {
                self.one(field.kind, path)
            }
        }
    }

    /// One value of this type.
    fn one(&mut self, kind: Kind, path: &str) -> Option<Value> {
        Some(match kind {
            Kind::Message(index) | Kind::Group(index) => return self.message(index, path),
            Kind::Enum(index) => self.enumeration(index),
            kind => scalar(kind),
        })
    }

    fn enumeration(&self, index: transcode::plan::EnumIndex) -> Value {
        let plan = self.schemas.schema.enum_plan(index);
        if plan.null_value {
            return Value::Null;
        }
        // The default usually says that nothing is chosen.
        let other = plan.values.iter().find(|value| value.number != plan.default);
        match other.or_else(|| plan.values.first()) {
            Some(value) if self.schemas.enums() == Enums::Name => json!(&*value.name),
            Some(value) => json!(value.number),
            None => json!(0),
        }
    }

    fn message(&mut self, index: MessageIndex, path: &str) -> Option<Value> {
        let plan = self.schemas.schema.plan(index);
        Some(match plan.well_known {
            WellKnown::Timestamp => json!("2025-01-31T12:00:00Z"),
            WellKnown::Duration => json!("1s"),
            WellKnown::FieldMask => json!("*"),
            WellKnown::Struct => json!({ "key": "value" }),
            WellKnown::Value => json!("value"),
            WellKnown::ListValue => json!(["value"]),
            WellKnown::Any | WellKnown::Empty | WellKnown::MessageSet => json!({}),
            WellKnown::Wrapper => plan.fields.first().map_or(Value::Null, |field| scalar(field.kind)),
            WellKnown::None if self.within.contains(&index) => return None,
            WellKnown::None => {
                self.within.push(index);
                let members = self.members(plan, &self.schemas.schema.message_at(index), path);
                self.within.pop();
                members?.into()
            }
        })
    }

    /// The fields of a message; `None` if it needs one that has no example.
    fn members(&mut self, plan: &MessagePlan, message: &Message, path: &str) -> Option<Map<String, Value>> {
        let mut members = Map::new();
        let mut oneofs = HashSet::new();
        for field in plan.fields.iter().filter(|field| !field.is_extension) {
            let path =
                if path.is_empty() { field.name.to_string() } else { format!("{path}.{}", field.name) };
            let is_needed = matches!(field.cardinality, Cardinality::Required);
            if self.taken.contains(&path.as_str()) || !(is_needed || self.shows(message, field)) {
                continue;
            }
            if field.oneof.is_some_and(|oneof| oneofs.contains(&oneof)) {
                continue;
            }
            self.shown += 1;
            match self.field(field, &path) {
                Some(value) => {
                    oneofs.extend(field.oneof);
                    members.insert(self.schemas.key(field).to_owned(), value);
                }
                None if is_needed => return None,
                None => {}
            }
        }
        Some(members)
    }

    /// Whether a field that may be left out is shown.
    fn shows(&self, message: &Message, field: &FieldPlan) -> bool {
        let Some(descriptor) = message.descriptor().get_field(field.number) else { return false };
        let behaviours = behaviour(&descriptor);
        if behaviours.contains(&OUTPUT_ONLY) {
            return false;
        }
        if behaviours.contains(&REQUIRED) {
            return true;
        }
        let options = descriptor.field_descriptor_proto().options.as_ref();
        let is_mask = field
            .message()
            .is_some_and(|index| self.schemas.schema.plan(index).well_known == WellKnown::FieldMask);
        let has_room = self.within.len() <= DEPTH && self.shown < FIELDS;
        has_room && !is_mask && !options.is_some_and(|options| options.deprecated())
    }
}

fn scalar(kind: Kind) -> Value {
    match kind {
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 | Kind::Uint64 | Kind::Fixed64 => json!("0"),
        Kind::Bool => json!(true),
        Kind::Bytes => json!("Ynl0ZXM="),
        Kind::String => json!("string"),
        _ => json!(0),
    }
}

/// A key of a map.
fn key(kind: Kind) -> &'static str {
    match kind {
        Kind::String => "key",
        Kind::Bool => "true",
        _ => "1",
    }
}
