//! One exchange: a request in JSON, a gRPC call, an answer in JSON. One file per shape of call.

pub mod code;
pub mod coding;
mod deadline;
pub mod explain;
pub mod failure;
mod metadata;
mod pace;
mod request_body;
mod room;
mod target;
mod tries;
mod unary;

use std::time::{Duration, Instant};

pub use target::{Lines, Share, Split, Target};
pub use unary::{Exchange, unary};

/// What the access record says of the call behind a request.
#[derive(Debug, Default)]
pub struct Trail {
    /// Bytes of the request's body.
    pub received: usize,
    /// When the upstream was first asked.
    pub called: Option<Instant>,
    /// From then to the end of the last try.
    pub answered: Option<Duration>,
    /// The position of the upstream that was chosen.
    pub share: Option<usize>,
    /// Its tries.
    pub call: upstream::Report,
}

impl Trail {
    /// How long the upstream took; so far, while it has not answered.
    pub fn upstream(&self) -> Duration {
        self.answered.or_else(|| Some(self.called?.elapsed())).unwrap_or_default()
    }
}
