//! Finds the end of an HTTP/1.1 answer.

use anyhow::{Context, Result};
use memchr::memmem;

/// A whole answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Bytes of the body, without chunk marks.
    pub body: usize,
    /// Bytes in all.
    pub length: usize,
}

enum Framing {
    Length(usize),
    Chunked,
}

impl Answer {
    /// The answer at the start of `bytes`, or none if its end has not come yet.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>> {
        let Some(end) = memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
        let head = std::str::from_utf8(&bytes[..end])?;
        let start = end + 4;
        let status = head.get(9..12).context("no status")?.parse()?;
        let sizes = match framing(head)? {
            Framing::Length(body) => (bytes.len() >= start + body).then_some((body, body)),
            Framing::Chunked => chunks(&bytes[start..])?,
        };
        Ok(sizes.map(|(body, encoded)| Self { status, body, length: start + encoded }))
    }
}

fn framing(head: &str) -> Result<Framing> {
    for line in head.lines().skip(1) {
        let (name, value) = line.split_once(':').context("a header without a colon")?;
        if name.eq_ignore_ascii_case("content-length") {
            return Ok(Framing::Length(value.trim().parse()?));
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Ok(Framing::Chunked);
        }
    }
    Ok(Framing::Length(0))
}

/// Size of a chunked body without and with its marks, or none if its end has not come yet.
fn chunks(bytes: &[u8]) -> Result<Option<(usize, usize)>> {
    let (mut body, mut position) = (0, 0);
    loop {
        let rest = bytes.get(position..).unwrap_or_default();
        let Some(line) = memmem::find(rest, b"\r\n") else { return Ok(None) };
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line])?.trim(), 16)?;
        position += line + 2 + size + 2;
        body += size;
        if position > bytes.len() {
            return Ok(None);
        }
        if size == 0 {
            return Ok(Some((body, position)));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_answer_ends_where_its_framing_says() {
        for (bytes, status, body) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, 2),
            ("HTTP/1.1 404 Not Found\r\ncontent-length:0\r\n\r\n", 404, 0),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nb\r\n01234567890\r\n0\r\n\r\n",
                200,
                14,
            ),
        ] {
            let whole = Answer { status, body, length: bytes.len() };
            assert_eq!(Answer::parse(bytes.as_bytes()).unwrap(), Some(whole));
            for end in 0..bytes.len() {
                assert_eq!(Answer::parse(&bytes.as_bytes()[..end]).unwrap(), None, "{end} bytes of {bytes}");
            }
        }
    }
}
