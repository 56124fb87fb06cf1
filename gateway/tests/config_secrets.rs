//! No secret is shown, whatever is wrong with the file that it stands in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;

use gateway::config;

/// A secret of which every piece of five letters is found nowhere else.
const SECRET: &str = "Zq7wXk9vTn3pRb5mJd8s";
const PIECE: usize = 5;

/// The ways in which a secret is written down; `@` is the secret.
const FILES: [&str; 9] = [
    "auth:\n  shop:\n    jwt:\n      secret: @\n      algorithms: [HS256]\nroutes: []\n",
    "auth:\n  shop:\n    jwt: {secret: \"@\", algorithms: [HS256]}\nroutes: []\n",
    "auth:\n  shop:\n    jwt:\n      secret: |\n        @\n        @\n      algorithms: [HS256]\n",
    "auth:\n  shop:\n    jwt:\n      secret: \"some\n        @\n        more\"\n      algorithms: [HS256]\n",
    "auth:\n  shop:\n    jwt: {secret: \"${NONE:-@}\", algorithms: [HS256]}\nroutes: []\n",
    "auth:\n  shop:\n    jwt:\n      algorithms: [HS256]\n      secret: # not in the repository\n        @\n",
    "auth:\n  shop:\n    jwt:\n      key: |\n        -----BEGIN PRIVATE KEY-----\n        @\n        -----END PRIVATE KEY-----\n",
    "auth:\n  shop:\n    api_key: {header: x-api-key, keys: {mobile: @}}\n",
    "{\n  \"auth\": {\n    \"shop\": {\"jwt\": {\"secret\": \"@\", \"algorithms\": [\"HS256\"]}}\n  }\n}\n",
];

/// Everything that anybody gets to see of a load.
fn shown(path: &Path) -> String {
    let diagnostics = config::load(path, &|_| None).diagnostics;
    [diagnostics.render(false), diagnostics.lines().join("\n"), diagnostics.to_json().to_string()].join("\n")
}

fn assert_hidden(shown: &str, text: &str) {
    let mut pieces = (0..=SECRET.len() - PIECE).map(|at| &SECRET[at..at + PIECE]);
    if let Some(piece) = pieces.find(|piece| shown.contains(*piece)) {
        panic!("`{piece}` is shown of\n{text}\n---\n{shown}");
    }
}

/// The text with one letter more, one less, and cut off, at the ends of every word.
fn mistakes(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let is_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    let ends = (0..=text.len()).filter(|at| {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        before == Some(&b'\n') || is_word(before) != is_word(bytes.get(*at))
    });
    for at in ends {
        let (before, after) = text.split_at(at);
        all.push(before.to_owned());
        all.push(format!("{before}{}", after.get(1..).unwrap_or("")));
        all.extend("{\":&#?\n".chars().map(|c| format!("{before}{c}{after}")));
    }
    all
}

#[test]
fn no_single_mistake_shows_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("routes.yaml");
    for file in FILES {
        for text in mistakes(&file.replace('@', SECRET)) {
            std::fs::write(&path, &text).unwrap();
            assert_hidden(&shown(&path), &text);
        }
    }
}

#[test]
fn a_file_of_api_keys_shows_none_whatever_is_wrong_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("routes.yaml");
    let routes = "auth: {partners: {api_key: {header: x-api-key, file: keys.yaml}}}\n";
    std::fs::write(&path, routes).unwrap();
    let files =
        ["mobile: @\n", "mobile: |\n  @\n", "{mobile: @}\n", "- @\n", "mobile:\n  key: \"@\"\n", "@\n"];
    for file in files {
        for text in mistakes(&file.replace('@', SECRET)) {
            std::fs::write(folder.path().join("keys.yaml"), &text).unwrap();
            assert_hidden(&shown(&path), &text);
        }
    }
}

#[test]
fn what_belongs_into_a_file_is_not_shown_where_its_name_belongs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("routes.yaml");
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n");
    let routes = "auth:\n  shop: {jwt: {key: \"${PEM}\", algorithms: [RS256], audience: a}}\n  \
        set: {jwt: {jwks: \"${PEM}\", algorithms: [RS256], audience: a}}\n  \
        keys: {api_key: {header: x-api-key, file: \"${PEM}\"}}\n\
        listeners: [{address: \"127.0.0.1:0\", tls: {certificate: \"${PEM}\", key: \"${PEM}\"}}]\n";
    std::fs::write(&path, routes).unwrap();
    let loaded = config::load(&path, &|_| Some(pem.clone()));
    let shown = loaded.diagnostics.render(false);
    assert_hidden(&shown, routes);
    assert!(shown.matches("expected the path of a file").count() >= 4, "{shown}");
}

#[test]
fn secrets_by_other_names_are_not_shown_either() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("routes.yaml");
    let files = [
        "routes:\n  - get: /a\n    headers: {request: {set: {authorization: Bearer @, x-a: 1}}, nope: 1}\n",
        "routes:\n  - get: /a\n    headers: {request: {set: {x-internal-token: @}}, nope: 1}\n",
        "auth: {shop: {jwt: {secret:@, algorithms: [HS256]}}}\n",
        "auth: {shop: @}\n",
        "auth: {shop: {hmac: @}}\n",
        "auth: {shop: {jwt: {jwks: {keys: [{kty: oct, k: @}]}}}}\n",
        "tracing: {otlp: \"https://u:@@collector:4317\", nope: 1}\n",
        "upstreams: {users: {address: \"https://u:p/@@users:1\", nope: 1}}\n",
    ];
    for file in files {
        let text = file.replacen('@', SECRET, 1);
        std::fs::write(&path, &text).unwrap();
        let shown = shown(&path);
        assert!(shown.contains("error"), "{shown}");
        assert_hidden(&shown, &text);
    }
}

#[test]
fn a_file_that_is_no_text_shows_none_of_its_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("routes.yaml");
    for file in FILES {
        let text = file.replace('@', &format!("{SECRET}\u{1}"));
        let bytes: Vec<u8> = text.bytes().map(|byte| if byte == 1 { 0xe9 } else { byte }).collect();
        std::fs::write(&path, &bytes).unwrap();
        let shown = shown(&path);
        assert!(shown.contains("not UTF-8"), "{shown}");
        assert_hidden(&shown, &text);
    }
}

#[test]
fn a_key_set_that_is_none_is_not_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("routes.yaml");
    let routes = "auth: {shop: {jwt: {jwks: keys.json, algorithms: [HS256], audience: a}}}\n";
    std::fs::write(&path, routes).unwrap();
    for text in ["\"@\"", "{\"keys\": \"@\"}", "{\"keys\": [@]}", "@"] {
        let text = text.replace('@', SECRET);
        std::fs::write(folder.path().join("keys.json"), &text).unwrap();
        assert_hidden(&shown(&path), &text);
    }
}
