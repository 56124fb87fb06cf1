//! `gateway health`

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
    StreamOwned,
};

use super::HealthArgs;
use crate::config::{self, HealthTarget};

/// How long connecting and each read may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);
/// The longest response that is read, in bytes.
const MAX_RESPONSE: u64 = 64 * 1024;

pub(super) fn run(args: &HealthArgs) -> ExitCode {
    let question = match &args.url {
        Some(url) => Question::of_url(url),
        None => {
            let target = config::health_target(&args.file.config, &super::environment);
            target.ok_or_else(|| no_target(args)).and_then(|target| Question::of_target(&target))
        }
    };
    let url = |question: &Question| question.url();
    let (url, answer) = match &question {
        Ok(question) => (url(question), question.ask()),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    match answer {
        Ok(answer) if answer.starts_with("HTTP/1.1 200") => ExitCode::SUCCESS,
        Ok(answer) => {
            println!("{}", answer.rsplit("\r\n\r\n").next().unwrap_or_default());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{url}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn no_target(args: &HealthArgs) -> io::Error {
    let file = args.file.config.display();
    let message = format!(
        "{file} names no address with a health response for clients on this machine: run `gateway check`, or name the \
         URL: `gateway health http://127.0.0.1:3000/health`"
    );
    io::Error::new(io::ErrorKind::NotFound, message)
}

/// One request.
struct Question {
    address: SocketAddr,
    /// The host as the request names it.
    authority: String,
    path: String,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl Question {
    fn of_url(url: &str) -> io::Result<Self> {
        let bad_url = || {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{url}: expected http://host:port/path or https://…"),
            )
        };
        let (scheme, rest) = url.split_once("://").ok_or_else(bad_url)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let default_port = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return Err(bad_url()),
        };
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let with_port = if has_port { authority.to_owned() } else { format!("{authority}:{default_port}") };
        let address = with_port.to_socket_addrs()?.next().ok_or_else(bad_url)?;
        let tls = match scheme {
            "https" => {
                let host = with_port.rsplit_once(':').map_or(authority, |(host, _)| host);
                let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
                let name = ServerName::try_from(host).map_err(|_| bad_url())?;
                Some((public_authorities()?, name))
            }
            _ => None,
        };
        Ok(Self { address, authority: authority.to_owned(), path: format!("/{path}"), tls })
    }

    fn of_target(target: &HealthTarget) -> io::Result<Self> {
        let tls = match target.tls {
            true => Some((pinned(&target.certificates)?, ServerName::from(target.address.ip()))),
            false => None,
        };
        let authority = target.address.to_string();
        Ok(Self { address: target.address, authority, path: target.path.clone(), tls })
    }

    fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{}", self.authority, self.path)
    }

    fn ask(&self) -> io::Result<String> {
        let stream = TcpStream::connect_timeout(&self.address, REQUEST_TIMEOUT)?;
        stream.set_read_timeout(Some(REQUEST_TIMEOUT))?;
        stream.set_write_timeout(Some(REQUEST_TIMEOUT))?;
        match &self.tls {
            None => self.exchange(stream),
            Some((config, name)) => {
                let connection = ClientConnection::new(Arc::clone(config), name.clone());
                self.exchange(StreamOwned::new(connection.map_err(io::Error::other)?, stream))
            }
        }
    }

    fn exchange(&self, mut stream: impl Read + Write) -> io::Result<String> {
        let Self { path, authority, .. } = self;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n")?;
        stream.flush()?;
        let mut answer = Vec::new();
        match stream.take(MAX_RESPONSE).read_to_end(&mut answer) {
            // A peer that closes without a TLS close_notify has still sent its whole response.
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
            _ => {}
        }
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

/// Verifies a server by the authorities that the system trusts.
fn public_authorities() -> io::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let builder = builder()?.with_root_certificates(roots);
    Ok(Arc::new(builder.with_no_client_auth()))
}

/// Accepts exactly the certificates that the configuration names: the gateway is asked by its address, which its
/// certificates need not contain.
fn pinned(chains: &[Arc<[u8]>]) -> io::Result<Arc<ClientConfig>> {
    let leaves = chains.iter().filter_map(|pem| CertificateDer::pem_slice_iter(pem).next()?.ok());
    let verifier = PinnedLeaves { leaves: leaves.collect(), provider: aws_lc_rs::default_provider() };
    let builder = builder()?.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    Ok(Arc::new(builder.with_no_client_auth()))
}

fn builder() -> io::Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>> {
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)
}

#[derive(Debug)]
struct PinnedLeaves {
    leaves: Vec<CertificateDer<'static>>,
    provider: CryptoProvider,
}

impl ServerCertVerifier for PinnedLeaves {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.leaves.iter().any(|leaf| leaf == end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
