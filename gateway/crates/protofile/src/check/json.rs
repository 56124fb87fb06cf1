//! Names that become the same in JSON.

use std::collections::HashMap;

use super::{Checker, Finding};
use crate::descriptor::{EnumType, Field, MessageType};
use crate::features::{Features, JSON_LEGACY};
use crate::link::json_name;
use crate::wire;

/// `deprecated_legacy_json_field_conflicts` of messages and of enums.
const LEGACY_CONFLICTS_OF_MESSAGE: u64 = 11;
const LEGACY_CONFLICTS_OF_ENUM: u64 = 6;

impl Checker<'_> {
    /// That no two fields have one JSON name; where JSON is best effort, that is a warning.
    pub(super) fn json_names(&mut self, message: &MessageType, features: Features, path: &[i32]) {
        let legacy = features.json_format == JSON_LEGACY
            || wire::number(message.options.as_ref(), LEGACY_CONFLICTS_OF_MESSAGE) == Some(1);
        for with_custom in [false, true] {
            let mut taken: HashMap<String, (&Field, bool)> = HashMap::new();
            for (index, field) in (0..).zip(&message.fields) {
                let default = json_name(field.name.as_deref().unwrap_or_default());
                let own = field.json_name.clone().filter(|own| with_custom && *own != default);
                let is_custom = own.is_some();
                let name = own.unwrap_or(default);
                let at = [path, &[2, index]].concat();
                if is_custom && name.starts_with('[') && name.ends_with(']') {
                    self.wrong(&at, format!("the JSON name `{name}` looks like the one of an extension: it cannot be in brackets"));
                    continue;
                }
                let Some((other, other_is_custom)) = taken.get(&name).copied() else {
                    taken.insert(name, (field, is_custom));
                    continue;
                };
                if with_custom && !is_custom && !other_is_custom {
                    continue;
                }
                self.found.push(Finding {
                    path: at,
                    message: format!(
                        "`{}` has the JSON name `{name}`, as `{}` has",
                        field.name.as_deref().unwrap_or_default(),
                        other.name.as_deref().unwrap_or_default()
                    ),
                    help: Some("give one of them another `json_name`".to_owned()),
                    is_warning: legacy && !(is_custom && other_is_custom),
                });
            }
        }
    }

    /// That no two values have one name without the name of the enum and in one case, as some languages have them.
    pub(super) fn enum_names(&mut self, descriptor: &EnumType, features: Features, path: &[i32]) {
        let legacy = features.json_format == JSON_LEGACY
            || wire::number(descriptor.options.as_ref(), LEGACY_CONFLICTS_OF_ENUM) == Some(1);
        let prefix = descriptor.name.as_deref().unwrap_or_default();
        let mut taken: HashMap<String, (&str, Option<i32>)> = HashMap::new();
        for (index, value) in (0..).zip(&descriptor.values) {
            let name = value.name.as_deref().unwrap_or_default();
            let stripped = pascal_case(without_prefix(name, prefix));
            let Some((other, number)) = taken.get(&stripped).copied() else {
                taken.insert(stripped, (name, value.number));
                continue;
            };
            if other == name || number == value.number || legacy {
                continue;
            }
            self.wrong(
                &[path, &[2, index]].concat(),
                format!("`{name}` is the same as `{other}` without the name of the enum and without regard to case"),
            );
        }
    }
}

/// An enum value's name without the name of the enum, whose case and underscores do not count.
fn without_prefix<'n>(name: &'n str, prefix: &str) -> &'n str {
    let mut wanted =
        prefix.chars().filter(|letter| *letter != '_').map(|letter| letter.to_ascii_lowercase()).peekable();
    for (at, letter) in name.char_indices() {
        if wanted.peek().is_none() {
            let rest = name.get(at..).unwrap_or_default().trim_start_matches('_');
            return if rest.is_empty() { name } else { rest };
        }
        if letter != '_' && wanted.next() != Some(letter.to_ascii_lowercase()) {
            return name;
        }
    }
    name
}

fn pascal_case(name: &str) -> String {
    let mut out = String::new();
    let mut upper = true;
    for letter in name.chars() {
        if letter == '_' {
            upper = true;
        } else {
            out.push(if upper { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() });
            upper = false;
        }
    }
    out
}
