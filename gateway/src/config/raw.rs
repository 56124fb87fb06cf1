//! What a file says, as it says it: YAML → positioned nodes → raw structs. Only this folder reads YAML.
//!
//! A file is first read into a tree of [`node::Node`]s that keeps every place, then decoded key by key. Deserializing
//! straight into structs would stop at the first mistake; an operator wants all of them.

mod admin;
mod auth;
mod file;
mod foreign;
mod headers;
mod http;
mod interpolate;
mod json;
mod listener;
mod look_alikes;
mod node;
mod own;
mod rate_limit;
mod reader;
mod route;
mod secrets;
mod service;
mod settings;
mod syntax;
mod units;
mod upstream;

pub(super) use auth::{RawAsked, RawAuth, RawAuthSpec, RawJwt, RawRouteAuth, api_keys};
pub(super) use file::{RawDescriptor, RawFile, RawLimits};
pub(super) use foreign::{file as foreign_file, text as foreign_text};
pub(super) use headers::{RawCors, RawEdits, RawForward, RawHeaders};
pub(super) use http::ignore_foreign;
pub(super) use listener::{RawCertificate, RawListener, RawListenerTls};
pub(super) use look_alikes::find as find_look_alikes;
pub(super) use node::{Key, Kind};
pub(super) use rate_limit::{RawLimit, RawRateLimit};
pub(super) use reader::{At, Reader};
pub(super) use route::{RawBinding, RawMethod, RawRoute, RawSettings, RawTargets};
pub(super) use secrets::{PEM, Secret, mask_unparsed, parse_masked};
pub(super) use upstream::{
    Part, RawBalance, RawBreaker, RawHealthCheck, RawKeepalive, RawOutlier, RawRetry, RawTls, RawUpstream,
};
