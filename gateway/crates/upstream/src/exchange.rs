//! A streaming call: a half that sends messages, one that receives them, each held back by the other side's pace.
//!
//! Built beside the unary call, not under it: a unary call knows that there is one message each way, and is faster for it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, StatusCode};
use tokio::time::{Instant, timeout_at};

use crate::attempt::{self, HeadParts, Outgoing};
use crate::breaker::OwnedPermit;
use crate::call::{Call, Status};
use crate::endpoint::Endpoint;
use crate::error::CallError;
use crate::fields::Fields;
use crate::frame::Messages;
use crate::peer_settings::PeerSettings;
use crate::pool::{Lease, Opened, Pool};
use crate::retry::{Next, Tries};
use crate::unary::{Tried, check_message};
use crate::upstream::Upstream;

/// What is sent after [`Call::frame`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Nothing: the method streams only its answer. The call can be begun again until the answer begins.
    Complete,
    /// More messages, through [`Sender`]. [`Call::frame`] may be empty.
    Open,
}

/// A call under way. Dropping both halves cancels it.
#[derive(Debug)]
pub struct Exchange {
    /// The half that sends; `None` if the request was complete.
    pub sender: Option<Sender>,
    /// The half that receives.
    pub receiver: Receiver,
}

/// Sends messages. Dropping it before [`Sender::finish`] cancels the call.
#[derive(Debug)]
pub struct Sender {
    stream: SendStream<Bytes>,
    deadline: Instant,
    max_message: Option<usize>,
    finished: bool,
}

/// Receives messages, and in the end the status.
#[derive(Debug)]
pub struct Receiver {
    upstream: Arc<Upstream>,
    lease: Lease,
    _permit: OwnedPermit,
    begun: Instant,
    deadline: Instant,
    limit: usize,
    state: State,
}

/// How far the answer has come.
///
/// ```text
///   Waiting ──head──► Streaming ──trailers──► Ended
///      └───────trailers only, any error──────────▲
/// ```
#[derive(Debug)]
enum State {
    Waiting(ResponseFuture),
    Streaming { head: HeaderMap, http: StatusCode, body: RecvStream, messages: Messages },
    Ended { head: HeaderMap, end: Option<End> },
}

/// How a stream ended.
#[derive(Debug, Clone)]
pub struct End {
    /// The status.
    pub status: Status,
    /// The trailing metadata.
    pub trailers: HeaderMap,
}

/// What comes next.
#[derive(Debug, Clone)]
pub enum Event {
    /// A message, without prefix, decompressed.
    Message(Bytes),
    /// The end; nothing comes after it.
    End(End),
}

impl Upstream {
    /// Begins a streaming call. With a complete request it returns when the answer begins, so that a refused or broken
    /// attempt can be made again; with an open one at once, since the server may wait for messages first.
    ///
    /// A deadline more than a year away is none: it is not sent.
    pub async fn open(self: &Arc<Self>, call: Call, request: Request) -> Result<Exchange, CallError> {
        self.metrics().requests.fetch_add(1, Relaxed);
        let result = match OwnedPermit::enter(self.breaker()) {
            Ok(permit) => self.open_admitted(call, request, permit).await,
            Err(error) => Err(error),
        };
        result.inspect_err(|error| self.metrics().failed(error))
    }

