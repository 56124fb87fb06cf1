//! One exchange: a request in JSON, a gRPC call, an answer in JSON. One file per shape of call.

pub mod code;
pub mod coding;
mod deadline;
pub mod explain;
pub mod failure;
mod metadata;
mod request_body;
mod target;
mod unary;

use std::sync::Arc;
use std::time::Duration;

pub use target::{Share, Split, Target};
pub use unary::{Exchange, unary};

/// What the access record says of the call behind a request.
#[derive(Debug, Default)]
pub struct Trail {
    /// Bytes of the request's body.
    pub received: usize,
    /// From the first try to the end of the last.
    pub upstream: Duration,
    /// Tries made.
    pub attempts: u32,
    /// The endpoint that answered.
    pub endpoint: Option<Arc<str>>,
}
