//! Requests that endpoints cannot take, and endpoints that break the protocol: a call costs the calls beside it nothing.
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
use common::{call, idempotent, spec, until, upstream};
use http::{HeaderName, HeaderValue};
use testkit::link::Link;
use testkit::peer::{Peer, Reaction, framed, grpc_head};
use upstream::{Address, Call, CallError, Event, Request, Upstream, UpstreamSpec, code};

const PROTOCOL_ERROR: u32 = 1;
const ENHANCE_YOUR_CALM: u32 = 11;

fn answer() -> Reaction {
    Reaction::Answer(Bytes::from_static(b"ok"))
}

/// A call with metadata of about this many bytes, in fields of about a hundred.
fn laden(mut call: Call, bytes: usize) -> Call {
    for n in 0..bytes.div_ceil(100) {
        let name = HeaderName::try_from(format!("x-{n:04}")).unwrap();
        call.metadata.insert(
            name,
            HeaderValue::from_static("0123456789012345678901234567890123456789012345678901234567890a"),
        );
    }
    call
}

/// The end of a streaming call that sends one message, whether its request is complete or not.
async fn stream_end(upstream: &Arc<Upstream>, request: Request) -> Result<u32, CallError> {
    let mut exchange = upstream.open(call(b"x"), request).await?;
    exchange.sender.take().map_or(Ok(()), upstream::Sender::finish)?;
    loop {
        if let Event::End(end) = exchange.receiver.next().await? {
            return Ok(end.status.code);
        }
    }
}

/// Whether an endpoint of this upstream has been ejected so far.
fn has_ejected(upstream: &Upstream) -> bool {
    upstream.view().ejections > 0
}

#[tokio::test]
async fn metadata_beyond_the_limit_is_not_sent() {
    let peer = Peer::start(|_| answer()).await;
    let upstream = upstream(&[&peer]);
    for bytes in [9_000, 40_000, 1_000_000] {
        let error = upstream.unary(laden(idempotent(b"x"), bytes)).await.unwrap_err();
        let CallError::MetadataTooLarge { size, limit: 8192 } = error else { panic!("{error:?}") };
        assert!((bytes..bytes + bytes / 10 + 500).contains(&size), "{size} of {bytes}");
        assert_eq!(error.code(), code::RESOURCE_EXHAUSTED);
    }
    upstream.unary(laden(call(b"x"), 7000)).await.unwrap();
    assert_eq!(peer.calls(), 1);
}

#[tokio::test]
async fn the_limit_counts_as_http2_does() {
    let peer = Peer::start(|_| answer()).await;
    // What each call has: four pseudo-header fields, te, content-type, grpc-accept-encoding, grpc-timeout.
    let fixed = |timeout: usize| {
        let pseudo = [(7, 4), (7, 4), (10, peer.address().len()), (5, "/test.Echo/Say".len())];
        let own = [(2, 8), (12, 16), (20, 13), (12, timeout)];
        pseudo.iter().chain(&own).map(|(name, value)| name + value + 32).sum::<usize>()
    };
    let sized = |limit: usize| {
        let spec = UpstreamSpec { max_metadata: limit, ..spec(&[&peer]) };
        Upstream::start("test", spec, 1).unwrap()
    };
    let mut call = call(b"x");
    for value in ["1", "22"] {
        call.metadata.append("x-a", HeaderValue::from_static(value));
    }
    sized(10_000).unary(call.clone()).await.unwrap();
    let timeout = peer.received()[0].metadata["grpc-timeout"].len();
    let size = fixed(timeout) + (3 + 1 + 32) + (3 + 2 + 32);
    sized(size).unary(call.clone()).await.unwrap();
    let error = sized(size - 1).unary(call).await.unwrap_err();
    assert_eq!(error, CallError::MetadataTooLarge { size, limit: size - 1 });
}

