//! TLS handshakes with clients that fail: the reasons, and how often each has occurred.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

/// Why a handshake has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HandshakeFailure {
    /// The client has sent a plain HTTP request.
    PlainHttp,
    /// The client has sent something else that is not TLS.
    NotTls,
    /// The client offers neither TLS 1.2 nor 1.3.
    NoCommonVersion,
    /// The client offers no cipher suite, key exchange or signature scheme of the gateway.
    NoCommonCipher,
    /// The client offers protocols (ALPN), neither HTTP/2 nor HTTP/1.1 among them.
    NoCommonProtocol,
    /// The client has shown no certificate where the listener requires one.
    NoClientCertificate,
    /// No authority of `client_ca` has issued the client's certificate.
    UnknownClientCa,
    /// The client's certificate is not valid now.
    ExpiredClientCertificate,
    /// The client's certificate cannot be used for another reason.
    BadClientCertificate,
    /// The client has rejected the certificate of the gateway.
    RejectedByClient,
    /// The client has not finished in time.
    Timeout,
    /// The client has closed the connection.
    Closed,
    /// Another violation of the protocol.
    Protocol,
}

impl HandshakeFailure {
    const ALL: [Self; 13] = [
        Self::PlainHttp,
        Self::NotTls,
        Self::NoCommonVersion,
        Self::NoCommonCipher,
        Self::NoCommonProtocol,
        Self::NoClientCertificate,
        Self::UnknownClientCa,
        Self::ExpiredClientCertificate,
        Self::BadClientCertificate,
        Self::RejectedByClient,
        Self::Timeout,
        Self::Closed,
        Self::Protocol,
    ];

    /// The reason of an error; `None` if the gateway itself has ended the connection.
    pub(super) fn of(error: &io::Error) -> Option<Self> {
        if let Some(error) = error.get_ref().and_then(|error| error.downcast_ref::<Error>()) {
            return Some(Self::of_tls(error));
        }
        match error.kind() {
            io::ErrorKind::TimedOut => Some(Self::Timeout),
            io::ErrorKind::ConnectionAborted => None,
            _ => Some(Self::Closed),
        }
    }

    fn of_tls(error: &Error) -> Self {
        match error {
            Error::InvalidMessage(_) => Self::NotTls,
            Error::PeerIncompatible(error) => match error {
                PeerIncompatible::NoCipherSuitesInCommon
                | PeerIncompatible::NoKxGroupsInCommon
                | PeerIncompatible::NoSignatureSchemesInCommon
                | PeerIncompatible::NoEcPointFormatsInCommon
                | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon => Self::NoCommonCipher,
                PeerIncompatible::Tls12NotOffered
                | PeerIncompatible::Tls12NotOfferedOrEnabled
                | PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::SupportedVersionsExtensionRequired
                // The extension is as old as TLS 1.2, and is checked before the version.
                | PeerIncompatible::SignatureAlgorithmsExtensionRequired => Self::NoCommonVersion,
                _ => Self::Protocol,
            },
            Error::NoApplicationProtocol => Self::NoCommonProtocol,
            Error::NoCertificatesPresented => Self::NoClientCertificate,
            Error::InvalidCertificate(error) => match error {
                // An authority of the same name with another key has issued a certificate with a wrong signature.
                CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::UnknownClientCa,
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. } => Self::ExpiredClientCertificate,
                _ => Self::BadClientCertificate,
            },
            Error::AlertReceived(alert) => match alert {
                AlertDescription::ProtocolVersion => Self::NoCommonVersion,
                AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA
                | AlertDescription::DecryptError
                | AlertDescription::AccessDenied => Self::RejectedByClient,
                AlertDescription::CloseNotify | AlertDescription::UserCanceled => Self::Closed,
                _ => Self::Protocol,
            },
            _ => Self::Protocol,
        }
    }

    /// The label in metrics and logs.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::PlainHttp => "plain_http",
            Self::NotTls => "not_tls",
            Self::NoCommonVersion => "no_common_version",
            Self::NoCommonCipher => "no_common_cipher",
            Self::NoCommonProtocol => "no_common_protocol",
            Self::NoClientCertificate => "no_client_certificate",
            Self::UnknownClientCa => "unknown_client_ca",
            Self::ExpiredClientCertificate => "expired_client_certificate",
            Self::BadClientCertificate => "bad_client_certificate",
            Self::RejectedByClient => "rejected_by_client",
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::Protocol => "protocol",
        }
    }
}

