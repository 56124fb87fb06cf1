//! Client certificates: what the authorization service and the services learn of them; and handshakes that fail.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, StatusCode};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, DnType, KeyPair, SanType};
use rustls::HandshakeKind;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};
use testkit::backend::{Backend, reply};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::auth::AUTHZ;
use crate::harness::{Answer, Gateway, collect, request, routes};
use crate::tls::{Authority, Client, TLS12, TLS13};
use crate::{head, library};

const CHECK: &str = "envoy.service.auth.v3.Authorization/Check";

/// A service that allows everything, with this answer.
async fn authz(answer: Value) -> Backend {
    let check = move |_: &testkit::backend::Seen| reply(json!({"status": {"code": 0}, "okResponse": answer}));
    Backend::of(AUTHZ).on(CHECK, check).start().await
}

/// A certificate with these names, and its key.
fn issue(authority: &Authority, subject: &[(DnType, &str)], uris: &[&str], dns: &[&str]) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = dns.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    subject.iter().for_each(|(kind, value)| params.distinguished_name.push(kind.clone(), *value));
    params.subject_alt_names.extend(uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())));
    (params.signed_by(&key, &authority.0).unwrap().pem(), key.serialize_pem())
}

/// A gateway whose route asks the authorization service and forwards whatever a client sends.
async fn gateway(backend: &Backend, authz: &Backend, listener: &str, files: &[(&str, String)]) -> Gateway {
    gateway_with(backend, authz, listener, "", files).await
}

async fn gateway_with(
    backend: &Backend,
    authz: &Backend,
    listener: &str,
    rest: &str,
    files: &[(&str, String)],
) -> Gateway {
    let yaml = head(backend)
        .replace("{address: 127.0.0.1:0}", &format!("{{address: 127.0.0.1:0{listener}}}"))
        .replace(
            "upstreams:\n",
            &format!("upstreams:\n  authz: {{address: {}, retry: false}}\n", authz.address()),
        );
    let yaml = format!(
        "{yaml}{rest}auth: {{a: {{external: {{upstream: authz, timeout: 10s}}}}}}\n\
         routes: [{{get: \"/books/{{name}}\", grpc: library.v1.Library/GetBook, auth: a, headers: {{forward: [\"*\"]}}}}]\n"
    );
    let mut folder = routes(&yaml).file("library.binpb", backend.descriptors());
    for (name, content) in files {
        folder = folder.file(name, content);
    }
    folder.start().await
}

/// The names of the client certificate's header that frameworks cannot tell apart.
const SPELLINGS: [&str; 4] = [
    "x-forwarded-client-cert",
    "X-Forwarded-Client_Cert",
    "x_forwarded_client_cert",
    "x-forwarded.client-cert",
];

fn spoofing(uri: &str, host: Option<&str>) -> Request<http_body_util::Full<bytes::Bytes>> {
    let mut request = request(Method::GET, uri);
    request.headers_mut().remove("host");
    if let Some(host) = host {
        request.headers_mut().insert("host", host.parse().unwrap());
    }
    for name in SPELLINGS {
        let name: http::HeaderName = name.parse().unwrap();
        request.headers_mut().append(name, "Hash=0;Subject=\"CN=root\"".parse().unwrap());
    }
    request
}

/// Sends the request over HTTP/1.1 or HTTP/2 on this stream.
async fn send<S>(stream: S, is_http2: bool, host: &str) -> Answer
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    if is_http2 {
        let (mut sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = spoofing(&format!("https://{host}/books/b1"), None);
        return collect(sender.send_request(request).await.unwrap()).await;
    }
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    collect(sender.send_request(spoofing("/books/b1", Some(host))).await.unwrap()).await
}

