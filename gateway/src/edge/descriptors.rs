//! File descriptors: how many the process may have, and how many of them clients may take.
//!
//! The system gives a new descriptor the lowest free number. So the number of an accepted connection says how many
//! descriptors are in use, and no count of them has to be kept.

/// The most descriptors that are kept for the gateway's own use.
const MOST_RESERVED: u64 = 512;
/// The fewest. An eighth of all is kept in between.
const LEAST_RESERVED: u64 = 16;

/// What the process has open beside the connections of clients at the start: standard streams, event queues, listeners,
/// watched files, upstream connections. Only for the estimate of [`shortfall`].
const OWN: u64 = 64;

/// Returns how many of `limit` descriptors are kept for upstream connections, the admin address and files.
const fn reserved(limit: u64) -> u64 {
    let eighth = limit / 8;
    if eighth < LEAST_RESERVED {
        LEAST_RESERVED
    } else if eighth > MOST_RESERVED {
        MOST_RESERVED
    } else {
        eighth
    }
}

/// The number of the first descriptor that no client connection may have; nothing where there is no limit.
pub(super) fn ceiling() -> Option<u64> {
    limit().map(|limit| limit.saturating_sub(reserved(limit)))
}

/// A limit of descriptors that does not suffice for `limits.connections`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortfall {
    /// The limit.
    pub limit: u64,
    /// About as many connections of clients can be open with it.
    pub connections: u64,
    /// The limit that suffices.
    pub needed: u64,
}

/// Returns what is missing for this number of connections, if the process may not have enough descriptors.
pub fn shortfall(connections: usize) -> Option<Shortfall> {
    missing(limit()?, connections as u64)
}

fn missing(limit: u64, connections: u64) -> Option<Shortfall> {
    let room = limit.saturating_sub(reserved(limit)).saturating_sub(OWN);
    if room >= connections {
        return None;
    }
    let used = connections.saturating_add(OWN);
    // What is kept is an eighth of the limit, so a seventh of the rest, within the bounds.
    let kept = used.div_ceil(7).clamp(LEAST_RESERVED, MOST_RESERVED);
    Some(Shortfall { limit, connections: room, needed: used.saturating_add(kept) })
}

/// The soft limit of descriptors.
#[cfg(unix)]
fn limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

#[cfg(not(unix))]
fn limit() -> Option<u64> {
    None
}

/// The number of a connection's descriptor.
#[cfg(unix)]
pub(super) fn number(stream: &std::net::TcpStream) -> u64 {
    use std::os::fd::AsRawFd;
    u64::try_from(stream.as_raw_fd()).unwrap_or_default()
}

#[cfg(not(unix))]
pub(super) fn number(_: &std::net::TcpStream) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_eighth_of_the_descriptors_is_kept_within_bounds() {
        for (limit, kept) in [(0, 16), (64, 16), (128, 16), (1_024, 128), (4_096, 512), (1_000_000, 512)] {
            assert_eq!(reserved(limit), kept, "of {limit}");
        }
    }

    #[test]
    fn a_limit_that_does_not_suffice_is_told_with_one_that_does() {
        assert_eq!(missing(20_000, 10_000), None);
        assert_eq!(missing(10_576, 10_000), None);
        assert_eq!(
            missing(1_024, 10_000),
            Some(Shortfall { limit: 1_024, connections: 832, needed: 10_576 })
        );
        for connections in [1, 50, 500, 3_000, 10_000, 1 << 30] {
            let needed = missing(0, connections).unwrap().needed;
            assert_eq!(missing(needed, connections), None, "{connections}");
            assert!(missing(needed - 2, connections).is_some(), "{connections}: no more than it takes");
        }
    }
}
