//! A fast hash for maps whose keys the operator chose.
//!
//! Clients choose only what is looked up, never what is stored, so that no client can fill a bucket: a probe meets the
//! few stored names that share its bucket and no others. A keyed hash would buy nothing here.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map from the operator's names.
pub(crate) type NameMap<V> = HashMap<Box<str>, V, BuildHasherDefault<NameHasher>>;

/// Multiplies and folds, eight bytes at a time.
#[derive(Debug, Clone, Default)]
pub(crate) struct NameHasher(u64);

// Odd, and without a pattern in their bits: the first digits of the fractions of e and pi.
const SEED: u64 = 0xb7e1_5162_8aed_2a6b;
const FACTOR: u64 = 0x243f_6a88_85a3_08d3;

impl NameHasher {
    #[inline]
    fn fold(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word ^ SEED) * u128::from(FACTOR);
        #[expect(clippy::cast_possible_truncation, reason = "the two halves are wanted")]
        let folded = (product as u64) ^ ((product >> 64) as u64);
        self.0 = folded;
    }
}

impl Hasher for NameHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.fold(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        // The length is told apart from the bytes: "a" and "a\0" differ.
        self.fold(u64::from_le_bytes(last) ^ (bytes.len() as u64) << 56);
    }

    /// The end mark of `str`; each map key is one string alone, and its length is in already.
    #[inline]
    fn write_u8(&mut self, _: u8) {}

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::hash::Hash;

    fn hash(name: &str) -> u64 {
        let mut hasher = NameHasher::default();
        name.hash(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn names_that_look_alike_spread_over_both_ends_of_the_hash() {
        let hashes: Vec<u64> = (0..10_000).map(|n| hash(&format!("resource{n}"))).collect();
        // The standard map takes the bucket from the low bits and a tag from the top seven.
        let low: HashSet<u64> = hashes.iter().map(|h| h & 0xffff).collect();
        let tags: HashSet<u64> = hashes.iter().map(|h| h >> 57).collect();
        assert!(
            low.len() > 9_000,
            "{} of 65,536 buckets used, 9,279 expected of a random function",
            low.len()
        );
        assert_eq!(tags.len(), 128);
    }

    #[test]
    fn length_counts() {
        assert_ne!(hash("a"), hash("a\0"));
        assert_ne!(hash(""), hash("\0"));
    }
}
