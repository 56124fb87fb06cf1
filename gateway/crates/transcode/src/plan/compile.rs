//! Descriptors → plans.
//!
//! What prost-reflect cannot express about editions stands in [`Overrides`], which loading fills.

use std::collections::{HashMap, HashSet};

use prost_reflect::{
    Cardinality as Label, EnumDescriptor, ExtensionDescriptor, FieldDescriptor, Kind as Type,
    MessageDescriptor,
};

use super::{
    Cardinality, EnumIndex, EnumPlan, EnumValue, FieldPlan, Kind, MapPlan, MessageIndex, MessagePlan,
    NameTable, NumberIndex, Print, Prints, Tag, WellKnown, WireType, Write,
};

/// What editions say about single fields and enums, where it differs from the file that prost-reflect sees.
#[derive(Debug, Default)]
pub(crate) struct Overrides {
    /// Full names of singular fields without presence, in files that were lowered to proto2.
    pub(crate) implicit: HashSet<Box<str>>,
    /// Full names of open enums in files that were lowered to proto2.
    pub(crate) open_enums: HashSet<Box<str>>,
    /// Full names of fields and extensions with the `debug_redact` option, which prost-types does not know.
    pub(crate) redacted: HashSet<Box<str>>,
    /// JSON names that prost-reflect was not shown (names that clash, which it refuses), by full name of the field.
    pub(crate) json_names: HashMap<Box<str>, Box<str>>,
}

/// Where a compiler finds the indices of the types that a field refers to.
pub(crate) trait Indices {
    /// The index of a message of the pool.
    fn message(&self, message: &MessageDescriptor) -> MessageIndex;
    /// The index of an enum of the pool.
    fn enumeration(&self, descriptor: &EnumDescriptor) -> EnumIndex;
    /// What editions say.
    fn overrides(&self) -> &Overrides;
}

/// Compiles a message.
pub(crate) fn compile_message(
    index: MessageIndex,
    message: &MessageDescriptor,
    indices: &dyn Indices,
) -> MessagePlan {
    let real_oneofs: Vec<String> =
        message.oneofs().filter(|oneof| !oneof.is_synthetic()).map(|oneof| oneof.name().to_owned()).collect();
    let mut fields: Vec<FieldPlan> = message
        .fields()
        .map(|field| compile_field(&field, &real_oneofs, indices))
        .chain(message.extensions().map(|extension| compile_extension(&extension, indices)))
        .collect();
    fields.sort_by_key(|field| field.number);
    fields.dedup_by_key(|field| field.number);
    for (position, field) in fields.iter_mut().enumerate() {
        field.position = position as u32;
    }
    // JSON names first: where one field's JSON name is another's proto name, the JSON name means what it says.
    let json_names = fields.iter().map(|field| (&*field.json_name, field.position));
    let proto_names =
        fields.iter().filter(|field| !field.is_extension).map(|field| (&*field.name, field.position));
    let names = NameTable::new(json_names.chain(proto_names));
    let required = fields
        .iter()
        .filter(|field| matches!(field.cardinality, Cardinality::Required))
        .map(|field| field.position)
        .collect();
    let is_message_set =
        message.descriptor_proto().options.as_ref().is_some_and(|options| options.message_set_wire_format());
    let well_known = match is_message_set {
        true => WellKnown::MessageSet,
        false => well_known(message.full_name(), &fields),
    };
    let mut writes = Write::all(&fields, real_oneofs.len() as u32);
    if is_message_set {
        // Its extensions are not written as fields.
        writes.iter_mut().for_each(|write| write.form = None);
    }
    MessagePlan {
        index,
        full_name: message.full_name().into(),
        well_known,
        oneofs: real_oneofs.len() as u32,
        required,
        numbers: NumberIndex::new(&fields),
        prints: Prints::new(&fields),
        writes,
        names,
        fields: fields.into(),
    }
}

fn compile_field(field: &FieldDescriptor, real_oneofs: &[String], indices: &dyn Indices) -> FieldPlan {
    let oneof = field
        .containing_oneof()
        .and_then(|oneof| real_oneofs.iter().position(|name| name == oneof.name()))
        .map(|position| position as u32);
    let map = field
        .is_map()
        .then(|| field.kind().as_message().and_then(|entry| compile_map(entry, indices)))
        .flatten();
    let cardinality = match (map, field.cardinality()) {
        (Some(map), _) => Cardinality::Map(Box::new(map)),
        (None, Label::Repeated) => Cardinality::Repeated { packed: field.is_packed() },
        (None, Label::Required) => Cardinality::Required,
        (None, Label::Optional) if is_implicit(field, indices) => Cardinality::Implicit,
        (None, Label::Optional) => Cardinality::Explicit,
    };
    let json_name = indices.overrides().json_names.get(field.full_name()).map(AsRef::as_ref);
    build(FieldParts {
        number: field.number(),
        kind: kind(&field.kind(), field.is_group(), indices),
        cardinality,
        oneof,
        name: field.name(),
        json_name: json_name.unwrap_or_else(|| field.json_name()),
        is_extension: false,
        debug_redact: indices.overrides().redacted.contains(field.full_name()),
    })
}

