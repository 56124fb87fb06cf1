//! One worker's connections to one endpoint: opens a stream on the least busy one, dials more when all are full.
//!
//! A pool is used by one worker's thread alone, so its lock is never waited for; it is there because the safe language wants
//! it. Dialling is single-flight, and after a failure backs off, so that a dead endpoint costs one attempt, not one per call.

mod lease;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::SendStream;
use h2::client::{ResponseFuture, SendRequest};
use smallvec::SmallVec;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::attempt::Outgoing;
use crate::backoff::Backoff;
use crate::breaker::Breaker;
use crate::connection::{self, End};
use crate::dial::Progress;
use crate::endpoint::Endpoint;
use crate::error::CallError;
use crate::orphan::CallStream;
use crate::ping::PingAllowance;

pub(crate) use lease::Lease;
use lease::Load;

/// Connections of one worker to one endpoint, at most. More than one is dialled only when the peer's limit of concurrent
/// streams is reached.
const MAX_CONNECTIONS: usize = 16;
/// Streams on one connection, whatever the peer allows: beyond that a second connection spreads the load better.
const MAX_STREAMS: usize = 1024;
/// Connections of one worker to one endpoint for isolated calls, at most.
const MAX_ISOLATED: usize = 4;
/// Retired connections of one worker to one endpoint.
const MAX_RETIRED: usize = 32;
/// After a failed dial.
const BACKOFF: Backoff = Backoff { base: Duration::from_millis(50), max: Duration::from_secs(1) };

/// One worker's connections to one endpoint.
#[derive(Debug)]
pub(crate) struct Pool {
    state: Mutex<State>,
    shared: Queue,
    isolated: Queue,
    /// Connections that finish their calls and take no new ones.
    retired: AtomicUsize,
}

/// Calls that wait for a stream.
#[derive(Debug)]
struct Queue {
    /// Notified when a stream ends while a call waits, when a connection comes, and when a dial fails.
    freed: Notify,
    waiting: AtomicUsize,
}

impl Queue {
    fn new() -> Self {
        Self { freed: Notify::new(), waiting: AtomicUsize::new(0) }
    }
}

/// Where a call is made from, apart from its endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) worker: usize,
    pub(crate) isolated: bool,
}

#[derive(Debug, Default)]
struct State {
    shared: Set,
    isolated: Set,
    failures: u32,
    /// The last dial's failure, and until when it stands for another attempt.
    failed: Option<(Instant, Arc<str>)>,
}

/// Connections that the same calls share.
#[derive(Debug, Default)]
struct Set {
    connections: SmallVec<[Pooled; 2]>,
    dialing: bool,
}

#[derive(Debug)]
struct Pooled {
    handle: SendRequest<Bytes>,
    load: Arc<Load>,
}

/// What an attempt to open a stream met.
enum Attempt {
    Opened(ResponseFuture, SendStream<Bytes>, Arc<Load>),
    /// Every connection is full, or none is there yet.
    Wait,
}

