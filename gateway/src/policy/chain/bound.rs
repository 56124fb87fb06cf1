//! A chain that runs: with its upstreams, its buckets, its fetched keys.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use http::HeaderMap;
use upstream::Upstream;

use super::admitted::{Admitted, apply};
use super::{BindError, ChainPlan};
use crate::policy::api_key::{ApiKeys, ClientName, X_API_CLIENT};
use crate::policy::auth::AuthKind;
use crate::policy::claims::{ClaimName, Claims};
use crate::policy::external::External;
use crate::policy::headers::{ForwardRules, Headers, Spellings, metadata_value};
use crate::policy::jwt::Jwt;
use crate::policy::rate_limit::RateLimit;
use crate::policy::rate_limit_service::SharedLimit;
use crate::policy::refusal::Refusal;
use crate::policy::request::{Facts, Request, Vouched};
use crate::policy::set::{self, SetSpec};
use crate::policy::state::State;

/// The policies of a route, running.
#[derive(Debug)]
pub struct Chain {
    state: Arc<State>,
    authority: Authority,
    scopes: Vec<String>,
    rate_limit: Option<Arc<RateLimit>>,
    shared_limit: Option<SharedLimit>,
    set: Arc<[SetSpec]>,
    headers: Arc<Headers>,
    sends: Arc<Spellings>,
    subject: Option<ClaimName>,
}

/// Who says who the caller is.
#[derive(Debug)]
enum Authority {
    /// Nobody: everybody may call.
    Nobody,
    Token(Jwt),
    Key(Arc<ApiKeys>),
    Service(External),
}

impl Chain {
    pub(super) fn bind(
        plan: &ChainPlan,
        state: &Arc<State>,
        upstreams: impl Fn(&str) -> Option<Arc<Upstream>>,
    ) -> Result<Self, BindError> {
        let find =
            |name: &Arc<str>| upstreams(name).ok_or_else(|| BindError::UnknownUpstream(Arc::clone(name)));
        let authority = match plan.auth.as_ref().map(|auth| &auth.kind) {
            None => Authority::Nobody,
            Some(AuthKind::Jwt(jwt)) => Authority::Token(jwt.bind(state)),
            Some(AuthKind::ApiKey(keys)) => Authority::Key(Arc::clone(keys)),
            Some(AuthKind::External(spec)) => Authority::Service(External {
                spec: spec.clone(),
                upstream: find(&spec.upstream)?,
                route: Arc::clone(&plan.route),
                has_reported_metadata: AtomicBool::new(false),
            }),
        };
        let shared_limit = match &plan.shared_limit {
            Some(spec) => Some(SharedLimit { spec: spec.clone(), upstream: find(&spec.service.upstream)? }),
            None => None,
        };
        Ok(Self {
            state: Arc::clone(state),
            authority,
            scopes: plan.scopes.clone(),
            rate_limit: plan.rate_limit.clone(),
            shared_limit,
            set: Arc::clone(&plan.set),
            headers: Arc::clone(&plan.headers),
            sends: Arc::clone(&plan.sends),
            subject: ClaimName::parse("sub").ok(),
        })
    }

    /// Whether every request is let through unchanged: [`Chain::admit`] need not be asked. Header rules may still apply.
    pub fn admits_all(&self) -> bool {
        matches!(self.authority, Authority::Nobody)
            && self.rate_limit.is_none()
            && self.shared_limit.is_none()
            && self.set.is_empty()
    }

