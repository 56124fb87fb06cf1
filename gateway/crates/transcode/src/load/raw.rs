//! Descriptors as we read and change them before prost-reflect sees them.
//!
//! Like prost-types' own, but options stay bytes: whatever is in them (custom options, features newer than
//! prost-types) survives. They are declared as *repeated* bytes, because a message field that is
//! split in two on the wire means both parts together.

use prost::Message;

pub(super) type Options = Vec<Vec<u8>>;

/// `FileDescriptorSet`, each file still in bytes.
#[derive(Clone, PartialEq, Message)]
pub(super) struct FileSet {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub(super) file: Vec<Vec<u8>>,
}

/// `FileDescriptorProto`
#[derive(Clone, PartialEq, Message)]
pub(super) struct File {
    #[prost(string, optional, tag = "1")]
    pub(super) name: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(super) package: Option<String>,
    #[prost(string, repeated, tag = "3")]
    pub(super) dependency: Vec<String>,
    #[prost(message, repeated, tag = "4")]
    pub(super) messages: Vec<MessageType>,
    #[prost(message, repeated, tag = "5")]
    pub(super) enums: Vec<EnumType>,
    #[prost(message, repeated, tag = "6")]
    pub(super) services: Vec<Service>,
    #[prost(message, repeated, tag = "7")]
    pub(super) extensions: Vec<Field>,
    #[prost(bytes = "vec", repeated, tag = "8")]
    pub(super) options: Options,
    #[prost(bytes = "vec", repeated, tag = "9")]
    pub(super) source_code_info: Vec<Vec<u8>>,
    #[prost(int32, repeated, packed = "false", tag = "10")]
    pub(super) public_dependency: Vec<i32>,
    #[prost(string, optional, tag = "12")]
    pub(super) syntax: Option<String>,
    #[prost(int32, optional, tag = "14")]
    pub(super) edition: Option<i32>,
    #[prost(string, repeated, tag = "15")]
    pub(super) option_dependency: Vec<String>,
}

/// `DescriptorProto`
#[derive(Clone, PartialEq, Message)]
pub(super) struct MessageType {
    #[prost(string, optional, tag = "1")]
    pub(super) name: Option<String>,
    #[prost(message, repeated, tag = "2")]
    pub(super) fields: Vec<Field>,
    #[prost(message, repeated, tag = "3")]
    pub(super) messages: Vec<Self>,
    #[prost(message, repeated, tag = "4")]
    pub(super) enums: Vec<EnumType>,
    #[prost(bytes = "vec", repeated, tag = "5")]
    pub(super) extension_range: Vec<Vec<u8>>,
    #[prost(message, repeated, tag = "6")]
    pub(super) extensions: Vec<Field>,
    #[prost(bytes = "vec", repeated, tag = "7")]
    pub(super) options: Options,
    #[prost(message, repeated, tag = "8")]
    pub(super) oneofs: Vec<Oneof>,
    #[prost(bytes = "vec", repeated, tag = "9")]
    pub(super) reserved_range: Vec<Vec<u8>>,
    #[prost(string, repeated, tag = "10")]
    pub(super) reserved_name: Vec<String>,
}

/// `FieldDescriptorProto`
#[derive(Clone, PartialEq, Message)]
pub(super) struct Field {
    #[prost(string, optional, tag = "1")]
    pub(super) name: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(super) extendee: Option<String>,
    #[prost(int32, optional, tag = "3")]
    pub(super) number: Option<i32>,
    #[prost(int32, optional, tag = "4")]
    pub(super) label: Option<i32>,
    #[prost(int32, optional, tag = "5")]
    pub(super) r#type: Option<i32>,
    #[prost(string, optional, tag = "6")]
    pub(super) type_name: Option<String>,
    #[prost(string, optional, tag = "7")]
    pub(super) default_value: Option<String>,
    #[prost(bytes = "vec", repeated, tag = "8")]
    pub(super) options: Options,
    #[prost(int32, optional, tag = "9")]
    pub(super) oneof_index: Option<i32>,
    #[prost(string, optional, tag = "10")]
    pub(super) json_name: Option<String>,
    #[prost(bool, optional, tag = "17")]
    pub(super) proto3_optional: Option<bool>,
}

/// The values of `FieldDescriptorProto.Label` and `.Type` that are named here.
pub(super) mod label {
    pub(in super::super) const REQUIRED: i32 = 2;
    pub(in super::super) const REPEATED: i32 = 3;
}

