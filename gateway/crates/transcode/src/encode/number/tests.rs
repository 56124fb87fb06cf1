//! Numbers of every form, by the short ways and the long ones.

use super::*;

fn value(text: &str) -> Result<i128, NumberError> {
    let found = integer(text.as_bytes())?;
    let value = i128::from(found.magnitude);
    Ok(if found.negative { -value } else { value })
}

#[test]
fn integers_are_what_is_integral_in_value() {
    let max = "18446744073709551615";
    for (text, expected) in [
        ("0", Ok(0)),
        ("-0", Ok(0)),
        ("0.0", Ok(0)),
        ("0e99999999999999999999", Ok(0)),
        ("0.000e-9", Ok(0)),
        ("1", Ok(1)),
        ("-1", Ok(-1)),
        ("1.0", Ok(1)),
        ("1e3", Ok(1000)),
        ("1E+3", Ok(1000)),
        ("1.5e1", Ok(15)),
        ("100e-2", Ok(1)),
        ("1000000000000000000000e-20", Ok(10)),
        ("0.00000000000000000000001e23", Ok(1)),
        ("10.50e2", Ok(1050)),
        (max, Ok(i128::from(u64::MAX))),
        ("18446744073709551615.000", Ok(i128::from(u64::MAX))),
        ("18446744073709551616", Err(NumberError::Range)),
        ("1e19", Ok(10_000_000_000_000_000_000)),
        ("1e20", Err(NumberError::Range)),
        ("1e99999999999999999999", Err(NumberError::Range)),
        ("1.5", Err(NumberError::Fraction)),
        ("1e-1", Err(NumberError::Fraction)),
        ("1e-99999999999999999999", Err(NumberError::Fraction)),
        ("123456789012345678901234567890", Err(NumberError::Range)),
    ] {
        assert_eq!(value(text), expected, "{text}");
        if let Some((found, len)) = plain_integer(text.as_bytes()) {
            assert_eq!((Ok(found), len), (integer(text.as_bytes()), text.len()));
        }
    }
}

#[test]
fn the_short_way_never_takes_what_is_not_a_number() {
    for text in
        ["", "-", "01", "-01", "a", "1.0", "1e3", "1E3", "18446744073709551616", "00000000000000000001"]
    {
        assert_eq!(plain_integer(text.as_bytes()), None, "{text}");
    }
    for text in
        ["", "-", "01", "1.", ".5", "1e3", "1.5e3", "00.5", "9007199254740992", "0.12345678901234567891"]
    {
        assert_eq!(short_double(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn the_short_way_for_doubles_rounds_correctly() {
    for text in [
        "0",
        "-0",
        "0.1",
        "-0.1",
        "999.99",
        "123456789012345",
        "1234567.8901234",
        "0.3",
        "49.95",
        "0.00000000000001",
    ] {
        let (found, len) = short_double(text.as_bytes()).unwrap();
        assert_eq!(len, text.len());
        assert_eq!(found.to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
    }
}

/// A window that begins with `text` and goes on with `after`.
fn window(text: &str, after: &str) -> [u8; WINDOW] {
    let text = format!("{text}{after:<WINDOW$}");
    *text.as_bytes().first_chunk().unwrap()
}

#[test]
fn a_window_is_read_as_the_whole_text_would_be() {
    let numbers = ["1234567890123456", "9007199254740993", "0000000000000000", "9999999999999999"];
    for digits in numbers {
        for whole in 0..=12 {
            for fraction in 0..=(16 - whole).min(15) {
                for sign in ["", "-"] {
                    let (before, behind) = digits[..whole + fraction].split_at(whole);
                    let point = if fraction > 0 { "." } else { "" };
                    let text = format!("{sign}{before}{point}{behind}");
                    let valid = crate::encode::scan::number_end(text.as_bytes(), 0) == Ok(text.len());
                    if text.len() >= WINDOW {
                        continue;
                    }
                    for after in [",", "}", " ", "]", ",\"9\":0"] {
                        let window = window(&text, after);
                        let integer = short_integer(&window);
                        let double = shortest_double(&window);
                        if !valid {
                            assert_eq!(double, None, "{text}");
                            assert!(integer.is_none_or(|(_, len)| len < text.len()), "{text}");
                            continue;
                        }
                        if let Some((found, len)) = double {
                            assert_eq!(
                                (found.to_bits(), len),
                                (text.parse::<f64>().unwrap().to_bits(), text.len())
                            );
                        }
                        if fraction == 0 {
                            assert_eq!(integer, plain_integer(text.as_bytes()), "{text}");
                        }
                    }
                    for after in ["e1", "E1"] {
                        assert_eq!(shortest_double(&window(&text, after)), None, "{text}{after}");
                    }
                }
            }
        }
    }
    assert_eq!(shortest_double(&window("49.95", ",")), Some((49.95, 5)));
    assert_eq!(shortest_double(&window("4503599.627370495", ",")), Some((4503599.627370495, 17)));
    assert_eq!(short_integer(&window("9223372036854775807", "\"")).unwrap().0.magnitude, i64::MAX as u64);
    assert_eq!(short_integer(&window("18446744073709551615", "\"")).unwrap().0.magnitude, u64::MAX);
    assert_eq!(short_integer(&window("18446744073709551616", "\"")), None);
    assert_eq!(short_integer(&window("184467440737095516150", "\"")), None);
}

#[test]
fn the_short_way_for_floats_rounds_correctly() {
    let halfway =
        ["16777217", "33554433", "0.5", "1.00000005960464477539", "8388608.5", "8388609.5", "0.1", "123.45"];
    for text in halfway
        .iter()
        .map(ToString::to_string)
        .chain((0..5000).map(|i| format!("{}.{:03}", i * 7919, i % 1000)))
    {
        if let Some((found, _)) = short_float(text.as_bytes()) {
            assert_eq!(found.to_bits(), text.parse::<f32>().unwrap().to_bits(), "{text}");
        }
    }
}

#[test]
fn integers_of_every_length() {
    for len in 1..=20 {
        for text in ["1234567890987654321".repeat(2), "9".repeat(20), format!("1{}", "0".repeat(19))] {
            let text = &text[..len];
            let Ok(expected) = text.parse::<u64>() else { continue };
            for after in ["", "\"", ",", "]12345678", " "] {
                let (found, end) = plain_integer(format!("{text}{after}").as_bytes()).unwrap();
                assert_eq!((found.magnitude, end), (expected, len), "{text}");
            }
        }
    }
}

#[test]
fn floats_out_of_range_are_refused() {
    assert_eq!(double(b"1e309"), Err(NumberError::Range));
    assert_eq!(float(b"3.5e38"), Err(NumberError::Range));
    assert_eq!(float(b"3.4028235e38"), Ok(f32::MAX));
    assert_eq!(double(b"4.9e-324"), Ok(5e-324));
    assert_eq!(double(b"1e-400"), Ok(0.0));
}
