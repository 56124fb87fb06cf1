//! The admin address: what the gateway knows about itself, and a few orders. Never on a public listener.

mod pages;
mod views;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::edge::{Body, Workers};
use crate::reload::{History, Requests};
use crate::snapshot::{Current, Dispatch};
use crate::telemetry::logging::Level;

/// Connections to the admin address at a time: operators and scrapers, not a public.
const CONNECTIONS: usize = 64;
/// From the first byte of a request to the end of its head.
const HEAD: Duration = Duration::from_secs(10);

/// What the pages show and the orders act on.
#[derive(Debug, Clone)]
pub struct State {
    /// The running snapshot.
    pub current: Arc<Current>,
    /// Who answers requests.
    pub dispatch: Arc<Dispatch>,
    /// Who serves connections.
    pub workers: Arc<Workers>,
    /// Whom to ask for a reload.
    pub requests: Requests,
    /// What became of the last reloads.
    pub history: History,
    /// The log's level.
    pub level: Level,
    /// Told when a drain is ordered.
    pub drain: Arc<Notify>,
    /// Whether the gateway is on its way out.
    pub draining: Arc<AtomicBool>,
}

/// The served admin address. Dropping it closes it; what is being answered is answered.
#[derive(Debug)]
pub struct Admin {
    address: SocketAddr,
    _serving: DropGuard,
}

impl Admin {
    /// Serves it on this socket and the current runtime.
    ///
    /// # Errors
    /// When the system does not tell the socket's address.
    pub fn serve(listener: TcpListener, state: State) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let serving = stop.clone();
        tokio::spawn(async move { serving.run_until_cancelled(serve(listener, state)).await });
        Ok(Self { address, _serving: stop.drop_guard() })
    }

    /// Where it is served.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn serve(listener: TcpListener, state: State) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let connections = tokio_util::task::TaskTracker::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept on the admin address");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let state = state.clone();
        connections.spawn(async move {
            let service = service_fn(|request| answer(request, &state));
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            if let Err(error) = served {
                tracing::debug!(%error, "admin connection ended");
            }
            drop(place);
        });
    }
}

async fn answer(request: Request<Incoming>, state: &State) -> Result<Response<Body>, Infallible> {
    Ok(pages::answer(request, state).await)
}
