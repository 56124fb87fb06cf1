//! Writes the wire form: tags, varints, fixed values, and lengths that are known only afterwards.
//!
//! A length stands before the bytes it counts. One byte is left for it; most nested messages are
//! shorter than 128 bytes, so that is enough. A longer one is moved up when it ends, and one of
//! [`LONG`] bytes or more is left where it is and noted, so that all of the long ones move in one pass
//! at the end: deep nesting does not move the same bytes once per level.

use smallvec::SmallVec;

use crate::{
    block::BLOCK,
    plan::{Tag, Write},
    room::{Claim, Room},
};

/// From this length on, a message is moved by the final pass rather than at once.
const LONG: usize = 4096;

/// Up to this length texts are copied in one block. Below 128, so that the length is one byte.
pub(super) const SHORT: usize = 2 * BLOCK;

/// The longest varint.
const VARINT: usize = 10;

/// The bytes that are being written.
pub(crate) struct Writer<'o> {
    out: Room<'o>,
    /// Where this writer began: what stands before belongs to others.
    base: usize,
    /// Lengths that need more room than the one byte that was left for them.
    gaps: SmallVec<[Gap; 8]>,
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

#[derive(Clone, Copy)]
struct Gap {
    /// The place of the byte that was left for the length.
    at: usize,
    len: usize,
}

impl<'o> Writer<'o> {
    /// Appends to what is there.
    pub(crate) fn new(out: &'o mut Vec<u8>) -> Self {
        Self { base: out.len(), out: Room::new(out), gaps: SmallVec::new(), missing: 0 }
    }

