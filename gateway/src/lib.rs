//! A declarative gateway between REST clients and gRPC services.
#![forbid(unsafe_code)]

pub mod config;
pub mod descriptors;
pub mod edge;
pub mod route;
pub mod telemetry;
