//! One request followed by its trace: in the gateway's log, in the metadata at the service, in the spans at a collector.

use http::{Method, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Attribute;
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode as SpanStatus};
use prost::Message;
use serde_json::{Value, json};
use testkit::backend::{Backend, Seen, reply, status};

use crate::harness::{Gateway, request};
use crate::{LIBRARY, head, library};

/// What a collector is, as far as the backend needs to know: the test reads the messages themselves.
const COLLECTOR: &str = r#"
    syntax = "proto3";
    package opentelemetry.proto.collector.trace.v1;
    message ExportTraceServiceRequest {}
    message ExportTraceServiceResponse {}
    service TraceService { rpc Export(ExportTraceServiceRequest) returns (ExportTraceServiceResponse); }
"#;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const ROUTES: &str =
    "routes:\n  - get: /books/{name}\n    grpc: library.v1.Library/GetBook\nlog: {format: json}\n";

async fn collector() -> Backend {
    let export = "opentelemetry.proto.collector.trace.v1.TraceService/Export";
    Backend::of(COLLECTOR).on(export, |_| reply(json!({}))).start().await
}

/// A gateway before this library that sends its spans to this collector.
async fn gateway(library: &Backend, collector: &Backend, sample: &str) -> Gateway {
    let tracing = format!("tracing: {{otlp: http://{}, sample: {sample}}}\n", collector.address());
    let yaml = format!("{}{tracing}{ROUTES}", head(library));
    crate::harness::routes(&yaml).file("library.binpb", library.descriptors()).start().await
}

