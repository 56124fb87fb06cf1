//! Every refusal, in the shapes of the contract.

use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::Full;
use prost::Message;
use serde_json::{Value, json};
use testkit::backend::{Backend, raw, reply, status};

use crate::harness::{Gateway, request};
use crate::{gateway, library, silent};

const ROUTES: &str = "routes:
  - get: /books/{name}
    grpc: library.v1.Library/GetBook
  - post: /books
    grpc: library.v1.Library/CreateBook
  - get: /books
    grpc: library.v1.Library/ListBooks
";

/// The answer without its request id, which has to be the header's.
fn body(answer: &crate::harness::Answer) -> Value {
    let mut body = answer.json();
    let id = body.as_object_mut().unwrap().remove("requestId").expect("a requestId");
    assert_eq!(id, answer.header("x-request-id"));
    body
}

async fn answering(reply: testkit::backend::Reply) -> (Backend, Gateway) {
    let backend = library().on("library.v1.Library/GetBook", move |_| reply.clone()).start().await;
    let gateway = gateway(&backend, ROUTES).await;
    (backend, gateway)
}

#[tokio::test]
async fn no_route() {
    let backend = library().start().await;
    let gateway = gateway(&backend, ROUTES).await;
    let answer = gateway.get("/nowhere").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let expected =
        json!({"error": "no route matches this path", "code": "NOT_FOUND", "reason": "ROUTE_NOT_FOUND"});
    assert_eq!(body(&answer), expected);
}

