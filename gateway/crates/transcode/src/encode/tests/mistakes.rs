//! What is refused, where it says that it is wrong, and what options change.

use super::*;

#[test]
fn types_and_ranges() {
    for (json, field, reason, description) in [
        (r#"{"int32":"two"}"#, "int32", Reason::Type, r#"expected int32, got "two""#),
        (r#"{"int32":1.5}"#, "int32", Reason::Type, "expected int32, got 1.5"),
        (r#"{"int32":true}"#, "int32", Reason::Type, "expected int32, got true"),
        (r#"{"int32":{"a":1}}"#, "int32", Reason::Type, "expected int32, got an object"),
        (r#"{"int32":2147483648}"#, "int32", Reason::Range, "expected int32 in its range, got 2147483648"),
        (r#"{"int32":" 1"}"#, "int32", Reason::Type, r#"expected int32, got " 1""#),
        (r#"{"int32":"1 "}"#, "int32", Reason::Type, r#"expected int32, got "1 ""#),
        (r#"{"int32":""}"#, "int32", Reason::Type, r#"expected int32, got """#),
        (r#"{"int32":"+1"}"#, "int32", Reason::Type, r#"expected int32, got "+1""#),
        (r#"{"int32":"0x1"}"#, "int32", Reason::Type, r#"expected int32, got "0x1""#),
        (r#"{"int32":"01"}"#, "int32", Reason::Type, r#"expected int32, got "01""#),
        (r#"{"uint32":-1}"#, "uint32", Reason::Range, "expected uint32 in its range, got -1"),
        (
            r#"{"uint64":"18446744073709551616"}"#,
            "uint64",
            Reason::Range,
            r#"expected uint64 in its range, got "18446744073709551616""#,
        ),
        (r#"{"float":3.5e38}"#, "float", Reason::Range, "expected float in its range, got 3.5e38"),
        (r#"{"double":1e309}"#, "double", Reason::Range, "expected double in its range, got 1e309"),
        (r#"{"double":"inf"}"#, "double", Reason::Type, r#"expected double, got "inf""#),
        (r#"{"double":"nan"}"#, "double", Reason::Type, r#"expected double, got "nan""#),
        (r#"{"double":"1.e1"}"#, "double", Reason::Type, r#"expected double, got "1.e1""#),
        (r#"{"bool":"true"}"#, "bool", Reason::Type, r#"expected bool, got "true""#),
        (r#"{"bool":1}"#, "bool", Reason::Type, "expected bool, got 1"),
        (r#"{"string":1}"#, "string", Reason::Type, "expected string, got 1"),
        (r#"{"string":["a"]}"#, "string", Reason::Type, "expected string, got a list"),
        (r#"{"item":"a"}"#, "item", Reason::Type, r#"expected an object, got "a""#),
        (
            r#"{"color":"GREEN"}"#,
            "color",
            Reason::UnknownEnum,
            r#"expected one of BLUE, NONE, RED, CRIMSON, got "GREEN""#,
        ),
        (
            r#"{"color":"red"}"#,
            "color",
            Reason::UnknownEnum,
            r#"expected one of BLUE, NONE, RED, CRIMSON, got "red""#,
        ),
        (r#"{"color":1.5}"#, "color", Reason::Type, "expected an enum name or number, got 1.5"),
        (
            r#"{"color":2147483648}"#,
            "color",
            Reason::Range,
            "expected an enum number in its range, got 2147483648",
        ),
        (r#"{"color":true}"#, "color", Reason::Type, "expected a name of test.Color, got true"),
        (r#"{"nope":{"a":[]}}"#, "nope", Reason::UnknownField, "unknown field"),
        (r#"{"no pe":1}"#, "[\"no pe\"]", Reason::UnknownField, "unknown field"),
        (r#"{"INT32":1}"#, "INT32", Reason::UnknownField, "unknown field; did you mean `int32`?"),
        (r#"{"int32":1,"int32":1}"#, "int32", Reason::Duplicate, "given twice"),
        (r#"{"twoWords":"a","two_words":"b"}"#, "twoWords", Reason::Duplicate, "given twice"),
        (r#"{"int32":null,"int32":1}"#, "int32", Reason::Duplicate, "given twice"),
        (
            r#"{"text":"a","number":1}"#,
            "number",
            Reason::Duplicate,
            "only one of it and text, thing, nothing, anything, shade may be given",
        ),
        ("[]", "", Reason::Type, "expected an object, got a list"),
        ("null", "", Reason::Type, "expected an object, got null"),
        ("5", "", Reason::Type, "expected an object, got 5"),
    ] {
        check_err(json, &[(field, reason, description)]);
    }
}

#[test]
fn broken_json_ends_the_reading() {
    for (json, field, description) in [
        ("", "", "expected a JSON value, got the end of the body"),
        ("{", "", "expected a key in double quotes, got the end of the body"),
        (r#"{"int32":1"#, "int32", "expected `,` or `}`, got the end of the body"),
        (r#"{"int32":1,}"#, "", "expected a key in double quotes, got `}`"),
        (r#"{"int32":}"#, "int32", "expected a JSON value, got `}`"),
        (r#"{"item":{"inner":{"name":"a"#, "item.inner.name", "the string has no end"),
        (r#"{"items":[{},{"name":NaN}]}"#, "items[1].name", "expected a JSON value, got `N`"),
        (r#"{"labels":{"a":"b" "c":"d"}}"#, "labels", "expected `,` or `}`, got `\"`"),
        ("{} x", "", "expected the end of the body, got `x`"),
        ("{\"string\":\"\\ud800\"}", "string", "lone surrogate in a string"),
        ("{\"string\":\"a\tb\"}", "string", "control character in a string; it must be escaped"),
        ("{'string':'a'}", "", "expected a key in double quotes, got `'`"),
        ("{\"int32\":01}", "int32", "not a number by the rules of JSON"),
    ] {
        let found = encode("test.All", json).expect_err(json).violations;
        let [only] = &found[..] else { panic!("{found:?}") };
        assert_eq!((only.reason, &*only.description), (Reason::Syntax, description), "{json}");
        assert!(only.field == field || only.field.is_empty(), "{json}: {}", only.field);
    }
}

#[test]
fn text_that_is_not_utf8_is_found_wherever_it_stands() {
    let message = schema().message("test.All").unwrap();
    let options = EncodeOptions { unknown: Unknown::Ignore, ..EncodeOptions::default() };
    for (before, after) in [
        (r#"{"string":""#, r#""}"#),
        (r#"{"string":"\n"#, r#""}"#),
        (r#"{""#, r#"":1}"#),
        (r#"{"unknown":{"a":["#, r#""]}}"#),
        (r#"{"unknown":{"a":[""#, r#""]}}"#),
        (r#"{"unknown":{""#, r#"":[]}}"#),
        (r#"{"string":1,"unknown":""#, r#""}"#),
        (r#"{"int32":1"#, "}"),
    ] {
        for length in [0, 5, 15, 16, 31, 32, 40, 100, 200] {
            for bad in [&b"\xff"[..], b"\xc3", b"\xed\xa0\x80", b"\xf0\x9f\x98"] {
                for space in [0, 100] {
                    let text = [&vec![b'a'; length][..], bad].concat();
                    let body = [before.as_bytes(), &text, after.as_bytes(), &vec![b' '; space]].concat();
                    let error = message.encode(&body, &options, &mut Vec::new()).unwrap_err();
                    let expected =
                        format!("the body is not valid UTF-8 at line 1 column {}", before.len() + length + 1);
                    assert_eq!(error.to_string(), expected, "{}", String::from_utf8_lossy(&body));
                }
            }
        }
    }
}

#[test]
fn bodies_that_are_not_utf8() {
    let message = schema().message("test.All").unwrap();
    let error =
        message.encode(b"{\n\"string\":\"\xff\"}", &EncodeOptions::default(), &mut Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "the body is not valid UTF-8 at line 2 column 11");
}

#[test]
fn all_mistakes_are_told_with_their_places() {
    let json = "{\n  \"items\": [\n    {\"quantity\": 1},\n    {\"quantity\": \"two\", \"nam\": 1}\n  ],\n  \"bool\": 0,\n  \"int32\": 1\n}";
    let found = encode("test.All", json).unwrap_err().violations;
    let found: Vec<_> = found.iter().map(|found| (found.to_string(), found.line, found.column)).collect();
    assert_eq!(
        found,
        [
            ("items[1].quantity: expected int32, got \"two\"".to_owned(), 4, 18),
            ("items[1].nam: unknown field; did you mean `name`?".to_owned(), 4, 25),
            ("bool: expected bool, got 0".to_owned(), 6, 11),
        ]
    );
}

#[test]
fn mistakes_before_broken_json_are_told_too() {
    let found = encode("test.All", r#"{"int32":"x","string":"#).unwrap_err();
    assert_eq!(
        found.to_string(),
        "int32: expected int32, got \"x\"; string: expected a JSON value, got the end of the body at line 1 column 23"
    );
}

#[test]
fn there_are_at_most_so_many() {
    let json = format!(r#"{{"int32s":[{}true]}}"#, "true,".repeat(1000));
    let options = EncodeOptions { max_violations: 3, ..Default::default() };
    let message = schema().message("test.All").unwrap();
    let error = message.encode(json.as_bytes(), &options, &mut Vec::new()).unwrap_err();
    let fields: Vec<_> = error.violations.iter().map(|found| &*found.field).collect();
    assert_eq!(fields, ["int32s[0]", "int32s[1]", "int32s[2]"]);
}

#[test]
fn what_is_echoed_is_short_and_never_secret() {
    let long = format!(r#"{{"int32":"{}"}}"#, "é".repeat(100));
    let expected = format!("expected int32, got \"{}…\"", "é".repeat(39));
    check_err(&long, &[("int32", Reason::Type, &expected)]);
    check_err(r#"{"secret":123}"#, &[("secret", Reason::Type, "expected string")]);
}

#[test]
fn unknown_things_by_option() {
    let json = r#"{"nope":{"x":[1]},"item":{"a b":1,"name":"n"},"color":"GREEN","colors":["RED","GREEN"],
        "bySint64":{"1":"GREEN","2":"RED"},"shade":"GREEN"}"#;
    let message = schema().message("test.All").unwrap();
    let mut out = Vec::new();
    let options = EncodeOptions { unknown: Unknown::Warn, ..Default::default() };
    let encoded = message.encode(json.as_bytes(), &options, &mut out).unwrap();
    assert_eq!(show(&out), "17: {1: \"n\"} 44: [1] 64: {1: 4 2: 1}");
    assert_eq!(encoded.unknown, ["nope", "item[\"a b\"]", "color", "colors[1]", "bySint64[\"1\"]", "shade"]);
    let options = EncodeOptions { unknown: Unknown::Ignore, ..Default::default() };
    assert_eq!(message.encode(json.as_bytes(), &options, &mut Vec::new()), Ok(Encoded::default()));
    let options = EncodeOptions { unknown: Unknown::Reject, ..Default::default() };
    assert_eq!(message.encode(json.as_bytes(), &options, &mut Vec::new()).unwrap_err().violations.len(), 6);
    // What is ignored must be JSON all the same.
    let options = EncodeOptions { unknown: Unknown::Ignore, ..Default::default() };
    assert!(message.encode(b"{\"nope\":{1}}", &options, &mut Vec::new()).is_err());
}

#[test]
fn depth_is_limited() {
    let message = schema().message("test.All").unwrap();
    let nested = |depth: usize| format!(r#"{{"value":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    for (depth, fits) in [(99, true), (100, false), (100_000, false)] {
        let result = message.encode(nested(depth).as_bytes(), &EncodeOptions::default(), &mut Vec::new());
        assert_eq!(result.is_ok(), fits, "{depth}");
        if let Err(error) = result {
            assert_eq!(error.violations[0].reason, Reason::Depth);
        }
    }
    let unlimited = EncodeOptions { max_depth: u32::MAX, unknown: Unknown::Ignore, ..Default::default() };
    assert!(message.encode(nested(100_000).as_bytes(), &unlimited, &mut Vec::new()).is_err());
    let unknown = nested(100_000).replace("value", "nope");
    assert!(message.encode(unknown.as_bytes(), &unlimited, &mut Vec::new()).is_err());
}

#[test]
fn size_is_limited() {
    let message = schema().message("test.All").unwrap();
    let options = EncodeOptions { max_size: 10, ..Default::default() };
    assert!(message.encode(br#"{"string":"12345678"}"#, &options, &mut Vec::new()).is_ok());
    let error = message.encode(br#"{"string":"123456789"}"#, &options, &mut Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "the message is longer than 10 bytes");
}

#[test]
fn text_values() {
    let schema = schema();
    let plan = schema.message("test.All").unwrap();
    let plan = plan.plan();
    for (field, text, expected) in [
        ("int32", "-5", Ok("1: -5")),
        ("int32", "0", Ok("1: 0")),
        ("int64", "1e3", Ok("2: 1000")),
        // JSON has no leading zeros; a path or a query may.
        ("int32", "007", Ok("1: 7")),
        ("int32", "-007", Ok("1: -7")),
        ("int32", "00", Ok("1: 0")),
        ("uint64", "0018446744073709551615", Ok("4: -1")),
        ("double", "01.5", Ok("12! 1.5")),
        ("int32_value", "05", Ok("88: {1: 5}")),
        ("color", "01", Ok("16: 1")),
        ("uint64", "18446744073709551615", Ok("4: -1")),
        ("sint32", "-1", Ok("5: 1")),
        ("fixed32", "1065353216", Ok("7f 1.0")),
        ("sfixed64", "-4616189618054758400", Ok("10! -1.0")),
        ("float", "1.5", Ok("11f 1.5")),
        ("double", "-Infinity", Ok("12! -inf")),
        ("bool", "true", Ok("13: 1")),
        ("string", "", Ok("14: \"\"")),
        ("string", "a/b é", Ok("14: \"a/b é\"")),
        ("bytes", "YQ", Ok("15: \"a\"")),
        ("color", "RED", Ok("16: 1")),
        ("color", "77", Ok("16: 77")),
        ("int32s", "5", Ok("40: 5")),
        ("expanded", "5", Ok("45: 5")),
        ("strings", "a", Ok("41: \"a\"")),
        ("timestamp", "1970-01-01T00:00:01Z", Ok("80: {1: 1}")),
        ("duration", "1.5s", Ok("81: {1: 1 2: 500000000}")),
        ("mask", "aB,c_d", Ok("82: {1: \"a_b\" 1: \"c_d\"}")),
        ("int32_value", "5", Ok("88: {1: 5}")),
        ("string_value", "ab", Ok("90: {1: \"ab\"}")),
        ("nothing", "null", Ok("33: 0")),
        ("int32", "two", Err("expected int32, got \"two\"")),
        ("int32", "", Err("expected int32, got \"\"")),
        ("int32", "-", Err("expected int32, got \"-\"")),
        ("int32", "0x7", Err("expected int32, got \"0x7\"")),
        ("int32", "0-7", Err("expected int32, got \"0-7\"")),
        ("int32", "003000000000", Err("expected int32 in its range, got \"003000000000\"")),
        ("int32", "3000000000", Err("expected int32 in its range, got \"3000000000\"")),
        ("bool", "1", Err("expected true or false, got \"1\"")),
        ("color", "GREEN", Err("expected one of BLUE, NONE, RED, CRIMSON, got \"GREEN\"")),
        ("duration", "1", Err("expected a duration as 1.5s, got \"1\"")),
        (
            "item",
            "{}",
            Err("expected a value that can be written as text, which test.Item cannot, got \"{}\""),
        ),
        ("secret", "x", Ok("22: \"x\"")),
    ] {
        let mut out = Vec::new();
        let found = schema.append_text(plan.field_by_proto_name(field).unwrap(), text, &mut out);
        match expected {
            Ok(wire) => assert_eq!((found, &*show(&out)), (Ok(()), wire), "{field} {text}"),
            Err(description) => {
                assert_eq!(found.unwrap_err().to_string(), description);
                assert!(out.is_empty());
            }
        }
    }
}

#[test]
fn keys_that_mean_nothing_are_given_once_all_the_same() {
    let message = schema().message("test.All").unwrap();
    for unknown in [Unknown::Warn, Unknown::Ignore] {
        let options = EncodeOptions { unknown, ..EncodeOptions::default() };
        let encode = |json: &str| message.encode(json.as_bytes(), &options, &mut Vec::new());
        for json in [
            r#"{"nope":1,"nope":2}"#,
            r#"{"nope":1,"other":2,"n\u006fpe":2}"#,
            r#"{"nope":{"a":1,"a":2}}"#,
            r#"{"nope":[{"a":1},{"b":{"c":1,"d":[],"c":[]}}]}"#,
            r#"{"nope":1,"labels":{"nope":"1"},"nope":2}"#,
        ] {
            let error = encode(json).unwrap_err();
            let reasons: Vec<_> = error.violations.iter().map(|violation| violation.reason).collect();
            assert_eq!(reasons, [Reason::Duplicate], "{json}");
        }
        for json in [
            r#"{"nope":{"a":1},"other":{"a":1}}"#,
            r#"{"nope":[{"a":1},{"a":2}]}"#,
            r#"{"nope":{"a":{"a":{"a":1}}}}"#,
            r#"{"nope":{"nope":1}}"#,
        ] {
            encode(json).unwrap();
        }
    }
}
