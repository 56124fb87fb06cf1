//! Headers that policies set: clients cannot send them, in whatever spelling, over HTTP/1.1 and HTTP/2.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use testkit::backend::{Backend, Seen, reply};
use tokio::net::TcpStream;

use crate::auth::AUTHZ;
use crate::harness::{Answer, Gateway, collect, routes};
use crate::limits::LIMITER;
use crate::tokens::{SHOP, bearer, sha256};
use crate::{head, library};

/// Sends a request with these headers over both protocols; names in HTTP/1.1 have capitals.
async fn over_both(gateway: &Gateway, path: &str, headers: &[(&str, &str)]) -> [Answer; 2] {
    let request = |start: &str| -> Request<Full<Bytes>> {
        let mut request = Request::builder().method(Method::GET).uri(format!("{start}{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Full::default()).unwrap()
    };
    let stream = TcpStream::connect(gateway.address()).await.unwrap();
    let (mut sender, connection) =
        http1::Builder::new().title_case_headers(true).handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut first = request("");
    first.headers_mut().insert("host", "shop.example".parse().unwrap());
    let first = collect(sender.send_request(first).await.unwrap()).await;
    let stream = TcpStream::connect(gateway.address()).await.unwrap();
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let second = collect(sender.send_request(request("http://shop.example")).await.unwrap()).await;
    [first, second]
}

/// The values that a call had under any spelling of a name.
fn values(call: &Seen, name: &str) -> Vec<String> {
    let fold = |name: &str| name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    let mut values: Vec<String> = call
        .metadata
        .iter()
        .filter(|(key, _)| fold(key.as_str()) == fold(name))
        .map(|(_, value)| value.to_str().unwrap().to_owned())
        .collect();
    values.sort();
    values
}

/// What a client makes of a name that it must not use.
fn spoofs(name: &str) -> Vec<(String, &'static str)> {
    [name.to_owned(), name.replace('-', "_"), name.replacen('-', "_", 1), name.replacen('-', ".", 1)]
        .into_iter()
        .map(|name| (name, "spoof"))
        .collect()
}

fn borrowed<'s>(
    headers: &'s [(String, &'static str)],
    more: &[(&'s str, &'s str)],
) -> Vec<(&'s str, &'s str)> {
    headers.iter().map(|(name, value)| (name.as_str(), *value)).chain(more.iter().copied()).collect()
}

/// A service that allows what it is asked about, with the answer that `x-case` names.
async fn authz(answers: Vec<Value>) -> Backend {
    let check = move |seen: &Seen| {
        let asked = seen.json();
        let case = asked.pointer("/attributes/request/http/headers/x-case").and_then(Value::as_str);
        let answer = case.and_then(|case| answers.get(case.parse::<usize>().ok()?));
        reply(json!({"status": {"code": 0}, "okResponse": answer.unwrap_or(&json!({}))}))
    };
    Backend::of(AUTHZ).on("envoy.service.auth.v3.Authorization/Check", check).start().await
}

async fn gateway(backend: &Backend, deciding: (&str, &Backend), settings: &str) -> Gateway {
    let (name, service) = deciding;
    let upstream = format!("upstreams:\n  {name}: {{address: {}, retry: false}}\n", service.address());
    let yaml = format!("{}{settings}", head(backend).replace("upstreams:\n", &upstream));
    routes(&yaml).file("library.binpb", backend.descriptors()).start().await
}

/// Routes, one of them behind the authorization service. All headers are forwarded.
fn guarded(settings: &str) -> String {
    format!(
        "auth: {{internal: {{external: {{upstream: authz, timeout: 10s{settings}}}}}}}\n\
         defaults: {{headers: {{forward: [\"*\"]}}}}\n\
         routes:\n  - {{get: \"/books/{{name}}\", grpc: library.v1.Library/GetBook, auth: internal}}\n  \
         - {{get: \"/open/{{name}}\", grpc: library.v1.Library/GetBook}}\n"
    )
}

fn option(name: &str, value: &str, action: &str) -> Value {
    json!({"header": {"key": name, "value": value}, "appendAction": action})
}

const ACTIONS: [&str; 4] =
    ["APPEND_IF_EXISTS_OR_ADD", "ADD_IF_ABSENT", "OVERWRITE_IF_EXISTS_OR_ADD", "OVERWRITE_IF_EXISTS"];

