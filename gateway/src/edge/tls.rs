//! TLS towards clients: PEM to one rustls configuration per listener, and the choice of a certificate by name.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};

use super::certificate::{CertificateNames, ClientCertificate};
use super::spec::{CertificatePem, ListenerTls};
use super::{Identities, transport::Established};

/// Certificates or keys that TLS can't be served with.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is not what it has to be.
    #[error("the {file} of a listener cannot be used: {message}")]
    Pem {
        /// `certificate`, `key` or `client_ca`.
        file: &'static str,
        /// Why.
        message: String,
    },
    /// They don't make a configuration.
    #[error("TLS cannot be served: {0}")]
    Config(String),
}

/// What a listener serves TLS 1.2 and 1.3 with.
#[derive(Debug)]
pub(super) struct ServerTls {
    pub(super) config: Arc<ServerConfig>,
    certificates: Arc<ByName>,
    forward: bool,
}

impl ServerTls {
    /// Prepares what a listener serves.
    ///
    /// # Errors
    /// When the certificates, keys or authorities can't be used. The configuration has been checked for that.
    pub(super) fn new(spec: &ListenerTls) -> Result<Self, TlsError> {
        // The provider is named, so that no process-wide default is needed.
        let provider = Arc::new(aws_lc_rs::default_provider());
        let certificates = Arc::new(ByName::new(&spec.certificates, &provider)?);
        let config = Arc::new(server_config(spec, provider, Arc::clone(&certificates))?);
        Ok(Self { config, certificates, forward: spec.forward })
    }

    /// The certificates of both ends of a connection. Where a name has several certificates, the names are those of the first.
    pub(super) fn identities(&self, established: Established<'_>) -> Identities {
        let named = established.server_name.and_then(|name| self.certificates.named(name));
        let own = named.and_then(<[_]>::first).unwrap_or(&self.certificates.first);
        let own = Arc::clone(&own.names);
        let client =
            established.client.map(|der| ClientCertificate::new(der.clone(), self.forward.then_some(&*own)));
        Identities { own, client }
    }
}

fn server_config(
    spec: &ListenerTls,
    provider: Arc<CryptoProvider>,
    certificates: Arc<ByName>,
) -> Result<ServerConfig, TlsError> {
    let broken = |error: &dyn fmt::Display| TlsError::Config(error.to_string());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| broken(&error))?;
    let builder = match &spec.client_ca {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let roots = Arc::new(authorities(pem)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider)).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| broken(&error))?)
        }
    };
    let mut config = builder.with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // Resumption without a store. A new configuration has new ticket keys: who was let in by the old one is asked again.
    config.ticketer = aws_lc_rs::Ticketer::new().map_err(|error| broken(&error))?;
    Ok(config)
}

fn authorities(pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in chain("client_ca", pem)? {
        let added = roots.add(certificate);
        added.map_err(|error| TlsError::Pem { file: "client_ca", message: error.to_string() })?;
    }
    Ok(roots)
}

fn chain(file: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let chain = chain.map_err(|error| TlsError::Pem { file, message: error.to_string() })?;
    if chain.is_empty() {
        return Err(TlsError::Pem { file, message: "no certificate in it".to_owned() });
    }
    Ok(chain)
}

/// Certificates by the names that they are for.
#[derive(Debug)]
struct ByName {
    /// Lower case; those of a wildcard without its `*`, as `.example.com`.
    names: HashMap<String, Vec<Certified>>,
    /// For other names, and for clients that name none.
    first: Certified,
}

/// A certificate with its key, and the names in it.
#[derive(Debug, Clone)]
struct Certified {
    key: Arc<CertifiedKey>,
    names: Arc<CertificateNames>,
}

impl ByName {
    fn new(certificates: &[CertificatePem], provider: &CryptoProvider) -> Result<Self, TlsError> {
        let mut names: HashMap<String, Vec<Certified>> = HashMap::new();
        let mut first = None;
        for pem in certificates {
            let certified = certified(pem, provider)?;
            for name in served(&certified.names) {
                names.entry(name).or_default().push(certified.clone());
            }
            first.get_or_insert(certified);
        }
        let none = || TlsError::Config("there is no certificate".to_owned());
        Ok(Self { names, first: first.ok_or_else(none)? })
    }

