//! The values of literals: strings with escapes, numbers; and numbers as protoc prints them.

/// Reads an escape sequence at the backslash that `at` points to, and moves behind it; the bytes that it means.
pub(crate) fn escape(text: &[u8], at: &mut usize) -> Option<Vec<u8>> {
    let digits = |from: usize, most: usize, accept: fn(&u8) -> bool| {
        text.iter().skip(from).take(most).take_while(|byte| accept(byte)).count()
    };
    let number = |from: usize, len: usize, radix: u32| {
        let digits = std::str::from_utf8(text.get(from..from + len)?).ok()?;
        u32::from_str_radix(digits, radix).ok()
    };
    let letter = *text.get(*at + 1)?;
    let from = *at + 2;
    let simple = |byte: u8| Some(vec![byte]);
    let (value, len) = match letter {
        b'a' => (simple(7), 0),
        b'b' => (simple(8), 0),
        b'f' => (simple(12), 0),
        b'n' => (simple(b'\n'), 0),
        b'r' => (simple(b'\r'), 0),
        b't' => (simple(b'\t'), 0),
        b'v' => (simple(11), 0),
        b'\\' | b'?' | b'\'' | b'"' => (simple(letter), 0),
        b'0'..=b'7' => {
            let len = digits(from - 1, 3, |byte| matches!(byte, b'0'..=b'7'));
            // Three digits can mean more than a byte; protoc cuts them.
            let value = number(from - 1, len, 8)?;
            (Some(vec![value.to_le_bytes()[0]]), len - 1)
        }
        b'x' | b'X' => {
            let len = digits(from, 2, u8::is_ascii_hexdigit);
            (Some(vec![number(from, len, 16)?.to_le_bytes()[0]]), len)
        }
        b'u' | b'U' => {
            let len = if letter == b'u' { 4 } else { 8 };
            if digits(from, len, u8::is_ascii_hexdigit) < len {
                return None;
            }
            let mut value = number(from, len, 16)?;
            let mut read = len;
            let low = from + len;
            if (0xd800..0xdc00).contains(&value)
                && text.get(low..low + 2) == Some(br"\u")
                && let Some(second @ 0xdc00..0xe000) = number(low + 2, 4, 16)
            {
                value = 0x10000 + ((value - 0xd800) << 10) + (second - 0xdc00);
                read += 6;
            }
            let value = char::from_u32(value)?;
            (Some(value.to_string().into_bytes()), read)
        }
        _ => return None,
    };
    *at = from + len;
    value
}

/// The bytes of a string literal, quotes included.
pub(crate) fn unquote(literal: &[u8]) -> Vec<u8> {
    let quote = literal.first().copied();
    let mut bytes = Vec::with_capacity(literal.len());
    let mut at = 1;
    while let Some(byte) = literal.get(at).copied() {
        if Some(byte) == quote {
            break;
        }
        if byte == b'\\' {
            let before = at;
            bytes.extend(escape(literal, &mut at).unwrap_or_default());
            at = at.max(before + 1);
        } else {
            bytes.push(byte);
            at += 1;
        }
    }
    bytes
}

/// Decimal, octal or hexadecimal; nothing when it is larger than 64 bits hold.
pub(crate) fn integer(literal: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(literal).ok()?;
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None if text.len() > 1 && text.starts_with('0') => u64::from_str_radix(text, 8).ok(),
        None => text.parse().ok(),
    }
}

pub(crate) fn float(literal: &[u8]) -> Option<f64> {
    std::str::from_utf8(literal).ok()?.parse().ok()
}

/// Bytes as default values carry them.
pub(crate) fn c_escape(bytes: &[u8]) -> String {
    let mut out = String::new();
    for byte in bytes {
        match byte {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b'"' => out.push_str("\\\""),
            b'\'' => out.push_str("\\'"),
            b'\\' => out.push_str("\\\\"),
            0x20..0x7f => out.push(char::from(*byte)),
            _ => out.push_str(&format!("\\{byte:03o}")),
        }
    }
    out
}

/// A number as C's `%g` prints it, with the fewest digits that read back, of two precisions.
pub(crate) fn print_double(value: f64) -> String {
    special(value).unwrap_or_else(|| {
        let short = general(value, 15);
        if short.parse() == Ok(value) { short } else { general(value, 17) }
    })
}

/// See [`print_double`].
pub(crate) fn print_float(value: f32) -> String {
    special(f64::from(value)).unwrap_or_else(|| {
        let short = general(f64::from(value), 6);
        if short.parse() == Ok(value) { short } else { general(f64::from(value), 9) }
    })
}

fn special(value: f64) -> Option<String> {
    match value {
        _ if value.is_nan() => Some("nan".to_owned()),
        f64::INFINITY => Some("inf".to_owned()),
        f64::NEG_INFINITY => Some("-inf".to_owned()),
        _ => None,
    }
}

fn general(value: f64, precision: usize) -> String {
    let scientific = format!("{value:.*e}", precision - 1);
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| -> String {
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text.to_owned()
        }
    };
    if exponent < -4 || exponent >= i32::try_from(precision).unwrap_or(i32::MAX) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trim(mantissa), exponent.abs());
    }
    let decimals = i32::try_from(precision).unwrap_or(0) - 1 - exponent;
    trim(&format!("{value:.*}", usize::try_from(decimals).unwrap_or(0)))
}
