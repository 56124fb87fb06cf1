//! What a unary call costs: CPU time and allocations of the calling thread, beside hyper's client doing the same.
//!
//! The server is raw h2 on a thread of its own, so that the figures are the client's alone. `cargo bench -p upstream`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a program for the developer's eyes"
)]
#![allow(unsafe_code, reason = "a counting allocator is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use tokio::time::Instant;
use upstream::{Address, Call, Upstream, UpstreamSpec, frame};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is handed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|n| n.set(n.get() + 1));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|n| n.set(n.get() + 1));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const ROUNDS: usize = 5;
/// Calls of a round, fewer where they are large.
const CALLS: usize = 20_000;

/// CPU time of this thread.
fn cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place to write to.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// An echo over raw h2, on a thread of its own.
fn server() -> String {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap().to_string()).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                tokio::spawn(serve(stream));
            }
        });
    });
    told.recv().unwrap()
}

async fn serve(stream: tokio::net::TcpStream) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        tokio::spawn(async move {
            let health = request.uri().path().starts_with("/grpc.health.v1.");
            let mut body = request.into_body();
            let mut message = bytes::BytesMut::new();
            while let Some(Ok(chunk)) = body.data().await {
                let _ = body.flow_control().release_capacity(chunk.len());
                message.extend_from_slice(&chunk);
            }
            let mut response = http::Response::new(());
            response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
            if health {
                response.headers_mut().insert("grpc-status", HeaderValue::from_static("12"));
                let _ = respond.send_response(response, true);
                return;
            }
            let Ok(mut send) = respond.send_response(response, false) else { return };
            let _ = send.send_data(message.freeze(), false);
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static("0"));
            let _ = send.send_trailers(trailers);
        });
    }
}

fn metadata() -> HeaderMap {
    let mut metadata = HeaderMap::with_capacity(12);
    metadata.insert("x-request-id", HeaderValue::from_static("0f9a3c52-7d1e-4b6a-9e3d-3f3c0f9a3c52"));
    metadata.insert("user-agent", HeaderValue::from_static("bench/1.0"));
    metadata.insert("x-forwarded-for", HeaderValue::from_static("127.0.0.1"));
    metadata
}

/// Runs so many calls, `at_once` of them at a time, and gives CPU nanoseconds and allocations per call.
async fn measure<F, Fut>(at_once: usize, calls: usize, call: F) -> (u128, u64)
where
    F: Fn() -> Fut + Clone + 'static,
    Fut: Future<Output = ()>,
{
    let (cpu_before, allocations) = (cpu(), ALLOCATIONS.get());
    let local = tokio::task::LocalSet::new();
    for _ in 0..at_once {
        let call = call.clone();
        local.spawn_local(async move {
            for _ in 0..calls / at_once {
                call().await;
            }
        });
    }
    local.await;
    ((cpu() - cpu_before).as_nanos() / calls as u128, (ALLOCATIONS.get() - allocations) / calls as u64)
}

async fn hyper_client(address: &str) -> hyper::client::conn::http2::SendRequest<Full<Bytes>> {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (client, connection) = hyper::client::conn::http2::Builder::new(hyper_util::rt::TokioExecutor::new())
        .handshake::<_, Full<Bytes>>(hyper_util::rt::TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    client
}

async fn hyper_call(
    client: &hyper::client::conn::http2::SendRequest<Full<Bytes>>,
    uri: &http::Uri,
    message: &Bytes,
) {
    let mut request = Request::post(uri.clone()).body(Full::new(message.clone())).unwrap();
    *request.headers_mut() = metadata();
    request.headers_mut().insert("te", HeaderValue::from_static("trailers"));
    request.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    request.headers_mut().insert("grpc-timeout", HeaderValue::from_static("3000m"));
    let response = client.clone().send_request(request).await.unwrap();
    let collected = response.into_body().collect().await.unwrap();
    assert_eq!(collected.trailers().unwrap()["grpc-status"], "0");
}

async fn upstream_call(upstream: &Upstream, path: &PathAndQuery, message: &Bytes, idempotent: bool) {
    let deadline = Instant::now() + Duration::from_secs(3);
    let mut call = Call::new(path.clone(), message.clone(), deadline);
    call.metadata = metadata();
    call.idempotent = idempotent;
    assert!(upstream.unary(call).await.unwrap().status.is_ok());
}

fn main() {
    let address = server();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let spec = UpstreamSpec::new(vec![Address::parse(&address).unwrap()]);
        let upstream = Upstream::start("bench", spec, 1).unwrap();
        let hyper = Arc::new(hyper_client(&address).await);
        let path = PathAndQuery::from_static("/shop.user.v1.UserService/GetUser");
        let uri: http::Uri = format!("http://{address}{path}").parse().unwrap();
        println!(
            "{:<28}{:>9}{:>14}{:>14}",
            "client, best of rounds", "at once", "CPU ns/call", "allocations"
        );
        for (at_once, size) in [(1, 40), (16, 40), (128, 40), (16, 100_000)] {
            let message = frame::frame(&vec![7; size]);
            let mut best = [(u128::MAX, 0); 3];
            for _ in 0..ROUNDS {
                for (kind, best) in best.iter_mut().enumerate() {
                    let (upstream, hyper) = (Arc::clone(&upstream), Arc::clone(&hyper));
                    let (path, uri, message) = (path.clone(), uri.clone(), message.clone());
                    let call = move || {
                        let (upstream, hyper) = (Arc::clone(&upstream), Arc::clone(&hyper));
                        let (path, uri, message) = (path.clone(), uri.clone(), message.clone());
                        async move {
                            match kind {
                                0 => hyper_call(&hyper, &uri, &message).await,
                                1 => upstream_call(&upstream, &path, &message, false).await,
                                _ => upstream_call(&upstream, &path, &message, true).await,
                            }
                        }
                    };
                    *best = (*best)
                        .min(measure(at_once, if size > 1000 { CALLS / 20 } else { CALLS }, call).await);
                }
            }
            for (name, (ns, allocations)) in ["hyper", "upstream", "upstream, idempotent"].iter().zip(best) {
                println!("{:<28}{at_once:>9}{ns:>14}{allocations:>14}", format!("{name}, {size} B"));
            }
        }
    });
}
