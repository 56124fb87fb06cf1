//! Where buckets live: a table of fixed size, without locks, that all limits share.
//!
//! ```text
//!   name of (limit, key) ──► a set of 8 slots ──► the slot with this name, or the one to give up
//! ```
//! Memory cannot grow, whatever keys clients invent. A new key takes a slot whose bucket is full again, for forgetting that
//! one changes nothing. Where a set has none, the limit that holds most slots of it gives up the bucket that owes least: a
//! flood of new keys under one limit cannot take the slots of another beyond an equal share, and among its own it
//! pushes out those that owe no more than a newcomer does.
//!
//! Two threads may race for a slot. Then, at worst, one request is charged to the key that took the slot, or one key is
//! known twice for a moment: a request too many passes, or one too few. That is what it costs not to lock.

use std::cmp::Reverse;
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
    /// The [`Name`] of its owner; 0 is nobody's.
    name: AtomicU64,
    /// When the bucket will be full.
    full: AtomicU64,
}

/// Whose a bucket is: the hash of its key, its lowest bits replaced by its limit's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name(u64);

impl Name {
    const LIMIT: u64 = 0xffff;

    /// Limits whose lowest bits are the same share what one would have: with few limits that is as good as never.
    pub(super) fn new(limit: u64, key: u64) -> Self {
        Self(((key & !Self::LIMIT) | (limit & Self::LIMIT)).max(1))
    }

    const fn limit(self) -> u64 {
        self.0 & Self::LIMIT
    }
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

    /// Takes one from the bucket of this name.
    pub(super) fn take(&self, name: Name, gcra: &Gcra, now: Instant) -> Standing {
        let now = self.nanos(now);
        let sets = self.sets.get_or_init(|| std::iter::repeat_with(Set::default).take(self.n_sets).collect());
        // The upper bits choose the set.
        let index = usize::try_from(name.0 >> 40).unwrap_or(0) & (self.n_sets - 1);
        match sets.get(index) {
            Some(set) => set.slot(name, now).take(gcra, now),
            None => gcra.take(0, now).1,
        }
    }

    /// Moments before the process began do not occur; they would count as its beginning.
    fn nanos(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.epoch).as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Set {
    /// The slot of this name: its own, or one that it takes over.
    fn slot(&self, name: Name, now: u64) -> &Slot {
        let [first, ..] = &self.0;
        // Each round either ends or has lost a race to another key; so many in a row do not occur.
        for _ in 0..WAYS {
            let mut seen = [Seen { owner: Name(0), full: 0 }; WAYS];
            for (slot, seen) in self.0.iter().zip(&mut seen) {
                let owner = Name(slot.name.load(Acquire));
                if owner == name {
                    return slot;
                }
                let full = if owner == Name(0) { 0 } else { slot.full.load(Relaxed) };
                *seen = Seen { owner, full };
            }
            let given_up = given_up(&seen, name.limit(), now);
            let (Some(slot), Some(seen)) = (self.0.get(given_up), seen.get(given_up)) else { break };
            if slot.name.compare_exchange(seen.owner.0, name.0, Release, Relaxed).is_ok() {
                if seen.full > now {
                    // The table is crowded: the newcomer does not inherit the debt.
                    slot.full.store(now, Relaxed);
                }
                return slot;
            }
        }
        first
    }
}

/// A slot as it was when somebody looked for a place.
#[derive(Debug, Clone, Copy)]
struct Seen {
    owner: Name,
    full: u64,
}

/// Which slot a newcomer of `limit` gets: one that owes nothing; else, of the limit that holds most (its own, when no other
/// holds more), the one that owes least. Debts are compared within a limit only: those of slow limits are longer by nature.
fn given_up(seen: &[Seen; WAYS], limit: u64, now: u64) -> usize {
    let held = |limit: u64| seen.iter().filter(|slot| slot.owner.limit() == limit).count();
    let rank = |slot: &Seen| {
        let owner = slot.owner.limit();
        let owing = (slot.full > now).then(|| Reverse((held(owner), owner == limit)));
        (owing, slot.full)
    };
    seen.iter().enumerate().min_by_key(|(_, slot)| rank(slot)).map_or(0, |(index, _)| index)
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
