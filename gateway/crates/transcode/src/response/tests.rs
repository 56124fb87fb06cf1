//! What is answered, by rows of rule, wire and body.

use std::sync::Arc;

use prost::Message as _;

use super::{Body, ResponsePlan};
use crate::{
    DecodeError, DecodeOptions, Schema,
    test_wire::{Wire, wire},
};

fn schema() -> Arc<Schema> {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data");
    let protos = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../proto");
    let set = protox::compile(["response.proto"], [data, protos]).unwrap();
    Schema::load(&[&set.encode_to_vec()]).unwrap()
}

fn answer(message: &str, response_body: Option<&str>, wire: &Wire) -> Result<(Body, Vec<u8>), DecodeError> {
    let message = schema().message(message).unwrap();
    let plan = ResponsePlan::compile(&message, response_body).unwrap();
    let mut out = Vec::new();
    let body = plan.decode(&wire.0, &DecodeOptions::default(), &mut out)?;
    assert_eq!(plan.is_raw(), body != Body::Json);
    Ok((body, out))
}

#[track_caller]
fn check(field: &str, wire: Wire, json: &str) {
    let (body, out) = answer("r.Reply", Some(field), &wire).unwrap();
    assert_eq!((body, String::from_utf8(out).unwrap()), (Body::Json, json.to_owned()));
}

#[test]
fn without_response_body_the_whole_message_is_answered() {
    let (body, out) = answer("r.Reply", None, &wire().bytes(3, "x")).unwrap();
    assert_eq!((body, out), (Body::Json, br#"{"name":"x"}"#.to_vec()));
}

#[test]
fn a_field_of_any_shape() {
    let all = wire()
        .int(1, 1)
        .bytes(3, "old")
        .message(2, wire().bytes(1, "a").int(2, 1))
        .bytes(3, "new")
        .bytes(1, [2, 3])
        .int(4, 1 << 60)
        .int(5, 0)
        .message(6, wire().bytes(3, "x"))
        .message(9, wire())
        .message(6, wire().int(4, 2))
        .message(9, wire().int(4, 3))
        .message(2, wire().bytes(1, "b").int(2, 2))
        .message(2, wire().bytes(1, "a").int(2, 3))
        .bytes(11, "long");
    for (field, json) in [
        ("ints", "[1,2,3]"),
        ("counts", r#"{"b":2,"a":3}"#),
        ("name", r#""new""#),
        ("number", r#""1152921504606846976""#),
        ("maybe", "false"),
        ("child", r#"{"name":"x","number":"2"}"#),
        ("children", r#"[{},{"number":"3"}]"#),
        ("text", "null"),
        ("long_name", r#""long""#),
        ("longName", r#""long""#),
    ] {
        check(field, all.clone(), json);
    }
}

#[test]
fn an_unset_field_is_what_stands_for_that() {
    for (field, json) in [
        ("ints", "[]"),
        ("counts", "{}"),
        ("name", "\"\""),
        ("number", "\"0\""),
        ("maybe", "null"),
        ("child", "null"),
        ("text", "null"),
        ("other", "null"),
        ("children", "[]"),
    ] {
        check(field, wire(), json);
    }
}

#[test]
fn members_of_a_oneof_displace_each_other() {
    let other = |field, value| wire().message(8, wire().bytes(field, value));
    check("text", wire().bytes(7, "x").then(&other(3, "y")), "null");
    check("other", other(3, "lost").bytes(7, "x").then(&other(11, "y")), r#"{"longName":"y"}"#);
}

#[test]
fn http_bodies_pass_as_they_are() {
    let page = wire().bytes(1, "text/html").bytes(2, b"<p>\xff").message(3, wire());
    let raw = |content_type: &str| Body::Raw { content_type: content_type.to_owned() };
    assert_eq!(answer("google.api.HttpBody", None, &page).unwrap(), (raw("text/html"), b"<p>\xff".to_vec()));
    let none = answer("google.api.HttpBody", None, &wire()).unwrap();
    assert_eq!(none, (raw("application/octet-stream"), Vec::new()));
    let field = wire().bytes(3, "x").message(10, page.clone());
    assert_eq!(answer("r.Reply", Some("page"), &field).unwrap(), (raw("text/html"), b"<p>\xff".to_vec()));
    let unset = answer("r.Reply", Some("page"), &wire()).unwrap();
    assert_eq!(unset, (raw("application/octet-stream"), Vec::new()));
    let displaced = wire().message(12, page).bytes(7, "x");
    assert_eq!(answer("r.Reply", Some("picked"), &displaced).unwrap().1, b"");
}

#[test]
fn broken_wire_is_refused_wherever_it_is_broken() {
    let error = answer("r.Reply", Some("ints"), &wire().int(1, 1).raw(&[0x1a, 5])).unwrap_err();
    assert_eq!(error.to_string(), "r.Reply.ints: truncated message");
    let error = answer("r.Reply", Some("children"), &wire().message(9, wire().bytes(3, [0xff]))).unwrap_err();
    assert_eq!(error.to_string(), "r.Reply.children[0].name: string is not valid UTF-8");
    let error = answer("r.Reply", Some("page"), &wire().message(10, wire().bytes(1, [0xff]))).unwrap_err();
    assert_eq!(error.to_string(), "r.Reply.page: string is not valid UTF-8");
}

#[test]
fn a_field_that_is_not_there_is_found_out_at_load() {
    let message = schema().message("r.Reply").unwrap();
    let error = ResponsePlan::compile(&message, Some("nam")).unwrap_err();
    assert_eq!(error.to_string(), "r.Reply has no field `nam`");
    assert!(error.known.contains(&"name".to_owned()));
    let error = ResponsePlan::compile(&message, Some("child.name")).unwrap_err();
    assert!(error.message.contains("`child.name` is within `child`"), "{error}");
    assert_eq!(error.help.unwrap(), "write `child`");
    let error = ResponsePlan::compile(&message, Some("child.nam")).unwrap_err();
    assert_eq!(error.to_string(), "r.Reply has no field `child.nam`");
}
