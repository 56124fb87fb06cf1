//! What a client speaks: HTTP/2 by prior knowledge, or HTTP/1.1 (RFC 9113 section 3.3); and whether it is TLS at all.
//!
//! hyper-util's automatic server does the same but waits for ever for a client that sends nothing or half a preface.

use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt};

/// What an HTTP/2 client sends first.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Room for most requests without a body.
const ROOM: usize = 1024;

/// The protocol of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// HTTP/1.1 (or 1.0).
    Http1,
    /// HTTP/2.
    Http2,
}

/// Reads until the protocol is certain. What it reads is appended to `seen` and belongs to the connection. How long that
/// may take is for the caller to bound.
///
/// # Errors
/// `UnexpectedEof` when the client closes before that.
pub(super) async fn sniff(
    stream: &mut (impl AsyncRead + Unpin),
    seen: &mut BytesMut,
) -> io::Result<Protocol> {
    loop {
        if seen.starts_with(PREFACE) {
            return Ok(Protocol::Http2);
        }
        if !PREFACE.starts_with(seen) {
            return Ok(Protocol::Http1);
        }
        fill(stream, seen).await?;
    }
}

/// Whether the client begins with plain HTTP: a method, where TLS would begin with a record's type. Reads as [`sniff`].
///
/// # Errors
/// `UnexpectedEof` when the client closes before its first byte.
pub(super) async fn is_plain_http(
    stream: &mut (impl AsyncRead + Unpin),
    seen: &mut BytesMut,
) -> io::Result<bool> {
    while seen.is_empty() {
        fill(stream, seen).await?;
    }
    Ok(seen.first().is_some_and(u8::is_ascii_uppercase))
}

async fn fill(stream: &mut (impl AsyncRead + Unpin), seen: &mut BytesMut) -> io::Result<()> {
    seen.reserve(ROOM);
    match stream.read_buf(seen).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    async fn sniffed(pieces: &[&[u8]]) -> io::Result<(Protocol, BytesMut)> {
        let (mut client, mut server) = tokio::io::duplex(64);
        for piece in pieces {
            client.write_all(piece).await.unwrap();
        }
        drop(client);
        let mut seen = BytesMut::new();
        let protocol = sniff(&mut server, &mut seen).await?;
        Ok((protocol, seen))
    }

    #[tokio::test]
    async fn a_request_line_is_http1_and_nothing_is_lost() {
        let (protocol, bytes) = sniffed(&[b"POST / HTTP/1.1\r\n"]).await.unwrap();
        assert_eq!((protocol, &bytes[..]), (Protocol::Http1, &b"POST / HTTP/1.1\r\n"[..]));
    }

    #[tokio::test]
    async fn the_preface_is_http2_even_in_pieces() {
        let (protocol, bytes) = sniffed(&[b"PRI * HTTP/2.0", b"\r\n\r\nSM\r\n\r\nrest"]).await.unwrap();
        assert_eq!((protocol, &bytes[..]), (Protocol::Http2, &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nrest"[..]));
    }

    #[tokio::test]
    async fn nothing_and_half_a_preface_are_neither() {
        for sent in [&b""[..], &b"PRI * HT"[..]] {
            let error = sniffed(&[sent]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
    }

    #[tokio::test]
    async fn plain_http_is_told_from_tls() {
        for (sent, expected) in
            [(&b"GET / HTTP/1.1"[..], true), (b"\x16\x03\x01", false), (b"PRI * HTTP/2.0", true)]
        {
            assert_eq!(is_plain_http(&mut &sent[..], &mut BytesMut::new()).await.unwrap(), expected);
        }
    }
}
