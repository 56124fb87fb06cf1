//! One connection, from its first byte to its last.
//!
//! ```text
//!   accepted ── PROXY header? ── TLS? ── sniff ──► serving ──(drain, or silent for too long)──► finishing ──► closed
//! ```

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::BytesMut;
use http::header::CONNECTION;
use http::request::Parts;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use outbox::gathered;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::activity::{Activity, Heard, Signal};
use super::admission::Permit;
use super::frames::FrameWatch;
use super::framing::Fault;
use super::handshake::HandshakeFailure;
use super::io::{Rewound, Watched};
use super::linger::Linger;
use super::screened::Screened;
use super::sniff::{Protocol, is_plain_http, sniff};
use super::transport::Transport;
use super::{Body, Handler, Peer, Terms, cancels, proxy_protocol, refusal};

/// HTTP/2 streams that one client connection may have open.
const MAX_STREAMS: u32 = 200;
/// Streams that a client may reset before we take notice of them: what bounds a rapid-reset attack (CVE-2023-44487).
const MAX_PENDING_RESETS: usize = 20;
/// Streams that we reset for the client's mistakes before the connection is closed (RUSTSEC-2024-0003).
const MAX_LOCAL_RESETS: usize = 256;
/// What hyper's buffer may hold beside a head of the largest size, so that it is never hyper that refuses it.
const ROOM: usize = 8192;

/// A connection as the listener hands it to a worker.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) stream: std::net::TcpStream,
    pub(super) address: SocketAddr,
    pub(super) terms: Arc<Terms>,
    /// Held as long as the connection lives.
    pub(super) permit: Permit,
}

type Served = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Serves a connection until it ends.
pub(super) async fn serve<H: Handler>(
    accepted: Accepted,
    worker: usize,
    handler: Arc<H>,
    activity: Arc<Activity>,
) {
    let Accepted { stream, address, terms, permit } = accepted;
    let connection = Connection { address, local: None, worker, terms, handler, activity, permit };
    if let Err(error) = connection.serve(stream).await {
        // Clients come and go; this is never the gateway's own trouble.
        tracing::debug!(peer = %address, %error, "connection ended");
    }
}

/// What a connection is served with.
struct Connection<H> {
    address: SocketAddr,
    /// The address at which the client has connected.
    local: Option<SocketAddr>,
    worker: usize,
    terms: Arc<Terms>,
    handler: Arc<H>,
    activity: Arc<Activity>,
    permit: Permit,
}

impl<H: Handler> Connection<H> {
    async fn serve(mut self, stream: std::net::TcpStream) -> Served {
        stream.set_nonblocking(true)?;
        self.local = stream.local_addr().ok();
        let mut stream = Watched::new(TcpStream::from_std(stream)?, Arc::clone(&self.activity));
        let mut read_ahead = BytesMut::new();
        if self.terms.proxy_protocol {
            self.address = self.proxied(&mut stream, &mut read_ahead).await?;
            self.permit.settle(self.address.ip(), &self.terms)?;
        }
        self.activity.load().set_client(self.permit.client());
        let (stream, protocol) = match self.terms.tls {
            // A handshake is large and over soon.
            Some(_) => Box::pin(self.shake_hands(stream, &mut read_ahead)).await?,
            None => {
                let protocol = self.opening(sniff(&mut stream, &mut read_ahead)).await?;
                (Transport::Plain(stream), protocol)
            }
        };
        match protocol {
            Protocol::Http1 => self.activity.opened(),
            Protocol::Http2 => self.activity.opened_http2(),
        }
        let load = Arc::clone(self.activity.load());
        let mut peer = Peer::new(self.address, self.worker, self.terms.tls.is_some(), load);
        peer.local = self.local;
        if let (Some(tls), Some(established)) = (&self.terms.tls, stream.established()) {
            peer.identities = Some(Arc::new(tls.identities(established)));
        }
        match protocol {
            Protocol::Http1 => self.serve_http1(stream, read_ahead, &peer).await,
            Protocol::Http2 => self.serve_http2(stream, read_ahead, peer).await,
        }
    }

