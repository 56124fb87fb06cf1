//! What a connection's bytes go through: the socket, or TLS over it. One type, so that HTTP is compiled once.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::BytesMut;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::io::{Rewound, Watched};

/// The socket, and what was read off it before TLS began.
type Socket = Rewound<Watched<TcpStream>>;

/// The two ways of a connection's bytes.
#[derive(Debug)]
pub(super) enum Transport {
    Plain(Watched<TcpStream>),
    Tls(Box<TlsStream<Socket>>),
}

/// What a TLS handshake has established.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Established<'a> {
    /// The name that the client has asked for.
    pub(super) server_name: Option<&'a str>,
    /// The certificate that the client has shown.
    pub(super) client: Option<&'a CertificateDer<'static>>,
}

impl Transport {
    /// Shakes hands. How long that may take is for the caller to bound.
    ///
    /// # Errors
    /// When the client speaks no TLS, offers nothing that both know, or shows no certificate where one is asked for.
    pub(super) async fn tls(
        stream: Watched<TcpStream>,
        read_ahead: BytesMut,
        config: &Arc<ServerConfig>,
    ) -> io::Result<Self> {
        let acceptor = TlsAcceptor::from(Arc::clone(config));
        let stream = acceptor.accept(Rewound::new(stream, read_ahead)).await?;
        Ok(Self::Tls(Box::new(stream)))
    }

    /// What the handshake has established; `None` without TLS.
    pub(super) fn established(&self) -> Option<Established<'_>> {
        let Self::Tls(stream) = self else { return None };
        let connection = stream.get_ref().1;
        let client = connection.peer_certificates().and_then(<[_]>::first);
        Some(Established { server_name: connection.server_name(), client })
    }

    /// Whether the client chose HTTP/2 in the handshake.
    pub(super) fn chose_http2(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(b"h2"),
        }
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
