//! Fetched keys against servers on real sockets: rotation, outages, floods of unknown keys, TLS.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use aws_lc_rs::hmac;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::policy::jwt::token::Token;

/// A server of one document, which tests change as they go.
struct Server {
    address: SocketAddr,
    shared: Arc<Shown>,
    _task: AbortOnDropHandle<()>,
}

struct Shown {
    /// The whole answer; empty hangs up.
    answer: Mutex<String>,
    asked: AtomicUsize,
    /// Answers wait for this.
    open: watch::Sender<bool>,
}

impl Server {
    async fn start(answer: String, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shown =
            Shown { answer: Mutex::new(answer), asked: AtomicUsize::new(0), open: watch::Sender::new(true) };
        let shared = Arc::new(shown);
        let serving = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (shown, tls) = (Arc::clone(&serving), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => answer_one(stream, &shown).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                answer_one(stream, &shown).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, shared, _task: AbortOnDropHandle::new(task) }
    }

    fn show(&self, answer: String) {
        *self.shared.answer.lock().unwrap() = answer;
    }

    fn asked(&self) -> usize {
        self.shared.asked.load(SeqCst)
    }

    fn url(&self, scheme: &str, host: &str) -> KeysUrl {
        KeysUrl::parse(&format!("{scheme}://{host}:{}/keys", self.address.port()), &[Algorithm::HS256])
            .unwrap()
    }
}

async fn answer_one(mut stream: impl AsyncRead + AsyncWrite + Unpin, shown: &Shown) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    assert!(head.starts_with(b"GET /keys HTTP/1.1\r\n"));
    shown.asked.fetch_add(1, SeqCst);
    let _ = shown.open.subscribe().wait_for(|open| *open).await;
    let answer = shown.answer.lock().unwrap().clone();
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

fn http(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn secret(kid: &str) -> Vec<u8> {
    format!("{kid:-<64}").into_bytes()
}

fn encode(bytes: &[u8]) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// A key set of these keys, as a server sends it.
fn set(kids: &[&str]) -> String {
    keys(kids.iter().map(|kid| json!({"kty": "oct", "kid": kid, "k": encode(&secret(kid))})))
}

/// The same without their names.
fn nameless_set(kids: &[&str]) -> String {
    keys(kids.iter().map(|kid| json!({"kty": "oct", "k": encode(&secret(kid))})))
}

fn keys(keys: impl Iterator<Item = Value>) -> String {
    http("200 OK", &json!({ "keys": keys.collect::<Vec<_>>() }).to_string())
}

fn token(kid: &str) -> String {
    signed(&json!({"alg": "HS256", "kid": kid}), kid)
}

/// The same without the key's name.
fn nameless_token(kid: &str) -> String {
    signed(&json!({"alg": "HS256"}), kid)
}

fn signed(header: &Value, kid: &str) -> String {
    let header = encode(header.to_string().as_bytes());
    let signed = format!("{header}.e30");
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret(kid)), signed.as_bytes());
    format!("{signed}.{}", encode(tag.as_ref()))
}

fn judge(keys: &RemoteKeys, kid: &str) -> Option<Verdict> {
    keys.judge(&Token::parse(&token(kid)).unwrap())
}

const LONG: Duration = Duration::from_secs(3600);

/// Only what a test shortens ever comes to pass.
fn times() -> Times {
    Times { refresh: LONG, retry: LONG, gap: LONG, timeout: Duration::from_secs(10) }
}

fn start(server: &Server, times: Times) -> RemoteKeys {
    let client = Client::with_roots(RootCertStore::empty(), times.timeout);
    RemoteKeys::start_with(server.url("http", "127.0.0.1"), client, times)
}

async fn ended(keys: &RemoteKeys, n: u64) {
    let mut progress = keys.shared.progress.subscribe();
    let wait = progress.wait_for(|progress| progress.ended >= n);
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("a fetch to end").unwrap();
}

