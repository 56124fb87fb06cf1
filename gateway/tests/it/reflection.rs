//! A server as the source of its own descriptors: asked at start, asked again, gone, and at odds with itself.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gateway::descriptors::{Input, Question, ReflectError, Reflected, load, reflect};
use http::StatusCode;
use prost::Message;
use prost_types::FileDescriptorProto;
use serde_json::{Value, json};
use testkit::backend::{Backend, compile, reply};
use testkit::reflection::{
    ErrorResponse, FileDescriptorResponse, ListServiceResponse, MessageRequest, MessageResponse, Reflecting,
    ServiceResponse, Version,
};
use upstream::{Address, UpstreamSpec};

use crate::harness::{Gateway, request, routes, send};

/// What the server describes; `book` is the body of the message.
fn library(book: &str) -> String {
    format!(
        r#"syntax = "proto3";
        package library.v1;
        import "google/protobuf/timestamp.proto";
        service Library {{ rpc GetBook(GetBookRequest) returns (Book); rpc AddBook(Book) returns (Book); }}
        message GetBookRequest {{ string name = 1; }}
        message Book {{ string name = 1; google.protobuf.Timestamp printed = 2; {book} }}"#
    )
}

const TITLE: &str = "string title = 3;";

/// A service that knows all fields that a book ever had.
async fn backend() -> Backend {
    let proto = library("string title = 3; int32 pages = 4;");
    Backend::of(&proto)
        .on("library.v1.Library/GetBook", |_| reply(json!({"title": "Emma"})))
        .on("library.v1.Library/AddBook", |seen| reply(seen.json()))
        .start()
        .await
}

fn yaml(server: &Reflecting, backend: &Backend) -> String {
    format!(
        "listeners: [{{address: 127.0.0.1:0}}]\n\
         admin: {{address: 127.0.0.1:0, hosts: [shop.example]}}\n\
         descriptors: [{{reflection: library}}]\n\
         upstreams:\n  library: {{address: {}}}\n  shelf: {{address: {}}}\n\
         services:\n  library.v1.Library: shelf\n\
         routes:\n\
         \x20 - get: /books/{{name}}\n    grpc: library.v1.Library/GetBook\n\
         \x20 - post: /books\n    grpc: library.v1.Library/AddBook\n",
        server.address(),
        backend.address()
    )
}

async fn reloads(gateway: &Gateway) -> Value {
    let answer = send(gateway.admin(), request(http::Method::GET, "/reloads")).await;
    serde_json::from_slice(&answer.body).unwrap()
}

