//! Requests that clients cancel in great numbers, and those of others beside them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tonic::codegen::Service;
use tonic::server::NamedService;

use crate::LIBRARY;
use crate::harness::{Gateway, routes};

const ROUTES: &str = "routes:
  - {post: /books, grpc: library.v1.Library/CreateBook, body: book}
";

/// A tonic server on a thread of its own that is busy for a while with every call, so that calls queue up before it.
struct Busy {
    address: SocketAddr,
    calls: Arc<AtomicUsize>,
    _stop: oneshot::Sender<()>,
}

/// Answers every call with an empty message.
#[derive(Clone)]
struct Library {
    pause: Duration,
    calls: Arc<AtomicUsize>,
}

impl NamedService for Library {
    const NAME: &'static str = "library.v1.Library";
}

impl Service<Request<tonic::body::Body>> for Library {
    type Response = Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        let Self { pause, calls } = self.clone();
        Box::pin(async move {
            drop(request.into_body().collect().await);
            calls.fetch_add(1, SeqCst);
            std::thread::sleep(pause);
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", "0".parse().unwrap());
            let frames = [Frame::data(Bytes::from_static(&[0; 5])), Frame::trailers(trailers)];
            let body = StreamBody::new(futures_util::stream::iter(frames.map(Ok::<_, tonic::Status>)));
            let response = Response::builder().header("content-type", "application/grpc");
            Ok(response.body(tonic::body::Body::new(body)).unwrap())
        })
    }
}

fn busy(pause: Duration) -> Busy {
    let (started, address) = std::sync::mpsc::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let calls = Arc::<AtomicUsize>::default();
    let library = Library { pause, calls: Arc::clone(&calls) };
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let incoming =
                tonic::transport::server::TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
            started.send(incoming.local_addr().unwrap()).unwrap();
            let server = tonic::transport::Server::builder().add_service(library);
            let stopped = async { drop(stopped.await) };
            tokio::select! {
                served = server.serve_with_incoming(incoming.with_nodelay(Some(true))) => served.unwrap(),
                () = stopped => {}
            }
        });
    });
    Busy { address: address.recv().unwrap(), calls, _stop: stop }
}

fn post() -> Request<()> {
    let request = Request::builder().method(Method::POST).uri("http://shop.example/books");
    request.header("content-type", "application/json").body(()).unwrap()
}

/// Opens a few streams and resets them 1 ms later, again and again, on new connections where one ends.
async fn reset_rapidly(address: SocketAddr, stop: Arc<AtomicBool>) -> usize {
    let mut resets = 0;
    while !stop.load(SeqCst) {
        let stream = TcpStream::connect(address).await.unwrap();
        let Ok((mut client, connection)) = h2::client::handshake(stream).await else { continue };
        let connection = tokio::spawn(connection);
        while !stop.load(SeqCst) && !connection.is_finished() {
            let mut streams = Vec::new();
            for _ in 0..15 {
                let Ok(ready) = client.clone().ready().await else { break };
                client = ready;
                let Ok((response, mut send)) = client.send_request(post(), false) else { break };
                drop(send.send_data(Bytes::from_static(b"{}"), true));
                streams.push((response, send));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
            resets += streams.len();
            for (_, mut send) in streams {
                send.send_reset(h2::Reason::CANCEL);
            }
        }
        connection.abort();
    }
    resets
}

/// Opens a connection for each request, and closes it 1 ms after the request was sent.
async fn hang_up(address: SocketAddr, stop: Arc<AtomicBool>) -> usize {
    use tokio::io::AsyncWriteExt;
    const POST: &[u8] =
        b"POST /books HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    let mut left = 0;
    while !stop.load(SeqCst) {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(POST).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
        left += 1;
    }
    left
}

/// Posts one request after the other on one connection; returns the statuses of those that were not answered 200.
async fn honest(address: SocketAddr, requests: usize) -> Vec<StatusCode> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut failed = Vec::new();
    for _ in 0..requests {
        let request = post().map(|()| Full::new(Bytes::from_static(b"{}")));
        let status = client.send_request(request).await.unwrap().status();
        if status != StatusCode::OK {
            failed.push(status);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    failed
}

async fn gateway(server: SocketAddr) -> Gateway {
    let yaml = format!(
        "listeners: [{{address: 127.0.0.1:0}}]\n\
         descriptors: [library.binpb]\n\
         upstreams:\n  library: {{address: {server}}}\n\
         services:\n  library.v1.Library: library\n{ROUTES}"
    );
    routes(&yaml).file("library.binpb", testkit::backend::compile(LIBRARY)).start().await
}

async fn others_are_served_beside(resets: usize, hang_ups: usize, pause: Duration) {
    let server = busy(pause);
    let gateway = gateway(server.address).await;
    assert_eq!(honest(gateway.address(), 3).await, [] as [StatusCode; 0]);
    let stop = Arc::<AtomicBool>::default();
    let mut attack = JoinSet::new();
    for _ in 0..resets {
        attack.spawn(reset_rapidly(gateway.address(), Arc::clone(&stop)));
    }
    for _ in 0..hang_ups {
        attack.spawn(hang_up(gateway.address(), Arc::clone(&stop)));
    }
    let failed = honest(gateway.address(), 40).await;
    stop.store(true, SeqCst);
    let mut cancelled = 0;
    while let Some(count) = attack.join_next().await {
        cancelled += count.unwrap();
    }
    assert!(
        failed.is_empty(),
        "{resets} connections of resets, {hang_ups} of hang-ups, {cancelled} cancelled: {failed:?}"
    );
    assert!(server.calls.load(SeqCst) > 43, "some of the attack reaches the server");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_reset_their_requests_fail_no_other_request() {
    for connections in [1, 5, 20] {
        others_are_served_beside(connections, 0, Duration::from_micros(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_hang_up_fail_no_other_request() {
    others_are_served_beside(0, 8, Duration::from_micros(100)).await;
}
