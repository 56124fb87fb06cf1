//! Where the servers of an upstream are: the address as an operator writes it, parsed once.
//!
//! `host:port`, `http://host[:port]`, `https://host[:port]`, `dns:///host:port` and `unix:/path` are understood; a name
//! stands for every A and AAAA record it has.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// One address of an upstream's list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    target: Target,
    scheme: Scheme,
}

/// What an address leads to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// A name or an IP address, and a TCP port.
    Host {
        /// The name, or the IP address without brackets.
        host: String,
        /// The TCP port, never 0.
        port: u16,
    },
    /// A unix domain socket.
    Unix(PathBuf),
}

/// Whether the address itself says that TLS is spoken there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// No scheme: the upstream's `tls` decides.
    Unsaid,
    /// `http://`: plain text.
    Plain,
    /// `https://`: TLS, with the system's roots unless the upstream says otherwise.
    Tls,
}

/// Why a text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AddressError {
    /// Nothing there: often an environment variable that is set but empty.
    #[error("the address is empty")]
    Empty,
    /// A host without a port, where the scheme has no default one.
    #[error("`{0}` has no port; write it as host:port")]
    MissingPort(String),
    /// The port is not a number between 1 and 65535.
    #[error("`{0}` is not a port; use a number from 1 to 65535")]
    Port(String),
    /// The host is empty or has characters that no host name has.
    #[error("`{0}` is not a host name or an IP address")]
    Host(String),
    /// More than one colon outside brackets.
    #[error("`{0}` has several colons: an IPv6 address stands in brackets, before its port, as [::1]:50051")]
    Brackets(String),
    /// A path, query or user name, which a gRPC address cannot have.
    #[error("an address has no path, query or user name; remove `{0}`")]
    Extra(String),
    /// A scheme that is none of those understood.
    #[error("`{0}` is not a scheme of an address; use host:port, http://, https://, dns:/// or unix:")]
    Scheme(String),
    /// `unix:` without a path.
    #[error("a unix socket needs a path: unix:/run/service.sock")]
    UnixPath,
}

impl Address {
    /// Reads `host:port`, `http://`, `https://`, `dns:///host:port` or `unix:/path`.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        if let Some(path) = text.strip_prefix("unix:") {
            return Self::parse_unix(path);
        }
        if let Some(rest) = text.strip_prefix("dns:") {
            // dns:///host:port, dns://authority/host:port is refused, dns:host:port
            let rest = rest.strip_prefix("///").unwrap_or(rest);
            return Self::parse_host(rest, None, Scheme::Unsaid);
        }
        match text.split_once("://") {
            Some(("http", rest)) => Self::parse_host(rest, Some(80), Scheme::Plain),
            Some(("https", rest)) => Self::parse_host(rest, Some(443), Scheme::Tls),
            Some((other, _)) => Err(AddressError::Scheme(other.to_owned())),
            None => Self::parse_host(text, None, Scheme::Unsaid),
        }
    }

    /// What it leads to.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Whether it says itself that TLS is spoken there.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    fn parse_unix(path: &str) -> Result<Self, AddressError> {
        // unix:///absolute is the URI form of unix:/absolute
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path == "/" {
            return Err(AddressError::UnixPath);
        }
        Ok(Self { target: Target::Unix(PathBuf::from(path)), scheme: Scheme::Unsaid })
    }

    fn parse_host(text: &str, default_port: Option<u16>, scheme: Scheme) -> Result<Self, AddressError> {
        if text.contains('@') {
            // Not told: it may be a password.
            return Err(AddressError::Extra("…@".to_owned()));
        }
        let text = match text.split_once('/') {
            None | Some((_, "")) => text.trim_end_matches('/'),
            Some((_, path)) => return Err(AddressError::Extra(format!("/{path}"))),
        };
        let (host, port) = split_port(text)?;
        let port = match (port, default_port) {
            (Some(port), _) => port
                .parse()
                .ok()
                .filter(|port| *port != 0)
                .ok_or_else(|| AddressError::Port(port.to_owned()))?,
            (None, Some(port)) => port,
            (None, None) => return Err(AddressError::MissingPort(text.to_owned())),
        };
        if !is_host(host) {
            return Err(AddressError::Host(host.to_owned()));
        }
        Ok(Self { target: Target::Host { host: host.to_owned(), port }, scheme })
    }

    /// The `:authority` of calls sent there.
    pub(crate) fn authority(&self) -> String {
        match &self.target {
            Target::Host { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            Target::Host { host, port } => format!("{host}:{port}"),
            Target::Unix(_) => "localhost".to_owned(),
        }
    }

    /// The name that a certificate there is expected to carry.
    pub(crate) fn host(&self) -> &str {
        match &self.target {
            Target::Host { host, .. } => host,
            Target::Unix(_) => "localhost",
        }
    }

    /// The socket's path, if it is a unix socket.
    pub fn unix_path(&self) -> Option<&Path> {
        match &self.target {
            Target::Unix(path) => Some(path),
            Target::Host { .. } => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.target, self.scheme) {
            (Target::Unix(path), _) => write!(f, "unix:{}", path.display()),
            (Target::Host { .. }, Scheme::Unsaid) => f.write_str(&self.authority()),
            (Target::Host { .. }, Scheme::Plain) => write!(f, "http://{}", self.authority()),
            (Target::Host { .. }, Scheme::Tls) => write!(f, "https://{}", self.authority()),
        }
    }
}

