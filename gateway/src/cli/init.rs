//! `gateway init`

use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use transcode::Schema;
use upstream::{Address, UpstreamSpec};

use super::descriptors::describe;
use super::{InitArgs, InitSource, show};
use crate::commands::init::{self, Origin, Written};
use crate::descriptors::{self, Input, Question, SourceWarningKind, reflect_all};

/// How long a server has to describe itself.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn run(args: &InitArgs) -> ExitCode {
    match written(args).and_then(|written| put(args, &written)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn written(args: &InitArgs) -> Result<Written, String> {
    let (input, origin) = match &args.source {
        InitSource { reflect: Some(address), .. } => (ask(address)?, Origin::Server(address.clone())),
        InitSource { descriptors: Some(path), .. } | InitSource { proto: Some(path), .. } => {
            let seen = seen_from(args.output.as_deref(), path);
            let imports =
                args.imports.iter().map(|folder| seen_from(args.output.as_deref(), folder)).collect();
            let input =
                Input::path(path.display().to_string(), path.clone()).with_imports(args.imports.clone());
            (input, Origin::Path { path: seen, imports })
        }
        // One of them is required.
        InitSource { .. } => return Err("name --descriptors, --proto or --reflect".to_owned()),
    };
    let schema = load(input)?;
    let from = match &args.source {
        InitSource { reflect: Some(address), .. } => format!("what {address} says of itself"),
        InitSource { descriptors, proto, .. } => {
            let path = descriptors.as_ref().or(proto.as_ref());
            path.map(|path| path.display().to_string()).unwrap_or_default()
        }
    };
    init::write(&schema, &origin, &from, &args.upstreams).map_err(|error| format!("{from}: {error}"))
}

fn ask(address: &str) -> Result<Input, String> {
    let parsed = Address::parse(address).map_err(|error| format!("--reflect {address}: {error}"))?;
    let spec = UpstreamSpec::new(vec![parsed]);
    let question = Question { upstream: Arc::from("server"), spec, patience: PATIENCE };
    let answer = reflect_all(&[question]).pop();
    let answer = answer.unwrap_or(Err(descriptors::ReflectError::Empty));
    let reflected = answer.map_err(|error| {
        format!("cannot ask {address} for its descriptors: {error}\n  help: `--proto` and `--descriptors` need no server")
    })?;
    Ok(Input::reflected(format!("reflection of {address}"), reflected))
}

fn load(input: Input) -> Result<Arc<Schema>, String> {
    let inputs = [input];
    let loaded = descriptors::load(&inputs);
    for warning in &loaded.warnings {
        if let SourceWarningKind::Unlinked { error, services } = &warning.kind {
            let services = if services.is_empty() { "a file".to_owned() } else { services.join(", ") };
            eprintln!("warning: {services} left out: {error}");
        }
    }
    let errors = || loaded.errors.iter().map(|error| describe(&inputs, error)).collect::<Vec<_>>().join("\n");
    loaded.schema.ok_or_else(errors)
}

/// A path as a file in another folder has to write it.
fn seen_from(output: Option<&Path>, path: &Path) -> String {
    let folder = output.and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
    let Some(folder) = folder.filter(|_| path.is_relative()) else {
        return path.display().to_string();
    };
    let (Ok(folder), Ok(target)) = (folder.canonicalize(), path.canonicalize()) else {
        return path.display().to_string();
    };
    let folder: Vec<Component<'_>> = folder.components().collect();
    let target: Vec<Component<'_>> = target.components().collect();
    let shared = folder.iter().zip(&target).take_while(|(one, other)| one == other).count();
    let up = folder.iter().skip(shared).map(|_| Component::ParentDir);
    up.chain(target.iter().skip(shared).copied()).collect::<PathBuf>().display().to_string()
}

fn put(args: &InitArgs, Written { text, summary }: &Written) -> Result<ExitCode, String> {
    for line in summary {
        eprintln!("{line}");
    }
    let Some(path) = &args.output else { return Ok(show(text)) };
    let mut options = std::fs::OpenOptions::new();
    options.write(true);
    if args.force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let written =
        options.open(path).and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
    match written {
        Ok(()) => Ok(show(&format!(
            "{}: {} lines; now `gateway check -c {0}`\n",
            path.display(),
            text.lines().count()
        ))),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(format!("{} is there already; --force replaces it", path.display()))
        }
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}
