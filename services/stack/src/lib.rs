//! Starts the whole sample with one command: user-service, order-service and the gateway, each a process of its own.
//!
//! The three are linked into this one program, which calls itself again by their names, so that one `cargo run` builds
//! and starts everything.
#![forbid(unsafe_code)]

mod child;
mod logs;
mod part;
mod preflight;
mod ready;
mod settings;
mod supervisor;

use std::process::ExitCode;

use clap::Parser;

use crate::logs::Console;
use crate::settings::{Arguments, Settings};

/// The program: one of the parts when the first argument names one, else all of them.
#[must_use]
pub fn run() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    if let Some(part) = part::Name::parse(&name) {
        return child::run(part);
    }
    let console = Console::of_process();
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return console.fail(&format!("cannot start: {error}")),
    };
    let settings = match Settings::read(arguments) {
        Ok(settings) => settings,
        Err(problem) => return console.fail(&problem),
    };
    let problems = preflight::problems(&settings);
    if !problems.is_empty() {
        for problem in &problems {
            console.complain(problem);
        }
        return ExitCode::FAILURE;
    }
    runtime.block_on(supervisor::run(&settings, &console))
}
