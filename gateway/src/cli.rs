//! The `gateway` command: arguments and exit codes. The only code that prints.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line prints")]

mod check;
mod completions;
mod descriptors;
mod diff;
mod examples;
mod explain;
mod health;
mod init;
mod openapi;
mod routes;
mod schema;
mod serve;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::commands::init::NamedUpstream;

/// A declarative gateway between REST clients and gRPC services.
///
/// One file, routes.yaml, says which HTTP request calls which gRPC method; saving it puts it live.
#[derive(Debug, Parser)]
#[command(name = "gateway", version, after_help = examples::GATEWAY)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the gateway (also the default with no command).
    #[command(after_help = examples::SERVE)]
    Serve(ServeFileArgs),
    /// Loads everything as `serve` would, and prints every finding; exit code 1 when one is an error.
    #[command(after_help = examples::CHECK)]
    Check(CheckArgs),
    /// Prints the table of routes: HTTP method, path, gRPC method, upstream, policies.
    #[command(after_help = examples::ROUTES)]
    Routes(CheckArgs),
    /// Says which route takes a request, and why the near misses do not. Sends nothing.
    #[command(after_help = examples::EXPLAIN)]
    Explain(ExplainArgs),
    /// Prints an OpenAPI 3.1 document of what is exposed.
    #[command(after_help = examples::OPENAPI)]
    Openapi(OpenapiArgs),
    /// Says what a change of routes.yaml does; exit code 1 when it breaks clients.
    #[command(after_help = examples::DIFF)]
    Diff(DiffArgs),
    /// Writes a first routes.yaml from descriptors, .proto files or a running server.
    #[command(after_help = examples::INIT)]
    Init(InitArgs),
    /// Prints the JSON Schema of routes.yaml, for editors.
    #[command(after_help = examples::SCHEMA)]
    Schema,
    /// Compiles .proto files and folders to a descriptor set, imports and source info included. No protoc.
    #[command(after_help = examples::DESCRIPTORS)]
    Descriptors(DescriptorsArgs),
    /// Asks a running gateway whether it is healthy; exit code 1 if not. For containers.
    #[command(after_help = examples::HEALTH)]
    Health(HealthArgs),
    /// Prints what makes a shell complete this command.
    #[command(after_help = examples::COMPLETIONS)]
    Completions(CompletionsArgs),
}

#[derive(Debug, Args)]
struct FileArgs {
    /// Path to the configuration file.
    #[arg(short, long, value_name = "FILE", default_value = "routes.yaml", env = "GATEWAY_CONFIG")]
    config: PathBuf,
}

impl FileArgs {
    /// Lets a positional argument name the file.
    fn or_positional(&mut self, file: &mut Option<PathBuf>) {
        if let Some(file) = file.take() {
            self.config = file;
        }
    }
}

#[derive(Debug, Args)]
struct ServeArgs {
    #[command(flatten)]
    file: FileArgs,
    /// Threads that serve connections [default: one per CPU]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
}

#[derive(Debug, Args)]
struct ServeFileArgs {
    /// Path to the configuration file, as with --config.
    #[arg(value_name = "FILE")]
    positional: Option<PathBuf>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// Path to the configuration file, as with --config.
    #[arg(value_name = "FILE")]
    positional: Option<PathBuf>,
    #[command(flatten)]
    file: FileArgs,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    format: OutputFormat,
}

#[derive(Debug, Args)]
struct ExplainArgs {
    #[command(flatten)]
    file: FileArgs,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    format: OutputFormat,
    /// The HTTP method.
    method: String,
    /// The path, with its query.
    path: String,
    /// A header of the request; may be given several times.
    #[arg(short = 'H', value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// The body of the request.
    #[arg(short = 'd', value_name = "BODY", default_value = "")]
    body: String,
}

#[derive(Debug, Args)]
struct OpenapiArgs {
    #[command(flatten)]
    file: FileArgs,
    /// Where the document is written [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The name of the API [default: that of `docs`, or "REST API"]
    #[arg(long)]
    title: Option<String>,
    /// The version of the API [default: that of `docs`, or 1]
    #[arg(long, value_name = "VERSION")]
    api_version: Option<String>,
    /// A base URL of the API; may be given several times [default: the document's own host]
    #[arg(long, value_name = "URL")]
    server: Vec<String>,
    /// Only the routes that clients of this host see.
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
}

