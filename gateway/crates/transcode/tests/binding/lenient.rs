//! What options allow beyond the JSON mapping: opaque `Any`s, ignored parameters; and names of fields in odd places.

use serde_json::{Value, json};
use transcode::{
    DecodeOptions, EncodeError, EncodeOptions, Encoded, IgnoredParameters, MaskPaths, Names, Reason, Unknown,
    UnknownAny, binding::RequestParts,
};

use crate::support::{Request, Rule, Want, message, rule};

fn encode(
    rule: &Rule,
    path: &[&str],
    query: &str,
    body: &str,
    options: &EncodeOptions,
) -> Result<(Encoded, Value), EncodeError> {
    let parts = RequestParts {
        captures: path.iter().copied(),
        query: Some(query),
        body: body.as_bytes(),
        content_type: None,
    };
    let mut wire = Vec::new();
    let encoded = rule.plan.encode(parts, options, &mut wire)?;
    let mut json = Vec::new();
    let options = DecodeOptions { any: UnknownAny::Opaque, ..DecodeOptions::default() };
    rule.plan.message().decode(&wire, &options, &mut json).unwrap();
    Ok((encoded, serde_json::from_slice(&json).unwrap()))
}

#[test]
fn a_json_name_with_brackets_comes_before_the_key_of_a_map() {
    let rule = rule("GET", "OddNames", &[], "");
    for (query, json) in [
        ("search[field]=v", r#"{"search[field]":"v"}"#),
        ("search%5Bfield%5D=v", r#"{"search[field]":"v"}"#),
        ("search_field=v", r#"{"search[field]":"v"}"#),
        ("ids[]=1&ids[]=2", r#"{"ids[]":[1,2]}"#),
        ("ids%5B%5D=1&ids=2", r#"{"ids[]":[1,2]}"#),
        ("labels[x]=1", r#"{"labels[x]":"1"}"#),
        ("labels[y]=1&labels[x]=2", r#"{"labels":{"y":"1"},"labels[x]":"2"}"#),
        ("labels[a.b]=1", r#"{"labels":{"a.b":"1"}}"#),
        ("labels[a[b]]=1", r#"{"labels":{"a[b]":"1"}}"#),
        ("labels[[]=1", r#"{"labels":{"[":"1"}}"#),
        ("labels[]]=1", r#"{"labels":{"]":"1"}}"#),
        ("labels[[[[[[[[[[[]=1", r#"{"labels":{"[[[[[[[[[[":"1"}}"#),
        ("inner.search[field]=v", r#"{"inner":{"search[field]":"v"}}"#),
        ("inner.labels[k]=v", r#"{"inner":{"labels":{"k":"v"}}}"#),
        ("tags[a][b]=1", r#"{"tags[a]":{"b":"1"}}"#),
        ("tags[b]=1", r#"{"tags[a]":{"b":"1"}}"#),
        ("page[x].ids[]=3", r#"{"page[x]":{"ids[]":[3]}}"#),
        ("page[x].labels[k]=3", r#"{"page[x]":{"labels":{"k":"3"}}}"#),
        (
            "@at=1&%24money=2&a%20b=3&a%2Bb=4&gr%C3%B6%C3%9Fe=5",
            r#"{"@at":"1","$money":"2","a b":"3","a+b":"4","größe":"5"}"#,
        ),
        ("x%255By%255D=1", r#"{"x%5By%5D":"1"}"#),
    ] {
        rule.check(query, Request { query, ..Request::default() }, Want::Message(json));
    }
    for (query, field, part) in [
        ("pageSize[]=1", "pageSize[]", "is no map"),
        ("tags[a]=1", "tags[a]", "is a map; give its entries one by one"),
        ("page[x]=1", "page[x]", "is a message"),
        ("nothing[x]=1", "nothing[x]", "no such query parameter"),
        ("x[", "x[", "no such query parameter"),
        ("]", "]", "no such query parameter"),
        ("[x]=1", "[x]", "no such query parameter"),
    ] {
        let refused = [(field, Reason::UnknownParameter, part)];
        rule.check(query, Request { query, ..Request::default() }, Want::Refused(&refused));
    }
}

#[test]
fn parameters_of_the_transport_are_ignored_where_asked() {
    let ignored = |system, names: &[&str], prefixes: &[&str]| EncodeOptions {
        ignored: IgnoredParameters {
            system,
            names: names.iter().copied().map(Box::from).collect(),
            prefixes: prefixes.iter().copied().map(Box::from).collect(),
        },
        ..EncodeOptions::default()
    };
    let system = ignored(true, &[], &[]);
    let listed = ignored(false, &["fbclid", "_"], &["utm_", "$"]);
    let query = rule("GET", "OddNames", &[], "");
    let whole = rule("POST", "OddNames", &[], "*");
    let field = rule("POST", "OddNames", &[], "inner");
    for name in [
        "$alt",
        "alt",
        "%24alt",
        "$fields",
        "fields",
        "$prettyPrint",
        "prettyPrint",
        "$key",
        "key",
        "access_token",
        "quotaUser",
        "$.xgafv",
        "upload_protocol",
        "uploadType",
        "callback",
        "$callback",
        "$userProject",
        "oauth_token",
        "userIp",
    ] {
        let parameter = format!("{name}=x");
        for rule in [&query, &whole, &field] {
            assert!(encode(rule, &[], &parameter, "", &system).is_ok(), "{parameter}");
            let error = encode(rule, &[], &parameter, "", &EncodeOptions::default()).unwrap_err();
            assert_eq!(error.violations[0].reason, Reason::UnknownParameter, "{parameter}");
        }
    }
    for name in ["fbclid", "_", "utm_source", "utm_", "$anything", "%24x"] {
        for rule in [&query, &whole, &field] {
            assert!(encode(rule, &[], &format!("{name}=%zz&{name}"), "", &listed).is_ok(), "{name}");
        }
    }
    for (options, name) in [
        (&system, "$filter"),
        (&system, "alts"),
        (&system, "xgafv"),
        (&system, "Key"),
        (&listed, "utm"),
        (&listed, "fbclid2"),
        (&listed, "key"),
    ] {
        for rule in [&query, &whole] {
            assert!(encode(rule, &[], &format!("{name}=x"), "", options).is_err(), "{name}");
        }
    }
}

#[test]
fn fields_of_the_request_come_before_parameters_of_the_transport() {
    let ignored = IgnoredParameters { system: true, names: vec!["note".into()], prefixes: Vec::new() };
    let options = EncodeOptions { ignored, ..EncodeOptions::default() };
    let named = rule("GET", "Named", &[], "");
    let (_, message) = encode(&named, &[], "key=k&alt=a&note=n&$key=x&fields.note=y", "", &options).unwrap();
    assert_eq!(message, json!({"key": "k", "alt": "a", "note": "n", "fields": {"note": "y"}}));
    assert!(encode(&named, &[], "fields=a", "", &options).is_err(), "it is a message of the request");
    let whole = rule("POST", "Named", &[], "*");
    assert!(encode(&whole, &[], "key=k", "", &options).is_err(), "the body is the place for it");
    assert!(encode(&whole, &[], "$key=k&prettyPrint=false", "", &options).is_ok());
}

#[test]
fn enums_as_numbers_are_asked_for_by_alt() {
    let ignored = IgnoredParameters { system: true, ..IgnoredParameters::default() };
    let options = EncodeOptions { ignored, ..EncodeOptions::default() };
    let rule = rule("GET", "OddNames", &[], "");
    for (query, asked) in [
        ("$alt=json;enum-encoding=int", true),
        ("%24alt=json%3Benum-encoding%3Dint", true),
        ("alt=json%3benum-encoding=int", true),
        ("$alt=json;%20enum-encoding=int", true),
        ("$alt=json", false),
        ("$alt=json;enum-encoding=string", false),
        ("$alt", false),
        ("$alt=%zz", false),
        ("$fields=json;enum-encoding=int", false),
        ("", false),
    ] {
        assert_eq!(encode(&rule, &[], query, "", &options).unwrap().0.enum_numbers, asked, "{query}");
    }
}

#[test]
fn an_any_of_unknown_type_is_opaque_where_asked() {
    let opaque = EncodeOptions { any: UnknownAny::Opaque, ..EncodeOptions::default() };
    let rule = rule("POST", "Anys", &[], "*");
    let unknown = json!({"@type": "types.containerd.io/runtime-spec/1/Spec", "value": "e30="});
    let known = json!({"@type": "type.googleapis.com/bind.Geo", "lat": 1});
    for body in [
        json!({"one": unknown}),
        json!({"list": [unknown, known, unknown]}),
        json!({"byName": {"a": unknown, "b": known}}),
        json!({"one": {"@type": "no-slash", "value": "AA=="}}),
        json!({"one": {"@type": "x/y", "value": ""}}),
        json!({"one": {"@type": "type.googleapis.com/bind.Anys", "one": unknown}}),
    ] {
        let (_, sent) = encode(&rule, &[], "", &body.to_string(), &opaque).unwrap();
        assert_eq!(sent, body, "it comes back as it was");
        let strict = encode(&rule, &[], "", &body.to_string(), &EncodeOptions::default()).unwrap_err();
        assert!(
            strict.violations.iter().all(|violation| violation.reason == Reason::UnknownType),
            "{strict}"
        );
    }
    for (body, sent) in [
        (r#"{"one":{"value":"e30","@type":"x/y"}}"#, json!({"one": {"@type": "x/y", "value": "e30="}})),
        (r#"{"one":{"@type":"x/y"}}"#, json!({"one": {"@type": "x/y", "value": ""}})),
        (r#"{"one":{"@type":"x/y","value":null}}"#, json!({"one": {"@type": "x/y", "value": ""}})),
        (r#"{"one":{}}"#, json!({"one": {}})),
    ] {
        assert_eq!(encode(&rule, &[], "", body, &opaque).unwrap().1, sent, "{body}");
    }
    for (body, field, reason) in [
        (r#"{"one":{"@type":"x/y","other":1}}"#, "one.other", Reason::UnknownType),
        (r#"{"one":{"@type":"x/y","value":{"a":1}}}"#, "one.value", Reason::Type),
        (r#"{"one":{"@type":"x/y","value":"!"}}"#, "one.value", Reason::Format),
        (r#"{"one":{"@type":"x/y","value":"","value":""}}"#, "one.value", Reason::Duplicate),
        (r#"{"one":{"@type":"x/y","@type":"x/y"}}"#, "one.@type", Reason::Duplicate),
        (r#"{"one":{"value":"e30="}}"#, "one", Reason::Type),
        (r#"{"one":{"@type":5}}"#, "one.@type", Reason::Type),
    ] {
        // What the schema does not know would be lost.
        for unknown in [Unknown::Reject, Unknown::Ignore] {
            let error =
                encode(&rule, &[], "", body, &EncodeOptions { unknown, ..opaque.clone() }).unwrap_err();
            let found: Vec<_> = error.violations.iter().map(|v| (v.field.as_str(), v.reason)).collect();
            assert_eq!(found, [(field, reason)], "{body}");
        }
    }
}

fn decode(name: &str, wire: &[u8], options: &DecodeOptions) -> Result<Value, String> {
    let mut json = Vec::new();
    message(name).decode(wire, options, &mut json).map_err(|error| error.to_string())?;
    Ok(serde_json::from_slice(&json).unwrap())
}

#[test]
fn an_opaque_any_is_printed_with_its_bytes() {
    let opaque = DecodeOptions { any: UnknownAny::Opaque, ..DecodeOptions::default() };
    let unknown = b"\x0a\x03x/y\x12\x02{}";
    let wire = [b"\x0a\x09", &unknown[..], b"\x12\x09", unknown, b"\x12\x00"].concat();
    let printed = json!({"@type": "x/y", "value": "e30="});
    assert_eq!(decode("Anys", &wire, &opaque), Ok(json!({"one": printed, "list": [printed, {}]})));
    assert!(decode("Anys", &wire, &DecodeOptions::default()).is_err());
    // In two pieces.
    let wire = b"\x0a\x05\x0a\x03x/y\x12\x00\x0a\x04\x12\x02{}";
    assert_eq!(decode("Anys", wire, &opaque), Ok(json!({"one": printed, "list": [{}]})));
    // A known type must hold what it says.
    let wire = b"\x0a\x14\x0a\x0ax/bind.Geo\x12\x06broken";
    assert!(decode("Anys", wire, &opaque).is_err());
}

#[test]
fn paths_without_a_camel_case_form_are_printed_where_asked() {
    let lenient = DecodeOptions { mask_paths: MaskPaths::ProtoNames, ..DecodeOptions::default() };
    let wire = |paths: &[&str]| {
        let mask: Vec<u8> =
            paths.iter().flat_map(|path| [&[0x0a, path.len() as u8], path.as_bytes()].concat()).collect();
        [&[0x22, mask.len() as u8], &mask[..]].concat()
    };
    for (paths, printed) in [
        (&["display_name_2"][..], "display_name_2"),
        (&["foo_bar", "line_1", "baz.qux_quux"], "fooBar,line_1,baz.quxQuux"),
        (&["a__b", "_"], "a__b,_"),
    ] {
        assert_eq!(decode("Anys", &wire(paths), &lenient), Ok(json!({"mask": printed})));
    }
    assert!(decode("Anys", &wire(&["line_1"]), &DecodeOptions::default()).is_err());
    for other in ["Upper", "aB", "a_B", "line_1,x", "with\"quote_", "größe_1", "a_ b"] {
        assert!(
            decode("Anys", &wire(&[other]), &lenient).is_err(),
            "{other} would be read as something else"
        );
    }
    assert!(decode("Anys", b"\x22\x03\x0a\x01\xff", &lenient).is_err(), "no UTF-8");
}

#[test]
fn violations_name_fields_as_answers_do() {
    let options = |names| EncodeOptions { names, ..EncodeOptions::default() };
    let update = rule("PATCH", "UpdateUser", &["user.id"], "user");
    let whole = rule("POST", "UpdateUser", &[], "*");
    let legacy = rule("POST", "LegacyUpdate", &[], "*");
    let contact = rule("POST", "FlatWithMessage", &["email"], "*");
    let query = rule("GET", "Search", &[], "");
    type Row<'r> = (&'r Rule, &'r [&'r str], &'r str, &'r str, [&'r str; 2]);
    let rows: &[Row<'_>] = &[
        (&update, &["5"], "", r#"{"phone_number":1}"#, ["phoneNumber: expected", "phone_number: expected"]),
        (&update, &["5"], "", r#"{"phoneNumber":1}"#, ["phoneNumber: expected", "phone_number: expected"]),
        (
            &update,
            &["5"],
            "",
            r#"{"phone_numbr":1}"#,
            ["did you mean `phoneNumber`", "did you mean `phone_number`"],
        ),
        (&whole, &[], "", r#"{"validateOnly":1}"#, ["validateOnly: expected", "validate_only: expected"]),
        (&legacy, &[], "", r#"{"[bind.extra]":1,"id":1}"#, ["[bind.extra]", "[bind.extra]"]),
        (&query, &[], "page_siz=1", "", ["did you mean `pageSize`", "did you mean `page_size`"]),
        (&query, &[], "filter=1", "", ["`filter.minPrice=", "`filter.min_price="]),
        (&contact, &["e"], "", r#"{"postal":{}}"#, ["beside `postal`", "beside `postal`"]),
    ];
    for (rule, path, query, body, [camel, proto]) in rows {
        for (names, part) in [(Names::Camel, camel), (Names::Proto, proto)] {
            let error = encode(rule, path, query, body, &options(names)).unwrap_err().to_string();
            assert!(error.contains(part), "{error:?} has no {part:?}");
        }
    }
    let warn = EncodeOptions { unknown: Unknown::Warn, ..options(Names::Proto) };
    let (encoded, _) = encode(&contact, &["e"], "", r#"{"expirationConfig":{"day":1}}"#, &warn).unwrap();
    assert_eq!(encoded.unknown, ["expiration_config.day"]);
}

#[test]
fn message_sets_go_both_ways() {
    let rule = rule("POST", "HasSet", &[], "*");
    let set = json!({"[bind.Second.second]": {"text": "t"}, "[bind.First.first]": {"i": 23}});
    for body in [
        json!({"set": set}),
        json!({"set": {}, "after": "x"}),
        json!({"sets": [set, {}, set], "byName": {"a": set}}),
        json!({"set": {"[bind.First.first]": {"more": set, "s": "x"}}}),
        json!({"any": {"@type": "type.googleapis.com/bind.Set", "[bind.First.first]": {"i": 1}}}),
        json!({"set": {"[bind.First.first]": {}}}),
    ] {
        let (_, sent) = encode(&rule, &[], "", &body.to_string(), &EncodeOptions::default()).unwrap();
        assert_eq!(sent, body);
    }
    // Items are groups on the wire: number 1, with the number of the extension and its message.
    let mut wire = Vec::new();
    message("Set")
        .encode(br#"{"[bind.Second.second]":{"text":"t"}}"#, &EncodeOptions::default(), &mut wire)
        .unwrap();
    assert_eq!(wire, b"\x0b\x10\x04\x1a\x04\xca\x01\x01t\x0c");
    let printed = json!({"[bind.Second.second]": {"text": "t"}});
    let options = DecodeOptions::default();
    for (wire, what) in [
        (&b"\x0b\x10\x04\x1a\x04\xca\x01\x01t\x0c"[..], "an item"),
        (b"\x0b\x1a\x04\xca\x01\x01t\x10\x04\x0c", "the message first"),
        (b"\x0b\x10\x04\x1a\x04\xca\x01\x01s\x0c\x0b\x10\x04\x1a\x04\xca\x01\x01t\x0c", "two items merge"),
        (b"\x22\x04\xca\x01\x01t", "an ordinary field"),
        (b"\x0b\x10\x04\x1a\x04\xca\x01\x01t\x0c\x0b\x10\x63\x1a\x01x\x0c\x0b\x10\x04\x0c\x08\x01\x0b\x1a\x00\x0c", "unknown and incomplete items"),
    ] {
        assert_eq!(decode("Set", wire, &options), Ok(printed.clone()), "{what}");
    }
    for wire in
        [&b"\x0b"[..], b"\x0b\x10\x04", b"\x0c", b"\x0b\x10\x04\x1a\x7f\x0c", b"\x0b\x10\x04\x1a\x01\x05\x0c"]
    {
        assert!(decode("Set", wire, &options).is_err(), "{wire:?}");
    }
    for (body, field) in [
        (r#"{"set":{"[bind.First.first]":{"i":"x"}}}"#, r#"set["[bind.First.first]"].i"#),
        (r#"{"set":{"[bind.First.first]":{},"[bind.First.first]":{}}}"#, r#"set["[bind.First.first]"]"#),
    ] {
        let error = encode(&rule, &[], "", body, &EncodeOptions::default()).unwrap_err();
        assert!(error.violations[0].field.contains("bind.First.first"), "{field} {error}");
    }
}
