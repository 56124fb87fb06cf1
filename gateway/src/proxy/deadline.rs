//! When a call has to be over.

use std::time::Duration;

use http::HeaderValue;

/// The time that a call may take: the route's, or the client's own `grpc-timeout` where that is shorter.
pub(super) fn timeout(route: Duration, client: Option<&HeaderValue>) -> Duration {
    client.and_then(|value| parse(value.as_bytes())).map_or(route, |client| client.min(route))
}

/// `1*8DIGIT` and a unit (the gRPC protocol, "Timeout"). Anything else is not a timeout.
fn parse(text: &[u8]) -> Option<Duration> {
    let (unit, digits) = text.split_last()?;
    if !(1..=8).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let n: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    match unit {
        b'H' => Some(Duration::from_secs(n * 3600)),
        b'M' => Some(Duration::from_secs(n * 60)),
        b'S' => Some(Duration::from_secs(n)),
        b'm' => Some(Duration::from_millis(n)),
        b'u' => Some(Duration::from_micros(n)),
        b'n' => Some(Duration::from_nanos(n)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_can_shorten_a_deadline_but_never_lengthen_it() {
        let route = Duration::from_secs(3);
        for (sent, expected) in [
            ("100m", Duration::from_millis(100)),
            ("1S", Duration::from_secs(1)),
            ("99999999H", route),
            ("250u", Duration::from_micros(250)),
            ("0n", Duration::ZERO),
            // not timeouts: too many digits, a sign, no unit, no digits
            ("100000000S", route),
            ("-1S", route),
            ("5", route),
            ("S", route),
            ("", route),
        ] {
            let sent = HeaderValue::from_static(sent);
            assert_eq!(timeout(route, Some(&sent)), expected, "{sent:?}");
        }
    }
}
