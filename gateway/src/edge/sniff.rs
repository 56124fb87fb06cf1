//! Which HTTP a client speaks on a plain connection: HTTP/2 by prior knowledge, or HTTP/1.1 (RFC 9113 section 3.3).
//!
//! hyper-util's automatic server does the same but waits for ever for a client that sends nothing or half a preface.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// What an HTTP/2 client sends first.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The protocol of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// HTTP/1.1 (or 1.0).
    Http1,
    /// HTTP/2.
    Http2,
}

/// Reads until the protocol is certain. Gives the bytes it read, which belong to the connection.
///
/// # Errors
/// `TimedOut` when the client keeps it open for longer than `limit`; `UnexpectedEof` when it sends nothing at all.
pub(super) async fn sniff(
    stream: &mut (impl AsyncRead + Unpin),
    limit: Duration,
) -> io::Result<(Protocol, Bytes)> {
    tokio::time::timeout(limit, read_preface(stream)).await?
}

async fn read_preface(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(Protocol, Bytes)> {
    let mut seen = BytesMut::with_capacity(1024);
    loop {
        if stream.read_buf(&mut seen).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if seen.starts_with(PREFACE) {
            return Ok((Protocol::Http2, seen.freeze()));
        }
        if !PREFACE.starts_with(&seen) {
            return Ok((Protocol::Http1, seen.freeze()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    async fn sniffed(pieces: &[&[u8]]) -> io::Result<(Protocol, Bytes)> {
        let (mut client, mut server) = tokio::io::duplex(64);
        for piece in pieces {
            client.write_all(piece).await.unwrap();
        }
        sniff(&mut server, Duration::from_secs(1)).await
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

    #[tokio::test(start_paused = true)]
    async fn silence_and_half_a_preface_time_out() {
        for sent in [&b""[..], &b"PRI * HT"[..]] {
            let (mut client, mut server) = tokio::io::duplex(64);
            client.write_all(sent).await.unwrap();
            let error = sniff(&mut server, Duration::from_secs(10)).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        }
    }
}
