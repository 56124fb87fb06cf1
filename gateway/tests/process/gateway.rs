//! A gateway in a process of its own, and honest clients of it.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Write};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tempfile::TempDir;
use testkit::backend::Backend;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_gateway");

/// A running process.
pub(crate) struct Gateway {
    child: Child,
    folder: TempDir,
    address: SocketAddr,
    admin: SocketAddr,
    /// The lines of its log until it listened.
    said: Vec<String>,
}

/// What its routes.yaml says beside the library.
#[derive(Default)]
pub(crate) struct Settings<'a> {
    /// Of its one listener, after the address: `, tls: {…}`.
    pub(crate) listener: &'a str,
    /// More upstreams, as lines of YAML that begin with two spaces.
    pub(crate) upstreams: &'a str,
    /// More keys of the top level.
    pub(crate) rest: &'a str,
    /// Files for its folder.
    pub(crate) files: &'a [(&'a str, String)],
}

impl Gateway {
    /// Starts one before this library; when this returns, it listens.
    pub(crate) fn start(backend: &Backend, settings: &Settings<'_>) -> Self {
        Self::start_by(Command::new(PROGRAM), backend, settings)
    }

    /// The same, where the system grants no more than so many file descriptors.
    pub(crate) fn start_with_descriptors(backend: &Backend, settings: &Settings<'_>, most: u32) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", "ulimit -n \"$1\"; shift; exec \"$@\"", "sh", &most.to_string(), PROGRAM]);
        Self::start_by(shell, backend, settings)
    }

    fn start_by(command: Command, backend: &Backend, settings: &Settings<'_>) -> Self {
        let (mut child, folder) = launch(command, backend, settings, None, Stdio::piped());
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let (address, admin, said) = read_addresses(&mut log);
        // It goes on being read.
        std::thread::spawn(move || log.lines().map_while(Result::ok).for_each(drop));
        Self { child, folder, address, admin, said }
    }

    /// The lines of its log until it listened.
    pub(crate) fn said(&self) -> &[String] {
        &self.said
    }

    /// Starts one whose log and access records go to this pipe.
    pub(crate) fn writing_to(
        backend: &Backend,
        settings: &Settings<'_>,
        pipe: (PipeReader, PipeWriter),
    ) -> (Self, BufReader<PipeReader>) {
        let (reader, writer) = pipe;
        let (child, folder) = launch(
            Command::new(PROGRAM),
            backend,
            settings,
            Some(writer.try_clone().unwrap().into()),
            writer.into(),
        );
        let mut log = BufReader::new(reader);
        let (address, admin, said) = read_addresses(&mut log);
        (Self { child, folder, address, admin, said }, log)
    }

