//! The hot reload: watch → load → build → bind → swap → report, as one transaction.
//!
//! A configuration that does not load, or can't be made to run, changes nothing: the running one stays. So does it where the
//! descriptors of a saved file break clients, and the file says to hold such changes.

mod diff;
mod history;
mod refresh;
mod report;
mod seat;
mod watch;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::config::diagnostic::Diagnostics;
use crate::config::{self, Before, BreakingChanges, GatewayConfig, Why};
use crate::diff::DescriptorChanges;
use crate::edge::{BindError, Listener, ListenerSpec, Terms, TlsError, Workers};
use crate::snapshot::{BuildError, Current, Snapshot};
use crate::telemetry::logging::Level;

pub use diff::Diff;
pub use history::{Counts, Entry, History, Trigger};
pub use refresh::Refresher;
use report::report;
pub use seat::{Moves, Seat};
pub use watch::Watcher;

/// Files that never hold still are taken as they are after so many tries.
const LOADS_OF_MOVING_FILES: u32 = 5;

/// Reads an environment variable.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What a reload came to.
#[derive(Debug)]
pub enum Outcome {
    /// Live now, as this version.
    Applied {
        /// The version of the new snapshot.
        version: u64,
        /// What is different.
        diff: Diff,
        /// Warnings that do not stand in the way.
        diagnostics: Diagnostics,
    },
    /// Descriptors have changed in a way that breaks clients: nothing is done until an operator orders a reload.
    Held {
        /// What breaks clients in the files; `None` where an upstream's own descriptors are held back, which the diagnostics
        /// report.
        changes: Option<DescriptorChanges>,
        /// What the load found.
        diagnostics: Diagnostics,
    },
    /// Refused; the old state goes on.
    Rejected(Rejection),
}

/// Why a configuration did not go live.
#[derive(Debug)]
pub enum Rejection {
    /// It has errors.
    Invalid(Diagnostics),
    /// An upstream can't be started.
    Build(BuildError),
    /// A new listener can't be bound.
    Bind(BindError),
    /// A listener's certificates can't be used.
    Tls(TlsError),
}

impl std::fmt::Display for Rejection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Invalid(diagnostics) => write!(f, "{}", diagnostics.render(false)),
            Self::Build(error) => error.fmt(f),
            Self::Bind(error) => error.fmt(f),
            Self::Tls(error) => error.fmt(f),
        }
    }
}

/// Asks for a reload, and hears what it came to.
#[derive(Debug, Clone)]
pub struct Requests(mpsc::Sender<Request>);

type Request = (Trigger, oneshot::Sender<Entry>);

/// Where a reloader hears what is asked of it.
pub type Inbox = mpsc::Receiver<Request>;

impl Requests {
    /// Reloads now.
    pub async fn reload(&self, trigger: Trigger) -> Option<Entry> {
        let (reply, answer) = oneshot::channel();
        self.0.send((trigger, reply)).await.ok()?;
        answer.await.ok()
    }
}

/// Owns what a reload changes. One task runs it, so that reloads never overlap.
#[derive(Debug)]
pub struct Reloader {
    source: Source,
    current: Arc<Current>,
    workers: Arc<Workers>,
    listeners: Vec<(SocketAddr, Listener)>,
    admin: Seat,
    watcher: Watcher,
    refresher: Refresher,
    level: Level,
    history: History,
}

/// Where the configuration comes from.
#[derive(Clone)]
pub struct Source {
    /// The path of routes.yaml.
    pub path: PathBuf,
    /// What `${VAR}` is read from.
    pub environment: Environment,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The environment holds secrets.
        f.debug_tuple("Source").field(&self.path).finish()
    }
}

impl Source {
    /// Loads and checks the whole configuration. Blocks: it reads files, compiles descriptors and asks servers for theirs.
    pub fn load(&self) -> config::Loaded {
        config::load_to_serve(&self.path, &*self.environment)
    }

    /// The same, while a configuration runs.
    pub fn load_after(&self, before: &Before<'_>) -> config::Loaded {
        config::load_after(&self.path, &*self.environment, Some(before))
    }
}

