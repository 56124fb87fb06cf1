//! Endpoints that cannot be reached: the log, `/upstreams` and the metrics name the cause, and what to do about it.

use std::future::Future;
use std::io::BufRead;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use serde_json::Value;
use testkit::backend::Backend;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::gateway::{Gateway, Settings};
use crate::log::get;

const PATIENCE: Duration = Duration::from_secs(30);

/// A gateway whose log is kept.
struct Watched {
    gateway: Gateway,
    log: Arc<Mutex<String>>,
}

impl Watched {
    fn start(backend: &Backend, settings: &Settings<'_>) -> Self {
        let (gateway, lines) = Gateway::writing_to(backend, settings, std::io::pipe().unwrap());
        let log = Arc::new(Mutex::new(gateway.said().join("\n") + "\n"));
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                kept.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        Self { gateway, log }
    }

    /// The lines of the log that have all of these pieces.
    fn lines(&self, pieces: &[&str]) -> Vec<String> {
        let log = self.log.lock().unwrap();
        let has = |line: &&str| pieces.iter().all(|piece| line.contains(piece));
        log.lines().filter(has).map(str::to_owned).collect()
    }

    async fn logs(&self, pieces: &[&str]) {
        let logged = async {
            while self.lines(pieces).is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, logged).await.is_err() {
            panic!("no line has {pieces:?}:\n{}", self.log.lock().unwrap());
        }
    }

    /// The first endpoint of this upstream in `/upstreams`, once it has this value.
    async fn endpoint(&self, upstream: &str, key: &str, value: &str) -> Value {
        let mut seen = Value::Null;
        let found = async {
            loop {
                let all: Value =
                    serde_json::from_str(&get(self.gateway.admin(), "/upstreams").await).unwrap();
                let all = all.as_array().unwrap().iter();
                let found = all.clone().find(|each| each["name"] == upstream).unwrap();
                seen = found["endpoints"][0].clone();
                if seen[key].as_str().is_some_and(|seen| seen.contains(value)) {
                    return seen.clone();
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        match tokio::time::timeout(PATIENCE, found).await {
            Ok(endpoint) => endpoint,
            Err(_) => panic!("{upstream}: {key} never has {value:?}: {seen}"),
        }
    }
}

type Serve = Box<dyn Fn(TcpStream) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

fn serve<F: Future<Output = ()> + Send + 'static>(each: impl Fn(TcpStream) -> F + Send + 'static) -> Serve {
    Box::new(move |stream| Box::pin(each(stream)))
}

/// Listens, and does this with each connection.
async fn server(each: Serve) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(accept(listener, each));
    address
}

async fn accept(listener: TcpListener, each: Serve) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(each(stream));
    }
}

