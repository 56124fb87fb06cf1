//! A log whose reader has stopped: a full pipe, as a stopped collector or an attached terminal leaves it.

use std::io::{BufRead, BufReader, PipeReader};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use testkit::backend::Backend;
use tokio::net::TcpStream;

use crate::gateway::{Gateway, Honest, Settings};

/// What any answer may take, however busy the machine is. A gateway that waits for the reader never answers.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request over a connection of its own.
async fn send(address: SocketAddr, method: Method, path: &str) -> (StatusCode, String) {
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
async fn a_log_that_nobody_reads_stops_nothing() {
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
