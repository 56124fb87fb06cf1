//! What `gateway init` writes: it loads without a finding whatever the descriptors, and reads as if a person had written it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;

use gateway::commands::init::{self, NamedUpstream, Origin, Written};
use gateway::config;
use proptest::prelude::*;
use transcode::Schema;

fn path(name: &str) -> Origin {
    Origin::Path { path: name.to_owned(), imports: Vec::new() }
}

/// Writes a file for these descriptors, and loads it: there must be nothing to say about it.
fn written(set: &[u8]) -> String {
    written_for(set, &[]).text
}

/// The same with named upstreams, and with the summary of what is left out.
fn written_for(set: &[u8], named: &[NamedUpstream]) -> Written {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("all.binpb"), set).unwrap();
    let schema = Schema::load(&[set]).unwrap();
    let written = init::write(&schema, &path("all.binpb"), "all.binpb", named).unwrap();
    let Written { text, summary } = written;
    let file = folder.path().join("routes.yaml");
    std::fs::write(&file, &text).unwrap();
    let loaded = config::load(&file, &|_| None);
    assert!(loaded.diagnostics.is_empty(), "{}\n{text}", loaded.diagnostics.render(false));
    assert!(!loaded.config.unwrap().routes.is_empty(), "{text}");
    Written { text, summary }
}

/// Services with a single method each, by their packages; compiled together.
fn services(of: &[(&str, &str)]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    for (index, (package, service)) in of.iter().enumerate() {
        let package = if package.is_empty() { String::new() } else { format!("package {package};") };
        let text = format!(
            "syntax = \"proto3\"; {package} message Item{index} {{ string id = 1; }} \
             service {service} {{ rpc GetItem{index}(Item{index}) returns (Item{index}); }}"
        );
        std::fs::write(folder.path().join(format!("{index}.proto")), text).unwrap();
    }
    let input = gateway::descriptors::Input::path("folder", folder.path());
    gateway::descriptors::compile_set(&[input]).unwrap()
}

