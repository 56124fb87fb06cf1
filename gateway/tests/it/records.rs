//! What the access record of a request says beyond its status: the upstream, and what went wrong.

use bytes::Bytes;
use http::{Method, StatusCode};
use prost::Message;
use serde_json::{Value, json};
use testkit::backend::{Backend, BackendBuilder, Reply, status};

use crate::harness::{self, Gateway};
use crate::tokens::{self, SHOP, token};
use crate::{gateway, library};

const ROUTES: &str = "log: {format: json}
routes:
  - get: /books/{name}
    grpc: library.v1.Library/GetBook
  - get: /books
    grpc: library.v1.Library/ListBooks
  - post: /books
    grpc: library.v1.Library/CreateBook
    body: book
";

fn failing(reply: Reply) -> BackendBuilder {
    library().on("library.v1.Library/GetBook", move |_| reply.clone())
}

/// The next access record.
async fn record(gateway: &mut Gateway) -> Value {
    let line = gateway.log_line().await;
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

#[tokio::test]
async fn a_record_names_the_upstream_and_a_success_has_no_detail() {
    let backend = library().start().await;
    let mut json = gateway(&backend, ROUTES).await;
    assert_eq!(json.get("/books/b1").await.status, StatusCode::OK);
    let line = record(&mut json).await;
    assert_eq!((&line["kind"], &line["upstream"]), (&json!("access"), &json!("library")));
    assert!(line["upstream_ms"].is_f64() && line["time"].is_string(), "{line}");
    assert_eq!(line.get("detail"), None);

    let mut text = gateway(&backend, &ROUTES.replace("json", "text")).await;
    assert_eq!(text.get("/books/b1").await.status, StatusCode::OK);
    let line = text.log_line().await;
    assert!(line.contains(" upstream=library upstream_time=") && !line.contains("detail="), "{line}");
    assert_eq!(text.get("/books?page_size=x").await.status, StatusCode::BAD_REQUEST);
    let line = text.log_line().await;
    let detail = r#" flag=INVALID_REQUEST detail="page_size: expected int32, got \"x\"" in=0 "#;
    assert!(line.contains(detail), "{line}");
}

#[tokio::test]
async fn a_call_of_several_upstreams_names_the_one_that_it_went_to() {
    let up = library().start().await;
    let yaml = format!(
        "listeners: [{{address: 127.0.0.1:0}}]\nlog: {{format: json}}\ndescriptors: [library.binpb]\n\
         upstreams:\n  up: {{address: {}}}\n  down: {{address: \"127.0.0.1:1\"}}\n\
         routes:\n  - get: /books/{{name}}\n    grpc: library.v1.Library/GetBook\n    \
         upstream: {{up: 50%, down: 50%}}\n",
        up.address()
    );
    let mut gateway = harness::routes(&yaml).file("library.binpb", up.descriptors()).start().await;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let status = gateway.get("/books/b1").await.status;
        let line = record(&mut gateway).await;
        let name = line["upstream"].as_str().unwrap().to_owned();
        match name.as_str() {
            "up" => assert_eq!((status, line.get("detail")), (StatusCode::OK, None), "{line}"),
            _ => {
                assert_eq!(line["flag"], "NO_HEALTHY_UPSTREAM", "{line}");
                let detail = line["detail"].as_str().unwrap();
                assert!(detail.contains("127.0.0.1:1: ") && detail.contains("refused"), "{detail}");
            }
        }
        seen.insert(name);
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["down", "up"]);
    // The upstream of a request that is rejected before the choice is not known.
    assert_eq!(gateway.get("/books/b1?nonsense=1").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(record(&mut gateway).await.get("upstream"), None);
}

#[tokio::test]
async fn a_bad_request_says_which_fields() {
    let backend = library().start().await;
    let mut gateway = gateway(&backend, ROUTES).await;
    for (method, path, body, detail) in [
        ("GET", "/books?pageSize=x", "", "pageSize: expected int32, got \"x\""),
        ("GET", "/books?sheff=x", "", "sheff: no such query parameter; did you mean `shelf`?"),
        (
            "POST",
            "/books",
            r#"{"copies":"many","author":{"name":7}}"#,
            "book.copies: expected int64, got \"many\"; book.author.name: expected string, got 7",
        ),
        (
            "POST",
            "/books",
            "{\"title\":",
            "book.title: expected a JSON value, got the end of the body (line 1, column 10)",
        ),
        ("GET", "/nowhere", "", "no route matches this path"),
        (
            "GET",
            "/books/%zz",
            "",
            "the path has a malformed escape at byte 7: two hex digits follow a `%`, which itself is written `%25`",
        ),
    ] {
        let answer = gateway.send(method, path, body).await;
        assert!(answer.status.is_client_error(), "{path}: {answer:?}");
        let line = record(&mut gateway).await;
        assert_eq!(line["detail"], detail, "{method} {path}");
    }
    let many: String = (0..500).map(|number| format!("\"unknown{number}\":1,")).collect();
    let answer = gateway.send("POST", "/books", &format!("{{{many}\"title\":\"t\"}}")).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let line = record(&mut gateway).await;
    assert_eq!(line["detail"].as_str().unwrap().chars().count(), 200, "{line}");
}

#[tokio::test]
async fn a_refused_token_says_why() {
    let backend = library().start().await;
    let routes = "routes:\n  - get: /books/{name}\n    grpc: library.v1.Library/GetBook\n    \
                  auth: {jwt: shop, scopes: [read]}\nlog: {format: json}\n";
    let mut gateway = gateway(&backend, &format!("{routes}{SHOP}")).await;
    let mut details = Vec::new();
    for over in [
        json!({"aud": "another"}),
        json!({"iss": "https://evil.example"}),
        json!({"exp": null}),
        json!({"exp": tokens::now() - 7200}),
        json!({}),
    ] {
        let token = token(over);
        let mut request = harness::request(Method::GET, "/books/b1");
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        let answer = gateway.request(request).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        let line = record(&mut gateway).await;
        let detail = line["detail"].as_str().unwrap().to_owned();
        assert!(!line.to_string().contains(&token[..20]), "no piece of the token is logged: {line}");
        assert_eq!(detail, answer.json()["error"]);
        details.push(detail);
    }
    let distinct: std::collections::BTreeSet<_> = details.iter().collect();
    assert_eq!(distinct.len(), details.len(), "{details:?}");
}

#[tokio::test]
async fn a_service_that_decides_and_is_down_is_named_with_its_error() {
    let backend = library().start().await;
    let head = crate::head(&backend).replace("services:", "  guard: {address: \"127.0.0.1:1\"}\nservices:");
    for (policy, service, flag, name) in [
        (
            "auth: {external: guard}",
            "auth: {guard: {external: {upstream: guard}}}",
            "EXTERNAL_UNAVAILABLE",
            "authorization",
        ),
        (
            "rate_limit: {descriptor: {plan: const:free}}",
            "rate_limit_service: {upstream: guard, on_failure: deny}",
            "RATE_LIMIT_UNAVAILABLE",
            "rate-limit",
        ),
    ] {
        let yaml = format!(
            "{head}log: {{format: json}}\n{service}\nroutes:\n  - get: /books/{{name}}\n    \
             grpc: library.v1.Library/GetBook\n    {policy}\n"
        );
        let files = harness::routes(&yaml).file("library.binpb", backend.descriptors());
        let mut gateway = files.start().await;
        let answer = gateway.get("/books/b1").await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(!answer.text().contains("guard"), "clients get no name: {}", answer.text());
        let line = record(&mut gateway).await;
        assert_eq!(line["flag"], flag);
        let detail = line["detail"].as_str().unwrap();
        assert!(detail.starts_with(&format!("{name} service `guard`: ")), "{detail}");
    }
}

#[tokio::test]
async fn the_words_of_a_service_are_in_the_record_and_reach_clients() {
    let words = "relation \"books\" does not exist\nat line 1\u{202e}";
    let backend = failing(status(13, words)).start().await;
    let mut gateway = gateway(&backend, ROUTES).await;
    let answer = gateway.get("/books/b1").await;
    assert_eq!((answer.status, &answer.json()["error"]), (StatusCode::INTERNAL_SERVER_ERROR, &json!(words)));
    let line = gateway.log_line().await;
    assert!(!line.contains('\u{202e}'), "{line}");
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["detail"], &line["code"]), (&json!(words), &json!("INTERNAL")));

    let backend = failing(status(5, "")).start().await;
    let mut gateway = crate::gateway(&backend, ROUTES).await;
    assert_eq!(gateway.get("/books/b1").await.status, StatusCode::NOT_FOUND);
    assert_eq!(record(&mut gateway).await.get("detail"), None, "the code says all");
}

