//! The end of a connection whose client may be sending still.
//!
//! Closed at once, the system would reset the connection, and an answer on its way could be lost (RFC 9112 section 9.6). So
//! the rest of what the client sends is read and dropped for a while.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Sleep;

/// How long it is read from a client that was answered.
const PATIENCE: Duration = Duration::from_secs(2);
/// How much is read that nobody wants.
const MOST: usize = 1 << 20;
/// What is read at a time.
const READ: usize = 4096;

/// Bytes that are read only to be dropped, within bounds.
#[derive(Debug)]
pub(super) struct Unwanted {
    left: usize,
}

impl Default for Unwanted {
    fn default() -> Self {
        Self { left: MOST }
    }
}

impl Unwanted {
    /// Reads and drops what there is. Ready when the client has closed, or nothing more of it is read.
    pub(super) fn poll_drop(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<Ended> {
        while self.left > 0 {
            let mut room = [0; READ];
            let mut buf = ReadBuf::new(&mut room);
            match Pin::new(&mut *stream).poll_read(cx, &mut buf) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {
                    self.left = self.left.saturating_sub(buf.filled().len());
                }
                Poll::Ready(_) => return Poll::Ready(Ended::Closed),
            }
        }
        Poll::Ready(Ended::TooMuch)
    }
}

/// Why nothing more is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The client has closed its side, or is gone.
    Closed,
    /// It has sent more than anybody reads for nothing.
    TooMuch,
}

/// The wait, after the last answer, for the client to close.
#[derive(Debug)]
pub(super) struct Linger {
    until: Pin<Box<Sleep>>,
    unwanted: Unwanted,
}

impl Linger {
    /// From now on.
    pub(super) fn new() -> Self {
        Self { until: Box::pin(tokio::time::sleep(PATIENCE)), unwanted: Unwanted::default() }
    }

    /// Ready when the connection can be dropped.
    pub(super) fn poll(&mut self, stream: &mut (impl AsyncRead + Unpin), cx: &mut Context<'_>) -> Poll<()> {
        if self.until.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        self.unwanted.poll_drop(stream, cx).map(|_| ())
    }

    /// Waits for that.
    pub(super) async fn over(mut self, stream: &mut (impl AsyncRead + Unpin)) {
        poll_fn(|cx| self.poll(stream, cx)).await;
    }
}