/// What a file has under one of its keys, trimmed, without comments.
fn section(text: &str, key: &str) -> Vec<String> {
    let lines = text.lines().skip_while(|line| *line != format!("{key}:")).skip(1);
    let lines = lines.take_while(|line| !line.is_empty()).map(str::trim);
    lines.filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

/// The same for a .proto; gives the routes alone, without comments, a line each.
fn routes(proto: &str) -> Vec<String> {
    let text = written(&testkit::backend::compile(proto));
    let mut lines: Vec<String> = Vec::new();
    for line in text.split("\nroutes:\n").nth(1).unwrap().lines() {
        let line = line.trim();
        match line.strip_prefix("- ") {
            Some(first) if !line.starts_with('#') => lines.push(first.to_owned()),
            _ if line.is_empty() || line.starts_with('#') => {}
            _ => {
                let last = lines.last_mut().unwrap();
                last.push_str(" | ");
                last.push_str(line);
            }
        }
    }
    lines
}

#[track_caller]
fn check(proto: &str, expected: &[&str]) {
    assert_eq!(routes(&format!("syntax = \"proto3\"; {proto}")), expected);
}

#[test]
fn the_shop_gets_its_routes_from_its_annotations() {
    let text = written(&shop());
    for part in [
        "  # shop.user.v1.UserService\n  # Keeps the users of the shop.\n\n  # Registers a user. The email",
        "  - post: /users\n    grpc: shop.user.v1.UserService/CreateUser\n",
        "    additional_bindings:\n      - get: /orders\n",
        "  # Left out: it has no annotation.\n  # - post: /users/{user_id}:validate\n",
        "upstreams:\n  shop:\n    address: ${SHOP_URL:-localhost:50051}\n\n",
        "  shop.order.v1.OrderService: shop\n  shop.user.v1.UserService: shop\n",
    ] {
        assert!(text.contains(part), "{part}\n--- in\n{text}");
    }
}

#[test]
fn services_without_annotations_get_conventional_routes() {
    check(
        r#"package shop.v1;
        import "google/protobuf/field_mask.proto"; import "google/protobuf/empty.proto";
        service UserService {
          rpc CreateUser(CreateUserRequest) returns (UserAndNote);
          rpc GetUser(UserId) returns (UserAnswer);
          rpc GetUserByEmail(Email) returns (User);
          rpc ListUsers(Page) returns (Users);
          rpc UpdateUser(UpdateUserRequest) returns (User);
          rpc DeleteUser(UserId) returns (google.protobuf.Empty);
          rpc BanUser(UserId) returns (User);
          rpc BatchGetUsers(Ids) returns (Users);
          rpc UserLogin(Email) returns (User);
          rpc Ping(google.protobuf.Empty) returns (google.protobuf.Empty);
          rpc GetSettings(google.protobuf.Empty) returns (User);
          rpc ListUserOrders(UserId) returns (Users);
          rpc GetUserOrder(UserOrder) returns (User);
          rpc WatchUsers(Page) returns (stream User);
        }
        message User { int32 id = 1; string name = 2; }
        message UserAnswer { User user = 1; }
        message UserAndNote { User user = 1; string note = 2; }
        message CreateUserRequest { User user = 1; }
        message UserId { int32 user_id = 1; }
        message UserOrder { int32 user_id = 1; int32 order_id = 2; }
        message Email { string email = 1; }
        message Ids { repeated int32 ids = 1; }
        message Page { int32 page_size = 1; }
        message Users { repeated User users = 1; }
        message UpdateUserRequest { User user = 1; google.protobuf.FieldMask update_mask = 2; }"#,
        &[
            "post: /users | grpc: shop.v1.UserService/CreateUser | body: user | status: 201",
            "get: /users/{user_id} | grpc: shop.v1.UserService/GetUser | response_body: user",
            "get: /users/by-email/{email} | grpc: shop.v1.UserService/GetUserByEmail",
            "get: /users | grpc: shop.v1.UserService/ListUsers",
            "patch: /users/{user.id} | grpc: shop.v1.UserService/UpdateUser | body: user",
            "delete: /users/{user_id} | grpc: shop.v1.UserService/DeleteUser",
            "post: /users/{user_id}:ban | grpc: shop.v1.UserService/BanUser",
            "post: /users:batchGet | grpc: shop.v1.UserService/BatchGetUsers",
            "post: /users:login | grpc: shop.v1.UserService/UserLogin",
            "post: /users:ping | grpc: shop.v1.UserService/Ping",
            "get: /settings | grpc: shop.v1.UserService/GetSettings",
            "get: /users/{user_id}/orders | grpc: shop.v1.UserService/ListUserOrders",
            "get: /users/{user_id}/orders/{order_id} | grpc: shop.v1.UserService/GetUserOrder",
        ],
    );
}

#[test]
fn a_service_named_after_nothing_has_verbs_of_its_own() {
    check(
        r#"package hello; service Greeter { rpc SayHello(Name) returns (Name); rpc say_bye(Name) returns (Name); rpc _(Name) returns (Name); }
        message Name { string name = 1; }"#,
        &[
            "post: /greeter:sayHello | grpc: hello.Greeter/SayHello",
            "post: /greeter:sayBye | grpc: hello.Greeter/say_bye",
            "post: /greeter:_ | grpc: hello.Greeter/_",
        ],
    );
}

#[test]
fn annotations_in_googles_style_are_taken_as_they_are() {
    check(
        r#"package google.example.library.v1;
        import "google/api/annotations.proto"; import "google/protobuf/field_mask.proto"; import "google/protobuf/empty.proto";
        service LibraryService {
          rpc CreateBook(CreateBookRequest) returns (Book) {
            option (google.api.http) = { post: "/v1/{parent=shelves/*}/books" body: "book" };
          }
          rpc GetBook(Name) returns (Book) {
            option (google.api.http) = { get: "/v1/{name=shelves/*/books/*}" additional_bindings { get: "/v1/{name=books/**}" } };
          }
          rpc UpdateBook(UpdateBookRequest) returns (Book) {
            option (google.api.http) = { patch: "/v1/{book.name=shelves/*/books/*}" body: "book" };
          }
          rpc MergeShelves(Name) returns (Book) { option (google.api.http) = { post: "/v1/{name=shelves/*}:merge" body: "" }; }
          rpc Head(Name) returns (google.protobuf.Empty) { option (google.api.http) = { custom { kind: "HEAD" path: "/v1/{name=files/*}" } }; }
          rpc Price(Name) returns (Book) { option (google.api.http) = { get: "/v1/$price/{name}" }; }
        }
        message Book { string name = 1; string title = 2; }
        message Name { string name = 1; }
        message CreateBookRequest { string parent = 1; Book book = 2; }
        message UpdateBookRequest { Book book = 1; google.protobuf.FieldMask update_mask = 2; }"#,
        &[
            "post: /v1/{parent=shelves/*}/books | grpc: google.example.library.v1.LibraryService/CreateBook | body: book",
            "get: /v1/{name=shelves/*/books/*} | grpc: google.example.library.v1.LibraryService/GetBook | additional_bindings:",
            "get: /v1/{name=books/**}",
            "patch: /v1/{book.name=shelves/*/books/*} | grpc: google.example.library.v1.LibraryService/UpdateBook | body: book",
            "post: /v1/{name=shelves/*}:merge | grpc: google.example.library.v1.LibraryService/MergeShelves | body: \"\"",
            "custom: {kind: \"HEAD\", path: \"/v1/{name=files/*}\"} | grpc: google.example.library.v1.LibraryService/Head",
            "get: \"/v1/$$price/{name}\" | grpc: google.example.library.v1.LibraryService/Price",
        ],
    );
}

#[test]
fn annotations_that_cannot_be_served_stand_there_as_comments() {
    let set = testkit::backend::compile(
        r#"syntax = "proto3"; package a;
        import "google/api/annotations.proto";
        service S {
          rpc Fine(M) returns (M) { option (google.api.http) = { get: "/fine" }; }
          rpc Again(M) returns (M) { option (google.api.http) = { get: "/fine" }; }
          rpc Broken(M) returns (M) { option (google.api.http) = { get: "/{nothing}" }; }
          rpc NoPath(M) returns (M) { option (google.api.http) = { get: "no path" }; }
          rpc Body(M) returns (M) { option (google.api.http) = { get: "/body" body: "*" }; }
          rpc Health(M) returns (M) { option (google.api.http) = { get: "/health" }; }
          rpc Trace(M) returns (M) { option (google.api.http) = { custom { kind: "TRACE" path: "/t" } }; }
          rpc Stream(stream M) returns (M) { option (google.api.http) = { post: "/stream" body: "*" }; }
        }
        message M { string id = 1; }"#,
    );
    let text = written(&set);
    for part in [
        "# Left out: `GET /fine` calls a.S/Fine already.",
        "# Left out: `no path` is not a path",
        "# Left out: a body on GET has no meaning to HTTP.",
        "# Left out: the gateway answers at /health itself.",
        "# Left out: TRACE is not served.",
        "# Left out: it takes a stream",
    ] {
        assert!(text.contains(part), "{part}\n--- in\n{text}");
    }
    assert_eq!(text.matches("\n  - get").count(), 1, "{text}");
}

#[test]
fn services_that_share_a_name_are_told_apart() {
    let service = |package: &str| {
        format!(
            "syntax = \"proto3\"; package {package}; \
             service UserService {{ rpc GetUser(Id) returns (Id); rpc ListUsers(Id) returns (Id); }} \
             message Id {{ string id = 1; }}"
        )
    };
    let folder = tempfile::tempdir().unwrap();
    for package in ["shop.v1", "shop.v2", "admin.v1"] {
        std::fs::write(folder.path().join(format!("{package}.proto")), service(package)).unwrap();
    }
    std::fs::write(folder.path().join("none.proto"), service("none").replace("package none; ", "")).unwrap();
    let input = gateway::descriptors::Input::path("folder", folder.path());
    let set = gateway::descriptors::compile_set(&[input]).unwrap();
    let text = written(&set);
    for part in [
        "  admin:\n    address: ${ADMIN_URL:-localhost:50051}\n",
        "  server:\n    address: ${SERVER_URL:-localhost:50052}\n",
        "  shop:\n    address: ${SHOP_URL:-localhost:50053}\n",
        "  UserService: server\n",
        "  shop.v1.UserService: shop\n  shop.v2.UserService: shop\n",
        "  - get: /users/{id}\n    grpc: admin.v1.UserService/GetUser\n",
        "  - get: /shop/users/{id}\n    grpc: shop.v1.UserService/GetUser\n",
        "  - get: /v2/users\n    grpc: shop.v2.UserService/ListUsers\n",
        "  - get: /user-service/users\n    grpc: UserService/ListUsers\n",
    ] {
        assert!(text.contains(part), "{part}\n--- in\n{text}");
    }
}

#[test]
fn names_that_yaml_would_take_for_something_else_are_quoted() {
    check(
        r#"service True { rpc Null(Yes) returns (Yes); rpc Get1(Yes) returns (Yes); } message Yes { string no = 1; string _ = 2; }"#,
        &["post: /true:null | grpc: True/Null", "post: /true:get1 | grpc: True/Get1"],
    );
}

/// Runs `gateway` in a folder; gives its exit code, output and errors.
async fn gateway(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.args(args).current_dir(folder).env_clear();
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn shop() -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    std::fs::read(root.join("descriptors/shop.binpb")).unwrap()
}

#[tokio::test]
async fn a_running_server_is_asked_and_the_file_asks_it_again() {
    use testkit::reflection::{Reflecting, Version};
    let server = Reflecting::start(Version::V1Alpha, &shop()).await;
    let folder = tempfile::tempdir().unwrap();
    let address = server.address().to_string();
    let (code, out, err) =
        gateway(folder.path(), &["init", "--reflect", &address, "-o", "routes.yaml"]).await;
    let summary = "11 of 12 methods are routed; left out, each with a comment in the file:\n  \
                   1 method with streams, which are not served yet: shop.order.v1.OrderService/WatchOrders\n";
    assert_eq!((code, err.as_str()), (0, summary), "{out}");
    let text = std::fs::read_to_string(folder.path().join("routes.yaml")).unwrap();
    assert!(text.contains("  - reflection: server\n"), "{text}");
    assert!(text.contains(&format!("address: ${{SERVER_URL:-{address}}}")), "{text}");
    let (code, out, _) = gateway(folder.path(), &["check"]).await;
    assert_eq!((code, out.starts_with("ok: ")), (0, true), "{out}");
    // The server stays the source of the descriptors, whichever upstreams serve the services.
    for upstream in ["all=localhost:1", "server=localhost:1,shop.user"] {
        let args = ["init", "--reflect", &address, "--upstream", upstream, "-o", "named.yaml", "--force"];
        assert_eq!(gateway(folder.path(), &args).await.0, 0, "{upstream}");
        let (code, out, err) = gateway(folder.path(), &["check", "-c", "named.yaml"]).await;
        assert_eq!((code, out.starts_with("ok: 11 routes, 2 upstreams")), (0, true), "{out}{err}");
    }
    drop(server);
    let (code, out, _) = gateway(folder.path(), &["check"]).await;
    assert_eq!(code, 1);
    assert!(out.contains("error[reflection]") && out.contains("routes.yaml:10:17"), "{out}");
    let (code, _, err) = gateway(folder.path(), &["init", "--reflect", &address]).await;
    assert_eq!(code, 1);
    assert!(err.contains("connection refused") && err.contains("--proto"), "{err}");
}

#[tokio::test]
async fn a_file_that_is_there_stays_unless_it_is_forced_away() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("shop.binpb"), shop()).unwrap();
    std::fs::create_dir(folder.path().join("conf")).unwrap();
    let file = folder.path().join("conf/routes.yaml");
    let args = ["init", "--descriptors", "shop.binpb", "-o", "conf/routes.yaml"];
    assert_eq!(gateway(folder.path(), &args).await.0, 0);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("  - ../shop.binpb\n"), "the path is relative to the file:\n{text}");
    std::fs::write(&file, "mine").unwrap();
    let (code, _, err) = gateway(folder.path(), &args).await;
    assert_eq!((code, err.contains("--force")), (1, true), "{err}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    assert_eq!(gateway(folder.path(), &[&args[..], &["--force"]].concat()).await.0, 0);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    assert_eq!(gateway(folder.path(), &["check", "-c", "conf/routes.yaml"]).await.0, 0);
}

