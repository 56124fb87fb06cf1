//! What a chunked HTTP/1.1 body has announced so far, known to the framing before the bytes arrive, and how much its reader
//! takes. A body that announces more is rejected at once instead of when the bytes have come.
//!
//! The framing may have read on to a later request than the one that is served. Both are numbered, and what belongs to
//! another request has no effect.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The announcement of the chunked body that is framed on a connection.
#[derive(Debug, Default)]
pub struct AnnouncedBody {
    /// Requests that have begun to be served.
    served: AtomicU64,
    /// The number of the request whose body is framed; 0 while there was none in chunks.
    framed: AtomicU64,
    /// The sizes of its chunks so far, in bytes.
    bytes: AtomicU64,
    /// The request that `limit` is for.
    limited: AtomicU64,
    limit: AtomicU64,
}

impl AnnouncedBody {
    /// A request has begun to be served.
    pub(super) fn on_request(&self) {
        // One task serves the connection: nothing is lost between the two.
        self.served.store(self.served.load(Relaxed).wrapping_add(1), Relaxed);
    }

    /// The body of the request of this number has announced so many bytes.
    pub(super) fn on_chunks(&self, request: u64, bytes: u64) {
        self.framed.store(request, Relaxed);
        self.bytes.store(bytes, Relaxed);
    }

    /// Returns the most bytes that the body of the request of this number may announce.
    pub(super) fn limit_of(&self, request: u64) -> u64 {
        if self.limited.load(Relaxed) == request { self.limit.load(Relaxed) } else { u64::MAX }
    }

    /// Sets the most bytes that the body of the request that is served may announce.
    pub fn limit_to(&self, bytes: usize) {
        self.limit.store(bytes as u64, Relaxed);
        self.limited.store(self.served.load(Relaxed), Relaxed);
    }

    /// Returns whether the body of the request that is served has announced more.
    pub fn exceeds(&self, bytes: usize) -> bool {
        self.bytes.load(Relaxed) > bytes as u64 && self.framed.load(Relaxed) == self.served.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_body_of_the_served_request_counts() {
        let body = AnnouncedBody::default();
        assert!(!body.exceeds(0));
        body.on_request();
        body.on_chunks(1, 10);
        assert!(body.exceeds(9) && !body.exceeds(10));
        assert_eq!(body.limit_of(1), u64::MAX);
        body.limit_to(5);
        assert_eq!((body.limit_of(1), body.limit_of(2)), (5, u64::MAX));
        // The next request is framed already, while this one is read.
        body.on_chunks(2, u64::MAX);
        assert!(!body.exceeds(0));
        body.on_request();
        assert!(body.exceeds(usize::MAX - 1));
    }
}
