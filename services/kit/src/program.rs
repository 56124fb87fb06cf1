//! A service as a program: settings from the environment, a log, signals, an exit code; and the health check that
//! containers run.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::server::{Running, StartError};
use crate::settings::{Defaults, Environment, Settings};

/// How long the health check waits for an answer.
const CHECK_PATIENCE: Duration = Duration::from_secs(2);

/// Runs the service `name` until a signal: `start` brings it up. `arguments` are those after the program's name. With `healthcheck` as the argument, asks the service
/// that runs with the same settings for its health instead, and exits with 0 only if it serves.
pub fn run<F, S>(
    name: &str,
    arguments: impl IntoIterator<Item = String>,
    defaults: Defaults,
    start: F,
) -> ExitCode
where
    F: FnOnce(Settings, Environment) -> S,
    S: Future<Output = Result<Running, StartError>>,
{
    let environment = Environment::of_process();
    let settings = match Settings::read(&environment, defaults) {
        Ok(settings) => settings,
        Err(error) => return fail(name, &error.to_string()),
    };
    let arguments: Vec<String> = arguments.into_iter().collect();
    let check = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["healthcheck"] => true,
        _ => {
            return fail(name, "takes its settings from the environment; its only argument is `healthcheck`");
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(name, &format!("cannot start: {error}")),
    };
    let outcome = if check {
        runtime.block_on(check_health(&settings))
    } else {
        crate::log::install(&settings.log);
        runtime.block_on(async {
            // Before anything else: a signal that comes early is a wish to stop, too.
            let mut signals =
                Signals::listen().map_err(|error| format!("signals cannot be heard: {error}"))?;
            tokio::select! {
                started = start(settings, environment) => {
                    until_signal(started.map_err(|error| error.to_string())?, &mut signals).await
                }
                () = signals.next() => Ok(()),
            }
        })
    };
    // What a call left behind on the blocking pool must not hold up the exit.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => fail(name, &problem),
    }
}

/// Serves until a signal, then stops gracefully; a second signal stops at once.
async fn until_signal(mut running: Running, signals: &mut Signals) -> Result<(), String> {
    tokio::select! {
        () = signals.next() => {}
        problem = running.failed() => return Err(problem),
    }
    tracing::info!("stopping: running calls may finish");
    tokio::select! {
        finished = running.stop() => {
            if finished {
                tracing::info!("stopped");
            } else {
                tracing::warn!("stopped: some calls took too long and were cut off");
            }
        }
        () = signals.next() => tracing::warn!("stopped at once by a second signal"),
    }
    Ok(())
}

/// What asks a program to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Asks the service at `LISTEN` on this machine for its health. With TLS, whose clients may need certificates of
/// their own, only whether it accepts connections.
async fn check_health(settings: &Settings) -> Result<(), String> {
    let address = reachable(&settings.listen);
    let check = async {
        if settings.tls.is_some() {
            let connected = tokio::net::TcpStream::connect(&address).await;
            return connected.map(drop).map_err(|error| format!("{address}: {error}"));
        }
        let channel = tonic::transport::Endpoint::from_shared(format!("http://{address}"))
            .map_err(|error| format!("{address}: {error}"))?
            .connect()
            .await
            .map_err(|error| format!("{address} is not reachable: {error}"))?;
        let answer = HealthClient::new(channel)
            .check(HealthCheckRequest { service: String::new() })
            .await
            .map_err(|status| format!("{address}: {}", status.message()))?;
        match answer.into_inner().status() {
            ServingStatus::Serving => Ok(()),
            other => Err(format!("{address}: {}", other.as_str_name())),
        }
    };
    tokio::time::timeout(CHECK_PATIENCE, check)
        .await
        .unwrap_or_else(|_| Err(format!("{address}: no answer within {CHECK_PATIENCE:?}")))
}

/// An address that listens on all interfaces is reached on this machine's own.
fn reachable(listen: &str) -> String {
    match listen.rsplit_once(':') {
        Some(("0.0.0.0", port)) => format!("127.0.0.1:{port}"),
        Some(("[::]", port)) => format!("[::1]:{port}"),
        _ => listen.to_owned(),
    }
}

fn fail(name: &str, problem: &str) -> ExitCode {
    // Nobody is left to tell when standard error is closed.
    drop(writeln!(std::io::stderr(), "{name}: {problem}"));
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::reachable;

    #[test]
    fn the_health_check_asks_this_machine() {
        for (listen, asked) in [
            ("0.0.0.0:50051", "127.0.0.1:50051"),
            ("[::]:50051", "[::1]:50051"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("localhost:1", "localhost:1"),
        ] {
            assert_eq!(reachable(listen), asked);
        }
    }
}
