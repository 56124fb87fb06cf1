//! The commands as an operator types them: real processes, their output and exit codes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Runs `gateway` at the top of the project; gives its exit code, output and errors.
fn gateway(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_gateway"))
        .args(args)
        .current_dir(root())
        .env_clear()
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn check_of_the_worked_example_is_ok() {
    let (code, out, err) = gateway(&["check"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.starts_with("ok: "), "{out}");
    let (code, out, _) = gateway(&["check", "--format", "json"]);
    assert_eq!(code, 0);
    let _: Value = serde_json::from_str(&out).unwrap();
}

#[test]
fn check_counts_what_is_ok() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("routes.yaml");
    let route = |path: &str| format!("  - {{get: {path}, grpc: shop.user.v1.UserService/ListUsers}}\n");
    for (routes, counted) in [
        (route("/a"), "ok: 1 route, 1 upstream\n"),
        (route("/a") + &route("/b"), "ok: 2 routes, 1 upstream\n"),
    ] {
        let descriptors = root().join("descriptors/shop.binpb");
        let text = format!(
            "descriptors: {}\nupstreams: {{users: {{address: localhost:1}}}}\n\
             services: {{shop.user.v1.UserService: users}}\nroutes:\n{routes}",
            descriptors.display()
        );
        std::fs::write(&file, text).unwrap();
        assert_eq!(gateway(&["check", "-c", file.to_str().unwrap()]), (0, counted.to_owned(), String::new()));
    }
}

#[test]
fn check_of_a_broken_file_says_where_and_exits_with_1() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("routes.yaml");
    let text = std::fs::read_to_string(root().join("routes.yaml")).unwrap();
    let descriptors = root().join("descriptors/shop.binpb");
    let text = text.replace("descriptors/shop.binpb", descriptors.to_str().unwrap()).replacen(
        "UserService/GetUser",
        "UserService/GetUsr",
        1,
    );
    std::fs::write(&file, text).unwrap();
    let (code, out, _) = gateway(&["check", "-c", file.to_str().unwrap()]);
    assert_eq!(code, 1);
    assert!(out.contains("did you mean `GetUser`?") && out.contains("routes.yaml:"), "{out}");
    let (code, _, err) = gateway(&["serve", "-c", file.to_str().unwrap()]);
    assert_eq!(code, 1);
    assert!(err.contains("did you mean `GetUser`?"), "serve refuses with the same words: {err}");
}

#[test]
fn routes_lists_them_for_readers_and_machines() {
    let (code, out, _) = gateway(&["routes"]);
    assert_eq!(code, 0);
    let line = out.lines().find(|line| line.starts_with("GET /users/{user_id} ")).unwrap();
    assert!(line.contains("shop.user.v1.UserService/GetUser") && line.contains("userService"), "{line}");
    let (_, out, _) = gateway(&["routes", "--format", "json"]);
    let routes: Value = serde_json::from_str(&out).unwrap();
    let created = routes
        .as_array()
        .unwrap()
        .iter()
        .find(|route| route["path"] == "/users" && route["method"] == "POST");
    assert_eq!(created.unwrap()["status"], 201);
}

#[test]
fn explain_shows_the_call_that_a_request_becomes() {
    let (code, out, _) = gateway(&["explain", "GET", "/users/7", "-H", "x-tenant: t1"]);
    assert_eq!(code, 0, "{out}");
    for part in
        ["GET /users/{user_id}", "shop.user.v1.UserService/GetUser", r#"{"userId":7}"#, "x-tenant: t1"]
    {
        assert!(out.contains(part), "{part} in\n{out}");
    }
}

#[test]
fn explain_says_why_the_near_misses_do_not_take_it() {
    let (code, out, _) = gateway(&["explain", "GET", "/user/7"]);
    assert_eq!(code, 1);
    assert!(out.contains("no route matches") && out.contains("GET /users/{user_id}: "), "{out}");
    let (code, out, _) = gateway(&["explain", "GET", "/users/seven"]);
    assert_eq!(code, 1);
    assert!(out.contains("expected int32"), "{out}");
    let (code, out, _) =
        gateway(&["explain", "POST", "/users", "-d", "{}", "-H", "content-type: text/plain"]);
    assert!(code == 1 && out.contains("not JSON (415)"), "{out}");
    let (code, out, _) = gateway(&["explain", "GET", "http://shop.example/users/7?x=1"]);
    assert!(code == 1 && out.contains("no such query parameter"), "{out}");
}

#[test]
fn explain_knows_what_the_gateway_answers_itself() {
    let (code, out, _) = gateway(&["explain", "GET", "/health"]);
    assert!(code == 0 && out.contains("answered  by the gateway itself (`health`)"), "{out}");
    let (code, out, _) = gateway(&["explain", "POST", "/health"]);
    assert!(code == 1 && out.contains("refused   this path takes GET, HEAD, OPTIONS (405)"), "{out}");
    let (code, out, _) = gateway(&["explain", "OPTIONS", "/users/7"]);
    let allow = "answered  by the gateway itself (204, `Allow: DELETE, GET, HEAD, OPTIONS, PATCH`)";
    assert!(code == 0 && out.contains(allow), "{out}");
    let (code, out, _) =
        gateway(&["explain", "-c", "examples/docs.yaml", "HEAD", "/docs/openapi.json", "--format", "json"]);
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &told["own"], &told["route"]), (0, &Value::from("docs"), &Value::Null), "{out}");
}

