//! Malformed requests in frames that are well-formed, and field sections that are none (RFC 9113 section 8, RFC 7541).

use crate::frames::{DATA, END_HEADERS, END_STREAM, HEADERS, field, fields, frame, get, post};
use crate::vectors::Expect::{Connection, Status, Stream};
use crate::vectors::{COMPRESSION_ERROR, PROTOCOL, PROTOCOL_ERROR, Vector, join, open, whole};

/// A request with these fields after the ordinary ones.
fn with(more: &[(&str, &str)]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, 1, &[get("/books/b1"), fields(more)].concat())
}

/// A request of these fields alone.
fn only(all: &[(&str, &str)]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, 1, &fields(all))
}

pub(crate) fn requests() -> Vec<Vector> {
    let (method, scheme, path) = ((":method", "GET"), (":scheme", "http"), (":path", "/books/b1"));
    let authority = (":authority", "shop.example");
    let body = |length: &str, pieces: &[&str]| {
        let mut sent =
            frame(HEADERS, END_HEADERS, 1, &[post("/books"), field("content-length", length)].concat());
        for (index, piece) in pieces.iter().enumerate() {
            let flags = if index + 1 == pieces.len() { END_STREAM } else { 0 };
            sent.extend(frame(DATA, flags, 1, piece.as_bytes()));
        }
        sent
    };
    let trailers = |flags: u8, trailers: &[(&str, &str)]| {
        join(&[open(1), frame(DATA, 0, 1, b"{}"), frame(HEADERS, END_HEADERS | flags, 1, &fields(trailers))])
    };
    vec![
        ("8.1", "an ordinary request", whole(1), Status("200")),
        (
            "8.1",
            "a second section that does not end the stream",
            trailers(0, &[("x-a", "1")]),
            Stream(PROTOCOL),
        ),
        ("8.1", "trailers", trailers(END_STREAM, &[("x-a", "1")]), Status("200")),
        (
            "8.1",
            "trailers with a pseudo field",
            trailers(END_STREAM, &[(":method", "GET")]),
            // The library drops the field, and nobody reads the trailers of a request.
            Status("200"),
        ),
        ("8.2", "a name in upper case", with(&[("X-Upper", "1")]), Stream(PROTOCOL)),
        ("8.2", "a name with a blank", with(&[("x y", "1")]), Stream(PROTOCOL)),
        ("8.2", "a value with a line end", with(&[("x-a", "1\r\nx-b: 2")]), Stream(PROTOCOL)),
        ("8.2", "a value with a zero", with(&[("x-a", "1\0")]), Stream(PROTOCOL)),
        ("8.2.2", "a field of the connection", with(&[("connection", "keep-alive")]), Stream(PROTOCOL)),
        ("8.2.2", "an encoding of the transfer", with(&[("transfer-encoding", "chunked")]), Stream(PROTOCOL)),
        ("8.2.2", "an upgrade", with(&[("upgrade", "websocket")]), Stream(PROTOCOL)),
        ("8.2.2", "TE that is not trailers", with(&[("te", "gzip")]), Stream(PROTOCOL)),
        ("8.2.2", "TE that is", with(&[("te", "trailers")]), Status("200")),
        ("8.3", "a pseudo field that nobody knows", with(&[(":test", "1")]), Stream(PROTOCOL)),
        ("8.3", "a pseudo field of answers", with(&[(":status", "200")]), Stream(PROTOCOL)),
        (
            "8.3",
            "a pseudo field after the others",
            only(&[method, scheme, ("x-a", "1"), path, authority]),
            Stream(PROTOCOL),
        ),
        ("8.3.1", "no method", only(&[scheme, path, authority]), Stream(PROTOCOL)),
        ("8.3.1", "no scheme", only(&[method, path, authority]), Stream(PROTOCOL)),
        ("8.3.1", "no path", only(&[method, scheme, authority]), Stream(PROTOCOL)),
        ("8.3.1", "an empty path", only(&[method, scheme, (":path", ""), authority]), Stream(PROTOCOL)),
        ("8.3.1", "two methods", only(&[method, method, scheme, path, authority]), Stream(PROTOCOL)),
        ("8.3.1", "two schemes", only(&[method, scheme, scheme, path, authority]), Stream(PROTOCOL)),
        ("8.3.1", "two paths", only(&[method, scheme, path, path, authority]), Stream(PROTOCOL)),
        ("8.1.1", "a body that is shorter than it says", body("5", &["{}"]), Stream(PROTOCOL)),
        ("8.1.1", "a body that is longer than it says", body("1", &["{}"]), Stream(PROTOCOL)),
        ("8.1.1", "a body in pieces that is longer than it says", body("3", &["{}", "{}"]), Stream(PROTOCOL)),
        ("8.1.1", "a length that is no number", body("x", &["{}"]), Stream(PROTOCOL)),
        ("8.1.1", "a body as long as it says", body("2", &["{}"]), Status("200")),
        (
            "8.1",
            "a body with a GET",
            join(&[frame(HEADERS, END_HEADERS, 1, &get("/books/b1")), frame(DATA, END_STREAM, 1, b"{}")]),
            Status("200"),
        ),
        (
            "8.1",
            "trailers with a field of the connection",
            trailers(END_STREAM, &[("transfer-encoding", "chunked")]),
            Stream(PROTOCOL),
        ),
        ("8.2.1", "a name that is none", with(&[("", "1")]), Stream(PROTOCOL)),
        ("8.2.1", "a name with a colon in it", with(&[("x:y", "1")]), Stream(PROTOCOL)),
        ("8.2.1", "a name that is not ASCII", with(&[("x\u{e4}", "1")]), Stream(PROTOCOL)),
        ("8.2.1", "a name with a line end", with(&[("x\r\ny", "1")]), Stream(PROTOCOL)),
        ("8.2.1", "a value with a bare line end", with(&[("x-a", "1\n2")]), Stream(PROTOCOL)),
        ("8.2.1", "a value with a bare carriage return", with(&[("x-a", "1\r2")]), Stream(PROTOCOL)),
        ("8.2.2", "a kept connection", with(&[("keep-alive", "1")]), Stream(PROTOCOL)),
        ("8.2.2", "a proxy's connection", with(&[("proxy-connection", "keep-alive")]), Stream(PROTOCOL)),
        ("8.2.3", "a cookie in crumbs", with(&[("cookie", "a=1"), ("cookie", "b=2")]), Status("200")),
        (
            "8.3",
            "a pseudo field in upper case",
            only(&[(":Method", "GET"), scheme, path, authority]),
            Stream(PROTOCOL),
        ),
        ("8.3.1", "two authorities", only(&[method, scheme, path, authority, authority]), Stream(PROTOCOL)),
        (
            "8.3.1",
            "an authority with a user",
            only(&[method, scheme, path, (":authority", "a@shop.example")]),
            Stream(PROTOCOL),
        ),
        (
            "8.3.1",
            "an authority with a line end",
            only(&[method, scheme, path, (":authority", "a\r\nb")]),
            Stream(PROTOCOL),
        ),
        (
            "8.3.1",
            "an authority with a path",
            only(&[method, scheme, path, (":authority", "a/b")]),
            Stream(PROTOCOL),
        ),
        ("8.3.1", "a host beside the authority", with(&[("host", "shop.example")]), Status("200")),
        ("8.3.1", "another host beside the authority", with(&[("host", "other.example")]), Status("400")),
        ("8.3.1", "two hosts", with(&[("host", "shop.example"), ("host", "shop.example")]), Stream(PROTOCOL)),
        (
            "8.3.1",
            "a path without its slash",
            only(&[method, scheme, (":path", "books/b1"), authority]),
            Stream(PROTOCOL),
        ),
        (
            "8.3.1",
            "a path with a blank",
            only(&[method, scheme, (":path", "/books/b 1"), authority]),
            Stream(PROTOCOL),
        ),
        (
            "8.3.1",
            "a path with a line end",
            only(&[method, scheme, (":path", "/books/b1\r\nx: y"), authority]),
            Stream(PROTOCOL),
        ),
        (
            "8.3.1",
            "a path that goes up",
            only(&[method, scheme, (":path", "/x/../books/b1"), authority]),
            Status("400"),
        ),
        (
            "8.3.1",
            "a method with a blank",
            only(&[(":method", "GET /x"), scheme, path, authority]),
            Stream(PROTOCOL),
        ),
        ("8.3.1", "no pseudo fields at all", only(&[("x-a", "1")]), Stream(PROTOCOL)),
        (
            "8.5",
            "CONNECT with a path",
            only(&[(":method", "CONNECT"), scheme, path, authority]),
            Stream(PROTOCOL),
        ),
        ("8.5", "CONNECT to nobody", only(&[(":method", "CONNECT")]), Stream(PROTOCOL)),
        (
            "8.5",
            "a protocol where none was offered",
            only(&[(":method", "CONNECT"), (":protocol", "websocket"), scheme, path, authority]),
            Stream(PROTOCOL),
        ),
        ("8.1.1", "a length without a body", with(&[("content-length", "5")]), Stream(PROTOCOL)),
        ("8.1.1", "a length of nothing", with(&[("content-length", "0")]), Status("200")),
        ("8.1.1", "a length with a sign", body("+2", &["{}"]), Stream(PROTOCOL)),
        ("8.1.1", "a length twice", body("2, 2", &["{}"]), Stream(PROTOCOL)),
    ]
}

