//! Recorded spans on their way to a collector: a bounded queue, and a task that sends what is in it.
//!
//! A request never waits: a span that finds the queue full is dropped and counted, and so are those of a batch that the
//! collector does not take. The collector is an upstream like any other, so that its names are resolved, its connection kept
//! and its failures borne in the same way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};
use upstream::{Call, StartError, Upstream, UpstreamSpec, frame};

use super::otlp;
pub use super::otlp::{Kind, Outline, Span};
use super::trace::Sample;

/// Spans that wait to be sent.
const QUEUE: usize = 8192;
/// Spans that are sent together.
const BATCH: usize = 512;
/// How long a span waits for others to be sent with.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a collector has for a batch.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Tracing as it is declared.
#[derive(Debug, Clone, PartialEq)]
pub struct TracingSpec {
    /// The collector, which takes OTLP over gRPC.
    pub collector: UpstreamSpec,
    /// Which share of new traces is recorded.
    pub sample: Sample,
}

/// Now, in nanoseconds since 1970.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Takes recorded spans. Dropping the last handle ends the task, after what is in the queue.
#[derive(Debug)]
pub struct Spans {
    spec: TracingSpec,
    queue: mpsc::Sender<Order>,
    /// Ends the wait for further spans.
    hurry: Arc<Notify>,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    exported: AtomicU64,
    dropped: AtomicU64,
}

enum Order {
    Export(Span),
    /// Sends what is there, and tells when that is done.
    Flush(oneshot::Sender<()>),
}

impl Spans {
    /// Starts sending to a collector, on the current runtime.
    ///
    /// # Errors
    /// When its TLS settings can't be used.
    pub fn start(spec: TracingSpec) -> Result<Self, StartError> {
        let collector = Upstream::start("tracing", spec.collector.clone(), 1)?;
        let (queue, orders) = mpsc::channel(QUEUE);
        let counters = Arc::<Counters>::default();
        let hurry = Arc::<Notify>::default();
        tokio::spawn(run(orders, Arc::clone(&hurry), collector, Arc::clone(&counters)));
        Ok(Self { spec, queue, hurry, counters })
    }

    /// What was declared.
    pub const fn spec(&self) -> &TracingSpec {
        &self.spec
    }

    /// Queues a span.
    pub fn record(&self, span: Span) {
        if self.queue.try_send(Order::Export(span)).is_err() {
            self.counters.dropped.fetch_add(1, Relaxed);
        }
        if self.queue.capacity() <= QUEUE - BATCH {
            self.hurry.notify_one();
        }
    }

    /// Sends what is queued, but waits no longer than this.
    pub async fn flush(&self, patience: Duration) {
        let end = Instant::now() + patience;
        let (done, told) = oneshot::channel();
        if let Ok(Ok(())) = timeout_at(end, self.queue.send(Order::Flush(done))).await {
            self.hurry.notify_one();
            drop(timeout_at(end, told).await);
        }
    }

    /// Spans that a collector took.
    pub fn exported(&self) -> u64 {
        self.counters.exported.load(Relaxed)
    }

    /// Spans that found the queue full, or that the collector did not take.
    pub fn dropped(&self) -> u64 {
        self.counters.dropped.load(Relaxed)
    }
}

async fn run(
    mut orders: mpsc::Receiver<Order>,
    hurry: Arc<Notify>,
    collector: Arc<Upstream>,
    counters: Arc<Counters>,
) {
    let mut failing = false;
    while let Some(first) = orders.recv().await {
        let (batch, told) = gather(first, &mut orders, &hurry).await;
        let count = batch.len() as u64;
        let sent = if batch.is_empty() { Ok(()) } else { export(&collector, &batch).await };
        let counter = if sent.is_ok() { &counters.exported } else { &counters.dropped };
        counter.fetch_add(count, Relaxed);
        // Once when it begins, not once a second.
        match sent {
            Err(reason) if !failing => tracing::warn!(reason, spans = count, "the collector takes no spans"),
            Ok(()) if failing && count > 0 => tracing::info!("the collector takes spans again"),
            _ => {}
        }
        failing = sent.is_err() || failing && count == 0;
        for done in told {
            // Who asked may have lost patience.
            let _ = done.send(());
        }
    }
}

