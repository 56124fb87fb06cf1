//! From `routes.yaml` to the model: text → raw (positions kept) → [`GatewayConfig`] (references resolved, numbers
//! proven), gathering every finding on the way.
//!
//! [`load`] reads everything that the file names (includes, descriptors, certificates), builds what `serve` would run and
//! opens nothing: `check` is the same call.

pub mod diagnostic;
mod files;
mod glob;
mod lower;
mod model;
mod raw;
mod schema;
mod suggest;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use diagnostic::{Diagnostic, Diagnostics, Place, Sources};

pub use model::{AdminSpec, GatewayConfig, LogFormat, LogLevel, LogSpec};
pub use schema::SCHEMA;

/// What came of a load.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration; nothing when any finding is an error.
    pub config: Option<Arc<GatewayConfig>>,
    /// Every finding.
    pub diagnostics: Diagnostics,
    /// The files and folders whose change can change the outcome, missing ones included.
    pub watch: Vec<PathBuf>,
}

/// Loads the configuration that begins with this file. `env` reads the environment.
pub fn load(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Loaded {
    let mut context = Context::default();
    let files = files::read(path, env, &mut context);
    let config = lower::lower(&files, &mut context);
    let diagnostics = Diagnostics::new(context.sources, context.found);
    let config = config.filter(|_| !diagnostics.has_errors()).map(Arc::new);
    let mut watch = context.watch;
    watch.sort();
    watch.dedup();
    Loaded { config, diagnostics, watch }
}

/// What a load gathers besides the configuration.
#[derive(Debug, Default)]
struct Context {
    sources: Sources,
    found: Vec<Diagnostic>,
    watch: Vec<PathBuf>,
}

impl Context {
    fn push(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// The line of a place, as origins have it.
    fn line(&self, place: Place) -> u32 {
        self.sources.position(place).map_or(0, |at| at.line)
    }
}
