//! The schema of a message or enum, with what the .proto file says about it.

use prost_reflect::{FieldDescriptor, MessageDescriptor};
use serde_json::{Map, Value, json};
use transcode::Message;
use transcode::plan::{EnumPlan, FieldPlan};

use super::Schemas;
use crate::descriptors::Comments;
use crate::openapi::set;

/// The members of a oneof whose exclusion is spelled out. Every pair is named, so it grows with the square.
const PAIRED: usize = 12;

/// Which part of a message a schema is of. Fields are told by position.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::openapi) struct Parts<'p> {
    /// Fields that are left out.
    pub(in crate::openapi) without: &'p [u32],
    /// Fields that are not required, because the path fills them.
    pub(in crate::openapi) optional: &'p [u32],
    /// Messages in which nothing is required, because the path fills a part of them.
    pub(in crate::openapi) partial: &'p [u32],
}

impl Schemas<'_> {
    /// The schema of a message, or of a part of it.
    pub(in crate::openapi) fn message(
        &mut self,
        message: &Message,
        parts: Parts<'_>,
        comments: &mut Comments,
    ) -> Value {
        let Parts { without, optional, partial } = parts;
        let descriptor = message.descriptor();
        let mut properties = Map::new();
        let mut required = Vec::new();
        let fields = || message.plan().fields.iter().filter(|field| !without.contains(&field.position));
        for field in fields() {
            let said = describe(descriptor, field, comments);
            let of_requests = self.of_requests;
            self.of_requests &= !partial.contains(&field.position);
            properties.insert(self.key(field).to_owned(), with(self.field(field), said));
            self.of_requests = of_requests;
            let is_required = message.plan().required.contains(&field.position)
                || (self.of_requests && is_demanded(descriptor, field));
            if is_required && !optional.contains(&field.position) {
                required.push(self.key(field));
            }
        }
        let mut schema = Map::new();
        set(&mut schema, "type", "object");
        set(&mut schema, "description", comments.of(&descriptor.parent_file(), descriptor.path()));
        if descriptor.descriptor_proto().options.as_ref().is_some_and(|options| options.deprecated()) {
            set(&mut schema, "deprecated", true);
        }
        set(&mut schema, "properties", properties);
        if !required.is_empty() {
            set(&mut schema, "required", required);
        }
        let excluded = self.exclusions(fields());
        if !excluded.is_empty() {
            set(&mut schema, "not", json!({ "anyOf": excluded }));
        }
        schema.into()
    }

    /// Pairs of keys that cannot both be there: members of one oneof.
    fn exclusions<'f>(&self, fields: impl Iterator<Item = &'f FieldPlan>) -> Vec<Value> {
        let members: Vec<(u32, &str)> =
            fields.filter_map(|field| Some((field.oneof?, self.key(field)))).collect();
        let size = |oneof: u32| members.iter().filter(|(other, _)| *other == oneof).count();
        let mut pairs = Vec::new();
        for (at, (oneof, key)) in members.iter().enumerate() {
            if size(*oneof) > PAIRED {
                continue;
            }
            let others = members.iter().skip(at + 1).filter(|(other, _)| other == oneof);
            pairs.extend(others.map(|(_, other)| json!({ "required": [key, other] })));
        }
        pairs
    }

    /// The schema of an enum.
    pub(super) fn enumeration(&self, plan: &EnumPlan, comments: &mut Comments) -> Value {
        let Some(descriptor) = self.schema.pool().get_enum_by_name(&plan.full_name) else { return json!({}) };
        let file = descriptor.parent_file();
        let mut text = comments.of(&file, descriptor.path()).unwrap_or_default().to_owned();
        let mut lines = Vec::new();
        for value in descriptor.values() {
            let comment = comments.of(&file, value.path()).map(|comment| comment.replace('\n', " "));
            let name = match self.prints_numbers() {
                true => format!("`{}` ({})", value.number(), value.name()),
                false => format!("`{}`", value.name()),
            };
            match comment {
                Some(comment) => lines.push(format!("- {name}: {comment}")),
                None if self.prints_numbers() => lines.push(format!("- {name}")),
                None => {}
            }
        }
        if !lines.is_empty() {
            text = format!("{text}\n\n{}", lines.join("\n")).trim().to_owned();
        }
        let mut schema = Map::new();
        let named = match self.prints_numbers() {
            true => {
                let mut numbers: Vec<i32> = plan.values.iter().map(|value| value.number).collect();
                numbers.dedup();
                json!({ "type": "integer", "enum": numbers })
            }
            false => {
                let names: Vec<String> = descriptor.values().map(|value| value.name().to_owned()).collect();
                json!({ "type": "string", "enum": names })
            }
        };
        // An open enum holds any number: one that a newer service knows is printed as a number.
        let number = json!({ "type": "integer", "format": "int32" });
        match (plan.closed, self.prints_numbers()) {
            (true, _) => schema.extend(named.as_object().cloned().unwrap_or_default()),
            (false, true) => schema.extend(number.as_object().cloned().unwrap_or_default()),
            (false, false) => set(&mut schema, "oneOf", json!([named, number])),
        }
        if !text.is_empty() {
            set(&mut schema, "description", text);
        }
        let options = descriptor.enum_descriptor_proto().options.as_ref();
        if options.is_some_and(|options| options.deprecated()) {
            set(&mut schema, "deprecated", true);
        }
        schema.into()
    }
}