    /// Appends bytes as they are.
    #[inline]
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.out.short(bytes);
    }

    /// Appends a tag.
    #[inline]
    pub(crate) fn tag(&mut self, tag: &Tag) {
        self.out.short(tag.as_bytes());
    }

    /// Appends one byte.
    #[inline]
    pub(crate) fn byte(&mut self, byte: u8) {
        self.out.push(byte);
    }

    /// Appends a varint.
    #[inline]
    pub(crate) fn varint(&mut self, value: u64) {
        self.out.claim(|claim| varint(claim, value));
    }

    /// Appends a length and the bytes.
    #[inline]
    pub(crate) fn delimited(&mut self, bytes: &[u8]) {
        self.varint(bytes.len() as u64);
        self.out.short(bytes);
    }

    /// Appends a tag and a varint.
    #[inline(always)]
    pub(super) fn tagged_varint(&mut self, field: &Write, value: u64) {
        self.out.claim::<{ 2 + VARINT }>(|claim| {
            let claim: Claim<'_, VARINT> = claim.start_of(&field.tag, field.tag_len.into());
            varint(claim, value)
        });
    }

    /// Appends a tag and a value of constant length.
    #[inline(always)]
    pub(super) fn tagged_fixed<const N: usize>(&mut self, field: &Write, value: [u8; N]) {
        self.out.claim::<10>(|claim| {
            let claim: Claim<'_, 8> = claim.start_of(&field.tag, field.tag_len.into());
            let claim: Claim<'_, 0> = claim.start_of(&value, N);
            claim
        });
    }

    /// Appends a tag, a length and the first `length` bytes of `block`.
    ///
    /// They are copied together with what follows them, and that is left behind: copying a constant number of bytes needs no
    /// call.
    #[inline(always)]
    pub(super) fn tagged_block(&mut self, field: &Write, block: &[u8; SHORT], length: usize) {
        self.out.claim::<{ 3 + SHORT }>(|claim| {
            let claim: Claim<'_, { 1 + SHORT }> = claim.start_of(&field.tag, field.tag_len.into());
            let claim: Claim<'_, SHORT> = claim.push(length as u8);
            claim.start_of(block, length)
        });
    }

    /// Appends a tag and leaves room for a length.
    #[inline(always)]
    pub(super) fn tagged_open(&mut self, field: &Write) -> Mark {
        self.out.claim::<3>(|claim| {
            let claim: Claim<'_, 1> = claim.start_of(&field.tag, field.tag_len.into());
            claim.push(0)
        });
        Mark { start: self.out.len(), missing: self.missing }
    }

    /// Lets `write` append whatever it wants.
    #[inline]
    pub(crate) fn append<T>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        self.out.append(write)
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
    #[inline(always)]
    pub(crate) fn close(&mut self, mark: Mark) {
        let len = self.out.len() - mark.start + (self.missing - mark.missing);
        if len < 0x80 {
            if let Some(slot) = self.out.written_mut().get_mut(mark.start - 1) {
                *slot = len as u8;
            }
        } else {
            self.close_long(mark, len);
        }
    }

    #[inline(never)]
    fn close_long(&mut self, mark: Mark, len: usize) {
        if len >= LONG {
            self.gaps.push(Gap { at: mark.start - 1, len });
            self.missing += varint_len(len) - 1;
            return;
        }
        // Below LONG nothing inside is waiting to be moved, and two bytes are enough.
        let end = self.out.len();
        self.out.push(0);
        let written = self.out.written_mut();
        written.copy_within(mark.start..end, mark.start + 1);
        if let Some([low, high]) = written.get_mut(mark.start - 1..=mark.start) {
            *low = len as u8 | 0x80;
            *high = (len >> 7) as u8;
        }
    }

    /// How long the message will be.
    pub(crate) fn len(&self) -> usize {
        self.out.len() - self.base + self.missing
    }

    /// Takes everything back.
    pub(crate) fn abandon(mut self) {
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
        self.out.append(|out| out.resize(target_end, 0));
        let out = self.out.written_mut();
        while let Some(Gap { at, len }) = self.gaps.pop() {
            let body = at + 1..source_end;
            target_end -= body.len();
            source_end = at;
            out.copy_within(body, target_end);
            target_end -= varint_len(len);
            let mut rest = len;
            for slot in out.iter_mut().skip(target_end).take(varint_len(len)) {
                *slot = rest as u8 | 0x80;
                rest >>= 7;
            }
            if let Some(last) = out.get_mut(target_end + varint_len(len) - 1) {
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

/// Writes a varint: its groups of seven bits are moved apart in a register, all at once.
#[inline(always)]
fn varint(claim: Claim<'_, VARINT>, value: u64) -> Claim<'_, 0> {
    if value < 0x80 {
        return claim.push(value as u8);
    }
    let bits = (value & 0x0fff_ffff) | (value << 4 & 0x0fff_ffff_0000_0000);
    let bits = (bits & 0x0000_3fff_0000_3fff) | (bits << 2 & 0x3fff_0000_3fff_0000);
    let bits = (bits & 0x007f_007f_007f_007f) | (bits << 1 & 0x7f00_7f00_7f00_7f00);
    if value < 1 << 56 {
        let last = (63 - bits.leading_zeros()) / 8;
        let continued = 0x0080_8080_8080_8080 >> (8 * (7 - last));
        return claim.start_of(&(bits | continued).to_le_bytes(), last as usize + 1);
    }
    let claim: Claim<'_, 2> = claim.start_of(&(bits | 0x8080_8080_8080_8080).to_le_bytes(), 8);
    let top = (value >> 63) as u8;
    claim.start_of(&[(value >> 56) as u8 & 0x7f | top << 7, top], 1 + usize::from(top))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_of_every_length() {
        for shift in 0..64 {
            for value in [1u64 << shift, (1 << shift) - 1, u64::MAX >> shift, 0x1234_5678_9abc_def0 >> shift]
            {
                let (mut found, mut expected) = (Vec::new(), Vec::new());
                Writer::new(&mut found).varint(value);
                prost::encoding::encode_varint(value, &mut expected);
                assert_eq!(found, expected, "{value:#x}");
            }
        }
    }

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
        // Interpreters that look for undefined behaviour are slow.
        let sizes = if cfg!(miri) { &sizes[..8] } else { &sizes[..] };
        for &outer in sizes {
            for &inner in sizes {
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
