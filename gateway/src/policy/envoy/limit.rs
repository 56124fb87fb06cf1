//! `envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit`.

use prost::{Enumeration, Message};

use super::HeaderPair;

pub(in crate::policy) const SHOULD_RATE_LIMIT: &str =
    "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit";

#[derive(Clone, PartialEq, Message)]
pub(in crate::policy) struct RateLimitRequest {
    #[prost(string, tag = "1")]
    pub(in crate::policy) domain: String,
    #[prost(message, repeated, tag = "2")]
    pub(in crate::policy) descriptors: Vec<Descriptor>,
    #[prost(uint32, tag = "3")]
    pub(in crate::policy) hits_addend: u32,
}

/// `envoy.extensions.common.ratelimit.v3.RateLimitDescriptor`
#[derive(Clone, PartialEq, Message)]
pub(in crate::policy) struct Descriptor {
    #[prost(message, repeated, tag = "1")]
    pub(in crate::policy) entries: Vec<Entry>,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::policy) struct Entry {
    #[prost(string, tag = "1")]
    pub(in crate::policy) key: String,
    #[prost(string, tag = "2")]
    pub(in crate::policy) value: String,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::policy) struct RateLimitResponse {
    #[prost(enumeration = "Code", tag = "1")]
    pub(in crate::policy) overall_code: i32,
    #[prost(message, repeated, tag = "2")]
    pub(in crate::policy) statuses: Vec<DescriptorStatus>,
    #[prost(message, repeated, tag = "3")]
    pub(in crate::policy) response_headers_to_add: Vec<HeaderPair>,
    #[prost(message, repeated, tag = "4")]
    pub(in crate::policy) request_headers_to_add: Vec<HeaderPair>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub(in crate::policy) enum Code {
    Unknown = 0,
    Ok = 1,
    OverLimit = 2,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::policy) struct DescriptorStatus {
    #[prost(enumeration = "Code", tag = "1")]
    pub(in crate::policy) code: i32,
    #[prost(message, optional, tag = "2")]
    pub(in crate::policy) current_limit: Option<Limit>,
    #[prost(uint32, tag = "3")]
    pub(in crate::policy) limit_remaining: u32,
    #[prost(message, optional, tag = "4")]
    pub(in crate::policy) duration_until_reset: Option<prost_types::Duration>,
}

/// `RateLimitResponse.RateLimit`
#[derive(Clone, PartialEq, Message)]
pub(in crate::policy) struct Limit {
    #[prost(uint32, tag = "1")]
    pub(in crate::policy) requests_per_unit: u32,
}
