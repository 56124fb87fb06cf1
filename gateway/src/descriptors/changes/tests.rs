//! Two versions of one service, and what a client notices.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use prost_reflect::DescriptorPool;

use super::between;

/// The body of a .proto with one method, whose request and answer hold the same message.
fn pool(body: &str) -> DescriptorPool {
    let text = format!(
        "syntax = \"proto3\"; package t; import \"google/protobuf/timestamp.proto\";\
         service S {{ rpc M(T) returns (T); }} {body}\
         message Unused {{ google.protobuf.Timestamp at = 1; }}"
    );
    DescriptorPool::decode(testkit::backend::compile(&text).as_slice()).unwrap()
}

fn told(old: &str, new: &str) -> Vec<String> {
    let changes = between(&pool(old), &pool(new));
    let mark = |breaking| if breaking { "!" } else { "+" };
    changes.iter().map(|change| format!("{} {change}", mark(change.is_breaking()))).collect()
}

#[track_caller]
fn check(old: &str, new: &str, expected: &[&str]) {
    assert_eq!(told(old, new), expected, "{old} → {new}");
}

#[test]
fn what_is_added_breaks_nobody() {
    check(
        "message T { string a = 1; E e = 2; } enum E { Z = 0; }",
        "message T { string a = 1; E e = 2; string b = 3; } enum E { Z = 0; Y = 1; }",
        &[
            "+ request value Y of t.E is new",
            "+ request field `b` of t.T is new",
            "+ response value Y of t.E is new",
            "+ response field `b` of t.T is new",
        ],
    );
}

#[test]
fn what_is_gone_breaks_both_ways() {
    check(
        "message T { string a = 1; E e = 2; } enum E { Z = 0; Y = 1; }",
        "message T { E e = 2; } enum E { Z = 0; }",
        &[
            "! request field `a` of t.T is gone",
            "! request value Y of t.E is gone",
            "! response field `a` of t.T is gone",
            "! response value Y of t.E is gone",
        ],
    );
}

#[test]
fn a_new_name_breaks_and_a_new_number_does_not() {
    check("message T { string a = 1; }", "message T { string a = 9; }", &[]);
    check(
        "message T { string a = 1; }",
        "message T { string b = 1; }",
        &["! request field `a` of t.T is called `b` now", "! response field `a` of t.T is called `b` now"],
    );
    // The name of the .proto file may change when the name in JSON stays.
    check("message T { string a_b = 1; }", "message T { string aB = 1; }", &[]);
    check(
        "message T { N n = 1; } message N { bool x = 1; }",
        "message T { O n = 1; } message O { bool x = 1; }",
        &[],
    );
}

#[test]
fn wider_numbers_are_understood_but_look_different() {
    check(
        "message T { int32 a = 1; }",
        "message T { int64 a = 1; }",
        &["! response field `a` of t.T was int32 and is int64 now"],
    );
    check("message T { float a = 1; }", "message T { double a = 1; }", &[]);
    check("message T { int32 a = 1; }", "message T { sint32 a = 1; }", &[]);
    check(
        "message T { int64 a = 1; }",
        "message T { int32 a = 1; }",
        &[
            "! request field `a` of t.T was int64 and is int32 now",
            "! response field `a` of t.T was int64 and is int32 now",
        ],
    );
}

#[test]
fn shapes_are_types() {
    let retyped = |old: &str, new: &str, was: &str, is: &str| {
        let line = |side| format!("! {side} field `a` of t.T was {was} and is {is} now");
        assert_eq!(told(old, new), [line("request"), line("response")], "{old} → {new}");
    };
    retyped(
        "message T { string a = 1; }",
        "message T { repeated string a = 1; }",
        "string",
        "repeated string",
    );
    retyped(
        "message T { map<string, int32> a = 1; }",
        "message T { map<string, bool> a = 1; }",
        "map<string, int32>",
        "map<string, bool>",
    );
    retyped(
        "message T { google.protobuf.Timestamp a = 1; }",
        "message T { N a = 1; } message N { int64 seconds = 1; }",
        "google.protobuf.Timestamp",
        "t.N",
    );
    retyped("message T { string a = 1; }", "message T { bytes a = 1; }", "string", "bytes");
}

#[test]
fn changes_are_found_deep_and_once_whatever_the_circles() {
    check(
        "message T { N n = 1; map<string, N> m = 2; } message N { T t = 1; N n = 2; string gone = 3; }",
        "message T { N n = 1; map<string, N> m = 2; } message N { T t = 1; N n = 2; }",
        &["! request field `gone` of t.N is gone", "! response field `gone` of t.N is gone"],
    );
}

#[test]
fn fields_that_exclude_each_other_now_break_requests() {
    check(
        "message T { string a = 1; string b = 2; }",
        "message T { oneof one { string a = 1; string b = 2; } }",
        &[
            "! request field `a` of t.T excludes the others of `one` now",
            "! request field `b` of t.T excludes the others of `one` now",
        ],
    );
    check(
        "message T { oneof one { string a = 1; } }",
        "message T { oneof one { string a = 1; string b = 2; } }",
        &["+ request field `b` of t.T is new", "+ response field `b` of t.T is new"],
    );
}

#[test]
fn services_and_methods_come_and_go() {
    let pool = |services: &str| {
        let text = format!("syntax = \"proto3\"; package t; message T {{}} {services}");
        DescriptorPool::decode(testkit::backend::compile(&text).as_slice()).unwrap()
    };
    let old = pool("service A { rpc M(T) returns (T); rpc N(T) returns (T); } service B {}");
    let new = pool("service A { rpc M(T) returns (stream T); rpc O(T) returns (T); } service C {}");
    let told: Vec<String> = between(&old, &new).iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "method t.A/M was unary and is server-streaming now",
            "method t.A/N is gone",
            "method t.A/O is new",
            "service t.B is gone",
            "service t.C is new",
        ]
    );
}
