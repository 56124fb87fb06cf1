//! The body of an answer.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::StatusCode;
use http_body::{Frame, SizeHint};

use super::activity::Unsent;
use super::load::Charge;

/// A large body is handed over in pieces, so that it can be seen whether the client takes them.
const PIECE: usize = 64 << 10;

/// The body of an answer: complete, since a unary call's message is decoded whole.
#[derive(Debug, Default)]
pub struct Body {
    data: Option<Bytes>,
    /// The memory that they keep.
    held: usize,
    /// Counts the bytes until they are sent; small bodies are not counted.
    unsent: Option<Unsent>,
}

/// Whether a response of this status has no content: 204, 205 and 304 (RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5).
pub const fn has_no_content(status: StatusCode) -> bool {
    matches!(status.as_u16(), 204 | 205 | 304)
}

impl Body {
    /// No body.
    pub const fn empty() -> Self {
        Self { data: None, held: 0, unsent: None }
    }

    /// These bytes.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let held = bytes.len();
        Self { data: (!bytes.is_empty()).then_some(bytes), held, unsent: None }
    }

    /// These bytes, in a buffer that may be larger than they are.
    pub fn buffered(bytes: Vec<u8>) -> Self {
        let held = bytes.capacity();
        Self { held, ..Self::full(bytes) }
    }

    /// The same bytes and a line break.
    pub fn with_line_break(self) -> Self {
        let mut bytes = Vec::from(self.into_bytes());
        bytes.push(b'\n');
        Self::buffered(bytes)
    }

    /// The memory that it keeps until it is sent.
    pub const fn held(&self) -> usize {
        self.held
    }

    /// How many bytes it has.
    pub fn len(&self) -> usize {
        self.data.as_ref().map_or(0, Bytes::len)
    }

    /// All of it; `None` when there is nothing in it.
    pub const fn bytes(&self) -> Option<&Bytes> {
        self.data.as_ref()
    }

    /// Whether there is nothing in it.
    pub const fn is_empty(&self) -> bool {
        self.data.is_none()
    }

    /// Its bytes.
    pub(super) fn into_bytes(self) -> Bytes {
        self.data.unwrap_or_default()
    }

    /// Has its bytes counted from now until they are sent, if they are many.
    pub(super) fn count(&mut self, unsent: impl FnOnce(usize) -> Unsent) {
        if self.len() >= Charge::FREE {
            self.unsent = Some(unsent(self.held));
        }
    }

    fn next(&mut self) -> Option<Bytes> {
        let Some(unsent) = &mut self.unsent else { return self.data.take() };
        let data = self.data.as_mut()?;
        let piece = data.split_to(data.len().min(PIECE));
        if data.is_empty() {
            self.data = None;
        }
        let counted = unsent.split(piece.len());
        Some(Bytes::from_owner(Sending { piece, _counted: counted }))
    }
}

/// A piece of a body on its way; dropped when the system has taken it.
struct Sending {
    piece: Bytes,
    _counted: Unsent,
}

impl AsRef<[u8]> for Sending {
    fn as_ref(&self) -> &[u8] {
        &self.piece
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.next().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len() as u64)
    }
}
