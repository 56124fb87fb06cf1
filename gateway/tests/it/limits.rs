//! How often callers may call: by the gateway's own buckets, and by a service that keeps them for many gateways.

use http::{Method, StatusCode};
use serde_json::json;
use testkit::backend::{Backend, Seen, reply, status};
use testkit::peer::{Peer, Reaction};

use crate::harness::{Answer, Gateway, request, routes, send};
use crate::tokens::{SHOP, bearer};
use crate::{gateway, head, library};

/// A route with this limit, and one beside it that has it too.
fn limited(limit: &str, rest: &str) -> String {
    let routes = ["books", "others"].map(|path| {
        format!("  - get: /{path}/{{name}}\n    grpc: library.v1.Library/GetBook\n    rate_limit: {limit}\n")
    });
    format!("routes:\n{}{rest}", routes.concat())
}

async fn get(gateway: &Gateway, path: &str, headers: &[(&'static str, &str)]) -> Answer {
    let mut request = request(Method::GET, path);
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    gateway.request(request).await
}

/// How many of ten requests with these headers pass.
async fn passing(gateway: &Gateway, path: &str, headers: &[(&'static str, &str)]) -> usize {
    let mut passed = 0;
    for _ in 0..10 {
        passed += usize::from(get(gateway, path, headers).await.status == StatusCode::OK);
    }
    passed
}

#[tokio::test]
async fn who_is_too_fast_is_told_when_to_come_back() {
    let backend = library().start().await;
    let gateway = gateway(&backend, &limited("{rate: 60/h, burst: 2}", "")).await;
    let standing = |answer: &Answer| {
        ["limit", "remaining", "reset"].map(|name| answer.header(&format!("ratelimit-{name}")).to_owned())
    };
    let first = get(&gateway, "/books/b1", &[]).await;
    assert_eq!((first.status, standing(&first)), (StatusCode::OK, ["2", "1", "60"].map(str::to_owned)));
    assert_eq!(get(&gateway, "/books/b1", &[]).await.status, StatusCode::OK);
    let late = get(&gateway, "/books/b1", &[]).await;
    assert_eq!(late.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(
        (&late.json()["reason"], &late.json()["code"]),
        (&json!("RATE_LIMITED"), &json!("RESOURCE_EXHAUSTED"))
    );
    assert_eq!(standing(&late)[..2], ["2".to_owned(), "0".to_owned()]);
    let wait: u64 = late.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(get(&gateway, "/others/b1", &[]).await.status, StatusCode::OK, "each route counts for itself");
    assert_eq!(backend.seen().len(), 3);
}

#[tokio::test]
async fn each_key_counts_those_that_it_tells_apart() {
    let backend = library().start().await;
    let a = bearer(json!({"sub": "a"}));
    let b = bearer(json!({"sub": "b"}));
    let rows = [
        ("route", "none", [[("x-tenant", "1")], [("x-tenant", "2")]], [2, 0]),
        ("ip", "none", [[("x-tenant", "1")], [("x-forwarded-for", "203.0.113.7")]], [2, 0]),
        ("header:X-Tenant", "none", [[("x-tenant", "1")], [("x-tenant", "2")]], [2, 2]),
        ("header:x-tenant", "none", [[("x-other", "1")], [("x-other", "2")]], [2, 0]),
        ("jwt:sub", "{jwt: shop}", [[("authorization", &*a)], [("authorization", &*b)]], [2, 2]),
        ("jwt:plan", "{jwt: shop}", [[("authorization", &*a)], [("authorization", &*b)]], [2, 0]),
    ];
    for (key, auth, callers, expected) in rows {
        let rest = format!("{SHOP}defaults: {{auth: {auth}}}\n");
        let rest = if auth == "none" { "" } else { &rest };
        let gateway = gateway(&backend, &limited(&format!("{{rate: 2/day, key: \"{key}\"}}"), rest)).await;
        for (caller, expected) in callers.iter().zip(expected) {
            assert_eq!(passing(&gateway, "/books/b1", caller).await, expected, "{key} {caller:?}");
        }
    }
}

#[tokio::test]
async fn guessing_tokens_is_limited_and_those_without_one_cost_nobody_a_claims_bucket() {
    let backend = library().start().await;
    let rest = format!("{SHOP}defaults: {{auth: {{jwt: shop}}}}\n");
    let by_ip = gateway(&backend, &limited("{rate: 3/day, key: ip}", &rest)).await;
    let mut answers = Vec::new();
    for _ in 0..5 {
        answers.push(get(&by_ip, "/books/b1", &[("authorization", "Bearer guess")]).await.status.as_u16());
    }
    assert_eq!(answers, [403, 403, 403, 429, 429]);
    let by_claim = gateway(&backend, &limited("{rate: 3/day, key: jwt:sub}", &rest)).await;
    assert_eq!(passing(&by_claim, "/books/b1", &[]).await, 0);
    assert_eq!(passing(&by_claim, "/books/b1", &[("authorization", &bearer(json!({})))]).await, 3);
}

#[tokio::test]
async fn a_reload_keeps_the_buckets_of_limits_that_it_leaves_alone() {
    let backend = library().start().await;
    let yaml = format!("{}{}", head(&backend), limited("{rate: 3/day, key: ip}", ""));
    let gateway = routes(&yaml).file("library.binpb", backend.descriptors()).start().await;
    assert_eq!(passing(&gateway, "/books/b1", &[]).await, 3);
    gateway.save("routes.yaml", yaml.replace("/others/", "/somewhere/"));
    assert_eq!(gateway.reload().await.0, StatusCode::OK);
    assert_eq!(passing(&gateway, "/books/b1", &[]).await, 0, "the bucket is as empty as before");
    gateway.save("routes.yaml", yaml.replace("3/day", "4/day"));
    assert_eq!(gateway.reload().await.0, StatusCode::OK);
    assert_eq!(passing(&gateway, "/books/b1", &[]).await, 4, "another limit begins anew");
    gateway.save("routes.yaml", yaml.replace("    rate_limit: {rate: 3/day, key: ip}\n", ""));
    assert_eq!(gateway.reload().await.0, StatusCode::OK);
    assert_eq!(passing(&gateway, "/books/b1", &[]).await, 10);
}

#[tokio::test]
async fn behind_trusted_proxies_clients_are_told_apart() {
    let backend = library().start().await;
    let rest = "trusted_proxies: [127.0.0.0/8]\n";
    let gateway = gateway(&backend, &limited("{rate: 2/day, key: ip}", rest)).await;
    let (one, other) = ([("x-forwarded-for", "203.0.113.7")], [("x-forwarded-for", "203.0.113.8")]);
    assert_eq!(passing(&gateway, "/books/b1", &one).await, 2);
    assert_eq!(passing(&gateway, "/books/b1", &other).await, 2);
    let claimed = [("x-forwarded-for", "198.51.100.9, 203.0.113.7")];
    assert_eq!(
        passing(&gateway, "/books/b1", &claimed).await,
        0,
        "what the client says of itself counts for nothing"
    );
}

#[tokio::test]
async fn a_route_can_opt_out_of_a_default_limit() {
    let backend = library().start().await;
    let rest = "defaults: {rate_limit: {rate: 1/day}}\n";
    let gateway = gateway(&backend, &limited("none", rest)).await;
    assert_eq!(passing(&gateway, "/books/b1", &[]).await, 10);
}

/// What is used of Envoy's rate-limit API, by its field numbers.
pub(crate) const LIMITER: &str = r#"
    syntax = "proto3";
    package envoy.service.ratelimit.v3;
    import "google/protobuf/duration.proto";
    service RateLimitService { rpc ShouldRateLimit(RateLimitRequest) returns (RateLimitResponse); }
    message RateLimitRequest { string domain = 1; repeated Descriptor descriptors = 2; uint32 hits_addend = 3; }
    message Descriptor { message Entry { string key = 1; string value = 2; } repeated Entry entries = 1; }
    message HeaderValue { string key = 1; string value = 2; }
    message RateLimitResponse {
      enum Code { UNKNOWN = 0; OK = 1; OVER_LIMIT = 2; }
      message DescriptorStatus { Code code = 1; uint32 limit_remaining = 3; google.protobuf.Duration duration_until_reset = 4; }
      Code overall_code = 1;
      repeated DescriptorStatus statuses = 2;
      repeated HeaderValue response_headers_to_add = 3;
      repeated HeaderValue request_headers_to_add = 4;
    }
"#;

/// A service that holds back the plan `free`, and is broken for `broken`.
async fn limiter() -> Backend {
    let answer = |seen: &Seen| {
        let asked = seen.json();
        match asked.pointer("/descriptors/0/entries/0/value").and_then(|plan| plan.as_str()) {
            Some("free") => reply(json!({
                "overallCode": "OVER_LIMIT",
                "statuses": [{"code": "OVER_LIMIT", "durationUntilReset": "41.5s"}],
                "responseHeadersToAdd": [{"key": "x-plan", "value": "free"}],
            })),
            Some("broken") => status(14, "not now"),
            _ => reply(json!({
                "overallCode": "OK",
                "responseHeadersToAdd": [{"key": "x-plan", "value": "paid"}],
                "requestHeadersToAdd": [{"key": "x-limit-seen", "value": "yes"}],
            })),
        }
    };
    Backend::of(LIMITER)
        .on("envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit", answer)
        .start()
        .await
}

async fn before_limiter(backend: &Backend, limiter: impl std::fmt::Display, settings: &str) -> Gateway {
    let head = head(backend)
        .replace("upstreams:\n", &format!("upstreams:\n  limiter: {{address: {limiter}, retry: false}}\n"));
    let rest = format!(
        "{SHOP}defaults: {{auth: {{jwt: shop}}}}\nrate_limit_service: {{upstream: limiter{settings}}}\n"
    );
    let limit = "{descriptor: {plan: jwt:plan, tenant: header:x-tenant, api: const:books}}";
    let yaml = format!("{head}{}", limited(limit, &rest));
    routes(&yaml).file("library.binpb", backend.descriptors()).start().await
}

async fn with_plan(gateway: &Gateway, plan: &str) -> Answer {
    get(gateway, "/books/b1", &[("authorization", &bearer(json!({"plan": plan}))), ("x-limit-seen", "no")])
        .await
}

#[tokio::test]
async fn a_service_keeps_limits_for_many_gateways() {
    let (backend, limiter) = (library().start().await, limiter().await);
    let gateway = before_limiter(&backend, limiter.address(), ", timeout: 10s, domain: shop").await;
    let answer = with_plan(&gateway, "paid").await;
    assert_eq!((answer.status, answer.header("x-plan")), (StatusCode::OK, "paid"));
    assert_eq!(backend.only().metadata["x-limit-seen"], "yes");
    let expected = json!({
        "domain": "shop",
        "descriptors": [{"entries": [
            {"key": "plan", "value": "paid"}, {"key": "tenant"}, {"key": "api", "value": "books"},
        ]}],
        "hitsAddend": 1,
    });
    assert_eq!(limiter.only().json(), expected, "an entry without a value is sent all the same");

    let answer = with_plan(&gateway, "free").await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "42"));
    assert_eq!((answer.header("x-plan"), &answer.json()["reason"]), ("free", &json!("RATE_LIMITED")));
    limiter.seen();
    assert_eq!(get(&gateway, "/books/b1", &[]).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(limiter.seen().len(), 0, "nobody is counted who may not call");
    assert_eq!(backend.seen().len(), 0);
}

#[tokio::test]
async fn without_an_answer_the_configuration_decides() {
    let (backend, limiter) = (library().start().await, limiter().await);
    let allowing = before_limiter(&backend, limiter.address(), ", timeout: 10s").await;
    assert_eq!(with_plan(&allowing, "broken").await.status, StatusCode::OK, "this is the default");
    let metrics = send(allowing.admin(), request(Method::GET, "/metrics")).await.text();
    let line = "gateway_undecided_total{route=\"GET /books/{name}\",grpc=\"library.v1.Library/GetBook\"} 1";
    assert!(metrics.lines().any(|found| found == line), "{metrics}");
    let denying = before_limiter(&backend, limiter.address(), ", timeout: 10s, on_failure: deny").await;
    let answer = with_plan(&denying, "broken").await;
    assert_eq!((answer.status.as_u16(), &answer.json()["reason"]), (503, &json!("RATE_LIMIT_UNAVAILABLE")));
    assert_ne!(answer.header("retry-after"), "");

    let silent = Peer::start(|_| Reaction::Held(Box::new(Reaction::Answer(bytes::Bytes::new())))).await;
    let denying = before_limiter(&backend, silent.address(), ", timeout: 50ms, on_failure: deny").await;
    assert_eq!(with_plan(&denying, "paid").await.status, StatusCode::SERVICE_UNAVAILABLE);
    let allowing = before_limiter(&backend, silent.address(), ", timeout: 50ms").await;
    assert_eq!(with_plan(&allowing, "paid").await.status, StatusCode::OK);
}
