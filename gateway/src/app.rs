//! Builds the parts, starts them in order, stops them in reverse.

mod expiry;
mod signals;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::admin::{Admin, State};
use crate::config::Watched;
use crate::config::diagnostic::Diagnostics;
use crate::edge::descriptors::{self, Shortfall};
use crate::edge::{BindError, LimitsSpec, Listener, Terms, TlsError, Workers, bind};
use crate::reload::{History, Inbox, Moves, Parts, Refresher, Reloader, Requests, Seat, Source, Watcher};
use crate::snapshot::{BuildError, Current, Dispatch, Snapshot};
use crate::telemetry::access::AccessLog;
use crate::telemetry::logging::Level;
use crate::telemetry::memory;

pub use signals::{Signal, Signals};

/// What a gateway is started with.
#[derive(Debug)]
pub struct Options {
    /// Where its configuration comes from.
    pub source: Source,
    /// Threads that serve connections.
    pub workers: usize,
    /// The log's level, changed by the configuration and the admin address.
    pub level: Level,
    /// Where access records go.
    pub access: AccessLog,
    /// How often upstreams that are descriptor sources are asked whether they have changed.
    pub refresh: Duration,
}

impl Options {
    /// The time between two questions for descriptors, unless a test is in a hurry.
    pub const REFRESH: Duration = Duration::from_secs(30);
}

/// A gateway that can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration has errors.
    #[error("{}", .0.render(false))]
    Config(Diagnostics),
    /// An upstream can't be started.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A listener can't be bound.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A listener's certificates can't be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The system gives no thread or event queue.
    #[error("cannot start the workers: {0}")]
    Workers(#[from] std::io::Error),
}

/// A running gateway.
#[derive(Debug)]
pub struct App {
    current: Arc<Current>,
    workers: Arc<Workers>,
    reloader: Reloader,
    requests: Requests,
    inbox: Inbox,
    admin: Option<Admin>,
    /// What a moved admin address is served from.
    state: State,
    moves: Moves,
    drain: Arc<tokio::sync::Notify>,
    addresses: Vec<SocketAddr>,
    warnings: Diagnostics,
}

/// How long the drain looks away between two counts of the open connections.
const DRAIN_STEP: Duration = Duration::from_millis(20);

/// How long the end waits for the collector to take the last spans.
const FLUSH: Duration = Duration::from_secs(2);

impl App {
    /// Starts a gateway: when this returns, its listeners accept. Must run inside a runtime, the control runtime.
    ///
    /// # Errors
    /// When the configuration has errors, or an address is taken.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let Options { source, workers: count, level, access, refresh } = options;
        let mut watcher = Watcher::new(vec![Watched::File(source.path.clone())]);
        // It may ask servers for their descriptors, which takes a while.
        let from = source.clone();
        let loaded = tokio::task::spawn_blocking(move || from.load()).await.map_err(std::io::Error::other)?;
        watcher.watch(loaded.watch);
        let config = loaded.config.ok_or_else(|| StartError::Config(loaded.diagnostics.clone()))?;
        if let Err(error) = level.set(config.log.level.as_str()) {
            tracing::warn!(%error, "log level unchanged");
        }

        report_resources(&config.limits);
        let mut listeners = Vec::new();
        for spec in &config.listeners {
            let terms = Terms::new(spec, &config.limits, &config.trusted_proxies, None)?;
            listeners.push((spec.address, Listener::bind(spec.address, terms)?));
        }
        let addresses = listeners.iter().map(|(_, listener)| listener.address()).collect();
        let current = Arc::new(Current::new(Snapshot::build(Arc::clone(&config), None, count.max(1))?));
        let draining = Arc::<AtomicBool>::default();
        let dispatch = Arc::new(Dispatch::new(Arc::clone(&current), access, Arc::clone(&draining)));
        let workers = Arc::new(Workers::start(count, &dispatch)?);

