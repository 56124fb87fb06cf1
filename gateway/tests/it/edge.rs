//! Connections: HTTP/1.1, HTTP/2, silence, drain.

use std::time::Duration;

use http::{Method, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{collect, request};
use crate::{gateway, library, silent};

const ROUTES: &str = "routes:\n  - get: /books/{name}\n    grpc: library.v1.Library/GetBook\n";

#[tokio::test]
async fn http2_by_prior_knowledge_on_the_same_port() {
    let backend = library().start().await;
    let gateway = gateway(&backend, ROUTES).await;
    let stream = TcpStream::connect(gateway.address()).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let uri = "http://shop.example/books/b1";
    let calls = (0..20).map(|_| sender.send_request(request(Method::GET, uri)));
    let calls: Vec<_> = calls.collect();
    for call in calls {
        let answer = collect(call.await.unwrap()).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({})));
    }
    assert_eq!(backend.seen().len(), 20);
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request() {
    let backend = library().start().await;
    let gateway = gateway(&backend, ROUTES).await;
    let stream = TcpStream::connect(gateway.address()).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    for _ in 0..5 {
        sender.ready().await.unwrap();
        let answer = collect(sender.send_request(request(Method::GET, "/books/b1")).await.unwrap()).await;
        assert_eq!(answer.status, StatusCode::OK);
    }
}

/// Waits until the gateway closes the connection; gives what it sent before.
async fn closed(stream: &mut TcpStream) -> String {
    let mut sent = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut sent)).await;
    // A reset is a way to close it, too.
    drop(closed.expect("the gateway closes the connection"));
    String::from_utf8_lossy(&sent).into_owned()
}

