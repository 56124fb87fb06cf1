//! Descriptors as the compiler makes them: `google/protobuf/descriptor.proto`, with options in their wire format.
//!
//! prost-types has no editions; and options that are kept as bytes keep the custom ones, too.

use prost::Message;

/// `FileDescriptorSet`, each file in bytes.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct FileSet {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub(crate) file: Vec<Vec<u8>>,
}

/// `FileDescriptorProto`
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct File {
    #[prost(string, optional, tag = "1")]
    pub(crate) name: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(crate) package: Option<String>,
    #[prost(string, repeated, tag = "3")]
    pub(crate) dependency: Vec<String>,
    #[prost(message, repeated, tag = "4")]
    pub(crate) messages: Vec<MessageType>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) enums: Vec<EnumType>,
    #[prost(message, repeated, tag = "6")]
    pub(crate) services: Vec<Service>,
    #[prost(message, repeated, tag = "7")]
    pub(crate) extensions: Vec<Field>,
    #[prost(bytes = "vec", optional, tag = "8")]
    pub(crate) options: Option<Vec<u8>>,
    #[prost(message, optional, tag = "9")]
    pub(crate) source_code_info: Option<SourceInfo>,
    #[prost(int32, repeated, packed = "false", tag = "10")]
    pub(crate) public_dependency: Vec<i32>,
    #[prost(int32, repeated, packed = "false", tag = "11")]
    pub(crate) weak_dependency: Vec<i32>,
    #[prost(string, optional, tag = "12")]
    pub(crate) syntax: Option<String>,
    #[prost(int32, optional, tag = "14")]
    pub(crate) edition: Option<i32>,
    #[prost(string, repeated, tag = "15")]
    pub(crate) option_dependency: Vec<String>,
}

/// `SourceCodeInfo`
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct SourceInfo {
    #[prost(message, repeated, tag = "1")]
    pub(crate) location: Vec<Location>,
}

/// `SourceCodeInfo.Location`
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct Location {
    #[prost(int32, repeated, tag = "1")]
    pub(crate) path: Vec<i32>,
    #[prost(int32, repeated, tag = "2")]
    pub(crate) span: Vec<i32>,
    #[prost(string, optional, tag = "3")]
    pub(crate) leading: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub(crate) trailing: Option<String>,
    #[prost(string, repeated, tag = "6")]
    pub(crate) detached: Vec<String>,
}

/// `DescriptorProto`
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct MessageType {
    #[prost(string, optional, tag = "1")]
    pub(crate) name: Option<String>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) fields: Vec<Field>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) messages: Vec<Self>,
    #[prost(message, repeated, tag = "4")]
    pub(crate) enums: Vec<EnumType>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) extension_range: Vec<Range>,
    #[prost(message, repeated, tag = "6")]
    pub(crate) extensions: Vec<Field>,
    #[prost(bytes = "vec", optional, tag = "7")]
    pub(crate) options: Option<Vec<u8>>,
    #[prost(message, repeated, tag = "8")]
    pub(crate) oneofs: Vec<Oneof>,
    #[prost(message, repeated, tag = "9")]
    pub(crate) reserved_range: Vec<Range>,
    #[prost(string, repeated, tag = "10")]
    pub(crate) reserved_name: Vec<String>,
    #[prost(int32, optional, tag = "11")]
    pub(crate) visibility: Option<i32>,
}

/// `DescriptorProto.ExtensionRange`, `.ReservedRange` and `EnumDescriptorProto.EnumReservedRange`: only the first has options.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct Range {
    #[prost(int32, optional, tag = "1")]
    pub(crate) start: Option<i32>,
    #[prost(int32, optional, tag = "2")]
    pub(crate) end: Option<i32>,
    #[prost(bytes = "vec", optional, tag = "3")]
    pub(crate) options: Option<Vec<u8>>,
}

/// `FieldDescriptorProto`
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct Field {
    #[prost(string, optional, tag = "1")]
    pub(crate) name: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(crate) extendee: Option<String>,
    #[prost(int32, optional, tag = "3")]
    pub(crate) number: Option<i32>,
    #[prost(int32, optional, tag = "4")]
    pub(crate) label: Option<i32>,
    #[prost(int32, optional, tag = "5")]
    pub(crate) r#type: Option<i32>,
    #[prost(string, optional, tag = "6")]
    pub(crate) type_name: Option<String>,
    #[prost(string, optional, tag = "7")]
    pub(crate) default_value: Option<String>,
    #[prost(bytes = "vec", optional, tag = "8")]
    pub(crate) options: Option<Vec<u8>>,
    #[prost(int32, optional, tag = "9")]
    pub(crate) oneof_index: Option<i32>,
    #[prost(string, optional, tag = "10")]
    pub(crate) json_name: Option<String>,
    #[prost(bool, optional, tag = "17")]
    pub(crate) proto3_optional: Option<bool>,
}

