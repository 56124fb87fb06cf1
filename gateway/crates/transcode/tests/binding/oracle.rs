//! Binding against an oracle: random captures, parameters and bodies, and the same request built as a message tree.

use std::collections::BTreeMap;

use proptest::prelude::*;
use prost_reflect::DynamicMessage;
use serde_json::{Map, Value, json};
use transcode::{EncodeOptions, binding::RequestParts};

use crate::support::{message, rule};

/// A field: its proto path, its JSON path, and its values as text and as JSON.
type Field = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// The fields that are played with, each with few values, so that equal and different ones both come often.
const FIELDS: &[Field] = &[
    ("page_size", "pageSize", &[("0", "0"), ("1", "1"), ("-7", "\"-7\"")]),
    ("i64", "i64", &[("9007199254740993", "9007199254740993"), ("9007199254740992", "9007199254740992")]),
    ("note", "note", &[("", "\"\""), ("a b", "\"a b\"")]),
    ("score", "score", &[("1.5", "1.5"), ("15e-1", "15e-1"), ("NaN", "\"NaN\"")]),
    ("color", "color", &[("RED", "\"RED\""), ("1", "1"), ("GREEN", "2")]),
    ("token", "token", &[("_-8=", "\"/+8\""), ("AAAA", "\"AAAA\"")]),
    ("title", "title", &[("", "\"\""), ("t", "\"t\"")]),
    (
        "since",
        "since",
        &[
            ("2025-01-01T00:00:00Z", "\"2025-01-01T00:00:00Z\""),
            ("1970-01-01T00:00:00Z", "\"1970-01-01T00:00:00Z\""),
        ],
    ),
    ("filter.min_price", "filter.minPrice", &[("0", "0"), ("3", "3"), ("4", "4")]),
    ("filter.a", "filter.a", &[("x", "\"x\""), ("", "\"\"")]),
    ("filter.b", "filter.b", &[("x", "\"x\"")]),
    ("filter.inner.a", "filter.inner.a", &[("x", "\"x\""), ("y", "\"y\"")]),
    ("by_field", "byField", &[("f", "\"f\""), ("", "\"\"")]),
    ("by_color", "byColor", &[("RED", "\"RED\"")]),
    ("ids", "ids", &[("1", "[1]"), ("2", "[2]")]),
];

const RULES: &[(&[&str], &str)] = &[
    (&[], ""),
    (&["page_size", "filter.min_price"], ""),
    (&["by_field", "filter.inner.a"], ""),
    (&["note"], "*"),
    (&["filter.a", "since", "title"], "*"),
    (&["i64", "color"], "*"),
    (&["page_size", "filter.min_price"], "filter"),
    (&["by_color", "filter.inner.a", "token"], "filter"),
    (&["score"], "filter"),
];

/// A field and one of its values, by index.
type Choice = (usize, usize);

fn choice() -> impl Strategy<Value = Choice> {
    (0..FIELDS.len(), 0usize..3)
}

fn text((field, value): Choice) -> &'static str {
    let values = FIELDS[field].2;
    values[value % values.len()].0
}

fn json_value((field, value): Choice) -> Value {
    let values = FIELDS[field].2;
    serde_json::from_str(values[value % values.len()].1).unwrap()
}

/// What a value comes to: the field alone in a message, as printed by prost-reflect; `null` for an unset one.
fn meaning(choice: Choice) -> Value {
    let mut tree = Map::new();
    put(&mut tree, FIELDS[choice.0].1, json_value(choice));
    canonical(&Value::Object(tree))
        .pointer(&format!("/{}", FIELDS[choice.0].1.replace('.', "/")))
        .cloned()
        .unwrap_or_default()
}

/// JSON as prost-reflect reads and prints it.
fn canonical(json: &Value) -> Value {
    let text = json.to_string();
    let mut reader = serde_json::Deserializer::from_str(&text);
    let message = DynamicMessage::deserialize(message("Search").descriptor().clone(), &mut reader).unwrap();
    serde_json::to_value(&message).unwrap()
}

fn put(tree: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => drop(tree.insert(path.to_owned(), value)),
        Some((head, rest)) => {
            let inner = tree.entry(head).or_insert_with(|| json!({}));
            put(inner.as_object_mut().unwrap(), rest, value);
        }
    }
}