#[tokio::test]
async fn another_method() {
    let backend = library().start().await;
    let gateway = gateway(&backend, ROUTES).await;
    let answer = gateway.send("PUT", "/books", "{}").await;
    assert_eq!(
        (answer.status, answer.header("allow")),
        (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD, OPTIONS, POST")
    );
    assert_eq!(body(&answer)["reason"], "METHOD_NOT_ALLOWED");
}

#[tokio::test]
async fn paths_that_are_not_routed() {
    let backend = library().start().await;
    let gateway = gateway(&backend, ROUTES).await;
    for path in ["/books/%zz", "/books/%ff", "/books/../admin", "/books/%2e%2e"] {
        let answer = gateway.get(path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(body(&answer)["reason"], "BAD_PATH", "{path}");
    }
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn a_bad_request_says_where_all_violations_at_once() {
    let backend = library().start().await;
    let gateway = gateway(&backend, ROUTES).await;
    let sent = r#"{"book":{"copies":"many","tags":["a",7]},"shelf":1}"#;
    let answer = gateway.send("POST", "/books", sent).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let body = body(&answer);
    assert_eq!((&body["code"], &body["reason"]), (&json!("INVALID_ARGUMENT"), &json!("INVALID_REQUEST")));
    let first = body["error"].as_str().unwrap();
    assert!(first.starts_with("book.copies: expected int64, got \"many\""), "{first}");
    let details = &body["details"][0];
    assert_eq!(details["@type"], "type.googleapis.com/google.rpc.BadRequest");
    let fields: Vec<&str> =
        details["fieldViolations"].as_array().unwrap().iter().map(|v| v["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["book.copies", "book.tags[1]", "shelf"]);
}

#[tokio::test]
async fn malformed_json() {
    let backend = library().start().await;
    let gateway = gateway(&backend, ROUTES).await;
    for sent in
        ["{", "{\"shelf\": 'a'}", "[]", "{\"shelf\":\"a\",}", "{\"shelf\":\"a\",\"shelf\":\"b\"}", "nul"]
    {
        let answer = gateway.send("POST", "/books", sent).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{sent}");
        assert_eq!(body(&answer)["reason"], "INVALID_REQUEST", "{sent}");
    }
    assert!(backend.seen().is_empty(), "nothing of it goes upstream");
}

#[tokio::test]
async fn unknown_fields_and_parameters() {
    let backend = library().start().await;
    let gateway = gateway(&backend, ROUTES).await;
    for (method, path, sent, named) in [
        ("POST", "/books", r#"{"shelve":"a"}"#, "shelve"),
        ("POST", "/books?shelf=a", "{}", "shelf"),
        ("GET", "/books?pagesize=1", "", "pagesize"),
        ("GET", "/books?formats=VELLUM", "", "formats"),
    ] {
        let answer = gateway.send(method, path, sent).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path} {sent}");
        let field = body(&answer)["details"][0]["fieldViolations"][0]["field"].clone();
        assert_eq!(field.as_str().unwrap().split('[').next(), Some(named));
    }
}

#[tokio::test]
async fn a_body_that_is_not_json() {
    let backend = library().start().await;
    let gateway = gateway(&backend, ROUTES).await;
    for (header, value, reason) in [
        ("content-type", "application/x-www-form-urlencoded", "UNSUPPORTED_MEDIA_TYPE"),
        ("content-encoding", "compress", "UNSUPPORTED_ENCODING"),
    ] {
        let mut sent = request(Method::POST, "/books");
        sent.headers_mut().insert(header, value.parse().unwrap());
        *sent.body_mut() = Full::from("{}");
        let answer = gateway.request(sent).await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert_eq!(body(&answer)["reason"], reason);
    }
}

#[tokio::test]
async fn a_body_that_is_too_large() {
    let backend = library().start().await;
    let gateway = gateway(&backend, &format!("{ROUTES}limits: {{body: 1KiB}}\n")).await;
    let answer = gateway.send("POST", "/books", &format!("{{\"shelf\":\"{}\"}}", "x".repeat(1100))).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let body = body(&answer);
    assert_eq!((&body["reason"], &body["code"]), (&json!("BODY_TOO_LARGE"), &json!("RESOURCE_EXHAUSTED")));
}

#[tokio::test]
async fn the_codes_of_a_service() {
    for (code, http) in [
        (1, 499),
        (3, 400),
        (5, 404),
        (6, 409),
        (7, 403),
        (8, 429),
        (9, 400),
        (12, 501),
        (13, 500),
        (16, 401),
        (17, 500),
        (99, 500),
    ] {
        let (_backend, gateway) = answering(status(code, "because — ünïcode %")).await;
        let answer = gateway.get("/books/b1").await;
        assert_eq!(answer.status.as_u16(), http, "{code}");
        let body = body(&answer);
        assert_eq!(body["error"], "because — ünïcode %");
        assert_eq!(body.get("reason"), None, "the service made it, not the gateway");
    }
}

/// google.rpc.Status
#[derive(Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

#[derive(Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "bytes", tag = "2")]
    value: Bytes,
}

#[tokio::test]
async fn when_a_service_says_to_come_back_the_client_is_told() {
    // google.rpc.RetryInfo { retry_delay: 41.5s }
    let info = Any {
        type_url: "type.googleapis.com/google.rpc.RetryInfo".into(),
        value: Bytes::from_static(b"\x0a\x08\x08\x29\x10\x80\xca\xb5\xee\x01"),
    };
    let details = Status { code: 8, message: "quota".into(), details: vec![info] }.encode_to_vec();
    let reply = status(8, "quota").details(details);
    let (_backend, gateway) = answering(reply.clone()).await;
    let answer = gateway.get("/books/b1").await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "42"));
    assert_eq!(body(&answer)["details"][0]["retryDelay"], "41.500s");
    let (_backend, gateway) = answering(reply.trailer("retry-after", "7")).await;
    assert_eq!(
        gateway.get("/books/b1").await.header("retry-after"),
        "7",
        "what it says in HTTP's own words wins"
    );
}

#[tokio::test]
async fn details_of_services_are_spelt_as_those_of_the_gateway() {
    // google.rpc.BadRequest { field_violations: [{field: "a"}] }
    let bad = Any {
        type_url: "type.googleapis.com/google.rpc.BadRequest".into(),
        value: Bytes::from_static(b"\x0a\x03\x0a\x01a"),
    };
    let details = Status { code: 3, message: "bad".into(), details: vec![bad] }.encode_to_vec();
    let reply = status(3, "bad").details(details);
    let backend = library().on("library.v1.Library/GetBook", move |_| reply.clone()).start().await;
    let json = "json: {names: proto, unset: print, enums: number}\n";
    let gateway = gateway(&backend, &format!("{ROUTES}{json}")).await;
    let answer = gateway.get("/books/b1").await;
    let expected =
        json!([{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{"field": "a"}]}]);
    assert_eq!(body(&answer)["details"], expected);
}

#[tokio::test]
async fn details_are_readable_and_unknown_ones_survive() {
    // google.rpc.ErrorInfo { reason: "STOCK" } and a type that no descriptor has
    let details = Status {
        code: 9,
        message: "out of stock".into(),
        details: vec![
            Any {
                type_url: "type.googleapis.com/google.rpc.ErrorInfo".into(),
                value: Bytes::from_static(b"\x0a\x05STOCK"),
            },
            Any { type_url: "type.googleapis.com/acme.Secret".into(), value: Bytes::from_static(&[1, 2, 3]) },
        ],
    };
    let (_backend, gateway) = answering(status(9, "out of stock").details(details.encode_to_vec())).await;
    let answer = gateway.get("/books/b1").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        body(&answer)["details"],
        json!([
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "STOCK"},
            {"@type": "type.googleapis.com/acme.Secret", "value": "AQID"},
        ])
    );
}

