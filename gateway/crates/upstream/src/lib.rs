//! Named groups of gRPC servers: discovery, balancing, connections, retries, breakers, health.
//!
//! An [`Upstream`] is started from an [`UpstreamSpec`] and called with a [`Call`]; what a service answers is an [`Answer`],
//! everything else a [`CallError`]. Nothing here knows JSON or YAML, and messages are never looked into.
//!
//! ```text
//!  Call ─► breaker ─► roster: pick an Endpoint ─► its Pool: lease a stream ─► attempt ─► Answer
//!                        ▲                                                      │
//!                        └──────────── judge: again, elsewhere, later? ◄────────┘
//! ```
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use upstream::{Address, Call, Upstream, UpstreamSpec, frame};
//!
//! let spec = UpstreamSpec::new(vec![Address::parse("dns:///users.internal:50051")?]);
//! let users = Upstream::start("users", spec, 1)?;
//! let deadline = tokio::time::Instant::now() + Duration::from_secs(3);
//! let call = Call::new("/shop.user.v1.UserService/GetUser".parse()?, frame::frame(&[8, 1]), deadline);
//! let answer = users.unary(call).await?;
//! println!("{} after {} tries: {} bytes", answer.status.code, answer.attempts, answer.message.len());
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

pub mod code;
pub mod frame;

mod address;
mod attempt;
mod backoff;
mod balance;
mod breaker;
mod call;
mod condition;
mod connect_problem;
mod connection;
mod damper;
mod dial;
mod endpoint;
mod error;
mod exchange;
mod fields;
mod group;
mod health;
mod lookout;
mod metrics;
mod observe;
mod orphan;
mod outlier;
mod pace;
mod peer_settings;
mod ping;
mod pool;
mod random;
mod reach;
mod reset_budget;
mod resolve;
mod retry;
mod roster;
mod spec;
mod status;
mod timeout;
mod tls;
mod unary;
mod unserved;
mod upstream;
mod view;

pub use address::{Address, AddressError, Scheme, Target};
pub use call::{Answer, Call, DEFAULT_MAX_RESPONSE, Report, Room, Status};
pub use condition::Condition;
pub use connect_problem::{ConnectError, ConnectProblem};
pub use error::{CallError, Limit, NoEndpoint, StartError, TlsError, Verdict};
pub use exchange::{End, Event, Exchange, Receiver, Request, Sender};
pub use observe::Observer;
pub use random::hash_key;
pub use reach::Reach;
pub use spec::{
    Balance, BreakerSpec, Codes, HealthCheckSpec, Identity, KeepaliveSpec, OutlierSpec, Pem, Percent,
    RetrySpec, TlsSpec, UpstreamSpec,
};
pub use upstream::Upstream;
pub use view::{EndpointView, Health, NameView, UpstreamView};
