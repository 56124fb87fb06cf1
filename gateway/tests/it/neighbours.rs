//! A client that asks for more than the service takes costs the clients beside it nothing.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, Method, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use testkit::backend::{Backend, compile, reply};
use testkit::peer::{Peer, Reaction};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Answer, Gateway, collect, request, routes};
use crate::{LIBRARY, library};

const ROUTES: &str = "routes:
  - get: /books/{name}
    grpc: library.v1.Library/GetBook
  - post: /books
    grpc: library.v1.Library/CreateBook
";

/// A gateway before these servers, whose upstream has these settings besides.
async fn before(addresses: &[String], settings: &str) -> Gateway {
    let yaml = format!(
        "listeners: [{{address: 127.0.0.1:0}}]\n\
         admin: {{address: 127.0.0.1:0, hosts: [shop.example]}}\n\
         descriptors: [library.binpb]\n\
         upstreams:\n  library: {{address: [{}]{settings}}}\n\
         services:\n  library.v1.Library: library\n{ROUTES}",
        addresses.join(", ")
    );
    routes(&yaml).file("library.binpb", compile(LIBRARY)).start().await
}

/// A request whose headers take about this many bytes.
fn laden(method: Method, path: &str, bytes: usize) -> http::Request<http_body_util::Full<Bytes>> {
    let mut request = request(method, path);
    for n in 0..bytes / 1000 {
        let name = HeaderName::try_from(format!("x-laden-{n}")).unwrap();
        request.headers_mut().insert(name, "v".repeat(960).parse().unwrap());
    }
    request
}

/// Sends the request so many times on one connection; gives the answers.
async fn insist(address: SocketAddr, bytes: usize, times: usize) -> Vec<Answer> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut answers = Vec::new();
    for _ in 0..times {
        sender.ready().await.unwrap();
        answers
            .push(collect(sender.send_request(laden(Method::GET, "/books/b1", bytes)).await.unwrap()).await);
    }
    answers
}

