//! What configurations mean: from text to the model.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gateway::config::{self, Before, GatewayConfig, Loaded, LogFormat, LogLevel, Why};
use gateway::route::{ErrorFormat, Idempotency, Lookup, OriginKind};
use proptest::prelude::*;

const PROTO: &str = include_str!("config/files/shop/shop.proto");

const HEAD: &str = "descriptors: [proto]\nupstreams:\n  users: {address: localhost:50051}\n  next: {address: localhost:50052, timeout: 9s}\nservices:\n  shop.v1.UserService: users\n";

/// A folder with these files, and the .proto file of the configurations.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("proto")).unwrap();
    std::fs::write(folder.path().join("proto/shop.proto"), PROTO).unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

fn load_in(folder: &Path) -> Loaded {
    config::load(&folder.join("routes.yaml"), &|_| None)
}

/// The model of [`HEAD`] and `text`; warnings are fine.
fn model(text: &str) -> Arc<GatewayConfig> {
    let folder = folder(&[("routes.yaml", &format!("{HEAD}{text}"))]);
    let loaded = load_in(folder.path());
    loaded.config.unwrap_or_else(|| panic!("{}", loaded.diagnostics))
}

/// `METHOD path -> method` of every route.
fn routes(config: &GatewayConfig) -> Vec<String> {
    config.routes.iter().map(|route| format!("{} -> {}", route.name, route.grpc.name)).collect()
}

/// What a gateway that runs `config` makes of the folder.
fn load_again(folder: &Path, config: &GatewayConfig) -> Arc<GatewayConfig> {
    let before = Before { config, why: Why::Saved };
    let loaded = config::load_after(&folder.join("routes.yaml"), &|_| None, Some(&before));
    loaded.config.unwrap_or_else(|| panic!("{}", loaded.diagnostics))
}

#[test]
fn descriptors_are_linked_again_only_when_they_have_changed() {
    let folder = folder(&[("routes.yaml", HEAD)]);
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let first = load_in(folder.path()).config.unwrap();

    write("routes.yaml", &format!("{HEAD}limits: {{body: 1MiB}}\n"));
    let second = load_again(folder.path(), &first);
    assert_eq!(second.limits.body, 1 << 20);
    assert!(Arc::ptr_eq(&first.schema, &second.schema), "nothing about the descriptors has changed");

    write("proto/shop.proto", &format!("{PROTO}\nmessage Fresh {{ string name = 1; }}\n"));
    let third = load_again(folder.path(), &second);
    assert!(
        third.schema.message("shop.v1.Fresh").is_some() && second.schema.message("shop.v1.Fresh").is_none()
    );
}

/// The transcoder brings google.rpc.Code along as a descriptor and imports no gRPC; the codes are the same nevertheless.
#[test]
fn the_codes_of_descriptors_are_those_of_calls() {
    let config = model("routes: []\n");
    let code = config.schema.pool().get_enum_by_name("google.rpc.Code").unwrap();
    let described: Vec<(String, i32)> =
        code.values().map(|value| (value.name().to_owned(), value.number())).collect();
    let called: Vec<(String, i32)> = upstream::code::names().map(str::to_owned).zip(0..).collect();
    assert_eq!(described, called);
    for (name, number) in called {
        let code = gateway::proxy::code::Code::from_number(u32::try_from(number).unwrap());
        assert_eq!((code.name(), i32::from(code.number())), (&*name, number));
    }
}

#[test]
fn defaults_are_those_of_the_contract() {
    let config = model("routes:\n  - post: /users\n    grpc: shop.v1.UserService/CreateUser\n");
    assert_eq!(config.listeners.len(), 1);
    assert_eq!(config.listeners[0].address.to_string(), "0.0.0.0:3000");
    assert_eq!(config.admin, None);
    assert_eq!(config.errors, ErrorFormat::Simple);
    assert_eq!((config.own.health.as_deref(), &config.own.docs), (Some("/health"), &None));
    assert_eq!(config.drain, Duration::from_secs(10));
    assert_eq!(
        (config.log.level, config.log.format, config.log.access),
        (LogLevel::Info, LogFormat::Text, true)
    );
    assert_eq!(
        (config.limits.body, config.limits.response, config.limits.headers),
        (4 << 20, 64 << 20, 64 << 10)
    );
    assert!(!config.explain);
    let route = &config.routes[0];
    assert_eq!(route.status, 200);
    assert_eq!(route.timeout, Duration::from_secs(3));
    assert!(!route.idempotent);
    assert!(route.request.takes_body());
    assert_eq!(route.origin.kind, OriginKind::File);
    assert!(route.origin.to_string().ends_with("routes.yaml:8"), "{}", route.origin);
}

