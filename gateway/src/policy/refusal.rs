//! Why a request was not let through: a closed list of reasons, and what the client is told.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// Why a policy refused. Names are stable: clients and alerts match on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The request shows no token and no key.
    AuthMissing,
    /// The token is malformed, forged, not for this service, or not valid yet.
    AuthInvalid,
    /// The token was valid once.
    AuthExpired,
    /// The token is good, but does not grant a scope of the route.
    AuthScope,
    /// The token is good, but lacks a claim that the route fills a field from, or has one that cannot be sent upstream.
    AuthClaim,
    /// The issuer's keys are not known: none could be fetched so far.
    AuthUnavailable,
    /// No client has this API key.
    ApiKeyInvalid,
    /// The caller is too fast.
    RateLimited,
    /// The rate-limit service cannot be asked, and the configuration denies then.
    RateLimitUnavailable,
    /// The rate-limit service set a header that cannot be sent upstream.
    RateLimitInvalid,
    /// The authorization service said no.
    ExternalDenied,
    /// The authorization service cannot be asked, and the configuration denies then.
    ExternalUnavailable,
    /// The authorization service set a header that cannot be sent upstream.
    ExternalInvalid,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 13] = [
        Self::AuthMissing,
        Self::AuthInvalid,
        Self::AuthExpired,
        Self::AuthScope,
        Self::AuthClaim,
        Self::AuthUnavailable,
        Self::ApiKeyInvalid,
        Self::RateLimited,
        Self::RateLimitUnavailable,
        Self::RateLimitInvalid,
        Self::ExternalDenied,
        Self::ExternalUnavailable,
        Self::ExternalInvalid,
    ];

    /// The name that clients see, and logs and metrics carry.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AuthMissing => "AUTH_MISSING",
            Self::AuthInvalid => "AUTH_INVALID",
            Self::AuthExpired => "AUTH_EXPIRED",
            Self::AuthScope => "AUTH_SCOPE",
            Self::AuthClaim => "AUTH_CLAIM",
            Self::AuthUnavailable => "AUTH_UNAVAILABLE",
            Self::ApiKeyInvalid => "API_KEY_INVALID",
            Self::RateLimited => "RATE_LIMITED",
            Self::RateLimitUnavailable => "RATE_LIMIT_UNAVAILABLE",
            Self::RateLimitInvalid => "RATE_LIMIT_INVALID",
            Self::ExternalDenied => "EXTERNAL_DENIED",
            Self::ExternalUnavailable => "EXTERNAL_UNAVAILABLE",
            Self::ExternalInvalid => "EXTERNAL_INVALID",
        }
    }

    /// The HTTP status of the answer; an authorization service may choose another one.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::AuthMissing => StatusCode::UNAUTHORIZED,
            Self::AuthInvalid
            | Self::AuthExpired
            | Self::AuthScope
            | Self::AuthClaim
            | Self::ApiKeyInvalid
            | Self::ExternalDenied => StatusCode::FORBIDDEN,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::AuthUnavailable | Self::RateLimitUnavailable | Self::ExternalUnavailable => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::RateLimitInvalid | Self::ExternalInvalid => StatusCode::BAD_GATEWAY,
        }
    }

    /// The gRPC code that it amounts to.
    pub const fn code(self) -> u32 {
        match self {
            Self::AuthMissing => upstream::code::UNAUTHENTICATED,
            Self::AuthInvalid
            | Self::AuthExpired
            | Self::AuthScope
            | Self::AuthClaim
            | Self::ApiKeyInvalid
            | Self::ExternalDenied => upstream::code::PERMISSION_DENIED,
            Self::RateLimited => upstream::code::RESOURCE_EXHAUSTED,
            Self::AuthUnavailable | Self::RateLimitUnavailable | Self::ExternalUnavailable => {
                upstream::code::UNAVAILABLE
            }
            Self::RateLimitInvalid | Self::ExternalInvalid => upstream::code::INTERNAL,
        }
    }
}

/// A request that a policy did not let through.
#[derive(Debug, Clone)]
pub struct Refusal {
    reason: Reason,
    status: StatusCode,
    message: Cow<'static, str>,
    /// Boxed: a refusal travels as the error of many results.
    headers: Box<HeaderMap>,
    caller: Option<Arc<str>>,
    /// What logs say instead of the message.
    record: Option<Box<str>>,
}

impl Refusal {
    pub(super) fn new(reason: Reason, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            reason,
            status: reason.status(),
            message: message.into(),
            headers: Box::default(),
            caller: None,
            record: None,
        }
    }

    /// Why.
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// The HTTP status of the answer.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// What to tell the client. It names no address and no secret.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Headers of the answer: `www-authenticate`, `retry-after`, `ratelimit-*`, and what an authorization service adds.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Who called, where that was known already; for logs.
    pub const fn caller(&self) -> Option<&Arc<str>> {
        self.caller.as_ref()
    }

    pub(super) fn of_caller(mut self, caller: Option<&Arc<str>>) -> Self {
        self.caller = caller.cloned();
        self
    }

    /// Has logs say this instead of the message, which clients get.
    pub(super) fn with_record(mut self, text: impl Into<Box<str>>) -> Self {
        self.record = Some(text.into());
        self
    }

    /// Takes it apart: reason, status, message, headers, and what logs say instead of the message.
    pub fn into_parts(self) -> (Reason, StatusCode, Cow<'static, str>, HeaderMap, Option<Box<str>>) {
        (self.reason, self.status, self.message, *self.headers, self.record)
    }

    pub(super) const fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub(super) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// How to authenticate (RFC 9110 section 11.6.1).
    pub(super) fn challenge(self, challenge: HeaderValue) -> Self {
        self.with_header(WWW_AUTHENTICATE, challenge)
    }

    /// When to come back, in whole seconds, at least one.
    pub(super) fn retry_after(mut self, after: Duration) -> Self {
        self.headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(after).max(1)));
        self
    }
}

/// Rounded up: who comes back then is not early.
pub(super) const fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + if duration.subsec_nanos() > 0 { 1 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_codes_go_with_their_status() {
        let mut names: Vec<_> = Reason::ALL.iter().map(|reason| reason.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            let expected = match reason.status().as_u16() {
                401 => upstream::code::UNAUTHENTICATED,
                403 => upstream::code::PERMISSION_DENIED,
                429 => upstream::code::RESOURCE_EXHAUSTED,
                502 => upstream::code::INTERNAL,
                _ => upstream::code::UNAVAILABLE,
            };
            assert_eq!(reason.code(), expected, "{}", reason.name());
        }
    }

    #[test]
    fn waits_are_rounded_up() {
        let after = |millis| {
            let refusal = Refusal::new(Reason::RateLimited, "x").retry_after(Duration::from_millis(millis));
            refusal.headers()[RETRY_AFTER].to_str().unwrap().to_owned()
        };
        assert_eq!([after(0), after(1), after(1000), after(1001)], ["1", "1", "1", "2"]);
    }
}
