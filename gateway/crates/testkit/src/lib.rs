//! Scripted backends and a gateway on port 0, for tests.
#![forbid(unsafe_code)]

pub mod link;
pub mod peer;
