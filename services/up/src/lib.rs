//! What is checked before the sample is built: a port in use should be reported in a second, not after minutes of compiling.
#![forbid(unsafe_code)]

pub mod ports;