fn put_parents(tree: &mut Map<String, Value>, path: &str) {
    if let Some((head, rest)) = path.split_once('.') {
        let inner = tree.entry(head).or_insert_with(|| json!({}));
        put_parents(inner.as_object_mut().unwrap(), rest);
    }
}

/// The request message that the pieces should come to, or `None` if they should be refused.
fn oracle(
    variables: &[Choice],
    query: &[Choice],
    body: &BTreeMap<usize, usize>,
    body_rule: &str,
) -> Option<Value> {
    let in_body_field = |field: usize| body_rule == "filter" && FIELDS[field].0.starts_with("filter.");
    if body_rule == "*" && !query.is_empty() {
        return None;
    }
    let mut fields: BTreeMap<usize, Value> = BTreeMap::new();
    for (&field, &value) in body {
        let value = meaning((field, value));
        if !value.is_null() {
            fields.insert(field, value);
        }
    }
    let mut all: Vec<(Choice, bool)> = variables.iter().map(|choice| (*choice, false)).collect();
    all.extend(query.iter().map(|choice| (*choice, true)));
    for (choice, from_query) in all {
        let field = choice.0;
        let value = meaning(choice);
        if FIELDS[field].0 == "ids" && from_query {
            let list = fields.entry(field).or_insert_with(|| json!([]));
            list.as_array_mut().unwrap().extend(value.as_array().unwrap().iter().cloned());
            continue;
        }
        // What the body has to itself, the query can only repeat.
        if from_query && in_body_field(field) && !body_has(body, field) {
            return None;
        }
        match fields.get(&field) {
            Some(earlier) if *earlier != value => return None,
            _ => drop(fields.insert(field, value)),
        }
    }
    for (one, other) in [("by_field", "by_color"), ("filter.a", "filter.b")] {
        let given =
            |name| FIELDS.iter().position(|field| field.0 == name).is_some_and(|at| fields.contains_key(&at));
        if given(one) && given(other) {
            return None;
        }
    }
    let mut tree = Map::new();
    // A message that only defaults were given for is there all the same.
    if body_rule == "filter" {
        tree.insert("filter".to_owned(), json!({}));
    }
    for field in body.keys().copied().chain(variables.iter().chain(query).map(|choice| choice.0)) {
        put_parents(&mut tree, FIELDS[field].1);
    }
    for (field, value) in fields.into_iter().filter(|(_, value)| !value.is_null()) {
        put(&mut tree, FIELDS[field].1, value);
    }
    Some(canonical(&Value::Object(tree)))
}

fn body_has(body: &BTreeMap<usize, usize>, field: usize) -> bool {
    body.get(&field).is_some_and(|value| !meaning((field, *value)).is_null())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn binds_as_the_oracle_does(
        which in 0..RULES.len(),
        captures in prop::array::uniform3(0usize..3),
        query in prop::collection::vec((choice(), any::<bool>()), 0..5),
        body in prop::collection::btree_map(0..FIELDS.len(), 0usize..3, 0..5),
    ) {
        let (variables, body_rule) = RULES[which];
        let place = |name: &&str| FIELDS.iter().position(|field| field.0 == *name).unwrap();
        let variables_given: Vec<Choice> = variables.iter().map(place).zip(captures).collect();
        let body: BTreeMap<usize, usize> = body
            .into_iter()
            .filter(|(field, _)| match body_rule {
                "" => false,
                "filter" => FIELDS[*field].0.starts_with("filter."),
                _ => true,
            })
            .collect();
        // Two members of one oneof in one body are the encoder's affair.
        let has = |name: &str| body.keys().any(|field| FIELDS[*field].0 == name);
        let two = has("by_field") && has("by_color") || has("filter.a") && has("filter.b");
        prop_assume!(!two);
        let mut tree = Map::new();
        for (&field, &value) in &body {
            put(&mut tree, FIELDS[field].1, json_value((field, value)));
        }
        let body_text = match body_rule {
            "" => String::new(),
            "filter" => tree.get("filter").cloned().unwrap_or_else(|| json!({})).to_string(),
            _ => Value::Object(tree).to_string(),
        };
        let escape = |text: &str| text.replace('%', "%25").replace('+', "%2B").replace('=', "%3D").replace(' ', "+");
        let pairs: Vec<String> = query
            .iter()
            .map(|&(choice, camel)| {
                let name = if camel { FIELDS[choice.0].1 } else { FIELDS[choice.0].0 };
                format!("{name}={}", escape(text(choice)))
            })
            .collect();
        let query_text = pairs.join("&");
        let choices: Vec<Choice> = query.iter().map(|(choice, _)| *choice).collect();

        let rule = rule("PUT", "Search", variables, body_rule);
        let parts = RequestParts {
            captures: variables_given.iter().map(|choice| text(*choice)),
            query: Some(query_text.as_str()),
            body: body_text.as_bytes(),
            content_type: None,
        };
        let mut wire = Vec::new();
        let result = rule.plan.encode(parts, &EncodeOptions::default(), &mut wire);
        let expected = oracle(&variables_given, &choices, &body, body_rule);
        match (result, expected) {
            (Ok(_), Some(expected)) => {
                let sent = DynamicMessage::decode(message("Search").descriptor().clone(), &*wire).unwrap();
                prop_assert_eq!(serde_json::to_value(&sent).unwrap(), expected, "?{} {}", query_text, body_text);
            }
            (Err(_), None) => {}
            (Ok(_), None) => prop_assert!(false, "taken: {variables_given:?} ?{query_text} {body_text}"),
            (Err(error), Some(_)) => prop_assert!(false, "{error}: {variables_given:?} ?{query_text} {body_text}"),
        }
    }
}

