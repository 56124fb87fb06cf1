//! The workers: shared-nothing threads, each with a runtime of its own, that serve connections.
//!
//! A multi-threaded runtime costs a fifth to a quarter more CPU per small call than one current-thread runtime per
//! core, and keeps its upstream connections contended.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread::JoinHandle;

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::activity::Sweep;
use super::connection::{Accepted, serve};
use super::{Handler, Terms, Totals};

/// Connections handed to a worker that it has not taken yet. More means that the worker is stuck.
const BACKLOG: usize = 1024;

/// The threads that serve connections. Dropping it without [`Workers::stop`] ends them at once.
#[derive(Debug)]
pub struct Workers {
    workers: Vec<Worker>,
    open: Arc<AtomicUsize>,
    totals: Arc<Totals>,
    turn: AtomicUsize,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Worker {
    inbox: mpsc::Sender<(Accepted, Arc<AtomicBool>)>,
    look: Arc<Notify>,
    open: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

/// Makes the workers look after their connections at once.
#[derive(Debug, Clone)]
pub(super) struct Nudge(Arc<[Arc<Notify>]>);

impl Nudge {
    pub(super) fn look(&self) {
        for worker in self.0.iter() {
            worker.notify_one();
        }
    }
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
        let totals = Arc::<Totals>::default();
        let workers = (0..count.max(1))
            .map(|index| Worker::start(index, Arc::clone(handler), Arc::clone(&totals), stop.clone()))
            .collect::<std::io::Result<Vec<_>>>()?;
        Ok(Self { workers, open: Arc::default(), totals, turn: AtomicUsize::new(0), stop })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.workers.len()
    }

    /// Connections open now.
    pub fn connections(&self) -> usize {
        self.open.load(Relaxed)
    }

    /// What they hold now.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// A way to make them look after their connections.
    pub(super) fn nudge(&self) -> Nudge {
        Nudge(self.workers.iter().map(|worker| Arc::clone(&worker.look)).collect())
    }

    /// Gives a connection to the worker with the fewest.
    pub(super) fn admit(
        &self,
        stream: std::net::TcpStream,
        address: SocketAddr,
        terms: Arc<Terms>,
        drain: Arc<AtomicBool>,
    ) -> Admission {
        if self.open.load(Relaxed) >= terms.max_connections {
            return Admission::TooMany;
        }
        let Some(worker) = self.idlest() else { return Admission::TooMany };
        let permit = Permit::take(&self.open, &worker.open);
        let accepted = Accepted { stream, address, terms, permit };
        match worker.inbox.try_send((accepted, drain)) {
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
    fn start<H: Handler>(
        index: usize,
        handler: Arc<H>,
        totals: Arc<Totals>,
        stop: CancellationToken,
    ) -> std::io::Result<Self> {
        let (inbox, connections) = mpsc::channel(BACKLOG);
        let look = Arc::<Notify>::default();
        let sweep = Sweep::new(totals);
        let watching = watch(sweep.clone(), Arc::clone(&look));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
            runtime.block_on(async {
                tokio::spawn(watching);
                stop.run_until_cancelled(run(index, handler, connections, sweep)).await;
            });
        })?;
        Ok(Self { inbox, look, open: Arc::default(), thread: Some(thread) })
    }
}

async fn run<H: Handler>(
    index: usize,
    handler: Arc<H>,
    mut connections: mpsc::Receiver<(Accepted, Arc<AtomicBool>)>,
    sweep: Sweep,
) {
    let tasks = TaskTracker::new();
    while let Some((accepted, drain)) = connections.recv().await {
        let activity = sweep.watch(accepted.terms.limits, drain);
        // In a box: its 2 KB would be copied from place to place until it is a task.
        tasks.spawn(Box::pin(serve(accepted, index, Arc::clone(&handler), activity)));
    }
}

/// Looks after the worker's connections for as long as its runtime lives.
async fn watch(sweep: Sweep, look: Arc<Notify>) {
    loop {
        let pause = sweep.look();
        // Nudged or not, it is time to look again.
        drop(tokio::time::timeout(pause, look.notified()).await);
    }
}
