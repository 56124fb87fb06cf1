//! Streaming calls: messages as they come, back pressure, endings, and neighbours on the same connection.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests stop at the first surprise"
)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::{call, until, upstream};
use http::uri::PathAndQuery;
use testkit::peer::{DUPLEX, Peer, Reaction, framed, grpc_head};
use upstream::{CallError, Event, Request, code, frame};

async fn message(receiver: &mut upstream::Receiver) -> Bytes {
    match receiver.next().await.unwrap() {
        Event::Message(message) => message,
        Event::End(end) => panic!("ended: {end:?}"),
    }
}

async fn end(receiver: &mut upstream::Receiver) -> u32 {
    match receiver.next().await.unwrap() {
        Event::End(end) => end.status.code,
        Event::Message(message) => panic!("another message: {message:?}"),
    }
}

#[tokio::test]
async fn a_server_stream_is_received_to_its_status() {
    let peer = Peer::start(|_| Reaction::Raw {
        http: 200,
        head: [grpc_head(), vec![("x-a", "b".into())]].concat(),
        data: vec![framed(0, b"one"), [framed(0, b"two"), framed(0, b"three")].concat().into()],
        trailers: Some(vec![("grpc-status", "10".into())]),
    })
    .await;
    let mut exchange = upstream(&[&peer]).open(call(b"x"), Request::Complete).await.unwrap();
    assert!(exchange.sender.is_none());
    assert_eq!(exchange.receiver.metadata().await.unwrap()["x-a"], "b");
    for expected in ["one", "two", "three"] {
        assert_eq!(message(&mut exchange.receiver).await, expected);
    }
    assert_eq!(end(&mut exchange.receiver).await, code::ABORTED);
    assert_eq!(end(&mut exchange.receiver).await, code::ABORTED);
}

#[tokio::test]
async fn how_streams_end() {
    let table: Vec<(Reaction, Result<u32, CallError>)> = vec![
        (Reaction::frames(vec![framed(0, b"x")]), Ok(code::OK)),
        (Reaction::frames(vec![]), Ok(code::OK)),
        (Reaction::Status(code::NOT_FOUND, "no"), Ok(code::NOT_FOUND)),
        (Reaction::TrailersOnly(vec![("grpc-status", "16".into())]), Ok(code::UNAUTHENTICATED)),
        (Reaction::ResetWithin(8), Err(CallError::Reset(8))),
        (Reaction::Reset(2), Err(CallError::Reset(2))),
        (Reaction::frames(vec![Bytes::from_static(&[0, 0])]), Err(CallError::Truncated)),
        (
            Reaction::Raw { http: 200, head: grpc_head(), data: vec![framed(0, b"x")], trailers: None },
            Err(CallError::MissingStatus { http: 200 }),
        ),
        (
            Reaction::Raw { http: 502, head: vec![], data: vec![], trailers: None },
            Err(CallError::MissingStatus { http: 502 }),
        ),
    ];
    for (reaction, expected) in table {
        let what = format!("{reaction:?}");
        let peer = Peer::start(move |_| reaction.clone()).await;
        let outcome = async {
            let mut exchange = upstream(&[&peer]).open(call(b"x"), Request::Complete).await?;
            loop {
                if let Event::End(end) = exchange.receiver.next().await? {
                    return Ok(end.status.code);
                }
            }
        };
        assert_eq!(outcome.await, expected, "{what}");
    }
}

#[tokio::test]
async fn both_directions_flow_at_once() {
    let peer = Peer::echo().await;
    let mut call = call(b"first");
    call.path = PathAndQuery::from_static(DUPLEX);
    let mut exchange = upstream(&[&peer]).open(call, Request::Open).await.unwrap();
    let mut sender = exchange.sender.take().unwrap();
    assert_eq!(message(&mut exchange.receiver).await, "first");
    // Larger than any window: it is sent as the peer reads.
    let large = vec![7; 3 << 20];
    let sending = tokio::spawn(async move {
        sender.send(frame::frame(&large)).await.unwrap();
        sender.send(frame::frame(b"last")).await.unwrap();
        sender.finish().unwrap();
    });
    assert_eq!(message(&mut exchange.receiver).await.len(), 3 << 20);
    assert_eq!(message(&mut exchange.receiver).await, "last");
    assert_eq!(end(&mut exchange.receiver).await, code::OK);
    sending.await.unwrap();
}

