//! Endpoints that come, go, refuse and lie: no call fails that need not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests stop at the first surprise"
)]

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{call, idempotent, spec, started, until, upstream};
use http::HeaderValue;
use testkit::link::Link;
use testkit::peer::{Peer, Reaction};
use upstream::{
    Address, Balance, BreakerSpec, CallError, Codes, Health, HealthCheckSpec, KeepaliveSpec, Limit,
    NoEndpoint, Reach, RetrySpec, Upstream, UpstreamSpec, code,
};

fn answer() -> Reaction {
    Reaction::Answer(Bytes::from_static(b"ok"))
}

async fn all_reachable(upstream: &Upstream) {
    until(|| upstream.view().endpoints.iter().all(|e| e.reach == Reach::Reachable)).await;
}

#[tokio::test]
async fn round_robin_spreads_calls_evenly() {
    let (one, two) = (Peer::echo().await, Peer::echo().await);
    let upstream = upstream(&[&one, &two]);
    all_reachable(&upstream).await;
    for _ in 0..20 {
        upstream.unary(call(b"x")).await.unwrap();
    }
    assert_eq!((one.calls(), two.calls()), (10, 10));
}

#[tokio::test]
async fn equal_keys_go_to_one_endpoint() {
    let (one, two) = (Peer::echo().await, Peer::echo().await);
    let upstream =
        Upstream::start("test", UpstreamSpec { balance: Balance::Hash, ..spec(&[&one, &two]) }, 1).unwrap();
    all_reachable(&upstream).await;
    for key in 0..40u64 {
        let mut first = None;
        for _ in 0..3 {
            let mut call = call(b"x");
            call.hash = Some(key.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let endpoint = upstream.unary(call).await.unwrap().endpoint;
            assert_eq!(*first.get_or_insert_with(|| Arc::clone(&endpoint)), endpoint);
        }
    }
    assert!(one.calls() > 20 && two.calls() > 20, "{} {}", one.calls(), two.calls());
}

#[tokio::test]
async fn an_idempotent_call_is_tried_on_another_endpoint() {
    let bad = Peer::start(|_| Reaction::Status(code::UNAVAILABLE, "busy")).await;
    let good = Peer::start(|_| answer()).await;
    let upstream = upstream(&[&bad, &good]);
    all_reachable(&upstream).await;
    for _ in 0..4 {
        let answer = upstream.unary(idempotent(b"x")).await.unwrap();
        assert_eq!(*answer.endpoint, *good.address());
    }
    let view = upstream.view();
    assert_eq!(view.retries as usize, bad.calls());
    assert!(bad.calls() > 0);
}

#[tokio::test]
async fn a_call_that_is_not_idempotent_is_not_repeated() {
    let bad = Peer::start(|_| Reaction::Status(code::UNAVAILABLE, "busy")).await;
    let upstream = upstream(&[&bad]);
    let answer = upstream.unary(call(b"x")).await.unwrap();
    assert_eq!((answer.status.code, answer.attempts, bad.calls()), (code::UNAVAILABLE, 1, 1));
    let answer = upstream.unary(idempotent(b"x")).await.unwrap();
    assert_eq!((answer.status.code, answer.attempts, bad.calls()), (code::UNAVAILABLE, 3, 4));
}

#[tokio::test]
async fn a_refused_stream_is_tried_again_whatever_the_call() {
    let peer = Peer::start(|call| if call.number == 1 { Reaction::Reset(7) } else { answer() }).await;
    let upstream = upstream(&[&peer]);
    let answer = upstream.unary(call(b"x")).await.unwrap();
    assert_eq!((answer.attempts, peer.calls()), (2, 2));
}

#[tokio::test]
async fn every_try_sends_the_same_metadata() {
    let peer =
        Peer::start(
            |call| {
                if call.number == 1 { Reaction::Status(code::UNAVAILABLE, "busy") } else { answer() }
            },
        );
    let peer = peer.await;
    let upstream = upstream(&[&peer]);
    let mut call = idempotent(b"x");
    for (name, value) in [("x-a", "1"), ("x-b", "2"), ("x-a", "3")] {
        call.metadata.append(name, HeaderValue::from_static(value));
    }
    assert_eq!(upstream.unary(call).await.unwrap().attempts, 2);
    let sent = peer.received().into_iter().map(|received| {
        let values = received.metadata.get_all("x-a").iter().map(|value| value.to_str().unwrap().to_owned());
        (values.collect::<Vec<_>>(), received.metadata["x-b"].clone())
    });
    let same = (vec!["1".to_owned(), "3".to_owned()], HeaderValue::from_static("2"));
    assert_eq!(sent.collect::<Vec<_>>(), [same.clone(), same]);
}

#[tokio::test]
async fn a_peer_that_refuses_everything_is_not_asked_for_ever() {
    let peer = Peer::start(|_| Reaction::Reset(7)).await;
    let upstream = upstream(&[&peer]);
    assert_eq!(upstream.unary(call(b"x")).await.unwrap_err(), CallError::Refused);
    assert!(peer.calls() <= 6, "{}", peer.calls());
}

#[tokio::test]
async fn goaway_fails_no_call() {
    // Every tenth answer is the last of its connection.
    let peer =
        Peer::start(
            |call| {
                if call.number % 10 == 0 { Reaction::GoAway(Box::new(answer())) } else { answer() }
            },
        )
        .await;
    let upstream = upstream(&[&peer]);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let upstream = Arc::clone(&upstream);
        tasks.spawn(async move {
            for _ in 0..25 {
                upstream.unary(call(b"x")).await.expect("no call fails");
            }
        });
    }
    while let Some(result) = tasks.join_next().await {
        result.unwrap();
    }
    assert_eq!(peer.calls(), 200);
    assert!(peer.connections() > 5, "{}", peer.connections());
}