/// Waits for the newest reload to be of this trigger and outcome; gives it.
async fn newest(gateway: &Gateway, trigger: &str, outcome: &str) -> Value {
    let started = Instant::now();
    loop {
        let newest = reloads(gateway).await[0].clone();
        if newest["trigger"] == trigger && newest["outcome"] == outcome {
            return newest;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "no {outcome} {trigger}, but {newest}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn both_versions_of_reflection_describe_services() {
    for version in [Version::V1, Version::V1Alpha] {
        let (server, backend) =
            (Reflecting::start(version, &compile(&library(TITLE))).await, backend().await);
        let gateway = routes(&yaml(&server, &backend)).start().await;
        let answer = gateway.get("/books/emma").await;
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({"title": "Emma"})), "{version:?}");
        // The well-known types are the gateway's own.
        let answer = gateway.send("POST", "/books", r#"{"printed":"1815-12-23T00:00:00Z"}"#).await;
        assert_eq!(answer.json(), json!({"printed": "1815-12-23T00:00:00Z"}), "{version:?}");
    }
}

#[tokio::test]
async fn a_server_without_reflection_is_told_with_its_place() {
    let (server, backend) =
        (Reflecting::start(Version::Neither, &compile(&library(TITLE))).await, backend().await);
    let error = routes(&yaml(&server, &backend)).try_start().await.err().unwrap().to_string();
    assert!(error.contains("routes.yaml:3:28"), "{error}");
    assert!(error.contains("neither grpc.reflection.v1 nor grpc.reflection.v1alpha"), "{error}");
}

#[tokio::test]
async fn what_a_server_adds_is_live_without_a_save() {
    let (server, backend) =
        (Reflecting::start(Version::V1, &compile(&library(TITLE))).await, backend().await);
    let gateway = routes(&yaml(&server, &backend)).start().await;
    let book = r#"{"title":"Emma","pages":474}"#;
    assert_eq!(gateway.send("POST", "/books", book).await.status, StatusCode::BAD_REQUEST);
    server.describe(&compile(&library("string title = 3; int32 pages = 4;")));
    let entry = newest(&gateway, "reflection", "applied").await;
    let text = entry["text"].as_str().unwrap();
    let added = "descriptors: 2 changes, none of which breaks clients: response field `pages` of library.v1.Book is new";
    assert!(text.starts_with(added) && text.ends_with(", ~ descriptors of library"), "{text}");
    let answer = gateway.send("POST", "/books", book).await;
    assert_eq!(answer.json(), json!({"title": "Emma", "pages": 474}));
}

#[tokio::test]
async fn what_breaks_clients_is_held_back_until_somebody_orders_it() {
    let (server, backend) =
        (Reflecting::start(Version::V1, &compile(&library(TITLE))).await, backend().await);
    let gateway = routes(&yaml(&server, &backend)).start().await;
    server.describe(&compile(&library("int32 pages = 4;")));
    let entry = newest(&gateway, "reflection", "held").await;
    let text = entry["text"].as_str().unwrap();
    assert!(text.contains("request field `title` of library.v1.Book is gone"), "{text}");
    assert!(text.contains("routes.yaml:3:28") && text.contains("POST /reload"), "{text}");
    assert_eq!(entry["version"], Value::Null);
    assert_eq!(gateway.get("/books/emma").await.json(), json!({"title": "Emma"}), "the old ones go on");

    // A save does not confirm it, and goes live all the same, with a warning.
    gateway.save("routes.yaml", yaml(&server, &backend).replace("get: /books", "get: /volumes"));
    let entry = newest(&gateway, "file", "applied").await;
    assert!(entry["warnings"][0].as_str().unwrap().contains("has changed in ways that break clients"));
    assert_eq!(gateway.get("/volumes/emma").await.json(), json!({"title": "Emma"}));

    let (status, text) = gateway.reload().await;
    assert_eq!(status, StatusCode::OK, "{text}");
    assert_eq!(gateway.get("/volumes/emma").await.json(), json!({}), "the title is unknown now");
    let held = reloads(&gateway).await.as_array().unwrap().iter().filter(|e| e["outcome"] == "held").count();
    assert_eq!(held, 1, "the same is not told again and again");
}

#[tokio::test]
async fn a_server_that_is_gone_takes_nothing_down() {
    let (server, backend) =
        (Reflecting::start(Version::V1, &compile(&library(TITLE))).await, backend().await);
    let text = yaml(&server, &backend);
    let gateway = routes(&text).start().await;
    drop(server);
    gateway.save("routes.yaml", text.replace("get: /books", "get: /volumes"));
    let entry = newest(&gateway, "file", "applied").await;
    let warning = entry["warnings"][0].as_str().unwrap();
    assert!(warning.contains("cannot ask `library` for its descriptors"), "{warning}");
    assert_eq!(gateway.get("/volumes/emma").await.json(), json!({"title": "Emma"}));
    let (status, text) = gateway.reload().await;
    assert_eq!(status, StatusCode::OK, "an order takes nothing down either: {text}");
    assert!(text.contains("cannot ask `library`"), "whoever orders it is told: {text}");
    assert_eq!(gateway.get("/volumes/emma").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_server_and_a_file_that_disagree_are_both_shown() {
    let (server, backend) =
        (Reflecting::start(Version::V1, &compile(&library(TITLE))).await, backend().await);
    let yaml = yaml(&server, &backend).replace("[{reflection", "[other.binpb, {reflection");
    let other = compile(&library("bytes title = 3;"));
    let error = routes(&yaml).file("other.binpb", other).try_start().await.err().unwrap().to_string();
    assert!(error.contains("error[descriptors-conflict]"), "{error}");
    assert!(error.contains("reflection of library") && error.contains("differs from this one"), "{error}");
}

/// Asks a server that answers by this script; it has half a second.
async fn asked(
    script: impl Fn(MessageRequest) -> Vec<MessageResponse> + Send + Sync + 'static,
) -> Result<Reflected, ReflectError> {
    let server = Reflecting::scripted(script).await;
    let spec = UpstreamSpec::new(vec![Address::parse(&server.address().to_string()).unwrap()]);
    reflect(&Question { upstream: "library".into(), spec, patience: Duration::from_millis(500) }).await
}

fn list(names: &[&str]) -> MessageResponse {
    let service = names.iter().map(|name| ServiceResponse { name: (*name).to_owned() }).collect();
    MessageResponse::ListServicesResponse(ListServiceResponse { service })
}

fn none() -> MessageResponse {
    let error_message = "there is none".to_owned();
    MessageResponse::ErrorResponse(ErrorResponse { error_code: 5, error_message })
}

/// A file with a message of its name in capitals, which holds one of each import.
fn file(name: &str, imports: &[&str]) -> MessageResponse {
    let field = |(number, import): (i32, &&str)| prost_types::FieldDescriptorProto {
        name: Some(format!("f{number}")),
        number: Some(number),
        label: Some(1),
        r#type: Some(11),
        type_name: Some(format!(".{}", import.to_uppercase())),
        ..Default::default()
    };
    let message = prost_types::DescriptorProto {
        name: Some(name.to_uppercase()),
        field: (1..).zip(imports).map(field).collect(),
        ..Default::default()
    };
    let method = prost_types::MethodDescriptorProto {
        name: Some("M".to_owned()),
        input_type: Some(format!(".{}", name.to_uppercase())),
        output_type: Some(format!(".{}", name.to_uppercase())),
        ..Default::default()
    };
    let service = prost_types::ServiceDescriptorProto {
        name: Some(format!("S{name}")),
        method: vec![method],
        ..Default::default()
    };
    let file = FileDescriptorProto {
        name: Some(name.to_owned()),
        dependency: imports.iter().map(ToString::to_string).collect(),
        message_type: vec![message],
        service: vec![service],
        syntax: Some("proto3".to_owned()),
        ..Default::default()
    };
    bytes(file.encode_to_vec())
}

fn bytes(file: Vec<u8>) -> MessageResponse {
    MessageResponse::FileDescriptorResponse(FileDescriptorResponse { file_descriptor_proto: vec![file] })
}

/// The services of what was told, and what is wrong with it.
fn loaded(reflected: Reflected) -> (Vec<String>, Vec<String>) {
    let loaded = load(&[Input::reflected("the server", reflected)]);
    let services = loaded.schema.iter().flat_map(|schema| schema.pool().services().collect::<Vec<_>>());
    let errors = loaded.errors.iter().map(|error| error.kind.to_string()).collect();
    (services.map(|service| service.full_name().to_owned()).collect(), errors)
}

#[tokio::test]
async fn imports_are_asked_for_one_by_one_and_services_that_cannot_be_described_are_left_out() {
    let told = asked(|question| {
        vec![match question {
            MessageRequest::ListServices(_) => {
                list(&["Sa", "grpc.reflection.v1.ServerReflection", "no.such.Service"])
            }
            MessageRequest::FileContainingSymbol(name) if name == "Sa" => file("a", &["b", "c"]),
            MessageRequest::FileByFilename(name) if name == "b" => file("b", &["c"]),
            MessageRequest::FileByFilename(name) if name == "c" => file("c", &[]),
            MessageRequest::FileContainingSymbol(name) if name.starts_with("grpc.") => {
                panic!("asked for {name}")
            }
            _ => none(),
        }]
    });
    let (services, errors) = loaded(told.await.unwrap());
    assert_eq!((services.join(" "), errors), ("Sa Sb Sc".to_owned(), Vec::new()));
}

#[tokio::test]
async fn an_import_that_the_server_does_not_have_is_named() {
    let told = asked(|question| {
        vec![match question {
            MessageRequest::ListServices(_) => list(&["Sa"]),
            MessageRequest::FileContainingSymbol(_) => file("a", &["lost"]),
            _ => none(),
        }]
    });
    let (_, errors) = loaded(told.await.unwrap());
    assert_eq!(errors.len(), 1);
    assert!(errors[0].contains("imports \"lost\""), "{errors:?}");
}

#[tokio::test]
async fn servers_that_break_the_protocol_do_no_harm() {
    use MessageRequest::{FileContainingSymbol, ListServices};
    let error = |result: Result<Reflected, ReflectError>| result.err().unwrap().to_string();

    let silent = error(asked(|_| Vec::new()).await);
    assert_eq!(silent, "no answer within 500ms");

    let garbage = asked(|question| {
        vec![match question {
            ListServices(_) => list(&["Sa"]),
            _ => bytes(vec![0xff; 100]),
        }]
    });
    let garbage = error(garbage.await);
    assert!(garbage.starts_with("its answer is not one of reflection: "), "{garbage}");

    let other = error(asked(|_| vec![file("a", &[])]).await);
    assert!(other.contains("no list of services"), "{other}");

    let refused = error(asked(|_| vec![none()]).await);
    assert!(refused.contains("cannot list its services: there is none"), "{refused}");

    let nothing = error(asked(|_| vec![list(&[])]).await);
    assert_eq!(nothing, "it tells of no service");

    // Each file imports another one, for ever.
    let endless = asked(|question| {
        vec![match question {
            ListServices(_) => list(&["S0"]),
            FileContainingSymbol(_) => file("0", &["1"]),
            MessageRequest::FileByFilename(name) => {
                let next = (name.parse::<u64>().unwrap() + 1).to_string();
                file(&name, &[&next])
            }
            _ => none(),
        }]
    });
    assert_eq!(error(endless.await), "no answer within 500ms");

    let many: Vec<String> = (0..20_001).map(|number| format!("S{number}")).collect();
    let many = asked(move |_| vec![list(&many.iter().map(String::as_str).collect::<Vec<_>>())]);
    assert!(error(many.await).contains("more than 20000 files"));

    let large = asked(|question| match question {
        ListServices(_) => vec![list(&["Sa"])],
        _ => vec![bytes(vec![0; 17 << 20])],
    });
    let large = error(large.await);
    assert!(large.contains("larger than 16777216 bytes") || large.contains("no answer"), "{large}");
}

#[tokio::test]
async fn what_every_server_brings_is_no_conflict() {
    // Two versions of gRPC's health service, in files of different names, and of one of Google's files.
    let server = |file: &str, of: &str, more: &str| {
        let common = format!(
            "syntax = \"proto3\"; package grpc.health.v1; message HealthCheckRequest {{ {more} }} \
             service Health {{ rpc Check(HealthCheckRequest) returns (HealthCheckRequest); }}"
        );
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(file, &common);
        write(
            "google/type/money.proto",
            &format!("syntax = \"proto3\"; package google.type; message Money {{ int64 units = 1; {more} }}"),
        );
        write(
            &format!("{of}.proto"),
            &format!(
                "syntax = \"proto3\"; package {of}; import \"google/type/money.proto\"; service S {{ rpc Pay(google.type.Money) returns (google.type.Money); }}"
            ),
        );
        gateway::descriptors::compile_set(&[Input::path("all", folder.path())]).unwrap()
    };
    let one = Reflecting::start(Version::V1, &server("health.proto", "one", "")).await;
    let two =
        Reflecting::start(Version::V1, &server("grpc/health/v1/health.proto", "two", "string x = 2;")).await;
    let yaml = format!(
        "listeners: [{{address: 127.0.0.1:0}}]\n\
         descriptors: [{{reflection: one}}, {{reflection: two}}]\n\
         upstreams:\n  one: {{address: {}}}\n  two: {{address: {}}}\n\
         routes:\n  - post: /one\n    grpc: one.S/Pay\n    upstream: one\n  - post: /two\n    grpc: two.S/Pay\n    upstream: two\n",
        one.address(),
        two.address()
    );
    routes(&yaml).start().await;
}

/// A team's service, with a method for each of these HTTP rules.
fn team(rules: &[&str]) -> Vec<u8> {
    let mut text = "syntax = \"proto3\"; package team.v1; import \"google/api/annotations.proto\";\n\
         message Ask { string name = 1; string id = 2; } message Told { string by = 1; }\n\
         service Team {\n"
        .to_owned();
    for (number, rule) in rules.iter().enumerate() {
        text +=
            &format!("  rpc M{number}(Ask) returns (Told) {{ option (google.api.http) = {{ {rule} }}; }}\n");
    }
    // In a file of its own name, beside that of the library.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("team.proto"), text + "}\n").unwrap();
    gateway::descriptors::compile_set(&[Input::path("team", folder.path())]).unwrap()
}

/// What the team's service has at first.
const OWN: &str = "get: \"/team/{name}\"";

/// A FileDescriptorSet whose files stay as they are: tonic's reflection loses their annotations.
#[derive(Clone, PartialEq, Message)]
struct RawSet {
    #[prost(bytes = "vec", repeated, tag = "1")]
    files: Vec<Vec<u8>>,
}

/// A server that describes the team's service, and can change its mind.
struct TeamServer {
    server: Reflecting,
    set: Arc<Mutex<Vec<u8>>>,
}

impl TeamServer {
    async fn start(rules: &[&str]) -> Self {
        let set = Arc::new(Mutex::new(team(rules)));
        let described = Arc::clone(&set);
        let server = Reflecting::scripted(move |question| {
            let name = match question {
                MessageRequest::ListServices(_) => return vec![list(&["team.v1.Team"])],
                MessageRequest::FileContainingSymbol(_) => "team.proto".to_owned(),
                MessageRequest::FileByFilename(name) => name,
                _ => return vec![none()],
            };
            let set = RawSet::decode(described.lock().unwrap().as_slice()).unwrap();
            let is_asked =
                |file: &Vec<u8>| FileDescriptorProto::decode(file.as_slice()).unwrap().name() == name;
            vec![set.files.into_iter().find(is_asked).map_or_else(none, bytes)]
        });
        Self { server: server.await, set }
    }

    fn describe(&self, rules: &[&str]) {
        *self.set.lock().unwrap() = team(rules);
    }
}

/// A library with routes in the file, and a team whose service is exposed whole, by reflection.
struct Teams {
    server: TeamServer,
    _backend: Backend,
    gateway: Gateway,
    yaml: String,
}

impl Teams {
    async fn start(own: &[&str]) -> Self {
        let (server, backend) = (TeamServer::start(own).await, backend().await);
        let yaml = format!(
            "listeners: [{{address: 127.0.0.1:0}}]\n\
             admin: {{address: 127.0.0.1:0, hosts: [shop.example]}}\n\
             descriptors: [library.binpb, {{reflection: team}}]\n\
             upstreams:\n  team: {{address: {}}}\n  library: {{address: {}}}\n\
             services:\n  library.v1.Library: library\n\
             \x20 team.v1.Team: {{upstream: team, annotations: true, auto: true}}\n\
             routes:\n\
             \x20 - get: /users/{{name}}\n    grpc: library.v1.Library/GetBook\n\
             \x20 - get: /texts/**\n    grpc: library.v1.Library/GetBook\n",
            server.server.address(),
            backend.address()
        );
        let files = routes(&yaml).file("library.binpb", backend.descriptors());
        Self { server, _backend: backend, gateway: files.start().await, yaml }
    }

    /// Who takes `GET /users/me`.
    async fn users_me_is_the_librarys(&self) -> bool {
        let answer = self.gateway.get("/users/me").await;
        answer.status == StatusCode::OK && answer.json() == json!({"title": "Emma"})
    }
}

/// A server that answers by the name of a service or a file.
fn described(
    files: Vec<(&'static str, FileDescriptorProto)>,
) -> impl Fn(MessageRequest) -> Vec<MessageResponse> {
    move |question| {
        let found = |is: &dyn Fn(&str, &FileDescriptorProto) -> bool| {
            let file = files.iter().find(|(service, file)| is(service, file));
            file.map_or_else(none, |(_, file)| bytes(file.encode_to_vec()))
        };
        vec![match question {
            MessageRequest::ListServices(_) => list(
                &files
                    .iter()
                    .map(|(service, _)| *service)
                    .filter(|name| !name.is_empty())
                    .collect::<Vec<_>>(),
            ),
            MessageRequest::FileContainingSymbol(name) => found(&|service, _| service == name),
            MessageRequest::FileByFilename(name) => found(&|_, file| file.name() == name),
            _ => none(),
        }]
    }
}

/// A file of a package with one service, whose one method takes and returns `Item {id}`.
fn item_service(name: &str, package: &str, service: &str, imports: &[&str]) -> FileDescriptorProto {
    let set = prost_types::FileDescriptorSet::decode(
        compile(&format!(
            "syntax = \"proto3\"; package {package}; message Item {{ string id = 1; }} \
             service {service} {{ rpc Get(Item) returns (Item); }}"
        ))
        .as_slice(),
    );
    let mut file = set.unwrap().file.pop().unwrap();
    file.name = Some(name.to_owned());
    file.dependency = imports.iter().map(ToString::to_string).collect();
    file
}

#[tokio::test]
async fn a_service_that_does_not_link_costs_no_other() {
    let rows: [(&str, Vec<(&'static str, FileDescriptorProto)>); 2] = [
        (
            "imports \"gogoproto/gogo.proto\"",
            vec![
                ("good.v1.Good", item_service("good.proto", "good.v1", "Good", &[])),
                ("bad.v1.Bad", item_service("bad.proto", "bad.v1", "Bad", &["gogoproto/gogo.proto"])),
                ("worse.v1.Worse", item_service("worse.proto", "worse.v1", "Worse", &["bad.proto"])),
            ],
        ),
        (
            "no.such.Type",
            vec![
                ("bad.v1.Bad", {
                    let mut file = item_service("a.proto", "bad.v1", "Bad", &[]);
                    file.service[0].method[0].output_type = Some(".no.such.Type".to_owned());
                    file
                }),
                ("good.v1.Good", item_service("good.proto", "good.v1", "Good", &[])),
            ],
        ),
    ];
    for (cause, files) in rows {
        let server = Reflecting::scripted(described(files)).await;
        let backend = Backend::of("syntax = \"proto3\"; package good.v1; message Item { string id = 1; } service Good { rpc Get(Item) returns (Item); }")
            .on("good.v1.Good/Get", |seen| reply(seen.json()))
            .start()
            .await;
        let yaml = format!(
            "listeners: [{{address: 127.0.0.1:0}}]\nadmin: {{address: 127.0.0.1:0, hosts: [shop.example]}}\ndescriptors: [{{reflection: u}}]\n\
             upstreams: {{u: {{address: {}}}, backend: {{address: {}}}}}\nservices: {{good.v1.Good: backend, bad.v1.Bad: u}}\n\
             routes:\n  - {{get: \"/good/{{id}}\", grpc: good.v1.Good/Get}}\n  - {{get: \"/bad/{{id}}\", grpc: bad.v1.Bad/Get}}\n",
            server.address(),
            backend.address()
        );
        let gateway = routes(&yaml).start().await;
        assert_eq!(gateway.get("/good/7").await.json(), json!({"id": "7"}), "{cause}");
        let answer = gateway.get("/bad/7").await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.json()["reason"], "DESCRIPTORS_UNAVAILABLE");
        // The same again: what is left out is left out again, and a save goes live.
        gateway.save("routes.yaml", yaml.replace("/good/", "/fine/"));
        let entry = newest(&gateway, "file", "applied").await;
        let warnings = entry["warnings"].to_string();
        assert!(warnings.contains("`bad.v1.Bad`") && warnings.contains("left out"), "{warnings}");
        assert!(warnings.contains(&cause.replace('"', "\\\"")), "{cause} in {warnings}");
        assert_eq!(gateway.get("/fine/7").await.json(), json!({"id": "7"}), "{cause}");
    }
}

#[tokio::test]
async fn what_a_server_adds_takes_no_requests_from_others() {
    for (rule, held_by) in [
        ("get: \"/users/me\"", Some("`GET /users/me` would take requests from `GET /users/{name}`")),
        ("get: \"/users/{id}:act\"", Some("from `GET /users/{name}`")),
        ("get: \"/texts/{id}\"", Some("from `GET /texts/**`")),
        ("custom: {kind: \"*\" path: \"/users/me\"}", Some("from `GET /users/{name}`")),
        ("get: \"/users/me\" additional_bindings: {get: \"/new\"}", Some("from `GET /users/{name}`")),
        ("get: \"/new\" additional_bindings: {get: \"/users/me\"}", Some("from `GET /users/{name}`")),
        // From a route of its own that is live.
        ("get: \"/team/me\"", Some("`GET /team/me` would take requests from `GET /team/{name}`")),
        // These get what was no route's before.
        ("get: \"/new\"", None),
        ("post: \"/users/me\" body: \"*\"", None),
        ("get: \"/users/{id}/more\"", None),
        ("get: \"/{id=**}\"", None),
        ("get: \"/{id}/{name}\"", None),
        // The route of the file replaces it.
        ("get: \"/users/{id}\"", None),
    ] {
        let teams = Teams::start(&[OWN]).await;
        teams.server.describe(&[OWN, rule]);
        let outcome = if held_by.is_some() { "held" } else { "applied" };
        let entry = newest(&teams.gateway, "reflection", outcome).await;
        if let Some(reason) = held_by {
            let text = entry["text"].as_str().unwrap();
            assert!(text.contains(reason), "{rule}: {text}");
            assert!(text.contains("routes.yaml:3:43") && text.contains("POST /reload"), "{rule}: {text}");
        }
        assert!(teams.users_me_is_the_librarys().await, "{rule}");
    }
}

#[tokio::test]
async fn an_ordered_reload_takes_what_was_held_back_and_warns() {
    let teams = Teams::start(&[OWN]).await;
    teams.server.describe(&[OWN, "get: \"/users/me\""]);
    newest(&teams.gateway, "reflection", "held").await;

    // A save is no order.
    teams.gateway.save("routes.yaml", format!("{}drain: 9s\n", teams.yaml));
    let entry = newest(&teams.gateway, "file", "applied").await;
    assert!(entry["warnings"].to_string().contains("would take requests"), "{entry}");
    assert!(teams.users_me_is_the_librarys().await);

    let (status, text) = teams.gateway.reload().await;
    assert_eq!(status, StatusCode::OK, "{text}");
    assert!(
        text.contains("`GET /users/me`, which `team` describes, takes requests from `GET /users/{name}`"),
        "{text}"
    );
    assert!(!teams.users_me_is_the_librarys().await);

    // Live routes are not held back again.
    teams.server.describe(&[OWN, "get: \"/users/me\"", "get: \"/new\""]);
    newest(&teams.gateway, "reflection", "applied").await;
    assert!(!teams.users_me_is_the_librarys().await);
}

#[tokio::test]
async fn a_method_that_gets_the_path_of_another_one_is_held_back() {
    let teams = Teams::start(&[OWN, "get: \"/other\""]).await;
    // M0 and M1 change places.
    teams.server.describe(&["get: \"/other\"", OWN]);
    let entry = newest(&teams.gateway, "reflection", "held").await;
    assert!(
        entry["text"].as_str().unwrap().contains("would take requests from `GET /team/{name}`"),
        "{entry}"
    );
}

#[tokio::test]
async fn a_server_that_is_down_at_start_is_added_when_it_comes() {
    let backend = backend().await;
    let place = Reflecting::start(Version::V1, &compile(&library(TITLE))).await;
    let text = yaml(&place, &backend);
    let address = place.address();
    drop(place);
    let up =
        Reflecting::scripted(described(vec![("up.v1.Up", item_service("up.proto", "up.v1", "Up", &[]))]))
            .await;
    let text = text
        .replace("[{reflection: library}]", "[{reflection: library}, {reflection: up}]")
        .replace("upstreams:\n", &format!("upstreams:\n  up: {{address: {}}}\n", up.address()))
        .replace("services:\n", "services:\n  up.v1.Up: up\n")
        + "  - get: /up/{id}\n    grpc: up.v1.Up/Get\n  - get: /**\n    grpc: up.v1.Up/Get\n";
    let gateway = routes(&text).start().await;

    let answer = gateway.get("/books/emma").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "not the route for everything else");
    assert_eq!(answer.json()["reason"], "DESCRIPTORS_UNAVAILABLE");
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(gateway.send("PUT", "/books/emma", "{}").await.status, StatusCode::METHOD_NOT_ALLOWED);
    let answer = gateway.get("/up/7").await;
    assert_ne!(answer.json()["reason"], "DESCRIPTORS_UNAVAILABLE", "its server has answered");

    // A save is applied all the same.
    gateway.save("routes.yaml", text.replace("get: /up/", "get: /down/"));
    let entry = newest(&gateway, "file", "applied").await;
    let warnings = entry["warnings"].to_string();
    assert!(warnings.contains("cannot ask `library` for its descriptors"), "{warnings}");

    let _server = Reflecting::start_on(address, Version::V1, &compile(&library(TITLE))).await;
    newest(&gateway, "reflection", "applied").await;
    assert_eq!(gateway.get("/books/emma").await.json(), json!({"title": "Emma"}));
}

/// Two servers that were built from two versions of a shared file.
#[tokio::test]
async fn of_two_versions_of_a_shared_file_the_newer_one_is_used() {
    let server = |name: &str, money: &str| {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: String| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(
            "common/v1/common.proto",
            format!("syntax = \"proto3\"; package common.v1; message Money {{ {money} }}"),
        );
        write(
            &format!("{name}.proto"),
            format!(
                "syntax = \"proto3\"; package {name}.v1; import \"common/v1/common.proto\"; \
                 service Svc {{ rpc Get(common.v1.Money) returns (common.v1.Money); }}"
            ),
        );
        gateway::descriptors::compile_set(&[Input::path("all", folder.path())]).unwrap()
    };
    const OLD: &str = "int64 units = 1;";
    const NEW: &str = "int64 units = 1; string currency = 2;";
    let users = Reflecting::start(Version::V1, &server("users", OLD)).await;
    let orders = Reflecting::start(Version::V1, &server("orders", OLD)).await;
    let backend = Backend::of_set(server("orders", NEW))
        .on("orders.v1.Svc/Get", |seen| reply(seen.json()))
        .start()
        .await;
    let yaml = format!(
        "listeners: [{{address: 127.0.0.1:0}}]\nadmin: {{address: 127.0.0.1:0, hosts: [shop.example]}}\n\
         descriptors: [{{reflection: users}}, {{reflection: orders}}]\n\
         upstreams: {{users: {{address: {}}}, orders: {{address: {}}}, backend: {{address: {}}}}}\n\
         services: {{users.v1.Svc: users, orders.v1.Svc: backend}}\n\
         routes: [{{post: /users, grpc: users.v1.Svc/Get}}, {{post: /orders, grpc: orders.v1.Svc/Get}}]\n",
        users.address(),
        orders.address(),
        backend.address()
    );
    let gateway = routes(&yaml).start().await;
    let body = r#"{"units":"5","currency":"EUR"}"#;
    assert_eq!(gateway.send("POST", "/orders", body).await.status, StatusCode::BAD_REQUEST);
    orders.describe(&server("orders", NEW));
    let entry = newest(&gateway, "reflection", "applied").await;
    let warnings = entry["warnings"].to_string();
    assert!(warnings.contains("common/v1/common.proto of the reflection of users is older"), "{warnings}");
    let answer = gateway.send("POST", "/orders", body).await;
    assert_eq!(answer.json(), json!({"units": "5", "currency": "EUR"}));

    // A restart comes up; so it does with the servers the other way round, and with a set instead of one.
    routes(&yaml).start().await;
    let turned = yaml.replace(
        "[{reflection: users}, {reflection: orders}]",
        "[{reflection: orders}, {reflection: users}]",
    );
    routes(&turned).start().await;
    let with_set = yaml.replace("[{reflection: users}, ", "[users.binpb, ");
    routes(&with_set).file("users.binpb", server("users", OLD)).start().await;

    // Versions of which neither has all that the other has: the one before stays, and blocks no save.
    users.describe(&server("users", "int64 units = 1; bool whole = 3;"));
    let entry = newest(&gateway, "reflection", "held").await;
    let told = entry["text"].as_str().unwrap();
    assert!(told.contains("common/v1/common.proto contradicts another source"), "{told}");
    gateway.save("routes.yaml", yaml.replace("post: /users", "post: /people"));
    newest(&gateway, "file", "applied").await;
    assert_eq!(gateway.send("POST", "/orders", body).await.status, StatusCode::OK);
    // At a start there is nothing to stay: a conflict with both places.
    let error = routes(&yaml).try_start().await.err().unwrap().to_string();
    assert!(
        error.contains("error[descriptors-conflict]") && error.contains("differs from this one"),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_that_starts_with_such_a_route_is_warned_of() {
    let (server, backend) = (TeamServer::start(&["get: \"/users/me\""]).await, backend().await);
    let teams = Teams::start(&[OWN]).await;
    let addresses = [&teams.server, &server].map(|server| server.server.address().to_string());
    let yaml = teams.yaml.replace(&addresses[0], &addresses[1]);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("routes.yaml"), yaml).unwrap();
    std::fs::write(folder.path().join("library.binpb"), backend.descriptors()).unwrap();
    let path = folder.path().join("routes.yaml");
    let load = move || gateway::config::load(&path, &|_| None);
    let loaded = tokio::task::spawn_blocking(load).await.unwrap();
    let text = loaded.diagnostics.render(false);
    assert!(loaded.config.is_some(), "{text}");
    assert!(text.contains("which `team` describes, takes requests from `GET /users/{name}`"), "{text}");
    assert!(text.contains("no longer gets these"), "{text}");
}

#[tokio::test]
async fn packages_that_begin_like_those_of_grpc_are_apis_like_any() {
    let server = Reflecting::scripted(described(vec![
        ("grpc.examples.echo.Good", item_service("echo/echo.proto", "grpc.examples.echo", "Good", &[])),
        ("grpc.reflection.v2.Other", item_service("other.proto", "grpc.reflection.v2", "Other", &[])),
    ]))
    .await;
    let set = compile(
        "syntax = \"proto3\"; package grpc.examples.echo; message Other { string id = 1; } service OtherSvc { rpc Get(Other) returns (Other); }",
    );
    let yaml = format!(
        "listeners: [{{address: 127.0.0.1:0}}]\ndescriptors: [p2.binpb, {{reflection: u}}]\nupstreams: {{u: {{address: {}}}}}\n\
         services: {{grpc.examples.echo.Good: u, grpc.examples.echo.OtherSvc: u, grpc.reflection.v2.Other: u}}\n\
         routes:\n  - {{get: \"/g/{{id}}\", grpc: grpc.examples.echo.Good/Get}}\n  - {{get: \"/o/{{id}}\", grpc: grpc.examples.echo.OtherSvc/Get}}\n  \
         - {{get: \"/r/{{id}}\", grpc: grpc.reflection.v2.Other/Get}}\n",
        server.address()
    );
    routes(&yaml).file("p2.binpb", set).start().await;
}
