//! What a listener is told to do: plain data, without a word about the file it came from.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// One address to accept clients on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerSpec {
    /// Where to listen. Port 0 takes any free port.
    pub address: SocketAddr,
    /// TLS, with the files already read; without it HTTP/1.1 and h2c share the port.
    pub tls: Option<ListenerTls>,
    /// Whether connections begin with a PROXY protocol header, which only trusted proxies may send.
    pub proxy_protocol: bool,
}

/// A listener's certificates and, for mutual TLS, whose clients it admits: PEM, as loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerTls {
    /// Never empty. The name that a client asks for chooses; the first one is for all other names, and for none.
    pub certificates: Vec<CertificatePem>,
    /// The authorities that client certificates must come from; without it clients show none.
    pub client_ca: Option<Arc<[u8]>>,
    /// Whether services learn the client's certificate as `x-forwarded-client-cert`.
    pub forward: bool,
}

/// A certificate and its key: PEM, as loaded.
#[derive(Clone, PartialEq, Eq)]
pub struct CertificatePem {
    /// The certificate chain, leaf first.
    pub chain: Arc<[u8]>,
    /// The private key of the leaf.
    pub key: Arc<[u8]>,
}

impl fmt::Debug for CertificatePem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use std::hash::{DefaultHasher, Hash, Hasher};
        // The key never reaches a log. A renewed certificate is to be told from the one before.
        let mut hasher = DefaultHasher::new();
        self.chain.hash(&mut hasher);
        f.debug_tuple("CertificatePem")
            .field(&format_args!("{:016x}", hasher.finish()))
            .finish_non_exhaustive()
    }
}

/// What the gateway bears before it refuses: sizes in bytes, counts, and times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitsSpec {
    /// The largest request body.
    pub body: usize,
    /// The largest message that an upstream may answer.
    pub response: usize,
    /// The largest head of a request: request line and headers.
    pub headers: usize,
    /// Client connections at a time.
    pub connections: usize,
    /// Requests in flight at a time.
    pub requests: usize,
    /// The bodies of requests and answers held at a time, in all.
    pub buffers: usize,
    /// The part of `connections`, `requests` and `buffers`, in percent, that one client may use once three quarters of them
    /// are in use; 100 does not limit clients.
    pub share: u8,
    /// From the first byte of a request to the end of its head; also the wait for the first byte of a connection.
    pub header_timeout: Duration,
    /// How long a connection may rest between requests.
    pub idle_timeout: Duration,
    /// How long a stream may rest between messages.
    pub stream_idle: Duration,
}

impl Default for LimitsSpec {
    fn default() -> Self {
        Self {
            body: 4 << 20,
            response: 64 << 20,
            headers: 64 << 10,
            connections: 10_000,
            requests: 10_000,
            buffers: 512 << 20,
            share: 25,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(120),
            stream_idle: Duration::from_secs(300),
        }
    }
}
