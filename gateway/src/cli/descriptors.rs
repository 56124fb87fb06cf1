//! `gateway descriptors`

use std::process::ExitCode;

use super::{DescriptorsArgs, show};
use crate::descriptors::{Input, SourceError, SourceErrorKind, compile_set};

pub(super) fn run(args: &DescriptorsArgs) -> ExitCode {
    let input = |path: &std::path::PathBuf| {
        Input::path(path.display().to_string(), path.clone()).with_imports(args.imports.clone())
    };
    let inputs: Vec<Input> = args.protos.iter().map(input).collect();
    let set = match compile_set(&inputs) {
        Ok(set) => set,
        Err(errors) => {
            for error in &errors {
                eprintln!("{}", describe(&inputs, error));
            }
            return ExitCode::FAILURE;
        }
    };
    if let Err(error) = std::fs::write(&args.output, &set) {
        eprintln!("{}: {error}", args.output.display());
        return ExitCode::FAILURE;
    }
    show(&format!("{}: {} bytes\n", args.output.display(), set.len()))
}

/// A broken source, for people.
pub(super) fn describe(inputs: &[Input], error: &SourceError) -> String {
    let named = error.input.and_then(|index| inputs.get(index)).map_or("", |input| input.name.as_str());
    match &error.kind {
        SourceErrorKind::Proto(error) => {
            let line = error.at.as_ref().and_then(|at| error.text.get(..at.start));
            let line = line.map_or(1, |before| before.matches('\n').count() + 1);
            let help = error.help.as_deref().map(|help| format!("\n  help: {help}")).unwrap_or_default();
            format!("{}:{line}: {}{help}", error.path.display(), error.message)
        }
        kind => format!("{named}: {kind}"),
    }
}