/// The spans that the collector got, in the order in which they began, each checked for what every span has.
fn spans(collector: &Backend) -> Vec<Span> {
    let mut spans = Vec::new();
    for export in collector.seen() {
        for resource in ExportTraceServiceRequest::decode(export.wire).unwrap().resource_spans {
            let service = resource.resource.unwrap().attributes.into_iter().find(|a| a.key == "service.name");
            let Some(Attribute::StringValue(service)) = service.unwrap().value.unwrap().value else {
                panic!()
            };
            assert_eq!(service, "gateway");
            spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }
    for span in &spans {
        assert_eq!((span.trace_id.len(), span.span_id.len()), (16, 8), "{span:?}");
        assert!(span.span_id != [0; 8] && span.trace_id != [0; 16], "{span:?}");
        assert!(span.start_time_unix_nano > 0 && span.end_time_unix_nano >= span.start_time_unix_nano);
        assert!(!span.name.is_empty());
    }
    spans.sort_by_key(|span| (span.kind != SpanKind::Server as i32, span.start_time_unix_nano));
    spans
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attribute(span: &Span, key: &str) -> Value {
    let found = span.attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|attribute| attribute.value.as_ref()?.value.as_ref()) {
        Some(Attribute::StringValue(text)) => json!(text),
        Some(Attribute::IntValue(number)) => json!(number),
        other => json!(format!("{other:?}")),
    }
}

fn traceparent(seen: &Seen) -> String {
    seen.metadata["traceparent"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_request_is_followed_by_its_trace_id_everywhere() {
    let (library, collector) = (library().start().await, collector().await);
    let mut gateway = gateway(&library, &collector, "0%").await;
    let mut sent = request(Method::GET, "/books/b1?full=true");
    sent.headers_mut().insert("traceparent", PARENT.parse().unwrap());
    sent.headers_mut().insert("tracestate", "a=b,c=d".parse().unwrap());
    sent.headers_mut().insert("x-request-id", "id-1".parse().unwrap());
    assert_eq!(gateway.request(sent).await.status, StatusCode::OK);

    let seen = library.only();
    let line: Value = serde_json::from_str(&gateway.log_line().await).unwrap();
    gateway.stop().await;
    let spans = spans(&collector);
    let [server, client] = spans.as_slice() else { panic!("{spans:?}") };

    assert_eq!((&line["trace_id"], &line["request_id"]), (&json!(TRACE), &json!("id-1")));
    assert_eq!(hex(&server.trace_id), TRACE);
    assert_eq!(hex(&client.trace_id), TRACE);
    // The client's span is the parent of the request's, that of the try's, and that of whatever the service does.
    assert_eq!(hex(&server.parent_span_id), "00f067aa0ba902b7");
    assert_eq!(client.parent_span_id, server.span_id);
    assert_eq!(traceparent(&seen), format!("00-{TRACE}-{}-01", hex(&client.span_id)));
    assert_eq!(seen.metadata["tracestate"], "a=b,c=d");

    assert_eq!((server.kind, client.kind), (SpanKind::Server as i32, SpanKind::Client as i32));
    assert_eq!((&*server.name, &*client.name), ("GET /books/{name}", "library.v1.Library/GetBook"));
    assert_eq!((&server.status, &client.status), (&None, &None), "a success says nothing");
    for (key, value) in [
        ("http.request.method", json!("GET")),
        ("http.route", json!("/books/{name}")),
        ("http.response.status_code", json!(200)),
        ("url.path", json!("/books/b1")),
        ("url.scheme", json!("http")),
        ("gateway.request_id", json!("id-1")),
    ] {
        assert_eq!(attribute(server, key), value, "{key}");
    }
    for (key, value) in [
        ("rpc.system", json!("grpc")),
        ("rpc.service", json!("library.v1.Library")),
        ("rpc.method", json!("GetBook")),
        ("rpc.grpc.status_code", json!(0)),
        ("network.peer.address", json!(library.address().to_string())),
    ] {
        assert_eq!(attribute(client, key), value, "{key}");
    }
}

#[tokio::test]
async fn every_try_is_a_span_of_its_own() {
    let failures = std::sync::atomic::AtomicU32::new(0);
    let library = Backend::of(LIBRARY).on("library.v1.Library/GetBook", move |_| {
        match failures.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => status(14, "not now"),
            _ => reply(json!({})),
        }
    });
    let (library, collector) = (library.start().await, collector().await);
    let mut gateway = gateway(&library, &collector, "100%").await;
    assert_eq!(gateway.get("/books/b1").await.status, StatusCode::OK);
    let line: Value = serde_json::from_str(&gateway.log_line().await).unwrap();
    assert_eq!((&line["attempts"], &line["endpoint"]), (&json!(2), &json!(library.address().to_string())));
    gateway.stop().await;

    let spans = spans(&collector);
    let [server, first, second] = spans.as_slice() else { panic!("{spans:?}") };
    assert!(server.parent_span_id.is_empty(), "the trace begins here");
    assert_eq!(line["trace_id"], hex(&server.trace_id));
    let sent: Vec<String> = library.seen().iter().map(traceparent).collect();
    for (attempt, (span, sent)) in [first, second].into_iter().zip(&sent).enumerate() {
        assert_eq!((&span.parent_span_id, &span.trace_id), (&server.span_id, &server.trace_id));
        assert_eq!(*sent, format!("00-{}-{}-01", hex(&span.trace_id), hex(&span.span_id)));
        assert_eq!(attribute(span, "gateway.attempt"), json!(attempt + 1));
    }
    assert_eq!(attribute(first, "rpc.grpc.status_code"), json!(14));
    assert_eq!(first.status.as_ref().unwrap().code, SpanStatus::Error as i32);
    assert_eq!((attribute(second, "rpc.grpc.status_code"), &second.status), (json!(0), &None));
}

#[tokio::test]
async fn failures_are_told_by_their_reason() {
    let library =
        Backend::of(LIBRARY).on("library.v1.Library/GetBook", |_| status(13, "broken")).start().await;
    let collector = collector().await;
    let gateway = gateway(&library, &collector, "100%").await;
    assert_eq!(gateway.get("/books/b1").await.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(gateway.get("/nothing").await.status, StatusCode::NOT_FOUND);
    gateway.stop().await;
    let spans = spans(&collector);
    let [broken, missing, call] = spans.as_slice() else { panic!("{spans:?}") };
    for span in [broken, call] {
        assert_eq!(span.status.as_ref().unwrap().code, SpanStatus::Error as i32);
        assert_eq!(attribute(span, "error.type"), "INTERNAL");
    }
    assert_eq!(
        (&*missing.name, &missing.status),
        ("GET", &None),
        "what a client asks is no fault of the server"
    );
    assert_eq!(attribute(missing, "gateway.flag"), "ROUTE_NOT_FOUND");
}

#[tokio::test]
async fn what_is_not_recorded_is_continued_all_the_same() {
    let (library, collector) = (library().start().await, collector().await);
    let mut gateway = gateway(&library, &collector, "0%").await;
    for (sent, trace) in
        [(None, None), (Some("nonsense"), None), (Some(&*PARENT.replace("-01", "-00")), Some(TRACE))]
    {
        let mut asked = request(Method::GET, "/books/b1");
        if let Some(sent) = sent {
            asked.headers_mut().insert("traceparent", sent.parse().unwrap());
            asked.headers_mut().insert("tracestate", "a=b".parse().unwrap());
        }
        gateway.request(asked).await;
        let line: Value = serde_json::from_str(&gateway.log_line().await).unwrap();
        let id = line["trace_id"].as_str().unwrap().to_owned();
        let seen = library.only();
        let parent = traceparent(&seen);
        assert!(parent.starts_with(&format!("00-{id}-")) && parent.ends_with("-00"), "{parent}");
        assert!(!parent.contains("00f067aa0ba902b7"), "the gateway's span is the parent: {parent}");
        assert_eq!(trace.is_some_and(|trace| trace == id), trace.is_some());
        assert_eq!(seen.metadata.contains_key("tracestate"), trace.is_some());
    }
    gateway.stop().await;
    assert_eq!(spans(&collector), []);
}

#[tokio::test]
async fn without_tracing_a_trace_goes_through_and_nonsense_does_not() {
    let library = library().start().await;
    let mut gateway = crate::gateway(&library, ROUTES).await;
    for (sent, passes) in [(PARENT, true), ("nonsense", false)] {
        let mut asked = request(Method::GET, "/books/b1");
        asked.headers_mut().insert("traceparent", sent.parse().unwrap());
        gateway.request(asked).await;
        let line: Value = serde_json::from_str(&gateway.log_line().await).unwrap();
        assert_eq!(line.get("trace_id").is_some(), passes, "{line}");
        let seen = library.only();
        assert_eq!(
            seen.metadata.get("traceparent").map(|value| value.to_str().unwrap()),
            passes.then_some(PARENT)
        );
    }
}
