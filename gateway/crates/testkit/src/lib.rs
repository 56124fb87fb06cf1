//! Scripted peers and backends, for tests.
#![forbid(unsafe_code)]

pub mod backend;
pub mod link;
pub mod peer;
pub mod reflection;