    /// Those for a name; the wildcard stands for exactly one label (RFC 6125 section 6.4.3).
    fn named(&self, name: &str) -> Option<&[Certified]> {
        let name = name.to_ascii_lowercase();
        let wildcard = || self.names.get(name.get(name.find('.')?..)?);
        self.names.get(&name).or_else(wildcard).map(Vec::as_slice)
    }
}

fn certified(pem: &CertificatePem, provider: &CryptoProvider) -> Result<Certified, TlsError> {
    let chain = chain("certificate", &pem.chain)?;
    let key = PrivateKeyDer::from_pem_slice(&pem.key)
        .map_err(|error| TlsError::Pem { file: "key", message: error.to_string() })?;
    let names = chain.first().map(CertificateNames::of).unwrap_or_default();
    let key = CertifiedKey::from_der(chain, key, provider)
        .map_err(|error| TlsError::Pem { file: "certificate", message: error.to_string() })?;
    Ok(Certified { key: Arc::new(key), names: Arc::new(names) })
}

/// The DNS names of a certificate, as [`ByName`] keeps them.
fn served(names: &CertificateNames) -> impl Iterator<Item = String> {
    names.dns.iter().map(|name| name.strip_prefix('*').unwrap_or(name).to_ascii_lowercase())
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello.server_name().and_then(|name| self.named(name)).unwrap_or_default();
        // A name may have an ECDSA and an RSA certificate: the first that the client can verify.
        let usable =
            |certified: &&Certified| certified.key.key.choose_scheme(hello.signature_schemes()).is_some();
        let chosen = named.iter().find(usable).or_else(|| named.first()).unwrap_or(&self.first);
        Some(Arc::clone(&chosen.key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(names: &[&str]) -> CertificatePem {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        CertificatePem {
            chain: made.cert.pem().into_bytes().into(),
            key: made.signing_key.serialize_pem().into_bytes().into(),
        }
    }

    fn by_name(certificates: &[&[&str]]) -> ByName {
        let certificates: Vec<_> = certificates.iter().map(|names| certificate(names)).collect();
        ByName::new(&certificates, &aws_lc_rs::default_provider()).unwrap()
    }

    #[test]
    fn names_choose_the_certificate() {
        let certificates = by_name(&[&["first.example"], &["api.shop.example"], &["*.shop.example"]]);
        let leaf = |name: &str| {
            let named = certificates.named(name)?;
            served(&named[0].names).next()
        };
        for (asked, expected) in [
            ("first.example", Some("first.example")),
            ("API.Shop.Example", Some("api.shop.example")),
            ("www.shop.example", Some(".shop.example")),
            ("a.b.shop.example", None),
            ("shop.example", None),
            ("other.example", None),
            ("localhost", None),
        ] {
            assert_eq!(leaf(asked).as_deref(), expected, "{asked}");
        }
    }

    #[test]
    fn what_cannot_be_served_is_an_error() {
        let good = certificate(&["a.example"]);
        let spec = |certificates, client_ca: Option<&[u8]>| ListenerTls {
            certificates,
            client_ca: client_ca.map(Arc::from),
            forward: false,
        };
        let other = CertificatePem { key: certificate(&["a.example"]).key, ..good.clone() };
        let empty = CertificatePem { chain: Arc::from(&b""[..]), ..good.clone() };
        for broken in [
            spec(Vec::new(), None),
            spec(vec![other], None),
            spec(vec![empty], None),
            spec(vec![good.clone()], Some(b"no PEM")),
        ] {
            assert!(ServerTls::new(&broken).is_err(), "{broken:?}");
        }
        let ca = Arc::clone(&good.chain);
        assert!(ServerTls::new(&spec(vec![good], Some(&ca))).is_ok());
    }
}
