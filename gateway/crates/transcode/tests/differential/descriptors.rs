//! Random descriptors: messages `r.M0`, `r.M1`, … that refer to one another and to the well-known types.

use prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumValueDescriptorProto, FieldDescriptorProto, FieldOptions,
    FileDescriptorProto, FileDescriptorSet, MessageOptions, OneofDescriptorProto,
    field_descriptor_proto::{Label, Type},
};

use crate::random::Random;

const MESSAGES: usize = 4;
const WELL_KNOWN: [&str; 13] = [
    "Timestamp",
    "Duration",
    "FieldMask",
    "Struct",
    "Value",
    "ListValue",
    "Empty",
    "Any",
    "Int32Value",
    "UInt64Value",
    "StringValue",
    "BytesValue",
    "DoubleValue",
];
const IMPORTS: [&str; 7] = ["timestamp", "duration", "field_mask", "struct", "empty", "any", "wrappers"];
const SCALARS: [Type; 15] = [
    Type::Double,
    Type::Float,
    Type::Int64,
    Type::Uint64,
    Type::Int32,
    Type::Fixed64,
    Type::Fixed32,
    Type::Bool,
    Type::String,
    Type::Bytes,
    Type::Uint32,
    Type::Sfixed32,
    Type::Sfixed64,
    Type::Sint32,
    Type::Sint64,
];
const KEYS: [Type; 6] = [Type::String, Type::Int32, Type::Uint64, Type::Sint64, Type::Bool, Type::Fixed32];

/// A set of one file.
pub(crate) fn set(random: &mut Random) -> FileDescriptorSet {
    let proto3 = random.coin();
    let file = FileDescriptorProto {
        name: Some("r.proto".into()),
        package: Some("r".into()),
        dependency: IMPORTS.iter().map(|name| format!("google/protobuf/{name}.proto")).collect(),
        message_type: (0..MESSAGES).map(|index| message(random, index, proto3)).collect(),
        enum_type: vec![enumeration(random)],
        syntax: proto3.then(|| "proto3".into()),
        ..Default::default()
    };
    FileDescriptorSet { file: vec![file] }
}

fn enumeration(random: &mut Random) -> EnumDescriptorProto {
    let gap = random.below(3) as i32;
    let value = |number: i32| EnumValueDescriptorProto {
        name: Some(format!("VALUE_{}", number.to_string().replace('-', "MINUS_"))),
        number: Some(number),
        ..Default::default()
    };
    let numbers = [0, 1 + gap, 2 + gap, -3, 1 << 20];
    EnumDescriptorProto { name: Some("E".into()), value: numbers.map(value).into(), ..Default::default() }
}

fn message(random: &mut Random, index: usize, proto3: bool) -> DescriptorProto {
    let mut message = DescriptorProto { name: Some(format!("M{index}")), ..Default::default() };
    message.oneof_decl.push(OneofDescriptorProto { name: Some("choice".into()), ..Default::default() });
    let mut number = 0;
    for position in 0..=random.below(14) {
        number += 1 + if random.below(8) == 0 { random.below(3000) as i32 } else { 0 };
        let name = random.pick(&["field", "two_words", "a_b_c", "x1_y"]);
        let mut field = field(random, &format!("{name}_{position}"), number);
        match random.below(6) {
            0 => repeat(random, &mut field),
            1 => make_map(random, &mut message, index, &mut field),
            2 => field.oneof_index = Some(0),
            3 if random.coin() => field.json_name = Some(format!("json \"{position}\"")),
            _ => {}
        }
        message.field.push(field);
    }
    let in_oneof = message.field.iter().any(|field| field.oneof_index.is_some());
    if !in_oneof {
        message.oneof_decl.clear();
    }
    if proto3 {
        make_optional(random, &mut message);
    }
    message
}

fn field(random: &mut Random, name: &str, number: i32) -> FieldDescriptorProto {
    let mut field = FieldDescriptorProto {
        name: Some(name.into()),
        number: Some(number),
        label: Some(Label::Optional.into()),
        ..Default::default()
    };
    set_type(random, &mut field);
    field
}

fn set_type(random: &mut Random, field: &mut FieldDescriptorProto) {
    let (kind, name) = match random.below(10) {
        0 => (Type::Enum, Some(".r.E".to_owned())),
        1 | 2 => (Type::Message, Some(format!(".r.M{}", random.below(MESSAGES)))),
        3 | 4 => (Type::Message, Some(format!(".google.protobuf.{}", random.pick(&WELL_KNOWN)))),
        _ => (random.pick(&SCALARS), None),
    };
    field.r#type = Some(kind.into());
    field.type_name = name;
}

fn repeat(random: &mut Random, field: &mut FieldDescriptorProto) {
    field.label = Some(Label::Repeated.into());
    if field.type_name.is_none() && !matches!(field.r#type(), Type::String | Type::Bytes) && random.coin() {
        field.options = Some(FieldOptions { packed: Some(random.coin()), ..Default::default() });
    }
}

fn make_map(random: &mut Random, outer: &mut DescriptorProto, index: usize, map: &mut FieldDescriptorProto) {
    let entry_name = format!("Entry{}", map.number());
    let mut key = field(random, "key", 1);
    key.r#type = Some(random.pick(&KEYS).into());
    key.type_name = None;
    let value = field(random, "value", 2);
    outer.nested_type.push(DescriptorProto {
        name: Some(entry_name.clone()),
        field: vec![key, value],
        options: Some(MessageOptions { map_entry: Some(true), ..Default::default() }),
        ..Default::default()
    });
    map.label = Some(Label::Repeated.into());
    map.r#type = Some(Type::Message.into());
    map.type_name = Some(format!(".r.M{index}.{entry_name}"));
}

/// Gives some fields of proto3 presence, each with its synthetic oneof.
fn make_optional(random: &mut Random, message: &mut DescriptorProto) {
    for field in &mut message.field {
        let plain = field.label() == Label::Optional && field.oneof_index.is_none();
        if plain && random.below(4) == 0 {
            field.proto3_optional = Some(true);
            field.oneof_index = Some(message.oneof_decl.len() as i32);
            let name = Some(format!("_{}", field.name()));
            message.oneof_decl.push(OneofDescriptorProto { name, ..Default::default() });
        }
    }
}
