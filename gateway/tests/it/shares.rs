//! Fair shares: what one client may use of the gateway's limits, whoever stands between.

use std::net::SocketAddr;
use std::time::Duration;

use http::{Method, StatusCode};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::harness::{Answer, collect, request, routes};
use crate::{head, library, silent};

type Client = SendRequest<http_body_util::Full<bytes::Bytes>>;

const ROUTES: &str =
    "routes:\n  - get: /books/{name}\n    grpc: library.v1.Library/GetBook\n    timeout: 1m\n";

/// An HTTP/2 client at this address.
async fn client(source: &str, gateway: SocketAddr) -> Client {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(source.parse().unwrap(), 0)).unwrap();
    let stream = socket.connect(gateway).await.unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// Calls a service that never answers. Nothing comes of a call that is taken; it is in flight from then on.
async fn call(client: &mut Client, calls: impl Fn() -> usize, forwarded_for: &str) -> Option<Answer> {
    let before = calls();
    let mut request = request(Method::GET, "http://shop.example/books/b1");
    if !forwarded_for.is_empty() {
        request.headers_mut().insert("x-forwarded-for", forwarded_for.parse().unwrap());
    }
    let mut answer = tokio::spawn(client.send_request(request));
    let end = tokio::time::Instant::now() + Duration::from_secs(20);
    while calls() == before {
        assert!(tokio::time::Instant::now() < end, "the call is taken or refused");
        let answered = tokio::time::timeout(Duration::from_millis(1), &mut answer).await;
        if let Ok(answer) = answered {
            return Some(collect(answer.unwrap().unwrap()).await);
        }
    }
    None
}

/// How many of so many calls are taken before one is refused, and how that is explained.
async fn taken(client: &mut Client, calls: impl Fn() -> usize, forwarded_for: &str) -> (usize, String) {
    for taken in 0..100 {
        if let Some(answer) = call(client, &calls, forwarded_for).await {
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!((answer.header("retry-after"), &answer.json()["reason"]), ("1", &"OVERLOADED".into()));
            return (taken, answer.json()["error"].as_str().unwrap().to_owned());
        }
    }
    panic!("none is refused");
}

#[tokio::test]
async fn one_address_cannot_take_all_requests() {
    let (peer, gateway) = silent(&format!("{ROUTES}limits: {{requests: 80}}\n")).await;
    let calls = || peer.calls();
    let mut greedy = client("127.0.0.2", gateway.address()).await;
    let (count, error) = taken(&mut greedy, calls, "").await;
    assert_eq!(count, 60, "three quarters");
    assert!(error.contains("`limits.share`") && error.contains("`limits.requests`"), "{error}");
    let mut neighbour = client("127.0.0.2", gateway.address()).await;
    assert_eq!(taken(&mut neighbour, calls, "").await.0, 8, "a connection of its own with a few requests");
    let mut other = client("127.0.0.3", gateway.address()).await;
    assert_eq!(taken(&mut other, calls, "").await.0, 6, "half of what is free");
    let mut last = client("127.0.0.4", gateway.address()).await;
    assert_eq!(
        call(&mut last, calls, "").await.map(|answer| answer.text()),
        None,
        "there is always some left"
    );
}

#[tokio::test]
async fn a_share_of_all_does_not_limit_clients() {
    let (peer, gateway) = silent(&format!("{ROUTES}limits: {{requests: 20, share: 100%}}\n")).await;
    let mut greedy = client("127.0.0.2", gateway.address()).await;
    let (count, error) = taken(&mut greedy, || peer.calls(), "").await;
    assert_eq!(count, 20);
    assert!(error.contains("`limits.requests` is reached"), "{error}");
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_has_a_share() {
    let settings = format!("{ROUTES}trusted_proxies: [127.0.0.0/8]\nlimits: {{requests: 40}}\n");
    let (peer, gateway) = silent(&settings).await;
    let calls = || peer.calls();
    // All of them on one connection of the proxy.
    let mut proxy = client("127.0.0.1", gateway.address()).await;
    assert_eq!(taken(&mut proxy, calls, "203.0.113.7").await.0, 30);
    assert_eq!(taken(&mut proxy, calls, "2001:db8:1:2::1").await.0, 5);
    assert_eq!(taken(&mut proxy, calls, "2001:db8:1:2::9").await.0, 0, "the same network of 64 bits");
    // The proxy's own requests are limited by nothing but the limit itself.
    let (count, error) = taken(&mut proxy, calls, "").await;
    assert_eq!(count, 5);
    assert!(error.contains("`limits.requests` is reached"), "{error}");
}

#[tokio::test]
async fn connections_count_for_the_client_that_the_proxy_protocol_names() {
    let backend = library().start().await;
    let head =
        head(&backend).replace("address: 127.0.0.1:0}]", "address: 127.0.0.1:0, proxy_protocol: true}]");
    let yaml = format!("{head}trusted_proxies: [127.0.0.0/8]\n{ROUTES}limits: {{connections: 20}}\n");
    let gateway = routes(&yaml).file("library.binpb", backend.descriptors()).start().await;
    // Whether a connection of this client is served; it stays open then.
    let connect = async |client: &str| {
        let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
        let header = format!("PROXY TCP4 {client} 10.0.0.1 5000 443\r\n");
        let get = "GET /books/b1 HTTP/1.1\r\nhost: a\r\n\r\n";
        stream.write_all(format!("{header}{get}").as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        let served = stream.read_exact(&mut answer).await.is_ok();
        assert!(!served || &answer == b"HTTP/1.1 200", "{}", answer.escape_ascii());
        served.then_some(stream)
    };
    let mut held = Vec::new();
    while let Some(stream) = connect("203.0.113.7").await {
        held.push(stream);
    }
    assert_eq!(held.len(), 15);
    let other = connect("203.0.113.8").await;
    assert!(other.is_some(), "there is room for another client");
    assert!(connect("203.0.113.7").await.is_none());
}
