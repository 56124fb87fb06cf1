//! A value that `check` takes is one that an editor takes by the schema, and the other way round, spelling by spelling, but for the
//! other notations that YAML has for numbers.
//!
//! Spellings are YAML, quotes included: what a YAML reader makes a number of is a number to the schema.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;

use gateway::config;
use serde_json::Value;

/// A file that has nothing wrong with it, with a line for the value.
const FILE: &str = "\
descriptors: [SHOP]
upstreams:
  users: {address: localhost:50051}
services:
  shop.v1.UserService: users
routes:
  - get: /users/{user_id}
    grpc: shop.v1.UserService/GetUser
";

/// Lines that end in a value: after [`FILE`], indented as what they continue.
const DRAIN: &str = "drain: ";
const TIMEOUT: &str = "    timeout: ";
const BODY: &str = "limits:\n  body: ";
const SAMPLE: &str = "tracing:\n  otlp: http://localhost:4317\n  sample: ";
const RATE: &str = "    rate_limit:\n      rate: ";
const KEY: &str = "    rate_limit:\n      rate: 1/s\n      key: ";
const BURST: &str = "    rate_limit:\n      rate: 1/s\n      burst: ";
const CONNECTIONS: &str = "limits:\n  connections: ";
const STATUS: &str = "    status: ";
const IDEMPOTENT: &str = "    idempotent: ";
const UNKNOWN: &str = "    unknown: ";
const COMPRESSION: &str = "compression: ";
const ERRORS: &str = "errors: ";
const LEVEL: &str = "log:\n  level: ";
const CODES: &str = "  next:\n    address: localhost:1\n    retry:\n      on: ";
const BREAKER: &str = "  next:\n    address: localhost:1\n    circuit_breaker:\n      max_retries: ";
const BALANCE: &str = "  next:\n    address: localhost:1\n    balance: ";
const ADDRESS: &str = "  next:\n    address: ";
const ALGORITHMS: &str =
    "auth:\n  a:\n    jwt:\n      secret: ${SECRET}\n      audience: a\n      algorithms: ";
const AUDIENCE: &str =
    "auth:\n  a:\n    jwt:\n      secret: ${SECRET}\n      algorithms: [HS256]\n      audience: ";
const LEEWAY: &str = "auth:\n  a:\n    jwt:\n      secret: ${SECRET}\n      algorithms: [HS256]\n      audience: a\n      leeway: ";
const PROXIES: &str = "trusted_proxies: ";
const HOST: &str = "    host: ";
const HEALTH: &str = "health: ";

/// Both take these.
const TAKEN: &[(&str, &[&str])] = &[
    (
        DRAIN,
        &[
            "3s", "0", "\"0\"", "0s", "1m30s", "1.5h", ".5s", "1d", "10us", "10µs", "5ns", "\" 3s \"",
            "\" 0\"", "$TEN", "!!str 3s", "!!int 0", "! 3s",
        ],
    ),
    (LEEWAY, &["0", "5s", "0s", "\"0\""]),
    (TIMEOUT, &["3s", "250ms", "1.s", "\" 3s \"", "0.5s", "0m1s", "$TEN"]),
    (
        BODY,
        &[
            "1",
            "512",
            "\"512\"",
            "512B",
            "64KiB",
            "4 MiB",
            "1GiB",
            "10kB",
            "10KB",
            "10MB",
            "1GB",
            "007B",
            "\" 1MiB \"",
        ],
    ),
    (SAMPLE, &["0%", "20%", "100%", "5 %", "007%", "0100%", "\" 5% \""]),
    (RATE, &["1/s", "600/min", "5/h", "9/day", "600 / min", "007/s", "\" 1/s \""]),
    (RATE, &["100/m", "100/sec", "100/second", "100/minute", "1/hour", "1/d"]),
    (KEY, &["ip", "route", "header:x-tenant"]),
    (BURST, &["1", "\"1\"", "4294967295"]),
    (CONNECTIONS, &["!!int \"5\"", "!!str 5", "!!int 5", "1", "\"10\"", "4294967295"]),
    (BREAKER, &["0", "\"0\"", "7"]),
    (STATUS, &["200", "299", "\"201\""]),
    (IDEMPOTENT, &["!!bool \"true\"", "true", "FALSE", "True", "\"true\"", "'False'"]),
    (UNKNOWN, &["reject", "warn", "\"ignore\""]),
    (COMPRESSION, &["gzip", "[gzip, br, zstd]", "[]"]),
    (ERRORS, &["simple", "google", "problem"]),
    (LEVEL, &["error", "warn", "info", "debug", "trace"]),
    (CODES, &["UNAVAILABLE", "[CANCELLED, DATA_LOSS, UNAUTHENTICATED, UNKNOWN]", "[]"]),
    (BALANCE, &["round_robin", "least_request", "random", "{hash: header:x-user}"]),
    (
        ADDRESS,
        &["localhost:1", "[localhost:1, \"[::1]:2\"]", "http://localhost:1", "dns:///localhost:1", "unix:/a"],
    ),
    (ALGORITHMS, &["HS256", "[HS256]", "[HS256, HS384]"]),
    (AUDIENCE, &["shop", "[shop, 12]", "12345", "true", "1.5"]),
    (PROXIES, &["10.0.0.0/8", "[10.0.0.1, \"::1/128\"]", "[]"]),
    (HOST, &["api.example", "[api.example, \"*.example\"]"]),
    (HEALTH, &["/health", "\"\"", "", "~", "{}", "{degraded: 200}", "{path: /h, degraded: \"503\"}"]),
];

