//! What a query can say, and what it cannot.

use transcode::{Reason, Unknown};

use crate::support::{Request, Want, rule};

#[test]
fn parameters_fill_fields_of_every_kind() {
    let rule = rule("GET", "Search", &[], "");
    let rows = [
        ("", "{}"),
        ("&&", "{}"),
        ("text=a", r#"{"text":"a"}"#),
        ("pageSize=5", r#"{"pageSize":5}"#),
        ("page_size=5", r#"{"pageSize":5}"#),
        ("pageSize=0", "{}"),
        ("i64=9007199254740993", r#"{"i64":"9007199254740993"}"#),
        ("i64=-9223372036854775808", r#"{"i64":"-9223372036854775808"}"#),
        ("u64=18446744073709551615", r#"{"u64":"18446744073709551615"}"#),
        ("s32=-3", r#"{"s32":-3}"#),
        ("f64=7", r#"{"f64":"7"}"#),
        ("ratio=0.5&score=-1.5e3", r#"{"ratio":0.5,"score":-1500.0}"#),
        ("score=NaN", r#"{"score":"NaN"}"#),
        ("score=-Infinity", r#"{"score":"-Infinity"}"#),
        ("exact=true", r#"{"exact":true}"#),
        ("exact=false", "{}"),
        ("token=AQID_-8", r#"{"token":"AQID/+8="}"#),
        ("token=AQID%2F%2B8%3D", r#"{"token":"AQID/+8="}"#),
        ("token=AQID/-8=", r#"{"token":"AQID/+8="}"#),
        ("color=GREEN", r#"{"color":"GREEN"}"#),
        ("color=2", r#"{"color":"GREEN"}"#),
        ("color=7", r#"{"color":7}"#),
        ("note=", r#"{"note":""}"#),
        ("note", r#"{"note":""}"#),
        ("limit=0", r#"{"limit":0}"#),
        ("text", "{}"),
        ("title", r#"{"title":""}"#),
        ("x-custom=1", r#"{"x-custom":"1"}"#),
        ("custom=1", r#"{"x-custom":"1"}"#),
    ];
    for (query, json) in rows {
        rule.check(query, Request { query, ..Request::default() }, Want::Message(json));
    }
}

#[test]
fn well_known_types_are_given_as_their_json_text() {
    let rule = rule("GET", "Search", &[], "");
    let rows = [
        ("since=2025-12-30T10:00:00Z", r#"{"since":"2025-12-30T10:00:00Z"}"#),
        ("since=2025-12-30T12:00:00%2B02:00", r#"{"since":"2025-12-30T10:00:00Z"}"#),
        ("within=3.5s", r#"{"within":"3.500s"}"#),
        ("fields=text,pageSize", r#"{"fields":"text,pageSize"}"#),
        ("fields=filter.minPrice", r#"{"fields":"filter.minPrice"}"#),
        ("fields=", r#"{"fields":""}"#),
        ("atLeast=9007199254740993", r#"{"atLeast":"9007199254740993"}"#),
        ("at_least=0", r#"{"atLeast":"0"}"#),
        ("title=a+b&sold=false", r#"{"title":"a b","sold":false}"#),
    ];
    for (query, json) in rows {
        rule.check(query, Request { query, ..Request::default() }, Want::Message(json));
    }
}

#[test]
fn well_known_types_can_be_given_field_by_field_too() {
    let rule = rule("GET", "Search", &[], "");
    let rows = [
        ("since.seconds=1&since.nanos=5000000", r#"{"since":"1970-01-01T00:00:01.005Z"}"#),
        ("within.seconds=-2", r#"{"within":"-2s"}"#),
        ("fields.paths=text&fields.paths=page_size", r#"{"fields":"text,pageSize"}"#),
        ("atLeast.value=5", r#"{"atLeast":"5"}"#),
        ("title.value=&sold.value=true", r#"{"title":"","sold":true}"#),
    ];
    for (query, json) in rows {
        rule.check(query, Request { query, ..Request::default() }, Want::Message(json));
    }
    let twice = [
        ("since=2025-12-30T10:00:00Z&since.seconds=1", "since.seconds", "`since` of the query"),
        ("since.nanos=1&since=2025-12-30T10:00:00Z", "since", "`since.nanos` of the query"),
        ("fields.paths=text&fields=text", "fields", "`fields.paths` of the query"),
        ("atLeast=1&at_least.value=1", "at_least.value", "`atLeast` of the query"),
        ("since.seconds=1&since.seconds=2", "since.seconds", "as \"1\" and as \"2\""),
    ];
    for (query, field, part) in twice {
        let want = Want::Refused(&[(field, Reason::Conflict, part)]);
        rule.check(query, Request { query, ..Request::default() }, want);
    }
    let rule = super::support::rule("GET", "Search", &["since.seconds"], "");
    let request = Request { path: &["7"], query: "since.nanos=1000000", ..Request::default() };
    rule.check("the path", request, Want::Message(r#"{"since":"1970-01-01T00:00:07.001Z"}"#));
    let request = Request { query: "since=2025-12-30T10:00:00Z", ..request };
    let want = Want::Refused(&[("since", Reason::Conflict, "`since.seconds` of the path")]);
    rule.check("the path", request, want);
}

#[test]
fn maps_are_given_entry_by_entry() {
    let rule = rule("GET", "Search", &[], "");
    let rows = [
        ("labels[a]=x&labels[b]=y", r#"{"labels":{"a":"x","b":"y"}}"#),
        ("labels%5Ba%5D=x", r#"{"labels":{"a":"x"}}"#),
        ("labels[]=x&labels[a]=&labels[b]", r#"{"labels":{"":"x","a":"","b":""}}"#),
        ("labels[~!@$%25^*()%26]=x", r#"{"labels":{"~!@$%^*()&":"x"}}"#),
        ("labels[a.b]=x&labels[c[d]]=y", r#"{"labels":{"a.b":"x","c[d]":"y"}}"#),
        ("labels[a+b]=c+d", r#"{"labels":{"a b":"c d"}}"#),
        ("labels[a]=x&labels[a]=x", r#"{"labels":{"a":"x"}}"#),
        ("shades[-1]=RED&shades[7]=2", r#"{"shades":{"-1":"RED","7":"GREEN"}}"#),
        ("shades[1]=RED&shades[1.0]=1", r#"{"shades":{"1":"RED"}}"#),
        ("times[true]=2025-12-30T10:00:00Z", r#"{"times":{"true":"2025-12-30T10:00:00Z"}}"#),
        (
            "filter.inner.tags[a]=x&filter.tags[a]=y",
            r#"{"filter":{"inner":{"tags":{"a":"x"}},"tags":{"a":"y"}}}"#,
        ),
        ("byFilter.tags[a]=x", r#"{"byFilter":{"tags":{"a":"x"}}}"#),
    ];
    for (query, json) in rows {
        rule.check(query, Request { query, ..Request::default() }, Want::Message(json));
    }
    let refused = [
        ("labels[a]=x&labels[a]=y", "labels[a]", Reason::Conflict, "as \"x\" and as \"y\""),
        ("shades[1]=RED&shades[1.0]=2", "shades[1.0]", Reason::Conflict, "given twice"),
        ("shades[x]=RED", "shades[x]", Reason::Type, "the key: expected int32, got \"x\""),
        ("shades[]=RED", "shades[]", Reason::Type, "the key: expected int32, got \"\""),
        ("shades[1]=MAUVE", "shades[1]", Reason::UnknownEnum, "MAUVE"),
        ("shades[1]", "shades[1]", Reason::Type, "expected enum, got no value"),
        ("times[1]=2025-12-30T10:00:00Z", "times[1]", Reason::Type, "the key: expected true or false"),
        ("times[true]=today", "times[true]", Reason::Format, "expected a timestamp"),
        ("byField=a&byFilter.tags[a]=x", "byFilter.tags[a]", Reason::Conflict, "`byField` of the query"),
        ("byFilter.tags[a]=x&byField=a", "byField", Reason::Conflict, "`byFilter.tags[a]` of the query"),
    ];
    for (query, field, reason, part) in refused {
        let want = Want::Refused(&[(field, reason, part)]);
        rule.check(query, Request { query, ..Request::default() }, want);
    }
    let warned =
        Request { query: "shades[1]=MAUVE&shades[2]=RED", unknown: Unknown::Warn, ..Request::default() };
    rule.check("warned", warned, Want::Warned(r#"{"shades":{"2":"RED"}}"#, &["shades[1]"]));
    let rule = super::support::rule("POST", "Bodies", &[], "counts");
    let request = Request { query: "counts[a]=1", body: r#"{"a":1}"#, ..Request::default() };
    let want = Want::Refused(&[("counts[a]", Reason::UnknownParameter, "given in the body")]);
    rule.check("a map that is the body", request, want);
}

#[test]
fn repeated_fields_repeat_the_parameter_in_order() {
    let rule = rule("GET", "Search", &[], "");
    let rows = [
        ("ids=3&ids=1&ids=3", r#"{"ids":[3,1,3]}"#),
        ("tags=a,b&text=x&tags=", r#"{"tags":["a,b",""],"text":"x"}"#),
        ("tags", r#"{"tags":[""]}"#),
        ("colors=RED&colors=2", r#"{"colors":["RED","GREEN"]}"#),
        (
            "days=2025-01-01T00:00:00Z&days=2025-01-02T00:00:00Z",
            r#"{"days":["2025-01-01T00:00:00Z","2025-01-02T00:00:00Z"]}"#,
        ),
        ("filter.brands=x&filter.brands=y", r#"{"filter":{"brands":["x","y"]}}"#),
    ];
    for (query, json) in rows {
        rule.check(query, Request { query, ..Request::default() }, Want::Message(json));
    }
}

/// As annotations that were written for grpc-gateway expect: IBC's `{packet_commitment_sequences}`.
#[test]
fn commas_separate_the_elements_of_a_list_in_the_path() {
    let ids = rule("GET", "Search", &["ids"], "");
    let nested = rule("GET", "Search", &["filter.brands", "text"], "");
    let colors = rule("GET", "Search", &["colors"], "");
    let rows: &[(&_, &[&str], _, _)] = &[
        (&ids, &["1,2,3"], "", r#"{"ids":[1,2,3]}"#),
        (&ids, &["7"], "", r#"{"ids":[7]}"#),
        (&ids, &[""], "", r"{}"),
        (&ids, &["3,1,3"], "text=x", r#"{"ids":[3,1,3],"text":"x"}"#),
        (&nested, &["a,b c,,", "x,y"], "", r#"{"filter":{"brands":["a","b c","",""]},"text":"x,y"}"#),
        (
            &nested,
            &["a", "x"],
            "filter.minPrice=1",
            r#"{"filter":{"brands":["a"],"minPrice":"1"},"text":"x"}"#,
        ),
        (&colors, &["RED,2"], "", r#"{"colors":["RED","GREEN"]}"#),
    ];
    for (rule, path, query, json) in rows {
        rule.check(path[0], Request { path, query, ..Request::default() }, Want::Message(json));
    }
    for text in ["1,x", "1,,2", "1,2,", ",", "1;2", "1, 2"] {
        let want = Want::Refused(&[("ids", Reason::Type, "")]);
        ids.check(text, Request { path: &[text], ..Request::default() }, want);
    }
    let unknown = Want::Refused(&[("colors", Reason::UnknownEnum, "")]);
    colors.check("an unknown name", Request { path: &["RED,MAUVE"], ..Request::default() }, unknown);
}

#[test]
fn a_list_of_the_path_is_given_by_nothing_else() {
    let ids = rule("POST", "Search", &["ids"], "");
    let twice = Want::Refused(&[("ids", Reason::Conflict, "the path gives the whole list")]);
    ids.check("query", Request { path: &["1"], query: "ids=1", ..Request::default() }, twice);
    let ids = rule("POST", "Search", &["ids"], "*");
    for body in [r#"{"ids":[1]}"#, r#"{"ids":[2,3]}"#] {
        let twice = Want::Refused(&[("ids", Reason::Conflict, "the body has it, too")]);
        ids.check(body, Request { path: &["1"], body, ..Request::default() }, twice);
    }
    for body in [r#"{"ids":[]}"#, r#"{"ids":null}"#, "{}"] {
        ids.check(
            body,
            Request { path: &["1"], body, ..Request::default() },
            Want::Message(r#"{"ids":[1]}"#),
        );
    }
}

#[test]
fn nested_fields_are_named_by_paths_of_either_name() {
    let rule = rule("GET", "Search", &[], "");
    let rows = [
        ("filter.minPrice=3", r#"{"filter":{"minPrice":"3"}}"#),
        ("filter.min_price=3", r#"{"filter":{"minPrice":"3"}}"#),
        ("filter%2EminPrice=3", r#"{"filter":{"minPrice":"3"}}"#),
        ("filter.inner.inner.a=x", r#"{"filter":{"inner":{"inner":{"a":"x"}}}}"#),
        (
            "filter.minPrice=3&filter.inner.a=x&filter.brands=y",
            r#"{"filter":{"minPrice":"3","inner":{"a":"x"},"brands":["y"]}}"#,
        ),
        ("byFilter.a=x&byFilter.minPrice=1", r#"{"byFilter":{"a":"x","minPrice":"1"}}"#),
    ];
    for (query, json) in rows {
        rule.check(query, Request { query, ..Request::default() }, Want::Message(json));
    }
    let legacy = super::support::rule("GET", "Legacy", &["id"], "");
    let request = Request { path: &["1"], query: "part.name=x&part.size=2", ..Request::default() };
    legacy.check("groups", request, Want::Message(r#"{"id":"1","part":{"name":"x","size":2}}"#));
}

#[test]
fn escapes_are_decoded_and_bad_ones_refused() {
    let rule = rule("GET", "Search", &[], "");
    let rows = [
        ("text=%24%25%2F%20%0A", r#"{"text":"$%/ \n"}"#),
        ("text=Hello+world&note=%2B+%20", r#"{"text":"Hello world","note":"+  "}"#),
        ("te%78t=a", r#"{"text":"a"}"#),
        ("text=a=b", r#"{"text":"a=b"}"#),
        ("text=%26%3D", r#"{"text":"&="}"#),
        ("text=a;note=b", r#"{"text":"a;note=b"}"#),
        ("text=%E2%82%AC", r#"{"text":"€"}"#),
    ];
    for (query, json) in rows {
        rule.check(query, Request { query, ..Request::default() }, Want::Message(json));
    }
    let refused = [
        ("text=%zz", "text", "malformed percent escape"),
        ("text=%", "text", "malformed percent escape"),
        ("text=%e2%82", "text", "not valid UTF-8"),
        ("text=%ff", "text", "not valid UTF-8"),
        ("te%xt=a", "te%xt", "malformed percent escape"),
    ];
    for (query, field, part) in refused {
        rule.check(
            query,
            Request { query, ..Request::default() },
            Want::Refused(&[(field, Reason::Format, part)]),
        );
    }
}

#[test]
fn values_that_do_not_fit_are_refused_all_at_once() {
    let rule = rule("GET", "Search", &[], "");
    type Violations = &'static [(&'static str, Reason, &'static str)];
    let rows: &[(&str, Violations)] = &[
        ("pageSize=abc", &[("pageSize", Reason::Type, "expected int32, got \"abc\"")]),
        ("page_size=1.5", &[("page_size", Reason::Type, "int32")]),
        ("pageSize=", &[("pageSize", Reason::Type, "expected int32, got \"\"")]),
        ("pageSize=2147483648", &[("pageSize", Reason::Range, "int32")]),
        ("u64=-1", &[("u64", Reason::Range, "uint64")]),
        ("exact=1", &[("exact", Reason::Type, "expected true or false, got \"1\"")]),
        ("exact=yes", &[("exact", Reason::Type, "true or false")]),
        ("exact", &[("exact", Reason::Type, "got no value")]),
        ("pageSize", &[("pageSize", Reason::Type, "expected int32, got no value")]),
        ("since", &[("since", Reason::Type, "expected a timestamp, got no value")]),
        ("within", &[("within", Reason::Type, "expected a duration, got no value")]),
        ("fields", &[("fields", Reason::Type, "expected a field mask, got no value")]),
        ("nothing=1", &[("nothing", Reason::UnknownParameter, "is a message without fields")]),
        ("color=BLUE", &[("color", Reason::UnknownEnum, "BLUE")]),
        ("since=yesterday", &[("since", Reason::Format, "yesterday")]),
        ("within=1h", &[("within", Reason::Format, "1h")]),
        ("token=!", &[("token", Reason::Format, "base64")]),
        ("sold=maybe", &[("sold", Reason::Type, "true or false")]),
        (
            "pageSize=a&exact=b&filter.minPrice=c&nope=1",
            &[
                ("pageSize", Reason::Type, "int32"),
                ("exact", Reason::Type, "true or false"),
                ("filter.minPrice", Reason::Type, "int64"),
                ("nope", Reason::UnknownParameter, "no such query parameter"),
            ],
        ),
    ];
    for (query, violations) in rows {
        rule.check(query, Request { query, ..Request::default() }, Want::Refused(violations));
    }
}

#[test]
fn times_that_are_given_by_their_parts_mean_a_time() {
    let rule = rule("GET", "Search", &[], "");
    for query in [
        "since.nanos=-1",
        "since.nanos=1000000000",
        "since.seconds=253402300800",
        "since.seconds=-62135596801",
        "within.nanos=1000000000",
        "within.seconds=315576000001",
    ] {
        let name = query.split('=').next().unwrap();
        let refused = &[(name, Reason::Range, "makes a time out of range")];
        rule.check(query, Request { query, ..Request::default() }, Want::Refused(refused));
    }
    let both = "within.seconds=1&within.nanos=-1";
    let refused: &[_] = &[
        ("within.seconds", Reason::Range, "both of one sign"),
        ("within.nanos", Reason::Range, "both of one sign"),
    ];
    rule.check(both, Request { query: both, ..Request::default() }, Want::Refused(refused));
    for (query, json) in [
        ("since.seconds=253402300799&since.nanos=999999999", r#"{"since":"9999-12-31T23:59:59.999999999Z"}"#),
        ("within.seconds=-1&within.nanos=-1", r#"{"within":"-1.000000001s"}"#),
    ] {
        rule.check(query, Request { query, ..Request::default() }, Want::Message(json));
    }
}

#[test]
fn names_with_points_in_them_are_found() {
    let rule = rule("GET", "Search", &[], "");
    for (query, json) in [
        ("a.b=x", r#"{"a.b":"x"}"#),
        ("dotted=x", r#"{"a.b":"x"}"#),
        ("@odd.name.x.minPrice=1", r#"{"@odd.name.x":{"minPrice":"1"}}"#),
        ("@odd.name.x.inner.a=1", r#"{"@odd.name.x":{"inner":{"a":"1"}}}"#),
        ("pointed.min_price=1", r#"{"@odd.name.x":{"minPrice":"1"}}"#),
    ] {
        rule.check(query, Request { query, ..Request::default() }, Want::Message(json));
    }
    for (query, part) in [("a.c=x", "no such query parameter"), ("@odd.name=x", "no such query parameter")] {
        let name = query.split('=').next().unwrap();
        let refused = &[(name, Reason::UnknownParameter, part)];
        rule.check(query, Request { query, ..Request::default() }, Want::Refused(refused));
    }
}

#[test]
fn names_that_mean_nothing_are_unknown() {
    let rule = rule("GET", "Search", &[], "");
    let rows = [
        ("nope=1", "nope", "no such query parameter"),
        ("pagesize=1", "pagesize", "did you mean `pageSize`?"),
        ("filter.minPrize=1", "filter.minPrize", "did you mean `filter.minPrice`?"),
        ("=1", "", "no such query parameter"),
        ("text.=1", "text.", "no such query parameter"),
        ("filter.=1", "filter.", "no such query parameter"),
        (".text=1", ".text", "no such query parameter"),
        ("filter..a=1", "filter..a", "no such query parameter"),
        ("text.x=1", "text.x", "no such query parameter"),
        ("since.second=1", "since.second", "did you mean `since.seconds`?"),
        ("days.seconds=1", "days.seconds", "no such query parameter"),
        ("filter=1", "filter", "is a message"),
        ("filter", "filter", "is a message"),
        ("nothing=", "nothing", "is a message"),
        ("labels=1", "labels", "is a map"),
        ("labels.a=1", "labels.a", "is a map"),
        ("labels=1", "labels", "as `labels[key]=…`"),
        ("label[a]=1", "label[a]", "did you mean `labels[a]`?"),
        ("labels[a]x=1", "labels[a]x", "no such query parameter"),
        ("labels[a].b=1", "labels[a].b", "no such query parameter"),
        ("labels.[a]=1", "labels.[a]", "`labels` is a map"),
        ("[a]=1", "[a]", "no such query parameter"),
        ("text[a]=1", "text[a]", "`text` is no map"),
        ("ids[]=1", "ids[]", "is a list; repeat the parameter, as `ids=…&ids=…`"),
        ("filter[a]=1", "filter[a]", "`filter` is no map"),
        ("named[a]=1", "named[a]", "is a map of messages"),
        ("named[a].a=1", "named[a].a", "no such query parameter"),
        ("filters=1", "filters", "is a list of messages"),
        ("filters.a=1", "filters.a", "is a list of messages"),
        ("extra=1", "extra", "is a value of any shape"),
        ("extra.a=1", "extra.a", "is a value of any shape"),
        ("value=1", "value", "is a value of any shape"),
        ("any.a=1", "any.a", "is a value of any shape"),
    ];
    for (query, field, part) in rows {
        let request = Request { query, ..Request::default() };
        rule.check(query, request, Want::Refused(&[(field, Reason::UnknownParameter, part)]));
        let ignored = Request { unknown: Unknown::Ignore, ..request };
        rule.check(query, ignored, Want::Message("{}"));
        let warned = Request { unknown: Unknown::Warn, ..request };
        rule.check(query, warned, Want::Warned("{}", &[field]));
    }
    let deep = format!("filter.{}a", "inner.".repeat(32));
    let query = format!("{deep}=1");
    let request = Request { query: &query, ..Request::default() };
    rule.check("recursion", request, Want::Refused(&[(&deep, Reason::UnknownParameter, "deeper than")]));
}

#[test]
fn unknown_enum_names_follow_the_option_in_the_query_alone() {
    let rule = rule("GET", "Search", &["color"], "");
    let request = Request { path: &["RED"], query: "colors=RED&colors=MAUVE", ..Request::default() };
    rule.check("reject", request, Want::Refused(&[("colors", Reason::UnknownEnum, "MAUVE")]));
    let warned = Request { unknown: Unknown::Warn, ..request };
    rule.check("warn", warned, Want::Warned(r#"{"color":"RED","colors":["RED"]}"#, &["colors"]));
    let path = Request { path: &["MAUVE"], unknown: Unknown::Ignore, ..Request::default() };
    rule.check("path", path, Want::Refused(&[("color", Reason::UnknownEnum, "MAUVE")]));
}

#[test]
fn a_query_has_a_bounded_number_of_parameters() {
    let rule = rule("GET", "Search", &[], "");
    let most = "ids=1&".repeat(1000);
    let list = format!(r#"{{"ids":[{}1]}}"#, "1,".repeat(999));
    rule.check("1000", Request { query: &most, ..Request::default() }, Want::Message(&list));
    let more = "ids=1&".repeat(1001);
    let want = Want::Refused(&[("", Reason::Size, "more than 1000 parameters")]);
    rule.check("1001", Request { query: &more, ..Request::default() }, want);
}
