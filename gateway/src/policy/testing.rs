//! What the policies' tests share: a request, and an upstream over a scripted server.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
use testkit::peer::Peer;
use upstream::{Address, Upstream, UpstreamSpec};

use super::request::{Now, Request};
use crate::edge;
use crate::telemetry::trace::Trace;

/// A request that tests change as they need; [`Sent::request`] is what policies see.
pub(super) struct Sent {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) client: IpAddr,
    pub(super) request_id: HeaderValue,
    pub(super) trace: Trace,
    pub(super) peer: edge::Peer,
    pub(super) now: Now,
}

impl Sent {
    pub(super) fn new(headers: &[(&'static str, &str)]) -> Self {
        let pair = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        Self {
            method: Method::GET,
            uri: Uri::from_static("/orders/7?page=2"),
            headers: headers.iter().map(pair).collect(),
            client: "192.0.2.7".parse().unwrap(),
            request_id: HeaderValue::from_static("id-1"),
            trace: Trace::default(),
            peer: edge::Peer::new("192.0.2.7:4711".parse().unwrap(), 0, true, Arc::default()),
            now: Now { monotonic: Instant::now(), unix: Duration::from_secs(1_800_000_000) },
        }
    }

    pub(super) fn request(&self) -> Request<'_> {
        Request {
            method: &self.method,
            uri: &self.uri,
            version: Version::HTTP_11,
            headers: &self.headers,
            authority: Some("shop.example:8443"),
            client: self.client,
            peer: &self.peer,
            request_id: &self.request_id,
            trace: &self.trace,
            worker: 0,
            now: self.now,
        }
    }
}

/// An upstream over one peer, without retries in its way.
pub(super) fn upstream(peer: &Peer) -> Arc<Upstream> {
    let mut spec = UpstreamSpec::new(vec![Address::parse(peer.address()).unwrap()]);
    spec.retry.attempts = 1;
    spec.health_check = None;
    Upstream::start("policy", spec, 1).unwrap()
}
