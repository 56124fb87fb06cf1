//! What the edge refuses, over HTTP/1.1 and HTTP/2, in each shape of an error, and counted.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::net::TcpStream;

use crate::harness::{self, Answer, Gateway, collect};
use crate::{gateway, library};

const ROUTES: &str = "routes:\n  - get: /books/{name}\n    grpc: library.v1.Library/GetBook\n\
    \x20 - post: /books\n    grpc: library.v1.Library/CreateBook\n\
    limits: {headers: 8KiB, body: 1KiB, header_timeout: 200ms}\n";

/// A body that is announced, and never comes.
struct Announced(u64);

impl Body for Announced {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.0 == 0 { Poll::Ready(None) } else { Poll::Pending }
    }

    fn is_end_stream(&self) -> bool {
        self.0 == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0)
    }
}

/// What is sent, and what comes back: status and reason.
fn refused() -> Vec<(Request<Announced>, u16, &'static str)> {
    let of = |method: Method, path: &str, fields: &[(&str, &str)], body| {
        let request = Request::builder().method(method).uri(format!("http://shop.example{path}"));
        let request = fields.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.body(Announced(body)).unwrap()
    };
    let (large, many) = ("a".repeat(9000), vec![("x-many", "a"); 300]);
    let hosts = [("host", "shop.example"), ("host", "other.example")];
    let types = [("content-type", "application/json"), ("content-type", "text/plain")];
    let tokens = [("authorization", "Bearer a"), ("authorization", "Bearer b")];
    let deadlines = [("grpc-timeout", "1S"), ("grpc-timeout", "2S")];
    vec![
        (of(Method::GET, "/books/b1", &[("x-large", &large)], 0), 431, "HEADERS_TOO_LARGE"),
        (of(Method::GET, "/books/b1", &many, 0), 431, "HEADERS_TOO_LARGE"),
        (of(Method::POST, "/books", &[("x-large", &large)], 10), 431, "HEADERS_TOO_LARGE"),
        (of(Method::POST, "/books", &[], 5000), 413, "BODY_TOO_LARGE"),
        (of(Method::POST, "/books", &[], 10), 408, "BODY_TIMEOUT"),
        (of(Method::GET, "/books/%zz", &[], 0), 400, "BAD_PATH"),
        (of(Method::GET, "/books/../b1", &[], 0), 400, "BAD_PATH"),
        (of(Method::GET, "/books/b1", &hosts, 0), 400, "BAD_HEAD"),
        (of(Method::POST, "/books", &types, 0), 400, "BAD_HEAD"),
        (of(Method::GET, "/books/b1", &tokens, 0), 400, "BAD_HEAD"),
        (of(Method::GET, "/books/b1", &deadlines, 0), 400, "BAD_HEAD"),
        (of(Method::GET, "/nowhere", &[], 0), 404, "ROUTE_NOT_FOUND"),
        (of(Method::DELETE, "/books/b1", &[], 0), 405, "METHOD_NOT_ALLOWED"),
    ]
}

async fn over_http1(address: SocketAddr, mut request: Request<Announced>) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    if !request.headers().contains_key("host") {
        request.headers_mut().insert("host", "shop.example".parse().unwrap());
    }
    *request.uri_mut() = request.uri().path().parse().unwrap();
    collect(sender.send_request(request).await.unwrap()).await
}

/// The reason in a body of this shape.
fn reason(shape: &str, answer: &Answer) -> Value {
    let body: Value =
        serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
    let content_type = if shape == "problem" { "application/problem+json" } else { "application/json" };
    assert_eq!(answer.header("content-type"), content_type);
    assert!(!answer.header("x-request-id").is_empty(), "{answer:?}");
    match shape {
        "google" => body["details"][0]["reason"].clone(),
        _ => body["reason"].clone(),
    }
}

async fn count(gateway: &Gateway, reason: &str) -> u32 {
    let metrics = harness::send(gateway.admin(), harness::request(Method::GET, "/metrics")).await.text();
    let start = format!("gateway_failures_total{{reason=\"{reason}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&start));
    line.unwrap_or_else(|| panic!("{reason} is counted:\n{metrics}")).parse().unwrap()
}

#[tokio::test]
async fn each_refusal_has_the_body_of_the_contract() {
    let backend = library().start().await;
    for shape in ["simple", "google", "problem"] {
        let gateway = gateway(&backend, &format!("{ROUTES}errors: {shape}\n")).await;
        for (request, status, expected) in refused() {
            let what = format!("{shape}: {} {}", request.method(), request.uri());
            let answer = over_http1(gateway.address(), request).await;
            assert_eq!(answer.status.as_u16(), status, "{what}: {answer:?}");
            assert_eq!(reason(shape, &answer), expected, "{what}");
        }
        // All on one connection, which is none the worse for it.
        let stream = TcpStream::connect(gateway.address()).await.unwrap();
        let (mut sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        for (request, status, expected) in refused() {
            let what = format!("{shape}, HTTP/2: {} {}", request.method(), request.uri());
            let before = count(&gateway, expected).await;
            let answer = collect(sender.send_request(request).await.unwrap()).await;
            assert_eq!(answer.status.as_u16(), status, "{what}: {answer:?}");
            assert_eq!(reason(shape, &answer), expected, "{what}");
            assert_eq!(count(&gateway, expected).await, before + 1, "{what}");
        }
        let fine = Request::get("http://shop.example/books/b1").body(Announced(0)).unwrap();
        assert_eq!(sender.send_request(fine).await.unwrap().status(), StatusCode::OK);
    }
}