#[tokio::test]
async fn one_of_two_dies_and_no_idempotent_call_fails() {
    let (mortal, survivor) = (Peer::start(|_| Reaction::Hang).await, Peer::start(|_| answer()).await);
    let upstream = upstream(&[&mortal, &survivor]);
    all_reachable(&upstream).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let upstream = Arc::clone(&upstream);
        tasks.spawn(async move { upstream.unary(idempotent(b"x")).await.map(|a| a.status.code) });
    }
    until(|| mortal.calls() == 100).await;
    drop(mortal);
    while let Some(result) = tasks.join_next().await {
        assert_eq!(result.unwrap(), Ok(code::OK));
    }
}

#[tokio::test]
async fn a_slow_try_is_given_up_for_another_endpoint() {
    let slow = Peer::start(|_| Reaction::Hang).await;
    let fast = Peer::start(|_| answer()).await;
    let retry = RetrySpec { per_try_timeout: Some(Duration::from_millis(50)), ..RetrySpec::default() };
    let upstream = Upstream::start("test", UpstreamSpec { retry, ..spec(&[&slow, &fast]) }, 1).unwrap();
    all_reachable(&upstream).await;
    for _ in 0..2 {
        assert!(upstream.unary(idempotent(b"x")).await.unwrap().status.is_ok());
    }
    assert!(slow.calls() > 0);
    slow.cancelled(slow.calls()).await;
}

#[tokio::test]
async fn a_slow_try_goes_on_where_there_is_no_other_endpoint() {
    let slow = Peer::start(|_| Reaction::After(Duration::from_millis(200), Box::new(answer()))).await;
    let retry = RetrySpec { per_try_timeout: Some(Duration::from_millis(20)), ..RetrySpec::default() };
    let upstream = Upstream::start("test", UpstreamSpec { retry, ..spec(&[&slow]) }, 1).unwrap();
    assert!(upstream.unary(idempotent(b"x")).await.unwrap().status.is_ok());
    assert_eq!(slow.calls(), 1);
}

#[tokio::test]
async fn a_server_says_when_to_come_back() {
    let fields = |pushback: &str| {
        vec![("grpc-status", "14".to_owned()), ("grpc-retry-pushback-ms", pushback.to_owned())]
    };
    let later = fields("150");
    let peer = Peer::start(move |call| match call.number {
        1 => Reaction::TrailersOnly(later.clone()),
        _ => answer(),
    })
    .await;
    let upstream_ = upstream(&[&peer]);
    let start = Instant::now();
    assert!(upstream_.unary(idempotent(b"x")).await.unwrap().status.is_ok());
    assert!(start.elapsed() >= Duration::from_millis(150));

    let never = fields("-1");
    let peer = Peer::start(move |_| Reaction::TrailersOnly(never.clone())).await;
    assert!(!upstream(&[&peer]).unary(idempotent(b"x")).await.unwrap().status.is_ok());
    assert_eq!(peer.calls(), 1);
}

