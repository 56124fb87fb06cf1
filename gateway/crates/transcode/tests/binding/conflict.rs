//! The same field given twice: fine when the values are the same, refused when they differ.

use transcode::{Reason, Unknown};

use crate::support::{Request, Want, rule};

const CONFLICT: Reason = Reason::Conflict;

#[test]
fn path_and_body() {
    let rule = rule("PATCH", "UpdateUser", &["user.id"], "*");
    let big = "9007199254740993";
    let rows = [
        (r#"{"user":{"name":"x"}}"#, r#"{"user":{"id":"9007199254740993","name":"x"},"updateMask":"name"}"#),
        (r#"{"user":{"id":9007199254740993}}"#, r#"{"user":{"id":"9007199254740993"}}"#),
        (r#"{"user":{"id":"9007199254740993"}}"#, r#"{"user":{"id":"9007199254740993"}}"#),
        (r#"{"user":{"id":null}}"#, r#"{"user":{"id":"9007199254740993"}}"#),
        (r#"{"user":{"id":0}}"#, r#"{"user":{"id":"9007199254740993"}}"#),
    ];
    for (body, json) in rows {
        rule.check(body, Request { path: &[big], body, ..Request::default() }, Want::Message(json));
    }
    let body = r#"{"user":{"id":"9007199254740992"}}"#;
    let want = Want::Refused(&[(
        "user.id",
        CONFLICT,
        "the path says \"9007199254740993\", the body 9007199254740992",
    )]);
    rule.check(body, Request { path: &[big], body, ..Request::default() }, want);
    let body = r#"{"user":{"id":4294967297}}"#;
    let want = Want::Refused(&[("user.id", CONFLICT, "4294967297")]);
    rule.check("all 64 bits", Request { path: &["1"], body, ..Request::default() }, want);
}

#[test]
fn path_and_body_field() {
    let rule = rule("PUT", "UpdateUser", &["user.id", "user.nickname"], "user");
    let request = Request { path: &["5", "al"], ..Request::default() };
    let filled = r#"{"user":{"id":"5","nickname":"al","name":"x"}}"#;
    rule.check("added", Request { body: r#"{"name":"x"}"#, ..request }, Want::Message(filled));
    let body = r#"{"id":5,"name":"x","nickname":"al"}"#;
    rule.check("same", Request { body, ..request }, Want::Message(filled));
    let body = r#"{"id":6,"nickname":""}"#;
    let want =
        Want::Refused(&[("user.id", CONFLICT, "6"), ("user.nickname", CONFLICT, "\"al\", the body \"\"")]);
    rule.check("different, two of them", Request { body, ..request }, want);
    rule.check("no body", request, Want::Message(r#"{"user":{"id":"5","nickname":"al"}}"#));
}

#[test]
fn path_and_body_by_either_name() {
    let rule = rule("POST", "Search", &["page_size"], "*");
    for body in [r#"{"pageSize":6}"#, r#"{"page_size":6}"#, r#"{"page\u0053ize":6}"#, r#"{"pageSize":"6"}"#] {
        let want = Want::Refused(&[("page_size", CONFLICT, "the path says \"5\", the body 6")]);
        rule.check(body, Request { path: &["5"], body, ..Request::default() }, want);
    }
    for body in [r#"{"pageSize":5}"#, r#"{"page_size":5.0}"#, r#"{"page_size":"5"}"#] {
        let want = Want::Message(r#"{"pageSize":5}"#);
        rule.check(body, Request { path: &["5"], body, ..Request::default() }, want);
    }
}

#[test]
fn values_are_compared_by_type_not_by_text() {
    let rows = [
        ("since", "2025-12-30T10:00:00Z", r#"{"since":"2025-12-30T12:00:00+02:00"}"#, true),
        ("since", "2025-12-30T10:00:00Z", r#"{"since":"2025-12-30T12:00:00Z"}"#, false),
        ("within", "1s", r#"{"within":"1.0s"}"#, true),
        ("within", "1s", r#"{"within":"1.1s"}"#, false),
        ("fields", "text,pageSize", r#"{"fields":"text,pageSize"}"#, true),
        ("fields", "text", r#"{"fields":"pageSize"}"#, false),
        ("at_least", "0", r#"{"atLeast":0}"#, true),
        ("at_least", "0", r#"{"atLeast":1}"#, false),
        ("color", "2", r#"{"color":"GREEN"}"#, true),
        ("color", "RED", r#"{"color":"GREEN"}"#, false),
        ("token", "AQID_-8", r#"{"token":"AQID/+8="}"#, true),
        ("ratio", "5e-1", r#"{"ratio":0.5}"#, true),
        ("score", "1.5", r#"{"score":1.25}"#, false),
        ("exact", "true", r#"{"exact":true}"#, true),
        ("s32", "-3", r#"{"s32":-2}"#, false),
        ("f64", "3", r#"{"f64":"2"}"#, false),
        ("note", "", r#"{"note":""}"#, true),
        ("limit", "0", r#"{"limit":0}"#, true),
        ("limit", "0", r#"{"limit":1}"#, false),
    ];
    for (variable, capture, body, same) in rows {
        let rule = rule("POST", "Search", &[variable], "*");
        let path = [capture];
        let request = Request { path: &path, body, ..Request::default() };
        match same {
            true => rule.check(body, request, Want::Message(&printed(body))),
            false => rule.check(body, request, Want::Refused(&[(variable, CONFLICT, "given twice")])),
        }
    }
}

/// The bodies of [`values_are_compared_by_type_not_by_text`] as they are printed.
fn printed(body: &str) -> String {
    let pairs = [("12:00:00+02:00", "10:00:00Z"), ("1.0s", "1s"), (r#""atLeast":0"#, r#""atLeast":"0""#)];
    pairs.iter().fold(body.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[test]
fn path_and_query() {
    let rule = rule("GET", "Search", &["page_size", "filter.min_price"], "");
    let path: &[&str] = &["5", "3"];
    let json = r#"{"pageSize":5,"filter":{"minPrice":"3"}}"#;
    let same =
        ["pageSize=5", "page_size=5", "filter.minPrice=3", "filter.min_price=3&pageSize=5&page_size=5"];
    for query in same {
        rule.check(query, Request { path, query, ..Request::default() }, Want::Message(json));
    }
    let differs = [
        ("pageSize=6", "pageSize", "the path says \"5\", the query \"6\""),
        ("page_size=6", "page_size", "the path says"),
        ("pageSize=0", "pageSize", "the path says"),
        ("filter.minPrice=4", "filter.minPrice", "the path says"),
    ];
    for (query, field, part) in differs {
        let request = Request { path, query, ..Request::default() };
        rule.check(query, request, Want::Refused(&[(field, CONFLICT, part)]));
        // Never a silent choice, however lenient the route is about what it does not know.
        let ignoring = Request { unknown: Unknown::Ignore, ..request };
        rule.check(query, ignoring, Want::Refused(&[(field, CONFLICT, part)]));
    }
}

#[test]
fn singular_fields_twice_in_the_query() {
    let rule = rule("GET", "Search", &[], "");
    let same = [
        ("text=a&text=a", r#"{"text":"a"}"#),
        ("pageSize=5&page_size=5", r#"{"pageSize":5}"#),
        ("color=2&color=GREEN", r#"{"color":"GREEN"}"#),
        ("fields=text&fields=text", r#"{"fields":"text"}"#),
        ("filter.a=x&filter.a=x", r#"{"filter":{"a":"x"}}"#),
    ];
    for (query, json) in same {
        rule.check(query, Request { query, ..Request::default() }, Want::Message(json));
    }
    let differs = [
        ("text=a&text=b", "text", "given twice: as \"a\" and as \"b\""),
        ("pageSize=5&page_size=6", "page_size", "given twice"),
        ("filter.a=x&filter.a=y", "filter.a", "given twice"),
        ("fields=text&fields=note", "fields", "given twice"),
        ("note=&note=a", "note", "given twice"),
    ];
    for (query, field, part) in differs {
        rule.check(query, Request { query, ..Request::default() }, Want::Refused(&[(field, CONFLICT, part)]));
    }
}

#[test]
fn body_field_and_query() {
    let rule = rule("PUT", "UpdateUser", &["user.id"], "user");
    let request = Request { path: &["5"], body: r#"{"name":"x"}"#, ..Request::default() };
    let json = r#"{"user":{"id":"5","name":"x"},"validateOnly":true}"#;
    rule.check("beside", Request { query: "validateOnly=true", ..request }, Want::Message(json));
    let same = Request { query: "user.name=x&validate_only=true", ..request };
    rule.check("same", same, Want::Message(json));
    let want = Want::Refused(&[("user.name", CONFLICT, "the query says \"y\", the body \"x\"")]);
    rule.check("different", Request { query: "user.name=y", ..request }, want);
    let want =
        Want::Refused(&[("user.phoneNumber", Reason::UnknownParameter, "in the body, not in the query")]);
    rule.check("not in the body", Request { query: "user.phoneNumber=1", ..request }, want);
    let ignored = Request { query: "user.phoneNumber=1", unknown: Unknown::Ignore, ..request };
    rule.check("ignored", ignored, Want::Message(r#"{"user":{"id":"5","name":"x"}}"#));
    let want = Want::Refused(&[("user.name", Reason::Type, "string")]);
    let broken = Request { query: "user.name=y", body: r#"{"name":1}"#, ..request };
    rule.check("a body that says nothing contradicts nothing", broken, want);
}

#[test]
fn a_whole_body_leaves_nothing_to_the_query() {
    let rule = rule("POST", "Search", &["page_size"], "*");
    let request = Request { path: &["5"], body: r#"{"text":"a"}"#, ..Request::default() };
    let json = r#"{"text":"a","pageSize":5}"#;
    for query in ["note=b", "text=a", "pageSize=5", "nope=1"] {
        let (field, _) = query.split_once('=').unwrap();
        let want = Want::Refused(&[(field, Reason::UnknownParameter, "the body is the whole request")]);
        rule.check(query, Request { query, ..request }, want);
        let ignored = Request { query, unknown: Unknown::Ignore, ..request };
        rule.check(query, ignored, Want::Message(json));
        let warned = Request { query, unknown: Unknown::Warn, ..request };
        rule.check(query, warned, Want::Warned(json, &[field]));
    }
}

#[test]
fn members_of_a_oneof() {
    let query = rule("GET", "Search", &["by_field"], "");
    let request = Request { path: &["x"], ..Request::default() };
    rule_refuses(&query, Request { query: "byColor=RED", ..request }, "byColor", "`by_field` of the path");
    rule_refuses(
        &query,
        Request { query: "byFilter.a=1", ..request },
        "byFilter.a",
        "`by_field` of the path",
    );
    let query = rule("GET", "Search", &[], "");
    let request = Request::default();
    rule_refuses(
        &query,
        Request { query: "byField=x&byColor=RED", ..request },
        "byColor",
        "`byField` of the query",
    );
    rule_refuses(&query, Request { query: "filter.a=x&filter.b=y", ..request }, "filter.b", "`filter.a`");
    let apart = Request { query: "filter.a=x&byFilter.b=y", ..request };
    query.check("in two messages", apart, Want::Message(r#"{"filter":{"a":"x"},"byFilter":{"b":"y"}}"#));
    let body = rule("POST", "Search", &["by_field"], "*");
    let request = Request { path: &["x"], ..Request::default() };
    rule_refuses(
        &body,
        Request { body: r#"{"byColor":"RED"}"#, ..request },
        "by_field",
        "`byColor` of the body",
    );
    rule_refuses(
        &body,
        Request { body: r#"{"byFilter":{}}"#, ..request },
        "by_field",
        "`byFilter` of the body",
    );
    let field = rule("PUT", "UpdateUser", &["user.email"], "user");
    rule_refuses(
        &field,
        Request { body: r#"{"postal":{"city":"y"}}"#, ..request },
        "user.email",
        "`postal` of the body",
    );
    let sibling = rule("PUT", "Bodies", &["id"], "user");
    let with = Request { query: "reference=r", body: r#"{"name":"n"}"#, ..request };
    rule_refuses(&sibling, with, "reference", "`user` of the body");
    let without = Request { query: "reference=r", ..request };
    sibling.check("no body, no rival", without, Want::Message(r#"{"id":"x","reference":"r"}"#));
}

fn rule_refuses(rule: &crate::support::Rule, request: Request<'_>, field: &str, part: &str) {
    rule.check(&format!("{request:?}"), request, Want::Refused(&[(field, CONFLICT, part)]));
}

#[test]
fn violations_of_path_query_and_body_come_together() {
    let rule = rule("PUT", "UpdateUser", &["user.id"], "user");
    let body = r#"{"name":1,"born":"x"}"#;
    let request = Request { path: &["five"], query: "validateOnly=maybe&nope=1", body, ..Request::default() };
    let want = Want::Refused(&[
        ("user.id", Reason::Type, "expected int64, got \"five\""),
        ("validateOnly", Reason::Type, "true or false"),
        ("nope", Reason::UnknownParameter, "no such"),
        ("user.name", Reason::Type, "string"),
        ("user.born", Reason::Format, "x"),
    ]);
    rule.check("all", request, want);
}
