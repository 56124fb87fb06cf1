//! What a failed TLS handshake says: errors of rustls and alerts of servers, in words.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use prost_types::Timestamp;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription, CertificateError, Error, SignatureScheme};

use super::{ConnectError, ConnectProblem};

/// Names of a certificate that are shown.
const SHOWN_NAMES: usize = 5;

/// What the gateway shows to servers that ask for a certificate.
#[derive(Debug, Clone)]
pub(crate) enum ClientAuth {
    /// Nothing.
    None(Arc<NoCertificate>),
    /// A certificate.
    Identity,
}

/// Has no certificate, and remembers whether a server asked for one.
#[derive(Debug, Default)]
pub(crate) struct NoCertificate {
    was_asked: AtomicBool,
}

impl ResolvesClientCert for NoCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.was_asked.store(true, Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// A certificate signed by its own key, and not a configured one.
#[derive(Debug, thiserror::Error)]
#[error("self-signed")]
pub(crate) struct SelfSigned;

/// The gateway's side of TLS with one endpoint.
#[derive(Debug, Clone)]
pub(crate) struct TlsSide {
    pub(crate) name: ServerName<'static>,
    pub(crate) client_auth: ClientAuth,
}

impl TlsSide {
    /// A handshake failed.
    pub(crate) fn of_handshake(&self, error: &io::Error) -> ConnectError {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(error) => self.problem(error),
            None => self.closed(),
        }
    }

    /// The server closed the connection without saying why.
    pub(crate) fn closed(&self) -> ConnectError {
        if self.was_asked() {
            return ConnectError::new(
                ConnectProblem::ClientCertificateRequired,
                "the server asked for a client certificate and closed the connection",
            );
        }
        ConnectError::new(
            ConnectProblem::TlsClosed,
            "the server closed the connection without completing the TLS handshake",
        )
    }

    pub(crate) fn problem(&self, error: &Error) -> ConnectError {
        match error {
            Error::InvalidCertificate(error) => self.certificate(error),
            Error::InvalidMessage(_) => ConnectError::new(
                ConnectProblem::NotTls,
                "the server does not answer with TLS, but `tls` is set",
            ),
            Error::NoApplicationProtocol => no_alpn(),
            Error::AlertReceived(alert) => self.alert(*alert),
            other => failed(&other.to_string()),
        }
    }

    fn certificate(&self, error: &CertificateError) -> ConnectError {
        use CertificateError as E;
        let of = |problem, message: String| ConnectError::new(problem, message);
        match error {
            E::ExpiredContext { not_after, .. } => of(
                ConnectProblem::Expired,
                format!("the server's certificate expired on {}", date(*not_after)),
            ),
            E::Expired => of(ConnectProblem::Expired, "the server's certificate has expired".into()),
            E::NotValidYetContext { not_before, .. } => of(
                ConnectProblem::NotYetValid,
                format!("the server's certificate is not valid before {}", date(*not_before)),
            ),
            E::NotValidYet => {
                of(ConnectProblem::NotYetValid, "the server's certificate is not valid yet".into())
            }
            E::UnknownIssuer => of(
                ConnectProblem::UnknownAuthority,
                "the server's certificate is not signed by an authority that the gateway trusts".into(),
            ),
            // An authority that was made anew keeps its name and has another key.
            E::BadSignature => of(
                ConnectProblem::UnknownAuthority,
                "the server's certificate names a trusted authority, but is signed by another key".into(),
            ),
            E::NotValidForNameContext { presented, .. } => {
                of(ConnectProblem::WrongName, self.names(presented))
            }
            E::NotValidForName => of(ConnectProblem::WrongName, self.names(&[])),
            E::Other(other) if other.0.is::<SelfSigned>() => of(
                ConnectProblem::SelfSigned,
                "the server's certificate is self-signed, and not the one in `tls.ca`".into(),
            ),
            E::Other(other) => match other.0.downcast_ref::<webpki::Error>() {
                Some(webpki::Error::CaUsedAsEndEntity) => of(
                    ConnectProblem::InvalidCertificate,
                    "the server's certificate is that of an authority (CA:TRUE), not of a server".into(),
                ),
                Some(webpki::Error::UnsupportedCertVersion) => of(
                    ConnectProblem::InvalidCertificate,
                    "the server's certificate has an old format: X.509 version 3 is required".into(),
                ),
                _ => of(
                    ConnectProblem::InvalidCertificate,
                    format!("the server's certificate is not valid: {}", other.0),
                ),
            },
            other => of(
                ConnectProblem::InvalidCertificate,
                format!("the server's certificate is not valid: {other}"),
            ),
        }
    }

    fn names(&self, presented: &[String]) -> String {
        let expected = self.name.to_str();
        if presented.is_empty() {
            return format!("the server's certificate is not valid for `{expected}`: it has no names");
        }
        let shown: Vec<_> = presented.iter().take(SHOWN_NAMES).map(|name| plain(name)).collect();
        let more = if presented.len() > SHOWN_NAMES { ", …" } else { "" };
        format!("the server's certificate is not valid for `{expected}`, but for {}{more}", shown.join(", "))
    }

    /// The server ended the handshake with an alert.
    fn alert(&self, alert: AlertDescription) -> ConnectError {
        use AlertDescription as A;
        match alert {
            A::NoApplicationProtocol => no_alpn(),
            A::ProtocolVersion => failed("the server supports neither TLS 1.2 nor TLS 1.3"),
            A::UnrecognisedName => ConnectError::new(
                ConnectProblem::WrongName,
                format!("the server has no certificate for `{}` (TLS alert)", self.name.to_str()),
            ),
            A::CertificateRequired => required(),
            A::HandshakeFailure if self.was_asked() => required(),
            A::BadCertificate
            | A::UnsupportedCertificate
            | A::CertificateRevoked
            | A::CertificateExpired
            | A::CertificateUnknown
            | A::UnknownCA
            | A::DecryptError
            | A::AccessDenied => match &self.client_auth {
                ClientAuth::Identity => ConnectError::new(
                    ConnectProblem::ClientCertificateRejected,
                    format!("the server rejected the client certificate (TLS alert {alert:?})"),
                ),
                ClientAuth::None(_) if self.was_asked() => required(),
                ClientAuth::None(_) => failed(&format!("TLS alert {alert:?} from the server")),
            },
            other => failed(&format!("TLS alert {other:?} from the server")),
        }
    }

    fn was_asked(&self) -> bool {
        matches!(&self.client_auth, ClientAuth::None(none) if none.was_asked.load(Relaxed))
    }
}

/// The server agrees on another protocol than HTTP/2.
pub(crate) fn no_alpn() -> ConnectError {
    ConnectError::new(ConnectProblem::NoAlpn, "the server does not offer HTTP/2 (ALPN `h2`)")
}

fn required() -> ConnectError {
    ConnectError::new(ConnectProblem::ClientCertificateRequired, "the server requires a client certificate")
}

fn failed(how: &str) -> ConnectError {
    ConnectError::new(ConnectProblem::TlsFailed, format!("the TLS handshake failed: {how}"))
}

/// A name of a certificate, without the notation of the library: `DnsName("localhost")`.
fn plain(name: &str) -> String {
    let inner = name.split_once("(\"").and_then(|(_, rest)| rest.strip_suffix("\")"));
    match inner {
        Some(inner) => format!("`{inner}`"),
        None => {
            let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
            format!("`{inner}`")
        }
    }
}

/// A time as RFC 3339 writes it.
fn date(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    Timestamp { seconds, nanos: 0 }.to_string()
}
