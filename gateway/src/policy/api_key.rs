//! API keys: who the caller is, by a secret in a header. Only hashes of the keys are known here.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::finding::{Finding, Problem};
use super::headers::is_plain;
use super::refusal::{Reason, Refusal};

/// The metadata under which the client's name goes upstream.
pub const X_API_CLIENT: HeaderName = HeaderName::from_static("x-api-client");

/// An API-key policy as it is declared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ApiKeySpec {
    /// The header that carries the key. It does not go upstream.
    pub header: HeaderName,
    /// Clients and the SHA-256 hashes of their keys in hex. A client may have several, to change them without a gap.
    pub keys: Vec<(String, String)>,
    /// The status for a key that no client has: 403 or 401.
    pub refused: StatusCode,
}

/// An API-key policy, compiled.
#[derive(Debug)]
pub(super) struct ApiKeys {
    pub(super) header: HeaderName,
    /// By the hashes of their keys. How long a look-up takes tells nothing: nobody can choose the hash of a guess.
    clients: HashMap<[u8; 32], ClientName>,
    challenge: HeaderValue,
    refused: StatusCode,
}

/// A client that is known by its key.
#[derive(Debug, Clone)]
pub(super) struct ClientName {
    pub(super) name: Arc<str>,
    /// The same, as metadata.
    pub(super) value: HeaderValue,
}