#[derive(Debug, Args)]
struct DescriptorsArgs {
    /// .proto files, and folders that imports count from.
    #[arg(required = true, value_name = "PROTO")]
    protos: Vec<PathBuf>,
    /// A folder that imports count from, too; its files are compiled only when they are imported. Repeatable.
    #[arg(short = 'I', long = "import", value_name = "DIR")]
    imports: Vec<PathBuf>,
    /// Where the descriptor set is written.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Debug, Args)]
struct DiffArgs {
    /// The file as it is, or a folder with a routes.yaml.
    old: PathBuf,
    /// The file as it will be, or a folder with a routes.yaml.
    new: PathBuf,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    format: OutputFormat,
}

#[derive(Debug, Args)]
struct InitArgs {
    #[command(flatten)]
    source: InitSource,
    /// With --proto: a folder that imports count from, too; its files are compiled only when they are imported. Repeatable.
    #[arg(short = 'I', long = "import", value_name = "DIR", requires = "proto")]
    imports: Vec<PathBuf>,
    /// Where the file is written; standard output without it.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replaces a file that is there already.
    #[arg(long, requires = "output")]
    force: bool,
    /// An upstream and the packages or services that it serves; without packages it serves the rest. Repeatable.
    #[arg(long = "upstream", value_name = "NAME=ADDRESS[,PACKAGE...]")]
    upstreams: Vec<NamedUpstream>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct InitSource {
    /// A descriptor set.
    #[arg(long, value_name = "FILE")]
    descriptors: Option<PathBuf>,
    /// A .proto file, or the folder that imports count from.
    #[arg(long, value_name = "DIR")]
    proto: Option<PathBuf>,
    /// A running server with gRPC server reflection: host:port, https://host, unix:/path.
    #[arg(long, value_name = "HOST:PORT")]
    reflect: Option<String>,
}

#[derive(Debug, Args)]
struct HealthArgs {
    #[command(flatten)]
    file: FileArgs,
    /// URL of a health response, http or https [default: read from the configuration file]
    #[arg(value_name = "URL")]
    url: Option<String>,
}

#[derive(Debug, Args)]
struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

/// For a reader or for a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OutputFormat {
    /// For a reader.
    Text,
    /// For a machine.
    Json,
}

/// Runs the command that the arguments name (the first of them is the program's own name).
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    run_until(args, std::future::pending())
}

/// The same; `serve` also ends, gracefully, when `stop` is done.
pub fn run_until(
    args: impl IntoIterator<Item = OsString>,
    stop: impl Future<Output = ()> + Send,
) -> ExitCode {
    let cli = match parse(args) {
        Ok(cli) => cli,
        Err(error) => {
            // `--help` and `--version` come this way too, and go to standard output with exit code 0.
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            return if error.print().is_ok() { ExitCode::from(code) } else { ExitCode::FAILURE };
        }
    };
    match cli.command {
        None => serve::run(&cli.serve, stop),
        Some(Command::Serve(mut args)) => {
            args.serve.file.or_positional(&mut args.positional);
            serve::run(&args.serve, stop)
        }
        Some(Command::Check(mut args)) => {
            args.file.or_positional(&mut args.positional);
            check::run(&args)
        }
        Some(Command::Routes(mut args)) => {
            args.file.or_positional(&mut args.positional);
            routes::run(&args)
        }
        Some(Command::Explain(args)) => explain::run(&args),
        Some(Command::Openapi(args)) => openapi::run(args),
        Some(Command::Diff(args)) => diff::run(&args),
        Some(Command::Init(args)) => init::run(&args),
        Some(Command::Schema) => schema::run(),
        Some(Command::Completions(args)) => completions::run(&args),
        Some(Command::Descriptors(args)) => descriptors::run(&args),
        Some(Command::Health(args)) => health::run(&args),
    }
}

/// Parses the arguments. A file is named once: by its position or by `--config`; either replaces `$GATEWAY_CONFIG`.
fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let mut command = Cli::command();
    let matches = command.try_get_matches_from_mut(args)?;
    let is_typed = |matches: &clap::ArgMatches, id: &str| {
        matches.try_contains_id(id).unwrap_or(false)
            && matches.value_source(id) == Some(clap::parser::ValueSource::CommandLine)
    };
    if let Some((_, of_command)) = matches.subcommand()
        && is_typed(of_command, "positional")
        && is_typed(of_command, "config")
    {
        let message = "the configuration file is named twice: use either FILE or --config FILE";
        return Err(command.error(clap::error::ErrorKind::ArgumentConflict, message));
    }
    Cli::from_arg_matches(&matches)
}

/// Prints what a command was asked for. That nobody reads on (`gateway routes | head`) is no failure.
fn show(text: &str) -> ExitCode {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            eprintln!("cannot write: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Reads the real environment.
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Loads the configuration for a command that shows it; prints the findings when there is none to show.
fn load(file: &FileArgs) -> Result<std::sync::Arc<crate::config::GatewayConfig>, ExitCode> {
    let loaded = crate::config::load(&file.config, &environment);
    loaded.config.ok_or_else(|| {
        eprint!("{}", loaded.diagnostics.render(false));
        ExitCode::FAILURE
    })
}
