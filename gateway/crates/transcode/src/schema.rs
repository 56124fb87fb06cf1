//! A loaded schema: the descriptor pool, and the plans that are compiled from it on first use.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, OnceLock},
};

use prost_reflect::{DescriptorPool, EnumDescriptor, MessageDescriptor};

use crate::{
    LoadError,
    encode::HashedKeys,
    load::Loader,
    plan::{
        EnumIndex, EnumPlan, Indices, MessageIndex, MessagePlan, Overrides, compile_enum, compile_message,
    },
    pool::Pool,
};

type Names = HashMap<Box<str>, u32, foldhash::fast::FixedState>;

/// Everything that was loaded. Immutable; share it by `Arc`.
pub struct Schema {
    pool: DescriptorPool,
    overrides: Overrides,
    messages: Box<[MessageDescriptor]>,
    message_names: Names,
    message_plans: Box<[OnceLock<Box<MessagePlan>>]>,
    enums: Box<[EnumDescriptor]>,
    enum_names: Names,
    enum_plans: Box<[OnceLock<Box<EnumPlan>>]>,
    /// For the hashes of the keys of a map: as a list, and as a set.
    pub(crate) hash_lists: Pool<Vec<u64>>,
    pub(crate) hash_sets: Pool<HashedKeys>,
}

impl Schema {
    /// Loads `google.protobuf.FileDescriptorSet`s as one schema.
    ///
    /// Files may stand before their imports and be given more than once with the same content. The
    /// well-known types and google.rpc's are always there. Any other content is an error, never a panic.
    pub fn load(sets: &[&[u8]]) -> Result<Arc<Self>, LoadError> {
        let mut builder = SchemaBuilder::new();
        for set in sets {
            builder = builder.add("", set)?;
        }
        builder.build()
    }

    /// Starts a schema of several named sources, whose names errors will tell.
    pub fn builder() -> SchemaBuilder {
        SchemaBuilder::new()
    }

    fn new(pool: DescriptorPool, overrides: Overrides) -> Arc<Self> {
        let messages: Box<[_]> = pool.all_messages().collect();
        let enums: Box<[_]> = pool.all_enums().collect();
        let message_names =
            messages.iter().zip(0..).map(|(message, index)| (message.full_name().into(), index)).collect();
        let enum_names =
            enums.iter().zip(0..).map(|(descriptor, index)| (descriptor.full_name().into(), index)).collect();
        Arc::new(Self {
            message_plans: messages.iter().map(|_| OnceLock::new()).collect(),
            enum_plans: enums.iter().map(|_| OnceLock::new()).collect(),
            pool,
            overrides,
            messages,
            message_names,
            enums,
            enum_names,
            hash_lists: Pool::new(),
            hash_sets: Pool::new(),
        })
    }

    /// The descriptors, editions lowered to proto2 or proto3, custom options kept: for methods, options, documentation.
    pub fn pool(&self) -> &DescriptorPool {
        &self.pool
    }

    /// The message of this full name (without a leading dot).
    pub fn message(self: &Arc<Self>, full_name: &str) -> Option<Message> {
        let index = self.find(full_name)?;
        Some(Message { schema: Arc::clone(self), index })
    }

    /// The index of the message of this full name: for the types inside `Any`.
    pub fn find(&self, full_name: &str) -> Option<MessageIndex> {
        self.message_names.get(full_name).copied().map(MessageIndex)
    }

    /// A handle for a message that a plan refers to.
    pub fn message_at(self: &Arc<Self>, index: MessageIndex) -> Message {
        Message { schema: Arc::clone(self), index }
    }

    /// The plan of a message; compiled when it is asked for the first time. The index is one of this schema's.
    #[inline]
    pub fn plan(&self, index: MessageIndex) -> &MessagePlan {
        let slot = &self.message_plans[index.0 as usize];
        slot.get_or_init(|| Box::new(compile_message(index, &self.messages[index.0 as usize], self)))
    }

    /// The plan of an enum; compiled when it is asked for the first time.
    #[inline]
    pub fn enum_plan(&self, index: EnumIndex) -> &EnumPlan {
        let slot = &self.enum_plans[index.0 as usize];
        slot.get_or_init(|| Box::new(compile_enum(&self.enums[index.0 as usize], &self.overrides)))
    }
}

impl Indices for Schema {
    fn message(&self, message: &MessageDescriptor) -> MessageIndex {
        // Every message that a pool refers to is one of its own.
        MessageIndex(self.message_names.get(message.full_name()).copied().unwrap_or_default())
    }

    fn enumeration(&self, descriptor: &EnumDescriptor) -> EnumIndex {
        EnumIndex(self.enum_names.get(descriptor.full_name()).copied().unwrap_or_default())
    }

    fn overrides(&self) -> &Overrides {
        &self.overrides
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema")
            .field("messages", &self.messages.len())
            .field("enums", &self.enums.len())
            .finish()
    }
}

/// A message of a schema: cheap to clone, and what [`encode`](Message::encode) and [`decode`](Message::decode) hang on.
#[derive(Clone)]
pub struct Message {
    schema: Arc<Schema>,
    index: MessageIndex,
}

impl Message {
    /// The schema it belongs to.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Its place in the schema.
    pub fn index(&self) -> MessageIndex {
        self.index
    }

    /// Its plan.
    pub fn plan(&self) -> &MessagePlan {
        self.schema.plan(self.index)
    }

    /// Its full name.
    pub fn full_name(&self) -> &str {
        &self.plan().full_name
    }

    /// Its descriptor.
    pub fn descriptor(&self) -> &MessageDescriptor {
        &self.schema.messages[self.index.0 as usize]
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({})", self.full_name())
    }
}

/// Gathers the sources of a schema.
#[derive(Debug, Default)]
pub struct SchemaBuilder {
    loader: Loader,
}

impl SchemaBuilder {
    /// Nothing yet but what is always there.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a `FileDescriptorSet`. `source` is the name that errors will tell (a path, an upstream; empty for none).
    pub fn add(mut self, source: &str, set: &[u8]) -> Result<Self, LoadError> {
        self.loader.add(source, set)?;
        Ok(self)
    }

    /// Resolves everything and makes the schema.
    pub fn build(self) -> Result<Arc<Schema>, LoadError> {
        let (pool, overrides) = self.loader.finish()?;
        Ok(Schema::new(pool, overrides))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Kind, WellKnown};

    #[test]
    fn plans_are_compiled_on_demand_and_recursive() {
        let schema = Schema::load(&[]).unwrap();
        let value = schema.message("google.protobuf.Value").unwrap();
        assert_eq!(value.plan().well_known, WellKnown::Value);
        assert_eq!(value.plan().oneofs, 1);
        let list = value.plan().field_by_key(b"listValue").unwrap();
        assert_eq!(list.name.as_ref(), "list_value");
        assert_eq!(list.json_key.as_ref(), b",\"listValue\":");
        let Kind::Message(index) = list.kind else { panic!("{list:?}") };
        assert_eq!(schema.plan(index).well_known, WellKnown::ListValue);
        assert!(schema.message("google.protobuf.Nothing").is_none());
    }
}