/// The metadata of the call under any spelling of the header.
fn forwarded(backend: &Backend) -> Vec<String> {
    let call = backend.only();
    let fold = |name: &str| name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let named = call.metadata.iter().filter(|(name, _)| fold(name.as_str()) == SPELLINGS[0]);
    named.map(|(_, value)| value.to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn both_protocols_tell_the_authorization_service_the_same_host_and_addresses() {
    let (backend, authz) = (library().start().await, authz(json!({})).await);
    let gateway = gateway(&backend, &authz, "", &[]).await;
    for host in ["shop.example:8443", "shop.example"] {
        for is_http2 in [false, true] {
            let stream = TcpStream::connect(gateway.address()).await.unwrap();
            let port = stream.local_addr().unwrap().port();
            assert_eq!(send(stream, is_http2, host).await.status, StatusCode::OK);
            let attributes = authz.only().json()["attributes"].clone();
            let http = &attributes["request"]["http"];
            let found = [&http["host"], &http["headers"]["host"], &http["headers"][":authority"]];
            assert_eq!(found, [host; 3], "{is_http2}");
            let own = gateway.address().port();
            assert_eq!(
                attributes["source"],
                json!({"address": {"socketAddress": {"address": "127.0.0.1", "portValue": port}}})
            );
            assert_eq!(
                attributes["destination"],
                json!({"address": {"socketAddress": {"address": "127.0.0.1", "portValue": own}}})
            );
            assert!(!http["headers"].to_string().contains("CN=root"), "{http}");
            assert_eq!(forwarded(&backend), [""; 0], "nothing that a client claims of its certificate");
        }
    }
}

#[tokio::test]
async fn the_client_certificate_is_known_to_both_services() {
    let subject = &[(DnType::CountryName, "DE"), (DnType::CommonName, "gw;URI=x \"1\"")][..];
    let uri = &["spiffe://shop.example/gw"][..];
    let dns = &["gw.example", "b.example"][..];
    let text = "CN=gw\\3BURI\\3Dx \\221\\22,C=DE";
    for (forward, uris, dns, principal, names) in [
        (true, uri, dns, uri[0], ";URI=spiffe://shop.example/gw;DNS=gw.example;DNS=b.example"),
        (true, &[], dns, "gw.example", ";DNS=gw.example;DNS=b.example"),
        (true, &[], &[], text, ""),
        (false, uri, &[], uri[0], ""),
    ] {
        let (backend, authz, authority) = (library().start().await, authz(json!({})).await, Authority::new());
        let (own, own_key) = issue(&authority, &[], &["spiffe://shop.example/edge"], &["shop.example"]);
        let listener =
            format!(", tls: {{certificate: own.pem, key: own.key, client_ca: ca.pem, forward: {forward}}}");
        let files = [("own.pem", own), ("own.key", own_key), ("ca.pem", authority.0.pem())];
        let gateway = gateway(&backend, &authz, &listener, &files).await;
        let (certificate, key) = issue(&authority, subject, uris, dns);
        let der = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &der);
        let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let expected = format!("By=spiffe://shop.example/edge;Hash={hash};Subject=\"{text}\"{names}");
        for alpn in [&[b"http/1.1".as_slice()][..], &[b"h2".as_slice()]] {
            let shows = Some((certificate.clone(), key.clone()));
            let client = Client {
                shows,
                alpn: if alpn[0] == b"h2" { &[b"h2"] } else { &[b"http/1.1"] },
                ..Client::of(&authority)
            };
            let stream = client.connect(&gateway).await.unwrap();
            assert_eq!(send(stream, alpn[0] == b"h2", "shop.example").await.status, StatusCode::OK);
            let attributes = authz.only().json()["attributes"].clone();
            assert_eq!(attributes["source"]["principal"], principal);
            assert_eq!(attributes["destination"]["principal"], "spiffe://shop.example/edge");
            let pem = attributes["source"]["certificate"].as_str().unwrap().to_owned();
            assert!(pem.starts_with("-----BEGIN%20CERTIFICATE-----%0A"), "{pem}");
            let pem = percent_encoding::percent_decode_str(&pem).decode_utf8().unwrap();
            assert_eq!(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap(), der);
            let header = &attributes["request"]["http"]["headers"]["x-forwarded-client-cert"];
            let value = forward.then_some(expected.as_str());
            assert_eq!(header.as_str(), value);
            assert_eq!(forwarded(&backend), value.into_iter().collect::<Vec<_>>());
        }
    }
}

#[tokio::test]
async fn a_resumed_session_keeps_the_client_certificate() {
    let (backend, authz, authority) = (library().start().await, authz(json!({})).await, Authority::new());
    let (own, own_key) = authority.issue(&["shop.example"]);
    let files = [("own.pem", own), ("own.key", own_key), ("ca.pem", authority.0.pem())];
    let listener = ", tls: {certificate: own.pem, key: own.key, client_ca: ca.pem, forward: true}";
    let gateway = gateway(&backend, &authz, listener, &files).await;
    for versions in [&TLS12, &TLS13] {
        let shows = Some(authority.issue(&["client.example"]));
        let config = Arc::new(Client { shows, versions, ..Client::of(&authority) }.config());
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let stream = TcpStream::connect(gateway.address()).await.unwrap();
            let connector = TlsConnector::from(Arc::clone(&config));
            let stream = connector.connect("shop.example".try_into().unwrap(), stream).await.unwrap();
            assert_eq!(stream.get_ref().1.handshake_kind(), Some(kind));
            assert_eq!(send(stream, false, "shop.example").await.status, StatusCode::OK);
            assert_eq!(authz.only().json()["attributes"]["source"]["principal"], "client.example");
            let forwarded = forwarded(&backend);
            assert!(matches!(&forwarded[..], [one] if one.ends_with(";DNS=client.example")), "{forwarded:?}");
        }
    }
}

