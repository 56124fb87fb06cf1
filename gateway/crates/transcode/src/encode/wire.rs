//! Writes the wire form: tags, varints, fixed values, and lengths that are known only afterwards.
//!
//! A length stands before the bytes it counts. One byte is left for it; most nested messages are
//! shorter than 128 bytes, so that is enough. A longer one is moved up when it ends, and one of
//! [`LONG`] bytes or more is left where it is and noted, so that all of the long ones move in one pass
//! at the end: deep nesting does not move the same bytes once per level.

use crate::plan::Tag;

/// From this length on, a message is moved by the final pass rather than at once.
const LONG: usize = 4096;

/// Up to this length texts are copied in one block. Below 128, so that the length is one byte.
const SHORT: usize = 32;

/// The bytes that are being written.
pub(crate) struct Writer<'o> {
    out: &'o mut Vec<u8>,
    /// Where this writer began: what stands before belongs to others.
    base: usize,
    /// Lengths that need more room than the one byte that was left for them.
    gaps: Vec<Gap>,
    /// How many bytes all the gaps still miss.
    missing: usize,
}

/// The place of a length that is not yet known.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    /// Where the counted bytes begin.
    start: usize,
    missing: usize,
}

struct Gap {
    /// The place of the byte that was left for the length.
    at: usize,
    len: usize,
}

impl<'o> Writer<'o> {
    /// Appends to what is there.
    pub(crate) fn new(out: &'o mut Vec<u8>) -> Self {
        Self { base: out.len(), out, gaps: Vec::new(), missing: 0 }
    }

    /// Appends bytes as they are.
    #[inline]
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Appends a tag.
    #[inline]
    pub(crate) fn tag(&mut self, tag: &Tag) {
        tag.write(self.out);
    }

    /// Appends one byte.
    #[inline]
    pub(crate) fn byte(&mut self, byte: u8) {
        self.out.push(byte);
    }

    /// Appends a varint.
    #[inline]
    pub(crate) fn varint(&mut self, value: u64) {
        if value < 0x80 {
            self.out.push(value as u8);
        } else {
            self.long_varint(value);
        }
    }

    fn long_varint(&mut self, mut value: u64) {
        // A copy of constant length and a truncation are cheaper than a capacity check per byte.
        let mut bytes = [0; 10];
        let mut len = 0;
        for slot in &mut bytes {
            len += 1;
            if value < 0x80 {
                *slot = value as u8;
                break;
            }
            *slot = value as u8 | 0x80;
            value >>= 7;
        }
        let end = self.out.len() + len;
        self.out.extend_from_slice(&bytes);
        self.out.truncate(end);
    }

