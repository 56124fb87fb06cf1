//! Malformed frames and headers, section by section of RFC 9113, and what has to come back.
//!
//! The cases are those that h2spec asks of servers. Where the RFC leaves a choice between the error of a stream and that of
//! the connection, the vector takes both.

use std::time::Duration;

use crate::fields::{requests, sections};
use crate::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, PADDED, PING, PRIORITIZED,
    PRIORITY, PUSH_PROMISE, RST_STREAM, Raw, SETTINGS, WINDOW_UPDATE, field, frame, get, post,
};
use crate::gateway::{Gateway, Settings, withstand_with};

pub(crate) const PROTOCOL_ERROR: u32 = 1;
const FLOW_CONTROL_ERROR: u32 = 3;
const STREAM_CLOSED: u32 = 5;
const FRAME_SIZE_ERROR: u32 = 6;
const REFUSED_STREAM: u32 = 7;
pub(crate) const COMPRESSION_ERROR: u32 = 9;

/// What has to come back.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expect {
    /// The connection ends, with one of these codes if it says any.
    Connection(&'static [u32]),
    /// The stream ends with one of these codes, or is answered with a 400; or the connection ends with one of them.
    Stream(&'static [u32]),
    /// The PING that follows is answered: what came before is ignored, or fine.
    Fine,
    /// The stream is answered with this status.
    Status(&'static str),
}
use Expect::{Connection, Fine, Status, Stream};

const PING_ASKED: [u8; 8] = *b"are you?";

fn settings(pairs: &[(u16, u32)]) -> Vec<u8> {
    let pair = |(id, value): &(u16, u32)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
    frame(SETTINGS, 0, 0, &pairs.iter().flat_map(pair).collect::<Vec<_>>())
}

fn window(stream: u32, by: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &by.to_be_bytes())
}

/// A whole request without a body.
pub(crate) fn whole(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &get("/books/b1"))
}

/// A request whose body is to come.
pub(crate) fn open(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &post("/books"))
}

fn reset(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())
}

pub(crate) fn join(frames: &[Vec<u8>]) -> Vec<u8> {
    frames.concat()
}

/// Section, what is wrong, the bytes after preface and settings, and what has to come back.
pub(crate) type Vector = (&'static str, &'static str, Vec<u8>, Expect);

const IDLE: &[u32] = &[PROTOCOL_ERROR, STREAM_CLOSED];
const CLOSED: &[u32] = &[STREAM_CLOSED, PROTOCOL_ERROR];
pub(crate) const PROTOCOL: &[u32] = &[PROTOCOL_ERROR];
const SIZE: &[u32] = &[FRAME_SIZE_ERROR, PROTOCOL_ERROR];

