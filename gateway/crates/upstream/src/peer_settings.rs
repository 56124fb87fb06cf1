//! Reads what a peer announces in its SETTINGS, and ends a connection whose peer never gets past informational responses.
//!
//! `h2` keeps the peer's SETTINGS_MAX_HEADER_LIST_SIZE to itself. A server that gets a larger header list may end the whole
//! connection, with every call on it, so the limit has to be known before a request is sent. The reader sees each received
//! byte once, looks at the nine bytes of every frame header, and skips the payload unless the frame is SETTINGS.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

const FRAME_HEADER: usize = 9;
const ENTRY: usize = 6;
/// Frame types, flags and parameters of RFC 9113 sections 6.2 and 6.5.
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const MAX_HEADER_LIST_SIZE: u16 = 6;
/// Header blocks in a row that may come for one stream without ending it. A response has one; every informational response
/// (1xx) is one more.
const MAX_OPEN_HEADS: u32 = 1024;

/// What the first bytes of a peer are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Greeting {
    /// Nothing that can be recognized has come.
    None,
    /// SETTINGS.
    Http2,
    /// An HTTP/1 response.
    Http1,
    /// A TLS record, of an alert or a handshake.
    Tls,
    /// Nothing of these.
    Other,
}

impl Greeting {
    const ALL: [Self; 5] = [Self::None, Self::Http2, Self::Http1, Self::Tls, Self::Other];

    /// Recognizes the first bytes of a peer, which are not SETTINGS if they are as long as a frame header.
    fn of(bytes: &[u8]) -> Self {
        match bytes {
            [b'H', b'T', b'T', b'P', b'/', ..] => Self::Http1,
            [0x15 | 0x16, 3, ..] => Self::Tls,
            _ if bytes.len() < FRAME_HEADER => Self::None,
            _ => Self::Other,
        }
    }
}

/// What is known of the peer of one connection.
#[derive(Debug)]
pub(crate) struct PeerSettings {
    max_header_list: AtomicU32,
    /// The limit that the endpoint announced last, on any connection. A new connection assumes it until its own SETTINGS come.
    latest: Arc<AtomicU32>,
    is_ended: AtomicBool,
    is_broken: AtomicBool,
    greeting: AtomicU8,
    /// What TLS failed with after the handshake. `h2` keeps only the text of it.
    tls_error: OnceLock<rustls::Error>,
}

impl PeerSettings {
    pub(crate) fn new(latest: Arc<AtomicU32>) -> Self {
        let max_header_list = AtomicU32::new(latest.load(Relaxed));
        Self {
            max_header_list,
            latest,
            is_ended: AtomicBool::new(false),
            is_broken: AtomicBool::new(false),
            greeting: AtomicU8::new(0),
            tls_error: OnceLock::new(),
        }
    }

    /// Returns the largest header list that the peer accepts, in bytes as RFC 9113 section 6.5.2 counts them; `u32::MAX` when it
    /// announced no limit.
    pub(crate) fn max_header_list(&self) -> u32 {
        self.max_header_list.load(Relaxed)
    }

    /// Returns what the first bytes of the peer are.
    pub(crate) fn greeting(&self) -> Greeting {
        Greeting::ALL.get(usize::from(self.greeting.load(Relaxed))).copied().unwrap_or(Greeting::None)
    }

    fn greets(&self, greeting: Greeting) {
        self.greeting.store(greeting as u8, Relaxed);
    }

    /// Returns what TLS failed with after the handshake.
    pub(crate) fn tls_error(&self) -> Option<&rustls::Error> {
        self.tls_error.get()
    }

    /// Notes that the transport failed.
    pub(crate) fn failed(&self, error: &std::io::Error) {
        if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            // Only the first error says why.
            let _ = self.tls_error.set(error.clone());
        }
    }

    fn announced(&self, max_header_list: u32) {
        self.max_header_list.store(max_header_list, Relaxed);
        self.latest.store(max_header_list, Relaxed);
    }

    /// Makes the next read fail, which ends the connection. The caller wakes the connection by dropping its stream.
    pub(crate) fn end_connection(&self) {
        self.is_ended.store(true, Relaxed);
    }

    /// Notes that the connection ended otherwise than in good order.
    pub(crate) fn broke(&self) {
        self.is_broken.store(true, Relaxed);
    }

    /// Whether the connection ended otherwise than in good order.
    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken.load(Relaxed)
    }

    /// Whether the connection is to be ended.
    pub(crate) fn is_ended(&self) -> bool {
        self.is_ended.load(Relaxed)
    }
}

