//! HTTP/2 clients that flood, bomb, stall, and never grant a window.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PREFACE, PRIORITY, RST_STREAM,
    Raw, SETTINGS, WINDOW_UPDATE, field, frame, get, post,
};
use crate::gateway::{Settings, withstand};

/// Connections that attack at a time.
const ATTACKERS: usize = 8;
/// How long each of them goes on.
const FOR: Duration = Duration::from_secs(2);
/// What one write of a flood holds.
const BURST: usize = 64 << 10;

/// Repeats what `burst` makes, on several connections, for some time or until the gateway closes. Nothing is read.
async fn flood(address: SocketAddr, opening: &[u8], mut burst: impl FnMut(u32) -> Vec<u8>) {
    let mut attackers = Vec::new();
    for _ in 0..ATTACKERS {
        let mut raw = Raw::open(address, &[]).await;
        raw.send(opening).await;
        attackers.push(raw);
    }
    let until = tokio::time::Instant::now() + FOR;
    let mut round = 0;
    while tokio::time::Instant::now() < until && !attackers.is_empty() {
        let bytes = burst(round);
        round += 1;
        let mut open = Vec::new();
        for mut raw in attackers {
            // A gateway that has stopped to read holds us up no longer than this.
            match tokio::time::timeout(Duration::from_millis(20), raw.send(&bytes)).await {
                Ok(false) => {}
                Ok(true) | Err(_) => open.push(raw),
            }
        }
        attackers = open;
    }
}

/// As many copies as a burst holds.
fn many(frame: &[u8]) -> Vec<u8> {
    frame.repeat(BURST / frame.len())
}

