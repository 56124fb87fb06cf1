//! Percent-decoding that refuses what it cannot decode.
//!
//! A lenient decoder passes `%zz` and broken UTF-8 on to the service, which then fails later and less clearly
//! (or does not fail at all); here both are the client's mistake and are named as such.

use std::borrow::Cow;

/// Why a piece of a URL could not be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A `%` that no two hexadecimal digits follow.
    Escape,
    /// The decoded octets are not UTF-8, which every protobuf string is.
    Utf8,
}

impl Fault {
    /// The sentence for the client.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Escape => "malformed percent escape: `%` takes two hexadecimal digits",
            Self::Utf8 => "the percent-decoded value is not valid UTF-8",
        }
    }
}

/// Decodes a name or value of a query string, where `+` is a space. Borrowed when nothing is escaped.
pub(crate) fn decode_query(raw: &str) -> Result<Cow<'_, str>, Fault> {
    let bytes = raw.as_bytes();
    if memchr::memchr2(b'%', b'+', bytes).is_none() {
        return Ok(Cow::Borrowed(raw));
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let (octet, tail) = escape(rest).ok_or(Fault::Escape)?;
                out.push(octet);
                rest = tail;
            }
            other => out.push(other),
        }
    }
    String::from_utf8(out).map(Cow::Owned).map_err(|_| Fault::Utf8)
}

/// The octet that two hexadecimal digits spell, and what follows them.
fn escape(rest: &[u8]) -> Option<(u8, &[u8])> {
    let (&[high, low], tail) = rest.split_first_chunk::<2>()?;
    Some((hex(high)? << 4 | hex(low)?, tail))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_decoded_or_refused() {
        let rows: &[(&str, Result<&str, Fault>)] = &[
            ("", Ok("")),
            ("plain", Ok("plain")),
            ("%24%25%2F%20%0A", Ok("$%/ \n")),
            ("Hello+world", Ok("Hello world")),
            ("%2B+%20", Ok("+  ")),
            ("%c3%a9", Ok("é")),
            ("%C3%A9", Ok("é")),
            ("é", Ok("é")),
            ("%00", Ok("\0")),
            ("a%zz", Err(Fault::Escape)),
            ("a%", Err(Fault::Escape)),
            ("a%4", Err(Fault::Escape)),
            ("%+1", Err(Fault::Escape)),
            ("%ff", Err(Fault::Utf8)),
            ("%ed%a0%80", Err(Fault::Utf8)),
            ("%c3", Err(Fault::Utf8)),
        ];
        for (raw, expected) in rows {
            assert_eq!(decode_query(raw).as_deref(), expected.as_ref().map(|text| *text), "{raw}");
        }
    }
}
