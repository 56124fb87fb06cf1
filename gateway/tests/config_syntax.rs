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
