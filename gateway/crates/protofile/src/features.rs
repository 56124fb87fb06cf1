//! What editions call features, and what syntaxes have in their place.

use crate::descriptor::edition;
use crate::link::Unit;
use crate::parse::{Owner, RawValue};

/// `FeatureSet`, as far as the language depends on it. Enum values as numbers; 0 is "not given".
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct Features {
    #[prost(int32, tag = "1")]
    pub(crate) field_presence: i32,
    #[prost(int32, tag = "2")]
    pub(crate) enum_type: i32,
    #[prost(int32, tag = "3")]
    pub(crate) repeated_field_encoding: i32,
    #[prost(int32, tag = "4")]
    pub(crate) utf8_validation: i32,
    #[prost(int32, tag = "5")]
    pub(crate) message_encoding: i32,
    #[prost(int32, tag = "6")]
    pub(crate) json_format: i32,
    #[prost(int32, tag = "7")]
    pub(crate) enforce_naming_style: i32,
    #[prost(int32, tag = "8")]
    pub(crate) default_symbol_visibility: i32,
}

pub(crate) const IMPLICIT: i32 = 2;
pub(crate) const LEGACY_REQUIRED: i32 = 3;
pub(crate) const OPEN: i32 = 1;
pub(crate) const CLOSED: i32 = 2;
pub(crate) const DELIMITED: i32 = 2;
pub(crate) const JSON_LEGACY: i32 = 2;
pub(crate) const STYLE_2024: i32 = 1;
pub(crate) const STYLE_LEGACY: i32 = 2;
const EXPORT_ALL: i32 = 1;
const EXPORT_TOP_LEVEL: i32 = 2;
const LOCAL_ALL: i32 = 3;
pub(crate) const STRICT: i32 = 4;
/// `SymbolVisibility`
const LOCAL: i32 = 1;
pub(crate) const EXPORT: i32 = 2;

impl Features {
    /// What holds where nothing is said.
    pub(crate) fn of_edition(edition: i32) -> Self {
        let base = Self {
            field_presence: 1,
            enum_type: OPEN,
            repeated_field_encoding: 1,
            utf8_validation: 2,
            message_encoding: 1,
            json_format: 1,
            enforce_naming_style: STYLE_LEGACY,
            default_symbol_visibility: EXPORT_ALL,
        };
        match edition {
            edition::PROTO2 => Self {
                enum_type: CLOSED,
                repeated_field_encoding: 2,
                utf8_validation: 3,
                json_format: JSON_LEGACY,
                ..base
            },
            edition::PROTO3 => Self { field_presence: IMPLICIT, ..base },
            edition::E2023 => base,
            _ => {
                Self { enforce_naming_style: STYLE_2024, default_symbol_visibility: EXPORT_TOP_LEVEL, ..base }
            }
        }
    }

    /// What holds inside of this for something with options of its own.
    pub(crate) fn with(self, owner: Owner, options: Option<&Vec<u8>>) -> Self {
        let number = match owner {
            Owner::File | Owner::Range => 50,
            Owner::Message => 12,
            Owner::Field => 21,
            Owner::Oneof => 1,
            Owner::Enum => 7,
            Owner::EnumValue => 2,
            Owner::Service => 34,
            Owner::Method => 35,
        };
        let Some(options) = options else { return self };
        let mut own = Self::default();
        for (field, bytes) in crate::wire::fields(options) {
            if let (true, crate::wire::Value::Bytes(bytes)) = (field == number, bytes) {
                // What does not decode was not written here.
                let _ = prost::Message::merge(&mut own, bytes);
            }
        }
        let either = |own: i32, outer: i32| if own == 0 { outer } else { own };
        Self {
            field_presence: either(own.field_presence, self.field_presence),
            enum_type: either(own.enum_type, self.enum_type),
            repeated_field_encoding: either(own.repeated_field_encoding, self.repeated_field_encoding),
            utf8_validation: either(own.utf8_validation, self.utf8_validation),
            message_encoding: either(own.message_encoding, self.message_encoding),
            json_format: either(own.json_format, self.json_format),
            enforce_naming_style: either(own.enforce_naming_style, self.enforce_naming_style),
            default_symbol_visibility: either(own.default_symbol_visibility, self.default_symbol_visibility),
        }
    }
}

/// Whether a message or enum of a file may be used by other files.
pub(crate) fn is_exported(unit: &Unit, visibility: Option<i32>, is_nested: bool) -> bool {
    match visibility {
        Some(LOCAL) => return false,
        Some(EXPORT) => return true,
        _ => {}
    }
    // Options are not resolved yet when names are.
    let said = unit.options.iter().find_map(|option| {
        let names: Vec<&str> = option.name.iter().map(|part| part.name.as_str()).collect();
        match (&names[..], &option.value) {
            (["features", "default_symbol_visibility"], RawValue::Ident(value)) => Some(value.as_str()),
            _ => None,
        }
    });
    let rule = match said {
        Some("EXPORT_ALL") => EXPORT_ALL,
        Some("EXPORT_TOP_LEVEL") => EXPORT_TOP_LEVEL,
        Some("LOCAL_ALL") => LOCAL_ALL,
        Some("STRICT") => STRICT,
        _ => {
            let features = Features::of_edition(unit.edition);
            features.with(Owner::File, unit.file.options.as_ref()).default_symbol_visibility
        }
    };
    match rule {
        EXPORT_ALL => true,
        EXPORT_TOP_LEVEL => !is_nested,
        _ => false,
    }
}
