//! Reads a gRPC status out of headers or trailers, and what it says about trying again.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use prost::Message;
use std::time::Duration;

use crate::call::Status;
use crate::code;

/// What is wrong with a response that has several statuses.
pub(crate) const REPEATED: &str = "`grpc-status` is repeated";

const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// The status that `grpc-status`, `grpc-message` and `grpc-status-details-bin` make.
pub(crate) fn read(
    code: &HeaderValue,
    message: Option<&HeaderValue>,
    details: Option<&HeaderValue>,
) -> Status {
    let mut message = message.map(decode_message).unwrap_or_default();
    cut(&mut message);
    let mut details = details;
    if let Some(size) = details.map(HeaderValue::len).filter(|size| *size > MAX_DETAILS) {
        message.push_str(&format!(" [{size} bytes of details left out]"));
        details = None;
    }
    Status { code: parse_code(code.as_bytes()), message, details: details.and_then(decode_binary) }
}

/// The longest message that is passed on.
const MAX_MESSAGE: usize = 16 << 10;
/// The longest `grpc-status-details-bin` that is passed on, in base64.
const MAX_DETAILS: usize = 64 << 10;

/// Cuts a message that is too long for clients and logs, and notes how much is missing.
fn cut(message: &mut String) {
    if message.len() <= MAX_MESSAGE {
        return;
    }
    let end = message.floor_char_boundary(MAX_MESSAGE);
    let missing = message.len() - end;
    message.truncate(end);
    message.push_str(&format!("… [{missing} bytes left out]"));
}

/// A status that is not a number, or is one that no code has, is `UNKNOWN`.
fn parse_code(text: &[u8]) -> u32 {
    let code = match text {
        [digit @ b'0'..=b'9'] => u32::from(digit - b'0'),
        [ten @ b'0'..=b'9', one @ b'0'..=b'9'] => u32::from(ten - b'0') * 10 + u32::from(one - b'0'),
        _ => code::UNKNOWN,
    };
    if code > code::UNAUTHENTICATED { code::UNKNOWN } else { code }
}

fn decode_message(value: &HeaderValue) -> String {
    percent_encoding::percent_decode(value.as_bytes()).decode_utf8_lossy().into_owned()
}

/// `-bin` values are base64, with or without padding.
fn decode_binary(value: &HeaderValue) -> Option<Bytes> {
    let text = value.as_bytes();
    let end = text.iter().rposition(|b| *b != b'=').map_or(0, |last| last + 1);
    base64_simd::STANDARD_NO_PAD.decode_to_vec(text.get(..end)?).ok().map(Bytes::from)
}

/// What a server asks of those who would try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushback {
    /// Nothing: the caller's own backoff holds.
    None,
    /// Not to come back.
    Stop,
    /// To come back after this long.
    After(Duration),
}

/// `grpc-retry-pushback-ms` of the trailers, else google.rpc.RetryInfo of the status details.
pub(crate) fn pushback(trailers: &HeaderMap, details: Option<&Bytes>) -> Pushback {
    if let Some(value) = trailers.get(PUSHBACK) {
        // Negative or unreadable means "do not retry" (gRPC's A6).
        return match value.to_str().ok().and_then(|text| text.parse::<u32>().ok()) {
            Some(ms) => Pushback::After(Duration::from_millis(ms.into())),
            None => Pushback::Stop,
        };
    }
    match details.and_then(retry_info) {
        Some(delay) => Pushback::After(delay),
        None => Pushback::None,
    }
}

impl Status {
    /// When to come back, as google.rpc.RetryInfo among the details says.
    pub fn retry_after(&self) -> Option<Duration> {
        self.details.as_ref().and_then(retry_info)
    }
}

fn retry_info(details: &Bytes) -> Option<Duration> {
    let status = RpcStatus::decode(details.clone()).ok()?;
    let any = status.details.iter().find(|any| any.type_url.ends_with("/google.rpc.RetryInfo"))?;
    let delay = RetryInfo::decode(any.value.as_slice()).ok()?.retry_delay?;
    Duration::try_from(delay).ok()
}

/// google.rpc.Status, the part that is looked at.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

