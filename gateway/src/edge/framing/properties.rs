//! What holds of any bytes: how they are cut into reads makes no difference, and what passes is what another parser reads.

use proptest::prelude::*;

use super::*;

const MAX: usize = 2048;

const STARTS: &[&[u8]] = &[
    b"GET / HTTP/1.1",
    b"POST /a?b=c HTTP/1.1",
    b"PUT http://h/ HTTP/1.1",
    b"GET * HTTP/1.0",
    b"\r\nGET / HTTP/1.1",
    b"GET / HTTP/2.0",
    b"GET /a b HTTP/1.1",
    b"GET  / HTTP/1.1",
];
const FIELDS: &[&[u8]] = &[
    b"host: a",
    b"Content-Length: 3",
    b"content-length: 3",
    b"content-length:\t0 ",
    b"content-length: +3",
    b"content-length: 3, 3",
    b"content-length : 3",
    b"transfer-encoding: chunked",
    b"Transfer-Encoding:Chunked",
    b"transfer-encoding: gzip, chunked",
    b"x: \xc3\xbc\t;",
    b" folded: 1",
    b"x",
    b": y",
    b"x: a\rb",
];
const BODIES: &[&[u8]] = &[
    b"",
    b"abc",
    b"3\r\nabc\r\n0\r\n\r\n",
    b"3;x=\"y\"\r\nabc\r\n",
    b"00\r\nt: 1\r\n\r\n",
    b"a\r\n0123456789\r\n",
    b"g\r\n",
    b"0x3\r\nabc\r\n",
    b"3\r\nabcd\r\n",
    b"0\r\nt\r\n\r\n",
];
const LINE_ENDS: &[&[u8]] = &[b"\r\n", b"\r\n", b"\r\n", b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r"];

fn request() -> impl Strategy<Value = Vec<u8>> {
    let line = |of: &'static [&'static [u8]]| {
        let end = prop::sample::select(LINE_ENDS);
        (prop::sample::select(of), end).prop_map(|(line, end)| [line, end].concat())
    };
    let fields = prop::collection::vec(line(FIELDS), 0..4);
    let bodies = prop::collection::vec(prop::sample::select(BODIES), 0..3);
    (line(STARTS), fields, bodies).prop_map(|(start, fields, bodies)| {
        [start, fields.concat(), b"\r\n".to_vec(), bodies.concat()].concat()
    })
}

/// One request or several, whole or with a byte that does not belong there.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let stray = prop::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>()));
    (prop::collection::vec(request(), 1..4), stray).prop_map(|(requests, stray)| {
        let mut bytes = requests.concat();
        if let Some((at, byte)) = stray {
            bytes.insert(at.index(bytes.len()), byte);
        }
        bytes
    })
}

/// Feeds the bytes in reads that end at the cuts; bytes that did not pass come again, with more behind them.
fn in_reads(bytes: &[u8], cuts: &[usize]) -> Passed {
    let mut framing = Framing::new(MAX);
    let mut at = 0;
    for end in cuts.iter().copied().chain([bytes.len()]) {
        let passed = framing.pass(&bytes[at..end]);
        at += passed.bytes;
        if passed.fault.is_some() || end == bytes.len() {
            return Passed { bytes: at, ..passed };
        }
    }
    unreachable!("the last read ends with the bytes")
}

/// Reads what has passed as a server behind would, and panics where that could not.
fn read_again(mut passed: &[u8]) {
    while !passed.is_empty() {
        let mut fields = [httparse::EMPTY_HEADER; 100];
        let mut request = httparse::Request::new(&mut fields);
        let head = request.parse(passed);
        let Ok(httparse::Status::Complete(length)) = head else {
            // Empty lines before a request pass by themselves.
            assert!(passed.iter().all(|byte| b"\r\n".contains(byte)), "{head:?}: {}", passed.escape_ascii());
            return;
        };
        passed = &passed[length..];
        let named = |name: &str| {
            let fields = request.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
            fields.map(|field| std::str::from_utf8(field.value).unwrap()).collect::<Vec<_>>()
        };
        match (&*named("content-length"), &*named("transfer-encoding")) {
            ([], []) => {}
            ([length], []) => passed = &passed[passed.len().min(length.trim().parse().unwrap())..],
            ([], [coding]) => {
                assert!(coding.eq_ignore_ascii_case("chunked"), "{coding}");
                passed = behind_chunks(passed);
            }
            both => panic!("{both:?}"),
        }
    }
}

/// What stands behind a chunked body; nothing if it has not ended.
fn behind_chunks(mut body: &[u8]) -> &[u8] {
    loop {
        match httparse::parse_chunk_size(body).expect("a size that others read") {
            httparse::Status::Partial => return &[],
            httparse::Status::Complete((start, 0)) => {
                let trailers = &body[start..];
                if trailers.starts_with(b"\r\n") {
                    return &trailers[2..];
                }
                let end = trailers.windows(4).position(|window| window == b"\r\n\r\n");
                return end.map_or(&[], |end| &trailers[end + 4..]);
            }
            httparse::Status::Complete((start, size)) => {
                let Some(next) = body.get(start + size as usize..) else { return &[] };
                if next.len() < 2 {
                    assert!(b"\r\n".starts_with(next), "{}", next.escape_ascii());
                    return &[];
                }
                body = next.strip_prefix(b"\r\n").expect("a chunk ends with its line");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn how_bytes_come_makes_no_difference(bytes in bytes(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4)) {
        let whole = Framing::new(MAX).pass(&bytes);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let in_reads = in_reads(&bytes, &cuts);
        prop_assert_eq!(in_reads.fault, whole.fault, "{} cut at {:?}", bytes.escape_ascii(), cuts);
        // Of a body that breaks off, as much has passed as had come.
        if !matches!(whole.fault, Some(Wrong::Body(_))) {
            prop_assert_eq!(in_reads.bytes, whole.bytes, "{} cut at {:?}", bytes.escape_ascii(), cuts);
        }
    }

    #[test]
    fn what_passes_is_read_alike_by_another_parser(bytes in bytes()) {
        let passed = Framing::new(MAX).pass(&bytes);
        read_again(&bytes[..passed.bytes]);
    }
}
