//! An authorization service on a real socket, scripted answer by answer.

use prost::Message;
use testkit::peer::{Peer as Server, Reaction};

use super::super::envoy::HeaderPair;
use super::super::envoy::auth::{HttpStatus, QueryParameter, Status};
use super::super::testing::{Sent, upstream};
use super::*;

fn external(server: &Server, timeout: Duration, on_failure: OnFailure) -> External {
    let (headers, encoding) = (Vec::new(), Encoding::None);
    External {
        spec: ExternalSpec { upstream: "authz".into(), timeout, on_failure, headers, encoding },
        upstream: upstream(server),
        route: "GET /orders/{id}".into(),
        has_reported_metadata: AtomicBool::new(false),
    }
}

async fn answering(answer: CheckResponse) -> Server {
    let bytes = answer.encode_to_vec();
    Server::start(move |_| Reaction::Answer(bytes.clone().into())).await
}

async fn check(server: &Server) -> Result<Changes, Refusal> {
    let sent = Sent::new(&[("x-was_there", "client")]);
    external(server, Duration::from_secs(5), OnFailure::Deny).check(&sent.request()).await
}

fn option(key: &str, value: &str, append: Option<bool>, action: AppendAction) -> HeaderOption {
    let header = HeaderPair { key: key.into(), value: value.into(), raw_value: Vec::new() };
    HeaderOption { header: Some(header), append, append_action: action.into() }
}

fn told(changes: &[Change]) -> Vec<(&str, &str, How)> {
    changes.iter().map(|c| (c.name.as_str(), c.value.to_str().unwrap(), c.how)).collect()
}

