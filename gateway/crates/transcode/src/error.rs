//! What can go wrong: loading a schema, encoding JSON, decoding the wire.

use std::fmt;

/// A descriptor set that cannot be loaded: what is wrong, and in which source, file and symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadError {
    /// The name of the source as the caller gave it (a path, an upstream), when it is known.
    pub source: Option<String>,
    /// The .proto file inside the source.
    pub file: Option<String>,
    /// The full name of the message, field, enum, … at fault.
    pub symbol: Option<String>,
    /// What is wrong with it.
    pub kind: LoadErrorKind,
}

/// What is wrong with a descriptor set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadErrorKind {
    /// The bytes are not a `google.protobuf.FileDescriptorSet`.
    #[error("not a FileDescriptorSet: {0}")]
    Malformed(String),
    /// A file imports one that no source has.
    #[error("imports \"{0}\", which is in none of the sources (protoc: --include_imports; buf: default)")]
    MissingImport(String),
    /// Two sources hold different files under one name.
    #[error("differs from the file of the same name in {0}")]
    Conflict(String),
    /// Imports go in a circle.
    #[error("imports itself: {0}")]
    ImportCycle(String),
    /// A syntax or edition this loader does not know.
    #[error("unknown syntax or edition: {0}")]
    Edition(String),
    /// Anything else that makes the descriptors unusable: unknown types, duplicate names, bad numbers.
    #[error("{0}")]
    Invalid(String),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, end) in [(&self.source, ": "), (&self.file, ": "), (&self.symbol, ": ")] {
            if let Some(place) = place {
                write!(f, "{place}{end}")?;
            }
        }
        self.kind.fmt(f)
    }
}

impl std::error::Error for LoadError {}

/// What encoding leaves besides the bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Encoded {
    /// Paths of what was left out because the schema does not know it, with
    /// [`Unknown::Warn`](crate::Unknown::Warn) only. At most `max_violations` of them.
    pub unknown: Vec<String>,
    /// Whether the client asked for enums as numbers in the response: by the system parameter
    /// `$alt=json;enum-encoding=int`, with [`IgnoredParameters::system`](crate::IgnoredParameters::system) only.
    pub enum_numbers: bool,
}

/// JSON (or parameters) that do not fit the message: every violation that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EncodeError {
    /// In the order of the input; never empty when returned.
    pub violations: Vec<Violation>,
}

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The path of the field, in the names of [`EncodeOptions::names`](crate::EncodeOptions::names), as `items[1].quantity` or `labels["a b"]`; empty for the whole body.
    pub field: String,
    /// What was expected and what came, as `expected int32, got "two"`. Echoed input is cut short.
    pub description: String,
    /// The line in the body, from 1; 0 when the value did not come from the body.
    pub line: u32,
    /// The column in bytes, from 1; 0 when the value did not come from the body.
    pub column: u32,
    /// The kind of mistake.
    pub reason: Reason,
}

/// The kinds of mistake a request can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Not JSON by RFC 8259, or not UTF-8.
    Syntax,
    /// A field that the message does not have.
    UnknownField,
    /// An enum name or number that the enum does not have.
    UnknownEnum,
    /// The type of an `Any` that the schema does not have.
    UnknownType,
    /// A key given twice, or two members of one oneof.
    Duplicate,
    /// A value of another type.
    Type,
    /// A value of the right type that is out of range.
    Range,
    /// A string of the wrong form: base64, timestamps, masks.
    Format,
    /// A required field (proto2) that is missing.
    Required,
    /// Nested too deep.
    Depth,
    /// Too large a message.
    Size,
    /// The same field given differently by path, query and body.
    Conflict,
    /// A query parameter that no field is open for.
    UnknownParameter,
    /// A body where none is taken.
    StrayBody,
    /// A value that the gateway itself was to fill in does not fit its field.
    Set,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.description)?;
        if self.line > 0 && self.reason == Reason::Syntax {
            write!(f, " at line {} column {}", self.line, self.column)?;
        }
        Ok(())
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, violation) in self.violations.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            violation.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for EncodeError {}

impl From<Violation> for EncodeError {
    fn from(violation: Violation) -> Self {
        Self { violations: vec![violation] }
    }
}

/// Wire bytes that cannot be printed as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// The message type that was being decoded.
    pub message: String,
    /// The path of the field, in JSON names; empty for the whole message.
    pub field: String,
    /// What is wrong there.
    pub kind: DecodeErrorKind,
}

/// What is wrong with wire bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The bytes end inside a field.
    #[error("truncated message")]
    Truncated,
    /// A tag, wire type, varint or group end that cannot be.
    #[error("malformed wire data: {0}")]
    Malformed(&'static str),
    /// A string that is not UTF-8.
    #[error("string is not valid UTF-8")]
    Utf8,
    /// Nested deeper than the limit.
    #[error("nested deeper than {0} levels")]
    Depth(u32),
    /// Longer JSON than the limit.
    #[error("longer than {0} bytes as JSON")]
    TooLarge(usize),
    /// A required field (proto2) that is missing.
    #[error("required field is missing")]
    Required,
    /// A value that the JSON mapping cannot express.
    #[error("{0}")]
    Unprintable(String),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        if !self.field.is_empty() {
            write!(f, ".{}", self.field)?;
        }
        write!(f, ": {}", self.kind)
    }
}

impl std::error::Error for DecodeError {}
