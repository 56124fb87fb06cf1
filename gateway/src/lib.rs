//! A declarative gateway between REST clients and gRPC services.
#![forbid(unsafe_code)]

pub mod config;
pub mod edge;
pub mod telemetry;
