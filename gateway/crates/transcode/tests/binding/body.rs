//! What a body fills: the whole request, or one field of any shape; raw bodies; bodies that nobody asked for.

use transcode::{
    EncodeOptions, Reason, Unknown,
    binding::{BodyRule, RequestParts, RequestPlan, RequestRule},
};

use crate::support::{Request, SCHEMA, Want, rule};

#[test]
fn a_body_field_may_have_any_shape() {
    let rows = [
        ("users", r#"[{"id":1},{"name":"b"}]"#, r#"{"users":[{"id":"1"},{"name":"b"}]}"#),
        ("users", "[]", "{}"),
        ("counts", r#"{"a":1,"b":2}"#, r#"{"counts":{"a":1,"b":2}}"#),
        ("counts", "{}", "{}"),
        ("number", "9007199254740993", r#"{"number":"9007199254740993"}"#),
        ("number", "\"5\"", r#"{"number":"5"}"#),
        ("text", "\"a b\"", r#"{"text":"a b"}"#),
        ("numbers", "[1,2]", r#"{"numbers":[1,2]}"#),
        ("struct", r#"{"a":[null,{"b":1}]}"#, r#"{"struct":{"a":[null,{"b":1.0}]}}"#),
        ("time", "\"2025-12-30T10:00:00Z\"", r#"{"time":"2025-12-30T10:00:00Z"}"#),
        ("color", "\"RED\"", r#"{"color":"RED"}"#),
        ("user", r#" { "id" : 1 } "#, r#"{"user":{"id":"1"}}"#),
        ("user", "{}", r#"{"user":{}}"#),
        ("user", "null", "{}"),
        ("user", "", "{}"),
        ("users", "", "{}"),
        ("counts", "", "{}"),
        ("number", "", "{}"),
    ];
    for (field, body, json) in rows {
        let rule = rule("POST", "Bodies", &[], field);
        rule.check(&format!("{field} {body}"), Request { body, ..Request::default() }, Want::Message(json));
    }
}

#[test]
fn an_empty_whole_body_is_an_empty_request() {
    let rule = rule("POST", "Bodies", &["id"], "*");
    let request = Request { path: &["a"], ..Request::default() };
    rule.check("empty", request, Want::Message(r#"{"id":"a"}"#));
    rule.check("{}", Request { body: "{}", ..request }, Want::Message(r#"{"id":"a"}"#));
}

#[test]
fn violations_of_a_body_tell_line_and_column() {
    let rows = [
        ("*", "{\n  \"number\": \"x\"}", "number", 2, 13),
        ("user", "{\n \"id\": true}", "user.id", 2, 8),
        ("users", "[{},\n{\"id\":[]}]", "users[1].id", 2, 7),
        ("number", "true", "number", 1, 1),
    ];
    for (body_rule, body, field, line, column) in rows {
        let rule = rule("POST", "Bodies", &[], body_rule);
        let parts = RequestParts { captures: [], query: None, body: body.as_bytes(), content_type: None };
        let error = rule.plan.encode(parts, &EncodeOptions::default(), &mut Vec::new()).unwrap_err();
        let [violation] = &*error.violations else { panic!("{error}") };
        assert_eq!(
            (&*violation.field, violation.line, violation.column),
            (field, line, column),
            "{violation:?}"
        );
    }
}

#[test]
fn a_stray_body_is_refused_where_http_gives_it_a_meaning() {
    let want = Want::Refused(&[("", Reason::StrayBody, "takes no body")]);
    for method in ["POST", "PUT", "PATCH", "REPORT"] {
        let rule = rule(method, "Search", &[], "");
        rule.check(method, Request { body: "{}", query: "text=a", ..Request::default() }, want);
        rule.check(
            method,
            Request { query: "text=a", ..Request::default() },
            Want::Message(r#"{"text":"a"}"#),
        );
    }
    for method in ["GET", "HEAD", "DELETE", "OPTIONS"] {
        let rule = rule(method, "Search", &[], "");
        rule.check(
            method,
            Request { body: "no json", query: "text=a", ..Request::default() },
            Want::Message(r#"{"text":"a"}"#),
        );
    }
}

#[test]
fn unknown_body_fields_follow_the_option() {
    let rule = rule("PUT", "UpdateUser", &["user.id"], "user");
    let request = Request { path: &["5"], body: r#"{"name":"x","nmae":"y"}"#, ..Request::default() };
    rule.check("reject", request, Want::Refused(&[("user.nmae", Reason::UnknownField, "")]));
    let json = r#"{"user":{"id":"5","name":"x"}}"#;
    rule.check("ignore", Request { unknown: Unknown::Ignore, ..request }, Want::Message(json));
    rule.check("warn", Request { unknown: Unknown::Warn, ..request }, Want::Warned(json, &["user.nmae"]));
}

#[test]
fn http_bodies_pass_as_they_are() {
    let rule = rule("POST", "Upload", &["name"], "file");
    assert!(rule.plan.takes_raw_body());
    let request = Request { path: &["a.txt"], query: "overwrite=true", ..Request::default() };
    let with = Request { body: "no { json", content_type: Some("text/plain"), ..request };
    let json =
        r#"{"name":"a.txt","overwrite":true,"file":{"contentType":"text/plain","data":"bm8geyBqc29u"}}"#;
    rule.check("a field", with, Want::Message(json));
    rule.check(
        "no type",
        Request { body: "x", ..request },
        Want::Message(r#"{"name":"a.txt","overwrite":true,"file":{"data":"eA=="}}"#),
    );
    rule.check("empty", request, Want::Message(r#"{"name":"a.txt","overwrite":true}"#));
}

#[test]
fn a_request_may_be_an_http_body_itself() {
    let message = SCHEMA.message("google.api.HttpBody").unwrap();
    let rule = RequestRule::new("POST", &[], BodyRule::Whole);
    let plan = RequestPlan::compile(&message, &rule).unwrap();
    assert!(plan.takes_raw_body());
    let body = b"\xff\x00raw";
    let parts = RequestParts { captures: [], query: None, body, content_type: Some("image/png") };
    let mut out = Vec::new();
    plan.encode(parts, &EncodeOptions::default(), &mut out).unwrap();
    let sent = prost_reflect::DynamicMessage::decode(message.descriptor().clone(), &*out).unwrap();
    assert_eq!(sent.get_field_by_name("data").unwrap().as_bytes().unwrap().as_ref(), body);
    assert_eq!(sent.get_field_by_name("content_type").unwrap().as_str(), Some("image/png"));
}

#[test]
fn required_fields_may_come_from_the_path() {
    let rule = rule("POST", "Legacy", &["id"], "*");
    let request = Request { path: &["7"], body: r#"{"note":"n"}"#, ..Request::default() };
    rule.check("required", request, Want::Message(r#"{"id":"7","note":"n"}"#));
    let without = crate::support::rule("POST", "Legacy", &[], "*");
    without.check(
        "missing",
        Request { body: "{}", ..request },
        Want::Refused(&[("id", Reason::Required, "")]),
    );
    let nothing = Request { body: "", path: &[], ..request };
    without.check("no body", nothing, Want::Refused(&[("id", Reason::Required, "required, but missing")]));
    let group = crate::support::rule("POST", "Legacy", &["id", "part.name"], "*");
    let request =
        Request { path: &["7", "p"], body: r#"{"part":{"size":3,"piece":[{"n":1}]}}"#, ..Request::default() };
    let json = r#"{"id":"7","part":{"name":"p","size":3,"piece":[{"n":1}]}}"#;
    group.check("a group that path and body share", request, Want::Message(json));
}

#[test]
fn messages_of_a_client_stream_after_the_first_are_bodies_alone() {
    let rule = rule("POST", "UpdateUser", &["user.id"], "user");
    let mut out = Vec::new();
    rule.plan.encode_following(br#"{"name":"x"}"#, None, &EncodeOptions::default(), &mut out).unwrap();
    let sent =
        prost_reflect::DynamicMessage::decode(rule.plan.message().descriptor().clone(), &*out).unwrap();
    assert_eq!(serde_json::to_string(&sent).unwrap(), r#"{"user":{"name":"x"}}"#);
    let mut out = b"before".to_vec();
    rule.plan.encode_following(br#"{"name":1}"#, None, &EncodeOptions::default(), &mut out).unwrap_err();
    assert_eq!(out, b"before");
}
