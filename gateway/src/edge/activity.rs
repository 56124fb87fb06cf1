//! What a connection is doing, and since when: the input of the sweep that closes silent and stalled ones.
//!
//! hyper can time the head of a request by itself, but arms a timer for every request, which costs a system call each
//! on a current-thread runtime. Here a connection only notes times off a coarse clock, and one task per worker looks
//! at all connections a few times a second. That also covers what hyper has no timer for: handshakes, idle HTTP/2
//! connections, and clients that do not read their answer. What the sweep finds, and that the listener drains, is told to
//! the connection's task by waking it: while it works, that costs it one look at one number.

mod answers;
mod sweep;

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use Ordering::Relaxed;

use super::load::{Charge, Load};

use answers::{Answer, Answers};
use sweep::Clock;
pub(super) use sweep::Sweep;

/// The times after which a connection is closed, and when they are cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// From the first byte of a request to the end of its head (HTTP/1.1); also for all that comes before the first
    /// request: its first byte, PROXY protocol, TLS handshake, HTTP/2 preface.
    pub(super) head: Duration,
    /// Without any request in flight.
    pub(super) idle: Duration,
    /// Without progress in writing an answer that the client does not read; of each answer by itself.
    pub(super) write: Duration,
    /// The same, while more than half of `buffers` is in use.
    pub(super) write_pressed: Duration,
    /// The bytes that the gateway may hold.
    pub(super) buffers: usize,
    /// The part of them, in percent, that one client may hold once they are short.
    pub(super) share: u8,
}

/// Milliseconds on the worker's coarse clock; never 0, which stands for "not since any time".
type Millis = u64;

/// How long a draining HTTP/1.1 connection is left for a request that is on its way already.
const LULL: Duration = Duration::from_millis(500);

/// How many times longer a client that takes several answers at once has for each of them, under pressure.
const BESIDE_OTHERS: u32 = 4;

/// What a connection's task is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// The listener drains: the next answer is the last one.
    Drain,
    /// The listener drains, and nothing runs: close.
    Close,
    /// It has been silent or stalled for too long.
    Expired,
}

impl Signal {
    const fn bit(self) -> u8 {
        match self {
            Self::Drain => 1,
            Self::Close => 2,
            Self::Expired => 4,
        }
    }
}

/// What a connection's task has heard already.
#[derive(Debug, Default)]
pub(super) struct Heard {
    waker: Option<Waker>,
    signals: u8,
}

/// One connection's state, written by its task and read by the sweep of the same worker.
#[derive(Debug)]
pub(super) struct Activity {
    clock: Arc<Clock>,
    limits: Limits,
    load: Arc<Load>,
    /// Set when the listener drains.
    drain: Arc<AtomicBool>,
    draining_since: AtomicU64,
    in_flight: AtomicU32,
    head_since: AtomicU64,
    /// Since when a frame or header block of HTTP/2 is incomplete.
    frames_since: AtomicU64,
    idle_since: AtomicU64,
    stalled_since: AtomicU64,
    /// Bytes of answers that are not sent yet, and since when none of them was taken.
    unsent: AtomicUsize,
    unsent_since: AtomicU64,
    answers: Answers,
    signals: AtomicU8,
    waker: Mutex<Option<Waker>>,
    /// Who waits until every answer is sent, and whether anybody does.
    awaited: AtomicBool,
    waiter: Mutex<Option<Waker>>,
}

impl Activity {
    fn new(clock: Arc<Clock>, limits: Limits, load: Arc<Load>, drain: Arc<AtomicBool>) -> Self {
        let now = clock.now();
        Self {
            clock,
            limits,
            load,
            drain,
            draining_since: AtomicU64::new(0),
            in_flight: AtomicU32::new(0),
            head_since: AtomicU64::new(now),
            frames_since: AtomicU64::new(0),
            idle_since: AtomicU64::new(now),
            stalled_since: AtomicU64::new(0),
            unsent: AtomicUsize::new(0),
            unsent_since: AtomicU64::new(0),
            answers: Answers::default(),
            signals: AtomicU8::new(0),
            waker: Mutex::default(),
            awaited: AtomicBool::new(false),
            waiter: Mutex::default(),
        }
    }

