//! A gRPC server that misbehaves as told: a raw HTTP/2 server on a real loopback socket, scripted call by call.
//!
//! ```no_run
//! # async fn example() {
//! use testkit::peer::{Peer, Reaction};
//! let peer = Peer::start(|call| match call.number {
//!     1 => Reaction::Reset(7), // REFUSED_STREAM
//!     _ => Reaction::Answer(call.message),
//! })
//! .await;
//! println!("listening on {}", peer.address());
//! # }
//! ```
//! It runs on the runtime that starts it, and stops when it is dropped.

mod reaction;

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::{Notify, watch};
use tokio_util::task::AbortOnDropHandle;

pub use reaction::{Reaction, Received, framed, grpc_head};

/// Calls of this path are echoed as they come, message by message, whatever the script says.
pub const DUPLEX: &str = "/test.Echo/Duplex";
const HEALTH: &str = "/grpc.health.v1.";

type Script = dyn Fn(Received) -> Reaction + Send + Sync;
/// Wraps an accepted stream, for example in TLS.
pub type Wrap =
    dyn Fn(TcpStream) -> Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>> + Send>> + Send + Sync;

/// Any transport.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// How a peer listens and speaks HTTP/2, before it starts.
pub struct PeerBuilder {
    address: SocketAddr,
    http2: Builder,
    wrap: Option<Arc<Wrap>>,
    health: bool,
}

/// A running peer.
#[derive(Debug)]
pub struct Peer {
    address: String,
    shared: Arc<Shared>,
    _task: AbortOnDropHandle<()>,
}

struct Shared {
    script: Box<Script>,
    health: bool,
    connections: AtomicUsize,
    calls: AtomicUsize,
    cancelled: watch::Sender<usize>,
    received: Mutex<Vec<Received>>,
    release: Notify,
    released: watch::Sender<bool>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("calls", &self.calls).finish_non_exhaustive()
    }
}

impl PeerBuilder {
    /// Listens there, rather than on a free port of the loopback.
    pub fn on(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Allows so many streams at once.
    pub fn max_streams(mut self, n: u32) -> Self {
        self.http2.max_concurrent_streams(n);
        self
    }

    /// Hands calls of `grpc.health.v1` to the script too; otherwise they are unimplemented, and not counted.
    pub fn health(mut self) -> Self {
        self.health = true;
        self
    }

    /// Changes how it speaks HTTP/2.
    pub fn http2(mut self, change: impl FnOnce(&mut Builder)) -> Self {
        change(&mut self.http2);
        self
    }

    /// Wraps each accepted connection first.
    pub fn wrap(mut self, wrap: Arc<Wrap>) -> Self {
        self.wrap = Some(wrap);
        self
    }

    /// Listens and answers as the script says.
    pub async fn start(
        self,
        script: impl Fn(Received) -> Reaction + Send + Sync + 'static,
    ) -> io::Result<Peer> {
        let listener = TcpListener::bind(self.address).await?;
        let address = listener.local_addr()?.to_string();
        let shared = Shared::new(self.health, script);
        let (builder, wrap, inner) = (self.http2, self.wrap, Arc::clone(&shared));
        let task = tokio::spawn(async move {
            // Connections end with the peer.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let (builder, wrap, shared) = (builder.clone(), wrap.clone(), Arc::clone(&inner));
                connections.spawn(async move {
                    match wrap {
                        None => serve(stream, builder, shared).await,
                        Some(wrap) => {
                            if let Ok(stream) = wrap(stream).await {
                                serve(stream, builder, shared).await;
                            }
                        }
                    }
                });
            }
        });
        Ok(Peer { address, shared, _task: AbortOnDropHandle::new(task) })
    }
}

impl Peer {
    /// On a free port of the loopback.
    ///
    /// # Panics
    /// If it cannot listen.
    #[allow(clippy::expect_used, reason = "a test without its peer has nothing to say")]
    pub async fn start(script: impl Fn(Received) -> Reaction + Send + Sync + 'static) -> Self {
        Self::builder().start(script).await.expect("a free port on the loopback")
    }

    /// Answers every call with its own message.
    pub async fn echo() -> Self {
        Self::start(|call| Reaction::Answer(call.message)).await
    }

    /// To set more than the script.
    pub fn builder() -> PeerBuilder {
        PeerBuilder {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            http2: Builder::new(),
            wrap: None,
            health: false,
        }
    }

