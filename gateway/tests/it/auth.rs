//! Who may call: tokens, API keys, and a service that decides.

use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::backend::{Backend, reply, status};
use testkit::peer::{Peer, Reaction};

use crate::harness::{Answer, Gateway, request, routes, send};
use crate::tokens::{self, Document, Issuer, SHOP, bearer, claims, hs256, key_set, sha256, token, unsigned};
use crate::{gateway, head, library};

/// A route with this `auth`, and this at the top level.
fn route(auth: &str, rest: &str) -> String {
    format!(
        "routes:\n  - get: /books/{{name}}\n    grpc: library.v1.Library/GetBook\n    auth: {auth}\n  \
         - get: /open/{{name}}\n    grpc: library.v1.Library/GetBook\n{rest}"
    )
}

/// GET with these headers.
async fn get(gateway: &Gateway, path: &str, headers: &[(&'static str, &str)]) -> Answer {
    let mut request = request(Method::GET, path);
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    gateway.request(request).await
}

/// GET with this `authorization`.
async fn authorized(gateway: &Gateway, authorization: &str) -> Answer {
    get(gateway, "/books/b1", &[("authorization", authorization)]).await
}

fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.json()["reason"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn without_a_token_the_answer_says_how_to_get_in() {
    let backend = library().start().await;
    let gateway = gateway(&backend, &route("{jwt: shop}", SHOP)).await;
    for authorization in [&[][..], &[("authorization", "Basic dTpw")], &[("authorization", "Bearer ")]] {
        let answer = get(&gateway, "/books/b1", authorization).await;
        assert_eq!(refusal(&answer), (401, "AUTH_MISSING".into()));
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"shop\"");
        assert_eq!(answer.json()["code"], "UNAUTHENTICATED");
    }
    assert_eq!(get(&gateway, "/open/b1", &[]).await.status, StatusCode::OK, "the other route is open");
    assert_eq!(backend.seen().len(), 1);
    assert_eq!(authorized(&gateway, &bearer(json!({}))).await.status, StatusCode::OK);
    assert_eq!(
        authorized(&gateway, &bearer(json!({})).replace("Bearer", "bearer")).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn tokens_that_prove_nothing_are_refused() {
    let backend = library().start().await;
    let gateway = gateway(&backend, &route("shop", SHOP)).await;
    let good = claims(json!({}));
    let (signed, signature) = {
        let token = token(json!({}));
        let (signed, signature) = token.rsplit_once('.').unwrap();
        (signed.to_owned(), signature.to_owned())
    };
    let other = unsigned(&json!({"alg": "HS256"}), &claims(json!({"sub": "admin"})));
    let rows = [
        ("forged", hs256(b"another secret that is as long as the other one", &good), "AUTH_INVALID"),
        ("changed after signing", format!("{other}.{signature}"), "AUTH_INVALID"),
        ("alg none", format!("{}.", unsigned(&json!({"alg": "none"}), &good)), "AUTH_INVALID"),
        ("alg None", format!("{}.{signature}", unsigned(&json!({"alg": "None"}), &good)), "AUTH_INVALID"),
        ("no signature", format!("{signed}."), "AUTH_INVALID"),
        (
            "another algorithm",
            format!("{}.{signature}", unsigned(&json!({"alg": "HS512"}), &good)),
            "AUTH_INVALID",
        ),
        ("expired", token(json!({"exp": tokens::now() - 60})), "AUTH_EXPIRED"),
        ("without an end", token(json!({"exp": null})), "AUTH_INVALID"),
        ("not valid yet", token(json!({"nbf": tokens::now() + 60})), "AUTH_INVALID"),
        ("for somebody else", token(json!({"aud": "shop"})), "AUTH_INVALID"),
        ("for nobody", token(json!({"aud": null})), "AUTH_INVALID"),
        ("from somebody else", token(json!({"iss": "https://evil.example"})), "AUTH_INVALID"),
        ("no token at all", "x".to_owned(), "AUTH_INVALID"),
    ];
    for (what, token, reason) in rows {
        let answer = authorized(&gateway, &format!("Bearer {token}")).await;
        assert_eq!(refusal(&answer), (403, reason.to_owned()), "{what}");
        let challenge = answer.header("www-authenticate").to_owned();
        assert!(challenge.contains("error=\"invalid_token\""), "{what}: {challenge}");
        assert_eq!(answer.json()["code"], "PERMISSION_DENIED", "{what}");
    }
    let (one, other) = (bearer(json!({})), bearer(json!({"sub": "u2"})));
    for (second, expected) in [(&one, (403, "AUTH_INVALID")), (&other, (400, "BAD_HEAD"))] {
        let two = [("authorization", &*one), ("authorization", &**second)];
        let refused = refusal(&get(&gateway, "/books/b1", &two).await);
        assert_eq!(refused, (expected.0, expected.1.to_owned()), "which of the two would count?");
    }
    assert_eq!(backend.seen().len(), 0, "none of them reaches the service");
    let lists =
        [json!({"aud": ["shop", "library"]}), json!({"exp": tokens::now() - 2, "nbf": tokens::now() + 2})];
    for over in lists {
        assert_eq!(authorized(&gateway, &bearer(over)).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn refusals_have_the_three_shapes() {
    let backend = library().start().await;
    let expected = [
        ("simple", "/reason", json!("AUTH_MISSING"), "application/json"),
        ("google", "/details/0/reason", json!("AUTH_MISSING"), "application/json"),
        ("problem", "/reason", json!("AUTH_MISSING"), "application/problem+json"),
    ];
    for (shape, pointer, reason, content_type) in expected {
        let gateway = gateway(&backend, &route("{jwt: shop}", &format!("{SHOP}errors: {shape}\n"))).await;
        let answer = get(&gateway, "/books/b1", &[]).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (401, content_type));
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(body.pointer(pointer), Some(&reason), "{body}");
        assert_ne!(answer.header("www-authenticate"), "");
    }
}

#[tokio::test]
async fn scopes_must_all_be_granted() {
    let backend = library().start().await;
    let gateway = gateway(&backend, &route("{jwt: shop, scopes: [books:read, books:list]}", SHOP)).await;
    let rows = [
        (json!({}), 403),
        (json!({"scope": "books:read"}), 403),
        (json!({"scope": "books:readall books:list"}), 403),
        (json!({"scope": "x books:list books:read"}), 200),
        (json!({"scp": ["books:read", "books:list"]}), 200),
    ];
    for (over, status) in rows {
        let answer = authorized(&gateway, &bearer(over.clone())).await;
        assert_eq!(answer.status.as_u16(), status, "{over}");
        if status == 403 {
            assert_eq!(refusal(&answer).1, "AUTH_SCOPE");
            assert!(answer.header("www-authenticate").contains("error=\"insufficient_scope\""));
        }
    }
}

#[tokio::test]
async fn claims_go_upstream_and_nobody_else_can_send_them() {
    let backend = library().start().await;
    let rest = format!("{SHOP}defaults: {{headers: {{forward: [x-*]}}}}\n");
    let gateway = gateway(&backend, &route("{jwt: shop}", &rest)).await;
    let spoofed = |authorization: String| {
        let headers =
            [("authorization", authorization), ("x-user-id", "admin".into()), ("x-roles", "root".into())];
        headers.map(|(name, value)| (name, value))
    };
    for (over, user, roles) in [
        (json!({"roles": ["reader", "writer"]}), Some("u1"), Some("reader,writer")),
        (json!({"sub": null}), None, None),
    ] {
        let sent = spoofed(bearer(over.clone()));
        let sent: Vec<(&'static str, &str)> =
            sent.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(get(&gateway, "/books/b1", &sent).await.status, StatusCode::OK);
        let call = backend.only();
        let metadata = |name: &str| {
            assert!(call.metadata.get_all(name).iter().count() < 2);
            call.metadata.get(name).map(|value| value.to_str().unwrap())
        };
        assert_eq!((metadata("x-user-id"), metadata("x-roles")), (user, roles), "{over}");
        assert_eq!(metadata("authorization"), None, "the token stays here unless it is named");
    }
    // A strict server would end the connection of all over a blank at the end.
    for subject in ["line\nbreak", " u1", "u1 ", " "] {
        let sent = spoofed(bearer(json!({"sub": subject})));
        let sent = sent.each_ref().map(|(name, value)| (*name, value.as_str()));
        let refused = refusal(&get(&gateway, "/books/b1", &sent).await);
        assert_eq!(refused, (403, "AUTH_CLAIM".into()), "what cannot be sent is not left out: {subject:?}");
    }
    let sent = [("x-user-id", "admin"), ("x-roles", "root"), ("x-tenant", "t1")];
    assert_eq!(get(&gateway, "/open/b1", &sent).await.status, StatusCode::OK);
    let call = backend.only();
    assert!(
        !call.metadata.contains_key("x-user-id") && !call.metadata.contains_key("x-roles"),
        "not even where all may"
    );
    assert_eq!(call.metadata["x-tenant"], "t1");
}

#[tokio::test]
async fn a_preflight_needs_no_token_and_options_neither() {
    let backend = library().start().await;
    let rest = format!("{SHOP}cors: {{origins: [https://shop.example], headers: [authorization]}}\n");
    let gateway = gateway(&backend, &route("{jwt: shop}", &rest)).await;
    let mut preflight = request(Method::OPTIONS, "/books/b1");
    preflight.headers_mut().insert("origin", "https://shop.example".parse().unwrap());
    preflight.headers_mut().insert("access-control-request-method", "GET".parse().unwrap());
    let answer = gateway.request(preflight).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(answer.header("access-control-allow-origin"), "https://shop.example");
    assert_eq!(gateway.request(request(Method::OPTIONS, "/books/b1")).await.status, StatusCode::NO_CONTENT);
    let answer = get(&gateway, "/books/b1", &[("origin", "https://shop.example")]).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("access-control-allow-origin")),
        (401, "https://shop.example")
    );
}

#[tokio::test]
async fn an_api_key_names_its_client() {
    let backend = library().start().await;
    let rest = "auth: {partners: {api_key: {header: X-Api-Key, file: keys.yaml}}}\n";
    let yaml = format!("{}{}", head(&backend), route("{api_key: partners}", rest));
    let keys = |keys: &[(&str, &str)]| -> String {
        keys.iter().map(|(name, key)| format!("{name}: {}\n", sha256(key))).collect()
    };
    let gateway = routes(&yaml)
        .file("library.binpb", backend.descriptors())
        .file("keys.yaml", keys(&[("acme", "wonder"), ("globex", "plunder")]))
        .start()
        .await;
    let with =
        async |key: &str| get(&gateway, "/books/b1", &[("x-api-key", key), ("x-api-client", "root")]).await;
    let answer = get(&gateway, "/books/b1", &[]).await;
    assert_eq!(refusal(&answer), (401, "AUTH_MISSING".into()));
    assert_eq!(answer.header("www-authenticate"), "ApiKey header=\"x-api-key\"");
    assert_eq!(refusal(&with("guess").await), (403, "API_KEY_INVALID".into()));
    assert_eq!(
        refusal(&with(&sha256("wonder")).await),
        (403, "API_KEY_INVALID".into()),
        "a hash opens nothing"
    );
    assert_eq!(with("wonder").await.status, StatusCode::OK);
    let call = backend.only();
    assert_eq!(call.metadata["x-api-client"], "acme", "not what the client says");
    assert!(!call.metadata.contains_key("x-api-key"), "the key stays here");

    // The file is watched: a key that is withdrawn is refused, a broken file changes nothing.
    gateway.save("keys.yaml", keys(&[("globex", "plunder")]));
    assert_eq!(gateway.reload().await.0, StatusCode::OK);
    assert_eq!(refusal(&with("wonder").await), (403, "API_KEY_INVALID".into()));
    gateway.save("keys.yaml", "globex: plunder\n");
    let (status, text) = gateway.reload().await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(text.contains("keys.yaml:1:9") && !text.contains("plunder"), "{text}");
    assert_eq!(with("plunder").await.status, StatusCode::OK);
}

#[tokio::test]
async fn refused_credentials_are_a_401_where_the_entry_says_so() {
    let backend = library().start().await;
    let auth = format!(
        "auth:\n  shop: {{jwt: {{secret: \"{}\", algorithms: [HS256], refused: 401}}}}\n  \
         partners: {{api_key: {{header: x-api-key, file: keys.yaml, refused: 401}}}}\n",
        tokens::SECRET
    );
    let routes_of = route(
        "{jwt: shop, scopes: [books]}",
        "  - get: /partners/{name}\n    grpc: library.v1.Library/GetBook\n    auth: partners\n",
    );
    let gateway = routes(&format!("{}{routes_of}{auth}", head(&backend)))
        .file("library.binpb", backend.descriptors())
        .file("keys.yaml", format!("acme: {}\n", sha256("wonder")))
        .start()
        .await;
    for (token, reason) in [
        (bearer(json!({"exp": tokens::now() - 60})), "AUTH_EXPIRED"),
        (bearer(json!({"nbf": tokens::now() + 600})), "AUTH_INVALID"),
        ("Bearer x.y.z".to_owned(), "AUTH_INVALID"),
    ] {
        let answer = authorized(&gateway, &token).await;
        assert_eq!(refusal(&answer), (401, reason.into()));
        assert_eq!(answer.json()["code"], "UNAUTHENTICATED");
        assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""));
    }
    let unscoped = authorized(&gateway, &bearer(json!({}))).await;
    assert_eq!(refusal(&unscoped), (403, "AUTH_SCOPE".into()), "RFC 6750: insufficient_scope stays 403");
    let unknown = get(&gateway, "/partners/b1", &[("x-api-key", "guess")]).await;
    assert_eq!(refusal(&unknown), (401, "API_KEY_INVALID".into()));
    assert_eq!(unknown.header("www-authenticate"), "ApiKey header=\"x-api-key\"");
}

#[tokio::test]
async fn claims_below_names_with_dots_are_found() {
    let backend = library().start().await;
    let forward =
        "forward: {kubernetes.io.namespace: x-namespace, \"https://shop.example/roles.admin\": x-admin}";
    let auth = format!(
        "auth: {{shop: {{jwt: {{secret: \"{}\", algorithms: [HS256], {forward}}}}}}}\n",
        tokens::SECRET
    );
    let gateway = gateway(&backend, &route("shop", &auth)).await;
    let token = bearer(json!({
        "kubernetes.io": {"namespace": "ns1", "serviceaccount": {"name": "sa"}},
        "https://shop.example/roles": {"admin": true},
    }));
    assert_eq!(authorized(&gateway, &token).await.status, StatusCode::OK);
    let call = backend.only();
    assert_eq!(
        (&call.metadata["x-namespace"], &call.metadata["x-admin"]),
        (&"ns1".parse().unwrap(), &"true".parse().unwrap())
    );
}

#[tokio::test]
async fn keys_of_an_issuer_come_from_a_file_that_is_watched() {
    let backend = library().start().await;
    let (old, new) = (Issuer::new("old"), Issuer::new("new"));
    let rest = "auth: {shop: {jwt: {jwks: keys.json, algorithms: [ES256], audience: library}}}\n";
    let yaml = format!("{}{}", head(&backend), route("{jwt: shop}", rest));
    let files =
        routes(&yaml).file("library.binpb", backend.descriptors()).file("keys.json", key_set(&[&old]));
    let gateway = files.start().await;
    assert_eq!(authorized(&gateway, &old.bearer(json!({}))).await.status, StatusCode::OK);
    assert_eq!(authorized(&gateway, &new.bearer(json!({}))).await.status, StatusCode::FORBIDDEN);
    gateway.save("keys.json", key_set(&[&new]));
    while authorized(&gateway, &new.bearer(json!({}))).await.status != StatusCode::OK {
        tokio::task::yield_now().await;
    }
    assert_eq!(authorized(&gateway, &old.bearer(json!({}))).await.status, StatusCode::FORBIDDEN);
    let masked = send(gateway.admin(), request(Method::GET, "/reloads")).await.json();
    assert!(masked[0]["text"].as_str().unwrap().contains("~ auth shop"), "{masked}");
}

#[tokio::test]
async fn keys_of_an_issuer_come_from_a_url_and_outlive_its_outages() {
    let backend = library().start().await;
    let old = Issuer::new("old");
    let keys = Document::start(StatusCode::SERVICE_UNAVAILABLE, "").await;
    let rest = format!(
        "auth: {{shop: {{jwt: {{jwks: \"{}\", algorithms: [ES256], audience: library}}}}}}\n",
        keys.url()
    );
    let yaml = format!("{}{}", head(&backend), route("{jwt: shop}", &rest));
    let gateway = routes(&yaml).file("library.binpb", backend.descriptors()).start().await;
    let answer = authorized(&gateway, &old.bearer(json!({}))).await;
    assert_eq!(refusal(&answer), (503, "AUTH_UNAVAILABLE".into()), "nobody can say yet");
    assert_ne!(answer.header("retry-after"), "");

    keys.show(StatusCode::OK, &key_set(&[&old]));
    let until = Instant::now() + Duration::from_secs(20);
    while authorized(&gateway, &old.bearer(json!({}))).await.status != StatusCode::OK {
        assert!(Instant::now() < until, "the keys are asked for again");
        tokio::time::sleep(Duration::from_millis(20)).await; // The next try is the gateway's to time.
    }
    // An outage leaves the last good keys, also over reloads that leave the entry as it is: nothing is fetched for them.
    keys.show(StatusCode::INTERNAL_SERVER_ERROR, "");
    let asked = keys.asked();
    gateway.save("routes.yaml", yaml.replace("/open/", "/free/"));
    assert_eq!(gateway.reload().await.0, StatusCode::OK);
    assert_eq!(authorized(&gateway, &old.bearer(json!({}))).await.status, StatusCode::OK);
    assert_eq!(keys.asked(), asked);
}

#[tokio::test]
async fn a_token_of_a_new_key_has_the_keys_fetched_again() {
    let backend = library().start().await;
    let (old, new, forged) = (Issuer::new("old"), Issuer::new("new"), Issuer::new("forged"));
    let keys = Document::start(StatusCode::OK, &key_set(&[&old])).await;
    let rest = format!(
        "auth: {{shop: {{jwt: {{jwks: \"{}\", algorithms: [ES256], audience: library}}}}}}\n",
        keys.url()
    );
    let gateway = gateway(&backend, &route("{jwt: shop}", &rest)).await;
    assert_eq!(authorized(&gateway, &old.bearer(json!({}))).await.status, StatusCode::OK);
    keys.show(StatusCode::OK, &key_set(&[&new]));
    assert_eq!(
        authorized(&gateway, &new.bearer(json!({}))).await.status,
        StatusCode::OK,
        "it waits for the fetch"
    );
    assert_eq!(authorized(&gateway, &old.bearer(json!({}))).await.status, StatusCode::FORBIDDEN, "withdrawn");
    for _ in 0..20 {
        assert_eq!(refusal(&authorized(&gateway, &forged.bearer(json!({}))).await).1, "AUTH_INVALID");
    }
    assert_eq!(keys.asked(), 2, "a flood of unknown keys is no flood of fetches");
}

/// What is used of Envoy's authorization API, by its field numbers.
pub(crate) const AUTHZ: &str = r#"
    syntax = "proto3";
    package envoy.service.auth.v3;
    import "google/protobuf/wrappers.proto";
    service Authorization { rpc Check(CheckRequest) returns (CheckResponse); }
    message CheckRequest { AttributeContext attributes = 1; }
    message AttributeContext {
      message Peer { Address address = 1; string principal = 4; string certificate = 5; }
      message Address { SocketAddress socket_address = 1; }
      message SocketAddress { string address = 2; uint32 port_value = 3; }
      message Request { HttpRequest http = 2; }
      message HttpRequest {
        string id = 1; string method = 2; map<string, string> headers = 3; string path = 4; string host = 5;
        string scheme = 6; string protocol = 10;
      }
      Peer source = 1;
      Peer destination = 2;
      Request request = 4;
      map<string, string> context_extensions = 10;
    }
    message Status { int32 code = 1; string message = 2; }
    message HeaderValue { string key = 1; string value = 2; bytes raw_value = 3; }
    message HeaderValueOption {
      enum AppendAction {
        APPEND_IF_EXISTS_OR_ADD = 0; ADD_IF_ABSENT = 1; OVERWRITE_IF_EXISTS_OR_ADD = 2; OVERWRITE_IF_EXISTS = 3;
      }
      HeaderValue header = 1;
      google.protobuf.BoolValue append = 2;
      AppendAction append_action = 3;
    }
    message QueryParameter { string key = 1; string value = 2; }
    message HttpStatus { int32 code = 1; }
    message DeniedHttpResponse { HttpStatus status = 1; repeated HeaderValueOption headers = 2; string body = 3; }
    message OkHttpResponse {
      repeated HeaderValueOption headers = 2;
      repeated string headers_to_remove = 5;
      repeated HeaderValueOption response_headers_to_add = 6;
      repeated QueryParameter query_parameters_to_set = 7;
      repeated string query_parameters_to_remove = 8;
    }
    message CheckResponse {
      Status status = 1;
      oneof http_response { DeniedHttpResponse denied_response = 2; OkHttpResponse ok_response = 3; }
    }
"#;

/// A service that lets in who says `x-pass: yes`, and knows them.
async fn authz() -> Backend {
    let check = "envoy.service.auth.v3.Authorization/Check";
    let header = |key: &str, value: &str| json!({"header": {"key": key, "value": value}});
    let answer = move |passed: Option<&str>| match passed {
        Some("yes") => reply(json!({
            "status": {"code": 0},
            "okResponse": {
                "headers": [header("x-known-as", "alice"), header("grpc-timeout", "1n")],
                "headersToRemove": ["x-pass"],
                "responseHeadersToAdd": [header("x-policy", "v1")],
            },
        })),
        Some("teapot") => reply(json!({
            "status": {"code": 7, "message": "no"},
            "deniedResponse": {"status": {"code": 418}, "headers": [header("x-why", "tea")], "body": "only tea"},
        })),
        Some("broken") => status(13, "out of order"),
        _ => reply(json!({"status": {"code": 7}})),
    };
    let of = move |seen: &testkit::backend::Seen| {
        let json = seen.json();
        answer(json.pointer("/attributes/request/http/headers/x-pass").and_then(Value::as_str))
    };
    Backend::of(AUTHZ).on(check, of).start().await
}

async fn before_authz(backend: &Backend, authz: impl std::fmt::Display, settings: &str) -> Gateway {
    let head = head(backend)
        .replace("upstreams:\n", &format!("upstreams:\n  authz: {{address: {authz}, retry: false}}\n"));
    let rest = format!("auth: {{internal: {{external: {{upstream: authz{settings}}}}}}}\n");
    let yaml = format!("{head}{}", route("{external: internal}", &rest));
    routes(&yaml).file("library.binpb", backend.descriptors()).start().await
}

#[tokio::test]
async fn an_authorization_service_decides() {
    let (backend, authz) = (library().start().await, authz().await);
    let gateway = before_authz(&backend, authz.address(), ", timeout: 10s").await;
    let headers = [("x-pass", "yes"), ("x-known-as", "root"), ("x-forwarded-for", "10.0.0.1")];
    let answer = get(&gateway, "/books/b1?full=true", &headers).await;
    assert_eq!((answer.status, answer.header("x-policy")), (StatusCode::OK, "v1"));
    let call = backend.only();
    assert_eq!(call.metadata["x-known-as"], "alice", "the service wins over the client");
    assert!(!call.metadata.contains_key("x-pass"));
    assert_ne!(call.metadata["grpc-timeout"], "1n", "what is the protocol's stays so");

    let asked = authz.only().json();
    let http = asked.pointer("/attributes/request/http").unwrap();
    assert_eq!(
        (&http["method"], &http["path"], &http["host"]),
        (&json!("GET"), &json!("/books/b1?full=true"), &json!("shop.example"))
    );
    assert_eq!(asked.pointer("/attributes/contextExtensions/route"), Some(&json!("GET /books/{name}")));
    assert_eq!(asked.pointer("/attributes/source/address/socketAddress/address"), Some(&json!("127.0.0.1")));

    let answer = get(&gateway, "/books/b1", &[]).await;
    assert_eq!(refusal(&answer), (403, "EXTERNAL_DENIED".into()));
    let answer = get(&gateway, "/books/b1", &[("x-pass", "teapot")]).await;
    assert_eq!(refusal(&answer), (418, "EXTERNAL_DENIED".into()));
    assert_eq!((answer.header("x-why"), &answer.json()["error"]), ("tea", &json!("only tea")));
    assert_eq!(backend.seen().len(), 0);
}

#[tokio::test]
async fn without_an_answer_the_configuration_decides() {
    let (backend, authz) = (library().start().await, authz().await);
    let broken = [("x-pass", "broken")];
    let denying = before_authz(&backend, authz.address(), ", timeout: 10s").await;
    let answer = get(&denying, "/books/b1", &broken).await;
    assert_eq!(refusal(&answer), (503, "EXTERNAL_UNAVAILABLE".into()));
    assert_ne!(answer.header("retry-after"), "");
    let allowing = before_authz(&backend, authz.address(), ", timeout: 10s, on_failure: allow").await;
    assert_eq!(get(&allowing, "/books/b1", &broken).await.status, StatusCode::OK);

    let silent = Peer::start(|_| Reaction::Held(Box::new(Reaction::Answer(bytes::Bytes::new())))).await;
    let denying = before_authz(&backend, silent.address(), ", timeout: 50ms").await;
    assert_eq!(
        refusal(&get(&denying, "/books/b1", &[]).await),
        (503, "EXTERNAL_UNAVAILABLE".into()),
        "it is silent"
    );
    let allowing = before_authz(&backend, silent.address(), ", timeout: 50ms, on_failure: allow").await;
    assert_eq!(get(&allowing, "/books/b1", &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn defaults_protect_every_route_that_does_not_say_otherwise() {
    let backend = library().start().await;
    let yaml = format!(
        "{SHOP}defaults: {{auth: {{jwt: shop}}}}\nroutes:\n  - get: /books/{{name}}\n    grpc: library.v1.Library/GetBook\n  \
         - get: /open/{{name}}\n    grpc: library.v1.Library/GetBook\n    auth: none\n"
    );
    let yaml = format!(
        "{}{yaml}",
        head(&backend).replace(
            "library.v1.Library: library",
            "library.v1.Library: {upstream: library, annotations: true, auto: true}"
        )
    );
    let gateway = routes(&yaml).file("library.binpb", backend.descriptors()).start().await;
    assert_eq!(gateway.get("/books/b1").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(gateway.get("/annotated/shelves/1/books/1").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        gateway.send("POST", "/library.v1.Library/GetBook", "{}").await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(gateway.get("/open/b1").await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_admin_address_shows_policies_without_secrets() {
    let backend = library().start().await;
    let gateway = gateway(&backend, &route("{jwt: shop, scopes: [a]}", SHOP)).await;
    let config = send(gateway.admin(), request(Method::GET, "/config")).await;
    let text = config.text();
    assert!(!text.contains("a secret of the tests"), "{text}");
    let shop = &serde_json::from_str::<Value>(&text).unwrap()["auth"]["shop"]["jwt"];
    assert_eq!((&shop["keys"], &shop["algorithms"]), (&json!("a secret"), &json!(["HS256"])), "{shop}");
    let shown = send(gateway.admin(), request(Method::GET, "/routes")).await.json();
    assert_eq!(
        shown[0]["policies"],
        json!(["jwt shop (a)", "forward sub as x-user-id", "forward roles as x-roles"])
    );
    assert_eq!(shown[1]["policies"], json!([]));
}

#[tokio::test]
async fn access_records_name_the_caller() {
    let backend = library().start().await;
    let yaml = format!("{}{}", head(&backend), route("{jwt: shop, scopes: [a]}", SHOP));
    let (mut records, writer) = std::io::pipe().unwrap();
    let files = routes(&yaml).file("library.binpb", backend.descriptors());
    let gateway = files.try_start_logging(writer).await.unwrap();
    authorized(&gateway, &bearer(json!({"sub": "a user\nof many lines", "scope": "a"}))).await;
    authorized(&gateway, "Bearer x").await;
    authorized(&gateway, &bearer(json!({}))).await;
    gateway.stop().await;
    let mut text = String::new();
    std::io::Read::read_to_string(&mut records, &mut text).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    // Only the lines of one worker are in order, and each request came on a connection of its own.
    let logged = |line: &dyn Fn(&str) -> bool| lines.iter().any(|logged| line(logged));
    assert!(
        lines.len() == 3 && logged(&|line| line.contains(r#" caller="a user\nof many lines" "#)),
        "{text}"
    );
    assert!(logged(&|line| line.contains(" flag=AUTH_INVALID ") && !line.contains("caller=")), "{text}");
    assert!(logged(&|line| line.contains(" flag=AUTH_SCOPE caller=u1 ")), "{text}");
}

#[tokio::test]
async fn services_that_decide_see_the_trace_of_the_request() {
    const SENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let (backend, authz) = (library().start().await, authz().await);
    // Nobody takes the spans; that is no reason not to name them.
    let settings = ", timeout: 10s}}}\ntracing: {otlp: \"http://127.0.0.1:1\", sample: 100%}\n#";
    let gateway = before_authz(&backend, authz.address(), settings).await;
    let headers = [("x-pass", "yes"), ("traceparent", SENT), ("x-request-id", "id-7")];
    assert_eq!(get(&gateway, "/books/b1", &headers).await.status, StatusCode::OK);
    let asked = authz.only().metadata;
    let parent = asked["traceparent"].to_str().unwrap();
    assert_eq!(parent.split('-').nth(1), SENT.split('-').nth(1), "the trace goes on");
    assert_ne!(parent, SENT, "below the request's own span");
    assert_eq!(asked["x-request-id"], "id-7");
}
