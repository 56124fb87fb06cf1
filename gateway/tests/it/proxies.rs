//! Who the client is when there are proxies in between: `trusted_proxies` and the PROXY protocol.

use std::time::Duration;

use http::StatusCode;
use testkit::backend::Backend;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Gateway, request, routes};
use crate::{gateway, head, library};

const ROUTES: &str = "routes:\n  - get: /books/{name}\n    grpc: library.v1.Library/GetBook\n";

/// A gateway whose listener asks for the PROXY protocol of these proxies.
async fn proxied(backend: &Backend, trusted: &str) -> Gateway {
    let head =
        head(backend).replace("address: 127.0.0.1:0}]", "address: 127.0.0.1:0, proxy_protocol: true}]");
    let yaml = format!("{head}trusted_proxies: {trusted}\n{ROUTES}limits: {{header_timeout: 300ms}}\n");
    routes(&yaml).file("library.binpb", backend.descriptors()).start().await
}

/// Sends bytes, and reads until the gateway closes.
async fn told(gateway: &Gateway, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
    drop(closed.expect("the gateway closes the connection"));
    String::from_utf8_lossy(&answer).into_owned()
}

const GET: &[u8] =
    b"GET /books/b1 HTTP/1.1\r\nhost: a\r\nx-forwarded-for: 198.51.100.1\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn the_proxy_protocol_names_the_client() {
    let backend = library().start().await;
    let gateway = proxied(&backend, "[127.0.0.0/8]").await;
    let binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x09\x0a\0\0\x01\x13\x88\x01\xbb";
    for header in [&b"PROXY TCP4 203.0.113.9 10.0.0.1 5000 443\r\n"[..], binary] {
        let answer = told(&gateway, &[header, GET].concat()).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    // The balancer's own check: it is the peer, and its word about others is believed.
    let answer = told(&gateway, &[b"PROXY UNKNOWN\r\n", GET].concat()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let clients: Vec<_> =
        backend.seen().iter().map(|call| call.metadata["x-forwarded-for"].clone()).collect();
    assert_eq!(clients, ["203.0.113.9", "203.0.113.9", "198.51.100.1, 127.0.0.1"]);
}

#[tokio::test]
async fn without_its_header_nobody_is_served() {
    let backend = library().start().await;
    let gateway = proxied(&backend, "[127.0.0.0/8]").await;
    let endless = [&b"PROXY UNKNOWN "[..], &[b'x'; 200]].concat();
    for garbage in
        [GET, b"PROXY TCP4 1.2.3.4\r\n", b"", b"PROXY ", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff", &endless]
    {
        assert_eq!(told(&gateway, garbage).await, "", "{}", garbage.escape_ascii());
    }
    let stranger = proxied(&backend, "[10.0.0.0/8]").await;
    let answer = told(&stranger, &[b"PROXY TCP4 203.0.113.9 10.0.0.1 5000 443\r\n", GET].concat()).await;
    assert_eq!(answer, "", "not one of the trusted proxies");
    assert!(backend.seen().is_empty());
}

/// What the service is told about who calls, when the client says so much itself.
async fn forwarded(trusted: &str) -> [String; 3] {
    let backend = library().start().await;
    let gateway = gateway(&backend, &format!("{trusted}{ROUTES}")).await;
    let mut request = request(http::Method::GET, "/books/b1");
    for (name, value) in [
        ("x-forwarded-for", "198.51.100.1, 203.0.113.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "api.example"),
    ] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    assert_eq!(gateway.request(request).await.status, StatusCode::OK);
    let metadata = backend.only().metadata;
    ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"]
        .map(|name| metadata[name].to_str().unwrap().to_owned())
}

#[tokio::test]
async fn only_trusted_proxies_are_believed() {
    let replaced = ["127.0.0.1", "http", "shop.example"];
    let believed = ["198.51.100.1, 203.0.113.7, 127.0.0.1", "https", "api.example"];
    assert_eq!(forwarded("").await, replaced);
    assert_eq!(forwarded("trusted_proxies: [10.0.0.0/8]\n").await, replaced);
    assert_eq!(forwarded("trusted_proxies: [10.0.0.0/8, 127.0.0.1]\n").await, believed);
}
