//! What `gateway diff` says about a change: each kind once, whether it breaks clients, and the exit code.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

const PROTO: &str = r#"
syntax = "proto3";
package shop.v1;
import "google/protobuf/field_mask.proto";
service Users {
  rpc GetUser(UserId) returns (Answer);
  rpc ListUsers(Page) returns (UserList);
  rpc CreateUser(NewUser) returns (Answer);
  rpc UpdateUser(Update) returns (Answer);
}
enum Kind { KIND_UNSPECIFIED = 0; PERSON = 1; ROBOT = 2; }
message User { int32 id = 1; string name = 2; string phone = 3; Kind kind = 4; }
message UserId { int32 user_id = 1; bool full = 2; }
message Answer { User user = 1; string note = 2; }
message Page { int32 size = 1; Kind kind = 2; }
message UserList { repeated User users = 1; }
message NewUser { User user = 1; string referrer = 2; }
message Update { User user = 1; google.protobuf.FieldMask mask = 2; }
"#;

const YAML: &str = "\
descriptors: [shop.proto]
upstreams:
  users: {address: \"localhost:50051\"}
  others: {address: \"localhost:50052\"}
services:
  shop.v1.Users: users
routes:
  - post: /users
    grpc: shop.v1.Users/CreateUser
    status: 201
    upstream: {users: 50%, others: 50%}
  - get: /users/{user_id}
    grpc: shop.v1.Users/GetUser
    response_body: user
    unknown: warn
  - get: /users
    grpc: shop.v1.Users/ListUsers
  - patch: /users/{user.id}
    grpc: shop.v1.Users/UpdateUser
    body: user
    timeout: 1s
";

/// The exit code and the text for two versions of YAML and .proto.
fn diff(new_yaml: &str, new_proto: &str, format: &str) -> (i32, String, String) {
    let folder = tempfile::tempdir().unwrap();
    for (name, yaml, proto) in [("old", YAML, PROTO), ("new", new_yaml, new_proto)] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
        std::fs::write(folder.path().join(name).join("routes.yaml"), yaml).unwrap();
        std::fs::write(folder.path().join(name).join("shop.proto"), proto).unwrap();
    }
    run(folder.path(), &["diff", "old", "new", "--format", format])
}

fn run(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_gateway"))
        .args(args)
        .current_dir(folder)
        .env_clear()
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Changes `from` to `to` in the YAML; gives the exit code and the text below the summary.
#[track_caller]
fn yaml(from: &str, to: &str) -> (i32, String) {
    assert_eq!(YAML.matches(from).count(), 1, "{from}");
    let (code, out, err) = diff(&YAML.replace(from, to), PROTO, "text");
    assert_eq!(err, "", "{from} → {to}");
    (code, below_summary(&out))
}

/// The same for the .proto.
#[track_caller]
fn proto(from: &str, to: &str) -> (i32, String) {
    assert_eq!(PROTO.matches(from).count(), 1, "{from}");
    let (code, out, err) = diff(YAML, &PROTO.replace(from, to), "text");
    assert_eq!(err, "", "{from} → {to}");
    (code, below_summary(&out))
}

fn below_summary(out: &str) -> String {
    out.split_once("\n\n").map_or(out, |(_, rest)| rest).to_owned()
}

#[test]
fn the_same_is_no_change() {
    assert_eq!(diff(YAML, PROTO, "text"), (0, "nothing changes\n".to_owned(), String::new()));
}

#[test]
fn what_changes_in_the_file_is_named() {
    let table: &[(&str, &str, i32, &str)] = &[
        (
            "  - get: /users\n    grpc: shop.v1.Users/ListUsers\n",
            "",
            1,
            "- GET /users  shop.v1.Users/ListUsers\n    breaks clients: 405, the path takes POST\n",
        ),
        (
            "  - get: /users\n",
            "  - get: /people\n",
            1,
            "+ GET /people  shop.v1.Users/ListUsers\n- GET /users  shop.v1.Users/ListUsers\n    breaks clients: 405, the path takes POST\n",
        ),
        (
            "  - get: /users\n",
            "  - get: /people\n    grpc: shop.v1.Users/ListUsers\n  - get: /users\n",
            0,
            "+ GET /people  shop.v1.Users/ListUsers\n",
        ),
        (
            "  - get: /users\n",
            "  - get: /users\n    host: shop.example\n",
            1,
            "~ GET /users\n    breaks clients: host: shop.example (new)\n",
        ),
        (
            "  - get: /users\n",
            "  - get: /users/**\n",
            0,
            "~ GET /users\n    path: GET /users → GET /users/**\n",
        ),
        ("status: 201", "status: 202", 1, "~ POST /users\n    breaks clients: status: 201 → 202\n"),
        ("timeout: 1s", "timeout: 2s", 0, "~ PATCH /users/{user.id}\n    timeout: 1s → 2s\n"),
        (
            "unknown: warn",
            "unknown: reject",
            1,
            "~ GET /users/{user_id}\n    breaks clients: unknown: warn → reject\n",
        ),
        ("unknown: warn", "unknown: ignore", 0, "~ GET /users/{user_id}\n    unknown: warn → ignore\n"),
        (
            "{users: 50%, others: 50%}",
            "others",
            0,
            "~ POST /users\n    upstream: users: 50%, others: 50% → others\n",
        ),
        ("    body: user\n", "", 1, "~ PATCH /users/{user.id}\n    breaks clients: body: user → *\n"),
        (
            "    response_body: user\n",
            "",
            1,
            "~ GET /users/{user_id}\n    breaks clients: response_body: user (gone)\n",
        ),
        (
            "shop.v1.Users/ListUsers",
            "shop.v1.Users/CreateUser",
            1,
            "~ GET /users\n    grpc: shop.v1.Users/ListUsers → shop.v1.Users/CreateUser\n\
             ~ breaks clients: request field `size` of shop.v1.Page is gone\n    GET /users\n\
             ~ breaks clients: request field `kind` of shop.v1.Page is gone\n    GET /users\n\
             ~ request field `user` of shop.v1.NewUser is new\n    GET /users\n\
             ~ request field `referrer` of shop.v1.NewUser is new\n    GET /users\n\
             ~ breaks clients: response field `users` of shop.v1.UserList is gone\n    GET /users\n\
             ~ response field `user` of shop.v1.Answer is new\n    GET /users\n\
             ~ response field `note` of shop.v1.Answer is new\n    GET /users\n",
        ),
        ("localhost:50052", "localhost:50053", 0, "~ upstream others: localhost:50052 → localhost:50053\n"),
        ("descriptors:", "errors: problem\ndescriptors:", 1, "~ breaks clients: errors: simple → problem\n"),
        (
            "descriptors:",
            "json: {names: proto}\ndescriptors:",
            1,
            "~ breaks clients: json.names: camel → proto\n",
        ),
        ("descriptors:", "json: {unset: print}\ndescriptors:", 0, "~ json.unset: omit → print\n"),
        (
            "descriptors:",
            "limits: {body: 1MiB}\ndescriptors:",
            1,
            "~ breaks clients: limits.body: 4194304 bytes → 1048576 bytes\n",
        ),
        (
            "descriptors:",
            "listeners: [{address: \"0.0.0.0:3001\"}]\ndescriptors:",
            1,
            "~ breaks clients: listener 0.0.0.0:3000: plain text (gone)\n~ listener 0.0.0.0:3001: plain text (new)\n",
        ),
        ("descriptors:", "drain: 5s\ndescriptors:", 0, "~ drain: 10s → 5s\n"),
        ("descriptors:", "errors: {hide: [INTERNAL]}\ndescriptors:", 0, "~ errors.hide: INTERNAL (new)\n"),
        ("descriptors:", "reload: {breaking: hold}\ndescriptors:", 0, "~ reload.breaking: apply → hold\n"),
        ("descriptors:", "log: {detail: false}\ndescriptors:", 0, "~ log: different\n"),
    ];
    for (from, to, code, expected) in table {
        assert_eq!(yaml(from, to), (*code, (*expected).to_owned()), "{from:?} → {to:?}");
    }
}

#[test]
fn what_changes_behind_the_routes_is_named_with_the_routes() {
    let table: &[(&str, &str, i32, &str)] = &[
        (
            "string phone = 3;",
            "",
            1,
            "~ breaks clients: request field `phone` of shop.v1.User is gone\n    POST /users, PATCH /users/{user.id}\n\
             ~ breaks clients: response field `phone` of shop.v1.User is gone\n    POST /users, GET /users/{user_id}, GET /users, PATCH /users/{user.id}\n",
        ),
        (
            "ROBOT = 2;",
            "",
            1,
            "~ breaks clients: request value ROBOT of shop.v1.Kind is gone\n    POST /users, GET /users, PATCH /users/{user.id}\n\
             ~ breaks clients: response value ROBOT of shop.v1.Kind is gone\n    POST /users, GET /users/{user_id}, GET /users, PATCH /users/{user.id}\n",
        ),
        ("int32 size = 1;", "int64 size = 1;", 0, ""),
        ("int32 size = 1;", "int32 size = 9;", 0, ""),
        (
            "int32 size = 1;",
            "int32 page_size = 1;",
            1,
            "~ breaks clients: request field `size` of shop.v1.Page is called `pageSize` now\n    GET /users\n",
        ),
        (
            "bool full = 2;",
            "",
            1,
            "~ breaks clients: request field `full` of shop.v1.UserId is gone\n    GET /users/{user_id}\n",
        ),
        // The note is not answered at GET /users/{user_id}, whose response_body is the user.
        (
            "string note = 2;",
            "",
            1,
            "~ breaks clients: response field `note` of shop.v1.Answer is gone\n    POST /users, PATCH /users/{user.id}\n",
        ),
        (
            "string referrer = 2;",
            "string referrer = 2; string campaign = 3;",
            0,
            "~ request field `campaign` of shop.v1.NewUser is new\n    POST /users\n",
        ),
    ];
    for (from, to, code, expected) in table {
        let expected = if expected.is_empty() { "nothing changes\n" } else { expected };
        assert_eq!(proto(from, to), (*code, expected.to_owned()), "{from:?} → {to:?}");
    }
}

#[test]
fn clients_do_not_name_what_the_path_and_the_body_name() {
    let renamed = |from: &str, to: &str, yaml: &str, new_yaml: &str| {
        let (code, out, err) = diff(&YAML.replace(yaml, new_yaml), &PROTO.replace(from, to), "text");
        assert_eq!(err, "");
        (code, below_summary(&out))
    };
    assert_eq!(
        renamed("int32 user_id = 1;", "int32 id = 1;", "{user_id}", "{id}"),
        (0, "~ GET /users/{user_id}\n    path: GET /users/{user_id} → GET /users/{id}\n".to_owned())
    );
    assert_eq!(
        renamed("int32 user_id = 1;", "uint64 id = 1;", "{user_id}", "{id}").0,
        1,
        "what a path may hold has a type"
    );
    let (code, out) = renamed(
        "{ User user = 1; google.protobuf",
        "{ User person = 1; google.protobuf",
        "  - patch: /users/{user.id}\n    grpc: shop.v1.Users/UpdateUser\n    body: user",
        "  - patch: /users/{person.id}\n    grpc: shop.v1.Users/UpdateUser\n    body: person",
    );
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("    body: user → person\n"), "{out}");
}

#[test]
fn who_may_call_is_part_of_it() {
    let jwt = |more: &str| {
        format!(
            "auth:\n  shop: {{jwt: {{secret: 0123456789abcdef0123456789abcdef, algorithms: [HS256]{more}}}}}\n{}",
            YAML.replace("    unknown: warn\n", "    auth: {jwt: shop, scopes: [users:read]}\n")
        )
    };
    let (code, out, err) = diff(&jwt(""), PROTO, "text");
    assert_eq!((code, err.as_str()), (1, ""));
    assert!(out.contains("    breaks clients: auth: none → jwt shop\n"), "{out}");
    assert!(out.contains("    breaks clients: scopes: users:read (new)\n"), "{out}");

    let between = |old: &str, new: &str| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("shop.proto"), PROTO).unwrap();
        std::fs::write(folder.path().join("old.yaml"), old).unwrap();
        std::fs::write(folder.path().join("new.yaml"), new).unwrap();
        let (code, out, err) = run(folder.path(), &["diff", "old.yaml", "new.yaml"]);
        assert_eq!(err, "");
        (code, below_summary(&out))
    };
    let (strict, free) = (jwt(", issuer: \"https://id.example\""), jwt(""));
    assert_eq!(
        between(&free, &strict),
        (1, "~ breaks clients: auth shop issuer: https://id.example (new)\n".to_owned())
    );
    assert_eq!(between(&strict, &free), (0, "~ auth shop issuer: https://id.example (gone)\n".to_owned()));
    assert_eq!(between(&free, &free), (0, "nothing changes\n".to_owned()));
    let scoped = free.replace("[users:read]", "[users:read, users:all]");
    let expected = "~ GET /users/{user_id}\n    breaks clients: scopes: users:read → users:read users:all\n";
    assert_eq!(between(&free, &scoped), (1, expected.to_owned()));
    let limited = free.replace(
        "    timeout: 1s",
        "    rate_limit: {rate: 10/s, key: ip}\n    headers: {request: {set: {x-a: b}}}",
    );
    let limited = limited.replace("timeout: 1s", "");
    let (code, out) = between(&free.replace("    timeout: 1s\n", ""), &limited);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("    policies: rate 10/s by ip (new)\n    headers: different\n"), "{out}");
}

