//! Editions → proto2, and what proto2 cannot say → [`Overrides`].
//!
//! prost-reflect knows no editions. Features are resolved from file to field as the language
//! has it, and each file of an edition becomes the proto2 file that is nearest to it: proto2 can say everything but
//! singular fields without presence and open enums, and those two are noted beside it.

use std::collections::HashSet;

use super::raw::{self, EnumType, Features, Field, File, MessageType, kind, label};
use crate::plan::Overrides;

/// What a file's syntax or edition means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Proto2,
    Proto3,
    /// Any edition: features decide.
    Edition,
}

const EDITION_PROTO2: i32 = 998;
const EDITION_PROTO3: i32 = 999;
const EDITION_2023: i32 = 1000;
const EDITION_2024: i32 = 1001;

mod presence {
    pub(super) const EXPLICIT: i32 = 1;
    pub(super) const IMPLICIT: i32 = 2;
    pub(super) const LEGACY_REQUIRED: i32 = 3;
}
const ENUM_OPEN: i32 = 1;
const REPEATED_PACKED: i32 = 1;
const MESSAGE_DELIMITED: i32 = 2;
const JSON_LEGACY: i32 = 2;

/// What holds in proto3.
const PROTO3: Features = Features {
    field_presence: presence::IMPLICIT,
    enum_type: ENUM_OPEN,
    repeated_field_encoding: REPEATED_PACKED,
    message_encoding: 1,
    json_format: 1,
};

/// What holds in editions 2023 and 2024 where nothing is said.
const EDITION: Features = Features { field_presence: presence::EXPLICIT, ..PROTO3 };

/// Which dialect a file is written in; the name of the syntax or edition if it is not known.
pub(super) fn dialect(file: &File) -> Result<Dialect, String> {
    match (file.syntax.as_deref(), file.edition.unwrap_or(0)) {
        (None | Some("" | "proto2"), 0) | (_, EDITION_PROTO2) => Ok(Dialect::Proto2),
        (Some("proto3"), 0) | (_, EDITION_PROTO3) => Ok(Dialect::Proto3),
        (_, EDITION_2023 | EDITION_2024) => Ok(Dialect::Edition),
        (Some(syntax), 0) => Err(syntax.to_owned()),
        (_, edition) => Err(format!("edition {edition}")),
    }
}

/// Rewrites a file so that prost-reflect takes it for what it is.
pub(super) fn lower(
    file: &mut File,
    dialect: Dialect,
    overrides: &mut Overrides,
) -> Result<(), prost::DecodeError> {
    file.edition = None;
    let features = match dialect {
        Dialect::Proto2 => None,
        // prost-reflect refuses names that differ in case or underscores only; newer compilers let them pass.
        Dialect::Proto3 if has_similar_names(&file.messages) => Some(PROTO3),
        Dialect::Proto3 => None,
        Dialect::Edition => Some(inherit(EDITION, raw::read::<raw::FileOptions>(&file.options)?.features)),
    };
    file.syntax =
        Some(if features.is_none() && dialect == Dialect::Proto3 { "proto3" } else { "proto2" }.to_owned());
    let mut lowering = Lowering { overrides, scope: file.package.clone().unwrap_or_default() };
    for message in &mut file.messages {
        lowering.message(message, features)?;
    }
    for extension in &mut file.extensions {
        lowering.field(extension, features, false)?;
    }
    for descriptor in &mut file.enums {
        lowering.enumeration(descriptor, features)?;
    }
    Ok(())
}

/// Features of something inside of something else.
fn inherit(outer: Features, own: Option<Features>) -> Features {
    let own = own.unwrap_or_default();
    let either = |own: i32, outer: i32| if own == 0 { outer } else { own };
    Features {
        field_presence: either(own.field_presence, outer.field_presence),
        enum_type: either(own.enum_type, outer.enum_type),
        repeated_field_encoding: either(own.repeated_field_encoding, outer.repeated_field_encoding),
        message_encoding: either(own.message_encoding, outer.message_encoding),
        json_format: either(own.json_format, outer.json_format),
    }
}

struct Lowering<'o> {
    overrides: &'o mut Overrides,
    /// The full name of what is around.
    scope: String,
}

