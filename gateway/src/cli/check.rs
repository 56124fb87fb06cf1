//! `gateway check`

use std::io::IsTerminal;
use std::process::ExitCode;

use super::{CheckArgs, OutputFormat, environment};
use crate::config;

pub(super) fn run(args: &CheckArgs) -> ExitCode {
    let loaded = config::load(&args.file.config, &environment);
    match args.format {
        OutputFormat::Json => println!("{:#}", loaded.diagnostics.to_json()),
        OutputFormat::Text => print_text(&loaded),
    }
    if loaded.config.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print_text(loaded: &config::Loaded) {
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    print!("{}", loaded.diagnostics.render(colour));
    if let Some(config) = &loaded.config {
        println!("ok: {} routes, {} upstreams", config.routes.len(), config.upstreams.len());
    }
}
