//! Lists and maps.

use super::*;

#[test]
fn lists() {
    for (json, wire) in [
        (r#"{"int32s":[1,"2",3.0,-1]}"#, "40: [1, 2, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]"),
        (r#"{"expanded":[1,0]}"#, "45: 1 45: 0"),
        (r#"{"strings":["a","","b\n"]}"#, "41: \"a\" 41: \"\" 41: [98, 10]"),
        (r#"{"items":[{},{"name":"a"}]}"#, "42: \"\" 42: {1: \"a\"}"),
        (r#"{"doubles":[0,1]}"#, "43: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 240, 63]"),
        (r#"{"colors":["RED",5,"NONE"]}"#, "44: [1, 5, 0]"),
        (r#"{"bools":[true,false]}"#, "48: [1, 0]"),
        (r#"{"timestamps":["1970-01-01T00:00:01Z"]}"#, "95: {1: 1}"),
    ] {
        check(json, wire);
    }
}

#[test]
fn what_is_no_list() {
    for (json, description) in [
        (r#"{"int32s":1}"#, "expected a list of int32, got 1"),
        (r#"{"int32s":{}}"#, "expected a list of int32, got an object"),
        (r#"{"items":"a"}"#, "expected a list of objects, got \"a\""),
    ] {
        let field = json.split('"').nth(1).unwrap();
        check_err(json, &[(field, Reason::Type, description)]);
    }
    check_err(r#"{"int32s":[1,null]}"#, &[("int32s[1]", Reason::Type, "expected int32, got null")]);
    check_err(r#"{"int32s":[[1]]}"#, &[("int32s[0]", Reason::Type, "expected int32, got a list")]);
}

#[test]
fn maps() {
    for (json, wire) in [
        (
            r#"{"labels":{"a":"b","":"","\n":"c"}}"#,
            "60: {1: \"a\" 2: \"b\"} 60: {1: \"\" 2: \"\"} 60: {1: [10] 2: \"c\"}",
        ),
        (r#"{"byInt":{"-1":{"quantity":1},"5":{}}}"#, "61: {1: -1 2: {2: 1}} 61: {1: 5 2: \"\"}"),
        (r#"{"byBool":{"true":1,"false":0}}"#, "62: {1: 1 2: 1} 62: {1: 0 2: 0}"),
        (r#"{"byUint64":{"18446744073709551615":"NaN"}}"#, "63: {1: -1 2! NaN}"),
        (r#"{"bySint64":{"-1":"RED"}}"#, "64: {1: 1 2: 1}"),
        (r#"{"byFixed32":{"0":"YQ"}}"#, "65: {1f 0.0 2: \"a\"}"),
        (r#"{"byValue":{"a":null}}"#, "66: {1: \"a\" 2: {1: 0}}"),
    ] {
        check(json, wire);
    }
}

#[test]
fn what_is_no_map() {
    let type_ = Reason::Type;
    for (json, field, reason, description) in [
        (r#"{"labels":[]}"#, "labels", type_, "expected an object (a map), got a list"),
        (r#"{"labels":{"a":1}}"#, r#"labels["a"]"#, type_, "expected string, got 1"),
        (r#"{"labels":{"a":null}}"#, r#"labels["a"]"#, type_, "expected string, got null"),
        (r#"{"byInt":{"x":{}}}"#, r#"byInt["x"]"#, type_, "expected a key that is an int32"),
        (
            r#"{"byInt":{"2147483648":{}}}"#,
            r#"byInt["2147483648"]"#,
            type_,
            "expected a key that is an int32",
        ),
        (r#"{"byInt":{"":{}}}"#, r#"byInt[""]"#, type_, "expected a key that is an int32"),
        (r#"{"byBool":{"TRUE":1}}"#, r#"byBool["TRUE"]"#, type_, "expected a key that is a bool"),
        (r#"{"byInt":{"1":{"name":5}}}"#, r#"byInt["1"].name"#, type_, "expected string, got 5"),
        (r#"{"labels":{"a":"b","\u0061":"c"}}"#, r#"labels["a"]"#, Reason::Duplicate, "given twice"),
        (r#"{"byInt":{"1":{},"1.0":{}}}"#, r#"byInt["1.0"]"#, Reason::Duplicate, "given twice"),
        (r#"{"struct":{"a":{"b":1,"b":2}}}"#, "struct.a.b", Reason::Duplicate, "given twice"),
    ] {
        check_err(json, &[(field, reason, description)]);
    }
}

#[test]
fn a_large_map_knows_its_keys_too() {
    let mut json = String::from(r#"{"labels":{"#);
    for i in 0..1000 {
        write!(json, r#""k{i}":"v","#).unwrap();
    }
    let distinct = format!(r#"{json}"end":""}}}}"#);
    assert!(encode("test.All", &distinct).is_ok());
    let twice = format!(r#"{json}"k500":""}}}}"#);
    check_err(&twice, &[(r#"labels["k500"]"#, Reason::Duplicate, "given twice")]);
}