/// `None` for features: the file keeps its syntax, and only what prost-types does not know is noted.
impl Lowering<'_> {
    fn message(
        &mut self,
        message: &mut MessageType,
        outer: Option<Features>,
    ) -> Result<(), prost::DecodeError> {
        let options = raw::read::<raw::MessageOptions>(&message.options)?;
        let features = outer.map(|outer| inherit(outer, options.features));
        let before = self.enter(message.name.as_deref());
        let entries = map_entries(&message.messages)?;
        for field in &mut message.fields {
            let around = oneof_features(&message.oneofs, field, features)?;
            let is_map = field.type_name.as_deref().and_then(|name| name.rsplit('.').next());
            let is_map = is_map.is_some_and(|name| entries.contains(name));
            self.field(field, around, is_map || options.map_entry)?;
        }
        for extension in &mut message.extensions {
            self.field(extension, features, false)?;
        }
        for nested in &mut message.messages {
            self.message(nested, features)?;
        }
        for descriptor in &mut message.enums {
            self.enumeration(descriptor, features)?;
        }
        if features.is_none_or(|features| features.json_format == JSON_LEGACY) {
            self.separate_json_names(message);
        }
        self.scope.truncate(before);
        Ok(())
    }

    fn field(
        &mut self,
        field: &mut Field,
        outer: Option<Features>,
        in_map: bool,
    ) -> Result<(), prost::DecodeError> {
        if field.options.is_empty() && outer.is_none() {
            return Ok(());
        }
        let options = raw::read::<raw::FieldOptions>(&field.options)?;
        let before = self.enter(field.name.as_deref());
        if options.debug_redact {
            self.overrides.redacted.insert(self.scope.as_str().into());
        }
        if let Some(outer) = outer {
            self.apply(field, inherit(outer, options.features), in_map);
        }
        self.scope.truncate(before);
        Ok(())
    }

    fn apply(&mut self, field: &mut Field, features: Features, in_map: bool) {
        let is_message = matches!(field.r#type, Some(kind::MESSAGE | kind::GROUP));
        if field.label == Some(label::REPEATED) {
            if features.repeated_field_encoding == REPEATED_PACKED && !is_message && !says_packed(field) {
                // FieldOptions.packed = true
                field.options.push(vec![0x10, 1]);
            }
        } else if features.field_presence == presence::LEGACY_REQUIRED && field.extendee.is_none() {
            field.label = Some(label::REQUIRED);
        } else if features.field_presence == presence::IMPLICIT && !is_message && !has_own_presence(field) {
            self.overrides.implicit.insert(self.scope.as_str().into());
        }
        if features.message_encoding == MESSAGE_DELIMITED && field.r#type == Some(kind::MESSAGE) && !in_map {
            field.r#type = Some(kind::GROUP);
        }
    }

    fn enumeration(
        &mut self,
        descriptor: &EnumType,
        outer: Option<Features>,
    ) -> Result<(), prost::DecodeError> {
        let Some(outer) = outer else { return Ok(()) };
        let options = raw::read::<raw::EnumOptions>(&descriptor.options)?;
        if inherit(outer, options.features).enum_type == ENUM_OPEN {
            let before = self.enter(descriptor.name.as_deref());
            self.overrides.open_enums.insert(self.scope.as_str().into());
            self.scope.truncate(before);
        }
        Ok(())
    }

    /// Gives each field a JSON name of its own in the file that prost-reflect sees, and notes the one it has.
    fn separate_json_names(&mut self, message: &mut MessageType) {
        let mut taken: HashSet<String> = HashSet::new();
        for field in &mut message.fields {
            let json_name = json_name(field);
            if taken.insert(json_name.clone()) {
                continue;
            }
            let own = format!("{json_name}#{}", field.number.unwrap_or_default());
            taken.insert(own.clone());
            field.json_name = Some(own);
            let full_name = format!("{}.{}", self.scope, field.name.as_deref().unwrap_or_default());
            self.overrides.json_names.insert(full_name.into(), json_name.into());
        }
    }

    /// Goes one name deeper; returns where the scope is to be cut again.
    fn enter(&mut self, name: Option<&str>) -> usize {
        let before = self.scope.len();
        if before > 0 {
            self.scope.push('.');
        }
        self.scope.push_str(name.unwrap_or_default());
        before
    }
}

/// Presence that is not a matter of features: members of oneofs, extensions, proto3 `optional`.
fn has_own_presence(field: &Field) -> bool {
    field.oneof_index.is_some() || field.extendee.is_some() || field.proto3_optional == Some(true)
}

/// Whether `packed` is said (which only proto3 files that are lowered can have).
fn says_packed(field: &Field) -> bool {
    #[derive(Clone, Copy, PartialEq, prost::Message)]
    struct Packed {
        #[prost(bool, optional, tag = "2")]
        packed: Option<bool>,
    }
    raw::read::<Packed>(&field.options).is_ok_and(|options| options.packed.is_some())
}

/// A oneof can carry features for its members.
fn oneof_features(
    oneofs: &[raw::Oneof],
    field: &Field,
    outer: Option<Features>,
) -> Result<Option<Features>, prost::DecodeError> {
    let (Some(outer), Some(index)) = (outer, field.oneof_index) else { return Ok(outer) };
    let oneof = usize::try_from(index).ok().and_then(|index| oneofs.get(index));
    let own = oneof.map(|oneof| raw::read::<raw::OneofOptions>(&oneof.options)).transpose()?;
    Ok(Some(inherit(outer, own.and_then(|own| own.features))))
}

/// The names of the nested messages that are the entries of maps.
fn map_entries(nested: &[MessageType]) -> Result<HashSet<String>, prost::DecodeError> {
    let mut names = HashSet::new();
    for message in nested {
        if raw::read::<raw::MessageOptions>(&message.options)?.map_entry {
            names.extend(message.name.clone());
        }
    }
    Ok(names)
}

/// Whether a message has fields whose names prost-reflect takes for one.
fn has_similar_names(messages: &[MessageType]) -> bool {
    let bare = |field: &Field| -> String {
        let name = field.name.as_deref().unwrap_or_default();
        name.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect()
    };
    messages.iter().any(|message| {
        let mut names = HashSet::new();
        !message.fields.iter().all(|field| names.insert(bare(field))) || has_similar_names(&message.messages)
    })
}

/// The JSON name that is given, or the one that follows from the name.
pub(super) fn json_name(field: &Field) -> String {
    if let Some(given) = &field.json_name {
        return given.clone();
    }
    let mut out = String::new();
    let mut upper = false;
    for c in field.name.as_deref().unwrap_or_default().chars() {
        if c == '_' {
            upper = true;
        } else {
            out.push(if upper { c.to_ascii_uppercase() } else { c });
            upper = false;
        }
    }
    out
}
