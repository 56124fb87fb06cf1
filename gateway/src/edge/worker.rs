//! The workers: shared-nothing threads, each with a runtime of its own, that serve connections.
//!
//! A multi-threaded runtime costs a fifth to a quarter more CPU per small call than one current-thread runtime per
//! core, and keeps its upstream connections contended.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::activity::Sweep;
use super::connection::{Accepted, serve};
use super::{Handler, LimitsSpec};

/// How connections may behave. Read when a connection is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionSettings {
    /// The most bytes in a request's head.
    pub max_head: usize,
    /// From the first byte of a request to the end of its head.
    pub head: Duration,
    /// Without any request in flight.
    pub idle: Duration,
    /// Without progress in sending an answer.
    pub stall: Duration,
    /// Connections open at a time, over all listeners and workers.
    pub max_connections: usize,
}

impl From<&LimitsSpec> for ConnectionSettings {
    fn from(limits: &LimitsSpec) -> Self {
        Self {
            max_head: limits.headers,
            head: limits.header_timeout,
            idle: limits.idle_timeout,
            stall: limits.stream_idle.min(limits.idle_timeout),
            max_connections: limits.connections,
        }
    }
}

/// Connections handed to a worker that it has not taken yet. More means that the worker is stuck.
const BACKLOG: usize = 1024;

/// The threads that serve connections. Dropping it without [`Workers::stop`] ends them at once.
#[derive(Debug)]
pub struct Workers {
    workers: Vec<Worker>,
    open: Arc<AtomicUsize>,
    turn: AtomicUsize,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Worker {
    inbox: mpsc::Sender<Accepted>,
    open: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

/// What became of a connection offered to the workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// A worker serves it.
    Taken,
    /// There are as many as there may be; it was closed.
    TooMany,
}

/// A place among the open connections, given back when dropped.
#[derive(Debug)]
pub(super) struct Permit(Arc<AtomicUsize>, Arc<AtomicUsize>);

impl Permit {
    fn take(all: &Arc<AtomicUsize>, own: &Arc<AtomicUsize>) -> Self {
        all.fetch_add(1, Relaxed);
        own.fetch_add(1, Relaxed);
        Self(Arc::clone(all), Arc::clone(own))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
        self.1.fetch_sub(1, Relaxed);
    }
}

impl Workers {
    /// Starts `count` workers (at least one) that answer by `handler`.
    ///
    /// # Errors
    /// When the system gives no thread or no event queue.
    pub fn start<H: Handler>(count: usize, handler: &Arc<H>) -> std::io::Result<Self> {
        let stop = CancellationToken::new();
        let workers = (0..count.max(1))
            .map(|index| Worker::start(index, Arc::clone(handler), stop.clone()))
            .collect::<std::io::Result<Vec<_>>>()?;
        Ok(Self { workers, open: Arc::default(), turn: AtomicUsize::new(0), stop })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.workers.len()
    }

    /// Connections open now.
    pub fn connections(&self) -> usize {
        self.open.load(Relaxed)
    }

    /// Gives a connection to the worker with the fewest.
    pub(super) fn admit(
        &self,
        stream: std::net::TcpStream,
        address: std::net::SocketAddr,
        settings: ConnectionSettings,
        drain: CancellationToken,
    ) -> Admission {
        if self.open.load(Relaxed) >= settings.max_connections {
            return Admission::TooMany;
        }
        let Some(worker) = self.idlest() else { return Admission::TooMany };
        let permit = Permit::take(&self.open, &worker.open);
        let accepted = Accepted { stream, address, settings, drain, permit };
        match worker.inbox.try_send(accepted) {
            Ok(()) => Admission::Taken,
            Err(_) => Admission::TooMany,
        }
    }

    /// The worker with the fewest connections; among equals, each in its turn.
    fn idlest(&self) -> Option<&Worker> {
        let turn = self.turn.fetch_add(1, Relaxed) % self.workers.len().max(1);
        let (after, before) = self.workers.split_at_checked(turn)?;
        before.iter().chain(after).min_by_key(|worker| worker.open.load(Relaxed))
    }

    /// Ends the workers and what they still serve.
    pub fn stop(mut self) {
        self.stop.cancel();
        for worker in &mut self.workers {
            if let Some(thread) = worker.thread.take() {
                // A worker that panicked has said so already; there is nothing left to end.
                drop(thread.join());
            }
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Worker {
    fn start<H: Handler>(index: usize, handler: Arc<H>, stop: CancellationToken) -> std::io::Result<Self> {
        let (inbox, connections) = mpsc::channel(BACKLOG);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new()
            .name(format!("worker-{index}"))
            .spawn(move || runtime.block_on(run(index, handler, connections, stop)))?;
        Ok(Self { inbox, open: Arc::default(), thread: Some(thread) })
    }
}

async fn run<H: Handler>(
    index: usize,
    handler: Arc<H>,
    mut connections: mpsc::Receiver<Accepted>,
    stop: CancellationToken,
) {
    let sweep = Sweep::new();
    let tasks = TaskTracker::new();
    tokio::spawn(watch(sweep.clone()));
    loop {
        let accepted = tokio::select! {
            accepted = connections.recv() => accepted,
            () = stop.cancelled() => None,
        };
        let Some(accepted) = accepted else { return };
        let activity = sweep.watch(accepted.settings.limits());
        tasks.spawn(serve(accepted, index, Arc::clone(&handler), activity));
    }
}

/// Looks after the worker's connections for as long as its runtime lives.
async fn watch(sweep: Sweep) {
    loop {
        let pause = sweep.look();
        tokio::time::sleep(pause).await;
    }
}
