//! The policies of one route, in their order: what a request passes on its way to the service.
//!
//! ```text
//!   rate limit (ip, route, header) ─► auth ─► scopes ─► rate limit (jwt) ─► shared limit ─► set
//! ```
//! The limits that need no token come first: they also hold back who guesses tokens. Nothing waits unless a service has to
//! be asked or a key to be fetched; only then is anything boxed.

mod admitted;
mod bound;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use thiserror::Error;
use upstream::Upstream;

pub use admitted::Admitted;
pub use bound::Chain;

use super::auth::{Auth, AuthKind};
use super::claims::ClaimName;
use super::finding::{Finding, Problem};
use super::headers::{ForwardRules, Headers, HeadersSpec, Spellings};
use super::rate_limit::{RateLimit, RateLimitSpec};
use super::rate_limit_service::SharedLimitSpec;
use super::set::SetSpec;
use super::state::State;

/// The policies of a route as they are declared. The default has none, and the default rules for headers.
#[derive(Debug, Clone, Default)]
pub struct ChainSpec {
    /// How callers are known; `None` lets everybody in.
    pub auth: Option<Arc<Auth>>,
    /// What a token must grant, all of them.
    pub scopes: Vec<String>,
    /// A limit that the gateway keeps.
    pub rate_limit: Option<RateLimitSpec>,
    /// A limit that a service keeps for many gateways.
    pub shared_limit: Option<SharedLimitSpec>,
    /// Fields that the gateway fills.
    pub set: Vec<SetSpec>,
    /// Rules for headers.
    pub headers: HeadersSpec,
    /// Names that the gateway vouches for on other routes: a service that believes them there must be able to believe them
    /// everywhere.
    pub vouched: Arc<[HeaderName]>,
}

/// The policies of a route, compiled.
pub struct ChainPlan {
    route: Arc<str>,
    auth: Option<Arc<Auth>>,
    scopes: Vec<String>,
    rate_limit: Option<Arc<RateLimit>>,
    /// The same, for people.
    rate: Option<RateLimitSpec>,
    shared_limit: Option<SharedLimitSpec>,
    set: Arc<[SetSpec]>,
    headers: Arc<Headers>,
    /// The names under which its policies send what they know.
    sends: Arc<Spellings>,
}

/// What was declared for the route itself, so that equal declarations have equal texts.
impl fmt::Debug for ChainPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainPlan")
            .field("route", &self.route)
            .field("auth", &self.auth.as_ref().map(|auth| auth.name()))
            .field("scopes", &self.scopes)
            .field("rate", &self.rate)
            .field("shared_limit", &self.shared_limit)
            .field("set", &self.set)
            .field("headers", &self.headers)
            .finish()
    }
}

/// Why a chain cannot run.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BindError {
    /// A policy asks an upstream that does not exist.
    #[error("no upstream is named `{0}`")]
    UnknownUpstream(Arc<str>),
}

impl ChainPlan {
    /// Compiles the policies of the route of this name. The name is what limits are kept by across reloads.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn compile(route: &str, entry: &str, spec: &ChainSpec) -> Result<Self, Vec<Finding>> {
        let mut findings = Vec::new();
        spec.check_claims(&mut findings);
        spec.check_scopes(&mut findings);
        if let Some(shared) = &spec.shared_limit {
            shared.check(&mut findings);
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        Ok(Self {
            route: route.into(),
            auth: spec.auth.clone(),
            scopes: spec.scopes.clone(),
            rate_limit: spec.rate_limit.as_ref().map(|limit| Arc::new(RateLimit::compile(entry, limit))),
            rate: spec.rate_limit.clone(),
            shared_limit: spec.shared_limit.clone(),
            set: spec.set.as_slice().into(),
            headers: Arc::new(Headers::compile(&spec.headers, spec.stripped())),
            sends: Arc::new(spec.sends()),
        })
    }

    /// The upstreams that it asks, for the check that they exist.
    pub fn upstreams(&self) -> impl Iterator<Item = &Arc<str>> {
        let external = self.auth.as_ref().and_then(|auth| match &auth.kind {
            AuthKind::External(spec) => Some(&spec.upstream),
            AuthKind::Jwt(_) | AuthKind::ApiKey(_) => None,
        });
        external.into_iter().chain(self.shared_limit.as_ref().map(|limit| &limit.service.upstream))
    }

    /// Which client headers become metadata.
    pub fn forward(&self) -> &ForwardRules {
        &self.headers.forward
    }

