//! What policies get to see of a request.

use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderValue, Method, Uri, Version};

use super::chain::Admitted;
use super::claims::Claims;
use super::headers::Spellings;
use crate::edge::Peer;
use crate::telemetry::trace::Trace;

/// A request before its body has been read.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its target.
    pub uri: &'a Uri,
    /// The protocol that the client speaks.
    pub version: Version,
    /// Its headers, as the client sent them.
    pub headers: &'a HeaderMap,
    /// The host that it is for and its port, as the client writes them in the target or in the `host` header.
    pub authority: Option<&'a str>,
    /// The client: the connection's peer, or who trusted proxies say that it is.
    pub client: IpAddr,
    /// The connection on which it came.
    pub peer: &'a Peer,
    /// Its id.
    pub request_id: &'a HeaderValue,
    /// Its trace, which calls to other services continue.
    pub trace: &'a Trace,
    /// The worker that serves it: calls to other services use its connections.
    pub worker: usize,
    /// When it came.
    pub now: Now,
}

/// A moment, by both clocks. Policies take it as an argument and read no clock themselves.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// For durations.
    pub monotonic: Instant,
    /// Since 1970, for what other parties write down.
    pub unix: Duration,
}

impl Now {
    /// Reads both clocks.
    pub fn read() -> Self {
        Self {
            monotonic: Instant::now(),
            unix: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        }
    }
}

/// What values may be taken from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) request: &'a Request<'a>,
    /// The claims of the caller's token, where there is one.
    pub(super) claims: Option<&'a Claims>,
    /// The headers that policies have set so far, where any can have.
    pub(super) vouched: Option<Vouched<'a>>,
}

/// Headers that are the policies' word, and never the client's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vouched<'a> {
    /// Those that the route's policies send upstream on some requests, if not on this one.
    pub(super) names: &'a Spellings,
    /// What they have done to this request so far.
    pub(super) admitted: &'a Admitted,
}
