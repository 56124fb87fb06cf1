//! The admin address: the hosts that it answers to, orders, and probes while others hold its connections.

use std::net::SocketAddr;
use std::time::Duration;

use http::{Method, Request, StatusCode};
use http_body_util::Full;
use testkit::backend::Backend;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Gateway, routes, send};
use crate::library;

const ROUTES: &str = "routes:\n  - get: /books/{name}\n    grpc: library.v1.Library/GetBook\n";
/// The number of connections that the admin address has open at most.
const MAX_CONNECTIONS: usize = 64;

/// Starts a gateway whose `admin` has these keys besides the address.
async fn gateway(keys: &str) -> (Backend, Gateway) {
    let backend = library().start().await;
    let yaml = yaml(&backend, keys);
    let gateway = routes(&yaml).file("library.binpb", backend.descriptors()).start().await;
    (backend, gateway)
}

fn yaml(backend: &Backend, keys: &str) -> String {
    crate::head(backend).replace(", hosts: [shop.example]", keys) + ROUTES
}

/// Sends these bytes and reads until the gateway closes.
async fn raw(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    tokio::time::timeout(Duration::from_secs(20), read).await.expect("the connection is closed").unwrap();
    answer
}

async fn order(address: SocketAddr, method: Method, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let request = Request::builder().method(method).uri(path).header("host", address.to_string());
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let answer = send(address, request.body(Full::default()).unwrap()).await;
    (answer.status.as_u16(), answer.text())
}

#[tokio::test]
async fn a_host_that_is_not_its_own_is_rejected_on_every_page() {
    let (_backend, gateway) = gateway(", hosts: [gateway.internal, \"*.ops.example\"]").await;
    let port = gateway.admin().port();
    for (request, expected) in [
        (format!("GET /config HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"), "200"),
        (format!("GET /config HTTP/1.1\r\nhost: [::1]:{port}\r\n"), "200"),
        ("GET /config HTTP/1.1\r\nhost: LOCALHOST\r\n".to_owned(), "200"),
        ("GET /config HTTP/1.1\r\nhost: localhost.\r\n".to_owned(), "200"),
        ("GET /config HTTP/1.1\r\nhost: gateway.internal:9901\r\n".to_owned(), "200"),
        ("GET /config HTTP/1.1\r\nhost: a.ops.example\r\n".to_owned(), "200"),
        ("GET http://localhost/config HTTP/1.1\r\nhost: localhost\r\n".to_owned(), "200"),
        ("GET /config HTTP/1.0\r\n".to_owned(), "200"),
        ("GET /config HTTP/1.1\r\nhost: evil.example\r\n".to_owned(), "403"),
        ("GET / HTTP/1.1\r\nhost: evil.example\r\n".to_owned(), "403"),
        ("GET /nothing HTTP/1.1\r\nhost: evil.example\r\n".to_owned(), "403"),
        ("GET /health HTTP/1.1\r\nhost: evil.example\r\n".to_owned(), "403"),
        ("POST /reload HTTP/1.1\r\nhost: evil.example\r\n".to_owned(), "403"),
        ("GET /config HTTP/1.1\r\nhost: ops.example\r\n".to_owned(), "403"),
        ("GET /config HTTP/1.1\r\nhost: foo.localhost\r\n".to_owned(), "403"),
        ("GET /config HTTP/1.1\r\nhost: 127.1\r\n".to_owned(), "403"),
        ("GET /config HTTP/1.1\r\nhost:\r\n".to_owned(), "403"),
        ("GET http://evil.example/config HTTP/1.1\r\nhost: localhost\r\n".to_owned(), "403"),
        ("GET http://localhost/config HTTP/1.1\r\nhost: evil.example\r\n".to_owned(), "403"),
        ("GET /config HTTP/1.0\r\nhost: evil.example\r\n".to_owned(), "403"),
        ("GET /config HTTP/1.1\r\nhost: evil.example\r\nx-forwarded-host: localhost\r\n".to_owned(), "403"),
        ("GET /config HTTP/1.1\r\n".to_owned(), "400"),
        ("GET /config HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n".to_owned(), "400"),
    ] {
        let answer = raw(gateway.admin(), &format!("{request}connection: close\r\n\r\n")).await;
        assert_eq!(answer.split(' ').nth(1), Some(expected), "{request}{answer}");
        if expected == "403" {
            assert!(answer.contains("admin.hosts"), "it says what to do: {answer}");
            assert!(!answer.contains("upstreams"), "{answer}");
        }
    }
}

