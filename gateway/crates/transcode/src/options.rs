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

/// How JSON is read: *encode* options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodeOptions {
    /// What to do with fields and enum names that are not in the schema.
    pub unknown: Unknown,
    /// How deep objects and arrays may nest. Protobuf's own readers stop at 100.
    pub max_depth: u32,
    /// How many violations (and warned paths) are gathered before reading stops.
    pub max_violations: usize,
    /// The longest message that may be written, in bytes. Protobuf itself ends at 2 GiB.
    pub max_size: usize,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self { unknown: Unknown::Reject, max_depth: 100, max_violations: 32, max_size: i32::MAX as usize }
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

/// How JSON is printed: *decode* options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeOptions {
    /// Whether fields without presence that hold their default are printed.
    pub unset: Unset,
    /// Which name becomes the key.
    pub names: Names,
    /// How enum values are printed.
    pub enums: Enums,
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
            max_depth: 100,
            max_size: i32::MAX as usize,
        }
    }
}
