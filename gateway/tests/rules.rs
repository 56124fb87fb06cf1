//! Rules that come with an API: annotations in conflict, services below a prefix, service configurations as they are.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;

use gateway::config::diagnostic::Severity;
use gateway::config::{self, GatewayConfig, Loaded};
use gateway::route::Lookup;

const ANNOTATED: &str = r#"syntax = "proto3";
package lib.v1;
import "google/api/annotations.proto";
message Item { string id = 1; string parent = 2; string name = 3; repeated int64 numbers = 4; }
service A {
  rpc Create(Item) returns (Item) { option (google.api.http) = { post: "/v1/create" body: "*" }; }
  rpc Get(Item) returns (Item) { option (google.api.http) = { get: "/v1/a/{id}" additional_bindings { get: "/" } }; }
}
service B {
  rpc Create(Item) returns (Item) { option (google.api.http) = { post: "/v1/create" body: "*" }; }
}
"#;

fn load(files: &[(&str, &str)]) -> (tempfile::TempDir, Loaded) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let loaded = config::load(&folder.path().join("routes.yaml"), &|_| None);
    (folder, loaded)
}

fn configured(loaded: &Loaded) -> Arc<GatewayConfig> {
    loaded.config.clone().unwrap_or_else(|| panic!("{}", loaded.diagnostics))
}

/// `METHOD path -> Service/Method` of every route.
fn routes(config: &GatewayConfig) -> Vec<String> {
    let calls = |path: &str| path.trim_start_matches('/').rsplit('.').next().unwrap().to_owned();
    config
        .routes
        .iter()
        .map(|route| format!("{} -> {}", route.name, calls(route.grpc.path.as_str())))
        .collect()
}

/// The warnings, a line each.
fn warnings(loaded: &Loaded) -> Vec<String> {
    let findings = loaded.diagnostics.iter().filter(|finding| finding.severity == Severity::Warning);
    findings.map(|finding| finding.message.clone()).collect()
}

fn yaml(services: &str) -> String {
    format!("descriptors: [a.proto]\nupstreams: {{u: {{address: \"localhost:1\"}}}}\nservices: {services}\n")
}

#[test]
fn a_prefix_moves_what_a_service_exposes() {
    let rows: &[(&str, &[&str])] = &[
        (
            "{lib.v1.A: {upstream: u, annotations: true}, lib.v1.B: {upstream: u, annotations: true, prefix: /b}}",
            &[
                "POST /v1/create -> A/Create",
                "GET /v1/a/{id} -> A/Get",
                "GET / -> A/Get",
                "POST /b/v1/create -> B/Create",
            ],
        ),
        (
            "{lib.v1.A: {upstream: u, annotations: true, auto: true, prefix: /admin/v1}}",
            &[
                "POST /admin/v1/v1/create -> A/Create",
                "GET /admin/v1/v1/a/{id} -> A/Get",
                "GET /admin/v1 -> A/Get",
                "POST /admin/v1/lib.v1.A/Create -> A/Create",
                "POST /admin/v1/lib.v1.A/Get -> A/Get",
            ],
        ),
        (
            "{lib.v1.B: {upstream: u, auto: true, prefix: \"/caf\u{e9}\"}}",
            &["POST /caf\u{e9}/lib.v1.B/Create -> B/Create"],
        ),
    ];
    for (services, expected) in rows {
        let (_folder, loaded) = load(&[("a.proto", ANNOTATED), ("routes.yaml", &yaml(services))]);
        assert_eq!(routes(&configured(&loaded)), *expected, "{services}");
        assert!(loaded.diagnostics.is_empty(), "{}", loaded.diagnostics);
    }
}

