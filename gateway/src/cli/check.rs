//! `gateway check`

use std::io::IsTerminal;
use std::process::ExitCode;

use super::{CheckArgs, OutputFormat, environment, show};
use crate::config;

pub(super) fn run(args: &CheckArgs) -> ExitCode {
    let loaded = config::load(&args.file.config, &environment);
    let written = match args.format {
        OutputFormat::Json => show(&format!("{:#}\n", loaded.diagnostics.to_json())),
        OutputFormat::Text => show(&text(&loaded)),
    };
    if loaded.config.is_some() { written } else { ExitCode::FAILURE }
}

fn text(loaded: &config::Loaded) -> String {
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut text = loaded.diagnostics.render(colour);
    if let Some(config) = &loaded.config {
        let routes = counted(config.routes.len(), "route");
        let upstreams = counted(config.upstreams.len(), "upstream");
        text += &format!("ok: {routes}, {upstreams}\n");
    }
    text
}

fn counted(many: usize, noun: &str) -> String {
    let plural = if many == 1 { "" } else { "s" };
    format!("{many} {noun}{plural}")
}
