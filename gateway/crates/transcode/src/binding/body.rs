//! What the HTTP body fills, resolved against the request message.

use super::{
    error::{BindingError, Subject},
    parameters::Open,
    path::{outermost, unknown_field},
    raw,
    rule::BodyRule,
};
use crate::Message;

/// What the HTTP body fills, resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyPlan {
    None,
    /// JSON of the whole request.
    Whole,
    /// The request is an `HttpBody`.
    WholeRaw,
    /// JSON of the field at this position.
    Field(u32),
    /// The field at this position is an `HttpBody`.
    FieldRaw(u32),
}

impl BodyPlan {
    /// Resolves the field that a rule names.
    pub(super) fn compile(message: &Message, rule: BodyRule<'_>) -> Result<Self, BindingError> {
        let (schema, request) = (message.schema(), message.plan());
        let name = match rule {
            BodyRule::None => return Ok(Self::None),
            BodyRule::Whole if raw::is_http_body(request) => return Ok(Self::WholeRaw),
            BodyRule::Whole => return Ok(Self::Whole),
            BodyRule::Field(name) => name,
        };
        if let Some(field) = request.field_by_proto_name(name) {
            let raw = raw::holds_http_body(schema, field);
            return Ok(if raw { Self::FieldRaw(field.position) } else { Self::Field(field.position) });
        }
        let error = unknown_field(Subject::Body, request, name);
        Err(inner_field(message, name).unwrap_or(error))
    }

    pub(super) fn position(self) -> Option<u32> {
        match self {
            Self::Field(position) | Self::FieldRaw(position) => Some(position),
            Self::None | Self::Whole | Self::WholeRaw => None,
        }
    }

    pub(super) fn open(self) -> Open {
        match self {
            Self::None => Open::All,
            Self::Whole | Self::WholeRaw => Open::None,
            Self::Field(position) | Self::FieldRaw(position) => Open::AllBut(position),
        }
    }

    pub(super) fn is_json(self) -> bool {
        matches!(self, Self::Whole | Self::Field(_))
    }
}

/// The error for the path of a field within another one: it exists, but a body fills a field of the request itself.
fn inner_field(message: &Message, path: &str) -> Option<BindingError> {
    let first = outermost(message, path)?;
    let text = format!("`{path}` is within `{first}`: the body fills a field of the request itself");
    let error = BindingError::new(Subject::Body, text);
    Some(error.help(format!("write `{first}`, and let clients send it as a whole")))
}