#[test]
fn of_two_annotations_of_one_path_the_first_service_of_the_file_stays() {
    for (first, second) in [("A", "B"), ("B", "A")] {
        for prefix in ["", ", prefix: /x"] {
            let service = |name: &str| format!("lib.v1.{name}: {{upstream: u, annotations: true{prefix}}}");
            let services = format!("{{{}, {}}}", service(first), service(second));
            let (_folder, loaded) = load(&[("a.proto", ANNOTATED), ("routes.yaml", &yaml(&services))]);
            let config = configured(&loaded);
            let path = if prefix.is_empty() { "/v1/create" } else { "/x/v1/create" };
            match config.table.lookup(None, "POST", path).unwrap() {
                Lookup::Found { route, .. } => assert_eq!(*route.grpc.service, *format!("lib.v1.{first}")),
                other => panic!("{other:?}"),
            }
            assert_eq!(config.routes.len(), 3);
            let found = warnings(&loaded);
            assert_eq!(found.len(), 1, "{found:?}");
            let text = loaded.diagnostics.render(false);
            for part in [
                &format!("calls lib.v1.{first}/Create, served"),
                &format!("calls lib.v1.{second}/Create, left out"),
            ] {
                assert!(text.contains(part.as_str()), "{part} in {text}");
            }
        }
    }
}

#[test]
fn an_annotation_that_cannot_be_served_keeps_no_other_off_its_path() {
    let proto = ANNOTATED
        .replace("get: \"/v1/a/{id}\"", "get: \"/v1/b/{nope}\" additional_bindings { get: \"/v1/b/{id}\" }");
    let (_folder, loaded) =
        load(&[("a.proto", &proto), ("routes.yaml", &yaml("{lib.v1.A: {upstream: u, annotations: true}}"))]);
    let expected = ["POST /v1/create -> A/Create", "GET /v1/b/{id} -> A/Get", "GET / -> A/Get"];
    assert_eq!(routes(&configured(&loaded)), expected);
    assert_eq!(warnings(&loaded), ["lib.v1.Item has no field `nope`"]);
}

#[test]
fn templates_of_public_apis_are_served() {
    let proto = r#"syntax = "proto3";
    package fs;
    import "google/api/annotations.proto";
    message R { string parent = 1; string collection_id = 2; string name = 3; repeated uint64 sequences = 4; string channel = 5; }
    service Firestore {
      rpc CreateDocument(R) returns (R) { option (google.api.http) = { post: "/v1/{parent=projects/*/databases/*/documents/**}/{collection_id}" body: "*" }; }
      rpc EndSession(R) returns (R) { option (google.api.http) = { post: "/v2/{name=**/botSessions/*}:end" body: "*" }; }
      rpc Unreceived(R) returns (R) { option (google.api.http) = { get: "/ibc/{channel}/commitments/{sequences}/unreceived_packets" }; }
    }"#;
    let (_folder, loaded) = load(&[
        ("a.proto", proto),
        ("routes.yaml", &yaml("{fs.Firestore: {upstream: u, annotations: true}}")),
    ]);
    let config = configured(&loaded);
    assert!(loaded.diagnostics.is_empty(), "{}", loaded.diagnostics);
    let rows = [
        (
            "POST",
            "/v1/projects/p/databases/d/documents/users/7/pets",
            "CreateDocument parent=projects/p/databases/d/documents/users/7 collection_id=pets",
        ),
        (
            "POST",
            "/v1/projects/p/databases/d/documents/pets",
            "CreateDocument parent=projects/p/databases/d/documents collection_id=pets",
        ),
        (
            "POST",
            "/v1/projects/p/databases/d/documents/a%2Fb/c%2Fd",
            "CreateDocument parent=projects/p/databases/d/documents/a%2Fb collection_id=c/d",
        ),
        ("POST", "/v2/a/b/botSessions/7:end", "EndSession name=a/b/botSessions/7"),
        (
            "GET",
            "/ibc/channel-0/commitments/1,2,3/unreceived_packets",
            "Unreceived channel=channel-0 sequences=1,2,3",
        ),
    ];
    for (method, path, expected) in rows {
        let Lookup::Found { route, captures } = config.table.lookup(None, method, path).unwrap() else {
            panic!("{path}")
        };
        let mut line = route.grpc.name.to_string();
        for (variable, value) in route.template.variables().iter().zip(captures.iter()) {
            line += &format!(" {}={value}", variable.field_path);
        }
        assert_eq!(line, expected);
    }
}

