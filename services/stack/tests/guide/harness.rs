//! A stack in a folder of its own on free ports, and a small REST client.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_stack");
/// The trace that every request belongs to.
pub(crate) const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// For anything that should take a moment; long, because the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with the sample's `routes.yaml` and descriptors, and three ports that nobody uses.
pub(crate) struct Shop {
    folder: TempDir,
    ports: [u16; 3],
    databases: Vec<(&'static str, String)>,
}

impl Shop {
    pub(crate) fn new() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("descriptors")).unwrap();
        for file in ["routes.yaml", "descriptors/shop.binpb"] {
            std::fs::copy(root.join(file), folder.path().join(file)).unwrap();
        }
        Self { folder, ports: [(); 3].map(|()| free_port()), databases: Vec::new() }
    }

    /// The same over databases of its own.
    pub(crate) fn over(mut self, users: &str, orders: &str) -> Self {
        self.databases =
            vec![("USER_DATABASE_URL", users.to_owned()), ("ORDER_DATABASE_URL", orders.to_owned())];
        self
    }

    pub(crate) fn read_routes(&self) -> String {
        std::fs::read_to_string(self.routes()).unwrap()
    }

    /// Saves routes.yaml as an editor does that writes in place.
    pub(crate) fn write_routes(&self, text: &str) {
        std::fs::write(self.routes(), text).unwrap();
    }

    /// Saves routes.yaml as most editors do: a new file, renamed.
    pub(crate) fn save_routes(&self, text: &str) {
        let new = self.folder.path().join("routes.yaml.new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, self.routes()).unwrap();
    }

    fn routes(&self) -> PathBuf {
        self.folder.path().join("routes.yaml")
    }

    /// The stack in this folder on these ports.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command.current_dir(self.folder.path()).stdin(Stdio::null()).envs(self.databases.iter().cloned());
        for (name, port) in ["USER_PORT", "ORDER_PORT", "GATEWAY_PORT"].into_iter().zip(self.ports) {
            command.env(name, port.to_string());
        }
        command
    }
}

/// A port that is free and stays so: below those that the system gives to outgoing connections, and never the same one
/// twice.
pub(crate) fn free_port() -> u16 {
    static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let given = given.get_or_insert_default();
    loop {
        let port = 10_000 + u16::try_from(RandomState::new().hash_one(0) % 20_000).unwrap();
        if TcpListener::bind(("0.0.0.0", port)).is_ok() && given.insert(port) {
            return port;
        }
    }
}

/// Asks again and again until there is an answer.
pub(crate) fn within<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The answer to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Value,
}

/// A process that does not outlive its owner.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    pub(crate) fn signal(&self, name: &str) {
        signal(self.0.id(), name);
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        within("a process to end", || self.0.try_wait().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            self.signal("TERM");
            self.wait();
        }
    }
}

fn signal(process: u32, name: &str) {
    assert!(
        Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status().unwrap().success()
    );
}

/// A stack whose parts are all ready.
pub(crate) struct Stack {
    process: Process,
    lines: Arc<Mutex<Vec<String>>>,
    ports: [u16; 3],
}

impl Stack {
    pub(crate) fn start(shop: &Shop) -> Self {
        let mut process = shop.command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        gather(process.stdout.take().unwrap(), &lines);
        gather(process.stderr.take().unwrap(), &lines);
        let mut stack = Self { process: Process(process), lines, ports: shop.ports };
        within("the stack to be ready", || {
            let ended = stack.process.0.try_wait().unwrap();
            assert!(ended.is_none(), "the stack ended: {:#?}", stack.lines());
            stack.lines().iter().any(|line| line.ends_with("Ctrl-C stops")).then_some(())
        });
        stack
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    fn last_lines(&self) -> Vec<String> {
        let lines = self.lines();
        lines.iter().rev().take(20).rev().cloned().collect()
    }

    /// Waits until the stack says this.
    pub(crate) fn says(&self, text: &str) -> String {
        within(text, || self.lines().into_iter().find(|line| line.contains(text)))
    }

    pub(crate) fn ports(&self) -> [u16; 3] {
        self.ports
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None)
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        self.send("POST", path, Some(body))
    }

    pub(crate) fn send(&self, method: &str, path: &str, body: Option<&str>) -> Answer {
        let answer = request(self.ports[2], method, path, body);
        answer.unwrap_or_else(|error| panic!("{error}; the stack said: {:#?}", self.last_lines()))
    }

    /// Sends a signal to a part.
    pub(crate) fn signal(&self, part: &str, name: &str) {
        let line = self.says(&format!("{part} starts on port"));
        let process = line.rsplit_once("(process ").unwrap().1.trim_end_matches(')').parse().unwrap();
        signal(process, name);
    }

    /// Starts a part by the line that the stack printed for that.
    pub(crate) fn start_again(&self, part: &str) -> Process {
        let line = self.says(&format!("cargo up {part}"));
        let line = line.trim().replace("cargo up", &format!("exec '{PROGRAM}'"));
        Process(
            Command::new("sh")
                .args(["-c", &line])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
                .unwrap(),
        )
    }

    /// Sends the stack what Ctrl-C sends.
    pub(crate) fn interrupt(&self) {
        self.process.signal("INT");
    }

    /// Waits until the stack ends.
    pub(crate) fn wait(mut self) -> ExitStatus {
        self.process.wait()
    }

    /// Stops the stack.
    pub(crate) fn stop(self) -> ExitStatus {
        self.interrupt();
        self.wait()
    }

    /// Stops the stack, and tells all that it said.
    pub(crate) fn stop_and_read(mut self) -> Vec<String> {
        self.interrupt();
        self.process.wait();
        self.says("user-service stopped");
        self.lines()
    }

    /// Ends the stack itself the hard way.
    pub(crate) fn kill_itself(mut self) {
        self.process.signal("KILL");
        self.process.wait();
    }
}

/// Sends one request on a connection of its own to this port.
pub(crate) fn request(port: u16, method: &str, path: &str, body: Option<&str>) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let content = body.map_or_else(String::new, |body| {
        format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len())
    });
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         traceparent: {TRACEPARENT}\r\n{content}\r\n"
    );
    stream.write_all([head.as_str(), body.unwrap_or_default()].concat().as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.unwrap_or_else(|| panic!("{method} {path}: {answer:?}"));
    let body = serde_json::from_str(body).unwrap_or(Value::Null);
    Ok(Answer { status, head: head.to_owned(), body })
}

pub(crate) fn gather(output: impl Read + Send + 'static, lines: &Arc<Mutex<Vec<String>>>) {
    let lines = Arc::clone(lines);
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            lines.lock().unwrap().push(line);
        }
    });
}