#[tokio::test]
async fn what_cannot_be_routed_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("none.proto", "syntax = \"proto3\"; message M {}");
    write("streams.proto", "syntax = \"proto3\"; message M {} service S { rpc A(stream M) returns (M); }");
    write("broken.proto", "syntax = \"proto3\";\nmessage M { strin a = 1; }");
    for (args, code, expected) in [
        (&["init", "--proto", "none.proto"][..], 1, "none.proto: there is no gRPC service in it"),
        (&["init", "--proto", "streams.proto"], 1, "it takes a stream"),
        (&["init", "--proto", "broken.proto"], 1, "broken.proto:2: "),
        (&["init", "--proto", "absent"], 1, "absent: No such file"),
        (&["init", "--reflect", "nowhere"], 1, "has no port"),
        (&["init"], 2, "--descriptors"),
        (&["init", "--proto", "none.proto", "--upstream", "a"], 2, "expected NAME=ADDRESS"),
        (&["init", "--proto", "none.proto", "--upstream", "a=localhost"], 2, "has no port"),
        (&["init", "--proto", "a", "--reflect", "b"], 2, "cannot be used with"),
    ] {
        let (found, _, err) = gateway(folder.path(), args).await;
        assert_eq!((found, err.contains(expected)), (code, true), "{args:?}: {err}");
    }
}

