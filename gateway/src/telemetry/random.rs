//! Random numbers that must differ, not be secret: for ids.

use std::cell::Cell;
use std::hash::{BuildHasher, Hasher};

/// The next number. (SplitMix64, seeded for each thread by the system's random state.)
pub(super) fn next() -> u64 {
    thread_local! {
        static STATE: Cell<u64> = Cell::new(std::hash::RandomState::new().build_hasher().finish());
    }
    STATE.with(|state| {
        let next = state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        state.set(next);
        let mixed = (next ^ (next >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    })
}
