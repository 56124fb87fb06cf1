//! The OpenAPI document: valid by OpenAPI's own schema, and true: what it says may be sent is taken, and what comes back
//! is as it says.

use std::path::Path;

use gateway::config;
use gateway::openapi::{Options, document};
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use serde_json::{Map, Value, json};
use testkit::backend::{Backend, reply, status};

use crate::harness::{self, Answer, Gateway};

const KINDS: &str = include_str!("../openapi/kinds.proto");

/// The official schema, each Schema Object in the document held to JSON Schema 2020-12.
fn assert_valid(document: &Value) {
    let mut schema: Value = serde_json::from_str(include_str!("../openapi/oas-3.1-schema.json")).unwrap();
    schema["$defs"]["schema"] =
        json!({ "$dynamicAnchor": "meta", "$ref": "https://json-schema.org/draft/2020-12/schema" });
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    let spec = oas3::from_json(document.to_string()).unwrap();
    assert_eq!(spec.openapi, "3.1.0");
    assert_references(document, document);
    assert_operation_ids(document);
    assert_path_parameters(document);
}

/// Every reference leads somewhere.
fn assert_references(document: &Value, value: &Value) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(target)) = object.get("$ref") {
                assert!(document.pointer(target.strip_prefix('#').unwrap()).is_some(), "{target}");
            }
            object.values().for_each(|value| assert_references(document, value));
        }
        Value::Array(items) => items.iter().for_each(|value| assert_references(document, value)),
        _ => {}
    }
}

/// The operations: path, method, operation.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            match method.strip_prefix("x-") {
                None => found.push((path.clone(), method.to_uppercase(), operation.clone())),
                Some(_) => found.extend(
                    operation.as_object().unwrap().iter().map(|(m, o)| (path.clone(), m.clone(), o.clone())),
                ),
            }
        }
    }
    found
}

fn assert_operation_ids(document: &Value) {
    let mut ids: Vec<Value> = operations(document).iter().map(|(_, _, o)| o["operationId"].clone()).collect();
    let all = ids.len();
    ids.sort_by_key(Value::to_string);
    ids.dedup();
    assert_eq!(ids.len(), all, "operation ids are unique");
}

/// The parameters of a path are those that stand in it, and no two paths are alike but for their names.
fn assert_path_parameters(document: &Value) {
    let mut shapes = Vec::new();
    for (path, _, operation) in operations(document) {
        let in_path: Vec<&str> =
            path.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()).collect();
        let told: Vec<&str> =
            parameters(&operation, "path").iter().map(|p| p["name"].as_str().unwrap()).collect();
        assert_eq!(in_path, told, "{path}");
    }
    for path in document["paths"].as_object().unwrap().keys() {
        let shape: Vec<&str> =
            path.split('{').map(|s| s.split_once('}').map_or(s, |(_, rest)| rest)).collect();
        assert!(!shapes.contains(&shape), "{path} is there twice");
        shapes.push(shape);
    }
}

fn parameters<'o>(operation: &'o Value, place: &str) -> Vec<&'o Value> {
    let all = operation["parameters"].as_array().into_iter().flatten();
    all.filter(|parameter| parameter["in"] == place).collect()
}

/// Objects have no other keys than those that are told.
fn closed(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.get("properties").is_some_and(Value::is_object)
                && !object.contains_key("additionalProperties")
            {
                object.insert("additionalProperties".to_owned(), json!(false));
            }
            object.values_mut().for_each(closed);
        }
        Value::Array(items) => items.iter_mut().for_each(closed),
        _ => {}
    }
}

