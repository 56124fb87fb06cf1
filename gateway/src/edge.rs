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

use http::{Request, Response};
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
}

/// Answers requests. One for all connections; it must be cheap to share.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. Dropping the future cancels it: the client has gone.
    fn handle(&self, request: Request<Incoming>, peer: &Peer) -> impl Future<Output = Response<Body>> + Send;
}
