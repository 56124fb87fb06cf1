//! The request's body: checked, bounded, read whole.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use tokio::time::Instant;

use super::coding;
use super::failure::Failure;
use super::pace::Pace;
use crate::edge::{Charge, Load, RequestSlot};
use crate::route::BodyType;

/// How a body is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits<'a> {
    /// The most bytes that it may have.
    pub size: usize,
    /// The time over which its speed is judged, and so the longest pause between two pieces of it.
    pub window: Duration,
    /// What the gateway holds in all.
    pub load: &'a std::sync::Arc<Load>,
}

/// A body that is there, and its share of what the gateway holds.
#[derive(Debug, Default)]
pub(super) struct Whole {
    pub bytes: Bytes,
    /// Kept for as long as anything that was made of the body is.
    pub charge: Option<Charge>,
}

impl Whole {
    /// The body without its content coding; what it grows by is charged as well.
    ///
    /// # Errors
    /// See [`coding::decode`]; also when the gateway holds too much.
    pub(super) fn decoded(self, headers: &HeaderMap, limits: Limits<'_>) -> Result<Self, Failure> {
        let Self { bytes, mut charge } = self;
        let before = bytes.len();
        let bytes = coding::decode(bytes, headers, limits.size)?;
        let grown = bytes.len().saturating_sub(before);
        if grown < Charge::FREE {
            return Ok(Self { bytes, charge });
        }
        match &mut charge {
            Some(charge) => charge.grow(grown),
            None => charge = Some(Charge::new(limits.load, grown)),
        }
        limits.load.reserve(0).map_err(Failure::overloaded)?;
        Ok(Self { bytes, charge })
    }
}

/// Reads a body to its end. While more of it is awaited, `slot` is free for other requests.
///
/// # Errors
/// When it is too large (before it is read, if it says so itself), too slow, breaks off, or the gateway holds too much.
pub(super) async fn read(
    body: Incoming,
    limits: Limits<'_>,
    slot: &mut RequestSlot<'_>,
) -> Result<Whole, Failure> {
    if body.is_end_stream() {
        return Ok(Whole::default());
    }
    limits.load.announced().limit_to(limits.size);
    if body.size_hint().lower() > limits.size as u64 || limits.load.announced().exceeds(limits.size) {
        return Err(Failure::body_too_large(limits.size));
    }
    let pace = Pace::new(limits.window);
    let mut reading = Reading { body, limits, slot, pace, received: 0, charge: None };
    let bytes = reading.whole().await?;
    reading.slot.resume().map_err(Failure::overloaded)?;
    Ok(Whole { bytes, charge: reading.charge })
}

/// A body on its way.
struct Reading<'a, 's> {
    body: Incoming,
    limits: Limits<'a>,
    slot: &'a mut RequestSlot<'s>,
    pace: Pace,
    received: usize,
    charge: Option<Charge>,
}

impl Reading<'_, '_> {
    async fn whole(&mut self) -> Result<Bytes, Failure> {
        let Some(first) = self.next().await? else { return Ok(Bytes::new()) };
        let Some(second) = self.next().await? else { return Ok(first) };
        let mut whole = Vec::new();
        self.make_room(&mut whole, first.len() + second.len())?;
        // Pieces keep the connection's buffer from being used again: none outlives its copy.
        for piece in [first, second] {
            whole.extend_from_slice(&piece);
        }
        while let Some(piece) = self.next().await? {
            self.make_room(&mut whole, piece.len())?;
            whole.extend_from_slice(&piece);
        }
        Ok(whole.into())
    }

    /// Makes room for so many more bytes that came.
    fn make_room(&mut self, whole: &mut Vec<u8>, more: usize) -> Result<(), Failure> {
        let length = whole.len() + more;
        if length > whole.capacity() {
            let room = room_for(length, self.body.size_hint().upper(), self.limits.size);
            // What is announced is not touched before it comes: it counts as far as others would have it, too.
            self.hold(room.min(2 * length))?;
            whole.reserve_exact(room - whole.len());
        }
        Ok(())
    }

