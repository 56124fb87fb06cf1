//! The way of a unary call: admit, pick, lease, send, judge, perhaps again.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use http::HeaderMap;
use smallvec::SmallVec;
use tokio::time::{Instant, sleep, timeout_at};

use crate::attempt::{self, Head, HeadParts, Outgoing};
use crate::breaker::Permit;
use crate::call::{Answer, Call, Report};
use crate::code;
use crate::endpoint::Endpoint;
use crate::error::CallError;
use crate::frame::{Messages, PREFIX};
use crate::observe::Watched;
use crate::pool::{Place, Pool};
use crate::retry::{Next, Tries};
use crate::upstream::{Upstream, Worker};

/// How long a call whose connection broke waits for the retry budget. Many break at once when a server dies; they are tried
/// again in turn rather than failed. A service that *answers* that it cannot is not waited for.
const BUDGET_PATIENCE: Duration = Duration::from_secs(1);
/// A deadline that passes sooner than this says more about the caller's haste than about the endpoint.
const HASTE: Duration = Duration::from_secs(1);

pub(crate) type Tried = SmallVec<[Arc<Endpoint>; 3]>;

/// How one try ended; `None` if it took longer than one try may, and another endpoint is there to be asked within the budget.
type Outcome = Option<Result<Box<Answer>, CallError>>;

impl Upstream {
    /// Makes a unary call. What the service answers, good or bad, is an [`Answer`]; dropping the future cancels the call.
    pub async fn unary(&self, call: Call) -> Result<Box<Answer>, CallError> {
        self.unary_reported(&call, &|| call.metadata.clone(), &mut Report::default()).await
    }

    /// The same, with metadata that is made for each try, since what is sent is gone; the call's own does not count. `report`
    /// says what was done, whatever came of it.
    ///
    /// The call is borrowed, as the parts of a try are below: what is handed from one future to the next is copied each time,
    /// and has a place in every one of them.
    pub async fn unary_reported(
        &self,
        call: &Call,
        metadata: &(dyn Fn() -> HeaderMap + Sync),
        report: &mut Report,
    ) -> Result<Box<Answer>, CallError> {
        self.metrics().requests.fetch_add(1, Relaxed);
        let result = match self.breaker().enter() {
            Ok(_permit) => self.admitted(call, metadata, report).await,
            Err(error) => Err(error),
        };
        if let Err(error) = &result {
            self.metrics().failed(error);
        }
        result
    }