fn is_implicit(field: &FieldDescriptor, indices: &dyn Indices) -> bool {
    !field.supports_presence() || indices.overrides().implicit.contains(field.full_name())
}

fn compile_extension(extension: &ExtensionDescriptor, indices: &dyn Indices) -> FieldPlan {
    let cardinality = match extension.cardinality() {
        Label::Repeated => Cardinality::Repeated { packed: extension.is_packed() },
        Label::Required | Label::Optional => Cardinality::Explicit,
    };
    build(FieldParts {
        number: extension.number(),
        kind: kind(&extension.kind(), extension.is_group(), indices),
        cardinality,
        oneof: None,
        name: extension.full_name(),
        json_name: extension.json_name(),
        is_extension: true,
        debug_redact: indices.overrides().redacted.contains(extension.full_name()),
    })
}

fn compile_map(entry: &MessageDescriptor, indices: &dyn Indices) -> Option<MapPlan> {
    // Loading has proven that entries have both; an entry that has not is treated as a message.
    let (key, value) = (entry.get_field(1)?, entry.get_field(2)?);
    let (key, value) = (compile_field(&key, &[], indices), compile_field(&value, &[], indices));
    Some(MapPlan {
        value_print: Print::map_value(&value),
        key_write: Write::in_map(&key),
        value_write: Write::in_map(&value),
        key,
        value,
    })
}

struct FieldParts<'a> {
    number: u32,
    kind: Kind,
    cardinality: Cardinality,
    oneof: Option<u32>,
    name: &'a str,
    json_name: &'a str,
    is_extension: bool,
    debug_redact: bool,
}

fn build(parts: FieldParts<'_>) -> FieldPlan {
    let element_tag = Tag::new(parts.number, parts.kind.wire_type());
    let tag = match parts.cardinality {
        Cardinality::Repeated { packed: true } => Tag::new(parts.number, WireType::Len),
        _ => element_tag,
    };
    let json_key = quoted(b",", parts.json_name, b":");
    let proto_key = if parts.is_extension { parts.json_name } else { parts.name };
    let proto_key = quoted(b",", proto_key, b":");
    FieldPlan {
        position: 0,
        number: parts.number,
        kind: parts.kind,
        cardinality: parts.cardinality,
        oneof: parts.oneof,
        tag,
        element_tag,
        end_tag: Tag::new(parts.number, WireType::EndGroup),
        name: parts.name.into(),
        json_name: parts.json_name.into(),
        json_key,
        proto_key,
        is_extension: parts.is_extension,
        debug_redact: parts.debug_redact,
    }
}

/// A JSON string between what stands before and after it.
fn quoted(before: &[u8], text: &str, after: &[u8]) -> Box<[u8]> {
    let mut out = before.to_vec();
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            // A json_name may hold anything.
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
    out.extend_from_slice(after);
    out.into()
}

fn kind(kind: &Type, is_group: bool, indices: &dyn Indices) -> Kind {
    match kind {
        Type::Double => Kind::Double,
        Type::Float => Kind::Float,
        Type::Int32 => Kind::Int32,
        Type::Int64 => Kind::Int64,
        Type::Uint32 => Kind::Uint32,
        Type::Uint64 => Kind::Uint64,
        Type::Sint32 => Kind::Sint32,
        Type::Sint64 => Kind::Sint64,
        Type::Fixed32 => Kind::Fixed32,
        Type::Fixed64 => Kind::Fixed64,
        Type::Sfixed32 => Kind::Sfixed32,
        Type::Sfixed64 => Kind::Sfixed64,
        Type::Bool => Kind::Bool,
        Type::String => Kind::String,
        Type::Bytes => Kind::Bytes,
        Type::Message(message) if is_group => Kind::Group(indices.message(message)),
        Type::Message(message) => Kind::Message(indices.message(message)),
        Type::Enum(descriptor) => Kind::Enum(indices.enumeration(descriptor)),
    }
}

