//! What protoc demands of a file whose names and options are resolved.

mod json;
mod numbers;
mod style;

use crate::descriptor::{EnumType, Field, File, MessageType, edition, kind, label};
use crate::features::{self, Features};
use crate::link::{Pool, Report};
use crate::parse::Owner;
use crate::wire;

/// Whether extensions of a message are written in the old format of message sets.
pub(crate) fn is_message_set(message: &MessageType) -> bool {
    wire::number(message.options.as_ref(), 1) == Some(1)
}

pub(crate) fn is_map_entry(message: &MessageType) -> bool {
    wire::number(message.options.as_ref(), 7) == Some(1)
}

/// `FileOptions.java_multiple_files`
const JAVA_MULTIPLE_FILES: u64 = 10;

/// A finding: path, message, help, and whether it is only a warning.
struct Finding {
    path: Vec<i32>,
    message: String,
    help: Option<String>,
    is_warning: bool,
}

struct Checker<'p> {
    pool: &'p Pool,
    edition: i32,
    /// Whether names and options are resolved.
    is_linked: bool,
    found: Vec<Finding>,
}

impl Pool {
    /// Whether the enum of a full name takes its own values only.
    pub(crate) fn is_closed(&self, name: &str) -> bool {
        let Some(symbol) = self.symbol(name) else { return false };
        let Some(unit) = self.units.get(symbol.file) else { return false };
        let mut features = Features::of_edition(unit.edition).with(Owner::File, unit.file.options.as_ref());
        let Some(descriptor) = self.enumeration(name) else { return false };
        // Features of the messages around it count, too.
        let outer = symbol.path.len().saturating_sub(2);
        for len in (2..=outer).step_by(2) {
            let message = symbol.path.get(..len).and_then(|path| crate::link::message_at(&unit.file, path));
            features = features.with(Owner::Message, message.and_then(|message| message.options.as_ref()));
        }
        features.with(Owner::Enum, descriptor.options.as_ref()).enum_type == features::CLOSED
    }

    /// Checks a file. What depends on other files is left out when these are not there.
    pub(crate) fn check(&mut self, unit: usize, is_linked: bool) {
        let Some(checked) = self.units.get(unit) else { return };
        let mut checker = Checker { pool: self, edition: checked.edition, is_linked, found: Vec::new() };
        checker.file(&checked.file);
        for finding in checker.found {
            let at = self.at(unit, &finding.path);
            self.reports.push(Report {
                file: unit,
                at,
                message: finding.message,
                help: finding.help,
                is_warning: finding.is_warning,
            });
        }
    }
}

