//! Whole chains: their order, what they entail, and what they refuse to be.

mod vouched;

use std::time::Duration;

use aws_lc_rs::hmac;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::*;
use crate::policy::testing::Sent;
use crate::policy::{
    Algorithm, ApiKeySpec, AuthSpec, Encoding, ExternalSpec, JwtSpec, KeySource, LimitKey, OnFailure, Rate,
    Reason, Refusal, Source,
};

const SECRET: &[u8] = b"an honest secret of thirty-two b";

fn jwt(forward: &[(&str, &'static str)]) -> Arc<Auth> {
    let forward = forward
        .iter()
        .map(|(claim, name)| (ClaimName::parse(claim).unwrap(), HeaderName::from_static(name)))
        .collect();
    let spec = JwtSpec {
        keys: KeySource::Secret(SECRET.into()),
        algorithms: vec![Algorithm::HS256],
        issuer: None,
        audiences: vec!["shop".into()],
        leeway: Duration::ZERO,
        refused: StatusCode::FORBIDDEN,
        forward,
        encoding: Encoding::None,
    };
    Arc::new(Auth::compile("shop", &AuthSpec::Jwt(spec)).unwrap().0)
}

fn bearer(claims: &Value) -> String {
    let mut all = json!({"sub": "u1", "aud": "shop", "exp": 1_800_000_060});
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    let encode = |bytes: &[u8]| base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes);
    let signed = format!("{}.{}", encode(br#"{"alg":"HS256"}"#), encode(all.to_string().as_bytes()));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), signed.as_bytes());
    format!("Bearer {signed}.{}", encode(tag.as_ref()))
}

fn limit(rate: &str, key: &str) -> Option<RateLimitSpec> {
    Some(RateLimitSpec { rate: Rate::parse(rate).unwrap(), burst: None, key: LimitKey::parse(key).unwrap() })
}

fn set(field: &str, source: &str) -> SetSpec {
    SetSpec { field: field.into(), source: Source::parse(source).unwrap() }
}

fn bind(spec: &ChainSpec) -> Chain {
    bind_with(spec, &Arc::new(State::new()))
}

fn bind_with(spec: &ChainSpec, state: &Arc<State>) -> Chain {
    ChainPlan::compile("GET /orders", "GET /orders", spec).unwrap().bind(state, |_| None).unwrap()
}

async fn admit(chain: &Chain, headers: &[(&'static str, &str)]) -> Result<Admitted, Refusal> {
    chain.admit(&Sent::new(headers).request()).await
}

/// What becomes of a client's headers: those that pass, then what the chain writes over them.
fn metadata(chain: &Chain, admitted: &Admitted, sent: &Sent) -> Vec<String> {
    let mut metadata = HeaderMap::new();
    for (name, value) in &sent.headers {
        if chain.forward().passes(name) {
            metadata.append(name, value.clone());
        }
    }
    chain.write_metadata(admitted, &mut metadata);
    let mut all: Vec<_> =
        metadata.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    all.sort();
    all
}

#[tokio::test]
async fn a_route_without_policies_admits_everybody() {
    let chain = bind(&ChainSpec::default());
    assert!(chain.admits_all());
    let admitted = admit(&chain, &[]).await.unwrap();
    assert!(admitted.fields().is_empty() && admitted.caller().is_none() && admitted.undecided().is_none());
}

#[tokio::test]
async fn claims_go_upstream_and_what_the_client_says_of_itself_does_not() {
    let auth = jwt(&[("sub", "x-user-id"), ("plan", "x-plan"), ("name", "x-name-bin")]);
    let chain = bind(&ChainSpec { auth: Some(auth), ..ChainSpec::default() });
    let token = bearer(&json!({"name": "Jürgen"}));
    let sent = Sent::new(&[
        ("authorization", &token),
        ("x-user-id", "admin"),
        ("x-plan", "gold"),
        ("x-name-bin", "cm9vdA"),
        ("x-other", "1"),
    ]);
    let admitted = chain.admit(&sent.request()).await.unwrap();
    assert_eq!(admitted.caller().map(|caller| &**caller), Some("u1"));
    // The token has no plan, and the client's is not taken instead.
    assert_eq!(metadata(&chain, &admitted, &sent), ["x-name-bin: SsO8cmdlbg", "x-other: 1", "x-user-id: u1"]);
}

#[tokio::test]
async fn a_claim_that_metadata_cannot_carry_refuses_the_token() {
    for (name, refused) in [("Jürgen", true), ("a\nb", true), ("Jurgen", false)] {
        let chain = bind(&ChainSpec { auth: Some(jwt(&[("name", "x-name")])), ..ChainSpec::default() });
        let token = bearer(&json!({ "name": name }));
        let result = admit(&chain, &[("authorization", &token), ("x-name", "root")]).await;
        let refusal = result.err().map(|refusal| (refusal.reason(), refusal.status().as_u16()));
        assert_eq!(refusal, refused.then_some((Reason::AuthClaim, 403)), "{name:?}");
    }
}

#[tokio::test]
async fn a_token_must_grant_every_scope() {
    let scopes = vec!["orders:read".to_owned(), "users:read".to_owned()];
    let chain = bind(&ChainSpec { auth: Some(jwt(&[])), scopes, ..ChainSpec::default() });
    let both = bearer(&json!({"scope": "users:read orders:read"}));
    assert!(admit(&chain, &[("authorization", &both)]).await.is_ok());
    let one = bearer(&json!({"scope": "orders:read"}));
    let refusal = admit(&chain, &[("authorization", &one)]).await.unwrap_err();
    assert_eq!((refusal.reason(), refusal.status().as_u16()), (Reason::AuthScope, 403));
    assert_eq!(
        refusal.headers()["www-authenticate"],
        "Bearer realm=\"shop\", error=\"insufficient_scope\", scope=\"users:read\""
    );
}

#[tokio::test]
async fn fields_are_filled_from_where_they_are_declared() {
    let fields = vec![
        set("tenant_id", "jwt:tenant"),
        set("locale", "header:accept-language"),
        set("source", "const:rest"),
        set("trace", "request:id"),
    ];
    let chain = bind(&ChainSpec { auth: Some(jwt(&[])), set: fields, ..ChainSpec::default() });
    let token = bearer(&json!({"tenant": 7}));
    let admitted = admit(&chain, &[("authorization", &token)]).await.unwrap();
    let got: Vec<_> = admitted.fields().iter().map(|field| (&*field.path, field.text.as_deref())).collect();
    // A header that did not come empties its field.
    assert_eq!(
        got,
        [("tenant_id", Some("7")), ("locale", None), ("source", Some("rest")), ("trace", Some("id-1"))]
    );
    let without = bearer(&json!({}));
    let refusal = admit(&chain, &[("authorization", &without)]).await.unwrap_err();
    assert_eq!((refusal.reason(), refusal.status().as_u16()), (Reason::AuthClaim, 403));
}

#[tokio::test]
async fn a_field_from_a_vouched_header_has_the_policys_value() {
    let fields =
        vec![set("user", "header:x-user-id"), set("plan", "header:x-plan"), set("note", "header:x-note")];
    let auth = Some(jwt(&[("sub", "x-user-id"), ("plan", "x-plan")]));
    let chain = bind(&ChainSpec { auth, set: fields, ..ChainSpec::default() });
    let token = bearer(&json!({}));
    let sent = [("authorization", &*token), ("x-user-id", "admin"), ("x-plan", "gold"), ("x-note", "hi")];
    let admitted = admit(&chain, &sent).await.unwrap();
    let got: Vec<_> = admitted.fields().iter().map(|field| field.text.as_deref()).collect();
    assert_eq!(got, [Some("u1"), None, Some("hi")]);
}

#[tokio::test]
async fn limits_by_address_come_before_tokens_and_limits_by_claim_after() {
    let chain = |key| {
        bind(&ChainSpec { auth: Some(jwt(&[])), rate_limit: limit("2/h", key), ..ChainSpec::default() })
    };
    let reason = |result: Result<Admitted, Refusal>| result.err().map(|refusal| refusal.reason());
    let forged = [("authorization", "Bearer a.b.c")];

    let by_ip = chain("ip");
    for expected in [Reason::AuthInvalid, Reason::AuthInvalid, Reason::RateLimited] {
        assert_eq!(reason(admit(&by_ip, &forged).await), Some(expected));
    }
    let by_claim = chain("jwt:sub");
    for _ in 0..3 {
        assert_eq!(reason(admit(&by_claim, &forged).await), Some(Reason::AuthInvalid));
    }
    let (one, two) = (bearer(&json!({})), bearer(&json!({"sub": "u2"})));
    for (token, expected) in [(&one, None), (&one, None), (&one, Some(Reason::RateLimited)), (&two, None)] {
        assert_eq!(reason(admit(&by_claim, &[("authorization", token)]).await), expected);
    }
}

#[tokio::test]
async fn limits_are_told_and_survive_a_reload() {
    let state = Arc::new(State::new());
    let spec = |rate| ChainSpec { rate_limit: limit(rate, "header:x-tenant"), ..ChainSpec::default() };
    let sent = Sent::new(&[("x-tenant", "t1")]);
    let told = |headers: &HeaderMap| {
        ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "retry-after"]
            .map(|name| headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default())
    };
    let standing = async |chain: &Chain| match chain.admit(&sent.request()).await {
        Ok(admitted) => {
            let mut headers = HeaderMap::new();
            chain.write_headers(Some(&admitted), &mut headers);
            (200, told(&headers))
        }
        Err(refusal) => (refusal.status().as_u16(), told(refusal.headers())),
    };
    let first = bind_with(&spec("2/min"), &state);
    assert_eq!(standing(&first).await, (200, ["2", "1", "30", ""].map(str::to_owned)));
    let reloaded = bind_with(&spec("2/min"), &state);
    assert_eq!(standing(&reloaded).await, (200, ["2", "0", "60", ""].map(str::to_owned)));
    assert_eq!(standing(&first).await, (429, ["2", "0", "60", "30"].map(str::to_owned)));
    // Another limit is another bucket.
    let changed = bind_with(&spec("3/min"), &state);
    assert_eq!(standing(&changed).await.0, 200);
}

#[tokio::test]
async fn api_keys_stay_here_and_their_clients_go_upstream() {
    let hash: String = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"key-1")
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let spec = ApiKeySpec {
        header: HeaderName::from_static("x-api-key"),
        keys: vec![("acme".into(), hash)],
        refused: StatusCode::FORBIDDEN,
    };
    let auth = Arc::new(Auth::compile("partners", &AuthSpec::ApiKey(spec)).unwrap().0);
    let chain = bind(&ChainSpec { auth: Some(auth), ..ChainSpec::default() });
    let sent = Sent::new(&[("x-api-key", "key-1"), ("x-api-client", "umbrella"), ("x-other", "1")]);
    let admitted = chain.admit(&sent.request()).await.unwrap();
    assert_eq!(metadata(&chain, &admitted, &sent), ["x-api-client: acme", "x-other: 1"]);
    assert_eq!(admitted.caller().map(|caller| &**caller), Some("acme"));
}

#[tokio::test]
async fn header_rules_apply_but_not_over_what_is_vouched_for() {
    let mut headers = HeadersSpec::default();
    headers.request.set(crate::policy::Way::Request, "x-user-id", "rule").unwrap();
    headers.request.set(crate::policy::Way::Request, "x-team", "orders").unwrap();
    headers.request.remove(crate::policy::Way::Request, "x-debug").unwrap();
    headers.response.set(crate::policy::Way::Response, "cache-control", "no-store").unwrap();
    let auth = Some(jwt(&[("sub", "x-user-id")]));
    let chain = bind(&ChainSpec { auth, headers, ..ChainSpec::default() });
    let token = bearer(&json!({}));
    let sent = Sent::new(&[("authorization", &token), ("x-debug", "1")]);
    let admitted = chain.admit(&sent.request()).await.unwrap();
    assert_eq!(metadata(&chain, &admitted, &sent), ["x-team: orders", "x-user-id: u1"]);
    let mut answer =
        HeaderMap::from_iter([(http::header::CACHE_CONTROL, HeaderValue::from_static("public"))]);
    chain.write_headers(None, &mut answer);
    assert_eq!(answer["cache-control"], "no-store");
}

#[test]
fn declarations_with_mistakes_are_refused_with_all_of_them() {
    let claim = |claim: &str| Problem::ClaimWithoutJwt(claim.to_owned());
    let spec = ChainSpec {
        scopes: vec!["two words".into()],
        rate_limit: limit("1/s", "jwt:sub"),
        set: vec![set("tenant", "jwt:tenant"), set("x", "const:y")],
        ..ChainSpec::default()
    };
    let problems: Vec<_> =
        ChainPlan::compile("r", "r", &spec).unwrap_err().into_iter().map(|f| f.problem).collect();
    assert_eq!(
        problems,
        [claim("sub"), claim("tenant"), Problem::ScopesWithoutJwt, Problem::Scope("two words".into())]
    );
}

#[test]
fn upstreams_must_exist() {
    let spec = ExternalSpec {
        upstream: "authz".into(),
        timeout: Duration::from_millis(200),
        on_failure: OnFailure::Deny,
        headers: Vec::new(),
        encoding: Encoding::None,
    };
    let auth = Arc::new(Auth::compile("internal", &AuthSpec::External(spec)).unwrap().0);
    let plan = ChainPlan::compile("r", "r", &ChainSpec { auth: Some(auth), ..ChainSpec::default() }).unwrap();
    assert_eq!(plan.upstreams().map(|name| &**name).collect::<Vec<_>>(), ["authz"]);
    let error = plan.bind(&Arc::new(State::new()), |_| None).unwrap_err();
    assert_eq!(error, BindError::UnknownUpstream("authz".into()));
}

#[test]
fn plans_describe_themselves() {
    let spec = ChainSpec {
        auth: Some(jwt(&[])),
        scopes: vec!["orders:read".into()],
        rate_limit: limit("100/s", "jwt:sub"),
        set: vec![set("tenant_id", "jwt:tenant")],
        ..ChainSpec::default()
    };
    assert_eq!(
        ChainPlan::compile("r", "r", &spec).unwrap().describe(),
        ["jwt shop (orders:read)", "rate 100/s by jwt:sub", "set tenant_id from jwt:tenant"]
    );
}

#[test]
fn the_future_of_a_decision_is_small_and_may_move() {
    let chain = bind(&ChainSpec::default());
    let sent = Sent::new(&[]);
    let request = sent.request();
    let size = size_of_val(&sent_between_threads(chain.admit(&request)));
    assert!(size <= 1024, "{size} bytes");
}

const fn sent_between_threads<T: Send>(value: T) -> T {
    value
}
