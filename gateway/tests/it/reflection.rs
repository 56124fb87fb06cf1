//! A server as the source of its own descriptors: asked at start, asked again, gone, and at odds with itself.

use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::{Value, json};
use testkit::backend::{Backend, compile, reply};
use testkit::reflection::{Reflecting, Version};

use crate::harness::{Gateway, request, routes, send};

/// What the server describes; `book` is the body of the message.
fn library(book: &str) -> String {
    format!(
        r#"syntax = "proto3";
        package library.v1;
        import "google/protobuf/timestamp.proto";
        service Library {{ rpc GetBook(GetBookRequest) returns (Book); rpc AddBook(Book) returns (Book); }}
        message GetBookRequest {{ string name = 1; }}
        message Book {{ string name = 1; google.protobuf.Timestamp printed = 2; {book} }}"#
    )
}

const TITLE: &str = "string title = 3;";

/// A service that knows all fields that a book ever had.
async fn backend() -> Backend {
    let proto = library("string title = 3; int32 pages = 4;");
    Backend::of(&proto)
        .on("library.v1.Library/GetBook", |_| reply(json!({"title": "Emma"})))
        .on("library.v1.Library/AddBook", |seen| reply(seen.json()))
        .start()
        .await
}

fn yaml(server: &Reflecting, backend: &Backend) -> String {
    format!(
        "listeners: [{{address: 127.0.0.1:0}}]\n\
         admin: {{address: 127.0.0.1:0}}\n\
         descriptors: [{{reflection: library}}]\n\
         upstreams:\n  library: {{address: {}}}\n  shelf: {{address: {}}}\n\
         services:\n  library.v1.Library: shelf\n\
         routes:\n\
         \x20 - get: /books/{{name}}\n    grpc: library.v1.Library/GetBook\n\
         \x20 - post: /books\n    grpc: library.v1.Library/AddBook\n",
        server.address(),
        backend.address()
    )
}

async fn reloads(gateway: &Gateway) -> Value {
    let answer = send(gateway.admin(), request(http::Method::GET, "/reloads")).await;
    serde_json::from_slice(&answer.body).unwrap()
}

/// Waits for the newest reload to be of this trigger and outcome; gives it.
async fn newest(gateway: &Gateway, trigger: &str, outcome: &str) -> Value {
    let started = Instant::now();
    loop {
        let newest = reloads(gateway).await[0].clone();
        if newest["trigger"] == trigger && newest["outcome"] == outcome {
            return newest;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "no {outcome} {trigger}, but {newest}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn both_versions_of_reflection_describe_services() {
    for version in [Version::V1, Version::V1Alpha] {
        let (server, backend) =
            (Reflecting::start(version, &compile(&library(TITLE))).await, backend().await);
        let gateway = routes(&yaml(&server, &backend)).start().await;
        let answer = gateway.get("/books/emma").await;
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({"title": "Emma"})), "{version:?}");
        // The well-known types are the gateway's own.
        let answer = gateway.send("POST", "/books", r#"{"printed":"1815-12-23T00:00:00Z"}"#).await;
        assert_eq!(answer.json(), json!({"printed": "1815-12-23T00:00:00Z"}), "{version:?}");
    }
}

#[tokio::test]
async fn a_server_without_reflection_is_told_with_its_place() {
    let (server, backend) =
        (Reflecting::start(Version::Neither, &compile(&library(TITLE))).await, backend().await);
    let error = routes(&yaml(&server, &backend)).try_start().await.err().unwrap().to_string();
    assert!(error.contains("routes.yaml:3:28"), "{error}");
    assert!(error.contains("neither grpc.reflection.v1 nor grpc.reflection.v1alpha"), "{error}");
}

#[tokio::test]
async fn what_a_server_adds_is_live_without_a_save() {
    let (server, backend) =
        (Reflecting::start(Version::V1, &compile(&library(TITLE))).await, backend().await);
    let gateway = routes(&yaml(&server, &backend)).start().await;
    let book = r#"{"title":"Emma","pages":474}"#;
    assert_eq!(gateway.send("POST", "/books", book).await.status, StatusCode::BAD_REQUEST);
    server.describe(&compile(&library("string title = 3; int32 pages = 4;")));
    let entry = newest(&gateway, "reflection", "applied").await;
    assert_eq!(entry["text"], "~ descriptors of library");
    let answer = gateway.send("POST", "/books", book).await;
    assert_eq!(answer.json(), json!({"title": "Emma", "pages": 474}));
}

#[tokio::test]
async fn what_breaks_clients_is_held_back_until_somebody_orders_it() {
    let (server, backend) =
        (Reflecting::start(Version::V1, &compile(&library(TITLE))).await, backend().await);
    let gateway = routes(&yaml(&server, &backend)).start().await;
    server.describe(&compile(&library("int32 pages = 4;")));
    let entry = newest(&gateway, "reflection", "held").await;
    let text = entry["text"].as_str().unwrap();
    assert!(text.contains("request field `title` of library.v1.Book is gone"), "{text}");
    assert!(text.contains("routes.yaml:3:28") && text.contains("POST /reload"), "{text}");
    assert_eq!(entry["version"], Value::Null);
    assert_eq!(gateway.get("/books/emma").await.json(), json!({"title": "Emma"}), "the old ones go on");

    // A save does not confirm it, and goes live all the same, with a warning.
    gateway.save("routes.yaml", yaml(&server, &backend).replace("get: /books", "get: /volumes"));
    let entry = newest(&gateway, "file", "applied").await;
    assert!(entry["warnings"][0].as_str().unwrap().contains("has changed in ways that break clients"));
    assert_eq!(gateway.get("/volumes/emma").await.json(), json!({"title": "Emma"}));

    let (status, text) = gateway.reload().await;
    assert_eq!(status, StatusCode::OK, "{text}");
    assert_eq!(gateway.get("/volumes/emma").await.json(), json!({}), "the title is unknown now");
    let held = reloads(&gateway).await.as_array().unwrap().iter().filter(|e| e["outcome"] == "held").count();
    assert_eq!(held, 1, "the same is not told again and again");
}

#[tokio::test]
async fn a_server_that_is_gone_takes_nothing_down() {
    let (server, backend) =
        (Reflecting::start(Version::V1, &compile(&library(TITLE))).await, backend().await);
    let text = yaml(&server, &backend);
    let gateway = routes(&text).start().await;
    drop(server);
    gateway.save("routes.yaml", text.replace("get: /books", "get: /volumes"));
    let entry = newest(&gateway, "file", "applied").await;
    let warning = entry["warnings"][0].as_str().unwrap();
    assert!(warning.contains("cannot ask `library` for its descriptors"), "{warning}");
    assert_eq!(gateway.get("/volumes/emma").await.json(), json!({"title": "Emma"}));
    let (status, text) = gateway.reload().await;
    assert_eq!(status, StatusCode::OK, "an order takes nothing down either: {text}");
    assert_eq!(gateway.get("/volumes/emma").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_server_and_a_file_that_disagree_are_both_shown() {
    let (server, backend) =
        (Reflecting::start(Version::V1, &compile(&library(TITLE))).await, backend().await);
    let yaml = yaml(&server, &backend).replace("[{reflection", "[other.binpb, {reflection");
    let other = compile(&library("bytes title = 3;"));
    let error = routes(&yaml).file("other.binpb", other).try_start().await.err().unwrap().to_string();
    assert!(error.contains("error[descriptors-conflict]"), "{error}");
    assert!(error.contains("reflection of library") && error.contains("differs from this one"), "{error}");
}