#[tokio::test]
async fn an_endpoint_gets_no_more_metadata_than_it_announces() {
    for limit in [1024, 4096, 16_384] {
        let peer = Peer::builder().http2(|http2| _ = http2.max_header_list_size(limit));
        let peer = peer.start(|_| answer()).await.unwrap();
        let spec = UpstreamSpec { max_metadata: 1 << 20, ..spec(&[&peer]) };
        let upstream = Upstream::start("test", spec, 1).unwrap();
        for bytes in [limit as usize, 40_000, 500_000] {
            let attempt = laden(idempotent(b"x"), bytes);
            let error = upstream.unary(attempt.clone()).await.unwrap_err();
            let expected = limit as usize;
            assert!(
                matches!(error, CallError::MetadataTooLarge { limit, .. } if limit == expected),
                "{bytes} of {limit}: {error:?}"
            );
            let error = Arc::clone(&upstream).open(attempt, Request::Complete).await.unwrap_err();
            assert!(matches!(error, CallError::MetadataTooLarge { .. }), "{error:?}");
        }
        upstream.unary(laden(call(b"x"), limit as usize / 4)).await.unwrap();
        assert_eq!((peer.calls(), has_ejected(&upstream)), (1, false));
    }
}

#[tokio::test]
async fn messages_beyond_the_limit_are_not_sent() {
    let peer = Peer::start(|_| answer()).await;
    let spec = UpstreamSpec { max_message: Some(1000), ..spec(&[&peer]) };
    let upstream = Upstream::start("test", spec, 1).unwrap();
    let error = upstream.unary(idempotent(&[0; 1001])).await.unwrap_err();
    assert_eq!(error, CallError::MessageTooLarge { limit: 1000 });
    let error = Arc::clone(&upstream).open(call(&[0; 1001]), Request::Open).await.unwrap_err();
    assert_eq!(error, CallError::MessageTooLarge { limit: 1000 });
    upstream.unary(call(&[0; 1000])).await.unwrap();
    assert_eq!(peer.calls(), 1);
}

#[tokio::test]
async fn an_endpoint_that_rejects_a_request_as_too_large_is_not_blamed() {
    let html = || vec![("content-type", "text/html".to_owned())];
    for (http, expected) in [(431, CallError::MetadataRejected), (413, CallError::MessageRejected)] {
        let reaction = move |_| Reaction::Raw { http, head: html(), data: vec![], trailers: None };
        let (one, two) = (Peer::start(reaction).await, Peer::start(reaction).await);
        let upstream = upstream(&[&one, &two]);
        for _ in 0..20 {
            assert_eq!(upstream.unary(idempotent(b"x")).await.unwrap_err(), expected);
        }
        assert_eq!((one.calls() + two.calls(), has_ejected(&upstream)), (20, false), "no retry");
    }
}

/// How an endpoint breaks its connection.
fn breaking() -> Vec<(&'static str, Reaction)> {
    vec![
        ("hangs up", Reaction::HangUp),
        ("ends with an error", Reaction::Abort(PROTOCOL_ERROR)),
        ("finds it too much", Reaction::Abort(ENHANCE_YOUR_CALM)),
    ]
}

#[tokio::test]
async fn a_request_that_breaks_connections_is_sent_twice_at_most() {
    for (how, reaction) in breaking() {
        let breaks = reaction.clone();
        let peer =
            Peer::start(move |call| if call.message == "bad" { breaks.clone() } else { answer() }).await;
        let mut spec = spec(&[&peer]);
        spec.retry.attempts = 10;
        let upstream = Upstream::start("test", spec, 1).unwrap();
        let sent = || peer.received().iter().filter(|call| call.message == "bad").count();
        assert_eq!(
            upstream.unary(idempotent(b"bad")).await.unwrap_err(),
            CallError::DisconnectedTwice,
            "{how}"
        );
        assert_eq!(sent(), 2, "{how}");
        let error = Arc::clone(&upstream).open(idempotent(b"bad"), Request::Complete).await.unwrap_err();
        assert_eq!((error, sent()), (CallError::DisconnectedTwice, 4), "{how}, of a stream");
        // Of a call that may not be repeated there is no second time.
        assert!(
            matches!(upstream.unary(call(b"bad")).await.unwrap_err(), CallError::Disconnected(_)),
            "{how}"
        );
        assert_eq!(sent(), 5, "{how}");
        upstream.unary(call(b"good")).await.unwrap();
    }
}

