//! What a caller may choose about the JSON mapping, both ways.

/// What to do with JSON keys (and enum names) that the schema does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unknown {
    /// They are violations; the request is refused.
    #[default]
    Reject,
    /// They are left out, and their paths are told in [`Encoded::unknown`](crate::Encoded::unknown).
    Warn,
    /// They are left out silently.
    Ignore,
}

/// What to do with an `Any` of a type that the schema does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnknownAny {
    /// It is an error, as the JSON mapping has it.
    #[default]
    Strict,
    /// It is `{"@type": …, "value": "<base64>"}` in both directions.
    Opaque,
}

/// Query parameters that belong to the transport and not to the message. A parameter that names a field of the request
/// is never one of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IgnoredParameters {
    /// Whether Google's system parameters (`$alt`, `$fields`, `key`, …) are among them. Of these,
    /// `$alt=json;enum-encoding=int` is honoured: see [`Encoded::enum_numbers`](crate::Encoded::enum_numbers).
    pub system: bool,
    /// Their names.
    pub names: Vec<Box<str>>,
    /// What their names begin with.
    pub prefixes: Vec<Box<str>>,
}

impl IgnoredParameters {
    /// Google's system parameters, as <https://cloud.google.com/apis/docs/system-parameters> and the discovery documents
    /// have them; each is also written with a leading `$`.
    const SYSTEM: &[&str] = &[
        "access_token",
        "alt",
        "bearer_token",
        "callback",
        "fields",
        "key",
        "oauth_token",
        "pp",
        "prettyPrint",
        "quotaUser",
        "uploadType",
        "upload_protocol",
        "userIp",
        "userProject",
    ];
    /// System parameters that are only written with a leading `$`, which is left out here.
    const SYSTEM_WITH_SIGN: &[&str] =
        &[".xgafv", "apiKey", "outputDefaults", "req", "trace", "unique", "xgafv"];

    /// Whether a parameter of this name, decoded, is one of them.
    pub fn contains(&self, name: &str) -> bool {
        (self.system && Self::is_system(name))
            || self.names.iter().any(|own| **own == *name)
            || self.prefixes.iter().any(|prefix| name.starts_with(&**prefix))
    }

    fn is_system(name: &str) -> bool {
        let signed = name.strip_prefix('$');
        Self::SYSTEM.contains(&signed.unwrap_or(name))
            || signed.is_some_and(|name| Self::SYSTEM_WITH_SIGN.contains(&name))
    }
}

/// How JSON is read: *encode* options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodeOptions {
    /// What to do with fields and enum names that are not in the schema.
    pub unknown: Unknown,
    /// What to do with an `Any` of unknown type.
    pub any: UnknownAny,
    /// Which names violations use for fields.
    pub names: Names,
    /// The query parameters that are not looked at.
    pub ignored: IgnoredParameters,
    /// How deep objects and arrays may nest. Protobuf's own readers stop at 100.
    pub max_depth: u32,
    /// How many violations (and warned paths) are gathered before reading stops.
    pub max_violations: usize,
    /// The longest message that may be written, in bytes. Protobuf itself ends at 2 GiB.
    pub max_size: usize,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self {
            unknown: Unknown::Reject,
            any: UnknownAny::Strict,
            names: Names::Camel,
            ignored: IgnoredParameters::default(),
            max_depth: 100,
            max_violations: 32,
            max_size: i32::MAX as usize,
        }
    }
}

/// Whether fields without presence are printed when they hold their default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unset {
    /// Left out, as the JSON mapping has it by default.
    #[default]
    Omit,
    /// Printed: zeros, `""`, `[]`, `{}`. Fields *with* presence stay out while they are unset.
    Print,
}

/// Which name of a field becomes its JSON key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Names {
    /// The JSON name: lowerCamelCase, or the `json_name` option.
    #[default]
    Camel,
    /// The name as written in the .proto file.
    Proto,
}

/// How enum values are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Enums {
    /// By name; numbers without a name stay numbers.
    #[default]
    Name,
    /// By number.
    Number,
}

/// How paths of a `FieldMask` are printed that have no lowerCamelCase form which reads back, such as `line_2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MaskPaths {
    /// They are an error, as the JSON mapping has it.
    #[default]
    Strict,
    /// Those in the style of proto names (small letters, digits, `_`) are printed as they are: no reader takes them for
    /// another path.
    ProtoNames,
}

/// How JSON is printed: *decode* options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeOptions {
    /// Whether fields without presence that hold their default are printed.
    pub unset: Unset,
    /// Which name becomes the key.
    pub names: Names,
    /// How enum values are printed.
    pub enums: Enums,
    /// What to do with an `Any` of unknown type.
    pub any: UnknownAny,
    /// How paths of masks are printed that the JSON mapping has no form for.
    pub mask_paths: MaskPaths,
    /// How deep messages may nest on the wire. Protobuf's own readers stop at 100.
    pub max_depth: u32,
    /// How long the JSON may grow, in bytes (checked once a message): a few wire bytes can ask for much text.
    pub max_size: usize,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        Self {
            unset: Unset::Omit,
            names: Names::Camel,
            enums: Enums::Name,
            any: UnknownAny::Strict,
            mask_paths: MaskPaths::Strict,
            max_depth: 100,
            max_size: i32::MAX as usize,
        }
    }
}
