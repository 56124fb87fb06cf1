//! gRPC's framing of messages: one byte of flags, four of length, the message, perhaps compressed.

use std::io::Read;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::HeaderValue;

use crate::call::Room;
use crate::error::{CallError, Limit};

/// Bytes before each message.
pub const PREFIX: usize = 5;

/// What is set aside for a message before any of it has come: a claimed length is not believed further than this.
const FIRST_RESERVE: usize = 256 * 1024;

/// A message of up to this size that lies in one piece is held without room made for it: the number of calls bounds them.
const UNCOUNTED: usize = 64 * 1024;

/// Puts the prefix before a message; copies it. A caller that writes the message itself leaves [`PREFIX`] bytes free in
/// front and fills them by [`prefix`].
pub fn frame(message: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(PREFIX + message.len());
    out.put_slice(&prefix(message.len()));
    out.put_slice(message);
    out.freeze()
}

/// The prefix of an uncompressed message of so many bytes. gRPC has no messages beyond 4 GiB: longer ones are cut at that.
pub fn prefix(length: usize) -> [u8; PREFIX] {
    let [a, b, c, d] = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    [0, a, b, c, d]
}

/// How messages of a stream are compressed, from its `grpc-encoding`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    Other(String),
}

impl Encoding {
    /// What `grpc-encoding` names.
    pub(crate) fn named(value: Option<&HeaderValue>) -> Self {
        match value.map(HeaderValue::as_bytes) {
            None | Some(b"identity") => Self::Identity,
            Some(b"gzip") => Self::Gzip,
            Some(other) => Self::Other(String::from_utf8_lossy(other).chars().take(32).collect()),
        }
    }
}

/// The room that messages take while they are gathered, given back with the next one or when dropped.
#[derive(Debug, Default)]
struct Gathered {
    room: Option<Arc<dyn Room>>,
    made: usize,
    taken: usize,
}

impl Gathered {
    fn take(&mut self, length: usize) -> Result<(), CallError> {
        self.give_back();
        let Some(room) = &self.room else { return Ok(()) };
        let needed = length.saturating_sub(self.made);
        if needed > 0 && !room.take(needed) {
            return Err(CallError::Overflow(Limit::Room));
        }
        self.taken = needed;
        Ok(())
    }

    fn give_back(&mut self) {
        if let Some(room) = self.room.as_ref().filter(|_| self.taken > 0) {
            room.give_back(self.taken);
        }
        self.taken = 0;
    }
}

impl Drop for Gathered {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// Cuts a stream of DATA chunks into messages. Holds at most one message and one chunk.
#[derive(Debug)]
pub(crate) struct Messages {
    limit: usize,
    encoding: Encoding,
    chunk: Bytes,
    head: [u8; PREFIX],
    head_len: usize,
    room: Gathered,
    /// The message being gathered, once its prefix is complete, and its length.
    body: Option<(BytesMut, usize)>,
}

impl Messages {
    pub(crate) fn new(encoding: Encoding, limit: usize) -> Self {
        Self {
            limit,
            encoding,
            chunk: Bytes::new(),
            head: [0; PREFIX],
            head_len: 0,
            room: Gathered::default(),
            body: None,
        }
    }

    /// Messages that do not come in one piece, or are larger than [`UNCOUNTED`], take this room, beyond what has been made
    /// already.
    pub(crate) fn within(mut self, room: Option<Arc<dyn Room>>, made: usize) -> Self {
        self.room = Gathered { room, made, taken: 0 };
        self
    }

    /// Takes the next chunk; [`Messages::next`] has returned `None` before.
    pub(crate) fn push(&mut self, chunk: Bytes) {
        debug_assert!(self.chunk.is_empty());
        self.chunk = chunk;
    }

    /// The next whole message, decompressed.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, CallError> {
        if self.body.is_none() && !self.read_head()? {
            return Ok(None);
        }
        let Some((body, length)) = &mut self.body else { return Ok(None) };
        let length = *length;
        if body.is_empty() && self.chunk.len() >= length {
            // The usual case: the message lies whole in one chunk, and is not copied.
            let message = self.chunk.split_to(length);
            return self.finish(message).map(Some);
        }
        let take = (length - body.len()).min(self.chunk.len());
        body.extend_from_slice(&self.chunk.split_to(take));
        if body.len() < length {
            return Ok(None);
        }
        let message = std::mem::take(body).freeze();
        self.finish(message).map(Some)
    }

    /// Whether the stream may end here.
    pub(crate) fn is_between_messages(&self) -> bool {
        self.head_len == 0 && self.chunk.is_empty()
    }

    /// Fills the prefix; true once it is complete and `body` is set.
    fn read_head(&mut self) -> Result<bool, CallError> {
        let take = (PREFIX - self.head_len).min(self.chunk.len());
        if let Some(free) = self.head.get_mut(self.head_len..self.head_len + take) {
            self.chunk.copy_to_slice(free);
        }
        self.head_len += take;
        if self.head_len < PREFIX {
            return Ok(false);
        }
        let [flags, a, b, c, d] = self.head;
        if flags > 1 {
            return Err(CallError::Protocol(format!("message flags {flags:#04x}").into()));
        }
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if length > self.limit {
            return Err(CallError::TooLarge { limit: self.limit });
        }
        let is_whole = self.chunk.len() >= length;
        if !is_whole || length > UNCOUNTED {
            self.room.take(length)?;
        }
        let body =
            if is_whole { BytesMut::new() } else { BytesMut::with_capacity(length.min(FIRST_RESERVE)) };
        self.body = Some((body, length));
        Ok(true)
    }

