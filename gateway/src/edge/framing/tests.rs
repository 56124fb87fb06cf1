//! Heads and bodies that are read in one way only, and those that are not.

use super::*;

const MAX: usize = 8192;

/// What passes, however the bytes are cut into reads.
fn pass(bytes: &[u8]) -> Passed {
    let whole = Framing::new(MAX).pass(bytes);
    for cut in 1..bytes.len() {
        assert_eq!(in_two(bytes, cut), whole, "{} cut at {cut}", bytes.escape_ascii());
    }
    whole
}

fn in_two(bytes: &[u8], cut: usize) -> Passed {
    let mut framing = Framing::new(MAX);
    let first = framing.pass(&bytes[..cut]);
    if first.fault.is_some() {
        return first;
    }
    let second = framing.pass(&bytes[first.bytes..]);
    Passed { bytes: first.bytes + second.bytes, ..second }
}

#[test]
fn requests_pass_whole() {
    for requests in [
        &b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"[..],
        b"\r\nGET / HTTP/1.0\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost:a\r\nX-Empty:\r\nx:\ttab \xc3\xbc\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\ntransfer-encoding:chunked\r\n\r\nA;x=\"y\";z\r\n0123456789\r\n1\r\nx\r\n000\r\nt: 1\r\n\r\n",
        b"POST /a HTTP/1.1\r\ncontent-length: 2\r\n\r\nhiGET /b HTTP/1.1\r\n\r\nGET /c HTTP/1.1\r\n\r\n",
    ] {
        let expected = Passed { bytes: requests.len(), fault: None };
        assert_eq!(pass(requests), expected, "{}", requests.escape_ascii());
    }
}

#[test]
fn a_head_waits_until_it_is_complete() {
    for (bytes, passed) in [
        (&b"GET / HTTP/1.1\r\nhost: a\r\n"[..], 0),
        (b"GET / HTTP/1.1\r\n\r\nGET / HT", 18),
        (b"POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nhello", 43),
    ] {
        assert_eq!(pass(bytes), Passed { bytes: passed, fault: None }, "{}", bytes.escape_ascii());
    }
}

#[test]
fn heads_that_allow_two_readings_are_faults() {
    for head in [
        &b"POST / HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n"[..],
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 5, 5\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: +5\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 0x5\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 5 5\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length:\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 18446744073709551616\r\n\r\n",
        b"POST / HTTP/1.1\r\ntransfer-encoding: xchunked\r\n\r\n",
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked, identity\r\n\r\n",
        b"POST / HTTP/1.1\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\ntransfer-encoding: \x0bchunked\r\n\r\n",
        b"POST / HTTP/1.1\r\ntransfer-encoding:\r\n chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\ntransfer-encoding : chunked\r\n\r\n",
        b"POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\ntransfer-encoding: \"chunked\"\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost : a\r\n\r\n",
        b"GET / HTTP/1.1\r\n host: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\n\tfolded\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\n\r\n",
        b"GET / HTTP/1.1\nhost: a\n\n",
        b"GET / HTTP/1.1\r\nhost: a\rb: c\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\0b\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost\r\n\r\n",
        b"GET / HTTP/1.1\r\n: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nh\xc3\xb6st: a\r\n\r\n",
        b"GET  / HTTP/1.1\r\n\r\n",
        b"GET /  HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1 \r\n\r\n",
        b"GET / HTTP/1.2\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET / http/1.1\r\n\r\n",
        b"GET /\tHTTP/1.1\r\n\r\n",
        b"GET /a b HTTP/1.1\r\n\r\n",
        b"GET /a#b HTTP/1.1\r\n\r\n",
        b"GET http://a/b#c HTTP/1.1\r\n\r\n",
        b"GET /a HTTP/1.10\r\n\r\n",
        b"GET /\x01 HTTP/1.1\r\n\r\n",
        b"GE(T / HTTP/1.1\r\n\r\n",
        b" GET / HTTP/1.1\r\n\r\n",
        b"GET /\r\n\r\n",
        b"\nGET / HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let passed = pass(head);
        assert!(
            matches!(passed, Passed { bytes: 0, fault: Some(Wrong::Head(Fault::Malformed(_))) }),
            "{}: {passed:?}",
            head.escape_ascii()
        );
    }
}

#[test]
fn what_follows_a_good_request_is_held_to_the_same() {
    let good = b"GET / HTTP/1.1\r\n\r\n";
    let passed = pass(&[&good[..], b"GET / HTTP/9.9\r\n\r\n"].concat());
    assert_eq!(passed.bytes, good.len());
    assert!(passed.fault.is_some());
}