#[test]
fn explain_tells_machines_the_same() {
    let args = ["explain", "POST", "/users", "-d", r#"{"name":"a"}"#, "-H", "x-a: 1", "-H", "x-a: 2"];
    let (code, out, _) = gateway(&[&args[..], &["--format", "json"]].concat());
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &told["sent"], &told["error"]), (0, &Value::Bool(true), &Value::Null), "{out}");
    let route = &told["route"];
    assert_eq!(route["name"], "POST /users");
    assert_eq!(route["grpc"], "shop.user.v1.UserService/CreateUser");
    assert_eq!(route["request"]["message"], serde_json::json!({"name": "a"}));
    assert_eq!(route["metadata"]["x-a"], serde_json::json!(["1", "2"]));
    assert_eq!(route["response"]["status"], 201);

    let (code, out, _) = gateway(&["explain", "GET", "/user/7", "--format", "json"]);
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &told["sent"], &told["route"]), (1, &Value::Bool(false), &Value::Null), "{out}");
    let misses = told["nearMisses"].as_array().unwrap();
    assert!(misses.contains(&"GET /users/{user_id}: segment 1 is \"user\", not \"users\"".into()), "{out}");
}

#[test]
fn openapi_prints_or_writes_the_document() {
    let (code, out, err) = gateway(&["openapi", "--title", "Shop", "--server", "https://api.shop.example"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let printed: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&printed["info"]["title"], &printed["openapi"]), (&"Shop".into(), &"3.1.0".into()));
    assert_eq!(printed["paths"]["/users"]["post"]["summary"], "Registers a user", "from the .proto file");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("openapi.json");
    let (code, out, _) = gateway(&["openapi", "-o", file.to_str().unwrap()]);
    assert_eq!((code, out.as_str()), (0, ""));
    let written: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(written["paths"], printed["paths"]);
    let (code, _, err) = gateway(&["openapi", "-o", folder.path().to_str().unwrap()]);
    assert_eq!(code, 1);
    assert!(err.contains(folder.path().to_str().unwrap()), "{err}");
}

#[test]
fn schema_prints_the_committed_file() {
    let (code, out, _) = gateway(&["schema"]);
    assert_eq!(code, 0);
    let file = root().join("gateway/routes.schema.json");
    assert!(out == std::fs::read_to_string(file).unwrap(), "gateway/routes.schema.json is another one");
}

#[test]
fn shells_can_complete_every_command() {
    for (shell, mark) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef gateway"),
        ("fish", "complete -c gateway"),
        ("powershell", "Register-ArgumentCompleter"),
        ("elvish", "edit:completion"),
    ] {
        let (code, out, err) = gateway(&["completions", shell]);
        assert_eq!((code, err.as_str()), (0, ""), "{shell}");
        assert!(out.contains(mark) && out.contains("explain") && out.contains("format"), "{shell}");
    }
}

#[test]
fn every_command_teaches_by_example() {
    let (_, help, _) = gateway(&["--help"]);
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names = commands.lines().map(|line| line.split_whitespace().next().unwrap());
    let names: Vec<&str> = names.filter(|name| *name != "help").collect();
    assert!(names.contains(&"serve") && names.len() >= 8, "{names:?}");
    for name in names {
        let (code, out, _) = gateway(&[name, "--help"]);
        assert_eq!(code, 0);
        assert!(out.contains("Examples:\n  ") && out.contains(&format!("gateway {name}")), "{name}: {out}");
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let command = format!(
        "{} routes | head -1 && {} schema | head -1",
        env!("CARGO_BIN_EXE_gateway"),
        env!("CARGO_BIN_EXE_gateway")
    );
    let output = Command::new("sh").args(["-c", &command]).current_dir(root()).output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn descriptors_compiles_what_the_gateway_loads() {
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("shop.binpb");
    let (code, _, err) = gateway(&["descriptors", "proto/", "-o", set.to_str().unwrap()]);
    assert_eq!((code, err.as_str()), (0, ""));
    let bytes = std::fs::read(&set).unwrap();
    assert!(transcode::Schema::load(&[&bytes]).unwrap().message("shop.user.v1.User").is_some());
    let (code, _, err) = gateway(&["descriptors", "proto/none.proto", "-o", set.to_str().unwrap()]);
    assert_eq!(code, 1);
    assert!(err.contains("proto/none.proto"), "{err}");
}

#[test]
fn a_mistyped_command_is_told_and_exits_with_2() {
    let (code, _, err) = gateway(&["chekc"]);
    assert_eq!(code, 2);
    assert!(err.contains("check"), "{err}");
}

#[test]
fn routes_and_explain_show_the_policies() {
    let (code, out, _) = gateway(&["routes", "-c", "examples/auth.yaml"]);
    assert_eq!(code, 0);
    let line = out.lines().find(|line| line.starts_with("GET /users ")).unwrap();
    assert!(line.contains("jwt shop (users:read)") && line.contains("rate 5/min by jwt:sub"), "{line}");
    let (_, out, _) = gateway(&["routes", "-c", "examples/auth.yaml", "--format", "json"]);
    let routes: Value = serde_json::from_str(&out).unwrap();
    let expected = ["jwt shop", "forward sub as x-user-id", "set user_id from jwt:sub"];
    assert_eq!(routes[0]["policies"], serde_json::json!(expected));

    let (code, out, _) = gateway(&["explain", "-c", "examples/auth.yaml", "GET", "/me?user_id=7"]);
    assert_eq!(code, 0, "{out}");
    assert!(expected.iter().all(|policy| out.contains(&format!("policy    {policy}"))), "{out}");
    assert!(
        out.contains("shop.user.v1.GetUserRequest {}"),
        "what the client says of the field is gone: {out}"
    );
}
