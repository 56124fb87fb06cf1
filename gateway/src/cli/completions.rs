//! `gateway completions`

use std::process::ExitCode;

use clap::CommandFactory;

use super::{Cli, CompletionsArgs, show};

pub(super) fn run(args: &CompletionsArgs) -> ExitCode {
    // Into memory first: it panics when what it writes to is closed.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "gateway", &mut script);
    show(&String::from_utf8_lossy(&script))
}
