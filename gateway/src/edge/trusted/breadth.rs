//! Whether networks cover every address that a client from outside can have.

use std::net::IpAddr;

use super::Network;

/// The clients that a set of networks covers completely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breadth {
    /// Every public IPv4 and IPv6 address.
    All,
    /// Every public IPv4 address.
    Ipv4,
    /// Every public IPv6 address.
    Ipv6,
}

/// IPv4 blocks that no client on the Internet has (RFC 6890): a set that leaves only these out covers everyone.
const SPECIAL_IPV4: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/3",
];
/// The block that global unicast IPv6 addresses are assigned from (RFC 4291).
const GLOBAL_IPV6: &str = "2000::/3";

impl Breadth {
    /// Returns what the networks cover together; `None` when they leave out a public address of either family.
    pub fn of(networks: &[Network]) -> Option<Self> {
        let special = SPECIAL_IPV4.iter().filter_map(|text| text.parse().ok());
        let with_special: Vec<Network> = networks.iter().copied().chain(special).collect();
        let ipv4 = covers(&with_special, "0.0.0.0/0");
        let ipv6 = covers(networks, GLOBAL_IPV6);
        match (ipv4, ipv6) {
            (true, true) => Some(Self::All),
            (true, false) => Some(Self::Ipv4),
            (false, true) => Some(Self::Ipv6),
            (false, false) => None,
        }
    }
}

/// Returns whether the networks together contain all of `whole`.
fn covers(networks: &[Network], whole: &str) -> bool {
    let Ok(whole) = whole.parse::<Network>() else { return false };
    let last_of = |network: Network| network.bits | !network.mask;
    let mut ranges: Vec<(u128, u128)> =
        networks.iter().map(|network| (network.bits, last_of(*network))).collect();
    ranges.sort_unstable();
    let (mut next, end) = (whole.bits, last_of(whole));
    for (first, last) in ranges {
        if first > next {
            return false;
        }
        if last >= end {
            return true;
        }
        next = next.max(last + 1);
    }
    false
}

/// Returns whether clients from the Internet may reach the address: it is global unicast.
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let bits = u128::from(address.to_ipv6_mapped());
            let special = SPECIAL_IPV4.iter().filter_map(|text| text.parse::<Network>().ok());
            !special.into_iter().any(|network| (bits ^ network.bits) & network.mask == 0)
        }
        IpAddr::V6(address) => address.segments().first().is_some_and(|first| first >> 13 == 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breadth(networks: &[&str]) -> Option<Breadth> {
        Breadth::of(&networks.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>())
    }

    #[test]
    fn networks_that_cover_every_client_are_found() {
        for (networks, expected) in [
            (&[][..], None),
            (&["0.0.0.0/0"], Some(Breadth::Ipv4)),
            (&["::/0"], Some(Breadth::All)),
            (&["0.0.0.0/0", "::/0"], Some(Breadth::All)),
            (&["2000::/3"], Some(Breadth::Ipv6)),
            (&["8000::/1", "::/1"], Some(Breadth::All)),
            (&["8000::/1"], None),
            (&["0.0.0.0/1", "128.0.0.0/1"], Some(Breadth::Ipv4)),
            (&["128.0.0.0/1", "64.0.0.0/2", "0.0.0.0/2"], Some(Breadth::Ipv4)),
            (&["0.0.0.0/1"], None),
            (&["0.0.0.0/1", "128.0.0.0/2"], None),
            // The private networks are left out, and nothing else.
            (
                &[
                    "0.0.0.0/1",
                    "128.0.0.0/3",
                    "160.0.0.0/5",
                    "168.0.0.0/6",
                    "172.0.0.0/12",
                    "172.32.0.0/11",
                    "172.64.0.0/10",
                    "172.128.0.0/9",
                    "173.0.0.0/8",
                    "174.0.0.0/7",
                    "176.0.0.0/4",
                    "192.0.0.0/2",
                ],
                Some(Breadth::Ipv4),
            ),
            (&["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "fd00::/8", "::1"], None),
            (&["::ffff:0:0/96"], Some(Breadth::Ipv4)),
            (&["0.0.0.0", "255.255.255.255"], None),
        ] {
            assert_eq!(breadth(networks), expected, "{networks:?}");
        }
    }

    #[test]
    fn public_addresses_are_told_from_private_ones() {
        for (address, expected) in [
            ("8.8.8.8", true),
            ("::ffff:8.8.8.8", true),
            ("172.15.0.1", true),
            ("172.16.0.1", false),
            ("10.1.2.3", false),
            ("192.168.1.1", false),
            ("100.64.0.1", false),
            ("169.254.1.1", false),
            ("127.0.0.1", false),
            ("::ffff:127.0.0.1", false),
            ("::1", false),
            ("fd00::1", false),
            ("fe80::1", false),
            ("2001:db8::1", true),
            ("2a00:1450::1", true),
        ] {
            assert_eq!(is_public(address.parse().unwrap()), expected, "{address}");
        }
    }
}