impl ApiKeys {
    pub(super) fn compile(spec: &ApiKeySpec) -> Result<Self, Vec<Finding>> {
        let mut findings = Vec::new();
        let mut clients: HashMap<[u8; 32], ClientName> = HashMap::with_capacity(spec.keys.len());
        for (name, hex) in &spec.keys {
            let added = client(name, hex).and_then(|(hash, client)| match clients.entry(hash) {
                Entry::Vacant(free) => {
                    free.insert(client);
                    Ok(())
                }
                Entry::Occupied(other) => Err(twice(&other.get().name, name)),
            });
            findings.extend(added.err().map(|problem| Finding::new("file", problem)));
        }
        if spec.keys.is_empty() {
            findings.push(Finding::new("file", Problem::NoApiKeys));
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        let challenge = HeaderValue::from_str(&format!("ApiKey header=\"{}\"", spec.header))
            .unwrap_or(HeaderValue::from_static("ApiKey"));
        Ok(Self { header: spec.header.clone(), clients, challenge, refused: spec.refused })
    }

    /// The client whose key the request carries.
    pub(super) fn identify(&self, headers: &HeaderMap) -> Result<ClientName, Refusal> {
        let mut values = headers.get_all(&self.header).iter();
        let Some(key) = values.next().filter(|value| !value.is_empty()) else {
            let message = format!("a key is needed: send it as `{}`", self.header);
            return Err(Refusal::new(Reason::AuthMissing, message).challenge(self.challenge.clone()));
        };
        let found = self.clients.get(digest(&SHA256, key.as_bytes()).as_ref());
        match (found, values.next()) {
            (Some(client), None) => Ok(client.clone()),
            _ => Err(self.refuse_unknown()),
        }
    }
}

impl ApiKeys {
    /// A 401 names the way to authenticate (RFC 9110 section 15.5.2).
    fn refuse_unknown(&self) -> Refusal {
        let refusal =
            Refusal::new(Reason::ApiKeyInvalid, "the key is not known here").with_status(self.refused);
        match self.refused {
            StatusCode::UNAUTHORIZED => refusal.challenge(self.challenge.clone()),
            _ => refusal,
        }
    }
}

fn twice(first: &str, second: &str) -> Problem {
    match first == second {
        true => Problem::ApiKeyRepeated(first.to_owned()),
        false => Problem::ApiKeyTwice { first: first.to_owned(), second: second.to_owned() },
    }
}

fn client(name: &str, hex: &str) -> Result<([u8; 32], ClientName), Problem> {
    let hash = parse_hash(hex).ok_or_else(|| Problem::ApiKeyHash(name.to_owned()))?;
    let value = HeaderValue::from_str(name).ok().filter(|_| !name.is_empty() && is_plain(name.as_bytes()));
    let value = value.ok_or_else(|| Problem::ClientName(name.to_owned()))?;
    Ok((hash, ClientName { name: name.into(), value }))
}

/// Whether a text is the hash of a key, as files write it.
pub fn is_key_hash(text: &str) -> bool {
    parse_hash(text).is_some()
}

/// 64 hex digits, as `sha256sum` prints them; `sha256:` may stand before them.
fn parse_hash(hex: &str) -> Option<[u8; 32]> {
    let hex = hex.strip_prefix("sha256:").unwrap_or(hex);
    let (pairs, []) = hex.as_bytes().as_chunks::<2>() else { return None };
    let mut hash = [0; 32];
    if pairs.len() != hash.len() {
        return None;
    }
    for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
        let (high, low) = (char::from(*high).to_digit(16)?, char::from(*low).to_digit(16)?);
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf %s wonder | sha256sum`
    fn hash(key: &str) -> String {
        digest(&SHA256, key.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn spec(keys: &[(&str, String)]) -> ApiKeySpec {
        ApiKeySpec {
            header: HeaderName::from_static("x-api-key"),
            keys: keys.iter().map(|(name, hash)| ((*name).to_owned(), hash.clone())).collect(),
            refused: StatusCode::FORBIDDEN,
        }
    }

    fn identify(keys: &ApiKeys, sent: &[&'static str]) -> Result<String, Reason> {
        let headers = sent
            .iter()
            .map(|key| (keys.header.clone(), HeaderValue::from_static(key)))
            .collect::<HeaderMap>();
        keys.identify(&headers).map(|client| client.name.to_string()).map_err(|refusal| refusal.reason())
    }

    #[test]
    fn a_client_is_known_by_any_of_its_keys() {
        let keys = ApiKeys::compile(&spec(&[
            ("acme", hash("old")),
            ("acme", format!("sha256:{}", hash("new"))),
            ("umbrella", hash("other").to_uppercase()),
        ]))
        .unwrap();
        let table: &[(&[&'static str], Result<&str, Reason>)] = &[
            (&["old"], Ok("acme")),
            (&["new"], Ok("acme")),
            (&["other"], Ok("umbrella")),
            (&["wrong"], Err(Reason::ApiKeyInvalid)),
            (&["old", "new"], Err(Reason::ApiKeyInvalid)),
            (&[], Err(Reason::AuthMissing)),
            (&[""], Err(Reason::AuthMissing)),
        ];
        for (sent, expected) in table {
            assert_eq!(identify(&keys, sent).as_deref(), expected.as_deref(), "{sent:?}");
        }
        // The hash itself opens nothing.
        let leaked: &'static str = Box::leak(hash("old").into_boxed_str());
        assert_eq!(identify(&keys, &[leaked]), Err(Reason::ApiKeyInvalid));
    }

    #[test]
    fn without_a_key_the_answer_says_how() {
        let keys = ApiKeys::compile(&spec(&[("a", hash("k"))])).unwrap();
        let refusal = keys.identify(&HeaderMap::new()).unwrap_err();
        assert_eq!(refusal.headers()["www-authenticate"], "ApiKey header=\"x-api-key\"");
    }

    #[test]
    fn files_with_mistakes_are_refused_whole() {
        let problems = |spec: &ApiKeySpec| -> Vec<Problem> {
            ApiKeys::compile(spec).unwrap_err().into_iter().map(|finding| finding.problem).collect()
        };
        assert_eq!(problems(&spec(&[])), [Problem::NoApiKeys]);
        assert_eq!(
            problems(&spec(&[
                ("a", "secret".into()),
                ("b", hash("k")),
                ("c", hash("k")),
                ("d\n", hash("l")),
                ("e ", hash("m"))
            ])),
            [
                Problem::ApiKeyHash("a".into()),
                Problem::ApiKeyTwice { first: "b".into(), second: "c".into() },
                Problem::ClientName("d\n".into()),
                Problem::ClientName("e ".into()),
            ]
        );
        assert_eq!(problems(&spec(&[("a", "zz".repeat(32))])), [Problem::ApiKeyHash("a".into())]);
    }
}