/// Makes calls that must not be repeated; gives how many failed.
async fn honest(gateway: &Gateway, times: usize) -> usize {
    let mut failed = 0;
    for _ in 0..times {
        let answer = gateway.send("POST", "/books", r#"{"shelf":"a"}"#).await;
        failed += usize::from(answer.status != StatusCode::OK);
    }
    failed
}

/// The connections that a gateway without trouble opens to an endpoint: one for each of its two workers, and its own.
const CONNECTIONS: usize = 3;

#[tokio::test]
async fn headers_that_a_service_does_not_take_cost_others_nothing() {
    // Its server accepts header lists of 16 KiB, as tonic's does, and ends the connection at about 40 KB.
    let backends = [library().start().await, library().start().await];
    let addresses = backends.each_ref().map(|backend| backend.address().to_string());
    // The second gateway is told that the service takes more than it does.
    for (number, settings, limit) in [(1, "", 8192), (2, ", max_metadata: 1MiB", 16_384)] {
        let gateway = before(&addresses, settings).await;
        let attackers = [17_000, 24_000, 36_000, 40_000, 50_000, 60_000]
            .map(|bytes| tokio::spawn(insist(gateway.address(), bytes, 30)));
        assert_eq!(honest(&gateway, 200).await, 0);
        for attacker in attackers {
            for answer in attacker.await.unwrap() {
                assert_eq!(answer.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
                let body = answer.json();
                assert_eq!(
                    (&body["reason"], &body["code"]),
                    (&json!("METADATA_TOO_LARGE"), &json!("RESOURCE_EXHAUSTED"))
                );
                assert!(body["error"].as_str().unwrap().contains(&limit.to_string()), "{body}");
            }
        }
        for backend in &backends {
            assert!(backend.connections() <= number * CONNECTIONS, "{}", backend.connections());
            backend.seen();
        }
        assert_eq!(honest(&gateway, 20).await, 0);
        assert!(backends.iter().all(|backend| !backend.seen().is_empty()), "neither is ejected");
    }
}

/// An HPACK integer with a prefix of so many bits.
fn integer(first: u8, bits: u8, mut n: usize) -> Vec<u8> {
    let most = (1_usize << bits) - 1;
    if n < most {
        return vec![first | u8::try_from(n).unwrap()];
    }
    let mut out = vec![first | u8::try_from(most).unwrap()];
    n -= most;
    while n >= 128 {
        out.push(u8::try_from(n % 128).unwrap() | 128);
        n /= 128;
    }
    out.push(u8::try_from(n).unwrap());
    out
}

fn literal(first: u8, name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| [integer(0, 7, text.len()), text.as_bytes().to_vec()].concat();
    [vec![first], text(name), text(value)].concat()
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Sends requests over one HTTP/2 connection, each with a header list of 56 KB in a few bytes, by references to one field;
/// gives the bodies of the answers.
async fn refer(address: SocketAddr, times: u32) -> Vec<String> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&frame(4, 0, 0, &[])).await.unwrap();
    let mut bodies = Vec::new();
    for n in 0..times {
        // :method GET and :scheme http are in the static table, by 2 and 6.
        let head =
            [vec![0x82, 0x86], literal(0, ":path", "/books/b1"), literal(0, ":authority", "shop")].concat();
        let entry = if n == 0 { literal(0x40, "x-a", &"v".repeat(4000)) } else { vec![] };
        // The first entry of the dynamic table is 62.
        let block = [head, entry, vec![0x80 | 62; 14]].concat();
        let id = 2 * n + 1;
        stream.write_all(&frame(1, 5, id, &block)).await.unwrap();
        let mut body = Vec::new();
        loop {
            let mut header = [0; 9];
            stream.read_exact(&mut header).await.unwrap();
            let length = u32::from_be_bytes([0, header[0], header[1], header[2]]) as usize;
            let mut payload = vec![0; length];
            stream.read_exact(&mut payload).await.unwrap();
            let of = u32::from_be_bytes([header[5], header[6], header[7], header[8]]);
            match header[3] {
                4 if header[4] & 1 == 0 => stream.write_all(&frame(4, 1, 0, &[])).await.unwrap(),
                0 if of == id => body.extend_from_slice(&payload),
                3 | 7 => panic!("frame {} for {of}", header[3]),
                _ => {}
            }
            if of == id && header[3] < 2 && header[4] & 1 == 1 {
                break;
            }
        }
        bodies.push(String::from_utf8(body).unwrap());
    }
    bodies
}

#[tokio::test]
async fn references_count_as_what_they_stand_for() {
    let backend = library().start().await;
    let gateway = before(&[backend.address().to_string()], "").await;
    let attacker = tokio::spawn(refer(gateway.address(), 100));
    assert_eq!(honest(&gateway, 100).await, 0);
    for body in attacker.await.unwrap() {
        assert!(body.contains("METADATA_TOO_LARGE") && body.contains("8192"), "{body}");
    }
    assert!(backend.connections() <= CONNECTIONS, "{}", backend.connections());
}

#[tokio::test]
async fn what_a_service_announces_is_respected() {
    let peer = Peer::builder().http2(|http2| _ = http2.max_header_list_size(2048));
    let peer = peer.start(|_| Reaction::Answer(Bytes::new())).await.unwrap();
    let gateway = before(&[peer.address().to_owned()], "").await;
    let attacker = tokio::spawn(insist(gateway.address(), 3000, 50));
    assert_eq!(honest(&gateway, 50).await, 0);
    for answer in attacker.await.unwrap() {
        assert_eq!(answer.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        assert!(answer.json()["error"].as_str().unwrap().contains("2048"), "{answer:?}");
    }
    assert_eq!(peer.calls(), 50);
    assert!(peer.connections() <= CONNECTIONS, "{}", peer.connections());
}

#[tokio::test]
async fn an_answer_of_431_or_413_is_the_clients_and_ejects_nothing() {
    for (http, reason) in [(431, "METADATA_TOO_LARGE"), (413, "MESSAGE_TOO_LARGE")] {
        let script = move |call: testkit::peer::Received| match call.metadata.contains_key("x-laden-0") {
            true => Reaction::Raw { http, head: vec![], data: vec![], trailers: None },
            false => Reaction::Answer(Bytes::new()),
        };
        let peers = [Peer::start(script).await, Peer::start(script).await];
        let gateway = before(&peers.each_ref().map(|peer| peer.address().to_owned()), "").await;
        for answer in insist(gateway.address(), 1000, 40).await {
            assert_eq!((answer.status.as_u16(), &answer.json()["reason"]), (http, &json!(reason)));
            assert_eq!(answer.json()["code"], "RESOURCE_EXHAUSTED");
        }
        assert_eq!(peers.iter().map(Peer::calls).sum::<usize>(), 40, "none is sent again");
        assert_eq!(honest(&gateway, 20).await, 0);
        assert!(peers.iter().all(|peer| peer.calls() > 20), "neither is ejected");
    }
}

#[tokio::test]
async fn messages_may_be_bounded() {
    let backend = library().start().await;
    let gateway = before(&[backend.address().to_string()], ", max_message: 1KiB").await;
    let body = |length: usize| format!(r#"{{"shelf":"{}"}}"#, "s".repeat(length));
    assert_eq!(gateway.send("POST", "/books", &body(1000)).await.status, StatusCode::OK);
    let answer = gateway.send("POST", "/books", &body(1025)).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["reason"]), (413, &json!("MESSAGE_TOO_LARGE")));
    assert!(answer.json()["error"].as_str().unwrap().contains("1024"), "{answer:?}");
    assert_eq!(backend.seen().len(), 1);
}

#[tokio::test]
async fn a_request_that_breaks_connections_is_stopped() {
    for breaks in [Reaction::HangUp, Reaction::Abort(1), Reaction::Abort(11)] {
        let script = move |call: testkit::peer::Received| match call.metadata.contains_key("x-laden-0") {
            true => breaks.clone(),
            false => Reaction::Answer(Bytes::new()),
        };
        let peer = Peer::start(script).await;
        let gateway = before(&[peer.address().to_owned()], ", retry: {attempts: 9, budget: 100%}").await;
        let answer = gateway.request(laden(Method::GET, "/books/b1", 1000)).await;
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
        let body = answer.json();
        assert_eq!(
            (&body["reason"], &body["code"]),
            (&json!("UPSTREAM_DISCONNECTED_TWICE"), &json!("INTERNAL"))
        );
        assert_eq!(answer.header("retry-after"), "");
        assert_eq!(peer.calls(), 2);
        assert_eq!(honest(&gateway, 5).await, 0);
    }
}

#[tokio::test]
async fn a_trace_is_no_way_around_a_policy() {
    // A service that limits everything; without an answer from it requests are allowed.
    let limiter = r#"
        syntax = "proto3";
        package envoy.service.ratelimit.v3;
        service RateLimitService { rpc ShouldRateLimit(Request) returns (Response); }
        message Request { string domain = 1; }
        message Response { int32 overall_code = 1; }
    "#;
    let limiter = Backend::of(limiter)
        .on("envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit", |_| {
            reply(json!({"overallCode": 2}))
        })
        .start()
        .await;
    let backend = library().start().await;
    let gateway = before(&[backend.address().to_string()], &format!("}}\n  limiter: {{address: \"{}\"}}\n\
         rate_limit_service: {{upstream: limiter, timeout: 10s}}\ndefaults: {{rate_limit: {{descriptor: {{a: const:b}}}}", limiter.address())).await;
    for state in ["a=b".to_owned(), "v".repeat(9000), "v".repeat(40_000), "grüße".to_owned()] {
        let mut request = request(Method::GET, "/books/b1");
        let headers = request.headers_mut();
        headers.insert(
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap(),
        );
        headers.insert("tracestate", http::HeaderValue::from_bytes(state.as_bytes()).unwrap());
        let answer = gateway.request(request).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{} bytes", state.len());
    }
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn informational_responses_without_end_are_a_broken_answer() {
    let peer = Peer::start(|call| match call.metadata.contains_key("x-laden-0") {
        true => Reaction::Informational(u32::MAX, Box::new(Reaction::Answer(Bytes::new()))),
        false => Reaction::Answer(Bytes::new()),
    });
    let peer = peer.await;
    let gateway = before(&[peer.address().to_owned()], ", timeout: 60s").await;
    let answer =
        tokio::time::timeout(Duration::from_secs(20), gateway.request(laden(Method::GET, "/books/b1", 1000)));
    let answer = answer.await.expect("an answer long before the deadline");
    assert_eq!((answer.status.as_u16(), &answer.json()["reason"]), (502, &json!("UPSTREAM_PROTOCOL_ERROR")));
    assert_eq!(honest(&gateway, 5).await, 0);
}