    /// Decides about a request. Waits only where a service is to be asked or a key to be fetched; dropping the future stops
    /// that.
    ///
    /// # Errors
    /// What the client is to be told instead.
    pub async fn admit(&self, request: &Request<'_>) -> Result<Admitted, Refusal> {
        let mut admitted = Admitted::default();
        if self.admits_all() {
            return Ok(admitted);
        }
        let before = Facts { request, claims: None, vouched: None };
        if let Some(limit) = self.rate_limit.as_ref().filter(|limit| limit.key.claim().is_none()) {
            self.limit(limit, &before, &mut admitted)?;
        }
        let claims = match &self.authority {
            Authority::Nobody => None,
            Authority::Token(jwt) => Some(self.token(jwt, request, &mut admitted).await?),
            Authority::Key(keys) => {
                let ClientName { name, value } = keys.identify(request.headers)?;
                admitted.vouch(X_API_CLIENT, value);
                admitted.caller = Some(name);
                None
            }
            Authority::Service(service) => {
                admitted.take_changes(Box::pin(service.check(request)).await?);
                None
            }
        };
        let facts = Facts { request, claims: claims.as_ref(), vouched: None };
        if let Some(limit) = self.rate_limit.as_ref().filter(|limit| limit.key.claim().is_some()) {
            let limited = self.limit(limit, &facts, &mut admitted);
            limited.map_err(|refusal| refusal.of_caller(admitted.caller()))?;
        }
        if let Some(limit) = &self.shared_limit {
            let vouched = Some(Vouched { names: &self.sends, admitted: &admitted });
            let passed = Box::pin(limit.check(&Facts { vouched, ..facts })).await;
            admitted.take_passed(passed.map_err(|refusal| refusal.of_caller(admitted.caller()))?);
        }
        let vouched = Some(Vouched { names: &self.sends, admitted: &admitted });
        let fields = set::resolve(&self.set, &Facts { vouched, ..facts });
        let lacks = |claim| self.lacks_claim(claim).of_caller(admitted.caller());
        admitted.fields = fields.map_err(lacks)?;
        Ok(admitted)
    }

    /// The claims of a token that is good and grants what the route asks for.
    async fn token(
        &self,
        jwt: &Jwt,
        request: &Request<'_>,
        admitted: &mut Admitted,
    ) -> Result<Claims, Refusal> {
        let unix = request.now.unix;
        let claims = match jwt.identify_now(request.headers, unix) {
            Some(result) => result?,
            None => Box::pin(jwt.identify(request.headers, unix)).await?,
        };
        admitted.caller = self.subject.as_ref().and_then(|sub| claims.text(sub)).map(Arc::from);
        if let Some(scope) = self.scopes.iter().find(|scope| !claims.grants(scope)) {
            return Err(jwt.plan.lacks_scope(scope).of_caller(admitted.caller()));
        }
        for (claim, name) in &jwt.plan.forward {
            let Some(text) = claims.text(claim) else { continue };
            match metadata_value(name, text.as_bytes(), jwt.plan.encoding) {
                Some(value) => admitted.vouch(name.clone(), value),
                None => return Err(jwt.plan.cannot_forward(claim).of_caller(admitted.caller())),
            }
        }
        Ok(claims)
    }

    fn limit(&self, limit: &RateLimit, facts: &Facts<'_>, admitted: &mut Admitted) -> Result<(), Refusal> {
        let standing = limit.take(self.state.buckets(), facts);
        if !standing.passes() {
            return Err(limit.refuse(&standing));
        }
        admitted.standing = Some(standing);
        Ok(())
    }

    fn lacks_claim(&self, claim: &ClaimName) -> Refusal {
        match &self.authority {
            Authority::Token(jwt) => jwt.plan.lacks_claim(claim),
            // Compiling refuses claims without tokens.
            _ => Refusal::new(crate::policy::Reason::AuthClaim, "the request has no token"),
        }
    }

    /// Which client headers become metadata: names that the gateway vouches for are not among them.
    pub fn forward(&self) -> &ForwardRules {
        &self.headers.forward
    }

    /// Writes what the policies say over the metadata that the client's headers became. First the names that a service sets
    /// or removes are taken from the client, in all their spellings; then the route's rules apply, then what a service or a
    /// token says of the caller, which nothing may override. [`Chain::forward`] has kept out the other vouched names before.
    pub fn write_metadata(&self, admitted: &Admitted, metadata: &mut HeaderMap) {
        admitted.removed.strip(metadata);
        self.headers.request.apply(metadata);
        apply(&admitted.metadata, metadata);
    }

    /// Writes what the policies say over the headers of the answer, errors included: how the caller's limit stands, what a
    /// service adds, then the route's rules. `None` for a request that was refused, whose [`Refusal`] has headers of its own.
    pub fn write_headers(&self, admitted: Option<&Admitted>, headers: &mut HeaderMap) {
        if let Some(admitted) = admitted {
            if let (Some(limit), Some(standing)) = (&self.rate_limit, &admitted.standing) {
                limit.write(standing, headers);
            }
            apply(&admitted.response, headers);
        }
        self.headers.response.apply(headers);
    }
}
