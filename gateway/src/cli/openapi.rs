//! `gateway openapi`

use std::process::ExitCode;

use super::{OpenapiArgs, load, show};
use crate::openapi;

pub(super) fn run(args: OpenapiArgs) -> ExitCode {
    let config = match load(&args.file) {
        Ok(config) => config,
        Err(code) => return code,
    };
    let options = openapi::Options {
        title: args.title.unwrap_or_else(|| config.docs.title.clone()),
        version: args.api_version.unwrap_or_else(|| config.docs.version.clone()),
        servers: args.server,
        host: args.host,
    };
    let text = format!("{:#}\n", openapi::document(&config, &options));
    let Some(path) = args.output else { return show(&text) };
    match std::fs::write(&path, &text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}
