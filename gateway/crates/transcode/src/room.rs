//! Room at the end of a `Vec<u8>`, written through a cursor.
//!
//! A `Vec` loads, checks and stores its length for every byte pushed, and each store must be seen by the next load:
//! with five or six pieces to a field that was most of the time spent. Here one check is made for all that a field can
//! take, a [`Claim`], and the place is stored once a field.
#![allow(unsafe_code)] // the proof stands at each block; nothing unsafe leaves this file

use std::{marker::PhantomData, ptr, slice};

/// A vector and its unused end. What was written belongs to the vector when this is dropped.
///
/// Invariants: `at` and `end` point into the vector's buffer (or one past it), `at <= end <= its capacity`, and all
/// bytes of the buffer before `at` have been written.
pub(crate) struct Room<'v> {
    vec: &'v mut Vec<u8>,
    at: *mut u8,
    end: *mut u8,
}

impl<'v> Room<'v> {
    /// Goes on where the vector ends.
    pub(crate) fn new(vec: &'v mut Vec<u8>) -> Self {
        let mut room = Self { vec, at: ptr::null_mut(), end: ptr::null_mut() };
        room.refresh();
        room
    }

    /// How much was written, what was there before counted too.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.at.addr() - self.vec.as_ptr().addr()
    }

    #[inline(always)]
    fn left(&self) -> usize {
        self.end.addr() - self.at.addr()
    }

    /// Takes back all but the first `length` bytes.
    #[inline]
    pub(crate) fn truncate(&mut self, length: usize) {
        let back = self.len().saturating_sub(length);
        // SAFETY: `back` is at most what was written, so this stays within the buffer, and all before it is written.
        self.at = unsafe { self.at.sub(back) };
    }

    /// All that was written.
    #[inline]
    pub(crate) fn written(&self) -> &[u8] {
        // SAFETY: by the invariants so many bytes from the start of the buffer are written, and while they are borrowed
        // from `self` nobody writes.
        unsafe { slice::from_raw_parts(self.vec.as_ptr(), self.len()) }
    }

    /// All that was written, to be changed.
    #[inline]
    pub(crate) fn written_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `written`; the borrow is exclusive.
        unsafe { slice::from_raw_parts_mut(self.vec.as_mut_ptr(), self.len()) }
    }

    /// Hands what was written to the vector.
    #[inline(always)]
    fn commit(&mut self) {
        let length = self.len();
        // SAFETY: by the invariants `at` is within the buffer of this vector, no further than its capacity, and all
        // before it is written.
        unsafe { self.vec.set_len(length) }
    }

    /// Takes the spare end of the vector anew.
    #[inline(always)]
    fn refresh(&mut self) {
        let start = self.vec.as_mut_ptr();
        // SAFETY: length and capacity of a vector are within its buffer.
        (self.at, self.end) = unsafe { (start.add(self.vec.len()), start.add(self.vec.capacity())) };
    }

    /// Makes sure that so many bytes can be written without growing.
    #[inline(always)]
    pub(crate) fn reserve(&mut self, bytes: usize) {
        if self.left() < bytes {
            self.grow(bytes);
        }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, bytes: usize) {
        self.commit();
        self.vec.reserve(bytes.max(64));
        self.refresh();
    }

    /// Makes room for `N` bytes and lets `write` have them, without a check for each piece.
    #[inline(always)]
    pub(crate) fn claim<const N: usize>(&mut self, write: impl for<'c> FnOnce(Claim<'c, N>) -> Claim<'c, 0>) {
        self.reserve(N);
        // `left() >= N`, which is what a claim stands for. What comes back is, by its lifetime, this same claim with
        // bytes written from its start on.
        self.at = write(Claim { at: self.at, same: PhantomData }).at;
    }

    /// Writes the first `length` bytes of `text`. Copying a fixed number is faster than copying as many as asked.
    #[inline(always)]
    pub(crate) fn start_of<const N: usize>(&mut self, text: &[u8; N], length: usize) {
        self.claim::<N>(|claim| claim.start_of(text, length));
    }

    /// Writes a byte.
    #[inline(always)]
    pub(crate) fn push(&mut self, byte: u8) {
        self.start_of(&[byte], 1);
    }

    /// Writes a text of any length.
    #[inline(always)]
    pub(crate) fn bytes(&mut self, text: &[u8]) {
        self.reserve(text.len());
        // SAFETY: `left() >= text.len()`, so these bytes from `at` are within the buffer, and `at` moves over bytes just
        // written, to `end` at most. `text` is borrowed, so it is not in the spare end of a vector that is mutably
        // borrowed.
        unsafe {
            ptr::copy_nonoverlapping(text.as_ptr(), self.at, text.len());
            self.at = self.at.add(text.len());
        }
    }

    /// Writes a text, most likely a short one: in pieces of fixed size that may overlap.
    #[inline(always)]
    pub(crate) fn short(&mut self, text: &[u8]) {
        if text.len() <= 32 {
            self.claim::<32>(|claim| claim.short(text));
        } else {
            self.bytes(text);
        }
    }

    /// Lets `write` append to the vector itself.
    #[inline]
    pub(crate) fn append<T>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        self.commit();
        let refresh = Refresh(self);
        write(refresh.0.vec)
    }
}

/// Restores the invariants after others wrote to the vector, also when they panic.
struct Refresh<'r, 'v>(&'r mut Room<'v>);

impl Drop for Refresh<'_, '_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.refresh();
    }
}

impl Drop for Room<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.commit();
    }
}

/// A place where `LEFT` more bytes may be written. That what is written fits is proven when the program is compiled.
///
/// Invariant: `at` points into the buffer of a vector that is borrowed for `'c`, and at least `LEFT` bytes follow there.
pub(crate) struct Claim<'c, const LEFT: usize> {
    at: *mut u8,
    /// Neither a longer nor a shorter lifetime fits, so that one claim cannot be given back for another.
    same: PhantomData<fn(&'c ()) -> &'c ()>,
}

