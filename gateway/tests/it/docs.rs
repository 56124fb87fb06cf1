//! The page of the API: what browsers get, what caches may keep, and that it tells what runs.

use std::io::Read;
use std::path::Path;

use gateway::config;
use gateway::openapi::{self, document};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{self, Answer, Gateway};
use crate::{gateway, head, library};

const ROUTES: &str = "docs: /docs\nroutes:\n  - {get: \"/books/{name}\", grpc: library.v1.Library/GetBook}\n";

/// GET or HEAD with these headers.
async fn ask(gateway: &Gateway, method: Method, path: &str, headers: &[(&'static str, &str)]) -> Answer {
    let mut request = harness::request(method, path);
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    gateway.request(request).await
}

fn unpacked(body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(body).read_to_end(&mut plain).unwrap();
    plain
}

/// What the page refers to.
fn references(page: &str) -> Vec<&str> {
    let after = page.split(" src=\"").skip(1).chain(page.split(" href=\"").skip(1));
    let found = after.map(|rest| rest.split('"').next().unwrap());
    found.filter(|reference| !reference.starts_with("data:")).collect()
}

#[tokio::test]
async fn the_page_and_all_that_it_needs_come_from_the_gateway() {
    let backend = library().start().await;
    for (docs, pages) in [
        ("/docs", &["/docs", "/docs/", "/docs?deep=link"][..]),
        ("/", &["/"]),
        ("/internal/api-docs", &["/internal/api-docs", "/internal/api-docs/"]),
    ] {
        let gateway = gateway(&backend, &ROUTES.replace("docs: /docs", &format!("docs: {docs}"))).await;
        for path in pages {
            let page = gateway.get(path).await;
            assert_eq!(page.status, StatusCode::OK, "{path}");
            assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
            let html = page.text();
            assert!(!html.contains("<script>") && !html.contains("<style") && !html.contains(" style="));
            let references = references(&html);
            assert_eq!(references.len(), 5, "{references:?}");
            for reference in references {
                assert!(reference.starts_with(docs), "{reference}");
                let file = gateway.get(reference).await;
                assert_eq!(file.status, StatusCode::OK, "{reference}");
                assert!(!file.body.is_empty(), "{reference}");
                let kind = match reference.rsplit('.').next() {
                    Some("js") => "text/javascript; charset=utf-8",
                    Some("css") => "text/css; charset=utf-8",
                    _ => "application/json",
                };
                assert_eq!(file.header("content-type"), kind, "{reference}");
                assert_eq!(file.header("x-content-type-options"), "nosniff");
                assert_eq!(file.header("content-security-policy"), page.header("content-security-policy"));
            }
        }
        for other in ["/docs.json", "/docs/none.js", "/docs/../docs", "/docs//"] {
            assert_ne!(gateway.get(other).await.status, StatusCode::OK, "{other}");
        }
    }
}

/// Whoever finds a way to write into the page must not be able to run anything, nor to send it elsewhere.
#[tokio::test]
async fn the_page_takes_nothing_from_elsewhere() {
    let gateway = gateway(&library().start().await, ROUTES).await;
    let page = gateway.get("/docs").await;
    let policy: Vec<&str> = page.header("content-security-policy").split("; ").collect();
    for directive in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(&directive), "{directive} in {policy:?}");
    }
    assert_eq!(policy.len(), 8);
    let start = gateway.get("/docs/start.js").await.text();
    assert!(start.contains("validatorUrl: null") && start.contains("queryConfigEnabled: false"));
    let licences = gateway.get("/docs/swagger-ui-bundle.js.LICENSE.txt").await;
    assert!(licences.text().contains("Permission is hereby granted"));
}