/// Members of one oneof, by their JSON paths.
const RIVALS: &[(&str, &str)] = &[("filter.a", "filter.b"), ("byField", "byColor")];

fn rival(path: &str) -> Option<&'static str> {
    let found = RIVALS.iter().find_map(|&(a, b)| [(a, b), (b, a)].into_iter().find(|(one, _)| *one == path));
    found.map(|(_, other)| other)
}

fn remove(tree: &mut Map<String, Value>, path: &str) {
    match path.split_once('.') {
        None => drop(tree.remove(path)),
        Some((head, rest)) => {
            if let Some(inner) = tree.get_mut(head).and_then(Value::as_object_mut) {
                remove(inner, rest);
            }
        }
    }
}

proptest! {
    #[test]
    fn what_the_gateway_sets_is_as_if_the_client_had_said_nothing_of_it(
        body in prop::collection::btree_map(0..FIELDS.len(), 0usize..3, 0..8),
        set in prop::collection::vec((choice(), any::<bool>()), 0..4),
    ) {
        let mut tree = Map::new();
        for choice in body {
            let path = FIELDS[choice.0].1;
            if rival(path).is_none_or(|rival| json!(tree).pointer(&format!("/{}", rival.replace('.', "/"))).is_none()) {
                put(&mut tree, path, json_value(choice));
            }
        }
        let text_of_body = Value::Object(tree.clone()).to_string();
        let mut rule = rule("POST", "Search", &[], "*");
        let mut texts = Vec::new();
        let mut fields = std::collections::BTreeSet::new();
        let mut set_paths = Vec::new();
        for (choice, given) in set.into_iter().filter(|((field, _), _)| FIELDS[*field].0 != "ids") {
            let (name, path, _) = FIELDS[choice.0];
            // A configuration names a field once.
            if !fields.insert(name) {
                continue;
            }
            let accepted = rule.plan.with_set(name);
            let is_excluded = rival(path).is_some_and(|rival| set_paths.contains(&rival));
            prop_assert_eq!(accepted.is_err(), is_excluded, "{}", name);
            if is_excluded {
                continue;
            }
            set_paths.push(path);
            texts.push(given.then(|| text(choice)));
            remove(&mut tree, path);
            if given {
                if let Some(rival) = rival(path) {
                    remove(&mut tree, rival);
                }
                put(&mut tree, path, json_value(choice));
            }
        }
        let parts = RequestParts { captures: [], query: None, body: text_of_body.as_bytes(), content_type: None };
        let mut out = Vec::new();
        rule.plan.encode_with(parts, texts, &EncodeOptions::default(), &mut out).unwrap();
        let sent = DynamicMessage::decode(message("Search").descriptor().clone(), &*out).unwrap();
        prop_assert_eq!(serde_json::to_value(&sent).unwrap(), canonical(&Value::Object(tree)), "{}", text_of_body);
    }
}
