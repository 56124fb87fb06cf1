//! The named ways to know a caller, whichever kind they are.

use std::sync::Arc;

use http::HeaderName;

use super::api_key::{ApiKeySpec, ApiKeys, X_API_CLIENT};
use super::external::ExternalSpec;
use super::finding::Finding;
use super::jwt::{JwtPlan, JwtSpec};

/// An entry of `auth` as it is declared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AuthSpec {
    /// A signed token.
    Jwt(JwtSpec),
    /// A key that was given to a client.
    ApiKey(ApiKeySpec),
    /// A service that decides.
    External(ExternalSpec),
}

/// An entry of `auth`, compiled; any number of routes share it.
#[derive(Debug, Clone)]
pub struct Auth {
    name: Arc<str>,
    pub(super) kind: AuthKind,
}

#[derive(Debug, Clone)]
pub(super) enum AuthKind {
    Jwt(Arc<JwtPlan>),
    ApiKey(Arc<ApiKeys>),
    External(ExternalSpec),
}

/// What callers have to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme<'a> {
    /// A token, as `Authorization: Bearer`.
    Bearer,
    /// A key in this header.
    Header(&'a HeaderName),
    /// What the service that decides wants to see.
    Unknown,
}

impl Auth {
    /// Compiles an entry; what comes with it are warnings.
    ///
    /// # Errors
    /// Everything that is wrong with it, warnings included.
    pub fn compile(name: &str, spec: &AuthSpec) -> Result<(Self, Vec<Finding>), Vec<Finding>> {
        let (kind, warnings) = match spec {
            AuthSpec::Jwt(spec) => {
                let (plan, warnings) = JwtPlan::compile(name, spec)?;
                (AuthKind::Jwt(Arc::new(plan)), warnings)
            }
            AuthSpec::ApiKey(spec) => (AuthKind::ApiKey(Arc::new(ApiKeys::compile(spec)?)), Vec::new()),
            AuthSpec::External(spec) => {
                spec.check()?;
                (AuthKind::External(spec.clone()), Vec::new())
            }
        };
        Ok((Self { name: name.into(), kind }, warnings))
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// `jwt`, `api_key` or `external`.
    pub const fn kind(&self) -> &'static str {
        match self.kind {
            AuthKind::Jwt(_) => "jwt",
            AuthKind::ApiKey(_) => "api_key",
            AuthKind::External(_) => "external",
        }
    }

    /// What callers have to show, as a description of the API has it.
    pub fn scheme(&self) -> Scheme<'_> {
        match &self.kind {
            AuthKind::Jwt(_) => Scheme::Bearer,
            AuthKind::ApiKey(keys) => Scheme::Header(&keys.header),
            AuthKind::External(_) => Scheme::Unknown,
        }
    }

    /// The names under which it sends what it knows of a caller, and of the header that carries a key: not for clients to
    /// reach the service with.
    pub fn vouched(&self) -> Vec<HeaderName> {
        let mut names = self.sends();
        if let AuthKind::ApiKey(keys) = &self.kind {
            names.push(keys.header.clone());
        }
        names
    }

    /// The names under which it sends what it knows of a caller.
    pub(super) fn sends(&self) -> Vec<HeaderName> {
        match &self.kind {
            AuthKind::Jwt(plan) => plan.forward.iter().map(|(_, name)| name.clone()).collect(),
            AuthKind::ApiKey(_) => vec![X_API_CLIENT],
            AuthKind::External(spec) => spec.headers.clone(),
        }
    }

    /// Whether its callers have claims and scopes.
    pub const fn has_claims(&self) -> bool {
        matches!(self.kind, AuthKind::Jwt(_))
    }
}