    /// What the gateway holds in all.
    pub(super) const fn load(&self) -> &Arc<Load> {
        &self.load
    }

    /// The opening is over: from now on a head begins with its first byte.
    pub(super) fn opened(&self) {
        self.on_no_head();
        self.idle_since.store(self.clock.now(), Relaxed);
    }

    /// The connection speaks HTTP/2: its first SETTINGS are part of the opening.
    pub(super) fn opened_http2(&self) {
        self.frames_since.store(self.head_since.load(Relaxed), Relaxed);
        self.opened();
    }

    /// Bytes of HTTP/2 came. What is incomplete keeps its first time, however many bytes follow.
    pub(super) fn on_frames(&self, incomplete: bool) {
        let since = self.frames_since.load(Relaxed);
        if incomplete && since == 0 {
            self.frames_since.store(self.clock.now(), Relaxed);
        } else if !incomplete && since != 0 {
            self.frames_since.store(0, Relaxed);
        }
    }

    /// The head of a request has begun, or is awaited as the first one.
    pub(super) fn on_head(&self) {
        if self.head_since.load(Relaxed) == 0 {
            self.on_next_head();
        }
    }

    /// The head of another request has begun.
    pub(super) fn on_next_head(&self) {
        self.head_since.store(self.clock.now(), Relaxed);
    }

    /// The last head is complete, and no other has begun.
    pub(super) fn on_no_head(&self) {
        self.head_since.store(0, Relaxed);
    }

    /// Bytes went out.
    pub(super) fn on_written(&self) {
        if self.stalled_since.load(Relaxed) != 0 {
            self.stalled_since.store(0, Relaxed);
            self.idle_since.store(self.clock.now(), Relaxed);
        }
    }

    /// The socket takes no more bytes for now.
    pub(super) fn on_write_blocked(&self) {
        if self.stalled_since.load(Relaxed) == 0 {
            self.stalled_since.store(self.clock.now(), Relaxed);
        }
    }

