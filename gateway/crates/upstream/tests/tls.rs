//! TLS and mTLS over real sockets: who is trusted, and who is shown.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests stop at the first surprise"
)]

mod common;

use std::sync::Arc;

use common::call;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use testkit::peer::{Peer, Reaction, Stream};
use tokio_rustls::TlsAcceptor;
use upstream::{
    Address, CallError, ConnectProblem, Identity, NoEndpoint, Pem, TlsSpec, Upstream, UpstreamSpec,
};

/// A certificate authority of the test's own.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> Pem {
        Pem::new(self.0.pem().into_bytes())
    }

    /// A certificate for this name, and its key, in PEM.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.0.pem().as_bytes()).unwrap()).unwrap();
        roots
    }
}

/// An echo behind TLS, with a certificate for this name; `clients` must sign who calls.
async fn secured(authority: &Authority, name: &str, clients: Option<&Authority>, alpn: &[u8]) -> Peer {
    with_certificate(authority.issue(name), clients, alpn).await
}

/// The same with this certificate and its key.
async fn with_certificate(
    (certificate, key): (String, String),
    clients: Option<&Authority>,
    alpn: &[u8],
) -> Peer {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => builder.with_client_cert_verifier(
            WebPkiClientVerifier::builder_with_provider(Arc::new(clients.roots()), provider).build().unwrap(),
        ),
    };
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![alpn.to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Peer::builder()
        .wrap(Arc::new(move |stream| {
            let acceptor = acceptor.clone();
            Box::pin(async move { Ok(Box::new(acceptor.accept(stream).await?) as Box<dyn Stream>) })
        }))
        .start(|call| Reaction::Answer(call.message))
        .await
        .unwrap()
}

async fn outcome(peer: &Peer, tls: TlsSpec) -> Result<(), CallError> {
    let mut spec = UpstreamSpec::new(vec![Address::parse(peer.address()).unwrap()]);
    spec.tls = Some(tls);
    let upstream = Upstream::start("test", spec, 1).unwrap();
    upstream.unary(call(b"x")).await.map(|answer| assert_eq!(answer.message, "x"))
}

const UNREACHABLE: Result<(), CallError> = Err(CallError::NoEndpoint(NoEndpoint::Unreachable));

#[tokio::test]
async fn a_server_is_trusted_by_its_authority_and_its_name() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let by_address = secured(&ours, "127.0.0.1", None, b"h2").await;
    let by_name = secured(&ours, "users.internal", None, b"h2").await;
    let trusting = |authority: &Authority, server_name: Option<&str>| TlsSpec {
        ca: Some(authority.pem()),
        identity: None,
        server_name: server_name.map(str::to_owned),
    };
    assert_eq!(outcome(&by_address, trusting(&ours, None)).await, Ok(()));
    assert_eq!(outcome(&by_address, trusting(&theirs, None)).await, UNREACHABLE);
    assert_eq!(outcome(&by_name, trusting(&ours, None)).await, UNREACHABLE);
    assert_eq!(outcome(&by_name, trusting(&ours, Some("users.internal"))).await, Ok(()));
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_one_is_asked_for() {
    let (servers, clients) = (Authority::new(), Authority::new());
    let peer = secured(&servers, "127.0.0.1", Some(&clients), b"h2").await;
    let identity = |authority: &Authority| {
        let (certificate, key) = authority.issue("gateway");
        Some(Identity { certificate: Pem::new(certificate.into_bytes()), key: Pem::new(key.into_bytes()) })
    };
    let tls = |identity| TlsSpec { ca: Some(servers.pem()), identity, server_name: None };
    assert_eq!(outcome(&peer, tls(identity(&clients))).await, Ok(()));
    assert_eq!(outcome(&peer, tls(None)).await, UNREACHABLE);
    assert_eq!(outcome(&peer, tls(identity(&servers))).await, UNREACHABLE);
}

#[tokio::test]
async fn a_server_that_does_not_agree_on_http2_is_not_spoken_to() {
    let authority = Authority::new();
    let peer = secured(&authority, "127.0.0.1", None, b"http/1.1").await;
    let tls = TlsSpec { ca: Some(authority.pem()), ..TlsSpec::default() };
    assert_eq!(outcome(&peer, tls).await, UNREACHABLE);
    assert_eq!(peer.calls(), 0);
}

#[tokio::test]
async fn a_server_without_tls_is_unreachable_by_tls() {
    let authority = Authority::new();
    let peer = Peer::echo().await;
    let tls = TlsSpec { ca: Some(authority.pem()), ..TlsSpec::default() };
    assert_eq!(outcome(&peer, tls).await, UNREACHABLE);
}

/// A certificate and its key as `openssl req -x509` makes them: its own authority.
fn self_signed(change: impl FnOnce(&mut CertificateParams)) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    change(&mut params);
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

async fn problem(peer: &Peer, ca: &str) -> Option<ConnectProblem> {
    let mut spec = UpstreamSpec::new(vec![Address::parse(peer.address()).unwrap()]);
    spec.tls = Some(TlsSpec { ca: Some(Pem::new(ca.as_bytes().to_vec())), ..TlsSpec::default() });
    let upstream = Upstream::start("test", spec, 1).unwrap();
    let called = upstream.unary(call(b"x")).await;
    let problem = upstream.view().endpoints[0].problem.as_ref().map(upstream::ConnectError::problem);
    assert_eq!(called.is_ok(), problem.is_none(), "{called:?}");
    problem
}

#[tokio::test]
async fn a_self_signed_certificate_is_accepted_where_it_is_the_configured_one() {
    use ConnectProblem::{Expired, NotYetValid, SelfSigned, WrongName};
    let own = self_signed(|_| {});
    let peer = with_certificate(own.clone(), None, b"h2").await;
    assert_eq!(problem(&peer, &own.0).await, None);
    let other = self_signed(|params| params.distinguished_name.push(rcgen::DnType::CommonName, "other"));
    assert_eq!(problem(&peer, &other.0).await, Some(SelfSigned));
    assert_eq!(problem(&peer, &(other.0 + &own.0)).await, None, "one of several");
    // Another one of the same name, as when the server's certificate was made anew.
    assert_eq!(problem(&peer, &self_signed(|_| {}).0).await, Some(SelfSigned));
    let leaf = self_signed(|params| params.is_ca = IsCa::NoCa);
    assert_eq!(problem(&with_certificate(leaf.clone(), None, b"h2").await, &leaf.0).await, None);

    let wrong: [(_, fn(&mut CertificateParams)); 3] = [
        (WrongName, |params| {
            params.subject_alt_names =
                CertificateParams::new(vec!["a.example".to_owned()]).unwrap().subject_alt_names;
        }),
        (Expired, |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1)),
        (NotYetValid, |params| params.not_before = rcgen::date_time_ymd(2090, 1, 1)),
    ];
    for (expected, change) in wrong {
        let pair = self_signed(change);
        let peer = with_certificate(pair.clone(), None, b"h2").await;
        assert_eq!(problem(&peer, &pair.0).await, Some(expected));
    }
}