#[tokio::test]
async fn the_breaker_refuses_at_once_what_is_too_much() {
    let peer = Peer::start(|_| Reaction::Held(Box::new(answer()))).await;
    let circuit_breaker = BreakerSpec { max_requests: 2, ..BreakerSpec::default() };
    let upstream = Upstream::start("test", UpstreamSpec { circuit_breaker, ..spec(&[&peer]) }, 1).unwrap();
    let busy: Vec<_> = (0..2)
        .map(|_| {
            let upstream = Arc::clone(&upstream);
            tokio::spawn(async move { upstream.unary(call(b"x")).await })
        })
        .collect();
    until(|| peer.calls() == 2).await;
    let error = upstream.unary(call(b"x")).await.unwrap_err();
    assert_eq!(error, CallError::Overflow(Limit::Requests));
    peer.release();
    for task in busy {
        task.await.unwrap().unwrap();
    }
    upstream.unary(call(b"x")).await.unwrap();
    assert_eq!(upstream.view().failures, [("OVERFLOW_REQUESTS", 1)]);
}

#[tokio::test]
async fn more_connections_are_opened_when_the_peer_allows_few_streams() {
    let peer = Peer::builder().max_streams(4).start(|_| Reaction::Held(Box::new(answer()))).await.unwrap();
    let upstream = upstream(&[&peer]);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let upstream = Arc::clone(&upstream);
        tasks.spawn(async move { upstream.unary(call(b"x")).await.map(|a| a.attempts) });
    }
    until(|| peer.calls() == 20).await;
    assert_eq!(upstream.view().endpoints[0].connections, 5);
    peer.release();
    while let Some(result) = tasks.join_next().await {
        result.unwrap().unwrap();
    }
}

#[tokio::test]
async fn calls_wait_for_a_place_when_no_more_connections_may_be_opened() {
    let peer = Peer::builder().max_streams(1).start(|call| Reaction::Answer(call.message)).await.unwrap();
    let upstream = upstream(&[&peer]);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let upstream = Arc::clone(&upstream);
        tasks.spawn(async move { upstream.unary(call(b"x")).await.map(|a| a.message) });
    }
    while let Some(result) = tasks.join_next().await {
        assert_eq!(result.unwrap().unwrap(), "x");
    }
    // 16 for calls, one for the lookout.
    assert!(peer.connections() <= 17, "{}", peer.connections());
}

#[tokio::test]
async fn an_endpoint_that_fails_in_a_row_is_left_out_for_a_while() {
    let bad = Peer::start(|_| Reaction::Status(code::INTERNAL, "broken")).await;
    let good = Peer::start(|_| answer()).await;
    let mut spec = spec(&[&bad, &good]);
    spec.retry.attempts = 1;
    if let Some(outlier) = &mut spec.outlier_detection {
        outlier.ejection = Duration::from_millis(300);
    }
    let upstream = Upstream::start("test", spec, 1).unwrap();
    all_reachable(&upstream).await;
    for _ in 0..30 {
        upstream.unary(call(b"x")).await.unwrap();
    }
    assert_eq!(bad.calls(), 5);
    assert_eq!(upstream.view().ejections, 1);
    until(|| upstream.view().endpoints.iter().all(|e| !e.ejected)).await;
    upstream.unary(call(b"x")).await.unwrap();
    upstream.unary(call(b"x")).await.unwrap();
    assert_eq!(bad.calls(), 6);
}

#[tokio::test]
async fn the_only_endpoint_is_never_left_out() {
    let bad = Peer::start(|_| Reaction::Status(code::INTERNAL, "broken")).await;
    let upstream = upstream(&[&bad]);
    for _ in 0..20 {
        assert_eq!(upstream.unary(call(b"x")).await.unwrap().status.code, code::INTERNAL);
    }
    assert_eq!(upstream.health(), Health::Connected);
}

/// Answers `Check` with what `serving` says at the moment, and has no `Watch`.
async fn checked(serving: tokio::sync::watch::Receiver<bool>) -> Peer {
    let script = move |call: testkit::peer::Received| match call.path.as_str() {
        "/grpc.health.v1.Health/Check" => {
            Reaction::Answer(Bytes::from_static(if *serving.borrow() { &[8, 1] } else { &[8, 2] }))
        }
        "/grpc.health.v1.Health/Watch" => Reaction::Status(code::UNIMPLEMENTED, "no"),
        _ => answer(),
    };
    Peer::builder().health().start(script).await.unwrap()
}