/// Holds a value against a schema of the document.
#[track_caller]
fn assert_fits(document: &Value, schema: &Value, value: &Value) {
    let mut root = json!({ "allOf": [schema], "components": document["components"] });
    closed(&mut root);
    let validator = jsonschema::options().should_validate_formats(true).build(&root).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{}\n{value:#}", errors.join("\n"));
}

/// Holds an answer against the response that the document gives for its status.
#[track_caller]
fn assert_answers(document: &Value, operation: &Value, answer: &Answer) {
    let responses = &operation["responses"];
    let response = responses.get(answer.status.as_str()).unwrap_or_else(|| &responses["default"]);
    let response = follow(document, response);
    for name in response["headers"].as_object().unwrap().keys() {
        assert!(answer.headers.contains_key(name) || name == "retry-after", "{name} of {answer:?}");
    }
    let Some(content) = response["content"].as_object() else {
        assert!(answer.body.is_empty(), "{answer:?}");
        return;
    };
    if content.contains_key("*/*") {
        return;
    }
    let media_type = answer.headers["content-type"].to_str().unwrap();
    let schema = &content.get(media_type).unwrap_or_else(|| panic!("{media_type} of {content:?}"))["schema"];
    assert_fits(document, schema, &serde_json::from_slice(&answer.body).unwrap());
}

fn follow<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match value["$ref"].as_str() {
        Some(target) => document.pointer(target.strip_prefix('#').unwrap()).unwrap(),
        None => value,
    }
}

/// A value that a schema allows, not deeper than is needed to see every kind of field.
fn sample(document: &Value, schema: &Value, depth: usize) -> Value {
    let schema = follow(document, schema);
    if let Some(first) = schema["examples"].get(0).or_else(|| schema["enum"].get(1)) {
        return first.clone();
    }
    if let Some(first) = schema["oneOf"].get(0) {
        return sample(document, first, depth);
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    match (kind, schema["format"].as_str()) {
        (Some("object"), _) if schema["properties"].get("@type").is_some() => {
            json!({"@type": "type.googleapis.com/google.protobuf.Duration", "value": "1s"})
        }
        (Some("object"), _) if depth > 3 => json!({}),
        (Some("object"), _) => {
            let mut object = Map::new();
            for (key, property) in schema["properties"].as_object().into_iter().flatten() {
                object.insert(key.clone(), sample(document, property, depth + 1));
            }
            for pair in schema["not"]["anyOf"].as_array().into_iter().flatten() {
                let [first, second] = [0, 1].map(|at| pair["required"][at].as_str().unwrap());
                if object.contains_key(first) {
                    object.remove(second);
                }
            }
            if schema["additionalProperties"].is_object() {
                object.insert("1".to_owned(), sample(document, &schema["additionalProperties"], depth + 1));
            }
            object.into()
        }
        (Some("array"), _) if depth > 3 => json!([]),
        (Some("array"), _) => json!([sample(document, &schema["items"], depth + 1)]),
        (Some("integer"), _) => json!(7),
        (Some("number"), _) => json!(1.5),
        (Some("boolean"), _) => json!(true),
        (Some("null"), _) => Value::Null,
        (_, Some("date-time")) => json!("2025-12-30T10:00:00Z"),
        (_, Some("byte")) => json!("AQI="),
        (_, Some(_)) => json!("7"),
        _ => json!("a"),
    }
}

/// A request as the document says that it may be sent, with everything in it.
fn request(document: &Value, path: &str, method: &str, operation: &Value) -> Request<Full<bytes::Bytes>> {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let text = |parameter: &Value| match sample(document, &parameter["schema"], 0) {
        Value::Array(items) => items.iter().map(|item| format!("={}", plain(item))).collect(),
        Value::Object(entries) => {
            assert_eq!((&parameter["style"], &parameter["explode"]), (&json!("deepObject"), &json!(true)));
            entries.iter().map(|(key, value)| format!("[{key}]={}", plain(value))).collect()
        }
        other => vec![format!("={}", plain(&other))],
    };
    let mut uri = path.to_owned();
    for parameter in parameters(operation, "path") {
        let value = text(parameter)[0].trim_start_matches('=').to_owned();
        uri = uri.replace(&format!("{{{}}}", parameter["name"].as_str().unwrap()), &value);
    }
    let query: Vec<String> = parameters(operation, "query")
        .iter()
        .flat_map(|parameter| {
            text(parameter).into_iter().map(|v| format!("{}{v}", parameter["name"].as_str().unwrap()))
        })
        .filter(|pair| !pair.starts_with("thing.right") && !pair.starts_with("thing.third"))
        .collect();
    if !query.is_empty() {
        uri = format!("{uri}?{}", query.join("&"));
    }
    let mut request = harness::request(method.parse::<Method>().unwrap(), &uri);
    let content = &operation["requestBody"]["content"];
    if let Some(json) = content.get("application/json") {
        let body = sample(document, &json["schema"], 0);
        assert_fits(document, &json["schema"], &body);
        request.headers_mut().insert("content-type", "application/json".parse().unwrap());
        *request.body_mut() = Full::from(body.to_string());
    } else if content.get("*/*").is_some() {
        request.headers_mut().insert("content-type", "text/plain".parse().unwrap());
        *request.body_mut() = Full::from("anything");
    }
    request
}

/// Sends every operation of the document as it says, and holds the answers against it.
async fn call_all(
    gateway: &Gateway,
    document: &Value,
    expected: impl Fn(&str) -> Option<StatusCode>,
) -> usize {
    let all = operations(document);
    for (path, method, operation) in &all {
        let answer = gateway.request(request(document, path, method, operation)).await;
        let success = operation["responses"].as_object().unwrap().keys().next().unwrap();
        let expected = expected(path).map_or_else(|| success.clone(), |status| status.as_str().to_owned());
        assert_eq!(answer.status.as_str(), expected, "{method} {path}: {}", answer.text());
        assert_answers(document, operation, &answer);
    }
    all.len()
}

/// The document of a routes.yaml, its descriptors beside it.
fn document_of(yaml: &str, descriptors: &[u8], options: &Options) -> Value {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("kinds.binpb"), descriptors).unwrap();
    std::fs::write(folder.path().join("routes.yaml"), yaml).unwrap();
    let loaded = config::load(&folder.path().join("routes.yaml"), &|_| None);
    document(&loaded.config.unwrap_or_else(|| panic!("{}", loaded.diagnostics)), options)
}

