//! Percent escapes: the normal form that literals are compared in, and the decoding of captures.

use std::borrow::Cow;

/// RFC 3986: never needs an escape, so that escaping it changes nothing.
pub(crate) const fn is_unreserved(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~')
}

/// RFC 3986 `pchar` without `%`: may stand in a path segment as it is.
pub(crate) const fn is_path_byte(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@'
        )
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// The byte that the escape at the front of `bytes` stands for; `None` if these are not `%` and two hex digits.
pub(crate) fn escaped_byte(bytes: &[u8]) -> Option<u8> {
    match bytes {
        [b'%', high, low, ..] => Some(hex(*high)? << 4 | hex(*low)?),
        _ => None,
    }
}

/// The normal form of a segment whose escapes are well formed.
pub(crate) fn normalise(segment: &str) -> Cow<'_, str> {
    if is_normal(segment.as_bytes()) {
        return Cow::Borrowed(segment);
    }
    let mut normal = String::with_capacity(segment.len() + 8);
    let mut rest = segment.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = escaped_byte(rest);
        rest = if escaped.is_some() { after.get(2..).unwrap_or_default() } else { after };
        match escaped {
            Some(byte) if is_unreserved(byte) => normal.push(char::from(byte)),
            Some(byte) => push_escape(&mut normal, byte),
            // A malformed escape is kept; the callers have refused it before.
            None if is_path_byte(byte) || byte == b'%' => normal.push(char::from(byte)),
            None => push_escape(&mut normal, byte),
        }
    }
    Cow::Owned(normal)
}

fn is_normal(mut bytes: &[u8]) -> bool {
    while let Some((&byte, after)) = bytes.split_first() {
        bytes = match byte {
            b'%' => match (escaped_byte(bytes), after) {
                (Some(byte), [high, low, rest @ ..])
                    if !is_unreserved(byte) && !high.is_ascii_lowercase() && !low.is_ascii_lowercase() =>
                {
                    rest
                }
                _ => return false,
            },
            byte if is_path_byte(byte) => after,
            _ => return false,
        };
    }
    true
}

fn push_escape(text: &mut String, byte: u8) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    text.push('%');
    for digit in [byte >> 4, byte & 15] {
        text.extend(DIGITS.get(usize::from(digit)));
    }
}

/// Which escapes a capture keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// A capture of one segment is a value: nothing in it is syntax.
    Nothing,
    /// In a capture of several segments a `/` parts them, so that an escaped one stays escaped, as it was written.
    Slash,
}

/// The text that escapes stand for; borrowed if there are none. `None` if an escape is malformed or the result is
/// not UTF-8.
pub(crate) fn decode(text: &str, keep: Keep) -> Option<Cow<'_, str>> {
    if !text.as_bytes().contains(&b'%') {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'%' {
            decoded.push(byte);
            rest = after;
            continue;
        }
        let escaped = escaped_byte(rest)?;
        let (escape, after) = rest.split_at_checked(3)?;
        if escaped == b'/' && keep == Keep::Slash {
            decoded.extend_from_slice(escape);
        } else {
            decoded.push(escaped);
        }
        rest = after;
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_form() {
        for (written, normal, why) in [
            ("abc", "abc", "nothing to do"),
            ("%41%7e%2D", "A~-", "unreserved characters need no escape"),
            ("%2f%3a", "%2F%3A", "reserved ones differ from their escapes; hex digits in upper case"),
            ("%2F", "%2F", "normal already"),
            ("a:b@c*d=e", "a:b@c*d=e", "allowed in a segment as they are"),
            ("é", "%C3%A9", "not ASCII: escaped on the wire by any client that keeps to the RFC"),
            ("%c3%a9", "%C3%A9", "the same, escaped"),
            ("a{b}\"", "a%7Bb%7D%22", "may not stand in a path, though lenient clients send it"),
            ("%2541", "%2541", "decoded once, never twice"),
        ] {
            assert_eq!(normalise(written), normal, "{written}: {why}");
            assert_eq!(normalise(normal), normal, "{normal} is its own normal form");
            assert!(is_normal(normal.as_bytes()));
        }
    }

    #[test]
    fn decoding() {
        for (text, keep, decoded) in [
            ("plain", Keep::Nothing, Some("plain")),
            ("p%20q%2Fr+", Keep::Nothing, Some("p q/r+")),
            ("p%20q%2Fr%2f+", Keep::Slash, Some("p q%2Fr%2f+")),
            ("%C3%A9%e2%82%ac", Keep::Slash, Some("é€")),
            ("%252F", Keep::Nothing, Some("%2F")),
            ("%252F", Keep::Slash, Some("%2F")),
            ("%", Keep::Nothing, None),
            ("%4", Keep::Nothing, None),
            ("%zz", Keep::Nothing, None),
            ("%é", Keep::Nothing, None),
            ("%ff", Keep::Nothing, None),
            ("%c3é", Keep::Nothing, None),
        ] {
            assert_eq!(decode(text, keep).as_deref(), decoded, "{text}");
        }
    }
}