/// What HPACK cannot have written. The decoder's state is lost, and the connection with it.
pub(crate) fn sections() -> Vec<Vector> {
    let broken = |what, section: &[u8]| {
        let bytes = frame(HEADERS, END_HEADERS | END_STREAM, 1, &[&get("/books/b1"), section].concat());
        // The library says PROTOCOL_ERROR, and ends the connection all the same.
        ("7541", what, bytes, Connection(&[COMPRESSION_ERROR, PROTOCOL_ERROR]))
    };
    vec![
        broken("the entry 0 of the table", &[0x80]),
        broken("an entry beyond the table", &[0xff, 0x20]),
        broken("a name beyond the table", &[0x7f, 0x20, 0x01, b'1']),
        broken("a number without end", &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        broken("a value that is cut off", &[0x00, 0x03, b'x', b'-', b'a', 0x09, b'1']),
        broken("a name in a Huffman code that pads with zeros", &[0x00, 0x81, 0b1111_0000, 0x01, b'1']),
        broken("a value in a Huffman code that pads too much", &[0x00, 0x01, b'x', 0x82, 0xff, 0xff]),
        broken("a value with the Huffman code of the end", &[0x00, 0x01, b'x', 0x84, 0xff, 0xff, 0xff, 0xff]),
        broken("a table that grows behind a field", &[0x3e]),
        broken("a table that is larger than agreed", &[0x3f, 0xe2, 0x7f]),
    ]
}
