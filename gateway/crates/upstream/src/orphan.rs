//! The stream of a call, and what becomes of it when the call is dropped before its end.
//!
//! Dropping h2's handles resets the stream. What clients cancel must not add up to a storm of resets, which makes servers end the
//! connection of all calls, so a reset has to be within the budget of the connection. Beyond it the stream stays open as an
//! orphan: the response is read and discarded until it ends, or until the budget has a reset left.
//!
//! ```text
//!  dropped ─ within the budget? ── yes ──────────────────────────────► reset
//!               │ no                                                     ▲
//!               ▼                                                        │ budget again
//!            orphan ─────────────────────────────────────────────────────┤
//!               │                                                        │ only orphans are left on a retired connection
//!               └─ the response ends: nothing to reset                   │
//!   too many orphans on the connection: it is retired ───────────────────┘
//! ```
//! A retired connection takes no new calls. It ends when the calls on it have ended.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::{RecvStream, SendStream};
use http::response;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

use crate::attempt::PendingHead;
use crate::endpoint::Endpoint;
use crate::error::CallError;
use crate::pool::Lease;

/// How often an orphan looks whether the budget has a reset left.
const LOOK: Duration = Duration::from_millis(200);
/// Response bytes after which an orphan looks with every piece that it receives.
const LONG: usize = 1 << 20;
/// A request of this size may not have been sent completely: the initial window of a stream.
const MAYBE_UNSENT: usize = 65_535;

/// The stream of one attempt, with the permission to use it.
#[derive(Debug)]
pub(crate) struct CallStream {
    send: Option<SendStream<Bytes>>,
    recv: Recv,
    lease: Lease,
    /// Bytes of the request that h2 may still hold.
    unsent: usize,
    ended: bool,
}

/// The receiving half.
#[derive(Debug)]
pub(crate) enum Recv {
    Head(PendingHead),
    Body(RecvStream),
    None,
}

impl CallStream {
    pub(crate) fn new(response: ResponseFuture, send: SendStream<Bytes>, lease: Lease) -> Self {
        Self {
            send: Some(send),
            recv: Recv::Head(PendingHead::new(response)),
            lease,
            unsent: 0,
            ended: false,
        }
    }

    pub(crate) fn endpoint(&self) -> &Arc<Endpoint> {
        self.lease.endpoint()
    }

    /// Sends the only message of the request.
    pub(crate) fn send_all(&mut self, frame: Bytes) -> Result<(), CallError> {
        if frame.len() > MAYBE_UNSENT {
            self.unsent = frame.len();
        }
        let Some(send) = &mut self.send else { return Ok(()) };
        Ok(send.send_data(frame, true)?)
    }

    /// Waits for the response's head.
    pub(crate) async fn head(&mut self) -> Result<response::Parts, CallError> {
        let Recv::Head(response) = &mut self.recv else { return Err(CallError::NoMessage) };
        let (head, body) = response.read(self.lease.settings()).await?.into_parts();
        self.recv = Recv::Body(body);
        Ok(head)
    }

    /// The response's body, once the head is there.
    pub(crate) fn body(&mut self) -> Result<&mut RecvStream, CallError> {
        match &mut self.recv {
            Recv::Body(body) => Ok(body),
            Recv::Head(_) | Recv::None => Err(CallError::NoMessage),
        }
    }

    /// The response was received to its end: h2 resets nothing any more.
    pub(crate) fn end(&mut self) {
        self.lease.completed();
        self.ended = true;
    }

    /// Takes the stream apart, for those that end it themselves.
    pub(crate) fn into_parts(mut self) -> (Option<SendStream<Bytes>>, Recv, Lease) {
        self.ended = true;
        (self.send.take(), std::mem::replace(&mut self.recv, Recv::None), self.lease.again())
    }
}

impl Drop for CallStream {
    fn drop(&mut self) {
        if !self.ended {
            let recv = std::mem::replace(&mut self.recv, Recv::None);
            leave(self.send.take(), recv, &self.lease, self.unsent);
        }
    }
}

/// Resets a stream whose call was dropped if the budget allows it, and keeps it as an orphan otherwise.
pub(crate) fn leave(send: Option<SendStream<Bytes>>, recv: Recv, lease: &Lease, unsent: usize) {
    let mut orphan = Orphan { send, recv, received: 0 };
    let has_ended = orphan.poll_end(&mut Context::from_waker(Waker::noop()), lease).is_ready();
    // A connection that is to be ended ends when it is woken, by the reset.
    if has_ended || lease.settings().is_ended() || lease.may_reset(Instant::now()) {
        return;
    }
    // Without a runtime the connection is about to go.
    let Ok(runtime) = Handle::try_current() else { return };
    let Some(place) = lease.orphan(unsent) else { return };
    // The task ends with the stream, and the stream ends with its connection.
    runtime.spawn(async move {
        loop {
            tokio::select! {
                biased;
                () = poll_fn(|cx| orphan.poll_end(cx, place.lease())) => return,
                () = sleep(LOOK) => {
                    if place.lease().may_reset_orphan(Instant::now()) {
                        return;
                    }
                }
            }
        }
    });
}

/// A stream that no call waits for.
struct Orphan {
    send: Option<SendStream<Bytes>>,
    recv: Recv,
    received: usize,
}

impl Orphan {
    /// Discards what comes. Ready when there is nothing left to reset, or when a long response may be reset.
    fn poll_end(&mut self, cx: &mut Context<'_>, lease: &Lease) -> Poll<()> {
        if let Some(send) = &mut self.send
            && send.poll_reset(cx).is_ready()
        {
            return Poll::Ready(());
        }
        loop {
            match &mut self.recv {
                // Only the sending half is left: the server has to reset it, or we do.
                Recv::None => return Poll::Pending,
                Recv::Head(response) => match ready!(response.poll(lease.settings(), cx)) {
                    Ok(response) => self.recv = Recv::Body(response.into_body()),
                    Err(_) => return Poll::Ready(()),
                },
                Recv::Body(body) => {
                    let Some(Ok(chunk)) = ready!(body.poll_data(cx)) else { return Poll::Ready(()) };
                    if body.flow_control().release_capacity(chunk.len()).is_err() {
                        return Poll::Ready(());
                    }
                    self.received += chunk.len();
                    if self.received > LONG && lease.may_reset_orphan(Instant::now()) {
                        return Poll::Ready(());
                    }
                }
            }
        }
    }
}

/// The place of an orphan among those of its connection; dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct OrphanPlace {
    lease: Lease,
    unsent: usize,
}

impl OrphanPlace {
    pub(crate) fn new(lease: Lease, unsent: usize) -> Self {
        Self { lease, unsent }
    }

    fn lease(&self) -> &Lease {
        &self.lease
    }
}

impl Drop for OrphanPlace {
    fn drop(&mut self) {
        self.lease.orphan_ended(self.unsent);
    }
}