    async fn open_admitted(
        self: &Arc<Self>,
        call: Call,
        request: Request,
        permit: OwnedPermit,
    ) -> Result<Exchange, CallError> {
        self.check_message(call.frame.len())?;
        let worker = self.worker(call.worker);
        let mut tries = Tries::new(call.idempotent);
        let mut tried = Tried::new();
        let mut budget = None;
        loop {
            if tries.broke_connections() {
                return Err(CallError::DisconnectedTwice);
            }
            let endpoint = self.pick(worker, &call, &tried).await?;
            let begun = Instant::now();
            let mut sent_on = None;
            let attempt = self.open_stream(&call, request, &endpoint, begun, &mut sent_on);
            let attempt = timeout_at(call.deadline, attempt).await;
            let error = match attempt.unwrap_or(Err(CallError::Deadline)) {
                Ok((sender, lease, state)) => {
                    if let State::Ended { end: Some(end), .. } = &state {
                        self.record_code(&endpoint, Ok(end.status.code), begun);
                    }
                    let receiver = Receiver {
                        upstream: Arc::clone(self),
                        lease,
                        _permit: permit,
                        begun,
                        deadline: call.deadline,
                        limit: call.max_response,
                        state,
                    };
                    return Ok(Exchange { sender, receiver });
                }
                Err(error) => error,
            };
            let outcome = Err(error);
            self.record(&endpoint, &outcome, begun);
            let left = call.deadline.saturating_duration_since(Instant::now());
            let next = tries.judge(&outcome, sent_on, &self.spec().retry, left, worker.dice());
            let Err(error) = outcome else { continue };
            match next {
                Next::Done => return Err(error),
                Next::Stopped => return Err(CallError::DisconnectedTwice),
                Next::Free(Duration::ZERO) => {}
                Next::Free(pause) => tokio::time::sleep(pause).await,
                Next::Again(pause) => {
                    drop(budget.take());
                    budget = self.breaker().retry(&self.spec().retry);
                    if budget.is_none() {
                        return Err(error);
                    }
                    tokio::time::sleep(pause).await;
                }
            }
            self.again(&mut tried, endpoint);
        }
    }

    /// One attempt: the stream opened, the first message sent, and with a complete request the head awaited.
    async fn open_stream(
        &self,
        call: &Call,
        request: Request,
        endpoint: &Arc<Endpoint>,
        now: Instant,
        sent_on: &mut Option<Arc<PeerSettings>>,
    ) -> Result<(Option<Sender>, Lease, State), CallError> {
        const YEAR: Duration = Duration::from_secs(365 * 86_400);
        let parts = HeadParts {
            path: call.path.clone(),
            metadata: call.metadata.clone(),
            deadline: Some(call.deadline).filter(|deadline| deadline.saturating_duration_since(now) < YEAR),
        };
        let head = attempt::head(parts, endpoint, self.worker(call.worker).timeout(), now);
        self.check_metadata(&head)?;
        let mut outgoing = Outgoing::new(head);
        let opened = Pool::open(endpoint, call.worker, &mut outgoing, self.breaker()).await?;
        *sent_on = outgoing.sent_on;
        let Opened { mut response, mut send, lease } = opened;
        if request == Request::Complete {
            send.send_data(call.frame.clone(), true)?;
            let response = attempt::response_head(&mut response, &lease).await?;
            let state = State::of(response, call.max_response)?;
            return Ok((None, lease, state));
        }
        let max_message = self.spec().max_message;
        let mut sender = Sender { stream: send, deadline: call.deadline, max_message, finished: false };
        sender.send(call.frame.clone()).await?;
        Ok((Some(sender), lease, State::Waiting(response)))
    }
}

impl Sender {
    /// Sends a message, prefix included, as fast as the server takes it. An error means that no more is wanted: the receiver
    /// tells why.
    pub async fn send(&mut self, mut frame: Bytes) -> Result<(), CallError> {
        check_message(self.max_message, frame.len())?;
        while !frame.is_empty() {
            self.stream.reserve_capacity(frame.len());
            let stream = &mut self.stream;
            let capacity = timeout_at(self.deadline, poll_fn(|cx| stream.poll_capacity(cx))).await;
            let room = match capacity {
                Ok(Some(room)) => room?,
                Ok(None) => return Err(CallError::Disconnected("the server takes no more messages".into())),
                Err(_) => return Err(CallError::Deadline),
            };
            self.stream.send_data(frame.split_to(room.min(frame.len())), false)?;
        }
        Ok(())
    }

    /// Says that there are no more messages.
    pub fn finish(mut self) -> Result<(), CallError> {
        self.finished = true;
        Ok(self.stream.send_data(Bytes::new(), true)?)
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        if !self.finished {
            self.stream.send_reset(Reason::CANCEL);
        }
    }
}