    /// Starts one whose log and access records go to a pipe that is full, and has no reader any more.
    pub(crate) fn with_stalled_log(
        backend: &Backend,
        settings: &Settings<'_>,
    ) -> (Self, BufReader<PipeReader>) {
        let (reader, writer) = std::io::pipe().unwrap();
        let filler = writer.try_clone().unwrap();
        let (gateway, log) = Self::writing_to(backend, settings, (reader, writer));
        fill(&filler);
        (gateway, log)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The memory that it has now, in bytes.
    pub(crate) fn resident(&self) -> usize {
        self.memory("VmRSS:")
    }

    /// The most that it ever had.
    pub(crate) fn most_resident(&self) -> usize {
        self.memory("VmHWM:")
    }

    fn memory(&self, what: &str) -> usize {
        let status = self.about("status");
        let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
    }

    /// How many files and connections it has open.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// What the system says about it in this file of its own.
    pub(crate) fn about(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap()
    }

    /// Sends a signal, by its name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self, patience: Duration) -> ExitStatus {
        let until = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "the gateway ends within {patience:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Starts a process before this library. It writes access records if there is a place for them.
fn launch(
    mut command: Command,
    backend: &Backend,
    settings: &Settings<'_>,
    records: Option<Stdio>,
    stderr: Stdio,
) -> (Child, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let yaml = format!(
        "listeners: [{{address: 127.0.0.1:0{}}}]\n\
             admin: {{address: 127.0.0.1:0, hosts: [shop.example]}}\n\
             descriptors: [library.binpb]\n\
             upstreams:\n  library: {{address: {}, timeout: 10s}}\n{}\
             services:\n  library.v1.Library: library\n\
             routes:\n  - get: /books/{{name}}\n    grpc: library.v1.Library/GetBook\n\
             \x20 - get: /texts/{{name}}\n    grpc: library.v1.Library/GetBook\n\
             \x20 - post: /books\n    grpc: library.v1.Library/CreateBook\n\
             log: {{access: {}}}\n{}",
        settings.listener,
        backend.address(),
        settings.upstreams,
        records.is_some(),
        settings.rest
    );
    std::fs::write(folder.path().join("routes.yaml"), yaml).unwrap();
    std::fs::write(folder.path().join("library.binpb"), backend.descriptors()).unwrap();
    for (name, content) in settings.files {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let child = command
        .args(["serve", "--workers", "2"])
        .current_dir(folder.path())
        .stdout(records.unwrap_or_else(Stdio::null))
        .stderr(stderr)
        .spawn()
        .unwrap();
    (child, folder)
}

/// `O_NONBLOCK` of Linux.
const NONBLOCK: i32 = 0o4000;

/// Fills a pipe to its last byte.
fn fill(pipe: &PipeWriter) {
    // Opened anew, it does not wait; that of the process goes on doing so.
    let path = format!("/proc/self/fd/{}", pipe.as_raw_fd());
    let mut pipe = OpenOptions::new().write(true).custom_flags(NONBLOCK).open(path).unwrap();
    for piece in [&[b'.'; 4096][..], b"."] {
        while pipe.write(piece).is_ok() {}
    }
}

/// Reads where it listens off its log.
fn read_addresses(log: &mut impl BufRead) -> (SocketAddr, SocketAddr, Vec<String>) {
    let mut lines = log.lines();
    let mut said = Vec::new();
    let mut find = |what: &str| {
        for line in lines.by_ref().map_while(Result::ok) {
            if let Some((_, rest)) = line.split_once(what) {
                let url = rest.split_whitespace().next().unwrap();
                return url.split("//").nth(1).unwrap().parse().unwrap();
            }
            said.push(line);
        }
        panic!("the gateway does not start:\n{}", said.join("\n"));
    };
    let address = find("listening on ");
    let admin = find("admin on ");
    (address, admin, said)
}

/// Clients that do nothing wrong: over a new HTTP/1.1 connection each time, and over one HTTP/2 connection.
pub(crate) struct Honest {
    over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Seen>>,
}

/// Their calls that were answered, of each.
type Answered = watch::Sender<u32>;

/// What such a client went through.
#[derive(Debug, Default)]
struct Seen {
    calls: Answered,
    slowest: Duration,
}

/// Calls after which a client of a gateway is nothing new to it.
const WARM: u32 = 10;
/// What an honest client waits at most for an answer while an attack goes on beside it.
const PATIENCE: Duration = Duration::from_secs(5);

impl Honest {
    /// Starts them. When this returns, both have been answered so often that nothing is new to the gateway.
    pub(crate) async fn start(address: SocketAddr) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (one, two) = (Seen::default(), Seen::default());
        let mut answered = [one.calls.subscribe(), two.calls.subscribe()];
        let one = tokio::spawn(each_anew(address, Arc::clone(&over), one));
        let two = tokio::spawn(all_on_one(address, Arc::clone(&over), two));
        for answered in &mut answered {
            answered.wait_for(|calls| *calls >= WARM).await.expect("an honest client is answered");
        }
        Self { over, clients: vec![one, two] }
    }

    /// Ends them. Each has been answered all the time.
    pub(crate) async fn content(self) {
        self.over.store(true, Relaxed);
        for client in self.clients {
            let seen = client.await.unwrap();
            assert!(*seen.calls.borrow() >= WARM, "honest calls go on: {seen:?}");
        }
    }
}

async fn each_anew(address: SocketAddr, over: Arc<AtomicBool>, mut seen: Seen) -> Seen {
    while !over.load(Relaxed) {
        let call = async {
            let stream = TcpStream::connect(address).await.unwrap();
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            let response = sender.send_request(request("/books/b1")).await.unwrap();
            is_fine(response).await;
        };
        seen.one(call).await;
    }
    seen
}

async fn all_on_one(address: SocketAddr, over: Arc<AtomicBool>, mut seen: Seen) -> Seen {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    while !over.load(Relaxed) {
        let call = async {
            let response = sender.send_request(request("http://shop.example/books/b1")).await.unwrap();
            is_fine(response).await;
        };
        seen.one(call).await;
    }
    seen
}

async fn is_fine(response: http::Response<hyper::body::Incoming>) {
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(status, StatusCode::OK, "{}", body.escape_ascii());
}

impl Seen {
    async fn one(&mut self, call: impl Future<Output = ()>) {
        let started = Instant::now();
        tokio::time::timeout(PATIENCE, call).await.expect("an honest call is answered in time");
        self.calls.send_modify(|calls| *calls += 1);
        self.slowest = self.slowest.max(started.elapsed());
        // Honest clients leave the attackers some of the machine.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A request that any server would take.
pub(crate) fn request(uri: &str) -> Request<Full<Bytes>> {
    Request::get(uri).header("host", "shop.example").body(Full::default()).unwrap()
}

/// A connection that is kept open between requests.
pub(crate) struct Kept(hyper::client::conn::http1::SendRequest<Full<Bytes>>);

impl Kept {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    /// The status and the text of a response; `None` once the connection is closed.
    pub(crate) async fn get(&mut self, path: &str) -> Option<(u16, String)> {
        self.0.ready().await.ok()?;
        let response = self.0.send_request(request(path)).await.ok()?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.ok()?.to_bytes();
        Some((status, String::from_utf8_lossy(&body).into_owned()))
    }
}

/// The status and the text of a response over a new connection.
pub(crate) async fn get_text(address: SocketAddr, path: &str) -> (u16, String) {
    Kept::connect(address).await.get(path).await.unwrap()
}

/// What a process may grow by under attack: buffers that stay allocated, not the 400 MiB that an attacker wants.
const GROWTH: usize = 96 << 20;

/// Attacks a fresh gateway while honest clients use it.
pub(crate) async fn withstand<F: Future<Output = ()>>(
    settings: &Settings<'_>,
    attack: impl FnOnce(SocketAddr) -> F,
) {
    let backend = crate::library().await;
    let gateway = Gateway::start(&backend, settings);
    withstand_with(&gateway, attack(gateway.address())).await;
}

/// Attacks a gateway while honest clients use it.
pub(crate) async fn withstand_with(gateway: &Gateway, attack: impl Future<Output = ()>) {
    let honest = Honest::start(gateway.address()).await;
    let before = gateway.resident();
    let limited = tokio::time::timeout(Duration::from_secs(60), attack).await;
    limited.expect("an attack of this suite ends within a minute");
    honest.content().await;
    let growth = gateway.most_resident().saturating_sub(before);
    assert!(growth < GROWTH, "the process grew by {} MiB under attack", growth >> 20);
}