#[tokio::test]
async fn a_sender_is_held_back_by_a_reader_that_does_not_read() {
    let peer = Peer::start(|_| Reaction::Hang).await;
    let mut call = call(b"");
    call.path = PathAndQuery::from_static(DUPLEX);
    // The echo stops when nobody reads it, and then takes no more.
    let mut exchange = upstream(&[&peer]).open(call, Request::Open).await.unwrap();
    let mut sender = exchange.sender.take().unwrap();
    let one = frame::frame(&[1; 64 << 10]);
    let mut sent = 0;
    while tokio::time::timeout(Duration::from_millis(300), sender.send(one.clone())).await.is_ok() {
        sent += one.len();
        assert!(sent < 8 << 20, "nothing holds the sender back");
    }
}

#[tokio::test]
async fn dropping_an_exchange_cancels_the_call() {
    let peer = Peer::start(|_| Reaction::Hang).await;
    let upstream = upstream(&[&peer]);
    let opening = upstream.open(call(b"x"), Request::Complete);
    let cancelled = tokio::time::timeout(Duration::from_millis(100), opening).await;
    assert!(cancelled.is_err());
    peer.cancelled(1).await;
    let mut exchange = upstream.open(call(b""), Request::Open).await.unwrap();
    exchange.sender.take().unwrap().finish().unwrap();
    until(|| peer.calls() == 2).await;
    drop(exchange);
    peer.cancelled(2).await;
    until(|| upstream.view().active == 0).await;
}

#[tokio::test]
async fn a_slow_reader_of_many_small_messages_does_not_harm_its_neighbours() {
    const MANY: usize = 40_000;
    let peer = Peer::start(|call| match call.message.as_ref() {
        b"many" => Reaction::frames(vec![framed(0, b"ab"); MANY]),
        _ => Reaction::Answer(call.message),
    })
    .await;
    let upstream = upstream(&[&peer]);
    let mut exchange = upstream.open(call(b"many"), Request::Complete).await.unwrap();
    for _ in 0..200 {
        assert_eq!(upstream.unary(call(b"x")).await.unwrap().message, "x");
    }
    let mut received = 0;
    while let Event::Message(_) = exchange.receiver.next().await.unwrap() {
        received += 1;
    }
    assert_eq!(received, MANY);
    // One for calls, one for the lookout: the neighbours shared it.
    assert_eq!(peer.connections(), 2);
}

#[tokio::test]
async fn a_burst_of_tiny_answers_does_not_kill_the_connection() {
    let peer = Peer::start(|_| Reaction::Held(Box::new(Reaction::Answer(Bytes::from_static(b"ab"))))).await;
    let upstream = upstream(&[&peer]);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..1000 {
        let upstream = Arc::clone(&upstream);
        tasks.spawn(async move { upstream.unary(call(b"x")).await.map(|a| a.message) });
    }
    until(|| peer.calls() == 1000).await;
    peer.release();
    while let Some(result) = tasks.join_next().await {
        assert_eq!(result.unwrap().unwrap(), "ab");
    }
    assert!(upstream.view().failures.is_empty());
}

#[tokio::test]
async fn a_stream_that_is_refused_is_begun_again() {
    let peer = Peer::start(|call| match call.number {
        1 => Reaction::Reset(7),
        _ => Reaction::frames(vec![framed(0, b"x")]),
    })
    .await;
    let upstream = upstream(&[&peer]);
    let mut exchange = upstream.open(call(b"x"), Request::Complete).await.unwrap();
    assert_eq!(message(&mut exchange.receiver).await, "x");
    assert_eq!(end(&mut exchange.receiver).await, code::OK);
    assert_eq!((peer.calls(), upstream.view().retries), (2, 1));
}

#[tokio::test]
async fn a_stream_to_nobody_fails_at_once() {
    let gone = Peer::echo().await.address().to_owned();
    let upstream = common::upstream_at(&[&gone]);
    for request in [Request::Complete, Request::Open] {
        let error = upstream.open(call(b"x"), request).await.unwrap_err();
        assert_eq!(error.flag(), "NO_ENDPOINT");
    }
}

#[tokio::test]
async fn the_deadline_of_a_stream_holds() {
    let peer = Peer::start(|_| Reaction::Hang).await;
    let upstream = upstream(&[&peer]);
    let mut late = call(b"x");
    late.path = PathAndQuery::from_static(DUPLEX);
    late.deadline = tokio::time::Instant::now() + Duration::from_millis(200);
    let mut exchange = upstream.open(late, Request::Open).await.unwrap();
    assert_eq!(message(&mut exchange.receiver).await, "x");
    assert_eq!(exchange.receiver.next().await.unwrap_err(), CallError::Deadline);
    assert!(exchange.receiver.next().await.is_err());
}