#[tokio::test]
async fn details_are_switched_off() {
    let backend = failing(status(13, "the words")).start().await;
    let mut gateway = gateway(&backend, &ROUTES.replace("format: json", "format: json, detail: false")).await;
    for path in ["/books/b1", "/books?pageSize=x", "/nowhere"] {
        assert!(!gateway.get(path).await.status.is_success());
        let line = record(&mut gateway).await;
        assert_eq!(line.get("detail"), None, "{line}");
        assert_eq!(line["kind"], "access");
    }
}

#[tokio::test]
async fn messages_of_hidden_codes_stay_in_the_record() {
    let words = "password=hunter2";
    for (code, hidden) in [(13, true), (2, true), (5, false), (14, false)] {
        for format in ["simple", "google", "problem"] {
            let details = Status {
                code: 13,
                message: words.into(),
                details: vec![any("google.rpc.LocalizedMessage", words)],
            };
            let backend = failing(status(code, words).details(details.encode_to_vec())).start().await;
            let errors = format!("errors: {{format: {format}, hide: [INTERNAL, UNKNOWN]}}\n");
            let mut gateway = gateway(&backend, &format!("{ROUTES}{errors}")).await;
            let answer = gateway.get("/books/b1").await;
            assert_eq!(answer.text().contains("hunter2"), !hidden, "{code}: {}", answer.text());
            let body: Value = serde_json::from_slice(&answer.body).unwrap();
            let (message, of_code) = match format {
                "simple" => (&body["error"], &body["code"]),
                "google" => (&body["message"], &body["code"]),
                _ => (&body["detail"], &body["code"]),
            };
            let expected = if hidden { "the service returned an error" } else { words };
            assert_eq!(message, expected, "{body}");
            assert!(!of_code.is_null(), "{body}");
            assert_eq!(record(&mut gateway).await["detail"], words);
        }
    }
    // What the gateway itself says names no internals.
    let backend = library().start().await;
    let gateway =
        gateway(&backend, &format!("{ROUTES}errors: {{hide: [INVALID_ARGUMENT, NOT_FOUND]}}\n")).await;
    assert_eq!(gateway.get("/nowhere").await.json()["error"], "no route matches this path");
    let config = harness::send(gateway.admin(), harness::request(Method::GET, "/config")).await;
    let errors = json!({"format": "simple", "hide": ["INVALID_ARGUMENT", "NOT_FOUND"]});
    assert_eq!((&config.json()["errors"], &config.json()["log"]["detail"]), (&errors, &json!(true)));
    assert_eq!(gateway.get("/books?pageSize=x").await.json()["details"].as_array().unwrap().len(), 1);
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

#[derive(Clone, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "bytes", tag = "2")]
    value: Bytes,
}

