//! `gateway serve`

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{ServeArgs, environment};
use crate::app::{App, Options, Signal, Signals, StartError};
use crate::reload::{Source, Trigger};
use crate::telemetry::access::AccessLog;
use crate::telemetry::logging::{self, AUDIT};

pub(super) fn run(args: &ServeArgs, stop: impl Future<Output = ()> + Send) -> ExitCode {
    match serve(args, stop) {
        Ok(End::Orderly) => ExitCode::SUCCESS,
        Ok(End::CutOff) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{}", error.to_string().trim_end());
            ExitCode::FAILURE
        }
    }
}

/// How it came to its end.
#[derive(Debug, Clone, Copy)]
enum End {
    /// What ran was finished, or had the time that it has.
    Orderly,
    /// Somebody would not wait for that.
    CutOff,
}

impl End {
    /// How long the last access records may take, and then, at least, the last lines of the log: together no more than a
    /// second, for their readers may have stopped.
    const fn patience(self) -> (Duration, Duration) {
        match self {
            Self::Orderly => (Duration::from_millis(750), Duration::from_millis(200)),
            Self::CutOff => (Duration::from_millis(100), Duration::from_millis(100)),
        }
    }
}

fn serve(args: &ServeArgs, stop: impl Future<Output = ()> + Send) -> Result<End, StartError> {
    let source = Source { path: args.file.config.clone(), environment: Arc::new(environment) };
    let (level, log) = logging::init(format_of(&source))?;
    log_panics();
    raise_descriptors();
    let cpus = || std::thread::available_parallelism().map_or(1, usize::from);
    let workers = args.workers.map_or_else(cpus, usize::from);
    let (access, written) = AccessLog::start(std::io::stdout(), workers)?;

    // The control runtime: signals, reloads, accepts and the admin address. Requests never run on it.
    let control = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let end = control.block_on(async {
        let mut signals = Signals::listen()?;
        let app = App::start(Options { source, workers, level, access, refresh: Options::REFRESH }).await?;
        announce(&app, workers);
        let requests = app.requests();
        let asked = tokio::sync::Notify::new();
        let asked_twice = async {
            until_stopped(&mut signals, &requests).await;
            asked.notify_one();
            until_stopped(&mut signals, &requests).await;
        };
        let stopped = async {
            tokio::select! {
                () = stop => {}
                () = asked.notified() => {}
            }
        };
        let end = tokio::select! {
            () = app.run(stopped) => End::Orderly,
            () = asked_twice => End::CutOff,
        };
        Ok::<End, StartError>(end)
    })?;
    drop(control);
    if let End::CutOff = end {
        tracing::warn!("stopped at once: a second signal came before the drain was over");
    }
    // The last access records are written before the process ends, unless their reader has stopped.
    let (records, lines) = end.patience();
    let until = Instant::now() + records + lines;
    if !written.wait(records) {
        tracing::warn!("the last access records are lost: their reader has stopped");
    }
    log.finish(until.saturating_duration_since(Instant::now()).max(lines));
    Ok(end)
}

/// Sends panics to the log: the standard hook would wait for the reader of standard error.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or_default();
        tracing::error!(at, thread, "panic: {message}");
    }));
}

/// Takes as many file descriptors as the system grants: the usual soft limit of 1,024 is meant for programs that use select(2),
/// and far below `limits.connections`.
fn raise_descriptors() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let maximum = getrlimit(Resource::Nofile).maximum;
        if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
            tracing::debug!(%error, "the limit of file descriptors stays as it is");
        }
    }
}

/// The log's format has to be known before anything is logged; errors of the file are reported when it is loaded.
fn format_of(source: &Source) -> logging::Format {
    let format = crate::config::log_format(&source.path, &*source.environment);
    format.map_or(logging::Format::Text, Into::into)
}

async fn until_stopped(signals: &mut Signals, requests: &crate::reload::Requests) {
    while signals.next().await == Signal::Reload {
        let requests = requests.clone();
        // Another signal must not have to wait for the reload.
        tokio::spawn(async move { requests.reload(Trigger::Signal).await });
    }
}

fn announce(app: &App, workers: usize) {
    for warning in app.warnings().lines() {
        tracing::warn!(target: AUDIT, "{warning}");
    }
    for url in app.urls() {
        tracing::info!(target: AUDIT, workers, "listening on {url}");
    }
    if let Some(address) = app.admin() {
        tracing::info!("admin on http://{address}");
    }
}
