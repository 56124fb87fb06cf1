//! The examples of the OpenAPI document: each body is accepted as it is, fits its schema, and so does each error.

use std::path::Path;

use gateway::config::{self, GatewayConfig};
use gateway::openapi::{Options, document};
use http_rule::MethodPattern;
use prost::Message as _;
use prost_types::field_descriptor_proto::Type;
use prost_types::{FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto, ServiceDescriptorProto};
use serde_json::{Value, json};
use std::sync::Arc;
use transcode::binding::RequestParts;

/// Fields that clients must send, that only the service sets, and what has no end.
const MARKED: &str = r#"
    syntax = "proto3";
    package marked.v1;
    import "google/api/annotations.proto";
    import "google/api/field_behavior.proto";
    import "google/api/httpbody.proto";
    import "google/protobuf/any.proto";
    import "google/protobuf/field_mask.proto";
    import "google/protobuf/struct.proto";
    enum Color { COLOR_UNSPECIFIED = 0; RED = 1; }
    message Req {
      string name = 1 [(google.api.field_behavior) = REQUIRED];
      int32 made = 2 [(google.api.field_behavior) = OUTPUT_ONLY];
      string note = 3;
      Inner inner = 4;
      Color color = 5;
      google.protobuf.Any any = 6;
      oneof choice { int64 number = 7 [(google.api.field_behavior) = OUTPUT_ONLY]; string text = 8; Req again = 9; }
      Tree tree = 10;
      map<bool, Tree> trees = 11;
      map<fixed64, google.protobuf.Value> values = 12;
      google.protobuf.NullValue nothing = 13;
      google.api.HttpBody raw = 14;
      google.protobuf.FieldMask mask = 15 [(google.api.field_behavior) = REQUIRED];
      string old = 16 [deprecated = true];
    }
    message Inner { string id = 1 [(google.api.field_behavior) = REQUIRED]; string more = 2; }
    message Tree { repeated Tree children = 1; Tree left = 2; int64 value = 3; Wide wide = 4; }
    message Wide { Tree a = 1; Tree b = 2; Tree c = 3; repeated Wide d = 4; map<int32, Wide> e = 5; }
    message Update { Inner inner = 1; google.protobuf.FieldMask update_mask = 2; }
    message Create { string parent = 1 [(google.api.field_behavior) = REQUIRED]; Inner inner = 2; repeated Inner list = 3; }
    message Plain { string a = 1; }
    service Marked {
      rpc Create(Req) returns (Req) { option (google.api.http) = { post: "/v1/reqs" body: "*" }; }
      rpc Get(Req) returns (Req) { option (google.api.http) = { get: "/v1/reqs" }; }
      rpc Replace(Req) returns (Req) { option (google.api.http) = { put: "/v1/{name=reqs/*}" body: "*" }; }
      rpc Change(Update) returns (Inner) {
        option (google.api.http) = {
          patch: "/v1/{inner.id=inners/*}" body: "inner"
          additional_bindings { put: "/v1/{inner.id=inners/*}" body: "inner" }
          additional_bindings { put: "/v2/{inner.id=inners/*}" body: "*" }
          additional_bindings { patch: "/v2/{inner.id=inners/*}" body: "*" }
        };
      }
      rpc Nested(Create) returns (Plain) {
        option (google.api.http) = {
          post: "/v1/{parent=*}/inners" body: "inner"
          additional_bindings { post: "/v1/{parent=*}/list" body: "list" }
        };
      }
      rpc Plain(Plain) returns (Plain) { option (google.api.http) = { post: "/v1/plain" body: "*" }; }
    }
"#;

/// `google/api/field_behavior.proto`, as far as it matters.
const FIELD_BEHAVIOR: &str = r#"
    syntax = "proto3";
    package google.api;
    import "google/protobuf/descriptor.proto";
    extend google.protobuf.FieldOptions { repeated FieldBehavior field_behavior = 1052; }
    enum FieldBehavior { FIELD_BEHAVIOR_UNSPECIFIED = 0; OPTIONAL = 1; REQUIRED = 2; OUTPUT_ONLY = 3; }
"#;

