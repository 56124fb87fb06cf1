//! JSON Schemas of messages, fields and enums, as the proto3 JSON mapping and the configuration's `json` print them.

mod field;
pub(super) mod message;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;
use transcode::plan::{EnumIndex, FieldPlan, MessageIndex};
use transcode::{DecodeOptions, Enums, Names, Schema};

use crate::descriptors::Comments;

use message::Parts;

/// The schemas that the operations refer to. What a schema refers to is added in turn, each once, so that messages may
/// contain themselves.
pub(super) struct Schemas<'s> {
    pub(super) schema: &'s Arc<Schema>,
    options: DecodeOptions,
    /// Whether schemas are of what clients send: fields that they must send are required there.
    of_requests: bool,
    /// Messages, and whether they are those of requests.
    messages: BTreeSet<(MessageIndex, bool)>,
    /// Whether a message, or one inside it, has fields that clients must send.
    demanding: HashMap<MessageIndex, bool>,
    enums: BTreeSet<EnumIndex>,
    /// Messages that are referred to and not written yet.
    waiting: Vec<(MessageIndex, bool)>,
}

impl<'s> Schemas<'s> {
    pub(super) fn new(schema: &'s Arc<Schema>, options: &DecodeOptions) -> Self {
        Self {
            schema,
            options: options.clone(),
            of_requests: false,
            messages: BTreeSet::new(),
            demanding: HashMap::new(),
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

    /// How enums are printed.
    pub(super) fn enums(&self) -> Enums {
        self.options.enums
    }

    /// Whether schemas are of what clients send.
    pub(super) fn is_of_requests(&self) -> bool {
        self.of_requests
    }

    /// Makes schemas of what clients send.
    pub(super) fn for_requests<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.of_requests, true);
        let made = make(self);
        self.of_requests = before;
        made
    }

    /// Whether the schema of a message differs for requests.
    fn demands(&mut self, index: MessageIndex) -> bool {
        if let Some(known) = self.demanding.get(&index) {
            return *known;
        }
        // Those on the way from the message to where the search is, each with the fields that are left.
        let mut way = vec![(index, 0)];
        let mut seen = BTreeSet::from([index]);
        while let Some((index, next)) = way.last_mut() {
            let message = self.schema.message_at(*index);
            let Some(field) = message.plan().fields.get(*next) else {
                way.pop();
                continue;
            };
            *next += 1;
            let inner = field.map().map_or(field, |map| &map.value).message();
            let known = inner.and_then(|inner| self.demanding.get(&inner)).copied();
            if message::is_demanded(message.descriptor(), field) || known == Some(true) {
                self.demanding.extend(way.into_iter().map(|(index, _)| (index, true)));
                return true;
            }
            if let Some(inner) = inner.filter(|inner| known.is_none() && seen.insert(*inner)) {
                way.push((inner, 0));
            }
        }
        self.demanding.extend(seen.into_iter().map(|index| (index, false)));
        false
    }

    /// All that is referred to, by name.
    pub(super) fn finish(mut self, comments: &mut Comments) -> IndexMap<String, Value> {
        let mut found = IndexMap::new();
        while let Some((index, of_requests)) = self.waiting.pop() {
            let message = self.schema.message_at(index);
            self.of_requests = of_requests;
            let value = self.message(&message, Parts::default(), comments);
            found.insert(component(message.full_name(), of_requests), value);
        }
        for index in std::mem::take(&mut self.enums) {
            let plan = self.schema.enum_plan(index);
            found.insert(plan.full_name.to_string(), self.enumeration(plan, comments));
        }
        found.sort_unstable_keys();
        found
    }
}

/// The name of a message among the components. Names of messages have no `-`.
fn component(full_name: &str, of_requests: bool) -> String {
    if of_requests { format!("{full_name}-Input") } else { full_name.to_owned() }
}
