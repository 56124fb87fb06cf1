//! The keys that may have signed a token, parsed once: a secret, a PEM file, or a key set (RFC 7517).

use aws_lc_rs::hmac;
use aws_lc_rs::rsa::PublicKey;
use aws_lc_rs::signature::{ParsedPublicKey, RsaPublicKeyComponents};
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject;
use serde::Deserialize;

use super::algorithm::{Algorithm, Family};
use super::token::{self, Token};
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

enum Verifier {
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
    pub(super) fn jwks(json: &[u8], algorithms: &[Algorithm]) -> Result<(Self, Vec<Finding>), Problem> {
        // Some editors and servers write a byte order mark.
        let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
        let set: Jwks = serde_json::from_slice(json).map_err(|error| unreadable_set(&error))?;
        let mut keys = Vec::new();
        let mut findings = Vec::new();
        for (position, jwk) in set.keys.into_iter().take(MAX_KEYS).enumerate() {
            let Ok(jwk) = serde_json::from_value::<Jwk>(jwk) else { continue };
            for &algorithm in algorithms.iter().filter(|algorithm| jwk.is_for(**algorithm)) {
                match jwk.verifier(algorithm) {
                    Ok(verifier) => keys.push(Key { id: jwk.kid.clone(), algorithm, verifier }),
                    Err(why) => {
                        let key = jwk.kid.clone().unwrap_or_else(|| position.to_string());
                        findings.push(Finding::new("jwks", Problem::JwksKeySkipped { key, why }));
                    }
                }
            }
        }
        if keys.is_empty() {
            let names: Vec<_> = algorithms.iter().map(|algorithm| algorithm.name()).collect();
            return Err(Problem::JwksUseless(names.join(", ")));
        }
        Ok((Self { keys }, findings))
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
fn check_bits(modulus: &[u8]) -> Result<(), Problem> {
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

/// The members that matter here (RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2).
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    k: Option<String>,
}

impl Jwk {
    /// Whether the key may verify signatures by this algorithm.
    fn is_for(&self, algorithm: Algorithm) -> bool {
        let (kty, crv) = match algorithm.family() {
            Family::Hmac => ("oct", None),
            Family::Rsa => ("RSA", None),
            Family::P256 => ("EC", Some("P-256")),
            Family::P384 => ("EC", Some("P-384")),
            Family::Ed25519 => ("OKP", Some("Ed25519")),
        };
        self.kty == kty
            && (crv.is_none() || self.crv.as_deref() == crv)
            && self.alg.as_deref().is_none_or(|alg| alg == algorithm.name())
            && self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && self.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"))
    }

    fn verifier(&self, algorithm: Algorithm) -> Result<Verifier, String> {
        if let Some((hash, wanted)) = algorithm.hmac() {
            let secret = member(&self.k, "k")?;
            if secret.len() < wanted {
                return Err(format!("its secret has {} bytes, {algorithm} asks for {wanted}", secret.len()));
            }
            return Ok(Verifier::Secret(Box::new(hmac::Key::new(hash, &secret))));
        }
        if let Some(parameters) = algorithm.rsa() {
            let (n, e) = (member(&self.n, "n")?, member(&self.e, "e")?);
            let (n, e) = (without_zeros(&n), without_zeros(&e));
            check_bits(n).map_err(|problem| problem.to_string())?;
            let key = RsaPublicKeyComponents { n, e }.to_parsed_public_key(parameters);
            return key.map(Verifier::Public).map_err(|_| "`n` and `e` make no RSA key".to_owned());
        }
        let mut point = Vec::with_capacity(97);
        if algorithm.family() != Family::Ed25519 {
            // An uncompressed point (SEC 1 section 2.3.3).
            point.push(4);
        }
        point.extend(member(&self.x, "x")?);
        if algorithm.family() != Family::Ed25519 {
            point.extend(member(&self.y, "y")?);
        }
        let verification = algorithm.public().ok_or_else(|| "it is no public key".to_owned())?;
        let key = ParsedPublicKey::new(verification, point);
        key.map(Verifier::Public).map_err(|_| format!("it is not {}", algorithm.family().describe()))
    }
}

fn member(value: &Option<String>, name: &str) -> Result<Vec<u8>, String> {
    let text = value.as_deref().ok_or_else(|| format!("it has no `{name}`"))?;
    token::base64url(text.as_bytes()).ok_or_else(|| format!("`{name}` is not base64url"))
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let first = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    number.get(first..).unwrap_or_default()
}
