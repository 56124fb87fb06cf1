//! Random numbers for choices and jitter, and the hash of keys: splitmix64 over one atomic, not for secrets.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// A source that any thread may draw from.
#[derive(Debug)]
pub(crate) struct Dice(AtomicU64);

impl Dice {
    /// Seeded by the process's own randomness.
    pub(crate) fn new() -> Self {
        Self::seeded(RandomState::new().hash_one(0u8))
    }

    pub(crate) fn seeded(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    pub(crate) fn next(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        mix(self.0.fetch_add(STEP, Relaxed).wrapping_add(STEP))
    }

    /// A number below `n`; 0 if there is none.
    pub(crate) fn below(&self, n: usize) -> usize {
        // Multiply and take the high half: no division, and for small n no bias worth a thought.
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    /// A duration below this one, each equally likely: full jitter.
    pub(crate) fn jitter(&self, most: Duration) -> Duration {
        let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(((u128::from(self.next()) * u128::from(nanos)) >> 64) as u64)
    }
}

/// The finalizer of splitmix64: spreads close numbers over all 64 bits.
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The hash of a key for [`crate::Call::hash`]: the same in every process, so that gateways side by side agree.
///
/// FNV-1a, then spread: short keys that differ in a digit must not end up close. Not meant to withstand chosen keys; what those
/// can do is pick their endpoint.
pub fn hash_key(key: &[u8]) -> u64 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    mix(key.iter().fold(0xcbf2_9ce4_8422_2325, fold))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_stay_below_their_bound_and_reach_every_number() {
        let dice = Dice::seeded(1);
        let mut seen = [0; 5];
        for _ in 0..1000 {
            seen[dice.below(5)] += 1;
            assert!(dice.jitter(Duration::from_millis(3)) < Duration::from_millis(3));
        }
        assert!(seen.iter().all(|n| *n > 150), "{seen:?}");
        assert_eq!(dice.below(0), 0);
        assert_eq!(dice.jitter(Duration::ZERO), Duration::ZERO);
    }
}