#[tokio::test]
async fn a_refused_stream_does_not_hide_that_the_connection_breaks() {
    let script = |call: testkit::peer::Received| match &*call.message {
        b"bad" => Reaction::ResetAndAbort(7, PROTOCOL_ERROR),
        _ => answer(),
    };
    let peer = Peer::start(script).await;
    let upstream = upstream(&[&peer]);
    for _ in 0..5 {
        let before = peer.calls();
        // Whatever the call: a refused stream may be sent again.
        assert_eq!(upstream.unary(call(b"bad")).await.unwrap_err(), CallError::DisconnectedTwice);
        assert_eq!(peer.calls() - before, 2);
        let open = Arc::clone(&upstream).open(call(b"bad"), Request::Complete).await;
        assert_eq!((open.unwrap_err(), peer.calls() - before), (CallError::DisconnectedTwice, 4));
        upstream.unary(idempotent(b"good")).await.unwrap();
    }
}

#[tokio::test]
async fn a_call_whose_connection_breaks_once_is_still_repeated() {
    for (how, reaction) in breaking() {
        let peer = Peer::start(move |call| if call.number == 1 { reaction.clone() } else { answer() }).await;
        let upstream = upstream(&[&peer]);
        let answer = upstream.unary(idempotent(b"x")).await.unwrap();
        assert_eq!(answer.attempts, 2, "{how}");
    }
}

#[tokio::test]
async fn a_repeated_status_is_a_broken_response() {
    let status = |code: &str| ("grpc-status", code.to_owned());
    let raw = |head: Vec<(&'static str, String)>, data: Vec<Bytes>, trailers| Reaction::Raw {
        http: 200,
        head: [grpc_head(), head].concat(),
        data,
        trailers: Some(trailers),
    };
    let repeated = || CallError::Protocol("`grpc-status` is repeated".into());
    let table = [
        ("in trailers", raw(vec![], vec![framed(0, b"x")], vec![status("0"), status("5")])),
        ("equal ones", raw(vec![], vec![framed(0, b"x")], vec![status("0"), status("0")])),
        ("in the head", Reaction::TrailersOnly(vec![status("0"), status("7")])),
        ("errors in the head", Reaction::TrailersOnly(vec![status("5"), status("7")])),
        ("in head and trailers", raw(vec![status("5")], vec![], vec![status("0")])),
    ];
    for (what, reaction) in table {
        let peer = Peer::start(move |_| reaction.clone()).await;
        let upstream = upstream(&[&peer]);
        assert_eq!(upstream.unary(idempotent(b"x")).await.unwrap_err(), repeated(), "{what}");
        assert_eq!(peer.calls(), 1, "{what}: not sent again");
        for request in [Request::Complete, Request::Open] {
            assert_eq!(stream_end(&upstream, request).await, Err(repeated()), "{what}, {request:?}");
        }
    }
    let after = raw(vec![status("5")], vec![framed(0, b"x")], vec![]);
    let peer = Peer::start(move |_| after.clone()).await;
    let upstream_after = upstream(&[&peer]);
    let error = CallError::Protocol("a message after the status".into());
    assert_eq!(upstream_after.unary(call(b"x")).await.unwrap_err(), error);
    for request in [Request::Complete, Request::Open] {
        assert_eq!(stream_end(&upstream_after, request).await.unwrap_err(), error, "{request:?}");
    }
    // A stream that ends by an empty DATA frame is common.
    let ended = Reaction::Raw {
        http: 200,
        head: [grpc_head(), vec![status("5")]].concat(),
        data: vec![Bytes::new()],
        trailers: None,
    };
    let peer = Peer::start(move |_| ended.clone()).await;
    let upstream = upstream(&[&peer]);
    assert_eq!(upstream.unary(call(b"x")).await.unwrap().status.code, code::NOT_FOUND);
    for request in [Request::Complete, Request::Open] {
        assert_eq!(stream_end(&upstream, request).await, Ok(code::NOT_FOUND), "{request:?}");
    }
}

#[tokio::test]
async fn a_repeated_status_is_found_in_large_trailers_too() {
    let large = ("grpc-message", "m".repeat(100 << 10));
    let status = |code: &str| ("grpc-status", code.to_owned());
    for (fields, repeated) in
        [(vec![status("5"), large.clone()], false), (vec![status("5"), large, status("0")], true)]
    {
        let peer = Peer::start(move |_| Reaction::TrailersOnly(fields.clone())).await;
        let upstream = upstream(&[&peer]);
        let unary = upstream.unary(call(b"x")).await.map(|answer| answer.status.code);
        let complete = stream_end(&upstream, Request::Complete).await;
        let open = stream_end(&upstream, Request::Open).await;
        for outcome in [unary, complete, open] {
            match outcome {
                Ok(code) => assert!(!repeated && code == code::NOT_FOUND, "{code}"),
                Err(error) => assert!(repeated && matches!(error, CallError::Protocol(_)), "{error:?}"),
            }
        }
    }
}