impl Pool {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::default(),
            shared: Queue::new(),
            isolated: Queue::new(),
            retired: AtomicUsize::new(0),
        }
    }

    /// Opens a stream, on a new connection if need be, and takes the request for it. Dropping the future gives up the wait, not
    /// the dial.
    pub(crate) async fn open(
        endpoint: &Arc<Endpoint>,
        place: Place,
        request: &mut Outgoing,
        breaker: &Breaker,
    ) -> Result<CallStream, CallError> {
        let Place { worker, .. } = place;
        let pool = endpoint.pool(worker);
        let attempt = poll_fn(|cx| Poll::Ready(pool.attempt(endpoint, place, request, cx))).await?;
        if let Attempt::Opened(response, send, load) = attempt {
            return Ok(CallStream::new(response, send, Lease::new(endpoint, worker, load)));
        }
        let _pending = breaker.wait()?;
        let queue = pool.queue(place.isolated);
        let _waiting = Waiting::new(&queue.waiting);
        loop {
            let mut freed = pin!(queue.freed.notified());
            freed.as_mut().enable();
            let attempt = poll_fn(|cx| Poll::Ready(pool.attempt(endpoint, place, request, cx))).await?;
            if let Attempt::Opened(response, send, load) = attempt {
                return Ok(CallStream::new(response, send, Lease::new(endpoint, worker, load)));
            }
            freed.await;
        }
    }

    fn queue(&self, isolated: bool) -> &Queue {
        if isolated { &self.isolated } else { &self.shared }
    }

    /// A stream ended: a call that waits may have its place.
    fn stream_ended(&self, isolated: bool) {
        let queue = self.queue(isolated);
        if queue.waiting.load(Relaxed) > 0 {
            queue.freed.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere cannot leave it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn attempt(
        &self,
        endpoint: &Arc<Endpoint>,
        place: Place,
        request: &mut Outgoing,
        cx: &mut Context<'_>,
    ) -> Result<Attempt, CallError> {
        let mut state = self.state();
        if let Some(opened) = state.set(place.isolated).open(request, cx)? {
            return Ok(opened);
        }
        if state.set(place.isolated).connections.is_empty()
            && let Some((until, error)) = &state.failed
            && Instant::now() < *until
        {
            return Err(CallError::Connect(Arc::clone(error)));
        }
        let set = state.set(place.isolated);
        let most = if place.isolated { MAX_ISOLATED } else { MAX_CONNECTIONS };
        if set.dialing || set.connections.len() >= most {
            return Ok(Attempt::Wait);
        }
        set.dialing = true;
        drop(state);
        tokio::spawn(dial_and_drive(Arc::clone(endpoint), place));
        Ok(Attempt::Wait)
    }

    /// The endpoint was reached by other means: what failed here may be tried at once.
    pub(crate) fn forgive(&self) {
        let mut state = self.state();
        state.failed = None;
        state.failures = 0;
    }

    /// The endpoint is known to be unreachable: who waits for a connection waits in vain.
    pub(crate) fn give_up(&self, now: Instant, error: &Arc<str>) {
        let mut state = self.state();
        if state.shared.connections.is_empty() && state.failed.is_none() {
            state.failed = Some((now + BACKOFF.base, Arc::clone(error)));
        }
        drop(state);
        self.shared.freed.notify_waiters();
        self.isolated.freed.notify_waiters();
    }

    fn connected(&self, handle: SendRequest<Bytes>, load: &Arc<Load>) {
        let mut state = self.state();
        state.failures = 0;
        state.failed = None;
        let set = state.set(load.isolated);
        set.dialing = false;
        set.connections.push(Pooled { handle, load: Arc::clone(load) });
        drop(state);
        self.queue(load.isolated).freed.notify_waiters();
    }

    fn failed(&self, endpoint: &Endpoint, isolated: bool, error: Arc<str>) {
        let mut state = self.state();
        state.set(isolated).dialing = false;
        state.failures = state.failures.saturating_add(1);
        let pause = BACKOFF.half_jitter(state.failures, endpoint.dice());
        state.failed = Some((Instant::now() + pause, error));
        drop(state);
        self.queue(isolated).freed.notify_waiters();
    }

    /// Takes a connection out of use for new calls. False if too many are retired already.
    fn retire(&self, load: &Arc<Load>) -> bool {
        if load.retired.load(Relaxed) {
            return true;
        }
        if self.retired.fetch_add(1, Relaxed) >= MAX_RETIRED {
            self.retired.fetch_sub(1, Relaxed);
            return false;
        }
        load.retired.store(true, Relaxed);
        self.state().set(load.isolated).connections.retain(|pooled| !Arc::ptr_eq(&pooled.load, load));
        // Calls that wait for a place on it get a new connection.
        self.queue(load.isolated).freed.notify_waiters();
        true
    }

    fn ended(&self, load: &Arc<Load>) {
        if load.retired.load(Relaxed) {
            self.retired.fetch_sub(1, Relaxed);
        }
        self.state().set(load.isolated).connections.retain(|pooled| !Arc::ptr_eq(&pooled.load, load));
        // Who waits for a place on it must look elsewhere.
        self.queue(load.isolated).freed.notify_waiters();
    }

    /// Closes every connection once its streams have ended.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.shared.connections.clear();
        state.isolated.connections.clear();
    }

    /// Connections that stand.
    pub(crate) fn connections(&self) -> usize {
        let state = self.state();
        state.shared.connections.len() + state.isolated.connections.len()
    }
}

impl State {
    fn set(&mut self, isolated: bool) -> &mut Set {
        if isolated { &mut self.isolated } else { &mut self.shared }
    }
}

