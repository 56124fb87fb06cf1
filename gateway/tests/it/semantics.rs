//! What the suites of other transcoders ask of one, a row each: what the service sees, and what the client gets.
//!
//! The rows follow google/api/http.proto, and the integration tests of Envoy, grpc-gateway, Vanguard and ASP.NET Core, as far
//! as the contract does not decide otherwise; where it does, the row says so.

use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body_util::Full;
use serde_json::{Value, json};
use testkit::backend::{Backend, Seen, raw, reply, status};

use crate::harness::{self, Answer, Gateway, request};

/// Messages with a field of every kind that a rule can bind.
const PROTO: &str = r#"
    syntax = "proto3";
    package corner.v1;
    import "google/api/httpbody.proto";
    import "google/protobuf/any.proto";
    import "google/protobuf/duration.proto";
    import "google/protobuf/empty.proto";
    import "google/protobuf/field_mask.proto";
    import "google/protobuf/struct.proto";
    import "google/protobuf/timestamp.proto";
    import "google/protobuf/wrappers.proto";

    service Corner {
      rpc Echo(All) returns (All);
      rpc Reply(All) returns (All);
      rpc Nothing(google.protobuf.Empty) returns (google.protobuf.Empty);
      rpc Raw(google.api.HttpBody) returns (google.api.HttpBody);
    }
    enum Color { COLOR_UNSPECIFIED = 0; RED = 1; GREEN = 2; }
    message Nested { string s = 1; int32 i = 2; Nested n = 3; repeated string list = 4; map<string, string> tags = 5; }
    message All {
      bool b = 1; int32 i32 = 2; int64 i64 = 3; uint32 u32 = 4; uint64 u64 = 5; sint32 s32 = 6; fixed64 f64 = 7;
      float fl = 8; double db = 9; string str = 10; bytes by = 11; Color color = 12; Nested nested = 13;
      repeated int32 ri = 14; repeated string rs = 15; repeated Color rc = 16; repeated Nested rn = 17;
      map<string, string> mss = 18; map<int32, int64> mii = 19; map<string, Nested> msn = 20;
      google.protobuf.Any any = 21; google.protobuf.Struct struct = 22; google.protobuf.Value value = 23;
      google.protobuf.ListValue list = 24; google.protobuf.Timestamp at = 25; google.protobuf.Duration took = 26;
      google.protobuf.FieldMask mask = 27; google.protobuf.Empty empty = 28;
      google.protobuf.BoolValue wb = 29; google.protobuf.Int64Value wi64 = 30; google.protobuf.StringValue ws = 31;
      google.protobuf.BytesValue wby = 32; google.protobuf.DoubleValue wd = 33;
      oneof choice { string os = 34; int32 oi = 35; Nested on = 36; }
      optional int32 pi = 37; optional string ps = 38;
      string snake_case = 39; string custom = 40 [json_name = "renamed"];
      google.api.HttpBody file = 41;
    }
"#;

/// A service that answers what it is asked, and `routes` before it, each `method path field`: the field is the body.
async fn corner(routes: &[&str]) -> (Backend, Gateway) {
    corner_with(routes, |seen| reply(seen.json())).await
}

async fn corner_with(
    routes: &[&str],
    answer: impl Fn(&Seen) -> testkit::backend::Reply + Send + Sync + 'static,
) -> (Backend, Gateway) {
    let backend = Backend::of(PROTO)
        .on("corner.v1.Corner/Echo", |seen| reply(seen.json()))
        .on("corner.v1.Corner/Raw", |seen| reply(seen.json()))
        .on("corner.v1.Corner/Nothing", |_| reply(json!({})))
        .on("corner.v1.Corner/Reply", answer)
        .start()
        .await;
    let routes: String = routes.iter().map(|route| format!("  - {route}\n")).collect();
    let yaml = format!(
        "listeners: [{{address: 127.0.0.1:0}}]\ndescriptors: [corner.binpb]\n\
         upstreams: {{corner: {{address: {}}}}}\nservices: {{corner.v1.Corner: corner}}\nroutes:\n{routes}",
        backend.address()
    );
    let gateway = harness::routes(&yaml).file("corner.binpb", backend.descriptors()).start().await;
    (backend, gateway)
}