    /// What the route's rules do to the metadata, whoever calls.
    pub fn edit_metadata(&self, metadata: &mut HeaderMap) {
        self.headers.request.apply(metadata);
    }

    /// How callers are known; `None` lets everybody in.
    pub fn auth(&self) -> Option<&Auth> {
        self.auth.as_deref()
    }

    /// What a token must grant, all of them.
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// Whether callers may be told to slow down.
    pub fn is_limited(&self) -> bool {
        self.rate_limit.is_some() || self.shared_limit.is_some()
    }

    /// The fields that it fills, with where their values come from.
    pub fn set(&self) -> &[SetSpec] {
        &self.set
    }

    /// Whether the rules for headers are those of another chain.
    pub fn has_headers_of(&self, other: &Self) -> bool {
        let (one, other) = (&self.headers, &other.headers);
        one.forward == other.forward && one.request == other.request && one.response == other.response
    }

    /// A line for each policy, for people: `jwt shop (orders:read)`, `rate 100/s by jwt:sub`.
    pub fn describe(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(auth) = &self.auth {
            let scopes =
                if self.scopes.is_empty() { String::new() } else { format!(" ({})", self.scopes.join(" ")) };
            lines.push(format!("{} {}{scopes}", auth.kind(), auth.name()));
            if let AuthKind::Jwt(plan) = &auth.kind {
                lines.extend(plan.forward.iter().map(|(claim, name)| format!("forward {claim} as {name}")));
            }
        }
        lines.extend(self.rate.as_ref().map(RateLimitSpec::describe));
        if let Some(shared) = &self.shared_limit {
            let keys: Vec<_> = shared.entries.iter().map(|(key, _)| &**key).collect();
            lines.push(format!("shared rate by {}", keys.join(", ")));
        }
        lines.extend(self.set.iter().map(|set| format!("set {} from {}", set.field, set.source)));
        lines
    }

    /// Makes it run. `state` is the process's; `upstreams` finds running upstreams by their names. Must be called within the
    /// tokio runtime that background fetches are to run on.
    ///
    /// # Errors
    /// When an upstream does not exist.
    pub fn bind(
        &self,
        state: &Arc<State>,
        upstreams: impl Fn(&str) -> Option<Arc<Upstream>>,
    ) -> Result<Chain, BindError> {
        Chain::bind(self, state, upstreams)
    }
}

impl ChainSpec {
    fn check_claims(&self, findings: &mut Vec<Finding>) {
        if self.auth.as_ref().is_some_and(|auth| auth.has_claims()) {
            return;
        }
        let key = self.rate_limit.as_ref().and_then(|limit| limit.key.claim()).map(|claim| ("key", claim));
        let entries = self.shared_limit.iter().flat_map(|limit| &limit.entries);
        let entries = entries.filter_map(|(_, source)| Some(("descriptor", source.claim()?)));
        let set = self.set.iter().filter_map(|set| Some(("set", set.source.claim()?)));
        for (key, claim) in key.into_iter().chain(entries).chain(set) {
            findings.push(Finding::new(key, Problem::ClaimWithoutJwt(ClaimName::to_string(claim))));
        }
    }

    fn check_scopes(&self, findings: &mut Vec<Finding>) {
        if !self.scopes.is_empty() && !self.auth.as_ref().is_some_and(|auth| auth.has_claims()) {
            findings.push(Finding::new("scopes", Problem::ScopesWithoutJwt));
        }
        for scope in self.scopes.iter().filter(|scope| !is_scope(scope)) {
            findings.push(Finding::new("scopes", Problem::Scope(scope.clone())));
        }
    }

    /// The names under which the policies send what they know.
    fn sends(&self) -> Spellings {
        let mut names: Spellings =
            self.shared_limit.iter().flat_map(|limit| &limit.service.headers).collect();
        names.extend(&self.auth.as_ref().map(|auth| auth.sends()).unwrap_or_default());
        names
    }

    /// What clients must not send to the service themselves.
    fn stripped(&self) -> Spellings {
        let own = self.auth.iter().flat_map(|auth| auth.vouched());
        let shared = self.shared_limit.iter().flat_map(|limit| limit.service.headers.iter().cloned());
        let mut names: Vec<HeaderName> = own.chain(shared).chain(self.vouched.iter().cloned()).collect();
        names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        names.iter().collect()
    }
}

/// Whether a text can be a scope (RFC 6749 section 3.3).
pub fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}
