//! Where buckets live: a table of fixed size, without locks, that all limits share.
//!
//! ```text
//!   hash of (limit, key) ──► a set of 8 slots ──► the slot with this hash, or the one to give up
//! ```
//! Memory cannot grow, whatever keys clients invent. A new key takes the place of the bucket that owes least: as long as
//! that one is full, as nearly all are, forgetting it changes nothing; a flood of new keys can push out full buckets and
//! each other, never a caller who is being held back.
//!
//! Two threads may race for a slot. Then, at worst, one request is charged to the key that took the slot, or one key is
//! known twice for a moment: a request too many passes, or one too few. That is what it costs not to lock.

use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Instant;

use foldhash::quality::RandomState;

use super::gcra::{Gcra, Standing};

/// Slots of a set: two cache lines.
const WAYS: usize = 8;
/// Sets; a power of two. With the slots, 2 MiB.
const SETS: usize = 16_384;

/// The buckets of every limit of the process. Takes its memory when the first limit is used.
#[derive(Debug)]
pub(in crate::policy) struct Buckets {
    /// What times are counted from.
    epoch: Instant,
    sets: OnceLock<Box<[Set]>>,
    n_sets: usize,
    hasher: RandomState,
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct Set([Slot; WAYS]);

#[derive(Debug, Default)]
struct Slot {
    /// The hash of limit and key; 0 is nobody's.
    hash: AtomicU64,
    /// When the bucket will be full.
    full: AtomicU64,
}

impl Default for Buckets {
    fn default() -> Self {
        Self::with_sets(SETS)
    }
}

impl Buckets {
    /// `n_sets` is rounded up to a power of two.
    pub(super) fn with_sets(n_sets: usize) -> Self {
        Self {
            epoch: Instant::now(),
            sets: OnceLock::new(),
            n_sets: n_sets.next_power_of_two(),
            hasher: RandomState::default(),
        }
    }

    /// What keys are hashed by.
    pub(super) const fn hasher(&self) -> &RandomState {
        &self.hasher
    }

    /// Takes one from the bucket with this hash.
    pub(super) fn take(&self, hash: u64, gcra: &Gcra, now: Instant) -> Standing {
        let now = self.nanos(now);
        let hash = hash.max(1);
        let sets = self.sets.get_or_init(|| std::iter::repeat_with(Set::default).take(self.n_sets).collect());
        // The upper bits choose the set, the whole hash is the name.
        let index = usize::try_from(hash >> 40).unwrap_or(0) & (self.n_sets - 1);
        match sets.get(index) {
            Some(set) => set.slot(hash, now).take(gcra, now),
            None => gcra.take(0, now).1,
        }
    }

    /// Moments before the process began do not occur; they would count as its beginning.
    fn nanos(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.epoch).as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Set {
    /// The slot of this hash: its own, or one that it takes over.
    fn slot(&self, hash: u64, now: u64) -> &Slot {
        let [first, ..] = &self.0;
        // Each round either ends or has lost a race to another key; so many in a row do not occur.
        for _ in 0..WAYS {
            let mut least = (first, u64::MAX);
            for slot in &self.0 {
                let owner = slot.hash.load(Acquire);
                if owner == hash {
                    return slot;
                }
                let full = if owner == 0 { 0 } else { slot.full.load(Relaxed) };
                if full < least.1 {
                    least = (slot, full);
                }
            }
            let (slot, full) = least;
            let owner = slot.hash.load(Relaxed);
            if owner != hash && slot.hash.compare_exchange(owner, hash, Release, Relaxed).is_ok() {
                if full > now {
                    // The table is crowded: the newcomer does not inherit the debt.
                    slot.full.store(now, Relaxed);
                }
                return slot;
            }
        }
        first
    }
}

impl Slot {
    fn take(&self, gcra: &Gcra, now: u64) -> Standing {
        let mut full = self.full.load(Relaxed);
        loop {
            let (next, standing) = gcra.take(full, now);
            let Some(next) = next else { return standing };
            match self.full.compare_exchange_weak(full, next, Relaxed, Relaxed) {
                Ok(_) => return standing,
                Err(changed) => full = changed,
            }
        }
    }
}

#[cfg(test)]
impl Buckets {
    /// How many buckets there is room for: what bounds its memory.
    pub(super) fn slots(&self) -> usize {
        self.sets.get().map_or(0, |sets| sets.len() * WAYS)
    }
}