#[tokio::test]
async fn clients_without_gzip_get_the_same_in_plain() {
    let backend = library().start().await;
    for compression in ["", "compression: [br, gzip]\n"] {
        let gateway = gateway(&backend, &format!("{compression}{ROUTES}")).await;
        for path in [
            "/docs",
            "/docs/openapi.json",
            "/docs/start.js",
            "/docs/swagger-ui-bundle.js",
            "/docs/swagger-ui.css",
        ] {
            let packed = ask(&gateway, Method::GET, path, &[("accept-encoding", "gzip, deflate, br")]).await;
            assert_eq!(packed.header("content-encoding"), "gzip", "{path}");
            for accepts in ["identity", "br", "gzip;q=0, *;q=0", ""] {
                let plain = ask(&gateway, Method::GET, path, &[("accept-encoding", accepts)]).await;
                assert!(!plain.headers.contains_key("content-encoding"), "{path} for {accepts:?}");
                assert!(plain.body == unpacked(&packed.body), "{path}");
                assert_eq!(plain.header("etag"), packed.header("etag"));
                assert_eq!(plain.header("vary"), "accept-encoding");
            }
            for (accepts, body) in [("gzip", &packed.body[..]), ("", &unpacked(&packed.body))] {
                let told = ask(&gateway, Method::HEAD, path, &[("accept-encoding", accepts)]).await;
                assert_eq!((told.status, told.body.len()), (StatusCode::OK, 0));
                assert_eq!(told.header("content-length"), body.len().to_string(), "{path}");
            }
        }
        let program = gateway.get("/docs/swagger-ui-bundle.js").await;
        assert!(program.body.len() > 1 << 20 && program.text().contains("SwaggerUIBundle"));
    }
}

#[tokio::test]
async fn what_a_client_has_is_not_sent_again() {
    let gateway = gateway(&library().start().await, ROUTES).await;
    for path in ["/docs", "/docs/openapi.json", "/docs/swagger-ui.css"] {
        let first = gateway.get(path).await;
        let tag = first.header("etag").to_owned();
        assert!(first.header("cache-control").contains("no-cache"), "it is asked for anew");
        for (known, status) in [
            (tag.clone(), 304),
            (format!("\"other\", {tag}"), 304),
            ("*".to_owned(), 304),
            ("\"other\"".to_owned(), 200),
            (String::new(), 200),
        ] {
            for method in [Method::GET, Method::HEAD] {
                let again = ask(&gateway, method, path, &[("if-none-match", &known)]).await;
                assert_eq!(again.status.as_u16(), status, "{path} with {known}");
                assert_eq!(again.header("etag"), tag);
                assert!(status == 200 || again.body.is_empty());
            }
        }
    }
}

/// The document of this routes.yaml, as `gateway openapi` prints it.
fn printed(yaml: &str, descriptors: &[u8]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("library.binpb"), descriptors).unwrap();
    std::fs::write(folder.path().join("routes.yaml"), yaml).unwrap();
    let loaded = config::load(&folder.path().join("routes.yaml"), &|_| None);
    document(&loaded.config.unwrap(), &openapi::Options::default())
}