const HEAD: &str = "descriptors: [kinds.binpb]\nupstreams:\n  kinds: {address: localhost:1}\nservices:\n  \
                    kinds.v1.Kinds: kinds\n";

/// The document of these routes.
fn kinds(rest: &str) -> Value {
    let document =
        document_of(&format!("{HEAD}{rest}"), &testkit::backend::compile(KINDS), &Options::default());
    assert_valid(&document);
    document
}

const EVERY_CORNER: &str = r#"
routes:
  - {get: "/things/{name}", grpc: kinds.v1.Kinds/Find}
  - {patch: "/things/{thing.name}", grpc: kinds.v1.Kinds/Change, body: thing}
  - {post: "/shelves/{shelf}/things:put", grpc: kinds.v1.Kinds/Put, response_body: things, status: 201}
  - {put: "/{place=rooms/*/shelves/*}/{shelf}", grpc: kinds.v1.Kinds/Put, body: thing}
  - {delete: /old, grpc: kinds.v1.Kinds/Old, status: 204}
  - {get: /old, grpc: kinds.v1.Kinds/Old}
  - {post: "/files/{name=**}", grpc: kinds.v1.Kinds/Upload, body: content}
  - {custom: {kind: "*", path: "/any/*"}, grpc: kinds.v1.Kinds/Old}
  - {custom: {kind: PURGE, path: /old}, grpc: kinds.v1.Kinds/Old}
"#;