const CALM: Settings<'static> = Settings { listener: "", upstreams: "", rest: "", files: &[] };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_preface() {
    let settings = Settings { rest: "limits: {header_timeout: 1s}\n", ..Settings::default() };
    withstand(&settings, async |address| {
        let mut streams = Vec::new();
        for n in 0..300 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(&PREFACE[..n % PREFACE.len()]).await.unwrap();
            streams.push(stream);
        }
        for mut stream in streams {
            let mut rest = Vec::new();
            let closed = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut rest)).await;
            drop(closed.expect("the gateway closes the connection"));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rapid_reset() {
    withstand(&CALM, async |address| {
        let head = get("/books/b1");
        flood(address, b"", |round| {
            let first = round * 400 * 2 + 1;
            let pair = |n: u32| {
                let stream = first + 2 * n;
                let open = frame(HEADERS, END_HEADERS | END_STREAM, stream, &head);
                [open, frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
            };
            (0..400).flat_map(pair).collect()
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rapid_reset_ends_the_connection() {
    withstand(&CALM, async |address| {
        let mut raw = Raw::open(address, &[]).await;
        let head = get("/books/b1");
        let all: Vec<u8> = (0..5000_u32)
            .flat_map(|n| {
                let open = frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, &head);
                [open, frame(RST_STREAM, 0, 2 * n + 1, &8_u32.to_be_bytes())].concat()
            })
            .collect();
        raw.send(&all).await;
        assert!(raw.is_closed_within(Duration::from_secs(10)).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn continuations_without_end() {
    withstand(&CALM, async |address| {
        let first = frame(HEADERS, END_STREAM, 1, &get("/books/b1"));
        let filler = field("x-filler", &"a".repeat(1000));
        flood(address, &first, |_| many(&frame(CONTINUATION, 0, 1, &filler))).await;
        // Each of them empty: nothing is ever too large.
        flood(address, &first, |_| many(&frame(CONTINUATION, 0, 1, b""))).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_frames_without_end() {
    withstand(&CALM, async |address| {
        let table_size = [&1_u16.to_be_bytes()[..], &4096_u32.to_be_bytes()].concat();
        let stream = frame(HEADERS, END_HEADERS, 1, &post("/books"));
        for (opening, flooding) in [
            (&b""[..], frame(SETTINGS, 0, 0, b"")),
            (b"", frame(SETTINGS, 0, 0, &table_size)),
            (b"", frame(SETTINGS, ACK, 0, b"")),
            (b"", frame(PING, 0, 0, &[7; 8])),
            (b"", frame(PING, ACK, 0, &[7; 8])),
            (b"", frame(PRIORITY, 0, 3, &[0, 0, 0, 0, 16])),
            (b"", frame(0xbe, 0, 0, &[0; 100])),
            (b"", frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes())),
            (&stream, frame(WINDOW_UPDATE, 0, 1, &1_u32.to_be_bytes())),
            (&stream, frame(DATA, 0, 1, b"")),
            (&stream, frame(DATA, 0, 1, b"x")),
        ] {
            flood(address, opening, |_| many(&flooding)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn header_bombs() {
    withstand(&CALM, async |address| {
        // One large field goes into the table of the decoder; a byte each brings it back.
        let large = [&[0x40][..], &field("x-bomb", &"a".repeat(3800))[1..]].concat();
        let bomb = [get("/books/b1"), large, vec![0xbe; 4000]].concat();
        for _ in 0..50 {
            let mut raw = Raw::open(address, &[]).await;
            for n in 0..20 {
                let head = if n == 0 { bomb.clone() } else { [get("/books/b1"), vec![0xbe; 8000]].concat() };
                raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, &head)).await;
            }
            // Refused by itself, or with its connection.
            let refused = async {
                while let Some(frame) = raw.next().await {
                    if matches!(frame.kind, HEADERS | RST_STREAM | GOAWAY) {
                        return;
                    }
                }
            };
            tokio::time::timeout(Duration::from_secs(10), refused).await.unwrap();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_that_are_larger_than_agreed() {
    withstand(&CALM, async |address| {
        for kind in 0..=12 {
            let mut raw = Raw::open(address, &[]).await;
            // The length says 16 MiB; nobody waits for that much.
            raw.send(&[&[0xff, 0xff, 0xff, kind, 0, 0, 0, 0, 1][..], &[0; 1000]].concat()).await;
            assert!(raw.is_closed_within(Duration::from_secs(10)).await, "frame type {kind}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_that_is_never_granted() {
    // 20 connections want 40 answers of half a MiB each, 400 MiB in all, and take nothing, or a byte.
    let settings = Settings { rest: "limits: {buffers: 16MiB, idle_timeout: 3s}\n", ..Settings::default() };
    withstand(&settings, async |address| {
        let mut attackers = Vec::new();
        for n in 0..20 {
            let mut raw = Raw::open(address, &[(4, n % 2)]).await;
            let head = get("/texts/large");
            let all: Vec<u8> =
                (0..40).flat_map(|n| frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, &head)).collect();
            raw.send(&all).await;
            attackers.push(raw);
        }
        for mut raw in attackers {
            assert!(raw.is_closed_within(Duration::from_secs(20)).await, "it is cut off");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_never_come() {
    let settings = Settings { rest: "limits: {header_timeout: 1s}\n", ..Settings::default() };
    withstand(&settings, async |address| {
        let mut raw = Raw::open(address, &[]).await;
        let head = post("/books");
        let all: Vec<u8> = (0..200).flat_map(|n| frame(HEADERS, END_HEADERS, 2 * n + 1, &head)).collect();
        raw.send(&all).await;
        let mut answered = 0;
        let wait = async {
            while let Some(frame) = raw.next().await {
                answered += u32::from(frame.kind == HEADERS);
                if answered == 200 {
                    break;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap();
        assert_eq!(answered, 200, "each is told that its body did not come in time");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_streams_than_may_be() {
    withstand(&CALM, async |address| {
        let head = post("/books");
        flood(address, b"", |round| {
            let first = round * 500 * 2 + 1;
            (0..500).flat_map(|n| frame(HEADERS, END_HEADERS, first + 2 * n, &head)).collect()
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openings_and_header_blocks_that_do_not_end() {
    // Idle connections stay for two minutes, far longer than this test waits.
    let settings = Settings { rest: "limits: {header_timeout: 1s}\n", ..Settings::default() };
    let block = frame(HEADERS, END_STREAM, 1, &get("/books/b1"));
    let body = frame(HEADERS, END_HEADERS, 1, &post("/books"));
    let empty = frame(SETTINGS, 0, 0, b"");
    let half = &frame(HEADERS, END_HEADERS | END_STREAM, 1, &get("/books/b1"));
    // What is sent at once, and what drips after it.
    let attacks: Vec<(&str, Vec<u8>, Vec<u8>)> = vec![
        ("no SETTINGS", PREFACE.to_vec(), vec![]),
        ("half of SETTINGS", [PREFACE, &empty[..5]].concat(), vec![]),
        ("HEADERS without end", [PREFACE, &empty, &block].concat(), vec![]),
        ("half of HEADERS", [PREFACE, &empty, &half[..half.len() - 1]].concat(), vec![]),
        ("half of a frame's head", [PREFACE, &empty, &half[..4]].concat(), vec![]),
        (
            "CONTINUATION that drips",
            [PREFACE, &empty, &block].concat(),
            frame(CONTINUATION, 0, 1, &field("x-drip", "1")),
        ),
        ("HEADERS that drip", [PREFACE, &empty, &frame(HEADERS, 0, 1, &[0; 9000])[..9]].concat(), vec![0]),
        (
            "behind a request whose body is to come",
            [PREFACE, &empty, &body, &frame(HEADERS, END_STREAM, 3, &get("/books/b1"))].concat(),
            vec![],
        ),
    ];
    withstand(&settings, async |address| {
        let mut attackers = Vec::new();
        for (what, opening, drip) in attacks {
            let attack = async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.write_all(&opening).await.unwrap();
                let (mut read, mut write) = stream.split();
                let dripping = async {
                    loop {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        if !drip.is_empty() && write.write_all(&drip).await.is_err() {
                            return std::future::pending().await;
                        }
                    }
                };
                let mut rest = Vec::new();
                let closed = async { drop(read.read_to_end(&mut rest).await) };
                let ended = async {
                    tokio::select! { () = closed => {}, () = dripping => {} }
                };
                let ended = tokio::time::timeout(Duration::from_secs(20), ended).await;
                ended.unwrap_or_else(|_| panic!("{what}: the gateway closes the connection"));
            };
            attackers.push(tokio::spawn(attack));
        }
        for attacker in attackers {
            attacker.await.unwrap();
        }
    })
    .await;
}

/// The status and the body of the next answer; 0 for a status other than 200 and 400.
async fn answer(raw: &mut Raw) -> (u16, Vec<u8>) {
    let (mut status, mut body) = (0, Vec::new());
    let whole = async {
        while let Some(frame) = raw.next().await {
            match frame.kind {
                // Both are indices of the static table, perhaps behind a new size of the dynamic one.
                HEADERS => match frame.payload.iter().find(|byte| **byte & 0xe0 != 0x20) {
                    Some(0x88) => status = 200,
                    Some(0x8c) => status = 400,
                    _ => {}
                },
                DATA => body.extend_from_slice(&frame.payload),
                _ => continue,
            }
            if frame.flags & END_STREAM != 0 {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), whole).await.unwrap();
    (status, body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_that_http2_forbids() {
    let request = |fields: &[(&str, &str)]| {
        let pseudo = [(":method", "GET"), (":scheme", "http"), (":path", "/books/b1")];
        crate::frames::fields(&[&pseudo[..], fields].concat())
    };
    withstand(&CALM, async |address| {
        for (fields, status) in [
            (&[(":authority", "shop.example"), ("host", "shop.example")][..], 200),
            (&[(":authority", "shop.example"), ("host", "Shop.Example:80")], 200),
            (&[("host", "shop.example")], 200),
            (&[(":authority", "shop.example"), ("x-a", "b c")], 200),
            (&[(":authority", "shop.example"), ("host", "other.example")], 400),
            (&[(":authority", "shop.example"), ("host", "shop.example:81")], 400),
            (&[(":authority", "shop.example"), ("host", "")], 400),
            (&[("x-a", "b")], 400),
            (&[(":authority", "shop.example"), ("x-a", " b")], 400),
            (&[(":authority", "shop.example"), ("x-a", "b ")], 400),
            (&[(":authority", "shop.example"), ("x-a", "\tb")], 400),
            (&[(":authority", "shop.example"), ("authorization", "Bearer x\t")], 400),
            (&[(":authority", "shop.example"), ("host", " shop.example")], 400),
        ] {
            let mut raw = Raw::open(address, &[]).await;
            raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &request(fields))).await;
            let (answered, body) = answer(&mut raw).await;
            assert_eq!(answered, status, "{fields:?}: {}", body.escape_ascii());
            if status == 400 {
                assert!(
                    body.windows(8).any(|part| part == b"BAD_HEAD"),
                    "{fields:?}: {}",
                    body.escape_ascii()
                );
            }
        }
    })
    .await;
}