#[test]
fn settings_are_read() {
    let config = model(
        "routes: []\nlisteners: [{address: 127.0.0.1:0}, {address: \"[::1]:0\"}]\nadmin: {address: localhost:9901}\n\
         errors: problem\nhealth: \"\"\ndocs: /api/docs\ndrain: 0s\nexplain: true\nlog: {level: debug, format: json, access: false}\n\
         limits: {body: 1KiB, connections: 7, share: 40%, idle_timeout: 1m30s}\n",
    );
    assert_eq!(config.listeners.len(), 2);
    assert_eq!(config.admin.as_ref().unwrap().address.to_string(), "127.0.0.1:9901");
    assert_eq!(
        (config.errors, config.own.health.as_deref(), config.drain),
        (ErrorFormat::Problem, None, Duration::ZERO)
    );
    assert_eq!(config.own.docs.as_ref().unwrap().as_str(), "/api/docs");
    assert!(config.explain);
    assert_eq!(
        (config.log.level, config.log.format, config.log.access),
        (LogLevel::Debug, LogFormat::Json, false)
    );
    assert_eq!((config.limits.body, config.limits.connections, config.limits.share), (1024, 7, 40));
    assert_eq!(config.limits.idle_timeout, Duration::from_secs(90));
}

#[test]
fn parts_of_an_upstream_are_switched_off_by_false() {
    let folder = folder(&[(
        "routes.yaml",
        "upstreams:\n  a: {address: [a:1, unix:/b], retry: false, outlier_detection: false, health_check: false, keepalive: false}\n  \
         b: {address: https://b, retry: {on: [UNAVAILABLE, ABORTED], budget: 50%}, health_check: {service: x}, balance: {hash: header:X-Id}}\n",
    )]);
    let config = load_in(folder.path()).config.unwrap();
    let a = &config.upstreams["a"];
    assert_eq!(a.addresses.len(), 2);
    assert_eq!(a.retry.attempts, 1);
    assert!(a.outlier_detection.is_none() && a.health_check.is_none() && a.keepalive.is_none());
    let b = &config.upstreams["b"];
    assert!(b.retry.on.contains(10) && b.retry.on.contains(14) && !b.retry.on.contains(13));
    assert_eq!((b.retry.attempts, b.retry.budget.get()), (3, 50));
    assert_eq!(b.health_check.as_ref().unwrap().service, "x");
    assert_eq!(b.health_check.as_ref().unwrap().interval, Duration::from_secs(5));
    assert!(b.health_check.as_ref().unwrap().strict, "a written check means what it says");
    assert!(b.keepalive.as_ref().unwrap().within_defaults, "no keepalive is written");
    assert_eq!(b.balance, upstream::Balance::Hash);
}

#[test]
fn equal_text_makes_equal_specs() {
    let text = "routes:\n  - get: /users\n    grpc: shop.v1.UserService/ListUsers\n";
    assert_eq!(model(text).upstreams, model(&format!("{text}# a comment\n")).upstreams);
}

#[test]
fn a_route_may_name_its_upstreams() {
    let config = model(
        "routes:\n  - get: /a\n    grpc: shop.v1.UserService/ListUsers\n    upstream: next\n  - get: /b\n    \
         grpc: shop.v1.UserService/ListUsers\n    upstream: {users: 90%, next: 10%}\n    mirror: next\n",
    );
    let [a, b] = config.routes.as_slice() else { panic!("two routes") };
    assert_eq!(a.targets.single().unwrap().as_ref(), "next");
    assert_eq!(a.timeout, Duration::from_secs(9), "the timeout is that of its own upstream");
    assert_eq!(b.targets.to_string(), "users: 90%, next: 10%");
    assert_eq!(b.targets.mirror.as_deref(), Some("next"));
}