#[tokio::test]
async fn what_the_document_says_is_what_the_gateway_does() {
    for json in ["", "json: {names: proto, enums: number, unset: print}\n"] {
        for (errors, fails) in [("simple", false), ("google", true), ("problem", true), ("simple", true)] {
            let mut backend = Backend::of(KINDS);
            for method in ["Find", "Change", "Put", "Old", "Upload"] {
                backend = backend.on(&format!("kinds.v1.Kinds/{method}"), move |call| {
                    if fails {
                        return status(9, "not now");
                    }
                    let thing = call.json().get("thing").cloned().unwrap_or(json!({"name": "x"}));
                    match call.method.as_str() {
                        "kinds.v1.Kinds/Put" => reply(json!({"things": [thing]})),
                        "kinds.v1.Kinds/Old" => reply(json!({})),
                        "kinds.v1.Kinds/Upload" => {
                            reply(json!({"contentType": "text/plain", "data": "AQI="}))
                        }
                        _ => reply(thing),
                    }
                });
            }
            let backend = backend.start().await;
            let yaml = format!("{HEAD}{json}errors: {errors}\n{EVERY_CORNER}")
                .replace("localhost:1", &backend.address().to_string());
            let document = document_of(&yaml, backend.descriptors(), &Options::default());
            assert_valid(&document);
            let yaml = format!("listeners: [{{address: 127.0.0.1:0}}]\n{yaml}");
            let gateway = harness::routes(&yaml).file("kinds.binpb", backend.descriptors()).start().await;
            let calls = call_all(&gateway, &document, |_| fails.then_some(StatusCode::BAD_REQUEST)).await;
            assert_eq!(calls, 13, "nine routes, one of them for five methods");
        }
    }
}

#[tokio::test]
async fn the_sample_does_what_its_document_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let user = json!({"id": 7, "name": "John Doe", "email": "john@example.com", "createdAt": "2025-12-30T10:00:00Z"});
    let order = json!({
        "id": 1, "userId": 7, "userName": "John Doe", "status": "PENDING", "totalAmount": 999.99,
        "items": [{"productName": "Laptop", "quantity": 1, "price": 999.99}], "createdAt": "2025-12-30T10:00:00Z",
    });
    let mut backend = Backend::of_set(std::fs::read(root.join("descriptors/shop.binpb")).unwrap());
    for (service, method, answer) in [
        ("user.v1.UserService", "CreateUser", json!({"user": user})),
        ("user.v1.UserService", "GetUser", json!({"user": user})),
        ("user.v1.UserService", "ListUsers", json!({"users": [user], "nextPageToken": "2"})),
        ("user.v1.UserService", "UpdateUser", json!({"user": user})),
        ("user.v1.UserService", "DeleteUser", json!({})),
        (
            "order.v1.OrderService",
            "CreateOrder",
            json!({"order": order, "message": "Order created successfully"}),
        ),
        ("order.v1.OrderService", "GetOrder", json!({"order": order})),
        ("order.v1.OrderService", "ListOrders", json!({"orders": [order]})),
        ("order.v1.OrderService", "UpdateOrderStatus", json!({"order": order})),
        ("order.v1.OrderService", "CancelOrder", json!({"order": order})),
    ] {
        backend = backend.on(&format!("shop.{service}/{method}"), move |_| reply(answer.clone()));
    }
    let backend = backend.start().await;
    let address = backend.address().to_string();
    let yaml = std::fs::read_to_string(root.join("routes.yaml")).unwrap();
    let yaml = yaml
        .replace("0.0.0.0:${GATEWAY_PORT:-3000}", "127.0.0.1:0")
        .replace("${USER_SERVICE_URL:-localhost:50051}", &address)
        .replace("${ORDER_SERVICE_URL:-localhost:50052}", &address);
    let document = document_of(
        &yaml.replace("descriptors/shop.binpb", "kinds.binpb"),
        backend.descriptors(),
        &Options::default(),
    );
    assert_valid(&document);
    let gateway = harness::routes(&yaml).file("descriptors/shop.binpb", backend.descriptors()).start().await;
    let calls = call_all(&gateway, &document, |_| None).await;
    assert_eq!(calls, operations(&document).len());
    assert!(calls >= 11, "{calls} calls");
    assert_eq!(
        document["paths"].as_object().unwrap().keys().collect::<Vec<_>>()[..3],
        ["/users", "/users/{user_id}", "/orders"],
        "paths are in the order of the file, and those that are alike are one"
    );
}