#[tokio::test]
async fn hosts_and_orders_change_with_a_reload() {
    let backend = library().start().await;
    let files = routes(&yaml(&backend, "")).file("library.binpb", backend.descriptors());
    let gateway = files.start().await;
    let (admin, ready) = (gateway.admin(), "GET /ready HTTP/1.1\r\nhost: gw\r\nconnection: close\r\n\r\n");
    assert!(raw(admin, ready).await.starts_with("HTTP/1.1 403 "));
    gateway.save("routes.yaml", yaml(&backend, ", hosts: gw, orders: false"));
    let (status, text) = order(admin, Method::POST, "/reload", &[]).await;
    assert_eq!(status, 200, "{text}");
    assert!(raw(admin, ready).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(order(admin, Method::POST, "/reload", &[]).await.0, 403);
}

#[tokio::test]
async fn orders_can_be_off() {
    let (_backend, gateway) = gateway(", orders: false").await;
    let admin = gateway.admin();
    for (method, path) in [("POST", "/reload"), ("POST", "/drain"), ("PUT", "/log"), ("GET", "/drain")] {
        let (status, text) = order(admin, method.parse().unwrap(), path, &[]).await;
        assert_eq!(status, 403, "{method} {path}: {text}");
        assert!(text.contains("admin.orders"), "{text}");
    }
    let (status, index) = order(admin, Method::GET, "/", &[]).await;
    assert!(status == 200 && !index.contains("/drain") && index.contains("/metrics"), "{index}");
    for path in ["/ready", "/metrics", "/config"] {
        assert_eq!(order(admin, Method::GET, path, &[]).await.0, 200, "{path}");
    }
    assert_eq!(gateway.get("/books/b1").await.status, StatusCode::OK, "it does not drain");
}

#[tokio::test]
async fn orders_are_not_taken_from_pages() {
    let (_backend, gateway) = gateway("").await;
    let admin = gateway.admin();
    let own = format!("http://{admin}/reloads");
    for (headers, expected) in [
        (vec![], 200),
        (vec![("referer", own.as_str())], 200),
        (vec![("referer", "http://evil.example/")], 403),
        (vec![("referer", "")], 403),
        (vec![("origin", "http://evil.example")], 403),
        (vec![("sec-fetch-site", "same-site")], 403),
    ] {
        let (status, text) = order(admin, Method::POST, "/reload", &headers).await;
        assert_eq!(status, expected, "{headers:?}: {text}");
    }
    let (status, _) = order(admin, Method::GET, "/ready", &[("referer", "http://evil.example/")]).await;
    assert_eq!(status, 200, "a link to a page may be followed");
}

#[tokio::test]
async fn half_requests_do_not_keep_probes_out() {
    let (_backend, gateway) = gateway("").await;
    let admin = gateway.admin();
    let halves: [&[u8]; 4] = [
        b"",
        b"GET /ready HTT",
        b"GET /ready HTTP/1.1\r\nhost: localhost\r\n",
        b"PUT /log HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\n",
    ];
    let mut held = Vec::new();
    for half in halves.iter().cycle().take(3 * MAX_CONNECTIONS) {
        let mut stream = TcpStream::connect(admin).await.unwrap();
        // One that has made room meanwhile is closed already.
        drop(stream.write_all(half).await);
        held.push(stream);
    }
    // Far below the time that a head may take, after which all of them would be closed.
    let probe = tokio::time::timeout(Duration::from_secs(5), order(admin, Method::GET, "/ready", &[])).await;
    assert_eq!(probe.expect("a probe is answered at once").0, 200);
    for _ in 0..MAX_CONNECTIONS {
        let mut stream = TcpStream::connect(admin).await.unwrap();
        stream.write_all(b"GET /ready HTT").await.unwrap();
        held.push(stream);
        assert_eq!(order(admin, Method::GET, "/ready", &[]).await.0, 200);
    }
}
