//! Unary calls against a peer on a real socket: what is sent, and what each kind of answer becomes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests stop at the first surprise"
)]

mod common;

use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{call, started, upstream};
use testkit::peer::{Peer, Reaction, framed, grpc_head};
use upstream::{CallError, Health, NoEndpoint, code};

#[tokio::test]
async fn an_echo_comes_back() {
    let peer = Peer::echo().await;
    let upstream = upstream(&[&peer]);
    let mut hello = call(b"hello");
    hello.deadline = tokio::time::Instant::now() + Duration::from_secs(3);
    let answer = upstream.unary(hello).await.unwrap();
    assert_eq!(answer.message, "hello");
    assert!(answer.status.is_ok());
    assert_eq!(*answer.endpoint, *peer.address());
    assert_eq!(answer.attempts, 1);
    let received = &peer.received()[0];
    assert_eq!(received.path, "/test.Echo/Say");
    let field = |name: &str| received.metadata.get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(field("te").as_deref(), Some("trailers"));
    assert_eq!(field("content-type").as_deref(), Some("application/grpc"));
    assert_eq!(field("grpc-accept-encoding").as_deref(), Some("identity,gzip"));
    // What is left when the call is sent, which is later than now.
    let timeout = field("grpc-timeout").unwrap();
    let left: u32 = timeout.strip_suffix('m').unwrap().parse().unwrap();
    assert!((1..=3000).contains(&left), "{timeout}");
    assert_eq!(upstream.health(), Health::Connected);
}

#[tokio::test]
async fn every_kind_of_answer() {
    let field = |name: &'static str, value: &str| (name, value.to_owned());
    let raw = |http, head, data, trailers| Reaction::Raw { http, head, data, trailers };
    let ok = || Some(vec![field("grpc-status", "0")]);
    let gzip = || [grpc_head(), vec![field("grpc-encoding", "gzip")]].concat();
    let html = || vec![field("content-type", "text/html")];
    let status = |code| Err::<u32, CallError>(CallError::MissingStatus { http: code });
    let table: Vec<(&str, Reaction, Result<u32, CallError>)> = vec![
        ("answer", Reaction::Answer(Bytes::from_static(b"x")), Ok(code::OK)),
        ("empty message", Reaction::Answer(Bytes::new()), Ok(code::OK)),
        ("status in trailers", Reaction::Status(code::NOT_FOUND, "no user"), Ok(code::NOT_FOUND)),
        (
            "trailers only",
            Reaction::TrailersOnly(vec![field("grpc-status", "9")]),
            Ok(code::FAILED_PRECONDITION),
        ),
        (
            "trailers only, OK",
            Reaction::TrailersOnly(vec![field("grpc-status", "0")]),
            Err(CallError::NoMessage),
        ),
        ("OK without a message", raw(200, grpc_head(), vec![], ok()), Err(CallError::NoMessage)),
        (
            "status and a message",
            raw(200, grpc_head(), vec![framed(0, b"x")], Some(vec![field("grpc-status", "10")])),
            Ok(code::ABORTED),
        ),
        (
            "two messages",
            Reaction::frames(vec![framed(0, b"a"), framed(0, b"b")]),
            Err(CallError::TooManyMessages),
        ),
        (
            "two messages in a frame",
            Reaction::frames(vec![[framed(0, b"a"), framed(0, b"b")].concat().into()]),
            Err(CallError::TooManyMessages),
        ),
        (
            "a message in pieces",
            Reaction::frames(vec![
                Bytes::from_static(&[0, 0, 0]),
                Bytes::from_static(&[0, 2, 1]),
                Bytes::from_static(&[1]),
            ]),
            Ok(code::OK),
        ),
        (
            "cut message",
            Reaction::frames(vec![Bytes::from_static(&[0, 0, 0, 0, 9, 1])]),
            Err(CallError::Truncated),
        ),
        (
            "garbage message",
            Reaction::frames(vec![Bytes::from_static(b"<html></html>")]),
            Err(CallError::Protocol("message flags 0x3c".into())),
        ),
        ("missing status", raw(200, grpc_head(), vec![framed(0, b"x")], None), status(200)),
        (
            "missing status in trailers",
            raw(200, grpc_head(), vec![framed(0, b"x")], Some(vec![field("x-a", "b")])),
            status(200),
        ),
        ("proxy says 503", raw(503, html(), vec![Bytes::from_static(b"<html>")], None), status(503)),
        ("proxy says 404", raw(404, html(), vec![], None), status(404)),
        ("a web page", raw(200, html(), vec![Bytes::from_static(b"<html>")], None), status(200)),
        ("unreadable status", Reaction::TrailersOnly(vec![field("grpc-status", "abc")]), Ok(code::UNKNOWN)),
        ("status 17", Reaction::TrailersOnly(vec![field("grpc-status", "17")]), Ok(code::UNKNOWN)),
        (
            "too large",
            Reaction::frames(vec![framed(0, &[0; 2000])]),
            Err(CallError::TooLarge { limit: 1000 }),
        ),
        ("not gzip", raw(200, gzip(), vec![framed(1, b"x")], ok()), Err(CallError::Decompress)),
        (
            "unknown encoding",
            raw(200, [grpc_head(), vec![field("grpc-encoding", "br")]].concat(), vec![framed(1, b"x")], ok()),
            Err(CallError::Encoding("br".into())),
        ),
        ("reset", Reaction::Reset(2), Err(CallError::Reset(2))),
        ("reset within a message", Reaction::ResetWithin(11), Err(CallError::Reset(11))),
        (
            "hang up",
            Reaction::HangUp,
            Err(CallError::Disconnected("stream closed because of a broken pipe".into())),
        ),
    ];
    for (what, reaction, expected) in table {
        let peer = Peer::start(move |_| reaction.clone()).await;
        let upstream = upstream(&[&peer]);
        let mut call = call(b"x");
        call.max_response = 1000;
        let outcome = upstream.unary(call).await.map(|answer| answer.status.code);
        assert_eq!(outcome, expected, "{what}");
    }
}

