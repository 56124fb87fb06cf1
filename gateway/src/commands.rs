//! What commands work out before anything is printed.

pub mod init;