impl Checker<'_> {
    fn wrong(&mut self, path: &[i32], message: impl Into<String>) {
        self.found.push(Finding {
            path: path.to_vec(),
            message: message.into(),
            help: None,
            is_warning: false,
        });
    }

    fn is_proto3(&self) -> bool {
        self.edition == edition::PROTO3
    }

    fn file(&mut self, file: &File) {
        let features = Features::of_edition(self.edition).with(Owner::File, file.options.as_ref());
        if features.field_presence == features::LEGACY_REQUIRED {
            self.wrong(&[8], "fields cannot be required by default");
        }
        if self.edition >= edition::E2024
            && wire::number(file.options.as_ref(), JAVA_MULTIPLE_FILES).is_some()
        {
            self.wrong(
                &[8, 10],
                "edition 2024 has no `java_multiple_files`: use features.(pb.java).nest_in_file_class",
            );
        }
        self.imports(file);
        self.file_style(file, features);
        for (index, message) in (0..).zip(&file.messages) {
            self.message(message, features, &[4, index]);
        }
        for (index, descriptor) in (0..).zip(&file.enums) {
            self.enumeration(descriptor, features, &[5, index]);
        }
        for (index, field) in (0..).zip(&file.extensions) {
            self.field(field, features, &[7, index]);
        }
    }

    fn imports(&mut self, file: &File) {
        let all = (0..).zip(&file.dependency).map(|(index, name)| ([3, index], name));
        let all = all.chain((0..).zip(&file.option_dependency).map(|(index, name)| ([15, index], name)));
        let mut seen = std::collections::HashSet::new();
        for (path, name) in all {
            if !seen.insert(name) {
                self.wrong(&path, format!("`{name}` is imported twice"));
            }
        }
    }

    fn message(&mut self, message: &MessageType, outer: Features, path: &[i32]) {
        let features = outer.with(Owner::Message, message.options.as_ref());
        let inside = |step: [i32; 2]| [path, &step].concat();
        self.numbers_of_message(message, path);
        self.message_style(message, features, path);
        if !is_map_entry(message) {
            self.json_names(message, features, path);
        }
        if is_message_set(message) && !message.fields.is_empty() {
            self.wrong(
                &inside([2, 0]),
                "a message with message_set_wire_format has extensions only, no fields",
            );
        }
        if self.is_proto3() {
            if is_message_set(message) {
                self.wrong(path, "proto3 has no message_set_wire_format");
            }
            if !message.extension_range.is_empty() {
                self.wrong(&inside([5, 0]), "messages of proto3 take no extensions");
            }
        }
        for (index, oneof) in (0..).zip(&message.oneofs) {
            if !message.fields.iter().any(|field| field.oneof_index == Some(index)) {
                let name = oneof.name.as_deref().unwrap_or_default();
                self.wrong(&inside([8, index]), format!("the oneof `{name}` has no field"));
            }
        }
        for (index, field) in (0..).zip(&message.fields) {
            let oneof = field.oneof_index.and_then(|oneof| message.oneofs.get(usize::try_from(oneof).ok()?));
            if is_map_entry(message) {
                // The rest is a matter of the map itself.
                let own = Features::default().with(Owner::Field, field.options.as_ref());
                if own.message_encoding != 0 && !field.is_message() {
                    self.wrong(path, "only messages have a message_encoding");
                }
                if self.is_proto3() {
                    self.proto3_field(field, &inside([2, index]));
                }
                continue;
            }
            let around = oneof.map_or(features, |oneof| features.with(Owner::Oneof, oneof.options.as_ref()));
            self.field(field, around, &inside([2, index]));
        }
        for (index, field) in (0..).zip(&message.extensions) {
            self.field(field, features, &inside([6, index]));
        }
        let nested = (0..).zip(&message.messages).map(|(index, nested)| ([3, index], nested.visibility));
        let nested =
            nested.chain((0..).zip(&message.enums).map(|(index, nested)| ([4, index], nested.visibility)));
        for (step, visibility) in nested {
            if visibility == Some(features::EXPORT) && features.default_symbol_visibility == features::STRICT
            {
                self.wrong(
                    &inside(step),
                    "with default_symbol_visibility = STRICT only types of the top level are exported",
                );
            }
        }
        for (index, nested) in (0..).zip(&message.messages) {
            if is_map_entry(nested) {
                self.map_entry(message, nested, index, path);
            }
            self.message(nested, features, &inside([3, index]));
        }
        for (index, descriptor) in (0..).zip(&message.enums) {
            self.enumeration(descriptor, features, &inside([4, index]));
        }
    }

    /// The type of a map's keys.
    fn map_entry(&mut self, message: &MessageType, entry: &MessageType, index: i32, path: &[i32]) {
        let entry_name = entry.name.as_deref();
        let of = |field: &&Field| {
            field.is_repeated()
                && field.type_name.as_deref().is_some_and(|name| name.rsplit('.').next() == entry_name)
        };
        let position =
            message.fields.iter().position(|field| of(&field)).and_then(|at| i32::try_from(at).ok());
        let place = position.map_or_else(|| [path, &[3, index]].concat(), |at| [path, &[2, at]].concat());
        let Some(key) = entry.fields.first() else { return };
        let no_key = [kind::DOUBLE, kind::FLOAT, kind::BYTES, kind::GROUP, kind::MESSAGE, kind::ENUM];
        if key.r#type.is_some_and(|kind| no_key.contains(&kind)) {
            self.wrong(&place, "the keys of a map are integers, booleans or strings");
        }
        if let Some(value) = entry.fields.get(1)
            && value.r#type == Some(kind::ENUM)
            && let Some(descriptor) = self.enum_of(value)
            && descriptor.values.first().is_some_and(|value| value.number != Some(0))
        {
            self.wrong(&place, "the enum that is the value of a map has 0 as its first value");
        }
    }

    fn enum_of(&self, field: &Field) -> Option<&EnumType> {
        self.pool.enumeration(field.type_name.as_deref()?.strip_prefix('.')?)
    }

    fn field(&mut self, field: &Field, outer: Features, path: &[i32]) {
        let features = outer.with(Owner::Field, field.options.as_ref());
        let inside = |step: i32| [path, &[step]].concat();
        let name = field.name.as_deref().unwrap_or_default().to_owned();
        self.field_number(field, &inside(3));
        self.field_style(field, features, &inside(1));
        if let Some(json) = &field.json_name
            && json.contains('\0')
        {
            self.wrong(&inside(10), "a JSON name has no NUL character");
        }
        if field.extendee.is_some() && field.label == Some(label::REQUIRED) {
            self.wrong(path, format!("the extension `{name}` cannot be required"));
        }
        let extendee = field.extendee.as_deref().and_then(|name| self.pool.message(name.strip_prefix('.')?));
        if extendee.is_some_and(is_message_set)
            && (field.label != Some(label::OPTIONAL) || field.r#type != Some(kind::MESSAGE))
        {
            self.wrong(path, "extensions of a message with message_set_wire_format are optional messages");
        }
        self.default(field, features, &inside(7));
        if self.is_proto3() {
            self.proto3_field(field, path);
        }
        if self.is_linked {
            self.field_options(field, features, path);
        }
        if self.edition >= edition::E2023 {
            self.edition_field(field, features, path);
        }
    }

    fn default(&mut self, field: &Field, features: Features, path: &[i32]) {
        let Some(default) = &field.default_value else { return };
        if field.is_repeated() {
            self.wrong(path, "lists have no default");
        } else if field.is_message() {
            self.wrong(path, "messages have no default");
        } else if features.field_presence == features::IMPLICIT && self.edition >= edition::E2023 {
            self.wrong(path, "fields with implicit presence have no default");
        } else if field.r#type == Some(kind::ENUM) {
            let known = self.enum_of(field).is_none_or(|descriptor| {
                descriptor.values.iter().any(|value| value.name.as_ref() == Some(default))
            });
            if !known {
                let name = field.type_name.as_deref().unwrap_or_default().trim_start_matches('.');
                self.wrong(path, format!("`{name}` has no value `{default}`"));
            }
        }
    }

    fn proto3_field(&mut self, field: &Field, path: &[i32]) {
        let inside = |step: i32| [path, &[step]].concat();
        if let Some(extendee) = field.extendee.as_deref()
            && self.is_linked
            && !extendee.starts_with(".google.protobuf.")
        {
            self.wrong(
                &inside(2),
                "extensions in proto3 are of options only (messages of google/protobuf/descriptor.proto)",
            );
        }
        if field.label == Some(label::REQUIRED) {
            self.wrong(path, "proto3 has no required fields");
        }
        if field.default_value.is_some() {
            self.wrong(&inside(7), "proto3 has no defaults of one's own");
        }
        if field.r#type == Some(kind::GROUP) {
            self.wrong(path, "proto3 has no groups");
        }
        if field.r#type == Some(kind::ENUM) && self.is_closed_elsewhere(field) {
            let name = field.type_name.as_deref().unwrap_or_default().trim_start_matches('.').to_owned();
            self.wrong(
                &inside(6),
                format!("the enum `{name}` is not one of proto3, which alone can be used in proto3"),
            );
        }
    }

    /// Whether the enum of a field is closed.
    fn is_closed_elsewhere(&self, field: &Field) -> bool {
        let name = field.type_name.as_deref().and_then(|name| name.strip_prefix('.'));
        name.is_some_and(|name| self.pool.is_closed(name))
    }

    fn field_options(&mut self, field: &Field, features: Features, path: &[i32]) {
        let options = field.options.as_ref();
        let at = |number: i32| [path, &[8, number]].concat();
        let is_packable = field.is_repeated()
            && !field.is_message()
            && !matches!(field.r#type, Some(kind::STRING | kind::BYTES));
        if wire::number(options, 2) == Some(1) && !is_packable {
            self.wrong(&at(2), "only lists of numbers, booleans and enums can be packed");
        }
        if wire::number(options, 2).is_some() && self.edition >= edition::E2023 {
            self.wrong(&at(2), "editions have no option `packed`: use features.repeated_field_encoding");
        }
        if wire::number(options, 6).is_some_and(|jstype| jstype != 0) {
            let is_long = matches!(
                field.r#type,
                Some(kind::INT64 | kind::UINT64 | kind::SINT64 | kind::FIXED64 | kind::SFIXED64)
            );
            if !is_long {
                self.wrong(&at(6), "`jstype` is of integers of 64 bits only");
            }
        }
        let lazy = wire::number(options, 5) == Some(1) || wire::number(options, 15) == Some(1);
        if lazy && field.r#type != Some(kind::MESSAGE) {
            self.wrong(&at(5), "`lazy` is of messages only");
        }
        if features.field_presence == features::LEGACY_REQUIRED && field.extendee.is_some() {
            self.wrong(path, "extensions cannot be required");
        }
        self.ctype(field, path);
    }

    /// `ctype`, which edition 2024 no longer has.
    fn ctype(&mut self, field: &Field, path: &[i32]) {
        let Some(ctype) = wire::number(field.options.as_ref(), 1) else { return };
        let at = [path, &[8, 1]].concat();
        if self.edition >= edition::E2024 {
            self.wrong(&at, "edition 2024 has no `ctype`: use features.(pb.cpp).string_type");
        } else if self.edition >= edition::E2023 && ctype == 1 && field.extendee.is_some() {
            self.wrong(&at, "extensions cannot have `ctype = CORD`");
        }
    }

    fn edition_field(&mut self, field: &Field, features: Features, path: &[i32]) {
        let own = Features::with(Features::default(), Owner::Field, field.options.as_ref());
        let is_singular = !field.is_repeated();
        if own.field_presence != 0 {
            let wrong = match () {
                () if !is_singular => Some("lists have no presence to choose"),
                () if field.oneof_index.is_some() => Some("members of a oneof have no presence to choose"),
                () if field.extendee.is_some() && own.field_presence == features::LEGACY_REQUIRED => None,
                () if field.extendee.is_some() => Some("extensions have no presence to choose"),
                () if field.is_message() && own.field_presence == features::IMPLICIT => {
                    Some("messages cannot have implicit presence")
                }
                () => None,
            };
            if let Some(wrong) = wrong {
                self.wrong(path, wrong);
            }
        }
        if own.repeated_field_encoding != 0 {
            if is_singular {
                self.wrong(path, "only lists have a repeated_field_encoding");
            } else if own.repeated_field_encoding == 1
                && (field.is_message() || matches!(field.r#type, Some(kind::STRING | kind::BYTES)))
            {
                self.wrong(path, "only lists of numbers, booleans and enums can be packed");
            }
        }
        if own.utf8_validation != 0 && !self.has_text(field) {
            self.wrong(path, "only strings have a utf8_validation");
        }
        if own.message_encoding == features::DELIMITED && !field.is_message() && field.type_name.is_none() {
            self.wrong(path, "only messages have a message_encoding");
        }
        if features.field_presence == features::IMPLICIT
            && is_singular
            && field.oneof_index.is_none()
            && field.extendee.is_none()
            && field.r#type == Some(kind::ENUM)
            && self.is_closed_elsewhere(field)
        {
            self.wrong(path, "a field with implicit presence has an open enum only");
        }
    }

    /// Whether a field is text, or a map with text.
    fn has_text(&self, field: &Field) -> bool {
        let is_text = |field: &Field| field.r#type == Some(kind::STRING);
        let entry = field.type_name.as_deref().and_then(|name| self.pool.message(name.strip_prefix('.')?));
        is_text(field) || entry.is_some_and(|entry| is_map_entry(entry) && entry.fields.iter().any(is_text))
    }

    fn enumeration(&mut self, descriptor: &EnumType, outer: Features, path: &[i32]) {
        let features = outer.with(Owner::Enum, descriptor.options.as_ref());
        self.numbers_of_enum(descriptor, path);
        self.enum_style(descriptor, features, path);
        if descriptor.values.is_empty() {
            self.wrong(&[path, &[1]].concat(), "an enum has one value at least");
        }
        let opens = descriptor.values.first().is_some_and(|value| value.number != Some(0));
        if opens && (self.is_linked || self.is_proto3()) && features.enum_type == features::OPEN {
            let what = if self.is_proto3() {
                "the first value of an enum is 0 in proto3"
            } else {
                "the first value of an open enum is 0"
            };
            self.wrong(&[path, &[2, 0, 2]].concat(), what);
        }
        self.enum_names(descriptor, features, path);
    }
}
