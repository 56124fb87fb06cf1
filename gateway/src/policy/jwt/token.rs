//! The compact form of a signed token (RFC 7515 section 7.1), taken apart, nothing believed yet.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::algorithm::Algorithm;

/// The longest token that is looked at.
const MAX_TOKEN: usize = 16 << 10;

/// The deepest nesting of a header: `jwk` holds an object, and `x5c` a list.
const MAX_DEPTH: usize = 16;

/// A token's three parts.
#[derive(Debug)]
pub(super) struct Token<'a> {
    /// What the header claims to have been signed by.
    pub(super) algorithm: Algorithm,
    /// Which key it names.
    pub(super) key_id: Option<String>,
    /// The bytes under the signature: header and payload, as they came.
    pub(super) signed: &'a [u8],
    /// The payload, decoded.
    pub(super) payload: Vec<u8>,
    /// The signature, decoded.
    pub(super) signature: Vec<u8>,
}

/// Why a token can't be taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Malformed {
    /// It does not have the form.
    Form,
    /// Its algorithm is `none`, or one that nobody knows.
    Algorithm,
    /// It demands an extension to be understood (RFC 7515 section 4.1.11); none is.
    Critical,
}

#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow)]
    kid: Option<Cow<'a, str>>,
    /// Whether it is there, whatever it holds: `null` demands nothing that could be checked.
    #[serde(default, deserialize_with = "is_there")]
    crit: bool,
}

fn is_there<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_| true)
}

impl<'a> Token<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, Malformed> {
        if text.len() > MAX_TOKEN {
            return Err(Malformed::Form);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Malformed::Form)?;
        let (header, payload) = signed.split_once('.').ok_or(Malformed::Form)?;
        let part = |text: &str| base64url(text.as_bytes()).ok_or(Malformed::Form);
        let header_json = part(header)?;
        // The parser passes over unknown members, however deep they are.
        if is_deeper(&header_json, MAX_DEPTH) {
            return Err(Malformed::Form);
        }
        let header: Header<'_> = serde_json::from_slice(&header_json).map_err(|_| Malformed::Form)?;
        if header.crit {
            return Err(Malformed::Critical);
        }
        Ok(Self {
            algorithm: Algorithm::of(&header.alg).ok_or(Malformed::Algorithm)?,
            key_id: header.kid.map(Cow::into_owned),
            signed: signed.as_bytes(),
            payload: part(payload)?,
            signature: part(signature)?,
        })
    }
}

/// Whether JSON nests deeper than `max`; brackets in strings do not count.
fn is_deeper(json: &[u8], max: usize) -> bool {
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > max {
            return true;
        }
    }
    false
}

/// base64url without padding, as RFC 7515 wants it.
pub(super) fn base64url(text: &[u8]) -> Option<Vec<u8>> {
    base64_simd::URL_SAFE_NO_PAD.decode_to_vec(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(header: &str) -> Result<Algorithm, Malformed> {
        let header = base64_simd::URL_SAFE_NO_PAD.encode_to_string(header);
        Token::parse(&format!("{header}.e30.AA")).map(|token| token.algorithm)
    }

    #[test]
    fn headers_nest_only_so_deep() {
        let nested = |depth: usize| {
            format!(r#"{{"alg":"HS256","x":{}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1))
        };
        let objects = |depth: usize| {
            format!(r#"{{"x":{}1{},"alg":"HS256"}}"#, r#"{"a":"#.repeat(depth), "}".repeat(depth))
        };
        for (header, is_fine) in [
            (r#"{"alg":"HS256","jwk":{"x5c":["a"]}}"#.to_owned(), true),
            (nested(MAX_DEPTH), true),
            (nested(MAX_DEPTH + 1), false),
            (nested(127), false),
            (nested(5000), false),
            (objects(1000), false),
            (format!(r#"{{"alg":"HS256","crit":{}{}}}"#, "[".repeat(500), "]".repeat(500)), false),
            // Only what nests counts.
            (format!(r#"{{"alg":"HS256","x":"{}"}}"#, "[".repeat(500)), true),
            (format!(r#"{{"alg":"HS256","x":"\"{}"}}"#, "{".repeat(500)), true),
            (format!(r#"{{"alg":"HS256","x":[{}1]}}"#, "[],".repeat(500)), true),
        ] {
            let expected = if is_fine { Ok(Algorithm::of("HS256").unwrap()) } else { Err(Malformed::Form) };
            assert_eq!(parsed(&header), expected, "{header:.60}");
        }
    }

    #[test]
    fn long_tokens_are_not_looked_at() {
        let token = |length: usize| format!("e30.e30.{}", "A".repeat(length - 8));
        assert_eq!(Token::parse(&token(MAX_TOKEN + 1)).err(), Some(Malformed::Form));
        assert_eq!(Token::parse(&"e30.e30.AA".repeat(10_000)).err(), Some(Malformed::Form));
    }
}