/// Follows the frames that a peer sends, however they are cut into reads.
#[derive(Debug, Default)]
pub(crate) struct FrameReader {
    /// Payload bytes that are still to come and are skipped.
    skip: usize,
    /// Bytes of SETTINGS payload that are still to come.
    entries: usize,
    /// The part of a frame header, or of a SETTINGS entry, that has come so far.
    partial: [u8; FRAME_HEADER],
    filled: usize,
    /// Whether the peer's first SETTINGS have begun: before them, what is known comes from another connection.
    has_settings: bool,
    /// The stream of the latest header block that did not end its stream, and how many came for it in a row.
    open_head: (u32, u32),
}

impl FrameReader {
    /// Takes the next received bytes.
    pub(crate) fn read(&mut self, mut bytes: &[u8], peer: &PeerSettings) {
        while let Some(rest) = bytes.get(self.skip..).filter(|rest| !rest.is_empty()) {
            self.skip = 0;
            bytes = rest;
            // Nearly always a frame header is whole.
            if self.filled == 0
                && self.entries == 0
                && let Some((header, rest)) = bytes.split_first_chunk()
            {
                self.header(*header, peer);
                bytes = rest;
                continue;
            }
            bytes = self.piece(bytes, peer);
        }
        self.skip -= bytes.len().min(self.skip);
    }

