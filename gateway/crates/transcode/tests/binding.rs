//! How path, query and body fill a request: every rule is a row.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)] // a failed expectation is what a test is for

#[path = "binding/body.rs"]
mod body;
#[path = "binding/conflict.rs"]
mod conflict;
#[path = "binding/lenient.rs"]
mod lenient;
#[path = "binding/load.rs"]
mod load;
#[path = "binding/mask.rs"]
mod mask;
#[path = "binding/oracle.rs"]
mod oracle;
#[path = "binding/query.rs"]
mod query;
#[path = "binding/set.rs"]
mod set;
#[path = "binding/support.rs"]
mod support;
