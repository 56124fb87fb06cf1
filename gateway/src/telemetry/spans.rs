//! Recorded spans on their way to a collector: a bounded queue, and a task that sends what is in it.
//!
//! A request never waits: a span that finds the queue full is dropped and counted, and so are those of a batch that the
//! collector does not take. The collector is an upstream like any other, so that its names are resolved, its connection kept
//! and its failures borne in the same way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use upstream::{Call, StartError, Upstream, UpstreamSpec, frame};

use super::otlp;
use super::trace::{Context, Sample};

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

/// Something that took time within a trace.
#[derive(Debug)]
pub struct Span {
    /// Its place.
    pub context: Context,
    /// The span that it is part of, if any.
    pub parent: Option<u64>,
    /// What it is called.
    pub name: Box<str>,
    /// Which side of a call it is.
    pub kind: Kind,
    /// When it began, in nanoseconds since 1970.
    pub begun: u64,
    /// When it ended, likewise.
    pub ended: u64,
    /// What is known of it, by OpenTelemetry's semantic conventions.
    pub attributes: Vec<(&'static str, Value)>,
    /// Why it failed, if it did.
    pub error: Option<Box<str>>,
}

/// Which side of a call a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The side that is called.
    Server,
    /// The side that calls.
    Client,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(Box<str>),
    /// A whole number.
    Number(i64),
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
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    exported: AtomicU64,
    dropped: AtomicU64,
}

enum Order {
    Export(Box<Span>),
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
        tokio::spawn(run(orders, collector, Arc::clone(&counters)));
        Ok(Self { spec, queue, counters })
    }

    /// What was declared.
    pub const fn spec(&self) -> &TracingSpec {
        &self.spec
    }

    /// Queues a span.
    pub fn record(&self, span: Span) {
        if self.queue.try_send(Order::Export(Box::new(span))).is_err() {
            self.counters.dropped.fetch_add(1, Relaxed);
        }
    }

    /// Sends what is queued, but waits no longer than this.
    pub async fn flush(&self, patience: Duration) {
        let end = Instant::now() + patience;
        let (done, told) = oneshot::channel();
        if let Ok(Ok(())) = timeout_at(end, self.queue.send(Order::Flush(done))).await {
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

async fn run(mut orders: mpsc::Receiver<Order>, collector: Arc<Upstream>, counters: Arc<Counters>) {
    let mut failing = false;
    while let Some(first) = orders.recv().await {
        let (batch, told) = gather(first, &mut orders).await;
        let count = batch.len() as u64;
        let sent = if batch.is_empty() { Ok(()) } else { export(&collector, batch).await };
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
async fn gather(first: Order, orders: &mut mpsc::Receiver<Order>) -> (Vec<Span>, Vec<oneshot::Sender<()>>) {
    let (mut batch, mut told) = (Vec::new(), Vec::new());
    let end = Instant::now() + PATIENCE;
    let mut next = Some(first);
    while let Some(order) = next {
        match order {
            Order::Export(span) => batch.push(*span),
            Order::Flush(done) => {
                told.push(done);
                break;
            }
        }
        if batch.len() >= BATCH {
            break;
        }
        next = timeout_at(end, orders.recv()).await.ok().flatten();
    }
    (batch, told)
}

async fn export(collector: &Upstream, batch: Vec<Span>) -> Result<(), &'static str> {
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
    use upstream::Address;

    fn span() -> Span {
        Span {
            context: Context { trace: 1, span: 2, flags: 1 },
            parent: None,
            name: "x".into(),
            kind: Kind::Server,
            begun: 1,
            ended: 2,
            attributes: Vec::new(),
            error: None,
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