    async fn admitted(
        &self,
        call: &Call,
        metadata: &(dyn Fn() -> HeaderMap + Sync),
        report: &mut Report,
    ) -> Result<Box<Answer>, CallError> {
        self.check_message(call.frame.len())?;
        let worker = self.worker(call.worker);
        let mut tries = Tries::new(call.idempotent);
        let mut tried = Tried::new();
        let mut budget: Option<Permit<'_>> = None;
        loop {
            if tries.broke_connections() {
                return Err(CallError::DisconnectedTwice);
            }
            let endpoint = self.pick(worker, call, &tried).await?;
            let begun = Instant::now();
            if begun >= call.deadline {
                return Err(CallError::Deadline);
            }
            let parts =
                HeadParts { path: call.path.clone(), metadata: metadata(), deadline: Some(call.deadline) };
            let mut head = attempt::head(parts, &endpoint, worker.timeout(), begun);
            self.check_metadata(&head)?;
            report.attempts += 1;
            report.endpoint = Some(Arc::clone(&endpoint.name));
            let watched = Watched::begin(call, &endpoint, head.request.headers_mut());
            let mut request = Outgoing::new(head);
            let outcome =
                self.one_try(call, &mut request, &endpoint, begun, &tries, &tried, &mut budget).await;
            let Some(outcome) = outcome else {
                self.record(&endpoint, &Err(CallError::Deadline), begun);
                drop(watched);
                tries.made += 1;
                self.again(&mut tried, endpoint);
                continue;
            };
            let outcome = or_overdue(outcome, call.deadline);
            if !call.isolated || outcome.is_ok() {
                self.record(&endpoint, &outcome, begun);
            }
            if let Some(watched) = watched {
                watched.end(&outcome);
            }
            if matches!(&outcome, Ok(answer) if answer.status.code == code::UNIMPLEMENTED) {
                self.unimplemented(&endpoint, &call.path);
            }
            if matches!(&outcome, Ok(answer) if answer.status.is_ok()) {
                return with_attempts(outcome, &tried);
            }
            let left = call.deadline.saturating_duration_since(Instant::now());
            match tries.judge(&outcome, request.sent_on, &self.spec().retry, left, worker.dice()) {
                Next::Free(Duration::ZERO) => {}
                Next::Free(pause) => sleep(pause).await,
                Next::Again(pause) => {
                    // The retry that just ended gives its place back first.
                    drop(budget.take());
                    budget = self.retry_permit(&outcome, call.deadline, worker).await;
                    if budget.is_none() {
                        return with_attempts(outcome, &tried);
                    }
                    sleep(pause).await;
                }
                Next::Done => return with_attempts(outcome, &tried),
                Next::Stopped => return Err(CallError::DisconnectedTwice),
            }
            self.again(&mut tried, endpoint);
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the state of one loop, split off to fit a screen")]
    async fn one_try<'a>(
        &'a self,
        call: &Call,
        request: &mut Outgoing,
        endpoint: &Arc<Endpoint>,
        now: Instant,
        tries: &Tries,
        tried: &Tried,
        budget: &mut Option<Permit<'a>>,
    ) -> Outcome {
        let spec = &self.spec().retry;
        let (frame, deadline) = (call.frame.clone(), call.deadline);
        let messages =
            |encoding| Messages::new(encoding, call.max_response).within(call.room.clone(), call.room_made);
        let place = Place { worker: call.worker, isolated: call.isolated };
        let mut attempt = pin!(async {
            let opened = Pool::open(endpoint, place, request, self.breaker()).await?;
            attempt::unary(opened, frame, messages).await
        });
        if tries.may_repeat(spec)
            && let Some(cut) = spec.per_try_timeout.map(|time| now + time)
            && cut < deadline
        {
            match timeout_at(cut, &mut attempt).await {
                Ok(outcome) => return Some(outcome),
                Err(_) if self.has_other(endpoint, tried) => {
                    drop(budget.take());
                    *budget = self.breaker().retry(spec);
                    if budget.is_some() {
                        return None;
                    }
                }
                Err(_) => {}
            }
        }
        let outcome = timeout_at(deadline, attempt).await;
        Some(outcome.unwrap_or(Err(CallError::Deadline)))
    }

    /// Checks the size of a request's header list before a connection is taken for it.
    pub(crate) fn check_metadata(&self, head: &Head) -> Result<(), CallError> {
        let (size, limit) = (head.list_size, self.spec().max_metadata);
        if size > limit { Err(CallError::MetadataTooLarge { size, limit }) } else { Ok(()) }
    }

    /// Checks the size of a message; `frame` is its length with the prefix.
    pub(crate) fn check_message(&self, frame: usize) -> Result<(), CallError> {
        check_message(self.spec().max_message, frame)
    }

    pub(crate) fn again(&self, tried: &mut Tried, endpoint: Arc<Endpoint>) {
        self.metrics().retries.fetch_add(1, Relaxed);
        tried.push(endpoint);
    }

    /// Room in the retry budget: at once, or, for calls whose connection is gone, soon.
    async fn retry_permit(
        &self,
        outcome: &Result<Box<Answer>, CallError>,
        deadline: Instant,
        worker: &Worker,
    ) -> Option<Permit<'_>> {
        let spec = &self.spec().retry;
        let patience = match outcome {
            Err(
                CallError::Connect(_)
                | CallError::Disconnected(_)
                | CallError::GoAway(_)
                | CallError::Refused,
            ) => BUDGET_PATIENCE,
            _ => Duration::ZERO,
        };
        let end = deadline.min(Instant::now() + patience);
        loop {
            if let Some(permit) = self.breaker().retry(spec) {
                return Some(permit);
            }
            if Instant::now() >= end {
                return None;
            }
            sleep(worker.dice().jitter(Duration::from_millis(10))).await;
        }
    }