#[tokio::test]
async fn the_first_request_waits_for_the_first_fetch() {
    let server = Server::start(set(&["one"]), None).await;
    let keys = start(&server, times());
    assert_eq!(judge(&keys, "one"), None);
    keys.refresh().await;
    assert_eq!(judge(&keys, "one"), Some(Verdict::Genuine));
    assert_eq!(judge(&keys, "two"), Some(Verdict::UnknownKey));
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn a_key_that_is_new_is_fetched_for_the_request_that_brings_it() {
    let server = Server::start(set(&["one"]), None).await;
    let keys = start(&server, Times { gap: Duration::ZERO, ..times() });
    ended(&keys, 1).await;
    server.show(set(&["one", "two"]));
    assert_eq!(judge(&keys, "two"), Some(Verdict::UnknownKey));
    keys.refresh().await;
    assert_eq!(judge(&keys, "two"), Some(Verdict::Genuine));
}

/// Whether the set or the token leaves names out, a key that may be new is fetched; one that is named and known is not.
#[tokio::test]
async fn a_rotation_without_names_is_noticed() {
    type SetOf = fn(&[&str]) -> String;
    type TokenBy = fn(&str) -> String;
    let table: [(SetOf, TokenBy, bool); 4] = [
        (nameless_set, nameless_token, true),
        (nameless_set, token, true),
        (set, nameless_token, true),
        // A forgery under the name of a known key.
        (set, |kid| signed(&json!({"alg": "HS256", "kid": "one"}), kid), false),
    ];
    for (row, (set, token, noticed)) in table.into_iter().enumerate() {
        let server = Server::start(set(&["one"]), None).await;
        let keys = start(&server, times());
        ended(&keys, 1).await;
        let (one, two) = (token("one"), token("two"));
        let now = |text: &str| keys.judge_now(&Token::parse(text).unwrap());
        assert_eq!(now(&one), Some(Verdict::Genuine), "row {row}");

        server.show(set(&["two"]));
        let expected = (!noticed).then_some(Verdict::Forged);
        assert_eq!(now(&two), expected, "row {row}: `None` asks for a fetch");
        if noticed {
            keys.refresh().await;
            assert_eq!(now(&two), Some(Verdict::Genuine), "row {row}");
            // The gap has begun: who comes now is answered by what is known, and fetches nothing.
            assert!(now(&one).is_some_and(|verdict| verdict != Verdict::Genuine), "row {row}");
            assert_eq!(server.asked(), 2, "row {row}");
        }
    }
}

#[tokio::test]
async fn unknown_keys_cannot_make_it_fetch_again_and_again() {
    let server = Server::start(set(&["one"]), None).await;
    let keys = start(&server, times());
    ended(&keys, 1).await;
    for _ in 0..1000 {
        keys.refresh().await;
    }
    assert_eq!(server.asked(), 2, "the first of them may mean a rotation");
}

#[tokio::test]
async fn those_who_wait_share_one_fetch() {
    let server = Server::start(set(&["one"]), None).await;
    server.shared.open.send_replace(false);
    let keys = start(&server, times());
    let waiting = futures_util::future::join_all((0..100).map(|_| keys.refresh()));
    let opening = async {
        while server.asked() == 0 {
            tokio::task::yield_now().await;
        }
        server.shared.open.send_replace(true);
    };
    tokio::join!(waiting, opening);
    assert_eq!(server.asked(), 1);
    assert_eq!(judge(&keys, "one"), Some(Verdict::Genuine));
}

#[tokio::test]
async fn an_outage_or_nonsense_leaves_the_last_good_keys() {
    let server = Server::start(set(&["one"]), None).await;
    let keys = start(&server, Times { gap: Duration::ZERO, ..times() });
    ended(&keys, 1).await;
    let bad = [
        http("500 Internal Server Error", "{}"),
        http("302 Found", ""),
        http("200 OK", "<html>"),
        http("200 OK", r#"{"keys": []}"#),
        http("200 OK", &format!("{{\"keys\": [], \"x\": \"{}\"}}", "x".repeat(300 << 10))),
        "garbage\r\n\r\n".to_owned(),
        String::new(),
    ];
    for (n, answer) in (2..).zip(bad) {
        server.show(answer.clone());
        keys.refresh().await;
        ended(&keys, n).await;
        assert_eq!(judge(&keys, "one"), Some(Verdict::Genuine), "after {answer:.40}");
    }
    server.show(set(&["two"]));
    keys.refresh().await;
    assert_eq!(judge(&keys, "one"), Some(Verdict::UnknownKey));
    assert_eq!(judge(&keys, "two"), Some(Verdict::Genuine));
}

#[tokio::test]
async fn it_fetches_by_itself_and_retries_sooner() {
    let server = Server::start(http("503 Service Unavailable", ""), None).await;
    let soon = Duration::from_millis(1);
    let keys = start(&server, Times { retry: soon, refresh: soon, ..times() });
    ended(&keys, 2).await;
    assert_eq!(judge(&keys, "one"), None);
    server.show(set(&["one"]));
    while judge(&keys, "one").is_none() {
        tokio::task::yield_now().await;
    }
    let before = server.asked();
    while server.asked() < before + 3 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_silent_server_is_given_up() {
    let server = Server::start(String::new(), None).await;
    server.shared.open.send_replace(false);
    let keys = start(&server, Times { timeout: Duration::from_millis(50), ..times() });
    keys.refresh().await;
    assert_eq!(keys.shared.progress.borrow().ended, 1);
    assert_eq!(judge(&keys, "one"), None);
}

#[tokio::test]
async fn https_is_verified() {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = certified.cert.der().clone();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let server = Server::start(set(&["one"]), Some(TlsAcceptor::from(Arc::new(config)))).await;
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let fetch = async |host: &str, roots: RootCertStore| {
        let client = Client::with_roots(roots, Duration::from_secs(10));
        let keys = RemoteKeys::start_with(server.url("https", host), client, times());
        keys.refresh().await;
        judge(&keys, "one")
    };
    assert_eq!(fetch("localhost", roots.clone()).await, Some(Verdict::Genuine));
    // The certificate is for another name; nobody is trusted.
    assert_eq!(fetch("127.0.0.1", roots).await, None);
    assert_eq!(fetch("localhost", RootCertStore::empty()).await, None);
}

#[tokio::test]
async fn equal_declarations_share_their_fetches_and_leave_nothing_behind() {
    let server = Server::start(set(&["one"]), None).await;
    let state = crate::policy::State::new();
    let one = state.remote_keys(&server.url("http", "127.0.0.1"));
    let two = state.remote_keys(&server.url("http", "127.0.0.1"));
    assert!(Arc::ptr_eq(&one, &two));
    let gone = Arc::downgrade(&one);
    drop((one, two));
    assert!(gone.upgrade().is_none());
}
