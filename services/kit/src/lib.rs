//! What the sample services share: settings, telemetry, health, TLS, databases, shutdown.
#![forbid(unsafe_code)]

pub mod calls;
pub mod clock;
pub mod database;
pub mod deadline;
pub mod health;
pub mod log;
pub mod page;
pub mod program;
pub mod server;
pub mod settings;
#[cfg(feature = "testing")]
pub mod testing;
pub mod violations;
