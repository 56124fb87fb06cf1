//! What an operator declares about an upstream, as plain data; [`UpstreamSpec::new`] holds the safe defaults.
//!
//! Two specs that are equal describe the same running upstream, which a reload adopts; two that differ only in how calls
//! are made share their endpoints and connections.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::address::Address;
use crate::code;

/// Everything declared about one upstream.
#[derive(Debug, Clone, PartialEq)]
pub struct UpstreamSpec {
    /// Where its servers are. Every address, and every record of a name, is an endpoint.
    pub addresses: Vec<Address>,
    /// TLS towards the endpoints; `None` is plain text, unless an address begins with `https://`.
    pub tls: Option<TlsSpec>,
    /// How an endpoint is chosen for a call.
    pub balance: Balance,
    /// How long dialling may take, TLS included.
    pub connect_timeout: Duration,
    /// The deadline of a call that brings none of its own (see [`crate::Call::deadline`]).
    pub timeout: Duration,
    /// When a call is tried again.
    pub retry: RetrySpec,
    /// How much may be under way at once.
    pub circuit_breaker: BreakerSpec,
    /// When an endpoint that answers badly is left out for a while; `None` is never.
    pub outlier_detection: Option<OutlierSpec>,
    /// How endpoints are asked for their health; `None` is not at all.
    pub health_check: Option<HealthCheckSpec>,
    /// How dead connections are found; `None` leaves it to TCP.
    pub keepalive: Option<KeepaliveSpec>,
    /// The largest header list of a request in bytes, as RFC 9113 section 6.5.2 counts them: the names and values of all
    /// metadata and pseudo-header fields, and 32 bytes for each. A larger request fails before a connection is taken for it. An
    /// endpoint that announces a smaller limit (SETTINGS_MAX_HEADER_LIST_SIZE) gets no larger one either.
    pub max_metadata: usize,
    /// The largest request message in bytes; `None` for no limit but gRPC's own (4 GiB).
    pub max_message: Option<usize>,
}

/// The limit of a request's metadata unless the spec has another: 8 KiB. grpc-java accepts no more; tonic and grpc-go accept
/// 16 KiB.
const DEFAULT_MAX_METADATA: usize = 8 << 10;

impl UpstreamSpec {
    /// The safe defaults for these addresses.
    pub fn new(addresses: Vec<Address>) -> Self {
        Self {
            addresses,
            tls: None,
            balance: Balance::RoundRobin,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(3),
            retry: RetrySpec::default(),
            circuit_breaker: BreakerSpec::default(),
            outlier_detection: Some(OutlierSpec::default()),
            health_check: Some(HealthCheckSpec::default()),
            keepalive: Some(KeepaliveSpec::default()),
            max_metadata: DEFAULT_MAX_METADATA,
            max_message: None,
        }
    }

    /// Whether both have the same endpoints and dial, watch and eject them alike. Then a change needs no new connection.
    pub(crate) fn has_the_endpoints_of(&self, other: &Self) -> bool {
        // Named one by one, so that a new field has to be put on one of the sides.
        let Self {
            addresses,
            tls,
            connect_timeout,
            outlier_detection,
            health_check,
            keepalive,
            balance: _,
            timeout: _,
            retry: _,
            circuit_breaker: _,
            max_metadata: _,
            max_message: _,
        } = self;
        *addresses == other.addresses
            && *tls == other.tls
            && *connect_timeout == other.connect_timeout
            && *outlier_detection == other.outlier_detection
            && *health_check == other.health_check
            && *keepalive == other.keepalive
    }
}

/// How an endpoint is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Balance {
    /// One after the other.
    #[default]
    RoundRobin,
    /// The less busy one of two taken at random.
    LeastRequest,
    /// At random.
    Random,
    /// By [`crate::Call::hash`]: equal keys go to one endpoint, and few keys move when endpoints come or go. A call
    /// without a key goes to a random one.
    Hash,
}

/// A whole share, 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u8);

impl Percent {
    /// `None` above 100.
    pub const fn new(percent: u8) -> Option<Self> {
        if percent <= 100 { Some(Self(percent)) } else { None }
    }

    /// The number, 0 to 100.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// This share of `n`, rounded down.
    pub(crate) const fn of(self, n: usize) -> usize {
        n.saturating_mul(self.0 as usize) / 100
    }
}

/// A set of gRPC status codes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Codes(u32);

impl Codes {
    /// No code.
    pub const NONE: Self = Self(0);

    /// These codes; those above 31 do not exist and are left out.
    pub const fn of(codes: &[u32]) -> Self {
        let mut set = 0;
        let mut i = 0;
        while i < codes.len() {
            #[allow(clippy::indexing_slicing, reason = "bounded by the loop; iterators are not const")]
            if codes[i] < 32 {
                set |= 1 << codes[i];
            }
            i += 1;
        }
        Self(set)
    }

    /// Whether `code` is one of them.
    pub const fn contains(self, code: u32) -> bool {
        code < 32 && self.0 & (1 << code) != 0
    }

    /// Their names, by number.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        (0..32).filter(move |code| self.contains(*code)).map(code::name)
    }
}

