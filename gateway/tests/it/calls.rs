//! The main job: REST in, gRPC behind, JSON back.

use http::{Method, StatusCode};
use http_body_util::Full;
use serde_json::json;
use testkit::backend::{Backend, reply, status};

use crate::harness::request;
use crate::{LIBRARY, gateway, library};

const GET_BOOK: &str = "routes:\n  - get: /books/{name}\n    grpc: library.v1.Library/GetBook\n";

#[tokio::test]
async fn a_get_calls_the_method_and_answers_its_message() {
    let backend = Backend::of(LIBRARY)
        .on("library.v1.Library/GetBook", |call| {
            reply(json!({"name": call.json()["name"], "copies": "9007199254740993", "format": "EBOOK"}))
        })
        .start()
        .await;
    let gateway = gateway(&backend, GET_BOOK).await;

    let answer = gateway.get("/books/Krieg%20%26%20Frieden%2F1?full=true").await;
    assert_eq!(answer.status, StatusCode::OK);
    let expected = json!({"name": "Krieg & Frieden/1", "copies": "9007199254740993", "format": "EBOOK"});
    assert_eq!(answer.json(), expected, "64-bit numbers survive, names are camelCase, enums are names");
    assert_eq!(backend.only().json(), json!({"name": "Krieg & Frieden/1", "full": true}));
}

#[tokio::test]
async fn a_post_answers_the_status_that_the_route_names() {
    let backend = library().start().await;
    let route = "routes:\n  - post: /shelves/{shelf}/books\n    grpc: library.v1.Library/CreateBook\n    \
                 body: book\n    status: 201\n";
    let gateway = gateway(&backend, route).await;
    let answer = gateway
        .send(
            "POST",
            "/shelves/a/books?requestToken=t1",
            r#"{"title":"Emma","tags":["x","y"],"author":{"name":"Jane"}}"#,
        )
        .await;
    assert_eq!((answer.status, answer.json()), (StatusCode::CREATED, json!({})));
    assert_eq!(
        backend.only().json(),
        json!({"shelf": "a", "requestToken": "t1",
               "book": {"title": "Emma", "tags": ["x", "y"], "author": {"name": "Jane"}}})
    );
}

