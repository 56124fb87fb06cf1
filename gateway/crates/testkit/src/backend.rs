//! A gRPC service made of a few lines of .proto and a closure per method: what a gateway test calls.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What a method answers.
#[derive(Debug, Clone)]
pub struct Reply {
    message: Option<Value>,
    raw: Option<Bytes>,
    status: u32,
    text: String,
    details: Option<Bytes>,
    headers: HeaderMap,
    trailers: HeaderMap,
}

/// The answer OK, with a message given as JSON.
pub fn reply(message: Value) -> Reply {
    Reply { message: Some(message), ..status(0, "") }
}

/// The answer OK, with a message given as it goes over the wire.
pub fn raw(message: impl Into<Bytes>) -> Reply {
    Reply { raw: Some(message.into()), ..status(0, "") }
}

/// An error.
pub fn status(code: u32, text: &str) -> Reply {
    Reply {
        message: None,
        raw: None,
        status: code,
        text: text.to_owned(),
        details: None,
        headers: HeaderMap::new(),
        trailers: HeaderMap::new(),
    }
}

impl Reply {
    /// With initial metadata.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(HeaderName::from_static(name), value.parse().unwrap());
        self
    }

    /// With trailing metadata.
    pub fn trailer(mut self, name: &'static str, value: &str) -> Self {
        self.trailers.append(HeaderName::from_static(name), value.parse().unwrap());
        self
    }

    /// With `grpc-status-details-bin`: a serialized google.rpc.Status.
    pub fn details(mut self, status: impl Into<Bytes>) -> Self {
        self.details = Some(status.into());
        self
    }
}

/// A call as the service saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// `package.Service/Method`
    pub method: String,
    /// The metadata.
    pub metadata: HeaderMap,
    /// The request message.
    pub message: DynamicMessage,
    /// The request message as it came over the wire.
    pub wire: Bytes,
}

impl Seen {
    /// The request message in the proto3 JSON mapping, only with what was set.
    pub fn json(&self) -> Value {
        serde_json::to_value(&self.message).unwrap()
    }
}

type Answer = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;

/// A service to be.
pub struct BackendBuilder {
    pool: DescriptorPool,
    descriptors: Vec<u8>,
    methods: HashMap<String, Answer>,
}

