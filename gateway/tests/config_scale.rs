//! Ten thousand routes over a thousand services load in well under a second (in release; `--nocapture` shows the time).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and this one reports"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use gateway::config;
use gateway::route::Lookup;

const SERVICES: usize = 1_000;
const METHODS: usize = 10;

/// A .proto file per service, and a route per method.
fn write(folder: &Path) {
    let mut routes =
        String::from("descriptors: [set.binpb]\nupstreams:\n  all: {address: localhost:50051}\n");
    let mut services = String::from("services:\n");
    let mut entries = String::from("routes:\n");
    let mut files = Vec::new();
    for service in 0..SERVICES {
        let mut proto = format!("syntax = \"proto3\";\npackage s{service};\nservice Things {{\n");
        for method in 0..METHODS {
            writeln!(proto, "  rpc Get{method}(Request{method}) returns (Thing);").unwrap();
            let path = format!("/v1/s{service}/m{method}/{{id}}/parts/{{part.name}}");
            writeln!(entries, "  - get: {path}\n    grpc: s{service}.Things/Get{method}\n    timeout: 2s")
                .unwrap();
        }
        proto.push_str(
            "}\nmessage Thing { string id = 1; repeated Thing things = 2; map<string, int32> counts = 3; }\n",
        );
        for method in 0..METHODS {
            writeln!(proto, "message Request{method} {{ int64 id = 1; Part part = 2; string filter = 3; }}")
                .unwrap();
        }
        proto.push_str("message Part { string name = 1; }\n");
        writeln!(services, "  s{service}.Things: all").unwrap();
        let name = format!("s{service}.proto");
        std::fs::write(folder.join(&name), proto).unwrap();
        files.push(name);
    }
    routes.push_str(&services);
    routes.push_str(&entries);
    std::fs::write(folder.join("routes.yaml"), routes).unwrap();
    let mut compiler = protox::Compiler::new([folder]).unwrap();
    compiler.include_source_info(true).open_files(&files).unwrap();
    std::fs::write(folder.join("set.binpb"), compiler.encode_file_descriptor_set()).unwrap();
}

#[test]
fn ten_thousand_routes_load_quickly() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let file = folder.path().join("routes.yaml");
    let mut best = f64::MAX;
    for _ in 0..3 {
        let begun = Instant::now();
        let loaded = config::load(&file, &|_| None);
        best = best.min(begun.elapsed().as_secs_f64());
        assert_eq!(loaded.diagnostics.render(false), "");
        let config = loaded.config.unwrap();
        assert_eq!(config.routes.len(), SERVICES * METHODS);
        let Lookup::Found { route, captures } =
            config.table.lookup(None, "GET", "/v1/s999/m9/7/parts/x").unwrap()
        else {
            panic!("no route");
        };
        assert_eq!(route.grpc.to_string(), "s999.Things/Get9");
        assert_eq!(captures.get(0), Some("7"));
    }
    println!("{} routes over {SERVICES} services: {:.0} ms", SERVICES * METHODS, best * 1e3);
    if !cfg!(debug_assertions) {
        assert!(best < 2.0, "{best} s, on a machine that may be busy");
    }
}

/// A shape of text with this many findings.
type Shape = (&'static str, fn(usize) -> String);

/// Each would take many minutes if a finding cost as much as the text is long.
#[test]
fn findings_are_as_many_as_they_are_wherever_they_stand() {
    const HEAD: &str = "{descriptors: [nothing.binpb], routes: [], ";
    let shapes: [Shape; 5] = [
        ("upstreams in one line", |n| {
            let upstreams: Vec<String> = (0..n).map(|n| format!("u{n}: {{address: \"é:x{n}\"}}")).collect();
            format!("{HEAD} upstreams: {{{}}}}}", upstreams.join(", "))
        }),
        ("equal keys in one line", |n| {
            format!("{HEAD} upstreams: {{{}}}}}", "u: {address: \"a:1\"}, ".repeat(n))
        }),
        ("equal keys, one a line", |n| {
            format!("descriptors: [nothing.binpb]\nupstreams:\n{}", "  u: {address: \"a:1\"}\n".repeat(n))
        }),
        ("names that are unknown, and as many that are known", |n| {
            let upstreams: String =
                (0..n).map(|n| format!("  upstream-{n}: {{address: \"a:1\"}}\n")).collect();
            let services: String = (0..n).map(|n| format!("  shop.S{n}: upstraem-{n}\n")).collect();
            format!("descriptors: [nothing.binpb]\nupstreams:\n{upstreams}services:\n{services}")
        }),
        ("entries of `auth` that are unknown, and as many that are known", |n| {
            let entries: String = (0..n)
                .map(|n| {
                    format!("  entry-{n}: {{jwt: {{issuer: \"i{n}\", audience: a, secret: nothing}}}}\n")
                })
                .collect();
            let routes: String =
                (0..n).map(|n| format!("  - GET /r{n}: shop.S/M\n    auth: enrty-{n}\n")).collect();
            format!("descriptors: [nothing.binpb]\nauth:\n{entries}routes:\n{routes}")
        }),
    ];
    for (what, text) in shapes {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("routes.yaml");
        std::fs::write(&file, text(10_000)).unwrap();
        let diagnostics = config::load(&file, &|_| None).diagnostics;
        assert!(diagnostics.iter().len() >= 9_999, "{what}: {}", diagnostics.iter().len());
        let text = diagnostics.render(false);
        assert_eq!(text.matches("\n\n").count(), 1001, "{what}: a thousand findings, and how many more");
        assert!(text.contains(" more, which are not shown"), "{what}");
        assert!(text.len() < 2 << 20, "{what}: {} bytes", text.len());
        assert_eq!(diagnostics.lines().len(), 1001, "{what}");
        assert!(diagnostics.to_json()["findings"].as_array().unwrap().len() >= 9_999, "{what}");
    }
}
