//! What the integration tests share: an upstream over peers, a call, and waiting for a state.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its share")]

use std::sync::Arc;
use std::time::Duration;

use testkit::peer::Peer;
use tokio::time::Instant;
use upstream::{Address, Call, Health, Upstream, UpstreamSpec, frame};

/// The defaults over these peers.
pub fn spec(peers: &[&Peer]) -> UpstreamSpec {
    UpstreamSpec::new(peers.iter().map(|peer| Address::parse(peer.address()).unwrap()).collect())
}

/// An upstream with the defaults over these peers.
pub fn upstream(peers: &[&Peer]) -> Arc<Upstream> {
    Upstream::start("test", spec(peers), 1).unwrap()
}

/// An upstream with the defaults over these addresses.
pub fn upstream_at(addresses: &[&str]) -> Arc<Upstream> {
    let addresses = addresses.iter().map(|address| Address::parse(address).unwrap()).collect();
    Upstream::start("test", UpstreamSpec::new(addresses), 1).unwrap()
}

/// A call of `/test.Echo/Say`, in no hurry.
pub fn call(message: &[u8]) -> Call {
    let path = http::uri::PathAndQuery::from_static("/test.Echo/Say");
    Call::new(path, frame::frame(message), Instant::now() + Duration::from_secs(60))
}

/// Waits until the upstream's health is this.
pub async fn started(upstream: &Upstream, health: Health) {
    until(|| upstream.health() == health).await;
}

/// Polls until it holds; a test's own time limit is what ends a wait in vain.
pub async fn until(mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait).await.expect("the state within 30 s");
}

/// The same, and it may be repeated.
pub fn idempotent(message: &[u8]) -> Call {
    Call { idempotent: true, ..call(message) }
}
