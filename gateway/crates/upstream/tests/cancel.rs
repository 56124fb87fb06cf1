//! Calls that are cancelled in great numbers: no other call on the connection fails, and the server is not left with them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests stop at the first surprise"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use common::{call, spec, started, until, upstream};
use testkit::peer::{Peer, Reaction};
use tokio::task::JoinSet;
use upstream::{Call, Health, Request, Upstream, UpstreamSpec};

/// Begins calls and drops each of them 1 ms later, from so many tasks at once, until told to stop.
fn cancel_many(
    upstream: &Arc<Upstream>,
    tasks: usize,
    example: &Call,
    stop: &Arc<AtomicBool>,
) -> JoinSet<usize> {
    let mut set = JoinSet::new();
    for _ in 0..tasks {
        let (upstream, stop, example) = (Arc::clone(upstream), Arc::clone(stop), example.clone());
        set.spawn(async move {
            let mut cancelled = 0;
            while !stop.load(SeqCst) {
                let call = upstream.unary(example.clone());
                cancelled += usize::from(tokio::time::timeout(Duration::from_millis(1), call).await.is_err());
            }
            cancelled
        });
    }
    set
}

/// Makes calls one after the other that may not be repeated, and expects all of them to succeed.
async fn honest_calls(upstream: &Upstream, calls: usize) {
    for number in 0..calls {
        let answer = upstream.unary(call(b"honest")).await;
        assert!(answer.as_ref().is_ok_and(|answer| answer.status.is_ok()), "call {number}: {answer:?}");
    }
}

async fn stop_all(mut attack: JoinSet<usize>, stop: &AtomicBool) -> usize {
    stop.store(true, SeqCst);
    let mut cancelled = 0;
    while let Some(count) = attack.join_next().await {
        cancelled += count.unwrap();
    }
    cancelled
}

/// A peer on a thread of its own that is busy for a while with every call, so that calls queue up before it. Its HTTP/2 library ends
/// a connection when 20 streams are reset that it did not accept yet.
struct BusyPeer {
    address: String,
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl BusyPeer {
    fn start(busy: Duration) -> Self {
        let (started, address) = std::sync::mpsc::channel();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let peer = Peer::start(move |call| {
                    std::thread::sleep(busy);
                    Reaction::Answer(call.message)
                })
                .await;
                started.send(peer.address().to_owned()).unwrap();
                drop(stopped.await);
            });
        });
        Self { address: address.recv().unwrap(), _stop: stop }
    }
}

#[tokio::test]
async fn no_other_call_fails_when_many_are_cancelled_at_a_busy_server() {
    let peer = BusyPeer::start(Duration::from_millis(2));
    let addresses = vec![upstream::Address::parse(&peer.address).unwrap()];
    let upstream = Upstream::start("test", wide(UpstreamSpec::new(addresses)), 1).unwrap();
    started(&upstream, Health::Connected).await;
    let stop = Arc::default();
    let attack = cancel_many(&upstream, 10, &call(b"x"), &stop);
    honest_calls(&upstream, 20).await;
    stop_all(attack, &stop).await;
}

#[tokio::test]
async fn isolated_calls_are_reset_at_once_and_end_only_connections_of_their_own() {
    let peer = BusyPeer::start(Duration::from_millis(2));
    let addresses = vec![upstream::Address::parse(&peer.address).unwrap()];
    let upstream = Upstream::start("test", wide(UpstreamSpec::new(addresses)), 1).unwrap();
    started(&upstream, Health::Connected).await;
    honest_calls(&upstream, 1).await;
    let stop = Arc::default();
    let attack = cancel_many(&upstream, 40, &Call { isolated: true, ..call(b"x") }, &stop);
    honest_calls(&upstream, 60).await;
    stop_all(attack, &stop).await;
    let view = upstream.view();
    assert!(view.connections_opened > 2, "the server ends connections for the resets: {view:?}");
    assert_eq!(view.ejections, 0);
}

/// Answers honest calls at once, and the others after a pause.
async fn slow_for_others(pause: Duration) -> Peer {
    Peer::start(move |call| match call.message.as_ref() {
        b"honest" => Reaction::Answer(call.message),
        _ => Reaction::After(pause, Box::new(Reaction::Answer(call.message))),
    })
    .await
}

fn wide(spec: UpstreamSpec) -> UpstreamSpec {
    let mut spec = spec;
    spec.circuit_breaker.max_requests = 10_000;
    spec
}

#[tokio::test]
async fn no_other_call_fails_when_many_are_cancelled() {
    for pause in [Duration::from_millis(3), Duration::from_millis(300), Duration::from_secs(30)] {
        let peer = slow_for_others(pause).await;
        let upstream = Upstream::start("test", wide(spec(&[&peer])), 1).unwrap();
        started(&upstream, Health::Connected).await;
        let stop = Arc::default();
        let attack = cancel_many(&upstream, 50, &call(b"slow"), &stop);
        honest_calls(&upstream, 150).await;
        let cancelled = stop_all(attack, &stop).await;
        assert!(cancelled > 100, "{cancelled}");
        honest_calls(&upstream, 10).await;
    }
}

#[tokio::test]
async fn what_exceeds_the_budget_is_reset_in_time() {
    let peer = Peer::start(|_| Reaction::Hang).await;
    let upstream = upstream(&[&peer]);
    started(&upstream, Health::Connected).await;
    let mut calls = JoinSet::new();
    for _ in 0..10 {
        let upstream = Arc::clone(&upstream);
        calls.spawn(async move { upstream.unary(call(b"x")).await.map(drop) });
    }
    until(|| peer.calls() == 10).await;
    calls.abort_all();
    while calls.join_next().await.is_some() {}
    assert_eq!(upstream.view().active, 0);
    peer.cancelled(10).await;
    until(|| upstream.view().endpoints[0].active == 0).await;
}

#[tokio::test]
async fn a_stream_that_is_dropped_is_paced_like_a_call() {
    let peer = slow_for_others(Duration::from_secs(30)).await;
    let upstream = Upstream::start("test", wide(spec(&[&peer])), 1).unwrap();
    started(&upstream, Health::Connected).await;
    for _ in 0..300 {
        let message = Call { worker: 0, ..call(b"slow") };
        let exchange = upstream.open(message, Request::Open).await.unwrap();
        drop(exchange);
    }
    honest_calls(&upstream, 50).await;
}

#[tokio::test]
async fn a_large_response_of_a_cancelled_call_holds_nothing_up() {
    let large = Bytes::from(vec![7; 900 << 10]);
    let peer = Peer::start(move |call| match call.message.as_ref() {
        b"honest" => Reaction::Answer(Bytes::from(vec![1; 300 << 10])),
        _ => Reaction::After(Duration::from_millis(5), Box::new(Reaction::Answer(large.clone()))),
    })
    .await;
    let upstream = Upstream::start("test", wide(spec(&[&peer])), 1).unwrap();
    started(&upstream, Health::Connected).await;
    let stop = Arc::default();
    let attack = cancel_many(&upstream, 40, &call(b"large"), &stop);
    honest_calls(&upstream, 100).await;
    stop_all(attack, &stop).await;
    honest_calls(&upstream, 10).await;
}
