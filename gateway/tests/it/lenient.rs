//! What other people's APIs and clients need: masks of flat requests, opaque `Any`s, parameters of the transport, bodies
//! without a content type, headers with other names.

use std::sync::Arc;

use bytes::Bytes;
use gateway::config;
use gateway::proxy::explain::{Explained, Request as Explain};
use http::{HeaderMap, Method};
use http_body_util::Full;
use prost::Message as _;
use serde_json::{Value, json};
use testkit::backend::{Backend, raw, status};

use crate::harness::{self, Gateway, request};

const PROTO: &str = r#"
    syntax = "proto3";
    package world.v1;
    import "google/protobuf/any.proto";
    import "google/protobuf/field_mask.proto";

    service World {
      rpc Echo(Item) returns (Item);
      rpc Update(UpdateUser) returns (UpdateUser);
      rpc Launch(UpdateMission) returns (UpdateMission);
      rpc Fail(Item) returns (Item);
    }
    enum Color { COLOR_UNSPECIFIED = 0; RED = 1; }
    message Item {
      string id = 1; string note_text = 2; Color color = 3;
      google.protobuf.Any spec = 4; repeated google.protobuf.Any specs = 5; map<string, google.protobuf.Any> named = 6;
      string search = 7 [json_name = "search[field]"];
    }
    message Expiration { int32 days = 1; }
    message UpdateUser {
      string user_id = 1; google.protobuf.FieldMask update_mask = 2; string name = 3; string description = 4;
      Expiration expiration_config = 5; map<string, string> labels = 6;
    }
    message Mission { string name = 1; string display_name_2 = 2; string title = 3 [json_name = "TITLE"]; }
    message UpdateMission { Mission mission = 1; google.protobuf.FieldMask update_mask = 2; }
"#;

const ROUTES: &str = r#"
routes:
  - {get: "/items/{id}", grpc: world.v1.World/Echo}
  - {post: /items, grpc: world.v1.World/Echo}
  - {post: /failures, grpc: world.v1.World/Fail}
  - {patch: "/users/{user_id}", grpc: world.v1.World/Update}
  - {patch: "/plain/{user_id}", grpc: world.v1.World/Update, update_mask: off}
  - patch: "/v1/{mission.name=missions/*}"
    grpc: world.v1.World/Launch
    additional_bindings: [{patch: "/v2/{mission.name=missions/*}", body: mission}]
"#;

