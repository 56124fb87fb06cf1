//! `rate_limit` of a route.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::{all, parsed};
use crate::config::Context;
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::lower::auth::Limiter;
use crate::config::lower::unused::Used;
use crate::config::raw::{At, Key, RawLimit, RawRateLimit};
use crate::policy::{LimitKey, Rate, RateLimitSpec, SharedLimitSpec, Source};

/// The limit that the gateway keeps, and the one that a service keeps.
type Limits = (Option<RateLimitSpec>, Option<SharedLimitSpec>);

pub(super) fn limits(
    raw: Option<&RawRateLimit>,
    limiter: &Limiter,
    used: &mut Used,
    context: &mut Context,
) -> Option<Limits> {
    let raw = match raw {
        None | Some(RawRateLimit::Unlimited) => return Some((None, None)),
        Some(RawRateLimit::Broken) => return None,
        Some(RawRateLimit::By(raw)) => raw,
    };
    let own = raw.rate.as_ref().map(|rate| own(rate, raw, context));
    let shared = raw.descriptor.as_ref().map(|(key, entries)| shared(key, entries, limiter, used, context));
    let own = own.map_or(Some(None), |own| own.map(Some))?;
    let shared = shared.map_or(Some(None), |shared| shared.map(Some))?;
    // A limit that limits nothing has had its value broken, which has been told.
    (!raw.broken && (own.is_some() || shared.is_some())).then_some((own, shared))
}

fn own(rate: &At<String>, raw: &RawLimit, context: &mut Context) -> Option<RateLimitSpec> {
    let rate = parsed(Rate::parse(&rate.value), Code::BadRateLimit, rate.place, context);
    let key = match &raw.key {
        Some(key) => parsed(LimitKey::parse(&key.value), Code::BadRateLimit, key.place, context),
        None => Some(LimitKey::default()),
    };
    let burst = raw.burst.as_ref().and_then(|at| NonZeroU32::new(at.value));
    Some(RateLimitSpec { rate: rate?, burst, key: key? })
}

fn shared(
    key: &Key,
    entries: &[(Key, At<String>)],
    limiter: &Limiter,
    used: &mut Used,
    context: &mut Context,
) -> Option<SharedLimitSpec> {
    used.limiter = true;
    if limiter.place.is_none() && !limiter.lost {
        context.push(
            Diagnostic::error(Code::BadRateLimit, "there is no service that keeps limits")
                .at(key.place, "nobody to ask")
                .with_help("add it at the top level: `rate_limit_service: {upstream: NAME}`"),
        );
    }
    let entries = all(entries.iter().map(|(name, at)| {
        let source = parsed(Source::parse(&at.value), Code::BadValue, at.place, context)?;
        Some((Arc::from(name.name.as_str()), source))
    }));
    Some(SharedLimitSpec { service: limiter.spec.clone()?, entries: entries? })
}