/// What the document says at these places.
#[track_caller]
fn assert_says(document: &Value, rows: &[(&str, Value)]) {
    for (pointer, expected) in rows {
        let found = document.pointer(pointer).unwrap_or_else(|| panic!("nothing at {pointer}"));
        assert_eq!(found, expected, "{pointer}");
    }
}

#[test]
fn fields_are_described_as_they_are_printed() {
    let document = kinds(EVERY_CORNER);
    let thing = &document["components"]["schemas"]["kinds.v1.Thing"];
    let property = |name: &str| format!("/properties/{name}");
    for (name, expected) in [
        ("name", json!({"type": "string", "description": "Its name."})),
        ("flag", json!({"type": "boolean"})),
        ("int32", json!({"type": "integer", "format": "int32"})),
        ("uint32", json!({"type": "integer", "format": "uint32", "minimum": 0})),
        ("int64", json!({"type": "string", "format": "int64", "pattern": "^-?[0-9]+$"})),
        ("fixed64", json!({"type": "string", "format": "uint64", "pattern": "^[0-9]+$"})),
        (
            "double",
            json!({"oneOf": [
                {"type": "number", "format": "double"},
                {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]},
            ]}),
        ),
        (
            "ratio",
            json!({"oneOf": [
                {"type": "number", "format": "double"},
                {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]},
                {"type": "null"},
            ]}),
        ),
        ("data", json!({"type": "string", "format": "byte", "contentEncoding": "base64"})),
        ("colour", json!({"$ref": "#/components/schemas/kinds.v1.Colour"})),
        (
            "parent",
            json!({"$ref": "#/components/schemas/kinds.v1.Thing", "description": "The thing that it is part of."}),
        ),
        ("parts", json!({"type": "array", "items": {"$ref": "#/components/schemas/kinds.v1.Thing"}})),
        (
            "counts",
            json!({"type": "object", "additionalProperties": {"type": "string", "format": "int64", "pattern": "^-?[0-9]+$"}}),
        ),
        ("madeAt", json!({"type": "string", "format": "date-time"})),
        ("free", json!({"type": "object", "additionalProperties": true})),
        ("list", json!({"type": "array", "items": {}})),
        ("text", json!({"type": ["string", "null"]})),
        ("nothing", json!({"type": "null"})),
        ("old", json!({"type": "string", "description": "Gone soon.", "deprecated": true})),
        ("other", json!({"type": "string"})),
    ] {
        assert_eq!(thing.pointer(&property(name)), Some(&expected), "{name}");
    }
    assert_eq!(thing["properties"]["byNumber"]["propertyNames"]["pattern"], "^-?[0-9]+$");
    assert_eq!(thing["properties"]["any"].get("required"), None, "an empty Any has no type");
    assert_eq!(thing["description"], "A thing.");
    let pairs = thing["not"]["anyOf"].as_array().unwrap();
    assert_eq!(pairs.len(), 3, "two of three members of a oneof exclude each other");
    let colour = &document["components"]["schemas"]["kinds.v1.Colour"];
    let names = json!({"type": "string", "enum": ["COLOUR_UNSPECIFIED", "RED", "GREEN"]});
    assert_eq!(colour["oneOf"], json!([names, {"type": "integer", "format": "int32"}]));
    assert_eq!(colour["description"], "What it looks like.\n\n- `RED`: As fire.");

    let document = kinds(&format!("json: {{names: proto, enums: number}}\n{EVERY_CORNER}"));
    let thing = &document["components"]["schemas"]["kinds.v1.Thing"]["properties"];
    assert!(
        thing.get("made_at").is_some() && thing.get("renamed").is_some() && thing.get("madeAt").is_none()
    );
    let colour = &document["components"]["schemas"]["kinds.v1.Colour"];
    assert_eq!((&colour["type"], &colour["format"]), (&json!("integer"), &json!("int32")));
}

