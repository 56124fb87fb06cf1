//! The messages with a JSON form of their own.

use super::*;

#[test]
fn timestamps_durations_masks() {
    for (json, wire) in [
        (r#"{"timestamp":"1970-01-01T00:00:00Z"}"#, "80: \"\""),
        (r#"{"timestamp":"1969-12-31T23:59:59.000000001Z"}"#, "80: {1: -1 2: 1}"),
        (r#"{"timestamp":"1970-01-01T01:00:01\u002b01:00"}"#, "80: {1: 1}"),
        (r#"{"duration":"0s"}"#, "81: \"\""),
        (r#"{"duration":"-1.5s"}"#, "81: {1: -1 2: -500000000}"),
        (r#"{"mask":""}"#, "82: \"\""),
        (r#"{"mask":"fooBar,b.cD"}"#, "82: {1: \"foo_bar\" 1: \"b.c_d\"}"),
    ] {
        check(json, wire);
    }
}

#[test]
fn wrappers() {
    for (json, wire) in [
        (r#"{"int32Value":5}"#, "88: {1: 5}"),
        (r#"{"int32Value":"5"}"#, "88: {1: 5}"),
        (r#"{"int32Value":0}"#, "88: \"\""),
        (r#"{"int32Value":null}"#, ""),
        (r#"{"uint64Value":"18446744073709551615"}"#, "89: {1: -1}"),
        (r#"{"stringValue":""}"#, "90: \"\""),
        (r#"{"stringValue":"ab"}"#, "90: {1: \"ab\"}"),
        (
            r#"{"boolValue":true,"bytesValue":"YQ==","doubleValue":"Infinity"}"#,
            "91: {1: 1} 92: {1: \"a\"} 93: {1! inf}",
        ),
    ] {
        check(json, wire);
    }
}

#[test]
fn structs_and_values() {
    for (json, wire) in [
        (r#"{"struct":{}}"#, "83: \"\""),
        (r#"{"value":1.5}"#, "84: {2! 1.5}"),
        (r#"{"value":"ab"}"#, "84: {3: \"ab\"}"),
        (r#"{"value":"a\n"}"#, "84: {3: [97, 10]}"),
        (r#"{"value":true}"#, "84: {4: 1}"),
        (r#"{"value":{}}"#, "84: {5: \"\"}"),
        (r#"{"value":[]}"#, "84: {6: \"\"}"),
        (r#"{"list":[1,null]}"#, "85: {1: {2! 1.0} 1: {1: 0}}"),
        (
            r#"{"struct":{"a":{"b":[false]}}}"#,
            "83: {1: {1: \"a\" 2: {5: {1: {1: \"b\" 2: {6: {1: {4: 0}}}}}}}}",
        ),
    ] {
        check(json, wire);
    }
    check_err(r#"{"value":1e400}"#, &[("value", Reason::Range, "expected double in its range, got 1e400")]);
    check_err(r#"{"struct":[]}"#, &[("struct", Reason::Type, "expected an object, got a list")]);
    check_err(r#"{"list":{}}"#, &[("list", Reason::Type, "expected a list, got an object")]);
}

#[test]
fn any() {
    let item = "type.googleapis.com/test.Item";
    for (json, wire) in [
        (r#"{"any":{}}"#.to_owned(), "86: \"\"".to_owned()),
        (
            format!(r#"{{"any":{{"@type":"{item}","quantity":5}}}}"#),
            format!("86: {{1: \"{item}\" 2: {{2: 5}}}}"),
        ),
        (
            format!(r#"{{"any":{{"quantity":5,"@type":"{item}"}}}}"#),
            format!("86: {{1: \"{item}\" 2: {{2: 5}}}}"),
        ),
        (format!(r#"{{"any":{{"\u0040type":"{item}"}}}}"#), format!("86: {{1: \"{item}\" 2: \"\"}}")),
        (
            r#"{"any":{"@type":"a/google.protobuf.Duration","value":"1s"}}"#.to_owned(),
            "86: {1: \"a/google.protobuf.Duration\" 2: {1: 1}}".to_owned(),
        ),
        (
            r#"{"any":{"value":5,"@type":"a/google.protobuf.Int32Value"}}"#.to_owned(),
            "86: {1: \"a/google.protobuf.Int32Value\" 2: {1: 5}}".to_owned(),
        ),
        (
            r#"{"any":{"@type":"a/google.protobuf.Value","value":null}}"#.to_owned(),
            "86: {1: \"a/google.protobuf.Value\" 2: {1: 0}}".to_owned(),
        ),
        (
            r#"{"any":{"@type":"a/google.protobuf.Empty"}}"#.to_owned(),
            "86: {1: \"a/google.protobuf.Empty\" 2: \"\"}".to_owned(),
        ),
        (
            r#"{"any":{"@type":"a/google.protobuf.Empty","value":{}}}"#.to_owned(),
            "86: {1: \"a/google.protobuf.Empty\" 2: \"\"}".to_owned(),
        ),
        (
            format!(
                r#"{{"any":{{"value":{{"quantity":5,"@type":"{item}"}},"@type":"a/google.protobuf.Any"}}}}"#
            ),
            format!("86: {{1: \"a/google.protobuf.Any\" 2: {{1: \"{item}\" 2: {{2: 5}}}}}}"),
        ),
    ] {
        check(&json, &wire);
    }
}

#[test]
fn what_is_no_any() {
    for (json, field, reason, description) in [
        (r#"{"any":5}"#, "any", Reason::Type, "expected an object with \"@type\", got 5"),
        (r#"{"any":{"a":1}}"#, "any", Reason::Type, "expected \"@type\" in the object"),
        (r#"{"any":{"@type":5}}"#, "any.@type", Reason::Type, "expected the URL of a type, got 5"),
        (
            r#"{"any":{"@type":"test.Item"}}"#,
            "any.@type",
            Reason::UnknownType,
            "expected the URL of a type, as `type.googleapis.com/test.Item`, got `test.Item`",
        ),
        (
            r#"{"any":{"@type":"a/b","x":[{}]}}"#,
            "any.@type",
            Reason::UnknownType,
            "the schema has no type `a/b`",
        ),
        (
            r#"{"any":{"@type":"a/test.Item","@type":"a/test.Item"}}"#,
            "any.@type",
            Reason::Duplicate,
            "given twice",
        ),
        (r#"{"any":{"@type":"a/test.Item","nope":1}}"#, "any.nope", Reason::UnknownField, "unknown field"),
        (r#"{"any":{"@type":"a/test.Item","name":1}}"#, "any.name", Reason::Type, "expected string, got 1"),
        (
            r#"{"any":{"@type":"a/google.protobuf.Duration"}}"#,
            "any",
            Reason::Required,
            "expected \"value\" with the JSON form of google.protobuf.Duration",
        ),
        (
            r#"{"any":{"@type":"a/google.protobuf.Duration","seconds":1,"value":"1s"}}"#,
            "any.seconds",
            Reason::UnknownField,
            "unknown field",
        ),
    ] {
        check_err(json, &[(field, reason, description)]);
    }
}

#[test]
fn an_any_whose_type_comes_late_everywhere_is_bounded() {
    let depth = 90;
    let json = format!(
        r#"{{"any":{}{{"@type":"a/test.Item"}}{}}}"#,
        r#"{"value":"#.repeat(depth),
        r#","@type":"a/google.protobuf.Any"}"#.repeat(depth)
    );
    let error = encode("test.All", &json).unwrap_err();
    assert_eq!(error.violations[0].reason, Reason::Depth);
}

#[test]
fn empty_is_an_object() {
    check(r#"{"empty":{}}"#, "87: \"\"");
    check_err(r#"{"empty":{"a":1}}"#, &[("empty.a", Reason::UnknownField, "unknown field")]);
}

#[test]
fn mistakes_in_text_forms() {
    let mask = "expected field names in lowerCamelCase, separated by commas, got ";
    for (json, field, reason, description) in [
        (
            r#"{"timestamp":"today"}"#,
            "timestamp",
            Reason::Format,
            r#"expected a timestamp as "2006-01-02T15:04:05Z", got "today""#,
        ),
        (
            r#"{"timestamp":5}"#,
            "timestamp",
            Reason::Type,
            r#"expected a timestamp as "2006-01-02T15:04:05Z", got 5"#,
        ),
        (
            r#"{"timestamp":"9999-12-31T23:59:59-01:00"}"#,
            "timestamp",
            Reason::Range,
            r#"expected a timestamp from the year 1 to 9999, got "9999-12-31T23:59:59-01:00""#,
        ),
        (r#"{"duration":"1"}"#, "duration", Reason::Format, r#"expected a duration as "1.5s", got "1""#),
        (r#"{"mask":"a_b"}"#, "mask", Reason::Format, &*format!("{mask}\"a_b\"")),
        (r#"{"bytes":"!"}"#, "bytes", Reason::Format, r#"expected bytes in base64, got "!""#),
        (
            r#"{"timestamps":[null]}"#,
            "timestamps[0]",
            Reason::Type,
            r#"expected a timestamp as "2006-01-02T15:04:05Z", got null"#,
        ),
    ] {
        check_err(json, &[(field, reason, description)]);
    }
}
