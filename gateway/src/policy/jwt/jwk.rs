//! One key of a key set (RFC 7517), and the reasons for which it is of no use.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ParsedPublicKey, RsaPublicKeyComponents};
use serde_json::Value;

use super::algorithm::{Algorithm, Family};
use super::keys::{Verifier, check_bits, without_zeros};

/// The longest value that a reason quotes, in characters.
const MAX_QUOTED: usize = 40;

/// The members that matter here (RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2).
pub(super) struct Jwk<'v> {
    kty: &'v str,
    kid: Option<&'v str>,
    alg: Option<&'v str>,
    usage: Option<&'v str>,
    key_ops: Option<Vec<&'v str>>,
    crv: Option<&'v str>,
    /// The members in base64url.
    numbers: [(&'static str, Option<&'v str>); 5],
}

/// The name of a key in reports: its `kid`, else its position in the set.
pub(super) fn name(value: &Value, position: usize) -> String {
    let id = value.get("kid").and_then(Value::as_str);
    id.map_or_else(|| position.to_string(), |id| id.chars().take(MAX_QUOTED).collect())
}

impl<'v> Jwk<'v> {
    /// Reads a key.
    ///
    /// # Errors
    /// The reason for which it is none. It quotes no value, for that may be a secret.
    pub(super) fn read(value: &'v Value) -> Result<Self, String> {
        let members = value.as_object().ok_or("it is not an object")?;
        let text = |name: &str| match members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(format!("its `{name}` is not a string")),
        };
        let key_ops = match members.get("key_ops") {
            None | Some(Value::Null) => None,
            Some(Value::Array(operations)) => Some(operations.iter().filter_map(Value::as_str).collect()),
            Some(_) => return Err("its `key_ops` is not a list".to_owned()),
        };
        Ok(Self {
            kty: text("kty")?.ok_or("it has no `kty`")?,
            kid: text("kid")?,
            alg: text("alg")?,
            usage: text("use")?,
            key_ops,
            crv: text("crv")?,
            numbers: [
                ("n", text("n")?),
                ("e", text("e")?),
                ("x", text("x")?),
                ("y", text("y")?),
                ("k", text("k")?),
            ],
        })
    }

    pub(super) fn kid(&self) -> Option<String> {
        self.kid.map(str::to_owned)
    }

    /// The algorithms among these by which the key may verify signatures.
    ///
    /// # Errors
    /// The reason for which there are none.
    pub(super) fn suited(&self, algorithms: &[Algorithm]) -> Result<Vec<Algorithm>, String> {
        if let Some(usage) = self.usage.filter(|usage| *usage != "sig") {
            return Err(format!("its `use` is {}, not \"sig\"", quoted(usage)));
        }
        if self.key_ops.as_ref().is_some_and(|operations| !operations.contains(&"verify")) {
            return Err("its `key_ops` has no \"verify\"".to_owned());
        }
        if let Some(alg) = self.alg.filter(|alg| algorithms.iter().all(|algorithm| algorithm.name() != *alg))
        {
            return Err(format!("its `alg` is {}, which `algorithms` does not list", quoted(alg)));
        }
        let of_kind = algorithms.iter().copied().filter(|algorithm| self.is_of(algorithm.family()));
        let of_kind: Vec<_> = of_kind.collect();
        if of_kind.is_empty() {
            let curve = self.crv.map(|crv| format!(" with `crv` {}", quoted(crv))).unwrap_or_default();
            return Err(format!("its `kty` is {}{curve}, which `algorithms` does not use", quoted(self.kty)));
        }
        let is_named = |algorithm: &Algorithm| self.alg.is_none_or(|alg| alg == algorithm.name());
        let suited: Vec<_> = of_kind.into_iter().filter(is_named).collect();
        if suited.is_empty() {
            let (kty, alg) = (quoted(self.kty), quoted(self.alg.unwrap_or_default()));
            return Err(format!("its `kty` is {kty}, which does not go with its `alg` {alg}"));
        }
        Ok(suited)
    }

    fn is_of(&self, family: Family) -> bool {
        let (kty, crv) = match family {
            Family::Hmac => ("oct", None),
            Family::Rsa => ("RSA", None),
            Family::P256 => ("EC", Some("P-256")),
            Family::P384 => ("EC", Some("P-384")),
            Family::Ed25519 => ("OKP", Some("Ed25519")),
        };
        self.kty == kty && (crv.is_none() || self.crv == crv)
    }

    /// Makes what verifies signatures.
    ///
    /// # Errors
    /// The reason for which the key cannot.
    pub(super) fn verifier(&self, algorithm: Algorithm) -> Result<Verifier, String> {
        if let Some((hash, wanted)) = algorithm.hmac() {
            let secret = self.number("k")?;
            if secret.len() < wanted {
                return Err(format!("its secret has {} bytes, {algorithm} asks for {wanted}", secret.len()));
            }
            return Ok(Verifier::Secret(Box::new(hmac::Key::new(hash, &secret))));
        }
        if let Some(parameters) = algorithm.rsa() {
            let (n, e) = (self.number("n")?, self.number("e")?);
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
        point.extend(self.number("x")?);
        if algorithm.family() != Family::Ed25519 {
            point.extend(self.number("y")?);
        }
        let verification = algorithm.public().ok_or_else(|| "it is no public key".to_owned())?;
        let key = ParsedPublicKey::new(verification, point);
        key.map(Verifier::Public).map_err(|_| format!("it is not {}", algorithm.family().describe()))
    }

    /// Bytes in base64url (RFC 7515 section 2). Padding, the standard alphabet and line breaks are accepted: issuers write
    /// them, other verifiers read them, and no two readings of such text differ.
    fn number(&self, name: &str) -> Result<Vec<u8>, String> {
        let found = self.numbers.iter().find(|(known, _)| *known == name).and_then(|(_, text)| *text);
        let text = found.ok_or_else(|| format!("it has no `{name}`"))?;
        let broken = || format!("`{name}` is not base64url");
        let plain: Vec<u8> = text
            .bytes()
            .filter(|byte| !byte.is_ascii_whitespace())
            .map(|byte| match byte {
                b'+' => b'-',
                b'/' => b'_',
                byte => byte,
            })
            .collect();
        let digits = plain.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
        let padding = plain.len() - digits;
        if padding > 2 || (padding > 0 && !plain.len().is_multiple_of(4)) {
            return Err(broken());
        }
        let digits = plain.get(..digits).unwrap_or_default();
        base64_simd::URL_SAFE_NO_PAD.decode_to_vec(digits).map_err(|_| broken())
    }

    /// The member that is not written as RFC 7518 requires it, with what is wrong.
    pub(super) fn leniency(&self) -> Option<String> {
        self.numbers.iter().find_map(|(name, text)| {
            let text = text.as_ref()?;
            let what = if text.contains(|c: char| c.is_ascii_whitespace()) {
                "has blanks or line breaks"
            } else if text.contains(['+', '/']) {
                "is in standard base64"
            } else if text.ends_with('=') {
                "is padded"
            } else {
                return None;
            };
            self.number(name).ok().map(|_| format!("`{name}` {what}"))
        })
    }
}

/// A value of a public member, short and on one line.
fn quoted(text: &str) -> String {
    let short: String = text.chars().take(MAX_QUOTED).collect();
    format!("{short:?}")
}