#[tokio::test]
async fn an_answer_that_is_no_message_is_a_bad_gateway() {
    let (_backend, gateway) = answering(raw(&b"\x0a\xff"[..])).await;
    let answer = gateway.get("/books/b1").await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert_eq!(body(&answer)["reason"], "RESPONSE_TRANSCODE_FAILED");
}

#[tokio::test]
async fn a_service_out_of_reach_is_said_at_once_and_without_its_address() {
    let backend = library().start().await;
    let gateway = gateway(&backend, ROUTES).await;
    assert_eq!(gateway.get("/books/b1").await.status, StatusCode::OK);
    let address = backend.address();
    drop(backend);

    let started = std::time::Instant::now();
    let answer = gateway.get("/books/b1").await;
    assert!(started.elapsed() < std::time::Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_ne!(answer.header("retry-after"), "");
    let body = body(&answer);
    assert_eq!(body["code"], "UNAVAILABLE");
    assert!(!answer.text().contains(&address.port().to_string()), "{body}");

    let health = gateway.get("/health").await;
    assert_eq!(health.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(health.json(), json!({"status": "degraded", "services": {"library": "unavailable"}}));

    // It comes back on the same address, and so do the calls: nothing is restarted.
    let _back = library().on("library.v1.Library/GetBook", |_| reply(json!({}))).start_on(address).await;
    let patience = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while gateway.get("/books/b1").await.status != StatusCode::OK {
        assert!(tokio::time::Instant::now() < patience, "the service is back, the gateway is not");
        tokio::task::yield_now().await;
    }
    assert_eq!(
        gateway.get("/health").await.json(),
        json!({"status": "ok", "services": {"library": "connected"}})
    );
}

#[tokio::test]
async fn a_service_that_does_not_answer_in_time() {
    let route = "routes:\n  - get: /books/{name}\n    grpc: library.v1.Library/GetBook\n    timeout: 50ms\n";
    let (peer, gateway) = silent(route).await;
    let answer = gateway.get("/books/b1").await;
    assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(body(&answer)["reason"], "DEADLINE_EXCEEDED");
    tokio::time::timeout(std::time::Duration::from_secs(20), peer.cancelled(1))
        .await
        .expect("the call is cancelled");
}

#[tokio::test]
async fn errors_as_google_rpc_status() {
    let (_backend, gateway) = {
        let backend = library().on("library.v1.Library/GetBook", |_| status(5, "no book")).start().await;
        let gateway = gateway(&backend, &format!("{ROUTES}errors: google\n")).await;
        (backend, gateway)
    };
    let expected = json!({"code": 5, "message": "no book", "details": []});
    assert_eq!(gateway.get("/books/b1").await.json(), expected);
    let info = json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "ROUTE_NOT_FOUND", "domain": "gateway"});
    assert_eq!(
        gateway.get("/nowhere").await.json(),
        json!({"code": 5, "message": "no route matches this path", "details": [info]})
    );
}

#[tokio::test]
async fn errors_as_problem_details() {
    let backend = library().start().await;
    let gateway = gateway(&backend, &format!("{ROUTES}errors: problem\n")).await;
    let answer = gateway.get("/nowhere").await;
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(
        (&body["title"], &body["status"], &body["reason"]),
        (&json!("Not Found"), &json!(404), &json!("ROUTE_NOT_FOUND"))
    );
}

#[tokio::test]
async fn with_explain_a_404_names_the_near_misses() {
    let backend = library().start().await;
    let gateway = gateway(&backend, &format!("{ROUTES}explain: true\n")).await;
    let misses = body(&gateway.get("/book/b1").await)["nearMisses"].clone();
    let first = misses[0].as_str().unwrap();
    assert!(first.contains("/books/{name}") && first.contains("\"book\""), "{misses}");
    let answer = gateway.send("DELETE", "/books", "").await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(body(&answer)["nearMisses"].as_array().unwrap().len() >= 2);
}