/// A running service. Dropping it ends it, connections included.
#[derive(Debug)]
pub struct Backend {
    address: SocketAddr,
    descriptors: Vec<u8>,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The imports that a test's .proto may have besides those that the compiler knows.
const GOOGLE_API: [(&str, &str); 3] = [
    ("google/api/http.proto", include_str!("../../../../proto/google/api/http.proto")),
    ("google/api/annotations.proto", include_str!("../../../../proto/google/api/annotations.proto")),
    ("google/api/httpbody.proto", include_str!("../../../../proto/google/api/httpbody.proto")),
];

/// Compiles a .proto to a descriptor set with imports and source info. It may import google/api.
pub fn compile(proto: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in GOOGLE_API.into_iter().chain([("test.proto", proto)]) {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let mut compiler = protox::Compiler::new([folder.path()]).unwrap();
    compiler.include_imports(true).include_source_info(true);
    compiler.open_file(folder.path().join("test.proto")).unwrap_or_else(|error| panic!("{error:?}"));
    compiler.encode_file_descriptor_set()
}

impl Backend {
    /// A service for what a .proto declares.
    pub fn of(proto: &str) -> BackendBuilder {
        Self::of_set(compile(proto))
    }

    /// A service for what a descriptor set declares.
    pub fn of_set(descriptors: Vec<u8>) -> BackendBuilder {
        let pool = DescriptorPool::decode(descriptors.as_slice()).unwrap();
        BackendBuilder { pool, descriptors, methods: HashMap::new() }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its descriptor set.
    pub fn descriptors(&self) -> &[u8] {
        &self.descriptors
    }

    /// How many connections it has accepted so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Takes the calls that came since this was last asked.
    pub fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    /// The only call that came since this was last asked.
    pub fn only(&self) -> Seen {
        let mut seen = self.seen();
        assert_eq!(seen.len(), 1, "one call: {seen:?}");
        seen.remove(0)
    }
}

impl BackendBuilder {
    /// What a method, `package.Service/Method`, answers.
    pub fn on(mut self, method: &str, answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        self.methods.insert(method.to_owned(), Arc::new(answer));
        self
    }

    /// Starts it on a free port.
    pub async fn start(self) -> Backend {
        self.start_on("127.0.0.1:0".parse().unwrap()).await
    }

    /// Starts it on this address.
    pub async fn start_on(self, address: SocketAddr) -> Backend {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let service = Arc::new(Service { pool: self.pool, methods: self.methods, seen: Arc::clone(&seen) });
        let connections = Arc::<AtomicUsize>::default();
        let serving = tokio::spawn(serve(listener, service, Arc::clone(&connections)));
        Backend { address, descriptors: self.descriptors, seen, connections, serving }
    }
}

struct Service {
    pool: DescriptorPool,
    methods: HashMap<String, Answer>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

async fn serve(listener: TcpListener, service: Arc<Service>, accepted: Arc<AtomicUsize>) {
    // Aborting this task drops the set, which ends the connections.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        accepted.fetch_add(1, Ordering::SeqCst);
        stream.set_nodelay(true).unwrap();
        let service = Arc::clone(&service);
        connections.spawn(async move {
            let answer = service_fn(move |request| answer(Arc::clone(&service), request));
            // A gateway that hangs up is part of some tests.
            drop(
                hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), answer)
                    .await,
            );
        });
    }
}

type Frames = StreamBody<tokio_stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>;

async fn answer(service: Arc<Service>, request: Request<Incoming>) -> Result<Response<Frames>, hyper::Error> {
    let (head, body) = request.into_parts();
    let name = head.uri.path().trim_start_matches('/').to_owned();
    let body = body.collect().await?.to_bytes();
    let reply = match service.method(&name) {
        Some((method, answer)) => {
            let wire = body.slice(5..);
            let message = DynamicMessage::decode(method.input(), wire.clone()).unwrap();
            let seen = Seen { method: name, metadata: head.headers, message, wire };
            let reply = answer(&seen);
            service.seen.lock().unwrap().push(seen);
            respond(&reply, Some(&method))
        }
        None => respond(&status(12, "no such method"), None),
    };
    Ok(reply)
}

impl Service {
    fn method(&self, name: &str) -> Option<(MethodDescriptor, Answer)> {
        let (service, method) = name.split_once('/')?;
        let service = self.pool.get_service_by_name(service)?;
        let method = service.methods().find(|known| known.name() == method)?;
        Some((method, Arc::clone(self.methods.get(name)?)))
    }
}

fn respond(reply: &Reply, method: Option<&MethodDescriptor>) -> Response<Frames> {
    let mut frames = Vec::new();
    let message = match (&reply.message, method) {
        (Some(json), Some(method)) => {
            Some(Bytes::from(DynamicMessage::deserialize(method.output(), json).unwrap().encode_to_vec()))
        }
        _ => reply.raw.clone(),
    };
    if let Some(message) = message {
        let mut frame = BytesMut::new();
        frame.put_u8(0);
        frame.put_u32(u32::try_from(message.len()).unwrap());
        frame.extend_from_slice(&message);
        frames.push(Ok(Frame::data(frame.freeze())));
    }
    frames.push(Ok(Frame::trailers(trailers(reply))));
    let mut response = Response::new(StreamBody::new(tokio_stream::iter(frames)));
    *response.headers_mut() = reply.headers.clone();
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    response
}

fn trailers(reply: &Reply) -> HeaderMap {
    let mut trailers = reply.trailers.clone();
    trailers.insert("grpc-status", reply.status.into());
    if !reply.text.is_empty() {
        let escaped = percent_encode(&reply.text);
        trailers.insert("grpc-message", escaped.parse().unwrap());
    }
    if let Some(details) = &reply.details {
        trailers.insert("grpc-status-details-bin", base64(details).parse().unwrap());
    }
    trailers
}

/// As the gRPC protocol wants `grpc-message`: everything but visible ASCII, and `%`.
fn percent_encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'%' => "%25".to_owned(),
            b' '..=b'~' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

/// Base64 without padding, as metadata has it.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..=chunk.len() {
            text.push(char::from(DIGITS[(bits >> (18 - 6 * digit) & 63) as usize]));
        }
    }
    text
}
