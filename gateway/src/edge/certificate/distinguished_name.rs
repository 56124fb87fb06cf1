//! Distinguished names as text (RFC 2253).
//!
//! The text is embedded in headers whose parsers differ in how they unescape. So a value has every character other than
//! letters, digits and a few harmless ones as a hexadecimal pair, which all parsers of RFC 2253 read alike.

use std::fmt::Write;

use super::der::element;

const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const BMP_STRING: u8 = 0x1e;

/// The attribute types with names of their own (RFC 4519), and those that certificates use beside them.
const TYPES: [(&[u8], &str); 13] = [
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 4], "SN"),
    (&[0x55, 4, 5], "serialNumber"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 9], "street"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x55, 4, 12], "title"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1], "UID"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25], "DC"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1], "emailAddress"),
];

/// Writes the content of an RDNSequence, the last name first. What cannot be read is left out.
pub(super) fn text(mut sequence: &[u8]) -> String {
    let mut names = Vec::new();
    while let Some((_, mut set, rest)) = element(sequence, Some(SET)) {
        let mut attributes = Vec::new();
        while let Some((_, attribute, others)) = element(set, Some(SEQUENCE)) {
            attributes.extend(self::attribute(attribute));
            set = others;
        }
        names.push(attributes.join("+"));
        sequence = rest;
    }
    names.reverse();
    names.join(",")
}

fn attribute(content: &[u8]) -> Option<String> {
    let (_, kind, rest) = element(content, Some(OBJECT_IDENTIFIER))?;
    let (tag, value, _) = element(rest, None)?;
    let mut text = match TYPES.iter().find(|(known, _)| *known == kind) {
        Some((_, name)) => (*name).to_owned(),
        None => dotted(kind)?,
    };
    text.push('=');
    if tag == BMP_STRING {
        let units = value.chunks_exact(2).filter_map(|pair| Some(u16::from_be_bytes(pair.try_into().ok()?)));
        let decoded: String = char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}')).collect();
        escape(decoded.as_bytes(), &mut text);
    } else {
        escape(value, &mut text);
    }
    Some(text)
}

/// An object identifier in numbers (ITU-T X.690 section 8.19).
fn dotted(content: &[u8]) -> Option<String> {
    let mut numbers: Vec<u64> = Vec::new();
    let mut number: u64 = 0;
    for byte in content {
        number = number.checked_mul(128)?.checked_add(u64::from(byte & 0x7f))?;
        if byte & 0x80 == 0 {
            numbers.push(number);
            number = 0;
        }
    }
    let (first, rest) = numbers.split_first()?;
    let arc = (*first / 40).min(2);
    let mut text = format!("{arc}.{}", first - arc * 40);
    for number in rest {
        // Formatting to a string cannot fail, here and below.
        let _ = write!(text, ".{number}");
    }
    Some(text)
}

fn escape(value: &[u8], text: &mut String) {
    for (position, byte) in value.iter().enumerate() {
        let is_outer = position == 0 || position + 1 == value.len();
        match byte {
            b' ' if !is_outer => text.push(' '),
            b'-' | b'.' | b'_' | b'@' | b'/' | b':' | b'*' | b'\'' | b'(' | b')' => {
                text.push(char::from(*byte));
            }
            byte if byte.is_ascii_alphanumeric() => text.push(char::from(*byte)),
            byte => _ = write!(text, "\\{byte:02X}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name of one attribute for each set.
    fn sequence(attributes: &[(&[u8], u8, &[u8])]) -> Vec<u8> {
        let wrap = |tag: u8, content: &[u8]| [&[tag, u8::try_from(content.len()).unwrap()], content].concat();
        let set = |(kind, tag, value): &(&[u8], u8, &[u8])| {
            let attribute = [wrap(OBJECT_IDENTIFIER, kind), wrap(*tag, value)].concat();
            wrap(SET, &wrap(SEQUENCE, &attribute))
        };
        attributes.iter().flat_map(set).collect()
    }

    #[test]
    fn names_are_written_from_the_last_to_the_first() {
        let (cn, o): (&[u8], &[u8]) = (&[0x55, 4, 3], &[0x55, 4, 10]);
        for (attributes, expected) in [
            (&[][..], ""),
            (&[(o, 0x0c, &b"Shop"[..]), (cn, 0x0c, b"gw 1")], "CN=gw 1,O=Shop"),
            (&[(cn, 0x0c, b" x ")], "CN=\\20x\\20"),
            (&[(cn, 0x13, b"a\";URI=spiffe://b,c\\")], "CN=a\\22\\3BURI\\3Dspiffe://b\\2Cc\\5C"),
            (&[(cn, 0x0c, "ü\n".as_bytes())], "CN=\\C3\\BC\\0A"),
            (&[(cn, BMP_STRING, &[0, 0x61, 0, 0xfc])], "CN=a\\C3\\BC"),
            (&[(&[0x2a, 0x86, 0x48, 1], 0x0c, b"v")], "1.2.840.1=v"),
            (&[(&[0x88, 0x37, 3], 0x0c, b"v")], "2.999.3=v"),
        ] {
            assert_eq!(text(&sequence(attributes)), expected);
        }
    }

    #[test]
    fn what_is_no_name_is_no_text() {
        for content in [&b"\x31"[..], b"\x31\x02\x30\x00", b"\x31\x84\xff\xff\xff\xff", b"\x30\x00"] {
            assert_eq!(text(content), "", "{content:?}");
        }
    }
}
