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
    shown_with(path, &|_| None)
}

fn shown_with(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> String {
    let diagnostics = config::load(path, env).diagnostics;
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

/// Values that are masked in their line; `@` is the secret.
const VALUES: [&str; 5] = [
    "https://admin:@@shop.example",
    "https://:@@[::1]:1/a?b#c",
    "/users/{https://admin:@@shop.example}",
    "1s const:x://@@5",
    "-----BEGIN PRIVATE KEY-----\\n@\\n@\\n-----END PRIVATE KEY-----\\n",
];

/// Settings that take no such value; `%` is the value.
const SETTINGS: &[&str] = &[
    "listeners: [{address: %}]",
    "listeners: [{address: \"127.0.0.1:0\", tls: {certificate: %, key: %, client_ca: %}}]",
    "listeners: [{address: \"127.0.0.1:0\", proxy_protocol: %}]",
    "listeners: %",
    "trusted_proxies: [%]",
    "admin: {address: %}",
    "admin: %",
    "include: [%]",
    "include: [%/*.yaml]",
    "descriptors: [%]",
    "descriptors: [{reflection: %}]",
    "upstreams: {users: %}",
    "upstreams: {users: {address: [%]}}",
    "upstreams: {users: {address: \"a:1\", tls: {ca: %, certificate: %, key: %, server_name: %}}}",
    "upstreams: {users: {address: \"a:1\", tls: %, balance: %, timeout: %, retry: %, keepalive: %}}",
    "upstreams: {users: {address: \"a:1\", balance: {hash: %}, outlier_detection: {max_ejected: %}}}",
    "upstreams: {users: {address: \"a:1\", retry: {attempts: %, on: [%], backoff: {base: %}, budget: %}}}",
    "services: {shop.v1.UserService: %}",
    "services: {shop.v1.UserService: {upstream: %, annotations: %}}",
    "defaults: {timeout: %, auth: %, rate_limit: %}",
    "routes: [{get: %, grpc: shop.v1.UserService/GetUser}]",
    "routes: [{get: /a, grpc: %}]",
    "routes: [{custom: {kind: %, path: /a}, grpc: shop.v1.UserService/GetUser}]",
    "routes: [{post: /a, grpc: shop.v1.UserService/GetUser, body: %, response_body: %, status: %}]",
    "routes: [{get: /a, grpc: shop.v1.UserService/GetUser, host: %, stream: %, mirror: %}]",
    "routes: [{get: /a, grpc: shop.v1.UserService/GetUser, auth: {jwt: %, scopes: [%]}, upstream: %}]",
    "routes: [{get: /a, grpc: shop.v1.UserService/GetUser, upstream: {password: %}}]",
    "routes: [{get: /a, grpc: shop.v1.UserService/GetUser, set: {password: %}}]",
    "routes: [{get: /a, grpc: shop.v1.UserService/GetUser, set: {user_id: %}}]",
    "routes: [{get: /a, grpc: shop.v1.UserService/GetUser, rate_limit: {rate: %, burst: %, key: %}}]",
    "routes: [{get: /a, grpc: shop.v1.UserService/GetUser, rate_limit: {descriptor: {password: %}}}]",
    "routes: [{get: /a, grpc: shop.v1.UserService/GetUser, headers: {forward: [%], request: {remove: [%]}}}]",
    "routes: [{get: /a, grpc: shop.v1.UserService/GetUser, headers: {response: {set: {x-a: %}}}}]",
    "auth: {shop: {jwt: {secret: %, algorithms: [%], issuer: %, audience: %, leeway: %, forward: {a: %}}}}",
    "auth: {shop: {jwt: {key: %, algorithms: [RS256], audience: a}}}",
    "auth: {shop: {jwt: {jwks: %, algorithms: [RS256], audience: a}}}",
    "auth: {shop: {api_key: {header: %, file: %}}}",
    "auth: {shop: {external: {upstream: %, timeout: %, on_failure: %}}}",
    "rate_limit_service: {upstream: %, timeout: %, on_failure: %}",
    "cors: {origins: [%], methods: [%], headers: [%], max_age: %}",
    "compression: [%]",
    "json: {unset: %, names: %, enums: %, unknown: %}",
    "errors: %",
    "limits: {body: %, connections: %, header_timeout: %}",
    "explain: %",
    "health: %",
    "docs: %",
    "log: {level: %, format: %, access: %}",
    "tracing: {otlp: %, sample: %}",
    "drain: %",
];

/// Whatever a finding says of a setting, it quotes nothing that the line has stars for.
#[test]
fn what_is_masked_in_its_line_is_quoted_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("routes.yaml");
    let mut told = 0;
    for setting in SETTINGS {
        for value in VALUES {
            let value = format!("\"{}\"", value.replacen('@', SECRET, 1));
            let text = setting.replace('%', &value).replace("\"/*.yaml", "/*.yaml\"") + "\n";
            std::fs::write(&path, &text).unwrap();
            let shown = shown(&path);
            told += usize::from(shown.contains("***"));
            assert_hidden(&shown, &text);
        }
    }
    assert!(told > SETTINGS.len(), "findings are about other things than the values");
}

/// A variable's value is no secret by its place only: a password may be put where a duration belongs.
#[test]
fn what_secret_variables_hold_is_quoted_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("routes.yaml");
    let elsewhere = "auth: {shop: {jwt: {secret: \"${SHOP}\", algorithms: [HS256], audience: a}}}\n";
    let cases = [
        ("${JWT_SECRET}", SECRET, ""),
        ("${MY_KEY}", SECRET, ""),
        ("${DB_PASSWORD:-x}", SECRET, ""),
        ("${NONE:-${API_TOKEN}}", SECRET, ""),
        ("x://a:${PWD}@h", SECRET, ""),
        ("5${PASS}s", SECRET, ""),
        ("${URL}", "https://u:Zq7wXk9vTn3pRb5mJd8s@h", ""),
        ("${FILE}", "-----BEGIN PRIVATE KEY-----\nZq7wXk9vTn3pRb5mJd8s\n", ""),
        ("${SHOP}", SECRET, elsewhere),
    ];
    for setting in SETTINGS {
        for (reference, value, elsewhere) in cases {
            if !elsewhere.is_empty() && setting.starts_with("auth") {
                continue;
            }
            let text = format!("{}\n{elsewhere}", setting.replace('%', &format!("\"{reference}\"")));
            let text = text.replace("\"/*.yaml", "/*.yaml\"");
            std::fs::write(&path, &text).unwrap();
            let env = |name: &str| (name != "NONE").then(|| value.to_owned());
            assert_hidden(&shown_with(&path, &env), &text);
        }
    }
}

#[test]
fn what_other_variables_hold_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("routes.yaml");
    for name in ["TIMEOUT", "MONKEYS", "JWT_KEY_FILE"] {
        std::fs::write(&path, format!("drain: \"${{{name}}}\"\n")).unwrap();
        let shown = shown_with(&path, &|_| Some("soon-or-later".to_owned()));
        assert!(shown.contains("`soon-or-later` is not a duration"), "{shown}");
    }
}