/// google.rpc.RetryInfo.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<prost_types::Duration>,
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pairs = &'static [(&'static str, &'static str)];

    fn map(fields: Pairs) -> HeaderMap {
        fields.iter().map(|(k, v)| (HeaderName::from_static(k), HeaderValue::from_str(v).unwrap())).collect()
    }

    #[test]
    fn a_status_is_read_from_headers() {
        let status = |code, message: &str, details: Option<&'static [u8]>| {
            Some(Status { code, message: message.into(), details: details.map(Bytes::from_static) })
        };
        let table: [(Pairs, Option<Status>); 9] = [
            (&[], None),
            (&[("grpc-status", "0")], status(0, "", None)),
            (&[("grpc-status", "0"), ("x-a", "b")], status(0, "", None)),
            (&[("grpc-status", "5"), ("grpc-message", "user not found")], status(5, "user not found", None)),
            (
                &[("grpc-status", "3"), ("grpc-message", "%C3%BC is not %41%zz")],
                status(3, "ü is not A%zz", None),
            ),
            (&[("grpc-status", "16"), ("grpc-status-details-bin", "aGk=")], status(16, "", Some(b"hi"))),
            (&[("grpc-status", "16"), ("grpc-status-details-bin", "aGk")], status(16, "", Some(b"hi"))),
            (&[("grpc-status", "17"), ("grpc-status-details-bin", "?")], status(2, "", None)),
            (&[("grpc-status", "-1")], status(2, "", None)),
        ];
        for (fields, expected) in table {
            assert_eq!(crate::fields::Fields::of(&map(fields)).status(), Ok(expected), "{fields:?}");
        }
        for second in ["0", "5"] {
            let mut repeated = map(&[("grpc-status", "0")]);
            repeated.append("grpc-status", HeaderValue::from_static(second));
            assert!(crate::fields::Fields::of(&repeated).status().is_err(), "{second}");
        }
    }

    #[test]
    fn a_large_status_is_cut() {
        let value = |byte: &str, n: usize| HeaderValue::from_str(&byte.repeat(n)).unwrap();
        let code = HeaderValue::from_static("3");
        for (length, cut) in
            [(16 << 10, None), ((16 << 10) + 1, Some(1)), (1 << 20, Some((1 << 20) - (16 << 10)))]
        {
            let status = read(&code, Some(&value("m", length)), None);
            assert_eq!(status.code, 3);
            let note = cut.map(|cut: usize| format!("… [{cut} bytes left out]")).unwrap_or_default();
            assert_eq!(status.message, "m".repeat(length.min(16 << 10)) + &note, "{length}");
        }
        let kept = read(&code, None, Some(&value("A", 64 << 10)));
        assert_eq!(kept.details.map(|details| details.len()), Some(48 << 10));
        let dropped = read(&code, Some(&value("m", 1)), Some(&value("A", (64 << 10) + 4)));
        assert_eq!(
            (dropped.message.as_str(), dropped.details),
            ("m [65540 bytes of details left out]", None)
        );
    }

    #[test]
    fn pushback_is_read_from_trailers_and_details() {
        let info = RetryInfo { retry_delay: Some(prost_types::Duration { seconds: 1, nanos: 500_000_000 }) };
        let any = prost_types::Any {
            type_url: "type.googleapis.com/google.rpc.RetryInfo".into(),
            value: info.encode_to_vec(),
        };
        let details = Bytes::from(RpcStatus { details: vec![any] }.encode_to_vec());
        let after = |ms| Pushback::After(Duration::from_millis(ms));
        let table: [(Pairs, Option<&Bytes>, Pushback); 6] = [
            (&[], None, Pushback::None),
            (&[("grpc-retry-pushback-ms", "250")], None, after(250)),
            (&[("grpc-retry-pushback-ms", "-1")], None, Pushback::Stop),
            (&[("grpc-retry-pushback-ms", "soon")], None, Pushback::Stop),
            (&[], Some(&details), after(1500)),
            (&[("grpc-retry-pushback-ms", "10")], Some(&details), after(10)),
        ];
        for (fields, details, expected) in table {
            assert_eq!(pushback(&map(fields), details), expected, "{fields:?}");
        }
        assert_eq!(pushback(&HeaderMap::new(), Some(&Bytes::from_static(b"\xff"))), Pushback::None);
    }
}
