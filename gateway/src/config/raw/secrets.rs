//! Where secrets stand in a file, so that no finding shows them.

use super::node::{Key, Kind, Node};
use crate::config::diagnostic::Place;
use crate::config::suggest;

/// The places of the values below `node` that nobody may see, before variables are replaced.
pub(in crate::config) fn secrets(node: &Node) -> Vec<Place> {
    let mut places = Vec::new();
    walk(node, &mut places);
    places
}

/// The places of every value below `node`: of a file that is nothing but secrets.
pub(in crate::config) fn values(node: &Node) -> Vec<Place> {
    let mut places = Vec::new();
    all(node, &mut places);
    places
}

fn walk(node: &Node, places: &mut Vec<Place>) {
    match &node.kind {
        Kind::List(items) => {
            for item in items {
                match &item.kind {
                    Kind::Scalar(text) if has_password(text) => places.push(item.place),
                    _ => walk(item, places),
                }
            }
        }
        Kind::Map(entries) => {
            for (key, value) in entries {
                match &value.kind {
                    Kind::Scalar(text) if is_secret(key, text) => places.push(value.place),
                    Kind::List(_) | Kind::Map(_) if is_named(key) => all(value, places),
                    _ => walk(value, places),
                }
            }
        }
        Kind::Null | Kind::Scalar(_) | Kind::Broken => {}
    }
}

/// A value that is named `secret`, or was meant to be, and URLs with a password in them. That a secret comes from the
/// environment may be seen.
fn is_secret(key: &Key, text: &str) -> bool {
    is_named(key) && !is_reference(text) || has_password(text)
}

fn has_password(text: &str) -> bool {
    text.split_once("://").is_some_and(|(_, rest)| rest.split('/').next().unwrap_or("").contains('@'))
}

fn is_named(key: &Key) -> bool {
    suggest::nearest(&key.name, ["secret"]).is_some()
}

/// `${NAME}`, without a default.
fn is_reference(text: &str) -> bool {
    let name = text.strip_prefix("${").and_then(|text| text.strip_suffix('}'));
    name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
}

fn all(node: &Node, places: &mut Vec<Place>) {
    match &node.kind {
        Kind::Scalar(_) => places.push(node.place),
        Kind::List(items) => items.iter().for_each(|item| all(item, places)),
        Kind::Map(entries) => entries.iter().for_each(|(_, value)| all(value, places)),
        Kind::Null | Kind::Broken => {}
    }
}
