//! What a scripted peer receives, and what it may do about it.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http::HeaderMap;

/// A call as the peer received it, its message read to the end.
#[derive(Debug, Clone)]
pub struct Received {
    /// Which call it is to this peer, from 1.
    pub number: usize,
    /// On which connection it came, from 1.
    pub connection: usize,
    /// `/package.Service/Method`
    pub path: String,
    /// The metadata, `grpc-timeout` and the like included.
    pub metadata: HeaderMap,
    /// The first message, without its prefix.
    pub message: Bytes,
}

/// What the peer does about a call.
#[derive(Debug, Clone)]
pub enum Reaction {
    /// Answers OK with this message.
    Answer(Bytes),
    /// Answers with a status in trailers, after a head.
    Status(u32, &'static str),
    /// Answers with these fields in one block of headers that ends the stream.
    TrailersOnly(Vec<(&'static str, String)>),
    /// Answers with exactly this.
    Raw {
        /// The HTTP status.
        http: u16,
        /// Fields of the head.
        head: Vec<(&'static str, String)>,
        /// DATA frames, as they are.
        data: Vec<Bytes>,
        /// Trailers; without them the last DATA frame, or the head, ends the stream.
        trailers: Option<Vec<(&'static str, String)>>,
    },
    /// Resets the stream with this HTTP/2 error code.
    Reset(u32),
    /// Sends the head and the first bytes of a message, then resets the stream.
    ResetWithin(u32),
    /// Says nothing until the caller goes away.
    Hang,
    /// Waits, then does the other.
    After(Duration, Box<Self>),
    /// Waits until `Peer::release`, then does the other.
    Held(Box<Self>),
    /// Says GOAWAY in good order (streams that run are finished), then does the other.
    GoAway(Box<Self>),
    /// Ends the connection without a word.
    HangUp,
    /// Ends the connection with a GOAWAY that has this HTTP/2 error code.
    Abort(u32),
    /// Resets the stream with this HTTP/2 error code, then ends the connection with a GOAWAY that has the second.
    ResetAndAbort(u32, u32),
    /// Sends this many informational responses (103), then does the other; stops when the stream or connection ends.
    Informational(u32, Box<Self>),
}

impl Reaction {
    /// A head, these DATA frames, and status 0.
    pub fn frames(data: Vec<Bytes>) -> Self {
        Self::Raw { http: 200, head: grpc_head(), data, trailers: Some(vec![("grpc-status", "0".into())]) }
    }
}

/// The fields of an ordinary gRPC head.
pub fn grpc_head() -> Vec<(&'static str, String)> {
    vec![("content-type", "application/grpc".into())]
}

/// A message with its prefix; `flags` is 0, or 1 for a compressed one.
pub fn framed(flags: u8, message: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(5 + message.len());
    out.put_u8(flags);
    out.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    out.put_slice(message);
    out.freeze()
}