#[test]
fn machines_get_the_same() {
    let new = YAML.replace("status: 201", "status: 200").replace("  - get: /users\n", "  - get: /people\n");
    let (code, out, _) = diff(&new, &PROTO.replace("string phone = 3;", ""), "json");
    assert_eq!(code, 1);
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["added"][0]["route"], "GET /people");
    assert_eq!(json["removed"][0]["route"], "GET /users");
    assert_eq!(json["removed"][0]["breaking"], true);
    assert_eq!(json["altered"][0]["route"], "POST /users");
    assert_eq!(
        json["altered"][0]["changes"][0],
        serde_json::json!({"what": "status", "was": "201", "is": "200", "breaking": true})
    );
    assert_eq!(json["messages"][0]["member"], "phone");
    assert_eq!(json["messages"][0]["routes"][0], "POST /users");
    assert_eq!(json["breaking"], 4);
}

#[test]
fn what_does_not_load_is_told_for_both() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("broken.yaml"), "routs: []").unwrap();
    let (code, out, err) = run(folder.path(), &["diff", "broken.yaml", "absent.yaml"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("broken.yaml:1:1") && err.contains("absent.yaml"), "{err}");
}

/// The text below the summary for two versions of what stands beside the routes, and files of API keys.
fn beside(old: (&str, &str), new: (&str, &str)) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    for (name, (yaml, keys)) in [("old", old), ("new", new)] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
        std::fs::write(folder.path().join(name).join("routes.yaml"), format!("{YAML}{yaml}")).unwrap();
        std::fs::write(folder.path().join(name).join("shop.proto"), PROTO).unwrap();
        std::fs::write(folder.path().join(name).join("keys.yaml"), keys).unwrap();
    }
    let (code, out, err) = run(folder.path(), &["diff", "old", "new"]);
    assert_eq!(err, "");
    (code, below_summary(&out))
}