#[tokio::test]
async fn connections_that_say_nothing_or_half_of_it_are_closed() {
    let backend = library().start().await;
    let limits = "limits: {header_timeout: 200ms, idle_timeout: 400ms}\n";
    let gateway = gateway(&backend, &format!("{ROUTES}{limits}")).await;
    for sent in ["", "PRI * HTTP/2.0\r\n", "GET /books/b1 HTTP/1.1\r\nhost: a\r\nx-slow: "] {
        let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        assert_eq!(closed(&mut stream).await, "", "{sent:?}");
    }
    // Idle after a request, and idle in HTTP/2 without any stream.
    let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
    stream.write_all(b"GET /books/b1 HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    assert!(closed(&mut stream).await.starts_with("HTTP/1.1 200"));
    let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    closed(&mut stream).await;
    assert_eq!(gateway.get("/books/b1").await.status, StatusCode::OK, "honest clients are served meanwhile");
}

#[tokio::test]
async fn a_body_that_stops_in_the_middle_is_a_timeout() {
    let backend = library().start().await;
    let routes = "routes:\n  - post: /books\n    grpc: library.v1.Library/CreateBook\nlimits: {header_timeout: 200ms}\n";
    let gateway = gateway(&backend, routes).await;
    let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
    stream
        .write_all(b"POST /books HTTP/1.1\r\nhost: a\r\ncontent-length: 20\r\n\r\n{\"shelf\":")
        .await
        .unwrap();
    let answer = closed(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("BODY_TIMEOUT"), "{answer}");
}

#[tokio::test]
async fn requests_that_could_be_read_in_two_ways_are_refused() {
    let backend = library().start().await;
    let gateway = gateway(&backend, ROUTES).await;
    for (target, fields) in [
        ("POST /books/b1 HTTP/1.1", "host: a\r\ncontent-length: 5\r\ncontent-length: 6"),
        ("POST /books/b1 HTTP/1.1", "host: a\r\ncontent-length: +5"),
        ("POST /books/b1 HTTP/1.1", "host: a\r\ntransfer-encoding: chunked, identity"),
        ("GET /books/b1 HTTP/1.1", "host : a"),
        ("GET /books/b1 HTTP/1.1", "host: a\r\n x: folded"),
        ("GET /books/b1 HTTP/1.1", "host: a\r\nx: a\0b"),
        ("GET /books/b1 HTTP/1.1", "host: a\nx: y"),
        ("GET /books/b1 HTTP/1.1", "host: a\rx: y"),
        ("GET  /books/b1 HTTP/1.1", "host: a"),
        ("GET /books/b1 HTTP/1.2", "host: a"),
        ("GET /books/b1", "host: a"),
        // Which host?
        ("GET /books/b1 HTTP/1.1", "x: y"),
        ("GET http://a/books/b1 HTTP/1.1", "x: y"),
        ("GET /books/b1 HTTP/1.1", "host: a\r\nhost: b"),
        ("GET /books/b1 HTTP/1.1", "host: a\r\nhost: a"),
        ("GET /books/b1 HTTP/1.1", "host: a b"),
        ("GET /books/b1 HTTP/1.1", "host: a/books"),
        ("GET /books/b1 HTTP/1.1", "host: b@a"),
        ("GET /books/b1 HTTP/1.1", "host: a:b"),
        ("GET http://b@a/books/b1 HTTP/1.1", "host: a"),
        // Which path?
        ("GET books/b1 HTTP/1.1", "host: a"),
        ("GET http:///books/b1 HTTP/1.1", "host: a"),
        ("GET /books/b1#x HTTP/1.1", "host: a"),
        ("GET /books/../b1 HTTP/1.1", "host: a"),
        ("GET /x/%2e%2E/books/b1 HTTP/1.1", "host: a"),
        ("GET /./books/b1 HTTP/1.1", "host: a"),
        ("GET /books/%c0%ae HTTP/1.1", "host: a"),
        ("GET /books/%u002e HTTP/1.1", "host: a"),
    ] {
        let head = format!("{target}\r\n{fields}\r\nconnection: close\r\n\r\n");
        let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let answer = closed(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{head:?}: {answer}");
        assert!(answer.contains("\"reason\":\"BAD_"), "{head:?}: {answer}");
    }
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn requests_that_are_unusual_are_read_as_the_standard_says() {
    let backend = library().start().await;
    let route = "  - get: /of/{name}\n    grpc: library.v1.Library/GetBook\n    host: [shop.example]\n";
    let gateway = gateway(&backend, &format!("{ROUTES}{route}")).await;
    for (target, host, status) in [
        // The target's host is the one that counts.
        ("GET http://shop.example/of/b1 HTTP/1.1", "other.example", "200"),
        ("GET http://other.example/of/b1 HTTP/1.1", "shop.example", "404"),
        ("GET HTTP://SHOP.example:80/of/b1 HTTP/1.1", "shop.example", "200"),
        ("GET /of/b1 HTTP/1.1", "SHOP.EXAMPLE:3000", "200"),
        ("GET /books/b1 HTTP/1.1", "", "200"),
        ("GET /books/b1 HTTP/1.1", "[::1]:80", "200"),
        ("GET /books/b%2F1 HTTP/1.1", "a", "200"),
        ("GET /books%2Fb1 HTTP/1.1", "a", "404"),
        ("GET //books/b1 HTTP/1.1", "a", "404"),
        ("GET /books//b1 HTTP/1.1", "a", "404"),
        ("get /books/b1 HTTP/1.1", "a", "405"),
        ("GET * HTTP/1.1", "a", "404"),
        ("OPTIONS * HTTP/1.1", "a", "204"),
        ("CONNECT a:80 HTTP/1.1", "a:80", "404"),
        ("GET a:80 HTTP/1.1", "a:80", "404"),
        ("\r\nGET /books/b1 HTTP/1.1", "a", "200"),
    ] {
        let head = format!("{target}\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let answer = closed(&mut stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{head:?}: {answer}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_cancels_its_call() {
    let begun = "GET /books/b1 HTTP/1.1\r\nhost: a\r\n\r\n";
    // Also while something waits behind the call: the beginning of a head, a bad one, more than anybody reads at once.
    let bad = "GET /books/b2 HTTP/1.1\r\nhost : a\r\n\r\n";
    for behind in ["", "GET /books/b2 HT", bad, &format!("{bad}{}", "x".repeat(100_000))] {
        let (peer, gateway) = silent(ROUTES).await;
        let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
        stream.write_all(format!("{begun}{behind}").as_bytes()).await.unwrap();
        let patience = tokio::time::Instant::now() + Duration::from_secs(20);
        while peer.calls() == 0 {
            assert!(tokio::time::Instant::now() < patience, "the call arrives");
            tokio::task::yield_now().await;
        }
        drop(stream);
        let cancelled = tokio::time::timeout(Duration::from_secs(20), peer.cancelled(1)).await;
        cancelled.unwrap_or_else(|_| panic!("the call is cancelled: {behind:.50}"));
    }
}

#[tokio::test]
async fn a_head_behind_a_request_has_no_more_time_than_the_first() {
    let backend = library().start().await;
    let limits = "limits: {header_timeout: 200ms, idle_timeout: 1h}\n";
    let gateway = gateway(&backend, &format!("{ROUTES}{limits}")).await;
    let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
    stream.write_all(b"GET /books/b1 HTTP/1.1\r\nhost: a\r\n\r\nGET /books/b2 HTTP/1.1\r\n").await.unwrap();
    let answer = closed(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.matches("HTTP/1.1 ").count() == 1, "{answer}");
}

#[tokio::test]
async fn asking_for_an_upgrade_changes_nothing() {
    let backend = library().start().await;
    let routes = format!("{ROUTES}  - post: /books\n    grpc: library.v1.Library/CreateBook\n");
    let gateway = gateway(&backend, &format!("{routes}limits: {{body: 1KiB}}\n")).await;
    let upgrade = "host: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n";
    let large = "x".repeat(600_000);
    for (sent, expected) in [
        (format!("POST /books HTTP/1.1\r\n{upgrade}content-length: 999999\r\n\r\n{large}"), &["413"][..]),
        (
            format!(
                "GET /books/b1 HTTP/1.1\r\n{upgrade}\r\nGET /books/b2 HTTP/1.1\r\nhost : a\r\n\r\n{large}"
            ),
            &["200", "400"],
        ),
        ("CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\nGET / HTTP/9.9\r\n\r\n".to_owned(), &["404", "400"]),
    ] {
        let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("the answer is not lost to a reset");
        let statuses: Vec<&str> = answer.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
        assert_eq!(statuses, expected, "{sent:.100}: {answer}");
    }
}

#[tokio::test]
async fn a_drain_ends_idle_connections_and_refuses_new_ones() {
    let backend = library().start().await;
    let gateway = gateway(&backend, ROUTES).await;
    let address = gateway.address();
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET /books/b1 HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");

    gateway.stop().await;
    closed(&mut idle).await;
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

/// Bodies may pause for a minute: what is answered in time was not waited for.
const SMALL_BODIES: &str = "routes:\n  - post: /books\n    grpc: library.v1.Library/CreateBook\n\
    limits: {body: 64B, header_timeout: 1m}\n";

#[tokio::test]
async fn chunks_that_announce_too_much_are_refused_at_once() {
    let backend = library().start().await;
    let gateway = gateway(&backend, SMALL_BODIES).await;
    let head = "POST /books HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    for (pieces, status, reason) in [
        (&["41\r\n"][..], "413", "BODY_TOO_LARGE"),
        (&["41"], "413", "BODY_TOO_LARGE"),
        (&["ffffffffffffffff\r\n"], "413", "BODY_TOO_LARGE"),
        (&["7fffffffffffffff\r\n"], "413", "BODY_TOO_LARGE"),
        (&["fffffffffffffffff\r\n"], "413", "BODY_TOO_LARGE"),
        (&["ffffffffffffffffffffffffffffffffffffffff"], "413", "BODY_TOO_LARGE"),
        (&["10000000000000000\r\n"], "413", "BODY_TOO_LARGE"),
        // What is left, not the whole.
        (&["20\r\n{                               \r\n21\r\n"], "413", "BODY_TOO_LARGE"),
        (&["20\r\n{                               \r\n", "21\r\n"], "413", "BODY_TOO_LARGE"),
        (&["20\r\n{   ", "                            \r\n2", "1;x=y"], "413", "BODY_TOO_LARGE"),
        (&["", "ffffffffffffffff"], "413", "BODY_TOO_LARGE"),
        (&["0000000000000000000000000002\r\n{}\r\n0\r\n\r\n"], "400", "BODY_UNREADABLE"),
        (&["2\r\n{}\r\n0\r\n\r\n"], "200", ""),
        (&["0000000000000002\r\n{}\r\n0\r\n\r\n"], "200", ""),
        (
            &[
                "20\r\n{                               \r\n20\r\n                               }\r\n0\r\n\r\n",
            ],
            "200",
            "",
        ),
    ] {
        let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        for (index, piece) in pieces.iter().enumerate() {
            if index > 0 {
                // The gateway has read the piece before, most of the time; either way the answer is the same.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            drop(stream.write_all(piece.as_bytes()).await);
        }
        let mut answer = Vec::new();
        let mut buffer = [0; 4096];
        while !answer.ends_with(b"}") && !answer.ends_with(b"\n") {
            let read = tokio::time::timeout(Duration::from_secs(20), stream.read(&mut buffer)).await;
            match read.expect("the answer comes at once").unwrap() {
                0 => break,
                n => answer.extend_from_slice(&buffer[..n]),
            }
        }
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{pieces:?}: {answer}");
        assert!(answer.contains(reason), "{pieces:?}: {answer}");
    }
}

#[tokio::test]
async fn a_request_behind_another_one_is_judged_by_itself() {
    let backend = library().start().await;
    let gateway = gateway(&backend, SMALL_BODIES).await;
    let head = "POST /books HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
    let both = format!("{head}2\r\n{{}}\r\n0\r\n\r\n{head}ffff\r\n");
    stream.write_all(both.as_bytes()).await.unwrap();
    let answers = closed(&mut stream).await;
    assert!(answers.starts_with("HTTP/1.1 200"), "{answers}");
    assert!(answers.contains("HTTP/1.1 413") && answers.contains("BODY_TOO_LARGE"), "{answers}");
}