/// Cuts `host`, `host:port`, `[v6]` and `[v6]:port`; a bare IPv6 address is refused, its last group would read as a port.
fn split_port(text: &str) -> Result<(&str, Option<&str>), AddressError> {
    if let Some(rest) = text.strip_prefix('[') {
        let Some((host, tail)) = rest.split_once(']') else {
            return Err(AddressError::Host(text.to_owned()));
        };
        if host.parse::<std::net::Ipv6Addr>().is_err() {
            return Err(AddressError::Host(text.to_owned()));
        }
        return match tail.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if tail.is_empty() => Ok((host, None)),
            None => Err(AddressError::Host(text.to_owned())),
        };
    }
    match text.split_once(':') {
        Some((_, port)) if port.contains(':') => Err(AddressError::Brackets(text.to_owned())),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((text, None)),
    }
}

fn is_host(host: &str) -> bool {
    if host.parse::<IpAddr>().is_ok() {
        return true;
    }
    // A dot at the end keeps search domains out.
    let name = host.strip_suffix('.').unwrap_or(host);
    name.len() <= 253 && name.split('.').all(is_label)
}

/// Whether DNS can have it between two dots. Underscores are no part of a host name by the RFC, but Compose and Kubernetes
/// users have them.
fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_printed() {
        let table = [
            ("localhost:50051", "localhost:50051"),
            (" user-service.local:50051 ", "user-service.local:50051"),
            ("http://users", "http://users:80"),
            ("http://users:50051/", "http://users:50051"),
            ("https://users.example", "https://users.example:443"),
            ("dns:///users.default.svc:50051", "users.default.svc:50051"),
            ("dns:users:50051", "users:50051"),
            ("[::1]:50051", "[::1]:50051"),
            ("http://[::1]", "http://[::1]:80"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("unix:/run/users.sock", "unix:/run/users.sock"),
            ("unix:///run/users.sock", "unix:/run/users.sock"),
            ("unix:users.sock", "unix:users.sock"),
            ("user_service:50051", "user_service:50051"),
            ("users.example.:50051", "users.example.:50051"),
        ];
        for (text, printed) in table {
            assert_eq!(Address::parse(text).map(|a| a.to_string()), Ok(printed.to_owned()), "{text}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        use AddressError::*;
        let table = [
            ("", Empty),
            ("localhost", MissingPort("localhost".into())),
            ("localhost:", Port(String::new())),
            ("localhost:0", Port("0".into())),
            ("localhost:70000", Port("70000".into())),
            ("localhost:grpc", Port("grpc".into())),
            ("::1:50051", Brackets("::1:50051".into())),
            ("[::1:50051", Host("[::1:50051".into())),
            ("[users]:1", Host("[users]:1".into())),
            (":50051", Host(String::new())),
            ("us ers:1", Host("us ers".into())),
            ("a..b:1", Host("a..b".into())),
            (".a:1", Host(".a".into())),
            (".:1", Host(".".into())),
            ("https://a..:1", Host("a..".into())),
            ("http://users/api", Extra("/api".into())),
            ("http://me@users", Extra("…@".into())),
            ("http://me:a/b@users", Extra("…@".into())),
            ("dns://8.8.8.8/users:1", Extra("//8.8.8.8/users:1".into())),
            ("grpc://users:1", Scheme("grpc".into())),
            ("unix:", UnixPath),
        ];
        for (text, error) in table {
            assert_eq!(Address::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn names_are_no_longer_than_dns_has_them() {
        let label = "a".repeat(63);
        let name = format!("{label}.{label}.{label}.{}", "a".repeat(61));
        for (host, is_one) in [
            (label.clone(), true),
            (format!("{label}a"), false),
            (format!("b.{label}a.c"), false),
            (name.clone(), true),
            (format!("{name}."), true),
            (format!("{name}a"), false),
        ] {
            assert_eq!(Address::parse(&format!("{host}:1")).is_ok(), is_one, "{host}");
        }
    }
}