#[test]
fn tokens_and_keys_that_are_no_longer_good_break_clients() {
    let jwt = "defaults: {auth: {jwt: shop}}\nauth:\n  shop: {jwt: {secret: correct horse battery staple, and so on, \
               algorithms: [HS256, HS512], audience: shop}}\n";
    let jwt = jwt.replace(
        "correct horse battery staple, and so on",
        "a-secret-that-is-longer-than-sixty-four-bytes-because-of-HS512-xx",
    );
    for (from, to, code, text) in [
        ("audience: shop", "audience: [shop, desk]", 0, "~ auth shop audience: shop → shop, desk\n"),
        ("audience: shop", "audience: desk", 1, "~ breaks clients: auth shop audience: shop → desk\n"),
        ("HS256, HS512", "HS512", 1, "~ breaks clients: auth shop algorithms: HS256, HS512 → HS512\n"),
        ("a-secret", "b-secret", 1, "~ breaks clients: auth shop keys: different\n"),
    ] {
        let found = beside((&jwt, ""), (&jwt.replace(from, to), ""));
        assert_eq!(found, (code, text.to_owned()), "{from} → {to}");
    }
    let keys =
        "defaults: {auth: partners}\nauth:\n  partners: {api_key: {header: x-api-key, file: keys.yaml}}\n";
    let hash = |digit: &str| digit.repeat(64);
    let old = format!("acme: {}\nglobex: {}\ninitech: {}\n", hash("1"), hash("2"), hash("3"));
    assert_eq!(beside((keys, &old), (keys, &old)), (0, "nothing changes\n".to_owned()));
    let new = format!("globex: {}\ninitech: {}\nhooli: {}\n", hash("2"), hash("4"), hash("5"));
    let text = "~ breaks clients: auth partners keys of: acme, initech (gone)\n~ auth partners keys of: hooli, initech (new)\n";
    assert_eq!(beside((keys, &old), (keys, &new)), (1, text.to_owned()));
}