impl fmt::Display for HandshakeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PlainHttp => "the client sent plain HTTP; this port needs https://",
            Self::NotTls => "the client sent something that is not TLS",
            Self::NoCommonVersion => "the client offers neither TLS 1.2 nor TLS 1.3",
            Self::NoCommonCipher => {
                "the client offers no cipher suite or signature scheme that the gateway supports"
            }
            Self::NoCommonProtocol => "the client offers neither h2 nor http/1.1 (ALPN)",
            Self::NoClientCertificate => "the client showed no certificate, which client_ca requires",
            Self::UnknownClientCa => "no authority of client_ca issued the client's certificate",
            Self::ExpiredClientCertificate => "the client's certificate has expired or is not valid yet",
            Self::BadClientCertificate => "the client's certificate cannot be used",
            Self::RejectedByClient => "the client rejected the gateway's certificate",
            Self::Timeout => "the handshake did not end within limits.header_timeout",
            Self::Closed => "the client closed the connection during the handshake",
            Self::Protocol => "the client violated the TLS protocol",
        })
    }
}

/// Failed handshakes so far, by reason.
#[derive(Debug, Default)]
pub struct HandshakeFailures([AtomicU64; HandshakeFailure::ALL.len()]);

impl HandshakeFailures {
    pub(super) fn count(&self, failure: HandshakeFailure) {
        let position = HandshakeFailure::ALL.iter().position(|known| *known == failure);
        if let Some(counter) = position.and_then(|position| self.0.get(position)) {
            counter.fetch_add(1, Relaxed);
        }
    }

    /// Returns the counts, each with the label that metrics give its reason.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        HandshakeFailure::ALL
            .iter()
            .zip(&self.0)
            .map(|(failure, counter)| (failure.name(), counter.load(Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_counter_of_its_own() {
        let failures = HandshakeFailures::default();
        for (position, failure) in HandshakeFailure::ALL.into_iter().enumerate() {
            (0..=position).for_each(|_| failures.count(failure));
        }
        for (position, (name, count)) in failures.counts().enumerate() {
            assert_eq!(count, position as u64 + 1, "{name}");
        }
        let names: std::collections::BTreeSet<_> = failures.counts().map(|(name, _)| name).collect();
        assert_eq!(names.len(), HandshakeFailure::ALL.len());
    }

    #[test]
    fn errors_have_reasons() {
        use HandshakeFailure::*;
        let io = |kind: io::ErrorKind| io::Error::from(kind);
        let tls = |error: Error| io::Error::new(io::ErrorKind::InvalidData, error);
        for (error, expected) in [
            (io(io::ErrorKind::TimedOut), Some(Timeout)),
            (io(io::ErrorKind::UnexpectedEof), Some(Closed)),
            (io(io::ErrorKind::ConnectionReset), Some(Closed)),
            (io(io::ErrorKind::ConnectionAborted), None),
            (tls(Error::NoCertificatesPresented), Some(NoClientCertificate)),
            (tls(Error::InvalidCertificate(CertificateError::UnknownIssuer)), Some(UnknownClientCa)),
            (tls(Error::InvalidCertificate(CertificateError::Expired)), Some(ExpiredClientCertificate)),
            (tls(Error::InvalidCertificate(CertificateError::BadSignature)), Some(UnknownClientCa)),
            (tls(Error::InvalidCertificate(CertificateError::BadEncoding)), Some(BadClientCertificate)),
            (tls(Error::AlertReceived(AlertDescription::UnknownCA)), Some(RejectedByClient)),
            (tls(Error::AlertReceived(AlertDescription::ProtocolVersion)), Some(NoCommonVersion)),
            (tls(Error::AlertReceived(AlertDescription::DecodeError)), Some(Protocol)),
            (tls(Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered)), Some(NoCommonVersion)),
            (tls(Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon)), Some(NoCommonCipher)),
            (tls(Error::NoApplicationProtocol), Some(NoCommonProtocol)),
        ] {
            assert_eq!(HandshakeFailure::of(&error), expected, "{error:?}");
        }
    }
}