/// See [`label`].
#[allow(missing_docs)]
pub(super) mod kind {
    pub(in super::super) const INT64: i32 = 3;
    pub(in super::super) const INT32: i32 = 5;
    pub(in super::super) const STRING: i32 = 9;
    pub(in super::super) const GROUP: i32 = 10;
    pub(in super::super) const MESSAGE: i32 = 11;
    pub(in super::super) const BYTES: i32 = 12;
    pub(in super::super) const DOUBLE: i32 = 1;
    pub(in super::super) const FLOAT: i32 = 2;
}

/// `OneofDescriptorProto`
#[derive(Clone, PartialEq, Message)]
pub(super) struct Oneof {
    #[prost(string, optional, tag = "1")]
    pub(super) name: Option<String>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub(super) options: Options,
}

/// `EnumDescriptorProto`
#[derive(Clone, PartialEq, Message)]
pub(super) struct EnumType {
    #[prost(string, optional, tag = "1")]
    pub(super) name: Option<String>,
    #[prost(message, repeated, tag = "2")]
    pub(super) values: Vec<EnumValue>,
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub(super) options: Options,
    #[prost(bytes = "vec", repeated, tag = "4")]
    pub(super) reserved_range: Vec<Vec<u8>>,
    #[prost(string, repeated, tag = "5")]
    pub(super) reserved_name: Vec<String>,
}

/// `EnumValueDescriptorProto`
#[derive(Clone, PartialEq, Message)]
pub(super) struct EnumValue {
    #[prost(string, optional, tag = "1")]
    pub(super) name: Option<String>,
    #[prost(int32, optional, tag = "2")]
    pub(super) number: Option<i32>,
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub(super) options: Options,
}

/// `ServiceDescriptorProto`
#[derive(Clone, PartialEq, Message)]
pub(super) struct Service {
    #[prost(string, optional, tag = "1")]
    pub(super) name: Option<String>,
    #[prost(message, repeated, tag = "2")]
    pub(super) methods: Vec<Method>,
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub(super) options: Options,
}

/// `MethodDescriptorProto`
#[derive(Clone, PartialEq, Message)]
pub(super) struct Method {
    #[prost(string, optional, tag = "1")]
    pub(super) name: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(super) input_type: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub(super) output_type: Option<String>,
    #[prost(bytes = "vec", repeated, tag = "4")]
    pub(super) options: Options,
    #[prost(bool, optional, tag = "5")]
    pub(super) client_streaming: Option<bool>,
    #[prost(bool, optional, tag = "6")]
    pub(super) server_streaming: Option<bool>,
}

/// `FeatureSet`, as far as JSON and wire depend on it. Enum values as numbers; 0 is "not said".
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct Features {
    #[prost(int32, tag = "1")]
    pub(super) field_presence: i32,
    #[prost(int32, tag = "2")]
    pub(super) enum_type: i32,
    #[prost(int32, tag = "3")]
    pub(super) repeated_field_encoding: i32,
    #[prost(int32, tag = "5")]
    pub(super) message_encoding: i32,
    #[prost(int32, tag = "6")]
    pub(super) json_format: i32,
}

/// `FileOptions`, as far as it is read here.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct FileOptions {
    #[prost(message, optional, tag = "50")]
    pub(super) features: Option<Features>,
}

/// `MessageOptions`, as far as it is read here.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct MessageOptions {
    #[prost(bool, tag = "7")]
    pub(super) map_entry: bool,
    #[prost(message, optional, tag = "12")]
    pub(super) features: Option<Features>,
}

/// `FieldOptions`, as far as it is read here.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct FieldOptions {
    #[prost(bool, tag = "16")]
    pub(super) debug_redact: bool,
    #[prost(message, optional, tag = "21")]
    pub(super) features: Option<Features>,
}

/// `OneofOptions`, as far as it is read here.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct OneofOptions {
    #[prost(message, optional, tag = "1")]
    pub(super) features: Option<Features>,
}

/// `EnumOptions`, as far as it is read here.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct EnumOptions {
    #[prost(message, optional, tag = "7")]
    pub(super) features: Option<Features>,
}

/// Reads some of the options.
pub(super) fn read<T: Message + Default>(options: &Options) -> Result<T, prost::DecodeError> {
    let mut read = T::default();
    for part in options {
        read.merge(&**part)?;
    }
    Ok(read)
}
