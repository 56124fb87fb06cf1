//! JSON Web Tokens (RFC 7519): who the caller is, by the signature of an issuer that is trusted.
//!
//! The cryptography is aws-lc's, which TLS brings along; the rest is strict and small, and every key is parsed once, at
//! load. What decides which key and which algorithm verify a token is the configuration: the token's header only chooses
//! among the pinned (RFC 8725 sections 3.1 and 3.2). Times are checked against an argument, never a clock.

mod algorithm;
mod declared;
mod fetch;
mod jwk;
mod keys;
mod remote;
mod token;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value};

use super::claims::{ClaimName, Claims};
use super::finding::{Finding, Problem};
use super::headers::Encoding;
use super::refusal::{Reason, Refusal};
use super::state::State;

pub use algorithm::Algorithm;
pub use declared::check_jwt;
use keys::{KeySet, Verdict};
pub(super) use remote::{KeysUrl, RemoteKeys};
use token::{Malformed, Token};

/// How far clocks may be apart, unless the spec says otherwise.
pub const DEFAULT_LEEWAY: Duration = Duration::from_secs(5);

/// A JWT policy as it is declared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JwtSpec {
    /// What verifies the signatures.
    pub keys: KeySource,
    /// What may have been signed with; never empty, and of one kind.
    pub algorithms: Vec<Algorithm>,
    /// `iss` must be this.
    pub issuer: Option<String>,
    /// `aud` must contain one of these.
    pub audiences: Vec<String>,
    /// How far the issuer's clock may be off.
    pub leeway: Duration,
    /// The status for a token that is not valid or has expired: 403, or 401 as RFC 6750 section 3.1 has it.
    pub refused: StatusCode,
    /// Claims that go upstream, and under which names.
    pub forward: Vec<(ClaimName, HeaderName)>,
    /// How the values of these claims are sent.
    pub encoding: Encoding,
}

/// What verifies signatures. Files are given by their content.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum KeySource {
    /// `secret`: shared with the issuer.
    Secret(Arc<[u8]>),
    /// `key`: a public key as PEM.
    Pem(Arc<[u8]>),
    /// `jwks`, a file: a key set as JSON.
    Jwks(Arc<[u8]>),
    /// `jwks`, a URL: a key set that is fetched, and fetched again.
    JwksUrl(String),
}

impl KeySource {
    /// What kind of keys they are, and for a URL where they lie, without anything that is for nobody's eyes.
    pub fn describe(&self) -> String {
        match self {
            Self::Secret(_) => "a secret".to_owned(),
            Self::Pem(_) => "a public key".to_owned(),
            Self::Jwks(_) => "a key set".to_owned(),
            Self::JwksUrl(url) => {
                format!("the key set at {}", url.split(['?', '#']).next().unwrap_or_default())
            }
        }
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The secret never reaches a log.
        f.write_str(&self.describe())
    }
}

/// A JWT policy, compiled.
#[derive(Debug)]
pub(super) struct JwtPlan {
    name: Arc<str>,
    keys: PlanKeys,
    algorithms: Vec<Algorithm>,
    issuer: Option<String>,
    audiences: Vec<String>,
    leeway: Duration,
    refused: StatusCode,
    pub(super) forward: Vec<(ClaimName, HeaderName)>,
    pub(super) encoding: Encoding,
    /// `Bearer realm="…"`
    challenge: HeaderValue,
}

#[derive(Debug)]
enum PlanKeys {
    Fixed(KeySet),
    Url(KeysUrl),
}

impl JwtPlan {
    /// Compiles a spec; warnings come with the plan, errors instead of it, all at once.
    pub(super) fn compile(name: &str, spec: &JwtSpec) -> Result<(Self, Vec<Finding>), Vec<Finding>> {
        let mut findings = check_jwt(&spec.algorithms, &spec.forward, &spec.audiences);
        // What does not go together goes with no key.
        let mixed = findings.iter().any(|finding| finding.problem == Problem::MixedAlgorithms);
        let keys = if mixed { None } else { compile_keys(spec, &mut findings) };
        let challenge = HeaderValue::from_str(&format!("Bearer realm=\"{}\"", realm(name)));
        match (keys, challenge) {
            (Some(keys), Ok(challenge)) if !findings.iter().any(Finding::is_error) => {
                let plan = Self {
                    name: name.into(),
                    keys,
                    algorithms: spec.algorithms.clone(),
                    issuer: spec.issuer.clone(),
                    audiences: spec.audiences.clone(),
                    leeway: spec.leeway,
                    refused: spec.refused,
                    forward: spec.forward.clone(),
                    encoding: spec.encoding,
                    challenge,
                };
                Ok((plan, findings))
            }
            _ => Err(findings),
        }
    }