    /// The next piece of data.
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            if self.body.is_end_stream() {
                return Ok(None);
            }
            match self.frame().await?.transpose().map_err(|_| self.broken())? {
                None => return Ok(None),
                Some(frame) => match frame.into_data() {
                    Ok(data) if data.is_empty() => {}
                    Ok(data) => return self.take(data).map(Some),
                    Err(_trailers) => {}
                },
            }
        }
    }

    /// The next frame. Most are there already: the clock is looked at only when there is something to wait for.
    async fn frame(&mut self) -> Result<Option<Result<Frame<Bytes>, hyper::Error>>, Failure> {
        let body = &mut self.body;
        let there = poll_fn(|cx| Poll::Ready(Pin::new(&mut *body).poll_frame(cx))).await;
        if let Poll::Ready(frame) = there {
            return Ok(frame);
        }
        if self.limits.load.announced().exceeds(self.limits.size) {
            return Err(Failure::body_too_large(self.limits.size));
        }
        self.slot.await_body().map_err(Failure::overloaded)?;
        self.pace.wait(Instant::now(), self.received);
        loop {
            let now = Instant::now();
            let deadline = self.pace.deadline(self.received, self.pressure()).unwrap_or(now);
            // Bodies that hold memory may have to end sooner when it runs short.
            let wake = if self.charge.is_some() { deadline.min(now + self.pace.step()) } else { deadline };
            match tokio::time::timeout_at(wake, self.body.frame()).await {
                Ok(frame) => return Ok(frame),
                Err(_) if wake < deadline => {}
                Err(_) => return Err(Failure::body_timeout()),
            }
        }
    }

    /// The failure of a body that cannot be read on.
    fn broken(&self) -> Failure {
        let Limits { size, load, .. } = self.limits;
        if load.announced().exceeds(size) {
            Failure::body_too_large(size)
        } else {
            Failure::body_unreadable()
        }
    }

    /// How short memory is, for a body that holds any.
    fn pressure(&self) -> u32 {
        self.charge.as_ref().map_or(0, |_| self.limits.load.pressure())
    }

    fn take(&mut self, data: Bytes) -> Result<Bytes, Failure> {
        self.received += data.len();
        if self.received > self.limits.size {
            return Err(Failure::body_too_large(self.limits.size));
        }
        self.hold(self.received)?;
        Ok(data)
    }

    /// Counts so many bytes in all, as soon as they are worth it.
    fn hold(&mut self, bytes: usize) -> Result<(), Failure> {
        if bytes < Charge::FREE {
            return Ok(());
        }
        let charge = self.charge.get_or_insert_with(|| Charge::new(self.limits.load, 0));
        charge.grow(bytes.saturating_sub(charge.bytes()));
        self.limits.load.reserve(0).map_err(Failure::overloaded)
    }
}

/// Room for a body of which `length` bytes came: all that is announced, once an eighth of it is there, so that a body is copied
/// once. An announcement alone makes no room. Without one, room for as much again.
fn room_for(length: usize, announced: Option<u64>, most: usize) -> usize {
    let rest = announced.and_then(|rest| usize::try_from(rest).ok());
    let (most, growth) = rest.map_or((most, 2), |rest| (length.saturating_add(rest), 8));
    most.min(length.saturating_mul(growth)).max(length)
}

/// Whether the body's type is one that a JSON route reads. A body without a type is JSON.
///
/// # Errors
/// Names what came instead: a 415.
pub(super) fn check_json(accepted: BodyType, media_type: Option<&HeaderValue>) -> Result<(), Failure> {
    let Some(media_type) = media_type.filter(|media_type| *media_type != "application/json") else {
        return Ok(());
    };
    if accepted == BodyType::Any {
        return Ok(());
    }
    let text = media_type.to_str().unwrap_or("not ASCII");
    if is_json(text) { Ok(()) } else { Err(Failure::unsupported_media_type(text)) }
}

/// JSON by any of its names, in UTF-8 (RFC 8259 section 8.1 knows no other charset).
pub(super) fn is_json(media_type: &str) -> bool {
    let mut parts = media_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let json = matches!(essence.as_str(), "application/json" | "text/json")
        || (essence.starts_with("application/") && essence.ends_with("+json"));
    json && parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            let charset = value.trim().trim_matches('"');
            charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
        }
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use super::{is_json, room_for};

    #[test]
    fn room_is_made_for_what_came() {
        for (length, announced, most, room) in [
            (100, Some(1_000_000), 4_000_000, 800),
            (100, Some(700), 4_000_000, 800),
            (100, Some(50), 4_000_000, 150),
            (100, Some(0), 4_000_000, 100),
            (100, None, 4_000_000, 200),
            (3_000_000, None, 4_000_000, 4_000_000),
            (100, Some(u64::MAX), usize::MAX, 800),
            (100, None, 50, 100),
        ] {
            assert_eq!(room_for(length, announced, most), room, "{length} {announced:?} {most}");
        }
    }

    #[test]
    fn json_goes_by_several_names() {
        for good in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/merge-patch+json",
            "application/json;charset=\"UTF-8\"",
            "application/json; profile=x",
            "text/json",
        ] {
            assert!(is_json(good), "{good}");
        }
        for bad in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/jsonp",
            "",
            "application/json; charset=latin1",
        ] {
            assert!(!is_json(bad), "{bad}");
        }
    }
}