/// The first span and those that come soon after it; and who waits for them to be sent.
async fn gather(
    first: Order,
    orders: &mut mpsc::Receiver<Order>,
    hurry: &Notify,
) -> (Vec<Span>, Vec<oneshot::Sender<()>>) {
    if orders.len() < BATCH && !orders.is_closed() && matches!(first, Order::Export(_)) {
        // Whoever awaits the queue is woken for each span, at the cost of the worker that records it.
        drop(timeout(PATIENCE, hurry.notified()).await);
    }
    let (mut batch, mut told) = (Vec::new(), Vec::new());
    let mut next = Some(first);
    while let Some(order) = next {
        match order {
            Order::Export(span) => batch.push(span),
            Order::Flush(done) => told.push(done),
        }
        next = if batch.len() < BATCH { orders.try_recv().ok() } else { None };
    }
    (batch, told)
}

async fn export(collector: &Upstream, batch: &[Span]) -> Result<(), &'static str> {
    let frame = frame::frame(&otlp::request(batch));
    let path = http::uri::PathAndQuery::from_static(otlp::EXPORT);
    let mut call = Call::new(path, frame, Instant::now() + TIMEOUT);
    // A batch that is taken twice shows the same spans.
    call.idempotent = true;
    match collector.unary(call).await {
        Ok(answer) if answer.status.is_ok() => Ok(()),
        Ok(_) => Err("it answered with an error"),
        Err(_) => Err("it cannot be reached"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::trace::Context;
    use upstream::Address;

    fn span() -> Span {
        let context = Context { trace: 1, span: 2, flags: 1 };
        Span::new(&Outline { context, parent: None, name: "x", kind: Kind::Server, begun: 1, ended: 2 })
    }

    /// Spans whose task the test itself plays.
    fn queue() -> (Spans, mpsc::Receiver<Order>) {
        let collector = UpstreamSpec::new(vec![Address::parse("127.0.0.1:4317").unwrap()]);
        let spec = TracingSpec { collector, sample: Sample::new(100) };
        let (queue, orders) = mpsc::channel(QUEUE);
        (Spans { spec, queue, hurry: Arc::default(), counters: Arc::default() }, orders)
    }

    /// How many spans are sent together when the first one is followed by so many, and how long it has waited for them.
    async fn gathered(followers: usize, flush: bool) -> (usize, Duration) {
        let (spans, mut orders) = queue();
        spans.record(span());
        let first = orders.recv().await.unwrap();
        let begun = Instant::now();
        let follow = async {
            (0..followers).for_each(|_| spans.record(span()));
            if flush {
                spans.flush(Duration::ZERO).await;
            }
        };
        let ((batch, _), ()) = tokio::join!(gather(first, &mut orders, &spans.hurry), follow);
        (batch.len(), begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn spans_wait_for_others_until_they_are_a_batch_or_somebody_wants_them_sent() {
        for (followers, flush, count, waited) in [
            (0, false, 1, PATIENCE),
            (BATCH - 1, false, BATCH, PATIENCE),
            (BATCH, false, BATCH, Duration::ZERO),
            (2 * BATCH, false, BATCH, Duration::ZERO),
            (3, true, 4, Duration::ZERO),
        ] {
            let (sent, time) = gathered(followers, flush).await;
            assert_eq!(sent, count, "{followers} more");
            assert!(
                time >= waited && time < waited + Duration::from_millis(10),
                "{followers} more: {time:?}"
            );
        }
    }

    #[tokio::test]
    async fn spans_that_nobody_takes_are_counted() {
        // Bound and not listening: connections are refused, and nobody else gets the port meanwhile.
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let collector = UpstreamSpec::new(vec![Address::parse(&address.to_string()).unwrap()]);
        let spans = Spans::start(TracingSpec { collector, sample: Sample::new(100) }).unwrap();
        for _ in 0..QUEUE + 10 {
            spans.record(span());
        }
        assert!(spans.dropped() >= 10, "the queue is bounded: {}", spans.dropped());
        spans.flush(Duration::from_secs(60)).await;
        assert_eq!((spans.dropped(), spans.exported()), (QUEUE as u64 + 10, 0));
    }
}
