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
use super::admission::{Permit, Places, RefusedBy, RefusedConnections};
use super::connection::{Accepted, serve};
use super::{Handler, Terms, Totals};

/// Connections handed to a worker that it has not taken yet. More means that the worker is stuck.
const BACKLOG: usize = 1024;

/// The threads that serve connections. Dropping it without [`Workers::stop`] ends them at once.
#[derive(Debug)]
pub struct Workers {
    workers: Vec<Worker>,
    places: Arc<Places>,
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
        let places = Arc::new(Places::new(Arc::clone(&totals)));
        Ok(Self { workers, places, totals, turn: AtomicUsize::new(0), stop })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.workers.len()
    }

    /// Connections open now.
    pub fn connections(&self) -> usize {
        self.places.open()
    }

    /// Connections that were closed as soon as they were accepted.
    pub fn refused(&self) -> &RefusedConnections {
        self.places.refused()
    }

    /// Counts a connection that is closed without being offered.
    pub(super) fn refuse(&self, by: RefusedBy) {
        self.refused().count(by);
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
    ///
    /// # Errors
    /// When there are too many connections; this one is closed and counted.
    pub(super) fn admit(
        &self,
        stream: std::net::TcpStream,
        address: SocketAddr,
        terms: Arc<Terms>,
        drain: Arc<AtomicBool>,
    ) -> Result<(), RefusedBy> {
        let offer = || {
            let worker = self.idlest().ok_or(RefusedBy::Limit)?;
            let permit = Permit::take(&self.places, &worker.open, address.ip(), &terms)?;
            let accepted = Accepted { stream, address, terms, permit };
            worker.inbox.try_send((accepted, drain)).map_err(|_| RefusedBy::Limit)
        };
        offer().inspect_err(|by| self.refuse(*by))
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
