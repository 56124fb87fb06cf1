//! What goes in and comes out: a [`Call`] that is cheap to send twice, and the [`Answer`] that a service gave.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http::uri::PathAndQuery;
use tokio::time::Instant;

use crate::observe::Observer;

/// Memory that many calls share: who holds a large answer takes its part of it.
pub trait Room: Send + Sync + std::fmt::Debug {
    /// Takes so many bytes, if there are so many.
    fn take(&self, bytes: usize) -> bool;
    /// Gives them back.
    fn give_back(&self, bytes: usize);
}

/// One call to be made. Cloning it copies no message bytes.
#[derive(Debug, Clone)]
pub struct Call {
    /// `/package.Service/Method`.
    pub path: PathAndQuery,
    /// The request's metadata, final: only what HTTP/2 and gRPC themselves need is added (`te`, `content-type`,
    /// `grpc-timeout`, `grpc-accept-encoding`). [`Upstream::unary_reported`](crate::Upstream::unary_reported) has it made
    /// for each try instead.
    pub metadata: HeaderMap,
    /// The request message with its 5-byte gRPC prefix (see [`crate::frame`]).
    pub frame: Bytes,
    /// When the caller stops waiting. Enforced here, and sent as `grpc-timeout`. By tokio's clock, so that tests can pause it.
    pub deadline: Instant,
    /// Whether doing it twice does no harm.
    pub idempotent: bool,
    /// Which shared-nothing worker calls: each has connections of its own. Taken modulo the number of workers.
    pub worker: usize,
    /// Whether the call must not share a connection with those that are not isolated: its client cancels often, and many resets end a
    /// connection. Its failures do not count against the endpoint.
    pub isolated: bool,
    /// The largest message that is accepted as an answer, in bytes, decompressed.
    pub max_response: usize,
    /// Where room is made for an answer that does not come in one piece; anywhere when there is none.
    pub room: Option<Arc<dyn Room>>,
    /// So many bytes of room have been made before the call.
    pub room_made: usize,
    /// The key of consistent hashing, hashed by [`crate::hash_key`].
    pub hash: Option<u64>,
    /// Who is told of every try.
    pub observer: Option<Arc<dyn Observer>>,
}

/// What became of a call so far, also when nobody answered it.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Tries made.
    pub attempts: u32,
    /// The endpoint of the last one.
    pub endpoint: Option<Arc<str>>,
}

/// The largest answer unless the call says otherwise: 64 MiB.
pub const DEFAULT_MAX_RESPONSE: usize = 64 << 20;

impl Call {
    /// A call from worker 0 that is not idempotent and has no metadata.
    pub fn new(path: PathAndQuery, frame: Bytes, deadline: Instant) -> Self {
        Self {
            path,
            metadata: HeaderMap::new(),
            frame,
            deadline,
            idempotent: false,
            worker: 0,
            isolated: false,
            max_response: DEFAULT_MAX_RESPONSE,
            room: None,
            room_made: 0,
            hash: None,
            observer: None,
        }
    }
}

/// What a service answered to a unary call; its own errors are answers too.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The initial metadata.
    pub metadata: HeaderMap,
    /// The message, without prefix, decompressed; empty if the status is not OK.
    pub message: Bytes,
    /// The trailing metadata; `grpc-*` fields of the protocol are still there.
    pub trailers: HeaderMap,
    /// The status.
    pub status: Status,
    /// The endpoint that answered, for logs: clients never see it.
    pub endpoint: Arc<str>,
    /// Tries made, this one included.
    pub attempts: u32,
}

/// A gRPC status.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// The code, see [`crate::code`]. A number that no code has is given as `UNKNOWN`.
    pub code: u32,
    /// The message, percent-decoded.
    pub message: String,
    /// `grpc-status-details-bin`: a serialized google.rpc.Status.
    pub details: Option<Bytes>,
}

impl Status {
    /// Whether the call succeeded.
    pub fn is_ok(&self) -> bool {
        self.code == crate::code::OK
    }
}
