//! Asks an endpoint for its health by `grpc.health.v1`, on the lookout's connection.
//!
//! `Check` is called every interval: it finds endpoints that no longer answer. Where `Watch` is served, it runs besides, and
//! an endpoint that stops serving is known at that moment.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use http::HeaderMap;
use http::uri::PathAndQuery;
use prost::Message;
use tokio::time::Instant;

use crate::attempt::{self, HeadParts, PendingHead};
use crate::backoff::Backoff;
use crate::code;
use crate::condition::Report;
use crate::endpoint::Endpoint;
use crate::error::CallError;
use crate::fields::Fields;
use crate::frame::{self, Messages};
use crate::peer_settings::PeerSettings;
use crate::spec::HealthCheckSpec;
use crate::timeout::TimeoutHeader;

const CHECK: PathAndQuery = PathAndQuery::from_static("/grpc.health.v1.Health/Check");
const WATCH: PathAndQuery = PathAndQuery::from_static("/grpc.health.v1.Health/Watch");
/// The longest answer of a health service that is read.
const LIMIT: usize = 4096;

/// grpc.health.v1.HealthCheckRequest
#[derive(Clone, PartialEq, Message)]
struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

/// grpc.health.v1.HealthCheckResponse
#[derive(Clone, PartialEq, Message)]
struct HealthCheckResponse {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// ServingStatus.SERVING
const SERVING: i32 = 1;
/// ServingStatus.NOT_SERVING
const NOT_SERVING: i32 = 2;

/// Updates of a watch that are read within [`FLOOD_WINDOW`]; a watch that sends more is ended.
const FLOOD: u32 = 60;
const FLOOD_WINDOW: Duration = Duration::from_secs(10);
/// The time until a watch that was ended for its updates is opened again.
const FLOOD_PAUSE: Backoff = Backoff { base: Duration::from_secs(60), max: Duration::from_secs(600) };

/// Checks until dropped; once the endpoint turns out to have no health service, it only reports that time passes.
pub(crate) async fn attend(
    handle: SendRequest<Bytes>,
    endpoint: &Endpoint,
    settings: &PeerSettings,
    spec: &HealthCheckSpec,
    report: impl Fn(Report, Option<Cause>),
) {
    let message = request_frame(&spec.service);
    let client = Client { handle, endpoint, settings, message, timeout: TimeoutHeader::new() };
    // While a watch is open, it alone says whether the endpoint is serving.
    let watched = AtomicBool::new(false);
    tokio::join!(check(&client, spec, &watched, &report), watch(&client, spec, &watched, &report));
}

/// What a health check met that is not SERVING.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A status code other than OK, as the gRPC name or the mapping of an HTTP status gives it.
    Code(u32),
    /// A ServingStatus other than SERVING.
    Status(i32),
    /// No answer.
    Error(CallError),
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => f.write_str(code::name(*code)),
            Self::Status(0) => f.write_str("UNKNOWN (a serving status)"),
            Self::Status(2) => f.write_str("NOT_SERVING"),
            Self::Status(3) => f.write_str("SERVICE_UNKNOWN"),
            Self::Status(other) => write!(f, "serving status {other}"),
            Self::Error(error) => error.fmt(f),
        }
    }
}

impl Cause {
    /// What an operator can do about it.
    pub(crate) fn help(&self) -> &'static str {
        match self {
            Self::Code(code::UNAUTHENTICATED | code::PERMISSION_DENIED) => {
                "exempt grpc.health.v1.Health from authentication, or set `health_check: false`"
            }
            Self::Code(code::NOT_FOUND) | Self::Status(3) => {
                "set `health_check.service` to a service that the server knows, or `health_check: false`"
            }
            Self::Code(code::UNIMPLEMENTED) => {
                "add the grpc.health.v1.Health service to the server, or set `health_check: false`"
            }
            Self::Error(CallError::Deadline) => "raise `health_check.timeout`, or see why the server is slow",
            Self::Code(_) | Self::Status(_) | Self::Error(_) => "see the log of the server",
        }
    }

    /// Whether the endpoint answered at all, be it with an error.
    fn is_answer(&self) -> bool {
        match self {
            Self::Code(_) | Self::Status(_) => true,
            Self::Error(error) => {
                !matches!(error, CallError::Deadline | CallError::Connect(_) | CallError::Disconnected(_))
            }
        }
    }
}

/// What a check or an update of a watch amounts to.
fn judge(said: Result<(), Cause>, spec: &HealthCheckSpec) -> Report {
    match said {
        Ok(()) => Report::Serving,
        Err(Cause::Status(NOT_SERVING)) => Report::NotServing,
        // Checks that no operator has set up know only whether the endpoint is alive.
        Err(Cause::Code(code::UNIMPLEMENTED)) if !spec.strict => Report::Unsupported,
        Err(cause) if !spec.strict && cause.is_answer() => Report::Serving,
        Err(_) => Report::Missed,
    }
}