        let history = History::default();
        let (requests, inbox) = Reloader::requests();
        let drain = Arc::new(tokio::sync::Notify::new());
        let state = State {
            current: Arc::clone(&current),
            dispatch: Arc::clone(&dispatch),
            workers: Arc::clone(&workers),
            requests: requests.clone(),
            history: history.clone(),
            level: level.clone(),
            drain: Arc::clone(&drain),
            draining,
        };
        let address = config.admin.as_ref().map(|spec| spec.address);
        let admin = match address {
            None => None,
            Some(address) => Some(Admin::serve(bind(address)?, state.clone())?),
        };
        let (seat, moves) = Seat::new(address);
        for (_, listener) in &mut listeners {
            listener.accept(&workers);
        }
        let parts = Parts {
            source,
            current: Arc::clone(&current),
            workers: Arc::clone(&workers),
            listeners,
            admin: seat,
            watcher,
            refresher: Refresher::new(refresh),
            level,
            history,
        };
        Ok(Self {
            current,
            workers,
            reloader: Reloader::new(parts),
            requests,
            inbox,
            admin,
            state,
            moves,
            drain,
            addresses,
            warnings: loaded.diagnostics,
        })
    }

    /// The addresses of the listeners, in the order of the file, with the ports that they got.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The same, as a client would write them.
    pub fn urls(&self) -> impl Iterator<Item = String> {
        let config = self.current.pin();
        let schemes: Vec<&str> = config
            .config
            .listeners
            .iter()
            .map(|spec| if spec.tls.is_some() { "https" } else { "http" })
            .collect();
        self.addresses.iter().zip(schemes).map(|(address, scheme)| format!("{scheme}://{address}"))
    }

    /// The admin address, if it is served.
    pub fn admin(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(Admin::address)
    }

    /// Warnings of the configuration that it started with.
    pub const fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }

    /// A way to ask for reloads.
    pub fn requests(&self) -> Requests {
        self.requests.clone()
    }

    /// Runs until `stop` is done or somebody asks for a drain, then finishes what runs and ends.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let (drain, current) = (Arc::clone(&self.drain), Arc::clone(&self.current));
        let Self { reloader, inbox, moves, admin, state, .. } = &mut self;
        let follow = async {
            while let Some(listener) = moves.recv().await {
                follow(admin, listener, state);
            }
        };
        tokio::select! {
            () = reloader.run(inbox) => {}
            () = follow => {}
            () = expiry::watch(&current) => {}
            () = stop => {}
            () = drain.notified() => {}
        }
        self.finish().await;
    }

    /// Readiness turns first, then no new connections, and those that are open end after what runs on them.
    async fn finish(mut self) {
        self.state.draining.store(true, Relaxed);
        let patience = self.current.pin().config.drain;
        tracing::info!(connections = self.workers.connections(), ?patience, "draining");
        self.reloader.drain().await;
        let end = Instant::now() + patience;
        while self.workers.connections() > 0 && Instant::now() < end {
            tokio::time::sleep(DRAIN_STEP).await;
        }
        match self.workers.connections() {
            0 => tracing::info!("drained"),
            open => tracing::warn!(open, "connections cut off: they did not end within the drain time"),
        }
        if let Some(spans) = &self.current.pin().spans {
            spans.flush(FLUSH).await;
        }
        let Self { workers, reloader, admin, state, .. } = self;
        drop(reloader);
        drop((admin, state));
        // Everybody else who held them is gone; if not, dropping the last handle ends them as well.
        if let Some(workers) = Arc::into_inner(workers) {
            workers.stop();
        }
    }
}

/// Logs what the system grants the process, and warns where that is less than the limits need.
fn report_resources(limits: &LimitsSpec) {
    let mebibytes = |bytes: u64| format!("{} MiB", bytes >> 20);
    let memory = memory::available().map_or_else(|| "unknown".to_owned(), mebibytes);
    let buffers = mebibytes(limits.buffers as u64);
    tracing::info!(%memory, limits.buffers = %buffers, "memory that the process may use");
    if let Some(short) = descriptors::shortfall(limits.connections) {
        let Shortfall { limit, connections, needed } = short;
        tracing::warn!(
            "limits.connections is {}, but the limit of {limit} file descriptors allows about {connections} client \
             connections: raise the limit to {needed} (ulimit -n, LimitNOFILE= of systemd, --ulimit nofile= of Docker), or \
             lower limits.connections",
            limits.connections
        );
    }
}

/// Serves the admin address where it is now.
fn follow(admin: &mut Option<Admin>, listener: Option<TcpListener>, state: &State) {
    *admin = match listener.map(|listener| Admin::serve(listener, state.clone())).transpose() {
        Ok(moved) => moved,
        Err(error) => {
            tracing::error!(%error, "the admin address is not served");
            None
        }
    };
    match admin {
        Some(admin) => tracing::info!("admin on http://{}", admin.address()),
        None => tracing::info!("no admin address"),
    }
}