/// What is said about a field, beside its type.
pub(in crate::openapi) fn describe(
    message: &MessageDescriptor,
    field: &FieldPlan,
    comments: &mut Comments,
) -> Map<String, Value> {
    let mut said = Map::new();
    let Some(descriptor) = message.get_field(field.number).filter(|_| !field.is_extension) else {
        return said;
    };
    set(&mut said, "description", comments.of(&message.parent_file(), descriptor.path()));
    let options = descriptor.field_descriptor_proto().options.as_ref();
    if options.is_some_and(|options| options.deprecated()) {
        set(&mut said, "deprecated", true);
    }
    let behaviours = behaviour(&descriptor);
    if behaviours.contains(&OUTPUT_ONLY) {
        set(&mut said, "readOnly", true);
    } else if behaviours.contains(&INPUT_ONLY) {
        set(&mut said, "writeOnly", true);
    }
    said
}

/// Values of google.api.FieldBehavior.
pub(in crate::openapi) const REQUIRED: i32 = 2;
pub(in crate::openapi) const OUTPUT_ONLY: i32 = 3;
const INPUT_ONLY: i32 = 4;

/// The `google.api.field_behavior` of a field, if the descriptors have that option.
pub(in crate::openapi) fn behaviour(field: &FieldDescriptor) -> Vec<i32> {
    let Some(option) = field.parent_pool().get_extension_by_name("google.api.field_behavior") else {
        return Vec::new();
    };
    let options = field.options();
    let values = options.get_extension(&option);
    values.as_list().unwrap_or_default().iter().filter_map(|value| value.as_enum_number()).collect()
}

/// Whether clients must send a field: by `google.api.field_behavior`.
pub(in crate::openapi) fn is_demanded(message: &MessageDescriptor, field: &FieldPlan) -> bool {
    let Some(descriptor) = message.get_field(field.number).filter(|_| !field.is_extension) else {
        return false;
    };
    let behaviours = behaviour(&descriptor);
    behaviours.contains(&REQUIRED) && !behaviours.contains(&OUTPUT_ONLY)
}

/// A schema with more said about it. What stands beside a reference counts in OpenAPI 3.1.
fn with(schema: Value, said: Map<String, Value>) -> Value {
    let Value::Object(mut schema) = schema else { return schema };
    schema.extend(said);
    schema.into()
}
