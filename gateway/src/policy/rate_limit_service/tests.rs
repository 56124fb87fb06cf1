//! A rate-limit service on a real socket, scripted answer by answer.

use prost::Message;
use testkit::peer::{Peer, Reaction};

use super::super::claims::Claims;
use super::super::envoy::limit::DescriptorStatus;
use super::super::testing::{Sent, upstream};
use super::*;

fn limit(server: &Peer, on_failure: OnFailure, entries: &[(&str, &str)]) -> SharedLimit {
    let service = RateLimitServiceSpec {
        upstream: "limiter".into(),
        domain: DEFAULT_DOMAIN.into(),
        timeout: Duration::from_secs(5),
        on_failure,
        headers: Vec::new(),
        encoding: Encoding::None,
    };
    let entry = |(key, source): &(&str, &str)| (Arc::from(*key), Source::parse(source).unwrap());
    let spec = SharedLimitSpec { service: Arc::new(service), entries: entries.iter().map(entry).collect() };
    SharedLimit { spec, upstream: upstream(server) }
}

async fn answering(answer: RateLimitResponse) -> Peer {
    let bytes = answer.encode_to_vec();
    Peer::start(move |_| Reaction::Answer(bytes.clone().into())).await
}

fn pair(key: &str, value: &str) -> HeaderPair {
    HeaderPair { key: key.into(), value: value.into(), raw_value: Vec::new() }
}

#[tokio::test]
async fn descriptors_are_sent_in_order_with_an_entry_for_every_key() {
    let passes = RateLimitResponse {
        overall_code: Code::Ok.into(),
        response_headers_to_add: vec![pair("x-ratelimit-remaining", "9"), pair("connection", "close")],
        request_headers_to_add: vec![pair("x-plan", "gold"), pair("grpc-status", "0")],
        ..RateLimitResponse::default()
    };
    let server = answering(passes).await;
    let entries = [
        ("plan", "jwt:plan"),
        ("tenant", "header:x-tenant"),
        ("api", "const:orders"),
        ("missing", "header:x-none"),
    ];
    let limit = limit(&server, OnFailure::Deny, &entries);
    let sent = Sent::new(&[("x-tenant", "t1")]);
    let claims = Claims::new(serde_json::json!({"plan": "gold"}).as_object().unwrap().clone());
    let request = sent.request();
    let passed =
        limit.check(&Facts { request: &request, claims: Some(&claims), vouched: None }).await.unwrap();
    let names = |headers: &[(HeaderName, HeaderValue)]| -> Vec<String> {
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
    };
    assert_eq!(names(&passed.response), ["x-ratelimit-remaining: 9"]);
    assert_eq!(names(&passed.metadata), ["x-plan: gold"]);

    let received = server.received();
    let call = received.first().unwrap();
    assert_eq!(call.path, "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit");
    let asked = RateLimitRequest::decode(call.message.clone()).unwrap();
    assert_eq!((&*asked.domain, asked.hits_addend), ("gateway", 1));
    let descriptors: Vec<_> = asked.descriptors.iter().map(|descriptor| &descriptor.entries).collect();
    let sent: Vec<_> = descriptors[0].iter().map(|entry| (&*entry.key, &*entry.value)).collect();
    assert_eq!(sent, [("plan", "gold"), ("tenant", "t1"), ("api", "orders"), ("missing", "")]);
    assert_eq!(descriptors.len(), 1);
}

#[tokio::test]
async fn a_header_that_metadata_cannot_carry_refuses_the_request() {
    let passes = RateLimitResponse {
        overall_code: Code::Ok.into(),
        request_headers_to_add: vec![pair("x-plan", "größer")],
        ..RateLimitResponse::default()
    };
    let server = answering(passes).await;
    let sent = Sent::new(&[]);
    let request = sent.request();
    let limit = limit(&server, OnFailure::Allow, &[("api", "const:orders")]);
    let refusal = limit.check(&Facts { request: &request, claims: None, vouched: None }).await.unwrap_err();
    assert_eq!((refusal.reason(), refusal.status().as_u16()), (Reason::RateLimitInvalid, 502));
}

#[tokio::test]
async fn who_is_over_the_limit_is_told_when_it_ends() {
    let status = |code: Code, seconds| DescriptorStatus {
        code: code.into(),
        duration_until_reset: Some(prost_types::Duration { seconds, nanos: 1 }),
        ..DescriptorStatus::default()
    };
    let over = RateLimitResponse {
        overall_code: Code::OverLimit.into(),
        statuses: vec![status(Code::Ok, 3600), status(Code::OverLimit, 6), status(Code::OverLimit, 2)],
        response_headers_to_add: vec![pair("x-ratelimit-limit", "10")],
        ..RateLimitResponse::default()
    };
    let server = answering(over).await;
    let sent = Sent::new(&[]);
    let request = sent.request();
    let limit = limit(&server, OnFailure::Allow, &[("api", "const:orders")]);
    let refusal = limit.check(&Facts { request: &request, claims: None, vouched: None }).await.unwrap_err();
    assert_eq!((refusal.reason(), refusal.status().as_u16()), (Reason::RateLimited, 429));
    assert_eq!(refusal.headers()["retry-after"], "7");
    assert_eq!(refusal.headers()["x-ratelimit-limit"], "10");
}

#[tokio::test]
async fn without_an_answer_the_configuration_decides() {
    let failing = Peer::start(|_| Reaction::Status(14, "away")).await;
    let sent = Sent::new(&[]);
    let request = sent.request();
    let facts = Facts { request: &request, claims: None, vouched: None };
    let allowed = limit(&failing, OnFailure::Allow, &[("a", "const:b")]).check(&facts).await.unwrap();
    assert!(allowed.undecided);
    let denied = limit(&failing, OnFailure::Deny, &[("a", "const:b")]).check(&facts).await.unwrap_err();
    assert_eq!((denied.reason(), denied.status().as_u16()), (Reason::RateLimitUnavailable, 503));
    // A call that counts is not repeated: one for each of the two.
    assert_eq!(failing.calls(), 2);
}
