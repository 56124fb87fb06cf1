//! With which headers calls are made, and who may call from other origins.

use http::{Method, Request, StatusCode};
use http_body_util::Full;
use serde_json::json;
use testkit::backend::reply;

use crate::harness::{Answer, Gateway, request};
use crate::{gateway, library};

/// A route with these settings.
fn route(settings: &str) -> String {
    format!(
        "routes:\n  - get: /books/{{name}}\n    grpc: library.v1.Library/GetBook\n{settings}\
         \n  - post: /books\n    grpc: library.v1.Library/CreateBook\n"
    )
}

/// GET `/books/b1` with these headers.
async fn get(gateway: &Gateway, headers: &[(&'static str, &str)]) -> Answer {
    let mut request = request(Method::GET, "/books/b1");
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    gateway.request(request).await
}

const PAGE: (&str, &str) = ("origin", "https://shop.example");

fn preflight(path: &str, origin: &str) -> Request<Full<bytes::Bytes>> {
    let mut request = request(Method::OPTIONS, path);
    let headers = request.headers_mut();
    headers.insert("origin", origin.parse().unwrap());
    headers.insert("access-control-request-method", "GET".parse().unwrap());
    headers.insert("access-control-request-headers", "authorization".parse().unwrap());
    request
}

#[tokio::test]
async fn header_rules_hold_on_both_ways() {
    let backend = library().start().await;
    let rules = route(
        "    headers:\n      forward: [x-tenant, authorization]\n      \
         request: {set: {x-team: books}, remove: [x-tenant-debug]}\n      \
         response: {set: {cache-control: no-store}}\n",
    );
    let gateway = gateway(&backend, &rules).await;
    let sent = [("x-tenant", "t1"), ("x-team", "theirs"), ("x-other", "1"), ("authorization", "Bearer x")];
    let answer = get(&gateway, &sent).await;
    assert_eq!((answer.status, answer.header("cache-control")), (StatusCode::OK, "no-store"));
    let call = backend.only();
    let metadata = |name: &str| call.metadata.get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(metadata("x-tenant").as_deref(), Some("t1"));
    assert_eq!(metadata("x-team").as_deref(), Some("books"), "the rule wins over the client");
    assert_eq!(metadata("authorization").as_deref(), Some("Bearer x"), "it is named");
    assert_eq!(metadata("x-other"), None, "the list replaces the default one");
}

#[tokio::test]
async fn header_rules_hold_for_errors_too() {
    let backend = library().start().await;
    let rules = route("    headers: {response: {set: {cache-control: no-store}}}\n");
    let gateway = gateway(&backend, &rules).await;
    let answer = gateway.get("/books/b1?full=maybe").await;
    assert_eq!((answer.status, answer.header("cache-control")), (StatusCode::BAD_REQUEST, "no-store"));
}

#[tokio::test]
async fn pages_of_allowed_origins_may_call() {
    let backend = library().start().await;
    let cors = "cors: {origins: [https://shop.example], headers: [authorization], max_age: 10m}\n";
    let gateway = gateway(&backend, &format!("{cors}{}", route(""))).await;

    let answer = gateway.request(preflight("/books/b1", "https://shop.example")).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(answer.header("access-control-allow-origin"), "https://shop.example");
    assert_eq!(answer.header("access-control-allow-methods"), "GET, HEAD");
    assert_eq!(answer.header("access-control-allow-headers"), "authorization");
    assert_eq!(answer.header("access-control-max-age"), "600");

    let answer = gateway.request(preflight("/books/b1", "https://evil.example")).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(answer.header("access-control-allow-origin"), "", "other pages are told nothing");

    let answer = get(&gateway, &[PAGE]).await;
    assert_eq!(answer.header("access-control-allow-origin"), "https://shop.example");
    let answer = get(&gateway, &[]).await;
    assert_eq!(answer.header("vary"), "origin", "caches must know, whoever asks first");
    assert_eq!(backend.seen().len(), 2, "a preflight calls nobody");
}

#[tokio::test]
async fn a_preflight_names_all_that_the_path_takes() {
    let backend = library().start().await;
    let routes = "cors: {origins: [\"*\"]}\nroutes:\n\
                  \x20 - {get: /plain, grpc: library.v1.Library/GetBook}\n\
                  \x20 - {custom: {kind: \"*\", path: /any}, grpc: library.v1.Library/GetBook}\n\
                  \x20 - {custom: {kind: OPTIONS, path: /own}, grpc: library.v1.Library/GetBook}\n\
                  \x20 - {post: /own, grpc: library.v1.Library/CreateBook}\n";
    let gateway = gateway(&backend, routes).await;
    let all = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT";
    for (path, wanted, allow) in [
        ("/plain", "GET", "GET, HEAD, OPTIONS"),
        ("/plain", "DELETE", "GET, HEAD, OPTIONS"),
        ("/any", "PUT", all),
        ("/any", "PURGE", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PURGE, PUT"),
        ("/any", "TRACE", all),
        ("/own", "POST", "OPTIONS, POST"),
    ] {
        let mut asked = preflight(path, "https://shop.example");
        asked.headers_mut().insert("access-control-request-method", wanted.parse().unwrap());
        let answer = gateway.request(asked).await;
        assert_eq!(
            (answer.status, answer.header("allow")),
            (StatusCode::NO_CONTENT, allow),
            "{wanted} {path}"
        );
    }
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn pages_can_read_why_they_failed() {
    let backend = library().start().await;
    let gateway = gateway(&backend, &format!("cors: {{origins: [\"*\"]}}\n{}", route(""))).await;
    let mut lost = request(Method::GET, "/nowhere");
    lost.headers_mut().insert(PAGE.0, PAGE.1.parse().unwrap());
    let answer = gateway.request(lost).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.json()["reason"], json!("ROUTE_NOT_FOUND"));
    let answer = gateway.request(preflight("/nowhere", PAGE.1)).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "nothing is there to be called");
}

#[tokio::test]
async fn options_without_cors_lists_the_methods() {
    let backend = library().start().await;
    let gateway = gateway(&backend, &route("")).await;
    let answer = gateway.request(preflight("/books/b1", PAGE.1)).await;
    assert_eq!((answer.status, answer.header("allow")), (StatusCode::NO_CONTENT, "GET, HEAD, OPTIONS"));
    assert_eq!(answer.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn a_service_cannot_admit_origins_that_the_configuration_does_not_name() {
    let backend = library()
        .on("library.v1.Library/GetBook", |_| {
            reply(json!({}))
                .header("access-control-allow-origin", "*")
                .header("access-control-allow-credentials", "true")
                .header("access-control-expose-headers", "x-secret")
                .header("access-control-allow-private-network", "true")
        })
        .start()
        .await;
    let cors = "cors: {origins: [https://shop.example, \"https://*.shop.example\"]}\n";
    let owned = gateway(&backend, &format!("{cors}{}", route(""))).await;
    let cors_headers = |answer: &Answer| -> Vec<String> {
        let names = answer.headers.keys().map(|name| name.as_str().to_owned());
        names.filter(|name| name.starts_with("access-control-")).collect()
    };
    for stranger in ["https://evil.example", "null", "https://shop.example.evil", "HTTPS://SHOP.EXAMPLE"] {
        let answer = get(&owned, &[("origin", stranger)]).await;
        assert_eq!((answer.status, cors_headers(&answer)), (StatusCode::OK, vec![]), "{stranger}");
    }
    assert_eq!(cors_headers(&get(&owned, &[]).await), [""; 0]);
    let answer = get(&owned, &[PAGE]).await;
    assert_eq!(cors_headers(&answer), ["access-control-allow-origin"]);
    assert_eq!(answer.header("access-control-allow-origin"), "https://shop.example");

    let unowned = gateway(&backend, &route("")).await;
    let answer = get(&unowned, &[PAGE]).await;
    assert_eq!(answer.header("access-control-allow-origin"), "*", "without `cors` the service decides");
}

#[tokio::test]
async fn statuses_without_content_have_no_body() {
    let backend = library()
        .on("library.v1.Library/CreateBook", |_| reply(json!({"title": "t"})).header("x-http-code", "205"))
        .start()
        .await;
    for status in [204, 205] {
        let gateway = gateway(&backend, &route(&format!("    status: {status}\n"))).await;
        let declared = get(&gateway, &[]).await;
        let mut post = request(Method::POST, "/books");
        *post.body_mut() = Full::from("{}");
        post.headers_mut().insert("content-type", "application/json".parse().unwrap());
        let chosen = gateway.request(post).await;
        assert_eq!((declared.status.as_u16(), chosen.status.as_u16()), (status, 205));
        for answer in [&declared, &chosen] {
            assert_eq!((&*answer.body, answer.header("content-type")), (&b""[..], ""));
        }
        assert_eq!(chosen.header("content-length"), "0", "RFC 9110 section 15.3.6");
    }
}
