//! JSON Schemas of messages, fields and enums, as the proto3 JSON mapping and the configuration's `json` print them.

mod field;
pub(super) mod message;

use std::collections::BTreeSet;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;
use transcode::plan::{EnumIndex, FieldPlan, MessageIndex};
use transcode::{DecodeOptions, Names, Schema};

use crate::descriptors::Comments;

/// The schemas that the operations refer to. What a schema refers to is added in turn, each once, so that messages may
/// contain themselves.
pub(super) struct Schemas<'s> {
    pub(super) schema: &'s Arc<Schema>,
    options: DecodeOptions,
    messages: BTreeSet<MessageIndex>,
    enums: BTreeSet<EnumIndex>,
    /// Messages that are referred to and not written yet.
    waiting: Vec<MessageIndex>,
}

impl<'s> Schemas<'s> {
    pub(super) fn new(schema: &'s Arc<Schema>, options: &DecodeOptions) -> Self {
        Self {
            schema,
            options: options.clone(),
            messages: BTreeSet::new(),
            enums: BTreeSet::new(),
            waiting: Vec::new(),
        }
    }

    /// The key of a field.
    pub(super) fn key<'f>(&self, field: &'f FieldPlan) -> &'f str {
        match self.options.names {
            Names::Proto if !field.is_extension => &field.name,
            _ => &field.json_name,
        }
    }

    /// All that is referred to, by name.
    pub(super) fn finish(mut self, comments: &mut Comments) -> IndexMap<String, Value> {
        let mut found = IndexMap::new();
        while let Some(index) = self.waiting.pop() {
            let message = self.schema.message_at(index);
            let value = self.message(&message, &[], comments);
            found.insert(message.full_name().to_owned(), value);
        }
        for index in std::mem::take(&mut self.enums) {
            let plan = self.schema.enum_plan(index);
            found.insert(plan.full_name.to_string(), self.enumeration(plan, comments));
        }
        found.sort_unstable_keys();
        found
    }
}
