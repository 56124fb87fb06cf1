//! Spans as OTLP writes them: `opentelemetry/proto/trace/v1/trace.proto`, as far as it is filled here.
//!
//! A span is written straight to the wire as it is recorded. Messages of which it is made later cost several times as much.

use prost::encoding::{WireType, encode_varint, encoded_len_varint};

use super::trace::Context;

/// The method that takes spans.
pub(super) const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// How long a span may well be.
const USUAL: usize = 768;

/// Something that took time within a trace: a `Span`, written.
#[derive(Debug)]
pub struct Span(Vec<u8>);

/// What every span has.
#[derive(Debug)]
pub struct Outline<'a> {
    /// Its place.
    pub context: Context,
    /// The span that it is part of, if any.
    pub parent: Option<u64>,
    /// What it is called.
    pub name: &'a str,
    /// Which side of a call it is.
    pub kind: Kind,
    /// When it began, in nanoseconds since 1970.
    pub begun: u64,
    /// When it ended, likewise.
    pub ended: u64,
}

/// Which side of a call a span is (`SpanKind`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The side that is called.
    Server = 2,
    /// The side that calls.
    Client = 3,
}

/// `STATUS_CODE_ERROR`.
const ERROR: u64 = 2;

/// The value of an attribute (`AnyValue`).
#[derive(Clone, Copy)]
enum Value<'a> {
    Text(&'a str),
    Number(i64),
}

impl Span {
    /// A span without attributes.
    pub fn new(outline: &Outline<'_>) -> Self {
        let mut out = Vec::with_capacity(USUAL);
        bytes(&mut out, 1, &outline.context.trace.to_be_bytes()); // trace_id
        bytes(&mut out, 2, &outline.context.span.to_be_bytes()); // span_id
        if let Some(parent) = outline.parent {
            bytes(&mut out, 4, &parent.to_be_bytes()); // parent_span_id
        }
        bytes(&mut out, 5, outline.name.as_bytes()); // name
        number(&mut out, 6, outline.kind as u64); // kind
        key(&mut out, 7, WireType::SixtyFourBit); // start_time_unix_nano
        out.extend_from_slice(&outline.begun.to_le_bytes());
        key(&mut out, 8, WireType::SixtyFourBit); // end_time_unix_nano
        out.extend_from_slice(&outline.ended.max(outline.begun).to_le_bytes());
        key(&mut out, 16, WireType::ThirtyTwoBit); // flags
        out.extend_from_slice(&u32::from(outline.context.flags).to_le_bytes());
        Self(out)
    }

    /// Adds a text, named by OpenTelemetry's semantic conventions.
    pub fn text(&mut self, key: &str, text: &str) {
        attribute(&mut self.0, 9, key, Value::Text(text));
    }

    /// Adds a number, named likewise.
    pub fn number(&mut self, key: &str, number: i64) {
        attribute(&mut self.0, 9, key, Value::Number(number));
    }

    /// Says that it failed, and why.
    pub fn fail(&mut self, reason: &str) {
        self.text("error.type", reason);
        let mut status = Vec::new();
        bytes(&mut status, 2, reason.as_bytes()); // message
        number(&mut status, 3, ERROR); // code
        bytes(&mut self.0, 15, &status); // status
    }
}

/// Spans as an `ExportTraceServiceRequest`.
pub(super) fn request(spans: &[Span]) -> Vec<u8> {
    let mut resource = Vec::new();
    for (key, value) in [
        ("service.name", Value::Text("gateway")),
        ("service.version", Value::Text(env!("CARGO_PKG_VERSION"))),
        ("process.pid", Value::Number(std::process::id().into())),
    ] {
        attribute(&mut resource, 1, key, value);
    }
    let mut scope = Vec::new();
    bytes(&mut scope, 1, b"gateway"); // name
    bytes(&mut scope, 2, env!("CARGO_PKG_VERSION").as_bytes()); // version

    let spans_length: usize = spans.iter().map(|span| delimited(span.0.len())).sum();
    let scope_spans_length = delimited(scope.len()) + spans_length;
    let resource_spans_length = delimited(resource.len()) + delimited(scope_spans_length);
    let mut request = Vec::with_capacity(delimited(resource_spans_length));
    begin(&mut request, 1, resource_spans_length); // resource_spans
    bytes(&mut request, 1, &resource); // resource
    begin(&mut request, 2, scope_spans_length); // scope_spans
    bytes(&mut request, 1, &scope); // scope
    for Span(span) in spans {
        bytes(&mut request, 2, span); // spans
    }
    request
}

