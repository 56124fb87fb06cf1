//! A log whose reader has stopped: a full pipe, as a stopped collector or an attached terminal leaves it.

use std::io::{BufRead, BufReader, PipeReader};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use testkit::backend::{Backend, raw};
use tokio::net::TcpStream;

use crate::gateway::{Gateway, Honest, Settings};

/// What any answer may take, however busy the machine is. A gateway that waits for the reader never answers.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request over a connection of its own.
pub(crate) async fn send(address: SocketAddr, method: Method, path: &str) -> (StatusCode, String) {
    let exchange = async {
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = Request::builder().method(method).uri(path).header("host", "localhost");
        let request = request.body(Full::<Bytes>::default()).unwrap();
        let response = sender.send_request(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    };
    tokio::time::timeout(PATIENCE, exchange).await.expect("an answer comes in time")
}

async fn dropped(gateway: &Gateway) -> u64 {
    let (_, metrics) = send(gateway.admin(), Method::GET, "/metrics").await;
    let value = metrics.lines().find_map(|line| line.strip_prefix("gateway_log_lines_dropped_total "));
    value.unwrap_or_else(|| panic!("{metrics}")).parse().unwrap()
}

/// Writes a file that does not load, for many reasons, and orders reloads until lines of the log are dropped.
async fn overflow(gateway: &Gateway) {
    let file = gateway.folder().join("routes.yaml");
    let good = std::fs::read_to_string(&file).unwrap();
    let unknown: String =
        (0..1000).map(|number| format!("unknown_{number}: {}\n", "x".repeat(200))).collect();
    std::fs::write(&file, format!("{good}{unknown}")).unwrap();
    let until = Instant::now() + 3 * PATIENCE;
    while dropped(gateway).await == 0 {
        assert!(Instant::now() < until, "a bounded queue overflows");
        let (status, _) = send(gateway.admin(), Method::POST, "/reload").await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    std::fs::write(file, good).unwrap();
}

async fn stalled() -> (Backend, Gateway, BufReader<PipeReader>) {
    let backend = crate::library().await;
    let (gateway, log) = Gateway::with_stalled_log(&backend, &Settings::default());
    (backend, gateway, log)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_without_a_reader_stops_nothing() {
    let (_backend, mut gateway, _log) = stalled().await;
    let honest = Honest::start(gateway.address()).await;
    for _ in 0..3 {
        assert_eq!(send(gateway.admin(), Method::POST, "/reload").await.0, StatusCode::OK);
        assert_eq!(send(gateway.address(), Method::GET, "/books/b1").await.0, StatusCode::OK);
        assert_eq!(send(gateway.admin(), Method::GET, "/ready").await.0, StatusCode::OK);
    }
    overflow(&gateway).await;
    gateway.signal("HUP");
    assert_eq!(send(gateway.address(), Method::GET, "/books/b1").await.0, StatusCode::OK);
    honest.content().await;
    gateway.signal("TERM");
    let started = Instant::now();
    assert!(gateway.ended(PATIENCE).await.success());
    // A second for the readers, half of one for idle connections, and the machine may be busy.
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_the_reader_is_back_the_log_goes_on_and_the_loss_is_counted() {
    let (_backend, mut gateway, log) = stalled().await;
    overflow(&gateway).await;
    let lost = dropped(&gateway).await;
    assert!(lost > 0);
    let (sender, mut lines) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in log.lines().map_while(Result::ok) {
            drop(sender.send(line));
        }
    });
    let mut find = async |what: &str| {
        let found = async { while !lines.recv().await.expect("the log goes on").contains(what) {} };
        tokio::time::timeout(3 * PATIENCE, found).await.unwrap_or_else(|_| panic!("the log has `{what}`"));
    };
    find("unknown_999").await;
    // The queue has room again before long.
    let until = Instant::now() + PATIENCE;
    let lost = loop {
        let before = dropped(&gateway).await;
        assert_eq!(send(gateway.admin(), Method::POST, "/reload").await.0, StatusCode::OK);
        if dropped(&gateway).await == before {
            break before;
        }
        assert!(Instant::now() < until, "the queue has room again");
    };
    find("configuration live").await;
    assert!(dropped(&gateway).await == lost && lost > 0);
    gateway.signal("TERM");
    find("drained").await;
    assert!(gateway.ended(PATIENCE).await.success());
}

/// A process whose lines are read as they come.
pub(crate) struct Read {
    pub(crate) gateway: Gateway,
    lines: Arc<Mutex<Vec<String>>>,
    reader: JoinHandle<()>,
}

impl Read {
    fn start(backend: &Backend) -> Self {
        Self::start_with(backend, &Settings::default())
    }

    pub(crate) fn start_with(backend: &Backend, settings: &Settings<'_>) -> Self {
        let pipe = std::io::pipe().unwrap();
        let (gateway, log) = Gateway::writing_to(backend, settings, pipe);
        let lines = Arc::new(Mutex::new(Vec::new()));
        let read = Arc::clone(&lines);
        let reader = std::thread::spawn(move || {
            log.lines().map_while(Result::ok).for_each(|line| read.lock().unwrap().push(line));
        });
        Self { gateway, lines, reader }
    }

    /// Waits for a line.
    pub(crate) async fn find(&self, what: &str) {
        let until = Instant::now() + 3 * PATIENCE;
        while !self.lines.lock().unwrap().iter().any(|line| line.contains(what)) {
            assert!(Instant::now() < until, "the log has `{what}`");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// All of them, once it has ended.
    pub(crate) async fn end(mut self) -> Vec<String> {
        self.gateway.signal("TERM");
        assert!(self.gateway.ended(PATIENCE).await.success());
        self.reader.join().unwrap();
        std::mem::take(&mut *self.lines.lock().unwrap())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_upstream_can_repeat_becomes_one_line() {
    const CALLS: usize = 200;
    let backend = Backend::of(crate::LIBRARY)
        .on("library.v1.Library/GetBook", |_| raw(&b"\x0a\xff\xff"[..]))
        .start()
        .await;
    let read = Read::start(&backend);
    let gateway = &read.gateway;
    for _ in 0..CALLS {
        assert_eq!(send(gateway.address(), Method::GET, "/books/b1").await.0, StatusCode::BAD_GATEWAY);
    }
    for _ in 0..20 {
        assert_eq!(send(gateway.admin(), Method::POST, "/reload").await.0, StatusCode::OK);
    }
    // Though nothing else is logged meanwhile.
    read.find(" more like this in ").await;
    let lines = read.end().await;
    let (summaries, lines): (Vec<_>, Vec<_>) =
        lines.iter().partition(|line| line.contains(" more like this in "));
    let count = |what: &str| lines.iter().filter(|line| line.contains(what)).count();
    let told = count("an answer cannot be transcoded");
    // A slow machine may take more than one window.
    let windows = told.div_ceil(10);
    assert!(told < CALLS / 2, "{lines:#?}");
    let told_of = summaries.iter().filter(|line| line.ends_with(" s: an answer cannot be transcoded"));
    let folded = told_of.map(|line| {
        let (_, rest) = line.split_once("WARN … ").unwrap();
        rest.split_once(' ').unwrap().0.replace(',', "").parse::<usize>().unwrap()
    });
    let folded: Vec<usize> = folded.collect();
    assert!(folded.len() <= windows, "{folded:?}");
    assert_eq!(told + folded.iter().sum::<usize>(), CALLS, "{lines:#?} {summaries:#?}");
    assert_eq!(count("configuration live"), 20, "what became of an order is always told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_hidden_character_of_a_client_reaches_a_text_log() {
    let backend = crate::library().await;
    let read = Read::start(&backend);
    let gateway = &read.gateway;
    let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
    let path = "/books/\u{202e}\u{2066}\u{200b}\u{feff}\u{61c}\u{e0041}\u{2028}";
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
    drop(tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut Vec::new()).await);
    let lines = read.end().await;
    let line = lines.iter().find(|line| line.contains("/books/")).unwrap();
    let escaped = "GET /books/\\u{202e}\\u{2066}\\u{200b}\\u{feff}\\u{61c}\\u{e0041}\\u{2028} ";
    assert!(
        line.contains(escaped) && line.trim_end().bytes().all(|byte| (b' '..=b'~').contains(&byte)),
        "{line}"
    );
}

/// The body of an answer to a GET, whatever its status.
pub(crate) async fn get(address: SocketAddr, path: &str) -> String {
    send(address, Method::GET, path).await.1
}