    /// On a unix socket.
    pub fn start_unix(
        path: &std::path::Path,
        script: impl Fn(Received) -> Reaction + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = UnixListener::bind(path)?;
        let shared = Shared::new(false, script);
        let inner = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Builder::new(), Arc::clone(&inner)));
            }
        });
        let address = format!("unix:{}", path.display());
        Ok(Self { address, shared, _task: AbortOnDropHandle::new(task) })
    }

    /// A server that speaks no HTTP/2: writes these bytes to whoever connects, and waits for them to leave.
    pub async fn garbage(bytes: &'static [u8]) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let shared = Shared::new(false, |_| Reaction::HangUp);
        let inner = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                inner.connections.fetch_add(1, SeqCst);
                tokio::spawn(async move {
                    let _ = stream.write_all(bytes).await;
                    let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
                });
            }
        });
        Ok(Self { address, shared, _task: AbortOnDropHandle::new(task) })
    }

    /// `127.0.0.1:port`, or `unix:/path`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Calls received so far.
    pub fn calls(&self) -> usize {
        self.shared.calls.load(SeqCst)
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(SeqCst)
    }

    /// Every call received so far.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received().clone()
    }

    /// Waits until so many calls were cancelled by their callers.
    pub async fn cancelled(&self, n: usize) {
        let _ = self.shared.cancelled.subscribe().wait_for(|count| *count >= n).await;
    }

    /// Lets every held call go on, those to come too.
    pub fn release(&self) {
        self.shared.released.send_replace(true);
        self.shared.release.notify_waiters();
    }
}

impl Shared {
    fn new(health: bool, script: impl Fn(Received) -> Reaction + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            script: Box::new(script),
            health,
            connections: AtomicUsize::new(0),
            calls: AtomicUsize::new(0),
            cancelled: watch::Sender::new(0),
            received: Mutex::default(),
            release: Notify::new(),
            released: watch::Sender::new(false),
        })
    }

    fn received(&self) -> MutexGuard<'_, Vec<Received>> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve(stream: impl Stream, builder: Builder, shared: Arc<Shared>) {
    let connection = shared.connections.fetch_add(1, SeqCst) + 1;
    let Ok(mut http2) = builder.handshake::<_, Bytes>(stream).await else { return };
    let (orders, mut ordered) = tokio::sync::mpsc::unbounded_channel();
    let mut calls = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = http2.accept() => {
                let Some(Ok((request, respond))) = accepted else { break };
                calls.spawn(answer(request, respond, connection, Arc::clone(&shared), orders.clone()));
            }
            Some(order) = ordered.recv() => match order {
                Order::GoAway => http2.graceful_shutdown(),
                Order::HangUp => return,
                Order::Abort(code) => http2.abrupt_shutdown(Reason::from(code)),
            },
        }
    }
    // The calls that were open see that their caller is gone.
    while calls.join_next().await.is_some() {}
}

/// What a call asks of its connection.
enum Order {
    GoAway,
    HangUp,
    Abort(u32),
}

type Orders = tokio::sync::mpsc::UnboundedSender<Order>;

async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    connection: usize,
    shared: Arc<Shared>,
    orders: Orders,
) {
    let (head, mut body) = request.into_parts();
    if head.uri.path() == DUPLEX {
        return echo_as_it_comes(body, respond).await;
    }
    let mut wire = BytesMut::new();
    while let Some(Ok(chunk)) = body.data().await {
        let _ = body.flow_control().release_capacity(chunk.len());
        wire.extend_from_slice(&chunk);
    }
    if head.uri.path().starts_with(HEALTH) && !shared.health {
        let unimplemented = vec![("grpc-status", "12".to_owned())];
        return perform(Reaction::TrailersOnly(unimplemented), respond, &orders).await;
    }
    let call = Received {
        number: shared.calls.fetch_add(1, SeqCst) + 1,
        connection,
        path: head.uri.path().to_owned(),
        metadata: head.headers,
        message: wire.freeze().get(5..).map(Bytes::copy_from_slice).unwrap_or_default(),
    };
    shared.received().push(call.clone());
    let reaction = (shared.script)(call);
    let reaction = match reaction {
        Reaction::Informational(count, then) => {
            if !inform(&mut respond, count).await {
                return;
            }
            *then
        }
        other => other,
    };
    let reset = unless_cancelled(&mut respond, react(reaction, &shared, &orders)).await;
    match reset {
        Some((Reaction::Informational(count, then), orders)) => {
            if inform(&mut respond, count).await {
                perform(*then, respond, &orders).await;
            }
        }
        Some((reaction, orders)) => perform(reaction, respond, &orders).await,
        None => shared.cancelled.send_modify(|count| *count += 1),
    }
}