    /// A request's head is complete. It is in flight until the guard is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        self.load.begin();
        self.in_flight.fetch_add(1, Relaxed);
        InFlight(Arc::clone(self))
    }

    /// Whether requests are in flight.
    pub(super) fn is_busy(&self) -> bool {
        self.in_flight.load(Relaxed) > 0
    }

    /// Whether a request is in flight, or its answer not sent yet. If so, the task is woken when that ends.
    pub(super) fn is_answering(&self, cx: &Context<'_>) -> bool {
        let answering = self.is_busy() || self.unsent.load(Relaxed) > 0;
        if answering {
            *self.waiter.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
            self.awaited.store(true, Relaxed);
        }
        answering
    }

    /// An answer was made, or a piece of it sent.
    fn answered(&self) {
        if !self.awaited.load(Relaxed) || !self.awaited.swap(false, Relaxed) {
            return;
        }
        let waiter = self.waiter.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }

    /// Counts bytes of an answer until they are sent.
    pub(super) fn unsent(self: &Arc<Self>, bytes: usize) -> Unsent {
        let now = self.clock.now();
        if self.unsent.fetch_add(bytes, Relaxed) == 0 {
            self.unsent_since.store(now, Relaxed);
        }
        let answer = self.answers.add(bytes, now);
        Unsent { activity: Arc::clone(self), answer, charge: Charge::new(&self.load, bytes), bytes }
    }

    /// Whether the connection was told so.
    pub(super) fn is_told(&self, signal: Signal) -> bool {
        self.signals.load(Relaxed) & signal.bit() != 0
    }

    /// The next signal that the task has not heard yet. It is woken for the ones to come.
    pub(super) fn heard(&self, heard: &mut Heard, cx: &Context<'_>) -> Option<Signal> {
        if !heard.waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            heard.waker = Some(cx.waker().clone());
            *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        }
        // Behind the waker's lock: what is told from now on wakes the task.
        let new = self.signals.load(Ordering::Acquire) & !heard.signals;
        if new == 0 {
            return None;
        }
        let signal = [Signal::Expired, Signal::Drain, Signal::Close]
            .into_iter()
            .find(|signal| new & signal.bit() != 0)?;
        heard.signals |= signal.bit();
        Some(signal)
    }

    fn tell(&self, signal: Signal) {
        if self.signals.fetch_or(signal.bit(), Ordering::AcqRel) & signal.bit() != 0 {
            return;
        }
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// What the connection is to be told now.
    fn judge(&self, now: Millis) {
        if self.is_expired(now) {
            self.tell(Signal::Expired);
        }
        if !self.drain.load(Relaxed) {
            return;
        }
        let since = self.draining_since.load(Relaxed);
        if since == 0 {
            self.draining_since.store(now, Relaxed);
            self.tell(Signal::Drain);
        } else if has_passed(since, now, LULL) && !self.is_busy() {
            self.tell(Signal::Close);
        }
    }

    fn is_expired(&self, now: Millis) -> bool {
        let over = |since: &AtomicU64, limit: Duration| {
            let since = since.load(Relaxed);
            since != 0 && has_passed(since, now, limit)
        };
        let idle_since = self.idle_since.load(Relaxed);
        let unsent = self.unsent.load(Relaxed) > 0;
        let is_pressed = unsent && self.load.is_pressed();
        let write = if is_pressed { self.limits.write_pressed } else { self.limits.write };
        if over(&self.stalled_since, write) || unsent && over(&self.unsent_since, write) {
            return true;
        }
        // Also beside running requests: their bodies can't come on, either.
        if over(&self.frames_since, self.limits.head) {
            return true;
        }
        // A client that takes other answers has more time for this one: they share its line.
        let write = if is_pressed { (write * BESIDE_OTHERS).min(self.limits.write) } else { write };
        if unsent && self.answers.oldest().is_some_and(|since| has_passed(since, now, write)) {
            return true;
        }
        if unsent || self.is_busy() {
            return false;
        }
        // A head that began behind a request has its time from the end of that one's answer.
        let head_since = self.head_since.load(Relaxed);
        head_since != 0 && has_passed(head_since.max(idle_since), now, self.limits.head)
            || has_passed(idle_since, now, self.limits.idle)
    }
}

fn has_passed(since: Millis, now: Millis, limit: Duration) -> bool {
    u128::from(now.saturating_sub(since)) > limit.as_millis()
}

/// A request in flight on a connection.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Activity>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.idle_since.store(self.0.clock.now(), Relaxed);
        self.0.in_flight.fetch_sub(1, Relaxed);
        self.0.answered();
    }
}

/// Bytes of an answer that the client has not taken yet.
#[derive(Debug)]
pub(super) struct Unsent {
    activity: Arc<Activity>,
    answer: Arc<Answer>,
    charge: Charge,
    bytes: usize,
}

impl Unsent {
    /// Hands the next so many bytes to another holder.
    pub(super) fn split(&mut self, bytes: usize) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        let (activity, answer) = (Arc::clone(&self.activity), Arc::clone(&self.answer));
        Self { activity, answer, charge: self.charge.split(bytes), bytes }
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        if self.bytes > 0 {
            let now = self.activity.clock.now();
            self.activity.unsent_since.store(now, Relaxed);
            self.activity.idle_since.store(now, Relaxed);
            self.answer.taken(self.bytes, now);
            self.activity.unsent.fetch_sub(self.bytes, Relaxed);
            self.activity.answered();
        }
    }
}

#[cfg(test)]
mod tests;
