//! The byte stream of an HTTP/1.1 connection, held to strict framing before the HTTP library sees it.
//!
//! A head with a fault never gets there: the stream ends for the library, and what the client is told goes out when the
//! library closes. An upgraded connection must not come through here any more: what follows a 101 is not HTTP.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::activity::Activity;
use super::framing::{Framing, Passed, Wrong};
use super::linger::{Ended, Linger, Unwanted};
use super::refusal;
use super::{Peer, Refuse};

/// What is read at a time of a head that comes in pieces.
const READ: usize = 4096;
/// What the library gets at a time. It doubles its buffer whenever a read fills a power of two, up to the largest head, and
/// keeps it: this ends that at 32 KiB.
const THROUGH: u64 = (32 << 10) - 1;

/// An HTTP/1.1 stream that lets through only what can be read in one way.
pub(super) struct Screened<S> {
    stream: S,
    framing: Framing,
    /// Read, and not handed over yet.
    held: BytesMut,
    /// So many of those may be.
    open: usize,
    wrong: Option<Wrong>,
    /// What comes behind it.
    unwanted: Unwanted,
    end: End,
    activity: Arc<Activity>,
    refuse: Arc<dyn Refuse>,
    peer: SocketAddr,
}

/// The way to the end of a connection.
enum End {
    /// Not there yet.
    Open,
    /// What is left to say.
    Telling(Bytes),
    /// Nothing more is said.
    Closing,
    /// The rest of what the client sends is read and dropped.
    Lingering(Linger),
    /// There.
    Closed,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Screened<S> {
    /// `read_ahead` was read off the stream already.
    pub(super) fn new(
        stream: S,
        read_ahead: BytesMut,
        max_head: usize,
        activity: Arc<Activity>,
        refuse: Arc<dyn Refuse>,
        peer: &Peer,
    ) -> Self {
        // The first head is awaited no longer than it may take.
        activity.on_head();
        let mut this = Self {
            stream,
            framing: Framing::new(max_head),
            held: read_ahead,
            open: 0,
            wrong: None,
            unwanted: Unwanted::default(),
            end: End::Open,
            activity,
            refuse,
            peer: peer.address,
        };
        this.screen_held();
        this
    }

    /// How many of the held bytes may go on by now.
    fn screen_held(&mut self) {
        if self.held.is_empty() {
            return;
        }
        self.limit_chunked();
        let passed = self.framing.pass(&self.held);
        self.open = passed.bytes;
        self.note(passed, self.held.len());
    }

    /// What the reader of a chunked body takes at most.
    fn limit_chunked(&mut self) {
        if let Some((request, _)) = self.framing.announced() {
            self.framing.limit_chunked(self.activity.load().announced().limit_of(request));
        }
    }

    fn note(&mut self, passed: Passed, of: usize) {
        self.wrong = passed.fault;
        if let Some((request, bytes)) = self.framing.announced() {
            self.activity.load().announced().on_chunks(request, bytes);
        }
        if passed.bytes == of {
            self.activity.on_no_head();
        } else if passed.bytes > 0 {
            self.activity.on_next_head();
        } else {
            self.activity.on_head();
        }
    }

    /// Reads more of a head that has begun.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut room = [0; READ];
        let mut buf = ReadBuf::new(&mut room);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf))?;
        self.held.extend_from_slice(buf.filled());
        self.screen_held();
        Poll::Ready(Ok(!buf.filled().is_empty()))
    }

    /// Reads straight into the library's buffer, and takes back what it may not see yet.
    fn poll_through(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<bool>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut (&mut self.stream).take(THROUGH)).poll_read(cx, buf))?;
        let fresh = buf.filled().get(before..).unwrap_or_default();
        if fresh.is_empty() {
            return Poll::Ready(Ok(false));
        }
        self.limit_chunked();
        let passed = self.framing.pass(fresh);
        let rest = fresh.get(passed.bytes..).unwrap_or_default();
        let length = fresh.len();
        if passed.fault.is_none() {
            self.held.extend_from_slice(rest);
        }
        self.note(passed, length);
        buf.set_filled(before + passed.bytes);
        Poll::Ready(Ok(true))
    }

    /// What the library reads where something is wrong.
    fn poll_wrong(&mut self, cx: &mut Context<'_>, wrong: Wrong) -> Poll<io::Result<()>> {
        match wrong {
            Wrong::Body(what) => Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, what))),
            // Requests before it are answered first, unless their client leaves. The library would not come back to read by
            // itself.
            Wrong::Head(_) if self.activity.is_answering(cx) => {
                match self.unwanted.poll_drop(&mut self.stream, cx) {
                    Poll::Ready(Ended::Closed) => Poll::Ready(Ok(())),
                    Poll::Ready(Ended::TooMuch) | Poll::Pending => Poll::Pending,
                }
            }
            Wrong::Head(_) => Poll::Ready(Ok(())),
        }
    }

    fn first_end(&self) -> End {
        match self.wrong {
            Some(Wrong::Head(fault)) => {
                tracing::debug!(peer = %self.peer, ?fault, "a request's head is refused");
                End::Telling(refusal::bytes(self.refuse.refuse(fault)))
            }
            _ => End::Closing,
        }
    }

    /// Whether the client may be sending still.
    fn is_interrupted(&self) -> bool {
        self.wrong.is_some() || !self.framing.is_between_requests()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Screened<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if this.open > 0 {
                let n = this.open.min(buf.remaining());
                if let Some(open) = this.held.get(..n) {
                    buf.put_slice(open);
                }
                this.held.advance(n);
                this.open -= n;
                return Poll::Ready(Ok(()));
            }
            if let Some(wrong) = this.wrong {
                this.held.clear();
                return this.poll_wrong(cx, wrong);
            }
            let before = buf.filled().len();
            let more = if this.held.is_empty() {
                ready!(this.poll_through(cx, buf))?
            } else {
                ready!(this.poll_fill(cx))?
            };
            if !more || buf.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Screened<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            match &mut this.end {
                End::Open => this.end = this.first_end(),
                End::Telling(rest) if rest.is_empty() => {
                    ready!(Pin::new(&mut this.stream).poll_flush(cx))?;
                    this.end = End::Closing;
                }
                End::Telling(rest) => {
                    let n = ready!(Pin::new(&mut this.stream).poll_write(cx, rest))?;
                    rest.advance(n);
                }
                End::Closing => {
                    ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
                    let is_interrupted = this.is_interrupted();
                    this.end = if is_interrupted { End::Lingering(Linger::new()) } else { End::Closed };
                }
                End::Lingering(linger) => {
                    ready!(linger.poll(&mut this.stream, cx));
                    this.end = End::Closed;
                }
                End::Closed => return Poll::Ready(Ok(())),
            }
        }
    }
}
