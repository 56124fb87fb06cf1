//! From an endpoint's location to an HTTP/2 connection: socket, TLS, preface.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use outbox::gathered;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::connect_problem::{ConnectError, Stage, TlsSide, no_alpn};
use crate::connection::Link;
use crate::peer_settings::{FrameReader, PeerSettings};

/// How much a peer may send of one stream before it is read.
const STREAM_WINDOW: u32 = 1 << 20;
/// How much it may send over one connection.
const CONNECTION_WINDOW: u32 = 16 << 20;
/// h2 closes a connection that holds too many small unread DATA frames, and with it every call: each frame below 256 bytes
/// costs what it lacks. No gRPC message takes fewer than 5 bytes, so with this budget flow control always stops a peer
/// before h2 hangs up.
const DATA_FRAME_BUDGET: usize = (CONNECTION_WINDOW as usize / crate::frame::PREFIX) * 256;
/// The largest header block that is accepted: a status with a long message or many details. h2 drops the fields of trailers
/// beyond it, and ends the connection only at four times as much.
const MAX_HEADER_LIST: u32 = 4 << 20;
/// Finds a host that is gone, and keeps the connection known to NATs and firewalls, also where PINGs are not sent: gRPC servers
/// allow few of them, and know nothing of these probes.
const TCP_KEEPALIVE: TcpKeepalive =
    TcpKeepalive::new().with_time(Duration::from_secs(30)).with_interval(Duration::from_secs(10));
/// The largest DATA frame that is accepted: a message that lies in one is not copied to be whole.
const MAX_FRAME: u32 = 256 << 10;

/// A connection's two halves: the handle that opens streams, and what must be polled for them to move.
pub(crate) type Http2 = (SendRequest<Bytes>, Link);

/// Where and how to connect.
#[derive(Debug, Clone)]
pub(crate) struct Dialer {
    pub(crate) peer: Peer,
    pub(crate) tls: Option<(TlsConnectorBox, TlsSide)>,
    pub(crate) timeout: Duration,
    /// The largest header list that the endpoint announced last; `u32::MAX` for no limit.
    pub(crate) max_header_list: Arc<AtomicU32>,
}

/// How far an attempt to connect has come, for those who do not wait for its end.
#[derive(Debug, Default)]
pub(crate) struct Progress(AtomicU8);

impl Progress {
    pub(crate) fn reached(&self, stage: Stage) {
        self.0.store(stage as u8, Relaxed);
    }

    pub(crate) fn stage(&self) -> Stage {
        match self.0.load(Relaxed) {
            0 => Stage::Socket,
            1 => Stage::Tls,
            _ => Stage::Http2,
        }
    }
}

/// A connector that can be printed.
#[derive(Clone)]
pub(crate) struct TlsConnectorBox(pub(crate) TlsConnector);

impl std::fmt::Debug for TlsConnectorBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsConnector")
    }
}

/// The other end of a socket.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Peer {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Dialer {
    /// Connects within the connect timeout. The peer has not been heard over HTTP/2 yet.
    pub(crate) async fn dial(&self, progress: &Progress) -> Result<Http2, ConnectError> {
        match tokio::time::timeout(self.timeout, self.connect(progress)).await {
            Ok(result) => result,
            Err(_) => Err(progress.stage().overdue(self.timeout)),
        }
    }

    /// The gateway's side of TLS, if the endpoint is to speak it.
    pub(crate) fn tls_side(&self) -> Option<&TlsSide> {
        self.tls.as_ref().map(|(_, side)| side)
    }

    async fn connect(&self, progress: &Progress) -> Result<Http2, ConnectError> {
        let transport = match &self.peer {
            Peer::Tcp(address) => {
                let stream = connect_tcp(address).await.map_err(|error| ConnectError::of_connect(&error))?;
                self.secure(stream, Transport::Tcp, Transport::TlsTcp, progress).await?
            }
            Peer::Unix(path) => {
                let stream =
                    UnixStream::connect(path).await.map_err(|error| ConnectError::of_connect(&error))?;
                self.secure(stream, Transport::Unix, Transport::TlsUnix, progress).await?
            }
        };
        progress.reached(Stage::Http2);
        let settings = Arc::new(PeerSettings::new(Arc::clone(&self.max_header_list)));
        let io = Io { transport, frames: FrameReader::default(), settings: Arc::clone(&settings) };
        let (io, outbox) = gathered(io);
        let (handle, http2) = h2::client::Builder::new()
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .data_frame_budget(DATA_FRAME_BUDGET)
            .max_frame_size(MAX_FRAME)
            .max_header_list_size(MAX_HEADER_LIST)
            .handshake(io)
            .await
            .map_err(|error| ConnectError::of_greeting(&settings, self.tls_side(), Some(&error)))?;
        Ok((handle, Link { http2, outbox, settings }))
    }

    async fn secure<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        plain: fn(S) -> Transport,
        secured: fn(Box<TlsStream<S>>) -> Transport,
        progress: &Progress,
    ) -> Result<Transport, ConnectError> {
        let Some((connector, side)) = &self.tls else { return Ok(plain(stream)) };
        progress.reached(Stage::Tls);
        let stream = connector.0.connect(side.name.clone(), stream).await;
        let stream = stream.map_err(|error| side.of_handshake(&error))?;
        if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Err(no_alpn());
        }
        Ok(secured(Box::new(stream)))
    }
}

async fn connect_tcp(address: &SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    // Without it a call waits for the peer's delayed ACK.
    stream.set_nodelay(true)?;
    SockRef::from(&stream).set_tcp_keepalive(&TCP_KEEPALIVE)?;
    Ok(stream)
}

/// What HTTP/2 is spoken over: a transport whose received frames are looked at.
#[derive(Debug)]
pub(crate) struct Io {
    transport: Transport,
    frames: FrameReader,
    settings: Arc<PeerSettings>,
}

/// The transports, without a virtual call per read.
#[derive(Debug)]
enum Transport {
    Tcp(TcpStream),
    Unix(UnixStream),
    TlsTcp(Box<TlsStream<TcpStream>>),
    TlsUnix(Box<TlsStream<UnixStream>>),
}

macro_rules! each {
    ($self:expr, $io:ident => $body:expr) => {
        match &mut $self.get_mut().transport {
            Transport::Tcp($io) => $body,
            Transport::Unix($io) => $body,
            Transport::TlsTcp($io) => $body,
            Transport::TlsUnix($io) => $body,
        }
    };
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.settings.is_ended() {
            return Poll::Ready(Err(io::Error::other(
                "the endpoint sends informational responses without end",
            )));
        }
        let before = buf.filled().len();
        let poll = each!(self.as_mut(), io => Pin::new(io).poll_read(cx, buf));
        let Self { frames, settings, .. } = self.get_mut();
        frames.read(buf.filled().get(before..).unwrap_or_default(), settings);
        if let Poll::Ready(Err(error)) = &poll {
            settings.failed(error);
        }
        poll
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, io => Pin::new(io).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // The way through the kernel is shorter for one piece than for a list of them.
        if let [one] = bufs {
            return self.poll_write(cx, one);
        }
        each!(self, io => Pin::new(io).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Tcp(io) => io.is_write_vectored(),
            Transport::Unix(io) => io.is_write_vectored(),
            Transport::TlsTcp(io) => io.is_write_vectored(),
            Transport::TlsUnix(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, io => Pin::new(io).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, io => Pin::new(io).poll_shutdown(cx))
    }
}
