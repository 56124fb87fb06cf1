//! Limits that many gateways share, kept by a service that speaks Envoy's rate-limit gRPC API.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use upstream::Upstream;

use super::envoy::limit::{Code, Descriptor, Entry, RateLimitRequest, RateLimitResponse, SHOULD_RATE_LIMIT};
use super::envoy::{Ask, HeaderPair};
use super::external::OnFailure;
use super::finding::{Finding, Problem};
use super::headers::{self, Encoding};
use super::refusal::{Reason, Refusal};
use super::request::Facts;
use super::source::Source;

/// The domain that services find their rules by, unless the spec says otherwise.
pub const DEFAULT_DOMAIN: &str = "gateway";

/// The rate-limit service as it is declared: one for the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimitServiceSpec {
    /// The upstream to ask.
    pub upstream: Arc<str>,
    /// The namespace of the service's rules.
    pub domain: Arc<str>,
    /// How long an answer may take.
    pub timeout: Duration,
    /// What to do without an answer.
    pub on_failure: OnFailure,
    /// Headers that the service vouches for: never taken from clients, whether it sets them or not.
    pub headers: Vec<HeaderName>,
    /// How the values that it sets are sent upstream.
    pub encoding: Encoding,
}

/// What a route asks the service about: one descriptor, its entries in the order of the file. An entry without a value is
/// sent with an empty one, so that leaving a header out is no way around a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedLimitSpec {
    /// Whom to ask.
    pub service: Arc<RateLimitServiceSpec>,
    /// Keys and where their values come from.
    pub entries: Vec<(Arc<str>, Source)>,
}

impl SharedLimitSpec {
    pub(super) fn check(&self, findings: &mut Vec<Finding>) {
        if self.entries.is_empty() {
            findings.push(Finding::new("descriptor", Problem::DescriptorEmpty));
        }
        if self.service.timeout.is_zero() {
            findings.push(Finding::new("timeout", Problem::TimeoutZero));
        }
    }
}

/// A shared limit, running.
#[derive(Debug)]
pub(super) struct SharedLimit {
    pub(super) spec: SharedLimitSpec,
    pub(super) upstream: Arc<Upstream>,
}

/// What the service said about a request that passes.
#[derive(Debug, Default)]
pub(super) struct Passed {
    pub(super) metadata: Vec<(HeaderName, HeaderValue)>,
    pub(super) response: Vec<(HeaderName, HeaderValue)>,
    /// Whether nobody decided, and the configuration allows then.
    pub(super) undecided: bool,
}

impl SharedLimit {
    /// Asks; the service counts the request.
    pub(super) async fn check(&self, facts: &Facts<'_>) -> Result<Passed, Refusal> {
        let service = &self.spec.service;
        let ask = Ask {
            upstream: &self.upstream,
            path: SHOULD_RATE_LIMIT,
            timeout: service.timeout,
            // Asked twice, it would count twice.
            idempotent: false,
        };
        let answer: Result<RateLimitResponse, String> = ask.send(facts.request, &self.question(facts)).await;
        match (answer, service.on_failure) {
            (Ok(answer), _) => self.judge(&answer),
            (Err(error), on_failure) => {
                tracing::debug!(upstream = &*service.upstream, %error, ?on_failure, "rate-limit service");
                match on_failure {
                    OnFailure::Allow => Ok(Passed { undecided: true, ..Passed::default() }),
                    OnFailure::Deny => {
                        let message = "the rate limit cannot be checked at the moment";
                        let refusal = Refusal::new(Reason::RateLimitUnavailable, message);
                        let record = format!("rate-limit service `{}`: {error}", service.upstream);
                        Err(refusal.with_record(record).retry_after(Duration::from_secs(1)))
                    }
                }
            }
        }
    }

    fn judge(&self, answer: &RateLimitResponse) -> Result<Passed, Refusal> {
        let response: Vec<_> =
            pairs(&answer.response_headers_to_add).filter(|(name, _)| headers::is_returnable(name)).collect();
        if answer.overall_code() != Code::OverLimit {
            let service = &self.spec.service;
            let metadata = answer.request_headers_to_add.iter();
            let metadata = metadata.filter_map(|pair| pair.metadata(service.encoding).transpose());
            let metadata: Result<Vec<_>, &str> = metadata.collect();
            return metadata.map(|metadata| Passed { metadata, response, undecided: false }).map_err(
                |header| {
                    let upstream = &*service.upstream;
                    tracing::warn!(
                        upstream,
                        header,
                        "rate-limit service set a header that metadata cannot carry"
                    );
                    let message = "the rate-limit service set a header that cannot be sent to the service";
                    let record = format!("rate-limit service `{upstream}`: header `{header}` cannot be sent");
                    Refusal::new(Reason::RateLimitInvalid, message).with_record(record)
                },
            );
        }
        let mut refusal = Refusal::new(Reason::RateLimited, "too many requests").retry_after(reset(answer));
        for (name, value) in response {
            refusal = refusal.with_header(name, value);
        }
        Err(refusal)
    }

    fn question(&self, facts: &Facts<'_>) -> RateLimitRequest {
        let entry = |(key, source): &(Arc<str>, Source)| Entry {
            key: key.to_string(),
            value: source.read(facts).unwrap_or_default().into_owned(),
        };
        RateLimitRequest {
            domain: self.spec.service.domain.to_string(),
            descriptors: vec![Descriptor { entries: self.spec.entries.iter().map(entry).collect() }],
            hits_addend: 1,
        }
    }
}

/// When the limits that are exceeded begin anew.
fn reset(answer: &RateLimitResponse) -> Duration {
    let over = answer.statuses.iter().filter(|status| status.code() == Code::OverLimit);
    let resets = over.filter_map(|status| Duration::try_from(status.duration_until_reset?).ok());
    resets.max().unwrap_or_default()
}

fn pairs(headers: &[HeaderPair]) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    headers.iter().filter_map(HeaderPair::parse)
}

#[cfg(test)]
mod tests;
