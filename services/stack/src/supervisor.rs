//! The life of the stack: start, wait until all are ready, say so, watch, stop in order.

use std::future::poll_fn;
use std::pin::pin;
use std::process::{ExitCode, ExitStatus};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::child::Running;
use crate::logs::Console;
use crate::part::{Name, Part};
use crate::ready;
use crate::settings::Settings;

/// How long the parts may take to become ready.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// How long one part may take to stop: its own drain time and a little.
const STOP_PATIENCE: Duration = Duration::from_secs(15);

/// A part with the process that it is now, if it runs.
struct Member {
    part: Part,
    process: Option<Running>,
}

/// Runs the whole stack until a signal, or until nothing of it is left.
pub(crate) async fn run(settings: &Settings, console: &Console) -> ExitCode {
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return console.fail(&format!("signals cannot be heard: {error}")),
    };
    let begun = Instant::now();
    let mut members = Vec::new();
    for name in Name::ALL {
        let part = Part::new(name, settings);
        match Running::start(&part, *console) {
            Ok(process) => {
                let id = process.id().unwrap_or_default();
                console.say(&format!("{} starts on port {} (process {id})", name.text(), part.port));
                members.push(Member { part, process: Some(process) });
            }
            Err(error) => {
                console.complain(&format!("{} does not start: {error}", name.text()));
                stop(&mut members, &mut signals, *console).await;
                return ExitCode::FAILURE;
            }
        }
    }
    let outcome = tokio::select! {
        ready = all_ready(&mut members) => ready,
        () = tokio::time::sleep(START_PATIENCE) => Err(format!("not all parts were ready within {START_PATIENCE:?}")),
        () = signals.next() => Err("stopped before all parts were ready".to_owned()),
    };
    if let Err(problem) = outcome {
        stop(&mut members, &mut signals, *console).await;
        return console.fail(&problem);
    }
    console.say(&format!("all parts are ready after {:.1} s; try:", begun.elapsed().as_secs_f64()));
    for line in examples(settings.gateway_port) {
        console.plain(&line);
    }
    console.say(&format!("edit {} while this runs; Ctrl-C stops", settings.routes.display()));
    watch(&mut members, &mut signals, *console).await
}

/// Waits until all are ready; one that ends before is an error.
async fn all_ready(members: &mut [Member]) -> Result<(), String> {
    let checks: Vec<_> = members.iter().map(|member| member.part.check.clone()).collect();
    let mut ready = pin!(async {
        for check in &checks {
            ready::wait(check).await;
        }
    });
    tokio::select! {
        () = &mut ready => Ok(()),
        (name, status) = any_ended(members) => Err(format!("{} ended while it started: {status}", name.text())),
    }
}

/// Reports every part that ends, and starts nothing again; until a signal.
async fn watch(members: &mut Vec<Member>, signals: &mut Signals, console: Console) -> ExitCode {
    while members.iter().any(|member| member.process.is_some()) {
        tokio::select! {
            () = signals.next() => {
                console.say("stopping; once more stops at once");
                return match stop(members, signals, console).await {
                    true => ExitCode::SUCCESS,
                    false => ExitCode::FAILURE,
                };
            }
            (name, status) = any_ended(members) => {
                let Some(member) = members.iter_mut().find(|member| member.part.name == name) else { continue };
                if let Some(mut process) = member.process.take() {
                    process.last_words().await;
                }
                let name = name.text();
                console.say(&format!("{name} ended: {status}; the others go on. To start it again:"));
                console.plain(&format!("  {}", member.part.command_line()));
            }
        }
    }
    console.fail("all parts have ended")
}

/// The next part that ends by itself.
async fn any_ended(members: &mut [Member]) -> (Name, String) {
    let mut waits: Vec<_> = members
        .iter_mut()
        .filter_map(|member| {
            member.process.as_mut().map(|process| (member.part.name, Box::pin(process.ended())))
        })
        .collect();
    poll_fn(|context| {
        for (name, ended) in &mut waits {
            if let Poll::Ready(status) = ended.as_mut().poll(context) {
                return Poll::Ready((*name, describe(status)));
            }
        }
        Poll::Pending
    })
    .await
}

fn describe(status: std::io::Result<ExitStatus>) -> String {
    status.map_or_else(|error| error.to_string(), |status| status.to_string())
}

/// Stops all in the reverse order of their start; at once on another signal. Answers whether all ended in good order.
async fn stop(members: &mut Vec<Member>, signals: &mut Signals, console: Console) -> bool {
    let mut in_order = true;
    while let Some(mut member) = members.pop() {
        let Some(mut process) = member.process.take() else { continue };
        if process.id().is_none() {
            process.last_words().await;
            continue;
        }
        let name = member.part.name.text();
        let stopped = tokio::select! {
            stopped = process.stop(STOP_PATIENCE) => Some(stopped),
            () = signals.next() => None,
        };
        match stopped {
            Some(true) => console.say(&format!("{name} stopped")),
            Some(false) => console.say(&format!("{name} did not stop in good order")),
            None => {
                console.say("stopping at once");
                process.kill().await;
                for other in members.iter_mut().filter_map(|member| member.process.as_mut()) {
                    other.kill().await;
                }
                return false;
            }
        }
        in_order &= stopped == Some(true);
    }
    in_order
}

/// Three lines to try.
fn examples(port: u16) -> [String; 3] {
    let post = |path: &str, body: &str| {
        format!("  curl -i -X POST localhost:{port}{path} -H 'content-type: application/json' -d '{body}'")
    };
    [
        post("/users", r#"{"name":"John Doe","email":"john@example.com"}"#),
        post("/orders", r#"{"userId":1,"items":[{"productName":"Laptop","quantity":1,"price":999.99}]}"#),
        format!("  curl -i localhost:{port}/users/1/orders"),
    ]
}

/// What asks the stack to stop: Ctrl-C, a terminal that closes, a supervisor.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}