#[test]
fn operations_say_what_is_taken_and_answered() {
    let document = kinds(EVERY_CORNER);
    let thing = json!({"$ref": "#/components/schemas/kinds.v1.Thing"});
    assert_says(
        &document,
        &[
            ("/paths/~1things~1{name}/get/operationId", json!("Kinds_Find")),
            ("/paths/~1things~1{name}/get/tags", json!(["Kinds"])),
            ("/paths/~1things~1{name}/get/summary", json!("Finds things")),
            ("/paths/~1things~1{name}/get/description", json!("Finds things. Also those that\nare lost.")),
            (
                "/paths/~1things~1{name}/get/parameters/0",
                json!({"name": "name", "in": "path", "required": true, "description": "Which thing.",
                       "schema": {"type": "string"}}),
            ),
            ("/paths/~1things~1{name}/get/responses/200/content/application~1json/schema", thing.clone()),
            (
                "/paths/~1things~1{name}/get/responses/default",
                json!({"$ref": "#/components/responses/Error"}),
            ),
            ("/paths/~1things~1{name}/patch/requestBody/content/application~1json/schema", thing.clone()),
            ("/paths/~1things~1{name}/patch/parameters/1/name", json!("updateMask")),
            (
                "/paths/~1shelves~1{shelf}~1things:put/post/responses/201/content/application~1json/schema",
                json!({"type": "array", "items": thing}),
            ),
            ("/paths/~1rooms~1{place_1}~1shelves~1{place_2}~1{shelf}/put/operationId", json!("Kinds_Put_2")),
            (
                "/paths/~1rooms~1{place_1}~1shelves~1{place_2}~1{shelf}/put/parameters/1",
                json!({"name": "place_2", "in": "path", "required": true, "schema": {"type": "string"},
                       "description": "Part of `place`, which is `rooms/{place_1}/shelves/{place_2}`."}),
            ),
            ("/paths/~1old/get/deprecated", json!(true)),
            ("/paths/~1old/get/responses/200/content/application~1json/schema", json!({"type": "object"})),
            ("/paths/~1old/x-additional-operations/PURGE/x-grpc-method", json!("kinds.v1.Kinds/Old")),
            ("/paths/~1files~1{name}/post/requestBody/content", json!({"*/*": {}})),
            ("/paths/~1files~1{name}/post/responses/200/content", json!({"*/*": {}})),
            (
                "/paths/~1files~1{name}/post/parameters/0/description",
                json!("Any number of segments: its slashes are not escaped."),
            ),
            ("/paths/~1any~1{wildcard}/put/operationId", json!("Kinds_Old_4_put")),
            (
                "/tags/0",
                json!({"name": "Kinds", "description": "Has a method for each corner.\n\nAnd two paragraphs."}),
            ),
        ],
    );
    assert!(document.pointer("/paths/~1old/delete/responses/204/content").is_none());
    let body = document
        .pointer("/paths/~1shelves~1{shelf}~1things:put/post/requestBody/content/application~1json/schema/properties")
        .unwrap();
    let keys: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["place", "thing"], "what the path fills is not in the body");
}

#[test]
fn a_query_has_every_field_that_it_can_give_and_no_other() {
    let document = kinds("routes:\n  - {get: \"/things/{name}\", grpc: kinds.v1.Kinds/Find}\n");
    let operation = &document["paths"]["/things/{name}"]["get"];
    let query = parameters(operation, "query");
    let names: Vec<&str> = query.iter().map(|parameter| parameter["name"].as_str().unwrap()).collect();
    assert_eq!(names[..6], ["filter.minCount", "filter.old", "colours", "ids", "since", "lost"]);
    for absent in
        ["name", "more", "free", "thing.byNumber", "filter.inner.minCount", "thing.parent.name", "thing.any"]
    {
        assert!(!names.contains(&absent), "{absent}");
    }
    for present in
        ["labels", "thing.counts", "thing.name", "thing.madeAt", "thing.text", "thing.left", "thing.mask"]
    {
        assert!(names.contains(&present), "{present} of {names:?}");
    }
    let labels = query.iter().find(|parameter| parameter["name"] == "labels").unwrap();
    assert_eq!((&labels["style"], &labels["explode"]), (&json!("deepObject"), &json!(true)));
    assert_eq!(labels["schema"], json!({"type": "object", "additionalProperties": {"type": "string"}}));
    let find = |name: &str| query.iter().find(|parameter| parameter["name"] == name).unwrap();
    assert_eq!(find("filter.minCount")["description"], "At least so many.");
    assert_eq!(find("filter.old")["deprecated"], true);
    assert_eq!(
        find("colours")["schema"],
        json!({"type": "array", "items": {"$ref": "#/components/schemas/kinds.v1.Colour"}})
    );
    assert_eq!(find("lost")["schema"], json!({"type": "boolean"}), "a query cannot say null");
    let ratio = find("thing.ratio")["schema"]["oneOf"].as_array().unwrap();
    assert_eq!(ratio.len(), 2, "nor here: {ratio:?}");
}

