//! A gRPC server: the service's methods with health, reflection, TLS and the log of calls around them, and a stop
//! that lets running calls finish.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

use crate::calls::CallLogLayer;
use crate::deadline::DeadlineLayer;
use crate::health::{Probe, Watch};
use crate::settings::{SettingError, Settings, TlsFiles};

/// Room for answers in flight on one connection, so that one slow stream does not hold up the others.
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// A peer that is gone without a word is noticed after this and [`PING_PATIENCE`].
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_PATIENCE: Duration = Duration::from_secs(10);

/// What a server serves.
pub struct Service {
    /// The full name of the service.
    pub name: &'static str,
    /// Its methods.
    pub routes: Routes,
    /// The descriptor set that reflection tells of, encoded.
    pub descriptors: &'static [u8],
    /// What its health follows.
    pub probe: Arc<dyn Probe>,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting cannot be used.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] crate::database::OpenError),
    /// The certificate and the key are no pair, or one of them is damaged.
    #[error("TLS_CERT, TLS_KEY or TLS_CLIENT_CA cannot be used: {0}")]
    Tls(#[source] tonic::transport::Error),
    /// The descriptor set cannot be read.
    #[error("reflection cannot be served: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// A server that runs. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    stop: CancellationToken,
    drain: Duration,
    server: JoinHandle<Result<(), tonic::transport::Error>>,
}

/// Takes the address that the settings name.
///
/// # Errors
/// The address is taken, not this machine's, or not allowed.
pub async fn bind(settings: &Settings) -> Result<TcpListener, SettingError> {
    TcpListener::bind(&settings.listen).await.map_err(|error| {
        let problem = match error.kind() {
            std::io::ErrorKind::AddrInUse => "the port is taken by another program".to_owned(),
            _ => error.to_string(),
        };
        SettingError::new("LISTEN", &settings.listen, problem)
    })
}

/// Starts serving. `stop` is cancelled when the server is to stop: streams that would never end by themselves
/// listen to it.
///
/// # Errors
/// TLS or reflection cannot be set up.
pub async fn start(
    settings: &Settings,
    listener: TcpListener,
    service: Service,
    stop: CancellationToken,
) -> Result<Running, StartError> {
    let address = listener
        .local_addr()
        .map_err(|error| SettingError::new("LISTEN", &settings.listen, error.to_string()))?;
    let mut server = Server::builder()
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keepalive_interval(Some(PING_INTERVAL))
        .http2_keepalive_timeout(Some(PING_PATIENCE));
    if let Some(files) = &settings.tls {
        server = server.tls_config(read_tls(files)?).map_err(StartError::Tls)?;
    }
    let (reporter, health) = tonic_health::server::health_reporter();
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(service.descriptors)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    Watch::new(service.name, reporter, service.probe).start(stop.clone()).await;

    let routes = service.routes.add_service(health).add_service(reflection);
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let signal = stop.clone().cancelled_owned();
    let serving = server
        .layer(CallLogLayer::default())
        .layer(DeadlineLayer)
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming, signal);
    tracing::info!(service = service.name, %address, tls = settings.tls.is_some(), "serving");
    Ok(Running { address, stop, drain: settings.drain, server: tokio::spawn(serving) })
}

impl Running {
    /// Where it serves; the real port when it was asked for port 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops to accept calls, ends streams, and waits for running calls as long as the settings allow.
    /// Answers whether all of them finished.
    pub async fn stop(mut self) -> bool {
        self.stop.cancel();
        tokio::time::timeout(self.drain, &mut self.server).await.is_ok()
    }

    /// Waits for a server that nobody stops; it ends only by a failure.
    pub async fn failed(&mut self) -> String {
        match (&mut self.server).await {
            Ok(Ok(())) => "the server ended".to_owned(),
            Ok(Err(error)) => format!("the server failed: {error}"),
            Err(error) => format!("the server failed: {error}"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
        self.server.abort();
    }
}

fn read_tls(files: &TlsFiles) -> Result<ServerTlsConfig, SettingError> {
    let certificate = read("TLS_CERT", &files.certificate)?;
    let key = read("TLS_KEY", &files.key)?;
    let config = ServerTlsConfig::new().identity(Identity::from_pem(certificate, key));
    match &files.client_ca {
        Some(ca) => Ok(config.client_ca_root(Certificate::from_pem(read("TLS_CLIENT_CA", ca)?))),
        None => Ok(config),
    }
}

/// The content of a file that a variable names.
///
/// # Errors
/// The file cannot be read.
pub fn read(name: &'static str, path: &Path) -> Result<Vec<u8>, SettingError> {
    std::fs::read(path).map_err(|error| {
        SettingError::new(name, &path.display().to_string(), format!("cannot be read: {error}"))
    })
}
