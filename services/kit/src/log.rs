//! The log: to standard output, one line an event, as text or JSON.

use std::io::IsTerminal;

use tracing::Level;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For machines: one object a line.
    Json,
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// The least important level that is still logged.
    pub level: Level,
    /// How a line looks.
    pub format: Format,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { level: Level::INFO, format: Format::Text }
    }
}

/// Installs the log for the whole process; a second call changes nothing.
pub fn install(settings: &LogSettings) {
    let registry = tracing_subscriber::registry();
    let installed = match settings.format {
        Format::Json => registry
            .with(
                tracing_subscriber::fmt::layer()
                    .json()
                    .flatten_event(true)
                    .with_target(false)
                    .with_current_span(false)
                    .with_span_list(false)
                    .with_filter(filter(settings.level)),
            )
            .try_init(),
        Format::Text => registry
            .with(
                tracing_subscriber::fmt::layer()
                    .with_target(false)
                    .with_ansi(std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none())
                    .with_filter(filter(settings.level)),
            )
            .try_init(),
    };
    if installed.is_err() {
        tracing::debug!("the log was installed before");
    }
}

/// The libraries speak only of trouble, unless everything is wanted.
fn filter(level: Level) -> Targets {
    let libraries = if level == Level::TRACE { Level::DEBUG } else { level.min(Level::WARN) };
    Targets::new()
        .with_default(libraries)
        .with_target("kit", level)
        .with_target("user_service", level)
        .with_target("order_service", level)
}
