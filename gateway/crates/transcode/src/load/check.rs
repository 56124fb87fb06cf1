//! What must hold of a file before prost-reflect may see it: it takes these for granted, or panics.

use super::raw::{self, EnumType, Field, File, MessageType, kind, label};

/// A symbol and what is wrong with it.
pub(super) type Finding = (String, String);

/// Checks one file.
pub(super) fn check(file: &File) -> Result<(), Finding> {
    let package = file.package.as_deref().unwrap_or_default();
    if !package.is_empty() && !package.split('.').all(is_identifier) {
        return Err((package.to_owned(), "not a package name".to_owned()));
    }
    for message in &file.messages {
        check_message(message, package)?;
    }
    for descriptor in &file.enums {
        check_enum(descriptor, package)?;
    }
    for extension in &file.extensions {
        check_field(extension, package, 0)?;
    }
    for service in &file.services {
        let name = named(package, service.name.as_deref())?;
        for method in &service.methods {
            named(&name, method.name.as_deref())?;
        }
    }
    Ok(())
}

fn check_message(message: &MessageType, scope: &str) -> Result<(), Finding> {
    let name = named(scope, message.name.as_deref())?;
    for oneof in &message.oneofs {
        named(&name, oneof.name.as_deref())?;
    }
    for field in message.fields.iter().chain(&message.extensions) {
        check_field(field, &name, message.oneofs.len())?;
    }
    for nested in &message.messages {
        check_message(nested, &name)?;
    }
    for descriptor in &message.enums {
        check_enum(descriptor, &name)?;
    }
    let options: raw::MessageOptions =
        raw::read(&message.options).map_err(|error| (name.clone(), format!("bad options: {error}")))?;
    if options.map_entry && !is_entry(message) {
        return Err((
            name,
            "a map entry must have a scalar `key` = 1 and a `value` = 2, and nothing else".to_owned(),
        ));
    }
    Ok(())
}

/// Whether the message has the shape of the entries that compilers make of map fields.
fn is_entry(message: &MessageType) -> bool {
    let [first, second] = &message.fields[..] else { return false };
    let (key, value) = if first.number == Some(1) { (first, second) } else { (second, first) };
    let no_key = [kind::DOUBLE, kind::FLOAT, kind::BYTES, kind::GROUP, kind::MESSAGE];
    key.number == Some(1)
        && value.number == Some(2)
        && key.type_name.as_deref().unwrap_or_default().is_empty()
        && key.r#type.is_some_and(|kind| (1..=18).contains(&kind) && !no_key.contains(&kind) && kind != 14)
        && [key, value]
            .iter()
            .all(|field| field.label != Some(label::REPEATED) && field.oneof_index.is_none())
}

fn check_field(field: &Field, scope: &str, oneofs: usize) -> Result<(), Finding> {
    let name = named(scope, field.name.as_deref())?;
    let wrong = |what: &str| Err((name.clone(), what.to_owned()));
    if field.oneof_index.is_some_and(|index| usize::try_from(index).map_or(true, |index| index >= oneofs)) {
        return wrong("a member of a oneof that does not exist");
    }
    if field.r#type.is_some_and(|kind| !(1..=18).contains(&kind)) {
        return wrong("of a type that does not exist");
    }
    if field.r#type.is_none() && field.type_name.as_deref().unwrap_or_default().is_empty() {
        return wrong("without a type");
    }
    if field.label.is_some_and(|label| !(1..=3).contains(&label)) {
        return wrong("with a label that does not exist");
    }
    let default = field.default_value.as_deref().unwrap_or_default();
    if field.r#type == Some(kind::BYTES) && !is_escaped(default) {
        return wrong("with a default that is not escaped bytes");
    }
    Ok(())
}

fn check_enum(descriptor: &EnumType, scope: &str) -> Result<(), Finding> {
    let name = named(scope, descriptor.name.as_deref())?;
    for value in &descriptor.values {
        named(&name, value.name.as_deref())?;
    }
    Ok(())
}

/// The full name, if the name is one.
fn named(scope: &str, name: Option<&str>) -> Result<String, Finding> {
    match name {
        Some(name) if is_identifier(name) && scope.is_empty() => Ok(name.to_owned()),
        Some(name) if is_identifier(name) => Ok(format!("{scope}.{name}")),
        name => Err((
            scope.to_owned(),
            format!("something in it is called {:?}, which is not a name", name.unwrap_or_default()),
        )),
    }
}

fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether octal and hexadecimal escapes are whole and mean a byte.
fn is_escaped(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let Some(at) = memchr::memchr(b'\\', rest) {
        rest = match rest.get(at + 1..) {
            Some([b'x' | b'X', a, b, rest @ ..]) if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => rest,
            Some([b'x' | b'X', ..]) | Some([]) | None => return false,
            // Three octal digits can mean more than a byte holds.
            Some([b'4'..=b'7', b'0'..=b'7', b'0'..=b'7', ..]) => return false,
            Some([_, rest @ ..]) => rest,
        };
    }
    true
}