impl fmt::Debug for Codes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

/// When a call is tried again.
#[derive(Debug, Clone, PartialEq)]
pub struct RetrySpec {
    /// Tries in all, the first included; 1 is never again.
    pub attempts: u32,
    /// Codes that are worth another try. A call that may have been processed is tried again only if it is idempotent.
    pub on: Codes,
    /// Longest random wait before the second try; it doubles with each further one.
    pub backoff_base: Duration,
    /// Where the doubling stops.
    pub backoff_max: Duration,
    /// How long one try may take before another is made in its place; `None` is as long as the call. A try that cannot be
    /// followed by another is never cut short.
    pub per_try_timeout: Option<Duration>,
    /// Retries under way may be at most this share of the requests under way...
    pub budget: Percent,
    /// ...but this many are always allowed.
    pub budget_floor: u32,
}

impl Default for RetrySpec {
    fn default() -> Self {
        Self {
            attempts: 3,
            on: Codes::of(&[code::UNAVAILABLE]),
            backoff_base: Duration::from_millis(25),
            backoff_max: Duration::from_secs(1),
            per_try_timeout: Some(Duration::from_secs(1)),
            budget: Percent(20),
            budget_floor: 3,
        }
    }
}

/// How much may be under way to an upstream at once, over all its endpoints and workers.
#[derive(Debug, Clone, PartialEq)]
pub struct BreakerSpec {
    /// Calls under way.
    pub max_requests: u32,
    /// Calls that wait for a connection.
    pub max_pending: u32,
    /// Retries under way.
    pub max_retries: u32,
}

impl Default for BreakerSpec {
    fn default() -> Self {
        Self { max_requests: 1024, max_pending: 1024, max_retries: 64 }
    }
}

/// When an endpoint that answers badly is left out.
#[derive(Debug, Clone, PartialEq)]
pub struct OutlierSpec {
    /// Failures in a row that eject it.
    pub consecutive_errors: u32,
    /// How long the first ejection lasts; each further one lasts this much longer, up to ten times.
    pub ejection: Duration,
    /// At most this share of the usable endpoints is ejected at once.
    pub max_ejected: Percent,
    /// When fewer than this share of the endpoints would be left, ejections are ignored: many bad endpoints at once are more
    /// likely a fault of what they share.
    pub panic_threshold: Percent,
}

impl OutlierSpec {
    /// The share of endpoints below which health checks and ejections are ignored, unless a spec has its own.
    pub(crate) const PANIC_THRESHOLD: Percent = Percent(50);
}

impl Default for OutlierSpec {
    fn default() -> Self {
        Self {
            consecutive_errors: 5,
            ejection: Duration::from_secs(30),
            max_ejected: Percent(50),
            panic_threshold: Self::PANIC_THRESHOLD,
        }
    }
}

/// How endpoints are asked for their health (`grpc.health.v1`).
#[derive(Debug, Clone, PartialEq)]
pub struct HealthCheckSpec {
    /// Time between two checks.
    pub interval: Duration,
    /// How long one check may take.
    pub timeout: Duration,
    /// The service asked for; the empty name is the server as a whole.
    pub service: String,
    /// Bad checks in a row that make an endpoint unhealthy.
    pub unhealthy_after: u32,
    /// Good checks in a row that make it healthy again.
    pub healthy_after: u32,
    /// Whether every answer other than SERVING counts against an endpoint. Otherwise any answer but NOT_SERVING proves that it is
    /// alive, which is all that checks can know that no operator has set up.
    pub strict: bool,
}

impl Default for HealthCheckSpec {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(1),
            service: String::new(),
            unhealthy_after: 3,
            healthy_after: 2,
            strict: false,
        }
    }
}

/// How dead connections are found: HTTP/2 PINGs.
#[derive(Debug, Clone, PartialEq)]
pub struct KeepaliveSpec {
    /// Time between two PINGs.
    pub interval: Duration,
    /// A connection whose PING is not answered for so long is closed.
    pub timeout: Duration,
    /// Whether PINGs are left out that would exceed what gRPC servers allow by default.
    pub within_defaults: bool,
}

impl Default for KeepaliveSpec {
    fn default() -> Self {
        Self { interval: Duration::from_secs(30), timeout: Duration::from_secs(10), within_defaults: true }
    }
}

/// TLS towards the endpoints. HTTP/2 is agreed on by ALPN.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TlsSpec {
    /// Who may sign the servers' certificates; `None` trusts what the system trusts.
    pub ca: Option<Pem>,
    /// What is shown to servers that ask for a client certificate (mTLS).
    pub identity: Option<Identity>,
    /// The name that certificates must carry; `None` is the host of the address.
    pub server_name: Option<String>,
}

/// A client certificate and its key.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// The certificate, then the rest of its chain.
    pub certificate: Pem,
    /// Its private key.
    pub key: Pem,
}

/// The content of a PEM file. Its bytes are never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Pem(Arc<[u8]>);

impl Pem {
    /// Takes the file's content.
    pub fn new(content: impl Into<Arc<[u8]>>) -> Self {
        Self(content.into())
    }

    /// The file's content.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pem({} bytes)", self.0.len())
    }
}
