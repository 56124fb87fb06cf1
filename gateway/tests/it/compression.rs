//! Bodies in gzip, deflate, brotli and zstd, both ways.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use testkit::backend::{Backend, reply};

use crate::harness::{Answer, Gateway, request};
use crate::{gateway, library};

const ROUTES: &str = "routes:\n  - {get: '/books/{name}', grpc: library.v1.Library/GetBook}\n  \
                      - {post: /books, grpc: library.v1.Library/CreateBook}\n";

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

async fn post(gateway: &Gateway, coding: &str, body: Vec<u8>) -> Answer {
    let request = Request::post("/books").header("host", "shop.example").header("content-encoding", coding);
    let request = request.header("content-type", "application/json");
    gateway.request(request.body(Full::from(Bytes::from(body))).unwrap()).await
}

async fn get(gateway: &Gateway, method: Method, accepts: &str) -> Answer {
    let mut request = request(method, "/books/1");
    request.headers_mut().insert("accept-encoding", accepts.parse().unwrap());
    gateway.request(request).await
}

async fn long_book() -> Backend {
    library()
        .on("library.v1.Library/GetBook", |_| reply(json!({"title": "war and peace ".repeat(400)})))
        .start()
        .await
}

#[tokio::test]
async fn what_clients_compress_is_decompressed() {
    let backend = library().start().await;
    let gateway = gateway(&backend, ROUTES).await;
    let body = br#"{"shelf":"7"}"#;
    for (coding, bytes) in [
        ("gzip", gzip(body)),
        ("br", {
            let mut out = Vec::new();
            brotli::CompressorWriter::new(&mut out, 4096, 4, 20).write_all(body).unwrap();
            out
        }),
        ("zstd", zstd::encode_all(&body[..], 3).unwrap()),
        ("identity", body.to_vec()),
    ] {
        let answer = post(&gateway, coding, bytes).await;
        assert_eq!(answer.status, StatusCode::OK, "{coding}: {answer:?}");
        assert_eq!(backend.only().json(), json!({"shelf": "7"}), "{coding}");
    }
}

#[tokio::test]
async fn what_cannot_be_decompressed_is_refused_in_the_contracts_shape() {
    let backend = library().start().await;
    let gateway = gateway(&backend, ROUTES).await;
    let bomb = gzip(&gzip(&vec![b' '; 16 << 20]));
    for (coding, body, status, reason) in [
        ("compress", b"{}".to_vec(), 415, "UNSUPPORTED_ENCODING"),
        ("gzip", b"{}".to_vec(), 400, "BODY_UNREADABLE"),
        ("gzip", gzip(&vec![b' '; 5 << 20]), 413, "BODY_TOO_LARGE"),
        ("gzip, gzip", bomb, 413, "BODY_TOO_LARGE"),
    ] {
        let answer = post(&gateway, coding, body).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["reason"]), (status, &json!(reason)), "{coding}");
        if status == 415 {
            assert_eq!(answer.header("accept-encoding"), "gzip, deflate, br, zstd");
        }
    }
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn answers_are_compressed_where_the_file_and_the_client_say_so() {
    let backend = long_book().await;
    let plain = gateway(&backend, ROUTES).await;
    let answer = get(&plain, Method::GET, "gzip").await;
    assert_eq!((answer.header("content-encoding"), answer.header("vary")), ("", ""), "off by default");
    let expected: Value = answer.json();

    let gateway = gateway(&backend, &format!("{ROUTES}compression: [gzip, br]\n")).await;
    let answer = get(&gateway, Method::GET, "gzip, br").await;
    assert_eq!((answer.header("content-encoding"), answer.header("vary")), ("gzip", "accept-encoding"));
    assert!(answer.body.len() < 500, "{}", answer.body.len());
    let mut text = String::new();
    GzDecoder::new(&*answer.body).read_to_string(&mut text).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);

    let head = get(&gateway, Method::HEAD, "gzip, br").await;
    assert_eq!(head.header("content-length"), answer.header("content-length"), "HEAD tells the same length");
    let other = get(&gateway, Method::GET, "gzip;q=0.1, br").await;
    assert_eq!(other.header("content-encoding"), "br");
    let none = get(&gateway, Method::GET, "identity").await;
    assert_eq!((none.header("content-encoding"), none.header("vary")), ("", "accept-encoding"));
    assert_eq!(none.json(), expected);
}
