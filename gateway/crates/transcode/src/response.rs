//! What of a response message is answered, and how: all of it, one field of it, or raw bytes.

use crate::{
    DecodeError, DecodeOptions, Message,
    binding::{BindingError, Subject, outermost},
    decode,
    plan::{FieldPlan, Kind, MessagePlan},
};

/// The answer of a route, compiled from the response message and the rule's `response_body`.
#[derive(Debug, Clone)]
pub struct ResponsePlan {
    message: Message,
    part: Part,
}

/// Which part of the response is answered. Fields are told by position.
#[derive(Debug, Clone, Copy)]
enum Part {
    Whole,
    Field(u32),
    /// The response is a `google.api.HttpBody`.
    WholeRaw,
    /// The field is one.
    FieldRaw(u32),
}

/// What [`ResponsePlan::decode`] wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// JSON.
    Json,
    /// The bytes of a `google.api.HttpBody`, as they are.
    Raw {
        /// As the service gave it, UTF-8 but otherwise unchecked: not every string can be a header.
        /// `application/octet-stream` if it gave none.
        content_type: String,
    },
}

impl ResponsePlan {
    /// Compiles what `response_body` says about a response: the name of one of its fields (of any type), or nothing.
    ///
    /// # Errors
    /// When the response has no such field.
    pub fn compile(message: &Message, response_body: Option<&str>) -> Result<Self, BindingError> {
        let plan = message.plan();
        let part = match response_body {
            None | Some("") => {
                if is_http_body(plan) {
                    Part::WholeRaw
                } else {
                    Part::Whole
                }
            }
            Some(name) => {
                let field = plan.field_by_proto_name(name).or_else(|| plan.field_by_key(name.as_bytes()));
                let Some(field) = field else { return Err(no_such_field(message, name)) };
                let raw = !field.is_list()
                    && field.message().is_some_and(|index| is_http_body(message.schema().plan(index)));
                if raw { Part::FieldRaw(field.position) } else { Part::Field(field.position) }
            }
        };
        Ok(Self { message: message.clone(), part })
    }

    /// The response message.
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// The field that is answered, if it is not the whole message.
    pub fn field(&self) -> Option<&FieldPlan> {
        match self.part {
            Part::Whole | Part::WholeRaw => None,
            Part::Field(position) | Part::FieldRaw(position) => {
                self.message.plan().fields.get(position as usize)
            }
        }
    }

    /// Whether answers are raw bytes, their type chosen by the service, rather than JSON.
    pub fn is_raw(&self) -> bool {
        matches!(self.part, Part::WholeRaw | Part::FieldRaw(_))
    }

    /// Appends the answer to `out`.
    ///
    /// A field that is not set is printed as what stands for that in JSON: `[]` and `{}` for lists and maps, the
    /// default of its type for fields without presence, `null` for the others.
    ///
    /// # Errors
    /// As [`Message::decode`]; `out` is then as it was before.
    pub fn decode(
        &self,
        wire: &[u8],
        options: &DecodeOptions,
        out: &mut Vec<u8>,
    ) -> Result<Body, DecodeError> {
        let plan = self.message.plan();
        let schema = self.message.schema();
        let raw = |content_type| Body::Raw { content_type };
        match (self.part, self.field()) {
            (Part::WholeRaw, _) => decode::http_body(schema, plan, None, wire, options, out).map(raw),
            (Part::FieldRaw(_), field) => decode::http_body(schema, plan, field, wire, options, out).map(raw),
            (Part::Field(_), Some(field)) => {
                decode::field_alone(schema, plan, field, wire, options, out).map(|()| Body::Json)
            }
            _ => self.message.decode(wire, options, out).map(|()| Body::Json),
        }
    }
}

#[cold]
fn no_such_field(message: &Message, name: &str) -> BindingError {
    let plan = message.plan();
    if let Some(first) = outermost(message, name) {
        let text = format!(
            "`{name}` is within `{first}`: response_body names a field of the response itself, not one inside another"
        );
        return BindingError::new(Subject::ResponseBody, text).help(format!("write `{first}`"));
    }
    let message = format!("{} has no field `{name}`", plan.full_name);
    let known = plan.fields.iter().filter(|field| !field.is_extension).map(|field| field.name.to_string());
    let error = BindingError::new(Subject::ResponseBody, message);
    if name == "*" {
        return error.help("leave response_body out: without it the answer is the whole response");
    }
    error.unknown(name, known)
}

/// Whether a message is `google.api.HttpBody`, by name and shape.
fn is_http_body(plan: &MessagePlan) -> bool {
    let is = |number, kind| plan.field_by_number(number).is_some_and(|field| field.kind == kind);
    &*plan.full_name == "google.api.HttpBody" && is(1, Kind::String) && is(2, Kind::Bytes)
}

#[cfg(test)]
mod tests;