/// Names as people and generators give them.
fn word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "Get",
        "List",
        "Create",
        "Update",
        "Delete",
        "Add",
        "By",
        "User",
        "Users",
        "Order",
        "OrderItem",
        "Status",
        "Id",
        "id",
        "name",
        "V2",
        "_",
        "X",
        "9",
        "On",
        "Null",
        "Health",
        "Batch",
        "Or",
        "Remove",
        "Stream",
        "Version",
        "All",
        "service",
        "API",
    ])
}

fn identifier() -> impl Strategy<Value = String> {
    prop::collection::vec(word(), 1..4).prop_map(|words| {
        let name = words.concat();
        if name.starts_with(|c: char| c.is_ascii_digit()) { format!("N{name}") } else { name }
    })
}

fn field_type() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "string",
        "int32",
        "int64",
        "bool",
        "bytes",
        "double",
        "repeated string",
        "map<string, string>",
        "google.protobuf.FieldMask",
        "google.protobuf.Timestamp",
        "M0",
        "M1",
        "repeated M0",
        "E",
    ])
}

/// The fields of a message, their JSON names distinct.
fn message() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "id",
        "user_id",
        "order_id",
        "name",
        "user",
        "order",
        "items",
        "update_mask",
        "status",
    ]);
    prop::collection::btree_map(name, field_type(), 0..4).prop_map(|fields| {
        let fields = fields.iter().zip(1..).map(|((name, of), number)| format!("{of} {name} = {number};"));
        fields.collect::<String>()
    })
}

