//! What each client address holds, in a table of fixed size.
//!
//! The table has no entries to add or remove: an address is hashed to a row, and addresses that share a row are counted as
//! one client. The hash is seeded at start, so a client cannot choose to share the row of another one.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, AtomicUsize};

/// The rows of the table, some 400 KiB. Two given clients share a row once in as many cases.
const ROWS: u32 = 1 << 14;

/// A row of the table, or none for a client whose use is not limited: a trusted proxy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::edge) struct ClientId(pub(super) u32);

impl ClientId {
    /// Of a client that is not counted.
    pub(in crate::edge) const EXEMPT: Self = Self(0);
}

/// What one client uses, or one connection.
#[derive(Debug, Default)]
pub(super) struct ClientUsage {
    pub(super) connections: AtomicU32,
    pub(super) requests: AtomicU32,
    pub(super) pending: AtomicU32,
    pub(super) buffered: AtomicUsize,
}

impl ClientUsage {
    /// Nothing so far.
    pub(super) const fn new() -> Self {
        Self {
            connections: AtomicU32::new(0),
            requests: AtomicU32::new(0),
            pending: AtomicU32::new(0),
            buffered: AtomicUsize::new(0),
        }
    }
}

/// The use of all clients.
#[derive(Debug)]
pub(super) struct ClientTable {
    seed: RandomState,
    rows: Box<[ClientUsage]>,
}

impl Default for ClientTable {
    fn default() -> Self {
        Self { seed: RandomState::new(), rows: (0..ROWS).map(|_| ClientUsage::new()).collect() }
    }
}

impl ClientTable {
    /// The row of an address. IPv6 clients are told apart by their /64, which is what one of them is given to choose from.
    pub(super) fn id(&self, address: IpAddr) -> ClientId {
        let network = match address.to_canonical() {
            IpAddr::V4(address) => u64::from(address.to_bits()),
            IpAddr::V6(address) => (address.to_bits() >> 64) as u64,
        };
        let hash = self.seed.hash_one((address.to_canonical().is_ipv4(), network));
        ClientId(1 + (hash as u32) % ROWS)
    }

    /// What a client uses; nothing for one that is not counted.
    pub(super) fn usage(&self, client: ClientId) -> Option<&ClientUsage> {
        self.rows.get((client.0 as usize).checked_sub(1)?)
    }
}

/// The part of each limit that one client may use while the limit is short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::edge) struct FairShare(u8);

impl FairShare {
    /// A share of so many percent; 100 does not limit clients.
    pub(in crate::edge) const fn percent(percent: u8) -> Self {
        Self(percent)
    }

    /// Whether a client that uses `own` of a limit may use `more`, while `used` of it are in use by all clients.
    ///
    /// Until three quarters of a limit are used, a client may use whatever is left. From then on, it may use its share, and
    /// no more than is free: each further client that takes all it can leaves half of what was free to the next ones.
    pub(in crate::edge) fn admits(self, limit: usize, used: usize, own: usize, more: usize) -> bool {
        if self.0 >= 100 || !is_short(limit, used) {
            return true;
        }
        let share = (limit / 100).saturating_mul(self.0.into()) + limit % 100 * usize::from(self.0) / 100;
        own.saturating_add(more) <= share.min(limit.saturating_sub(used)).max(1)
    }
}

/// Whether seven eighths of a limit are in use.
///
/// Until then, a connection that uses little itself is served although other connections of its address use up the share of
/// all of them: one user of a shared address does not lock out the others.
pub(super) const fn is_scarce(limit: usize, used: usize) -> bool {
    used >= limit - limit / 8
}

/// Whether three quarters of a limit are in use.
pub(super) const fn is_short(limit: usize, used: usize) -> bool {
    used >= limit - limit / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_an_address_or_a_network_of_64_bits() {
        let table = ClientTable::default();
        let id = |text: &str| table.id(text.parse().unwrap());
        assert_eq!(id("203.0.113.7"), id("::ffff:203.0.113.7"));
        assert_eq!(id("2001:db8:1:2::1"), id("2001:db8:1:2:ffff::9"));
        // Two of these may share a row, all of them do not.
        assert!((0..20).any(|n| id(&format!("203.0.113.{n}")) != id("203.0.113.250")));
        assert!((0..20).any(|n| id(&format!("2001:db8:1:{n}::1")) != id("2001:db8:1:ff::1")));
        assert!(table.usage(id("203.0.113.7")).is_some() && table.usage(ClientId::EXEMPT).is_none());
        assert!(table.usage(ClientId(ROWS)).is_some() && table.usage(ClientId(ROWS + 1)).is_none());
    }

    #[test]
    fn a_share_counts_once_three_quarters_are_used() {
        let share = FairShare::percent(25);
        for (used, own, more, admitted) in [
            (7_499, 7_499, 1, true),
            (7_500, 7_500, 1, false),
            (7_500, 0, 1, true),
            (7_500, 2_499, 1, true),
            (7_500, 2_500, 1, false),
            (8_750, 1_249, 1, true),
            (8_750, 1_250, 1, false),
            (9_999, 0, 1, true),
            (9_999, 1, 1, false),
        ] {
            assert_eq!(share.admits(10_000, used, own, more), admitted, "{used} {own} {more}");
        }
        assert!(FairShare::percent(100).admits(100, 99, 99, 1));
        // Small limits have room for a client of its own.
        assert!([1, 2, 3].iter().all(|limit| share.admits(*limit, limit - 1, limit - 1, 1)));
        assert!(FairShare::percent(1).admits(4, 3, 0, 1) && !FairShare::percent(1).admits(4, 3, 1, 1));
        assert!(share.admits(usize::MAX, usize::MAX - 5, 0, 5), "no overflow");
    }

    #[test]
    fn clients_one_after_the_other_never_use_up_a_limit() {
        let share = FairShare::percent(25);
        let (limit, mut used) = (10_000, 0);
        for client in 0..8 {
            let mut own = 0;
            while used < limit && share.admits(limit, used, own, 1) {
                (own, used) = (own + 1, used + 1);
            }
            assert!(used < limit && own > 0, "client {client} took {own}");
        }
    }
}
