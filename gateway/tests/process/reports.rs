//! What the log reports while the gateway runs: certificates that expire, key sets without a usable key, failed handshakes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant, SystemTime};

use http::{Method, StatusCode};
use rcgen::{CertificateParams, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::gateway::Settings;
use crate::log::{Read, send};

const LISTENER: &str = ", tls: {certificate: own.pem, key: own.key}";

/// A certificate that is valid for so long, and its key, as files.
fn certificate(valid: Duration) -> [(&'static str, String); 2] {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["shop.example".to_owned()]).unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    params.not_after = rcgen::date_time_ymd(1970, 1, 1) + now + valid;
    [("own.pem", params.self_signed(&key).unwrap().pem()), ("own.key", key.serialize_pem())]
}

fn count(lines: &[String], what: &str) -> usize {
    lines.iter().filter(|line| line.contains(what)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_expires_is_reported_before_and_after() {
    let backend = crate::library().await;
    let files = certificate(Duration::from_secs(4));
    let read =
        Read::start_with(&backend, &Settings { listener: LISTENER, files: &files, ..Settings::default() });
    read.find("WARN certificate expires in ").await;
    read.find("WARN certificate has expired; handshakes fail").await;
    // A reload brings no new warnings; a renewed certificate that lasts for days has its own.
    assert_eq!(send(read.gateway.admin(), Method::POST, "/reload").await.0, StatusCode::OK);
    for (name, content) in certificate(Duration::from_secs(5 * 86_400)) {
        std::fs::write(read.gateway.folder().join(name), content).unwrap();
    }
    read.find("WARN certificate expires in 5 days").await;
    let lines = read.end().await;
    assert_eq!(count(&lines, "certificate has expired; handshakes fail"), 1, "{lines:#?}");
    assert_eq!(count(&lines, "certificate expires in "), 2, "{lines:#?}");
    let line = lines.iter().find(|line| line.contains("certificate expires in ")).unwrap();
    assert!(line.contains("listener=127.0.0.1:0") && line.contains("certificate=\"own.pem\""), "{line}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fetched_key_set_without_a_usable_key_is_reported_once_with_its_reasons() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let body = r#"{"keys": [{"kty": "RSA", "kid": "p", "n": "!", "e": "AQAB"}, {"kty": "EC", "use": "enc"}]}"#;
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
            seen.fetch_add(1, SeqCst);
        }
    });
    let backend = crate::library().await;
    let rest = format!(
        "auth: {{idp: {{jwt: {{jwks: \"http://{address}/keys\", algorithms: [RS256], audience: shop}}}}}}\n\
         defaults: {{auth: idp}}\n"
    );
    let read = Read::start_with(&backend, &Settings { rest: &rest, ..Settings::default() });
    read.find("key set not fetched").await;
    let until = Instant::now() + Duration::from_secs(60);
    while asked.load(SeqCst) < 3 {
        assert!(Instant::now() < until, "the set is fetched again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (_, metrics) = send(read.gateway.admin(), Method::GET, "/metrics").await;
    let metric =
        format!("gateway_key_set_last_success_timestamp_seconds{{url=\"http://{address}/keys\"}} 0\n");
    assert!(metrics.contains(&metric), "{metrics}");
    let lines = read.end().await;
    assert_eq!(count(&lines, "key set not fetched"), 1, "{lines:#?}");
    let why = "the key set has no key that fits RS256: key `p` of the set is left out: `n` is not base64url; \
               key `1` of the set is left out: its `use` is ";
    assert_eq!(count(&lines, why), 1, "{lines:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_handshakes_are_logged_at_a_bounded_rate() {
    const CLIENTS: usize = 100;
    let backend = crate::library().await;
    let files = certificate(Duration::from_secs(365 * 86_400));
    let read =
        Read::start_with(&backend, &Settings { listener: LISTENER, files: &files, ..Settings::default() });
    for sent in [&b"\xff\xff\xff\xff\xff\xff"[..], b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"] {
        for _ in 0..CLIENTS {
            let mut stream = TcpStream::connect(read.gateway.address()).await.unwrap();
            stream.write_all(sent).await.unwrap();
            stream.shutdown().await.unwrap();
            drop(stream.read_to_end(&mut Vec::new()).await);
        }
    }
    read.find("more like this").await;
    let (_, metrics) = send(read.gateway.admin(), Method::GET, "/metrics").await;
    for reason in ["not_tls", "plain_http"] {
        let line = format!("gateway_tls_handshake_failures_total{{reason=\"{reason}\"}} {CLIENTS}\n");
        assert!(metrics.contains(&line), "{metrics}");
    }
    let lines = read.end().await;
    for what in
        ["WARN TLS handshake failed: the client sent something that is not TLS", "the client sent plain HTTP"]
    {
        let count = count(&lines, what);
        assert!((1..CLIENTS / 2).contains(&count), "{what}: {count} {lines:#?}");
    }
}
