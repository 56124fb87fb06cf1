//! `gateway schema`

use std::process::ExitCode;

use super::show;
use crate::config;

pub(super) fn run() -> ExitCode {
    show(config::SCHEMA)
}
