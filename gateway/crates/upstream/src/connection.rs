//! Keeps one HTTP/2 connection moving until it ends, and finds out when it is dead.
//!
//! ```text
//!                 tick: PING                   tick: close
//!   Resting ────────────────────► Asked ────────────────────► Dead
//!      ▲            pong            │
//!      └────────────────────────────┘
//! ```
//! A tick comes `interval` after the last pong, or `timeout` after the PING.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::client::Connection;
use h2::{Ping, PingPong};
use outbox::{Gathered, Outbox};
use tokio::time::Instant;

use crate::dial::Io;
use crate::peer_settings::PeerSettings;
use crate::spec::KeepaliveSpec;

/// A connection, and what it wants sent.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) http2: Connection<Gathered<Io>, Bytes>,
    pub(crate) outbox: Outbox<Io>,
    /// What the peer announced.
    pub(crate) settings: Arc<PeerSettings>,
}

impl Link {
    /// Lets it read and write, and sends in one piece what all its streams have to say.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        self.outbox.poll_driver(Pin::new(&mut self.http2), cx)
    }
}

/// Whether the peer owes us a pong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pulse {
    Resting,
    Asked,
    Dead,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beat {
    Tick,
    Pong,
}

impl Pulse {
    fn after(self, beat: Beat) -> Self {
        match (self, beat) {
            (Self::Resting, Beat::Tick) => Self::Asked,
            (Self::Asked, Beat::Tick) => Self::Dead,
            (Self::Dead, _) => Self::Dead,
            (_, Beat::Pong) => Self::Resting,
        }
    }
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// In good order: closed by either side.
    Closed,
    /// The peer said that it is pinged too often.
    TooManyPings,
    /// The peer did not answer a PING in time.
    Silent(Duration),
    /// Anything else, in words.
    Broken(Arc<str>),
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Closed => f.write_str("closed by the server"),
            Self::TooManyPings => f.write_str("the server received too many PINGs"),
            Self::Silent(timeout) => write!(f, "no answer to a PING within {timeout:?}"),
            Self::Broken(error) => f.write_str(error),
        }
    }
}

impl End {
    pub(crate) fn of(error: &h2::Error) -> Self {
        match () {
            () if is_ping_complaint(error) => Self::TooManyPings,
            () if is_goaway(error, h2::Reason::NO_ERROR) => Self::Closed,
            () => Self::Broken(error.to_string().into()),
        }
    }

    /// Whether a call on the connection may have caused the end. A peer that closes in good order, or complains of PINGs, ends
    /// the connection whatever the calls on it are.
    pub(crate) fn may_be_the_calls_doing(&self) -> bool {
        match self {
            Self::Closed | Self::TooManyPings => false,
            Self::Silent(_) | Self::Broken(_) => true,
        }
    }
}

fn is_goaway(error: &h2::Error, reason: h2::Reason) -> bool {
    error.is_go_away() && error.is_remote() && error.reason() == Some(reason)
}

/// Whether the peer ends the connection because of too many PINGs.
pub(crate) fn is_ping_complaint(error: &h2::Error) -> bool {
    // The code alone says only that something was too much: resets, most often. h2 gives the text away only printed.
    is_goaway(error, h2::Reason::ENHANCE_YOUR_CALM) && error.to_string().contains("too_many_pings")
}

/// Polls the connection to its end. `pinged` decides, each `interval`, whether a PING is sent.
pub(crate) async fn drive(
    mut link: Link,
    mut pings: Option<PingPong>,
    keepalive: Option<KeepaliveSpec>,
    mut pinged: impl FnMut(Instant) -> bool,
) -> End {
    // Far enough away to be never, without a branch for "no keepalive".
    const NEVER: Duration = Duration::from_secs(86_400 * 365);
    let (interval, timeout) = keepalive.map_or((NEVER, NEVER), |k| (k.interval, k.timeout));
    let mut timer = pin!(tokio::time::sleep(interval));
    let mut pulse = Pulse::Resting;
    poll_fn(move |cx| {
        loop {
            if let Poll::Ready(result) = link.poll(cx) {
                return Poll::Ready(result.map_or_else(|error| End::of(&error), |()| End::Closed));
            }
            let Some(pings) = &mut pings else { return Poll::Pending };
            if pulse == Pulse::Asked && pings.poll_pong(cx).is_ready() {
                pulse = pulse.after(Beat::Pong);
                timer.as_mut().reset(Instant::now() + interval);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            if pulse == Pulse::Resting && !pinged(now) {
                timer.as_mut().reset(now + interval);
                continue;
            }
            pulse = pulse.after(Beat::Tick);
            if pulse == Pulse::Dead || pings.send_ping(Ping::opaque()).is_err() {
                return Poll::Ready(End::Silent(timeout));
            }
            timer.as_mut().reset(now + timeout);
        }
    })
    .await
}

/// Waits for the first answer of the peer: only then is it known to speak HTTP/2. An error is that of the connection, if it did not
/// just close.
pub(crate) async fn greet(link: &mut Link, pings: &mut PingPong) -> Result<(), Option<h2::Error>> {
    pings.send_ping(Ping::opaque()).map_err(Some)?;
    poll_fn(|cx| {
        if let Poll::Ready(result) = link.poll(cx) {
            return Poll::Ready(Err(result.err()));
        }
        pings.poll_pong(cx).map(|result| result.map(drop).map_err(Some))
    })
    .await
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[test]
    fn a_peer_that_owes_a_pong_at_the_tick_is_dead() {
        use Beat::*;
        use Pulse::*;
        let table = [
            (Resting, Tick, Asked),
            (Resting, Pong, Resting),
            (Asked, Pong, Resting),
            (Asked, Tick, Dead),
            (Dead, Pong, Dead),
            (Dead, Tick, Dead),
        ];
        for (from, beat, to) in table {
            assert_eq!(from.after(beat), to, "{from:?} {beat:?}");
        }
    }

    /// How a connection ends whose peer sends a GOAWAY with this error code and text.
    async fn end_after_goaway(code: u8, text: &[u8]) -> End {
        let (client, mut peer) = tokio::io::duplex(4096);
        let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        let mut goaway = vec![0, 0, 8 + text.len() as u8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, code];
        goaway.extend_from_slice(text);
        peer.write_all(&[settings.as_slice(), &goaway].concat()).await.unwrap();
        let (_handle, http2) = h2::client::handshake(client).await.unwrap();
        End::of(&http2.await.unwrap_err())
    }

    #[tokio::test]
    async fn only_a_complaint_of_pings_slows_pings() {
        assert_eq!(end_after_goaway(11, b"too_many_pings").await, End::TooManyPings);
        for (code, text) in [(11, "too_many_resets"), (11, ""), (2, "too_many_pings"), (1, "")] {
            let end = end_after_goaway(code, text.as_bytes()).await;
            assert!(matches!(end, End::Broken(_)), "{code} {text}: {end:?}");
        }
    }

    #[tokio::test]
    async fn calls_are_not_blamed_for_a_complaint_of_pings() {
        for (code, text, may_be) in [(11, "too_many_pings", false), (11, "", true), (2, "", true)] {
            let end = end_after_goaway(code, text.as_bytes()).await;
            assert_eq!(end.may_be_the_calls_doing(), may_be, "{end:?}");
        }
        assert!(!End::Closed.may_be_the_calls_doing());
        assert!(End::Silent(Duration::ZERO).may_be_the_calls_doing());
    }
}
