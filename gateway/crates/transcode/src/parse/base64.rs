//! Base64: the standard and the URL-safe alphabet, mixed if need be, padded or not.

/// Decodes and appends; `false` if it is not base64 (part of it may then have been appended).
pub(crate) fn decode(text: &[u8], out: &mut Vec<u8>) -> bool {
    let text = unpadded(text);
    let start = out.len();
    // The vectorised decoder knows one alphabet at a time and insists on zero bits at the end. Nearly everything is
    // like that; what is not is decided by the table below.
    let engine = if memchr::memchr2(b'-', b'_', text).is_some() {
        base64_simd::URL_SAFE_NO_PAD
    } else {
        base64_simd::STANDARD_NO_PAD
    };
    if let Ok(decoded) = engine.decode_to_vec_appended(text, out) {
        return decoded;
    }
    out.truncate(start);
    decode_by_table(text, out)
}

/// How many bytes it decodes to, if it is base64.
pub(crate) fn decoded_len(text: &[u8]) -> usize {
    let digits = unpadded(text).len();
    digits / 4 * 3 + (digits % 4).saturating_sub(1)
}

/// Without up to two `=` that complete a group of four.
fn unpadded(text: &[u8]) -> &[u8] {
    if text.is_empty() || !text.len().is_multiple_of(4) {
        return text;
    }
    match text {
        [rest @ .., b'=', b'='] | [rest @ .., b'='] => rest,
        _ => text,
    }
}

trait Append {
    fn decode_to_vec_appended(&self, text: &[u8], out: &mut Vec<u8>) -> Result<bool, ()>;
}

impl Append for base64_simd::Base64 {
    fn decode_to_vec_appended(&self, text: &[u8], out: &mut Vec<u8>) -> Result<bool, ()> {
        self.decode_append(text, out).map(|()| true).map_err(|_| ())
    }
}

fn decode_by_table(text: &[u8], out: &mut Vec<u8>) -> bool {
    for group in text.chunks(4) {
        let mut bits = 0u32;
        for byte in group {
            let Some(value) = sextet(*byte) else { return false };
            bits = bits << 6 | value;
        }
        let bytes = (bits << (6 * (4 - group.len()) + 8)).to_be_bytes();
        match (group.len(), bytes) {
            (4, [a, b, c, _]) => out.extend_from_slice(&[a, b, c]),
            (3, [a, b, ..]) => out.extend_from_slice(&[a, b]),
            (2, [a, ..]) => out.push(a),
            _ => return false,
        }
    }
    true
}

fn sextet(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_alphabets_with_and_without_padding() {
        for (text, expected) in [
            ("", Some(&b""[..])),
            ("AQI=", Some(b"\x01\x02")),
            ("AQI", Some(b"\x01\x02")),
            ("AQ==", Some(b"\x01")),
            ("AQ", Some(b"\x01")),
            ("-_8", Some(b"\xfb\xff")),
            ("+/8=", Some(b"\xfb\xff")),
            ("-/8=", Some(b"\xfb\xff")),
            ("AR==", Some(b"\x01")),
            ("A", None),
            ("AQI==", None),
            ("AQ=", None),
            ("A===", None),
            ("====", None),
            ("=", None),
            ("AQI=AQI=", None),
            ("A I", None),
            ("AQ\n", None),
            ("é", None),
        ] {
            let mut out = b"x".to_vec();
            let fits = decode(text.as_bytes(), &mut out);
            assert_eq!(fits.then_some(&out[1..]), expected, "{text}");
        }
    }

    #[test]
    fn the_table_agrees_with_the_vectors() {
        let bytes: Vec<u8> = (0..=255).collect();
        for len in 0..bytes.len() {
            let text = base64_simd::STANDARD_NO_PAD.encode_to_string(&bytes[..len]);
            let mut out = Vec::new();
            assert!(decode_by_table(text.as_bytes(), &mut out));
            assert_eq!(out, bytes[..len]);
            assert_eq!(decoded_len(text.as_bytes()), len);
            assert_eq!(decoded_len(base64_simd::STANDARD.encode_to_string(&out).as_bytes()), len);
        }
    }
}
