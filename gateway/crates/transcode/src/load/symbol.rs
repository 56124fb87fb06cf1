//! The full name of what a descriptor path points at.

use super::raw::{File, MessageType};

/// The name at a path of field numbers and indices, as `SourceCodeInfo` has them.
pub(super) fn at(file: &File, path: &[i32]) -> Option<String> {
    let (kind, index, rest) = step(path)?;
    let package = file.package.clone().unwrap_or_default();
    match kind {
        4 => in_message(file.messages.get(index)?, package, rest),
        5 => {
            let descriptor = file.enums.get(index)?;
            Some(in_enum(descriptor, join(&package, descriptor.name.as_deref()), rest))
        }
        6 => {
            let service = file.services.get(index)?;
            let name = join(&package, service.name.as_deref());
            match step(rest) {
                Some((2, index, _)) => Some(join(&name, service.methods.get(index)?.name.as_deref())),
                _ => Some(name),
            }
        }
        7 => Some(join(&package, file.extensions.get(index)?.name.as_deref())),
        _ => None,
    }
}

fn in_message(message: &MessageType, scope: String, path: &[i32]) -> Option<String> {
    let name = join(&scope, message.name.as_deref());
    let Some((kind, index, rest)) = step(path) else { return Some(name) };
    match kind {
        2 => Some(join(&name, message.fields.get(index)?.name.as_deref())),
        3 => in_message(message.messages.get(index)?, name, rest),
        4 => {
            let descriptor = message.enums.get(index)?;
            Some(in_enum(descriptor, join(&name, descriptor.name.as_deref()), rest))
        }
        6 => Some(join(&name, message.extensions.get(index)?.name.as_deref())),
        8 => Some(join(&name, message.oneofs.get(index)?.name.as_deref())),
        _ => Some(name),
    }
}

fn in_enum(descriptor: &super::raw::EnumType, name: String, path: &[i32]) -> String {
    match step(path) {
        Some((2, index, _)) => match descriptor.values.get(index) {
            Some(value) => join(&name, value.name.as_deref()),
            None => name,
        },
        _ => name,
    }
}

fn step(path: &[i32]) -> Option<(i32, usize, &[i32])> {
    let [kind, index, rest @ ..] = path else { return None };
    Some((*kind, usize::try_from(*index).ok()?, rest))
}

fn join(scope: &str, name: Option<&str>) -> String {
    let name = name.unwrap_or_default();
    if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") }
}
