//! The client side: listeners and their connections.

mod spec;

pub use spec::{LimitsSpec, ListenerSpec, ListenerTls};