#[test]
fn what_may_be_called_twice_is_known() {
    let config = model(
        "routes:\n  - get: /a\n    grpc: shop.v1.UserService/ListUsers\n  - post: /b\n    grpc: shop.v1.UserService/GetUser\n  \
         - post: /c\n    grpc: shop.v1.UserService/CreateUser\n  - post: /d\n    grpc: shop.v1.UserService/CreateUser\n    \
         idempotent: true\n  - get: /e\n    grpc: shop.v1.UserService/ListUsers\n    idempotent: false\n",
    );
    let idempotent: Vec<bool> = config.routes.iter().map(|route| route.idempotent).collect();
    assert_eq!(idempotent, [true, true, false, true, false]);
    assert_eq!(config.routes[1].grpc.idempotency, Idempotency::NoSideEffects);
    assert_eq!(config.routes[1].grpc.path, "/shop.v1.UserService/GetUser");
}

#[test]
fn defaults_yield_to_routes_and_to_their_own_file() {
    let folder = folder(&[
        (
            "routes.yaml",
            &format!(
                "{HEAD}include: [teams/*.yaml]\ndefaults: {{timeout: 1s, status: 202}}\nroutes:\n  - get: /a\n    \
                 grpc: shop.v1.UserService/ListUsers\n  - get: /b\n    grpc: shop.v1.UserService/ListUsers\n    timeout: 7s\n"
            ),
        ),
        (
            "teams/x.yaml",
            "defaults: {timeout: 2s}\nroutes:\n  - get: /x\n    grpc: shop.v1.UserService/ListUsers\n",
        ),
        ("teams/y.yaml", "routes:\n  - get: /y\n    grpc: shop.v1.UserService/ListUsers\n"),
    ]);
    let loaded = load_in(folder.path());
    let config = loaded.config.unwrap();
    let seen: Vec<(&str, u64, u16)> = config
        .routes
        .iter()
        .map(|route| (route.template.source(), route.timeout.as_secs(), route.status.as_u16()))
        .collect();
    assert_eq!(seen, [("/a", 1, 202), ("/b", 7, 202), ("/x", 2, 202), ("/y", 1, 202)]);
}

#[test]
fn everything_that_can_change_the_outcome_is_watched() {
    let folder = folder(&[
        ("routes.yaml", &format!("{HEAD}include: [teams/*.yaml, apps/*/routes.yaml, missing.yaml]\n")),
        ("teams/x.yaml", ""),
        ("apps/begun/README", ""),
    ]);
    let loaded = load_in(folder.path());
    let mut watched: Vec<&Path> =
        loaded.watch.iter().map(|watched| watched.path().strip_prefix(folder.path()).unwrap()).collect();
    watched.sort_unstable();
    let expected = [
        "apps",
        "apps/begun/routes.yaml",
        "missing.yaml",
        "proto",
        // Files that the gateway brings: one of these names in the folder would be used instead.
        "proto/google/api/annotations.proto",
        "proto/google/api/http.proto",
        "proto/google/protobuf/descriptor.proto",
        "proto/google/protobuf/field_mask.proto",
        "proto/shop.proto",
        "routes.yaml",
        "teams",
        "teams/x.yaml",
    ];
    assert_eq!(watched, expected.map(Path::new));
}

#[test]
fn annotations_are_served_and_the_file_wins() {
    let text = HEAD.replace(
        "shop.v1.UserService: users",
        "shop.v1.UserService: {upstream: users, annotations: true, auto: true}",
    );
    let folder = folder(&[(
        "routes.yaml",
        &format!(
            "{text}routes:\n  - get: /users/{{user_id}}\n    grpc: shop.v1.UserService/GetUser\n    response_body: user\n"
        ),
    )]);
    let loaded = load_in(folder.path());
    let config = loaded.config.unwrap_or_else(|| panic!("{}", loaded.diagnostics));
    assert_eq!(
        routes(&config),
        [
            "GET /users/{user_id} -> GetUser",
            "POST /shop.v1.UserService/CreateUser -> CreateUser",
            "POST /shop.v1.UserService/GetUser -> GetUser",
            "POST /shop.v1.UserService/ListUsers -> ListUsers",
            "POST /shop.v1.UserService/UpdateUser -> UpdateUser",
        ]
    );
    let indices: Vec<usize> = config.routes.iter().map(|route| route.index).collect();
    assert_eq!(indices, [0, 1, 2, 3, 4]);
    let Lookup::Found { route, .. } = config.table.lookup(None, "GET", "/users/7").unwrap() else {
        panic!("no route")
    };
    assert_eq!(route.origin.kind, OriginKind::File);
    let Lookup::Found { route, .. } =
        config.table.lookup(None, "POST", "/shop.v1.UserService/ListUsers").unwrap()
    else {
        panic!("no route")
    };
    assert_eq!((route.index, route.origin.kind), (3, OriginKind::Auto));
    assert_eq!(route.origin.to_string(), "shop.proto:15");
}

