//! What health checks conclude: alive means alive, written checks mean what they say, and health that flips is damped.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests stop at the first surprise"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use common::{call, spec, started, until};
use testkit::peer::{Peer, Reaction, framed};
use upstream::{Condition, Health, HealthCheckSpec, Reach, Upstream, UpstreamSpec, code};

const CHECK: &str = "/grpc.health.v1.Health/Check";
const WATCH: &str = "/grpc.health.v1.Health/Watch";

/// Checks that come fast.
fn often(strict: bool) -> Option<HealthCheckSpec> {
    Some(HealthCheckSpec { interval: Duration::from_millis(20), strict, ..HealthCheckSpec::default() })
}

/// A peer that echoes calls and reacts to checks like this; it counts them. It has no watch.
async fn checked(reaction: Reaction) -> (Peer, Arc<AtomicUsize>) {
    let checks = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&checks);
    let script = move |call: testkit::peer::Received| match call.path.as_str() {
        CHECK => {
            count.fetch_add(1, SeqCst);
            reaction.clone()
        }
        WATCH => Reaction::Status(code::UNIMPLEMENTED, "no"),
        _ => Reaction::Answer(call.message),
    };
    (Peer::builder().health().start(script).await.unwrap(), checks)
}

fn says(status: u8) -> Reaction {
    Reaction::Answer(Bytes::copy_from_slice(&[8, status]))
}

/// Answers that are not SERVING and not NOT_SERVING, and what the view of the endpoint says of them.
fn unclear_answers() -> Vec<(Reaction, &'static str)> {
    vec![
        (Reaction::Status(16, "no token"), "UNAUTHENTICATED"),
        (Reaction::Status(7, "no"), "PERMISSION_DENIED"),
        (Reaction::Status(5, "unknown service"), "NOT_FOUND"),
        (Reaction::Status(3, ""), "INVALID_ARGUMENT"),
        (Reaction::Status(8, ""), "RESOURCE_EXHAUSTED"),
        (Reaction::Status(13, ""), "INTERNAL"),
        (Reaction::Status(14, ""), "UNAVAILABLE"),
        (Reaction::TrailersOnly(vec![("grpc-status", "16".into())]), "UNAUTHENTICATED"),
        (says(0), "UNKNOWN"),
        (says(3), "SERVICE_UNKNOWN"),
        (Reaction::Answer(Bytes::from_static(b"\xff\xff")), "does not decode"),
        (Reaction::Reset(2), "reset"),
        (Reaction::Raw { http: 404, head: vec![], data: vec![], trailers: None }, "UNIMPLEMENTED"),
        (Reaction::Status(12, ""), "UNIMPLEMENTED"),
    ]
}

#[tokio::test]
async fn without_a_written_check_any_answer_proves_life() {
    for (reaction, name) in unclear_answers() {
        let (peer, checks) = checked(reaction).await;
        let upstream =
            Upstream::start("test", UpstreamSpec { health_check: often(false), ..spec(&[&peer]) }, 1)
                .unwrap();
        let enough = if name == "UNIMPLEMENTED" { 1 } else { 8 };
        until(|| checks.load(SeqCst) >= enough).await;
        assert_eq!(upstream.health(), Health::Connected, "{name}");
        assert!(upstream.unary(call(b"x")).await.unwrap().status.is_ok(), "{name}");
    }
}

#[tokio::test]
async fn a_written_check_accepts_serving_only() {
    for (reaction, name) in unclear_answers() {
        let (peer, _) = checked(reaction).await;
        let upstream =
            Upstream::start("test", UpstreamSpec { health_check: often(true), ..spec(&[&peer]) }, 1).unwrap();
        until(|| matches!(upstream.view().endpoints[0].condition, Condition::Failing { .. })).await;
        assert_eq!(upstream.health(), Health::Unavailable, "{name}");
        let error = upstream.view().endpoints[0].last_error.clone().unwrap();
        assert!(error.contains(name), "{error} is about {name}");
    }
}

#[tokio::test]
async fn not_serving_takes_an_endpoint_out_however_checks_came_about() {
    for strict in [false, true] {
        let (peer, _) = checked(says(2)).await;
        let upstream =
            Upstream::start("test", UpstreamSpec { health_check: often(strict), ..spec(&[&peer]) }, 1)
                .unwrap();
        until(|| upstream.view().endpoints[0].condition == Condition::NotServing).await;
        assert_eq!(upstream.health(), Health::Unavailable);
    }
}

#[tokio::test]
async fn calls_go_everywhere_when_most_endpoints_look_dead() {
    let (one, _) = checked(Reaction::Hang).await;
    let (two, _) = checked(Reaction::Hang).await;
    let (three, _) = checked(says(1)).await;
    let health_check =
        often(false).map(|spec| HealthCheckSpec { timeout: Duration::from_millis(20), ..spec });
    let upstream =
        Upstream::start("test", UpstreamSpec { health_check, ..spec(&[&one, &two, &three]) }, 1).unwrap();
    let failing = || {
        let endpoints = upstream.view().endpoints;
        endpoints.iter().filter(|endpoint| matches!(endpoint.condition, Condition::Failing { .. })).count()
    };
    until(|| failing() == 2).await;
    assert!(upstream.view().panic);
    assert_eq!(upstream.health(), Health::Connected);
    let mut asked = std::collections::BTreeSet::new();
    for _ in 0..30 {
        asked.insert(upstream.unary(call(b"x")).await.unwrap().endpoint);
    }
    assert_eq!(asked.len(), 3);
}

