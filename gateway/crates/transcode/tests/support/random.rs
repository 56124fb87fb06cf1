//! Random schemas, and random wire bytes for any message: valid, but in every order and shape that protobuf allows.

use prost::Message as _;
use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumValueDescriptorProto, FieldDescriptorProto, FieldOptions,
    FileDescriptorProto, FileDescriptorSet, MessageOptions, OneofDescriptorProto,
};

/// A generator that a seed decides (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len())]
    }

    /// An integer of any magnitude, small ones often.
    fn integer(&mut self) -> u64 {
        let shift = self.below(64);
        self.next() >> shift
    }
}

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

const KEYS: [Type; 12] = [
    Type::Int64,
    Type::Uint64,
    Type::Int32,
    Type::Fixed64,
    Type::Fixed32,
    Type::Bool,
    Type::String,
    Type::Uint32,
    Type::Sfixed32,
    Type::Sfixed64,
    Type::Sint32,
    Type::Sint64,
];

const WELL_KNOWN: [&str; 17] = [
    "Any",
    "Timestamp",
    "Duration",
    "FieldMask",
    "Struct",
    "Value",
    "ListValue",
    "Empty",
    "DoubleValue",
    "FloatValue",
    "Int64Value",
    "UInt64Value",
    "Int32Value",
    "UInt32Value",
    "BoolValue",
    "StringValue",
    "BytesValue",
];

/// How many messages a random schema has: `x.M0` and so on.
pub(crate) const MESSAGES: usize = 3;

/// A descriptor set with random messages in proto3 or proto2.
pub(crate) fn schema(random: &mut Random) -> Vec<u8> {
    let proto3 = random.chance(60);
    let file = FileDescriptorProto {
        name: Some("x.proto".to_owned()),
        package: Some("x".to_owned()),
        syntax: Some(if proto3 { "proto3" } else { "proto2" }.to_owned()),
        dependency: ["any", "timestamp", "duration", "field_mask", "struct", "empty", "wrappers"]
            .iter()
            .map(|name| format!("google/protobuf/{name}.proto"))
            .collect(),
        message_type: (0..MESSAGES).map(|index| message(random, index, proto3)).collect(),
        enum_type: vec![EnumDescriptorProto {
            name: Some("E".to_owned()),
            value: [("ZERO", 0), ("ONE", 1), ("NEGATIVE", -5), ("FAR", 1 << 30)]
                .map(|(name, number)| EnumValueDescriptorProto {
                    name: Some(name.to_owned()),
                    number: Some(number),
                    options: None,
                })
                .to_vec(),
            ..EnumDescriptorProto::default()
        }],
        ..FileDescriptorProto::default()
    };
    FileDescriptorSet { file: vec![file] }.encode_to_vec()
}

fn message(random: &mut Random, index: usize, proto3: bool) -> DescriptorProto {
    let mut message = DescriptorProto {
        name: Some(format!("M{index}")),
        oneof_decl: vec![OneofDescriptorProto { name: Some("choice".to_owned()), options: None }],
        ..DescriptorProto::default()
    };
    // Now and then more fields than bits in a word.
    let count = if random.chance(10) { 80 } else { 2 + random.below(12) };
    let mut number = 0;
    for _ in 0..count {
        number += 1 + if random.chance(10) { random.below(150) as i32 } else { 0 };
        let field = field(random, &mut message, index, number, proto3);
        message.field.push(field);
    }
    // Its members must not all be missing.
    if !message.field.iter().any(|field| field.oneof_index == Some(0)) {
        number += 1;
        message.field.push(FieldDescriptorProto {
            oneof_index: Some(0),
            ..scalar(Type::Int32, "last_choice", number, Label::Optional)
        });
    }
    synthetic_oneofs_last(&mut message);
    message
}

/// The oneof that stands for proto3's `optional` comes after the real ones.
fn synthetic_oneofs_last(message: &mut DescriptorProto) {
    for field in &mut message.field {
        if field.proto3_optional == Some(true) {
            field.oneof_index = Some(message.oneof_decl.len() as i32);
            let name = format!("_{}", field.name());
            message.oneof_decl.push(OneofDescriptorProto { name: Some(name), options: None });
        }
    }
}

fn scalar(kind: Type, name: &str, number: i32, label: Label) -> FieldDescriptorProto {
    FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        label: Some(label as i32),
        r#type: Some(kind as i32),
        ..FieldDescriptorProto::default()
    }
}

