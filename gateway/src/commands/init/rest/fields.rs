//! Which fields of a request name a thing, and the path that they give.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use super::super::words::{kebab, plural, singular, snake};

/// Which fields may name a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// Its id only.
    OwnId,
    /// Also a name, a code, or the only key that there is.
    Any,
}

/// The path of one thing: `/orders/{order_id}`, `/orders/{order_id}/items/{item_id}`, `/orders/{order_id}/status`.
pub(super) fn one(noun: &[String], input: &MessageDescriptor, names: Names) -> Option<String> {
    if let Some((parent, rest)) = parent(noun, input) {
        let own = [format!("{}_id", snake(&singular(&rest))), format!("{}_id", snake(noun)), "id".to_owned()];
        let own = own.iter().find_map(|name| field_of(input, name).filter(is_key));
        let rest_path = match own {
            Some(own) => format!("{}/{{{}}}", kebab(&plural(&rest)), own.name()),
            None => kebab(&rest),
        };
        return Some(format!("{parent}/{rest_path}"));
    }
    let id = id_of(noun, input, names)?;
    Some(format!("/{}/{{{id}}}", kebab(&plural(noun))))
}

/// The path of the thing that a thing belongs to, and what is left of the name: `/orders/{order_id}` and `item`.
pub(super) fn parent(noun: &[String], input: &MessageDescriptor) -> Option<(String, Vec<String>)> {
    (1..noun.len()).rev().find_map(|at| {
        let (parent, rest) = noun.split_at(at);
        let id = own_id(parent, input)?;
        Some((format!("/{}/{{{}}}", kebab(&plural(parent)), id.name()), rest.to_vec()))
    })
}

/// The field `order_id` for an order.
pub(super) fn own_id(noun: &[String], input: &MessageDescriptor) -> Option<FieldDescriptor> {
    let noun = snake(&singular(noun));
    let id = field_of(input, &format!("{noun}_id")).filter(is_key)?;
    (!has_name_before(input, &id, &noun)).then_some(id)
}

/// Whether a request names a thing first and has its id as the other way: `collection_name = 1; collection_id = 2`.
fn has_name_before(input: &MessageDescriptor, id: &FieldDescriptor, noun: &str) -> bool {
    let name = field_of(input, &format!("{noun}_name")).filter(is_key);
    name.is_some_and(|name| name.number() < id.number())
}

/// The field that tells which one is meant: by its name, in the request or in a message right below it.
pub(super) fn id_of(noun: &[String], input: &MessageDescriptor, names: Names) -> Option<String> {
    let noun = snake(&singular(noun));
    let last = noun.rsplit('_').next().unwrap_or(&noun);
    let ids = [
        format!("{noun}_id"),
        format!("{last}_id"),
        "id".to_owned(),
        format!("{noun}_uuid"),
        "uuid".to_owned(),
        "uid".to_owned(),
    ];
    let others = [
        format!("{noun}_name"),
        "name".to_owned(),
        "key".to_owned(),
        "slug".to_owned(),
        "code".to_owned(),
        noun.clone(),
    ];
    let find = |message: &MessageDescriptor, names: &[String]| {
        names.iter().find_map(|name| field_of(message, name).filter(is_key))
    };
    if let Some(field) = find(input, &ids).filter(|field| !has_name_before(input, field, &noun)) {
        return Some(field.name().to_owned());
    }
    if names == Names::Any {
        if let Some(field) = find(input, &others) {
            return Some(field.name().to_owned());
        }
        let mut keys = input.fields().filter(is_key);
        if let (Some(only), None) = (keys.next(), keys.next()) {
            return Some(only.name().to_owned());
        }
    }
    let nested = [ids.as_slice(), &["name".to_owned()]].concat();
    input.fields().find_map(|field| {
        let below = message_of(&field).filter(|of| of.package_name() != "google.protobuf")?;
        Some(format!("{}.{}", field.name(), find(&below, &nested)?.name()))
    })
}

/// Whether a request holds nothing but a thing and its id.
pub(super) fn is_all(input: &MessageDescriptor, thing: &FieldDescriptor) -> bool {
    input
        .fields()
        .all(|field| field.number() == thing.number() || is_key(&field) && field.name().contains("id"))
}

/// The only field of a message, when it is a message itself: a client wants the user, not an object around it.
pub(super) fn only_field(message: &MessageDescriptor) -> String {
    only_message(message).unwrap_or_default()
}

pub(super) fn only_message(message: &MessageDescriptor) -> Option<String> {
    let mut fields = message.fields();
    match (fields.next(), fields.next()) {
        (Some(only), None) => {
            let of = message_of(&only).filter(|of| of.package_name() != "google.protobuf");
            of.map(|_| only.name().to_owned())
        }
        _ => None,
    }
}

/// The field of a name, however its words are put together: `user_id`, `userId`, `UserID`.
pub(super) fn field_of(message: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    let plain = |text: &str| text.replace('_', "").to_ascii_lowercase();
    message
        .get_field_by_name(name)
        .or_else(|| message.fields().find(|field| plain(field.name()) == plain(name)))
}

/// The message of a field that holds one of it.
pub(super) fn message_of(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    match field.kind() {
        Kind::Message(message) if !field.is_list() && !field.is_map() => Some(message),
        _ => None,
    }
}

pub(super) fn is_mask(message: &MessageDescriptor) -> bool {
    message.full_name() == "google.protobuf.FieldMask"
}

/// Whether a field's value can be a segment of a path that names something: a text or a whole number.
pub(super) fn is_key(field: &FieldDescriptor) -> bool {
    let kind = !matches!(
        field.kind(),
        Kind::Message(_) | Kind::Enum(_) | Kind::Bool | Kind::Bytes | Kind::Float | Kind::Double
    );
    kind && !field.is_list() && !field.is_map()
}

/// Whether a field is one value that a query can hold: no message, list, map or bytes.
pub(super) fn is_scalar(field: &FieldDescriptor) -> bool {
    !matches!(field.kind(), Kind::Message(_) | Kind::Bytes) && !field.is_list() && !field.is_map()
}
