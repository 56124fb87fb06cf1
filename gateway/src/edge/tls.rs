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

use super::spec::{CertificatePem, ListenerTls};

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
///
/// # Errors
/// When the certificates, keys or authorities can't be used. The configuration has been checked for that.
pub(super) fn server_config(spec: &ListenerTls) -> Result<ServerConfig, TlsError> {
    // The provider is named, so that nobody needs to install one for the process.
    let provider = Arc::new(aws_lc_rs::default_provider());
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
    let mut config = builder.with_cert_resolver(Arc::new(ByName::new(&spec.certificates, &provider)?));
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
    names: HashMap<String, Vec<Arc<CertifiedKey>>>,
    /// For other names, and for clients that name none.
    first: Arc<CertifiedKey>,
}

impl ByName {
    fn new(certificates: &[CertificatePem], provider: &CryptoProvider) -> Result<Self, TlsError> {
        let mut names: HashMap<String, Vec<Arc<CertifiedKey>>> = HashMap::new();
        let mut first = None;
        for pem in certificates {
            let certified = Arc::new(certified(pem, provider)?);
            for name in names_of(&certified) {
                names.entry(name).or_default().push(Arc::clone(&certified));
            }
            first.get_or_insert(certified);
        }
        let none = || TlsError::Config("there is no certificate".to_owned());
        Ok(Self { names, first: first.ok_or_else(none)? })
    }

    /// Those for a name; the wildcard stands for exactly one label (RFC 6125 section 6.4.3).
    fn named(&self, name: &str) -> Option<&[Arc<CertifiedKey>]> {
        let name = name.to_ascii_lowercase();
        let wildcard = || self.names.get(name.get(name.find('.')?..)?);
        self.names.get(&name).or_else(wildcard).map(Vec::as_slice)
    }
}

fn certified(pem: &CertificatePem, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let chain = chain("certificate", &pem.chain)?;
    let key = PrivateKeyDer::from_pem_slice(&pem.key)
        .map_err(|error| TlsError::Pem { file: "key", message: error.to_string() })?;
    CertifiedKey::from_der(chain, key, provider)
        .map_err(|error| TlsError::Pem { file: "certificate", message: error.to_string() })
}

/// The DNS names of a certificate, as [`ByName`] keeps them.
fn names_of(certified: &CertifiedKey) -> Vec<String> {
    let Some(leaf) = certified.cert.first() else { return Vec::new() };
    let Ok(certificate) = webpki::EndEntityCert::try_from(leaf) else { return Vec::new() };
    let names = certificate.valid_dns_names();
    names.map(|name| name.strip_prefix('*').unwrap_or(name).to_ascii_lowercase()).collect()
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello.server_name().and_then(|name| self.named(name)).unwrap_or_default();
        // A name may have an ECDSA and an RSA certificate: the first that the client can verify.
        let usable =
            |certified: &&Arc<CertifiedKey>| certified.key.choose_scheme(hello.signature_schemes()).is_some();
        let chosen = named.iter().find(usable).or_else(|| named.first()).unwrap_or(&self.first);
        Some(Arc::clone(chosen))
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
            names_of(&named[0]).into_iter().next()
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
        };
        let other = CertificatePem { key: certificate(&["a.example"]).key, ..good.clone() };
        let empty = CertificatePem { chain: Arc::from(&b""[..]), ..good.clone() };
        for broken in [
            spec(Vec::new(), None),
            spec(vec![other], None),
            spec(vec![empty], None),
            spec(vec![good.clone()], Some(b"no PEM")),
        ] {
            assert!(server_config(&broken).is_err(), "{broken:?}");
        }
        let ca = Arc::clone(&good.chain);
        assert!(server_config(&spec(vec![good], Some(&ca))).is_ok());
    }
}