/// What is expected of a request: the message that the service sees, or the status and the field that is refused.
#[derive(Clone, Copy)]
enum Want {
    Sees(&'static str),
    Refuses(u16, &'static str),
}
use Want::{Refuses, Sees};

fn check(backend: &Backend, what: &str, answer: &Answer, want: Want) {
    match want {
        Sees(message) => {
            assert_eq!(answer.status, 200, "{what}: {answer:?}");
            let expected: Value = serde_json::from_str(message).unwrap();
            assert_eq!(backend.only().json(), expected, "{what}");
        }
        Refuses(status, field) => {
            assert_eq!(answer.status, status, "{what}: {answer:?}");
            assert!(backend.seen().is_empty(), "{what}: nothing goes upstream");
            let found = answer.json()["details"][0]["fieldViolations"][0]["field"].clone();
            assert_eq!(found.as_str().unwrap_or_default(), field, "{what}: {answer:?}");
        }
    }
}

/// Every row, sent as `method target` with a JSON body.
async fn play(gateway: &Gateway, backend: &Backend, rows: &[(&str, &str, Want)]) {
    for (line, body, want) in rows {
        let (method, target) = line.split_once(' ').unwrap();
        let answer = gateway.send(method, target, body).await;
        check(backend, &format!("{line} {body}"), &answer, *want);
    }
}

const ECHO: &str = "grpc: corner.v1.Corner/Echo";

#[tokio::test]
async fn the_query_as_grpc_gateway_and_vanguard_fill_it() {
    let (backend, gateway) = corner(&[&format!("{{get: /q, {ECHO}}}")]).await;
    let rows = [
        (
            "GET /q?fl=1.5&db=2.5&i64=-1&i32=-2&u64=3&u32=4&b=true&str=str&by=Ynl0ZXM=",
            "",
            Sees(
                r#"{"fl":1.5,"db":2.5,"i64":"-1","i32":-2,"u64":"3","u32":4,"b":true,"str":"str","by":"Ynl0ZXM="}"#,
            ),
        ),
        (
            "GET /q?rs=a&rs=b&rs=c&color=1&rc=1&rc=GREEN&rc=0",
            "",
            Sees(r#"{"rs":["a","b","c"],"color":"RED","rc":["RED","GREEN","COLOR_UNSPECIFIED"]}"#),
        ),
        (
            "GET /q?at=2016-12-15T12:23:32.000000049Z&took=46800s&mask=fl,snake_case",
            "",
            Sees(r#"{"at":"2016-12-15T12:23:32.000000049Z","took":"46800s","mask":"fl,snakeCase"}"#),
        ),
        (
            "GET /q?wb=true&wi64=-1&ws=str&wby=Ynl0ZXM&wd=2.5",
            "",
            Sees(r#"{"wb":true,"wi64":"-1","ws":"str","wby":"Ynl0ZXM=","wd":2.5}"#),
        ),
        (
            "GET /q?mss[key]=value&mss[fourth]=&mss[~!@$%25%5E*()]=x&mii[-2]=3",
            "",
            Sees(r#"{"mss":{"key":"value","fourth":"","~!@$%^*()":"x"},"mii":{"-2":"3"}}"#),
        ),
        (
            "GET /q?nested.n.n.list=a&nested.n.n.list=b&nested.n.s=t&nested.s=u&nested.n.tags[first]=foo",
            "",
            Sees(r#"{"nested":{"n":{"n":{"list":["a","b"]},"s":"t","tags":{"first":"foo"}},"s":"u"}}"#),
        ),
        (
            "GET /q?at.seconds=5&took.nanos=1000000&mask.paths=a_b&mask.paths=c&ws.value=x",
            "",
            Sees(r#"{"at":"1970-01-01T00:00:05Z","took":"0.001s","mask":"aB,c","ws":"x"}"#),
        ),
        ("GET /q?snakeCase=a&custom=b", "", Sees(r#"{"snakeCase":"a","renamed":"b"}"#)),
        ("GET /q?snake_case=a&renamed=b", "", Sees(r#"{"snakeCase":"a","renamed":"b"}"#)),
        ("GET /q?os=foobar", "", Sees(r#"{"os":"foobar"}"#)),
        ("GET /q?on.s=x&on.i=1", "", Sees(r#"{"on":{"s":"x","i":1}}"#)),
        ("GET /q?oi=1&os=foobar", "", Refuses(400, "os")),
        ("GET /q?on.s=x&os=y", "", Refuses(400, "os")),
        // "the same field given twice with different values is a 400": others take the first, or the last.
        ("GET /q?u64=1&u64=2", "", Refuses(400, "u64")),
        ("GET /q?u64=1&u64=1", "", Sees(r#"{"u64":"1"}"#)),
        ("GET /q?mss[a]=1&mss[a]=2", "", Refuses(400, "mss[a]")),
        ("GET /q?db=NaN&fl=-Infinity", "", Sees(r#"{"db":"NaN","fl":"-Infinity"}"#)),
        ("GET /q?fl=1.7976931348623157e308", "", Refuses(400, "fl")),
        ("GET /q?i32=9223372036854775807", "", Refuses(400, "i32")),
        ("GET /q?i32=1e2&u32=4.0", "", Sees(r#"{"i32":100,"u32":4}"#)),
        ("GET /q?i32=0x10", "", Refuses(400, "i32")),
        ("GET /q?i32=+1", "", Refuses(400, "i32")),
        ("GET /q?by=YWJjMTIzIT8kKiYoKSctPUB-", "", Sees(r#"{"by":"YWJjMTIzIT8kKiYoKSctPUB+"}"#)),
        ("GET /q?color=unknown", "", Refuses(400, "color")),
        ("GET /q?color=red", "", Refuses(400, "color")),
        ("GET /q?mss=hello", "", Refuses(400, "mss")),
        ("GET /q?msn[a].s=x", "", Refuses(400, "msn[a].s")),
        ("GET /q?rn.s=x", "", Refuses(400, "rn.s")),
        ("GET /q?struct=x", "", Refuses(400, "struct")),
        ("GET /q?unknown=1", "", Refuses(400, "unknown")),
        ("GET /q?ps=&pi=0", "", Sees(r#"{"ps":"","pi":0}"#)),
        ("GET /q?str=%24%25%2F%20%0A", "", Sees(r#"{"str":"$%/ \n"}"#)),
        ("GET /q?str=a+b&rs=a%2Bb&rs=a;b&rs=a=b", "", Sees(r#"{"str":"a b","rs":["a+b","a;b","a=b"]}"#)),
        ("GET /q?&&str=a&&", "", Sees(r#"{"str":"a"}"#)),
        ("GET /q?", "", Sees("{}")),
        ("GET /q?str=%ff", "", Refuses(400, "str")),
        ("GET /q?str=%zz", "", Refuses(400, "str")),
        ("GET /q?at=2025-02-30T00:00:00Z", "", Refuses(400, "at")),
        ("GET /q?at=2025-01-01t00:00:00z", "", Refuses(400, "at")),
        ("GET /q?took=1h", "", Refuses(400, "took")),
        ("GET /q?i32=1", "{\"i32\":2}", Sees(r#"{"i32":1}"#)),
    ];
    play(&gateway, &backend, &rows).await;
}

#[tokio::test]
async fn paths_as_aspnet_and_envoy_match_them() {
    let routes = [
        "{get: '/v1/{str=from/*}', grpc: corner.v1.Corner/Echo}",
        "{get: '/v1/{nested.s=one/*/b}/{nested.n.s}/{nested.n.n.s=**}/two', grpc: corner.v1.Corner/Echo}",
        "{get: '/all/{str=**}', grpc: corner.v1.Corner/Echo}",
        "{get: '/verb/{str}:one', grpc: corner.v1.Corner/Echo}",
        "{get: '/verbs/{str=**}:one', grpc: corner.v1.Corner/Echo}",
        "{post: '/post:one', grpc: corner.v1.Corner/Echo}",
        "{custom: {kind: OPTIONS, path: '/shelves/{i64}'}, grpc: corner.v1.Corner/Echo}",
        "{custom: {kind: '*', path: '/any/{i64}'}, grpc: corner.v1.Corner/Echo}",
        "{get: '/at/{at}/{took}/{mask}/{wi64}/{by}/{color}', grpc: corner.v1.Corner/Echo}",
        "{get: '/two/{i64}', grpc: corner.v1.Corner/Echo, additional_bindings: [{get: '/zwei/{i64}/{str}'}, {post: '/deux', body: nested}]}",
        "{get: '/oneof/{os}', grpc: corner.v1.Corner/Echo}",
    ];
    let (backend, gateway) = corner(&routes).await;
    let rows = [
        ("GET /v1/from/test", "", Sees(r#"{"str":"from/test"}"#)),
        ("GET /v1/from/a%2Fb%20c", "", Sees(r#"{"str":"from/a%2Fb c"}"#)),
        ("GET /v1/from/", "", Refuses(404, "")),
        ("GET /v1/from/a/b", "", Refuses(404, "")),
        (
            "GET /v1/one/a/b/c/d/e/two",
            "",
            Sees(r#"{"nested":{"s":"one/a/b","n":{"s":"c","n":{"s":"d/e"}}}}"#),
        ),
        ("GET /all//name/one/two//", "", Sees(r#"{"str":"/name/one/two//"}"#)),
        ("GET /verb/test:one", "", Sees(r#"{"str":"test"}"#)),
        ("GET /verb/a:b:one", "", Sees(r#"{"str":"a:b"}"#)),
        ("GET /verb/test", "", Refuses(404, "")),
        ("GET /verb/test%3Aone", "", Refuses(404, "")),
        ("GET /verbs/test/name:one", "", Sees(r#"{"str":"test/name"}"#)),
        ("GET /verbs/test/name", "", Refuses(404, "")),
        ("POST /post:one", r#"{"str":"x"}"#, Sees(r#"{"str":"x"}"#)),
        ("POST /post", r#"{"str":"x"}"#, Refuses(404, "")),
        ("GET /post:one", "", Refuses(405, "")),
        ("OPTIONS /shelves/456", "", Sees(r#"{"i64":"456"}"#)),
        ("PURGE /any/1", "", Sees(r#"{"i64":"1"}"#)),
        ("GET /any/1?str=a", "", Sees(r#"{"i64":"1","str":"a"}"#)),
        (
            "GET /at/2025-01-01T00:00:00Z/1.5s/a,b_c/7/AQI/RED",
            "",
            Sees(
                r#"{"at":"2025-01-01T00:00:00Z","took":"1.500s","mask":"a,bC","wi64":"7","by":"AQI=","color":"RED"}"#,
            ),
        ),
        ("GET /two/1?str=a", "", Sees(r#"{"i64":"1","str":"a"}"#)),
        ("GET /zwei/1/b?nested.s=c", "", Sees(r#"{"i64":"1","str":"b","nested":{"s":"c"}}"#)),
        ("POST /deux?i64=1", r#"{"s":"x"}"#, Sees(r#"{"i64":"1","nested":{"s":"x"}}"#)),
        ("GET /two/x", "", Refuses(400, "i64")),
        ("GET /two/9223372036854775808", "", Refuses(400, "i64")),
        ("GET /two/1?i64=1", "", Sees(r#"{"i64":"1"}"#)),
        // "the path wins": elsewhere the query overrides it.
        ("GET /two/1?i64=9999", "", Refuses(400, "i64")),
        ("GET /oneof/a?oi=1", "", Refuses(400, "oi")),
        ("GET /two/1/", "", Refuses(404, "")),
        ("GET //two/1", "", Refuses(404, "")),
        ("GET /TWO/1", "", Refuses(404, "")),
    ];
    play(&gateway, &backend, &rows).await;
}

#[tokio::test]
async fn bodies_of_every_shape() {
    let fields =
        "b i32 i64 str by color db nested ri rn mss any struct value list at took mask empty wi64 ws ps os";
    let mut routes: Vec<String> =
        fields.split(' ').map(|field| format!("{{post: /f/{field}, {ECHO}, body: {field}}}")).collect();
    routes.push(format!("{{post: /all, {ECHO}}}"));
    routes.push(format!("{{post: '/all/{{nested.s}}', {ECHO}}}"));
    routes.push(format!("{{post: '/nested/{{str}}', {ECHO}, body: nested}}"));
    routes.push(format!("{{post: /none, {ECHO}, body: ''}}"));
    routes.push(format!("{{delete: /none, {ECHO}}}"));
    routes.push("{post: /nothing, grpc: corner.v1.Corner/Nothing}".to_owned());
    let routes: Vec<&str> = routes.iter().map(String::as_str).collect();
    let (backend, gateway) = corner(&routes).await;
    let rows = [
        ("POST /f/b", "true", Sees(r#"{"b":true}"#)),
        ("POST /f/i32", "1e2", Sees(r#"{"i32":100}"#)),
        ("POST /f/i64", "\"9223372036854775807\"", Sees(r#"{"i64":"9223372036854775807"}"#)),
        ("POST /f/str", "\"x\"", Sees(r#"{"str":"x"}"#)),
        ("POST /f/str", "x", Refuses(400, "str")),
        ("POST /f/by", "\"_-8\"", Sees(r#"{"by":"/+8="}"#)),
        ("POST /f/color", "2", Sees(r#"{"color":"GREEN"}"#)),
        ("POST /f/db", "\"NaN\"", Sees(r#"{"db":"NaN"}"#)),
        ("POST /f/nested", r#"{"s":"a"}"#, Sees(r#"{"nested":{"s":"a"}}"#)),
        ("POST /f/nested", "{}", Sees(r#"{"nested":{}}"#)),
        ("POST /f/nested", "null", Sees("{}")),
        ("POST /f/nested", "[]", Refuses(400, "nested")),
        ("POST /f/ri", "[1,\"2\",3.0]", Sees(r#"{"ri":[1,2,3]}"#)),
        ("POST /f/ri", "[1,null]", Refuses(400, "ri[1]")),
        ("POST /f/ri", "1", Refuses(400, "ri")),
        ("POST /f/rn", r#"[{"s":"a"},{}]"#, Sees(r#"{"rn":[{"s":"a"},{}]}"#)),
        ("POST /f/mss", r#"{"a":"b"}"#, Sees(r#"{"mss":{"a":"b"}}"#)),
        ("POST /f/mss", r#"{"a":null}"#, Refuses(400, "mss[\"a\"]")),
        (
            "POST /f/any",
            r#"{"s":"a","@type":"type.googleapis.com/corner.v1.Nested"}"#,
            Sees(r#"{"any":{"@type":"type.googleapis.com/corner.v1.Nested","s":"a"}}"#),
        ),
        (
            "POST /f/any",
            r#"{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s"}"#,
            Sees(r#"{"any":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s"}}"#),
        ),
        ("POST /f/any", r#"{"@type":"type.googleapis.com/corner.v1.Unknown"}"#, Refuses(400, "any.@type")),
        ("POST /f/struct", r#"{"a":[1,null,{"b":"c"}]}"#, Sees(r#"{"struct":{"a":[1.0,null,{"b":"c"}]}}"#)),
        ("POST /f/value", "[\"a\"]", Sees(r#"{"value":["a"]}"#)),
        ("POST /f/value", "null", Sees(r#"{"value":null}"#)),
        ("POST /f/list", "[true]", Sees(r#"{"list":[true]}"#)),
        ("POST /f/at", "\"2025-01-01T02:00:00+02:00\"", Sees(r#"{"at":"2025-01-01T00:00:00Z"}"#)),
        ("POST /f/at", "\"0000-01-01T00:00:00Z\"", Refuses(400, "at")),
        ("POST /f/took", "\"-0.5s\"", Sees(r#"{"took":"-0.500s"}"#)),
        ("POST /f/mask", "\"a,bC.d\"", Sees(r#"{"mask":"a,bC.d"}"#)),
        ("POST /f/mask", "\"a_b\"", Refuses(400, "mask")),
        ("POST /f/empty", "{}", Sees(r#"{"empty":{}}"#)),
        ("POST /f/wi64", "5", Sees(r#"{"wi64":"5"}"#)),
        ("POST /f/ws", "\"\"", Sees(r#"{"ws":""}"#)),
        ("POST /f/ws", r#"{"value":"a"}"#, Refuses(400, "ws")),
        ("POST /f/ps", "\"\"", Sees(r#"{"ps":""}"#)),
        ("POST /f/os", "null", Sees("{}")),
        ("POST /all", "{}", Sees("{}")),
        ("POST /all", "[]", Refuses(400, "")),
        ("POST /all", "null", Refuses(400, "")),
        ("POST /all", " ", Refuses(400, "")),
        ("POST /all?str=a", "{}", Refuses(400, "str")),
        ("POST /all", r#"{"str":"a"}x"#, Refuses(400, "")),
        ("POST /all", "\u{feff}{}", Refuses(400, "")),
        ("POST /all", r#"{"str":"a","str":"a"}"#, Refuses(400, "str")),
        ("POST /all", r#"{"snake_case":"a","snakeCase":"a"}"#, Refuses(400, "snakeCase")),
        ("POST /all", r#"{"os":"a","oi":null}"#, Sees(r#"{"os":"a"}"#)),
        ("POST /all", r#"{"os":"a","oi":0}"#, Refuses(400, "oi")),
        ("POST /all", r#"{"unknown":{"a":[1]}}"#, Refuses(400, "unknown")),
        ("POST /all", r#"{"mii":{"1":"2","-3":4}}"#, Sees(r#"{"mii":{"1":"2","-3":"4"}}"#)),
        ("POST /all", r#"{"str":"\ud83d\ude00"}"#, Sees(r#"{"str":"😀"}"#)),
        ("POST /all", r#"{"str":"\ud83d"}"#, Refuses(400, "str")),
        ("POST /all/a", r#"{"nested":{"i":1}}"#, Sees(r#"{"nested":{"i":1,"s":"a"}}"#)),
        ("POST /all/a", r#"{"nested":{"s":"a"}}"#, Sees(r#"{"nested":{"s":"a"}}"#)),
        ("POST /all/a", r#"{"nested":{"s":"b"}}"#, Refuses(400, "nested.s")),
        (
            "POST /nested/a?i32=1&rs=b",
            r#"{"s":"c"}"#,
            Sees(r#"{"str":"a","i32":1,"rs":["b"],"nested":{"s":"c"}}"#),
        ),
        // http.proto has the fields of the body nowhere else; Envoy takes them from the query too.
        ("POST /nested/a?nested.i=1", r#"{"s":"c"}"#, Refuses(400, "nested.i")),
        ("POST /none?str=a", "", Sees(r#"{"str":"a"}"#)),
        ("POST /none", "{}", Refuses(400, "")),
        ("DELETE /none?str=a", "{\"str\":\"b\"}", Sees(r#"{"str":"a"}"#)),
        ("POST /nothing", "", Sees("{}")),
        ("POST /nothing", "{}", Sees("{}")),
        ("POST /nothing", r#"{"a":1}"#, Refuses(400, "a")),
    ];
    play(&gateway, &backend, &rows).await;
    for field in fields.split(' ') {
        let answer = gateway.send("POST", &format!("/f/{field}"), "").await;
        check(&backend, &format!("{field}: no body leaves it unset"), &answer, Sees("{}"));
    }
}

#[tokio::test]
async fn deep_values_come_back_as_they_went() {
    let (_backend, gateway) =
        corner(&[&format!("{{post: /struct, {ECHO}, body: struct, response_body: struct}}")]).await;
    let sent = format!("{}\"v\"{}", "{\"k\":".repeat(32), "}".repeat(32));
    let answer = gateway.send("POST", "/struct", &sent).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, sent));
    for levels in [101, 100_000] {
        let answer = gateway.send("POST", "/struct", &"{\"k\":".repeat(levels)).await;
        assert_eq!(answer.status, 400, "{levels} levels");
    }
}

#[tokio::test]
async fn answers_of_one_field_whatever_its_shape() {
    let fields = [
        ("b", "false", json!({"b": true}), "true"),
        ("i64", "\"0\"", json!({"i64": "5"}), "\"5\""),
        ("str", "\"\"", json!({"str": "a"}), "\"a\""),
        ("by", "\"\"", json!({"by": "AQI="}), "\"AQI=\""),
        ("color", "\"COLOR_UNSPECIFIED\"", json!({"color": 7}), "7"),
        ("db", "0", json!({"db": 1e300}), "1e+300"),
        ("fl", "0", json!({"fl": 0.1}), "0.1"),
        ("nested", "null", json!({"nested": {}}), "{}"),
        ("ri", "[]", json!({"ri": [1, 2]}), "[1,2]"),
        ("rn", "[]", json!({"rn": [{}]}), "[{}]"),
        ("mss", "{}", json!({"mss": {"a": ""}}), "{\"a\":\"\"}"),
        ("value", "null", json!({"value": [null]}), "[null]"),
        ("struct", "null", json!({"struct": {"a": 1}}), "{\"a\":1}"),
        ("at", "null", json!({"at": "2025-01-01T00:00:00.1Z"}), "\"2025-01-01T00:00:00.100Z\""),
        ("took", "null", json!({"took": "-0.000001s"}), "\"-0.000001s\""),
        ("mask", "null", json!({"mask": "aB,c"}), "\"aB,c\""),
        ("wi64", "null", json!({"wi64": "0"}), "\"0\""),
        ("pi", "null", json!({"pi": 0}), "0"),
        ("os", "null", json!({"os": ""}), "\"\""),
    ];
    let routes: Vec<String> = fields
        .iter()
        .map(|(name, ..)| format!("{{get: /r/{name}, grpc: corner.v1.Corner/Reply, response_body: {name}}}"))
        .collect();
    let routes: Vec<&str> = routes.iter().map(String::as_str).collect();
    let replies: Vec<Value> = fields.iter().map(|(_, _, full, _)| full.clone()).collect();
    let (_backend, gateway) = corner_with(&routes, move |seen| match seen.json()["i32"].as_u64() {
        Some(number) => reply(replies[number as usize - 1].clone()),
        None => reply(json!({})),
    })
    .await;
    for (number, (name, unset, _, full)) in fields.iter().enumerate() {
        assert_eq!(gateway.get(&format!("/r/{name}")).await.text(), *unset, "{name}, unset");
        let answer = gateway.get(&format!("/r/{name}?i32={}", number + 1)).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (200, (*full).to_owned()), "{name}");
    }
}

#[tokio::test]
async fn what_cannot_be_told_in_json_is_a_bad_gateway() {
    // (what, the message on the wire, the status)
    let rows: &[(&str, &[u8], u16)] = &[
        ("a field that the descriptors do not have", b"\xf8\x3f\x01\x08\x01", 200),
        ("a singular field twice", b"\x10\x01\x10\x02", 200),
        ("a string that is not UTF-8", b"\x52\x02\xc3\x28", 502),
        ("a timestamp beyond the year 9999", b"\xca\x01\x07\x08\x80\x83\xd1\xff\xaf\x07", 502),
        (
            "a duration with two signs",
            b"\xd2\x01\x0d\x08\x01\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            502,
        ),
        ("an Any of a type that nobody knows", b"\xaa\x01\x05\x0a\x03a/b", 502),
        ("a mask that does not read back", b"\xda\x01\x04\x0a\x02aB", 502),
        ("a truncated message", b"\x52\x05a", 502),
    ];
    for (what, wire, expected) in rows {
        let (_backend, gateway) =
            corner_with(&["{get: /r, grpc: corner.v1.Corner/Reply}"], move |_| raw(Bytes::from_static(wire)))
                .await;
        let answer = gateway.get("/r").await;
        assert_eq!(answer.status, *expected, "{what}: {answer:?}");
        if *expected == 502 {
            assert_eq!(answer.json()["reason"], "RESPONSE_TRANSCODE_FAILED", "{what}");
        }
    }
}

#[tokio::test]
async fn raw_bodies_pass_both_ways() {
    let routes = [
        "{post: /raw, grpc: corner.v1.Corner/Raw}",
        "{get: /raw, grpc: corner.v1.Corner/Raw}",
        "{put: '/file/{str}', grpc: corner.v1.Corner/Echo, body: file, response_body: file}",
    ];
    let (backend, gateway) = corner(&routes).await;
    let send = async |method: Method, path: &str, body: &'static [u8], kind: Option<&'static str>| {
        let mut sent = request(method, path);
        if let Some(kind) = kind {
            sent.headers_mut().insert("content-type", kind.parse().unwrap());
        }
        *sent.body_mut() = Full::from(body);
        let answer = gateway.request(sent).await;
        (answer.status.as_u16(), answer.header("content-type").to_owned(), answer.body)
    };
    let sent = send(Method::POST, "/raw", b"\xff\x00{", Some("text/csv")).await;
    assert_eq!(sent, (200, "text/csv".to_owned(), Bytes::from_static(b"\xff\x00{")));
    let sent = send(Method::POST, "/raw", b"", None).await;
    assert_eq!(sent, (200, "application/octet-stream".to_owned(), Bytes::new()));
    let sent = send(Method::GET, "/raw", b"", None).await;
    assert_eq!(sent, (200, "application/octet-stream".to_owned(), Bytes::new()));
    let sent = send(Method::PUT, "/file/a?i32=1", b"null", Some("application/json")).await;
    assert_eq!(sent, (200, "application/json".to_owned(), Bytes::from_static(b"null")));
    let last = backend.seen().pop().unwrap().json();
    assert_eq!(
        last,
        json!({"str": "a", "i32": 1, "file": {"contentType": "application/json", "data": "bnVsbA=="}})
    );
}

#[tokio::test]
async fn metadata_goes_both_ways_as_grpc_has_it() {
    let (backend, gateway) = corner_with(&["{get: /r, grpc: corner.v1.Corner/Reply}"], |_| {
        reply(json!({}))
            .header("x-one", "1")
            .header("x-two", "a")
            .header("x-two", "b")
            .trailer("x-bin", "AQI")
    })
    .await;
    let mut sent = request(Method::GET, "/r");
    for (name, value) in [
        ("x-two", "1"),
        ("x-two", "2"),
        ("x-url-bin", "_-8="),
        ("x-list-bin", "AQ==,Ag"),
        ("x-bad-bin", "no base64!"),
        ("grpc-metadata-x", "1"),
        ("grpc-encoding", "gzip"),
        ("x-http-code", "500"),
    ] {
        sent.headers_mut().append(name, value.parse().unwrap());
    }
    let answer = gateway.request(sent).await;
    let all = |headers: &HeaderMap, name: &str| -> Vec<String> {
        headers.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    };
    assert_eq!(all(&answer.headers, "x-two"), ["a", "b"]);
    assert_eq!((answer.header("x-one"), answer.header("x-bin")), ("1", "AQI"));
    let seen = backend.only().metadata;
    assert_eq!(all(&seen, "x-two"), ["1", "2"]);
    assert_eq!(all(&seen, "x-url-bin"), ["/+8"], "in the standard alphabet, without padding");
    assert_eq!(all(&seen, "x-list-bin"), ["AQ", "Ag"], "one value each");
    for absent in ["x-bad-bin", "grpc-metadata-x", "grpc-encoding", "x-http-code"] {
        assert!(all(&seen, absent).is_empty(), "{absent}");
    }
}

#[tokio::test]
async fn every_code_has_its_status() {
    let codes = [
        ("CANCELLED", 499),
        ("UNKNOWN", 500),
        ("INVALID_ARGUMENT", 400),
        ("DEADLINE_EXCEEDED", 504),
        ("NOT_FOUND", 404),
        ("ALREADY_EXISTS", 409),
        ("PERMISSION_DENIED", 403),
        ("RESOURCE_EXHAUSTED", 429),
        ("FAILED_PRECONDITION", 400),
        ("ABORTED", 409),
        ("OUT_OF_RANGE", 400),
        ("UNIMPLEMENTED", 501),
        ("INTERNAL", 500),
        ("UNAVAILABLE", 503),
        ("DATA_LOSS", 500),
        ("UNAUTHENTICATED", 401),
    ];
    let (_backend, gateway) = corner_with(&["{get: '/r/{u32}', grpc: corner.v1.Corner/Reply}"], |seen| {
        status(seen.json()["u32"].as_u64().unwrap() as u32, "because: 100% ü\n")
    })
    .await;
    for (number, (name, http)) in codes.iter().enumerate() {
        let answer = gateway.get(&format!("/r/{}", number + 1)).await;
        assert_eq!(answer.status.as_u16(), *http, "{name}");
        let body = answer.json();
        assert_eq!((&body["code"], &body["error"]), (&json!(name), &json!("because: 100% ü\n")));
        assert_eq!(answer.header("grpc-status"), "", "{name}");
    }
}