impl Set {
    /// Opens a stream on the least busy connection that has room; connections that take no more streams are let go.
    fn open(&mut self, request: &mut Outgoing, cx: &mut Context<'_>) -> Result<Option<Attempt>, CallError> {
        while let Some(index) = self.least_busy() {
            let Some(pooled) = self.connections.get_mut(index) else { break };
            if pooled.load.settings().is_ended() {
                self.connections.swap_remove(index);
                continue;
            }
            match pooled.handle.poll_ready(cx) {
                Poll::Ready(Ok(())) => {}
                // A stream that this handle opened still waits for the peer's limit; a fresh handle knows none.
                Poll::Pending => pooled.handle = pooled.handle.clone(),
                // GOAWAY, or closed: what runs on it ends on it, nothing new begins.
                Poll::Ready(Err(_)) => {
                    self.connections.swap_remove(index);
                    continue;
                }
            }
            let Some(head) = request.head.take() else { break };
            let (size, limit) = (head.list_size, pooled.load.settings().max_header_list());
            if size > limit as usize {
                return Err(CallError::MetadataTooLarge { size, limit: limit as usize });
            }
            // It has not been sent, whatever the error.
            let (response, send) =
                pooled.handle.send_request(head.request, false).map_err(|_| CallError::Refused)?;
            request.sent_on = Some(Arc::clone(pooled.load.settings()));
            return Ok(Some(Attempt::Opened(response, send, Arc::clone(&pooled.load))));
        }
        Ok(None)
    }

    fn least_busy(&self) -> Option<usize> {
        let streams = |pooled: &Pooled| pooled.load.streams.load(Relaxed) as usize;
        let (index, pooled) = match self.connections.as_slice() {
            [] => return None,
            [only] => (0, only),
            many => many.iter().enumerate().min_by_key(|(_, pooled)| streams(pooled))?,
        };
        let open = streams(pooled);
        // The first stream always fits: asking the peer's limit takes h2's lock.
        (open == 0 || open < pooled.handle.current_max_send_streams().min(MAX_STREAMS)).then_some(index)
    }
}

/// The whole life of a pooled connection.
async fn dial_and_drive(endpoint: Arc<Endpoint>, place: Place) {
    let Place { worker, isolated } = place;
    let mut dialing = Dialing { endpoint: &endpoint, place, settled: false };
    let dialed = endpoint.dialer().dial(&Progress::default()).await;
    dialing.settled = true;
    drop(dialing);
    let (handle, mut link) = match dialed {
        Ok(http2) => http2,
        Err(error) => {
            endpoint.metrics().connect_failed(error.problem());
            endpoint.pool(worker).failed(&endpoint, isolated, Arc::clone(error.message()));
            return;
        }
    };
    let load = Arc::new(Load::new(isolated, Arc::clone(&link.settings)));
    let pings = link.http2.ping_pong();
    endpoint.pool(worker).connected(handle, &load);
    endpoint.metrics().connections_opened.fetch_add(1, Relaxed);
    let keepalive = endpoint.keepalive();
    // From here on the endpoint is not held: it may go while its last streams end.
    let weak = Arc::downgrade(&endpoint);
    drop(endpoint);
    let busy = Arc::clone(&load);
    let mut allowance =
        keepalive.as_ref().filter(|spec| spec.within_defaults).map(|_| PingAllowance::default());
    let pinged = move |now| {
        let heard = busy.heard.swap(false, Relaxed);
        // gRPC servers count PINGs without an open stream most strictly.
        busy.streams.load(Relaxed) > 0
            && allowance.as_mut().is_none_or(|allowance| allowance.take(heard, now))
    };
    let end = connection::drive(link, pings, keepalive, pinged).await;
    if end.may_be_the_calls_doing() {
        load.settings().broke();
    }
    let Some(endpoint) = weak.upgrade() else { return };
    endpoint.pool(worker).ended(&load);
    match end {
        End::TooManyPings => endpoint.slow_keepalive(Instant::now()),
        End::Silent(_) => endpoint.suspect(),
        End::Closed | End::Broken(_) => {}
    }
    tracing::debug!(endpoint = %endpoint.name, worker, ?end, "connection ended");
}

/// Takes the mark "being dialled" away if the task is dropped half-way, as at the end of its runtime.
struct Dialing<'a> {
    endpoint: &'a Endpoint,
    place: Place,
    settled: bool,
}

impl Drop for Dialing<'_> {
    fn drop(&mut self) {
        if !self.settled {
            let Place { worker, isolated } = self.place;
            self.endpoint.pool(worker).failed(self.endpoint, isolated, "the worker stopped".into());
        }
    }
}

/// Counts one who waits.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
