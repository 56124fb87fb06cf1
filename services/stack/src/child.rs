//! A part as a process: from inside, where it runs, and from outside, where it is started and stopped.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, getpid, kill_process};
use tokio::process::{Child, ChildStdin, Command};
use tokio::task::JoinSet;

use crate::logs::Console;
use crate::part::{Name, Part};

/// Tells a part that it belongs to a stack, and ends with it.
const OF_STACK: &str = "STACK_PART";

/// How long the last lines of a part that has ended are waited for.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Runs a part in this process. In a stack, it stops when its standard input ends: that is when the stack is gone,
/// however it went.
pub(crate) fn run(name: Name) -> ExitCode {
    if std::env::var_os(OF_STACK).is_some() {
        std::thread::spawn(stop_at_end_of_input);
    }
    match name {
        Name::User => user_service::run_with(std::env::args().skip(2)),
        Name::Order => order_service::run_with(std::env::args().skip(2)),
        Name::Gateway => {
            let arguments = std::env::args_os().skip(2);
            gateway::cli::run(std::iter::once(OsString::from("gateway")).chain(arguments))
        }
    }
}

fn stop_at_end_of_input() {
    let mut input = std::io::stdin().lock();
    let mut byte = [0];
    while input.read(&mut byte).is_ok_and(|read| read > 0) {}
    // The same way out as on a signal from outside. A process can always signal itself.
    kill_process(getpid(), Signal::TERM).ok();
}

/// A part that runs. It ends when this is dropped.
pub(crate) struct Running {
    process: Child,
    pid: Option<Pid>,
    /// Open as long as the stack is there.
    _input: Option<ChildStdin>,
    /// Prints what it says.
    output: JoinSet<()>,
}

impl Running {
    /// Starts a part; what it prints goes to the console.
    pub(crate) fn start(part: &Part, console: Console) -> std::io::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg(part.name.text())
            .args(&part.arguments)
            .envs(part.environment.iter().cloned())
            .env(OF_STACK, "1")
            // The colours are the stack's.
            .env("NO_COLOR", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C in the terminal reaches the stack alone, which stops its parts in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let mut output = JoinSet::new();
        if let Some(stdout) = process.stdout.take() {
            output.spawn(console.follow(part.name, stdout));
        }
        if let Some(stderr) = process.stderr.take() {
            output.spawn(console.follow(part.name, stderr));
        }
        let pid = process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let input = process.stdin.take();
        Ok(Self { process, pid, _input: input, output })
    }

    /// The process id, while it runs.
    pub(crate) fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Waits until it ends by itself.
    pub(crate) async fn ended(&mut self) -> std::io::Result<ExitStatus> {
        self.process.wait().await
    }

    /// Waits until the last words of one that has ended are printed.
    pub(crate) async fn last_words(&mut self) {
        let printed = async { while self.output.join_next().await.is_some() {} };
        // Something else may hold the pipe open; then there is nothing more to wait for.
        tokio::time::timeout(LAST_WORDS, printed).await.ok();
    }

    /// Asks it to stop, and waits; one that takes too long is killed. Answers whether it stopped in good order.
    pub(crate) async fn stop(&mut self, patience: Duration) -> bool {
        // One that has ended has no id any more: its number may belong to somebody else by now.
        let Some(pid) = self.pid.filter(|_| self.process.id().is_some()) else { return true };
        // One that just ended cannot be signalled, and need not be.
        kill_process(pid, Signal::TERM).ok();
        let stopped = match tokio::time::timeout(patience, self.process.wait()).await {
            Ok(status) => status.is_ok_and(in_good_order),
            Err(_) => {
                self.kill().await;
                false
            }
        };
        self.last_words().await;
        stopped
    }

    /// Ends it at once.
    pub(crate) async fn kill(&mut self) {
        // It fails only when there is nothing left to kill.
        drop(self.process.kill().await);
    }
}

/// By itself, or by the signal when it was too young to hear it.
fn in_good_order(status: ExitStatus) -> bool {
    status.success() || status.signal() == Some(Signal::TERM.as_raw())
}
