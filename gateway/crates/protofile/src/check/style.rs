//! The naming style that edition 2024 demands.

use super::Checker;
use crate::descriptor::{EnumType, Field, File, MessageType};
use crate::features::{Features, STYLE_2024};
use crate::parse::Owner;

impl Checker<'_> {
    fn style(
        &mut self,
        features: Features,
        path: &[i32],
        what: &str,
        name: Option<&str>,
        good: fn(&str) -> bool,
        style: &str,
    ) {
        let name = name.unwrap_or_default();
        if features.enforce_naming_style == STYLE_2024 && !name.is_empty() && !good(name) {
            self.wrong(path, format!("the {what} `{name}` is not in {style}, as edition 2024 demands; features.enforce_naming_style = STYLE_LEGACY allows it"));
        }
    }

    pub(super) fn file_style(&mut self, file: &File, features: Features) {
        self.style(features, &[2], "package", file.package.as_deref(), is_package, "lower_snake_case");
        for (index, service) in (0..).zip(&file.services) {
            let features = features.with(Owner::Service, service.options.as_ref());
            self.style(features, &[6, index, 1], "service", service.name.as_deref(), is_title, "TitleCase");
            for (method_index, method) in (0..).zip(&service.methods) {
                let features = features.with(Owner::Method, method.options.as_ref());
                let at = [6, index, 2, method_index, 1];
                self.style(features, &at, "method", method.name.as_deref(), is_title, "TitleCase");
            }
        }
    }

    pub(super) fn message_style(&mut self, message: &MessageType, features: Features, path: &[i32]) {
        if super::is_map_entry(message) {
            return;
        }
        self.style(
            features,
            &[path, &[1]].concat(),
            "message",
            message.name.as_deref(),
            is_title,
            "TitleCase",
        );
        for (index, oneof) in (0..).zip(&message.oneofs) {
            let features = features.with(Owner::Oneof, oneof.options.as_ref());
            let at = [path, &[8, index, 1]].concat();
            self.style(features, &at, "oneof", oneof.name.as_deref(), is_snake, "lower_snake_case");
        }
    }

    pub(super) fn field_style(&mut self, field: &Field, features: Features, path: &[i32]) {
        self.style(features, path, "field", field.name.as_deref(), is_snake, "lower_snake_case");
    }

    pub(super) fn enum_style(&mut self, descriptor: &EnumType, features: Features, path: &[i32]) {
        self.style(
            features,
            &[path, &[1]].concat(),
            "enum",
            descriptor.name.as_deref(),
            is_title,
            "TitleCase",
        );
        for (index, value) in (0..).zip(&descriptor.values) {
            let features = features.with(Owner::EnumValue, value.options.as_ref());
            let at = [path, &[2, index, 1]].concat();
            self.style(
                features,
                &at,
                "enum value",
                value.name.as_deref(),
                is_upper_snake,
                "UPPER_SNAKE_CASE",
            );
        }
    }
}

fn is_title(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase()) && !name.contains('_')
}

/// Underscores are between words, and words begin with letters.
fn has_good_underscores(name: &str) -> bool {
    name.split('_').all(|word| word.starts_with(|first: char| first.is_ascii_alphabetic()))
}

fn is_snake(name: &str) -> bool {
    has_good_underscores(name) && !name.contains(|letter: char| letter.is_ascii_uppercase())
}

fn is_upper_snake(name: &str) -> bool {
    has_good_underscores(name) && !name.contains(|letter: char| letter.is_ascii_lowercase())
}

fn is_package(name: &str) -> bool {
    name.split('.').all(is_snake)
}
