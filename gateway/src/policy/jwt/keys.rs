//! The keys that may have signed a token, parsed once: a secret, a PEM file, or a key set (RFC 7517).

use aws_lc_rs::hmac;
use aws_lc_rs::rsa::PublicKey;
use aws_lc_rs::signature::ParsedPublicKey;
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject;
use serde::Deserialize;

use super::algorithm::{Algorithm, Family};
use super::jwk::{self, Jwk};
use super::token::Token;
use crate::policy::finding::{Finding, Problem};
use crate::policy::pem::pem_text;

/// Keys of a set beyond these are not looked at.
const MAX_KEYS: usize = 100;
/// Keys that are tried for a token that does not say which one signed it: what bounds the work for a forged one.
const MAX_TRIES: usize = 8;
/// Secrets shorter than this fall to guessing within hours.
const MIN_SECRET: usize = 16;

/// The keys of one issuer, each bound to one pinned algorithm.
#[derive(Debug)]
pub(super) struct KeySet {
    keys: Vec<Key>,
}

#[derive(Debug)]
struct Key {
    /// A set's name for it; a secret and a PEM file have none, and are tried whatever the token says.
    id: Option<String>,
    algorithm: Algorithm,
    verifier: Verifier,
}

pub(super) enum Verifier {
    Secret(Box<hmac::Key>),
    Public(ParsedPublicKey),
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Secret(_) => "Secret",
            Self::Public(_) => "Public",
        })
    }
}

/// What the keys say of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// One of them signed it.
    Genuine,
    /// The key that it names, with its algorithm, is none of them.
    UnknownKey,
    /// None of those that it may have been signed by did, and the token or a key does not say which is meant: a key that is
    /// newer than the set may have.
    Unproven,
    /// The key that it names did not sign it, whatever the token says.
    Forged,
}

impl Verdict {
    /// Whether a newer key set may say otherwise.
    pub(super) const fn may_be_outdated(self) -> bool {
        matches!(self, Self::UnknownKey | Self::Unproven)
    }
}

impl KeySet {
    /// Keys made of a shared secret.
    pub(super) fn secret(secret: &[u8], algorithms: &[Algorithm], findings: &mut Vec<Finding>) -> Self {
        let mut keys = Vec::with_capacity(algorithms.len());
        if secret.is_empty() {
            findings.push(Finding::new("secret", Problem::SecretEmpty));
        } else if secret.len() < MIN_SECRET {
            findings.push(Finding::new("secret", Problem::SecretWeak { bytes: secret.len() }));
        }
        for &algorithm in algorithms {
            let Some((hash, wanted)) = algorithm.hmac() else {
                findings.push(mismatch(algorithm, "a secret"));
                continue;
            };
            if (MIN_SECRET..wanted).contains(&secret.len()) {
                let (bytes, algorithm) = (secret.len(), algorithm.name());
                findings.push(Finding::new("secret", Problem::SecretShort { bytes, algorithm, wanted }));
            }
            let verifier = Verifier::Secret(Box::new(hmac::Key::new(hash, secret)));
            keys.push(Key { id: None, algorithm, verifier });
        }
        Self { keys }
    }

    /// The public key of a PEM file.
    pub(super) fn pem(pem: &[u8], algorithms: &[Algorithm], findings: &mut Vec<Finding>) -> Self {
        let der = match SubjectPublicKeyInfoDer::from_pem_slice(pem) {
            Ok(der) => der,
            Err(error) => {
                let why = unreadable(pem).unwrap_or_else(|| pem_text(&error));
                findings.push(Finding::new("key", Problem::KeyUnreadable(why)));
                return Self { keys: Vec::new() };
            }
        };
        let mut keys = Vec::with_capacity(algorithms.len());
        for &algorithm in algorithms {
            match spki(algorithm, &der) {
                Ok(verifier) => keys.push(Key { id: None, algorithm, verifier }),
                Err(problem) => findings.push(Finding::new("key", problem)),
            }
        }
        Self { keys }
    }

