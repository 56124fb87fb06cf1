//! Listening sockets: bind, accept, hand over, drain.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::admission::RefusedBy;
use super::worker::{Nudge, Workers};
use super::{Terms, descriptors};

/// Connections that the system holds until they are accepted.
const BACKLOG: i32 = 1024;
/// The pause after the system refused to accept (out of descriptors, mostly), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The time between two lines of the log about connections that are refused, or cannot be accepted.
const TOLD_AGAIN: Duration = Duration::from_secs(1);

/// An address that can't be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {}", explain(.source))]
pub struct BindError {
    /// The address as configured.
    pub address: SocketAddr,
    source: io::Error,
}

fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program has this port; stop it, or choose another one".to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            "not permitted; ports below 1024 need a privilege, choose a higher one".to_owned()
        }
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        _ => error.to_string(),
    }
}

/// A bound address. It accepts from [`Listener::accept`] on until it is dropped or drained.
#[derive(Debug)]
pub struct Listener {
    socket: Option<TcpListener>,
    address: SocketAddr,
    terms: Arc<ArcSwap<Terms>>,
    stop: CancellationToken,
    /// What its connections look at.
    drain: Arc<AtomicBool>,
    nudge: Option<Nudge>,
    accepting: Option<JoinHandle<()>>,
}

impl Listener {
    /// Binds an address; port 0 takes a free one.
    ///
    /// # Errors
    /// When it is taken, forbidden, or not of this machine.
    pub fn bind(address: SocketAddr, terms: Terms) -> Result<Self, BindError> {
        let bound = bind(address)?;
        let address = bound.local_addr().unwrap_or(address);
        Ok(Self {
            socket: Some(bound),
            address,
            terms: Arc::new(ArcSwap::from_pointee(terms)),
            stop: CancellationToken::new(),
            drain: Arc::default(),
            nudge: None,
            accepting: None,
        })
    }

    /// The address that it is bound to.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What its next connection is held to.
    pub fn terms(&self) -> Arc<Terms> {
        self.terms.load_full()
    }

    /// Holds its next connections to other terms. Those that are open keep theirs.
    pub fn set_terms(&self, terms: Terms) {
        self.terms.store(Arc::new(terms));
    }

    /// Starts to accept, on the current runtime.
    pub fn accept(&mut self, workers: &Arc<Workers>) {
        let Some(socket) = self.socket.take() else { return };
        self.nudge = Some(workers.nudge());
        let entrance = Entrance {
            workers: Arc::clone(workers),
            terms: Arc::clone(&self.terms),
            drain: Arc::clone(&self.drain),
            ceiling: descriptors::ceiling(),
            told: None,
        };
        self.accepting = Some(tokio::spawn(entrance.run(socket, self.stop.clone())));
    }

    /// Accepts no more. Its connections finish what runs and are closed.
    pub fn drain(&self) {
        self.stop.cancel();
        self.drain.store(true, Relaxed);
        if let Some(nudge) = &self.nudge {
            nudge.look();
        }
    }

    /// Waits until the socket of a drained listener is closed.
    pub async fn closed(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            // It does not panic; if it did, the socket would be closed all the same.
            drop(accepting.await);
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.drain();
    }
}

/// Binds and listens, nothing more.
///
/// # Errors
/// When the address is taken, forbidden, or not of this machine.
pub fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    listen(address).map_err(|source| BindError { address, source })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for the old process's closed connections.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Where connections come in.
struct Entrance {
    workers: Arc<Workers>,
    terms: Arc<ArcSwap<Terms>>,
    drain: Arc<AtomicBool>,
    /// The first file descriptor that no client may take.
    ceiling: Option<u64>,
    /// When it was last logged that connections are refused.
    told: Option<Instant>,
}

impl Entrance {
    async fn run(mut self, socket: TcpListener, stop: CancellationToken) {
        stop.run_until_cancelled(self.accept(&socket)).await;
        // Clients that the system has let in already believe to be connected: closing the socket would reset them.
        let Ok(socket) = socket.into_std() else { return };
        while let Ok((stream, peer)) = socket.accept() {
            self.admit(stream, peer);
        }
    }

    async fn accept(&mut self, socket: &TcpListener) {
        loop {
            match socket.accept().await {
                Ok((stream, peer)) => {
                    if let Ok(stream) = stream.into_std() {
                        self.admit(stream, peer);
                    }
                }
                Err(error) => {
                    if self.is_news() {
                        tracing::warn!(%error, "cannot accept connections");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn admit(&mut self, stream: std::net::TcpStream, peer: SocketAddr) {
        // Without it, Nagle's algorithm and delayed acknowledgements add up to 40 ms to an answer.
        if stream.set_nodelay(true).is_err() {
            return; // It has gone again.
        }
        let admitted = if self.ceiling.is_some_and(|ceiling| descriptors::number(&stream) >= ceiling) {
            self.workers.refuse(RefusedBy::Descriptors);
            Err(RefusedBy::Descriptors)
        } else {
            self.workers.admit(stream, peer, self.terms.load_full(), Arc::clone(&self.drain))
        };
        if let Err(by) = admitted
            && self.is_news()
        {
            tracing::warn!(%peer, "connection closed: {}", by.text());
        }
    }

    /// Whether it is time for another line of the log.
    fn is_news(&mut self) -> bool {
        let is_news = self.told.is_none_or(|told| told.elapsed() > TOLD_AGAIN);
        if is_news {
            self.told = Some(Instant::now());
        }
        is_news
    }
}