#[tokio::test]
async fn the_service_is_told_what_envoy_would_tell_it() {
    let allowed = CheckResponse { status: Some(Status::default()), ..CheckResponse::default() };
    let server = answering(allowed).await;
    let sent = Sent::new(&[
        ("authorization", "Bearer t"),
        ("x-many", "a"),
        ("x-many", "b"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ]);
    let policy = external(&server, Duration::from_secs(5), OnFailure::Deny);
    policy.check(&sent.request()).await.unwrap();

    let received = server.received();
    let call = received.first().unwrap();
    assert_eq!(call.path, "/envoy.service.auth.v3.Authorization/Check");
    assert_eq!(call.metadata["x-request-id"], "id-1");
    assert!(call.metadata.contains_key("traceparent"));
    assert!(!call.metadata.contains_key("authorization"));

    let asked = CheckRequest::decode(call.message.clone()).unwrap().attributes.unwrap();
    let source = asked.source.unwrap().address.unwrap().socket_address.unwrap();
    assert_eq!((&*source.address, source.port_value), ("192.0.2.7", Some(4711)));
    assert_eq!(asked.context_extensions["route"], "GET /orders/{id}");
    let request = asked.request.unwrap();
    assert_eq!(request.time.unwrap().seconds, 1_800_000_000);
    let http = request.http.unwrap();
    assert_eq!(
        (&*http.id, &*http.method, &*http.path, &*http.host, &*http.scheme, &*http.protocol),
        ("id-1", "GET", "/orders/7?page=2", "shop.example:8443", "https", "HTTP/1.1")
    );
    assert_eq!(http.headers["authorization"], "Bearer t");
    assert_eq!(http.headers["x-many"], "a,b");
    assert_eq!(http.headers[":path"], "/orders/7?page=2");
}

#[tokio::test]
async fn what_it_adds_and_removes_is_taken_over_where_it_may_be() {
    use AppendAction::{AddIfAbsent, AppendIfExistsOrAdd, OverwriteIfExists, OverwriteIfExistsOrAdd};
    let ok = OkResponse {
        headers: vec![
            option("x-user", "u1", None, AppendIfExistsOrAdd),
            option("x-role", "admin", Some(true), AppendIfExistsOrAdd),
            option("x-team", "t", Some(false), AppendIfExistsOrAdd),
            option("x-new", "n", None, AddIfAbsent),
            option("x-set", "s", None, OverwriteIfExistsOrAdd),
            option("x-there", "e", None, OverwriteIfExists),
            option("grpc-timeout", "1S", None, AppendIfExistsOrAdd),
            option("host", "evil", None, AppendIfExistsOrAdd),
            option("x-text-bin", "Grüße", None, AppendIfExistsOrAdd),
            option(":path", "/other", None, AppendIfExistsOrAdd),
            option("x-was-there", "e", None, OverwriteIfExists),
        ],
        headers_to_remove: vec!["X-Secret ".into(), "no name".into()],
        query_parameters_to_set: vec![QueryParameter { key: "limit".into(), value: "10".into() }],
        query_parameters_to_remove: vec!["admin".into()],
        response_headers_to_add: vec![
            option("set-cookie", "a=b", None, AppendIfExistsOrAdd),
            option("content-length", "7", None, AppendIfExistsOrAdd),
        ],
    };
    let allowed =
        CheckResponse { status: Some(Status::default()), ok_response: Some(ok), ..CheckResponse::default() };
    let changes = check(&answering(allowed).await).await.unwrap();
    assert_eq!(
        told(&changes.metadata),
        [
            ("x-user", "u1", How::Overwrite),
            ("x-role", "admin", How::Append),
            ("x-team", "t", How::Overwrite),
            ("x-new", "n", How::AddIfAbsent),
            ("x-set", "s", How::Overwrite),
            ("x-there", "e", How::OverwriteIfPresent),
            ("x-text-bin", "R3LDvMOfZQ", How::Overwrite),
            ("x-was-there", "e", How::Overwrite),
        ]
    );
    let named =
        ["x-secret", "x-user", "x-role", "x-team", "x-new", "x-set", "x-there", "x-text-bin", "x-was-there"];
    assert_eq!(changes.removed, named, "what the service names is not the client's");
    assert_eq!(told(&changes.response), [("set-cookie", "a=b", How::Append)]);
    assert!(!changes.undecided);
    let edited = changes.query.apply(&"/orders?admin=1&limit=99".parse().unwrap());
    assert_eq!(edited.unwrap(), "/orders?limit=10");
}

#[tokio::test]
async fn a_header_that_metadata_cannot_carry_refuses_the_request() {
    for (name, value) in [
        ("x-user", "José"),
        ("x-user", "a\r\nx-admin: 1"),
        ("x-user", "a\tb"),
        ("x-user-bin", "not base64"),
        ("x user", "a"),
    ] {
        for action in [AppendAction::AppendIfExistsOrAdd, AppendAction::AddIfAbsent] {
            let headers = vec![option("x-first", "1", None, action), option(name, value, None, action)];
            let ok = OkResponse { headers, ..OkResponse::default() };
            let allowed = CheckResponse {
                status: Some(Status::default()),
                ok_response: Some(ok),
                ..CheckResponse::default()
            };
            let refusal = check(&answering(allowed).await).await.unwrap_err();
            assert_eq!(
                (refusal.reason(), refusal.status().as_u16()),
                (Reason::ExternalInvalid, 502),
                "{name}"
            );
            assert!(!refusal.message().contains("Jos"), "{}", refusal.message());
        }
    }
}

#[tokio::test]
async fn its_denials_keep_their_status_headers_and_words() {
    let denial = |code: i32, body: &str| CheckResponse {
        status: Some(Status { code: 7, message: "policy 12".into() }),
        denied_response: Some(DeniedResponse {
            status: Some(HttpStatus { code }),
            headers: vec![
                option("www-authenticate", "Basic", None, AppendAction::AppendIfExistsOrAdd),
                option("content-type", "text/html", None, AppendAction::AppendIfExistsOrAdd),
            ],
            body: body.into(),
        }),
        ..CheckResponse::default()
    };
    let bare =
        |code| CheckResponse { status: Some(Status { code, message: String::new() }), ..Default::default() };
    let table = [
        (denial(401, "log in first"), 401, "log in first"),
        (denial(302, ""), 302, "policy 12"),
        (denial(200, "fine?"), 403, "fine?"),
        (denial(0, "<html>no</html>"), 403, "policy 12"),
        (denial(99_999, &"long ".repeat(1000)), 403, "policy 12"),
        (bare(7), 403, "the request is not authorized"),
        (CheckResponse::default(), 403, "the request is not authorized"),
    ];
    for (answer, status, message) in table {
        let refusal = check(&answering(answer).await).await.unwrap_err();
        assert_eq!(refusal.reason(), Reason::ExternalDenied);
        assert_eq!((refusal.status().as_u16(), refusal.message()), (status, message));
        assert!(!refusal.headers().contains_key("content-type"));
    }
    let refusal = check(&answering(denial(401, "x")).await).await.unwrap_err();
    assert_eq!(refusal.headers()["www-authenticate"], "Basic");
}

#[tokio::test]
async fn without_an_answer_the_configuration_decides() {
    let failing = Server::start(|_| Reaction::Status(13, "broken")).await;
    let garbled = Server::start(|_| Reaction::Answer(vec![0xff; 9].into())).await;
    let silent = Server::start(|_| Reaction::Hang).await;
    let sent = Sent::new(&[]);
    for (server, timeout) in [(&failing, 5000), (&garbled, 5000), (&silent, 50)] {
        let timeout = Duration::from_millis(timeout);
        let denied = external(server, timeout, OnFailure::Deny).check(&sent.request()).await.unwrap_err();
        assert_eq!((denied.reason(), denied.status().as_u16()), (Reason::ExternalUnavailable, 503));
        assert!(denied.headers().contains_key("retry-after"));
        let allowed = external(server, timeout, OnFailure::Allow).check(&sent.request()).await.unwrap();
        assert!(allowed.undecided);
    }
    // The call that nobody waits for any longer is cancelled.
    silent.cancelled(2).await;
}

#[tokio::test]
async fn dynamic_metadata_is_ignored_and_reported() {
    for (dynamic_metadata, is_reported) in [(None, false), (Some(prost_types::Struct::default()), true)] {
        let allowed =
            CheckResponse { status: Some(Status::default()), dynamic_metadata, ..CheckResponse::default() };
        let server = answering(allowed).await;
        let policy = external(&server, Duration::from_secs(5), OnFailure::Deny);
        assert!(policy.check(&Sent::new(&[]).request()).await.is_ok());
        assert_eq!(policy.has_reported_metadata.load(Relaxed), is_reported);
    }
}
