//! The admin address: what the gateway knows about itself, and a few orders. Never on a public listener.

mod access;
mod connections;
mod pages;
mod views;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use self::connections::{Connections, OpenConnection};
use crate::edge::{Body, Workers};
use crate::reload::{History, Requests};
use crate::snapshot::{Current, Dispatch};
use crate::telemetry::logging::Level;

/// Connections to the admin address at a time: operators and scrapers, not a public.
const MAX_CONNECTIONS: usize = 64;
/// From the first byte of a request to the end of its head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

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
        tokio::spawn(serve(listener, state, serving));
        Ok(Self { address, _serving: stop.drop_guard() })
    }

    /// Where it is served.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn serve(listener: TcpListener, state: State, stop: CancellationToken) {
    let connections = Connections::default();
    loop {
        let accepted = stop.run_until_cancelled(listener.accept()).await;
        let stream = match accepted {
            None => return,
            Some(Ok((stream, _))) => stream,
            Some(Err(error)) => {
                tracing::warn!(%error, "cannot accept on the admin address");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let open = connections.open(MAX_CONNECTIONS, Instant::now());
        tokio::spawn(serve_connection(stream, open, state.clone(), stop.clone()));
    }
}

/// Serves a connection until it ends, has to make room, or the admin address closes.
async fn serve_connection(stream: TcpStream, open: OpenConnection, state: State, stop: CancellationToken) {
    let service = service_fn(|request: Request<Incoming>| {
        let in_progress = open.begin();
        let state = &state;
        async move {
            let response = pages::answer(request, state).await;
            drop(in_progress);
            Ok::<Response<Body>, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = open.evicted() => {
            tracing::debug!("an admin connection was closed to make room for another one");
            return;
        }
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "admin connection ended");
    }
}