fn method() -> impl Strategy<Value = (String, String)> {
    let stream = prop::sample::select(vec!["", "", "", "stream "]);
    (identifier(), 0..4_usize, stream.clone(), 0..4_usize, stream).prop_map(
        |(name, input, takes, output, answers)| {
            let text = format!("rpc {name}({takes}M{input}) returns ({answers}M{output});");
            (name, text)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_descriptors_the_file_loads_without_a_finding(
        package in prop::sample::select(vec!["", "package shop.v1;", "package On.v1.null;"]),
        messages in prop::collection::vec(message(), 4),
        services in prop::collection::btree_map(identifier(), prop::collection::vec(method(), 1..8), 1..4),
    ) {
        let mut proto = format!(
            "syntax = \"proto3\"; {package} import \"google/protobuf/field_mask.proto\"; \
             import \"google/protobuf/timestamp.proto\"; enum E {{ Z0 = 0; }}"
        );
        for (index, body) in messages.iter().enumerate() {
            proto.push_str(&format!("message M{index} {{ {body} }}"));
        }
        for (name, methods) in &services {
            let methods: std::collections::BTreeMap<&String, &String> = methods.iter().map(|(name, text)| (name, text)).collect();
            let methods: String = methods.into_values().map(String::as_str).collect();
            // Nothing else is called so.
            proto.push_str(&format!("service S{name} {{ {methods} rpc Unary(M0) returns (M0); }}"));
        }
        written(&testkit::backend::compile(&proto));
    }
}

#[test]
fn services_with_the_same_annotated_paths_are_told_apart_by_a_prefix() {
    let proto = |package: &str| {
        format!(
            r#"syntax = "proto3"; package lib.{package}.v1; import "google/api/annotations.proto";
            message Item {{ string id = 1; }}
            service Things {{
              rpc Create(Item) returns (Item) {{ option (google.api.http) = {{ post: "/create" body: "*" }}; }}
              rpc Get(Item) returns (Item) {{ option (google.api.http) = {{ get: "/{package}/{{id}}" }}; }}
            }}"#
        )
    };
    let folder = tempfile::tempdir().unwrap();
    for package in ["admin", "auth"] {
        std::fs::write(folder.path().join(format!("{package}.proto")), proto(package)).unwrap();
    }
    let input = gateway::descriptors::Input::path("all", folder.path());
    let text = written(&gateway::descriptors::compile_set(&[input]).unwrap());
    for part in [
        "  - post: /create\n    grpc: lib.admin.v1.Things/Create\n",
        "  - get: /admin/{id}\n    grpc: lib.admin.v1.Things/Get\n",
        "  # Below /auth: other services have the paths of its annotations.\n",
        "  - post: /auth/create\n    grpc: lib.auth.v1.Things/Create\n",
        "  - get: /auth/auth/{id}\n    grpc: lib.auth.v1.Things/Get\n",
    ] {
        assert!(text.contains(part), "{part}\n--- in\n{text}");
    }
}

#[test]
fn services_of_grpc_libraries_are_left_out_by_their_names_and_listed() {
    let service = |package: &str, name: &str| {
        format!(
            "syntax = \"proto3\"; package {package}; message Item {{ string id = 1; }} \
             service {name} {{ rpc GetItem(Item) returns (Item); }}"
        )
    };
    let compiled = |services: &[(&str, &str)]| {
        let folder = tempfile::tempdir().unwrap();
        for (package, name) in services {
            std::fs::write(folder.path().join(format!("{package}.proto")), service(package, name)).unwrap();
        }
        gateway::descriptors::compile_set(&[gateway::descriptors::Input::path("all", folder.path())]).unwrap()
    };
    let text = written(&compiled(&[
        ("grpc.examples.echo", "Echo"),
        ("grpc.health.v1", "Health"),
        ("grpc.channelz.v1", "Channelz"),
        ("google.longrunning", "Operations"),
    ]));
    let left_out = "  # Left out, because they come with gRPC libraries: grpc.channelz.v1.Channelz, grpc.health.v1.Health.\n";
    for part in
        [left_out, "grpc: grpc.examples.echo.Echo/GetItem", "grpc: google.longrunning.Operations/GetItem"]
    {
        assert!(text.contains(part), "{part}\n--- in\n{text}");
    }
    let schema = Schema::load(&[&compiled(&[("grpc.health.v1", "Health")])]).unwrap();
    let error = init::write(&schema, &path("a"), "a", &[]).unwrap_err().to_string();
    assert!(error.contains("grpc.health.v1.Health"), "{error}");
}

/// Services by package and name, and the upstreams that they get.
type UpstreamsOf = (&'static [(&'static str, &'static str)], &'static [&'static str]);

#[test]
fn services_with_one_package_root_have_one_upstream() {
    let table: [UpstreamsOf; 10] = [
        (&[("yandex.cloud.compute.v1", "Disks"), ("yandex.cloud.iam.v1", "Keys")], &["yandex"]),
        (&[("etcdserverpb", "KV"), ("etcdserverpb", "Lease"), ("v3lockpb", "Lock")], &["server"]),
        (&[("etcdserverpb", "KV"), ("etcdserverpb", "Lease")], &["etcdserverpb"]),
        (&[("qdrant", "Points"), ("qdrant", "Snapshots"), ("qdrant.serverless", "Shards")], &["qdrant"]),
        (
            &[("cosmos.auth.v1", "A"), ("cosmos.bank.v1", "B"), ("ibc.v1", "C"), ("ibc.v2", "D")],
            &["cosmos", "ibc"],
        ),
        (&[("com.acme.user.v1", "A"), ("com.acme.order.v1", "B"), ("com.other.v1", "C")], &["acme", "c"]),
        (
            &[("com.acme.v1", "A"), ("com.acme.v2", "B"), ("org.acme.v1", "C"), ("org.acme.v2", "D")],
            &["comAcme", "orgAcme"],
        ),
        (&[("", "Greeter"), ("", "Teller")], &["server"]),
        (&[("user.v1", "UserService"), ("order.v1", "OrderService")], &["userService", "orderService"]),
        (&[("a.v1", "Users"), ("b.v1", "Users")], &["a", "b"]),
    ];
    for (of, expected) in table {
        let text = written(&services(of));
        let names: Vec<String> = section(&text, "upstreams")
            .iter()
            .filter_map(|line| Some(line.strip_suffix(':')?.to_owned()))
            .collect();
        assert_eq!(names, expected, "{of:?}\n{text}");
    }
}

#[test]
fn named_upstreams_serve_their_packages_and_one_serves_the_rest() {
    let set = services(&[
        ("shop.user.v1", "Users"),
        ("shop.user.v1", "Keys"),
        ("shop.order.v1", "Orders"),
        ("shop.orders", "Other"),
        ("billing.v1", "Bills"),
    ]);
    let named =
        |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<NamedUpstream>>();
    let text = written_for(
        &set,
        &named(&["users=https://users:443,shop.user", "keys=unix:/keys,shop.user.v1.Keys", "all=shop:1"]),
    );
    let text = text.text;
    assert_eq!(
        section(&text, "upstreams"),
        [
            "users:",
            "address: ${USERS_URL:-https://users:443}",
            "keys:",
            "address: ${KEYS_URL:-unix:/keys}",
            "all:",
            "address: ${ALL_URL:-shop:1}"
        ]
    );
    let mut of = section(&text, "services");
    of.sort();
    assert_eq!(
        of,
        [
            "billing.v1.Bills: all",
            "shop.order.v1.Orders: all",
            "shop.orders.Other: all",
            "shop.user.v1.Keys: keys",
            "shop.user.v1.Users: users"
        ]
    );
    // What no named upstream serves gets the upstream of its root, under another name.
    let text = written_for(&set, &named(&["shop=orders:1,shop.order"])).text;
    assert_eq!(section(&text, "upstreams").len(), 6, "{text}");
    let of = section(&text, "services");
    assert!(of.contains(&"shop.order.v1.Orders: shop".to_owned()), "{text}");
    assert!(of.contains(&"shop.user.v1.Users: shop2".to_owned()), "{text}");

    let schema = Schema::load(&[&set]).unwrap();
    let origin = path("a");
    for (texts, expected) in [
        (&["a=x:1,shop", "a=y:1,billing"][..], "the upstream `a` is named twice"),
        (&["a=x:1", "b=y:1"], "`a` and `b`"),
        (&["a=x:1,shop.orde"], "the upstream `a` serves nothing: no routed service is left in shop.orde"),
        (&["a=x:1,shop,billing", "b=y:1"], "the upstream `b` serves nothing"),
    ] {
        let error = init::write(&schema, &origin, "a", &named(texts)).unwrap_err().to_string();
        assert!(error.contains(expected), "{texts:?}: {error}");
    }
    for text in ["", "a", "=x:1", "a=", "a=x", "a=x:1,", "a=x:1,,b", "a b=x:1", "a=ftp://x:1"] {
        assert!(text.parse::<NamedUpstream>().is_err(), "{text}");
    }
}

#[test]
fn verbs_without_a_noun_are_about_what_the_service_is_named_after() {
    check(
        r#"package containers.v1;
        import "google/protobuf/field_mask.proto"; import "google/protobuf/empty.proto";
        service Containers {
          rpc Get(ById) returns (One);
          rpc List(Filter) returns (Many);
          rpc ListStream(Filter) returns (stream One);
          rpc Create(CreateRequest) returns (One);
          rpc Update(UpdateRequest) returns (One);
          rpc Delete(ById) returns (google.protobuf.Empty);
          rpc Pause(ById) returns (google.protobuf.Empty);
          rpc Prune(google.protobuf.Empty) returns (google.protobuf.Empty);
          rpc DeleteAll(google.protobuf.Empty) returns (google.protobuf.Empty);
          rpc GetByName(ByName) returns (One);
          rpc Status(ById) returns (Filter);
        }
        service TaskService { rpc Get(Process) returns (Process); rpc GetAll(Filter) returns (Many); rpc Remove(Process) returns (One); }
        service Config { rpc Get(google.protobuf.Empty) returns (Settings); rpc Update(Settings) returns (Settings); rpc Reload(google.protobuf.Empty) returns (Settings); }
        message Container { string id = 1; }
        message ById { string id = 1; }
        message ByName { string name = 1; }
        message One { Container container = 1; }
        message Many { repeated Container containers = 1; }
        message Filter { string filter = 1; }
        message CreateRequest { Container container = 1; }
        message UpdateRequest { Container container = 1; google.protobuf.FieldMask update_mask = 2; }
        message Process { string container_id = 1; string exec_id = 2; }
        message Settings { string level = 1; }"#,
        &[
            "get: /containers/{id} | grpc: containers.v1.Containers/Get | response_body: container",
            "get: /containers | grpc: containers.v1.Containers/List",
            "post: /containers | grpc: containers.v1.Containers/Create | body: container | response_body: container | status: 201",
            "patch: /containers/{container.id} | grpc: containers.v1.Containers/Update | body: container | response_body: container",
            "delete: /containers/{id} | grpc: containers.v1.Containers/Delete",
            "post: /containers/{id}:pause | grpc: containers.v1.Containers/Pause",
            "post: /containers:prune | grpc: containers.v1.Containers/Prune",
            "post: /containers:deleteAll | grpc: containers.v1.Containers/DeleteAll",
            "get: /containers/by-name/{name} | grpc: containers.v1.Containers/GetByName | response_body: container",
            "get: /containers/{id}/status | grpc: containers.v1.Containers/Status",
            "get: /tasks/{container_id} | grpc: containers.v1.TaskService/Get",
            "get: /tasks | grpc: containers.v1.TaskService/GetAll",
            "delete: /tasks/{container_id} | grpc: containers.v1.TaskService/Remove",
            "get: /config | grpc: containers.v1.Config/Get",
            "patch: /config | grpc: containers.v1.Config/Update",
            "post: /config:reload | grpc: containers.v1.Config/Reload",
        ],
    );
}

#[test]
fn states_and_verbs_in_pairs_get_paths_that_say_what_they_do() {
    check(
        r#"package a.v1;
        import "google/protobuf/empty.proto";
        service Version { rpc Version(google.protobuf.Empty) returns (M); }
        service Health { rpc Check(M) returns (M); }
        service Check { rpc Check(M) returns (M); }
        service AuthService { rpc Check(M) returns (M); rpc Status(Deep) returns (M); }
        service Admin {
          rpc AddOrUpdateRemoteCluster(Address) returns (M);
          rpc RemoveRemoteCluster(Name) returns (M);
          rpc CreateOrUpdateRole(Role) returns (M);
          rpc GetOrCreateRole(Role) returns (M);
          rpc GetUserById(M) returns (M);
          rpc ListUsersByOwner(Owner) returns (M);
        }
        message M { string id = 1; }
        message Deep { M m = 1; }
        message Name { string name = 1; }
        message Address { string address = 1; bool on = 2; }
        message Role { string role_id = 1; string text = 2; }
        message Owner { string owner_id = 1; }"#,
        &[
            "get: /version | grpc: a.v1.Version/Version",
            "get: /health:check | grpc: a.v1.Health/Check",
            "post: /check | grpc: a.v1.Check/Check",
            "post: /auth:check | grpc: a.v1.AuthService/Check",
            "post: /auth:status | grpc: a.v1.AuthService/Status",
            "post: /remote-clusters:addOrUpdate | grpc: a.v1.Admin/AddOrUpdateRemoteCluster",
            "delete: /remote-clusters/{name} | grpc: a.v1.Admin/RemoveRemoteCluster",
            "put: /roles/{role_id} | grpc: a.v1.Admin/CreateOrUpdateRole",
            "post: /roles/{role_id}:getOrCreate | grpc: a.v1.Admin/GetOrCreateRole",
            "get: /users/{id} | grpc: a.v1.Admin/GetUserById",
            "get: /users/by-owner/{owner_id} | grpc: a.v1.Admin/ListUsersByOwner",
        ],
    );
}

#[test]
fn nouns_before_their_verbs_are_nouns_where_two_methods_have_them() {
    check(
        r#"package a;
        service Cluster {
          rpc MemberAdd(Text) returns (Text);
          rpc MemberRemove(Id) returns (Text);
          rpc MemberList(Text) returns (Text);
          rpc MemberPromote(Id) returns (Text);
          rpc MemberGrantRole(Text) returns (Text);
          rpc RoleGet(Role) returns (Text);
          rpc RoleAdd(Role) returns (Text);
          rpc SubmitList(Text) returns (Text);
          rpc BatchGet(Text) returns (Text);
          rpc BatchCreate(Text) returns (Text);
        }
        message Text { bytes text = 1; }
        message Id { uint64 ID = 1; }
        message Role { string role = 1; }"#,
        &[
            "post: /members | grpc: a.Cluster/MemberAdd | status: 201",
            "delete: /members/{ID} | grpc: a.Cluster/MemberRemove",
            "get: /members | grpc: a.Cluster/MemberList",
            "post: /members/{ID}:promote | grpc: a.Cluster/MemberPromote",
            "post: /members:grantRole | grpc: a.Cluster/MemberGrantRole",
            "get: /roles/{role} | grpc: a.Cluster/RoleGet",
            "post: /roles | grpc: a.Cluster/RoleAdd | status: 201",
            "post: /cluster:submitList | grpc: a.Cluster/SubmitList",
            "post: /cluster:batchGet | grpc: a.Cluster/BatchGet",
            "post: /cluster:batchCreate | grpc: a.Cluster/BatchCreate",
        ],
    );
}

#[test]
fn a_service_that_keeps_no_things_is_no_noun_and_a_manner_is_none_either() {
    check(
        r#"package a;
        service MilvusService { rpc Delete(Id) returns (Id); rpc Upsert(Id) returns (Id); rpc Search(Id) returns (Id); rpc HealthCheck(Id) returns (Id); }
        service Points {
          rpc Get(Id) returns (Id);
          rpc Update(Id) returns (Id);
          rpc UpdateBatch(Texts) returns (Texts);
          rpc SearchBatch(Texts) returns (Texts);
        }
        service Jobs { rpc GetBatch(Id) returns (Id); rpc CancelBatch(Id) returns (Id); }
        message Id { string id = 1; }
        message Texts { repeated string texts = 1; }"#,
        &[
            "post: /milvus:delete | grpc: a.MilvusService/Delete",
            "post: /milvus:upsert | grpc: a.MilvusService/Upsert",
            "post: /milvus:search | grpc: a.MilvusService/Search",
            "get: /milvus:healthCheck | grpc: a.MilvusService/HealthCheck",
            "get: /points/{id} | grpc: a.Points/Get",
            "patch: /points/{id} | grpc: a.Points/Update",
            "post: /points:updateBatch | grpc: a.Points/UpdateBatch",
            "post: /points:searchBatch | grpc: a.Points/SearchBatch",
            "get: /batches/{id} | grpc: a.Jobs/GetBatch",
            "post: /batches/{id}:cancel | grpc: a.Jobs/CancelBatch",
        ],
    );
}

#[test]
fn things_of_a_service_own_what_names_their_id() {
    check(
        r#"package a;
        service Users {
          rpc Get(UserId) returns (Item);
          rpc ListOrders(UserId) returns (Item);
          rpc GetOrder(UserOrder) returns (Item);
          rpc CreateOrder(UserItem) returns (Item);
          rpc ListRoles(Item) returns (Item);
          rpc DeleteUserKeys(UserId) returns (Item);
          rpc ResetUser(EitherWay) returns (Item);
          rpc ListNotes(EitherWay) returns (Item);
        }
        message EitherWay { string user_name = 1; string user_id = 2; }
        message UserId { string userId = 1; int32 depth = 2; }
        message UserOrder { string userId = 1; string orderId = 2; }
        message UserItem { string userId = 1; Item item = 2; }
        message Item { bool on = 1; }"#,
        &[
            "get: /users/{userId} | grpc: a.Users/Get",
            "get: /users/{userId}/orders | grpc: a.Users/ListOrders",
            "get: /users/{userId}/orders/{orderId} | grpc: a.Users/GetOrder",
            "post: /users/{userId}/orders | grpc: a.Users/CreateOrder | status: 201",
            "get: /roles | grpc: a.Users/ListRoles",
            "delete: /users/{userId}/keys | grpc: a.Users/DeleteUserKeys",
            "post: /users:reset | grpc: a.Users/ResetUser",
            "get: /notes | grpc: a.Users/ListNotes",
        ],
    );
}

#[test]
fn everything_that_is_left_out_has_a_line() {
    let set = testkit::backend::compile(
        r#"syntax = "proto3"; package a;
        import "google/api/annotations.proto";
        service S {
          rpc Fine(M) returns (M) { option (google.api.http) = { get: "/fine" additional_bindings { get: "/{none}" } additional_bindings { get: "/also" } }; }
          rpc Again(M) returns (M) { option (google.api.http) = { get: "/fine" }; }
          rpc Broken(M) returns (M) { option (google.api.http) = { get: "no path" additional_bindings { get: "no path" } }; }
          rpc Stream(stream M) returns (M) { option (google.api.http) = { post: "/stream" body: "*" }; }
          rpc Plain(M) returns (M);
        }
        service Empty {}
        service T { rpc ListStream(M) returns (stream M); rpc Get(M) returns (M); }
        message M { string id = 1; }"#,
    );
    let Written { text, summary } = written_for(&set, &[]);
    assert_eq!(
        summary,
        [
            "2 of 7 methods are routed; left out, each with a comment in the file:",
            "  2 methods with streams, which are not served yet: a.S/Stream, a.T/ListStream",
            "  1 method without an annotation in a service that has some: a.S/Plain",
            "  1 method with a path of other routes: a.S/Again",
            "  1 method with an annotation that cannot be served: a.S/Broken",
            "  1 further path of routed methods: GET /{none}",
            "  1 service without methods: a.Empty",
        ]
    );
    for part in [
        "  # Left out: `GET /{none}`: ",
        "  - get: /fine\n    grpc: a.S/Fine\n    additional_bindings:\n      - get: /also\n",
        "  # Left out, because they have no methods: a.Empty.\n",
        "  # - get: /ts:stream\n",
    ] {
        assert!(text.contains(part), "{part}\n--- in\n{text}");
    }
    assert_eq!(text.matches("`no path` is not a path").count(), 1, "each reason once:\n{text}");
    let quiet = written_for(&services(&[("a.v1", "S")]), &[]);
    assert_eq!(quiet.summary, Vec::<String>::new());
}