    /// Makes it run: fetched keys are fetched from now on, or go on being fetched.
    pub(super) fn bind(self: &Arc<Self>, state: &State) -> Jwt {
        let remote = match &self.keys {
            PlanKeys::Fixed(_) => None,
            PlanKeys::Url(url) => Some(state.remote_keys(url)),
        };
        Jwt { plan: Arc::clone(self), remote }
    }

    /// The signature is good: does the rest hold?
    fn check_claims(&self, payload: &[u8], unix: Duration) -> Result<Claims, Rejection> {
        let claims: Map<String, Value> =
            serde_json::from_slice(payload).map_err(|_| Rejection::Malformed(Malformed::Form))?;
        let claims = Claims::new(claims);
        let seconds = |name| claims.value(name).map(|value| value.as_f64().ok_or(Rejection::Times));
        let (now, leeway) = (unix.as_secs_f64(), self.leeway.as_secs_f64());
        let expires = seconds("exp").unwrap_or(Err(Rejection::NoExpiry))?;
        if now >= expires + leeway {
            return Err(Rejection::Expired);
        }
        if let Some(not_before) = seconds("nbf").transpose()?
            && now + leeway < not_before
        {
            return Err(Rejection::NotYet);
        }
        let issuer = claims.value("iss").and_then(Value::as_str);
        if self.issuer.is_some() && issuer != self.issuer.as_deref() {
            return Err(Rejection::Issuer);
        }
        if !self.audiences.is_empty() && !self.is_addressed(claims.value("aud")) {
            return Err(Rejection::Audience);
        }
        Ok(claims)
    }

    /// `aud` is one name or a list of them (RFC 7519 section 4.1.3).
    fn is_addressed(&self, audience: Option<&Value>) -> bool {
        let is_ours =
            |value: &Value| value.as_str().is_some_and(|name| self.audiences.iter().any(|a| a == name));
        match audience {
            Some(Value::Array(list)) => list.iter().any(is_ours),
            Some(value) => is_ours(value),
            None => false,
        }
    }

    fn refuse(&self, rejection: Rejection) -> Refusal {
        let reason = match rejection {
            Rejection::Expired => Reason::AuthExpired,
            _ => Reason::AuthInvalid,
        };
        let message = rejection.message();
        let refusal = Refusal::new(reason, message).with_status(self.refused);
        self.describe(refusal, "invalid_token", message)
    }

    /// The token is good, but does not grant what the route asks for.
    pub(super) fn lacks_scope(&self, scope: &str) -> Refusal {
        let message = format!("the token does not grant the scope `{scope}`");
        let refusal = Refusal::new(Reason::AuthScope, message);
        let challenge = self.challenge.to_str().unwrap_or("Bearer");
        challenged(refusal, &format!("{challenge}, error=\"insufficient_scope\", scope=\"{scope}\""))
    }

    /// The token is good, but the request can't be filled from it.
    pub(super) fn lacks_claim(&self, claim: &ClaimName) -> Refusal {
        Refusal::new(Reason::AuthClaim, format!("the token has no claim `{claim}`"))
    }

    /// The token is good, but a claim that is to go upstream is not printable ASCII.
    pub(super) fn cannot_forward(&self, claim: &ClaimName) -> Refusal {
        let message = format!(
            "the token's claim `{claim}` is not printable ASCII, or begins or ends with a blank, and cannot be sent to the service"
        );
        Refusal::new(Reason::AuthClaim, message)
    }

    /// RFC 6750 section 3: what was wrong, for the client's library.
    fn describe(&self, refusal: Refusal, error: &str, message: &str) -> Refusal {
        let challenge = self.challenge.to_str().unwrap_or("Bearer");
        challenged(refusal, &format!("{challenge}, error=\"{error}\", error_description=\"{message}\""))
    }
}

fn challenged(refusal: Refusal, challenge: &str) -> Refusal {
    match HeaderValue::from_str(challenge) {
        Ok(value) => refusal.challenge(value),
        Err(_) => refusal,
    }
}

/// A realm is a quoted string (RFC 9110 section 11.5).
fn realm(name: &str) -> String {
    name.chars().filter(|c| (' '..='~').contains(c) && !matches!(c, '"' | '\\')).collect()
}

fn compile_keys(spec: &JwtSpec, findings: &mut Vec<Finding>) -> Option<PlanKeys> {
    match &spec.keys {
        KeySource::Secret(secret) => {
            Some(PlanKeys::Fixed(KeySet::secret(secret, &spec.algorithms, findings)))
        }
        KeySource::Pem(pem) => Some(PlanKeys::Fixed(KeySet::pem(pem, &spec.algorithms, findings))),
        KeySource::Jwks(json) => match KeySet::jwks(json, &spec.algorithms) {
            Ok((keys, warnings)) => {
                findings.extend(warnings);
                Some(PlanKeys::Fixed(keys))
            }
            Err(problem) => {
                findings.push(Finding::new("jwks", problem));
                None
            }
        },
        KeySource::JwksUrl(url) => match KeysUrl::parse(url, &spec.algorithms) {
            Ok(url) => {
                if let Some(algorithm) = spec.algorithms.iter().find(|algorithm| algorithm.is_hmac()) {
                    let problem = Problem::JwksSecrets(algorithm.name().to_owned());
                    findings.push(Finding::new("algorithms", problem));
                }
                Some(PlanKeys::Url(url))
            }
            Err(problem) => {
                findings.push(Finding::new("jwks", problem));
                None
            }
        },
    }
}

