//! Fields that the gateway fills: the client's value reaches nobody, whether the gateway has one or not.

use prost_reflect::DynamicMessage;
use serde_json::{Value, json};
use transcode::{
    EncodeError, EncodeOptions, Reason,
    binding::{RequestParts, Subject},
};

use crate::support::{Rule, rule};

/// Fields and what the gateway has for them.
type Set<'s> = &'s [(&'s str, Option<&'s str>)];

fn setting(mut rule: Rule, set: Set<'_>) -> Rule {
    for (path, _) in set {
        rule.plan.with_set(path).unwrap();
    }
    rule
}

fn encode(
    rule: &Rule,
    path: &[&str],
    query: &str,
    body: &str,
    set: Set<'_>,
) -> Result<(Value, Vec<u8>), EncodeError> {
    let captures = path.iter().copied();
    let parts = RequestParts { captures, query: Some(query), body: body.as_bytes(), content_type: None };
    let mut out = b"before".to_vec();
    let texts = set.iter().map(|(_, text)| *text);
    let result = rule.plan.encode_with(parts, texts, &EncodeOptions::default(), &mut out);
    let wire = out.strip_prefix(b"before").unwrap();
    if let Err(error) = result {
        assert!(wire.is_empty(), "a refusal leaves nothing behind");
        return Err(error);
    }
    let sent = DynamicMessage::decode(rule.plan.message().descriptor().clone(), wire).unwrap();
    assert_eq!(sent.unknown_fields().count(), 0, "{sent}");
    Ok((serde_json::to_value(&sent).unwrap(), wire.to_vec()))
}

