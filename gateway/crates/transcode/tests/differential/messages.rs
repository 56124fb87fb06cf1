//! Random messages of any descriptor.

use std::collections::HashMap;

use prost::Message as _;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage, Value,
};

use crate::random::Random;

/// A message with about half of its fields set, nested at most `depth` levels.
pub(crate) fn message(random: &mut Random, descriptor: &MessageDescriptor, depth: usize) -> DynamicMessage {
    if let Some(name) = descriptor.full_name().strip_prefix("google.protobuf.") {
        return well_known(random, descriptor, name, depth);
    }
    let mut message = DynamicMessage::new(descriptor.clone());
    for field in descriptor.fields() {
        if random.coin() && (depth > 0 || !matches!(field.kind(), Kind::Message(_))) {
            let value = field_value(random, &field, depth);
            message.set_field(&field, value);
        }
    }
    message
}

fn field_value(random: &mut Random, field: &FieldDescriptor, depth: usize) -> Value {
    if field.is_map() {
        let Kind::Message(entry) = field.kind() else { panic!("a map has entries") };
        let (key, value) = (entry.map_entry_key_field().kind(), entry.map_entry_value_field().kind());
        let entries =
            (0..random.below(4)).map(|_| (map_key(random, &key), self::value(random, &value, depth)));
        return Value::Map(entries.collect::<HashMap<_, _>>());
    }
    if field.is_list() {
        return Value::List((0..random.below(5)).map(|_| value(random, &field.kind(), depth)).collect());
    }
    value(random, &field.kind(), depth)
}

fn map_key(random: &mut Random, kind: &Kind) -> MapKey {
    match kind {
        Kind::String => MapKey::String(random.text()),
        Kind::Bool => MapKey::Bool(random.coin()),
        Kind::Int32 => MapKey::I32(random.integer() as i32),
        Kind::Sint64 => MapKey::I64(random.integer() as i64),
        Kind::Uint64 => MapKey::U64(random.integer()),
        Kind::Fixed32 => MapKey::U32(random.integer() as u32),
        other => panic!("{other:?} is no key"),
    }
}

fn value(random: &mut Random, kind: &Kind, depth: usize) -> Value {
    match kind {
        Kind::Double => Value::F64(if random.below(10) == 0 { f64::NEG_INFINITY } else { random.double() }),
        Kind::Float => Value::F32(float(random)),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(random.integer() as i32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(random.integer() as i64),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(random.integer() as u32),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(random.integer()),
        Kind::Bool => Value::Bool(random.coin()),
        Kind::String => Value::String(random.text()),
        Kind::Bytes => Value::Bytes(random.bytes().into()),
        Kind::Enum(descriptor) => {
            let known: Vec<i32> = descriptor.values().map(|value| value.number()).collect();
            Value::EnumNumber(random.pick(&known))
        }
        Kind::Message(descriptor) => Value::Message(message(random, descriptor, depth.saturating_sub(1))),
    }
}

fn float(random: &mut Random) -> f32 {
    let value = f32::from_bits(random.bits() as u32);
    match random.below(4) {
        0 => f32::INFINITY,
        1 => random.below(100_000) as f32 / 100.0,
        _ if value.is_nan() || value == 0.0 => 1.0,
        _ => value,
    }
}

fn well_known(
    random: &mut Random,
    descriptor: &MessageDescriptor,
    name: &str,
    depth: usize,
) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    let mut set = |name: &str, value: Value| message.set_field_by_name(name, value);
    let nanos = random.pick(&[0, 1, 500_000_000, 123_456_000, 999_999_999]);
    match name {
        "Timestamp" => {
            set(
                "seconds",
                Value::I64(random.pick(&[-62_135_596_800, -1, 0, 1_767_088_800, 253_402_300_799])),
            );
            set("nanos", Value::I32(nanos));
        }
        "Duration" => {
            let sign = if random.coin() { 1 } else { -1 };
            set("seconds", Value::I64(sign * random.pick(&[0, 1, 315_575_999_999])));
            set("nanos", Value::I32(sign as i32 * nanos));
        }
        "FieldMask" => {
            let paths = (0..random.below(3))
                .map(|_| Value::String(random.pick(&["a", "two_words.b", "x.y_z"]).to_owned()));
            set("paths", Value::List(paths.collect()));
        }
        "Empty" => {}
        "Any" => {
            let inner = inner_of_any(random, descriptor, depth);
            set("type_url", Value::String(format!("type.googleapis.com/{}", inner.descriptor().full_name())));
            set("value", Value::Bytes(inner.encode_to_vec().into()));
        }
        "Struct" | "ListValue" => {
            let field = descriptor.get_field(1).expect("both have one field");
            let value = field_value(random, &field, depth.saturating_sub(1));
            set(field.name(), value);
        }
        "Value" => value_member(random, descriptor, depth, &mut set),
        wrapper => {
            let field = descriptor.get_field_by_name("value").unwrap_or_else(|| panic!("{wrapper}"));
            let value = match value(random, &field.kind(), depth) {
                Value::F64(value) if value.is_infinite() => Value::F64(0.5),
                value => value,
            };
            set("value", value);
        }
    }
    message
}

fn value_member(
    random: &mut Random,
    descriptor: &MessageDescriptor,
    depth: usize,
    set: &mut dyn FnMut(&str, Value),
) {
    let deep = if depth > 0 { 6 } else { 4 };
    match random.below(deep) {
        0 => set("null_value", Value::EnumNumber(0)),
        1 => set("number_value", Value::F64(random.double())),
        2 => set("string_value", Value::String(random.text())),
        3 => set("bool_value", Value::Bool(random.coin())),
        4 => {
            let field = descriptor.get_field_by_name("struct_value").expect("Value has it");
            set("struct_value", value(random, &field.kind(), depth - 1));
        }
        _ => {
            let field = descriptor.get_field_by_name("list_value").expect("Value has it");
            set("list_value", value(random, &field.kind(), depth - 1));
        }
    }
}

/// One of our own messages, or a well-known type, which has another form inside of an `Any`.
fn inner_of_any(random: &mut Random, any: &MessageDescriptor, depth: usize) -> DynamicMessage {
    let name = random.pick(&[
        "r.M1",
        "google.protobuf.Duration",
        "google.protobuf.Struct",
        "google.protobuf.StringValue",
    ]);
    let descriptor = any.parent_pool().get_message_by_name(name).expect("it is in the pool");
    message(random, &descriptor, depth.saturating_sub(1))
}
