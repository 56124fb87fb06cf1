//! A server that describes itself by gRPC server reflection, as tonic's does, and can change its mind.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::Service;
use tonic::service::Routes;
use tonic_reflection::pb::v1::server_reflection_server::{ServerReflection, ServerReflectionServer};
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};
use tonic_reflection::server::Builder;

pub use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
pub use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
pub use tonic_reflection::pb::v1::{
    ErrorResponse, FileDescriptorResponse, ListServiceResponse, ServiceResponse,
};

/// Which reflection services a server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `grpc.reflection.v1`
    V1,
    /// `grpc.reflection.v1alpha`, as older servers.
    V1Alpha,
    /// None: every call is UNIMPLEMENTED.
    Neither,
}

/// A running server. Dropping it ends it, connections included.
#[derive(Debug)]
pub struct Reflecting {
    address: SocketAddr,
    version: Version,
    routes: Arc<Mutex<Routes>>,
    serving: JoinHandle<()>,
}

impl Drop for Reflecting {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Reflecting {
    /// Starts on a free port, and describes what this descriptor set holds.
    pub async fn start(version: Version, set: &[u8]) -> Self {
        Self::start_on("127.0.0.1:0".parse().unwrap(), version, set).await
    }

    /// Starts on this address.
    pub async fn start_on(address: SocketAddr, version: Version, set: &[u8]) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Arc::new(Mutex::new(routes(version, set)));
        let serving = tokio::spawn(serve(listener, Arc::clone(&routes)));
        Self { address, version, routes, serving }
    }

    /// Starts one (of version 1) that answers each question as the script says: with one answer, none, or many.
    pub async fn scripted(
        script: impl Fn(MessageRequest) -> Vec<MessageResponse> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let scripted = ServerReflectionServer::new(Scripted(Arc::new(script)));
        let routes = Arc::new(Mutex::new(Routes::new(scripted)));
        let serving = tokio::spawn(serve(listener, Arc::clone(&routes)));
        Self { address, version: Version::V1, routes, serving }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on it describes this.
    pub fn describe(&self, set: &[u8]) {
        *self.routes.lock().unwrap() = routes(self.version, set);
    }
}

struct Scripted(Arc<dyn Fn(MessageRequest) -> Vec<MessageResponse> + Send + Sync>);

#[tonic::async_trait]
impl ServerReflection for Scripted {
    type ServerReflectionInfoStream =
        Pin<Box<dyn tokio_stream::Stream<Item = Result<ServerReflectionResponse, tonic::Status>> + Send>>;

    async fn server_reflection_info(
        &self,
        request: tonic::Request<tonic::Streaming<ServerReflectionRequest>>,
    ) -> Result<tonic::Response<Self::ServerReflectionInfoStream>, tonic::Status> {
        let (sender, receiver) = tokio::sync::mpsc::channel(16);
        let script = Arc::clone(&self.0);
        let mut questions = request.into_inner();
        tokio::spawn(async move {
            while let Ok(Some(question)) = questions.message().await {
                for answer in script(question.message_request.unwrap()) {
                    let answer = ServerReflectionResponse {
                        message_response: Some(answer),
                        ..ServerReflectionResponse::default()
                    };
                    if sender.send(Ok(answer)).await.is_err() {
                        return;
                    }
                }
            }
        });
        Ok(tonic::Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

fn routes(version: Version, set: &[u8]) -> Routes {
    let set = prost_types::FileDescriptorSet::decode(set).unwrap();
    let builder = Builder::configure().register_file_descriptor_set(set);
    match version {
        Version::V1 => Routes::new(builder.build_v1().unwrap()),
        Version::V1Alpha => Routes::new(builder.build_v1alpha().unwrap()),
        Version::Neither => Routes::default(),
    }
}

async fn serve(listener: TcpListener, routes: Arc<Mutex<Routes>>) {
    // Aborting this task drops the set, which ends the connections.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let routes = Arc::clone(&routes);
        connections.spawn(async move {
            let answer = service_fn(move |request| {
                let mut current = routes.lock().unwrap().clone();
                async move { current.call(request).await }
            });
            // A client that hangs up is part of it.
            drop(
                hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), answer)
                    .await,
            );
        });
    }
}