#[test]
fn an_annotation_that_does_not_bind_is_left_out_and_the_others_are_served() {
    let unbound = include_str!("config/files/unbound/unbound.proto");
    let yaml =
        include_str!("config/annotations-that-do-not-bind.yaml").replace("files/unbound", "unbound.proto");
    let folder = folder(&[("routes.yaml", &yaml), ("unbound.proto", unbound)]);
    let loaded = load_in(folder.path());
    let config = loaded.config.unwrap_or_else(|| panic!("{}", loaded.diagnostics));
    assert_eq!(routes(&config), ["GET /things/{id} -> Get"]);
    let found = config.table.lookup(None, "GET", "/things/7").unwrap();
    assert!(matches!(found, Lookup::Found { .. }), "{found:?}");
    assert!(matches!(config.table.lookup(None, "GET", "/found/7").unwrap(), Lookup::NotFound));
}

#[test]
fn annotations_name_their_proto_file() {
    let text = HEAD
        .replace("shop.v1.UserService: users", "shop.v1.UserService: {upstream: users, annotations: true}");
    let folder = folder(&[("routes.yaml", &text)]);
    let config = load_in(folder.path()).config.unwrap();
    assert_eq!(routes(&config), ["GET /users/{user_id} -> GetUser"]);
    assert_eq!(config.routes[0].origin.kind, OriginKind::Annotation);
    assert_eq!(config.routes[0].origin.to_string(), "shop.proto:11");
}

#[test]
fn hosts_lead_to_their_own_routes() {
    let config = model(
        "routes:\n  - get: /a\n    grpc: shop.v1.UserService/ListUsers\n  - get: /a\n    grpc: shop.v1.UserService/ListUsers\n    \
         host: api.example\n  - post: /a\n    grpc: shop.v1.UserService/CreateUser\n    host: \"*.example\"\n",
    );
    let find = |host, method| match config.table.lookup(host, method, "/a").unwrap() {
        Lookup::Found { route, .. } => route.index.to_string(),
        Lookup::MethodNotAllowed { allow } => allow,
        Lookup::NotFound => "none".to_owned(),
    };
    assert_eq!(find(None, "GET"), "0");
    assert_eq!(find(Some("api.example:3000"), "GET"), "1");
    assert_eq!(find(Some("api.example"), "POST"), "2");
    assert_eq!(find(Some("other.example"), "GET"), "0");
    assert_eq!(find(Some("api.example"), "DELETE"), "GET, HEAD, POST");
    assert_eq!(find(Some("elsewhere"), "POST"), "GET, HEAD");
}

#[test]
fn rules_of_a_service_configuration_are_routes() {
    let folder = folder(&[
        ("routes.yaml", &format!("{HEAD}include: [service.yaml]\n")),
        (
            "service.yaml",
            "type: google.api.Service\nconfig_version: 3\nhttp:\n  rules:\n    - selector: shop.v1.UserService.GetUser\n      \
             get: /v1/users/{user_id}\n      additional_bindings: [{get: \"/v1/people/{user_id}\"}]\n    \
             - selector: shop.v1.UserService.CreateUser\n      post: /v1/users\n      body: user\n    \
             - selector: shop.v1.UserService.ListUsers\n      post: /v1/users:list\n",
        ),
    ]);
    let loaded = load_in(folder.path());
    let config = loaded.config.unwrap_or_else(|| panic!("{}", loaded.diagnostics));
    assert_eq!(
        routes(&config),
        [
            "GET /v1/users/{user_id} -> GetUser",
            "GET /v1/people/{user_id} -> GetUser",
            "POST /v1/users -> CreateUser",
            "POST /v1/users:list -> ListUsers",
        ]
    );
    assert!(!config.routes[3].request.takes_body(), "such a rule has no body unless it says so");
}