    /// A key set as JSON. Keys that are of no use here are left out, with a warning where that may be a mistake.
    ///
    /// # Errors
    /// When no key is of use; the problem then says why for each.
    pub(super) fn jwks(json: &[u8], algorithms: &[Algorithm]) -> Result<(Self, Vec<Finding>), Problem> {
        let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
        let set: Jwks = serde_json::from_slice(json).map_err(|error| unreadable_set(&error))?;
        let mut keys = Vec::new();
        let mut findings = Vec::new();
        let mut left_out = Vec::new();
        for (position, value) in set.keys.iter().take(MAX_KEYS).enumerate() {
            let key = jwk::name(value, position);
            match Jwk::read(value).and_then(|jwk| jwk.suited(algorithms).map(|suited| (jwk, suited))) {
                // Sets also hold keys of other kinds, as those for encryption.
                Err(why) => left_out.push((key, why)),
                Ok((jwk, suited)) => {
                    if let Some(why) = jwk.leniency() {
                        let key = key.clone();
                        findings.push(Finding::new("jwks", Problem::JwksKeyLenient { key, why }));
                    }
                    for algorithm in suited {
                        match jwk.verifier(algorithm) {
                            Ok(verifier) => keys.push(Key { id: jwk.kid(), algorithm, verifier }),
                            Err(why) => {
                                let skipped = Problem::JwksKeySkipped { key: key.clone(), why: why.clone() };
                                if !findings.iter().any(|found| found.problem == skipped) {
                                    findings.push(Finding::new("jwks", skipped));
                                    left_out.push((key.clone(), why));
                                }
                            }
                        }
                    }
                }
            }
        }
        if keys.is_empty() {
            let names: Vec<_> = algorithms.iter().map(|algorithm| algorithm.name()).collect();
            return Err(Problem::JwksUseless { algorithms: names.join(", "), left_out });
        }
        Ok((Self { keys }, findings))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether one of the keys signed the token, by the algorithm that it names and that key is for.
    pub(super) fn judge(&self, token: &Token<'_>) -> Verdict {
        let mut verdict = Verdict::UnknownKey;
        for key in self.candidates(token).take(MAX_TRIES) {
            if key.verifies(token) {
                return Verdict::Genuine;
            }
            if key.id.is_some() && token.key_id.is_some() {
                verdict = Verdict::Forged;
            } else if verdict == Verdict::UnknownKey {
                verdict = Verdict::Unproven;
            }
        }
        verdict
    }

    fn candidates<'a>(&'a self, token: &'a Token<'_>) -> impl Iterator<Item = &'a Key> {
        self.keys.iter().filter(move |key| {
            let named = match (&key.id, &token.key_id) {
                (Some(id), Some(wanted)) => id == wanted,
                (None, _) | (_, None) => true,
            };
            named && key.algorithm == token.algorithm
        })
    }
}

impl Key {
    fn verifies(&self, token: &Token<'_>) -> bool {
        match &self.verifier {
            Verifier::Secret(key) => hmac::verify(key, token.signed, &token.signature).is_ok(),
            Verifier::Public(key) => key.verify_sig(token.signed, &token.signature).is_ok(),
        }
    }
}

/// What a file holds instead of a public key, if that can be told.
fn unreadable(pem: &[u8]) -> Option<String> {
    let holds = |label: &[u8]| pem.windows(label.len()).any(|window| window == label);
    let what = if holds(b"PRIVATE KEY-----") {
        "it is a private one, which belongs to the issuer alone"
    } else if holds(b"CERTIFICATE-----") {
        "it is a certificate: take its key by `openssl x509 -pubkey -noout`"
    } else if !holds(b"-----BEGIN") {
        "it is not PEM"
    } else {
        return None;
    };
    Some(what.to_owned())
}

/// What is wrong with a key set, without the values that serde_json would quote: they may be secrets.
fn unreadable_set(error: &serde_json::Error) -> Problem {
    let (line, column) = (error.line(), error.column());
    Problem::JwksUnreadable(match error.classify() {
        serde_json::error::Category::Data => format!("no list of `keys`, line {line} column {column}"),
        _ => format!("not JSON, line {line} column {column}"),
    })
}

fn mismatch(algorithm: Algorithm, key: &'static str) -> Finding {
    Finding::new("algorithms", Problem::KeyMismatch { algorithm: algorithm.name(), key })
}

/// A key in the form of X.509 (RFC 5280 section 4.1.2.7).
fn spki(algorithm: Algorithm, der: &[u8]) -> Result<Verifier, Problem> {
    let Some(verification) = algorithm.public() else {
        return Err(Problem::KeyMismatch { algorithm: algorithm.name(), key: "a public key" });
    };
    if algorithm.family() == Family::Rsa
        && let Ok(rsa) = PublicKey::from_der(der)
    {
        check_bits(modulus(rsa.as_ref()).unwrap_or_default())?;
    }
    let (algorithm, family) = (algorithm.name(), algorithm.family().describe());
    let key = ParsedPublicKey::new(verification, der).map_err(|_| Problem::KeyKind { algorithm, family })?;
    Ok(Verifier::Public(key))
}

/// Whether a modulus is of a size that signatures are verified with: the library reads keys of other sizes, and then
/// refuses whatever they have signed.
pub(super) fn check_bits(modulus: &[u8]) -> Result<(), Problem> {
    let number = without_zeros(modulus);
    let unused = number.first().map_or(0, |byte| byte.leading_zeros() as usize);
    match number.len() * 8 - unused {
        bits @ ..2048 => Err(Problem::RsaTooSmall(bits)),
        2048..=8192 => Ok(()),
        bits => Err(Problem::RsaTooLarge(bits)),
    }
}

/// The modulus of an RSAPublicKey (RFC 8017 appendix A.1.1), the first number of a sequence.
fn modulus(key: &[u8]) -> Option<&[u8]> {
    content(content(key)?)
}

/// The content of a DER element.
fn content(der: &[u8]) -> Option<&[u8]> {
    let (first, rest) = der.get(1..)?.split_first()?;
    if *first < 0x80 {
        return rest.get(..usize::from(*first));
    }
    let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
    let len =
        bytes.iter().try_fold(0usize, |len, byte| len.checked_mul(256)?.checked_add(usize::from(*byte)))?;
    rest.get(..len)
}

#[derive(Deserialize)]
struct Jwks {
    /// One key that makes no sense must not take the others with it.
    keys: Vec<serde_json::Value>,
}

pub(super) fn without_zeros(number: &[u8]) -> &[u8] {
    let first = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    number.get(first..).unwrap_or_default()
}
