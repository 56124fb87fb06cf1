//! Fields that the gateway fills, over whatever clients send.

use http::{Method, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use testkit::backend::Backend;

use crate::harness::{Answer, Gateway, request};
use crate::tokens::{SHOP, bearer};
use crate::{gateway, library};

async fn setting(backend: &Backend) -> Gateway {
    let rest = format!(
        "{SHOP}routes:\n  - post: /books\n    grpc: library.v1.Library/CreateBook\n    auth: {{jwt: shop}}\n    \
         set: {{shelf: jwt:tenant, request_token: request:id, book.copies: jwt:copies, book.note: header:x-note, \
         book.author.country: const:NZ}}\n  \
         - get: /shelves\n    grpc: library.v1.Library/ListBooks\n    set: {{shelf: header:x-shelf, author.name: header:x-author}}\n"
    );
    gateway(backend, &rest).await
}

async fn post(gateway: &Gateway, claims: Value, headers: &[(&'static str, &str)], body: &Value) -> Answer {
    let mut request = request(Method::POST, "/books");
    request.headers_mut().insert("authorization", bearer(claims).parse().unwrap());
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    *request.body_mut() = Full::from(body.to_string());
    gateway.request(request).await
}

async fn get(gateway: &Gateway, path: &str, headers: &[(&'static str, &str)]) -> Answer {
    let mut request = request(Method::GET, path);
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    gateway.request(request).await
}

fn spoofed() -> Value {
    json!({
        "shelf": "theirs", "requestToken": "theirs",
        "book": {"title": "T", "copies": "99", "note": "theirs", "author": {"name": "A", "country": "theirs"}},
    })
}

#[tokio::test]
async fn what_the_gateway_fills_is_not_for_clients_to_say() {
    let backend = library().start().await;
    let gateway = setting(&backend).await;
    let claims = json!({"tenant": "t1", "copies": 3});
    let headers = [("x-request-id", "id-42"), ("x-note", "ours")];
    assert_eq!(post(&gateway, claims, &headers, &spoofed()).await.status, StatusCode::OK);
    let expected = json!({
        "shelf": "t1", "requestToken": "id-42",
        "book": {"title": "T", "copies": "3", "note": "ours", "author": {"name": "A", "country": "NZ"}},
    });
    assert_eq!(backend.only().json(), expected);
}

#[tokio::test]
async fn without_a_value_the_clients_own_does_not_come_through() {
    let backend = library().start().await;
    let gateway = setting(&backend).await;
    let claims = json!({"tenant": "t1", "copies": 3});
    assert_eq!(post(&gateway, claims, &[], &spoofed()).await.status, StatusCode::OK);
    let call = backend.only();
    assert_eq!(call.json()["book"].get("note"), None, "no header, no note");
    assert!(!call.wire.windows(6).any(|bytes| bytes == b"theirs"));

    let query = "/shelves?shelf=theirs&author.name=theirs&author.country=NZ&pageSize=5";
    assert_eq!(get(&gateway, query, &[("x-author", "A")]).await.status, StatusCode::OK);
    assert_eq!(backend.only().json(), json!({"pageSize": 5, "author": {"name": "A", "country": "NZ"}}));
    assert_eq!(
        get(&gateway, "/shelves?shelf=theirs", &[("x-shelf", "s1"), ("x-shelf", "s2")]).await.status,
        StatusCode::OK
    );
    assert_eq!(backend.only().json(), json!({"shelf": "s1,s2"}));
}

#[tokio::test]
async fn a_claim_that_is_missing_or_does_not_fit_refuses_the_request() {
    let backend = library().start().await;
    let gateway = setting(&backend).await;
    for claims in [
        json!({"copies": 3}),
        json!({"tenant": null, "copies": 3}),
        json!({"tenant": "t1", "copies": "many"}),
    ] {
        let answer = post(&gateway, claims.clone(), &[], &spoofed()).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["reason"]),
            (403, &json!("AUTH_CLAIM")),
            "{claims}"
        );
    }
    assert_eq!(backend.seen().len(), 0);
    let mut wrong = spoofed();
    wrong["book"]["copies"] = json!("many");
    let answer = post(&gateway, json!({"tenant": "t1", "copies": 3}), &[], &wrong).await;
    assert_eq!(
        answer.json()["reason"],
        json!("INVALID_REQUEST"),
        "what clients send must be right all the same"
    );
}