#[tokio::test]
async fn what_an_authorization_service_sets_replaces_every_spelling_of_the_client() {
    let answers: Vec<Value> = ACTIONS
        .iter()
        .map(|action| json!({"headers": [option("x-user-id", "alice", action)]}))
        .chain([
            json!({"headers": [{"header": {"key": "x-user-id", "value": "alice"}, "append": true},
                               {"header": {"key": "X_User_Id", "value": "bob"}, "append": true}]}),
            json!({"headersToRemove": ["x-user-id"]}),
        ])
        .collect();
    let (backend, authz) = (library().start().await, authz(answers).await);
    let gateway = gateway(&backend, ("authz", &authz), &guarded("")).await;
    let spoofs = spoofs("x-user-id");
    for (case, expected) in [
        ("0", &["alice"][..]),
        ("1", &["alice"]),
        ("2", &["alice"]),
        ("3", &["alice"]),
        ("4", &["alice", "bob"]),
        ("5", &[]),
    ] {
        for answer in over_both(&gateway, "/books/b1", &borrowed(&spoofs, &[("x-case", case)])).await {
            assert_eq!(answer.status.as_u16(), 200, "{case}: {answer:?}");
        }
        let calls = backend.seen();
        assert_eq!(calls.len(), 2);
        for call in calls {
            assert_eq!(values(&call, "x-user-id"), expected, "{case}");
        }
    }
}

#[tokio::test]
async fn a_value_that_metadata_cannot_carry_never_leaves_the_name_to_the_client() {
    let values_set = ["José", "a\tb", "a\r\nx-admin: 1", "\u{202e}"];
    let answers: Vec<Value> = values_set
        .iter()
        .flat_map(|value| ACTIONS.map(|action| json!({"headers": [option("x-user", value, action)]})))
        .collect();
    let (backend, authz) = (library().start().await, authz(answers.clone()).await);
    let plain = gateway(&backend, ("authz", &authz), &guarded("")).await;
    let percent = gateway(&backend, ("authz", &authz), &guarded(", encoding: percent")).await;
    for case in 0..answers.len() {
        let sent = [("x-user", "admin"), ("x-case", &*case.to_string())];
        for answer in over_both(&plain, "/books/b1", &sent).await {
            let refused = (answer.status.as_u16(), answer.json()["reason"].as_str().unwrap().to_owned());
            assert_eq!(refused, (502, "EXTERNAL_INVALID".to_owned()), "{case}");
        }
        assert_eq!(backend.seen().len(), 0);
        for answer in over_both(&percent, "/books/b1", &sent).await {
            assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
        }
        for call in backend.seen() {
            let encoded = ["Jos%C3%A9", "a%09b", "a%0D%0Ax-admin: 1", "%E2%80%AE"][case / ACTIONS.len()];
            assert_eq!(values(&call, "x-user"), [encoded]);
        }
    }
}

#[tokio::test]
async fn a_listed_header_is_the_services_even_where_it_says_nothing() {
    let (backend, authz) = (library().start().await, authz(Vec::new()).await);
    let settings = guarded(", on_failure: allow, headers: [x-user-id, x_role]");
    let gateway = gateway(&backend, ("authz", &authz), &settings).await;
    let mut spoofs = spoofs("x-user-id");
    spoofs.extend([("x-role".to_owned(), "spoof"), ("x_role".to_owned(), "spoof")]);
    for path in ["/books/b1", "/open/b1"] {
        for answer in
            over_both(&gateway, path, &borrowed(&spoofs, &[("x-user", "1"), ("x_other", "2")])).await
        {
            assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
        }
        for call in backend.seen() {
            for name in ["x-user-id", "x-role"] {
                assert_eq!(values(&call, name), [""; 0], "{path}");
            }
            assert_eq!(
                (values(&call, "x-user"), values(&call, "x-other")),
                (vec!["1".into()], vec!["2".into()])
            );
        }
    }
}

#[tokio::test]
async fn a_field_from_a_vouched_header_is_not_the_clients() {
    let answers = vec![json!({"headers": [option("x-user-id", "alice", "ADD_IF_ABSENT")]}), json!({})];
    let (backend, authz) = (library().start().await, authz(answers).await);
    let route = "  - {get: /mine, grpc: library.v1.Library/ListBooks, auth: internal, set: {shelf: \"header:x-user-id\"}}\n";
    let settings = guarded(", headers: [x-user-id]") + route;
    let gateway = gateway(&backend, ("authz", &authz), &settings).await;
    for (case, shelf) in [("0", json!("alice")), ("1", json!(null))] {
        for answer in over_both(&gateway, "/mine?shelf=s", &[("x-user-id", "admin"), ("x-case", case)]).await
        {
            assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
        }
        for call in backend.seen() {
            assert_eq!(call.json().get("shelf").cloned().unwrap_or_default(), shelf, "{case}");
        }
    }
}

