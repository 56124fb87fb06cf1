//! `google.api.HttpBody` on the way in: the body's bytes as they are, and the type that they are said to be.

use super::path::write_varint;
use crate::{
    Schema,
    plan::{FieldPlan, Kind, MessageIndex, MessagePlan, Tag, WireType},
};

/// The full name of the message that stands for a body which is no JSON.
const HTTP_BODY: &str = "google.api.HttpBody";

const CONTENT_TYPE: u32 = 1;
const DATA: u32 = 2;

/// Whether a message is `google.api.HttpBody`.
pub(crate) fn is_http_body(plan: &MessagePlan) -> bool {
    &*plan.full_name == HTTP_BODY
}

/// Whether a field is one `google.api.HttpBody`.
pub(crate) fn holds_http_body(schema: &Schema, field: &FieldPlan) -> bool {
    let http_body = |index: MessageIndex| is_http_body(schema.plan(index));
    !field.is_list() && matches!(field.kind, Kind::Message(_)) && field.message().is_some_and(http_body)
}

/// Appends the fields of an `HttpBody`.
pub(crate) fn append(body: &[u8], content_type: Option<&str>, out: &mut Vec<u8>) {
    let mut field = |number, bytes: &[u8]| {
        if !bytes.is_empty() {
            Tag::new(number, WireType::Len).write(out);
            write_varint(bytes.len(), out);
            out.extend_from_slice(bytes);
        }
    };
    field(CONTENT_TYPE, content_type.unwrap_or_default().as_bytes());
    field(DATA, body);
}
