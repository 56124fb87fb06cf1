//! One GET for a key set: https with the system's roots, or http on the loopback; no redirects, bounded in size and time.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, HOST, USER_AGENT};
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::policy::finding::Problem;

/// The largest key set that is read.
const MAX_BODY: usize = 256 << 10;

/// Where a key set lies: checked to be fetchable safely.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Location {
    uri: Uri,
    host: String,
    port: u16,
    tls: bool,
}

/// Why a key set could not be fetched.
#[derive(Debug, Error)]
pub(super) enum FetchError {
    #[error("cannot connect: {0}")]
    Connect(#[source] io::Error),
    #[error("`localhost` is {0}, which is not on the loopback")]
    NotLoopback(IpAddr),
    #[error("no system roots to verify the server with")]
    NoRoots,
    #[error("TLS: {0}")]
    Tls(String),
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
    #[error("the server answered {0}")]
    Status(StatusCode),
    #[error("the answer broke off, or is larger than {MAX_BODY} bytes")]
    Body,
    #[error("no answer within {0:?}")]
    Timeout(Duration),
}

impl Location {
    /// Takes a URL, if it is https, or http on the loopback.
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        let bad = || Problem::JwksUrl(without_query(&without_user(text)));
        let uri: Uri = text.parse().map_err(|_| bad())?;
        let host = uri.host().ok_or_else(bad)?.trim_matches(['[', ']']).to_owned();
        // User information has no place in a file, and would go nowhere.
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(bad());
        }
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if is_loopback(&host) => false,
            Some("http") => return Err(Problem::JwksInsecure(without_query(&without_user(text)))),
            _ => return Err(bad()),
        };
        // What TLS cannot verify as a name is never connected to.
        if tls && ServerName::try_from(host.as_str()).is_err() {
            return Err(bad());
        }
        let port = port(&uri).ok_or_else(bad)?.unwrap_or(if tls { 443 } else { 80 });
        Ok(Self { uri, host, port, tls })
    }
}

/// The port of a URL, if it has one; nothing when it is none. [`Uri`] takes any number for a port.
fn port(uri: &Uri) -> Option<Option<u16>> {
    let authority = uri.authority()?.as_str();
    match authority.rsplit_once(':').filter(|(_, port)| !port.is_empty() && !port.ends_with(']')) {
        Some((_, port)) => port.parse().ok().filter(|port| *port != 0).map(Some),
        None => Some(None),
    }
}

/// A query may hold a key.
fn without_query(text: &str) -> String {
    text.split(['?', '#']).next().unwrap_or_default().to_owned()
}

impl std::fmt::Display for Location {
    /// Without the query, which may hold a key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        let authority = self.uri.authority().map_or("", http::uri::Authority::as_str);
        write!(f, "{scheme}://{authority}{}", self.uri.path())
    }
}

/// A URL as it may be shown: without name and password.
fn without_user(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Fetches key sets.
#[derive(Debug, Clone)]
pub(super) struct Client {
    tls: Option<Arc<ClientConfig>>,
    timeout: Duration,
}

impl Client {
    /// With the system's roots. Reads them, so it blocks for a moment.
    pub(super) fn new(timeout: Duration) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Self { tls: trusting(roots), timeout }
    }

    #[cfg(test)]
    pub(super) fn with_roots(roots: RootCertStore, timeout: Duration) -> Self {
        Self { tls: trusting(roots), timeout }
    }

    /// The body of a 200.
    pub(super) async fn get(&self, location: &Location) -> Result<Bytes, FetchError> {
        match tokio::time::timeout(self.timeout, self.exchange(location)).await {
            Ok(result) => result,
            Err(_) => Err(FetchError::Timeout(self.timeout)),
        }
    }

    async fn exchange(&self, location: &Location) -> Result<Bytes, FetchError> {
        let stream =
            TcpStream::connect((location.host.as_str(), location.port)).await.map_err(FetchError::Connect)?;
        if !location.tls {
            let peer = stream.peer_addr().map_err(FetchError::Connect)?.ip();
            return match peer.is_loopback() {
                true => get(stream, location).await,
                false => Err(FetchError::NotLoopback(peer)),
            };
        }
        let config = self.tls.clone().ok_or(FetchError::NoRoots)?;
        let name = ServerName::try_from(location.host.clone()).map_err(|e| FetchError::Tls(e.to_string()))?;
        let stream = TlsConnector::from(config).connect(name, stream).await;
        get(stream.map_err(|error| FetchError::Tls(error.to_string()))?, location).await
    }
}

/// A provider of this configuration's own: nothing is installed for the process.
fn trusting(roots: RootCertStore) -> Option<Arc<ClientConfig>> {
    if roots.is_empty() {
        return None;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    let mut config = versions.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Some(Arc::new(config))
}

async fn get<S>(stream: S, location: &Location) -> Result<Bytes, FetchError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let exchange = async {
        let mut request = Request::new(Empty::<Bytes>::new());
        let target = location.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        *request.uri_mut() = target.parse().unwrap_or_default();
        let headers = request.headers_mut();
        let authority = location.uri.authority().map_or("", http::uri::Authority::as_str);
        headers
            .insert(HOST, HeaderValue::from_str(authority).unwrap_or(HeaderValue::from_static("localhost")));
        headers.insert(ACCEPT, HeaderValue::from_static("application/jwk-set+json, application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("gateway/", env!("CARGO_PKG_VERSION"))));
        let response = sender.send_request(request).await?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status()));
        }
        let body = Limited::new(response.into_body(), MAX_BODY).collect().await;
        Ok(body.map_err(|_| FetchError::Body)?.to_bytes())
    };
    let mut exchange = std::pin::pin!(exchange);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        biased;
        result = exchange.as_mut() => result,
        ended = connection.as_mut() => {
            ended?;
            // The connection may end with the answer's last byte.
            exchange.await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_the_loopback_are_fetched_from() {
        for good in [
            "https://id.example/keys",
            "https://id.example:8443/keys?x=1",
            "http://127.0.0.1:1234/keys",
            "http://localhost/keys",
            "http://[::1]:80/keys",
            "http://[::1]/keys",
            "https://id.example:/keys",
            "https://10.0.0.1/keys",
            "https://id_1.example./keys",
        ] {
            assert!(Location::parse(good).is_ok(), "{good}");
        }
        for insecure in ["http://id.example/keys", "http://10.0.0.1/keys", "http://localhost.example/"] {
            assert_eq!(Location::parse(insecure), Err(Problem::JwksInsecure(insecure.into())), "{insecure}");
        }
        for bad in [
            "keys.json",
            "/keys",
            "ftp://id.example/",
            "https://",
            "",
            "https://id.example:99999/keys",
            "https://id.example:0/keys",
            "https://id..example/keys",
            "https://.example/keys",
        ] {
            assert_eq!(Location::parse(bad), Err(Problem::JwksUrl(bad.into())), "{bad}");
        }
    }

    #[test]
    fn passwords_and_queries_are_not_shown() {
        let refused = Location::parse("https://u:p@id.example/keys").unwrap_err();
        assert_eq!(refused, Problem::JwksUrl("https://id.example/keys".into()));
        let location = Location::parse("https://id.example:8443/keys?token=x").unwrap();
        assert_eq!(location.to_string(), "https://id.example:8443/keys");
    }
}