/// Counts events.
struct Lines(Arc<AtomicUsize>);

impl tracing::Subscriber for Lines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::INFO && metadata.target().starts_with("upstream")
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, SeqCst);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn health_that_flips_costs_few_lines_and_no_call() {
    let lines = Arc::<AtomicUsize>::default();
    let _log = tracing::subscriber::set_default(Lines(Arc::clone(&lines)));
    let watches = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&watches);
    let flips: Vec<Bytes> = (0..20_000_u32).map(|n| framed(0, &[8, 1 + (n % 2) as u8])).collect();
    let checks = AtomicUsize::new(0);
    let script = move |call: testkit::peer::Received| match call.path.as_str() {
        CHECK => says(1 + (checks.fetch_add(1, SeqCst) % 2) as u8),
        WATCH => {
            count.fetch_add(1, SeqCst);
            Reaction::frames(flips.clone())
        }
        _ => Reaction::Answer(call.message),
    };
    let flipping = Peer::builder().health().start(script).await.unwrap();
    let steady = Peer::echo().await;
    let upstream = Upstream::start(
        "test",
        UpstreamSpec { health_check: often(false), ..spec(&[&flipping, &steady]) },
        1,
    )
    .unwrap();
    until(|| upstream.view().endpoints.iter().all(|endpoint| endpoint.reach == Reach::Reachable)).await;
    until(|| upstream.view().endpoints[0].held).await;
    for _ in 0..200 {
        assert!(upstream.unary(call(b"x")).await.unwrap().status.is_ok());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let view = upstream.view();
    assert!(view.endpoints[0].held && !view.endpoints[1].held, "{view:?}");
    assert_eq!(view.endpoints[1].answered, 200, "the steady endpoint answers all");
    assert_eq!(watches.load(SeqCst), 1, "a watch that floods is ended, and not opened again at once");
    assert!(lines.load(SeqCst) < 20, "{} lines", lines.load(SeqCst));
}

#[tokio::test]
async fn a_large_status_is_an_answer_and_hurts_nobody() {
    let trailers = |size: usize| {
        let message = "m".repeat(size);
        vec![
            ("grpc-status", "3".to_owned()),
            ("grpc-message", message.clone()),
            ("x-long", message),
            ("x-a", "b".into()),
        ]
    };
    let script = move |call: testkit::peer::Received| {
        if call.message.as_ref() == b"honest" {
            return Reaction::Answer(call.message);
        }
        let size: usize = std::str::from_utf8(&call.message).unwrap().parse().unwrap();
        let head = testkit::peer::grpc_head();
        match call.number % 2 {
            0 => Reaction::TrailersOnly(trailers(size)),
            _ => Reaction::Raw { http: 200, head, data: vec![], trailers: Some(trailers(size)) },
        }
    };
    let (one, two) = (Peer::start(script).await, Peer::start(script).await);
    let upstream = Upstream::start("test", spec(&[&one, &two]), 1).unwrap();
    started(&upstream, Health::Connected).await;
    until(|| upstream.view().endpoints.iter().all(|endpoint| endpoint.reach == Reach::Reachable)).await;
    for size in [70_000, 200_000, 1_500_000] {
        for _ in 0..12 {
            let answer = upstream.unary(call(size.to_string().as_bytes())).await.unwrap();
            assert_eq!(answer.status.code, code::INVALID_ARGUMENT, "{size}");
            assert!(answer.status.message.starts_with("mmmm"), "{size}");
            assert!(answer.status.message.ends_with(&format!("[{} bytes left out]", size - (16 << 10))));
            assert_eq!(answer.trailers.get("x-a").unwrap(), "b");
            assert!(!answer.trailers.contains_key("x-long"));
            assert!(upstream.unary(call(b"honest")).await.unwrap().status.is_ok());
        }
    }
    let view = upstream.view();
    assert_eq!((view.ejections, view.failures.len()), (0, 0), "{view:?}");
    // One for calls, one for the lookout, at each.
    assert_eq!(one.connections() + two.connections(), 4);
}

#[tokio::test]
async fn endpoints_that_are_out_are_seen_as_such() {
    let (peer, _) = checked(says(2)).await;
    let upstream =
        Upstream::start("test", UpstreamSpec { health_check: often(false), ..spec(&[&peer]) }, 1).unwrap();
    until(|| upstream.view().endpoints[0].condition == Condition::NotServing).await;
    let view = upstream.view();
    assert!(!view.panic && view.health == Health::Unavailable);
    assert!(view.endpoints[0].last_error.as_ref().unwrap().contains("NOT_SERVING"));
}