/// A message whose field 1 (and 2) is this text.
#[derive(Message)]
struct Texts {
    #[prost(string, tag = "1")]
    one: String,
    #[prost(string, tag = "2")]
    two: String,
}

fn any(name: &str, text: &str) -> Any {
    let value = Texts { one: text.into(), two: text.into() }.encode_to_vec();
    Any { type_url: format!("type.googleapis.com/{name}"), value: value.into() }
}

#[tokio::test]
async fn stack_traces_of_services_reach_no_client() {
    let trace = any("google.rpc.DebugInfo", "secret stack");
    let elsewhere = Any { type_url: "types.example/google.rpc.DebugInfo".into(), ..trace.clone() };
    // A detail that holds another status, with a trace in it.
    let inner = Status { code: 5, message: "inner".into(), details: vec![trace.clone()] }.encode_to_vec();
    let nested = Any { type_url: "type.googleapis.com/google.rpc.Status".into(), value: inner.into() };
    let info = any("google.rpc.LocalizedMessage", "en");
    let details = vec![trace.clone(), info, elsewhere, nested];
    let details = Status { code: 3, message: "bad".into(), details }.encode_to_vec();
    let only = Status { code: 3, message: "bad".into(), details: vec![trace] }.encode_to_vec();
    for format in ["simple", "google", "problem"] {
        let backend = failing(status(3, "bad").details(details.clone())).start().await;
        let gateway = gateway(&backend, &format!("{ROUTES}errors: {format}\n")).await;
        let answer = gateway.get("/books/b1").await;
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert!(!answer.text().contains("secret stack") && !answer.text().contains("DebugInfo"), "{body}");
        assert_eq!(body["details"][0]["@type"], "type.googleapis.com/google.rpc.LocalizedMessage", "{body}");
    }
    let backend: Backend = failing(status(3, "bad").details(only.clone())).start().await;
    let hiding = gateway(&backend, ROUTES).await;
    assert_eq!(hiding.get("/books/b1").await.json().get("details"), None);
    let explaining = gateway(&backend, &format!("{ROUTES}explain: true\n")).await;
    let body = explaining.get("/books/b1").await.json();
    assert_eq!(body["details"][0]["stackEntries"], json!(["secret stack"]), "{body}");
}