/// Compiles an enum.
pub(crate) fn compile_enum(descriptor: &EnumDescriptor, overrides: &Overrides) -> EnumPlan {
    let proto2 = descriptor.parent_file().syntax() == prost_reflect::Syntax::Proto2;
    // As declared: the pool has them sorted by number, and aliases in an order of its own.
    let mut values: Vec<EnumValue> = descriptor
        .enum_descriptor_proto()
        .value
        .iter()
        .map(|value| EnumValue {
            number: value.number(),
            name: value.name().into(),
            json: quoted(b"", value.name(), b""),
        })
        .collect();
    let default = values.first().map_or(0, |value| value.number);
    // Stable, so the first declared of aliases stays first.
    values.sort_by_key(|value| value.number);
    let names =
        NameTable::new(values.iter().enumerate().map(|(position, value)| (&*value.name, position as u32)));
    let gapless = values.windows(2).all(|pair| match pair {
        [a, b] => i64::from(b.number) - i64::from(a.number) == 1,
        _ => true,
    });
    EnumPlan {
        full_name: descriptor.full_name().into(),
        closed: proto2 && !overrides.open_enums.contains(descriptor.full_name()),
        null_value: descriptor.full_name() == "google.protobuf.NullValue",
        default,
        dense_from: values.first().filter(|_| gapless).map(|value| value.number),
        names,
        values: values.into(),
    }
}

/// Recognises a well-known type by name *and* shape, so that a message that only borrows the name stays ordinary.
fn well_known(full_name: &str, fields: &[FieldPlan]) -> WellKnown {
    let Some(name) = full_name.strip_prefix("google.protobuf.") else {
        return WellKnown::None;
    };
    let is = |number: usize, wanted: fn(&FieldPlan) -> bool| {
        fields.get(number - 1).is_some_and(|field| field.number as usize == number && wanted(field))
    };
    let seconds_and_nanos = fields.len() == 2
        && is(1, |field| single(field, Kind::Int64))
        && is(2, |field| single(field, Kind::Int32));
    let wrapper = |kind: Kind| match fields {
        [field] if field.number == 1 && single(field, kind) => WellKnown::Wrapper,
        _ => WellKnown::None,
    };
    let when = |shape: bool, known: WellKnown| if shape { known } else { WellKnown::None };
    match name {
        "Any" => when(
            fields.len() == 2
                && is(1, |field| single(field, Kind::String))
                && is(2, |field| single(field, Kind::Bytes)),
            WellKnown::Any,
        ),
        "Timestamp" => when(seconds_and_nanos, WellKnown::Timestamp),
        "Duration" => when(seconds_and_nanos, WellKnown::Duration),
        "FieldMask" => when(
            fields.len() == 1 && is(1, |field| field.is_list() && field.kind == Kind::String),
            WellKnown::FieldMask,
        ),
        "Struct" => when(fields.len() == 1 && is(1, is_value_map), WellKnown::Struct),
        "ListValue" => when(
            fields.len() == 1 && is(1, |field| field.is_list() && is_message(field)),
            WellKnown::ListValue,
        ),
        "Value" => when(fields.len() == 6 && is_value(fields), WellKnown::Value),
        "Empty" => when(fields.is_empty(), WellKnown::Empty),
        "DoubleValue" => wrapper(Kind::Double),
        "FloatValue" => wrapper(Kind::Float),
        "Int64Value" => wrapper(Kind::Int64),
        "UInt64Value" => wrapper(Kind::Uint64),
        "Int32Value" => wrapper(Kind::Int32),
        "UInt32Value" => wrapper(Kind::Uint32),
        "BoolValue" => wrapper(Kind::Bool),
        "StringValue" => wrapper(Kind::String),
        "BytesValue" => wrapper(Kind::Bytes),
        _ => WellKnown::None,
    }
}

fn single(field: &FieldPlan, kind: Kind) -> bool {
    field.kind == kind && matches!(field.cardinality, Cardinality::Implicit | Cardinality::Explicit)
}

fn is_message(field: &FieldPlan) -> bool {
    matches!(field.kind, Kind::Message(_))
}

fn is_value_map(field: &FieldPlan) -> bool {
    field.map().is_some_and(|map| map.key.kind == Kind::String && is_message(&map.value))
}

fn is_value(fields: &[FieldPlan]) -> bool {
    let wanted = |number: u32, kind: Kind| {
        matches!(
            (number, kind),
            (1, Kind::Enum(_))
                | (2, Kind::Double)
                | (3, Kind::String)
                | (4, Kind::Bool)
                | (5 | 6, Kind::Message(_))
        )
    };
    fields.iter().zip(1..).all(|(field, number)| {
        field.number == number
            && wanted(number, field.kind)
            && matches!(field.cardinality, Cardinality::Explicit)
    })
}