    /// Appends a length and the bytes.
    #[inline]
    pub(crate) fn delimited(&mut self, bytes: &[u8]) {
        self.varint(bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    /// Appends a tag, a length and `text`, which is what `source` begins with.
    ///
    /// Short texts are copied together with what follows them, and that is cut off again: copying a constant number of bytes
    /// needs no call.
    #[inline]
    pub(crate) fn tagged_text(&mut self, tag: &Tag, text: &[u8], source: &[u8]) {
        self.tag(tag);
        match source.first_chunk::<SHORT>() {
            Some(block) if text.len() <= SHORT => {
                self.out.push(text.len() as u8);
                let end = self.out.len() + text.len();
                self.out.extend_from_slice(block);
                self.out.truncate(end);
            }
            _ => self.delimited(text),
        }
    }

    /// Lets `write` append whatever it wants.
    #[inline]
    pub(crate) fn raw(&mut self) -> &mut Vec<u8> {
        self.out
    }

    /// Where the next byte will be.
    #[inline]
    pub(crate) fn position(&self) -> usize {
        self.out.len()
    }

    /// Forgets everything since `position`, between which and now no length was closed.
    pub(crate) fn rewind(&mut self, position: usize) {
        self.out.truncate(position);
    }

    /// Leaves room for a length.
    #[inline]
    pub(crate) fn open(&mut self) -> Mark {
        self.out.push(0);
        Mark { start: self.out.len(), missing: self.missing }
    }

    /// Fills in the length of everything since `mark`.
    #[inline]
    pub(crate) fn close(&mut self, mark: Mark) {
        let len = self.out.len() - mark.start + (self.missing - mark.missing);
        if len < 0x80 {
            if let Some(slot) = self.out.get_mut(mark.start - 1) {
                *slot = len as u8;
            }
        } else {
            self.close_long(mark, len);
        }
    }

    fn close_long(&mut self, mark: Mark, len: usize) {
        if len >= LONG {
            self.gaps.push(Gap { at: mark.start - 1, len });
            self.missing += varint_len(len) - 1;
            return;
        }
        // Below LONG nothing inside is waiting to be moved, and two bytes are enough.
        let end = self.out.len();
        self.out.push(0);
        self.out.copy_within(mark.start..end, mark.start + 1);
        if let Some([low, high]) = self.out.get_mut(mark.start - 1..=mark.start) {
            *low = len as u8 | 0x80;
            *high = (len >> 7) as u8;
        }
    }

    /// How long the message will be.
    pub(crate) fn len(&self) -> usize {
        self.out.len() - self.base + self.missing
    }

    /// Takes everything back.
    pub(crate) fn abandon(self) {
        self.out.truncate(self.base);
    }

    /// Moves the long messages to their places: from the last to the first, each byte once.
    pub(crate) fn finish(mut self) {
        if self.gaps.is_empty() {
            return;
        }
        self.gaps.sort_unstable_by_key(|gap| gap.at);
        let mut source_end = self.out.len();
        let mut target_end = source_end + self.missing;
        self.out.resize(target_end, 0);
        while let Some(Gap { at, len }) = self.gaps.pop() {
            let body = at + 1..source_end;
            target_end -= body.len();
            source_end = at;
            self.out.copy_within(body, target_end);
            target_end -= varint_len(len);
            let mut rest = len;
            for slot in self.out.iter_mut().skip(target_end).take(varint_len(len)) {
                *slot = rest as u8 | 0x80;
                rest >>= 7;
            }
            if let Some(last) = self.out.get_mut(target_end + varint_len(len) - 1) {
                *last &= 0x7f;
            }
        }
    }
}

/// How many bytes a length takes.
fn varint_len(value: usize) -> usize {
    let bits = (usize::BITS - (value | 1).leading_zeros()) as usize;
    bits.div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes messages nested as given: each item is the bytes before, then the nested content.
    fn nest(writer: &mut Writer<'_>, sizes: &[usize]) {
        let Some((size, inner)) = sizes.split_first() else { return };
        let mark = writer.open();
        writer.bytes(&vec![b'x'; *size]);
        nest(writer, inner);
        writer.bytes(b"end");
        writer.close(mark);
    }

    fn expected(sizes: &[usize]) -> Vec<u8> {
        let Some((size, inner)) = sizes.split_first() else { return Vec::new() };
        let mut body = vec![b'x'; *size];
        body.extend(expected(inner));
        body.extend(b"end");
        let mut all = Vec::new();
        prost::encoding::encode_varint(body.len() as u64, &mut all);
        all.extend(body);
        all
    }

    #[test]
    fn lengths_of_any_size_come_out_right() {
        let sizes =
            [0, 1, 100, 124, 125, 126, 127, 128, 4000, 4090, 4091, 4092, 4093, 4095, 4096, 20_000, 3_000_000];
        for outer in sizes {
            for inner in sizes {
                for last in [5, 130, 5000] {
                    let nested = [outer, inner, last];
                    let mut out = b"before".to_vec();
                    let mut writer = Writer::new(&mut out);
                    nest(&mut writer, &nested);
                    nest(&mut writer, &[last, inner]);
                    let len = writer.len();
                    writer.finish();
                    let mut wanted = b"before".to_vec();
                    wanted.extend(expected(&nested));
                    wanted.extend(expected(&[last, inner]));
                    assert!(out == wanted, "{nested:?}");
                    assert_eq!(len + 6, wanted.len());
                }
            }
        }
    }
}