#[tokio::test]
async fn the_document_is_that_of_the_routes_that_run() {
    let backend = library().start().await;
    let gateway = gateway(&backend, ROUTES).await;
    let yaml = format!("{}{ROUTES}", head(&backend));
    let before = gateway.get("/docs/openapi.json").await;
    assert_eq!(before.json(), printed(&yaml, backend.descriptors()));
    assert_eq!(before.json()["servers"], json!([{"url": "/"}]), "it is called where the page is");
    let program = gateway.get("/docs/swagger-ui-bundle.js").await;

    let more = format!("{yaml}  - {{post: /books, grpc: library.v1.Library/CreateBook, body: book}}\n");
    gateway.save("routes.yaml", &more);
    assert_eq!(gateway.reload().await.0, StatusCode::OK);
    let after = gateway.get("/docs/openapi.json").await;
    assert_eq!(after.json(), printed(&more, backend.descriptors()));
    assert!(after.json()["paths"]["/books"]["post"].is_object());
    assert_ne!(after.header("etag"), before.header("etag"));
    let again = gateway.get("/docs/swagger-ui-bundle.js").await;
    assert_eq!(again.header("etag"), program.header("etag"), "what has not changed is still known");

    gateway.save("routes.yaml", more.replace("GetBook}", "GetBok}"));
    assert_eq!(gateway.reload().await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(gateway.get("/docs/openapi.json").await.header("etag"), after.header("etag"));

    gateway.save("routes.yaml", more.replace("docs: /docs", "docs: /api"));
    assert_eq!(gateway.reload().await.0, StatusCode::OK);
    assert_eq!(gateway.get("/docs").await.status, StatusCode::NOT_FOUND);
    assert_eq!(gateway.get("/api/openapi.json").await.header("etag"), after.header("etag"));
}

#[tokio::test]
async fn there_is_no_page_unless_it_is_wanted() {
    let backend = library().start().await;
    for docs in ["", "docs: \"\"\n", "docs:\n"] {
        let gateway = gateway(&backend, &ROUTES.replace("docs: /docs\n", docs)).await;
        for path in ["/docs", "/docs/", "/docs/openapi.json", "/docs/swagger-ui.css"] {
            assert_eq!(gateway.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
        }
    }
}

/// What the gateway answers itself is a path like any other: methods that it does not take are told apart from no path.
#[tokio::test]
async fn own_paths_tell_the_methods_that_they_take() {
    let backend = library().start().await;
    let more = "  - {post: /docs, grpc: library.v1.Library/CreateBook}\n";
    let gateway = gateway(&backend, &format!("{ROUTES}{more}")).await;
    for (path, allow) in [
        ("/health", "GET, HEAD, OPTIONS"),
        ("/docs/", "GET, HEAD, OPTIONS"),
        ("/docs/openapi.json", "GET, HEAD, OPTIONS"),
        ("/docs/swagger-ui-bundle.js", "GET, HEAD, OPTIONS"),
        ("/docs", "GET, HEAD, OPTIONS, POST"),
    ] {
        let refused = gateway.send("DELETE", path, "").await;
        assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(refused.json()["reason"], "METHOD_NOT_ALLOWED");
        let asked = gateway.send("OPTIONS", path, "").await;
        assert_eq!(asked.status, StatusCode::NO_CONTENT, "{path}");
        assert_eq!((refused.header("allow"), asked.header("allow")), (allow, allow), "{path}");
    }
    assert_eq!(gateway.send("POST", "/docs", "{}").await.status, StatusCode::OK, "a route beside the page");
}

#[tokio::test]
async fn pages_of_other_origins_may_read_the_document_where_cors_lets_them() {
    let backend = library().start().await;
    let more = "  - {post: /docs, grpc: library.v1.Library/CreateBook}\n";
    let cors = "cors: {origins: [https://shop.example], methods: [GET, POST, DELETE]}\n";
    let gateway = gateway(&backend, &format!("{cors}{ROUTES}{more}")).await;
    for (method, path, allow) in
        [("GET", "/docs/openapi.json", "GET, HEAD, OPTIONS"), ("POST", "/docs", "GET, HEAD, OPTIONS, POST")]
    {
        let headers = [("origin", "https://shop.example"), ("access-control-request-method", method)];
        let preflight = ask(&gateway, Method::OPTIONS, path, &headers).await;
        assert_eq!((preflight.status, preflight.header("allow")), (StatusCode::NO_CONTENT, allow), "{path}");
        assert!(preflight.header("access-control-allow-methods").contains(method), "{preflight:?}");
    }
    let read = ask(&gateway, Method::GET, "/docs/openapi.json", &[("origin", "https://shop.example")]).await;
    assert_eq!(read.header("access-control-allow-origin"), "https://shop.example");
}

#[tokio::test]
async fn the_page_is_in_the_access_log_and_belongs_to_no_route() {
    let mut gateway = gateway(&library().start().await, ROUTES).await;
    let page = ask(&gateway, Method::GET, "/docs", &[("x-request-id", "a-look")]).await;
    assert_eq!(page.header("x-request-id"), "a-look");
    let line = gateway.log_line().await;
    assert!(line.contains("/docs") && line.contains("a-look") && line.contains("200"), "{line}");
    let health = {
        gateway.get("/health").await;
        gateway.log_line().await
    };
    let shape = |line: &str| line.split_whitespace().filter(|word| word.starts_with("route=")).count();
    assert_eq!(shape(&line), shape(&health), "as the health answer is: {line} / {health}");
    let metrics = harness::send(gateway.admin(), harness::request(Method::GET, "/metrics")).await.text();
    assert!(!metrics.contains("/docs"), "{metrics}");
}

/// The files that are compiled in are those that their licence names.
#[test]
fn the_files_of_others_lie_beside_their_licence() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/docs/swagger-ui");
    let lock: Value =
        serde_json::from_slice(&std::fs::read(folder.join("package-lock.json")).unwrap()).unwrap();
    let version = lock["packages"]["node_modules/swagger-ui-dist"]["version"].as_str().unwrap();
    let packed = std::fs::read(folder.join("swagger-ui-bundle.js.gz")).unwrap();
    assert!(String::from_utf8(unpacked(&packed)).unwrap().contains(&format!("\"{version}\"")), "{version}");
    let notice = std::fs::read_to_string(folder.join("../../../../NOTICE")).unwrap();
    assert!(notice.contains(&format!("Swagger UI {version}")), "{notice}");
    assert!(std::fs::read_to_string(folder.join("LICENSE")).unwrap().contains("Apache License"));
}
