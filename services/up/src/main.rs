//! The program behind `cargo up`: checks the ports, then lets cargo build and start the sample, with its progress on screen.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use up::ports;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let problems = ports::chosen(&arguments, |name| std::env::var_os(name))
        .map(|ports| ports::problems(&ports))
        .unwrap_or_default();
    for problem in &problems {
        complain(problem);
    }
    if !problems.is_empty() {
        return ExitCode::FAILURE;
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // Returns only if cargo cannot be started: otherwise this process becomes cargo.
    let error = Command::new(&cargo).args(["run", "--package", "stack", "--"]).args(&arguments).exec();
    complain(&format!("cannot start {}: {error}", cargo.display()));
    ExitCode::FAILURE
}

/// Writes a line to standard error. A closed standard error is no reason to fail differently.
fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "cargo up: {line}");
}
