//! One route, compiled: what a request needs to know is decided here, at load.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderName, StatusCode};
use http_rule::{MethodPattern, Template};
use transcode::binding::RequestPlan;

use transcode::{DecodeOptions, EncodeOptions, ResponsePlan};

use super::HostPattern;
use crate::policy::ChainPlan;

/// A route, ready to serve.
#[derive(Debug)]
pub struct RoutePlan {
    /// The position in the list of all routes.
    pub index: usize,
    /// What logs and metrics call the route: `GET /users/{user_id}`.
    pub name: Arc<str>,
    /// The HTTP method that it takes.
    pub method: MethodPattern,
    /// The path that it takes.
    pub template: Template,
    /// The hosts that it is for; empty: any.
    pub hosts: Vec<HostPattern>,
    /// The gRPC method that it calls.
    pub grpc: GrpcMethod,
    /// How path, query and body become the request message.
    pub request: RequestPlan,
    /// How the response message becomes the body.
    pub response: ResponsePlan,
    /// How JSON is read.
    pub encode: EncodeOptions,
    /// How JSON is printed.
    pub decode: DecodeOptions,
    /// The content types that bodies of JSON may have.
    pub body_type: BodyType,
    /// The status of a success.
    pub status: StatusCode,
    /// The deadline of a call.
    pub timeout: Duration,
    /// Whether a call that may have been processed may be made again.
    pub idempotent: bool,
    /// Who serves it.
    pub targets: Targets,
    /// What requests have to pass, and what is done to their headers.
    pub policies: ChainPlan,
    /// The shape of its error answers.
    pub errors: ErrorFormat,
    /// Where it was written.
    pub origin: Origin,
}

/// A gRPC method, as a call needs it.
#[derive(Debug, Clone)]
pub struct GrpcMethod {
    /// The full name of the service: `shop.user.v1.UserService`.
    pub service: Arc<str>,
    /// The name of the method in it: `GetUser`.
    pub name: Arc<str>,
    /// The full name of the request message.
    pub input: Arc<str>,
    /// The full name of the response message.
    pub output: Arc<str>,
    /// The path of the call: `/shop.user.v1.UserService/GetUser`.
    pub path: PathAndQuery,
    /// What the descriptors say about calling it twice.
    pub idempotency: Idempotency,
    /// Whether the client sends a stream.
    pub client_streaming: bool,
    /// Whether the service answers a stream.
    pub server_streaming: bool,
}

impl fmt::Display for GrpcMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.name)
    }
}

/// `idempotency_level` of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idempotency {
    /// Nothing is known.
    Unknown,
    /// The method changes nothing.
    NoSideEffects,
    /// Calling it twice does what calling it once does.
    Idempotent,
}

/// Who serves a route: one upstream, or several by weight, and perhaps one that gets copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets {
    /// Never empty. The weights add up to more than 0.
    pub upstreams: Vec<Target>,
    /// The upstream that gets a copy of each call, its answer dropped.
    pub mirror: Option<Arc<str>>,
}

impl Targets {
    /// The only upstream, when there is one.
    pub fn single(&self) -> Option<&Arc<str>> {
        match self.upstreams.as_slice() {
            [target] => Some(&target.upstream),
            _ => None,
        }
    }
}

impl fmt::Display for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.single() {
            return f.write_str(name);
        }
        for (i, target) in self.upstreams.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{}: {}%", target.upstream, target.weight)?;
        }
        Ok(())
    }
}

/// One upstream of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its name.
    pub upstream: Arc<str>,
    /// Its share of the calls, of the sum of all weights.
    pub weight: u32,
    /// The request header whose value decides which endpoint takes the call, when the upstream balances so.
    pub hash: Option<HeaderName>,
}

/// The content types that a body of JSON may have. A body without a content type is JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BodyType {
    /// JSON by one of its names.
    #[default]
    Json,
    /// Any: the body is read as JSON whatever its content type says.
    Any,
}

/// The shape of error answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ErrorFormat {
    /// `{"error", "code", "requestId", …}`.
    #[default]
    Simple,
    /// `google.rpc.Status`.
    Google,
    /// RFC 9457.
    Problem,
}

/// What makes a route the same one across reloads, and another one than its neighbours: its method and path, for its
/// hosts.
pub fn identity(name: &str, hosts: &[HostPattern]) -> String {
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    if hosts.is_empty() { name.to_owned() } else { format!("{name} on {}", hosts.join(", ")) }
}

/// Where a route was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// How it came to be.
    pub kind: OriginKind,
    /// The file: `routes.yaml`, an include, or the .proto file as its descriptor names it.
    pub file: Arc<str>,
    /// The line, from 1; 0 when the descriptors carry no source info.
    pub line: u32,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        Ok(())
    }
}

/// How a route came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OriginKind {
    /// An entry of `routes`.
    File,
    /// A `google.api.http` annotation of the descriptors.
    Annotation,
    /// `auto: true` on its service.
    Auto,
}