/// A service that answers what it is asked, and a gateway with these settings before it.
async fn world(settings: &str) -> (Backend, Gateway) {
    let echo = |seen: &testkit::backend::Seen| raw(seen.wire.clone());
    let unknown = prost_types::Any { type_url: "x/y.Unknown".to_owned(), value: b"{}".to_vec() };
    let failure = Failure { code: 3, message: "no".to_owned(), details: vec![unknown] }.encode_to_vec();
    let backend = Backend::of(PROTO)
        .on("world.v1.World/Echo", echo)
        .on("world.v1.World/Update", echo)
        .on("world.v1.World/Launch", echo)
        .on("world.v1.World/Fail", move |_| status(3, "no").details(failure.clone()))
        .start()
        .await;
    let gateway = harness::routes(&yaml(&backend.address().to_string(), settings));
    let gateway = gateway.file("world.binpb", backend.descriptors()).start().await;
    (backend, gateway)
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, prost::Message)]
struct Failure {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

fn yaml(upstream: &str, settings: &str) -> String {
    format!(
        "listeners: [{{address: 127.0.0.1:0}}]\ndescriptors: [world.binpb]\nupstreams: {{world: {{address: \"{upstream}\"}}}}\n\
         services: {{world.v1.World: world}}\n{settings}\n{ROUTES}"
    )
}

#[tokio::test]
async fn a_flat_patch_has_the_mask_of_its_own_fields() {
    let (_backend, gateway) = world("").await;
    for (path, body, mask) in [
        ("/users/5", r#"{"name":"x"}"#, Some("name")),
        ("/users/5", r#"{"name":"x","expirationConfig":{"days":3}}"#, Some("name,expirationConfig.days")),
        ("/users/5", r#"{"userId":"5","labels":{}}"#, Some("labels")),
        ("/users/5", r#"{"userId":"5"}"#, None),
        ("/users/5", r#"{"name":"x","updateMask":"description"}"#, Some("description")),
        ("/plain/5", r#"{"name":"x"}"#, None),
        ("/plain/5", r#"{"name":"x","updateMask":"name"}"#, Some("name")),
        ("/v1/missions/5", r#"{"mission":{"displayName2":"x","TITLE":"t"}}"#, Some("display_name_2,title")),
        ("/v2/missions/5", r#"{"display_name_2":"x"}"#, Some("display_name_2")),
        ("/v2/missions/5?update_mask=display_name_2", r#"{"TITLE":"x"}"#, Some("display_name_2")),
    ] {
        let answer = gateway.send("PATCH", path, body).await;
        assert_eq!(answer.status, 200, "{path} {body} {answer:?}");
        let found = answer.json();
        assert_eq!(found.get("updateMask"), mask.map(Value::from).as_ref(), "{path} {body}");
    }
}

#[tokio::test]
async fn no_masks_are_made_where_the_defaults_say_so() {
    let (_backend, gateway) = world("defaults: {update_mask: off}").await;
    let answer = gateway.send("PATCH", "/users/5", r#"{"name":"x"}"#).await;
    assert_eq!(answer.json(), json!({"userId": "5", "name": "x"}));
}

#[test]
fn explain_makes_the_same_masks() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("world.binpb"), testkit::backend::compile(PROTO)).unwrap();
    std::fs::write(folder.path().join("routes.yaml"), yaml("localhost:1", "")).unwrap();
    let config = config::load(&folder.path().join("routes.yaml"), &|_| None).config.unwrap();
    let config = Arc::into_inner(config).unwrap();
    for (path, query, body, message) in [
        (
            "/v2/missions/5",
            None,
            r#"{"display_name_2":"x"}"#,
            json!({"mission": {"name": "missions/5", "displayName2": "x"}, "updateMask": "display_name_2"}),
        ),
        (
            "/v2/missions/5",
            Some("update_mask=display_name_2"),
            "{}",
            json!({"mission": {"name": "missions/5"}, "updateMask": "display_name_2"}),
        ),
        ("/users/5", None, r#"{"name":"x"}"#, json!({"userId": "5", "name": "x", "updateMask": "name"})),
    ] {
        let headers = HeaderMap::new();
        let request = Explain { method: "PATCH", path, query, headers: &headers, body: body.as_bytes() };
        let explained = Explained::of(&config.own, &config.table, &request);
        assert_eq!(explained.error, None, "{path}");
        let found: Value = serde_json::from_str(&explained.taken.unwrap().message.unwrap()).unwrap();
        assert_eq!(found, message);
    }
}

#[tokio::test]
async fn an_any_of_unknown_type_passes_where_it_may() {
    let unknown = json!({"@type": "types.containerd.io/runtime-spec/1/Spec", "value": "e30="});
    let body = json!({"spec": unknown, "specs": [unknown, {}], "named": {"a": unknown}});
    let (_backend, opaque) = world("json: {any: opaque}").await;
    let answer = opaque.send("POST", "/items", &body.to_string()).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, body.clone()));
    let (_backend, strict) = world("").await;
    assert_eq!(strict.send("POST", "/items", &body.to_string()).await.status, 400);
    for gateway in [&opaque, &strict] {
        let answer = gateway.send("POST", "/failures", "{}").await;
        assert_eq!(answer.json()["details"], json!([{"@type": "x/y.Unknown", "value": "e30="}]));
    }
}

#[tokio::test]
async fn parameters_of_the_transport_pass_where_they_may() {
    let settings = "json: {system_parameters: ignore, ignored_parameters: [fbclid, utm_*]}";
    let (_backend, gateway) = world(settings).await;
    let note = json!({"id": "1", "noteText": "a", "color": "RED"});
    for query in ["$alt=json&key=k&prettyPrint=false", "fbclid=x&utm_source=y", "%24fields=id"] {
        let path = format!("/items/1?noteText=a&color=RED&{query}");
        assert_eq!(gateway.get(&path).await.json(), note, "{query}");
    }
    for query in ["$alt=json;enum-encoding=int", "%24alt=json%3Benum-encoding%3Dint"] {
        let answer = gateway.get(&format!("/items/1?color=RED&{query}")).await;
        assert_eq!(answer.json(), json!({"id": "1", "color": 1}), "{query}");
        let answer = gateway.send("POST", &format!("/items?{query}"), r#"{"color":"RED"}"#).await;
        assert_eq!(answer.json(), json!({"color": 1}), "{query}");
    }
    assert_eq!(gateway.get("/items/1?noteTxt=a").await.status, 400, "a typo stays an error");
    let (_backend, strict) = world("").await;
    for query in ["$alt=json", "key=k", "fbclid=x"] {
        assert_eq!(strict.get(&format!("/items/1?{query}")).await.status, 400, "{query}");
    }
}

/// POST with this content type.
async fn post(gateway: &Gateway, content_type: Option<&str>, body: &str) -> u16 {
    let mut request = request(Method::POST, "/items");
    *request.body_mut() = Full::from(Bytes::from(body.to_owned()));
    if let Some(content_type) = content_type {
        request.headers_mut().insert("content-type", content_type.parse().unwrap());
    }
    gateway.request(request).await.status.as_u16()
}

#[tokio::test]
async fn a_body_without_a_content_type_is_json_and_any_other_where_it_may() {
    let body = r#"{"id":"1"}"#;
    let form = "application/x-www-form-urlencoded";
    let (_backend, strict) = world("").await;
    let (_backend, any) = world("json: {content_type: any}").await;
    for (content_type, strictly) in [
        (None, 200),
        (Some("application/json"), 200),
        (Some(form), 415),
        (Some("text/plain; charset=utf-8"), 415),
        (Some("application/octet-stream"), 415),
    ] {
        assert_eq!(post(&strict, content_type, body).await, strictly, "{content_type:?}");
        assert_eq!(post(&any, content_type, body).await, 200, "{content_type:?}");
    }
    assert_eq!(post(&any, Some(form), "id=1").await, 400, "it is read as JSON");
}

#[tokio::test]
async fn headers_become_metadata_of_another_name() {
    let headers = "defaults: {headers: {forward: [x-*, {grpc-metadata-*: \"*\", authorization: x-token}]}}";
    let (backend, gateway) = world(headers).await;
    let mut request = request(Method::GET, "/items/1");
    for (name, value) in [
        ("grpc-metadata-macaroon", "0201036c6e64"),
        ("grpc-metadata-key-bin", "_-8="),
        ("grpc-metadata-x-request-id", "theirs"),
        ("grpc-metadata-authorization", "Bearer theirs"),
        ("grpc-metadata-named", "by connection"),
        ("grpc-timeout", "1S"),
        ("connection", "grpc-metadata-named"),
        ("x-tenant", "t"),
        ("authorization", "Bearer mine"),
    ] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    assert_eq!(gateway.request(request).await.status, 200);
    let seen = backend.seen().pop().unwrap().metadata;
    let value = |name: &str| seen.get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(value("macaroon").as_deref(), Some("0201036c6e64"));
    assert_eq!(value("key-bin").as_deref(), Some("/+8"));
    assert_eq!(value("x-tenant").as_deref(), Some("t"));
    assert_eq!(value("x-token").as_deref(), Some("Bearer mine"));
    assert_ne!(value("x-request-id").as_deref(), Some("theirs"));
    for name in ["authorization", "named", "grpc-metadata-macaroon", "grpc-metadata-named"] {
        assert_eq!(value(name), None, "{name}");
    }
}

#[tokio::test]
async fn violations_use_the_names_of_answers() {
    for (settings, name) in [("", "noteText"), ("json: {names: proto}", "note_text")] {
        let (_backend, gateway) = world(settings).await;
        for body in [r#"{"noteText":1}"#, r#"{"note_text":1}"#] {
            let answer = gateway.send("POST", "/items", body).await.json();
            assert_eq!(answer["details"][0]["fieldViolations"][0]["field"], name, "{answer}");
        }
    }
}

#[tokio::test]
async fn a_json_name_with_brackets_is_a_parameter() {
    let (_backend, gateway) = world("").await;
    for query in ["search%5Bfield%5D=v", "search[field]=v"] {
        let answer = gateway.get(&format!("/items/1?{query}")).await;
        assert_eq!(answer.json(), json!({"id": "1", "search[field]": "v"}));
    }
}
