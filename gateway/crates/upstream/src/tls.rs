//! TLS towards endpoints: specs to rustls configurations, checked at start; HTTP/2 by ALPN.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::connect_problem::{ClientAuth, NoCertificate, TlsSide};
use crate::error::TlsError;
use crate::spec::{Identity, TlsSpec};

mod verifier;

use verifier::Verifier;

/// How to begin TLS with an endpoint.
#[derive(Clone)]
pub(crate) struct Tls {
    connector: TlsConnector,
    server_name: Option<ServerName<'static>>,
    client_auth: ClientAuth,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

impl Tls {
    pub(crate) fn new(spec: &TlsSpec) -> Result<Self, TlsError> {
        let configured = match &spec.ca {
            Some(pem) => read_chain("ca", pem.as_bytes())?,
            None => Vec::new(),
        };
        let roots = match &spec.ca {
            Some(_) => roots_from(&configured)?,
            None => system_roots()?,
        };
        // The provider is named, so that nobody needs to install one for the process.
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = Verifier::new(roots, configured, Arc::clone(&provider))?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Identity(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let none = Arc::<NoCertificate>::default();
        let mut config = match &spec.identity {
            None => builder.with_client_cert_resolver(Arc::clone(&none) as _),
            Some(identity) => {
                let (chain, key) = read_identity(identity)?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| TlsError::Identity(error.to_string()))?
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let server_name = spec.server_name.as_deref().map(parse_name).transpose()?;
        let client_auth = if spec.identity.is_some() { ClientAuth::Identity } else { ClientAuth::None(none) };
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), server_name, client_auth })
    }

    pub(crate) fn connector(&self) -> &TlsConnector {
        &self.connector
    }

    /// The gateway's side with this host: the name that its certificate must carry, and what is shown to it.
    pub(crate) fn side_for(&self, host: &str) -> Result<TlsSide, TlsError> {
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => parse_name(host)?,
        };
        Ok(TlsSide { name, client_auth: self.client_auth.clone() })
    }
}

fn parse_name(name: &str) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(name.to_owned()).map_err(|_| TlsError::ServerName(name.to_owned()))
}

fn roots_from(certificates: &[CertificateDer<'static>]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots
            .add(certificate.clone())
            .map_err(|error| TlsError::Pem { file: "ca", message: error.to_string() })?;
    }
    Ok(roots)
}

fn system_roots() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a system root certificate cannot be read");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() { Err(TlsError::NoRoots) } else { Ok(roots) }
}

fn read_identity(
    identity: &Identity,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let chain = read_chain("certificate", identity.certificate.as_bytes())?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes())
        .map_err(|error| TlsError::Pem { file: "key", message: error.to_string() })?;
    Ok((chain, key))
}

fn read_chain(file: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| TlsError::Pem { file, message: error.to_string() })?;
    if chain.is_empty() {
        return Err(TlsError::Pem { file, message: "no certificate in it".to_owned() });
    }
    Ok(chain)
}
