//! The shapes that an error answer can have.

use http::StatusCode;
use serde_json::{Value, json};
use transcode::{Reason, Violation};

use super::Failure;
use crate::route::ErrorFormat;

/// The media type of a body of this shape.
pub(super) const fn content_type(format: ErrorFormat) -> &'static str {
    match format {
        ErrorFormat::Simple | ErrorFormat::Google => "application/json",
        ErrorFormat::Problem => "application/problem+json",
    }
}

/// The body of a failure.
pub(super) fn render(format: ErrorFormat, failure: &Failure, request_id: &str) -> Vec<u8> {
    let body = match format {
        ErrorFormat::Simple => simple(failure, request_id),
        ErrorFormat::Google => google(failure),
        ErrorFormat::Problem => problem(failure, request_id),
    };
    serde_json::to_vec(&body).unwrap_or_default()
}

fn simple(failure: &Failure, request_id: &str) -> Value {
    let body = json!({
        "error": failure.message,
        "code": failure.code.name(),
        "requestId": request_id,
    });
    with_particulars(body, failure)
}

/// The gateway's own failures carry their reason as google.rpc.ErrorInfo (AIP-193).
fn google(failure: &Failure) -> Value {
    let mut all = match details(failure) {
        Some(Value::Array(details)) => details,
        _ => Vec::new(),
    };
    if let Some(reason) = failure.reason {
        all.insert(
            0,
            json!({
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": reason.name(),
                "domain": "gateway",
            }),
        );
    }
    if !failure.near_misses.is_empty() {
        all.push(json!({
            "@type": "type.googleapis.com/google.rpc.DebugInfo",
            "stackEntries": failure.near_misses,
            "detail": "near misses",
        }));
    }
    json!({ "code": failure.code.number(), "message": failure.message, "details": all })
}

fn problem(failure: &Failure, request_id: &str) -> Value {
    let body = json!({
        "type": "about:blank",
        "title": title(failure.status),
        "status": failure.status.as_u16(),
        "detail": failure.message,
        "code": failure.code.name(),
        "requestId": request_id,
    });
    with_particulars(body, failure)
}

/// Adds what not every failure has.
fn with_particulars(mut body: Value, failure: &Failure) -> Value {
    let near_misses = &failure.near_misses;
    let particulars = [
        ("reason", failure.reason.map(|reason| reason.name().into())),
        ("details", details(failure)),
        ("nearMisses", (!near_misses.is_empty()).then(|| near_misses.clone().into())),
    ];
    for (key, value) in particulars {
        if let (Some(value), Some(body)) = (value, body.as_object_mut()) {
            body.insert(key.to_owned(), value);
        }
    }
    body
}

/// With `about:blank` the title is the status's own phrase (RFC 9457 section 4.2.1).
fn title(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Client Closed Request")
}

fn details(failure: &Failure) -> Option<Value> {
    let details: Value = serde_json::from_str(failure.details.as_deref()?).ok()?;
    details.as_array().is_some_and(|details| !details.is_empty()).then_some(details)
}

/// Removes every google.rpc.DebugInfo from details, also from those that others hold.
pub(super) fn without_debug_info(details: String) -> String {
    if !details.contains(DEBUG_INFO) {
        return details;
    }
    let Ok(mut value) = serde_json::from_str(&details) else { return String::new() };
    remove_debug_info(&mut value);
    value.to_string()
}

const DEBUG_INFO: &str = "google.rpc.DebugInfo";

fn remove_debug_info(value: &mut Value) {
    match value {
        Value::Array(items) => {
            items.retain(|item| !is_debug_info(item));
            items.iter_mut().for_each(remove_debug_info);
        }
        Value::Object(fields) => {
            fields.retain(|_, field| !is_debug_info(field));
            fields.values_mut().for_each(remove_debug_info);
        }
        _ => {}
    }
}

/// A type URL names its type after the last slash.
fn is_debug_info(value: &Value) -> bool {
    let url = value.get("@type").and_then(Value::as_str);
    url.is_some_and(|url| url.rsplit('/').next() == Some(DEBUG_INFO))
}

/// The violations of a bad request in one line, until it has more than `enough` bytes.
pub(super) fn all_violations(violations: &[Violation], enough: usize) -> String {
    let mut text = String::new();
    for violation in violations {
        if text.len() > enough {
            break;
        }
        if !text.is_empty() {
            text.push_str("; ");
        }
        text.push_str(&sentence(violation));
    }
    text
}

/// A violation with the field that it is about.
fn sentence(violation: &Violation) -> String {
    match violation.field.as_str() {
        "" => describe(violation),
        field => format!("{field}: {}", describe(violation)),
    }
}

/// The details of a bad request: google.rpc.BadRequest with all violations.
pub(super) fn bad_request(violations: &[Violation]) -> String {
    let violations: Vec<Value> = violations
        .iter()
        .map(|violation| json!({ "field": violation.field, "description": describe(violation) }))
        .collect();
    json!([{ "@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations }])
        .to_string()
}

/// Where in the body is said when the field does not say it: in text that is no JSON, and in bodies of several lines.
fn describe(violation: &Violation) -> String {
    let Violation { description, line, column, reason, .. } = violation;
    if *line > 1 || (*line == 1 && *reason == Reason::Syntax) {
        return format!("{description} (line {line}, column {column})");
    }
    description.clone()
}

/// The message of a bad request: its first violation, and how many more there are.
pub(super) fn summary(violations: &[Violation]) -> String {
    let Some(first) = violations.first() else { return "the request is not valid".to_owned() };
    let mut text = sentence(first);
    if violations.len() > 1 {
        text.push_str(&format!(" (and {} more)", violations.len() - 1));
    }
    text
}