fn frames() -> Vec<Vector> {
    let long = vec![0; 16_385];
    let started = || frame(HEADERS, END_STREAM, 1, &get("/books/b1"));
    vec![
        ("4.1", "a frame of an unknown type", frame(0xbe, 0xff, 0, b"????"), Fine),
        ("4.1", "flags that PING has not", frame(PING, 0xfe, 0, &[0; 8]), Fine),
        ("4.1", "the reserved bit of a stream's number", frame(PING, 0, 0x8000_0000, &[0; 8]), Fine),
        ("4.2", "DATA of the largest size", join(&[open(1), frame(DATA, 0, 1, &long[1..])]), Fine),
        ("4.2", "DATA that is too large", join(&[open(1), frame(DATA, 0, 1, &long)]), Stream(SIZE)),
        ("4.2", "HEADERS that are too large", frame(HEADERS, END_HEADERS, 1, &long), Connection(SIZE)),
        (
            "4.3",
            "a field section that is none",
            frame(HEADERS, END_HEADERS, 1, &[0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
            // The library says PROTOCOL_ERROR, and ends the connection all the same.
            Connection(&[COMPRESSION_ERROR, PROTOCOL_ERROR]),
        ),
        (
            "4.3",
            "PRIORITY within a field section",
            join(&[started(), frame(PRIORITY, 0, 1, &[0; 5])]),
            Connection(PROTOCOL),
        ),
        (
            "4.3",
            "another stream's HEADERS within a field section",
            join(&[started(), whole(3)]),
            Connection(PROTOCOL),
        ),
        ("5.1", "DATA on an idle stream", frame(DATA, END_STREAM, 1, b"x"), Connection(IDLE)),
        ("5.1", "RST_STREAM on an idle stream", reset(1), Connection(IDLE)),
        ("5.1", "WINDOW_UPDATE on an idle stream", window(1, 100), Connection(IDLE)),
        (
            "5.1",
            "CONTINUATION on an idle stream",
            frame(CONTINUATION, END_HEADERS, 1, &get("/")),
            Connection(IDLE),
        ),
        ("5.1", "DATA after the end", join(&[whole(1), frame(DATA, END_STREAM, 1, b"x")]), Stream(CLOSED)),
        ("5.1", "HEADERS after the end", join(&[whole(1), whole(1)]), Stream(CLOSED)),
        (
            "5.1",
            "CONTINUATION after the end",
            join(&[whole(1), frame(CONTINUATION, END_HEADERS, 1, b"")]),
            Connection(CLOSED),
        ),
        (
            "5.1",
            "DATA after a reset",
            join(&[open(1), reset(1), frame(DATA, END_STREAM, 1, b"x")]),
            Stream(CLOSED),
        ),
        ("5.1", "HEADERS after a reset", join(&[open(1), reset(1), whole(1)]), Stream(CLOSED)),
        (
            "5.1",
            "CONTINUATION after a reset",
            join(&[open(1), reset(1), frame(CONTINUATION, END_HEADERS, 1, b"")]),
            Connection(CLOSED),
        ),
        ("5.1.1", "a stream with an even number", whole(2), Connection(PROTOCOL)),
        ("5.1.1", "a stream with a number below the last", join(&[whole(5), whole(3)]), Connection(CLOSED)),
        (
            "5.1.2",
            "more streams than may be",
            (0..250).flat_map(|n| open(2 * n + 1)).collect(),
            Stream(&[REFUSED_STREAM, PROTOCOL_ERROR]),
        ),
        (
            "5.3.1",
            "HEADERS that depend on themselves",
            frame(
                HEADERS,
                END_HEADERS | END_STREAM | PRIORITIZED,
                1,
                &[&[0, 0, 0, 1, 16][..], &get("/books/b1")].concat(),
            ),
            Stream(PROTOCOL),
        ),
        (
            "5.3.1",
            "PRIORITY that depends on itself",
            join(&[open(1), frame(PRIORITY, 0, 1, &[0, 0, 0, 1, 16])]),
            Stream(PROTOCOL),
        ),
        (
            "5.5",
            "an unknown frame within a field section",
            join(&[started(), frame(0xbe, 0, 0, b"")]),
            Connection(PROTOCOL),
        ),
        ("5.1", "PRIORITY on an idle stream", frame(PRIORITY, 0, 9, &[0, 0, 0, 0, 16]), Fine),
        ("5.1", "PRIORITY after the end", join(&[whole(1), frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 16])]), Fine),
        ("5.1", "WINDOW_UPDATE after the end", join(&[whole(1), window(1, 100)]), Fine),
        ("5.1", "RST_STREAM after the end", join(&[whole(1), reset(1)]), Fine),
        (
            "6.1",
            "DATA with padding",
            join(&[open(1), frame(DATA, PADDED | END_STREAM, 1, b"\x02{}\0\0")]),
            Status("200"),
        ),
        (
            "6.1",
            "DATA with padding but no length of it",
            join(&[open(1), frame(DATA, PADDED, 1, b"")]),
            Connection(SIZE),
        ),
        (
            "6.2",
            "HEADERS with padding but no length of it",
            frame(HEADERS, END_HEADERS | PADDED, 1, b""),
            Connection(SIZE),
        ),
        (
            "6.2",
            "HEADERS with half a priority",
            frame(HEADERS, END_HEADERS | PRIORITIZED, 1, &[0; 4]),
            Connection(SIZE),
        ),
        ("6.1", "DATA on stream 0", frame(DATA, 0, 0, b"x"), Connection(PROTOCOL)),
        (
            "6.1",
            "DATA with more padding than data",
            join(&[open(1), frame(DATA, PADDED, 1, &[9, 0, 0])]),
            Connection(PROTOCOL),
        ),
        ("6.2", "HEADERS on stream 0", frame(HEADERS, END_HEADERS, 0, &get("/")), Connection(PROTOCOL)),
        (
            "6.2",
            "HEADERS with more padding than fields",
            frame(HEADERS, END_HEADERS | PADDED, 1, &[0xff, 0x82]),
            Connection(PROTOCOL),
        ),
        (
            "6.2",
            "HEADERS with padding and priority",
            frame(
                HEADERS,
                END_HEADERS | END_STREAM | PADDED | PRIORITIZED,
                1,
                &[&[2, 0, 0, 0, 0, 16][..], &get("/books/b1"), &[0, 0]].concat(),
            ),
            Status("200"),
        ),
        ("6.3", "PRIORITY on stream 0", frame(PRIORITY, 0, 0, &[0; 5]), Connection(PROTOCOL)),
        ("6.3", "PRIORITY of a wrong length", join(&[open(1), frame(PRIORITY, 0, 1, &[0; 4])]), Stream(SIZE)),
        ("6.4", "RST_STREAM on stream 0", reset(0), Connection(PROTOCOL)),
        (
            "6.4",
            "RST_STREAM of a wrong length",
            join(&[open(1), frame(RST_STREAM, 0, 1, &[0; 3])]),
            Connection(SIZE),
        ),
        (
            "6.5",
            "an acknowledgement of SETTINGS with a payload",
            frame(SETTINGS, ACK, 0, &[0; 6]),
            Connection(SIZE),
        ),
        ("6.5", "SETTINGS on a stream", frame(SETTINGS, 0, 1, b""), Connection(PROTOCOL)),
        ("6.5", "SETTINGS of a wrong length", frame(SETTINGS, 0, 0, &[0; 5]), Connection(SIZE)),
        ("6.5.2", "ENABLE_PUSH that is no boolean", settings(&[(2, 2)]), Connection(PROTOCOL)),
        (
            "6.5.2",
            "a window that is too large",
            settings(&[(4, 0x8000_0000)]),
            // As above.
            Connection(&[FLOW_CONTROL_ERROR, PROTOCOL_ERROR]),
        ),
        ("6.5.2", "a frame size that is too small", settings(&[(5, 16_383)]), Connection(PROTOCOL)),
        ("6.5.2", "a frame size that is too large", settings(&[(5, 1 << 24)]), Connection(PROTOCOL)),
        ("6.5.2", "a setting that nobody knows", settings(&[(0xff, 1)]), Fine),
        ("6.5.3", "settings twice", settings(&[(4, 100), (4, 200)]), Fine),
        ("6.7", "PING on a stream", frame(PING, 0, 1, &[0; 8]), Connection(PROTOCOL)),
        ("6.7", "PING of a wrong length", frame(PING, 0, 0, &[0; 6]), Connection(SIZE)),
        ("6.7", "an answer to no PING", frame(PING, ACK, 0, &[0; 8]), Fine),
        ("6.8", "GOAWAY on a stream", frame(GOAWAY, 0, 1, &[0; 8]), Connection(PROTOCOL)),
        ("6.9", "WINDOW_UPDATE by nothing", window(0, 0), Connection(PROTOCOL)),
        ("6.9", "WINDOW_UPDATE of a stream by nothing", join(&[open(1), window(1, 0)]), Stream(PROTOCOL)),
        ("6.9", "WINDOW_UPDATE of a wrong length", frame(WINDOW_UPDATE, 0, 0, &[0; 3]), Connection(SIZE)),
        (
            "6.9.1",
            "a window beyond the largest",
            join(&[window(0, 0x7fff_ffff), window(0, 0x7fff_ffff)]),
            Connection(&[FLOW_CONTROL_ERROR]),
        ),
        (
            "6.9.1",
            "a stream's window beyond the largest",
            join(&[open(1), window(1, 0x7fff_ffff), window(1, 0x7fff_ffff)]),
            Stream(&[FLOW_CONTROL_ERROR]),
        ),
        (
            "6.9.2",
            "a setting that takes a window beyond the largest",
            join(&[open(1), window(1, 0x7fff_0000), settings(&[(4, 0x7fff_ffff)])]),
            Connection(&[FLOW_CONTROL_ERROR]),
        ),
        (
            "6.9.2",
            "a setting that takes a window below nothing",
            join(&[settings(&[(4, 0)]), whole(1)]),
            Fine,
        ),
        (
            "6.10",
            "a field section in three pieces",
            join(&[
                frame(HEADERS, END_STREAM, 1, &get("/books/b1")),
                frame(CONTINUATION, 0, 1, &field("x-a", "1")),
                frame(CONTINUATION, END_HEADERS, 1, &field("x-b", "2")),
            ]),
            Status("200"),
        ),
        (
            "6.10",
            "DATA within a field section",
            join(&[started(), frame(DATA, 0, 1, b"x")]),
            Connection(PROTOCOL),
        ),
        (
            "6.10",
            "CONTINUATION of another stream",
            join(&[started(), frame(CONTINUATION, END_HEADERS, 3, b"")]),
            Connection(PROTOCOL),
        ),
        (
            "6.10",
            "CONTINUATION on stream 0",
            join(&[started(), frame(CONTINUATION, END_HEADERS, 0, b"")]),
            Connection(PROTOCOL),
        ),
        (
            "6.10",
            "CONTINUATION of a section that is complete",
            join(&[open(1), frame(CONTINUATION, END_HEADERS, 1, b"")]),
            Connection(PROTOCOL),
        ),
        ("6.8", "GOAWAY that is too short", frame(GOAWAY, 0, 0, &[0; 7]), Connection(SIZE)),
        (
            "8.4",
            "PUSH_PROMISE by a client",
            join(&[
                open(1),
                frame(PUSH_PROMISE, END_HEADERS, 1, &[&2_u32.to_be_bytes()[..], &get("/")].concat()),
            ]),
            Connection(PROTOCOL),
        ),
    ]
}

