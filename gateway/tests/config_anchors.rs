//! Anchors, aliases and merges of YAML in a configuration: what the reference says of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;

use gateway::config::{self, Loaded};

/// A configuration of these routes, and of what it includes.
fn load(routes: &str, included: &str) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    let shop = Path::new("tests/config/files/shop").canonicalize().unwrap();
    let head = format!(
        "descriptors: [{}]\nupstreams:\n  users: {{address: localhost:1}}\nservices:\n  shop.v1.UserService: users\n",
        shop.display()
    );
    let file = folder.path().join("routes.yaml");
    std::fs::write(folder.path().join("more.yaml"), included).unwrap();
    std::fs::write(&file, format!("{head}include: more.yaml\nroutes:\n{routes}")).unwrap();
    config::load(&file, &|_| None)
}

/// Path, status and deadline of every route of these.
fn routes(text: &str) -> Vec<(String, u16, u64)> {
    let loaded = load(text, "log: {level: info}\n");
    let config = loaded.config.unwrap_or_else(|| panic!("{}", loaded.diagnostics));
    let of = config.routes.iter();
    of.map(|route| (route.name.to_string(), route.status.as_u16(), route.timeout.as_secs())).collect()
}

const FIRST: &str = "  - &first\n    get: /a\n    grpc: shop.v1.UserService/ListUsers\n    status: 201\n    timeout: &long 9s\n";

#[test]
fn an_alias_stands_for_the_value_and_a_merge_for_the_keys_that_do_not_stand_beside_it() {
    for (second, status, timeout) in [
        ("{get: /b, grpc: shop.v1.UserService/ListUsers, timeout: *long}", 200, 9),
        ("{<<: *first, get: /b}", 201, 9),
        ("{get: /b, <<: *first}", 201, 9),
        ("{get: /b, timeout: 1s, <<: *first}", 201, 1),
        ("{get: /b, <<: [{timeout: 2s}, *first]}", 201, 2),
        ("{get: /b, <<: [*first, {timeout: 2s, status: 202}]}", 201, 9),
    ] {
        let expected = [("GET /a".to_owned(), 201, 9), ("GET /b".to_owned(), status, timeout)];
        assert_eq!(routes(&format!("{FIRST}  - {second}\n")), expected, "{second}");
    }
}

#[test]
fn a_mapping_beside_a_merge_replaces_the_merged_one() {
    let limited = "  - &first\n    get: /a\n    grpc: shop.v1.UserService/ListUsers\n    rate_limit: {rate: 1/s, burst: 7}\n";
    let text = format!("{limited}  - {{<<: *first, get: /b, rate_limit: {{rate: 2/s}}}}\n");
    let config = load(&text, "log: {level: info}\n").config.unwrap();
    let limits: Vec<String> = config.routes.iter().map(|route| route.policies.describe().join(" ")).collect();
    assert_eq!(limits, ["rate 1/s by ip, 7 at once", "rate 2/s by ip"]);
}

#[test]
fn an_anchor_reaches_no_further_than_its_file() {
    let loaded = load(FIRST, "routes:\n  - {<<: *first, get: /b}\n");
    let told = loaded.diagnostics.render(false);
    assert!(told.contains("error[yaml-syntax]") && told.contains("unknown anchor"), "{told}");
    assert!(told.contains("more.yaml:2:10"), "{told}");
}