fn field(
    random: &mut Random,
    message: &mut DescriptorProto,
    index: usize,
    number: i32,
    proto3: bool,
) -> FieldDescriptorProto {
    let name = format!("field_{number}");
    if random.chance(15) {
        return map(random, message, index, number, &name);
    }
    let mut field = scalar(Type::Int32, &name, number, Label::Optional);
    typed(random, &mut field, proto3);
    match random.below(10) {
        0..=2 => {
            field.label = Some(Label::Repeated as i32);
            let packable =
                !matches!(field.r#type(), Type::String | Type::Bytes | Type::Message | Type::Group);
            if packable && random.chance(50) {
                let packed = Some(random.chance(50));
                field.options = Some(FieldOptions { packed, ..FieldOptions::default() });
            }
        }
        3 | 4 => field.oneof_index = Some(0),
        5 if proto3 => field.proto3_optional = Some(true),
        _ => {}
    }
    field
}

fn typed(random: &mut Random, field: &mut FieldDescriptorProto, proto3: bool) {
    let (kind, name) = match random.below(10) {
        0 | 1 => (Type::Message, format!(".x.M{}", random.below(MESSAGES))),
        2 => (Type::Message, format!(".google.protobuf.{}", random.pick(&WELL_KNOWN))),
        3 => (Type::Enum, if random.chance(80) { ".x.E" } else { ".google.protobuf.NullValue" }.to_owned()),
        4 if !proto3 => (Type::Group, format!(".x.M{}", random.below(MESSAGES))),
        _ => (*random.pick(&SCALARS), String::new()),
    };
    // A closed enum cannot stand in a proto2 message for one that is open; NullValue is of proto3.
    field.set_type(kind);
    field.type_name = Some(name).filter(|name| !name.is_empty());
}

fn map(
    random: &mut Random,
    message: &mut DescriptorProto,
    index: usize,
    number: i32,
    name: &str,
) -> FieldDescriptorProto {
    let mut value = scalar(Type::Int32, "value", 2, Label::Optional);
    typed(random, &mut value, true);
    let entry = format!("Field{number}Entry");
    message.nested_type.push(DescriptorProto {
        name: Some(entry.clone()),
        field: vec![scalar(*random.pick(&KEYS), "key", 1, Label::Optional), value],
        options: Some(MessageOptions { map_entry: Some(true), ..MessageOptions::default() }),
        ..DescriptorProto::default()
    });
    FieldDescriptorProto {
        type_name: Some(format!(".x.M{index}.{entry}")),
        ..scalar(Type::Message, name, number, Label::Repeated)
    }
}

/// Wire bytes of a message.
pub(crate) fn wire(random: &mut Random, message: &MessageDescriptor, depth: usize) -> Vec<u8> {
    if let Some(bytes) = well_known(random, message, depth) {
        return bytes;
    }
    let fields: Vec<FieldDescriptor> = message.fields().collect();
    if fields.is_empty() {
        return Vec::new();
    }
    let count = if depth == 0 { 0 } else { random.below(9) };
    let mut chosen: Vec<&FieldDescriptor> = (0..count).map(|_| random.pick(&fields)).collect();
    if random.chance(50) {
        // As serializers write: in order, singular fields once, one member of a oneof.
        chosen.sort_by_key(|field| field.number());
        chosen.dedup_by(|a, b| a == b && !a.is_list() && !a.is_map());
        let mut taken = Vec::new();
        chosen.retain(|field| match field.containing_oneof() {
            Some(oneof) if taken.contains(&oneof) => false,
            Some(oneof) => {
                taken.push(oneof);
                true
            }
            None => true,
        });
    }
    let mut out = Vec::new();
    for field in chosen {
        occurrence(random, field, depth, &mut out);
        if random.chance(5) {
            // Numbers from here on are never used.
            tag(&mut out, 500_000_000, 0);
            varint(&mut out, random.next());
        }
    }
    out
}

fn occurrence(random: &mut Random, field: &FieldDescriptor, depth: usize, out: &mut Vec<u8>) {
    let packable = field.is_list() && wire_type(field) != 2 && wire_type(field) != 3;
    if packable && random.chance(60) {
        let mut packed = Vec::new();
        for _ in 0..random.below(5) {
            value(random, field, depth, &mut packed);
        }
        tag(out, field.number(), 2);
        bytes(out, &packed);
        return;
    }
    tag(out, field.number(), wire_type(field));
    value(random, field, depth, out);
    if field.is_group() {
        tag(out, field.number(), 4);
    }
}

fn wire_type(field: &FieldDescriptor) -> u32 {
    match field.kind() {
        _ if field.is_group() => 3,
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => 1,
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => 5,
        Kind::String | Kind::Bytes | Kind::Message(_) => 2,
        _ => 0,
    }
}

const TEXTS: [&str; 8] = [
    "",
    "a",
    "plain ASCII",
    "quote \" backslash \\ slash /",
    "\u{0}\u{1f}\n\r\t\u{7f}",
    "Grüße, 世界 🙂 \u{2028}",
    "a string that is longer than one block of thirty-two bytes",
    "a string longer than a block, with something odd at its very end: \u{1}",
];

fn value(random: &mut Random, field: &FieldDescriptor, depth: usize, out: &mut Vec<u8>) {
    match field.kind() {
        // Minus zero is set, but the other side drops it.
        Kind::Double => {
            let any = f64::from_bits(random.next());
            let value =
                *random.pick(&[0.0, 1.0, 0.1, 19.99, -1e21, 1e-7, f64::INFINITY, f64::NAN, f64::MAX, any]);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Kind::Float => {
            let any = f32::from_bits(random.next() as u32);
            let value = *random.pick(&[
                0.0,
                1.0,
                0.1,
                19.99,
                -1e21,
                1e-7,
                f32::NEG_INFINITY,
                f32::NAN,
                f32::MIN,
                any,
            ]);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Kind::Fixed32 | Kind::Sfixed32 => out.extend_from_slice(&(random.integer() as u32).to_le_bytes()),
        Kind::Fixed64 | Kind::Sfixed64 => out.extend_from_slice(&random.integer().to_le_bytes()),
        Kind::Bool => varint(out, random.next() & 1),
        Kind::Int32 | Kind::Sint32 | Kind::Uint32 => {
            let value = random.integer() as u32;
            let sign = matches!(field.kind(), Kind::Int32);
            varint(out, if sign { i64::from(value.cast_signed()).cast_unsigned() } else { u64::from(value) });
        }
        Kind::Int64 | Kind::Sint64 | Kind::Uint64 => varint(out, random.integer()),
        Kind::String => bytes(out, random.pick(&TEXTS).as_bytes()),
        Kind::Bytes => {
            let value: Vec<u8> = (0..random.below(40)).map(|_| random.next() as u8).collect();
            bytes(out, &value);
        }
        Kind::Enum(descriptor) => varint(out, i64::from(enumeration(random, &descriptor)).cast_unsigned()),
        Kind::Message(message) if message.is_map_entry() => {
            let mut entry = Vec::new();
            for _ in 0..random.below(3) {
                let field = if random.chance(50) {
                    message.map_entry_key_field()
                } else {
                    message.map_entry_value_field()
                };
                occurrence(random, &field, depth.saturating_sub(1), &mut entry);
            }
            bytes(out, &entry);
        }
        Kind::Message(message) => {
            let value = wire(random, &message, depth.saturating_sub(1));
            if field.is_group() { out.extend_from_slice(&value) } else { bytes(out, &value) }
        }
    }
}

/// Numbers that a closed enum has not are left to other tests: the other side does not know closed enums.
fn enumeration(random: &mut Random, descriptor: &EnumDescriptor) -> i32 {
    let open = descriptor.parent_file().syntax() == prost_reflect::Syntax::Proto3;
    let null = descriptor.full_name() == "google.protobuf.NullValue";
    if open && !null && random.chance(20) {
        return 77;
    }
    let values: Vec<i32> = descriptor.values().map(|value| value.number()).collect();
    *random.pick(&values)
}

/// The content of the messages that cannot hold just anything.
fn well_known(random: &mut Random, message: &MessageDescriptor, depth: usize) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    match message.full_name() {
        "google.protobuf.Timestamp" | "google.protobuf.Duration" => {
            let (seconds, nanos) = (random.below(1 << 33), *random.pick(&[0, 5, 7_000, 250_000_000]));
            tag(&mut out, 1, 0);
            varint(&mut out, seconds as u64);
            // Most senders leave out what is 0.
            if nanos > 0 || random.below(2) == 0 {
                tag(&mut out, 2, 0);
                varint(&mut out, nanos);
            }
        }
        // The other side prints what is not finite in here as null.
        "google.protobuf.DoubleValue" => {
            tag(&mut out, 1, 1);
            out.extend_from_slice(&random.pick(&[0.0f64, 1.5, -1e300]).to_le_bytes());
        }
        "google.protobuf.FloatValue" => {
            tag(&mut out, 1, 5);
            out.extend_from_slice(&random.pick(&[0.0f32, 1.1, -1e30]).to_le_bytes());
        }
        "google.protobuf.FieldMask" => {
            for _ in 0..random.below(3) {
                tag(&mut out, 1, 2);
                bytes(&mut out, random.pick(&["a", "foo_bar", "foo_bar.baz"]).as_bytes());
            }
        }
        "google.protobuf.Value" => {
            let kinds = if depth == 0 { 4 } else { 6 };
            let field = message.get_field(1 + random.below(kinds) as u32)?;
            if field.number() == 2 {
                tag(&mut out, 2, 1);
                out.extend_from_slice(&random.pick(&[0.0f64, 1.0, -1.5e300, 0.1]).to_le_bytes());
            } else {
                occurrence(random, &field, depth, &mut out);
            }
        }
        "google.protobuf.Any" => {
            let name = random.pick(&[
                "x.M0",
                "google.protobuf.Duration",
                "google.protobuf.Int64Value",
                "google.protobuf.Any",
            ]);
            let inner = message.parent_pool().get_message_by_name(name)?;
            tag(&mut out, 1, 2);
            bytes(&mut out, format!("type.googleapis.com/{name}").as_bytes());
            tag(&mut out, 2, 2);
            // No message in pieces in here: the other side does not merge inside Any.
            bytes(&mut out, &wire(random, &inner, depth.saturating_sub(1)));
        }
        _ => return None,
    }
    Some(out)
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn tag(out: &mut Vec<u8>, number: u32, wire_type: u32) {
    varint(out, u64::from(number << 3 | wire_type));
}

fn bytes(out: &mut Vec<u8>, value: &[u8]) {
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}