#[tokio::test]
async fn what_a_rate_limit_service_sets_replaces_every_spelling_of_the_client() {
    let backend = library().start().await;
    let answer = |seen: &Seen| {
        let plan =
            seen.json().pointer("/descriptors/0/entries/0/value").and_then(Value::as_str).map(str::to_owned);
        reply(
            json!({"overallCode": "OK", "requestHeadersToAdd": [{"key": "x-plan", "value": plan.unwrap_or_default()}]}),
        )
    };
    let limiter = Backend::of(LIMITER)
        .on("envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit", answer)
        .start()
        .await;
    let settings = "rate_limit_service: {upstream: limiter, timeout: 10s, on_failure: allow, headers: [x-quota]}\n\
                    routes:\n  - get: /books/{name}\n    grpc: library.v1.Library/GetBook\n    \
                    rate_limit: {descriptor: {plan: header:x-case}}\n";
    let gateway = gateway(&backend, ("limiter", &limiter), settings).await;
    let spoofs: Vec<_> = spoofs("x-plan").into_iter().chain(spoofs("x-quota")).collect();
    for answer in over_both(&gateway, "/books/b1", &borrowed(&spoofs, &[("x-case", "gold")])).await {
        assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
    }
    for call in backend.seen() {
        assert_eq!((values(&call, "x-plan"), values(&call, "x-quota")), (vec!["gold".into()], vec![]));
    }
    for answer in over_both(&gateway, "/books/b1", &borrowed(&spoofs, &[("x-case", "größer")])).await {
        assert_eq!(answer.json()["reason"], "RATE_LIMIT_INVALID");
    }
}

#[tokio::test]
async fn claims_keys_rules_and_the_gateways_own_names_have_no_other_spelling() {
    let backend = library().start().await;
    let rest = format!(
        "{SHOP}  partners: {{api_key: {{header: x-api-key, file: keys.yaml}}}}\n\
         defaults: {{headers: {{forward: [\"*\"], request: {{set: {{x-team: books}}, remove: [x-debug]}}}}}}\n\
         routes:\n  - {{get: \"/books/{{name}}\", grpc: library.v1.Library/GetBook, auth: shop}}\n  \
         - {{get: \"/keyed/{{name}}\", grpc: library.v1.Library/GetBook, auth: partners}}\n  \
         - {{get: \"/open/{{name}}\", grpc: library.v1.Library/GetBook}}\n"
    );
    let gateway = routes(&format!("{}{rest}", head(&backend)))
        .file("library.binpb", backend.descriptors())
        .file("keys.yaml", format!("acme: {}\n", sha256("wonder")))
        .start()
        .await;
    let names = [
        "x-user-id",
        "x-roles",
        "x-api-client",
        "x-team",
        "x-debug",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "x-forwarded-client-cert",
        "x-http-code",
        "x-request-id",
        "grpc-timeout",
        "grpc-encoding",
        "grpc-status",
        "content-encoding",
        "proxy-authorization",
    ];
    let mut spoofs: Vec<_> = names.iter().flat_map(|name| spoofs(name)).collect();
    // In their own spelling these mean something, or are refused.
    spoofs.retain(|(name, _)| !matches!(name.as_str(), "grpc-timeout" | "content-encoding" | "x-request-id"));
    let authorization = bearer(json!({}));
    let calls = [
        ("/books/b1", ("authorization", authorization.as_str()), ("x-user-id", "u1")),
        ("/keyed/b1", ("x-api-key", "wonder"), ("x-api-client", "acme")),
        ("/open/b1", ("x-tenant", "t1"), ("x-tenant", "t1")),
    ];
    for (path, credentials, (name, value)) in calls {
        for answer in
            over_both(&gateway, path, &borrowed(&spoofs, &[credentials, ("x_api_key", "spoof")])).await
        {
            assert_eq!(answer.status.as_u16(), 200, "{path}: {answer:?}");
        }
        let calls = backend.seen();
        assert_eq!(calls.len(), 2);
        for call in calls {
            assert_eq!(values(&call, name), [value], "{path}");
            assert_eq!(values(&call, "x-team"), ["books"]);
            for (name, value) in &call.metadata {
                assert_ne!(value, "spoof", "{path}: {name}");
            }
        }
    }
}