/// Two dozen messages that hold each other have more ways through them than can be walked, and not one field for a query.
#[test]
fn messages_that_hold_each_other_end_the_search_for_a_query() {
    const MESSAGES: usize = 24;
    let fields: String = (0..MESSAGES).map(|n| format!("M{n} f{n} = {};", n + 1)).collect();
    let messages: String = (0..MESSAGES).map(|n| format!("message M{n} {{ {fields} }}")).collect();
    let proto = format!(
        "syntax = \"proto3\"; package kinds.v1; {messages} service Kinds {{ rpc Find(M0) returns (M0); }}"
    );
    let routes = "routes:\n  - {get: /all, grpc: kinds.v1.Kinds/Find}\n";
    let set = testkit::backend::compile(&proto);
    let document = document_of(&format!("{HEAD}{routes}"), &set, &Options::default());
    assert_valid(&document);
    assert_eq!(parameters(&document["paths"]["/all"]["get"], "query").len(), 0);
}

#[tokio::test]
async fn what_json_has_no_numbers_for_is_answered_as_the_document_says() {
    let backend = Backend::of(KINDS)
        .on("kinds.v1.Kinds/Find", |_| {
            reply(json!({"double": "NaN", "float": "-Infinity", "ratio": "Infinity"}))
        })
        .start()
        .await;
    let yaml = format!("{HEAD}routes:\n  - {{get: /things, grpc: kinds.v1.Kinds/Find}}\n")
        .replace("localhost:1", &backend.address().to_string());
    let document = document_of(&yaml, backend.descriptors(), &Options::default());
    let yaml = format!("listeners: [{{address: 127.0.0.1:0}}]\n{yaml}");
    let gateway = harness::routes(&yaml).file("kinds.binpb", backend.descriptors()).start().await;
    let answer = gateway.get("/things?thing.ratio=NaN").await;
    assert_eq!(answer.json(), json!({"double": "NaN", "float": "-Infinity", "ratio": "Infinity"}));
    assert_answers(&document, &document["paths"]["/things"]["get"], &answer);
}

/// Keys of components have few characters; names in a configuration may have any.
#[test]
fn ways_to_know_callers_get_names_that_the_document_can_have() {
    let secret = "a secret of the tests that has more than 32 bytes";
    let names = ["our shop", "our_shop", "our/shop", "größe"];
    let way = |name| {
        format!("  \"{name}\": {{jwt: {{secret: \"{secret}\", algorithms: [HS256], audience: shop}}}}\n")
    };
    let route =
        |(n, name)| format!("  - {{get: /{n}, grpc: kinds.v1.Kinds/Find, auth: {{jwt: \"{name}\"}}}}\n");
    let ways: String = names.into_iter().map(way).collect();
    let routes: String = names.into_iter().enumerate().map(route).collect();
    let document = kinds(&format!("auth:\n{ways}routes:\n{routes}"));
    let found = [0, 1, 2, 3].map(|n| document["paths"][format!("/{n}")]["get"]["security"].clone());
    let expected = ["our_shop_2", "our_shop", "our_shop_3", "gr__e"].map(|name| json!([{name: []}]));
    assert_eq!(found, expected, "a name that can stay does");
    assert_eq!(document["components"]["securitySchemes"].as_object().unwrap().len(), 4);
}

