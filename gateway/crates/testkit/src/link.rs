//! A wire between a client and a server that can be slowed down or frozen: both ends stay open, and what is sent comes
//! through late, or not at all.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// What the wire does to what it carries.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    frozen: bool,
    delay: Duration,
}

/// A running wire; dropping it cuts every connection.
#[derive(Debug)]
pub struct Link {
    address: String,
    state: watch::Sender<State>,
    _task: AbortOnDropHandle<()>,
}

impl Link {
    /// Listens on a free port of the loopback and carries each connection to `server`.
    pub async fn to(server: &str) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let (state, seen) = watch::channel(State::default());
        let server = server.to_owned();
        let task = tokio::spawn(async move {
            let mut wires = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let Ok(onward) = TcpStream::connect(&server).await else { continue };
                let _ = (client.set_nodelay(true), onward.set_nodelay(true));
                let ((from_client, to_client), (from_server, to_server)) =
                    (client.into_split(), onward.into_split());
                wires.spawn(carry(from_client, to_server, seen.clone()));
                wires.spawn(carry(from_server, to_client, seen.clone()));
            }
        });
        Ok(Self { address, state, _task: AbortOnDropHandle::new(task) })
    }

    /// Where clients connect.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// From now on nothing comes through, on connections old and new.
    pub fn freeze(&self) {
        self.state.send_modify(|state| state.frozen = true);
    }

    /// From now on each read of either side is passed on that much later.
    pub fn delay(&self, delay: Duration) {
        self.state.send_modify(|state| state.delay = delay);
    }

    /// Everything held back flows again.
    pub fn thaw(&self) {
        self.state.send_modify(|state| state.frozen = false);
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut state: watch::Receiver<State>) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(n @ 1..) = from.read(&mut buffer).await {
        let delay = state.borrow().delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let _ = state.wait_for(|state| !state.frozen).await;
        let Some(read) = buffer.get(..n) else { return };
        if to.write_all(read).await.is_err() {
            return;
        }
    }
}
