//! How often a peer may be sent a PING: what servers allow by default, and what a peer that complained allows.
//!
//! gRPC servers count PINGs that come within 5 minutes of the one before while they have sent no data, and end the connection
//! with GOAWAY `too_many_pings` at the third (gRPC A8 and "keepalive"; grpc-go, grpc-java and C-core alike). Without an open
//! stream the limit is 2 hours.

use std::time::Duration;

use tokio::time::Instant;

/// PINGs that a server allows between two of its own frames, less one for safety.
const EARLY: u32 = 2;
/// After them, the time between two PINGs: the limit of servers, and a margin for timers.
const UNHURRIED: Duration = Duration::from_secs(330);
/// PINGs are slowed down by at most this factor.
const SLOWEST: u32 = 64;
/// After this long without a complaint PINGs may come twice as often again.
const FORGIVEN: Duration = Duration::from_secs(600);

/// Decides when a PING stays within the defaults of servers, for one connection.
#[derive(Debug, Default)]
pub(crate) struct PingAllowance {
    /// PINGs since the peer last sent data.
    early: u32,
    last: Option<Instant>,
}

impl PingAllowance {
    /// Whether a PING may be sent now; it counts as sent then. `heard`: the peer has sent data since the last time.
    pub(crate) fn take(&mut self, heard: bool, now: Instant) -> bool {
        if heard {
            self.early = 0;
        }
        let is_early = self.last.is_some_and(|last| now.saturating_duration_since(last) < UNHURRIED);
        if is_early && self.early >= EARLY {
            return false;
        }
        self.early = self.early.saturating_add(1);
        self.last = Some(now);
        true
    }
}

/// How much the PINGs to a peer that complained of them are slowed down.
#[derive(Debug, Default)]
pub(crate) struct PingPace {
    /// How often the interval is doubled.
    doublings: u32,
    complained: Option<Instant>,
}

impl PingPace {
    /// The peer complained: half as many PINGs from now on.
    pub(crate) fn complain(&mut self, now: Instant) {
        self.doublings = (self.doublings(now) + 1).min(SLOWEST.ilog2());
        self.complained = Some(now);
    }

    /// What the interval is multiplied with.
    pub(crate) fn factor(&self, now: Instant) -> u32 {
        1 << self.doublings(now)
    }

    fn doublings(&self, now: Instant) -> u32 {
        let Some(complained) = self.complained else { return 0 };
        let quiet = now.saturating_duration_since(complained).as_secs() / FORGIVEN.as_secs();
        self.doublings.saturating_sub(u32::try_from(quiet).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pings_stay_below_what_servers_allow() {
        let start = Instant::now();
        // (seconds, whether data came) → whether a PING is sent, one after the other
        let table = [
            (30, false, true),
            (60, false, true),
            (90, false, false),
            (120, false, false),
            (389, false, false),
            (391, false, true),
            (421, false, false),
            (451, true, true),
            (481, false, true),
            (511, false, false),
            (541, true, true),
        ];
        let mut allowance = PingAllowance::default();
        for (seconds, heard, sent) in table {
            let now = start + Duration::from_secs(seconds);
            assert_eq!(allowance.take(heard, now), sent, "at {seconds} s");
        }
    }

    /// The rule of grpc-go, C-core and grpc-java: the third early PING ends the connection.
    #[test]
    fn a_server_with_the_default_limits_never_complains() {
        let start = Instant::now();
        let (mut allowance, mut strikes, mut last) = (PingAllowance::default(), 0, None::<u64>);
        for seconds in (0..100_000).step_by(30) {
            if allowance.take(false, start + Duration::from_secs(seconds)) {
                strikes += u32::from(last.is_some_and(|last| seconds - last < 300));
                last = Some(seconds);
            }
        }
        assert!(strikes < 2, "{strikes}");
    }

    #[test]
    fn a_complaint_slows_pings_down_for_a_while() {
        let start = Instant::now();
        let minutes = |minutes: u64| start + Duration::from_secs(60 * minutes);
        let mut pace = PingPace::default();
        assert_eq!(pace.factor(start), 1);
        pace.complain(start);
        pace.complain(start);
        assert_eq!([0, 9, 10, 19, 20, 500].map(|at| pace.factor(minutes(at))), [4, 4, 2, 2, 1, 1]);
        (0..100).for_each(|_| pace.complain(minutes(500)));
        assert_eq!(pace.factor(minutes(500)), 64);
        assert_eq!(pace.factor(minutes(560)), 1);
    }
}
