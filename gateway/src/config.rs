//! From `routes.yaml` to the model: text → raw (positions kept) → [`GatewayConfig`] (references resolved, numbers
//! proven), gathering every finding on the way.
//!
//! [`load`] reads everything that the file names (includes, descriptors, certificates), asks the upstreams that are descriptor
//! sources, builds what `serve` would run and opens no port: `check` is the same call.

pub mod diagnostic;
mod files;
mod glob;
mod lower;
mod model;
mod raw;
mod schema;
mod suggest;
mod watched;

use std::path::Path;
use std::sync::Arc;

use diagnostic::{Diagnostic, Diagnostics, Place, Sources};

pub use model::{
    AdminSpec, BreakingChanges, CertificateExpiry, DocsSpec, GatewayConfig, HealthTarget, LogFormat,
    LogLevel, LogSpec, ShownBy,
};
pub use schema::SCHEMA;
pub use watched::Watched;

/// What came of a load.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration; nothing when any finding is an error.
    pub config: Option<Arc<GatewayConfig>>,
    /// Every finding.
    pub diagnostics: Diagnostics,
    /// Whatever can change the outcome by its change, missing files included.
    pub watch: Vec<Watched>,
}

/// What runs while a configuration is loaded again.
#[derive(Debug, Clone, Copy)]
pub struct Before<'b> {
    /// The running configuration: what servers told it by reflection serves on where they can't be asked.
    pub config: &'b GatewayConfig,
    /// Why it is loaded again.
    pub why: Why,
}

/// Why a configuration is loaded again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// A file has changed: it is waited for, so servers have little time to describe themselves. Changes of theirs that
    /// break clients are held back.
    Saved,
    /// A server has described itself differently. The same, but the server has its time.
    Told,
    /// An operator has ordered it: whatever servers say is taken.
    Ordered,
}

/// Loads the configuration that begins with this file. `env` reads the environment.
pub fn load(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Loaded {
    load_after(path, env, None)
}

/// As [`load`], for a gateway that is about to run: a server that cannot be reached costs its own services, and the gateway
/// asks it again. `check` has an error there, for it cannot prove the routes.
pub fn load_to_serve(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Loaded {
    load_with(path, env, None, true)
}

/// How the log is to look: to be known before anything else is, and before anybody could log what is wrong. Finds nothing
/// where the file is broken.
pub fn log_format(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Option<LogFormat> {
    let files = files::read(path, env, &mut Context::default());
    files.iter().find_map(|file| file.raw.log.format.as_ref()).map(|at| at.value)
}

/// Where a process on the same machine finds the health response of a gateway that runs by these files. Reads no
/// descriptors and contacts no server. `None` if the files cannot be read, or name no address that responds.
pub fn health_target(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Option<HealthTarget> {
    let mut context = Context::default();
    let files = files::read(path, env, &mut context);
    if files.is_empty() { None } else { lower::health_target(&files, &mut context) }
}

/// The same as [`load`], while a gateway runs.
pub fn load_after(path: &Path, env: &dyn Fn(&str) -> Option<String>, before: Option<&Before<'_>>) -> Loaded {
    load_with(path, env, before, before.is_some())
}

fn load_with(
    path: &Path,
    env: &dyn Fn(&str) -> Option<String>,
    before: Option<&Before<'_>>,
    serves: bool,
) -> Loaded {
    let mut context = Context { serves, ..Context::default() };
    let files = files::read(path, env, &mut context);
    let config = lower::lower(&files, before, &mut context);
    let diagnostics = Diagnostics::new(context.sources, context.found);
    let config = config.filter(|_| !diagnostics.has_errors()).map(Arc::new);
    let mut watch = context.watch;
    watch.sort();
    watch.dedup();
    Loaded { config, diagnostics, watch }
}

/// The most comparisons of names that a load makes to say what was meant: hundredths of a second.
const MAX_COMPARISONS: usize = 250_000;

/// What a load gathers besides the configuration.
#[derive(Debug, Default)]
struct Context {
    /// Whether a gateway is to run with what comes of it, and not only to be told what is wrong.
    serves: bool,
    sources: Sources,
    found: Vec<Diagnostic>,
    watch: Vec<Watched>,
    /// The certificates that the gateway shows.
    expiries: Vec<CertificateExpiry>,
}

impl Context {
    fn push(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// Whether a name may be compared with all of this number of known names. A file of many mistakes and many names
    /// would take the product of both, so only its first findings get that help.
    const fn may_compare(&self, names: usize) -> bool {
        self.found.len().saturating_mul(names) < MAX_COMPARISONS
    }

    /// The line of a place, as origins have it.
    fn line(&self, place: Place) -> u32 {
        self.sources.position(place).map_or(0, |at| at.line)
    }
}
