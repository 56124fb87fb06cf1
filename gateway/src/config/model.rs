//! The configuration as the rest of the gateway sees it: every reference resolved, every number proven, no YAML.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::StatusCode;
use indexmap::IndexMap;
use transcode::Schema;
use upstream::{Codes, UpstreamSpec};

use crate::descriptors::{Digest, Reflected};
use crate::edge::{LimitsSpec, ListenerSpec, TrustedProxies};
use crate::policy::{AuthSpec, Cors, RateLimitServiceSpec};
use crate::proxy::coding::Offer;
use crate::route::{ErrorFormat, HostPattern, OwnPaths, RoutePlan, Table};
use crate::telemetry::spans::TracingSpec;

/// All that `routes.yaml` and what it names say, validated and compiled. It never changes; a reload makes a new one.
#[derive(Debug)]
pub struct GatewayConfig {
    /// Where clients connect; never empty.
    pub listeners: Vec<ListenerSpec>,
    /// The certificates that the gateway shows to clients and upstreams, and when they expire.
    pub expiries: Vec<CertificateExpiry>,
    /// The proxies whose word about clients is believed.
    pub trusted_proxies: TrustedProxies,
    /// The admin address, when there is one.
    pub admin: Option<AdminSpec>,
    /// Every upstream, in the order of the file. Equal specs mean that a running upstream can stay.
    pub upstreams: IndexMap<Arc<str>, UpstreamSpec>,
    /// The message types of all descriptors.
    pub schema: Arc<Schema>,
    /// What it is made of: a load of the same takes this one.
    pub schema_digest: Digest,
    /// What upstreams have told of themselves by reflection, as far as it is in use.
    pub reflected: IndexMap<Arc<str>, Reflected>,
    /// The upstreams that are descriptor sources and have not described themselves so far.
    pub undescribed: Vec<Arc<str>>,
    /// Every route; [`RoutePlan::index`] is the position here.
    pub routes: Vec<Arc<RoutePlan>>,
    /// What finds the route of a request.
    pub table: Arc<Table>,
    /// The named ways to know callers, in the order of the file.
    pub auth: IndexMap<Arc<str>, AuthSpec>,
    /// Who keeps limits for many gateways, if anybody.
    pub rate_limit_service: Option<Arc<RateLimitServiceSpec>>,
    /// Which pages of other origins may call, if any.
    pub cors: Option<Cors>,
    /// The shape of error answers, also of those that belong to no route.
    pub errors: ErrorFormat,
    /// The gRPC codes of services whose messages and details clients do not get.
    pub hidden_errors: Codes,
    /// The codings that answers are offered in.
    pub compression: Offer,
    /// What the gateway bears.
    pub limits: LimitsSpec,
    /// Where the gateway answers itself.
    pub own: OwnPaths,
    /// The status of the health response while an upstream is unavailable.
    pub degraded: StatusCode,
    /// What the OpenAPI document says about the API.
    pub docs: DocsSpec,
    /// How long requests in flight have after the signal to stop.
    pub drain: Duration,
    /// What is logged, and how.
    pub log: LogSpec,
    /// What becomes of saved descriptors that break clients.
    pub breaking: BreakingChanges,
    /// Where spans go, if anywhere.
    pub tracing: Option<TracingSpec>,
    /// Whether 404, 405 and 400 answers carry the near misses.
    pub explain: bool,
}

/// The end of a certificate that the gateway shows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CertificateExpiry {
    /// Where the certificate is in use.
    pub shown_by: ShownBy,
    /// The path of its file, as the configuration writes it.
    pub file: String,
    /// The earliest `notAfter` of the chain in the file.
    pub until: SystemTime,
}

/// The connections on which a certificate is shown.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ShownBy {
    /// Those of clients with this listener.
    Listener(SocketAddr),
    /// Those with this upstream.
    Upstream(Arc<str>),
}

/// The address of metrics, health, the state of the gateway and commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminSpec {
    /// Where to listen.
    pub address: SocketAddr,
    /// The host names that requests may name, besides IP addresses and `localhost`.
    pub hosts: Vec<HostPattern>,
    /// Whether reload, drain and log level are served.
    pub orders: bool,
}

/// Where a process on the same machine finds the health response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthTarget {
    /// The address, never an unspecified one.
    pub address: SocketAddr,
    /// Whether the address is served with TLS.
    pub tls: bool,
    /// The certificate chains of the address, PEM, leaf first. Empty without TLS.
    pub certificates: Vec<Arc<[u8]>>,
    /// The path of the health response.
    pub path: String,
}

/// What the OpenAPI document says about the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocsSpec {
    /// The name of the API.
    pub title: String,
    /// The version of the API.
    pub version: String,
}

impl Default for DocsSpec {
    fn default() -> Self {
        Self { title: "REST API".to_owned(), version: "1".to_owned() }
    }
}

/// The log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSpec {
    /// The least severe level that is written.
    pub level: LogLevel,
    /// For people or for machines.
    pub format: LogFormat,
    /// Whether each request gets a line.
    pub access: bool,
    /// Whether these lines say what went wrong.
    pub detail: bool,
}

impl Default for LogSpec {
    fn default() -> Self {
        Self { level: LogLevel::Info, format: LogFormat::Text, access: true, detail: true }
    }
}

/// What becomes of a saved file whose descriptors break clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BreakingChanges {
    /// The change goes live.
    #[default]
    Apply,
    /// The running configuration stays until an operator orders a reload.
    Hold,
}

/// Severity of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// What failed.
    Error,
    /// What will fail, or was put right.
    Warn,
    /// What an operator wants to see.
    Info,
    /// What a developer wants to see.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The level's name, as the file writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// An object a line.
    Json,
}

impl From<LogFormat> for crate::telemetry::logging::Format {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Text => Self::Text,
            LogFormat::Json => Self::Json,
        }
    }
}
