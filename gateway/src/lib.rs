//! A declarative gateway between REST clients and gRPC services.
#![forbid(unsafe_code)]

pub mod admin;
pub mod app;
pub mod cli;
pub mod commands;
pub mod config;
pub mod descriptors;
pub mod diff;
pub mod edge;
pub mod openapi;
pub mod policy;
pub mod proxy;
pub mod reload;
pub mod route;
pub mod snapshot;
pub mod telemetry;
