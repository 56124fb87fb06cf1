//! Whose word about a client is believed: the networks of trusted proxies.

mod breadth;

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

pub use breadth::{Breadth, is_public};

/// The networks of trusted proxies; none by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Arc<[Network]>);

impl TrustedProxies {
    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is the address of one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        !self.0.is_empty() && {
            let bits = bits(address);
            self.0.iter().any(|network| (bits ^ network.bits) & network.mask == 0)
        }
    }
}

impl FromIterator<Network> for TrustedProxies {
    fn from_iter<I: IntoIterator<Item = Network>>(networks: I) -> Self {
        Self(networks.into_iter().collect())
    }
}

/// A network, as `10.0.0.0/8`, or one address. IPv4 is held as IPv4-mapped IPv6: a dual-stack listener sees it so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    bits: u128,
    mask: u128,
}

/// Not a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotANetwork;

impl fmt::Display for NotANetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a network is ADDRESS/BITS, as 10.0.0.0/8 or fd00::/8, or one address")
    }
}

impl std::str::FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NotANetwork)?;
        let (width, offset) = if address.is_ipv4() { (32, 96) } else { (128, 0) };
        let length = match length {
            None => width,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse::<u32>().ok().filter(|length| *length <= width).ok_or(NotANetwork)?
            }
            Some(_) => return Err(NotANetwork),
        };
        let mask = u128::MAX.checked_shl(width - length).unwrap_or(0) | mapped_prefix(offset);
        Ok(Self { bits: bits(address) & mask, mask })
    }
}

/// The bits that an IPv4 network has in common with all others.
const fn mapped_prefix(offset: u32) -> u128 {
    if offset == 0 { 0 } else { u128::MAX << (128 - offset) }
}

fn bits(address: IpAddr) -> u128 {
    let mapped: Ipv6Addr = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    mapped.to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(networks: &[&str], address: &str) -> bool {
        let networks: TrustedProxies = networks.iter().map(|text| text.parse().unwrap()).collect();
        networks.contains(address.parse().unwrap())
    }

    #[test]
    fn networks_contain_their_addresses() {
        for (network, address, expected) in [
            ("10.0.0.0/8", "10.255.1.2", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.1.1.1", true),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.4", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "203.0.113.9", true),
            ("fd00::/8", "fd12::1", true),
            ("fd00::/8", "fe80::1", false),
            ("2001:db8::1", "2001:db8::1", true),
            ("10.9.9.9/8", "10.0.0.1", true),
        ] {
            assert_eq!(contains(&[network], address), expected, "{address} in {network}");
        }
        assert!(!contains(&[], "127.0.0.1"));
    }

    #[test]
    fn what_is_no_network() {
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0/8",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "a",
            "::/129",
            "1.2.3.4:5",
        ] {
            assert_eq!(text.parse::<Network>(), Err(NotANetwork), "{text}");
        }
    }
}
