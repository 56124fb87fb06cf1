//! An orderly end under load, and a certificate renewed under load: no call fails.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use http::StatusCode;
use http_body_util::BodyExt;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use crate::gateway::{Gateway, Settings, request};

/// A certificate for localhost, and its key.
fn certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

const TLS: &str = ", tls: {certificate: edge.pem, key: edge.key}";

/// What a client speaks, and how long it keeps a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Http1,
    Http1Anew,
    Http2,
}

/// How the clients of a test get to the gateway.
#[derive(Clone)]
struct Target {
    address: SocketAddr,
    tls: Option<TlsConnector>,
    calls: Arc<watch::Sender<u32>>,
    over: Arc<AtomicBool>,
}

/// A connection of either kind.
trait Both: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Both for T {}

impl Target {
    fn plain(address: SocketAddr) -> Self {
        Self { address, tls: None, calls: Arc::default(), over: Arc::default() }
    }

    /// Trusts these certificates.
    fn tls(address: SocketAddr, way: Way, trusted: &[&str]) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        for pem in trusted {
            roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let protocol: &[u8] = if way == Way::Http2 { b"h2" } else { b"http/1.1" };
        config.alpn_protocols = vec![protocol.to_vec()];
        Self { tls: Some(Arc::new(config).into()), ..Self::plain(address) }
    }

    /// A new connection; `None` when nobody listens any more.
    async fn connect(&self) -> Option<Box<dyn Both>> {
        let stream = match TcpStream::connect(self.address).await {
            Ok(stream) => stream,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => return None,
            Err(error) => panic!("{error}"),
        };
        stream.set_nodelay(true).unwrap();
        match &self.tls {
            None => Some(Box::new(stream)),
            Some(connector) => {
                let name = "localhost".try_into().unwrap();
                Some(Box::new(connector.connect(name, stream).await.expect("the handshake is finished")))
            }
        }
    }

    /// Calls until nobody listens any more, or it is over. Every call that was sent is answered.
    async fn load(self, way: Way) {
        while !self.over.load(Relaxed) {
            let Some(stream) = self.connect().await else { return };
            match way {
                Way::Http1 => self.http1(stream, u32::MAX).await,
                Way::Http1Anew => self.http1(stream, 1).await,
                Way::Http2 => self.http2(stream).await,
            }
        }
    }

    async fn http1(&self, stream: Box<dyn Both>, most: u32) {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        for _ in 0..most {
            // The last answer said that it is the last one.
            if sender.ready().await.is_err() || self.over.load(Relaxed) {
                return;
            }
            let response = sender.send_request(request("/books/b1")).await.expect("the call is answered");
            self.is_fine(response).await;
        }
    }

