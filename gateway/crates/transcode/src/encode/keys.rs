//! What has been given already: fields and oneofs of messages, keys of maps and structs.
//!
//! Both are stacks that nested objects share, so that nothing is allocated per object.

use std::{
    collections::HashSet,
    hash::{BuildHasher, Hash},
};

use smallvec::SmallVec;

use crate::{plan::MessagePlan, pool::Pool};

/// Bit sets of the fields and oneofs of the objects that are open.
#[derive(Default)]
pub(super) struct Seen {
    /// The bits of messages with more than 64 fields.
    large: SmallVec<[u64; 4]>,
}

/// The bits of one object.
pub(super) struct Fields {
    /// Fields and then oneofs, if there are at most 64 of them.
    pub(super) few: u64,
    /// Where the bits in [`Seen::large`] begin.
    base: usize,
    /// How many fields there are: where the bits of the oneofs begin.
    fields: u32,
    is_large: bool,
}

impl Seen {
    /// Opens an object.
    #[inline]
    pub(super) fn enter(&mut self, plan: &MessagePlan) -> Fields {
        let fields = plan.fields.len() as u32;
        let bits = fields + plan.oneofs;
        let base = self.large.len();
        let is_large = bits > MessagePlan::FEW;
        if is_large {
            self.large.resize(base + bits.div_ceil(64) as usize, 0);
        }
        Fields { few: 0, base, fields, is_large }
    }

    /// Closes it.
    #[inline]
    pub(super) fn leave(&mut self, fields: &Fields) {
        if fields.is_large {
            self.large.truncate(fields.base);
        }
    }

    /// Marks a field; whether it was marked before.
    #[inline]
    pub(super) fn mark_field(&mut self, fields: &mut Fields, position: u32) -> bool {
        if fields.is_large {
            return self.mark_large(fields, position as usize);
        }
        mark(&mut fields.few, position as usize)
    }

    /// Marks a oneof; whether it was marked before.
    #[inline]
    pub(super) fn mark_oneof(&mut self, fields: &mut Fields, oneof: u32) -> bool {
        self.mark_field(fields, fields.fields + oneof)
    }

    /// Whether a field is marked.
    pub(super) fn has_field(&self, fields: &Fields, position: u32) -> bool {
        let (word, bit) = (position as usize / 64, position % 64);
        let word = if fields.is_large { self.large.get(fields.base + word) } else { Some(&fields.few) };
        word.is_some_and(|word| word & (1 << bit) != 0)
    }

    fn mark_large(&mut self, fields: &Fields, index: usize) -> bool {
        self.large.get_mut(fields.base + index / 64).is_some_and(|word| mark(word, index % 64))
    }
}

#[inline]
fn mark(word: &mut u64, bit: usize) -> bool {
    let bit = 1u64 << (bit & 63);
    let before = *word & bit != 0;
    *word |= bit;
    before
}

/// Up to this many keys are compared one by one.
const FEW: usize = 16;

/// The keys of the maps and structs that are open, by hash.
///
/// The hash is seeded at random and 64 bits wide, so equal hashes are taken for equal keys: among a million
/// keys of one map a false alarm has a chance of one in 10^7.
#[derive(Default)]
pub(super) struct Keys {
    few: SmallVec<[u64; FEW]>,
    /// The keys of maps that have outgrown the list, each hashed with the number of its map.
    many: Option<HashedKeys>,
    maps: u32,
    random: Option<foldhash::quality::RandomState>,
}

/// Hashes of keys.
pub(crate) type HashedKeys = HashSet<u64, Hashed>;

/// A set for more keys than this is not kept for the next call.
const KEPT: usize = 1 << 14;

/// The keys of one map.
pub(super) struct Map {
    id: u32,
    base: usize,
    is_large: bool,
}

impl Keys {
    /// Opens a map.
    pub(super) fn enter(&mut self) -> Map {
        self.maps = self.maps.wrapping_add(1);
        Map { id: self.maps, base: self.few.len(), is_large: false }
    }

    /// Closes it.
    pub(super) fn leave(&mut self, map: &Map) {
        self.few.truncate(map.base);
    }

    /// Adds a key; whether it was there before.
    pub(super) fn insert(&mut self, map: &mut Map, key: impl Hash, pool: &Pool<HashedKeys>) -> bool {
        let random = self.random.get_or_insert_default();
        let hash = random.hash_one((map.id, key));
        if map.is_large {
            return !self.many.get_or_insert_default().insert(hash);
        }
        let keys = self.few.get(map.base..).unwrap_or_default();
        if keys.contains(&hash) {
            return true;
        }
        if keys.len() < FEW {
            self.few.push(hash);
            return false;
        }
        map.is_large = true;
        let many = self.many.get_or_insert_with(|| pool.take().unwrap_or_default());
        many.extend(self.few.drain(map.base..));
        many.insert(hash);
        false
    }

    /// Leaves the set for the next call.
    pub(super) fn end(&mut self, pool: &Pool<HashedKeys>) {
        if let Some(mut many) = self.many.take()
            && many.capacity() <= KEPT
        {
            many.clear();
            pool.give(many);
        }
    }
}

/// Takes a hash for what it is.
#[derive(Default, Clone, Copy)]
pub(crate) struct Hashed;

impl BuildHasher for Hashed {
    type Hasher = Same;

    fn build_hasher(&self) -> Same {
        Same(0)
    }
}

pub(crate) struct Same(u64);

impl std::hash::Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |all, byte| all << 8 | u64::from(*byte));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart_by_map() {
        let pool = &Pool::new();
        let mut keys = Keys::default();
        let mut outer = keys.enter();
        for i in 0..100u64 {
            assert!(!keys.insert(&mut outer, i, pool));
            let mut inner = keys.enter();
            for j in 0..i {
                assert!(!keys.insert(&mut inner, j, pool));
            }
            for j in 0..i {
                assert!(keys.insert(&mut inner, j, pool));
            }
            keys.leave(&inner);
            assert!(keys.insert(&mut outer, i, pool));
        }
        keys.end(pool);
        assert!(pool.take().is_some_and(|set: HashedKeys| set.is_empty() && set.capacity() > 0));
    }
}
