//! What is JSON and what is not, as the scanner sees it.

use super::*;

/// Skips one value and the end of the input.
fn skip(text: &str) -> Result<(), Failure> {
    let mut scanner = Scanner::new(text.as_bytes(), 10);
    match scanner.skip().and_then(|()| scanner.end()) {
        Ok(()) => Ok(()),
        Err(Stop) => Err(scanner.failure.expect("a stop has a failure")),
    }
}

#[test]
fn json_is_taken() {
    for text in [
        "null",
        " true ",
        "false\n",
        "0",
        "-0",
        "1.5e+10",
        "1E-3",
        "\"\"",
        "\"a\\u0041\\n\\/\"",
        "\"\\ud83d\\ude00\"",
        "[]",
        "{}",
        "[1,2,[3]]",
        "{\"a\":{\"b\":[]},\"c\":null}",
        "\t{ \"a\" : [ 1 , 2 ] }\r\n",
        "\"é\u{2028}😀\"",
        "\"\u{7f}\"",
        "[[[[[[[[[[]]]]]]]]]]",
    ] {
        assert_eq!(skip(text), Ok(()), "{text}");
    }
}

#[test]
fn anything_else_stops_where_it_is_wrong() {
    for (text, at) in [
        ("", 0),
        ("  ", 2),
        ("nul", 0),
        ("nullx", 4),
        ("True", 0),
        ("NaN", 0),
        ("-", 1),
        ("-Infinity", 1),
        ("+1", 0),
        ("01", 1),
        ("1.", 2),
        (".5", 0),
        ("1e", 2),
        ("0x10", 1),
        ("'a'", 0),
        ("\"a", 2),
        ("\"a\nb\"", 2),
        ("\"\\x\"", 1),
        ("\"\\u12\"", 1),
        ("\"\\u+123\"", 1),
        ("\"\\ud800\"", 1),
        ("\"\\udc00\"", 1),
        ("\"\\ud800\\u0041\"", 1),
        ("[1,]", 3),
        ("[,1]", 1),
        ("[1 2]", 3),
        ("[1", 2),
        ("{\"a\":1,}", 7),
        ("{a:1}", 1),
        ("{\"a\" 1}", 5),
        ("{\"a\":}", 5),
        ("{\"a\":1", 6),
        ("[1]]", 3),
        ("{} {}", 3),
        ("\u{feff}{}", 0),
        ("// a\n1", 0),
        ("\u{a0}1", 0),
        ("[[[[[[[[[[[]]]]]]]]]]]", 10),
    ] {
        assert_eq!(skip(text).expect_err(text).at, at, "{text}");
    }
}

#[test]
fn escapes_are_resolved() {
    for (text, expected) in [
        (r#""plain""#, "plain"),
        (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
        (r#""\u0041\u00e9\u20ac\uD83D\uDE00!""#, "Aé€😀!"),
        (r#""\u0000""#, "\0"),
    ] {
        let mut scanner = Scanner::new(text.as_bytes(), 1);
        let found = scanner.string().expect(text);
        assert_eq!(found.resolve(&mut Vec::new()), expected.as_bytes(), "{text}");
    }
}

#[test]
fn failures_say_what_came() {
    for (text, expected) in [
        ("[1 2]", "expected `,` or `]`, got `2`"),
        ("{\"a\" 1}", "expected `:`, got `1`"),
        ("{é", "expected a key in double quotes, got `é`"),
        ("[1", "expected `,` or `]`, got the end of the body"),
    ] {
        assert_eq!(skip(text).expect_err(text).description, expected);
    }
}
