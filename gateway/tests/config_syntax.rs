//! Texts that are no YAML, or hold a tag: where the mistake is told to be, and that nothing innocent is told of. The whole of what is
//! said stands in `tests/config`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use gateway::config;

/// What is wrong with the YAML of a text, as `LINE:COLUMN message`.
fn told(text: &str) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("routes.yaml");
    std::fs::write(&file, text).unwrap();
    let json = config::load(&file, &|_| None).diagnostics.to_json();
    let mut findings = json["findings"].as_array().unwrap().iter();
    let finding = findings.find(|finding| finding["code"] == "yaml-syntax")?;
    let message = finding["message"].as_str().unwrap().trim_start_matches("not valid YAML: ");
    Some(format!("{}:{} {message}", finding["line"], finding["column"]))
}

#[test]
fn a_comment_that_names_a_tag_is_no_tag() {
    for text in [
        "# never use !!binary\ndocs: /docs\n",
        "upstreams:\n  # never !!binary\n  users: {address: localhost:50051}\n",
        "docs: # never !!binary\n  /docs\n",
        "routes:\n  # never !custom-binary\n  - get: /a\n    grpc: a.B/C\n",
        "docs: \"!!binary\"\nhealth: /h\n",
        "docs: |\n  !!binary\nhealth: /h\n",
        "docs: !!str /docs\n",
    ] {
        assert_eq!(told(text), None, "{text}");
    }
}

#[test]
fn a_tag_is_refused_where_it_stands() {
    for (text, place, tag) in [
        ("docs: !!binary L2RvY3M=\n", "1:7", "!!binary"),
        ("docs: !!binary \"L2RvY3M=\"\n", "1:7", "!!binary"),
        ("docs: !!binary |\n  L2RvY3M=\n", "1:7", "!!binary"),
        ("docs: !!binary >-\n  L2RvY3M=\n", "1:7", "!!binary"),
        ("docs: !!binary # c\n  L2RvY3M=\n", "1:7", "!!binary"),
        ("docs: !!binary\r\n  # !!c\r\n\r\n  L2RvY3M=\r\n", "1:7", "!!binary"),
        ("docs: &a !!binary L2RvY3M=\n", "1:10", "!!binary"),
        ("docs: !!binary &a L2RvY3M=\n", "1:7", "!!binary"),
        ("docs: !!binary\n", "1:7", "!!binary"),
        ("docs: !!binary no base64\n", "1:7", "!!binary"),
        ("docs: !binary L2RvY3M=\n", "1:7", "!binary"),
        ("docs: !<tag:yaml.org,2002:binary> L2RvY3M=\n", "1:7", "!<tag:yaml.org,2002:binary>"),
        ("%TAG !e! tag:yaml.org,2002:bin\n---\ndocs: !e!ary L2RvY3M=\n", "3:7", "!e!ary"),
        ("compression: [!!binary Z3ppcA==]\n", "1:15", "!!binary"),
        ("compression: [br,!!binary Z3ppcA==]\n", "1:18", "!!binary"),
        ("!!binary ZG9jcw==: /docs\n", "1:1", "!!binary"),
        ("log: &a !!binary L2RvY3M=\ndocs: *a\n", "1:9", "!!binary"),
        ("upstreams: !foo\n  # c\n\n  users: {address: x:1}\n", "1:12", "!foo"),
        ("upstreams: !foo &a # c\n  users: {address: x:1}\n", "1:12", "!foo"),
        ("routes: !foo\n  - get: /a\n", "1:9", "!foo"),
        ("services: !!omap\n  a: b\n", "1:11", "!!omap"),
        ("docs: !foo |\n  /docs\n", "1:7", "!foo"),
        ("!foo\ndocs: /docs\n", "1:1", "!foo"),
    ] {
        let expected = format!("{place} the tag `{tag}` means nothing here");
        assert_eq!(told(text), Some(expected), "{text}");
    }
}

/// In all of these it is the second colon of the last line, and the lines above are good.
#[test]
fn nothing_is_told_of_the_line_above_a_second_colon() {
    for text in [
        "descriptors:\n  - proto\n  - reflection: users: x\n",
        "origins:\n  - https://a.example\n  - b: c: d\n",
        "address:\n  - a:1\n  - b:2\n  - c: d: e\n",
        "address:\n  - a:1\n  - b:2: c: d\n",
        "cors: {\n  origins: [https://a]\n}\ndocs: a: b\n",
        "cors: {\r\n  origins: [https://a]\r\n}\r\ndocs: a: b\r\n",
        "compression: [\n  gzip\n]\ndocs: a: b\n",
        "---\ndocs: a: b\n",
        "docs: \"one\ntwo\"\nlog: a: b\n",
        "docs:\t/docs\nlog: a: b\n",
        "a: &x b\nc:\n  - *x\n  - e: f: g\n",
        "routes:\n  - &r\n    get: a: b\n",
        "? a\n: b: c: d\n",
        "users: &u\n    address: localhost: 50051\n",
        "users: !!map\n    address: localhost: 50051\n",
        "docs: über: b\n",
    ] {
        let (number, last) = text.lines().zip(1..).map(|(line, number)| (number, line)).last().unwrap();
        let colon = last.rfind(": ").map(|at| last[..at].chars().count() + 1).unwrap();
        let expected = format!("{number}:{colon} mapping values are not allowed in this context");
        assert_eq!(told(text), Some(expected), "{text}");
    }
}

#[test]
fn what_is_no_key_is_told_where_it_stands() {
    const BARE: &str = "neither a key nor its value";
    const TIGHT: &str = "a key without a space behind its colon";
    const DASH: &str = "a `-` without a space behind it";
    const QUOTE: &str = "something behind a closing quote";
    for (text, place, message) in [
        ("limits\n  body: 1MiB\n", "1:1", BARE),
        ("limits:1\n  body: 1MiB\n", "1:1", TIGHT),
        ("docs /docs\nroutes:\n", "1:1", BARE),
        ("health: /h\ndocs /docs\nroutes:\n", "2:1", BARE),
        ("health: /h\ndocs:/docs\nroutes:\n", "2:1", TIGHT),
        ("include:\n  - a.yaml\n-b.yaml\n", "3:1", DASH),
        ("include:\n  - a.yaml\n  -b.yaml\n", "3:3", DASH),
        ("\"docs\" /docs\nhealth: /h\n", "1:8", QUOTE),
        ("docs: '/docs' x\n", "1:15", QUOTE),
        ("status: !!int x\n", "1:15", "the value is not of the type that its tag names"),
        ("routes:\n  - {get: /a\n", "2:5", "unclosed bracket '{'"),
        ("compression: [gzip]]\n", "1:20", "a bracket closed that is not open"),
    ] {
        assert_eq!(told(text), Some(format!("{place} {message}")), "{text}");
    }
}
