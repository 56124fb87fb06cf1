//! Names whose addresses change while calls run.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use testkit::peer::{Peer, Reaction};
use tokio::time::Instant;

use crate::connect_problem::ConnectError;
use crate::{Address, Call, CallError, NoEndpoint, Reach, Upstream, UpstreamSpec, frame};

fn call() -> Call {
    let path = PathAndQuery::from_static("/test.Echo/Say");
    Call::new(path, frame::frame(b"x"), Instant::now() + Duration::from_secs(5))
}

/// What a name server might say.
fn answer(peers: &[&Peer]) -> BTreeSet<std::net::SocketAddr> {
    peers.iter().map(|peer| peer.address().parse().unwrap()).collect()
}

async fn reachable(upstream: &Upstream, n: usize) {
    let wait = async {
        while upstream.view().endpoints.iter().filter(|e| e.reach == Reach::Reachable).count() != n {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap();
}

#[tokio::test]
async fn endpoints_follow_their_name_and_calls_end_where_they_began() {
    let (old, new) = (
        Peer::start(|_| Reaction::Held(Box::new(Reaction::Answer(Bytes::from_static(b"old"))))).await,
        Peer::start(|_| Reaction::Answer(Bytes::from_static(b"new"))).await,
    );
    // The name itself resolves nowhere: this test is its name server.
    let spec = UpstreamSpec::new(vec![Address::parse("no-such-host.invalid:1").unwrap()]);
    let upstream = Upstream::start("test", spec, 1).unwrap();

    upstream.group.resolved(0, &answer(&[&old]));
    reachable(&upstream, 1).await;
    let running = {
        let upstream = Arc::clone(&upstream);
        tokio::spawn(async move { upstream.unary(call()).await })
    };
    while old.calls() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    upstream.group.resolved(0, &answer(&[&old, &new]));
    reachable(&upstream, 2).await;
    upstream.group.resolved(0, &answer(&[&new]));
    reachable(&upstream, 1).await;
    for _ in 0..4 {
        assert_eq!(upstream.unary(call()).await.unwrap().message, "new");
    }
    old.release();
    assert_eq!(running.await.unwrap().unwrap().message, "old");
    assert_eq!(old.calls(), 1);

    // Nothing found later is no reason to forget what was.
    upstream.group.unresolved(0, ConnectError::unresolved("name.invalid", None));
    assert_eq!(upstream.unary(call()).await.unwrap().message, "new");
}

#[tokio::test]
async fn a_name_that_was_never_found_is_said_to_be_unresolved() {
    let spec = UpstreamSpec::new(vec![Address::parse("no-such-host.invalid:1").unwrap()]);
    let upstream = Upstream::start("test", spec, 1).unwrap();
    upstream.group.unresolved(0, ConnectError::unresolved("name.invalid", None));
    let error = upstream.unary(call()).await.unwrap_err();
    assert_eq!(error, CallError::NoEndpoint(NoEndpoint::Unresolved));
}