    /// Counts a try for or against its endpoint.
    pub(crate) fn record(
        &self,
        endpoint: &Arc<Endpoint>,
        outcome: &Result<Box<Answer>, CallError>,
        begun: Instant,
    ) {
        self.record_code(endpoint, outcome.as_ref().map(|answer| answer.status.code), begun);
    }

    /// The same, from the status code alone.
    pub(crate) fn record_code(
        &self,
        endpoint: &Arc<Endpoint>,
        outcome: Result<u32, &CallError>,
        begun: Instant,
    ) {
        let code = match outcome {
            Ok(code) => code,
            Err(error) if error.blames_endpoint() => error.code(),
            Err(_) => return,
        };
        let against = match code {
            code::UNKNOWN | code::INTERNAL | code::UNAVAILABLE | code::DATA_LOSS => true,
            code::DEADLINE_EXCEEDED => begun.elapsed() >= HASTE.min(self.spec().timeout),
            _ => outcome.is_err(),
        };
        if !against {
            endpoint.answered();
            return;
        }
        if let Some(outlier) = &self.spec().outlier_detection
            && endpoint.failed(outlier.consecutive_errors)
        {
            self.strike(endpoint, outlier);
        }
    }
}

/// Checks the size of a message against the limit, if there is one; `frame` is its length with the prefix.
pub(crate) fn check_message(limit: Option<usize>, frame: usize) -> Result<(), CallError> {
    match limit {
        Some(limit) if frame > limit.saturating_add(PREFIX) => Err(CallError::MessageTooLarge { limit }),
        _ => Ok(()),
    }
}

/// The server has the same deadline, and may be the first to say that it has passed, each in its own way: whoever is first, it
/// was the deadline.
fn or_overdue(outcome: Result<Box<Answer>, CallError>, deadline: Instant) -> Result<Box<Answer>, CallError> {
    /// How much the two clocks may be apart: timers are coarse.
    const RACE: Duration = Duration::from_millis(10);
    let code = match &outcome {
        Ok(answer) => answer.status.code,
        Err(error) => error.code(),
    };
    let is_given_up = matches!(code, code::CANCELLED | code::DEADLINE_EXCEEDED);
    if is_given_up && Instant::now() + RACE >= deadline { Err(CallError::Deadline) } else { outcome }
}

fn with_attempts(
    mut outcome: Result<Box<Answer>, CallError>,
    tried: &Tried,
) -> Result<Box<Answer>, CallError> {
    if let Ok(answer) = &mut outcome {
        answer.attempts = 1 + tried.len() as u32;
    }
    outcome
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::call::Status;

    #[test]
    fn whoever_says_first_that_the_deadline_has_passed_it_was_the_deadline() {
        let answer = |code| {
            Ok(Box::new(Answer {
                metadata: HeaderMap::new(),
                message: bytes::Bytes::new(),
                trailers: HeaderMap::new(),
                status: Status { code, ..Status::default() },
                endpoint: Arc::from("e"),
                attempts: 1,
            }))
        };
        let (in_time, over) = (Instant::now() + Duration::from_secs(60), Instant::now());
        for (code, is_given_up) in [
            (code::CANCELLED, true),
            (code::DEADLINE_EXCEEDED, true),
            (code::OK, false),
            (code::UNAVAILABLE, false),
            (code::INTERNAL, false),
        ] {
            let at_the_end = or_overdue(answer(code), over);
            assert_eq!(matches!(at_the_end, Err(CallError::Deadline)), is_given_up, "{code}");
            assert!(or_overdue(answer(code), in_time).is_ok(), "{code}");
        }
        assert_eq!(or_overdue(Err(CallError::NoMessage), over).unwrap_err(), CallError::NoMessage);
    }
}
