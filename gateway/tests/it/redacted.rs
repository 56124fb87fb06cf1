//! Fields that are marked as not for logs (`debug_redact`) are in no access record, no span and no error.

use http::StatusCode;
use serde_json::json;
use testkit::backend::{Backend, reply};

const VAULT: &str = r#"
    syntax = "proto3";
    package vault.v1;
    service Vault { rpc Open(OpenRequest) returns (Opened); }
    message OpenRequest {
      string token = 1 [debug_redact = true];
      int32 pin = 2 [debug_redact = true];
      string door = 3;
      int32 floor = 4;
    }
    message Opened {}
"#;

#[tokio::test]
async fn what_is_marked_is_neither_logged_nor_quoted() {
    let vault = Backend::of(VAULT).on("vault.v1.Vault/Open", |_| reply(json!({}))).start().await;
    let yaml = format!(
        "listeners: [{{address: 127.0.0.1:0}}]\ndescriptors: [vault.binpb]\nupstreams:\n  vault: {{address: {}}}\n\
         services:\n  vault.v1.Vault: vault\nlog: {{format: json}}\nroutes:\n  \
         - {{post: \"/open/{{token}}\", grpc: vault.v1.Vault/Open}}\n  \
         - {{get: \"/doors/{{door}}\", grpc: vault.v1.Vault/Open}}\n  \
         - {{get: \"/pins/{{pin}}\", grpc: vault.v1.Vault/Open}}\n  \
         - {{post: /vaults, grpc: vault.v1.Vault/Open}}\n",
        vault.address()
    );
    let mut gateway = crate::harness::routes(&yaml).file("vault.binpb", vault.descriptors()).start().await;

    for (method, path, body, status) in [
        ("POST", "/open/s3cret", "{}", StatusCode::OK),
        ("POST", "/open/s3cret", r#"{"pin":"s3cret"}"#, StatusCode::BAD_REQUEST),
        ("POST", "/open/s3cret", r#"{"token":"s3cret too"}"#, StatusCode::BAD_REQUEST),
        ("GET", "/doors/d1?pin=s3cret", "", StatusCode::BAD_REQUEST),
        ("GET", "/doors/d1?pin=1&token=s3cret&token=2", "", StatusCode::BAD_REQUEST),
        ("GET", "/doors/d1?token=%ffs3cret", "", StatusCode::BAD_REQUEST),
        ("GET", "/doors/d1?token.x=s3cret", "", StatusCode::BAD_REQUEST),
        ("GET", "/pins/s3cret", "", StatusCode::BAD_REQUEST),
        ("POST", "/vaults", r#"{"token":s3cret}"#, StatusCode::BAD_REQUEST),
        ("POST", "/vaults", r#"{"token":"s3cret\q"}"#, StatusCode::BAD_REQUEST),
        ("POST", "/vaults", r#"{"token":"s3cret"#, StatusCode::BAD_REQUEST),
        ("POST", "/vaults", r#"{"token":["s3cret"]}"#, StatusCode::BAD_REQUEST),
        ("POST", "/vaults", r#"{"token":"s3cret","token":"s3cret"}"#, StatusCode::BAD_REQUEST),
        ("POST", "/vaults", r#"{"pin":"s3cret"}"#, StatusCode::BAD_REQUEST),
    ] {
        let answer = gateway.send(method, path, body).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        let line = gateway.log_line().await;
        for (what, text) in [("the answer", answer.text()), ("the log", line)] {
            assert!(!text.contains("s3cret"), "{what} to {method} {path}: {text}");
        }
    }
    let answer = gateway.get("/doors/d1?floor=first").await;
    assert!(answer.text().contains("first"), "others are quoted: {}", answer.text());
    assert!(gateway.log_line().await.contains("/doors/d1"), "and logged");
}