impl Field {
    pub(crate) fn is_repeated(&self) -> bool {
        self.label == Some(label::REPEATED)
    }

    pub(crate) fn is_message(&self) -> bool {
        matches!(self.r#type, Some(kind::MESSAGE | kind::GROUP))
    }
}

/// `OneofDescriptorProto`
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct Oneof {
    #[prost(string, optional, tag = "1")]
    pub(crate) name: Option<String>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub(crate) options: Option<Vec<u8>>,
}

/// `EnumDescriptorProto`
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct EnumType {
    #[prost(string, optional, tag = "1")]
    pub(crate) name: Option<String>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) values: Vec<EnumValue>,
    #[prost(bytes = "vec", optional, tag = "3")]
    pub(crate) options: Option<Vec<u8>>,
    #[prost(message, repeated, tag = "4")]
    pub(crate) reserved_range: Vec<Range>,
    #[prost(string, repeated, tag = "5")]
    pub(crate) reserved_name: Vec<String>,
    #[prost(int32, optional, tag = "6")]
    pub(crate) visibility: Option<i32>,
}

/// `EnumValueDescriptorProto`
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct EnumValue {
    #[prost(string, optional, tag = "1")]
    pub(crate) name: Option<String>,
    #[prost(int32, optional, tag = "2")]
    pub(crate) number: Option<i32>,
    #[prost(bytes = "vec", optional, tag = "3")]
    pub(crate) options: Option<Vec<u8>>,
}

/// `ServiceDescriptorProto`
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct Service {
    #[prost(string, optional, tag = "1")]
    pub(crate) name: Option<String>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) methods: Vec<Method>,
    #[prost(bytes = "vec", optional, tag = "3")]
    pub(crate) options: Option<Vec<u8>>,
}

/// `MethodDescriptorProto`
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct Method {
    #[prost(string, optional, tag = "1")]
    pub(crate) name: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(crate) input_type: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub(crate) output_type: Option<String>,
    #[prost(bytes = "vec", optional, tag = "4")]
    pub(crate) options: Option<Vec<u8>>,
    #[prost(bool, optional, tag = "5")]
    pub(crate) client_streaming: Option<bool>,
    #[prost(bool, optional, tag = "6")]
    pub(crate) server_streaming: Option<bool>,
}

/// `FieldDescriptorProto.Label`
pub(crate) mod label {
    pub(crate) const OPTIONAL: i32 = 1;
    pub(crate) const REQUIRED: i32 = 2;
    pub(crate) const REPEATED: i32 = 3;
}

/// `FieldDescriptorProto.Type`
pub(crate) mod kind {
    pub(crate) const DOUBLE: i32 = 1;
    pub(crate) const FLOAT: i32 = 2;
    pub(crate) const INT64: i32 = 3;
    pub(crate) const UINT64: i32 = 4;
    pub(crate) const INT32: i32 = 5;
    pub(crate) const FIXED64: i32 = 6;
    pub(crate) const FIXED32: i32 = 7;
    pub(crate) const BOOL: i32 = 8;
    pub(crate) const STRING: i32 = 9;
    pub(crate) const GROUP: i32 = 10;
    pub(crate) const MESSAGE: i32 = 11;
    pub(crate) const BYTES: i32 = 12;
    pub(crate) const UINT32: i32 = 13;
    pub(crate) const ENUM: i32 = 14;
    pub(crate) const SFIXED32: i32 = 15;
    pub(crate) const SFIXED64: i32 = 16;
    pub(crate) const SINT32: i32 = 17;
    pub(crate) const SINT64: i32 = 18;

    /// The type of a keyword.
    pub(crate) fn of(word: &[u8]) -> Option<i32> {
        Some(match word {
            b"double" => DOUBLE,
            b"float" => FLOAT,
            b"int64" => INT64,
            b"uint64" => UINT64,
            b"int32" => INT32,
            b"fixed64" => FIXED64,
            b"fixed32" => FIXED32,
            b"bool" => BOOL,
            b"string" => STRING,
            b"group" => GROUP,
            b"bytes" => BYTES,
            b"uint32" => UINT32,
            b"sfixed32" => SFIXED32,
            b"sfixed64" => SFIXED64,
            b"sint32" => SINT32,
            b"sint64" => SINT64,
            _ => return None,
        })
    }
}

/// `Edition`
pub(crate) mod edition {
    pub(crate) const PROTO2: i32 = 998;
    pub(crate) const PROTO3: i32 = 999;
    pub(crate) const E2023: i32 = 1000;
    pub(crate) const E2024: i32 = 1001;
}
