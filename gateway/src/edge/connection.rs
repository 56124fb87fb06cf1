//! One connection, from its first byte to its last.
//!
//! ```text
//!   accepted ── sniff ──► serving ──(drain, or silent for too long)──► finishing ──► closed
//! ```

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::activity::{Activity, Limits};
use super::io::Watched;
use super::sniff::{Protocol, sniff};
use super::worker::{ConnectionSettings, Permit};
use super::{Handler, Peer};

/// HTTP/2 streams that one client connection may have open.
const MAX_STREAMS: u32 = 200;
/// Streams that a client may reset before we take notice of them: what bounds a rapid-reset attack (CVE-2023-44487).
const MAX_PENDING_RESETS: usize = 20;
/// Streams that we reset for the client's mistakes before the connection is closed (RUSTSEC-2024-0003).
const MAX_LOCAL_RESETS: usize = 256;
/// Header fields of an HTTP/1.1 request.
const MAX_HEADERS: usize = 128;
/// hyper's smallest permitted read buffer.
const MIN_BUFFER: usize = 8192;

/// A connection as the listener hands it to a worker.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) stream: std::net::TcpStream,
    pub(super) address: SocketAddr,
    pub(super) settings: ConnectionSettings,
    /// Cancelled when the listener drains.
    pub(super) drain: CancellationToken,
    /// Held as long as the connection lives.
    pub(super) permit: Permit,
}

/// Serves a connection until it ends.
pub(super) async fn serve<H: Handler>(
    accepted: Accepted,
    worker: usize,
    handler: Arc<H>,
    activity: Arc<Activity>,
) {
    let Accepted { stream, address, settings, drain, permit } = accepted;
    let served = async {
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream)?;
        let (protocol, read_ahead) = tokio::select! {
            sniffed = sniff(&mut stream, settings.head) => sniffed?,
            () = drain.cancelled() => return Ok(()),
        };
        let peer = Peer::new(address, worker, false);
        let io = Watched::new(stream, read_ahead, Arc::clone(&activity));
        match protocol {
            Protocol::Http1 => serve_http1(io, peer, &settings, handler, activity, &drain).await,
            Protocol::Http2 => serve_http2(io, peer, &settings, handler, activity, &drain).await,
        }
    };
    let result: Result<(), Box<dyn std::error::Error + Send + Sync>> = served.await;
    if let Err(error) = result {
        // Clients come and go; this is never the gateway's own trouble.
        tracing::debug!(peer = %address, %error, "connection ended");
    }
    drop(permit);
}

/// What both protocols do with a connection, in spite of their unlike types: serve it until it ends, close it when it
/// has been silent for too long, and let it finish when the listener drains.
macro_rules! run {
    ($connection:expr, $activity:expr, $drain:expr) => {{
        let mut connection = std::pin::pin!($connection);
        let ended = tokio::select! {
            result = connection.as_mut() => Some(result),
            () = $activity.expired() => return Err(io::Error::from(io::ErrorKind::TimedOut).into()),
            () = $drain.cancelled() => None,
        };
        if let Some(result) = ended {
            return Ok(result?);
        }
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            result = connection.as_mut() => Ok(result?),
            () = $activity.expired() => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
        }
    }};
}

type Served = Result<(), Box<dyn std::error::Error + Send + Sync>>;

async fn serve_http1<H: Handler>(
    io: Watched<TcpStream>,
    peer: Peer,
    settings: &ConnectionSettings,
    handler: Arc<H>,
    activity: Arc<Activity>,
    drain: &CancellationToken,
) -> Served {
    activity.speaks_http1();
    let service = service_fn(|request| {
        let in_flight = activity.begin();
        let (handler, peer) = (&handler, &peer);
        async move {
            let answer = handler.handle(request, peer).await;
            drop(in_flight);
            Ok::<_, std::convert::Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .max_headers(MAX_HEADERS)
        .max_buf_size(settings.max_head.max(MIN_BUFFER))
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(io), service);
    run!(connection, activity, drain)
}

async fn serve_http2<H: Handler>(
    io: Watched<TcpStream>,
    peer: Peer,
    settings: &ConnectionSettings,
    handler: Arc<H>,
    activity: Arc<Activity>,
    drain: &CancellationToken,
) -> Served {
    let peer = Arc::new(peer);
    let service = service_fn(|request| {
        let in_flight = activity.begin();
        let (handler, peer) = (Arc::clone(&handler), Arc::clone(&peer));
        async move {
            let answer = handler.handle(request, &peer).await;
            drop(in_flight);
            Ok::<_, std::convert::Infallible>(answer)
        }
    });
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(u32::try_from(settings.max_head).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_local_error_reset_streams(MAX_LOCAL_RESETS)
        .keep_alive_interval(Some(settings.idle / 2))
        .serve_connection(TokioIo::new(io), service);
    run!(connection, activity, drain)
}

impl ConnectionSettings {
    /// The times that the sweep holds the connection to.
    pub(super) const fn limits(&self) -> Limits {
        Limits { head: self.head, idle: self.idle, write: self.stall }
    }
}
