//! What commands work out before anything is printed.

pub mod diff;
pub mod init;
