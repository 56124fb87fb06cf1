//! The PROXY protocol: how a trusted load balancer says who its client is, before the first byte of the client.
//!
//! Versions 1 (text) and 2 (binary) of the HAProxy specification, read strictly and within a fixed number of bytes.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// What a header of version 2 begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The signature, the command, the family, and the length of the rest.
const FIXED: usize = 16;
/// The longest header of version 1, line end included.
const MAX_TEXT: usize = 107;
/// The longest header of version 2 that is read: addresses, and what balancers add about TLS and themselves.
const MAX_BINARY: usize = 4096;

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Header {
    /// The connection is made for this client.
    Proxied(SocketAddr),
    /// The balancer made it for itself, as for a health check, or does not know.
    Local,
}

/// A header that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Malformed(&'static str);

/// Reads the header. `read_ahead` keeps what came behind it. Gives the client's address, if the header tells it.
///
/// # Errors
/// When there is no header, or the connection ends within it. How long it may take is for the caller to bound.
pub(super) async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    read_ahead: &mut BytesMut,
) -> io::Result<Option<SocketAddr>> {
    loop {
        match parse(read_ahead) {
            Ok(Some((header, length))) => {
                read_ahead.advance(length);
                return Ok(match header {
                    Header::Proxied(client) => Some(client),
                    Header::Local => None,
                });
            }
            Ok(None) => {}
            Err(Malformed(what)) => return Err(io::Error::new(io::ErrorKind::InvalidData, what)),
        }
        if stream.read_buf(read_ahead).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// The header that these bytes begin with, and its length; `None` when there is more to come.
fn parse(bytes: &[u8]) -> Result<Option<(Header, usize)>, Malformed> {
    if bytes.starts_with(SIGNATURE) {
        return parse_binary(bytes);
    }
    if SIGNATURE.starts_with(bytes) {
        return Ok(None);
    }
    let known = bytes.len().min(PREFIX.len());
    if bytes.get(..known) != PREFIX.get(..known) {
        return Err(Malformed("no PROXY protocol header"));
    }
    let line = bytes.get(..bytes.len().min(MAX_TEXT)).unwrap_or(bytes);
    let Some(end) = memchr::memchr(b'\n', line) else {
        return if line.len() == MAX_TEXT { Err(Malformed("the PROXY line does not end")) } else { Ok(None) };
    };
    let text = line.get(PREFIX.len()..end).and_then(|rest| rest.strip_suffix(b"\r"));
    let text =
        text.and_then(|text| std::str::from_utf8(text).ok()).ok_or(Malformed("a broken PROXY line"))?;
    Ok(Some((parse_text(text)?, end + 1)))
}

/// What a header of version 1 begins with.
const PREFIX: &[u8] = b"PROXY ";

/// `TCP4 198.51.100.1 198.51.100.11 35646 80`, or `UNKNOWN` and anything.
fn parse_text(text: &str) -> Result<Header, Malformed> {
    if text == "UNKNOWN" || text.starts_with("UNKNOWN ") {
        return Ok(Header::Local);
    }
    let malformed = || Malformed("a broken PROXY line");
    let mut words = text.split(' ');
    let mut next = || words.next().ok_or_else(malformed);
    let (family, source, destination, from, to) = (next()?, next()?, next()?, next()?, next()?);
    let address = |word: &str| match family {
        "TCP4" => word.parse::<Ipv4Addr>().map(IpAddr::V4).map_err(|_| malformed()),
        "TCP6" => word.parse::<Ipv6Addr>().map(IpAddr::V6).map_err(|_| malformed()),
        _ => Err(malformed()),
    };
    let port = |word: &str| {
        let plain = word.bytes().all(|byte| byte.is_ascii_digit()) && (word == "0" || !word.starts_with('0'));
        word.parse::<u16>().ok().filter(|_| plain).ok_or_else(malformed)
    };
    let source = SocketAddr::new(address(source)?, port(from)?);
    let _destination = SocketAddr::new(address(destination)?, port(to)?);
    if words.next().is_some() {
        return Err(malformed());
    }
    Ok(Header::Proxied(source))
}

fn parse_binary(bytes: &[u8]) -> Result<Option<(Header, usize)>, Malformed> {
    let mut rest = bytes.get(SIGNATURE.len()..).unwrap_or_default();
    if rest.len() < FIXED - SIGNATURE.len() {
        return Ok(None);
    }
    let (command, family, length) = (rest.get_u8(), rest.get_u8(), usize::from(rest.get_u16()));
    let is_local = match command {
        0x20 => true,
        0x21 => false,
        _ => return Err(Malformed("a PROXY header of an unknown version or command")),
    };
    if length > MAX_BINARY - FIXED {
        return Err(Malformed("a PROXY header that is too long"));
    }
    let Some(body) = rest.get(..length) else { return Ok(None) };
    let header = if is_local { Header::Local } else { addresses(family, body)? };
    Ok(Some((header, FIXED + length)))
}

/// The source address of a header of version 2. What follows the addresses is of no use here.
fn addresses(family: u8, mut body: &[u8]) -> Result<Header, Malformed> {
    let needed = match family {
        0x00 => return Ok(Header::Local),
        0x11 => 12,
        0x21 => 36,
        _ => return Err(Malformed("a PROXY header for something else than TCP")),
    };
    if body.len() < needed {
        return Err(Malformed("a PROXY header without its addresses"));
    }
    let source: IpAddr = if family == 0x11 {
        let source = Ipv4Addr::from_bits(body.get_u32());
        body.advance(4);
        source.into()
    } else {
        let source = Ipv6Addr::from_bits(body.get_u128());
        body.advance(16);
        source.into()
    };
    Ok(Header::Proxied(SocketAddr::new(source, body.get_u16())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, body].concat()
    }

    fn v4() -> Vec<u8> {
        vec![203, 0, 113, 9, 10, 0, 0, 1, 0x13, 0x88, 0x01, 0xbb]
    }

    #[test]
    fn headers_tell_the_client() {
        let v6: Vec<u8> = [&Ipv6Addr::LOCALHOST.octets()[..], &[0; 16], &[0, 80, 1, 187]].concat();
        let with_tlv = [&v4()[..], &[0x04, 0, 1, 0xff]].concat();
        for (header, expected) in [
            (b"PROXY TCP4 203.0.113.9 10.0.0.1 5000 443\r\n".to_vec(), Some("203.0.113.9:5000")),
            (b"PROXY TCP6 2001:db8::9 ::1 5000 443\r\n".to_vec(), Some("[2001:db8::9]:5000")),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".to_vec(), None),
            (binary(0x21, 0x11, &v4()), Some("203.0.113.9:5000")),
            (binary(0x21, 0x11, &with_tlv), Some("203.0.113.9:5000")),
            (binary(0x21, 0x21, &v6), Some("[::1]:80")),
            (binary(0x20, 0x00, b""), None),
            (binary(0x21, 0x00, b"x"), None),
        ] {
            let client = match expected {
                Some(client) => Header::Proxied(client.parse().unwrap()),
                None => Header::Local,
            };
            let bytes = [&header[..], b"GET / HTTP/1.1\r\n"].concat();
            assert_eq!(parse(&bytes), Ok(Some((client, header.len()))), "{}", header.escape_ascii());
            for cut in 0..header.len() {
                assert_eq!(parse(&header[..cut]), Ok(None), "{} cut at {cut}", header.escape_ascii());
            }
        }
    }

    #[test]
    fn garbage_is_refused() {
        let long = format!("PROXY UNKNOWN {}", "x".repeat(200));
        for bytes in [
            b"GET / HTTP/1.1\r\n".to_vec(),
            b"PROXY TCP4 203.0.113.9 10.0.0.1 5000\r\n".to_vec(),
            b"PROXY TCP4 203.0.113.9 10.0.0.1 5000 443 1\r\n".to_vec(),
            b"PROXY TCP4  203.0.113.9 10.0.0.1 5000 443\r\n".to_vec(),
            b"PROXY TCP4 ::1 ::1 5000 443\r\n".to_vec(),
            b"PROXY TCP4 203.0.113.9 10.0.0.1 65536 443\r\n".to_vec(),
            b"PROXY TCP4 203.0.113.9 10.0.0.1 +500 443\r\n".to_vec(),
            b"PROXY TCP4 203.0.113.9 10.0.0.1 05000 443\r\n".to_vec(),
            b"PROXY tcp4 203.0.113.9 10.0.0.1 5000 443\r\n".to_vec(),
            b"PROXY TCP4 203.0.113.9 10.0.0.1 5000 443\n".to_vec(),
            b"PROXY UNKNOW\r\n".to_vec(),
            long.into_bytes(),
            binary(0x11, 0x11, &v4()),
            binary(0x22, 0x11, &v4()),
            binary(0x21, 0x12, &v4()),
            binary(0x21, 0x31, &[0; 216]),
            binary(0x21, 0x11, &v4()[..11]),
            binary(0x21, 0x11, &[0; 5000]),
            b"\r\n\r\n\0\r\nQUIT\r".to_vec(),
        ] {
            assert!(parse(&bytes).is_err(), "{}", bytes.escape_ascii());
        }
    }
}
