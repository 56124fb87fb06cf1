//! Follows the frames that an HTTP/2 client sends, to know since when one of them, or a block of header fields, is not
//! complete. The library waits for the rest without end, and answers nothing else on the connection meanwhile.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::activity::Activity;

const PREFACE: usize = 24;
const HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 0x4;
/// Of SETTINGS.
const ACK: u8 = 0x1;

/// How far a client's frames have been read (RFC 9113 section 4.1).
#[derive(Debug)]
struct Frames {
    /// Bytes to pass over: of the preface, or of the frame's payload.
    skip: usize,
    /// The part of a frame's head that has been read.
    head: [u8; HEAD],
    head_length: usize,
    /// Whether the payload that is passed over is that of a DATA frame, whose pace is judged where it is read.
    is_data: bool,
    /// Whether header fields have begun whose block has not ended.
    in_block: bool,
    /// Whether the first SETTINGS, with which a client begins, are still to come (RFC 9113 section 3.4).
    is_first: bool,
}

impl Frames {
    const fn new() -> Self {
        Self {
            skip: PREFACE,
            head: [0; HEAD],
            head_length: 0,
            is_data: false,
            in_block: false,
            is_first: true,
        }
    }

    /// Reads on.
    fn advance(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let passed = self.skip.min(bytes.len());
                self.skip -= passed;
                bytes = bytes.get(passed..).unwrap_or_default();
                continue;
            }
            let wanted = HEAD - self.head_length;
            let (part, rest) = bytes.split_at(wanted.min(bytes.len()));
            if let Some(free) = self.head.get_mut(self.head_length..self.head_length + part.len()) {
                free.copy_from_slice(part);
            }
            self.head_length += part.len();
            bytes = rest;
            if self.head_length == HEAD {
                self.begin();
            }
        }
    }

    /// The head of a frame is complete.
    fn begin(&mut self) {
        let [high, middle, low, kind, flags, ..] = self.head;
        self.head_length = 0;
        self.skip = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        self.is_data = kind == DATA;
        self.is_first &= kind != SETTINGS || flags & ACK != 0;
        if matches!(kind, HEADERS | CONTINUATION) {
            self.in_block = flags & END_HEADERS == 0;
        }
    }

    /// Whether the client has begun something that is not complete.
    const fn is_incomplete(&self) -> bool {
        self.is_first || self.in_block || self.head_length > 0 || self.skip > 0 && !self.is_data
    }
}

/// A stream whose incomplete frames are noted.
#[derive(Debug)]
pub(super) struct FrameWatch<S> {
    stream: S,
    frames: Frames,
    activity: Arc<Activity>,
}

impl<S> FrameWatch<S> {
    /// Watches a stream that begins with the client's preface.
    pub(super) fn new(stream: S, activity: Arc<Activity>) -> Self {
        Self { stream, frames: Frames::new(), activity }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FrameWatch<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        this.frames.advance(buf.filled().get(before..).unwrap_or_default());
        this.activity.on_frames(this.frames.is_incomplete());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FrameWatch<S> {
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
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPENING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

    fn frame(kind: u8, flags: u8, length: u8) -> Vec<u8> {
        let mut frame = vec![0, 0, length, kind, flags, 0, 0, 0, 1];
        frame.resize(HEAD + usize::from(length), 7);
        frame
    }

    /// Whether something is incomplete after these bytes, however they are cut.
    fn is_incomplete(bytes: &[u8]) -> bool {
        let mut whole = Frames::new();
        whole.advance(bytes);
        for size in 1..12 {
            let mut cut = Frames::new();
            bytes.chunks(size).for_each(|piece| cut.advance(piece));
            assert_eq!(cut.is_incomplete(), whole.is_incomplete(), "{bytes:?} by {size}");
        }
        whole.is_incomplete()
    }

    #[test]
    fn what_has_begun_is_incomplete_until_it_ends() {
        let headers = frame(HEADERS, 0, 5);
        for (bytes, expected) in [
            (vec![], true),
            (vec![&headers[..3]], true),
            (vec![&headers[..HEAD]], true),
            (vec![&headers[..]], true),
            (vec![&headers, &frame(CONTINUATION, 0, 0)], true),
            (vec![&headers, &frame(CONTINUATION, 0, 3), &frame(CONTINUATION, END_HEADERS, 2)[..HEAD]], true),
            (vec![&headers, &frame(CONTINUATION, END_HEADERS, 2)], false),
            (vec![&frame(HEADERS, END_HEADERS, 5)], false),
            (vec![&frame(HEADERS, END_HEADERS, 5)[..HEAD + 4]], true),
            (vec![&frame(6, 0, 8)[..HEAD + 1]], true),
            (vec![&frame(6, 0, 8)], false),
            // The pace of a body is judged elsewhere.
            (vec![&frame(DATA, 0, 8)[..HEAD + 1]], false),
            (vec![&frame(DATA, 0, 8)[..HEAD - 1]], true),
            (vec![&frame(DATA, 0, 8)], false),
            (vec![&frame(DATA, END_HEADERS, 8), &headers], true),
        ] {
            let is_first = bytes.is_empty();
            let bytes = [OPENING, &bytes.concat()].concat();
            assert_eq!(is_incomplete(&bytes), expected && !is_first, "{bytes:?}");
        }
    }

    #[test]
    fn the_first_settings_have_to_come() {
        for cut in 0..OPENING.len() {
            assert!(is_incomplete(&OPENING[..cut]), "{cut}");
        }
        assert!(!is_incomplete(OPENING));
        // Nothing else stands for them: not PING, not WINDOW_UPDATE, not the acknowledgement of the gateway's own.
        for other in [frame(6, 0, 8), frame(8, 0, 4), frame(SETTINGS, ACK, 0)] {
            let mut bytes = [&OPENING[..PREFACE], &other].concat();
            assert!(is_incomplete(&bytes), "{other:?}");
            bytes.extend_from_slice(&OPENING[PREFACE..]);
            assert!(!is_incomplete(&bytes), "{other:?}");
        }
    }
}
