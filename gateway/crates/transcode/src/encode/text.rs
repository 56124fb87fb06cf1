//! Fields whose value comes as text: path segments and query values.

use std::borrow::Cow;

use super::{
    number::{self, NumberError},
    report,
    scalar::{expected_names, fit, quoted_float, quoted_integer},
    well_known::seconds_and_nanos,
    wire::Writer,
};
use crate::{
    Reason, Schema,
    parse::{self, duration::DurationError, timestamp::TimestampError},
    plan::{Cardinality, EnumPlan, FieldPlan, Kind, MessagePlan, Tag, WellKnown},
};

/// A text that is not a value of the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{description}")]
pub struct TextError {
    /// The kind of mistake.
    pub reason: Reason,
    /// What was expected and what came.
    pub description: String,
}

type Outcome = Result<(), (Reason, String)>;

/// Appends the field; nothing on error.
pub(super) fn append(
    schema: &Schema,
    field: &FieldPlan,
    text: &str,
    out: &mut Vec<u8>,
) -> Result<(), TextError> {
    let tag = match field.cardinality {
        Cardinality::Repeated { .. } => &field.element_tag,
        _ => &field.tag,
    };
    let start = out.len();
    value(schema, field.kind, tag, text, out).map_err(|(reason, expected)| {
        out.truncate(start);
        let got =
            if field.debug_redact { String::new() } else { format!(", got {}", report::echo(&quote(text))) };
        TextError { reason, description: format!("expected {expected}{got}") }
    })
}

/// As it would stand in JSON, so that it is echoed the same way.
fn quote(text: &str) -> Vec<u8> {
    format!("{text:?}").into_bytes()
}

fn value(schema: &Schema, kind: Kind, tag: &Tag, text: &str, out: &mut Vec<u8>) -> Outcome {
    let bytes = text.as_bytes();
    tag.write(out);
    match kind {
        Kind::String => Writer::new(out).delimited(bytes),
        Kind::Bytes => return base64(bytes, out),
        Kind::Bool => match text {
            "true" => out.push(1),
            "false" => out.push(0),
            _ => return Err((Reason::Type, "true or false".to_owned())),
        },
        Kind::Double => {
            let parsed = quoted_float(&unpadded(bytes), number::double);
            out.extend_from_slice(&real(parsed, kind)?.to_le_bytes());
        }
        Kind::Float => {
            let parsed = quoted_float(&unpadded(bytes), number::float);
            out.extend_from_slice(&real(parsed, kind)?.to_le_bytes());
        }
        Kind::Enum(index) => {
            let number = enumeration(schema.enum_plan(index), bytes)?;
            Writer::new(out).varint(i64::from(number) as u64);
        }
        Kind::Message(index) => return message(schema, schema.plan(index), text, out),
        Kind::Group(_) => return Err(no_text_form("a group")),
        Kind::Fixed32 | Kind::Sfixed32 => {
            out.extend_from_slice(&(integer(kind, bytes)? as u32).to_le_bytes())
        }
        Kind::Fixed64 | Kind::Sfixed64 => out.extend_from_slice(&integer(kind, bytes)?.to_le_bytes()),
        _ => {
            let bits = integer(kind, bytes)?;
            Writer::new(out).varint(bits);
        }
    }
    Ok(())
}

fn no_text_form(what: &str) -> (Reason, String) {
    (Reason::Type, format!("a value that can be written as text, which {what} cannot"))
}

fn integer(kind: Kind, text: &[u8]) -> Result<u64, (Reason, String)> {
    real(quoted_integer(&unpadded(text)).and_then(|value| fit(kind, value).map_err(Some)), kind)
}

/// A number without the zeros before it. JSON forbids them, in a path or a query every peer takes them: `/users/007`.
fn unpadded(text: &[u8]) -> Cow<'_, [u8]> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    let is_before_digits = digits.get(zeros).is_some_and(u8::is_ascii_digit);
    // The last of nothing but zeros is the number.
    let padding = if is_before_digits { zeros } else { zeros.saturating_sub(1) };
    let Some(number) = digits.get(padding..).filter(|_| padding > 0) else { return text.into() };
    if digits.len() == text.len() { number.into() } else { [b"-", number].concat().into() }
}

fn real<T>(parsed: Result<T, Option<NumberError>>, kind: Kind) -> Result<T, (Reason, String)> {
    parsed.map_err(|error| match error {
        Some(NumberError::Range) => (Reason::Range, format!("{} in its range", kind.name())),
        Some(NumberError::Fraction) | None => (Reason::Type, kind.name().to_owned()),
    })
}

fn base64(text: &[u8], out: &mut Vec<u8>) -> Outcome {
    let mut writer = Writer::new(out);
    let mark = writer.open();
    if !writer.append(|out| parse::base64::decode(text, out)) {
        return Err((Reason::Format, "bytes in base64".to_owned()));
    }
    writer.close(mark);
    writer.finish();
    Ok(())
}

fn enumeration(plan: &EnumPlan, text: &[u8]) -> Result<i32, (Reason, String)> {
    if let Some(value) = plan.by_name(text) {
        return Ok(value.number);
    }
    if plan.null_value && text == b"null" {
        return Ok(0);
    }
    let unknown = || (Reason::UnknownEnum, expected_names(plan));
    let number = quoted_integer(&unpadded(text)).ok().and_then(|value| fit(Kind::Int32, value).ok());
    let number = number.ok_or_else(unknown)?;
    if plan.closed && plan.by_number(number as i32).is_none() {
        return Err(unknown());
    }
    Ok(number as i32)
}

/// The messages whose JSON form is a string, number or bool.
fn message(schema: &Schema, plan: &MessagePlan, text: &str, out: &mut Vec<u8>) -> Outcome {
    let mut writer = Writer::new(out);
    let mark = writer.open();
    let bytes = text.as_bytes();
    match plan.well_known {
        WellKnown::Timestamp => {
            let (seconds, nanos) = parse::timestamp::parse(bytes).map_err(|error| match error {
                TimestampError::Format => (Reason::Format, "a timestamp as 2006-01-02T15:04:05Z".to_owned()),
                TimestampError::Range => (Reason::Range, "a timestamp from the year 1 to 9999".to_owned()),
            })?;
            writer.append(|out| seconds_and_nanos(seconds, nanos as i32, out));
        }
        WellKnown::Duration => {
            let (seconds, nanos) = parse::duration::parse(bytes).map_err(|error| match error {
                DurationError::Format => (Reason::Format, "a duration as 1.5s".to_owned()),
                DurationError::Range => {
                    (Reason::Range, "a duration of at most 315576000000.999999999s".to_owned())
                }
            })?;
            writer.append(|out| seconds_and_nanos(seconds, nanos, out));
        }
        WellKnown::FieldMask => {
            let tag = plan.fields.first().map_or(Tag::NONE, |field| field.tag);
            let fits = parse::field_mask::parse(bytes, true, |path| {
                writer.tag(&tag);
                writer.delimited(path);
            });
            if !fits {
                return Err((Reason::Format, "field names separated by commas".to_owned()));
            }
        }
        WellKnown::Wrapper => {
            if let Some(field) = plan.fields.first() {
                writer.append(|out| value(schema, field.kind, &field.tag, text, out))?;
            }
        }
        _ => return Err(no_text_form(&plan.full_name)),
    }
    writer.close(mark);
    writer.finish();
    Ok(())
}