#[test]
fn chunks_that_allow_two_readings_are_faults() {
    let head = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
    let long = format!("1;{}\r\n", "x".repeat(300));
    let many = format!("1;{}\r\nx\r\n", "x".repeat(200)).repeat(30);
    let trailers = format!("0\r\n{}\r\n", "a: b\r\n".repeat(2000));
    for body in [
        &b"5\nhello\r\n0\r\n\r\n"[..],
        b"5\r\nhello0\r\n\r\n",
        b"5\r\nhelloX\r\n0\r\n\r\n",
        b"5\r\nhello\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"+5\r\nhello\r\n0\r\n\r\n",
        b" 5\r\nhello\r\n0\r\n\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b"\r\nhello\r\n0\r\n\r\n",
        b";x\r\nhello\r\n0\r\n\r\n",
        b"-1\r\nhello",
        b"fffffffffffffffff\r\nhello",
        b"00000000000000000\r\n\r\n",
        b"5;a\nb\r\nhello\r\n0\r\n\r\n",
        b"5;\0\r\nhello\r\n0\r\n\r\n",
        b"5\r\rhello",
        b"0\r\n\n",
        b"0\r\n folded: 1\r\n\r\n",
        b"0\r\na: b\n\r\n",
        long.as_bytes(),
        many.as_bytes(),
        trailers.as_bytes(),
    ] {
        let passed = Framing::new(MAX).pass(&[&head[..], body].concat());
        assert!(matches!(passed.fault, Some(Wrong::Body(_))), "{}: {passed:?}", body.escape_ascii());
    }
}

#[test]
fn heads_are_bounded() {
    let fault = |bytes: &[u8]| Framing::new(MAX).pass(bytes).fault;
    let of_length = |length: usize| {
        let start = "GET / HTTP/1.1\r\nx: ";
        format!("{start}{}\r\n\r\n", "a".repeat(length - start.len() - 4))
    };
    assert_eq!(fault(of_length(MAX).as_bytes()), None);
    assert_eq!(fault(of_length(MAX + 1).as_bytes()), Some(Wrong::Head(Fault::HeadTooLarge)));
    assert_eq!(fault(&of_length(2 * MAX).as_bytes()[..MAX]), Some(Wrong::Head(Fault::HeadTooLarge)));
    let line = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(MAX));
    assert_eq!(fault(line.as_bytes()), Some(Wrong::Head(Fault::TargetTooLong)));
    assert_eq!(fault(&b"\r\n".repeat(MAX)), Some(Wrong::Head(Fault::TargetTooLong)));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a:b\r\n".repeat(101));
    assert_eq!(fault(many.as_bytes()), Some(Wrong::Head(Fault::HeadTooLarge)));
    let most = format!("GET / HTTP/1.1\r\n{}\r\n", "a:b\r\n".repeat(100));
    assert_eq!(fault(most.as_bytes()), None);
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(70_000));
    assert_eq!(Framing::new(1 << 20).pass(long.as_bytes()).fault, Some(Wrong::Head(Fault::TargetTooLong)));
}

#[test]
fn chunks_are_announced_before_they_come() {
    let head = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
    for (body, announced) in [
        (&b""[..], 0),
        (b"5", 5),
        (b"5\r\nhel", 5),
        (b"5\r\nhello\r\n1", 6),
        (b"5\r\nhello\r\n1f;x\r\n", 36),
        (b"400000", 4 << 20),
        (b"ffffffffffffffff", u64::MAX),
        (b"5\r\nhello\r\nffffffffffffffff", u64::MAX),
        // Too long to be read, and to be counted.
        (b"fffffffffffffffff", u64::MAX),
        (b"10000000000000000", u64::MAX),
        (b"ffffffffffffffffffffffffffffffff\r\n", u64::MAX),
        (b"00000000000000000", 0),
    ] {
        let mut framing = Framing::new(MAX);
        framing.pass(&[&head[..], body].concat());
        assert_eq!(framing.announced(), Some((1, announced)), "{}", body.escape_ascii());
    }
    let mut framing = Framing::new(MAX);
    framing.pass(&[&head[..], b"5\r\nhello\r\n0\r\n\r\n", head, b"7"].concat());
    assert_eq!(framing.announced(), Some((2, 7)), "the second request");
    framing.limit_chunked(5);
    assert!(matches!(framing.pass(b"\r\n").fault, Some(Wrong::Body(_))));
}

#[test]
fn chunks_have_a_limit() {
    let head = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
    for (body, limit, is_fine) in [
        (&b"5\r\nhello\r\n0\r\n\r\n"[..], 5, true),
        (b"5\r\nhello\r\n0\r\n\r\n", 4, false),
        (b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", 5, true),
        (b"3\r\nhel\r\n3", 5, false),
        (b"10", 16, true),
        (b"11", 16, false),
        (b"0000000000000005\r\nhello\r\n0\r\n\r\n", 5, true),
        (b"ffffffffffffffff", u64::MAX - 1, false),
    ] {
        let mut framing = Framing::new(MAX);
        framing.pass(head);
        framing.limit_chunked(limit);
        let passed = framing.pass(body);
        assert_eq!(passed.fault.is_none(), is_fine, "{} of {limit}", body.escape_ascii());
    }
}
