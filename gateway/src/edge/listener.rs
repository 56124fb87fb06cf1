//! Listening sockets: bind, accept, hand over, drain.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::worker::{Admission, ConnectionSettings, Workers};

/// Connections that the system holds until they are accepted.
const BACKLOG: i32 = 1024;
/// The pause after the system refused to accept (out of descriptors, mostly), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

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
    accepting: CancellationToken,
    drain: CancellationToken,
}

impl Listener {
    /// Binds an address; port 0 takes a free one.
    ///
    /// # Errors
    /// When it is taken, forbidden, or not of this machine.
    pub fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let bound = bind(address)?;
        let address = bound.local_addr().unwrap_or(address);
        Ok(Self {
            socket: Some(bound),
            address,
            accepting: CancellationToken::new(),
            drain: CancellationToken::new(),
        })
    }

    /// The address that it is bound to.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts to accept, on the current runtime.
    pub fn accept(&mut self, workers: &Arc<Workers>, settings: &Arc<ArcSwap<ConnectionSettings>>) {
        let Some(socket) = self.socket.take() else { return };
        let accept = accept(socket, Arc::clone(workers), Arc::clone(settings), self.drain.clone());
        let accepting = self.accepting.clone();
        tokio::spawn(async move {
            // On the way out the socket is closed: from then on the system refuses new connections.
            accepting.run_until_cancelled(accept).await;
        });
    }

    /// Accepts no more. Its connections finish what runs and are closed.
    pub fn drain(&self) {
        self.accepting.cancel();
        self.drain.cancel();
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

async fn accept(
    socket: TcpListener,
    workers: Arc<Workers>,
    settings: Arc<ArcSwap<ConnectionSettings>>,
    drain: CancellationToken,
) {
    loop {
        let (stream, peer) = match socket.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Without it, Nagle's algorithm and delayed acknowledgements add up to 40 ms to an answer.
        let handed = stream.set_nodelay(true).and_then(|()| stream.into_std());
        let Ok(stream) = handed else { continue };
        let settings = ConnectionSettings::clone(&settings.load());
        if workers.admit(stream, peer, settings, drain.clone()) == Admission::TooMany {
            tracing::warn!(%peer, "connection closed: there are as many as limits.connections allows");
        }
    }
}
