//! The compact form of a signed token (RFC 7515 section 7.1), taken apart, nothing believed yet.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::algorithm::Algorithm;

/// The longest token that is looked at.
const MAX_TOKEN: usize = 16 << 10;

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

/// base64url without padding, as RFC 7515 wants it.
pub(super) fn base64url(text: &[u8]) -> Option<Vec<u8>> {
    base64_simd::URL_SAFE_NO_PAD.decode_to_vec(text).ok()
}
