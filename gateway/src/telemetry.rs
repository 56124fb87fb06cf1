//! What the gateway says about itself: logs, the access record of each request, counters.
//!
//! It imports no other module: whoever has something to report brings it here.

pub mod access;
mod hex;
mod hidden;
pub mod logging;
pub mod memory;
pub mod metrics;
mod otlp;
pub mod process;
mod queue;
mod random;
pub mod request_id;
pub mod spans;
pub mod trace;
