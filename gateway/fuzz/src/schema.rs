//! The schema that the targets share: the messages of the protobuf conformance tests, which have every kind of field
//! in proto2, proto3 and edition 2023.

use std::sync::{Arc, LazyLock};

use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MessageDescriptor,
    prost::DecodeError,
    prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field},
};
use transcode::{Message, Schema};

const DESCRIPTORS: &[u8] = include_bytes!("../../crates/transcode/tests/data/conformance.binpb");

static SCHEMA: LazyLock<Arc<Schema>> =
    LazyLock::new(|| Schema::load(&[DESCRIPTORS]).expect("the descriptors load"));

/// The messages that the targets transcode.
pub static MESSAGES: LazyLock<Vec<Message>> = LazyLock::new(|| {
    let names = [
        "protobuf_test_messages.proto3.TestAllTypesProto3",
        "protobuf_test_messages.proto2.TestAllTypesProto2",
        "protobuf_test_messages.editions.TestAllTypesEdition2023",
    ];
    names.into_iter().map(|name| SCHEMA.message(name).expect(name)).collect()
});

/// The first byte chooses a message, the rest is the input.
pub fn choose(data: &[u8]) -> Option<(&'static Message, &[u8])> {
    let (choice, rest) = data.split_first()?;
    let index = usize::from(*choice) % MESSAGES.len();
    Some((MESSAGES.get(index)?, rest))
}

/// What prost-reflect makes of wire bytes.
pub fn parse(message: &Message, wire: &[u8]) -> Result<DynamicMessage, DecodeError> {
    DynamicMessage::decode(message.descriptor().clone(), wire)
}

/// Whether every known field comes with a wire type of its own, and every enum with one of its numbers. Anything else
/// is an unknown field to protobuf's readers and to ours; prost refuses some of it and takes some for values.
pub fn is_regular(message: &MessageDescriptor, mut wire: &[u8]) -> bool {
    while !wire.is_empty() {
        let Ok((number, wire_type)) = decode_key(&mut wire) else { return false };
        let Some(field) = message.get_field(number) else {
            let is_extension = message.get_extension(number).is_some();
            if is_extension || skip_field(wire_type, number, &mut wire, DecodeContext::default()).is_err() {
                return false;
            }
            continue;
        };
        let packed =
            field.is_list() && wire_type == WireType::LengthDelimited && !is_delimited(&field.kind());
        if wire_type != own_wire_type(&field) && !packed {
            return false;
        }
        let start = wire;
        if skip_field(wire_type, number, &mut wire, DecodeContext::default()).is_err() {
            return false;
        }
        let mut value = &start[..start.len() - wire.len()];
        if let (Kind::Message(inner), WireType::LengthDelimited) = (field.kind(), wire_type) {
            let _ = decode_varint(&mut value);
            if !is_regular(&inner, value) {
                return false;
            }
        }
        let alike = is_text(&field, value)
            && is_of_enum(&field, value, packed)
            && !is_negative_zero(&field, value)
            && !is_infinite_wrapped(&field, value);
        if wire_type == WireType::StartGroup || !alike {
            return false;
        }
    }
    true
}

/// Whether a string is UTF-8. We refuse one that is not when it is printed, not when a later one replaces it.
fn is_text(field: &FieldDescriptor, mut value: &[u8]) -> bool {
    let is_string = matches!(field.kind(), Kind::String);
    !is_string || decode_varint(&mut value).is_ok() && std::str::from_utf8(value).is_ok()
}

/// Whether a number is -0.0, which is not the default of a field without presence, but is to prost-reflect.
fn is_negative_zero(field: &FieldDescriptor, value: &[u8]) -> bool {
    match field.kind() {
        Kind::Double => value == (-0.0f64).to_le_bytes(),
        Kind::Float => value == (-0.0f32).to_le_bytes(),
        _ => false,
    }
}

/// Whether a wrapper holds a number that is not finite, which prost-reflect prints as null.
fn is_infinite_wrapped(field: &FieldDescriptor, value: &[u8]) -> bool {
    let is_wrapped = matches!(
        field.parent_message().full_name(),
        "google.protobuf.DoubleValue" | "google.protobuf.FloatValue"
    );
    let is_finite = match field.kind() {
        Kind::Double => value.try_into().is_ok_and(|bytes| f64::from_le_bytes(bytes).is_finite()),
        Kind::Float => value.try_into().is_ok_and(|bytes| f32::from_le_bytes(bytes).is_finite()),
        _ => true,
    };
    is_wrapped && !is_finite
}

/// Whether a closed enum has a value for each number. Other numbers are unknown fields, but not to prost-reflect.
fn is_of_enum(field: &FieldDescriptor, mut value: &[u8], packed: bool) -> bool {
    let Kind::Enum(descriptor) = field.kind() else { return true };
    if packed {
        let _ = decode_varint(&mut value);
    }
    while !value.is_empty() {
        let Ok(number) = decode_varint(&mut value) else { return false };
        if descriptor.get_value(number as i32).is_none() {
            return false;
        }
    }
    true
}

fn is_delimited(kind: &Kind) -> bool {
    matches!(kind, Kind::String | Kind::Bytes | Kind::Message(_))
}

fn own_wire_type(field: &FieldDescriptor) -> WireType {
    match field.kind() {
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => WireType::SixtyFourBit,
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => WireType::ThirtyTwoBit,
        Kind::String | Kind::Bytes => WireType::LengthDelimited,
        Kind::Message(_) if field.is_group() => WireType::StartGroup,
        Kind::Message(_) => WireType::LengthDelimited,
        _ => WireType::Varint,
    }
}
