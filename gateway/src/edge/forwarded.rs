//! Who the client of a trusted proxy is: what its `x-forwarded-*` headers say.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Peer, TrustedProxies};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

impl Peer {
    /// The client that stands behind this peer, if the peer is one of those whose word is believed.
    ///
    /// The client is the last address of `x-forwarded-for` that no trusted proxy has: whatever stands before it, the
    /// client may have written itself. What cannot be read ends the search.
    pub fn client(&self, headers: &HeaderMap, trusted: &TrustedProxies) -> Option<Self> {
        if !trusted.contains(self.address.ip()) {
            return None;
        }
        let proto = headers.get_all(X_FORWARDED_PROTO).iter().next_back();
        let proto = proto.and_then(|value| last(value.to_str().ok()?));
        let mut hosts = headers.get_all(X_FORWARDED_HOST).iter();
        let address = client(self.address, headers, trusted);
        // The use of each client is counted for itself; that of trusted proxies is not limited.
        let load = if trusted.contains(address.ip()) {
            Arc::clone(&self.load)
        } else {
            Arc::new(self.load.of_request(address.ip()))
        };
        Some(Self {
            address,
            load,
            tls: match proto {
                Some(proto) if proto.eq_ignore_ascii_case("https") => true,
                Some(proto) if proto.eq_ignore_ascii_case("http") => false,
                _ => self.tls,
            },
            forwarded_for: appended(headers, &self.forwarded_for),
            forwarded_host: hosts.next_back().filter(|value| is_plain(value)).cloned(),
            via_proxy: true,
            ..self.clone()
        })
    }
}

fn client(peer: SocketAddr, headers: &HeaderMap, trusted: &TrustedProxies) -> SocketAddr {
    let mut client = peer;
    // The last value of the last header was written by the peer itself.
    let values = headers.get_all(X_FORWARDED_FOR).iter().rev();
    let hops = values.flat_map(|value| value.to_str().unwrap_or("?").rsplit(','));
    for hop in hops {
        let Some(address) = address(hop.trim()) else { break };
        client = address;
        if !trusted.contains(address.ip()) {
            break;
        }
    }
    client
}

/// An address, with or without a port, IPv6 in brackets or not.
fn address(text: &str) -> Option<SocketAddr> {
    let ip = IpAddr::from_str(text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text));
    ip.map(|ip| SocketAddr::new(ip, 0)).or_else(|_| text.parse()).ok()
}

/// The chain with the peer at its end.
fn appended(headers: &HeaderMap, peer: &HeaderValue) -> HeaderValue {
    let mut chain = Vec::new();
    for value in headers.get_all(X_FORWARDED_FOR) {
        if is_plain(value) && !value.is_empty() {
            chain.extend_from_slice(value.as_bytes());
            chain.extend_from_slice(b", ");
        }
    }
    chain.extend_from_slice(peer.as_bytes());
    let mut chain =
        HeaderValue::from_maybe_shared(bytes::Bytes::from(chain)).unwrap_or_else(|_| peer.clone());
    // One of as many as there are clients: see `request_id::of`.
    chain.set_sensitive(true);
    chain
}

/// What may become metadata.
fn is_plain(value: &HeaderValue) -> bool {
    value.as_bytes().iter().all(|byte| (b' '..=b'~').contains(byte))
}

fn last(list: &str) -> Option<&str> {
    list.rsplit(',').map(str::trim).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    fn told(peer: &str, sent: &[(&'static str, &'static str)]) -> Option<Peer> {
        let trusted = ["10.0.0.0/8", "fd00::/8"].iter().map(|text| text.parse().unwrap()).collect();
        Peer::new(peer.parse().unwrap(), 0, false, Arc::default()).client(&headers(sent), &trusted)
    }

    #[test]
    fn the_client_is_the_last_one_that_no_trusted_proxy_is() {
        for (chain, client) in [
            ("203.0.113.7", "203.0.113.7"),
            ("198.51.100.1, 203.0.113.7", "203.0.113.7"),
            ("203.0.113.7, 10.0.0.2", "203.0.113.7"),
            ("198.51.100.1,203.0.113.7 , 10.0.0.2,10.0.0.3", "203.0.113.7"),
            ("10.0.0.9, 10.0.0.2", "10.0.0.9"),
            ("198.51.100.1, unknown, 10.0.0.2", "10.0.0.2"),
            ("unknown", "10.0.0.1"),
            ("", "10.0.0.1"),
            ("203.0.113.7:5000", "203.0.113.7"),
            ("2001:db8::7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:db8::7]:443, fd00::1", "2001:db8::7"),
        ] {
            let peer = told("10.0.0.1:80", &[("x-forwarded-for", chain)]).unwrap();
            assert_eq!(peer.address.ip().to_string(), client, "{chain}");
        }
        let two = [("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "203.0.113.7")];
        let peer = told("10.0.0.1:80", &two).unwrap();
        assert_eq!(peer.address.ip().to_string(), "203.0.113.7");
        assert_eq!(peer.forwarded_for, "198.51.100.1, 203.0.113.7, 10.0.0.1");
    }

    #[test]
    fn scheme_and_host_are_believed() {
        let peer =
            told("10.0.0.1:80", &[("x-forwarded-proto", "https"), ("x-forwarded-host", "shop.example")]);
        let peer = peer.unwrap();
        assert!(peer.tls);
        assert_eq!(peer.forwarded_host.unwrap(), "shop.example");
        assert_eq!(peer.forwarded_for, "10.0.0.1");
        for (proto, tls) in [("http, https", true), ("HTTPS", true), ("gopher", false), ("", false)] {
            assert_eq!(told("10.0.0.1:80", &[("x-forwarded-proto", proto)]).unwrap().tls, tls, "{proto}");
        }
    }

    #[test]
    fn others_are_not_believed() {
        assert!(told("203.0.113.7:80", &[("x-forwarded-for", "10.0.0.1")]).is_none());
    }
}
