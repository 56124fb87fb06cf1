//! Gathers what is written to a stream in one turn of its task, to send it in one piece.
//!
//! `h2` writes every DATA frame of 256 bytes or more by itself: a call with a body is a system call of its own, and a message of
//! 100 KB is seven, since most peers take frames of 16 KiB. It asks for a flush after each of them, so that a buffer below it
//! can't tell which one is the last. Here writes and flushes only fill a buffer. Whoever drives `h2` knows when it has nothing
//! more to say, and sends the buffer then.
//!
//! ```text
//!  h2 ───────── writes ──► Gathered ─┐
//!                                    ├─ what is held ──► stream
//!  its driver ── sends ──► Outbox ───┘
//! ```
#![forbid(unsafe_code)]

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use smallvec::SmallVec;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How many bytes are held: the small messages of a turn, or one frame of a large one, which then goes out with the next. There may
/// be many connections, and a client that reads nothing leaves it full.
const FULL: usize = 32 << 10;
/// How large the buffer stays when there is little to send: a quiet connection should not hold much.
const KEPT: usize = 16 << 10;

/// The half that is read and written.
#[derive(Debug)]
pub struct Gathered<S>(Arc<Mutex<Inner<S>>>);

/// The half that sends what was written.
#[derive(Debug)]
pub struct Outbox<S>(Arc<Mutex<Inner<S>>>);

/// One task has both halves, so that the lock is never waited for: it is there because the safe language wants it.
#[derive(Debug)]
struct Inner<S> {
    stream: S,
    held: Vec<u8>,
    /// How much of `held` has been sent.
    sent: usize,
    /// Why sending failed, until who reads has been told.
    failed: Option<io::Error>,
}

/// Makes two halves of a stream. What is written to the first is sent when the second is told to, when more than 32 KiB have
/// come together, or when the stream is shut down.
pub fn gathered<S>(stream: S) -> (Gathered<S>, Outbox<S>) {
    let inner = Inner { stream, held: Vec::new(), sent: 0, failed: None };
    let inner = Arc::new(Mutex::new(inner));
    (Gathered(Arc::clone(&inner)), Outbox(inner))
}

fn lock<S>(inner: &Mutex<Inner<S>>) -> MutexGuard<'_, Inner<S>> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What came of sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    /// All that was written is on its way.
    Done,
    /// The stream is broken. Who reads from it next is told why: let them read now.
    Failed,
}

impl<S: AsyncWrite + Unpin> Outbox<S> {
    /// Sends what has been written. While the stream takes no more it is pending, and the task is woken when it does.
    pub fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Sending> {
        let mut inner = lock(&self.0);
        match ready!(inner.poll_flush(cx)) {
            Ok(()) => Poll::Ready(Sending::Done),
            Err(error) => {
                inner.failed = Some(error);
                inner.forget();
                Poll::Ready(Sending::Failed)
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> Inner<S> {
    /// What has not been sent yet.
    fn held(&self) -> &[u8] {
        self.held.get(self.sent..).unwrap_or_default()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.held.len() {
            let held = self.held.get(self.sent..).unwrap_or_default();
            match ready!(Pin::new(&mut self.stream).poll_write(cx, held))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => self.sent += sent,
            }
        }
        self.forget();
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Nothing of what was held is to be sent any more.
    fn forget(&mut self) {
        // Who has just sent a lot will again: to make room for it each time costs more than a frame's system call.
        if self.held.len() <= KEPT {
            self.held.shrink_to(KEPT);
        }
        self.sent = 0;
        self.held.clear();
    }

    /// Takes what comes, if need be by sending it behind what is held.
    fn poll_gather(&mut self, cx: &mut Context<'_>, fresh: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let held = self.held().len();
        let more: usize = fresh.iter().map(|slice| slice.len()).sum();
        if held + more <= FULL {
            return Poll::Ready(Ok(self.hold(fresh, 0)));
        }
        let written = match self.poll_through(cx, fresh) {
            Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(Ok(written)) => written,
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => 0,
        };
        if let Some(taken) = written.checked_sub(held) {
            self.forget();
            return Poll::Ready(Ok(taken + self.hold(fresh, taken)));
        }
        self.sent += written;
        match self.hold(fresh, 0) {
            0 => Poll::Pending,
            taken => Poll::Ready(Ok(taken)),
        }
    }

    /// Writes what is held and what comes to the stream, without a copy; how much of both it took.
    fn poll_through(&mut self, cx: &mut Context<'_>, fresh: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let held = Some(self.held.get(self.sent..).unwrap_or_default()).filter(|held| !held.is_empty());
        let fresh = fresh.iter().map(|slice| &**slice);
        let all: SmallVec<[IoSlice<'_>; 4]> = held.into_iter().chain(fresh).map(IoSlice::new).collect();
        Pin::new(&mut self.stream).poll_write_vectored(cx, &all)
    }

    /// Holds what there is room for, without the first bytes, which were sent; how much it is.
    fn hold(&mut self, fresh: &[IoSlice<'_>], mut skip: usize) -> usize {
        if self.sent > 0 {
            self.held.drain(..self.sent);
            self.sent = 0;
        }
        let before = self.held.len();
        for slice in fresh {
            let passed = skip.min(slice.len());
            skip -= passed;
            let rest = slice.get(passed..).unwrap_or_default();
            let room = FULL.saturating_sub(self.held.len());
            let part = rest.get(..room).unwrap_or(rest);
            if self.held.len() + part.len() > KEPT {
                // Not by doubling, which would copy it over and over.
                self.held.reserve_exact(room);
            }
            self.held.extend_from_slice(part);
        }
        self.held.len() - before
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gathered<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut inner = lock(&self.0);
        if let Some(error) = inner.failed.take() {
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut inner.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gathered<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        lock(&self.0).poll_gather(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        lock(&self.0).poll_gather(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Sends nothing: that is for [`Outbox::poll_send`].
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = lock(&self.0);
        ready!(inner.poll_flush(cx))?;
        Pin::new(&mut inner.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
