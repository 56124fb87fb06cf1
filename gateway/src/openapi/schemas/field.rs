//! The schema of a field: of its type, repeated or a map.

use serde_json::{Value, json};
use transcode::Enums;
use transcode::plan::{Cardinality, FieldPlan, Kind, MessageIndex, WellKnown};

use super::{Schemas, component};
use crate::openapi::reference;

impl Schemas<'_> {
    /// The schema of a field's value.
    pub(in crate::openapi) fn field(&mut self, field: &FieldPlan) -> Value {
        match &field.cardinality {
            Cardinality::Repeated { .. } => json!({ "type": "array", "items": self.kind(field.kind) }),
            Cardinality::Map(map) => {
                let mut schema = json!({ "type": "object", "additionalProperties": self.field(&map.value) });
                if let (Some(names), Some(schema)) = (key_pattern(map.key.kind), schema.as_object_mut()) {
                    schema.insert("propertyNames".to_owned(), json!({ "pattern": names }));
                }
                schema
            }
            Cardinality::Implicit | Cardinality::Explicit | Cardinality::Required => self.kind(field.kind),
        }
    }

    /// The schema of one value of this type.
    fn kind(&mut self, kind: Kind) -> Value {
        match kind {
            Kind::Message(index) | Kind::Group(index) => self.reference(index),
            Kind::Enum(index) => {
                let plan = self.schema.enum_plan(index);
                if plan.null_value {
                    return json!({ "type": "null" });
                }
                self.enums.insert(index);
                reference("schemas", &plan.full_name)
            }
            kind => scalar(kind),
        }
    }

    /// A reference to a message; well-known types stand for themselves.
    pub(in crate::openapi) fn reference(&mut self, index: MessageIndex) -> Value {
        let plan = self.schema.plan(index);
        match plan.well_known {
            WellKnown::Timestamp => json!({ "type": "string", "format": "date-time" }),
            // OpenAPI's format `duration` is that of ISO 8601, which this is not.
            WellKnown::Duration => {
                json!({ "type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$", "examples": ["1.5s"] })
            }
            WellKnown::FieldMask => json!({
                "type": "string",
                "description": "Names of fields, with commas between.",
                "examples": ["name,address.city"],
            }),
            WellKnown::Struct => json!({ "type": "object", "additionalProperties": true }),
            WellKnown::Value => json!({ "description": "Any JSON value." }),
            WellKnown::ListValue => json!({ "type": "array", "items": {} }),
            WellKnown::Any => json!({
                "type": "object",
                "description": "A message of the type that `@type` names; `{}` is none.",
                "properties": { "@type": { "type": "string" } },
                "additionalProperties": true,
            }),
            WellKnown::Wrapper => nullable(plan.fields.first().map_or(json!({}), |field| scalar(field.kind))),
            WellKnown::Empty => json!({ "type": "object" }),
            WellKnown::None | WellKnown::MessageSet => {
                let of_requests = self.of_requests && self.demands(index);
                if self.messages.insert((index, of_requests)) {
                    self.waiting.push((index, of_requests));
                }
                reference("schemas", &component(&plan.full_name, of_requests))
            }
        }
    }

    /// Whether enums are printed as numbers.
    pub(super) fn prints_numbers(&self) -> bool {
        self.options.enums == Enums::Number
    }
}

fn scalar(kind: Kind) -> Value {
    match kind {
        Kind::Double => float("double"),
        Kind::Float => float("float"),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => json!({ "type": "integer", "format": "int32" }),
        Kind::Uint32 | Kind::Fixed32 => json!({ "type": "integer", "format": "uint32", "minimum": 0 }),
        // Numbers of JSON lose digits beyond 2^53 in many languages, so the mapping prints strings.
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
            json!({ "type": "string", "format": "int64", "pattern": "^-?[0-9]+$" })
        }
        Kind::Uint64 | Kind::Fixed64 => {
            json!({ "type": "string", "format": "uint64", "pattern": "^[0-9]+$" })
        }
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Bytes => json!({ "type": "string", "format": "byte", "contentEncoding": "base64" }),
        _ => json!({ "type": "string" }),
    }
}

/// A number, or what JSON has no numbers for. Two schemas of one type each: few tools know what to do with a list of types.
fn float(format: &str) -> Value {
    json!({ "oneOf": [
        { "type": "number", "format": format },
        { "type": "string", "enum": ["NaN", "Infinity", "-Infinity"] },
    ] })
}

fn nullable(mut schema: Value) -> Value {
    if let Some(kind) = schema.get_mut("type") {
        *kind = json!([kind.take(), "null"]);
    } else if let Some(kinds) = schema.get_mut("oneOf").and_then(Value::as_array_mut) {
        kinds.push(json!({ "type": "null" }));
    }
    schema
}

/// What the keys of a map look like, when they are not any text.
fn key_pattern(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::String => None,
        Kind::Bool => Some("^(true|false)$"),
        Kind::Uint32 | Kind::Uint64 | Kind::Fixed32 | Kind::Fixed64 => Some("^[0-9]+$"),
        _ => Some("^-?[0-9]+$"),
    }
}