/// Reads something, answers with these bytes, and closes.
fn answering(bytes: &'static [u8]) -> Serve {
    serve(move |mut stream| async move {
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        // Until the other side closes: what it has sent meanwhile must not make a reset of it.
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
}

fn silent() -> Serve {
    serve(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
}

const HTTP1: &[u8] = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate for `localhost` and its key, in PEM.
    fn issue(&self, change: impl FnOnce(&mut CertificateParams)) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        change(&mut params);
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

/// A server with this certificate; `clients` must sign who connects.
fn tls(
    pair: &(String, String),
    clients: Option<&Authority>,
    version: &'static SupportedProtocolVersion,
    alpn: &[u8],
) -> Serve {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_protocol_versions(&[version]).unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(clients.0.pem().as_bytes()).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let chain = vec![CertificateDer::from_pem_slice(pair.0.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(pair.1.as_bytes()).unwrap();
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![alpn.to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    })
}

/// Why an endpoint cannot be reached.
struct Case {
    upstream: &'static str,
    /// Where it is, and with which keys.
    yaml: String,
    reason: &'static str,
    /// What `/upstreams` says; the log says the same, unless it is about a time.
    error: &'static str,
    help: &'static str,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_cause_is_named_in_log_upstreams_and_metrics() {
    use rustls::version::{TLS12, TLS13};
    let backend = crate::library().await;
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let usual = ours.issue(|_| {});
    let renewed = Authority::new("ours").issue(|_| {});
    let strange = theirs.issue(|_| {});
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let own = (own.cert.pem(), own.signing_key.serialize_pem());
    let named = ours.issue(|params| {
        params.subject_alt_names =
            CertificateParams::new(vec!["shop.example".to_owned()]).unwrap().subject_alt_names;
    });
    let expired = ours.issue(|params| params.not_after = date_time_ymd(2020, 2, 3));
    let early = ours.issue(|params| params.not_before = date_time_ymd(2090, 2, 3));
    let files =
        [("ours.pem", ours.0.pem()), ("strange.pem", strange.0.clone()), ("strange.key", strange.1.clone())];
    let refused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();

    let port = |address: SocketAddr| format!("localhost:{}", address.port());
    let plain = |address: SocketAddr| format!("address: \"{address}\"");
    let secure = |address: SocketAddr| format!("address: \"{}\", tls: {{ca: ours.pem}}", port(address));
    let shown = |address: SocketAddr| {
        let identity = "certificate: strange.pem, key: strange.key";
        format!("address: \"{}\", tls: {{ca: ours.pem, {identity}}}", port(address))
    };
    let h2 = |pair| tls(pair, None, &TLS13, b"h2");
    let case = |upstream, yaml, reason, error, help| Case { upstream, yaml, reason, error, help };
    let cases = [
        case(
            "refused",
            plain(refused),
            "CONNECTION_REFUSED",
            "connection refused: nothing listens on this address",
            "start the server, or correct the port",
        ),
        case(
            "silent",
            plain(server(silent()).await),
            "SILENT",
            "the server accepted the connection, but sent no HTTP/2 within 1s",
            "check that a gRPC server listens on this port; if it expects TLS, set `tls: true`",
        ),
        case(
            "silent-tls",
            secure(server(silent()).await),
            "TLS_TIMEOUT",
            "the server accepted the connection, but not the TLS handshake within 1s",
            "check that the server speaks TLS on this port; if it does not, remove `tls`",
        ),
        case(
            "http1",
            plain(server(answering(HTTP1)).await),
            "HTTP_1",
            "the server answers HTTP/1.1, not HTTP/2",
            "use the port on which the server speaks gRPC, over HTTP/2",
        ),
        case(
            "ssh",
            plain(server(answering(b"SSH-2.0-OpenSSH_9.6\r\n")).await),
            "NOT_HTTP_2",
            "the server answers in a protocol other than HTTP/2",
            "use the port on which the server speaks gRPC, over HTTP/2",
        ),
        case(
            "tls-expected",
            plain(server(h2(&usual)).await),
            "TLS_EXPECTED",
            "the server answers with TLS, but `tls` is not set",
            "set `tls: true`, or `tls: {ca: FILE}` for an authority of your own",
        ),
        case(
            "closed",
            plain(server(answering(b"")).await),
            "CLOSED",
            "the server closed the connection before it sent anything",
            "if the server expects TLS, set `tls: true`; otherwise check that it speaks gRPC",
        ),
        case(
            "plain-grpc",
            secure(backend.address()),
            "NOT_TLS",
            "the server does not answer with TLS, but `tls` is set",
            "remove `tls` (and `https://`), or use the port on which the server speaks TLS",
        ),
        case(
            "plain-http1",
            secure(server(answering(HTTP1)).await),
            "NOT_TLS",
            "the server does not answer with TLS, but `tls` is set",
            "remove `tls` (and `https://`), or use the port on which the server speaks TLS",
        ),
        case(
            "closed-tls",
            secure(server(answering(b"")).await),
            "TLS_CLOSED",
            "the server closed the connection without completing the TLS handshake",
            "check that the server speaks TLS on this port, and see its log; it may require a client certificate \
             (`tls.certificate`, `tls.key`)",
        ),
        case(
            "no-alpn",
            secure(server(tls(&usual, None, &TLS13, b"http/1.1")).await),
            "NO_ALPN",
            "the server does not offer HTTP/2 (ALPN `h2`)",
            "enable HTTP/2 in the server, or use the port on which it speaks gRPC",
        ),
        case(
            "unknown-authority",
            secure(server(h2(&strange)).await),
            "UNKNOWN_AUTHORITY",
            "the server's certificate is not signed by an authority that the gateway trusts",
            "set `tls.ca` to the certificate of the authority that signed it, and let the server send its \
             intermediate certificates",
        ),
        case(
            "renewed-authority",
            secure(server(h2(&renewed)).await),
            "UNKNOWN_AUTHORITY",
            "the server's certificate names a trusted authority, but is signed by another key",
            "set `tls.ca` to the certificate of the authority that signed it, and let the server send its \
             intermediate certificates",
        ),
        case(
            "self-signed",
            secure(server(h2(&own)).await),
            "SELF_SIGNED",
            "the server's certificate is self-signed, and not the one in `tls.ca`",
            "set `tls.ca` to this certificate",
        ),
        case(
            "wrong-name",
            secure(server(h2(&named)).await),
            "WRONG_NAME",
            "the server's certificate is not valid for `localhost`, but for `shop.example`",
            "set `tls.server_name` to a name that the certificate has, or reissue it",
        ),
        case(
            "expired",
            secure(server(h2(&expired)).await),
            "CERTIFICATE_EXPIRED",
            "the server's certificate expired on 2020-02-03T00:00:00Z",
            "renew the server's certificate",
        ),
        case(
            "early",
            secure(server(h2(&early)).await),
            "CERTIFICATE_NOT_YET_VALID",
            "the server's certificate is not valid before 2090-02-03T00:00:00Z",
            "check the clocks of both hosts",
        ),
        case(
            "client-certificate",
            secure(server(tls(&usual, Some(&ours), &TLS13, b"h2")).await),
            "CLIENT_CERTIFICATE_REQUIRED",
            "the server requires a client certificate",
            "set `tls.certificate` and `tls.key`",
        ),
        case(
            "client-certificate-12",
            secure(server(tls(&usual, Some(&ours), &TLS12, b"h2")).await),
            "CLIENT_CERTIFICATE_REQUIRED",
            "the server requires a client certificate",
            "set `tls.certificate` and `tls.key`",
        ),
        case(
            "client-certificate-rejected",
            shown(server(tls(&usual, Some(&ours), &TLS13, b"h2")).await),
            "CLIENT_CERTIFICATE_REJECTED",
            "the server rejected the client certificate (TLS alert UnknownCA)",
            "use a client certificate that is valid and whose authority the server trusts",
        ),
        case(
            "no-socket",
            "address: \"unix:/tmp/there-is-no-such-socket\"".to_owned(),
            "NO_SOCKET",
            "the socket does not exist",
            "start the server, correct the path of the socket, or let the gateway's user write to it",
        ),
        case(
            "unresolved",
            "address: \"no-such-name.invalid:50051\"".to_owned(),
            "UNRESOLVED",
            "the name `no-such-name.invalid` does not resolve: ",
            "correct the name, or check the DNS server that the gateway uses",
        ),
    ];
    let upstreams: String = cases
        .iter()
        .map(|case| format!("  {}: {{{}, connect_timeout: 1s}}\n", case.upstream, case.yaml))
        .collect();
    let settings = Settings { upstreams: &upstreams, files: &files, ..Settings::default() };
    let watched = Watched::start(&backend, &settings);
    for case in &cases {
        let endpoint = watched.endpoint(case.upstream, "last_error", case.error).await;
        assert_eq!(endpoint["reason"], case.reason, "{}", case.upstream);
        assert_eq!(endpoint["help"], case.help, "{}", case.upstream);
        let state = if case.reason == "UNRESOLVED" { "unresolved" } else { "unreachable" };
        assert_eq!(endpoint["state"], state, "{}", case.upstream);
        let since = endpoint["since"].as_str().unwrap();
        assert!(since.starts_with("20") && since.ends_with('Z') && since.contains('T'), "{since}");
        // The log does not wait as long as the connect timeout.
        let error = case.error.split(" within 1s").next().unwrap();
        let name = format!("upstream=\"{}\"", case.upstream);
        let reason = format!("reason=\"{}\"", case.reason);
        watched.logs(&["WARN", &name, &reason, error, case.help]).await;
    }
    let metrics = get(watched.gateway.admin(), "/metrics").await;
    for Case { upstream, reason, .. } in &cases {
        let series = format!(
            "gateway_upstream_connect_failures_total{{upstream=\"{upstream}\",reason=\"{reason}\"}} "
        );
        let count = metrics.lines().find_map(|line| line.strip_prefix(&series));
        assert!(
            count.is_some_and(|count| count.parse::<u64>().unwrap() > 0),
            "{series}: {count:?}\n{metrics}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_keeps_up_with_the_reason() {
    let backend = crate::library().await;
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let upstreams = format!("  orders: {{address: \"{address}\"}}\n");
    let watched = Watched::start(&backend, &Settings { upstreams: &upstreams, ..Settings::default() });
    let line = |reason: &str| format!("reason=\"{reason}\"");
    watched.logs(&["endpoint unreachable", "orders", &line("CONNECTION_REFUSED")]).await;
    let before = watched.endpoint("orders", "reason", "CONNECTION_REFUSED").await;

    let listener = TcpListener::bind(address).await.unwrap();
    let server = tokio::spawn(accept(listener, answering(HTTP1)));
    watched.logs(&["endpoint unreachable", "orders", &line("HTTP_1")]).await;
    let after = watched.endpoint("orders", "reason", "HTTP_1").await;
    assert!(before["since"].as_str() < after["since"].as_str(), "{before} {after}");
    server.abort();
    let _ = server.await;

    let _late = crate::library_on(address).await;
    watched.logs(&["endpoint reachable", "orders"]).await;
    let endpoint = watched.endpoint("orders", "state", "reachable").await;
    assert_eq!((&endpoint["reason"], &endpoint["help"]), (&Value::Null, &Value::Null));
    // One line for each change, however often it was tried.
    for reason in ["CONNECTION_REFUSED", "HTTP_1"] {
        let lines = watched.lines(&["endpoint unreachable", "orders", &line(reason)]);
        assert!(lines.len() <= 2, "{lines:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_not_served_is_logged_once() {
    let backend = Backend::of(crate::LIBRARY).start().await;
    let watched = Watched::start(&backend, &Settings::default());
    for _ in 0..3 {
        get(watched.gateway.address(), "/books/b1").await;
    }
    let text = "`library` answers UNIMPLEMENTED for library.v1.Library: does it serve it?";
    watched.logs(&["WARN", text]).await;
    assert_eq!(watched.lines(&[text]).len(), 1);
}
