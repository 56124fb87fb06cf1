//! `gateway diff`

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use super::{DiffArgs, OutputFormat, environment, show};
use crate::config::{self, GatewayConfig};
use crate::diff::Report;

/// One of the two does not load.
const UNLOADABLE: u8 = 2;

pub(super) fn run(args: &DiffArgs) -> ExitCode {
    // Both, so that all that is wrong is told.
    let loaded = (load(&args.old), load(&args.new));
    let (Some(old), Some(new)) = loaded else {
        return ExitCode::from(UNLOADABLE);
    };
    let report = Report::between(&old, &new);
    let shown = match args.format {
        OutputFormat::Json => show(&format!("{:#}\n", report.to_json())),
        OutputFormat::Text => show(&report.to_text()),
    };
    if report.breaking() == 0 { shown } else { ExitCode::FAILURE }
}

fn load(path: &Path) -> Option<Arc<GatewayConfig>> {
    let file: PathBuf = if path.is_dir() { path.join("routes.yaml") } else { path.to_owned() };
    let loaded = config::load(&file, &environment);
    if loaded.config.is_none() {
        eprint!("{}", loaded.diagnostics.render(false));
    }
    loaded.config
}
