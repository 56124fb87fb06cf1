//! Connections that never get as far as a request: TLS that stalls or is none, PROXY headers that are none.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::gateway::{Gateway, Settings};

/// Bytes that look random, the same every time.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

/// Opens many connections with each of these beginnings, and waits until all are closed.
async fn open_with(address: SocketAddr, beginnings: &[Vec<u8>]) {
    let mut streams = Vec::new();
    for beginning in beginnings {
        for _ in 0..40 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            // The gateway may be quicker than we.
            drop(stream.write_all(beginning).await);
            streams.push(stream);
        }
    }
    for mut stream in streams {
        let closed = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut Vec::new())).await;
        drop(closed.expect("the gateway closes the connection"));
    }
}

/// Attacks the listener of a gateway; its growth and its health show how it took that.
async fn attack(listener: &str, rest: &str, files: &[(&str, String)], beginnings: &[Vec<u8>], honest: &[u8]) {
    let backend = crate::library().await;
    let rest = format!("limits: {{header_timeout: 1s}}\n{rest}");
    let gateway = Gateway::start(&backend, &Settings { listener, rest: &rest, files, ..Settings::default() });
    let before = gateway.resident();
    for _ in 0..3 {
        open_with(gateway.address(), beginnings).await;
    }
    let growth = gateway.most_resident().saturating_sub(before);
    assert!(growth < 64 << 20, "grew by {} MiB", growth >> 20);
    let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
    stream.write_all(honest).await.unwrap();
    let mut first = [0; 1];
    tokio::time::timeout(Duration::from_secs(5), stream.read_exact(&mut first)).await.unwrap().unwrap();
    assert!(first == *b"H" || first == [0x16], "an honest client is answered");
}

/// A client's first message of TLS, as a library writes it.
fn hello() -> Vec<u8> {
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let mut client = rustls::ClientConnection::new(config.into(), name).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    hello
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_that_stalls_or_is_none() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files = [("edge.pem", made.cert.pem()), ("edge.key", made.signing_key.serialize_pem())];
    let hello = hello();
    let mut flipped = hello.clone();
    flipped[40..].iter_mut().step_by(7).for_each(|byte| *byte ^= 0x55);
    let mut longest = vec![0x16, 3, 1, 0xff, 0xff];
    longest.extend(noise(70_000));
    let beginnings = [
        Vec::new(),
        hello[..hello.len() / 2].to_vec(),
        hello.clone(),
        [&hello[..], &noise(500)].concat(),
        flipped,
        longest,
        noise(2000),
        b"\x16\x03\x01\x00\x00".repeat(500),
        b"\x15\x03\x01\x00\x02\x02\x28".to_vec(),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        crate::frames::PREFACE.to_vec(),
    ];
    let listener = ", tls: {certificate: edge.pem, key: edge.key}";
    attack(listener, "", &files, &beginnings, &hello).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxy_headers_that_are_none() {
    let signature = b"\r\n\r\n\0\r\nQUIT\n";
    let beginnings = [
        Vec::new(),
        b"PROXY ".to_vec(),
        [&b"PROXY UNKNOWN "[..], &b"x".repeat(10_000)].concat(),
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1 99999\r\n".to_vec(),
        [&signature[..], b"\x21\x11\xff\xff"].concat(),
        [&signature[..], b"\x21\x11\x0f\x00"].concat(),
        [&signature[..], b"\x2f\x11\0\x0c0123456789ab"].concat(),
        noise(5000),
        b"GET / HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(),
    ];
    let honest = b"PROXY TCP4 203.0.113.9 10.0.0.1 5000 443\r\nGET /books/b1 HTTP/1.1\r\nhost: a\r\n\r\n";
    attack(", proxy_protocol: true", "trusted_proxies: [127.0.0.1]\n", &[], &beginnings, honest).await;
}
