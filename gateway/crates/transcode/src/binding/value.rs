//! Encoded values of one field: whether two are the same, and how to show one.

use super::{
    report::quoted,
    scan::{Fields, Value},
};
use crate::{
    Schema,
    plan::{FieldPlan, Kind},
};

/// Whether two values of `field` are the same. `None` is a default that was not written.
pub(crate) fn same(field: &FieldPlan, a: Option<Value<'_>>, b: Value<'_>) -> bool {
    let Some(a) = a else { return is_default(b) };
    match field.kind {
        Kind::Message(_) | Kind::Group(_) => match (a.message(), b.message()) {
            (Some(a), Some(b)) => spoken(a) == spoken(b),
            _ => false,
        },
        _ => a == b,
    }
}

/// What a well-known type says, however much of its defaults it spells out.
fn spoken(fields: Fields<'_>) -> Vec<(u32, Value<'_>)> {
    fields.filter(|(_, value)| !is_default(*value)).collect()
}

fn is_default(value: Value<'_>) -> bool {
    match value {
        Value::Varint(number) => number == 0,
        Value::Fixed64(bytes) => bytes == [0; 8],
        Value::Fixed32(bytes) => bytes == [0; 4],
        Value::Bytes(bytes) | Value::Group(bytes) => bytes.is_empty(),
    }
}

/// A value as a client would know it again, unless it is not for anybody's eyes.
pub(crate) fn describe(schema: &Schema, field: &FieldPlan, value: Value<'_>) -> String {
    if field.debug_redact {
        return "another".to_owned();
    }
    let zigzag = |number: u64| (number >> 1) as i64 ^ -((number & 1) as i64);
    match (field.kind, value) {
        (Kind::Bool, Value::Varint(number)) => (number != 0).to_string(),
        (Kind::Int32 | Kind::Int64, Value::Varint(number)) => (number as i64).to_string(),
        (Kind::Sint32 | Kind::Sint64, Value::Varint(number)) => zigzag(number).to_string(),
        (Kind::Uint32 | Kind::Uint64, Value::Varint(number)) => number.to_string(),
        (Kind::Fixed32, Value::Fixed32(bytes)) => u32::from_le_bytes(bytes).to_string(),
        (Kind::Sfixed32, Value::Fixed32(bytes)) => i32::from_le_bytes(bytes).to_string(),
        (Kind::Float, Value::Fixed32(bytes)) => f32::from_le_bytes(bytes).to_string(),
        (Kind::Fixed64, Value::Fixed64(bytes)) => u64::from_le_bytes(bytes).to_string(),
        (Kind::Sfixed64, Value::Fixed64(bytes)) => i64::from_le_bytes(bytes).to_string(),
        (Kind::Double, Value::Fixed64(bytes)) => f64::from_le_bytes(bytes).to_string(),
        (Kind::String, Value::Bytes(bytes)) => quoted(&String::from_utf8_lossy(bytes)),
        (Kind::Enum(index), Value::Varint(number)) => {
            let number = number as i32;
            let name = schema.enum_plan(index).by_number(number).map(|value| value.name.to_string());
            name.unwrap_or_else(|| number.to_string())
        }
        _ => "something else".to_owned(),
    }
}