/// [`MARKED`] as a descriptor set.
fn marked() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("google/api")).unwrap();
    std::fs::write(folder.path().join("google/api/field_behavior.proto"), FIELD_BEHAVIOR).unwrap();
    std::fs::write(folder.path().join("marked.proto"), MARKED).unwrap();
    let includes = [folder.path().to_path_buf(), Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto")];
    // The compiler keeps custom options in its own encoding only.
    let mut compiler = protox::Compiler::new(includes).unwrap();
    compiler.include_imports(true).open_file(folder.path().join("marked.proto")).unwrap();
    compiler.encode_file_descriptor_set()
}

/// What proto2 has beside it.
const LEGACY: &str = r#"
    syntax = "proto2";
    package legacy.v1;
    enum Level { LOW = 1; HIGH = 2; }
    message Legacy {
      required int64 id = 1;
      optional group Part = 2 { required string name = 1; optional int32 size = 2; }
      required Level level = 3;
      repeated Level levels = 4;
      required Legacy2 other = 5;
      optional Set set = 6;
      extensions 100 to max;
    }
    message Legacy2 { required bytes data = 1; optional Legacy legacy = 2; }
    message Set { option message_set_wire_format = true; extensions 4 to max; }
    extend Legacy { optional string extra = 100; }
    service Legacies { rpc Call(Legacy) returns (Legacy); }
"#;

/// The messages of the conformance suite, each the request of a method.
fn conformance() -> Vec<u8> {
    let root = env!("CARGO_MANIFEST_DIR");
    let set = std::fs::read(format!("{root}/crates/transcode/tests/data/conformance.binpb")).unwrap();
    let mut set = FileDescriptorSet::decode(&*set).unwrap();
    set.file.retain(|file| file.syntax() != "editions");
    let files = || set.file.iter().filter(|file| file.name().contains("test_messages"));
    let requests = files().flat_map(|file| {
        let messages = file.message_type.iter().map(|message| message.name());
        messages.map(|name| format!(".{}.{name}", file.package())).collect::<Vec<_>>()
    });
    let method = |(number, request): (usize, String)| MethodDescriptorProto {
        name: Some(format!("Call{number}")),
        input_type: Some(request.clone()),
        output_type: Some(request),
        ..MethodDescriptorProto::default()
    };
    let service = ServiceDescriptorProto {
        name: Some("All".to_owned()),
        method: requests.enumerate().map(method).collect(),
        ..ServiceDescriptorProto::default()
    };
    let file = FileDescriptorProto {
        name: Some("all.proto".to_owned()),
        package: Some("conformance.v1".to_owned()),
        syntax: Some("proto3".to_owned()),
        dependency: files().map(|file| file.name().to_owned()).collect(),
        service: vec![service],
        ..FileDescriptorProto::default()
    };
    set.file.push(file);
    set.encode_to_vec()
}

/// A configuration that exposes these services by annotations and by name.
fn load(set: &[u8], services: &[&str], settings: &str) -> GatewayConfig {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("set.binpb"), set).unwrap();
    let services: String = services
        .iter()
        .map(|service| format!("  {service}: {{upstream: up, annotations: true, auto: true}}\n"))
        .collect();
    let yaml = format!(
        "descriptors: [set.binpb]\nupstreams: {{up: {{address: localhost:1}}}}\nservices:\n{services}{settings}"
    );
    std::fs::write(folder.path().join("routes.yaml"), yaml).unwrap();
    let loaded = config::load(&folder.path().join("routes.yaml"), &|_| None);
    Arc::into_inner(loaded.config.unwrap_or_else(|| panic!("{}", loaded.diagnostics))).unwrap()
}

