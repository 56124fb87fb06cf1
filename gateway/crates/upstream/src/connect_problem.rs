//! Why an endpoint has no usable connection: a closed list of problems, each with a name for metrics, a sentence and a remedy.

mod tls;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::peer_settings::{Greeting, PeerSettings};

pub(crate) use tls::{ClientAuth, NoCertificate, SelfSigned, TlsSide, no_alpn};

/// What is wrong with the connection to an endpoint, or with its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectProblem {
    /// The name has no addresses.
    Unresolved,
    /// Nothing listens on the port.
    Refused,
    /// The socket file is missing, or must not be used.
    NoSocket,
    /// The host does not answer.
    ConnectTimeout,
    /// The system cannot connect for another reason.
    ConnectFailed,
    /// The server accepts the connection, and does not answer the TLS handshake.
    TlsTimeout,
    /// The server accepts the connection, and sends nothing.
    Silent,
    /// The server answers HTTP/1.
    Http1,
    /// The server answers with TLS, which the upstream does not have.
    TlsExpected,
    /// The server answers in another protocol.
    NotHttp2,
    /// The server closes the connection before it sends anything.
    Closed,
    /// The server does not answer with TLS.
    NotTls,
    /// The server closes the connection during the TLS handshake, or right after it.
    TlsClosed,
    /// The server does not offer HTTP/2 by ALPN.
    NoAlpn,
    /// No trusted authority signed the server's certificate.
    UnknownAuthority,
    /// The server's certificate is self-signed, and not the configured one.
    SelfSigned,
    /// The server's certificate has other names.
    WrongName,
    /// The server's certificate has expired.
    Expired,
    /// The server's certificate is not valid yet.
    NotYetValid,
    /// The server's certificate has another fault.
    InvalidCertificate,
    /// The server asks for a client certificate, and none is configured.
    ClientCertificateRequired,
    /// The server rejects the configured client certificate.
    ClientCertificateRejected,
    /// The TLS handshake fails for another reason.
    TlsFailed,
    /// The connection ends within a second.
    ClosedEarly,
}

impl ConnectProblem {
    /// Every problem.
    pub const ALL: [Self; 24] = [
        Self::Unresolved,
        Self::Refused,
        Self::NoSocket,
        Self::ConnectTimeout,
        Self::ConnectFailed,
        Self::TlsTimeout,
        Self::Silent,
        Self::Http1,
        Self::TlsExpected,
        Self::NotHttp2,
        Self::Closed,
        Self::NotTls,
        Self::TlsClosed,
        Self::NoAlpn,
        Self::UnknownAuthority,
        Self::SelfSigned,
        Self::WrongName,
        Self::Expired,
        Self::NotYetValid,
        Self::InvalidCertificate,
        Self::ClientCertificateRequired,
        Self::ClientCertificateRejected,
        Self::TlsFailed,
        Self::ClosedEarly,
    ];

    /// Whether it is that something took too long, however long that is.
    pub(crate) const fn is_timeout(self) -> bool {
        matches!(self, Self::ConnectTimeout | Self::TlsTimeout | Self::Silent)
    }

    /// Returns a short stable name for logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unresolved => "UNRESOLVED",
            Self::Refused => "CONNECTION_REFUSED",
            Self::NoSocket => "NO_SOCKET",
            Self::ConnectTimeout => "CONNECT_TIMEOUT",
            Self::ConnectFailed => "CONNECT_FAILED",
            Self::TlsTimeout => "TLS_TIMEOUT",
            Self::Silent => "SILENT",
            Self::Http1 => "HTTP_1",
            Self::TlsExpected => "TLS_EXPECTED",
            Self::NotHttp2 => "NOT_HTTP_2",
            Self::Closed => "CLOSED",
            Self::NotTls => "NOT_TLS",
            Self::TlsClosed => "TLS_CLOSED",
            Self::NoAlpn => "NO_ALPN",
            Self::UnknownAuthority => "UNKNOWN_AUTHORITY",
            Self::SelfSigned => "SELF_SIGNED",
            Self::WrongName => "WRONG_NAME",
            Self::Expired => "CERTIFICATE_EXPIRED",
            Self::NotYetValid => "CERTIFICATE_NOT_YET_VALID",
            Self::InvalidCertificate => "INVALID_CERTIFICATE",
            Self::ClientCertificateRequired => "CLIENT_CERTIFICATE_REQUIRED",
            Self::ClientCertificateRejected => "CLIENT_CERTIFICATE_REJECTED",
            Self::TlsFailed => "TLS_FAILED",
            Self::ClosedEarly => "CLOSED_EARLY",
        }
    }

    /// Returns what an operator can do about it.
    pub const fn help(self) -> &'static str {
        match self {
            Self::Unresolved => "correct the name, or check the DNS server that the gateway uses",
            Self::Refused => "start the server, or correct the port",
            Self::NoSocket => {
                "start the server, correct the path of the socket, or let the gateway's user write to it"
            }
            Self::ConnectTimeout => "correct the address, or check firewalls and network policies",
            Self::ConnectFailed => "correct the address, or check the network of the gateway",
            Self::TlsTimeout => "check that the server speaks TLS on this port; if it does not, remove `tls`",
            Self::Silent => {
                "check that a gRPC server listens on this port; if it expects TLS, set `tls: true`"
            }
            Self::Http1 | Self::NotHttp2 => "use the port on which the server speaks gRPC, over HTTP/2",
            Self::TlsExpected => "set `tls: true`, or `tls: {ca: FILE}` for an authority of your own",
            Self::Closed => "if the server expects TLS, set `tls: true`; otherwise check that it speaks gRPC",
            Self::NotTls => "remove `tls` (and `https://`), or use the port on which the server speaks TLS",
            Self::TlsClosed => {
                "check that the server speaks TLS on this port, and see its log; it may require a client certificate \
                 (`tls.certificate`, `tls.key`)"
            }
            Self::NoAlpn => "enable HTTP/2 in the server, or use the port on which it speaks gRPC",
            Self::UnknownAuthority => {
                "set `tls.ca` to the certificate of the authority that signed it, and let the server send its \
                 intermediate certificates"
            }
            Self::SelfSigned => "set `tls.ca` to this certificate",
            Self::WrongName => "set `tls.server_name` to a name that the certificate has, or reissue it",
            Self::Expired => "renew the server's certificate",
            Self::NotYetValid => "check the clocks of both hosts",
            Self::InvalidCertificate => {
                "issue a certificate for server authentication, with a subjectAltName"
            }
            Self::ClientCertificateRequired => "set `tls.certificate` and `tls.key`",
            Self::ClientCertificateRejected => {
                "use a client certificate that is valid and whose authority the server trusts"
            }
            Self::TlsFailed | Self::ClosedEarly => "see the log of the server",
        }
    }
}