#[tokio::test]
async fn a_patch_sends_the_mask_of_its_keys() {
    let backend = library().start().await;
    let route =
        "routes:\n  - patch: /books/{book.name}\n    grpc: library.v1.Library/UpdateBook\n    body: book\n";
    let gateway = gateway(&backend, route).await;
    gateway.send("PATCH", "/books/b1", r#"{"note":null,"author":{"country":"uk"}}"#).await;
    assert_eq!(
        backend.only().json(),
        json!({"book": {"name": "b1", "author": {"country": "uk"}}, "updateMask": "note,author.country"})
    );
}

#[tokio::test]
async fn one_field_can_be_the_whole_answer() {
    let backend = Backend::of(LIBRARY)
        .on("library.v1.Library/ListBooks", |call| match call.json()["shelf"].as_str() {
            Some("full") => reply(json!({"books": [{"name": "b1"}], "nextPageToken": "t"})),
            _ => reply(json!({})),
        })
        .start()
        .await;
    let route = "routes:\n  - get: /shelves/{shelf}\n    grpc: library.v1.Library/ListBooks\n    response_body: books\n";
    let gateway = gateway(&backend, route).await;
    assert_eq!(gateway.get("/shelves/full").await.json(), json!([{"name": "b1"}]));
    assert_eq!(gateway.get("/shelves/empty").await.json(), json!([]), "an empty list is a list");
}

#[tokio::test]
async fn annotations_of_the_descriptors_can_be_served() {
    let backend = library().start().await;
    let yaml = "services:\n  library.v1.Library: {upstream: library, annotations: true}\n";
    let head = crate::head(&backend).replace("services:\n  library.v1.Library: library\n", yaml);
    let gateway = crate::harness::routes(&head).file("library.binpb", backend.descriptors()).start().await;
    let answer = gateway.get("/annotated/shelves/s1/books/b%2F1").await;
    assert_eq!(answer.status, StatusCode::OK);
    let name = backend.only().json()["name"].clone();
    assert_eq!(name, "shelves/s1/books/b%2F1", "a capture of several segments keeps its slashes apart");
}

#[tokio::test]
async fn head_is_a_get_without_the_body() {
    let backend = library().on("library.v1.Library/GetBook", |_| reply(json!({"name": "b1"}))).start().await;
    let gateway = gateway(&backend, GET_BOOK).await;
    let head = gateway.request(request(Method::HEAD, "/books/b1")).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert_eq!(head.header("content-length"), "13", r#"{{"name":"b1"}}"#);
    assert_eq!(head.header("content-type"), "application/json");
}

#[tokio::test]
async fn options_names_the_methods() {
    let backend = library().start().await;
    let gateway = gateway(&backend, GET_BOOK).await;
    let answer = gateway.request(request(Method::OPTIONS, "/books/b1")).await;
    assert_eq!((answer.status, answer.header("allow")), (StatusCode::NO_CONTENT, "GET, HEAD, OPTIONS"));
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn no_route_for_any_method_is_a_tunnel_or_a_mirror() {
    let backend = library().start().await;
    let any =
        "routes:\n  - custom: {kind: \"*\", path: \"/books/{name}\"}\n    grpc: library.v1.Library/GetBook\n";
    let gateway = gateway(&backend, any).await;
    for method in ["TRACE", "CONNECT"] {
        let answer = gateway.send(method, "/books/b1", "").await;
        let allow = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT";
        assert_eq!(
            (answer.status, answer.header("allow")),
            (StatusCode::METHOD_NOT_ALLOWED, allow),
            "{method}"
        );
    }
    assert!(backend.seen().is_empty());
    for method in ["PURGE", "OPTIONS", "GET"] {
        assert_eq!(gateway.send(method, "/books/b1", "").await.status, StatusCode::OK, "{method}");
    }
    let answer = gateway.send("OPTIONS", "*", "").await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "of the server as a whole");
}

#[tokio::test]
async fn the_request_id_goes_all_the_way() {
    let backend = library().start().await;
    let gateway = gateway(&backend, GET_BOOK).await;
    let mut with_id = request(Method::GET, "/books/b1");
    with_id.headers_mut().insert("x-request-id", "mine-1".parse().unwrap());
    assert_eq!(gateway.request(with_id).await.header("x-request-id"), "mine-1");
    assert_eq!(backend.only().metadata["x-request-id"], "mine-1");

    let mut with_two = request(Method::GET, "/books/b1");
    for id in ["mine-1", "mine-2"] {
        with_two.headers_mut().append("x-request-id", id.parse().unwrap());
    }
    let made = gateway.request(with_two).await.header("x-request-id").to_owned();
    assert!(!made.is_empty() && !made.starts_with("mine"), "of two neither is the request's: {made}");
    assert_eq!(backend.only().metadata["x-request-id"], made.as_str());

    let made = gateway.get("/books/b1").await.header("x-request-id").to_owned();
    assert_eq!(backend.only().metadata["x-request-id"], made.as_str());
}

#[tokio::test]
async fn headers_become_metadata_and_metadata_comes_back() {
    let backend = library()
        .on("library.v1.Library/GetBook", |_| reply(json!({})).header("x-page", "2").trailer("x-cost", "3"))
        .start()
        .await;
    let gateway = gateway(&backend, GET_BOOK).await;
    let mut sent = request(Method::GET, "/books/b1");
    for (name, value) in [("x-tenant", "t1"), ("authorization", "Bearer secret"), ("accept-language", "de")] {
        sent.headers_mut().insert(name, value.parse().unwrap());
    }
    let answer = gateway.request(sent).await;
    assert_eq!((answer.header("x-page"), answer.header("x-cost")), ("2", "3"));
    assert_eq!(answer.header("grpc-status"), "");
    let metadata = backend.only().metadata;
    assert_eq!(
        (&metadata["x-tenant"], &metadata["accept-language"]),
        (&"t1".parse().unwrap(), &"de".parse().unwrap())
    );
    assert_eq!(metadata["x-forwarded-for"], "127.0.0.1");
    assert_eq!(metadata["x-forwarded-host"], "shop.example");
    assert!(!metadata.contains_key("authorization"), "credentials go through only when named");
}

#[tokio::test]
async fn a_service_can_choose_the_success_status() {
    let backend = library()
        .on("library.v1.Library/DeleteBook", |_| reply(json!({})).header("x-http-code", "204"))
        .start()
        .await;
    let route = "routes:\n  - delete: /books/{name}\n    grpc: library.v1.Library/DeleteBook\n";
    let gateway = gateway(&backend, route).await;
    let answer = gateway.send("DELETE", "/books/b1", "").await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::NO_CONTENT, 0));
    assert_eq!((answer.header("content-type"), answer.header("x-http-code")), ("", ""));
}