/// A JWT policy, running.
#[derive(Debug)]
pub(super) struct Jwt {
    pub(super) plan: Arc<JwtPlan>,
    remote: Option<Arc<RemoteKeys>>,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rejection {
    Malformed(Malformed),
    /// Several tokens: which one counts must not depend on who reads them.
    Several,
    NotPinned,
    UnknownKey,
    Forged,
    Expired,
    NotYet,
    NoExpiry,
    Times,
    Issuer,
    Audience,
}

impl Rejection {
    const fn message(self) -> &'static str {
        match self {
            Self::Malformed(Malformed::Form) => "this is not a signed token",
            Self::Malformed(Malformed::Algorithm) | Self::NotPinned => {
                "the token is signed by an algorithm that is not accepted here"
            }
            Self::Malformed(Malformed::Critical) => "the token demands an extension that is not known here",
            Self::Several => "the request has several tokens",
            Self::UnknownKey => "the token is signed by a key that is not known here",
            Self::Forged => "the token's signature does not verify",
            Self::Expired => "the token has expired",
            Self::NotYet => "the token is not valid yet",
            Self::NoExpiry => "the token does not say when it expires",
            Self::Times => "the token's times cannot be read",
            Self::Issuer => "the token is from an issuer that is not accepted here",
            Self::Audience => "the token is not for this service",
        }
    }
}

impl Jwt {
    /// The caller's claims, by the keys that are known now. `None`: the token's key may have to be fetched; ask
    /// [`Jwt::identify`].
    pub(super) fn identify_now(
        &self,
        headers: &HeaderMap,
        unix: Duration,
    ) -> Option<Result<Claims, Refusal>> {
        let token = match self.token(headers) {
            Ok(token) => token,
            Err(refusal) => return Some(Err(refusal)),
        };
        let verdict = match (&self.plan.keys, &self.remote) {
            (PlanKeys::Fixed(keys), _) => keys.judge(&token),
            (_, Some(remote)) => remote.judge_now(&token)?,
            (PlanKeys::Url(_), None) => Verdict::UnknownKey,
        };
        Some(self.conclude(&token, verdict, unix))
    }

    /// The caller's claims, after fetching the issuer's keys where they are not known and it is time to.
    pub(super) async fn identify(&self, headers: &HeaderMap, unix: Duration) -> Result<Claims, Refusal> {
        let token = self.token(headers)?;
        let Some(remote) = &self.remote else {
            return self.conclude(&token, Verdict::UnknownKey, unix);
        };
        remote.refresh().await;
        let Some(verdict) = remote.judge(&token) else {
            let refusal = Refusal::new(Reason::AuthUnavailable, "tokens cannot be verified at the moment");
            return Err(refusal.retry_after(Duration::from_secs(1)));
        };
        self.conclude(&token, verdict, unix)
    }

    fn conclude(&self, token: &Token<'_>, verdict: Verdict, unix: Duration) -> Result<Claims, Refusal> {
        let checked = match verdict {
            Verdict::Genuine => self.plan.check_claims(&token.payload, unix),
            Verdict::UnknownKey => Err(Rejection::UnknownKey),
            Verdict::Unproven | Verdict::Forged => Err(Rejection::Forged),
        };
        checked.map_err(|rejection| {
            tracing::debug!(auth = &*self.plan.name, ?rejection, "token refused");
            self.plan.refuse(rejection)
        })
    }

    /// The request's token, taken apart, signed by an algorithm that is pinned.
    fn token<'a>(&self, headers: &'a HeaderMap) -> Result<Token<'a>, Refusal> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(text) = values.next().and_then(bearer) else {
            let refusal =
                Refusal::new(Reason::AuthMissing, "a token is needed: send `Authorization: Bearer …`");
            return Err(refusal.challenge(self.plan.challenge.clone()));
        };
        let token = match values.next() {
            Some(_) => Err(Rejection::Several),
            None => Token::parse(text).map_err(Rejection::Malformed),
        };
        let pinned = token.and_then(|token| match self.plan.algorithms.contains(&token.algorithm) {
            true => Ok(token),
            false => Err(Rejection::NotPinned),
        });
        pinned.map_err(|rejection| self.plan.refuse(rejection))
    }
}

/// The token of a `Bearer` header (RFC 6750 section 2.1); schemes are case-insensitive.
fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
