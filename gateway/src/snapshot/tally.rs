//! What the process counts whatever the configuration: requests that the gateway itself refused or failed.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::proxy::failure::Reason;

/// Counters that no reload takes away.
#[derive(Debug)]
pub struct Tally {
    failures: Box<[AtomicU64]>,
    gone: AtomicU64,
}

impl Default for Tally {
    fn default() -> Self {
        Self { failures: Reason::ALL.iter().map(|_| AtomicU64::new(0)).collect(), gone: AtomicU64::new(0) }
    }
}

impl Tally {
    pub(super) fn failed(&self, reason: Reason) {
        if let Some(counter) = self.failures.get(reason as usize) {
            counter.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn gone(&self) {
        self.gone.fetch_add(1, Relaxed);
    }

    /// Requests refused or failed so far, by reason; reasons that never came are left out.
    pub fn failures(&self) -> impl Iterator<Item = (Reason, u64)> {
        let counts = Reason::ALL.iter().zip(&self.failures);
        counts.map(|(reason, counter)| (*reason, counter.load(Relaxed))).filter(|(_, count)| *count > 0)
    }

    /// Requests whose client left before the answer.
    pub fn clients_gone(&self) -> u64 {
        self.gone.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_counter_of_its_own() {
        let tally = Tally::default();
        for (count, reason) in (1..).zip(Reason::ALL) {
            for _ in 0..count {
                tally.failed(*reason);
            }
        }
        let counted: Vec<(Reason, u64)> = tally.failures().collect();
        assert_eq!(counted, Reason::ALL.iter().copied().zip(1..).collect::<Vec<_>>());
    }
}
