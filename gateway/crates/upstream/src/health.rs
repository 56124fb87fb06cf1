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

use crate::attempt::{self, HeadParts};
use crate::code;
use crate::condition::Report;
use crate::endpoint::Endpoint;
use crate::error::CallError;
use crate::fields::Fields;
use crate::frame::{self, Messages};
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

/// Asks until dropped, or for ever does nothing once the endpoint turns out to have no health service.
pub(crate) async fn attend(
    handle: SendRequest<Bytes>,
    endpoint: &Endpoint,
    spec: &HealthCheckSpec,
    report: impl Fn(Report),
) {
    let client =
        Client { handle, endpoint, message: request_frame(&spec.service), timeout: TimeoutHeader::new() };
    // While a watch stands, it alone says whether the endpoint is serving.
    let watched = AtomicBool::new(false);
    tokio::join!(check(&client, spec, &watched, &report), watch(&client, spec, &watched, &report));
}

async fn check(client: &Client<'_>, spec: &HealthCheckSpec, watched: &AtomicBool, report: &impl Fn(Report)) {
    loop {
        let answered = client.endpoint.answered.load(Relaxed);
        let result = tokio::time::timeout(spec.timeout, client.check(spec.timeout)).await;
        let heard = match result.unwrap_or(Err(CallError::Deadline)) {
            Ok(Said::Unsupported) => {
                report(Report::Unsupported);
                return;
            }
            // The watch says what the answer is; this one shows that the endpoint is alive.
            Ok(_) if watched.load(Relaxed) && client.endpoint.says_not_serving() => Report::NotServing,
            Ok(_) if watched.load(Relaxed) => Report::Serving,
            Ok(Said::Serving) => Report::Serving,
            Ok(Said::NotServing) => Report::NotServing,
            // Calls that were answered meanwhile prove more than a check that was not.
            Err(_) if client.endpoint.answered.load(Relaxed) != answered => Report::Serving,
            Err(_) => Report::Missed,
        };
        report(heard);
        // A tenth of the interval at random: gateways that start together must not ask together.
        let jitter = client.endpoint.dice().jitter(spec.interval / 10);
        tokio::time::sleep(spec.interval - spec.interval / 20 + jitter).await;
    }
}

async fn watch(client: &Client<'_>, spec: &HealthCheckSpec, watched: &AtomicBool, report: &impl Fn(Report)) {
    loop {
        let outcome = client.watch(|said| {
            watched.store(true, Relaxed);
            report(if said == Said::Serving { Report::Serving } else { Report::NotServing });
        });
        let outcome = outcome.await;
        watched.store(false, Relaxed);
        if outcome == Ok(Said::Unsupported) {
            return;
        }
        tokio::time::sleep(spec.interval).await;
    }
}

/// What an endpoint says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Serving,
    NotServing,
    Unsupported,
}

impl Said {
    fn of(message: Bytes) -> Self {
        match HealthCheckResponse::decode(message) {
            Ok(response) if response.status == SERVING => Self::Serving,
            _ => Self::NotServing,
        }
    }
}

struct Client<'a> {
    handle: SendRequest<Bytes>,
    endpoint: &'a Endpoint,
    message: Bytes,
    timeout: TimeoutHeader,
}

impl Client<'_> {
    async fn check(&self, timeout: Duration) -> Result<Said, CallError> {
        let mut said = None;
        let code = self.call(CHECK, Some(timeout), |message| said = Some(Said::of(message))).await?;
        match (code, said) {
            (code::OK, Some(said)) => Ok(said),
            (code::OK, None) => Err(CallError::NoMessage),
            (code::UNIMPLEMENTED, _) => Ok(Said::Unsupported),
            // It does not know the service.
            (code::NOT_FOUND, _) => Ok(Said::NotServing),
            (_, _) => Err(CallError::Reset(0)),
        }
    }

    async fn watch(&self, mut told: impl FnMut(Said)) -> Result<Said, CallError> {
        let code = self.call(WATCH, None, |message| told(Said::of(message))).await?;
        Ok(if code == code::UNIMPLEMENTED { Said::Unsupported } else { Said::NotServing })
    }

    /// Calls, hands each message over as it comes, and gives the status code.
    async fn call(
        &self,
        path: PathAndQuery,
        timeout: Option<Duration>,
        mut each: impl FnMut(Bytes),
    ) -> Result<u32, CallError> {
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        let parts = HeadParts { path, metadata: HeaderMap::new(), deadline };
        let request = attempt::head(parts, self.endpoint, &self.timeout, Instant::now());
        let mut handle = self.handle.clone();
        poll_fn(|cx| handle.poll_ready(cx)).await?;
        let (response, mut send) = handle.send_request(request.request, false)?;
        send.send_data(self.message.clone(), true)?;
        let (head, mut body) = response.await?.into_parts();
        let fields = Fields::of(&head.headers);
        if let Some(status) = fields.status()? {
            return Ok(status.code);
        }
        if !fields.is_grpc(head.status) {
            return Ok(code::from_http(head.status.as_u16()));
        }
        let mut messages = Messages::new(fields.encoding(), LIMIT);
        while let Some(chunk) = attempt::data(&mut body).await? {
            body.flow_control().release_capacity(chunk.len())?;
            messages.push(chunk);
            while let Some(message) = messages.next()? {
                each(message);
            }
        }
        let trailers = poll_fn(|cx| body.poll_trailers(cx)).await?.unwrap_or_default();
        Ok(Fields::of(&trailers).status()?.map_or(code::UNKNOWN, |status| status.code))
    }
}

fn request_frame(service: &str) -> Bytes {
    frame::frame(&HealthCheckRequest { service: service.to_owned() }.encode_to_vec())
}
