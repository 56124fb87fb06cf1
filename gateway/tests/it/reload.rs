//! The file edited while requests run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::{Value, json};
use testkit::backend::{Backend, compile};

use crate::harness::{Gateway, request, routes, send};
use crate::{LIBRARY, gateway, head, library};

fn yaml(backend: &Backend, paths: &[&str]) -> String {
    let mut yaml = format!("{}routes:\n", head(backend));
    for path in paths {
        yaml.push_str(&format!("  - get: {path}/{{name}}\n    grpc: library.v1.Library/GetBook\n"));
    }
    yaml
}

/// Asks until the answer has this status; the contract gives a save a second.
async fn becomes(gateway: &Gateway, path: &str, status: StatusCode) {
    let started = Instant::now();
    while gateway.get(path).await.status != status {
        assert!(started.elapsed() < Duration::from_secs(10), "{path} does not become {status}");
    }
}

async fn page(gateway: &Gateway, path: &str) -> Value {
    let answer = send(gateway.admin(), request(http::Method::GET, path)).await;
    serde_json::from_slice(&answer.body).unwrap()
}

#[tokio::test]
async fn a_saved_route_is_live_and_a_removed_one_is_gone() {
    let backend = library().start().await;
    let gateway = routes(&yaml(&backend, &["/a"])).file("library.binpb", backend.descriptors()).start().await;
    assert_eq!(gateway.get("/b/1").await.status, StatusCode::NOT_FOUND);
    gateway.save("routes.yaml", yaml(&backend, &["/b"]));
    becomes(&gateway, "/b/1", StatusCode::OK).await;
    assert_eq!(gateway.get("/a/1").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_mistake_never_goes_live() {
    let backend = library().start().await;
    let gateway = routes(&yaml(&backend, &["/a"])).file("library.binpb", backend.descriptors()).start().await;
    let wrong = yaml(&backend, &["/a", "/b"]).replacen("GetBook", "GetBok", 1);
    gateway.save("routes.yaml", wrong);
    let (status, text) = gateway.reload().await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(text.contains("routes.yaml:10:30") && text.contains("GetBook"), "place and suggestion:\n{text}");
    assert_eq!(gateway.get("/a/1").await.status, StatusCode::OK, "the old one goes on");
    assert_eq!(gateway.get("/b/1").await.status, StatusCode::NOT_FOUND);
    let last = page(&gateway, "/reloads").await[0].clone();
    assert_eq!(last["outcome"], "rejected");
    assert!(last["text"].as_str().unwrap().contains("GetBok"));
    let metrics = send(gateway.admin(), request(http::Method::GET, "/metrics")).await.text();
    for when in
        ["gateway_reload_last_success_timestamp_seconds 1", "gateway_reload_last_error_timestamp_seconds 1"]
    {
        assert!(metrics.contains(when), "{when}:\n{metrics}");
    }

    gateway.save("routes.yaml", yaml(&backend, &["/a", "/b"]));
    becomes(&gateway, "/b/1", StatusCode::OK).await;
}

#[tokio::test]
async fn a_broken_descriptor_set_is_refused_and_a_new_one_goes_live() {
    let backend = library().start().await;
    let gateway =
        gateway(&backend, "routes:\n  - get: /a/{name}\n    grpc: library.v1.Library/GetBook\n").await;
    gateway.save("library.binpb", &backend.descriptors()[..100]);
    let (status, text) = gateway.reload().await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{text}");
    assert!(text.contains("library.binpb"), "{text}");
    assert_eq!(gateway.get("/a/1").await.status, StatusCode::OK);
    gateway.save("library.binpb", backend.descriptors());
    assert_eq!(gateway.reload().await.0, StatusCode::OK);
}

#[tokio::test]
async fn what_did_not_change_lives_on() {
    let backend = library().start().await;
    let gateway = routes(&yaml(&backend, &["/a"])).file("library.binpb", backend.descriptors()).start().await;
    gateway.get("/a/1").await;
    let opened = page(&gateway, "/upstreams").await[0]["connections_opened"].clone();
    for round in 0..5 {
        gateway.save("routes.yaml", yaml(&backend, &["/a", &format!("/round{round}")]));
        let (status, text) = gateway.reload().await;
        assert_eq!(status, StatusCode::OK, "{text}");
        assert_eq!(gateway.get("/a/1").await.status, StatusCode::OK);
    }
    let after = &page(&gateway, "/upstreams").await[0];
    // Two workers serve the test's connections, each over one of its own.
    assert!(after["connections_opened"].as_u64() <= opened.as_u64().map(|n| n + 1), "{opened} {after}");
    let requests = page(&gateway, "/routes").await[0]["requests"].clone();
    assert_eq!(requests, 6, "the counters of a route go on, too");
}

#[tokio::test]
async fn new_rules_for_an_upstream_keep_its_connections() {
    let backend = library().start().await;
    let start = yaml(&backend, &["/a"]);
    let gateway = routes(&start).file("library.binpb", backend.descriptors()).start().await;
    // Enough calls that both workers have connected.
    let call = async || {
        for _ in 0..20 {
            assert_eq!(gateway.get("/a/1").await.status, StatusCode::OK);
        }
    };
    call().await;
    let connections = backend.connections();
    for rules in [
        "timeout: 1234ms",
        "balance: least_request",
        "retry: {attempts: 5, on: [ABORTED]}",
        "circuit_breaker: {max_requests: 7}",
    ] {
        let new = start.replace(&backend.address().to_string(), &format!("{}, {rules}", backend.address()));
        gateway.save("routes.yaml", new);
        let (status, text) = gateway.reload().await;
        assert_eq!(status, StatusCode::OK, "{text}");
        call().await;
        assert_eq!(backend.connections(), connections, "{rules}");
        if rules.starts_with("timeout") {
            assert_eq!(page(&gateway, "/routes").await[0]["timeout_ms"], 1234);
        }
    }
    let requests = page(&gateway, "/upstreams").await[0]["requests"].clone();
    assert_eq!(requests, 100, "and its counters go on");
    // Other connections are another matter.
    let new =
        start.replace(&backend.address().to_string(), &format!("{}, keepalive: false", backend.address()));
    gateway.save("routes.yaml", new);
    assert_eq!(gateway.reload().await.0, StatusCode::OK);
    call().await;
    assert!(backend.connections() > connections);
}

#[tokio::test]
async fn listeners_come_and_go_without_the_others_noticing() {
    let backend = library().start().await;
    let start = yaml(&backend, &["/a"]);
    let gateway = routes(&start).file("library.binpb", backend.descriptors()).start().await;
    // A port that is free now; the reload that finds it taken says so and changes nothing.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    let both = start.replace("listeners: [", &format!("listeners: [{{address: {address}}}, "));
    gateway.save("routes.yaml", &both);
    let (status, text) = gateway.reload().await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(text.contains(&address.to_string()), "{text}");

    drop(free);
    let (status, text) = gateway.reload().await;
    assert_eq!(status, StatusCode::OK, "{text}");
    assert_eq!(send(address, request(http::Method::GET, "/a/1")).await.status, StatusCode::OK);
    gateway.save("routes.yaml", &start);
    assert_eq!(gateway.reload().await.0, StatusCode::OK);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    assert_eq!(gateway.get("/a/1").await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_admin_address_shows_what_is_in_force_in_the_words_of_the_file() {
    let backend = library().start().await;
    let rules = format!("{}, timeout: 1500ms, retry: {{attempts: 2, on: [ABORTED]}}", backend.address());
    let yaml =
        yaml(&backend, &["/a"]).replace(&backend.address().to_string(), &rules) + "limits: {body: 1MiB}\n";
    let gateway = routes(&yaml).file("library.binpb", backend.descriptors()).start().await;
    let config = page(&gateway, "/config").await;
    let library = &config["upstreams"]["library"];
    assert_eq!(
        (&library["timeout"], &library["balance"]),
        (&json!("1.5s"), &json!("round_robin")),
        "{config:#}"
    );
    assert_eq!((&library["retry"]["attempts"], &library["retry"]["on"]), (&json!(2), &json!(["ABORTED"])));
    assert_eq!(library["circuit_breaker"]["max_requests"], 1024, "defaults are filled in");
    assert_eq!((&config["limits"]["body"], &config["limits"]["headers"]), (&json!("1MiB"), &json!("64KiB")));
    assert_eq!((&config["log"]["level"], &config["errors"]), (&json!("info"), &json!("simple")));
}

#[tokio::test]
async fn the_admin_address_moves() {
    let backend = library().start().await;
    let start = yaml(&backend, &["/a"]);
    let gateway = routes(&start).file("library.binpb", backend.descriptors()).start().await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let new = free.local_addr().unwrap();
    let moved = start.replace("admin: {address: 127.0.0.1:0,", &format!("admin: {{address: {new},"));
    gateway.save("routes.yaml", &moved);
    let (status, text) = gateway.reload().await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "it is taken: {text}");
    assert!(text.contains(&new.to_string()), "{text}");

    drop(free);
    let (status, text) = gateway.reload().await;
    assert_eq!(status, StatusCode::OK, "the old address still tells what came of it: {text}");
    let ready = send(new, request(http::Method::GET, "/ready")).await;
    assert_eq!(ready.status, StatusCode::OK);
    assert!(tokio::net::TcpStream::connect(gateway.admin()).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_saves_under_load_fail_no_call() {
    let backend = library().start().await;
    let gateway = routes(&yaml(&backend, &["/a"])).file("library.binpb", backend.descriptors()).start().await;
    let over = Arc::new(AtomicBool::new(false));
    let (address, done) = (gateway.address(), Arc::clone(&over));
    let caller = tokio::spawn(async move {
        let mut calls = 0_u32;
        while !done.load(Ordering::Relaxed) {
            let answer = send(address, request(http::Method::GET, "/a/1")).await;
            assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
            calls += 1;
        }
        calls
    });
    for round in 0..100 {
        match round % 3 {
            0 => gateway.save("routes.yaml", "routes: [{get: /a, grpc"),
            1 => gateway.save("routes.yaml", yaml(&backend, &["/a"])),
            _ => {
                let path = format!("/round{round}");
                gateway.save("routes.yaml", yaml(&backend, &["/a", &path]));
                becomes(&gateway, &format!("{path}/1"), StatusCode::OK).await;
            }
        }
    }
    over.store(true, Ordering::Relaxed);
    assert!(caller.await.unwrap() > 100);
}

/// The descriptors of the library with this change of its .proto.
fn changed(from: &str, to: &str) -> Vec<u8> {
    assert!(LIBRARY.contains(from), "{from}");
    compile(&LIBRARY.replace(from, to))
}

/// The newest reload, once the number of reloads has reached `count`.
async fn reload_number(gateway: &Gateway, count: usize) -> Value {
    let started = Instant::now();
    loop {
        let all = page(gateway, "/reloads").await;
        if all.as_array().unwrap().len() >= count {
            return all[0].clone();
        }
        assert!(started.elapsed() < Duration::from_secs(20), "reload {count} comes: {all:#}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

const RENAMED: (&str, &str) = ("bool full = 2;", "bool whole = 2;");

#[tokio::test]
async fn a_change_of_descriptors_is_told_in_the_words_of_diff() {
    let backend = library().start().await;
    let routes_yaml = yaml(&backend, &["/a", "/b"]);
    let gateway = routes(&routes_yaml).file("library.binpb", backend.descriptors()).start().await;
    let table = [
        (
            RENAMED,
            "descriptors: 1 change breaks clients: request field `full` of library.v1.GetBookRequest is called \
             `whole` now (GET /a/{name}, GET /b/{name})",
        ),
        (
            ("bool full = 2;", "string full = 2;"),
            "descriptors: 1 change breaks clients: request field `whole` of library.v1.GetBookRequest is gone \
             (GET /a/{name}, GET /b/{name})",
        ),
        (
            ("bool full = 2;", "string full = 2; int32 page = 3;"),
            "descriptors: 1 change, which does not break clients: request field `page` of \
             library.v1.GetBookRequest is new (GET /a/{name}, GET /b/{name})",
        ),
        (("int64 copies = 5;", "int64 copies = 5; // how many"), "descriptors: 2 changes break clients: "),
        (("int64 copies = 5;", "int64 copies = 55;"), "descriptors: nothing changes for clients"),
    ];
    for (count, ((from, to), text)) in table.into_iter().enumerate() {
        gateway.save("library.binpb", changed(from, to));
        let entry = reload_number(&gateway, count + 1).await;
        assert_eq!(entry["outcome"], "applied");
        assert!(entry["text"].as_str().unwrap().starts_with(text), "{to}: {entry:#}");
    }
    gateway.save("routes.yaml", format!("{routes_yaml}# a comment\n"));
    assert_eq!(reload_number(&gateway, 6).await["text"], "nothing changed");
}

#[tokio::test]
async fn descriptors_that_break_clients_wait_for_an_order_where_the_file_says_so() {
    let backend = library().start().await;
    let head = yaml(&backend, &["/a"]);
    let holding = format!("{head}reload: {{breaking: hold}}\n");
    let gateway = routes(&holding).file("library.binpb", backend.descriptors()).start().await;
    assert_eq!(gateway.get("/a/1?full=true").await.status, StatusCode::OK);

    gateway.save("library.binpb", changed(RENAMED.0, RENAMED.1));
    let entry = reload_number(&gateway, 1).await;
    assert_eq!((&entry["outcome"], &entry["version"]), (&json!("held"), &Value::Null));
    let text = entry["text"].as_str().unwrap();
    assert!(
        text.contains("request field `full` of library.v1.GetBookRequest is called `whole` now"),
        "{text}"
    );
    assert!(text.ends_with("SIGHUP or `POST /reload` on the admin address takes the change"), "{text}");
    assert_eq!(gateway.get("/a/1?full=true").await.status, StatusCode::OK, "the old version runs");
    let metrics = send(gateway.admin(), request(http::Method::GET, "/metrics")).await.text();
    assert!(metrics.contains("gateway_reloads_total{outcome=\"held\"} 1"), "{metrics}");

    // A further save does not take it, whatever it is about.
    gateway.save("routes.yaml", format!("{}reload: {{breaking: hold}}\n", yaml(&backend, &["/a", "/b"])));
    assert_eq!(reload_number(&gateway, 2).await["outcome"], "held");
    assert_eq!(gateway.get("/b/1").await.status, StatusCode::NOT_FOUND);

    let (status, text) = gateway.reload().await;
    assert_eq!(status, StatusCode::OK, "{text}");
    assert!(text.contains("descriptors: 1 change breaks clients"), "{text}");
    assert_eq!(gateway.get("/a/1?full=true").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(gateway.get("/b/1?whole=true").await.status, StatusCode::OK);
    assert_eq!(page(&gateway, "/config").await["reload"], json!({"breaking": "hold"}));
}

#[tokio::test]
async fn what_breaks_no_client_is_not_held() {
    let backend = library().start().await;
    let hold = "reload: {breaking: hold}\n";
    let annotated = "services:\n  library.v1.Library: {upstream: library, annotations: true}\n";
    let head = yaml(&backend, &["/a", "/b"]).replace("services:\n  library.v1.Library: library\n", annotated);
    let gateway = routes(&format!("{head}{hold}")).file("library.binpb", backend.descriptors()).start().await;
    gateway.save("library.binpb", changed("bool full = 2;", "bool full = 2; int32 page = 3;"));
    assert_eq!(reload_number(&gateway, 1).await["outcome"], "applied");

    // Routes of the file are the operator's own.
    gateway.save(
        "routes.yaml",
        format!("{}{hold}", head.replace("  - get: /b/{name}\n", "  - get: /c/{name}\n")),
    );
    assert_eq!(reload_number(&gateway, 2).await["outcome"], "applied");
    assert_eq!(gateway.get("/b/1").await.status, StatusCode::NOT_FOUND);

    // Those of annotations are not.
    assert_eq!(gateway.get("/annotated/shelves/1/books/2").await.status, StatusCode::OK);
    let moved = ("/annotated/{name=shelves/*/books/*}", "/moved/{name=shelves/*/books/*}");
    gateway.save("library.binpb", changed(moved.0, moved.1));
    let entry = reload_number(&gateway, 3).await;
    assert_eq!(entry["outcome"], "held", "{entry:#}");
    let gone = "route GET /annotated/{name=shelves/*/books/*} is gone (404, ";
    assert!(entry["text"].as_str().unwrap().contains(gone), "{entry:#}");
    assert_eq!(gateway.get("/annotated/shelves/1/books/2").await.status, StatusCode::OK);

    // Taken back, it is no change.
    gateway.save("library.binpb", changed("bool full = 2;", "bool full = 2; int32 page = 3;"));
    let entry = reload_number(&gateway, 4).await;
    assert_eq!((&entry["outcome"], &entry["text"]), (&json!("applied"), &json!("nothing changed")));

    // A file that no longer says to hold does not.
    gateway.save("library.binpb", changed(moved.0, moved.1));
    assert_eq!(reload_number(&gateway, 5).await["outcome"], "held");
    gateway.save("routes.yaml", &head);
    assert_eq!(reload_number(&gateway, 6).await["outcome"], "applied");
    assert_eq!(gateway.get("/moved/shelves/1/books/2").await.status, StatusCode::OK);
}