impl Receiver {
    /// The endpoint that is called, for logs.
    pub fn endpoint(&self) -> &Arc<str> {
        &self.lease.endpoint().name
    }

    /// The initial metadata; waits for it.
    pub async fn metadata(&mut self) -> Result<&HeaderMap, CallError> {
        if let State::Waiting(response) = &mut self.state {
            let result = within(self.deadline, pin!(attempt::response_head(response, &self.lease))).await;
            let state = result.and_then(|response| State::of(response, self.limit));
            self.state = self.settle(state)?;
        }
        match &self.state {
            State::Streaming { head, .. } | State::Ended { head, .. } => Ok(head),
            // Just left behind.
            State::Waiting(_) => Err(CallError::NoMessage),
        }
    }

    /// The next message, or the end.
    pub async fn next(&mut self) -> Result<Event, CallError> {
        self.metadata().await?;
        let State::Streaming { http, body, messages, .. } = &mut self.state else { return self.end() };
        let message = within(self.deadline, pin!(next_message(body, messages))).await;
        let next = match message {
            Ok(Some(message)) => return Ok(Event::Message(message)),
            Ok(None) => within(self.deadline, pin!(poll_fn(|cx| body.poll_trailers(cx)))).await,
            Err(error) => Err(error),
        };
        let http = *http;
        let end = next.and_then(|trailers| {
            let trailers = trailers.unwrap_or_default();
            let status = Fields::of(&trailers).status()?.ok_or_else(|| CallError::without_status(http))?;
            Ok(End { status, trailers })
        });
        let head = HeaderMap::new();
        self.state = self.settle(end.map(|end| State::Ended { head, end: Some(end) }))?;
        self.end()
    }

    /// Counts an end, good or bad, for or against the endpoint; after a bad one the stream is gone.
    fn settle(&mut self, state: Result<State, CallError>) -> Result<State, CallError> {
        let code = match &state {
            Ok(State::Ended { end: Some(end), .. }) => Ok(end.status.code),
            Ok(_) => return state,
            Err(error) => {
                self.upstream.metrics().failed(error);
                self.state = State::Ended { head: HeaderMap::new(), end: None };
                Err(error)
            }
        };
        self.upstream.record_code(self.lease.endpoint(), code, self.begun);
        state
    }

    fn end(&mut self) -> Result<Event, CallError> {
        match &mut self.state {
            State::Ended { end: Some(end), .. } => Ok(Event::End(end.clone())),
            _ => Err(CallError::Disconnected("the stream has ended".into())),
        }
    }
}

impl State {
    fn of(response: http::Response<RecvStream>, limit: usize) -> Result<Self, CallError> {
        let (head, body) = response.into_parts();
        let fields = Fields::of(&head.headers);
        if let Some(status) = fields.status()? {
            let end = End { status, trailers: head.headers };
            return Ok(Self::Ended { head: HeaderMap::new(), end: Some(end) });
        }
        let http = head.status;
        if !fields.is_grpc(http) {
            return Err(CallError::without_status(http));
        }
        let messages = Messages::new(fields.encoding(), limit);
        Ok(Self::Streaming { head: head.headers, http, body, messages })
    }
}

/// Takes from the peer's window only what is about to be handed over: a slow reader slows its server down.
async fn next_message(body: &mut RecvStream, messages: &mut Messages) -> Result<Option<Bytes>, CallError> {
    loop {
        if let Some(message) = messages.next()? {
            return Ok(Some(message));
        }
        let Some(chunk) = attempt::data(body).await? else { break };
        body.flow_control().release_capacity(chunk.len())?;
        messages.push(chunk);
    }
    if messages.is_between_messages() { Ok(None) } else { Err(CallError::Truncated) }
}

async fn within<T, E: Into<CallError>>(
    deadline: Instant,
    future: impl Future<Output = Result<T, E>> + Unpin,
) -> Result<T, CallError> {
    match timeout_at(deadline, future).await {
        Ok(result) => result.map_err(Into::into),
        Err(_) => Err(CallError::Deadline),
    }
}