#[tokio::test]
async fn informational_responses_are_skipped_up_to_a_bound() {
    let some = Peer::start(|_| Reaction::Informational(10, Box::new(answer()))).await;
    assert!(upstream(&[&some]).unary(call(b"x")).await.unwrap().status.is_ok());

    let endless = Peer::start(|call| match &*call.message {
        b"bad" => Reaction::Informational(u32::MAX, Box::new(answer())),
        _ => answer(),
    });
    let endless = endless.await;
    let upstream = upstream(&[&endless]);
    upstream.unary(call(b"good")).await.unwrap();
    let connection = endless.received()[0].connection;
    let error = upstream.unary(idempotent(b"bad")).await.unwrap_err();
    assert!(matches!(error, CallError::Protocol(_)), "long before the deadline, and not again: {error:?}");
    let stream = Arc::clone(&upstream).open(call(b"bad"), Request::Complete).await;
    assert!(matches!(stream.unwrap_err(), CallError::Protocol(_)));
    until(|| upstream.view().endpoints[0].connections == 0).await;
    upstream.unary(call(b"good")).await.unwrap();
    let last = endless.received().pop().unwrap().connection;
    assert!(last > connection, "the connection was ended");
}

#[tokio::test]
async fn informational_responses_that_no_call_waits_for_end_the_connection_too() {
    // The health watch waits for its first message without a deadline.
    let peer = Peer::builder().health();
    let peer = peer.start(|call| match call.path.as_str() {
        "/grpc.health.v1.Health/Watch" => Reaction::Informational(u32::MAX, Box::new(Reaction::Hang)),
        "/grpc.health.v1.Health/Check" => Reaction::Answer(Bytes::from_static(&[8, 1])),
        _ => answer(),
    });
    let peer = peer.await.unwrap();
    let upstream = upstream(&[&peer]);
    until(|| peer.connections() > 1).await;
    drop(upstream);
}

#[tokio::test]
async fn informational_responses_to_cancelled_calls_end_the_connection_too() {
    let flood = Reaction::Informational(u32::MAX, Box::new(Reaction::Hang));
    let peer = Peer::start(move |call| match &*call.message {
        b"bad" => Reaction::Held(Box::new(flood.clone())),
        _ => answer(),
    });
    let peer = peer.await;
    let upstream = upstream(&[&peer]);
    upstream.unary(call(b"good")).await.unwrap();
    // More than may be reset at once: the others stay open.
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let upstream = Arc::clone(&upstream);
        calls.spawn(async move { upstream.unary(call(b"bad")).await.map(drop) });
    }
    until(|| peer.calls() == 21).await;
    calls.abort_all();
    while calls.join_next().await.is_some() {}
    assert_eq!(upstream.view().endpoints[0].connections, 1);
    peer.release();
    until(|| upstream.view().endpoints[0].connections == 0).await;
    upstream.unary(call(b"good")).await.unwrap();
}

#[tokio::test]
async fn the_limit_is_known_before_the_first_call_of_a_slow_connection() {
    let peer = Peer::builder().http2(|http2| _ = http2.max_header_list_size(2048));
    let peer = peer.start(|_| answer()).await.unwrap();
    let link = Link::to(peer.address()).await.unwrap();
    let spec = UpstreamSpec {
        max_metadata: 1 << 20,
        ..UpstreamSpec::new(vec![Address::parse(link.address()).unwrap()])
    };
    let upstream = Upstream::start("test", spec, 1).unwrap();
    common::started(&upstream, upstream::Health::Connected).await;
    // The connection of calls gets its SETTINGS late.
    link.delay(Duration::from_millis(200));
    let error = upstream.unary(laden(call(b"x"), 4000)).await.unwrap_err();
    assert!(matches!(error, CallError::MetadataTooLarge { limit: 2048, .. }), "{error:?}");
    assert_eq!(peer.calls(), 0);
}
