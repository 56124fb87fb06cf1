//! What a value of a type looks like in JSON, and which type understands another one's values.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use super::Side;

/// Messages with a JSON form of their own, which their names stand for.
pub(super) fn is_opaque(message: &MessageDescriptor) -> bool {
    message.package_name() == "google.protobuf" || message.full_name() == "google.api.HttpBody"
}

/// Whether a value of the one field, as it stands in a path, is right for the other.
pub fn path_fits(was: &FieldDescriptor, is: &FieldDescriptor) -> bool {
    fits(Side::Request, was, is)
}

/// Whether what was right for the one is right for the other, message and enum types' contents aside.
pub(super) fn fits(side: Side, was: &FieldDescriptor, is: &FieldDescriptor) -> bool {
    let (old, new) = (was.kind(), is.kind());
    if let (true, Kind::Message(old), Kind::Message(new)) = (was.is_map(), &old, &new) {
        return [1, 2].into_iter().all(|number| match (old.get_field(number), new.get_field(number)) {
            (Some(old), Some(new)) => kinds_fit(side, &old.kind(), &new.kind()),
            _ => false,
        });
    }
    kinds_fit(side, &old, &new)
}

fn kinds_fit(side: Side, old: &Kind, new: &Kind) -> bool {
    match (old, new) {
        (Kind::Message(old), Kind::Message(new)) => {
            !(is_opaque(old) || is_opaque(new)) || old.full_name() == new.full_name()
        }
        (Kind::Enum(_), Kind::Enum(_)) => true,
        (Kind::Message(_) | Kind::Enum(_), _) | (_, Kind::Message(_) | Kind::Enum(_)) => false,
        (old, new) => {
            let (old, new) = (json_type(old), json_type(new));
            // What is wider understands more; an answer may become wider only where it looks the same.
            old == new
                || match side {
                    Side::Request => matches!(
                        (old, new),
                        ("int32", "int64" | "double")
                            | ("uint32", "uint64" | "int64" | "double")
                            | ("float", "double")
                    ),
                    Side::Response => (old, new) == ("float", "double"),
                }
        }
    }
}

/// The scalar types that look alike in JSON, by one name.
fn json_type(kind: &Kind) -> &'static str {
    match kind {
        Kind::Double => "double",
        Kind::Float => "float",
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => "int32",
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => "int64",
        Kind::Uint32 | Kind::Fixed32 => "uint32",
        Kind::Uint64 | Kind::Fixed64 => "uint64",
        Kind::Bool => "bool",
        Kind::String => "string",
        Kind::Bytes => "bytes",
        Kind::Message(_) => "message",
        Kind::Enum(_) => "enum",
    }
}

/// The type of a field as JSON has it, in a word: `repeated string`.
pub fn type_of(field: &FieldDescriptor) -> String {
    let name = |kind: &Kind| match kind {
        Kind::Message(message) => message.full_name().to_owned(),
        Kind::Enum(descriptor) => descriptor.full_name().to_owned(),
        scalar => json_type(scalar).to_owned(),
    };
    if let (true, Kind::Message(entry)) = (field.is_map(), field.kind()) {
        let part = |number| entry.get_field(number).map(|field| name(&field.kind())).unwrap_or_default();
        return format!("map<{}, {}>", part(1), part(2));
    }
    let repeated = if field.is_list() { "repeated " } else { "" };
    format!("{repeated}{}", name(&field.kind()))
}
