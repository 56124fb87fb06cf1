//! How many streams of one connection may be reset: a token bucket below what servers tolerate.
//!
//! Servers end a connection on which a client resets too many streams: h2 and tonic when 20 resets arrive before their streams
//! were accepted, Netty at 200 resets in 30 s, nghttp2 beyond 1,000 and then 33 a second, Envoy when most of 500 streams
//! were reset early. Every other call on that connection fails with it.

use std::time::Duration;

use tokio::time::Instant;

/// Resets that may be sent at once.
const BURST: u32 = 8;
/// The time after which one more may be sent: 158 resets in 30 s at most, the burst included.
const REFILL: Duration = Duration::from_millis(200);
/// Resets that may be sent while no call on the connection completes. A server that stalls reads all of them in one go when it
/// continues.
const UNPROVEN: u32 = 12;

/// The resets that one connection has left.
#[derive(Debug)]
pub(crate) struct ResetBudget {
    tokens: u32,
    /// When `tokens` was last brought up to date; `None` while it is full.
    filled: Option<Instant>,
}

impl ResetBudget {
    pub(crate) const FULL: Self = Self { tokens: BURST, filled: None };

    /// Takes one reset, if there is one. `unproven` is the number of resets since a call on the connection last completed.
    pub(crate) fn take(&mut self, unproven: u32, now: Instant) -> bool {
        self.refill(now);
        if self.tokens == 0 || unproven >= UNPROVEN {
            return false;
        }
        self.tokens -= 1;
        self.filled.get_or_insert(now);
        true
    }

    fn refill(&mut self, now: Instant) {
        let Some(filled) = self.filled else { return };
        let earned = now.saturating_duration_since(filled).as_nanos() / REFILL.as_nanos();
        let earned = u32::try_from(earned).unwrap_or(u32::MAX);
        if earned >= BURST - self.tokens {
            *self = Self::FULL;
            return;
        }
        self.tokens += earned;
        self.filled = Some(filled + REFILL * earned);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resets_come_in_a_burst_and_then_at_a_rate() {
        let start = Instant::now();
        // (milliseconds, resets asked for) → resets granted, one after the other
        let table =
            [(0, 20, 8), (199, 5, 0), (200, 5, 1), (399, 5, 0), (400, 5, 1), (1000, 5, 3), (60_000, 20, 8)];
        let mut budget = ResetBudget::FULL;
        for (ms, wanted, granted) in table {
            let now = start + Duration::from_millis(ms);
            let got = (0..wanted).filter(|_| budget.take(0, now)).count();
            assert_eq!(got, granted, "at {ms} ms");
        }
    }

    #[test]
    fn a_server_that_completes_nothing_gets_few_resets() {
        let start = Instant::now();
        let mut budget = ResetBudget::FULL;
        let mut unproven = 0;
        for second in 0..60 {
            while budget.take(unproven, start + Duration::from_secs(second)) {
                unproven += 1;
            }
        }
        assert_eq!(unproven, UNPROVEN);
    }

    #[test]
    fn no_window_of_30_seconds_has_200_resets() {
        let start = Instant::now();
        let mut budget = ResetBudget::FULL;
        let at = (0..120_000).filter(|ms| budget.take(0, start + Duration::from_millis(*ms)));
        let sent: Vec<u64> = at.collect();
        for first in &sent {
            let window = sent.iter().filter(|ms| (*first..first + 30_000).contains(ms)).count();
            assert!(window < 160, "{window} from {first} ms");
        }
    }
}