    /// Takes a piece of a frame header or of a SETTINGS entry; gives the bytes after it.
    fn piece<'b>(&mut self, bytes: &'b [u8], peer: &PeerSettings) -> &'b [u8] {
        let wanted = if self.entries > 0 { ENTRY } else { FRAME_HEADER };
        let (piece, rest) = bytes.split_at((wanted - self.filled).min(bytes.len()));
        let filled = self.filled + piece.len();
        if let Some(room) = self.partial.get_mut(self.filled..filled) {
            room.copy_from_slice(piece);
        }
        self.filled = filled % wanted;
        if !self.has_settings {
            peer.greets(Greeting::of(self.partial.get(..filled).unwrap_or_default()));
        }
        if self.filled == 0 {
            if self.entries > 0 { self.entry(peer) } else { self.header(self.partial, peer) }
        }
        rest
    }

    fn header(&mut self, header: [u8; FRAME_HEADER], peer: &PeerSettings) {
        let [a, b, c, kind, flags, s0, s1, s2, s3] = header;
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        // Only the very first bytes are a greeting.
        if !self.has_settings && kind != SETTINGS && matches!(peer.greeting(), Greeting::None) {
            peer.greets(Greeting::of(&header));
        }
        match kind {
            SETTINGS if flags & ACK == 0 && length.is_multiple_of(ENTRY) => {
                self.entries = length;
                if !self.has_settings {
                    self.has_settings = true;
                    peer.greets(Greeting::Http2);
                    // Without the parameter the peer has no limit, whatever another connection announced.
                    peer.announced(u32::MAX);
                }
            }
            HEADERS if flags & END_STREAM == 0 => {
                self.skip = length;
                self.head_stays_open(u32::from_be_bytes([s0, s1, s2, s3]), peer);
            }
            _ => self.skip = length,
        }
    }

    fn entry(&mut self, peer: &PeerSettings) {
        let [id0, id1, v0, v1, v2, v3, ..] = self.partial;
        if u16::from_be_bytes([id0, id1]) == MAX_HEADER_LIST_SIZE {
            peer.announced(u32::from_be_bytes([v0, v1, v2, v3]));
        }
        self.entries -= ENTRY;
    }

    /// Counts a header block that does not end its stream.
    fn head_stays_open(&mut self, stream: u32, peer: &PeerSettings) {
        let (latest, count) = self.open_head;
        let count = if latest == stream { count + 1 } else { 1 };
        self.open_head = (stream, count);
        if count > MAX_OPEN_HEADS {
            peer.end_connection();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
    }

    fn settings(entries: &[(u16, u32)]) -> Vec<u8> {
        let entry = |(id, value): &(u16, u32)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
        frame(SETTINGS, 0, 0, &entries.iter().flat_map(entry).collect::<Vec<_>>())
    }

    fn peer() -> PeerSettings {
        PeerSettings::new(Arc::new(AtomicU32::new(5000)))
    }

    fn after(frames: &[Vec<u8>]) -> u32 {
        let peer = peer();
        FrameReader::default().read(&frames.concat(), &peer);
        peer.max_header_list()
    }

    #[test]
    fn the_first_bytes_tell_the_protocol() {
        let table: [(&[u8], Greeting); 10] = [
            (b"", Greeting::None),
            (&settings(&[]), Greeting::Http2),
            (&settings(&[(3, 100)])[..4], Greeting::None),
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", Greeting::Http1),
            (b"HTTP/1.0", Greeting::Http1),
            (b"\x15\x03\x01\x00\x02\x02\x46", Greeting::Tls),
            (b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03", Greeting::Tls),
            (b"SSH-2.0-OpenSSH_9.6\r\n", Greeting::Other),
            (b"220 mail ready\r\n", Greeting::Other),
            (b"-ERR", Greeting::None),
        ];
        for (bytes, greeting) in table {
            for cut in [1, 4, 9, 100] {
                let (peer, mut reader) = (peer(), FrameReader::default());
                bytes.chunks(cut).for_each(|piece| reader.read(piece, &peer));
                assert_eq!(peer.greeting(), greeting, "{bytes:?} in pieces of {cut}");
            }
        }
    }

    #[test]
    fn the_latest_announced_limit_counts() {
        let other = (3, 100);
        assert_eq!(after(&[]), 5000, "what another connection announced");
        assert_eq!(after(&[settings(&[])]), u32::MAX);
        assert_eq!(after(&[settings(&[other])]), u32::MAX);
        assert_eq!(after(&[settings(&[other, (6, 8192), other])]), 8192);
        assert_eq!(after(&[settings(&[(6, 8192), (6, 1024)])]), 1024);
        assert_eq!(after(&[settings(&[(6, 8192)]), settings(&[other])]), 8192, "stays as it was");
        assert_eq!(after(&[settings(&[(6, 8192)]), settings(&[(6, 1024)])]), 1024);
        assert_eq!(after(&[settings(&[(6, 8192)]), frame(SETTINGS, ACK, 0, &[])]), 8192);
    }

    #[test]
    fn the_endpoint_remembers_for_its_next_connection() {
        let latest = Arc::new(AtomicU32::new(u32::MAX));
        let first = PeerSettings::new(Arc::clone(&latest));
        FrameReader::default().read(&settings(&[(6, 8192)]), &first);
        assert_eq!(PeerSettings::new(latest).max_header_list(), 8192);
    }

    #[test]
    fn a_stream_that_never_gets_past_its_heads_ends_the_connection() {
        let many = |stream, flags| vec![frame(HEADERS, flags, stream, b"head"); MAX_OPEN_HEADS as usize];
        for (what, frames, is_ended) in [
            ("as many as may be", many(1, 4), false),
            ("one more", [many(1, 4), many(1, 4)[..1].to_vec()].concat(), true),
            ("of another stream", [many(1, 4), many(3, 4)].concat(), false),
            ("that end their stream", [many(1, 5), many(1, 5)].concat(), false),
        ] {
            let peer = peer();
            FrameReader::default().read(&frames.concat(), &peer);
            assert_eq!(peer.is_ended(), is_ended, "{what}");
        }
    }

    fn any_frame() -> impl Strategy<Value = Vec<u8>> {
        let payload = prop::collection::vec(any::<u8>(), 0..40);
        prop_oneof![
            (any::<u8>(), any::<u8>(), any::<u32>(), payload)
                .prop_filter("SETTINGS are made below", |(kind, ..)| *kind != SETTINGS)
                .prop_map(|(kind, flags, stream, payload)| frame(kind, flags, stream, &payload)),
            prop::collection::vec((0..8_u16, any::<u32>()), 0..4).prop_map(|entries| settings(&entries)),
        ]
    }

    proptest! {
        #[test]
        fn reads_may_be_cut_anywhere(frames in prop::collection::vec(any_frame(), 0..12), cut in 1..50_usize) {
            let (whole, pieces) = (peer(), peer());
            FrameReader::default().read(&frames.concat(), &whole);
            let mut reader = FrameReader::default();
            frames.concat().chunks(cut).for_each(|piece| reader.read(piece, &pieces));
            prop_assert_eq!(whole.max_header_list(), pieces.max_header_list());
        }
    }
}