/// A problem and its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectError {
    problem: ConnectProblem,
    message: Arc<str>,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl ConnectError {
    pub(crate) fn new(problem: ConnectProblem, message: impl Into<Arc<str>>) -> Self {
        Self { problem, message: message.into() }
    }

    /// Returns the problem.
    pub const fn problem(&self) -> ConnectProblem {
        self.problem
    }

    /// Returns a sentence with the details.
    pub const fn message(&self) -> &Arc<str> {
        &self.message
    }

    /// The name has no addresses.
    pub(crate) fn unresolved(name: &str, error: Option<&io::Error>) -> Self {
        let message = match error {
            Some(error) => format!("the name `{name}` does not resolve: {error}"),
            None => format!("the name `{name}` has no addresses"),
        };
        Self::new(ConnectProblem::Unresolved, message)
    }

    /// The resolver takes its time.
    pub(crate) fn resolving(name: &str, within: Duration) -> Self {
        let message =
            format!("the name `{name}` is not resolved: no answer from the resolver within {within:?}");
        Self::new(ConnectProblem::Unresolved, message)
    }

    /// No socket could be connected.
    pub(crate) fn of_connect(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                Self::new(ConnectProblem::Refused, "connection refused: nothing listens on this address")
            }
            io::ErrorKind::NotFound => Self::new(ConnectProblem::NoSocket, "the socket does not exist"),
            io::ErrorKind::PermissionDenied => {
                Self::new(ConnectProblem::NoSocket, "the gateway has no permission to connect")
            }
            io::ErrorKind::TimedOut => {
                Self::new(ConnectProblem::ConnectTimeout, "the host does not answer the connection attempt")
            }
            _ => Self::new(ConnectProblem::ConnectFailed, format!("cannot connect: {error}")),
        }
    }

    /// The connection ended before the server proved to speak HTTP/2. `error` is how, unless it just closed.
    pub(crate) fn of_greeting(
        settings: &PeerSettings,
        tls: Option<&TlsSide>,
        error: Option<&h2::Error>,
    ) -> Self {
        if let (Some(tls), Some(error)) = (tls, settings.tls_error()) {
            return tls.problem(error);
        }
        match (settings.greeting(), tls) {
            (Greeting::Http1, _) => {
                Self::new(ConnectProblem::Http1, "the server answers HTTP/1.1, not HTTP/2")
            }
            (Greeting::Tls, _) => {
                Self::new(ConnectProblem::TlsExpected, "the server answers with TLS, but `tls` is not set")
            }
            (Greeting::Other, _) => {
                Self::new(ConnectProblem::NotHttp2, "the server answers in a protocol other than HTTP/2")
            }
            (Greeting::Http2, _) => {
                let how = error.map_or_else(|| "closed by the server".to_owned(), ToString::to_string);
                Self::new(ConnectProblem::ClosedEarly, format!("the connection ended at once: {how}"))
            }
            (Greeting::None, Some(tls)) => tls.closed(),
            (Greeting::None, None) => {
                Self::new(ConnectProblem::Closed, "the server closed the connection before it sent anything")
            }
        }
    }
}

/// How far an attempt to connect has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Socket,
    Tls,
    Http2,
}

impl Stage {
    /// The attempt takes longer than this.
    pub(crate) fn overdue(self, within: Duration) -> ConnectError {
        match self {
            Self::Socket => ConnectError::new(
                ConnectProblem::ConnectTimeout,
                format!("the host did not answer the connection attempt within {within:?}"),
            ),
            Self::Tls => ConnectError::new(
                ConnectProblem::TlsTimeout,
                format!("the server accepted the connection, but not the TLS handshake within {within:?}"),
            ),
            Self::Http2 => ConnectError::new(
                ConnectProblem::Silent,
                format!("the server accepted the connection, but sent no HTTP/2 within {within:?}"),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_problem_has_a_name_and_a_place_of_its_own() {
        let names: BTreeSet<_> = ConnectProblem::ALL.iter().map(|problem| problem.name()).collect();
        assert_eq!(names.len(), ConnectProblem::ALL.len());
        for (place, problem) in ConnectProblem::ALL.iter().enumerate() {
            assert_eq!(*problem as usize, place, "{problem:?}");
        }
    }
}
