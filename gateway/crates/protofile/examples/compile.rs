//! Compiles .proto files for the comparison with protoc: `compile [-I FOLDER]... -o SET NAME...`.
#![allow(clippy::print_stderr, clippy::unwrap_used, reason = "a tool for tests")]

use std::path::PathBuf;
use std::process::ExitCode;

use protofile::{Content, compile};

fn main() -> ExitCode {
    let (mut roots, mut names, mut output) = (Vec::new(), Vec::new(), PathBuf::new());
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-I" => roots.push(PathBuf::from(args.next().unwrap())),
            "-o" => output = PathBuf::from(args.next().unwrap()),
            _ => names.push(arg),
        }
    }
    let compiled = compile(&names, &mut |name| {
        let path = roots.iter().map(|root| root.join(name)).find(|path| path.is_file())?;
        Some(Content::Text(std::fs::read(path).unwrap()))
    });
    for (mistakes, what) in [(&compiled.errors, "error"), (&compiled.warnings, "warning")] {
        for mistake in mistakes {
            eprintln!("{what}: {}: {:?}: {}", mistake.file, mistake.at, mistake.message);
        }
    }
    if !compiled.errors.is_empty() {
        return ExitCode::FAILURE;
    }
    std::fs::write(output, compiled.set()).unwrap();
    ExitCode::SUCCESS
}