/// Whether a value fits a schema of the document.
#[track_caller]
fn assert_fits(what: &str, document: &Value, schema: &Value, value: &Value) {
    let root = json!({ "allOf": [schema], "components": document["components"] });
    let validator = jsonschema::options().should_validate_formats(true).build(&root).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{what}: {}\n{value:#}", errors.join("\n"));
}

/// Sends the example of every route through its encoder; gives how many there were.
fn send_examples(config: &GatewayConfig) -> usize {
    let document = document(config, &Options::default());
    let mut sent = 0;
    for plan in &config.routes {
        let MethodPattern::Named(method) = &plan.method else { continue };
        let operations = document["paths"].as_object().unwrap().values();
        let grpc = plan.grpc.to_string();
        let method = method.to_lowercase();
        // Several bindings of a method: the one whose body is the same, told by its schema.
        let operations = operations.filter_map(|item| item.get(&method));
        let bodies = operations.filter(|operation| operation["x-grpc-method"] == *grpc);
        let bodies: Vec<&Value> = bodies
            .filter_map(|operation| operation["requestBody"]["content"].get("application/json"))
            .collect();
        if !plan.request.takes_body() || plan.request.takes_raw_body() {
            continue;
        }
        // It requires itself, so that no body is complete.
        if &*plan.grpc.input == "protobuf_test_messages.proto2.TestAllRequiredTypesProto2" {
            assert!(bodies.iter().all(|body| body.get("example").is_none()));
            continue;
        }
        let captures = vec!["1"; plan.template.variables().len()];
        let accepted = bodies.iter().any(|body| {
            let example = body.get("example").unwrap_or_else(|| panic!("{}: no example", plan.name));
            assert_fits(&plan.name, &document, &body["schema"], example);
            let text = example.to_string();
            let captures = captures.iter().copied();
            let parts = RequestParts { captures, query: None, body: text.as_bytes(), content_type: None };
            let encoded = plan.request.encode(parts, &plan.encode, &mut Vec::new());
            if bodies.len() == 1 {
                assert!(encoded.is_ok(), "{}: {encoded:?}\n{example:#}", plan.name);
            }
            encoded.is_ok()
        });
        assert!(accepted, "{}: {bodies:#?}", plan.name);
        sent += 1;
    }
    sent
}

#[test]
fn every_example_is_accepted_as_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let compile = |text: &str| testkit::backend::compile(text);
    let shop = protox::compile(
        [root.join("../proto/shop/user/v1/user.proto"), root.join("../proto/shop/order/v1/order.proto")],
        [root.join("../proto")],
    );
    let sets: &[(Vec<u8>, &[&str], usize)] = &[
        (
            compile(include_str!("../openapi/library.proto")),
            &["library.v1.LibraryService", "library.v1.LoanService"],
            15,
        ),
        (compile(include_str!("../openapi/kinds.proto")), &["kinds.v1.Kinds"], 5),
        (marked(), &["marked.v1.Marked"], 12),
        (compile(LEGACY), &["legacy.v1.Legacies"], 1),
        (shop.unwrap().encode_to_vec(), &["shop.user.v1.UserService", "shop.order.v1.OrderService"], 9),
        (conformance(), &["conformance.v1.All"], 10),
    ];
    for (set, services, least) in sets {
        for settings in ["", "json: {names: proto, enums: number}\n"] {
            let sent = send_examples(&load(set, services, settings));
            assert!(sent >= *least, "{services:?}: only {sent}");
        }
    }
}

#[test]
fn an_example_has_what_a_client_sends_and_nothing_else() {
    let config = load(&marked(), &["marked.v1.Marked"], "");
    let document = document(&config, &Options::default());
    let example = |path: &str, method: &str| {
        document["paths"][path][method]["requestBody"]["content"]["application/json"]["example"].clone()
    };
    let req = example("/v1/reqs", "post");
    for key in ["made", "number", "again", "old"] {
        assert_eq!(req.get(key), None, "{key}");
    }
    assert_eq!(
        (&req["name"], &req["text"], &req["color"]),
        (&json!("string"), &json!("string"), &json!("RED"))
    );
    assert_eq!(req["mask"], "*");
    assert_eq!(req["any"], json!({}));
    assert_eq!(req["nothing"], Value::Null);
    assert_eq!(req["values"], json!({"1": "value"}));
    assert_eq!(req["trees"]["true"]["value"], "0");
    assert_eq!(example("/v1/inners/{inner.id}", "patch"), json!({"more": "string"}));
    assert_eq!(example("/v2/inners/{inner.id}", "patch"), json!({"inner": {"more": "string"}}));
    assert_eq!(example("/v1/{parent}/list", "post"), json!([{"id": "string", "more": "string"}]));
}