/// The parts that a reloader works on.
#[derive(Debug)]
pub struct Parts {
    /// Where the configuration comes from.
    pub source: Source,
    /// What it is swapped into.
    pub current: Arc<Current>,
    /// Who serves the connections of new listeners.
    pub workers: Arc<Workers>,
    /// The bound listeners, by their configured addresses.
    pub listeners: Vec<(SocketAddr, Listener)>,
    /// The admin address.
    pub admin: Seat,
    /// Watches the files that the running configuration was read from.
    pub watcher: Watcher,
    /// Asks the upstreams that are descriptor sources whether they have changed.
    pub refresher: Refresher,
    /// The log's level.
    pub level: Level,
    /// What became of each reload.
    pub history: History,
}

impl Reloader {
    /// Takes charge of these parts.
    pub fn new(parts: Parts) -> Self {
        let Parts { source, current, workers, listeners, admin, watcher, refresher, level, history } = parts;
        Self { source, current, workers, listeners, admin, watcher, refresher, level, history }
    }

    /// A way to ask it for reloads, and what it has to listen to.
    pub fn requests() -> (Requests, Inbox) {
        let (sender, receiver) = mpsc::channel(16);
        (Requests(sender), receiver)
    }

    /// Reloads whenever a file or an upstream's descriptors change, or somebody asks, for ever.
    pub async fn run(&mut self, requests: &mut Inbox) {
        loop {
            tokio::select! {
                () = self.watcher.changed() => {
                    self.reload(Trigger::File).await;
                }
                () = self.refresher.changed(&self.current) => {
                    self.reload(Trigger::Reflection).await;
                }
                request = requests.recv() => {
                    let Some((trigger, reply)) = request else { return };
                    let entry = self.reload(trigger).await;
                    // Whoever asked may have gone; the history has it all the same.
                    drop(reply.send(entry));
                }
            }
        }
    }

    /// Has all listeners accept no more, and their connections finish. Returns when the last socket is closed.
    pub async fn drain(&mut self) {
        for (_, listener) in &self.listeners {
            listener.drain();
        }
        for (_, listener) in &mut self.listeners {
            listener.closed().await;
        }
    }

    async fn reload(&mut self, trigger: Trigger) -> Entry {
        let outcome = self.attempt(trigger).await;
        report(trigger, &outcome);
        self.history.record(trigger, &outcome)
    }

    async fn attempt(&mut self, trigger: Trigger) -> Outcome {
        let seen = self.watcher.seen();
        let Some(loaded) = self.load(trigger).await else {
            // The loader does not panic; if it did, the running state must not suffer.
            return Outcome::Rejected(Rejection::Invalid(Diagnostics::default()));
        };
        self.watcher.watch(loaded.watch);
        let Some(config) = loaded.config else {
            return Outcome::Rejected(Rejection::Invalid(loaded.diagnostics));
        };
        let running = self.current.pin();
        if trigger == Trigger::Reflection && config.reflected == running.config.reflected {
            // What was saved meanwhile is not applied by this: it has to be seen as a change again.
            self.watcher.restore(&seen);
            return Outcome::Held { changes: None, diagnostics: loaded.diagnostics };
        }
        let changes = compare(&running.config, &config).await;
        let waits = matches!(trigger, Trigger::File | Trigger::Reflection);
        if waits
            && config.breaking == BreakingChanges::Hold
            && changes.as_ref().is_some_and(|changes| changes.breaking() > 0)
        {
            return Outcome::Held { changes, diagnostics: loaded.diagnostics };
        }
        let admin = match self.admin.prepare(config.admin.as_ref().map(|admin| admin.address)) {
            Ok(admin) => admin,
            Err(error) => return Outcome::Rejected(Rejection::Bind(error)),
        };
        let applied = self.apply(config, changes.as_ref()).await;
        if applied.is_ok() {
            self.admin.commit(admin).await;
        }
        match applied {
            Ok((version, diff)) => Outcome::Applied { version, diff, diagnostics: loaded.diagnostics },
            Err(rejection) => Outcome::Rejected(rejection),
        }
    }