#[tokio::test]
async fn the_status_of_success_is_what_the_service_says_first_if_it_is_one() {
    // By the name of the book: in the head, and in the trailers; `-` is nothing.
    let backend = library()
        .on("library.v1.Library/GetBook", |call| {
            let name = call.json()["name"].as_str().unwrap_or_default().to_owned();
            let (head, trailers) = name.split_once('~').unwrap_or_default();
            let reply = reply(json!({}));
            let reply = if head == "-" { reply } else { reply.header("x-http-code", head) };
            if trailers == "-" { reply } else { reply.trailer("x-http-code", trailers) }
        })
        .start()
        .await;
    let gateway = gateway(&backend, &format!("{GET_BOOK}    status: 203\n")).await;
    for (head, trailers, status) in [
        ("-", "-", 203),
        ("202", "-", 202),
        ("-", "201", 201),
        ("202", "201", 202),
        ("303", "-", 303),
        ("404", "201", 203),
        ("500", "-", 203),
        ("fine", "201", 203),
    ] {
        let answer = gateway.get(&format!("/books/{head}~{trailers}")).await;
        assert_eq!(answer.status.as_u16(), status, "{head} {trailers}");
    }
}

#[tokio::test]
async fn http_bodies_pass_as_they_are_both_ways() {
    let backend = library()
        .on("library.v1.Library/Upload", |_| reply(json!({"contentType": "image/png", "data": "AAEC"})))
        .start()
        .await;
    let route = "routes:\n  - post: /files/{name}\n    grpc: library.v1.Library/Upload\n    body: content\n";
    let gateway = gateway(&backend, route).await;
    let mut sent = request(Method::POST, "/files/f1");
    sent.headers_mut().insert("content-type", "text/csv".parse().unwrap());
    *sent.body_mut() = Full::from(&b"a,b\n\xff"[..]);
    let answer = gateway.request(sent).await;
    assert_eq!((answer.header("content-type"), &answer.body[..]), ("image/png", &[0, 1, 2][..]));
    let expected = json!({"name": "f1", "content": {"contentType": "text/csv", "data": "YSxiCv8="}});
    assert_eq!(backend.only().json(), expected);
}

#[tokio::test]
async fn the_shorter_deadline_counts() {
    let backend = library().start().await;
    let route = format!("{GET_BOOK}    timeout: 2s\n");
    let gateway = gateway(&backend, &route).await;
    let timeout = |metadata: &http::HeaderMap| -> u64 {
        let text = metadata["grpc-timeout"].to_str().unwrap();
        let (digits, unit) = text.split_at(text.len() - 1);
        let n: u64 = digits.parse().unwrap();
        match unit {
            "S" => n * 1_000_000,
            "m" => n * 1000,
            "u" => n,
            "n" => n / 1000,
            other => panic!("{other}"),
        }
    };
    for (client, most) in [("500m", 500_000), ("1H", 2_000_000)] {
        let mut sent = request(Method::GET, "/books/b1");
        sent.headers_mut().insert("grpc-timeout", client.parse().unwrap());
        gateway.request(sent).await;
        let got = timeout(&backend.only().metadata);
        assert!(got <= most && got > most / 2, "{client}: {got} µs");
    }
}

#[tokio::test]
async fn errors_of_the_service_keep_their_metadata() {
    let backend = library()
        .on("library.v1.Library/GetBook", |_| status(5, "no book").trailer("x-hint", "shelf 2"))
        .start()
        .await;
    let gateway = gateway(&backend, GET_BOOK).await;
    let answer = gateway.get("/books/b1").await;
    assert_eq!((answer.status, answer.header("x-hint")), (StatusCode::NOT_FOUND, "shelf 2"));
}

/// How many endpoints of the only upstream are reachable.
async fn reachable(gateway: &crate::harness::Gateway) -> usize {
    let page = crate::harness::send(gateway.admin(), request(Method::GET, "/upstreams")).await.json();
    page[0]["endpoints"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|endpoint| endpoint["state"] == "reachable")
        .count()
}