const NODE: &str = r#"syntax = "proto3";
package node.v1;
message Empty {}
message NodeState { string state = 1; }
service State { rpc Get(Empty) returns (NodeState); rpc Follow(Empty) returns (stream NodeState); }
"#;

#[test]
fn a_service_configuration_is_taken_as_it_is() {
    let head = "descriptors: [a.proto]\nupstreams: {u: {address: \"localhost:1\"}}\nservices: {node.v1.State: u}\ninclude: [s.yaml]\n";
    let get = "    - selector: node.v1.State.Get\n      get: /v1/state\n";
    let rules =
        |rules: &str| format!("type: google.api.Service\nconfig_version: 3\nhttp:\n  rules:\n{rules}{get}");
    let rows: &[(String, &str)] = &[
        (rules(""), ""),
        (
            rules("    - selector: node.v1.State.Follow\n      get: /v1/state/follow\n"),
            "streams are not supported yet",
        ),
        (rules("    - selector: node.v1.State.Gone\n      get: /v1/gone\n"), "has no method `Gone`"),
        (
            rules("    - selector: google.iam.v1.IAMPolicy.Get\n      get: /v1/iam\n"),
            "no descriptor source has this service",
        ),
        (rules("    - selector: node.v1.State.Get\n      get: /v1/{nope}\n"), "has no field `nope`"),
        (rules("    - selector: node.v1.State.Get\n      get: v1\n"), "is not a path"),
        (
            rules("    - selector: node.v1.State.Get\n      get: /v1/state\n"),
            "match the same requests equally well",
        ),
        (rules("    - selector: 'node.v1.*'\n      get: /v1/all\n"), "is not the full name of one method"),
        (rules("").replace("http:", "documentation: {summary: \"${X}\"}\nnobody_knows: [1]\nhttp:"), ""),
        (rules("").replace("type: google.api.Service\n", "backend: {rules: []}\n"), ""),
    ];
    for (text, warning) in rows {
        let (_folder, loaded) = load(&[("a.proto", NODE), ("routes.yaml", head), ("s.yaml", text)]);
        assert_eq!(routes(&configured(&loaded)), ["GET /v1/state -> State/Get"], "{text}");
        let found = warnings(&loaded);
        match warning {
            &"" => assert_eq!(found, [""; 0], "{text}"),
            part => assert!(found.len() == 1 && found[0].contains(part), "{part} in {found:?}"),
        }
    }
    let (_folder, loaded) =
        load(&[("a.proto", NODE), ("routes.yaml", head), ("s.yaml", "http: {rules: []}\nroutess: []\n")]);
    assert!(loaded.config.is_none(), "a key of no service configuration is a mistake");
}