    /// Loads what a file change is about only when the files hold still, before and meanwhile.
    async fn load(&mut self, trigger: Trigger) -> Option<config::Loaded> {
        let mut tries = if trigger == Trigger::File { LOADS_OF_MOVING_FILES } else { 1 };
        loop {
            tries -= 1;
            if tries > 0 {
                self.watcher.settle().await;
            }
            self.watcher.mark();
            let (source, running) = (self.source.clone(), self.current.pin());
            let why = match trigger {
                Trigger::File => Why::Saved,
                Trigger::Reflection => Why::Told,
                Trigger::Signal | Trigger::Admin => Why::Ordered,
            };
            let load = move || source.load_after(&Before { config: &running.config, why });
            let loaded = tokio::task::spawn_blocking(load).await.ok()?;
            if tries == 0 || self.watcher.is_as_marked() {
                return Some(loaded);
            }
        }
    }

    /// Everything that can fail comes before the swap.
    async fn apply(
        &mut self,
        config: Arc<GatewayConfig>,
        changes: Option<&DescriptorChanges>,
    ) -> Result<(u64, Diff), Rejection> {
        let running = self.current.pin();
        let snapshot = self.build(&config, &running).await?;
        let listeners = self.open(&config)?;
        let version = snapshot.version;
        let diff = Diff::between(&running.config, &config, changes);

        self.current.swap(snapshot);
        self.listen(listeners);
        // Otherwise any save would end what `PUT /log` began.
        if config.log.level != running.config.log.level
            && let Err(error) = self.level.set(config.log.level.as_str())
        {
            tracing::warn!(%error, "log level unchanged");
        }
        Ok((version, diff))
    }

    /// Builds beside this runtime, which accepts connections meanwhile: the page of a large API takes its time.
    async fn build(
        &self,
        config: &Arc<GatewayConfig>,
        running: &Arc<Snapshot>,
    ) -> Result<Snapshot, Rejection> {
        let (config, running, workers) = (Arc::clone(config), Arc::clone(running), self.workers.count());
        let build = move || Snapshot::build(config, Some(&running), workers);
        match tokio::task::spawn_blocking(build).await {
            Ok(built) => built.map_err(Rejection::Build),
            // Nothing in it panics; if it did, the running state must not suffer.
            Err(_) => Err(Rejection::Invalid(Diagnostics::default())),
        }
    }

    /// Makes the terms of every listener, and binds those that are new.
    fn open(&self, config: &GatewayConfig) -> Result<Vec<(SocketAddr, Opened)>, Rejection> {
        let open = |spec: &ListenerSpec| {
            let bound = self.listeners.iter().find(|(address, _)| *address == spec.address);
            let previous = bound.map(|(_, listener)| listener.terms());
            let terms = Terms::new(spec, &config.limits, &config.trusted_proxies, previous.as_deref());
            let terms = terms.map_err(Rejection::Tls)?;
            if bound.is_some() {
                return Ok((spec.address, Opened::Running(terms)));
            }
            let listener = Listener::bind(spec.address, terms).map_err(Rejection::Bind)?;
            Ok((spec.address, Opened::Fresh(listener)))
        };
        config.listeners.iter().map(open).collect()
    }

    /// Puts the new listeners and terms live.
    fn listen(&mut self, opened: Vec<(SocketAddr, Opened)>) {
        let mut before = std::mem::take(&mut self.listeners);
        for (address, opened) in opened {
            match opened {
                Opened::Running(terms) => {
                    let running = before.iter().position(|(bound, _)| *bound == address);
                    if let Some(running) = running.map(|index| before.swap_remove(index)) {
                        running.1.set_terms(terms);
                        self.listeners.push(running);
                    }
                }
                Opened::Fresh(mut listener) => {
                    listener.accept(&self.workers);
                    self.listeners.push((address, listener));
                }
            }
        }
        // Those no longer named are dropped, which drains them.
        drop(before);
    }
}

/// A listener of a new configuration.
enum Opened {
    /// It is there already; these are its new terms.
    Running(Terms),
    /// It is bound, and does not accept yet.
    Fresh(Listener),
}

/// Compares beside this runtime: many routes take their time.
async fn compare(running: &Arc<GatewayConfig>, new: &Arc<GatewayConfig>) -> Option<DescriptorChanges> {
    if running.schema_digest == new.schema_digest {
        return None;
    }
    let (running, new) = (Arc::clone(running), Arc::clone(new));
    let compare = move || DescriptorChanges::between(&running, &new);
    // Nothing in it panics; if it did, the reload must not suffer.
    tokio::task::spawn_blocking(compare).await.ok().flatten()
}
