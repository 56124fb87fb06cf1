//! A throw-away PostgreSQL server for tests, from the binaries that are installed.
//!
//! It listens on a socket in a temporary folder, so that no port is needed, and it ends with the value. Where no
//! PostgreSQL is installed, the test is skipped with a line that says so; in CI (`CI` is set) it fails instead.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "for tests, which fail by panicking"
)]

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The account that the server is given when the tests run as root, which PostgreSQL refuses.
const ACCOUNTS: [&str; 2] = ["postgres", "nobody"];

/// A running server, with no databases but its own.
pub struct Postgres {
    server: Child,
    folder: TempDir,
    tools: Tools,
}

/// Where the binaries are, and as whom they run.
struct Tools {
    folder: PathBuf,
    account: Option<&'static str>,
}

impl Postgres {
    /// Starts a server; `None` where there is none to start and that is no failure.
    ///
    /// # Panics
    /// PostgreSQL is installed and does not start, or it is not installed in CI.
    #[must_use]
    pub fn start() -> Option<Self> {
        let Some(tools) = Tools::find() else {
            let ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
            assert!(!ci, "no PostgreSQL (initdb, postgres) is installed, and in CI it must be");
            say("SKIPPED: no PostgreSQL (initdb, postgres) is installed");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("pg").tempdir().expect("a temporary folder");
        tools.give(folder.path());
        let data = folder.path().join("data");
        let made = tools
            .command("initdb")
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-D"])
            .arg(&data)
            .output()
            .expect("initdb runs");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let server = serve(&tools, folder.path());
        let postgres = Self { server, folder, tools };
        postgres.wait();
        Some(postgres)
    }

    /// Ends the server as a crash would.
    pub fn halt(&mut self) {
        self.end();
    }

    /// Starts it again, with all that it had.
    ///
    /// # Panics
    /// It does not start.
    pub fn resume(&mut self) {
        self.server = serve(&self.tools, self.folder.path());
        self.wait();
    }

    /// Makes a database and tells its URL.
    ///
    /// # Panics
    /// The server does not make it.
    #[must_use]
    pub fn database(&self, name: &str) -> String {
        let made = self
            .tools
            .command("psql")
            .args(["-X", "-q", "-U", "postgres", "-d", "postgres", "-h"])
            .arg(self.folder.path())
            .args(["-c", &format!("CREATE DATABASE {name}")])
            .output()
            .expect("psql runs");
        assert!(made.status.success(), "psql: {}", String::from_utf8_lossy(&made.stderr));
        format!("postgres://postgres@localhost/{name}?host={}", self.folder.path().display())
    }

    fn wait(&self) {
        let begun = Instant::now();
        while !self.ready() {
            if begun.elapsed() > Duration::from_secs(60) {
                let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                panic!("postgres does not become ready: {log}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn ready(&self) -> bool {
        let mut command = self.tools.command("pg_isready");
        command.arg("-q").arg("-h").arg(self.folder.path());
        command.status().is_ok_and(|status| status.success())
    }
}

/// Starts the server over the data in `folder`.
fn serve(tools: &Tools, folder: &Path) -> Child {
    let log = std::fs::File::create(folder.join("log")).expect("a log file");
    tools
        .command("postgres")
        .arg("-D")
        .arg(folder.join("data"))
        .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=100"])
        .arg("-k")
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("postgres runs")
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.end();
    }
}

impl Postgres {
    fn end(&mut self) {
        if !matches!(self.server.try_wait(), Ok(None)) {
            return;
        }
        let mut stop = self.tools.command("pg_ctl");
        stop.args(["stop", "-m", "immediate", "-s", "-D"]).arg(self.folder.path().join("data"));
        if !stop.status().is_ok_and(|status| status.success()) && self.server.kill().is_err() {
            say(&format!("a PostgreSQL server in {} was left behind", self.folder.path().display()));
        }
        drop(self.server.wait());
    }
}

impl Tools {
    fn find() -> Option<Self> {
        let has_all = |folder: &PathBuf| {
            ["initdb", "postgres", "pg_ctl", "psql", "pg_isready"]
                .iter()
                .all(|tool| folder.join(tool).is_file())
        };
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        for versions in ["/usr/lib/postgresql", "/usr/pgsql"] {
            let Ok(entries) = std::fs::read_dir(versions) else { continue };
            let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path().join("bin")).collect();
            found.sort();
            folders.extend(found.into_iter().rev());
        }
        let folder = folders.into_iter().find(has_all)?;
        let account = if id(&["-u"])? == "0" {
            Some(*ACCOUNTS.iter().find(|account| id(&["-u", account]).is_some())?)
        } else {
            None
        };
        Some(Self { folder, account })
    }

    fn command(&self, tool: &str) -> Command {
        let program = self.folder.join(tool);
        let mut command = match self.account {
            None => Command::new(program),
            Some(account) => {
                let mut command = Command::new("setpriv");
                let group = id(&["-g", account]).unwrap_or_default();
                command.arg(format!("--reuid={account}")).arg(format!("--regid={group}"));
                command.arg("--clear-groups").arg(program);
                command
            }
        };
        command.current_dir("/").env("LC_ALL", "C");
        command
    }

    /// Lets the account own the folder.
    fn give(&self, folder: &Path) {
        let Some(account) = self.account else { return };
        let uid = id(&["-u", account]).and_then(|uid| uid.parse().ok());
        std::os::unix::fs::chown(folder, uid, None).expect("root may give a folder away");
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).expect("a mode");
    }
}

/// What `id` says, if it knows.
fn id(arguments: &[&str]) -> Option<String> {
    let output = Command::new("id").args(arguments).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}

/// Says something past the test harness, which would keep it to itself when the test passes.
fn say(line: &str) {
    drop(writeln!(std::io::stderr(), "{line}"));
}
