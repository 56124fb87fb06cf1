//! Rate limits that the gateway keeps itself: who may send how many, and what clients are told about it.

mod buckets;
mod gcra;

#[cfg(test)]
mod tests;

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::net::IpAddr;
use std::num::NonZeroU32;

use foldhash::quality::FixedState;
use http::{HeaderMap, HeaderName, HeaderValue};

pub(super) use buckets::Buckets;
use buckets::Name;
use gcra::Gcra;
pub(super) use gcra::Standing;
pub use gcra::{Per, Rate};

use super::claims::ClaimName;
use super::finding::Problem;
use super::refusal::{Reason, Refusal};
use super::request::Facts;
use super::source::Source;

/// The names in common use (draft-ietf-httpapi-ratelimit-headers up to -06).
const RATELIMIT_LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const RATELIMIT_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RATELIMIT_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// A rate limit as it is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimitSpec {
    /// How many per time.
    pub rate: Rate,
    /// How many may come at once; `None` is as many as the rate names.
    pub burst: Option<NonZeroU32>,
    /// Who is counted.
    pub key: LimitKey,
}

impl RateLimitSpec {
    /// `rate 100/s by jwt:sub, 200 at once`.
    pub(super) fn describe(&self) -> String {
        let burst = self.burst.map(|burst| format!(", {burst} at once")).unwrap_or_default();
        format!("rate {} by {}{burst}", self.rate, self.key)
    }
}

/// What requests are counted by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum LimitKey {
    /// `ip`: the client's address; of an IPv6 address the first 64 bits, for one client has all the rest.
    #[default]
    Ip,
    /// `route`: all requests of the route together.
    Route,
    /// `header:NAME`: the value of a header. Requests without it are counted together.
    Header(HeaderName),
    /// `jwt:CLAIM`: a claim of the caller's token. Tokens without it are counted together.
    Claim(ClaimName),
}

impl LimitKey {
    /// Reads the form that the file writes.
    ///
    /// # Errors
    /// When it is none of the four.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        match text {
            "ip" => return Ok(Self::Ip),
            "route" => return Ok(Self::Route),
            _ => {}
        }
        match Source::parse(text) {
            Ok(Source::Claim(name)) => Ok(Self::Claim(name)),
            Ok(Source::Header(name)) => Ok(Self::Header(name)),
            Ok(_) | Err(Problem::Source(_)) => Err(Problem::LimitKey(text.to_owned())),
            Err(problem) => Err(problem),
        }
    }

    pub(super) const fn claim(&self) -> Option<&ClaimName> {
        match self {
            Self::Claim(name) => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for LimitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip => f.write_str("ip"),
            Self::Route => f.write_str("route"),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Claim(name) => write!(f, "jwt:{name}"),
        }
    }
}

/// A rate limit, compiled.
#[derive(Debug)]
pub(super) struct RateLimit {
    gcra: Gcra,
    pub(super) key: LimitKey,
    /// Says which limit a key belongs to; equal for equal limits of a route of the same name, before and after a reload.
    seed: u64,
    limit: HeaderValue,
}

impl RateLimit {
    /// `entry` tells apart equal limits of different routes; the bindings of one share theirs.
    pub(super) fn compile(entry: &str, spec: &RateLimitSpec) -> Self {
        let burst = spec.burst.unwrap_or_else(|| spec.rate.count());
        Self {
            gcra: Gcra::new(spec.rate, burst),
            key: spec.key.clone(),
            seed: FixedState::default().hash_one((entry, spec.rate, burst, &spec.key)),
            limit: HeaderValue::from(burst.get()),
        }
    }

    /// Takes one from the bucket of the request's key.
    pub(super) fn take(&self, buckets: &Buckets, facts: &Facts<'_>) -> Standing {
        buckets.take(self.name(buckets, facts), &self.gcra, facts.request.now.monotonic)
    }

    /// Clients choose what is hashed here, so the buckets' hasher is a different one in each process.
    fn name(&self, buckets: &Buckets, facts: &Facts<'_>) -> Name {
        let mut hasher = buckets.hasher().build_hasher();
        hasher.write_u64(self.seed);
        match &self.key {
            LimitKey::Ip => network(facts.request.client).hash(&mut hasher),
            LimitKey::Route => {}
            LimitKey::Header(name) => {
                facts.request.headers.get(name).map(HeaderValue::as_bytes).hash(&mut hasher);
            }
            LimitKey::Claim(name) => {
                let text = facts.claims.and_then(|claims| claims.text(name));
                text.as_deref().map(str::as_bytes).hash(&mut hasher);
            }
        }
        Name::new(self.seed, hasher.finish())
    }

    /// The request came too early.
    pub(super) fn refuse(&self, standing: &Standing) -> Refusal {
        let retry = standing.retry.unwrap_or_default();
        let mut refusal = Refusal::new(Reason::RateLimited, "too many requests").retry_after(retry);
        for (name, value) in self.headers(standing) {
            refusal = refusal.with_header(name, value);
        }
        refusal
    }

    /// Tells the client how it stands.
    pub(super) fn write(&self, standing: &Standing, headers: &mut HeaderMap) {
        for (name, value) in self.headers(standing) {
            headers.insert(name, value);
        }
    }

    fn headers(&self, standing: &Standing) -> [(HeaderName, HeaderValue); 3] {
        [
            (RATELIMIT_LIMIT, self.limit.clone()),
            (RATELIMIT_REMAINING, HeaderValue::from(standing.remaining)),
            (RATELIMIT_RESET, HeaderValue::from(standing.reset_seconds())),
        ]
    }
}

/// The network that one client has: an IPv4 address, or the first half of an IPv6 one.
fn network(address: IpAddr) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(v4) => u64::from(v4.to_bits()),
        // A global IPv6 address does not begin with 64 bits of which the upper half is zero, so the two do not meet.
        IpAddr::V6(v6) => u64::try_from(v6.to_bits() >> 64).unwrap_or(0),
    }
}