#[tokio::test]
async fn an_endpoint_that_says_it_is_not_serving_is_not_asked() {
    let (serving, said) = tokio::sync::watch::channel(true);
    let peer = checked(said).await;
    let health_check = HealthCheckSpec { interval: Duration::from_millis(20), ..HealthCheckSpec::default() };
    let upstream =
        Upstream::start("test", UpstreamSpec { health_check: Some(health_check), ..spec(&[&peer]) }, 1)
            .unwrap();
    upstream.unary(call(b"x")).await.unwrap();
    serving.send_replace(false);
    started(&upstream, Health::Unavailable).await;
    let error = upstream.unary(call(b"x")).await.unwrap_err();
    assert_eq!(error, CallError::NoEndpoint(NoEndpoint::Unhealthy));
    serving.send_replace(true);
    started(&upstream, Health::Connected).await;
    upstream.unary(call(b"x")).await.unwrap();
}

#[tokio::test]
async fn a_watch_tells_of_the_change_at_once() {
    // The watch says SERVING, and when the call is released NOT_SERVING; checks come only every hour.
    let peer = Peer::builder()
        .health()
        .start(|call| match call.path.as_str() {
            "/grpc.health.v1.Health/Watch" => {
                Reaction::Held(Box::new(Reaction::frames(vec![testkit::peer::framed(0, &[8, 2])])))
            }
            "/grpc.health.v1.Health/Check" => Reaction::Answer(Bytes::from_static(&[8, 1])),
            _ => answer(),
        })
        .await
        .unwrap();
    let health_check = HealthCheckSpec { interval: Duration::from_secs(3600), ..HealthCheckSpec::default() };
    let upstream =
        Upstream::start("test", UpstreamSpec { health_check: Some(health_check), ..spec(&[&peer]) }, 1)
            .unwrap();
    started(&upstream, Health::Connected).await;
    peer.release();
    started(&upstream, Health::Unavailable).await;
}

#[tokio::test]
async fn an_endpoint_whose_checks_hang_is_not_asked() {
    let peer = Peer::builder()
        .health()
        .start(|call| if call.path.starts_with("/grpc.health") { Reaction::Hang } else { answer() })
        .await
        .unwrap();
    let health_check = HealthCheckSpec {
        interval: Duration::from_millis(20),
        timeout: Duration::from_millis(20),
        ..HealthCheckSpec::default()
    };
    let upstream =
        Upstream::start("test", UpstreamSpec { health_check: Some(health_check), ..spec(&[&peer]) }, 1)
            .unwrap();
    started(&upstream, Health::Connected).await;
    started(&upstream, Health::Unavailable).await;
}

#[tokio::test]
async fn a_name_is_resolved_and_a_wrong_one_fails_at_once() {
    let peer = Peer::echo().await;
    let port = peer.address().rsplit_once(':').unwrap().1.to_owned();
    let named = common::upstream_at(&[&format!("dns:///localhost:{port}")]);
    assert_eq!(named.unary(call(b"x")).await.unwrap().message, "x");

    let wrong = common::upstream_at(&["no-such-host.invalid:1"]);
    let start = Instant::now();
    let error = wrong.unary(call(b"x")).await.unwrap_err();
    assert_eq!(error, CallError::NoEndpoint(NoEndpoint::Unresolved));
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn dropping_the_upstream_closes_its_connections() {
    let peer = Peer::start(|_| Reaction::Hang).await;
    let upstream = upstream(&[&peer]);
    started(&upstream, Health::Connected).await;
    let weak = Arc::downgrade(&upstream);
    drop(upstream);
    until(|| weak.strong_count() == 0).await;
}

#[tokio::test]
async fn what_cannot_be_started_is_said() {
    let error = Upstream::start("users", UpstreamSpec::new(vec![]), 1).unwrap_err();
    assert_eq!(error.to_string(), "upstream `users` has no address");
    let mut spec = UpstreamSpec::new(vec![Address::parse("https://users").unwrap()]);
    spec.tls = Some(upstream::TlsSpec { ca: Some(upstream::Pem::new(*b"nothing")), ..Default::default() });
    let error = Upstream::start("users", spec, 1).unwrap_err();
    assert_eq!(error.to_string(), "upstream `users`: ca: no certificate in it");
    assert_eq!(Codes::of(&[14, 99]), Codes::of(&[14]));
}

/// A keepalive and nothing else that finds dead connections.
fn impatient(spec: UpstreamSpec) -> UpstreamSpec {
    let keepalive = KeepaliveSpec {
        interval: Duration::from_millis(50),
        timeout: Duration::from_millis(400),
        within_defaults: false,
    };
    UpstreamSpec { keepalive: Some(keepalive), health_check: None, ..spec }
}

#[tokio::test]
async fn a_server_that_falls_silent_is_found_by_keepalive() {
    let peer = Peer::start(|_| Reaction::Hang).await;
    let link = Link::to(peer.address()).await.unwrap();
    let spec = impatient(UpstreamSpec::new(vec![Address::parse(link.address()).unwrap()]));
    let upstream = Upstream::start("test", spec, 1).unwrap();
    let task = {
        let upstream = Arc::clone(&upstream);
        tokio::spawn(async move { upstream.unary(call(b"x")).await })
    };
    until(|| peer.calls() == 1).await;
    let start = Instant::now();
    link.freeze();
    let error = task.await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::Disconnected(_)), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(20), "before the deadline");
    started(&upstream, Health::Unavailable).await;
    link.thaw();
    started(&upstream, Health::Connected).await;
}