    /// The client that the balancer names; the balancer itself when it names none.
    async fn proxied(
        &self,
        stream: &mut Watched<TcpStream>,
        read_ahead: &mut BytesMut,
    ) -> io::Result<SocketAddr> {
        if !self.terms.trusted.contains(self.address.ip()) {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "not one of trusted_proxies"));
        }
        let client = self.opening(proxy_protocol::read(stream, read_ahead)).await?;
        Ok(client.unwrap_or(self.address))
    }

    async fn shake_hands(
        &self,
        mut stream: Watched<TcpStream>,
        read_ahead: &mut BytesMut,
    ) -> io::Result<(Transport, Protocol)> {
        let Some(tls) = &self.terms.tls else { return Err(io::ErrorKind::Unsupported.into()) };
        // A connection that is closed before its first byte is a probe of its port, and no failed handshake.
        let is_plain = self.opening(is_plain_http(&mut stream, read_ahead)).await;
        let timed_out = |error: &io::Error| error.kind() == io::ErrorKind::TimedOut;
        if is_plain.as_ref().is_err_and(timed_out) {
            self.handshake_failed(HandshakeFailure::Timeout);
        }
        if is_plain? {
            self.handshake_failed(HandshakeFailure::PlainHttp);
            self.opening(self.refuse_plain(&mut stream)).await?;
            return Err(io::Error::new(io::ErrorKind::InvalidData, "plain HTTP on a TLS port"));
        }
        let handshake = self.opening(Transport::tls(stream, std::mem::take(read_ahead), &tls.config)).await;
        if let Some(failure) = handshake.as_ref().err().and_then(HandshakeFailure::of) {
            self.handshake_failed(failure);
        }
        let mut stream = handshake?;
        if !stream.chose_http2() {
            return Ok((stream, Protocol::Http1));
        }
        match self.opening(sniff(&mut stream, read_ahead)).await? {
            Protocol::Http2 => Ok((stream, Protocol::Http2)),
            Protocol::Http1 => Err(io::Error::new(io::ErrorKind::InvalidData, "h2 without its preface")),
        }
    }

    async fn refuse_plain(&self, stream: &mut Watched<TcpStream>) -> io::Result<()> {
        stream.write_all(&refusal::bytes(self.handler.refuse(Fault::PlainText))).await?;
        stream.shutdown().await?;
        Linger::new().over(stream).await;
        Ok(())
    }

    /// Counts and logs a failed handshake. The log folds repeated lines by listener and reason.
    fn handshake_failed(&self, failure: HandshakeFailure) {
        self.activity.load().handshakes().count(failure);
        let (listener, reason) = (self.local, failure.name());
        let listener = listener.map_or_else(String::new, |local| local.to_string());
        tracing::warn!(%listener, handshake = reason, peer = %self.address, "TLS handshake failed: {failure}");
    }

    /// What comes before the first request, for as long as it may take.
    async fn opening<T>(&self, step: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        let mut step = pin!(step);
        let mut heard = Heard::default();
        poll_fn(|cx| {
            if let Poll::Ready(result) = step.as_mut().poll(cx) {
                return Poll::Ready(result);
            }
            while let Some(signal) = self.activity.heard(&mut heard, cx) {
                match signal {
                    Signal::Expired => return Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
                    Signal::Close => return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
                    Signal::Drain => {} // It may still make one request.
                }
            }
            Poll::Pending
        })
        .await
    }

    async fn serve_http1(&self, stream: Transport, read_ahead: BytesMut, peer: &Peer) -> Served {
        let Self { terms, handler, activity, .. } = self;
        let service = service_fn(|request: Request<Incoming>| {
            let in_flight = activity.begin();
            async move {
                // Here and lent: a future that was given its parts would be copied whole into its place.
                let (head, body) = request.into_parts();
                let mut answer = handler.handle(&head, body, peer).await;
                drop(in_flight);
                answer.body_mut().count(|bytes| activity.unsent(bytes));
                if activity.is_told(Signal::Drain) {
                    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<Response<Body>, Infallible>(answer)
            }
        });
        let refuse = Arc::clone(handler) as Arc<_>;
        let stream = Screened::new(stream, read_ahead, terms.max_head, Arc::clone(activity), refuse, peer);
        let mut connection = http1::Builder::new()
            .max_buf_size(terms.max_head + ROOM)
            .header_read_timeout(None)
            .serve_connection(TokioIo::new(stream), service);
        // What has no request running gets time for one that is on its way.
        let finish = http1::Connection::graceful_shutdown;
        supervise(Pin::new(&mut connection), activity, Signal::Close, Future::poll, finish).await?;
        // Where a request asked for an upgrade, the library leaves it to us to shut down.
        let mut stream = connection.into_parts().io.into_inner();
        supervise(pin!(stream.shutdown()), activity, Signal::Close, Future::poll, |_| {}).await
    }

    async fn serve_http2(&self, stream: Transport, read_ahead: BytesMut, peer: Peer) -> Served {
        let Self { terms, handler, activity, .. } = self;
        let peer = Arc::new(peer);
        // A trusted proxy cancels for many clients.
        let may_delay = !terms.trusted.contains(self.address.ip());
        let service = service_fn(|request: Request<Incoming>| {
            let in_flight = activity.begin();
            let (handler, peer, activity) = (Arc::clone(handler), Arc::clone(&peer), Arc::clone(activity));
            let (head, body) = request.into_parts();
            let is_too_large = header_list(&head) > terms.max_head;
            // In a box: the library hands it through several places to a task of its own, and would copy 4 KB each time.
            Box::pin(async move {
                if is_too_large {
                    return Ok::<Response<Body>, Infallible>(handler.refuse(Fault::HeadTooLarge));
                }
                if may_delay && peer.load.cancels_often() {
                    Box::pin(cancels::delay(&peer.load)).await;
                }
                let mut answer = handler.handle(&head, body, &peer).await;
                drop(in_flight);
                answer.body_mut().count(|bytes| activity.unsent(bytes));
                Ok(answer)
            })
        });
        // The library refuses without a body what is larger than it may be: it gets room for what we refuse with one.
        let largest = u32::try_from(terms.max_head.saturating_mul(2)).unwrap_or(u32::MAX);
        let (stream, mut outbox) =
            gathered(FrameWatch::new(Rewound::new(stream, read_ahead), Arc::clone(activity)));
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(largest)
            .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
            .max_local_error_reset_streams(MAX_LOCAL_RESETS)
            .keep_alive_interval(Some(terms.limits.idle / 2))
            .serve_connection(TokioIo::new(stream), service);
        // GOAWAY loses no request: those that cross it are served.
        let finish = http2::Connection::graceful_shutdown;
        let poll = |connection: Pin<&mut _>, cx: &mut Context<'_>| outbox.poll_driver(connection, cx);
        supervise(pin!(connection), activity, Signal::Drain, poll, finish).await
    }
}

