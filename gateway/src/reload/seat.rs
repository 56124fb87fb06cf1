//! Where the admin address is bound: a reload may move it, and whoever serves it follows.

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::edge::{self, BindError};

/// The new socket of the admin address; `None` when there is to be none.
pub type Moves = mpsc::Receiver<Option<TcpListener>>;

/// The reloader's side of the admin address.
#[derive(Debug)]
pub struct Seat {
    /// As the file says it, which may leave the port open.
    configured: Option<SocketAddr>,
    moves: mpsc::Sender<Option<TcpListener>>,
}

/// A move that is prepared: its address is bound.
#[derive(Debug)]
pub(super) struct Move {
    configured: Option<SocketAddr>,
    listener: Option<TcpListener>,
}

impl Seat {
    /// The seat of an admin address, and where its moves are heard.
    pub fn new(configured: Option<SocketAddr>) -> (Self, Moves) {
        let (moves, heard) = mpsc::channel(1);
        (Self { configured, moves }, heard)
    }

    /// Binds another address, if another is wanted.
    pub(super) fn prepare(&self, wanted: Option<SocketAddr>) -> Result<Option<Move>, BindError> {
        if wanted == self.configured {
            return Ok(None);
        }
        let listener = wanted.map(edge::bind).transpose()?;
        Ok(Some(Move { configured: wanted, listener }))
    }

    /// Hands the new socket over.
    pub(super) async fn commit(&mut self, step: Option<Move>) {
        let Some(Move { configured, listener }) = step else { return };
        self.configured = configured;
        // Nobody hears it when the gateway is on its way out.
        drop(self.moves.send(listener).await);
    }
}