#[test]
fn files_of_one_name_are_kept_apart_when_they_declare_different_things() {
    let common = |package: &str, field: &str| {
        format!("syntax = \"proto3\"; package {package}; message Id {{ {field} }}")
    };
    let service = |package: &str, name: &str| {
        format!(
            "syntax = \"proto3\"; package {name}; import \"common.proto\"; \
             service S {{ rpc Get({package}.Id) returns ({package}.Id); }}"
        )
    };
    let (one, two) = (common("c1", "string id = 1;"), common("c2", "int64 number = 1;"));
    let (s1, s2) = (service("c1", "s1"), service("c2", "s2"));
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    // The services' files have one name, too.
    write("x1/common.proto", one.as_bytes());
    write("x1/service.proto", s1.as_bytes());
    write("x2/common.proto", two.as_bytes());
    write("x2/service.proto", s2.as_bytes());
    let set = |name: &str| {
        let input = gateway::descriptors::Input::path(name, folder.path().join(name));
        gateway::descriptors::compile_set(&[input]).unwrap()
    };
    write("x1.binpb", &set("x1"));
    write("x2.binpb", &set("x2"));
    let both = ["x1", "x2"].map(|name| gateway::descriptors::Input::path(name, folder.path().join(name)));
    write("both.binpb", &gateway::descriptors::compile_set(&both).unwrap());
    for sources in [
        "[x1/, x2/]",
        "[x2/, x1/]",
        "[x1.binpb, x2.binpb]",
        "[x1.binpb, x2/]",
        "[x2/service.proto, x1.binpb]",
        "[x1/service.proto, x2/service.proto]",
        "[both.binpb]",
        "[x1/, x2/, x1.binpb, x2.binpb]",
        "[x1.binpb, x2.binpb, x2/, x1/service.proto]",
    ] {
        let yaml = format!(
            "descriptors: {sources}\nupstreams: {{u: {{address: \"localhost:1\"}}}}\nservices: {{s1.S: u, s2.S: u}}\n\
             routes:\n  - {{get: \"/1/{{id}}\", grpc: s1.S/Get}}\n  - {{get: \"/2/{{number}}\", grpc: s2.S/Get}}\n"
        );
        write("routes.yaml", yaml.as_bytes());
        let loaded = config::load(&folder.path().join("routes.yaml"), &|_| None);
        assert!(loaded.diagnostics.is_empty(), "{sources}: {}", loaded.diagnostics);
        assert_eq!(configured(&loaded).routes.len(), 2);
    }
}

#[test]
fn files_of_one_name_that_declare_one_thing_differently_are_a_conflict_with_both_places() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| {
        let path: &Path = &folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    for (folder, field, service) in [("x1", "string id = 1;", "S1"), ("x2", "int64 number = 1;", "S2")] {
        write(
            &format!("{folder}/types.proto"),
            format!("syntax = \"proto3\"; package types; message Id {{ {field} }}").as_bytes(),
        );
        write(
            &format!("{folder}/{service}.proto"),
            format!(
                "syntax = \"proto3\"; import \"types.proto\"; service {service} {{ rpc Get(types.Id) returns (types.Id); }}"
            )
            .as_bytes(),
        );
    }
    // The same text in two places is one file.
    write(
        "same/types.proto",
        b"// Another comment.\nsyntax = \"proto3\"; package types; message Id { string id = 1; }",
    );
    write("same/S2.proto", &std::fs::read(folder.path().join("x2/S2.proto")).unwrap());
    for name in ["x1", "x2", "same"] {
        let input = gateway::descriptors::Input::path(name, folder.path().join(name));
        write(&format!("{name}.binpb"), &gateway::descriptors::compile_set(&[input]).unwrap());
    }
    let check = |sources: &str| {
        let yaml = format!(
            "descriptors: {sources}\nupstreams: {{u: {{address: \"localhost:1\"}}}}\nservices: {{S1: u, S2: u}}\n\
             routes:\n  - {{post: \"/1\", grpc: S1/Get}}\n  - {{post: \"/2\", grpc: S2/Get}}\n"
        );
        write("routes.yaml", yaml.as_bytes());
        config::load(&folder.path().join("routes.yaml"), &|_| None)
    };
    for sources in [
        "[x1/, x2/]",
        "[x1.binpb, x2.binpb]",
        "[x1.binpb, x2/]",
        "[x1/S1.proto, x2/S2.proto]",
        "[x1, x2.binpb]",
    ] {
        let loaded = check(sources);
        assert!(loaded.config.is_none(), "{sources}");
        let text = loaded.diagnostics.render(false);
        for part in ["error[descriptors-conflict]", "types.proto", "named here", "differs from this one"] {
            assert!(text.contains(part), "{sources}: {part} in {text}");
        }
        assert!(text.ends_with("1 error\n"), "{sources}: {text}");
    }
    for sources in
        ["[x1/, same/]", "[x1.binpb, same.binpb]", "[x1.binpb, same/]", "[x1/S1.proto, same/S2.proto]"]
    {
        let loaded = check(sources);
        assert!(loaded.diagnostics.is_empty(), "{sources}: {}", loaded.diagnostics);
    }
}