fn key(out: &mut Vec<u8>, field: u32, wire: WireType) {
    varint(out, u64::from(field << 3 | wire as u32));
}

/// Nearly all of them are short.
fn varint(out: &mut Vec<u8>, value: u64) {
    if value < 0x80 { out.push(value as u8) } else { encode_varint(value, out) }
}

/// Begins a field of text, bytes, or a message.
fn begin(out: &mut Vec<u8>, field: u32, length: usize) {
    key(out, field, WireType::LengthDelimited);
    varint(out, length as u64);
}

/// How long such a field is in all, its number being below 16.
fn delimited(length: usize) -> usize {
    1 + encoded_len_varint(length as u64) + length
}

/// A field of text, bytes, or a message that is written already.
fn bytes(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    begin(out, field, bytes.len());
    out.extend_from_slice(bytes);
}

fn number(out: &mut Vec<u8>, field: u32, number: u64) {
    key(out, field, WireType::Varint);
    varint(out, number);
}

/// A `KeyValue`.
fn attribute(out: &mut Vec<u8>, field: u32, key: &str, value: Value<'_>) {
    let value_length = match value {
        Value::Text(text) => delimited(text.len()),
        Value::Number(number) => 1 + encoded_len_varint(number as u64),
    };
    begin(out, field, delimited(key.len()) + delimited(value_length));
    bytes(out, 1, key.as_bytes()); // key
    begin(out, 2, value_length); // value
    match value {
        Value::Text(text) => bytes(out, 1, text.as_bytes()), // string_value
        Value::Number(value) => number(out, 3, value as u64), // int_value
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
    use prost::Message;

    use super::*;

    /// Long enough for lengths of two bytes on every level.
    const LONG: &str = "a text of more than a hundred and twenty-eight bytes, which is where lengths begin to need \
                        a second byte, so that whoever counts one short is found out";

    #[test]
    fn the_reference_messages_read_what_is_written() {
        let context = Context { trace: 0x0102 << 112 | 3, span: 4, flags: 1 };
        let outline =
            Outline { context, parent: Some(5), name: "GET /x", kind: Kind::Server, begun: 7, ended: 6 };
        let mut span = Span::new(&outline);
        span.text("long", LONG);
        span.number("negative", -1);
        span.fail(LONG);
        let other = Span::new(&Outline { parent: None, kind: Kind::Client, begun: 1, ended: 2, ..outline });
        let request = ExportTraceServiceRequest::decode(&*request(&[span, other])).unwrap();

        let [resource_spans] = request.resource_spans.try_into().unwrap();
        let keys = resource_spans.resource.unwrap().attributes.into_iter().map(|attribute| attribute.key);
        assert_eq!(keys.collect::<Vec<_>>(), ["service.name", "service.version", "process.pid"]);
        let [scope_spans] = resource_spans.scope_spans.try_into().unwrap();
        assert_eq!(scope_spans.scope.unwrap().name, "gateway");
        let [span, other] = scope_spans.spans.try_into().unwrap();
        assert_eq!(span.trace_id, context.trace.to_be_bytes());
        assert_eq!(
            (span.span_id, span.parent_span_id),
            (vec![0, 0, 0, 0, 0, 0, 0, 4], vec![0, 0, 0, 0, 0, 0, 0, 5])
        );
        assert_eq!((span.name.as_str(), span.kind, span.flags), ("GET /x", 2, 1));
        assert_eq!(
            (span.start_time_unix_nano, span.end_time_unix_nano),
            (7, 7),
            "a clock that was set back makes no time negative"
        );
        let attributes: Vec<_> =
            span.attributes.into_iter().map(|a| (a.key, a.value.unwrap().value.unwrap())).collect();
        let expected = [
            ("long".to_owned(), Any::StringValue(LONG.to_owned())),
            ("negative".to_owned(), Any::IntValue(-1)),
            ("error.type".to_owned(), Any::StringValue(LONG.to_owned())),
        ];
        assert_eq!(attributes, expected);
        let status = span.status.unwrap();
        assert_eq!((status.message.as_str(), status.code), (LONG, 2));
        assert_eq!((other.kind, other.parent_span_id, other.status), (3, vec![], None));
        assert_eq!((other.start_time_unix_nano, other.end_time_unix_nano), (1, 2));
    }
}