/// Whether what came back is what has to come back.
fn is_met(expect: Expect, back: &[Frame], closed: bool) -> bool {
    let gone = |codes: &[u32]| match back.iter().find(|frame| frame.kind == GOAWAY) {
        Some(goaway) => codes.contains(&goaway.code()) && closed,
        None => closed,
    };
    match expect {
        Connection(codes) => gone(codes),
        Stream(codes) => {
            let is_reset = |frame: &Frame| frame.kind == RST_STREAM && codes.contains(&frame.code());
            back.iter().any(is_reset) || has_status(back, "400") || gone(codes)
        }
        Fine => {
            !closed
                && back
                    .iter()
                    .any(|frame| frame.kind == PING && frame.flags == ACK && frame.payload == PING_ASKED)
        }
        Status(status) => has_status(back, status),
    }
}

/// Whether an answer has this status, as the server writes it: indexed, or in plain or Huffman digits.
fn has_status(back: &[Frame], status: &str) -> bool {
    back.iter().filter(|frame| frame.kind == HEADERS).any(|frame| match (status, frame.payload.first()) {
        ("200", Some(0x88)) | ("400", Some(0x8c)) => true,
        _ => frame.payload.windows(3).any(|window| window == status.as_bytes()),
    })
}

async fn play((section, what, bytes, expect): Vector, address: std::net::SocketAddr) -> Option<String> {
    let mut raw = Raw::open(address, &[]).await;
    raw.send(&bytes).await;
    // Whoever still listens answers this.
    raw.send(&frame(PING, 0, 0, &PING_ASKED)).await;
    let mut back = Vec::new();
    let closed = async {
        while let Some(frame) = raw.next().await {
            back.push(frame);
            if !matches!(expect, Connection(_)) && is_met(expect, &back, false) {
                return false;
            }
        }
        true
    };
    let closed = tokio::time::timeout(Duration::from_secs(5), closed).await.unwrap_or(false);
    let is_met = is_met(expect, &back, closed);
    (!is_met).then(|| format!("{section} {what}: expected {expect:?}, got {back:?}, closed: {closed}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_frames_and_requests() {
    let backend = crate::library().await;
    let gateway = Gateway::start(&backend, &Settings::default());
    let vectors: Vec<Vector> = [frames(), requests(), sections()].concat();
    assert!(vectors.len() > 130);
    let mut wrong = Vec::new();
    withstand_with(&gateway, async {
        let play = |vector| tokio::spawn(play(vector, gateway.address()));
        let plays: Vec<_> = vectors.into_iter().map(play).collect();
        for play in plays {
            wrong.extend(play.await.unwrap());
        }
    })
    .await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
