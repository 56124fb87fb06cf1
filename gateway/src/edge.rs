//! The client side: listeners and their connections, HTTP/1.1 and HTTP/2, limits and drain.
//!
//! It hands each request to a [`Handler`] and knows no routes. A listener accepts on the control runtime and gives
//! the connection to the worker that has the fewest, so that a handful of connections never leaves a worker idle.

mod activity;
mod body;
mod connection;
mod io;
mod listener;
mod sniff;
mod spec;
mod worker;

use std::future::Future;
use std::net::SocketAddr;

use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;

pub use body::Body;
pub use listener::{BindError, Listener, bind};
pub use spec::{LimitsSpec, ListenerSpec, ListenerTls};
pub use worker::{Admission, ConnectionSettings, Workers};

/// What is known about the connection that a request came on.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The address of the client's end of the connection.
    pub address: SocketAddr,
    /// The worker that serves the connection; upstream connections are its own as well.
    pub worker: usize,
    /// Whether the connection came through TLS: what `x-forwarded-proto` says.
    pub tls: bool,
    /// The address without its port, as `x-forwarded-for` says it. Written once, not for every request.
    pub forwarded_for: HeaderValue,
}

impl Peer {
    /// The other end of a connection.
    pub fn new(address: SocketAddr, worker: usize, tls: bool) -> Self {
        // An IPv4 client of a dual-stack listener is named by its IPv4 address.
        let text = address.ip().to_canonical().to_string();
        let mut forwarded_for =
            HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("unknown"));
        // One of as many as there are clients: see `request_id::of`.
        forwarded_for.set_sensitive(true);
        Self { address, worker, tls, forwarded_for }
    }
}

/// Answers requests. One for all connections; it must be cheap to share.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. Dropping the future cancels it: the client has gone.
    fn handle(&self, request: Request<Incoming>, peer: &Peer) -> impl Future<Output = Response<Body>> + Send;
}