#[tokio::test]
async fn a_server_that_is_slow_but_alive_is_not_taken_for_dead() {
    let peer = Peer::start(|_| Reaction::After(Duration::from_millis(900), Box::new(answer()))).await;
    let upstream = Upstream::start("test", impatient(spec(&[&peer])), 1).unwrap();
    assert!(upstream.unary(call(b"x")).await.unwrap().status.is_ok());
    assert_eq!(peer.connections(), 2);
}

#[tokio::test]
async fn a_call_whose_deadline_has_passed_is_not_sent() {
    let peer = Peer::echo().await;
    let upstream = upstream(&[&peer]);
    started(&upstream, Health::Connected).await;
    let mut late = call(b"x");
    late.deadline = tokio::time::Instant::now();
    assert_eq!(upstream.unary(late).await.unwrap_err(), CallError::Deadline);
    assert_eq!(peer.calls(), 0);
}

#[tokio::test]
async fn least_request_gives_a_slow_endpoint_less() {
    let slow = Peer::start(|_| Reaction::After(Duration::from_millis(20), Box::new(answer()))).await;
    let fast = Peer::start(|_| answer()).await;
    let spec = UpstreamSpec { balance: Balance::LeastRequest, ..spec(&[&slow, &fast]) };
    let upstream = Upstream::start("test", spec, 1).unwrap();
    all_reachable(&upstream).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let upstream = Arc::clone(&upstream);
        tasks.spawn(async move {
            for _ in 0..50 {
                upstream.unary(call(b"x")).await.unwrap();
            }
        });
    }
    while let Some(result) = tasks.join_next().await {
        result.unwrap();
    }
    assert!(slow.calls() * 3 < fast.calls(), "{} and {}", slow.calls(), fast.calls());
}

#[tokio::test]
async fn each_worker_has_connections_of_its_own() {
    let peer = Peer::echo().await;
    let upstream = Upstream::start("test", spec(&[&peer]), 3).unwrap();
    for worker in 0..6 {
        let mut call = call(b"x");
        call.worker = worker;
        upstream.unary(call).await.unwrap();
    }
    assert_eq!(upstream.view().endpoints[0].connections, 3);
}

#[tokio::test]
async fn workers_may_run_on_runtimes_of_their_own_and_end() {
    let peer = Peer::echo().await;
    let upstream = Upstream::start("test", spec(&[&peer]), 2).unwrap();
    // The second round finds the connections that the first one's runtimes left behind.
    for _ in 0..2 {
        let workers: Vec<_> = (0..2)
            .map(|worker| {
                let upstream = Arc::clone(&upstream);
                tokio::task::spawn_blocking(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                    runtime.block_on(async {
                        for _ in 0..50 {
                            let mut call = call(b"x");
                            call.worker = worker;
                            upstream.unary(call).await.unwrap();
                        }
                    });
                })
            })
            .collect();
        for worker in workers {
            worker.await.unwrap();
        }
    }
    assert_eq!(peer.calls(), 200);
}

#[tokio::test]
async fn a_health_watch_does_not_keep_a_server_from_going() {
    let peer = Peer::builder()
        .health()
        .start(|call| match call.path.as_str() {
            "/grpc.health.v1.Health/Watch" => Reaction::GoAway(Box::new(Reaction::Hang)),
            _ => Reaction::Status(code::UNIMPLEMENTED, "no"),
        })
        .await
        .unwrap();
    let _upstream = upstream(&[&peer]);
    peer.cancelled(1).await;
    until(|| peer.connections() > 1).await;
}
