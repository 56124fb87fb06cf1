//! Decisions before and after a call: who may call, how often, with which headers, and with what filled in.
//!
//! One file per policy, each from a plain spec to a compiled form that is applied. The chain puts them in order:
//!
//! ```text
//!   ChainSpec ── compile (at load) ──► ChainPlan ── bind (with upstreams and State) ──► Chain
//!   Request ── Chain::admit ──► Admitted, which changes metadata, fields and answer; or a Refusal
//! ```
//! [`Cors`] stands outside of it: a preflight is answered before anything else is asked. No policy reads a clock, and none
//! turns a refusal into an answer: that is left to whoever answers.

mod api_key;
mod auth;
mod chain;
mod claims;
mod cors;
mod envoy;
mod external;
mod finding;
mod headers;
mod jwt;
mod pem;
mod query;
mod rate_limit;
mod rate_limit_service;
mod refusal;
mod request;
mod set;
mod source;
mod state;
#[cfg(test)]
mod testing;

pub use api_key::{ApiKeySpec, X_API_CLIENT, is_key_hash};
pub use auth::{Auth, AuthSpec, Scheme};
pub use chain::{Admitted, BindError, Chain, ChainPlan, ChainSpec, is_scope};
pub use claims::ClaimName;
pub use cors::{AllowedHeaders, Cors, CorsSpec, OriginPattern};
pub use external::{ExternalSpec, OnFailure};
pub use finding::{Finding, Problem};
pub use headers::{
    Edits, Encoding, ForwardRules, HeaderPattern, HeaderRename, HeadersSpec, Way, is_settable,
};
pub use jwt::{Algorithm, DEFAULT_LEEWAY, JwtSpec, KeySource, check_jwt};
pub use pem::pem_text;
pub use rate_limit::{LimitKey, Per, Rate, RateLimitSpec};
pub use rate_limit_service::{DEFAULT_DOMAIN, RateLimitServiceSpec, SharedLimitSpec};
pub use refusal::{Reason, Refusal};
pub use request::{Now, Request};
pub use set::{Field, SetSpec};
pub use source::Source;
pub use state::State;
