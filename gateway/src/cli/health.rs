//! `gateway health`

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use super::HealthArgs;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn run(args: &HealthArgs) -> ExitCode {
    match ask(&args.url) {
        Ok(answer) if answer.starts_with("HTTP/1.1 200") => ExitCode::SUCCESS,
        Ok(answer) => {
            println!("{}", answer.rsplit("\r\n\r\n").next().unwrap_or_default());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{}: {error}", args.url);
            ExitCode::FAILURE
        }
    }
}

fn ask(url: &str) -> io::Result<String> {
    let bad_url = || io::Error::new(io::ErrorKind::InvalidInput, "expected http://host:port/path");
    let rest = url.strip_prefix("http://").ok_or_else(bad_url)?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let address = authority.to_socket_addrs()?.next().ok_or_else(bad_url)?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET /{path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(64 * 1024).read_to_string(&mut answer)?;
    Ok(answer)
}