#[tokio::test]
async fn the_deadline_holds_and_cancels_the_call() {
    let peer = Peer::start(|_| Reaction::Hang).await;
    let upstream = upstream(&[&peer]);
    let mut call = call(b"x");
    call.deadline = tokio::time::Instant::now() + Duration::from_millis(50);
    let start = Instant::now();
    assert_eq!(upstream.unary(call).await.unwrap_err(), CallError::Deadline);
    assert!(start.elapsed() < Duration::from_secs(2));
    peer.cancelled(1).await;
}

#[tokio::test]
async fn a_caller_that_leaves_cancels_the_call() {
    let peer = Peer::start(|_| Reaction::Hang).await;
    let upstream = upstream(&[&peer]);
    let task = tokio::spawn(async move { upstream.unary(call(b"x")).await });
    while peer.calls() == 0 {
        tokio::task::yield_now().await;
    }
    task.abort();
    peer.cancelled(1).await;
}

#[tokio::test]
async fn nobody_there_fails_at_once_and_recovers_by_itself() {
    let peer = Peer::echo().await;
    let address = peer.address().to_owned();
    let upstream = upstream(&[&peer]);
    upstream.unary(call(b"x")).await.unwrap();
    drop(peer);
    // Whatever the moment, a call fails within a second; once the loss is known, at once.
    let start = Instant::now();
    upstream.unary(call(b"x")).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(1));
    started(&upstream, Health::Unavailable).await;
    let start = Instant::now();
    let error = upstream.unary(call(b"x")).await.unwrap_err();
    assert_eq!(error, CallError::NoEndpoint(NoEndpoint::Unreachable));
    assert_eq!(error.code(), code::UNAVAILABLE);
    assert!(error.retry_after().is_some());
    assert!(start.elapsed() < Duration::from_millis(500));

    let _peer = Peer::builder()
        .on(address.parse().unwrap())
        .start(|call| Reaction::Answer(call.message))
        .await
        .unwrap();
    let start = Instant::now();
    started(&upstream, Health::Connected).await;
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    upstream.unary(call(b"x")).await.unwrap();
}

#[tokio::test]
async fn an_upstream_that_never_was_there_fails_at_once() {
    let gone = Peer::echo().await.address().to_owned();
    let upstream = common::upstream_at(&[&gone]);
    let start = Instant::now();
    let error = upstream.unary(call(b"x")).await.unwrap_err();
    assert_eq!(error, CallError::NoEndpoint(NoEndpoint::Unreachable));
    assert!(start.elapsed() < Duration::from_secs(1));
    assert_eq!(upstream.health(), Health::Unavailable);
}

#[tokio::test]
async fn a_server_that_speaks_no_http2_is_unreachable() {
    let peer = Peer::garbage(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    let upstream = upstream(&[&peer]);
    let error = upstream.unary(call(b"x")).await.unwrap_err();
    assert_eq!(error, CallError::NoEndpoint(NoEndpoint::Unreachable));
}

#[tokio::test]
async fn a_unix_socket_is_an_endpoint() {
    let folder = tempfile::tempdir().unwrap();
    let peer = Peer::start_unix(&folder.path().join("s"), |call| Reaction::Answer(call.message)).unwrap();
    let upstream = upstream(&[&peer]);
    assert_eq!(upstream.unary(call(b"x")).await.unwrap().message, "x");
}