#[test]
fn required_fields_are_required_of_clients_alone() {
    let config = load(&marked(), &["marked.v1.Marked"], "");
    let document = document(&config, &Options::default());
    let schemas = &document["components"]["schemas"];
    let body = |path: &str, method: &str| {
        document["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"].clone()
    };
    let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    assert_eq!(body("/v1/reqs", "post"), reference("marked.v1.Req-Input"));
    assert_eq!(schemas["marked.v1.Req-Input"]["required"], json!(["name", "mask"]));
    assert_eq!(schemas["marked.v1.Req-Input"]["properties"]["inner"], reference("marked.v1.Inner-Input"));
    assert_eq!(schemas["marked.v1.Req"].get("required"), None, "an answer leaves out what is empty");
    let answered = &document["paths"]["/v1/reqs"]["post"]["responses"]["200"]["content"]["application/json"];
    assert_eq!(answered["schema"], reference("marked.v1.Req"));
    // What the path fills need not be sent, and a PATCH sends what it changes.
    assert_eq!(body("/v1/reqs/{name}", "put")["required"], json!(["mask"]));
    assert_eq!(body("/v1/inners/{inner.id}", "put").get("required"), None);
    assert!(body("/v1/inners/{inner.id}", "put")["properties"].get("id").is_some());
    assert_eq!(body("/v1/inners/{inner.id}", "patch"), reference("marked.v1.Inner"));
    assert_eq!(body("/v2/inners/{inner.id}", "put")["properties"]["inner"], reference("marked.v1.Inner"));
    assert_eq!(body("/v1/{parent}/inners", "post"), reference("marked.v1.Inner-Input"));
    assert_eq!(body("/v1/{parent}/list", "post")["items"], reference("marked.v1.Inner-Input"));
    // Nothing is required there.
    assert_eq!(body("/v1/plain", "post"), reference("marked.v1.Plain"));
    let get = document["paths"]["/v1/reqs"]["get"]["parameters"].as_array().unwrap();
    let parameter = |name: &str| get.iter().find(|parameter| parameter["name"] == name);
    assert_eq!(parameter("name").unwrap()["required"], true);
    assert_eq!(parameter("made"), None, "only the service sets it");
}

#[test]
fn what_is_printed_fits_the_schema_of_answers() {
    let config = load(&marked(), &["marked.v1.Marked"], "");
    let document = document(&config, &Options::default());
    let schema = json!({"$ref": "#/components/schemas/marked.v1.Req"});
    for answer in [
        json!({}),
        json!({"color": "RED", "any": {}}),
        json!({"color": 77, "any": {"@type": "type.googleapis.com/marked.v1.Plain", "a": "x"}}),
        json!({"any": {"@type": "x/y", "value": "e30="}}),
    ] {
        assert_fits("an answer", &document, &schema, &answer);
    }
}

#[test]
fn every_error_has_an_example_of_its_own() {
    for format in ["simple", "google", "problem"] {
        let config = load(&marked(), &["marked.v1.Marked"], &format!("errors: {format}\n"));
        let document = document(&config, &Options::default());
        let mut seen = Vec::new();
        for (name, response) in document["components"]["responses"].as_object().unwrap() {
            for body in response["content"].as_object().unwrap().values() {
                assert_fits(name, &document, &body["schema"], &body["example"]);
                assert!(!seen.contains(&body["example"]), "{name}");
                seen.push(body["example"].clone());
            }
        }
        assert_eq!(seen.len(), 9);
        let said = |name: &str| {
            let content = document["components"]["responses"][name]["content"].as_object().unwrap();
            content.values().next().unwrap()["example"].to_string()
        };
        assert!(said("TooManyRequests").contains("RATE_LIMITED"), "{}", said("TooManyRequests"));
        assert!(said("BadRequest").contains("items[1].quantity"));
    }
}

#[test]
fn the_configuration_names_the_api() {
    let set = marked();
    for (docs, title, version) in [
        ("", "REST API", "1"),
        ("docs: /docs\n", "REST API", "1"),
        ("docs: {path: /docs, title: Books & more, version: 2.10}\n", "Books & more", "2.10"),
        ("docs: {path: \"\", title: Shop}\n", "Shop", "1"),
    ] {
        let config = load(&set, &["marked.v1.Marked"], docs);
        let info = document(&config, &Options::of(&config))["info"].clone();
        assert_eq!(info, json!({"title": title, "version": version}), "{docs}");
    }
}

/// The kinds of fields that the conformance messages have: the examples above are of all of them.
#[test]
fn the_conformance_messages_have_every_kind_of_field() {
    let set = FileDescriptorSet::decode(&*conformance()).unwrap();
    let fields = set.file.iter().flat_map(|file| &file.message_type).flat_map(|message| &message.field);
    let kinds: std::collections::HashSet<Type> = fields.map(|field| field.r#type()).collect();
    assert_eq!(kinds.len(), 18);
}