impl<'c, const LEFT: usize> Claim<'c, LEFT> {
    /// Writes the first `length` bytes of `text`; `REST` more may follow.
    #[inline(always)]
    pub(crate) fn start_of<const N: usize, const REST: usize>(
        self,
        text: &[u8; N],
        length: usize,
    ) -> Claim<'c, REST> {
        const { assert!(N + REST <= LEFT) }
        // SAFETY: `N <= LEFT`, so `N` bytes from `at` are within the buffer, and `at` moves over bytes just written.
        // At least `LEFT - N >= REST` bytes follow then. `text` is borrowed, so it is not in the spare end of a vector that
        // is mutably borrowed.
        unsafe {
            ptr::copy_nonoverlapping(text.as_ptr(), self.at, N);
            Claim { at: self.at.add(length.min(N)), same: PhantomData }
        }
    }

    /// Writes a byte.
    #[inline(always)]
    pub(crate) fn push<const REST: usize>(self, byte: u8) -> Claim<'c, REST> {
        self.start_of(&[byte], 1)
    }

    /// Lends the first `PART` bytes to `write`; `REST` more may follow.
    #[inline(always)]
    pub(crate) fn part<const PART: usize, const REST: usize>(
        self,
        write: impl for<'p> FnOnce(Claim<'p, PART>) -> Claim<'p, 0>,
    ) -> Claim<'c, REST> {
        const { assert!(PART + REST <= LEFT) }
        // What comes back is, by its lifetime, the claim that was lent: at most `PART` bytes further on.
        let end = write(Claim { at: self.at, same: PhantomData });
        Claim { at: end.at, same: PhantomData }
    }

    /// Writes a text, most likely a short one, in pieces of fixed size that may overlap. No more than fits.
    #[inline(always)]
    pub(crate) fn short(self, text: &[u8]) -> Claim<'c, 0> {
        let text = text.get(..LEFT).unwrap_or(text);
        match text.len() {
            8..=16 => self.overlapping::<8>(text),
            17..=32 => self.overlapping::<16>(text),
            4..=7 => self.overlapping::<4>(text),
            2..=3 => self.overlapping::<2>(text),
            1 => self.overlapping::<1>(text),
            0 => self.end(),
            length => {
                // SAFETY: `length <= LEFT`; else as in `start_of`.
                unsafe {
                    ptr::copy_nonoverlapping(text.as_ptr(), self.at, length);
                    Claim { at: self.at.add(length), same: PhantomData }
                }
            }
        }
    }

    /// Writes a text of `N` to `2 * N` bytes that is not longer than `LEFT`.
    #[inline(always)]
    fn overlapping<const N: usize>(self, text: &[u8]) -> Claim<'c, 0> {
        let (Some(first), Some(last)) = (text.first_chunk::<N>(), text.last_chunk::<N>()) else {
            return self.end();
        };
        // SAFETY: `text.len() >= N`, or it had no chunk of that size, and `short` made it no longer than `LEFT`. So both
        // pieces end where the text ends, at most, and no byte between is left out if it is no longer than both.
        unsafe {
            let end = self.at.add(text.len());
            ptr::copy_nonoverlapping(first.as_ptr(), self.at, N);
            ptr::copy_nonoverlapping(last.as_ptr(), end.sub(N), N);
            Claim { at: end, same: PhantomData }
        }
    }

    /// Gives up what is left.
    #[inline(always)]
    pub(crate) fn end(self) -> Claim<'c, 0> {
        Claim { at: self.at, same: PhantomData }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_written_is_there_in_order() {
        let mut vec = b"before ".to_vec();
        let mut room = Room::new(&mut vec);
        room.push(b'a');
        room.start_of(b"bcdefgh", 3);
        room.start_of(b"none", 0);
        room.short(b"1234");
        room.short(b"12345678901234567890");
        room.short(b"");
        room.append(|vec| vec.extend_from_slice(b"<vec>"));
        room.bytes(&[b'x'; 1000]);
        room.claim::<40>(|claim| {
            let claim: Claim<'_, 30> = claim.start_of(b"claimed!!!", 7);
            let claim: Claim<'_, 10> = claim.part(|part: Claim<'_, 20>| part.short(b"by parts"));
            claim.short(b", and cut off")
        });
        room.push(b'!');
        drop(room);
        let expected =
            format!("before abcd123412345678901234567890<vec>{}claimedby parts, and cut !", "x".repeat(1000));
        assert_eq!(String::from_utf8(vec).unwrap(), expected);
    }

    #[test]
    fn texts_of_every_length_are_whole() {
        let text: Vec<u8> = (0..100).collect();
        for length in 0..=text.len() {
            let mut vec = Vec::new();
            let mut room = Room::new(&mut vec);
            room.short(&text[..length]);
            drop(room);
            assert_eq!(vec, text[..length]);
        }
    }

    #[test]
    fn what_was_written_can_be_seen_changed_and_taken_back() {
        let mut vec = b"before".to_vec();
        let mut room = Room::new(&mut vec);
        room.bytes(b"123456");
        assert_eq!((room.len(), room.written()), (12, &b"before123456"[..]));
        room.written_mut()[6] = b'x';
        room.truncate(100);
        room.truncate(8);
        room.push(b'!');
        drop(room);
        assert_eq!(vec, b"beforex2!");
    }

    #[test]
    fn nothing_written_leaves_the_vector_alone() {
        let mut vec = b"before".to_vec();
        Room::new(&mut vec).reserve(100);
        assert_eq!(vec, b"before");
    }
}
