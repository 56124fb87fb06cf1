//! What a proxy costs that transcodes nothing: hyper in, one HTTP/2 connection out, a request that was encoded
//! beforehand, a canned answer back. No routing, no JSON, no protobuf.

use std::{fs, net::SocketAddr, path::PathBuf, rc::Rc};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::http2::{self, SendRequest},
    rt::Executor,
    server::conn::{http1, http2 as http2_server},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::net::{TcpListener, TcpStream};

use crate::{flags::Flags, frame, shop};

const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 1 << 24;
/// A body of more bytes than this is the large order.
const LARGE: usize = 20_000;
/// How HTTP/2 begins, and no method does.
const HTTP2: &[u8] = b"PR";

type Sender = SendRequest<Full<Bytes>>;

/// One call, ready to be sent, and its answer, ready to be given.
struct Canned {
    uri: Uri,
    frame: Bytes,
    json: Bytes,
}

struct Calls {
    get_user: Canned,
    create_user: Canned,
    few_items: Canned,
    many_items: Canned,
    list_orders: Canned,
}

/// Serves on `--listen` before `--upstream`. `--answers` is the folder of the canned JSON, by workload;
/// `--page-size`, `--few-items` and `--many-items` say how large the requests are.
pub fn run(flags: &Flags) -> Result<()> {
    let listen: SocketAddr = flags.required("listen")?;
    let upstream: SocketAddr = flags.required("upstream")?;
    let calls = Rc::new(Calls::prepare(flags, upstream)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(tokio::task::LocalSet::new().run_until(accept(listen, upstream, calls)))
}

impl Calls {
    fn prepare(flags: &Flags, upstream: SocketAddr) -> Result<Self> {
        let answers: PathBuf = flags.required("answers")?;
        let users = format!("http://{upstream}/bench.v1.UserService");
        let orders = format!("http://{upstream}/bench.v1.OrderService");
        let canned = |uri: String, request: &dyn Framed, workload: &str| -> Result<Canned> {
            let file = answers.join(format!("{workload}.json"));
            let json = fs::read(&file).with_context(|| file.display().to_string())?.into();
            Ok(Canned { uri: uri.parse()?, frame: request.framed()?, json })
        };
        let page_size = flags.required("page-size")?;
        let page = shop::ListOrdersRequest { user_id: 1, page_size };
        let few = shop::order_request(flags.required("few-items")?);
        let many = shop::order_request(flags.required("many-items")?);
        Ok(Self {
            get_user: canned(format!("{users}/GetUser"), &shop::GetUserRequest { user_id: 1 }, "get-small")?,
            create_user: canned(format!("{users}/CreateUser"), &shop::user_request(), "post-small")?,
            few_items: canned(format!("{orders}/CreateOrder"), &few, "post-20")?,
            many_items: canned(format!("{orders}/CreateOrder"), &many, "post-150k")?,
            list_orders: canned(format!("{orders}/ListOrders"), &page, "get-100k")?,
        })
    }

    /// The call for a request: two paths and two sizes tell the workloads apart.
    fn choose(&self, method: &Method, path: &str, body: usize) -> &Canned {
        match (method == Method::GET, path.starts_with("/users")) {
            (true, true) => &self.get_user,
            (true, false) => &self.list_orders,
            (false, true) => &self.create_user,
            (false, false) if body > LARGE => &self.many_items,
            (false, false) => &self.few_items,
        }
    }
}

trait Framed {
    fn framed(&self) -> Result<Bytes>;
}

impl<M: Message> Framed for M {
    fn framed(&self) -> Result<Bytes> {
        frame::encode(self)
    }
}

async fn accept(listen: SocketAddr, upstream: SocketAddr, calls: Rc<Calls>) -> Result<()> {
    let sender = connect(upstream).await?;
    let listener = TcpListener::bind(listen).await?;
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        tokio::task::spawn_local(serve(socket, Rc::clone(&calls), sender.clone()));
    }
}

async fn serve(socket: TcpStream, calls: Rc<Calls>, sender: Sender) -> Result<()> {
    let mut first = [0; HTTP2.len()];
    socket.peek(&mut first).await?;
    let service = service_fn(move |request| exchange(request, Rc::clone(&calls), sender.clone()));
    let socket = TokioIo::new(socket);
    if first == *HTTP2 {
        return Ok(http2_server::Builder::new(Local).serve_connection(socket, service).await?);
    }
    // No header timer: on a current-thread runtime it costs a system call each request.
    Ok(http1::Builder::new().header_read_timeout(None).serve_connection(socket, service).await?)
}

/// Spawns on the one thread that there is.
#[derive(Clone)]
struct Local;

impl<F: Future<Output: 'static> + 'static> Executor<F> for Local {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

async fn connect(upstream: SocketAddr) -> Result<Sender> {
    let socket = TcpStream::connect(upstream).await?;
    socket.set_nodelay(true)?;
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .handshake(TokioIo::new(socket))
        .await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn exchange(
    request: Request<Incoming>,
    calls: Rc<Calls>,
    mut sender: Sender,
) -> Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let size = body.collect().await?.to_bytes().len();
    let canned = calls.choose(&head.method, head.uri.path(), size);
    let call = Request::post(canned.uri.clone())
        .header(header::CONTENT_TYPE, "application/grpc")
        .header(header::TE, "trailers")
        .body(Full::new(canned.frame.clone()))?;
    sender.ready().await?;
    let answer = sender.send_request(call).await?.into_body().collect().await?;
    let status = answer.trailers().and_then(|trailers| trailers.get("grpc-status"));
    ensure!(status.is_some_and(|status| status == "0"), "the upstream refused a call");
    let mut response = Response::new(Full::new(canned.json.clone()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
