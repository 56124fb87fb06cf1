//! Clients that take more than their part: of requests, of connections, of buffers, of file descriptors.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::frames::{DATA, END_HEADERS, END_STREAM, HEADERS, Raw, WINDOW_UPDATE, frame, get, post};
use crate::gateway::{Gateway, Settings, withstand, withstand_with};

/// The client that takes too much; honest clients are at 127.0.0.1.
const GREEDY: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

async fn connect_from(source: IpAddr, address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(source, 0))?;
    socket.connect(address).await
}

/// Sends a request on a connection of its own, and reads all of the answer.
async fn ask(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
    drop(read.expect("the gateway answers"));
    String::from_utf8_lossy(&answer).into_owned()
}

fn honest_post() -> Vec<u8> {
    let body = format!("{{\"text\":\"{}\"}}", "a".repeat(9_000));
    let head = "POST /books HTTP/1.1\r\nhost: a\r\nconnection: close\r\n";
    format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

const HONEST_GET: &[u8] = b"GET /texts/large HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

/// Waits for a condition.
async fn until<F: Future<Output = bool>>(what: &str, patience: Duration, mut is_so: impl FnMut() -> F) {
    let end = Instant::now() + patience;
    while !is_so().await {
        assert!(Instant::now() < end, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_without_bodies_take_no_slots() {
    // Twelve times as many streams as requests may be in flight, each opened again when it has been answered.
    let settings = Settings { rest: "limits: {requests: 50, header_timeout: 1s}\n", ..Settings::default() };
    withstand(&settings, async |address| {
        let attack = async |address| {
            let mut raw = Raw::open(address, &[]).await;
            let head = post("/books");
            let open = |n: u32| frame(HEADERS, END_HEADERS, 2 * n + 1, &head);
            raw.send(&(0..200).flat_map(open).collect::<Vec<u8>>()).await;
            let (mut next, mut timeouts) = (200, 0);
            let end = tokio::time::Instant::now() + Duration::from_secs(4);
            while let Ok(Some(answer)) = tokio::time::timeout_at(end, raw.next()).await {
                if answer.kind == HEADERS {
                    raw.send(&open(next)).await;
                    next += 1;
                    timeouts += 1;
                }
            }
            timeouts
        };
        let answered = tokio::join!(attack(address), attack(address), attack(address));
        assert!(answered.0 + answered.1 + answered.2 > 600, "they are refused or ended: {answered:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_stop_before_their_end() {
    // 40 bodies of 1 MiB but for their last KB, where 16 MiB may be held; then a byte now and then.
    let settings = Settings { rest: "limits: {buffers: 16MiB, header_timeout: 4s}\n", ..Settings::default() };
    let backend = crate::library().await;
    let gateway = Gateway::start(&backend, &settings);
    let address = gateway.address();
    let begun = Instant::now();
    let mut attackers = Vec::new();
    for _ in 0..40 {
        attackers.push(tokio::spawn(async move {
            let mut stream = connect_from(GREEDY, address).await.unwrap();
            let head = b"POST /books HTTP/1.1\r\nhost: a\r\ncontent-length: 1048576\r\n\r\n{\"text\":\"";
            stream.write_all(head).await.unwrap();
            let mut answer = Vec::new();
            if stream.write_all(&vec![b'a'; 1_047_000]).await.is_ok() {
                let mut pause = tokio::time::interval(Duration::from_millis(300));
                loop {
                    tokio::select! {
                        read = stream.read_buf(&mut answer) => if matches!(read, Ok(0) | Err(_)) { break },
                        _ = pause.tick() => if stream.write_all(b"a").await.is_err() { break },
                    }
                }
            }
            drop(stream.read_to_end(&mut answer).await);
            (String::from_utf8_lossy(&answer).into_owned(), begun.elapsed())
        }));
    }
    // Others are served all the while, with large bodies too.
    let mut calls = 0;
    while !attackers.iter().all(tokio::task::JoinHandle::is_finished) {
        for request in [
            &honest_post()[..],
            HONEST_GET,
            b"GET /books/b1 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        ] {
            let answer = ask(address, request).await;
            assert!(
                answer.starts_with("HTTP/1.1 200"),
                "after {calls} calls, {:?}: {answer:.300}",
                begun.elapsed()
            );
            calls += 1;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(calls > 30, "{calls}");
    let (mut ended, mut refused) = (0, 0);
    for attacker in attackers {
        let (answer, after) = attacker.await.unwrap();
        assert!(after < Duration::from_secs(9), "within the window, but after {after:?}");
        match answer.get(9..12) {
            Some("408") => ended += 1,
            Some("503") => {
                assert!(answer.contains("limits.share") && answer.contains("retry-after: 1"), "{answer}");
                refused += 1;
            }
            _ => {} // The answer was lost: the client was still sending.
        }
    }
    assert!(ended >= 5 && refused >= 5, "{ended} ended, {refused} refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_is_given_back_when_bodies_are_gone() {
    let backend = crate::library().await;
    let gateway = Gateway::start(&backend, &Settings::default());
    let address = gateway.address();
    // The first calls of each kind set up what stays.
    for request in [&honest_post()[..], HONEST_GET] {
        assert!(ask(address, request).await.starts_with("HTTP/1.1 200"));
    }
    let before = gateway.resident();
    let mut streams = Vec::new();
    for _ in 0..32 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = b"POST /books HTTP/1.1\r\nhost: a\r\ncontent-length: 4194304\r\n\r\n{\"text\":\"";
        stream.write_all(head).await.unwrap();
        stream.write_all(&vec![b'a'; 4_190_000]).await.unwrap();
        streams.push(stream);
    }
    until("the bodies are held", Duration::from_secs(5), async || gateway.resident() > before + (100 << 20))
        .await;
    // All are freed at once, and then the gateway is idle: nothing calls the allocator any more.
    drop(streams);
    let given_back = || async { gateway.resident() < before + (24 << 20) };
    until("the memory is given back", Duration::from_secs(6), given_back).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_cannot_hold_all_connections() {
    let settings = Settings { rest: "limits: {connections: 60}\n", ..Settings::default() };
    let backend = crate::library().await;
    let gateway = Gateway::start(&backend, &settings);
    withstand_with(&gateway, async {
        let mut held = Vec::new();
        for _ in 0..200 {
            let mut stream = connect_from(GREEDY, gateway.address()).await.unwrap();
            // A closed one says so at once; the others are silent.
            let closed = tokio::time::timeout(Duration::from_millis(10), stream.read(&mut [0])).await;
            if closed.is_err() {
                held.push(stream);
            }
        }
        assert!((30..=45).contains(&held.len()), "{} of 60 are held", held.len());
        // Honest clients have come and gone meanwhile: see what `withstand_with` holds.
        let metrics =
            ask(gateway.admin(), b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                .await;
        let refused = metrics
            .lines()
            .find_map(|line| line.strip_prefix("gateway_connections_refused_total{reason=\"share\"} "));
        assert!(refused.unwrap().parse::<u32>().unwrap() > 100, "{refused:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn descriptors_are_kept_for_upstreams_and_the_admin_address() {
    let backend = crate::library().await;
    let gateway = Gateway::start_with_descriptors(&backend, &Settings::default(), 96);
    let mut kept = TcpStream::connect(gateway.address()).await.unwrap();
    // Connections until the gateway closes some of them.
    let mut held = Vec::new();
    for _ in 0..120 {
        let mut stream = connect_from(GREEDY, gateway.address()).await.unwrap();
        let closed = tokio::time::timeout(Duration::from_millis(10), stream.read(&mut [0])).await;
        if closed.is_err() {
            held.push(stream);
        }
    }
    assert!(held.len() < 96, "{}", held.len());
    // The upstream goes away and comes back: its connections are made anew.
    let upstream = backend.address();
    drop(backend);
    let backend = crate::library_on(upstream).await;
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        kept.write_all(b"GET /books/b1 HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let mut answer = vec![0; 4096];
        let n = kept.read(&mut answer).await.unwrap();
        if answer[..n].starts_with(b"HTTP/1.1 200") {
            break;
        }
        assert!(Instant::now() < end, "{}", answer[..n].escape_ascii());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let admin =
        ask(gateway.admin(), b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
    let refused = "gateway_connections_refused_total{reason=\"descriptors\"} ";
    let refused = admin.lines().find_map(|line| line.strip_prefix(refused)).unwrap();
    assert!(refused.parse::<usize>().unwrap() >= 120 - held.len(), "{refused}");
    let shortage = gateway.said().iter().any(|line| {
        line.contains("limits.connections is 10000, but the limit of 96 file descriptors")
            && line.contains("raise the limit to 10576")
    });
    assert!(shortage, "the start warns: {:?}", gateway.said());
    drop((held, backend));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_has_arrived_needs_no_place_among_those_that_wait() {
    // All places for pending requests are taken by the same address.
    let settings = Settings { rest: "limits: {requests: 20, header_timeout: 3s}\n", ..Settings::default() };
    let backend = crate::library().await;
    let gateway = Gateway::start(&backend, &settings);
    let mut raw = Raw::open(gateway.address(), &[]).await;
    let head = post("/books");
    raw.send(&(0..40).flat_map(|n| frame(HEADERS, END_HEADERS, 2 * n + 1, &head)).collect::<Vec<u8>>()).await;
    let mut refused = 0;
    while refused < 20 {
        let answer =
            tokio::time::timeout(Duration::from_secs(2), raw.next()).await.expect("the rest is refused");
        refused += u32::from(answer.expect("the connection stays open").kind == DATA);
    }
    let answer = ask(gateway.address(), &honest_post()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // Those that wait are served when their bodies come.
    let body = frame(DATA, END_STREAM, 1, b"{}");
    raw.send(&body).await;
    let served = async {
        while let Some(answer) = raw.next().await {
            if answer.kind == HEADERS && answer.stream == 1 {
                return answer.payload.first().copied();
            }
        }
        None
    };
    assert_eq!(
        tokio::time::timeout(Duration::from_secs(2), served).await.unwrap(),
        Some(0x88),
        ":status 200"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_are_held_behind_one_that_is_read() {
    // Ten answers of half a MiB on one connection. The client takes one of them, 40 KiB a second, and nothing of the others.
    let settings = Settings { rest: "limits: {idle_timeout: 3s}\n", ..Settings::default() };
    withstand(&settings, async |address| {
        let mut raw = Raw::open(address, &[(4, 0)]).await;
        let grant = |stream: u32, bytes: u32| frame(WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes());
        let head = get("/texts/large");
        let open = (0..10).flat_map(|n| frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, &head));
        raw.send(&grant(0, 100 << 20)).await;
        raw.send(&open.collect::<Vec<u8>>()).await;
        let (begun, mut next) = (Instant::now(), tokio::time::interval(Duration::from_millis(100)));
        loop {
            tokio::select! {
                answer = raw.next() => if answer.is_none() { break },
                _ = next.tick() => drop(raw.send(&grant(1, 4 << 10)).await),
            }
            assert!(begun.elapsed() < Duration::from_secs(8), "the gateway closes the connection");
        }
        assert!(begun.elapsed() > Duration::from_secs(2), "{:?}", begun.elapsed());
    })
    .await;
}
