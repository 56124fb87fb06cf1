//! The log: set up once, its level changeable while the gateway runs.

use std::io::IsTerminal;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

/// How log lines and access records look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// One readable line.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Changes the level of the log.
#[derive(Debug, Clone)]
pub struct Level(Option<reload::Handle<EnvFilter, Registry>>);

/// A level that the log does not have.
#[derive(Debug, thiserror::Error)]
#[error("unknown log level `{0}`: use error, warn, info, debug or trace")]
pub struct UnknownLevel(String);

impl Level {
    /// A log whose level is somebody else's affair: what a test has.
    pub const fn fixed() -> Self {
        Self(None)
    }

    /// Logs from this level on: `error`, `warn`, `info`, `debug`, `trace`, or a `tracing` filter with targets.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn set(&self, level: &str) -> Result<(), UnknownLevel> {
        let filter = filter(level)?;
        let Some(handle) = &self.0 else { return Ok(()) };
        handle.reload(filter).map_err(|_| UnknownLevel(level.to_owned()))
    }
}

fn filter(level: &str) -> Result<EnvFilter, UnknownLevel> {
    let known = ["off", "error", "warn", "info", "debug", "trace"];
    if !known.contains(&level) && !level.contains('=') {
        return Err(UnknownLevel(level.to_owned()));
    }
    EnvFilter::try_new(level).map_err(|_| UnknownLevel(level.to_owned()))
}

/// Sends the log to standard error, from level `info` on until [`Level::set`] says otherwise.
pub fn init(format: Format) -> Level {
    let (filter, handle) = reload::Layer::new(EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let ready = match format {
        Format::Text => {
            let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(colour).with_target(false);
            registry.with(lines.compact()).try_init()
        }
        Format::Json => {
            registry.with(fmt::layer().with_writer(std::io::stderr).json().flatten_event(true)).try_init()
        }
    };
    Level(ready.is_ok().then_some(handle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_one_of_the_known_words_or_a_filter() {
        for good in ["error", "info", "trace", "gateway=debug", "info,h2=warn"] {
            assert!(filter(good).is_ok(), "{good}");
        }
        for bad in ["loud", "", "INFOO"] {
            assert!(filter(bad).is_err(), "{bad}");
        }
    }
}
