//! Room at the end of a `Vec<u8>`, written through a cursor that stays in registers.
//!
//! A `Vec` loads, checks and stores its length for every byte pushed, and each store must be seen by the next load:
//! with five or six pieces to a field that was most of the time spent. Here the length is stored once a field.
#![allow(unsafe_code)] // the proof stands at each block; nothing unsafe leaves this file

use std::ptr;

/// The unused end of a vector. What was written belongs to the vector when this is dropped.
///
/// Invariants: `at` and `end` point into the vector's buffer (or one past it), `at <= end <= its capacity`, and all
/// bytes of the buffer before `at` have been written.
pub(super) struct Room<'v> {
    vec: &'v mut Vec<u8>,
    at: *mut u8,
    end: *mut u8,
}

impl<'v> Room<'v> {
    /// Room for this many bytes to begin with; there is always more.
    #[inline(always)]
    pub(super) fn new(vec: &'v mut Vec<u8>, bytes: usize) -> Self {
        vec.reserve(bytes);
        let spare = vec.spare_capacity_mut().as_mut_ptr_range();
        Self { vec, at: spare.start.cast(), end: spare.end.cast() }
    }

    #[inline(always)]
    fn left(&self) -> usize {
        self.end.addr() - self.at.addr()
    }

    /// Hands what was written to the vector.
    #[inline(always)]
    fn commit(&mut self) {
        let length = self.at.addr() - self.vec.as_ptr().addr();
        // SAFETY: by the invariants `at` is within the buffer of this vector, no further than its capacity, and all
        // before it is written.
        unsafe { self.vec.set_len(length) }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, bytes: usize) {
        self.commit();
        self.vec.reserve(bytes.max(64));
        self.refresh();
    }

    /// Writes the first `length` bytes of `text`. Copying a fixed number is faster than copying as many as asked.
    #[inline(always)]
    pub(super) fn start_of<const N: usize>(&mut self, text: &[u8; N], length: usize) {
        if self.left() < N {
            self.grow(N);
        }
        // SAFETY: `left() >= N`, so `N` bytes from `at` are within the buffer, and `at` moves over bytes just written,
        // to `end` at most. `text` is borrowed, so it is not in the spare end of a vector that is mutably borrowed.
        unsafe {
            ptr::copy_nonoverlapping(text.as_ptr(), self.at, N);
            self.at = self.at.add(length.min(N));
        }
    }

    #[inline(always)]
    pub(super) fn push(&mut self, byte: u8) {
        self.start_of(&[byte], 1);
    }

    /// Writes a text of any length.
    #[inline(always)]
    pub(super) fn bytes(&mut self, text: &[u8]) {
        if self.left() < text.len() {
            self.grow(text.len());
        }
        // SAFETY: as in `start_of`.
        unsafe {
            ptr::copy_nonoverlapping(text.as_ptr(), self.at, text.len());
            self.at = self.at.add(text.len());
        }
    }

    /// Writes a text, most likely a short one: in pieces of fixed size that may overlap.
    #[inline(always)]
    pub(super) fn short(&mut self, text: &[u8]) {
        match text.len() {
            8..=16 => self.overlapping::<8>(text),
            17..=32 => self.overlapping::<16>(text),
            4..=7 => self.overlapping::<4>(text),
            _ => self.bytes(text),
        }
    }

    #[inline(always)]
    fn overlapping<const N: usize>(&mut self, text: &[u8]) {
        if let (Some(first), Some(last)) = (text.first_chunk::<N>(), text.last_chunk::<N>()) {
            self.start_of(first, text.len() - N);
            self.start_of(last, N);
        }
    }

    /// Lets `write` append to the vector itself.
    #[inline]
    pub(super) fn append<T>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        self.commit();
        let refresh = Refresh(self);
        write(refresh.0.vec)
    }

    /// Takes the spare end of the vector anew.
    #[inline(always)]
    fn refresh(&mut self) {
        let spare = self.vec.spare_capacity_mut().as_mut_ptr_range();
        self.at = spare.start.cast();
        self.end = spare.end.cast();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_written_is_there_in_order() {
        let mut vec = b"before ".to_vec();
        let mut room = Room::new(&mut vec, 0);
        room.push(b'a');
        room.start_of(b"bcdefgh", 3);
        room.start_of(b"none", 0);
        room.short(b"1234");
        room.short(b"12345678901234567890");
        room.short(b"");
        room.append(|vec| vec.extend_from_slice(b"<vec>"));
        room.bytes(&[b'x'; 1000]);
        room.push(b'!');
        drop(room);
        let expected = format!("before abcd123412345678901234567890<vec>{}!", "x".repeat(1000));
        assert_eq!(String::from_utf8(vec).unwrap(), expected);
    }

    #[test]
    fn nothing_written_leaves_the_vector_alone() {
        let mut vec = b"before".to_vec();
        drop(Room::new(&mut vec, 100));
        assert_eq!(vec, b"before");
    }
}
