//! Many reloads of a gateway process under full load: no call fails, no answer mixes two versions, and memory stays
//! where it was. `RELOADS=1000 cargo test -p gateway --release --test reloads -- --nocapture` runs it for longer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and this one reports"
)]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use testkit::backend::{Backend, reply};
use tokio::net::TcpStream;

const PROTO: &str = r#"
    syntax = "proto3";
    package library.v1;
    service Library {
      rpc Old(Request) returns (Book);
      rpc New(Request) returns (Book);
    }
    message Request { string name = 1; }
    message Book { string title = 1; }
"#;
/// How many, unless the environment says otherwise.
const RELOADS: usize = 200;
/// Until then everything that is kept has been allocated once.
const WARM: usize = 60;
const CLIENTS: usize = 4;
/// What memory may differ by between two moments of the same load, in KiB.
const BREATH: u64 = 8 << 10;

/// A version of the file. Method, status and header change together: an answer shows which version it belongs to, thrice.
fn yaml(backend: SocketAddr, version: usize) -> String {
    let (method, status) = if version.is_multiple_of(2) { ("Old", 200) } else { ("New", 202) };
    format!(
        "listeners: [{{address: 127.0.0.1:0}}]\nadmin: {{address: 127.0.0.1:0, hosts: [shop.example]}}\n\
         log: {{access: false}}\ndescriptors: [library.binpb]\n\
         upstreams: {{library: {{address: {backend}}}}}\nservices: {{library.v1.Library: library}}\n\
         routes:\n  - get: /books/{{name}}\n    grpc: library.v1.Library/{method}\n    status: {status}\n    \
         headers: {{response: {{set: {{x-version: {method}}}}}}}\n"
    )
}

/// A gateway process, ended with the test.
struct Gateway {
    process: Child,
    address: SocketAddr,
    admin: SocketAddr,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Gateway {
    fn start(folder: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_gateway"))
            .args(["serve", "--workers", "2"])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut said = |what: &str| {
            let line = lines.by_ref().map_while(Result::ok).find_map(|line| {
                line.split_once(what).and_then(|(_, address)| address.split(' ').next()?.parse().ok())
            });
            line.expect("the gateway ended before it listened")
        };
        let (address, admin) = (said("listening on http://"), said("admin on http://"));
        // Read on, or the gateway would stand still with a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, address, admin }
    }

    /// Resident memory in KiB.
    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    async fn reload(&self) -> (StatusCode, String) {
        let mut client = connect(self.admin).await;
        let (status, _, body) = ask(&mut client, Method::POST, "/reload").await;
        (status, String::from_utf8_lossy(&body).into_owned())
    }
}

async fn connect(address: SocketAddr) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn ask(
    client: &mut SendRequest<Full<Bytes>>,
    method: Method,
    path: &str,
) -> (StatusCode, String, Bytes) {
    client.ready().await.unwrap();
    let request = Request::builder().method(method).uri(path).header("host", "shop.example");
    let answer = client.send_request(request.body(Full::default()).unwrap()).await.unwrap();
    let version = answer.headers().get("x-version").map(|value| value.to_str().unwrap().to_owned());
    let status = answer.status();
    (status, version.unwrap_or_default(), answer.into_body().collect().await.unwrap().to_bytes())
}

/// Asks until it is over; gives how long each call took.
async fn load(address: SocketAddr, over: Arc<AtomicBool>) -> Vec<Duration> {
    let mut client = connect(address).await;
    let mut took = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let (status, version, body) = ask(&mut client, Method::GET, "/books/1").await;
        took.push(begun.elapsed());
        let seen = (status.as_u16(), version.as_str(), serde_json::from_slice::<Value>(&body).unwrap());
        let (old, new) = ((200, "Old", json!({"title": "Old"})), (202, "New", json!({"title": "New"})));
        assert!(seen == old || seen == new, "an answer of no version: {seen:?}");
    }
    took
}

fn p99(took: &mut [Duration]) -> Duration {
    took.sort_unstable();
    took[took.len() * 99 / 100]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_under_load_fail_no_call_and_keep_no_memory() {
    let reloads = std::env::var("RELOADS").map_or(RELOADS, |count| count.parse().unwrap());
    let answer = |title: &'static str| move |_: &testkit::backend::Seen| reply(json!({"title": title}));
    let backend = Backend::of(PROTO)
        .on("library.v1.Library/Old", answer("Old"))
        .on("library.v1.Library/New", answer("New"))
        .start()
        .await;
    let folder = tempfile::tempdir().unwrap();
    let write = |text: String| {
        std::fs::write(folder.path().join("new"), text).unwrap();
        std::fs::rename(folder.path().join("new"), folder.path().join("routes.yaml")).unwrap();
    };
    std::fs::write(folder.path().join("library.binpb"), backend.descriptors()).unwrap();
    write(yaml(backend.address(), 0));
    let gateway = Gateway::start(folder.path());

    let over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> =
        (0..CLIENTS).map(|_| tokio::spawn(load(gateway.address, Arc::clone(&over)))).collect();
    let mut before = None;
    let begun = Instant::now();
    for version in 1..=reloads {
        write(yaml(backend.address(), version));
        let (status, text) = gateway.reload().await;
        assert_eq!(status, StatusCode::OK, "{text}");
        if version % 10 == 0 {
            write("routes: [{get: /broken".to_owned());
            assert_eq!(gateway.reload().await.0, StatusCode::UNPROCESSABLE_ENTITY);
        }
        // What the test's backend has seen would grow the test, not the gateway.
        backend.seen();
        if version == WARM {
            before = Some(gateway.memory());
        }
    }
    let reloading = begun.elapsed();
    let (before, after) = (before.unwrap(), gateway.memory());
    over.store(true, Ordering::Relaxed);
    let mut took = Vec::new();
    for client in clients {
        took.extend(client.await.unwrap());
    }
    let calls = took.len();
    println!("{reloads} reloads in {reloading:.1?}, {calls} calls, p99 {:?}", p99(&mut took));
    println!("memory {before} KiB after {WARM} reloads, {after} KiB after all");
    assert!(calls > reloads, "the load was none: {calls} calls");
    assert!(after < before + BREATH, "memory grew from {before} to {after} KiB");
    assert_eq!(backend.connections(), 3, "one for each worker, and the one that watches");
}
