//! Scalars, names, presence, oneofs, proto2.

use super::*;

#[test]
fn scalars() {
    for (json, wire) in [
        ("{}", ""),
        (" \n{ }\t", ""),
        (r#"{"int32":1}"#, "1: 1"),
        (r#"{"int32":-2147483648}"#, "1: -2147483648"),
        (r#"{"int32":"5","int64":"-9223372036854775808"}"#, "1: 5 2: -9223372036854775808"),
        (r#"{"int32":1.0,"uint32":1e3,"int64":"1e5","uint64":-0}"#, "1: 1 3: 1000 2: 100000"),
        (r#"{"uint64":18446744073709551615}"#, "4: -1"),
        (r#"{"sint32":-1,"sint64":-2,"int64":9223372036854775807}"#, "5: 1 6: 3 2: 9223372036854775807"),
        (r#"{"fixed32":1065353216,"sfixed32":"-1082130432"}"#, "7f 1.0 9f -1.0"),
        (r#"{"fixed64":4607182418800017408,"sfixed64":-4616189618054758400}"#, "8! 1.0 10! -1.0"),
        (r#"{"float":1.5,"double":0.1}"#, "11f 1.5 12! 0.1"),
        (r#"{"float":16777217,"double":16777217}"#, "11f 16777216.0 12! 16777217.0"),
        (r#"{"float":"NaN","double":"-Infinity"}"#, "11f NaN 12! -inf"),
        (r#"{"float":"1e3","double":"1.25"}"#, "11f 1000.0 12! 1.25"),
        (r#"{"float":-0,"double":-0.0}"#, "11f -0.0 12! -0.0"),
        (r#"{"double":2.2250738585072014e-308}"#, "12! 2.2250738585072014e-308"),
        (r#"{"bool":true}"#, "13: 1"),
        (r#"{"string":"aé😀"}"#, "14: \"aé😀\""),
        (r#"{"string":"a\"\u00e9\ud83d\ude00"}"#, "14: \"a\\\"é😀\""),
        (r#"{"bytes":"YWI="}"#, "15: \"ab\""),
        (r#"{"bytes":"YWI"}"#, "15: \"ab\""),
        (r#"{"bytes":"YW\u0049\u003d"}"#, "15: \"ab\""),
        (r#"{"color":"RED"}"#, "16: 1"),
        (r#"{"color":"CRIMSON"}"#, "16: 1"),
        (r#"{"color":"BLUE"}"#, "16: -5"),
        (r#"{"color":1.0}"#, "16: 1"),
        (r#"{"color":77}"#, "16: 77"),
    ] {
        check(json, wire);
    }
}

#[test]
fn defaults_are_left_out_where_there_is_no_presence() {
    check(
        r#"{"int32":0,"uint64":"0","float":0,"double":0.0,"bool":false,"string":"","bytes":"","color":"NONE","fixed64":0}"#,
        "",
    );
    check(r#"{"optionalInt32":0,"optionalString":"","item":{}}"#, "18: 0 19: \"\" 17: \"\"");
    check(r#"{"text":"","int32s":[],"labels":{}}"#, "30: \"\"");
}

#[test]
fn null_is_absent() {
    check(
        r#"{"int32":null,"item":null,"optionalInt32":null,"int32s":null,"labels":null,"timestamp":null,"text":null}"#,
        "",
    );
    check(r#"{"text":null,"number":5,"thing":null}"#, "31: 5");
}

#[test]
fn null_is_a_value_of_value_and_null_value() {
    check(r#"{"value":null}"#, "84: {1: 0}");
    check(r#"{"nothing":null}"#, "33: 0");
    check(r#"{"anything":null}"#, "34: {1: 0}");
    check(r#"{"nullValue":null}"#, "");
    check(
        r#"{"values":[null,1],"nulls":[null,"NULL_VALUE",0]}"#,
        "46: {1: 0} 46: {2! 1.0} 47: {}".replace("{}", "[0, 0, 0]").as_str(),
    );
}

#[test]
fn every_name_of_a_field_is_taken() {
    check(r#"{"twoWords":"a"}"#, "20: \"a\"");
    check(r#"{"two_words":"a"}"#, "20: \"a\"");
    check(r#"{"two\u0057ords":"a"}"#, "20: \"a\"");
    check(r#"{"called \"x\"":"a"}"#, "21: \"a\"");
    check(r#"{"renamed":"a"}"#, "21: \"a\"");
    check(r#"{ "int32" : 1 , "twoWords" : "a" }"#, "1: 1 20: \"a\"");
}

#[test]
fn fields_are_written_in_the_order_of_the_keys() {
    check(
        r#"{"string":"b","int32":2,"item":{"quantity":3,"name":"c"}}"#,
        "14: \"b\" 1: 2 17: {2: 3 1: \"c\"}",
    );
}

#[test]
fn nested_messages_of_every_length() {
    for len in [0, 1, 120, 126, 127, 128, 4000, 5000, 20_000] {
        let text = "x".repeat(len);
        let json = format!(r#"{{"item":{{"inner":{{"inner":{{"name":"{text}"}}}}}},"int32":1}}"#);
        let bytes = encode("test.All", &json).unwrap();
        let schema = schema();
        let descriptor = schema.pool().get_message_by_name("test.All").unwrap();
        let message = prost_reflect::DynamicMessage::decode(descriptor, &*bytes).unwrap();
        let mut again = Vec::new();
        prost::Message::encode(&message, &mut again).unwrap();
        assert_eq!(again.len(), bytes.len());
    }
}

#[test]
fn wide_messages() {
    check_in(
        "test.Wide",
        r#"{"f1":1,"f64":64,"last":7,"wide":{"f64":1,"a1":1,"b2":0,"wide":{"f63":2}},"f63":9,"a2":3}"#,
        "1: 1 64: 64 536870911: 7 65: {64: 1 100: 1 103: 0 65: {63: 2}} 63: 9 101: 3",
    );
    check_err_in(
        "test.Wide",
        r#"{"f64":1,"wide":{"f64":1,"f64":2},"f64":2,"a1":1,"b1":1,"a2":1}"#,
        &[
            ("wide.f64", Reason::Duplicate, "given twice"),
            ("f64", Reason::Duplicate, "given twice"),
            ("a2", Reason::Duplicate, "only one of it and a1 may be given"),
        ],
    );
}

#[test]
fn proto2() {
    for (json, wire) in [
        (r#"{"id":0,"name":""}"#, "1: 0 2: \"\""),
        (r#"{"id":1,"kind":"TWO"}"#, "1: 1 3: 2"),
        (r#"{"id":1,"group":{"a":0,"deep":{"id":2}}}"#, "1: 1 4< 1: 0 2: {1: 2} >"),
        (r#"{"id":1,"groups":[{"b":1},{}]}"#, "1: 1 5< 1: 1 > 5< >"),
        (r#"{"id":1,"expanded":[1,2],"packed":[1,2]}"#, "1: 1 6: 1 6: 2 7: [1, 2]"),
        (r#"{"id":1,"[test2.number]":5,"[test2.Scope.inside]":"a"}"#, "1: 1 100: 5 102: \"a\""),
        (r#"{"id":1,"[test2.olds]":[{"id":2}]}"#, "1: 1 101: {1: 2}"),
        (r#"{"id":1,"kindMap":{"a":"ONE"}}"#, "1: 1 9: {1: \"a\" 2: 1}"),
    ] {
        check_in("test2.Old", json, wire);
    }
}

#[test]
fn required_fields_are_required() {
    check_err_in("test2.Old", "{}", &[("id", Reason::Required, "required, but missing")]);
    check_err_in(
        "test2.Old",
        r#"{"child":{},"id":null,"group":{"deep":{"name":"a"}}}"#,
        &[
            ("child.id", Reason::Required, "required, but missing"),
            ("id", Reason::Required, "expected a value, because the field is required, got null"),
            ("group.deep.id", Reason::Required, "required, but missing"),
        ],
    );
}

#[test]
fn closed_enums_are_closed() {
    check_err_in(
        "test2.Old",
        r#"{"id":1,"kind":3}"#,
        &[("kind", Reason::UnknownEnum, "expected one of ONE, TWO, got 3")],
    );
}

#[test]
fn one_field_as_the_body() {
    let schema = schema();
    let message = schema.message("test.All").unwrap();
    for (field, json, wire) in [
        ("item", r#"{"name":"a"}"#, "17: {1: \"a\"}"),
        ("int32", "5", "1: 5"),
        ("int32", "null", ""),
        ("string", r#""a""#, "14: \"a\""),
        ("int32s", "[1,2]", "40: [1, 2]"),
        ("int32s", "null", ""),
        ("items", r#"[{"quantity":1}]"#, "42: {2: 1}"),
        ("labels", r#"{"a":"b"}"#, "60: {1: \"a\" 2: \"b\"}"),
        ("value", "null", "84: {1: 0}"),
        ("timestamp", r#""1970-01-01T00:00:01Z""#, "80: {1: 1}"),
    ] {
        let mut out = Vec::new();
        let field = message.plan().field_by_proto_name(field).unwrap();
        message.encode_field(field, json.as_bytes(), &EncodeOptions::default(), &mut out).unwrap();
        assert_eq!(show(&out), wire, "{json}");
    }
    let field = message.plan().field_by_proto_name("items").unwrap();
    let error = message.encode_field(
        field,
        b"[{}, {\"quantity\": true}]",
        &EncodeOptions::default(),
        &mut Vec::new(),
    );
    assert_eq!(error.unwrap_err().to_string(), "items[1].quantity: expected int32, got true");
}

#[test]
fn the_paths_of_a_mask() {
    let schema = schema();
    let message = schema.message("test.All").unwrap();
    for (json, paths) in [
        ("{}", vec![]),
        (r#"{"int32":1,"twoWords":null}"#, vec!["int32", "two_words"]),
        (
            r#"{"item":{"name":"a","inner":{"quantity":1,"more":[{"name":"b"}]}}}"#,
            vec!["item.name", "item.inner.quantity", "item.inner.more"],
        ),
        (r#"{"item":{}, "thing":null}"#, vec!["item", "thing"]),
        (
            r#"{"labels":{"a":"b"},"struct":{"a":1},"any":{"@type":"x"},"value":{"a":1},"timestamp":"x"}"#,
            vec!["labels", "struct", "any", "value", "timestamp"],
        ),
        (r#"{"unknown":{"a":1},"item":{"unknown":1}}"#, vec![]),
    ] {
        assert_eq!(message.mask_paths(json.as_bytes()), paths, "{json}");
    }
}