/// The size of a request's fields as HTTP/2 counts it (RFC 9113 section 6.5.2).
fn header_list(head: &Parts) -> usize {
    const EACH: usize = 32;
    let uri = &head.uri;
    let authority = uri.authority().map_or(0, |authority| authority.as_str().len());
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    let pseudo = authority + path + head.method.as_str().len();
    let fields = head.headers.iter();
    fields.fold(pseudo, |sum, (name, value)| sum + name.as_str().len() + value.len() + EACH)
}

/// Drives a connection to its end by `poll`, and has it finish when it is told to.
async fn supervise<C, E>(
    mut connection: Pin<&mut C>,
    activity: &Activity,
    last: Signal,
    mut poll: impl FnMut(Pin<&mut C>, &mut Context<'_>) -> Poll<Result<(), E>>,
    finish: impl Fn(Pin<&mut C>),
) -> Served
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut heard = Heard::default();
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(result) = poll(connection.as_mut(), cx) {
                return Poll::Ready(result.map_err(Into::into));
            }
            match activity.heard(&mut heard, cx) {
                None => return Poll::Pending,
                Some(Signal::Expired) => {
                    return Poll::Ready(Err(io::Error::from(io::ErrorKind::TimedOut).into()));
                }
                Some(signal) if signal == last => finish(connection.as_mut()),
                Some(_) => {}
            }
        }
    })
    .await
}