#[test]
fn options_name_the_api_and_choose_a_host() {
    let yaml = format!(
        "{HEAD}routes:\n  - {{get: /a, grpc: kinds.v1.Kinds/Old, host: partners.example}}\n  \
         - {{get: /a, grpc: kinds.v1.Kinds/Find, host: \"*.example\"}}\n  - {{get: /a, grpc: kinds.v1.Kinds/Find}}\n  \
         - {{get: /b, grpc: kinds.v1.Kinds/Find, host: other.test}}\n"
    );
    let set = testkit::backend::compile(KINDS);
    let document = |host: Option<&str>| {
        let options = Options {
            title: "Kinds".to_owned(),
            version: "2.1".to_owned(),
            servers: vec!["https://api.example".to_owned()],
            host: host.map(str::to_owned),
        };
        let document = document_of(&yaml, &set, &options);
        assert_valid(&document);
        document
    };
    for (host, method) in [("partners.example", "Old"), ("Any.Example", "Find"), ("nowhere.test", "Find")] {
        let document = document(Some(host));
        let called = format!("kinds.v1.Kinds/{method}");
        assert_eq!(document["paths"]["/a"]["get"]["x-grpc-method"], called, "{host}");
        assert!(document["paths"].get("/b").is_none());
    }
    let all = document(None);
    assert_eq!(all["info"], json!({"title": "Kinds", "version": "2.1"}));
    assert_eq!(all["servers"], json!([{"url": "https://api.example"}]));
    assert_eq!(all["paths"]["/b"]["get"]["servers"], json!([{"url": "//other.test"}]));
    assert_eq!(all["paths"]["/b"]["get"]["x-hosts"], json!(["other.test"]));
}

#[test]
fn policies_are_told() {
    let secret = "a secret of the tests that has more than 32 bytes";
    let key = "c018c41c1afaf2c0b66c64f97d0ee135657b699ad260f299234cd40a5d625e0e";
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys.yaml");
    std::fs::write(&keys, format!("acme: {key}\n")).unwrap();
    let document = kinds(&format!(
        "auth:\n  shop: {{jwt: {{secret: \"{secret}\", algorithms: [HS256], audience: shop}}}}\n  \
         partners: {{api_key: {{header: x-api-key, file: \"{}\"}}}}\nroutes:\n  \
         - {{get: /mine, grpc: kinds.v1.Kinds/Find, auth: {{jwt: shop, scopes: [things:read]}}, \
         set: {{name: jwt:sub}}, rate_limit: {{rate: 10/s}}}}\n  \
         - {{post: /partners, grpc: kinds.v1.Kinds/Put, auth: {{api_key: partners}}, set: {{shelf: const:a}}}}\n  \
         - {{get: /all, grpc: kinds.v1.Kinds/Find}}\n",
        keys.display()
    ));
    assert_says(
        &document,
        &[
            (
                "/components/securitySchemes",
                json!({
                    "shop": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                    "partners": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                }),
            ),
            ("/paths/~1mine/get/security", json!([{"shop": ["things:read"]}])),
            ("/paths/~1partners/post/security", json!([{"partners": []}])),
            ("/paths/~1mine/get/responses/401", json!({"$ref": "#/components/responses/Unauthenticated"})),
            ("/paths/~1mine/get/responses/429", json!({"$ref": "#/components/responses/TooManyRequests"})),
        ],
    );
    let query = |path: &str| {
        let all = parameters(&document["paths"][path]["get"], "query");
        all.iter().any(|parameter| parameter["name"] == "name")
    };
    assert!(query("/all") && !query("/mine"), "what the gateway fills is not for clients to say");
    let body =
        &document["paths"]["/partners"]["post"]["requestBody"]["content"]["application/json"]["schema"];
    assert!(body["properties"].get("shelf").is_none() && body["properties"].get("place").is_some());
    assert!(document["paths"]["/all"]["get"].get("security").is_none());
}