#[tokio::test]
async fn query_parameters_that_the_authorization_service_edits_reach_the_service() {
    let answer = json!({
        "queryParametersToSet": [{"key": "full", "value": "true"}],
        "queryParametersToRemove": ["nonsense"],
    });
    let (backend, authz) = (library().start().await, authz(answer).await);
    let gateway = gateway(&backend, &authz, "", &[]).await;
    // Without the service's edits, the unknown parameter would be refused.
    let answer = gateway.get("/books/b1?full=false&%6eonsense=1").await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(backend.only().json(), json!({"name": "b1", "full": true}));
}

/// The handshakes that have failed, by reason.
async fn failures(gateway: &Gateway) -> BTreeMap<String, u64> {
    let metrics = crate::harness::send(gateway.admin(), request(Method::GET, "/metrics")).await.text();
    let lines = metrics.lines().filter_map(|line| {
        line.strip_prefix("gateway_tls_handshake_failures_total{reason=\"")?.split_once("\"} ")
    });
    lines.map(|(reason, count)| (reason.to_owned(), count.parse().unwrap())).collect()
}

/// Waits until one more handshake has failed, for this reason and no other.
async fn failed(gateway: &Gateway, before: &BTreeMap<String, u64>, reason: &str) -> BTreeMap<String, u64> {
    let until = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let now = failures(gateway).await;
        if now != *before {
            let mut expected = before.clone();
            *expected.get_mut(reason).unwrap_or_else(|| panic!("no reason {reason}")) += 1;
            assert_eq!(now, expected, "{reason}");
            return now;
        }
        assert!(tokio::time::Instant::now() < until, "{reason} is counted: {now:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn handshakes_that_fail_are_counted_by_reason() {
    let (backend, authz, authority) = (library().start().await, authz(json!({})).await, Authority::new());
    let (own, own_key) = authority.issue(&["shop.example"]);
    let files = [("own.pem", own), ("own.key", own_key), ("ca.pem", authority.0.pem())];
    let tls = ", tls: {certificate: own.pem, key: own.key, client_ca: ca.pem}";
    let gateway = gateway(&backend, &authz, tls, &files).await;
    let mut counts = failures(&gateway).await;
    assert!(counts.values().all(|count| *count == 0) && counts.len() == 13, "{counts:?}");

    let stranger = Authority::new();
    let good = || Some(authority.issue(&["client"]));
    let mut expired = CertificateParams::new(vec!["client".to_owned()]).unwrap();
    expired.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let key = KeyPair::generate().unwrap();
    let expired = (expired.signed_by(&key, &authority.0).unwrap().pem(), key.serialize_pem());
    for (client, reason) in [
        (Client::of(&authority), "no_client_certificate"),
        (Client { shows: Some(stranger.issue(&["client"])), ..Client::of(&authority) }, "unknown_client_ca"),
        (Client { shows: Some(expired), ..Client::of(&authority) }, "expired_client_certificate"),
        (Client { shows: good(), alpn: &[b"imap"], ..Client::of(&authority) }, "no_common_protocol"),
        (Client { shows: good(), ..Client::of(&stranger) }, "rejected_by_client"),
    ] {
        drop(client.get(&gateway, "/books/b1").await);
        counts = failed(&gateway, &counts, reason).await;
    }
    // TLS 1.1 with one cipher suite, as old clients begin.
    let hello: &[u8] = b"\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
        \x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x2f\x01\x00\x00\x00";
    for (sent, reason) in [
        (&b"GET /books/b1 HTTP/1.1\r\nhost: a\r\n\r\n"[..], "plain_http"),
        (b"\xff\xff\xff\xff\xff\xff", "not_tls"),
        (hello, "no_common_version"),
        (b"\x16\x03\x01\x02", "closed"),
    ] {
        let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
        stream.write_all(sent).await.unwrap();
        stream.shutdown().await.unwrap();
        drop(stream.read_to_end(&mut Vec::new()).await);
        counts = failed(&gateway, &counts, reason).await;
    }
    // A probe of the port is no handshake, and neither is one that succeeds.
    let mut probe = TcpStream::connect(gateway.address()).await.unwrap();
    probe.shutdown().await.unwrap();
    drop(probe.read_to_end(&mut Vec::new()).await);
    let client = Client { shows: good(), ..Client::of(&authority) };
    assert_eq!(client.get(&gateway, "/books/b1").await.unwrap().status, StatusCode::OK);
    assert_eq!(failures(&gateway).await, counts);
}

#[tokio::test]
async fn handshakes_that_stall_time_out() {
    let (backend, authz, authority) = (library().start().await, authz(json!({})).await, Authority::new());
    let (own, own_key) = authority.issue(&["shop.example"]);
    let files = [("own.pem", own), ("own.key", own_key)];
    let listener = ", tls: {certificate: own.pem, key: own.key}";
    let limits = "limits: {header_timeout: 200ms}\n";
    let gateway = gateway_with(&backend, &authz, listener, limits, &files).await;
    let mut counts = failures(&gateway).await;
    for sent in [&b""[..], b"\x16\x03\x01\x02\x00"] {
        let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
        stream.write_all(sent).await.unwrap();
        drop(stream.read_to_end(&mut Vec::new()).await);
        counts = failed(&gateway, &counts, "timeout").await;
    }
}

#[tokio::test]
async fn certificates_have_their_end_among_the_metrics() {
    let (backend, authz, authority) = (library().start().await, authz(json!({})).await, Authority::new());
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["shop.example".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2096, 1, 1);
    let own = params.signed_by(&key, &authority.0).unwrap().pem();
    let files =
        [("own.pem", format!("\u{feff}{own}")), ("own.key", format!("\u{feff}{}", key.serialize_pem()))];
    let gateway = gateway(&backend, &authz, ", tls: {certificate: own.pem, key: own.key}", &files).await;
    let metrics = crate::harness::send(gateway.admin(), request(Method::GET, "/metrics")).await.text();
    let line = "gateway_certificate_expiry_seconds{listener=\"127.0.0.1:0\",file=\"own.pem\"} 3976214400\n";
    assert!(metrics.contains(line), "{metrics}");
}
