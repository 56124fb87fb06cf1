//! Keeps an eye on one endpoint, traffic or not: a connection of its own that is dialled at once, watched, and dialled again
//! with backoff when it ends.

use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use h2::PingPong;
use h2::client::SendRequest;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::condition::Report;
use crate::connect_problem::{ConnectError, ConnectProblem, Stage};
use crate::connection::{self, End, Link};
use crate::dial::Progress;
use crate::endpoint::{Change, Endpoint, SightChange};
use crate::group::Group;
use crate::health::{self, Cause};
use crate::reach::Sight;
use crate::spec::HealthCheckSpec;

/// How long calls wait for an endpoint that is being dialled before they count it as unreachable.
pub(crate) const PATIENCE: Duration = Duration::from_millis(750);
/// Between attempts. The cap is low on purpose: a server that returns is found within a second.
const BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), max: Duration::from_secs(1) };
/// A connection that lived shorter counts as a failed attempt, or a peer that accepts and hangs up would be dialled in a loop.
const SHORT_LIFE: Duration = Duration::from_secs(1);

/// Watches until the upstream is gone or the task is dropped.
pub(crate) async fn watch(endpoint: Arc<Endpoint>, group: Weak<Group>) {
    let mut failures = 0u32;
    loop {
        let report = |sight, error| report(&endpoint, &group, sight, error);
        let progress = Progress::default();
        let attempt = reach_out(&endpoint, &progress);
        tokio::pin!(attempt);
        let reached = tokio::select! {
            biased;
            reached = &mut attempt => reached,
            () = tokio::time::sleep(PATIENCE) => {
                report(Sight::Overdue, Some(progress.stage().overdue(PATIENCE)));
                attempt.await
            }
        };
        let error = match reached {
            Ok(standing) => {
                if let Some(spec) = health_check(&group) {
                    endpoint.heard(Report::Reconnected, None, &spec, Instant::now());
                }
                report(Sight::Connected, None);
                let since = Instant::now();
                let end = standing.stay(&endpoint, &group).await;
                if end == End::TooManyPings {
                    endpoint.slow_keepalive(Instant::now());
                }
                report(Sight::Lost, None);
                if since.elapsed() >= SHORT_LIFE {
                    failures = 0;
                    continue;
                }
                ConnectError::new(ConnectProblem::ClosedEarly, format!("the connection ended at once: {end}"))
            }
            Err(error) => error,
        };
        failures = failures.saturating_add(1);
        endpoint.metrics().connect_failed(error.problem());
        report(Sight::Failed, Some(error));
        tokio::time::sleep(BACKOFF.half_jitter(failures, endpoint.dice())).await;
    }
}

fn report(endpoint: &Endpoint, group: &Weak<Group>, sight: Sight, error: Option<ConnectError>) {
    let change = endpoint.saw(sight, error.clone(), Instant::now());
    if change == SightChange::None {
        return;
    }
    let Some(group) = group.upgrade() else { return };
    let (name, endpoint) = (group.name(), &endpoint.name);
    match sight {
        Sight::Connected => tracing::info!(upstream = name, %endpoint, "endpoint reachable"),
        Sight::Lost => tracing::info!(upstream = name, %endpoint, "connection to endpoint lost"),
        Sight::Failed | Sight::Overdue => {
            if let Some(error) = error {
                let (problem, error) = (error.problem(), &**error.message());
                let (reason, help) = (problem.name(), problem.help());
                tracing::warn!(upstream = name, %endpoint, reason, error, help, "endpoint unreachable");
            }
        }
    }
    if change == SightChange::Reach {
        group.refresh();
    }
}

/// A connection on which the peer has spoken.
struct Standing {
    /// Held so that the connection stays open although it has no streams.
    handle: SendRequest<Bytes>,
    link: Link,
    pings: Option<PingPong>,
}

async fn reach_out(endpoint: &Endpoint, progress: &Progress) -> Result<Standing, ConnectError> {
    let dialer = endpoint.dialer();
    let (handle, mut link) = dialer.dial(progress).await?;
    let mut pings = link.http2.ping_pong();
    if let Some(pings) = &mut pings {
        match tokio::time::timeout(dialer.timeout, connection::greet(&mut link, pings)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                return Err(ConnectError::of_greeting(&link.settings, dialer.tls_side(), error.as_ref()));
            }
            Err(_) => return Err(Stage::Http2.overdue(dialer.timeout)),
        }
    }
    Ok(Standing { handle, link, pings })
}

impl Standing {
    /// Until the connection ends; asks for the endpoint's health meanwhile.
    async fn stay(self, endpoint: &Endpoint, group: &Weak<Group>) -> End {
        let Self { handle, link, pings } = self;
        let settings = Arc::clone(&link.settings);
        // No PING without need: servers count those without a call most strictly.
        let drive = connection::drive(link, pings, endpoint.keepalive(), |_| endpoint.was_suspected());
        let spec = health_check(group);
        let attend = async {
            if let Some(spec) = &spec {
                let report = |report, cause| hear(endpoint, group, report, cause, spec);
                health::attend(handle.clone(), endpoint, &settings, spec, report).await;
            }
            std::future::pending().await
        };
        // After a GOAWAY nothing may keep the server from going: a health watch would, for as long as it stands.
        let mut probe = handle.clone();
        let goaway = poll_fn(|cx| match probe.poll_ready(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(End::of(&error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
        });
        tokio::select! {
            // In this order: the GOAWAY is read by the first and seen by the second, in one turn.
            biased;
            end = drive => end,
            end = goaway => end,
            never = attend => never,
        }
    }
}

fn health_check(group: &Weak<Group>) -> Option<HealthCheckSpec> {
    group.upgrade().and_then(|group| group.spec().health_check.clone())
}

fn hear(
    endpoint: &Endpoint,
    group: &Weak<Group>,
    report: Report,
    cause: Option<Cause>,
    spec: &HealthCheckSpec,
) {
    let error = cause.as_ref().map(|cause| Arc::from(format!("health check: {cause}")));
    let change = endpoint.heard(report, error.as_ref(), spec, Instant::now());
    let Some(group) = group.upgrade() else { return };
    let (name, address) = (group.name(), &endpoint.name);
    if let Some(cause) = &cause
        && report != Report::Missed
        && !matches!(report, Report::NotServing | Report::Unsupported)
        && endpoint.is_first_unclear_check()
    {
        let help = cause.help();
        tracing::info!(upstream = name, endpoint = %address, answer = %cause, help, "endpoint alive, health not known");
    }
    match (change, &cause) {
        (Change::None, _) => return,
        (Change::Held(hold), _) => {
            tracing::warn!(upstream = name, endpoint = %address, ?hold, "endpoint health flips, held as unhealthy");
        }
        (Change::Healthy(true), _) => {
            tracing::info!(upstream = name, endpoint = %address, "endpoint serving")
        }
        (Change::Healthy(false), _) if report == Report::NotServing => {
            tracing::warn!(upstream = name, endpoint = %address, "endpoint says that it is not serving");
        }
        (Change::Healthy(false), Some(cause)) => {
            let help = cause.help();
            tracing::warn!(upstream = name, endpoint = %address, answer = %cause, help, "endpoint fails its health checks");
        }
        (Change::Healthy(false), None) => {
            tracing::warn!(upstream = name, endpoint = %address, "endpoint fails its health checks");
        }
    }
    group.refresh();
}