#[test]
fn the_gateway_wins_over_path_query_and_body() {
    let rows: &[(&str, Set<'_>, &str, &str, Value)] = &[
        (
            "a scalar of the body",
            &[("note", Some("ours"))],
            "",
            r#"{"note":"theirs"}"#,
            json!({"note": "ours"}),
        ),
        ("none was sent", &[("note", Some("ours"))], "", "{}", json!({"note": "ours"})),
        ("a default", &[("page_size", Some("0"))], "", r#"{"pageSize":9}"#, json!({})),
        ("an empty text with presence", &[("note", Some(""))], "", r#"{"note":"x"}"#, json!({"note": ""})),
        ("an enum by name", &[("color", Some("RED"))], "", r#"{"color":2}"#, json!({"color": "RED"})),
        (
            "inside a message that the client sent",
            &[("filter.a", Some("ours"))],
            "",
            r#"{"filter":{"a":"theirs","minPrice":"3"}}"#,
            json!({"filter": {"a": "ours", "minPrice": "3"}}),
        ),
        (
            "deep inside one that it did not",
            &[("filter.inner.b", Some("ours"))],
            "",
            "{}",
            json!({"filter": {"inner": {"b": "ours"}}}),
        ),
        (
            "another member of the oneof",
            &[("by_field", Some("ours"))],
            "",
            r#"{"byColor":"RED"}"#,
            json!({"byField": "ours"}),
        ),
        (
            "well-known types are whole, nothing of the client's shines through",
            &[("since", Some("2025-01-01T00:00:00Z")), ("title", Some("ours")), ("at_least", Some("0"))],
            "",
            r#"{"since":"2020-05-05T05:05:05.5Z","title":"theirs","atLeast":"7"}"#,
            json!({"since": "2025-01-01T00:00:00Z", "title": "ours", "atLeast": "0"}),
        ),
    ];
    for (what, set, query, body, expected) in rows {
        let rule = setting(rule("POST", "Search", &[], "*"), set);
        let (sent, _) = encode(&rule, &[], query, body, set).unwrap();
        assert_eq!(sent, *expected, "{what}");
    }
    let set: Set<'_> = &[("text", Some("ours")), ("limit", Some("5"))];
    let rule = setting(rule("GET", "Search", &["text"], ""), set);
    let (sent, _) = encode(&rule, &["theirs"], "limit=9&exact=true", "", set).unwrap();
    assert_eq!(sent, json!({"text": "ours", "limit": 5, "exact": true}));
    assert!(rule.plan.is_overridden("text") && !rule.plan.is_overridden("limit"));
}

#[test]
fn without_a_value_the_field_stays_unset() {
    let set: Set<'_> = &[("note", None), ("filter.a", None), ("title", None), ("by_filter.inner.b", None)];
    let rule = setting(rule("POST", "Search", &[], "*"), set);
    let body = r#"{"text":"t","note":"theirs","filter":{"a":"theirs","minPrice":"3","inner":{"a":"stays"}},
        "title":"theirs","byFilter":{"inner":{"b":"theirs"}},"tags":["x","y"],"labels":{"k":"v"}}"#;
    let expected = json!({
        "text": "t", "filter": {"minPrice": "3", "inner": {"a": "stays"}}, "byFilter": {"inner": {}},
        "tags": ["x", "y"], "labels": {"k": "v"},
    });
    let (sent, wire) = encode(&rule, &[], "", body, set).unwrap();
    assert_eq!(sent, expected);
    assert!(!wire.windows(6).any(|bytes| bytes == b"theirs"), "it is not on the wire at all");

    // Who does not know of the values lets nothing through either.
    let parts = RequestParts { captures: [], query: None, body: body.as_bytes(), content_type: None };
    let mut out = Vec::new();
    rule.plan.encode(parts, &EncodeOptions::default(), &mut out).unwrap();
    assert_eq!(out, wire);
    let mut out = Vec::new();
    rule.plan.encode_following(body.as_bytes(), None, &EncodeOptions::default(), &mut out).unwrap();
    assert_eq!(out, wire);
}

#[test]
fn groups_and_required_fields_of_proto2_are_minded() {
    let body = r#"{"id":"7","part":{"name":"theirs","size":2,"piece":[{"n":1}]}}"#;
    let set: Set<'_> = &[("part.name", None), ("id", Some("1"))];
    let filled = setting(rule("POST", "Legacy", &[], "*"), set);
    let (sent, _) = encode(&filled, &[], "", body, set).unwrap();
    assert_eq!(sent, json!({"id": "1", "part": {"size": 2, "piece": [{"n": 1}]}}));
    let (sent, _) = encode(&filled, &[], "", "{}", set).unwrap();
    assert_eq!(sent, json!({"id": "1"}), "what the gateway fills need not come from the client");
    let error = encode(&filled, &[], "", body, &[("part.name", None), ("id", None)]).unwrap_err();
    let found: Vec<_> = error.violations.iter().map(|v| (v.field.as_str(), v.reason)).collect();
    assert_eq!(found, [("id", Reason::Required)], "what it should fill, and cannot, is missing");
}

#[test]
fn what_the_gateway_fills_is_in_no_mask_that_it_makes() {
    for (body_rule, path, body, mask) in [
        ("user", "user.name", r#"{"name":"theirs","tags":[]}"#, "tags"),
        ("user", "user.name", r#"{"tags":[]}"#, "tags"),
        ("*", "user.name", r#"{"user":{"name":"theirs","tags":[]}}"#, "tags"),
        ("user", "user.address.city", r#"{"address":{"city":"x","street":"y"}}"#, "address.street"),
    ] {
        let set: Set<'_> = &[(path, Some("ours"))];
        let filled = setting(rule("PATCH", "UpdateUser", &[], body_rule), set);
        let (sent, _) = encode(&filled, &[], "", body, set).unwrap();
        assert_eq!(sent["updateMask"], json!(mask), "{path} {body}");
    }
}

#[test]
fn values_that_do_not_fit_are_told_as_the_gateways() {
    let set: Set<'_> = &[("page_size", Some("many")), ("color", Some("PINK"))];
    let rule = setting(rule("GET", "Search", &[], ""), set);
    let error = encode(&rule, &[], "", "", set).unwrap_err();
    let found: Vec<_> = error.violations.iter().map(|v| (v.field.as_str(), v.reason)).collect();
    assert_eq!(found, [("page_size", Reason::Set), ("color", Reason::Set)]);
    assert!(rule.plan.check_set("page_size", "7").is_ok());
    assert!(rule.plan.check_set("page_size", "many").is_err());
}

#[test]
fn fields_that_no_text_fills_cannot_be_set() {
    let mut rule = rule("GET", "Search", &[], "");
    for path in
        ["nope", "filter", "filter.nope", "ids", "labels", "extra", "any", "nothing", "text.x", "pageSize"]
    {
        assert!(rule.plan.with_set(path).is_err(), "{path}");
    }
}

#[test]
fn fields_that_exclude_each_other_cannot_both_be_set() {
    for (first, second, message) in [
        ("by_field", "by_color", "`by_color` and `by_field` are in one oneof: only one of them can be set"),
        ("since", "since.seconds", "`since.seconds` is a part of `since`"),
        ("since.nanos", "since", "`since.nanos` is a part of `since`"),
        ("note", "note", "`note` is set already"),
    ] {
        let mut rule = rule("GET", "Search", &[], "");
        rule.plan.with_set(first).unwrap();
        let error = rule.plan.with_set(second).unwrap_err();
        assert_eq!((error.message.as_str(), error.subject), (message, Subject::SetBeside(0)));
        assert_eq!(rule.plan.set_path(0), Some(first));
    }
    let mut rule = rule("GET", "Search", &[], "");
    for path in ["since.seconds", "since.nanos", "by_field", "filter.a", "filter.inner.a"] {
        rule.plan.with_set(path).unwrap();
    }
}

#[test]
fn what_a_set_field_excludes_is_filled_in_vain() {
    let rule = rule("GET", "Search", &["by_field", "since.seconds"], "");
    for (set, in_vain) in [
        ("by_field", true),
        ("by_color", true),
        ("since.seconds", true),
        ("since.nanos", false),
        ("note", false),
        ("nope", false),
    ] {
        assert_eq!(rule.plan.is_overridden(set), in_vain, "{set}");
    }
}
