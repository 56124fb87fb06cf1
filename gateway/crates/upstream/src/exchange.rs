//! A streaming call: a half that sends messages, one that receives them, each held back by the other side's pace.
//!
//! Built beside the unary call, not under it: a unary call knows that there is one message each way, and is faster for it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use h2::{RecvStream, SendStream};
use http::uri::PathAndQuery;
use http::{HeaderMap, Response, StatusCode, response};
use tokio::time::{Instant, timeout_at};

use crate::attempt::{self, HeadParts, Outgoing};
use crate::breaker::OwnedPermit;
use crate::call::{Call, Status};
use crate::code;
use crate::endpoint::Endpoint;
use crate::error::CallError;
use crate::fields::{self, Fields};
use crate::frame::Messages;
use crate::orphan::{self, Recv};
use crate::peer_settings::PeerSettings;
use crate::pool::{Lease, Place, Pool};
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
    /// `None` once all messages were sent.
    stream: Option<SendStream<Bytes>>,
    lease: Lease,
    deadline: Instant,
    max_message: Option<usize>,
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
    path: PathAndQuery,
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
    /// [`Recv::Head`] until the head is there.
    Waiting(Recv),
    /// The head had the status; the stream has not ended.
    Ending {
        end: End,
        body: RecvStream,
    },
    Streaming {
        head: HeaderMap,
        http: StatusCode,
        body: RecvStream,
        messages: Messages,
    },
    Ended {
        head: HeaderMap,
        end: Option<End>,
    },
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
                        if end.status.code == code::UNIMPLEMENTED {
                            self.unimplemented(&endpoint, &call.path);
                        }
                    }
                    let receiver = Receiver {
                        upstream: Arc::clone(self),
                        lease,
                        _permit: permit,
                        begun,
                        deadline: call.deadline,
                        limit: call.max_response,
                        path: call.path.clone(),
                        state,
                    };
                    return Ok(Exchange { sender, receiver });
                }
                Err(error) => error,
            };
            let outcome = Err(error);
            if !call.isolated {
                self.record(&endpoint, &outcome, begun);
            }
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
        let place = Place { worker: call.worker, isolated: call.isolated };
        let mut outgoing = Outgoing::new(head);
        let mut stream = Pool::open(endpoint, place, &mut outgoing, self.breaker()).await?;
        *sent_on = outgoing.sent_on;
        if request == Request::Complete {
            stream.send_all(call.frame.clone())?;
            let head = Head::of(stream.head().await?, call.max_response)?;
            if let Head::Status(end) = head {
                attempt::ends_after_status(stream.body()?).await?;
                let (_, _, lease) = stream.into_parts();
                lease.completed();
                return Ok((None, lease, State::Ended { head: HeaderMap::new(), end: Some(end) }));
            }
            let (_, recv, lease) = stream.into_parts();
            let Recv::Body(body) = recv else { return Err(CallError::NoMessage) };
            return Ok((None, lease, State::after(head, body)));
        }
        let (stream, recv, lease) = stream.into_parts();
        let max_message = self.spec().max_message;
        let mut sender = Sender { stream, lease: lease.uncounted(), deadline: call.deadline, max_message };
        sender.send(call.frame.clone()).await?;
        Ok((Some(sender), lease, State::Waiting(recv)))
    }
}

impl Sender {
    /// Sends a message, prefix included, as fast as the server takes it. An error means that no more is wanted: the receiver
    /// tells why.
    pub async fn send(&mut self, mut frame: Bytes) -> Result<(), CallError> {
        check_message(self.max_message, frame.len())?;
        while !frame.is_empty() {
            let Some(stream) = &mut self.stream else { return Ok(()) };
            stream.reserve_capacity(frame.len());
            let capacity = timeout_at(self.deadline, poll_fn(|cx| stream.poll_capacity(cx))).await;
            let room = match capacity {
                Ok(Some(room)) => room?,
                Ok(None) => return Err(CallError::Disconnected("the server takes no more messages".into())),
                Err(_) => return Err(CallError::Deadline),
            };
            stream.send_data(frame.split_to(room.min(frame.len())), false)?;
        }
        Ok(())
    }

