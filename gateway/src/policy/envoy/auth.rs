//! `envoy.service.auth.v3.Authorization/Check`.

use std::collections::HashMap;

use prost::{Enumeration, Message};

use super::HeaderPair;

pub(in crate::policy) const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";

#[derive(Clone, PartialEq, Message)]
pub(in crate::policy) struct CheckRequest {
    #[prost(message, optional, tag = "1")]
    pub(in crate::policy) attributes: Option<AttributeContext>,
}

/// `envoy.service.auth.v3.AttributeContext`
#[derive(Clone, PartialEq, Message)]
pub(in crate::policy) struct AttributeContext {
    #[prost(message, optional, tag = "1")]
    pub(in crate::policy) source: Option<Peer>,
    #[prost(message, optional, tag = "2")]
    pub(in crate::policy) destination: Option<Peer>,
    #[prost(message, optional, tag = "4")]
    pub(in crate::policy) request: Option<AttributeRequest>,
    #[prost(map = "string, string", tag = "10")]
    pub(in crate::policy) context_extensions: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::policy) struct Peer {
    #[prost(message, optional, tag = "1")]
    pub(in crate::policy) address: Option<Address>,
    /// The identity in its certificate: the first URI, else the first DNS name, else the subject.
    #[prost(string, tag = "4")]
    pub(in crate::policy) principal: String,
    /// The certificate in PEM, percent-encoded.
    #[prost(string, tag = "5")]
    pub(in crate::policy) certificate: String,
}

/// `envoy.config.core.v3.Address`
#[derive(Clone, PartialEq, Message)]
pub(in crate::policy) struct Address {
    #[prost(message, optional, tag = "1")]
    pub(in crate::policy) socket_address: Option<SocketAddress>,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::policy) struct SocketAddress {
    #[prost(string, tag = "2")]
    pub(in crate::policy) address: String,
    /// Its port; the one member of a oneof that is written even if it is 0.
    #[prost(uint32, optional, tag = "3")]
    pub(in crate::policy) port_value: Option<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::policy) struct AttributeRequest {
    #[prost(message, optional, tag = "1")]
    pub(in crate::policy) time: Option<prost_types::Timestamp>,
    #[prost(message, optional, tag = "2")]
    pub(in crate::policy) http: Option<HttpRequest>,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::policy) struct HttpRequest {
    #[prost(string, tag = "1")]
    pub(in crate::policy) id: String,
    #[prost(string, tag = "2")]
    pub(in crate::policy) method: String,
    #[prost(map = "string, string", tag = "3")]
    pub(in crate::policy) headers: HashMap<String, String>,
    /// Path and query.
    #[prost(string, tag = "4")]
    pub(in crate::policy) path: String,
    #[prost(string, tag = "5")]
    pub(in crate::policy) host: String,
    #[prost(string, tag = "6")]
    pub(in crate::policy) scheme: String,
    /// -1 where it is not known.
    #[prost(int64, tag = "9")]
    pub(in crate::policy) size: i64,
    #[prost(string, tag = "10")]
    pub(in crate::policy) protocol: String,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::policy) struct CheckResponse {
    #[prost(message, optional, tag = "1")]
    pub(in crate::policy) status: Option<Status>,
    #[prost(message, optional, tag = "2")]
    pub(in crate::policy) denied_response: Option<DeniedResponse>,
    #[prost(message, optional, tag = "3")]
    pub(in crate::policy) ok_response: Option<OkResponse>,
    /// Values for other filters of Envoy. The gateway has no use for them.
    #[prost(message, optional, tag = "4")]
    pub(in crate::policy) dynamic_metadata: Option<prost_types::Struct>,
}

/// `google.rpc.Status`
#[derive(Clone, PartialEq, Message)]
pub(in crate::policy) struct Status {
    #[prost(int32, tag = "1")]
    pub(in crate::policy) code: i32,
    #[prost(string, tag = "2")]
    pub(in crate::policy) message: String,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::policy) struct DeniedResponse {
    #[prost(message, optional, tag = "1")]
    pub(in crate::policy) status: Option<HttpStatus>,
    #[prost(message, repeated, tag = "2")]
    pub(in crate::policy) headers: Vec<HeaderOption>,
    #[prost(string, tag = "3")]
    pub(in crate::policy) body: String,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::policy) struct OkResponse {
    #[prost(message, repeated, tag = "2")]
    pub(in crate::policy) headers: Vec<HeaderOption>,
    #[prost(string, repeated, tag = "5")]
    pub(in crate::policy) headers_to_remove: Vec<String>,
    #[prost(message, repeated, tag = "6")]
    pub(in crate::policy) response_headers_to_add: Vec<HeaderOption>,
    #[prost(message, repeated, tag = "7")]
    pub(in crate::policy) query_parameters_to_set: Vec<QueryParameter>,
    #[prost(string, repeated, tag = "8")]
    pub(in crate::policy) query_parameters_to_remove: Vec<String>,
}

/// `envoy.config.core.v3.QueryParameter`
#[derive(Clone, PartialEq, Message)]
pub(in crate::policy) struct QueryParameter {
    #[prost(string, tag = "1")]
    pub(in crate::policy) key: String,
    #[prost(string, tag = "2")]
    pub(in crate::policy) value: String,
}

/// `envoy.type.v3.HttpStatus`, whose enumeration has the numbers of HTTP.
#[derive(Clone, PartialEq, Message)]
pub(in crate::policy) struct HttpStatus {
    #[prost(int32, tag = "1")]
    pub(in crate::policy) code: i32,
}

/// `envoy.config.core.v3.HeaderValueOption`
#[derive(Clone, PartialEq, Message)]
pub(in crate::policy) struct HeaderOption {
    #[prost(message, optional, tag = "1")]
    pub(in crate::policy) header: Option<HeaderPair>,
    /// A `google.protobuf.BoolValue`: the older way to say it.
    #[prost(message, optional, tag = "2")]
    pub(in crate::policy) append: Option<bool>,
    #[prost(enumeration = "AppendAction", tag = "3")]
    pub(in crate::policy) append_action: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub(in crate::policy) enum AppendAction {
    AppendIfExistsOrAdd = 0,
    AddIfAbsent = 1,
    OverwriteIfExistsOrAdd = 2,
    OverwriteIfExists = 3,
}
