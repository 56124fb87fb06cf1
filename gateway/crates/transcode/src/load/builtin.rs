//! What is always there: the well-known types, and google.rpc's error model.
//!
//! google.rpc's files are declared here by their names, numbers and types.

use prost::Message as _;

use super::raw::{Field, File, MessageType, kind, label};

/// The files that are added when no source has them.
pub(super) fn files() -> Vec<File> {
    let pool = prost_reflect::DescriptorPool::global();
    let well_known = pool.files().filter(|file| file.name().starts_with("google/protobuf/"));
    // They come from prost-reflect itself, so they can be read; one that could not be would just not be there.
    let mut files: Vec<File> =
        well_known.filter_map(|file| File::decode(&*file.encode_to_vec()).ok()).collect();
    files.push(rpc("code.proto", &[], vec![]));
    files.push(rpc("status.proto", &["google/protobuf/any.proto"], vec![status()]));
    files.push(rpc("error_details.proto", &["google/protobuf/duration.proto"], error_details()));
    if let Some(code) = files.iter_mut().find(|file| file.name.as_deref() == Some("google/rpc/code.proto")) {
        code.enums.push(code_enum());
    }
    files
}

fn rpc(name: &str, imports: &[&str], messages: Vec<MessageType>) -> File {
    File {
        name: Some(format!("google/rpc/{name}")),
        package: Some("google.rpc".to_owned()),
        dependency: imports.iter().map(ToString::to_string).collect(),
        messages,
        syntax: Some("proto3".to_owned()),
        ..File::default()
    }
}

fn code_enum() -> super::raw::EnumType {
    let names = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    let value = |(name, number): (&&str, i32)| super::raw::EnumValue {
        name: Some((*name).to_owned()),
        number: Some(number),
        ..Default::default()
    };
    super::raw::EnumType {
        name: Some("Code".to_owned()),
        values: names.iter().zip(0..).map(value).collect(),
        ..Default::default()
    }
}

fn status() -> MessageType {
    message(
        "Status",
        vec![int32("code", 1), string("message", 2), list(of("details", 3, ".google.protobuf.Any"))],
    )
}

fn error_details() -> Vec<MessageType> {
    let mut error_info = message("ErrorInfo", vec![string("reason", 1), string("domain", 2)]);
    map(&mut error_info, "metadata", 3, "ErrorInfo");
    let mut quota_violation = message(
        "Violation",
        vec![
            string("subject", 1),
            string("description", 2),
            string("api_service", 3),
            string("quota_metric", 4),
            string("quota_id", 5),
            field("quota_value", 7, kind::INT64),
            Field {
                oneof_index: Some(0),
                proto3_optional: Some(true),
                ..field("future_quota_value", 8, kind::INT64)
            },
        ],
    );
    quota_violation
        .oneofs
        .push(super::raw::Oneof { name: Some("_future_quota_value".to_owned()), ..Default::default() });
    map(&mut quota_violation, "quota_dimensions", 6, "QuotaFailure.Violation");
    let field_violation = vec![
        string("field", 1),
        string("description", 2),
        string("reason", 3),
        of("localized_message", 4, ".google.rpc.LocalizedMessage"),
    ];
    vec![
        error_info,
        message("RetryInfo", vec![of("retry_delay", 1, ".google.protobuf.Duration")]),
        message("DebugInfo", vec![list(string("stack_entries", 1)), string("detail", 2)]),
        violations("QuotaFailure", "violations", "Violation", quota_violation),
        violations(
            "PreconditionFailure",
            "violations",
            "Violation",
            message("Violation", vec![string("type", 1), string("subject", 2), string("description", 3)]),
        ),
        violations(
            "BadRequest",
            "field_violations",
            "FieldViolation",
            message("FieldViolation", field_violation),
        ),
        message("RequestInfo", vec![string("request_id", 1), string("serving_data", 2)]),
        message(
            "ResourceInfo",
            vec![
                string("resource_type", 1),
                string("resource_name", 2),
                string("owner", 3),
                string("description", 4),
            ],
        ),
        violations(
            "Help",
            "links",
            "Link",
            message("Link", vec![string("description", 1), string("url", 2)]),
        ),
        message("LocalizedMessage", vec![string("locale", 1), string("message", 2)]),
    ]
}

fn message(name: &str, fields: Vec<Field>) -> MessageType {
    MessageType { name: Some(name.to_owned()), fields, ..MessageType::default() }
}

/// A message that is a list of another, which is declared inside of it.
fn violations(name: &str, list_name: &str, inner_name: &str, inner: MessageType) -> MessageType {
    let mut outer = message(name, vec![list(of(list_name, 1, &format!(".google.rpc.{name}.{inner_name}")))]);
    outer.messages.push(inner);
    outer
}

/// Adds a `map<string, string>`.
fn map(outer: &mut MessageType, name: &str, number: i32, full_name: &str) {
    let entry_name: String = name
        .split('_')
        .flat_map(|word| {
            word.chars().enumerate().map(|(at, c)| if at == 0 { c.to_ascii_uppercase() } else { c })
        })
        .chain("Entry".chars())
        .collect();
    let mut entry = message(&entry_name, vec![string("key", 1), string("value", 2)]);
    // MessageOptions.map_entry = true
    entry.options.push(vec![0x38, 1]);
    outer.messages.push(entry);
    outer.fields.push(list(of(name, number, &format!(".google.rpc.{full_name}.{entry_name}"))));
}

fn field(name: &str, number: i32, kind: i32) -> Field {
    Field {
        name: Some(name.to_owned()),
        number: Some(number),
        label: Some(1),
        r#type: Some(kind),
        ..Field::default()
    }
}

fn string(name: &str, number: i32) -> Field {
    field(name, number, kind::STRING)
}

fn int32(name: &str, number: i32) -> Field {
    field(name, number, kind::INT32)
}

fn of(name: &str, number: i32, type_name: &str) -> Field {
    Field { type_name: Some(type_name.to_owned()), ..field(name, number, kind::MESSAGE) }
}

fn list(field: Field) -> Field {
    Field { label: Some(label::REPEATED), ..field }
}