/// Both refuse these.
const REFUSED: &[(&str, &[&str])] = &[
    (DRAIN, &["3", "3 s", "3sec", "-3s", "1e3s", "3S", "", "soon", "\"\"", "[3s]", "1..5s", ".s", "+3s"]),
    (LEEWAY, &["1", "-1s"]),
    (TIMEOUT, &["0", "0s", "0m0s", "3", "\"3\"", "3 seconds", "3sec", "1w", "-1s", "~", "true"]),
    (BODY, &["0", "0B", "0MiB", "4M", "4mb", "4mib", "1.5MiB", "-1", "\"\"", "MiB", "1TiB"]),
    (SAMPLE, &["20", "101%", "-1%", "+1%", "1.5%", "0.2", "\"%\"", "a%", "\"\""]),
    (
        RATE,
        &["0/s", "100", "100/secs", "100/M", "1/hours", "1.5/s", "-1/s", "+1/s", "/s", "100 per s", "1/S"],
    ),
    (KEY, &["host", "const:x", "\"header:\"", "\"jwt:\"", "\"ip \"", "IP"]),
    (BURST, &["0", "\"0\"", "-1", "1.5", "\"+3\"", "many", "4294967296", "~", "true"]),
    (CONNECTIONS, &["0", "\"\"", "ten"]),
    (BREAKER, &["-1", "\"-1\"", "none"]),
    (STATUS, &["199", "300", "404", "\"404\"", "ok", "\"2000\""]),
    (IDEMPOTENT, &["yes", "no", "1", "\"\"", "tRUE", "~", "on"]),
    (UNKNOWN, &["Reject", "drop", "1", "~"]),
    (COMPRESSION, &["GZIP", "[deflate]", "~", "true"]),
    (ERRORS, &["Simple", "rfc9457", "~"]),
    (LEVEL, &["warning", "INFO", "off"]),
    (CODES, &["unavailable", "[OK]", "14", "[Unavailable]", "[DEADLINE]", "~"]),
    (BALANCE, &["roundrobin", "{hash: x-user}", "{}", "~", "hash"]),
    (ADDRESS, &["\"\"", "~", "{}", "\" \""]),
    (ALGORITHMS, &["hs256", "none", "[HS256, RS1]", "HS-256"]),
    (AUDIENCE, &["\"\"", "[\"\"]", "{}", "[[shop]]"]),
    (PROXIES, &["\"\"", "~", "{}"]),
    (HOST, &["\"\"", "~", "{}"]),
    (HEALTH, &["[]", "{degraded: 99}"]),
];

/// A YAML reader makes whole numbers of these, so that a schema can't tell them from their digits. `check` takes digits only.
const OTHER_NUMBERS: &[(&str, &[&str])] = &[
    (CONNECTIONS, &["0x10", "0o17", "1e3", "100.0", "+5"]),
    (BURST, &["0x10", "1e3", "007"]),
    (BODY, &["0x10", "1e3"]),
    (STATUS, &["0xC9", "201.0", "\"0201\""]),
];

fn environment(name: &str) -> Option<String> {
    (name == "SECRET").then(|| "correct horse battery staple, and so on".to_owned())
}

/// The file with one more value, where it belongs, and the number of the value's line.
fn file(at: &str, spelling: &str) -> (String, u64) {
    let shop = Path::new("tests/config/files/shop").canonicalize().unwrap();
    let file = FILE.replace("SHOP", &shop.display().to_string());
    let spelling = spelling.replace("$TEN", "${TEN:-10s}");
    let value = format!("{at}{spelling}\n");
    let text = match at.starts_with("  next:") {
        true => file.replace("services:\n", &format!("{value}services:\n")),
        false => file + &value,
    };
    let before = text.find(&value).unwrap() + at.len();
    let line = text[..before].matches('\n').count() + 1;
    (text, u64::try_from(line).unwrap())
}

/// What `check` says of the line.
fn check(text: &str, line: u64) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("routes.yaml");
    std::fs::write(&path, text).unwrap();
    let found = config::load(&path, &environment).diagnostics.to_json();
    let errors =
        found["findings"].as_array().unwrap().iter().filter(|finding| finding["severity"] == "error");
    let (here, elsewhere): (Vec<&Value>, Vec<&Value>) = errors.partition(|finding| finding["line"] == line);
    assert!(elsewhere.is_empty(), "{text}\n{elsewhere:?}");
    here.into_iter().map(|finding| finding["message"].as_str().unwrap().to_owned()).collect()
}

/// The spellings of a table of which `check`, or the schema, does not think as it should.
fn wrong(table: &[(&str, &[&str])], by_check: bool, by_schema: bool) -> Vec<String> {
    let schema: Value = serde_json::from_str(config::SCHEMA).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut wrong = Vec::new();
    for (at, spelling) in table.iter().flat_map(|(at, all)| all.iter().map(move |one| (at, one))) {
        let (text, line) = file(at, spelling);
        let told = check(&text, line);
        if told.is_empty() != by_check {
            wrong.push(format!("{at}{spelling}: check says {told:?}"));
        }
        let options = serde_yaml::options! { strict_booleans: true };
        let value: Value = serde_yaml::from_str_with_options(&text, options).unwrap();
        let told: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        if told.is_empty() != by_schema {
            wrong.push(format!("{at}{spelling}: the schema says {told:?}"));
        }
    }
    wrong
}

#[test]
fn check_and_the_schema_take_the_same_spellings() {
    let wrong = [wrong(TAKEN, true, true), wrong(REFUSED, false, false)].concat();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn numbers_in_other_notations_are_refused_by_check_alone() {
    let wrong = wrong(OTHER_NUMBERS, false, true);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
