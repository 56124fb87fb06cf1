//! The `gateway` command: arguments and exit codes. The only code that prints.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line prints")]

mod check;
mod descriptors;
mod explain;
mod health;
mod routes;
mod serve;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// A declarative gateway between REST clients and gRPC services.
#[derive(Debug, Parser)]
#[command(
    name = "gateway",
    version,
    about,
    after_help = "Examples:\n  gateway                       runs ./routes.yaml\n  gateway check                 says what is wrong \
                  with ./routes.yaml\n  gateway serve -c shop.yaml    runs another file"
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the gateway (also the default with no command).
    Serve(ServeArgs),
    /// Loads everything as `serve` would, and prints every finding.
    Check(CheckArgs),
    /// Prints the table of routes: HTTP method, path, gRPC method, upstream, policies.
    Routes(CheckArgs),
    /// Says which route takes a request, and why the near misses do not. Sends nothing.
    Explain(ExplainArgs),
    /// Compiles .proto files and folders to a descriptor set, imports and source info included. No protoc.
    Descriptors(DescriptorsArgs),
    /// Asks a running gateway whether it is healthy; exit 1 if not. For containers.
    Health(HealthArgs),
}

#[derive(Debug, Args)]
struct FileArgs {
    /// The file that says everything.
    #[arg(short, long, value_name = "FILE", default_value = "routes.yaml", env = "GATEWAY_CONFIG")]
    config: PathBuf,
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
struct CheckArgs {
    #[command(flatten)]
    file: FileArgs,
    /// How findings are printed.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    format: OutputFormat,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  gateway explain GET /users/7\n  gateway explain POST /orders -d \
                        '{\"userId\":1,\"items\":[]}'\n  gateway explain GET '/users?page_size=x' -H 'x-tenant: a'")]
struct ExplainArgs {
    #[command(flatten)]
    file: FileArgs,
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
#[command(
    after_help = "Examples:\n  gateway descriptors proto/ -o descriptors/shop.binpb\n  gateway descriptors \
                        proto/shop/user/v1/user.proto -o user.binpb"
)]
struct DescriptorsArgs {
    /// .proto files, and folders that imports count from.
    #[arg(required = true, value_name = "PROTO")]
    protos: Vec<PathBuf>,
    /// Where the descriptor set is written.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Debug, Args)]
struct HealthArgs {
    /// The health path of a listener or of the admin address.
    #[arg(default_value = "http://127.0.0.1:3000/health", value_name = "URL")]
    url: String,
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
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // `--help` and `--version` come this way too, and go to standard output with exit code 0.
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            return if error.print().is_ok() { ExitCode::from(code) } else { ExitCode::FAILURE };
        }
    };
    match cli.command {
        None => serve::run(&cli.serve, stop),
        Some(Command::Serve(args)) => serve::run(&args, stop),
        Some(Command::Check(args)) => check::run(&args),
        Some(Command::Routes(args)) => routes::run(&args),
        Some(Command::Explain(args)) => explain::run(&args),
        Some(Command::Descriptors(args)) => descriptors::run(&args),
        Some(Command::Health(args)) => health::run(&args),
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
