//! The client side: listeners and their connections, TLS, HTTP/1.1 and HTTP/2, limits and drain.
//!
//! It hands each request to a [`Handler`] and knows no routes. A listener accepts on the control runtime and gives
//! the connection to the worker that has the fewest, so that a handful of connections never leaves a worker idle.

mod activity;
mod admission;
mod announced;
mod body;
mod cancels;
mod certificate;
mod connection;
pub mod descriptors;
mod fields;
mod forwarded;
mod frames;
mod framing;
mod handshake;
mod io;
mod linger;
mod listener;
mod load;
mod proxy_protocol;
mod refusal;
mod screened;
mod sniff;
mod spec;
mod terms;
mod tls;
mod transport;
mod trusted;
mod worker;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderValue, Response};
use hyper::body::Incoming;

pub use admission::RefusedConnections;
pub use announced::AnnouncedBody;
pub use body::{Body, has_no_content};
pub use certificate::{CertificateNames, ClientCertificate, Validity};
pub use fields::{Fields, has_padded_value};
pub use framing::Fault;
pub use handshake::HandshakeFailures;
pub use listener::{BindError, Listener, bind};
pub use load::{Charge, Load, RequestLimits, RequestSlot, Shortage, Totals};
pub use spec::{CertificatePem, LimitsSpec, ListenerSpec, ListenerTls};
pub use terms::Terms;
pub use tls::TlsError;
pub use trusted::{Breadth, Network, NotANetwork, TrustedProxies, is_public};
pub use worker::Workers;

/// What is known about the connection that a request came on.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The address of the client: of the other end of the connection, or what trusted proxies say. Without a port where
    /// they name none.
    pub address: SocketAddr,
    /// The worker that serves the connection; upstream connections are its own as well.
    pub worker: usize,
    /// Whether the client came through TLS: what `x-forwarded-proto` says.
    pub tls: bool,
    /// The address at which the client has connected; `None` if the system does not know it.
    pub local: Option<SocketAddr>,
    /// Of TLS connections, what the handshake has established.
    pub identities: Option<Arc<Identities>>,
    /// What `x-forwarded-for` says to the service: for most connections the address without its port, written once.
    pub forwarded_for: HeaderValue,
    /// What a trusted proxy says that its client called this host.
    pub forwarded_host: Option<HeaderValue>,
    /// Whether this is what a trusted proxy says of its client: the connection has requests of many clients.
    pub via_proxy: bool,
    /// What the gateway holds in all.
    pub load: Arc<Load>,
}

/// The certificates of both ends of a TLS connection.
#[derive(Debug)]
pub struct Identities {
    /// The names of the listener's certificate.
    pub own: Arc<CertificateNames>,
    /// The certificate of the client, if the listener asks for one.
    pub client: Option<ClientCertificate>,
}

impl Peer {
    /// The certificate that the client has shown.
    pub fn certificate(&self) -> Option<&ClientCertificate> {
        self.identities.as_ref()?.client.as_ref()
    }

    /// The other end of a connection.
    pub fn new(address: SocketAddr, worker: usize, tls: bool, load: Arc<Load>) -> Self {
        // An IPv4 client of a dual-stack listener is named by its IPv4 address.
        let text = address.ip().to_canonical().to_string();
        let mut forwarded_for =
            HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("unknown"));
        // One of as many as there are clients: see `request_id::of`.
        forwarded_for.set_sensitive(true);
        Self {
            address,
            worker,
            tls,
            local: None,
            identities: None,
            forwarded_for,
            forwarded_host: None,
            via_proxy: false,
            load,
        }
    }
}

/// Answers what is no request.
pub trait Refuse: Send + Sync + 'static {
    /// The answer to something that could not be read as a request.
    fn refuse(&self, fault: Fault) -> Response<Body>;
}

/// Answers requests. One for all connections; it must be cheap to share.
pub trait Handler: Refuse {
    /// Answers one request. Dropping the future cancels it: the client has gone.
    fn handle(
        &self,
        head: &Parts,
        body: Incoming,
        peer: &Peer,
    ) -> impl Future<Output = Response<Body>> + Send;
}