#[test]
fn rules_of_a_service_configuration_override_annotations() {
    let proto = "syntax = \"proto3\";\npackage a.v1;\nimport \"google/api/annotations.proto\";\nmessage M { string id = 1; }\n\
                 service S {\n  rpc One(M) returns (M) { option (google.api.http) = {get: \"/annotated/{id}\"}; }\n  \
                 rpc Two(M) returns (M) { option (google.api.http) = {get: \"/two/{id}\"}; }\n}\n";
    let folder = folder(&[
        ("proto/a.proto", proto),
        (
            "routes.yaml",
            "descriptors: [proto/]\nupstreams: {u: {address: localhost:1}}\n\
             services: {a.v1.S: {upstream: u, annotations: true}}\n\
             http:\n  rules: [{selector: a.v1.S.One, get: \"/configured/{id}\"}]\n\
             routes: [{get: \"/written/{id}\", grpc: a.v1.S/Two}]\n",
        ),
    ]);
    let loaded = load_in(folder.path());
    let config = loaded.config.unwrap_or_else(|| panic!("{}", loaded.diagnostics));
    let expected = ["GET /configured/{id} -> One", "GET /written/{id} -> Two", "GET /two/{id} -> Two"];
    assert_eq!(routes(&config), expected, "only what stands in the service configuration does");
}

#[test]
fn variables_cannot_become_yaml() {
    let folder = folder(&[(
        "routes.yaml",
        "health: ${PATH_OF_HEALTH}\nupstreams:\n  a:\n    address: \"${HOST}:1\"\n",
    )]);
    let env = |name: &str| match name {
        "HOST" => Some("h".to_owned()),
        "PATH_OF_HEALTH" => Some("/h\nexplain: true".to_owned()),
        _ => None,
    };
    let loaded = config::load(&folder.path().join("routes.yaml"), &env);
    assert!(loaded.config.is_none(), "a value with a line break is no path, and no second key");
    assert!(loaded.diagnostics.to_string().contains("bad-value"), "{}", loaded.diagnostics);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever stands in the file, a load ends with a configuration or with findings that can be shown.
    #[test]
    fn no_text_makes_a_load_panic(cut in 0usize..2000, insert in "[ -~\\n\\t€]{0,12}", other in 0usize..2000) {
        let whole = include_str!("../../routes.yaml");
        let floor = |at: usize| whole.floor_char_boundary(at.min(whole.len()));
        let text = format!("{}{insert}{}", &whole[..floor(cut)], &whole[floor(other)..]);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("routes.yaml");
        std::fs::write(&file, text).unwrap();
        let loaded = config::load(&file, &|_| None);
        prop_assert_eq!(loaded.config.is_none(), loaded.diagnostics.has_errors());
        let _ = loaded.diagnostics.render(true);
        let _ = loaded.diagnostics.to_json();
        let _ = loaded.diagnostics.lines();
    }
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_back_is_not_followed() {
    let folder = folder(&[
        (
            "proto/a.proto",
            "syntax = \"proto3\"; package a.v1; service S { rpc M(Q) returns (Q); } message Q {}",
        ),
        ("proto/deep/b.proto", "syntax = \"proto3\"; package b.v1; message Q {}"),
        (
            "routes.yaml",
            "descriptors: [proto/]\nupstreams: {u: {address: localhost:1}}\nservices: {a.v1.S: u}\n\
             routes:\n  - {get: /m, grpc: a.v1.S/M}\n",
        ),
    ]);
    let root = folder.path().join("proto");
    std::os::unix::fs::symlink(".", root.join("here")).unwrap();
    std::os::unix::fs::symlink("..", root.join("deep/up")).unwrap();
    let loaded = load_in(folder.path());
    assert!(loaded.diagnostics.is_empty(), "{}", loaded.diagnostics.render(false));
}
