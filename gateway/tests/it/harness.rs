//! A gateway in the test's own process, on a free port, and a client that shows all of an answer.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use gateway::app::{App, Options, StartError};
use gateway::reload::Source;
use gateway::telemetry::access::AccessLog;
use gateway::telemetry::logging::Level;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Threads of a gateway that serve connections.
const WORKERS: usize = 2;

/// A running gateway, with a folder of its own that its files lie in.
pub(crate) struct Gateway {
    folder: TempDir,
    address: SocketAddr,
    admin: Option<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
    log: mpsc::UnboundedReceiver<String>,
}

/// Hands the access log on, line by line.
struct Lines(mpsc::UnboundedSender<String>);

impl std::io::Write for Lines {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        for line in std::str::from_utf8(text).unwrap().lines() {
            drop(self.0.send(line.to_owned()));
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Files for a gateway's folder.
pub(crate) struct Files(TempDir);

/// A folder with this routes.yaml in it.
pub(crate) fn routes(yaml: &str) -> Files {
    Files(tempfile::tempdir().unwrap()).file("routes.yaml", yaml)
}

impl Files {
    /// With this file, too.
    pub(crate) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        write(self.0.path(), name, content);
        self
    }

    /// Starts a gateway in it.
    pub(crate) async fn start(self) -> Gateway {
        match self.try_start().await {
            Ok(gateway) => gateway,
            Err(error) => panic!("the gateway does not start:\n{error}"),
        }
    }

    /// Starts a gateway in it, if it will.
    pub(crate) async fn try_start(self) -> Result<Gateway, StartError> {
        let (lines, log) = mpsc::unbounded_channel();
        self.launch(Lines(lines), log).await
    }

    /// Starts a gateway in it that writes its access records there, if it will.
    pub(crate) async fn try_start_logging(
        self,
        records: impl std::io::Write + Send + 'static,
    ) -> Result<Gateway, StartError> {
        let (_, log) = mpsc::unbounded_channel();
        self.launch(records, log).await
    }

    async fn launch(
        self,
        records: impl std::io::Write + Send + 'static,
        log: mpsc::UnboundedReceiver<String>,
    ) -> Result<Gateway, StartError> {
        let (access, _) = AccessLog::start(records, WORKERS).unwrap();
        let source = Source { path: self.0.path().join("routes.yaml"), environment: Arc::new(|_| None) };
        let refresh = std::time::Duration::from_millis(100);
        let app =
            App::start(Options { source, workers: WORKERS, level: Level::fixed(), access, refresh }).await?;
        let (stop, stopped) = oneshot::channel();
        let (address, admin) = (app.addresses()[0], app.admin());
        let running = tokio::spawn(app.run(async move { drop(stopped.await) }));
        Ok(Gateway { folder: self.0, address, admin, stop: Some(stop), running: Some(running), log })
    }
}

fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

impl Gateway {
    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its admin address is.
    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin.expect("the test's routes.yaml has an admin address")
    }

    /// Replaces a file of its folder in one step, as editors do.
    pub(crate) fn save(&self, name: &str, content: impl AsRef<[u8]>) {
        let new = format!("{name}.new");
        write(self.folder.path(), &new, content);
        std::fs::rename(self.folder.path().join(new), self.folder.path().join(name)).unwrap();
    }

    /// Orders a reload; gives the status and the text.
    pub(crate) async fn reload(&self) -> (StatusCode, String) {
        let answer = send(self.admin(), request(Method::POST, "/reload")).await;
        (answer.status, answer.text())
    }

    /// GET
    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.address, request(Method::GET, path)).await
    }

    /// Any method, with a JSON body.
    pub(crate) async fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        let mut request = request(method.parse().unwrap(), path);
        if !body.is_empty() {
            request.headers_mut().insert("content-type", "application/json".parse().unwrap());
        }
        *request.body_mut() = Full::from(body.to_owned());
        send(self.address, request).await
    }

    /// Any request.
    pub(crate) async fn request(&self, request: Request<Full<Bytes>>) -> Answer {
        send(self.address, request).await
    }

    /// The next line of its access log.
    pub(crate) async fn log_line(&mut self) -> String {
        self.log.recv().await.unwrap()
    }

    /// Lets it finish what runs, and waits for its end.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        self.running.take().unwrap().await.unwrap();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        drop(self.stop.take());
    }
}

/// A request without body.
pub(crate) fn request(method: Method, path: &str) -> Request<Full<Bytes>> {
    Request::builder().method(method).uri(path).header("host", "shop.example").body(Full::default()).unwrap()
}

/// All of an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// Its body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/json", "{self:?}");
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Its body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    /// A header; empty when there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Sends a request over HTTP/1.1 on a connection of its own.
pub(crate) async fn send(address: SocketAddr, request: Request<Full<Bytes>>) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    collect(sender.send_request(request).await.unwrap()).await
}

/// Reads an answer to its end.
pub(crate) async fn collect(response: http::Response<hyper::body::Incoming>) -> Answer {
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: head.status, headers: head.headers, body }
}