    async fn http2(&self, stream: Box<dyn Both>) {
        let (mut sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        loop {
            if sender.ready().await.is_err() || self.over.load(Relaxed) {
                return;
            }
            match sender.send_request(request("http://shop.example/books/b1")).await {
                Ok(response) => self.is_fine(response).await,
                // The goodbye came before the request went out.
                Err(error) if error.is_canceled() || is_goodbye(&error) => return,
                Err(error) => panic!("the call is answered: {error:?}"),
            }
        }
    }

    async fn is_fine(&self, response: http::Response<hyper::body::Incoming>) {
        assert_eq!(response.status(), StatusCode::OK);
        let body = response.into_body().collect().await.expect("the answer is complete");
        assert_eq!(body.to_bytes(), r#"{"name":"b1","text":"short"}"#);
        self.calls.send_modify(|calls| *calls += 1);
    }

    /// Waits until so many calls were answered.
    async fn has_answered(&self, calls: u32) {
        let mut answered = self.calls.subscribe();
        let enough = answered.wait_for(|answered| *answered >= calls);
        tokio::time::timeout(Duration::from_secs(30), enough).await.expect("calls are answered").unwrap();
    }
}

/// Whether GOAWAY was there before the request went out: it was not sent, or is beyond the last stream that is served. Either way
/// nobody has seen it (RFC 9113 section 6.8).
fn is_goodbye(error: &hyper::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<h2::Error>());
    cause.is_some_and(|cause| cause.is_go_away() && cause.reason() == Some(h2::Reason::NO_ERROR))
}

/// Asks the admin address; gives all of its answer.
async fn admin(gateway: &Gateway, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(gateway.admin()).await.unwrap();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// How a drain is asked for.
#[derive(Debug, Clone, Copy)]
enum Ask {
    Signal,
    Order,
}

async fn drains_without_a_failed_call(listener: &str, ask: Ask) {
    let backend = crate::library().await;
    let (pem, key) = certificate();
    let files = [("edge.pem", pem.clone()), ("edge.key", key)];
    let mut gateway = Gateway::start(&backend, &Settings { listener, files: &files, ..Settings::default() });
    let mut clients: Vec<JoinHandle<()>> = Vec::new();
    for way in [Way::Http1, Way::Http1Anew, Way::Http2] {
        let target = match listener {
            "" => Target::plain(gateway.address()),
            _ => Target::tls(gateway.address(), way, &[&pem]),
        };
        clients.extend((0..4).map(|_| tokio::spawn(target.clone().load(way))));
        target.has_answered(100).await;
    }
    match ask {
        Ask::Signal => gateway.signal("TERM"),
        Ask::Order => assert!(admin(&gateway, "POST", "/drain").await.starts_with("HTTP/1.1 2")),
    }
    for client in clients {
        client.await.unwrap();
    }
    assert!(gateway.ended(Duration::from_secs(15)).await.success(), "{ask:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_under_load_fails_no_call() {
    drains_without_a_failed_call("", Ask::Signal).await;
    drains_without_a_failed_call(TLS, Ask::Signal).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_under_load_fails_no_call() {
    drains_without_a_failed_call("", Ask::Order).await;
}

/// A request whose body is not complete yet.
async fn half_a_request(gateway: &Gateway) -> TcpStream {
    let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
    stream
        .write_all(b"POST /books HTTP/1.1\r\nhost: a\r\ncontent-length: 12\r\nexpect: 100-continue\r\n\r\n")
        .await
        .unwrap();
    // The body is asked for: the request has begun.
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

/// Waits until nobody listens any more.
async fn refuses(address: SocketAddr) {
    let until = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(address).await.is_ok() {
        assert!(Instant::now() < until, "new connections are refused");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_turns_first_and_what_runs_is_finished() {
    let backend = crate::library().await;
    let mut gateway = Gateway::start(&backend, &Settings::default());
    assert!(admin(&gateway, "GET", "/ready").await.starts_with("HTTP/1.1 200"));
    let mut running = half_a_request(&gateway).await;
    let mut idle = TcpStream::connect(gateway.address()).await.unwrap();
    idle.write_all(b"GET /books/b1 HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");

    gateway.signal("TERM");
    refuses(gateway.address()).await;
    assert!(admin(&gateway, "GET", "/ready").await.starts_with("HTTP/1.1 503"));
    // The idle connection is closed, without another word.
    let mut rest = String::new();
    idle.read_to_string(&mut rest).await.unwrap();
    assert!(!rest.contains("HTTP/1.1"), "{rest}");

    running.write_all(b"{\"name\":\"x\"}").await.unwrap();
    let mut answer = String::new();
    running.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"), "{answer}");
    assert!(gateway.ended(Duration::from_secs(10)).await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_end_is_cut_off() {
    let backend = crate::library().await;
    let settings = Settings { rest: "drain: 700ms\n", ..Settings::default() };
    let mut gateway = Gateway::start(&backend, &settings);
    let mut running = half_a_request(&gateway).await;
    gateway.signal("TERM");
    assert!(gateway.ended(Duration::from_secs(10)).await.success());
    assert_eq!(running.read(&mut [0; 10]).await.unwrap_or(0), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_it_at_once() {
    let backend = crate::library().await;
    let settings = Settings { rest: "drain: 1h\n", ..Settings::default() };
    let mut gateway = Gateway::start(&backend, &settings);
    let _running = half_a_request(&gateway).await;
    gateway.signal("TERM");
    refuses(gateway.address()).await;
    gateway.signal("TERM");
    assert_eq!(gateway.ended(Duration::from_secs(10)).await.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_renewed_under_load_fails_no_call() {
    let backend = crate::library().await;
    let certificates: Vec<(String, String)> = (0..6).map(|_| certificate()).collect();
    let (pem, key) = &certificates[0];
    let files = [("edge.pem", pem.clone()), ("edge.key", key.clone())];
    let gateway = Gateway::start(&backend, &Settings { listener: TLS, files: &files, ..Settings::default() });
    let trusted: Vec<&str> = certificates.iter().map(|(pem, _)| pem.as_str()).collect();
    let mut clients = Vec::new();
    let mut targets = Vec::new();
    for way in [Way::Http1, Way::Http1Anew, Way::Http2] {
        let target = Target::tls(gateway.address(), way, &trusted);
        clients.extend((0..2).map(|_| tokio::spawn(target.clone().load(way))));
        targets.push(target);
    }
    for (pem, key) in &certificates[1..] {
        for target in &targets {
            let answered = *target.calls.borrow();
            target.has_answered(answered + 20).await;
        }
        for (name, content) in [("edge.key", key), ("edge.pem", pem)] {
            let new = gateway.folder().join("new");
            std::fs::write(&new, content).unwrap();
            std::fs::rename(new, gateway.folder().join(name)).unwrap();
        }
        // Who trusts the new one alone is served before long.
        let only = Target::tls(gateway.address(), Way::Http1, &[pem]);
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            assert!(Instant::now() < until, "the new certificate is served");
            let stream = TcpStream::connect(gateway.address()).await.unwrap();
            let connector = only.tls.as_ref().unwrap();
            if connector.connect("localhost".try_into().unwrap(), stream).await.is_ok() {
                break;
            }
        }
    }
    for target in &targets {
        target.over.store(true, Relaxed);
    }
    for client in clients {
        client.await.unwrap();
    }
}