async fn check(
    client: &Client<'_>,
    spec: &HealthCheckSpec,
    watched: &AtomicBool,
    report: &impl Fn(Report, Option<Cause>),
) {
    let mut supported = true;
    loop {
        if supported {
            let answered = client.endpoint.answered.load(Relaxed);
            let said = tokio::time::timeout(spec.timeout, client.check(spec.timeout)).await;
            let said = said.unwrap_or(Err(Cause::Error(CallError::Deadline)));
            let cause = said.as_ref().err().cloned();
            let heard = match judge(said, spec) {
                // Calls that were answered meanwhile prove more than a check that was not.
                Report::Missed if !spec.strict && client.endpoint.answered.load(Relaxed) != answered => {
                    Report::Serving
                }
                // The watch knows what the answer is; the check shows that the endpoint is alive.
                Report::Serving | Report::NotServing if watched.load(Relaxed) => {
                    if client.endpoint.says_not_serving() { Report::NotServing } else { Report::Serving }
                }
                heard => heard,
            };
            supported = heard != Report::Unsupported;
            report(heard, cause);
        } else {
            report(Report::Passed, None);
        }
        // A tenth of the interval at random: gateways that start together must not ask together.
        let jitter = client.endpoint.dice().jitter(spec.interval / 10);
        tokio::time::sleep(spec.interval - spec.interval / 20 + jitter).await;
    }
}

async fn watch(
    client: &Client<'_>,
    spec: &HealthCheckSpec,
    watched: &AtomicBool,
    report: &impl Fn(Report, Option<Cause>),
) {
    let mut floods = 0;
    loop {
        let mut updates = UpdateLimit::default();
        let outcome = client.watch(|said| {
            let cause = said.as_ref().err().cloned();
            let heard = judge(said, spec);
            watched.store(true, Relaxed);
            report(heard, cause);
            updates.allows(Instant::now())
        });
        let outcome = outcome.await;
        watched.store(false, Relaxed);
        let pause = match outcome {
            Ok(code::UNIMPLEMENTED) => return,
            Ok(_) | Err(Ended::Failed) => spec.interval,
            Err(Ended::Flooded) => {
                floods += 1;
                FLOOD_PAUSE.ceiling(floods)
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// Counts the updates of a watch.
#[derive(Debug, Default)]
struct UpdateLimit {
    begun: Option<Instant>,
    updates: u32,
}

impl UpdateLimit {
    /// Counts an update; false if there were too many in a short time.
    fn allows(&mut self, now: Instant) -> bool {
        if self.begun.is_none_or(|begun| now.saturating_duration_since(begun) >= FLOOD_WINDOW) {
            (self.begun, self.updates) = (Some(now), 0);
        }
        self.updates += 1;
        self.updates <= FLOOD
    }
}

/// Why a watch ended without a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// It sent too many updates.
    Flooded,
    /// The stream broke.
    Failed,
}

/// What a response says.
fn said(message: Bytes) -> Result<(), Cause> {
    match HealthCheckResponse::decode(message) {
        Ok(response) if response.status == SERVING => Ok(()),
        Ok(response) => Err(Cause::Status(response.status)),
        Err(_) => Err(Cause::Error(CallError::Protocol(
            "the response of the health service does not decode".into(),
        ))),
    }
}

struct Client<'a> {
    handle: SendRequest<Bytes>,
    endpoint: &'a Endpoint,
    settings: &'a PeerSettings,
    message: Bytes,
    timeout: TimeoutHeader,
}

impl Client<'_> {
    async fn check(&self, timeout: Duration) -> Result<(), Cause> {
        let mut heard = None;
        let each = |message| {
            heard = Some(said(message));
            true
        };
        match self.call(CHECK, Some(timeout), each).await.map_err(Cause::Error)? {
            Some(code::OK) | None => heard.unwrap_or(Err(Cause::Error(CallError::NoMessage))),
            Some(code) => Err(Cause::Code(code)),
        }
    }

    /// Hands each update over until the watch ends, or `told` wants no more.
    async fn watch(&self, mut told: impl FnMut(Result<(), Cause>) -> bool) -> Result<u32, Ended> {
        let code = self.call(WATCH, None, |message| told(said(message))).await;
        code.map_err(|_| Ended::Failed)?.ok_or(Ended::Flooded)
    }

    /// Calls, hands each message over as it comes, and returns the status code; `None` if `each` wants no more messages.
    async fn call(
        &self,
        path: PathAndQuery,
        timeout: Option<Duration>,
        mut each: impl FnMut(Bytes) -> bool,
    ) -> Result<Option<u32>, CallError> {
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        let parts = HeadParts { path, metadata: HeaderMap::new(), deadline };
        let request = attempt::head(parts, self.endpoint, &self.timeout, Instant::now());
        let mut handle = self.handle.clone();
        poll_fn(|cx| handle.poll_ready(cx)).await?;
        let (response, mut send) = handle.send_request(request.request, false)?;
        send.send_data(self.message.clone(), true)?;
        let (head, mut body) = PendingHead::new(response).read(self.settings).await?.into_parts();
        let fields = Fields::of(&head.headers);
        if let Some(status) = fields.status()? {
            return Ok(Some(status.code));
        }
        if !fields.is_grpc(head.status) {
            return Ok(Some(code::from_http(head.status.as_u16())));
        }
        let mut messages = Messages::new(fields.encoding(), LIMIT);
        while let Some(chunk) = attempt::data(&mut body).await? {
            body.flow_control().release_capacity(chunk.len())?;
            messages.push(chunk);
            while let Some(message) = messages.next()? {
                if !each(message) {
                    return Ok(None);
                }
            }
        }
        let trailers = poll_fn(|cx| body.poll_trailers(cx)).await?.unwrap_or_default();
        Ok(Some(Fields::of(&trailers).status()?.map_or(code::UNKNOWN, |status| status.code)))
    }
}

fn request_frame(service: &str) -> Bytes {
    frame::frame(&HealthCheckRequest { service: service.to_owned() }.encode_to_vec())
}