    /// Says that there are no more messages.
    pub fn finish(mut self) -> Result<(), CallError> {
        let Some(mut stream) = self.stream.take() else { return Ok(()) };
        Ok(stream.send_data(Bytes::new(), true)?)
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        // Without an end of the messages the server would wait for more: it must not take the call for complete.
        if let Some(stream) = self.stream.take() {
            orphan::leave(Some(stream), Recv::None, &self.lease, 0);
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
        if let State::Waiting(Recv::Head(response)) = &mut self.state {
            let result = within(self.deadline, pin!(response.read(self.lease.settings()))).await;
            let state = result.and_then(|response| self.begin(response));
            self.state = self.settle(state)?;
        }
        if let State::Ending { end, body } = &mut self.state {
            let result = within(self.deadline, pin!(attempt::ends_after_status(body))).await;
            let end = Some(end.clone());
            let state = result.map(|()| State::Ended { head: HeaderMap::new(), end });
            self.state = self.settle(state)?;
        }
        match &self.state {
            State::Streaming { head, .. } | State::Ended { head, .. } => Ok(head),
            // Just left behind.
            State::Waiting(_) | State::Ending { .. } => Err(CallError::NoMessage),
        }
    }

    /// Takes the head. The body of a response that is not one of gRPC stays in the state, to be left in good order.
    fn begin(&mut self, response: Response<RecvStream>) -> Result<State, CallError> {
        let (head, body) = response.into_parts();
        self.state = State::Waiting(Recv::Body(body));
        let head = Head::of(head, self.limit)?;
        match std::mem::replace(&mut self.state, State::Waiting(Recv::None)) {
            State::Waiting(Recv::Body(body)) => Ok(State::after(head, body)),
            _ => Err(CallError::NoMessage),
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
            Ok(End { status, trailers: fields::trimmed(trailers) })
        });
        let head = HeaderMap::new();
        self.state = self.settle(end.map(|end| State::Ended { head, end: Some(end) }))?;
        self.end()
    }

    /// Counts an end, good or bad, for or against the endpoint; after a bad one the stream is gone.
    fn settle(&mut self, state: Result<State, CallError>) -> Result<State, CallError> {
        let code = match &state {
            Ok(State::Ended { end: Some(end), .. }) => {
                self.lease.completed();
                if end.status.code == code::UNIMPLEMENTED {
                    self.upstream.unimplemented(self.lease.endpoint(), &self.path);
                }
                Ok(end.status.code)
            }
            Ok(_) => return state,
            Err(error) => {
                self.upstream.metrics().failed(error);
                self.leave();
                Err(error)
            }
        };
        self.upstream.record_code(self.lease.endpoint(), code, self.begun);
        state
    }

    /// Gives up the stream, whose response nothing reads any more.
    fn leave(&mut self) {
        let ended = State::Ended { head: HeaderMap::new(), end: None };
        match std::mem::replace(&mut self.state, ended) {
            State::Waiting(recv) => orphan::leave(None, recv, &self.lease, 0),
            State::Streaming { body, .. } | State::Ending { body, .. } => {
                orphan::leave(None, Recv::Body(body), &self.lease, 0)
            }
            State::Ended { .. } => {}
        }
    }

    fn end(&mut self) -> Result<Event, CallError> {
        match &mut self.state {
            State::Ended { end: Some(end), .. } => Ok(Event::End(end.clone())),
            _ => Err(CallError::Disconnected("the stream has ended".into())),
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.leave();
    }
}

/// What the head of a response begins.
enum Head {
    /// Nothing: it is the end as well.
    Status(End),
    Messages {
        head: HeaderMap,
        http: StatusCode,
        messages: Messages,
    },
}

impl Head {
    fn of(head: response::Parts, limit: usize) -> Result<Self, CallError> {
        let fields = Fields::of(&head.headers);
        if let Some(status) = fields.status()? {
            return Ok(Self::Status(End { status, trailers: fields::trimmed(head.headers) }));
        }
        if fields.is_large() {
            return Err(CallError::TooLarge { limit: fields::LARGE });
        }
        if !fields.is_grpc(head.status) {
            return Err(CallError::without_status(head.status));
        }
        let messages = Messages::new(fields.encoding(), limit);
        Ok(Self::Messages { head: head.headers, http: head.status, messages })
    }
}

impl State {
    fn after(head: Head, body: RecvStream) -> Self {
        match head {
            Head::Status(end) if body.is_end_stream() => {
                Self::Ended { head: HeaderMap::new(), end: Some(end) }
            }
            Head::Status(end) => Self::Ending { end, body },
            Head::Messages { head, http, messages } => Self::Streaming { head, http, body, messages },
        }
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
