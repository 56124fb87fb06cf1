//! TLS in front: versions, protocols, names, client certificates, renewal, and clients that do not finish.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use testkit::backend::Backend;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::harness::{Answer, Files, Gateway, collect, request, routes};
use crate::{head, library};

const ROUTES: &str = "routes:\n  - get: /books/{name}\n    grpc: library.v1.Library/GetBook\n";

/// A certificate authority of the test's own.
pub(crate) struct Authority(pub(crate) CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate for these names, and its key, in PEM.
    pub(crate) fn issue(&self, names: &[&str]) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

/// How a test's client speaks.
pub(crate) struct Client<'a> {
    pub(crate) trusts: &'a Authority,
    pub(crate) name: &'static str,
    pub(crate) alpn: &'static [&'static [u8]],
    pub(crate) versions: &'static [&'static SupportedProtocolVersion],
    pub(crate) shows: Option<(String, String)>,
}

impl<'a> Client<'a> {
    pub(crate) fn of(trusts: &'a Authority) -> Self {
        Self { trusts, name: "shop.example", alpn: &[], versions: rustls::ALL_VERSIONS, shows: None }
    }

    pub(crate) fn config(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.trusts.0.pem().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(self.versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match &self.shows {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        config.alpn_protocols = self.alpn.iter().map(|protocol| protocol.to_vec()).collect();
        config
    }

    pub(crate) async fn connect(&self, gateway: &Gateway) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(gateway.address()).await.unwrap();
        let name = ServerName::try_from(self.name).unwrap();
        TlsConnector::from(Arc::new(self.config())).connect(name, stream).await
    }

    /// One call on a connection of its own, by what ALPN chose. An error is one of the handshake or of the connection:
    /// with TLS 1.3 a client learns only then that its certificate was not good enough.
    pub(crate) async fn get(
        &self,
        gateway: &Gateway,
        path: &str,
    ) -> Result<Answer, Box<dyn std::error::Error>> {
        let stream = self.connect(gateway).await?;
        get_on(stream, path).await
    }
}

async fn get_on(stream: TlsStream<TcpStream>, path: &str) -> Result<Answer, Box<dyn std::error::Error>> {
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let request = request(Method::GET, &format!("https://shop.example{path}"));
        return Ok(collect(sender.send_request(request).await?).await);
    }
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(collect(sender.send_request(request(Method::GET, path)).await?).await)
}

/// A gateway before a library, its only listener with this `tls`.
fn files(backend: &Backend, tls: &str, rest: &str) -> Files {
    let head = head(backend).replace(
        "listeners: [{address: 127.0.0.1:0}]",
        &format!("listeners: [{{address: 127.0.0.1:0, tls: {tls}}}]"),
    );
    routes(&format!("{head}{ROUTES}{rest}")).file("library.binpb", backend.descriptors())
}

pub(crate) static TLS12: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS12];
pub(crate) static TLS13: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS13];
static BOTH: [&[u8]; 2] = [b"h2", b"http/1.1"];
static HTTP1: [&[u8]; 1] = [b"http/1.1"];

const OWN: &str = "{certificate: edge.pem, key: edge.key}";

async fn started(backend: &Backend, authority: &Authority, rest: &str) -> Gateway {
    let (certificate, key) = authority.issue(&["shop.example"]);
    files(backend, OWN, rest).file("edge.pem", certificate).file("edge.key", key).start().await
}

#[tokio::test]
async fn both_versions_and_both_protocols() {
    let (backend, authority) = (library().start().await, Authority::new());
    let gateway = started(&backend, &authority, "").await;
    for versions in [&TLS12, &TLS13] {
        for (alpn, chosen) in [(&BOTH[..], Some(&b"h2"[..])), (&HTTP1, Some(b"http/1.1")), (&[], None)] {
            let client = Client { alpn, versions, ..Client::of(&authority) };
            let stream = client.connect(&gateway).await.unwrap();
            assert_eq!(stream.get_ref().1.protocol_version(), Some(versions[0].version));
            assert_eq!(stream.get_ref().1.alpn_protocol(), chosen);
            assert_eq!(get_on(stream, "/books/b1").await.unwrap().status, StatusCode::OK);
        }
    }
    let seen = backend.seen();
    assert_eq!(seen.len(), 6);
    for call in seen {
        assert_eq!(call.metadata["x-forwarded-proto"], "https");
        assert_eq!(call.metadata["x-forwarded-for"], "127.0.0.1");
    }
    let other = Client { alpn: &[b"imap"], ..Client::of(&authority) };
    assert!(other.connect(&gateway).await.is_err(), "nothing that both know");
}