async fn echo_as_it_comes(mut body: RecvStream, mut respond: SendResponse<Bytes>) {
    let Ok(mut send) = respond.send_response(response(200, grpc_head()), false) else { return };
    while let Some(Ok(mut chunk)) = body.data().await {
        let _ = body.flow_control().release_capacity(chunk.len());
        while !chunk.is_empty() {
            send.reserve_capacity(chunk.len());
            let Some(Ok(room)) = std::future::poll_fn(|cx| send.poll_capacity(cx)).await else { return };
            if send.send_data(chunk.split_to(room.min(chunk.len())), false).is_err() {
                return;
            }
        }
    }
    let _ = send.send_trailers(fields(vec![("grpc-status", "0".into())]));
}

/// Sends informational responses; false when the stream has ended before all of them were sent.
async fn inform(respond: &mut SendResponse<Bytes>, count: u32) -> bool {
    for _ in 0..count {
        if respond.send_informational(response(103, Vec::new())).is_err() {
            return false;
        }
        tokio::task::yield_now().await;
    }
    true
}

/// Waits for the reaction's time to come, or for the caller to go away (`None`).
async fn unless_cancelled<T>(respond: &mut SendResponse<Bytes>, ready: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        value = ready => Some(value),
        _ = std::future::poll_fn(|cx| respond.poll_reset(cx)) => None,
    }
}

/// Resolves waiting; what is left is done at once.
async fn react(mut reaction: Reaction, shared: &Shared, orders: &Orders) -> (Reaction, Orders) {
    loop {
        reaction = match reaction {
            Reaction::After(pause, then) => {
                tokio::time::sleep(pause).await;
                *then
            }
            Reaction::Held(then) => {
                let _ = shared.released.subscribe().wait_for(|released| *released).await;
                *then
            }
            Reaction::GoAway(then) => {
                let _ = orders.send(Order::GoAway);
                *then
            }
            Reaction::Hang => std::future::pending().await,
            now => return (now, orders.clone()),
        };
    }
}

async fn perform(reaction: Reaction, mut respond: SendResponse<Bytes>, orders: &Orders) {
    match reaction {
        Reaction::Answer(message) => raw(respond, 200, grpc_head(), vec![framed(0, &message)], ok()).await,
        Reaction::Status(code, message) => {
            let trailers = vec![("grpc-status", code.to_string()), ("grpc-message", message.to_owned())];
            raw(respond, 200, grpc_head(), vec![], Some(trailers)).await;
        }
        Reaction::TrailersOnly(fields) => {
            let head = grpc_head().into_iter().chain(fields).collect();
            raw(respond, 200, head, vec![], None).await;
        }
        Reaction::Raw { http, head, data, trailers } => raw(respond, http, head, data, trailers).await,
        Reaction::Reset(code) => respond.send_reset(Reason::from(code)),
        Reaction::ResetWithin(code) => {
            let Ok(mut send) = respond.send_response(response(200, grpc_head()), false) else { return };
            let _ = send.send_data(Bytes::from_static(&[0, 0, 0, 0, 9, 1]), false);
            tokio::task::yield_now().await;
            send.send_reset(Reason::from(code));
        }
        Reaction::HangUp => {
            let _ = orders.send(Order::HangUp);
            // The stream must not be reset before the connection is gone.
            std::future::pending::<()>().await;
        }
        Reaction::ResetAndAbort(reset, code) => {
            respond.send_reset(Reason::from(reset));
            tokio::task::yield_now().await;
            let _ = orders.send(Order::Abort(code));
        }
        Reaction::Abort(code) => {
            let _ = orders.send(Order::Abort(code));
            std::future::pending::<()>().await;
        }
        Reaction::Hang
        | Reaction::After(..)
        | Reaction::Held(_)
        | Reaction::GoAway(_)
        | Reaction::Informational(..) => {}
    }
}

fn ok() -> Option<Vec<(&'static str, String)>> {
    Some(vec![("grpc-status", "0".into())])
}

async fn raw(
    mut respond: SendResponse<Bytes>,
    http: u16,
    head: Vec<(&'static str, String)>,
    data: Vec<Bytes>,
    trailers: Option<Vec<(&'static str, String)>>,
) {
    let ends = data.is_empty() && trailers.is_none();
    let Ok(mut send) = respond.send_response(response(http, head), ends) else { return };
    let last = data.len().saturating_sub(1);
    for (index, chunk) in data.into_iter().enumerate() {
        if send.send_data(chunk, index == last && trailers.is_none()).is_err() {
            return;
        }
    }
    if let Some(trailers) = trailers {
        let _ = send.send_trailers(fields(trailers));
    }
}

fn response(http: u16, head: Vec<(&'static str, String)>) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(http).unwrap_or(StatusCode::OK);
    *response.headers_mut() = fields(head);
    response
}

fn fields(list: Vec<(&'static str, String)>) -> HeaderMap {
    list.into_iter()
        .filter_map(|(name, value)| Some((HeaderName::from_static(name), HeaderValue::try_from(value).ok()?)))
        .collect()
}