/// Three services that answer alike, behind one upstream with this key besides.
async fn three(balance: &str) -> (Vec<Backend>, crate::harness::Gateway) {
    let (one, two, three) = tokio::join!(library().start(), library().start(), library().start());
    let backends = vec![one, two, three];
    let addresses: Vec<String> = backends.iter().map(|backend| backend.address().to_string()).collect();
    let list = format!("{{address: [{}], {balance}}}", addresses.join(", "));
    let head = crate::head(&backends[0]).replace(&format!("{{address: {}}}", addresses[0]), &list);
    let gateway = crate::harness::routes(&format!("{head}{GET_BOOK}"))
        .file("library.binpb", backends[0].descriptors())
        .start()
        .await;
    // Calls go to whoever is reachable: the balance shows only when all three are.
    let patience = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while reachable(&gateway).await < backends.len() {
        assert!(tokio::time::Instant::now() < patience, "all endpoints become reachable");
        tokio::task::yield_now().await;
    }
    (backends, gateway)
}

#[tokio::test]
async fn calls_spread_evenly_over_the_endpoints() {
    let (backends, gateway) = three("balance: round_robin").await;
    for _ in 0..30 {
        assert_eq!(gateway.get("/books/b1").await.status, StatusCode::OK);
    }
    let counts: Vec<usize> = backends.iter().map(|backend| backend.seen().len()).collect();
    assert!(counts.iter().all(|count| (9..=11).contains(count)), "{counts:?}");
}

#[tokio::test]
async fn a_hashed_header_keeps_its_endpoint() {
    let (backends, gateway) = three("balance: {hash: header:x-user-id}").await;
    for user in 0..12 {
        for _ in 0..3 {
            let mut sent = request(Method::GET, "/books/b1");
            sent.headers_mut().insert("x-user-id", user.into());
            assert_eq!(gateway.request(sent).await.status, StatusCode::OK);
        }
    }
    let mut used = 0;
    for backend in &backends {
        let seen = backend.seen();
        assert_eq!(seen.len() % 3, 0, "each user's three calls go to one endpoint");
        used += usize::from(!seen.is_empty());
    }
    assert!(used > 1, "users are shared among the endpoints");
}

#[tokio::test]
async fn with_warn_unknown_fields_are_left_out_named_and_counted() {
    let backend = library().start().await;
    let routes = "routes:\n  - post: /books\n    grpc: library.v1.Library/CreateBook\n    unknown: warn\n";
    let gateway = gateway(&backend, routes).await;
    let answer = gateway.send("POST", "/books", r#"{"shelf":"a","colour":"red","size":{"x":1}}"#).await;
    assert_eq!(answer.status, StatusCode::OK);
    let warning = answer.header("warning");
    assert!(
        warning.starts_with("299 ") && warning.contains("colour") && warning.contains("size"),
        "{warning}"
    );
    assert_eq!(backend.only().json(), json!({"shelf": "a"}));
    let metrics = crate::harness::send(gateway.admin(), request(Method::GET, "/metrics")).await.text();
    let counted = metrics.lines().find(|line| line.starts_with("gateway_unknown_fields_total{")).unwrap();
    assert!(counted.ends_with(" 2"), "{counted}");
}

#[tokio::test]
async fn json_ends_in_a_line_break_for_terminals() {
    let backend = library()
        .on("library.v1.Library/Upload", |_| {
            reply(json!({"contentType": "application/json", "data": "e30="}))
        })
        .start()
        .await;
    let routes = "routes:\n  - get: /books/{name}\n    grpc: library.v1.Library/GetBook\n  - get: /raw/{name}\n    grpc: library.v1.Library/Upload\n";
    let gateway = gateway(&backend, routes).await;
    let get = async |path: &str, agent: &'static str, method: Method| {
        let mut request = request(method, path);
        request.headers_mut().insert("user-agent", agent.parse().unwrap());
        gateway.request(request).await
    };
    for (path, agent, ends) in [
        ("/books/b1", "curl/8.1.2", true),
        ("/books/b1", "Wget/1.21", true),
        ("/books/b1", "Mozilla/5.0", false),
        ("/books/b1?full=maybe", "curl/8.1.2", true),
        ("/nothing", "curl/8.1.2", true),
        ("/health", "curl/8.1.2", true),
        ("/health", "kube-probe/1.30", false),
        // The bytes of a google.api.HttpBody are the service's own.
        ("/raw/r1", "curl/8.1.2", false),
    ] {
        let answer = get(path, agent, Method::GET).await;
        assert_eq!(answer.body.ends_with(b"\n"), ends, "{path} {agent}");
        assert_eq!(answer.header("content-length"), answer.body.len().to_string(), "{path} {agent}");
        let head = get(path, agent, Method::HEAD).await;
        assert_eq!(head.header("content-length"), answer.header("content-length"), "{path} {agent}");
    }
}
