//! Gathers what is written to a stream in one turn of its task, to send it in one piece.
//!
//! `h2` writes every DATA frame of 256 bytes or more by itself: a call with a body is a system call of its own, and a message of
//! 100 KB is seven, since most peers take frames of 16 KiB. It asks for a flush after each of them, so that a buffer below it
//! can't tell which one is the last. Here writes and flushes only fill a buffer. Whoever polls `h2` knows when it has nothing
//! more to say, and sends the buffer then.
//!
//! ```text
//!  h2 ────────── writes ──► Gathered ─┐
//!   ▲                                 ├─ what is held ──► stream
//!   └─ polls ─ Outbox ────── sends ───┘
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

/// The half that polls who writes, and sends what they wrote.
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

/// Makes two halves of a stream. What is written to the first is sent when its writer has been polled through the second, when
/// more than 32 KiB have come together, or when the stream is shut down.
pub fn gathered<S>(stream: S) -> (Gathered<S>, Outbox<S>) {
    let inner = Inner { stream, held: Vec::new(), sent: 0, failed: None };
    let inner = Arc::new(Mutex::new(inner));
    (Gathered(Arc::clone(&inner)), Outbox(inner))
}

fn lock<S>(inner: &Mutex<Inner<S>>) -> MutexGuard<'_, Inner<S>> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S: AsyncWrite + Unpin> Outbox<S> {
    /// Polls who writes to the other half, and sends what they wrote. Should that fail, they are polled again at once, and told why
    /// when they read.
    pub fn poll_driver<D: Future>(
        &mut self,
        mut driver: Pin<&mut D>,
        cx: &mut Context<'_>,
    ) -> Poll<D::Output> {
        loop {
            if let Poll::Ready(end) = driver.as_mut().poll(cx) {
                return Poll::Ready(end);
            }
            let mut inner = lock(&self.0);
            if inner.failed.is_some() {
                return Poll::Pending; // Told, and not heard yet.
            }
            let Poll::Ready(Err(error)) = inner.poll_flush(cx) else { return Poll::Pending };
            inner.failed = Some(error);
            inner.forget();
        }
    }
}

impl<S: AsyncWrite + Unpin> Inner<S> {
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(held) = self.held.get(self.sent..).filter(|held| !held.is_empty()) {
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
        // Who has just sent a lot will again, and would make the same room anew.
        if self.held.len() <= KEPT {
            self.held.shrink_to(KEPT);
        }
        self.sent = 0;
        self.held.clear();
    }

    /// Takes what comes, if need be by sending it behind what is held.
    fn poll_gather(&mut self, cx: &mut Context<'_>, fresh: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let held = self.held.len() - self.sent;
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
        let held = self.held.get(self.sent..).filter(|held| !held.is_empty());
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

    /// Sends nothing: that is for [`Outbox::poll_driver`].
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
