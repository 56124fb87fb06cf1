//! Rules that do not fit their message are found when routes are loaded.

use transcode::binding::{BindingError, BodyRule, RequestPlan, RequestRule, Subject};

use crate::support::message;

fn errors(request: &str, variables: &[&str], body: &str) -> Vec<BindingError> {
    let rule = RequestRule::new("POST", variables, BodyRule::parse(body));
    RequestPlan::compile(&message(request), &rule).map(|_| ()).err().unwrap_or_default()
}

#[test]
fn rules_that_fit() {
    let rows: &[(&str, &[&str], &str)] = &[
        ("Search", &[], ""),
        ("Search", &["text", "page_size", "color", "token", "exact", "score"], ""),
        ("Search", &["since", "within", "fields", "at_least", "title", "sold"], ""),
        ("Search", &["filter.inner.inner.min_price"], "*"),
        ("Search", &["note", "by_field"], "filter"),
        ("UpdateUser", &["user.id"], "user"),
        ("UpdateUser", &["user.address.geo.lat"], "user"),
        ("Bodies", &["id"], "users"),
        ("Bodies", &["id"], "counts"),
        ("Upload", &["name"], "file"),
        ("Legacy", &["part.name"], "*"),
        ("Search", &["ids", "filter.brands"], "*"),
    ];
    for (request, variables, body) in rows {
        assert_eq!(errors(request, variables, body), [], "{request} {variables:?} {body}");
    }
}

#[test]
fn rules_that_do_not_fit() {
    let rows: &[(&str, &[&str], &str, Subject, &str)] = &[
        ("Search", &["nope"], "", Subject::Variable(0), "bind.Search has no field `nope`"),
        ("Search", &["text", "filter.nope"], "", Subject::Variable(1), "bind.Filter has no field `nope`"),
        ("Search", &["pageSize"], "", Subject::Variable(0), "has no field `pageSize`"),
        ("Search", &["days"], "", Subject::Variable(0), "`days` is a list"),
        ("Search", &["filter"], "", Subject::Variable(0), "`filter` is a message"),
        ("Search", &["nothing"], "", Subject::Variable(0), "`nothing` is a message"),
        ("Search", &["labels"], "", Subject::Variable(0), "`labels` is a map"),
        ("Search", &["labels.a"], "", Subject::Variable(0), "`labels` in `labels.a` is a map"),
        ("Search", &["filters.min_price"], "", Subject::Variable(0), "is a list of messages"),
        ("Search", &["ids", "ids"], "", Subject::Variable(1), "filled by the variable `ids` already"),
        ("Search", &["filter.brands.a"], "", Subject::Variable(0), "is a list, so nothing lies within it"),
        ("Search", &["extra"], "", Subject::Variable(0), "is a value of any shape"),
        ("Search", &["any"], "", Subject::Variable(0), "is a value of any shape"),
        ("Search", &["text.x"], "", Subject::Variable(0), "`text` in `text.x` is of type string"),
        ("Search", &["since.second"], "", Subject::Variable(0), "Timestamp has no field `second`"),
        ("Search", &["fields.paths"], "", Subject::Variable(0), "`paths` in `fields.paths` is a list"),
        ("Search", &["named"], "", Subject::Variable(0), "`named` is a map of messages"),
        ("Search", &["text"], "nope", Subject::Body, "bind.Search has no field `nope`"),
        ("Search", &["text"], "filter.inner", Subject::Body, "`filter.inner` is within `filter`"),
        ("Search", &["text"], "filter.nope", Subject::Body, "has no field `filter.nope`"),
        ("Search", &["text"], "text.nope", Subject::Body, "has no field `text.nope`"),
        ("Search", &["text"], "pageSize", Subject::Body, "has no field `pageSize`"),
        ("Search", &["text"], "text", Subject::Variable(0), "`text` is filled by the body"),
        ("Search", &["text", "text"], "", Subject::Variable(1), "filled by the variable `text` already"),
        ("Search", &["by_field", "by_color"], "", Subject::Variable(1), "in one oneof"),
        ("Search", &["filter.a", "filter.b"], "", Subject::Variable(1), "in one oneof"),
        ("Search", &["by_field"], "by_filter", Subject::Variable(0), "in one oneof"),
    ];
    for (request, variables, body, subject, part) in rows {
        let found = errors(request, variables, body);
        let [error] = &*found else { panic!("{variables:?} {body}: {found:?}") };
        assert_eq!(error.subject, *subject, "{error}");
        assert!(error.to_string().contains(part), "{part:?} in {error}");
    }
}

#[test]
fn every_error_is_told_and_names_come_with_the_ones_that_are_known() {
    let found = errors("Search", &["nope", "days", "filter.min_prize"], "exrta");
    let subjects: Vec<_> = found.iter().map(|error| error.subject).collect();
    let expected = [Subject::Variable(0), Subject::Variable(1), Subject::Variable(2), Subject::Body];
    assert_eq!(subjects, expected);
    let unknown: Vec<_> = found.iter().filter_map(|error| error.unknown.as_deref()).collect();
    assert_eq!(unknown, ["nope", "min_prize", "exrta"]);
    let known = &found.iter().find(|error| error.unknown.as_deref() == Some("min_prize")).unwrap().known;
    assert_eq!(known, &["min_price", "brands", "inner", "a", "b", "tags"]);
    let [json_name] = &*errors("Search", &["pageSize"], "") else { panic!() };
    assert!(json_name.help.as_deref().unwrap_or_default().contains("`page_size`"), "{json_name:?}");
}
