//! HTTP/1.1 clients that are slow, silent, large, or ambiguous.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::gateway::{Gateway, Settings, withstand, withstand_with};

/// Connections that an attack of this file opens.
const MANY: usize = 300;
/// Limits that end an attack within the time of a test.
const SOON: Settings<'static> = Settings {
    listener: "",
    upstreams: "",
    rest: "limits: {header_timeout: 1s, idle_timeout: 2s}\n",
    files: &[],
};

async fn connections(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..count {
        streams.push(TcpStream::connect(address).await.unwrap());
    }
    streams
}

/// Waits until the gateway has closed all of them.
async fn all_closed(streams: Vec<TcpStream>) {
    for mut stream in streams {
        let closed = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut Vec::new())).await;
        drop(closed.expect("the gateway closes the connection"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence() {
    withstand(&SOON, async |address| all_closed(connections(address, MANY).await).await).await;
}

/// Drips bytes into every connection until all are closed.
async fn drip(mut streams: Vec<TcpStream>, drops: &[u8]) {
    let started = Instant::now();
    while !streams.is_empty() {
        assert!(started.elapsed() < Duration::from_secs(20), "{} are still open", streams.len());
        let mut open = Vec::new();
        for mut stream in streams {
            let mut answer = [0; 1024];
            let closed = matches!(stream.try_read(&mut answer), Ok(0))
                || matches!(stream.try_read(&mut answer), Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset);
            if !closed && stream.write_all(drops).await.is_ok() {
                open.push(stream);
            }
        }
        streams = open;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_heads() {
    withstand(&SOON, async |address| {
        let mut streams = connections(address, MANY).await;
        for stream in &mut streams {
            stream.write_all(b"GET /books/b1 HTTP/1.1\r\nhost: a\r\nx: ").await.unwrap();
        }
        drip(streams, b"a").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_bodies() {
    withstand(&SOON, async |address| {
        let mut streams = connections(address, MANY).await;
        for stream in &mut streams {
            let head = b"POST /books HTTP/1.1\r\nhost: a\r\ncontent-length: 4000000\r\n\r\n{\"text\":\"";
            stream.write_all(head).await.unwrap();
        }
        // Faster than the pause between two pieces, and still far too slow.
        drip(streams, b"a").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn huge_heads() {
    withstand(&SOON, async |address| {
        let line = format!("x-filler: {}\r\n", "a".repeat(1000));
        for _ in 0..20 {
            let mut streams = connections(address, 20).await;
            for stream in &mut streams {
                stream.write_all(b"GET /books/b1 HTTP/1.1\r\nhost: a\r\n").await.unwrap();
                for _ in 0..100 {
                    if stream.write_all(line.as_bytes()).await.is_err() {
                        break;
                    }
                }
            }
            for mut stream in streams {
                let mut answer = Vec::new();
                drop(stream.read_to_end(&mut answer).await);
                let answer = String::from_utf8_lossy(&answer);
                assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
                assert!(answer.contains("HEADERS_TOO_LARGE"), "{answer}");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_fill_the_buffers() {
    // 200 bodies of 1 MiB that all wait for their last byte: 16 MiB of them may be held.
    let settings = Settings {
        rest: "limits: {buffers: 16MiB, header_timeout: 3s, idle_timeout: 4s}\n",
        ..Settings::default()
    };
    let backend = crate::library().await;
    let gateway = Gateway::start(&backend, &settings);
    let before = gateway.resident();
    let mut tasks = Vec::new();
    for _ in 0..200 {
        let address = gateway.address();
        tasks.push(tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let head = b"POST /books HTTP/1.1\r\nhost: a\r\ncontent-length: 1048576\r\n\r\n{\"text\":\"";
            stream.write_all(head).await.unwrap();
            let most = vec![b'a'; 1_000_000];
            // It may be refused in the middle.
            drop(stream.write_all(&most).await);
            let mut answer = Vec::new();
            drop(stream.read_to_end(&mut answer).await);
            String::from_utf8_lossy(&answer).into_owned()
        }));
    }
    let mut refused = 0;
    for task in tasks {
        let answer = task.await.unwrap();
        if answer.starts_with("HTTP/1.1 503") {
            assert!(answer.contains("OVERLOADED") && answer.contains("retry-after: 1"), "{answer}");
            refused += 1;
        } else {
            assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
        }
    }
    assert!((150..200).contains(&refused), "{refused} of 200 are refused");
    let growth = gateway.most_resident().saturating_sub(before);
    assert!(growth < 80 << 20, "grew by {} MiB", growth >> 20);
    // What was held is given back.
    withstand_with(&gateway, async {}).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_nobody_reads() {
    // Each answer is half a MiB; the sockets take some of it.
    let settings = Settings { rest: "limits: {buffers: 16MiB, idle_timeout: 2s}\n", ..Settings::default() };
    let backend = crate::library().await;
    let gateway = Gateway::start(&backend, &settings);
    withstand_with(&gateway, async {
        let before = gateway.descriptors();
        let mut streams = connections(gateway.address(), 40).await;
        for stream in &mut streams {
            let pipelined = b"GET /texts/large HTTP/1.1\r\nhost: a\r\n\r\n".repeat(20);
            stream.write_all(&pipelined).await.unwrap();
        }
        let until = Instant::now() + Duration::from_secs(20);
        let held = || gateway.descriptors().saturating_sub(before);
        while held() < 20 {
            assert!(Instant::now() < until, "the attackers are let in");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Nothing is read until the gateway has had enough; what is left are connections of its own, and honest ones.
        while held() > 10 {
            assert!(Instant::now() < until, "they are cut off, but {}", held());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        all_closed(streams).await;
    })
    .await;
}

/// Sends bytes, and reads until the gateway closes.
async fn told(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // It may be refused before it is read.
    drop(stream.write_all(bytes).await);
    let mut answer = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
    drop(closed.expect("the gateway closes the connection"));
    String::from_utf8_lossy(&answer).into_owned()
}

/// A second request, hidden in the body of the first.
const HIDDEN: &str = "GET /books/hidden HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn smuggling() {
    let backend = crate::library().await;
    let gateway = Gateway::start(&backend, &SOON);
    let heads = [
        "content-length: 4\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 4",
        "content-length: 0\r\ncontent-length: 44",
        "content-length: 0\r\ncontent-length: 0",
        "content-length: 0, 44",
        "content-length: +0",
        "content-length: 0x0",
        "content-length: -1",
        "content-length: 0\r\n\tfolded: 1",
        "content-length : 0",
        "content-length\t: 0",
        "content-length: 0\nx: y",
        "content-length: 0\rx: y",
        "x: y\0\r\ncontent-length: 0",
        "transfer-encoding: xchunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity",
        "transfer-encoding: identity, chunked",
        "transfer-encoding: chunked;q=1",
        "transfer-encoding : chunked",
        "transfer-encoding:\x0bchunked",
        "transfer-encoding:\r\n chunked",
        "transfer\u{2010}encoding: chunked",
    ];
    for head in heads {
        let sent = format!("POST /books HTTP/1.1\r\nhost: a\r\n{head}\r\n\r\n0\r\n\r\n{HIDDEN}");
        let answer = told(gateway.address(), sent.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{head:?}: {answer}");
        assert!(
            answer.contains("\"reason\":\"BAD_HEAD\"") && answer.contains("connection: close"),
            "{head:?}: {answer}"
        );
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{head:?}: {answer}");
    }
    for chunks in [
        "5\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "05x\r\nhello\r\n0\r\n\r\n",
        "5\r\nhelloworld\r\n0\r\n\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
    ] {
        let sent =
            format!("POST /books HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{chunks}{HIDDEN}");
        let answer = told(gateway.address(), sent.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{chunks:?}: {answer}");
        assert!(answer.contains("BODY_UNREADABLE"), "{chunks:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{chunks:?}: {answer}");
    }
    // No body of this size could be accepted, whatever follows.
    for size in ["fffffffffffffffff", "ffffffffffffffff", "7fffffffffffffff", "00000000ffffffff"] {
        let sent = format!(
            "POST /books HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{size}\r\nhello{HIDDEN}"
        );
        let answer = told(gateway.address(), sent.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("BODY_TOO_LARGE"), "{size}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{size}: {answer}");
    }
    assert!(backend.seen().is_empty(), "no hidden request reached the service");
    // A good request in front of a bad one is answered first.
    let sent = "GET /books/b1 HTTP/1.1\r\nhost: a\r\n\r\nGET /books/b2 HTTP/1.1\r\nhost : a\r\n\r\n";
    // With patience, so that it is no timeout of the gateway that lets the second answer go.
    let patient = Gateway::start(&backend, &Settings::default());
    let answer = told(patient.address(), sent.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("HTTP/1.1 400"), "{answer}");
    // An early answer reaches its client, though the body is still on its way.
    let sent =
        format!("POST /books HTTP/1.1\r\nhost: a\r\ncontent-length: 5000000\r\n\r\n{}", "x".repeat(600_000));
    let answer = told(gateway.address(), sent.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_connections_than_may_be() {
    let settings = Settings { rest: "limits: {connections: 50}\n", ..Settings::default() };
    let backend = crate::library().await;
    let gateway = Gateway::start(&backend, &settings);
    let held = connections(gateway.address(), 50).await;
    // The next one is closed at once; the moment it is, is the gateway's.
    assert_eq!(told(gateway.address(), b"").await, "");
    drop(held);
    let get = b"GET /books/b1 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let until = Instant::now() + Duration::from_secs(10);
    while !told(gateway.address(), get).await.starts_with("HTTP/1.1 200") {
        assert!(Instant::now() < until, "the places are given back");
    }
    withstand_with(&gateway, async {}).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_descriptors_as_the_system_grants() {
    let backend = crate::library().await;
    let gateway = Gateway::start(&backend, &Settings::default());
    let limits = gateway.about("limits");
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[3], words[4], "the soft limit is the hard one: {line}");
}