#[tokio::test]
async fn the_name_chooses_the_certificate() {
    let (backend, first, second) = (library().start().await, Authority::new(), Authority::new());
    let (own, own_key) = first.issue(&["shop.example"]);
    let (other, other_key) = second.issue(&["api.other.example", "*.wild.example"]);
    let tls =
        "{certificate: edge.pem, key: edge.key, certificates: [{certificate: other.pem, key: other.key}]}";
    let gateway = files(&backend, tls, "")
        .file("edge.pem", own)
        .file("edge.key", own_key)
        .file("other.pem", other)
        .file("other.key", other_key)
        .start()
        .await;
    for (name, authority) in
        [("shop.example", &first), ("api.other.example", &second), ("a.wild.example", &second)]
    {
        let client = Client { name, ..Client::of(authority) };
        assert_eq!(client.get(&gateway, "/books/b1").await.unwrap().status, StatusCode::OK, "{name}");
    }
    // Any other name gets the first one, and finds that it is not for it.
    let stranger = Client { name: "unknown.example", ..Client::of(&first) };
    let error = stranger.connect(&gateway).await.unwrap_err().to_string();
    assert!(error.contains("not valid for name"), "{error}");
}

#[tokio::test]
async fn with_a_client_ca_only_its_clients_are_let_in() {
    let (backend, authority, clients) = (library().start().await, Authority::new(), Authority::new());
    let (certificate, key) = authority.issue(&["shop.example"]);
    let gateway = files(&backend, "{certificate: edge.pem, key: edge.key, client_ca: clients.pem}", "")
        .file("edge.pem", certificate)
        .file("edge.key", key)
        .file("clients.pem", clients.0.pem())
        .start()
        .await;
    for (shows, fine) in [
        (None, false),
        (Some(Authority::new().issue(&["client"])), false),
        (Some(clients.issue(&["client"])), true),
    ] {
        for versions in [&TLS12, &TLS13] {
            let client = Client { shows: shows.clone(), versions, ..Client::of(&authority) };
            let answer = client.get(&gateway, "/books/b1").await;
            assert_eq!(answer.is_ok_and(|answer| answer.status == StatusCode::OK), fine, "{versions:?}");
        }
    }
    assert_eq!(backend.seen().len(), 2);
}

/// The serial number of the certificate that is shown now.
async fn shown(gateway: &Gateway, authority: &Authority) -> Vec<u8> {
    let stream = Client::of(authority).connect(gateway).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

#[tokio::test]
async fn a_renewed_certificate_is_served_and_a_broken_one_is_not() {
    let (backend, authority) = (library().start().await, Authority::new());
    let gateway = started(&backend, &authority, "").await;
    let before = shown(&gateway, &authority).await;
    let mut kept = Client { alpn: &[b"http/1.1"], ..Client::of(&authority) }.connect(&gateway).await.unwrap();

    // Half a renewal is refused, with its place; the old certificate goes on.
    let (certificate, key) = authority.issue(&["shop.example"]);
    gateway.save("edge.pem", &certificate);
    let (status, text) = gateway.reload().await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(text.contains("`edge.key` is not the key of `edge.pem`"), "{text}");
    assert_eq!(shown(&gateway, &authority).await, before);

    gateway.save("edge.key", &key);
    let patience = tokio::time::Instant::now() + Duration::from_secs(20);
    while shown(&gateway, &authority).await == before {
        assert!(tokio::time::Instant::now() < patience, "the files are watched");
    }
    let renewed = shown(&gateway, &authority).await;

    gateway.save("edge.pem", "-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n");
    let (status, text) = gateway.reload().await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(text.contains("bad-certificate"), "{text}");
    assert_eq!(shown(&gateway, &authority).await, renewed);

    kept.write_all(b"GET /books/b1 HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    kept.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200", "connections live on under the certificate that they began with");
}

#[tokio::test]
async fn plain_http_on_a_tls_port_is_told_so() {
    let (backend, authority) = (library().start().await, Authority::new());
    let gateway = started(&backend, &authority, "").await;
    // However much it sends: a reset would take the answer with it.
    for body in [0, 600_000] {
        let sent =
            format!("POST /books HTTP/1.1\r\nhost: a\r\ncontent-length: {body}\r\n\r\n{}", "x".repeat(body));
        let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
        assert!(answer.contains("\"reason\":\"BAD_HEAD\"") && answer.contains("https://"), "{answer}");
    }
}

#[tokio::test]
async fn handshakes_that_stall_or_are_none_are_closed() {
    let (backend, authority) = (library().start().await, Authority::new());
    let gateway = started(&backend, &authority, "limits: {header_timeout: 200ms}\n").await;
    let record = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    for sent in [&b""[..], record, b"\x16\x03\x01", b"\xff\xff\xff\xff\xff\xff", b"\x80\x2e\x01\x03\x01"] {
        let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
        stream.write_all(sent).await.unwrap();
        let closed = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut Vec::new())).await;
        drop(closed.expect("the gateway closes the connection"));
    }
    // Half a preface over TLS.
    let client = Client { alpn: &[b"h2"], ..Client::of(&authority) };
    let mut stream = client.connect(&gateway).await.unwrap();
    stream.write_all(b"PRI * HTTP").await.unwrap();
    let closed = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut Vec::new())).await;
    drop(closed.expect("the gateway closes the connection"));
    assert_eq!(Client::of(&authority).get(&gateway, "/books/b1").await.unwrap().status, StatusCode::OK);
}