    fn finish(&mut self, message: Bytes) -> Result<Bytes, CallError> {
        self.body = None;
        self.head_len = 0;
        if self.head == [0; PREFIX] || self.head.first() == Some(&0) {
            return Ok(message);
        }
        match &self.encoding {
            Encoding::Gzip => gunzip(&message, self.limit),
            Encoding::Identity => Err(CallError::Protocol("compressed message without grpc-encoding".into())),
            Encoding::Other(name) => Err(CallError::Encoding(name.as_str().into())),
        }
    }
}

/// Decompresses, and gives up at the limit: a small frame may hold gigabytes.
fn gunzip(message: &[u8], limit: usize) -> Result<Bytes, CallError> {
    let mut out = Vec::with_capacity(message.len().saturating_mul(4).min(limit).min(FIRST_RESERVE));
    let mut reader = flate2::read::MultiGzDecoder::new(message).take(limit as u64 + 1);
    reader.read_to_end(&mut out).map_err(|_| CallError::Decompress)?;
    if out.len() > limit {
        return Err(CallError::TooLarge { limit });
    }
    Ok(out.into())
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn framed(flags: u8, message: &[u8]) -> Vec<u8> {
        let mut out = frame(message).to_vec();
        out[0] = flags;
        out
    }

    /// Feeds `wire` in chunks of `step` bytes and returns the messages, and whether the stream may end.
    fn cut(wire: &[u8], step: usize, encoding: Encoding) -> Result<(Vec<Bytes>, bool), CallError> {
        let mut messages = Messages::new(encoding, 1000);
        let mut all = Vec::new();
        for chunk in wire.chunks(step) {
            messages.push(Bytes::copy_from_slice(chunk));
            while let Some(message) = messages.next()? {
                all.push(message);
            }
        }
        Ok((all, messages.is_between_messages()))
    }

    #[test]
    fn messages_are_cut_whatever_the_chunks() {
        let wire = [framed(0, b"one"), framed(0, b""), framed(0, &[7; 600])].concat();
        let expected = vec![Bytes::from_static(b"one"), Bytes::new(), Bytes::from(vec![7; 600])];
        for step in [1, 2, 3, 4, 5, 6, 8, 100, 1000] {
            assert_eq!(
                cut(&wire, step, Encoding::Identity),
                Ok((expected.clone(), true)),
                "chunks of {step}"
            );
        }
    }

    #[test]
    fn an_end_within_a_message_is_seen() {
        let wire = framed(0, b"message");
        for end in 1..wire.len() {
            assert_eq!(cut(&wire[..end], 3, Encoding::Identity), Ok((vec![], false)), "cut at {end}");
        }
    }

    #[test]
    fn compressed_messages_are_understood_and_bounded() {
        let bomb = gzip(&vec![0; 200_000]);
        assert!(bomb.len() <= 1000);
        let table = [
            (framed(1, &gzip(b"hello")), Encoding::Gzip, Ok((vec![Bytes::from_static(b"hello")], true))),
            (framed(0, b"plain"), Encoding::Gzip, Ok((vec![Bytes::from_static(b"plain")], true))),
            (
                framed(0, b"plain"),
                Encoding::Other("br".into()),
                Ok((vec![Bytes::from_static(b"plain")], true)),
            ),
            (framed(1, &bomb), Encoding::Gzip, Err(CallError::TooLarge { limit: 1000 })),
            (framed(1, b"not gzip"), Encoding::Gzip, Err(CallError::Decompress)),
            (framed(1, b"?"), Encoding::Other("br".into()), Err(CallError::Encoding("br".into()))),
            (
                framed(1, b"?"),
                Encoding::Identity,
                Err(CallError::Protocol("compressed message without grpc-encoding".into())),
            ),
            (framed(2, b"?"), Encoding::Gzip, Err(CallError::Protocol("message flags 0x02".into()))),
            (framed(0, &[0; 1001]), Encoding::Gzip, Err(CallError::TooLarge { limit: 1000 })),
        ];
        for (wire, encoding, expected) in table {
            assert_eq!(cut(&wire, 7, encoding.clone()), expected, "{encoding:?}");
        }
    }

    /// Room for 100 bytes.
    #[derive(Debug)]
    struct Small(std::sync::Mutex<usize>);

    impl Room for Small {
        fn take(&self, bytes: usize) -> bool {
            let mut taken = self.0.lock().unwrap();
            *taken += bytes;
            *taken <= 100
        }

        fn give_back(&self, bytes: usize) {
            *self.0.lock().unwrap() -= bytes;
        }
    }

    #[test]
    fn messages_that_come_in_pieces_take_room() {
        let room = Arc::new(Small(Default::default()));
        let taken = || *room.0.lock().unwrap();
        let gather = |length: usize, made: usize| {
            let mut messages =
                Messages::new(Encoding::Identity, 1000).within(Some(Arc::clone(&room) as _), made);
            messages.push(Bytes::from(framed(0, &vec![1; length])).slice(..length.min(20)));
            messages.next().map(|_| messages)
        };
        let first = gather(80, 0).unwrap();
        assert_eq!(taken(), 80);
        assert_eq!(gather(10, 0).map(drop), Ok(()), "in one piece");
        assert_eq!(gather(60, 40).map(drop), Ok(()), "room was made for most of it");
        drop(first);
        assert_eq!(taken(), 0);
        let mut large = Messages::new(Encoding::Identity, 1 << 20).within(Some(Arc::clone(&room) as _), 0);
        large.push(Bytes::from(framed(0, &vec![1; UNCOUNTED + 1])));
        assert_eq!(large.next(), Err(CallError::Overflow(Limit::Room)), "in one piece, but large");
        *room.0.lock().unwrap() = 0;
        assert_eq!(gather(101, 0).map(drop), Err(CallError::Overflow(Limit::Room)));
    }
}
