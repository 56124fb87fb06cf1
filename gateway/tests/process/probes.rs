//! Probes on the listener, the status of a degraded gateway, and `gateway health`, which reads where to ask from the file.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair};

use crate::gateway::{Gateway, Kept, Settings, get_text};
use crate::library;

/// Runs `gateway health` beside the process. Its routes.yaml has port 0: the file it reads here names the port.
fn health(gateway: &Gateway, listener: &str, rest: &str, more: &[&str]) -> Output {
    let yaml = format!(
        "listeners: [{{address: {}{listener}}}]\ndescriptors: [library.binpb]\n{rest}",
        gateway.address()
    );
    std::fs::write(gateway.folder().join("health.yaml"), yaml).unwrap();
    Command::new(env!("CARGO_BIN_EXE_gateway"))
        .args(["health", "-c", "health.yaml"])
        .args(more)
        .current_dir(gateway.folder())
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}

#[tokio::test]
async fn probes_are_served_on_the_listener_when_they_are_named() {
    let backend = library().await;
    let off = Gateway::start(&backend, &Settings::default());
    assert_eq!(get_text(off.address(), "/live").await.0, 404);
    let on = Gateway::start(&backend, &Settings { rest: "probes: true\n", ..Settings::default() });
    assert_eq!(get_text(on.address(), "/live").await, (200, "live\n".to_owned()));
    assert_eq!(get_text(on.address(), "/ready").await, (200, "ready\n".to_owned()));
    assert_eq!(get_text(on.admin(), "/live").await, (200, "live\n".to_owned()));
    let named = Gateway::start(
        &backend,
        &Settings { rest: "probes: {live: /livez, ready: \"\"}\n", ..Settings::default() },
    );
    assert_eq!(get_text(named.address(), "/livez").await, (200, "live\n".to_owned()));
    assert_eq!(get_text(named.address(), "/ready").await.0, 404);
}

#[tokio::test]
async fn a_degraded_gateway_stays_in_rotation_where_the_file_says_so() {
    let backend = library().await;
    // Nothing listens on port 1.
    let files = [("dead.yaml", "upstreams:\n  dead: {address: 127.0.0.1:1}\n".to_owned())];
    let rest = "include: [dead.yaml]\n";
    let strict = Gateway::start(&backend, &Settings { rest, files: &files, ..Settings::default() });
    let rest = "include: [dead.yaml]\nhealth: {path: /healthz, degraded: 200}\nprobes: true\n";
    let lenient = Gateway::start(&backend, &Settings { rest, files: &files, ..Settings::default() });
    for (gateway, path, expected) in [(&strict, "/health", 503), (&lenient, "/healthz", 200)] {
        let (status, body) = get_text(gateway.address(), path).await;
        assert_eq!(status, expected, "{body}");
        assert!(
            body.contains(r#""status":"degraded""#) && body.contains(r#""dead":"unavailable""#),
            "{body}"
        );
    }
    assert_eq!(get_text(lenient.address(), "/ready").await.0, 200);
}

#[tokio::test]
async fn readiness_fails_first_when_the_gateway_drains() {
    let backend = library().await;
    let mut gateway = Gateway::start(&backend, &Settings { rest: "probes: true\n", ..Settings::default() });
    // New connections are refused during a drain: a connection that is open already sees the change.
    let mut probe = Kept::connect(gateway.address()).await;
    assert_eq!(probe.get("/ready").await, Some((200, "ready\n".to_owned())));
    gateway.signal("TERM");
    let until = Instant::now() + Duration::from_secs(5);
    let last = loop {
        let answer = probe.get("/ready").await;
        if answer.as_ref().is_none_or(|(status, _)| *status != 200) {
            break answer;
        }
        assert!(Instant::now() < until, "/ready never failed");
    };
    assert_eq!(last, Some((503, "draining\n".to_owned())));
    assert!(gateway.ended(Duration::from_secs(12)).await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_health_command_asks_where_the_file_says() {
    let backend = library().await;
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["shop.example".to_owned()]).unwrap();
    let certificate = certificate.self_signed(&key).unwrap().pem();
    let other_key = KeyPair::generate().unwrap();
    let other = CertificateParams::new(vec!["shop.example".to_owned()]).unwrap();
    let other = other.self_signed(&other_key).unwrap().pem();
    let files = [
        ("edge.pem", certificate),
        ("edge.key", key.serialize_pem()),
        ("other.pem", other),
        ("other.key", other_key.serialize_pem()),
    ];
    let tls = ", tls: {certificate: edge.pem, key: edge.key}";
    let rest = "health: /alive\n";
    let gateway =
        Gateway::start(&backend, &Settings { listener: tls, rest, files: &files, ..Settings::default() });

    let asked = health(&gateway, tls, rest, &[]);
    assert!(asked.status.success(), "{}", text(&asked));
    let wrong_path = health(&gateway, tls, "health: /other\n", &[]);
    assert!(
        !wrong_path.status.success() && text(&wrong_path).contains("ROUTE_NOT_FOUND"),
        "{}",
        text(&wrong_path)
    );
    // Another certificate than the file's is another server.
    let stranger = health(&gateway, ", tls: {certificate: other.pem, key: other.key}", rest, &[]);
    assert!(!stranger.status.success() && text(&stranger).contains("certificate"), "{}", text(&stranger));
    let plain = health(&gateway, "", rest, &[]);
    assert!(!plain.status.success(), "{}", text(&plain));
    let url = format!("http://{}/health", gateway.admin());
    let admin = health(&gateway, tls, rest, &[&url]);
    assert!(admin.status.success(), "{}", text(&admin));
    let nowhere = health(&gateway, ", proxy_protocol: true", "trusted_proxies: [127.0.0.1]\n", &[]);
    assert!(text(&nowhere).contains("names no address with a health response"), "{}", text(&nowhere));
    let unknown = health(&gateway, tls, rest, &["ftp://127.0.0.1/health"]);
    assert!(text(&unknown).contains("expected http://host:port/path"), "{}", text(&unknown));
}
