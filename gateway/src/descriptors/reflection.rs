//! gRPC server reflection: asks a running server for the descriptors of its services.
//!
//! Version 1 is tried first, then v1alpha, which older servers have; their messages are the same. The server is reached
//! as its upstream says (addresses, TLS), over a connection of its own, so that nothing here counts as traffic.

mod files;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http::uri::PathAndQuery;
use prost::Message as _;
use tokio::time::{Instant, timeout_at};
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::ServerReflectionResponse;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use upstream::{
    Call, CallError, Event, Exchange, Receiver, Request, Sender, StartError, Status, Upstream, UpstreamSpec,
    code, frame,
};

pub(super) use files::without_common;
use files::{Files, MAX_FILES};

/// The methods, in the order in which they are tried.
const METHODS: [&str; 2] = [
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];
/// The most that a server may send in all, in bytes.
const MAX_BYTES: usize = 64 << 20;
/// The most that it may send in one answer.
const MAX_ANSWER: usize = 16 << 20;
/// Questions that are sent before the first of their answers is read.
const BATCH: usize = 32;

/// Descriptors that a server has told, as a descriptor set whose files are in the order of their names: two are equal
/// when their bytes are.
#[derive(Clone, PartialEq, Eq)]
pub struct Reflected(Arc<[u8]>);

impl Reflected {
    /// The serialized FileDescriptorSet.
    pub fn set(&self) -> &[u8] {
        &self.0
    }

    /// Returns the names of its files.
    pub fn file_names(&self) -> Vec<String> {
        files::names(&self.0)
    }
}

impl std::fmt::Debug for Reflected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reflected({} bytes)", self.0.len())
    }
}

/// Why a server's descriptors are not to be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReflectError {
    /// The upstream cannot be used as it is declared.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Nobody answers there.
    #[error("{0}")]
    Unreachable(String),
    /// Not within the time given.
    #[error("no answer within {0:?}")]
    Late(Duration),
    /// It has no reflection service.
    #[error("it serves neither grpc.reflection.v1 nor grpc.reflection.v1alpha")]
    NotServed,
    /// It answers an error.
    #[error("it answers {}: {}", code::name(.0.code), .0.message)]
    Status(Status),
    /// The call broke.
    #[error(transparent)]
    Call(CallError),
    /// What it answers is against the protocol.
    #[error("its answer is not one of reflection: {0}")]
    Malformed(String),
    /// It tells of too much.
    #[error("it tells of more than {MAX_FILES} files or {} MiB", MAX_BYTES >> 20)]
    TooLarge,
    /// It tells of no service but its own.
    #[error("it tells of no service")]
    Empty,
}

impl ReflectError {
    /// Whether the server may answer later: it cannot be reached now.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Late(_) | Self::Call(_) => true,
            Self::Status(status) => matches!(status.code, code::UNAVAILABLE | code::DEADLINE_EXCEEDED),
            _ => false,
        }
    }

    /// Whether the server has no such method at all, so that another version may be tried.
    fn is_unimplemented(&self) -> bool {
        match self {
            Self::Status(status) => status.code == code::UNIMPLEMENTED,
            Self::Call(error) => error.code() == code::UNIMPLEMENTED,
            _ => false,
        }
    }
}

/// A server to ask.
#[derive(Debug, Clone)]
pub struct Question {
    /// The name of its upstream.
    pub upstream: Arc<str>,
    /// How it is reached.
    pub spec: UpstreamSpec,
    /// How long all of it may take.
    pub patience: Duration,
}

/// Asks all of them at once, and waits. For code that is not asynchronous; it may run inside a runtime or not.
pub fn reflect_all(questions: &[Question]) -> Vec<Result<Reflected, ReflectError>> {
    if questions.is_empty() {
        return Vec::new();
    }
    let failed = |text: String| vec![Err(ReflectError::Unreachable(text)); questions.len()];
    let ask = || match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(join_all(questions.iter().map(reflect))),
        Err(error) => failed(error.to_string()),
    };
    // A runtime cannot be entered from within another one, a thread of its own can.
    let asked = std::thread::scope(|scope| scope.spawn(ask).join());
    asked.unwrap_or_else(|_| failed("asking broke off".to_owned()))
}

/// Asks a server for the files of all its services, imports included.
///
/// # Errors
/// When it cannot be reached in time, has no reflection, or tells nothing that could be used.
pub async fn reflect(question: &Question) -> Result<Reflected, ReflectError> {
    let upstream = Upstream::start(&question.upstream, for_asking(&question.spec), 1)?;
    let deadline = Instant::now() + question.patience;
    let asked = timeout_at(deadline, ask_any_version(&upstream, deadline)).await;
    match asked.unwrap_or(Err(ReflectError::Late(question.patience))) {
        Err(ReflectError::Call(CallError::Deadline)) => Err(ReflectError::Late(question.patience)),
        Err(ReflectError::Call(error @ (CallError::NoEndpoint(_) | CallError::Connect(_)))) => {
            Err(ReflectError::Unreachable(cause(&upstream, &error)))
        }
        asked => asked,
    }
}

/// The upstream without all that would judge its servers: this is one call.
fn for_asking(spec: &UpstreamSpec) -> UpstreamSpec {
    let mut spec = spec.clone();
    spec.health_check = None;
    spec.outlier_detection = None;
    spec.keepalive = None;
    spec
}

/// What the endpoints and names said, rather than that there are none.
fn cause(upstream: &Upstream, error: &CallError) -> String {
    let view = upstream.view();
    let told = view.endpoints.into_iter().find_map(|endpoint| {
        let text = endpoint.last_error?;
        let text = text.split(" (os error").next().unwrap_or_default();
        Some(format!("{}: {text}", endpoint.address))
    });
    let unresolved = || view.names.first().map(|name| name.problem.to_string());
    told.or_else(unresolved).unwrap_or_else(|| error.to_string())
}

async fn ask_any_version(upstream: &Arc<Upstream>, deadline: Instant) -> Result<Reflected, ReflectError> {
    for method in METHODS {
        match ask(upstream, PathAndQuery::from_static(method), deadline).await {
            Err(error) if error.is_unimplemented() => {}
            asked => return asked,
        }
    }
    Err(ReflectError::NotServed)
}

async fn ask(
    upstream: &Arc<Upstream>,
    method: PathAndQuery,
    deadline: Instant,
) -> Result<Reflected, ReflectError> {
    let list = question(MessageRequest::ListServices(String::new()));
    let mut call = Call::new(method, list, deadline);
    call.max_response = MAX_ANSWER;
    let Exchange { sender, receiver } =
        upstream.open(call, Request::Open).await.map_err(ReflectError::Call)?;
    let Some(sender) = sender else {
        return Err(ReflectError::Malformed("the call cannot be answered".to_owned()));
    };
    let mut session = Session { sender, receiver, received: 0 };
    let services = services(session.answer().await?)?;
    let mut files = Files::default();
    files.find(&services, &mut session).await?;
    files.find_imports(&mut session).await?;
    // A server that does not mind its client's end is no reason to refuse what it told.
    drop(session.sender.finish());
    files.into_set()
}

fn question(request: MessageRequest) -> bytes::Bytes {
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(request) };
    frame::frame(&request.encode_to_vec())
}

/// The services that are worth asking for: reflection itself is no service of the application. Others may have a name that
/// begins like its packages.
fn services(answer: MessageResponse) -> Result<Vec<String>, ReflectError> {
    let list = match answer {
        MessageResponse::ListServicesResponse(list) => list,
        MessageResponse::ErrorResponse(error) => {
            return Err(ReflectError::Malformed(format!(
                "cannot list its services: {}",
                error.error_message
            )));
        }
        _ => return Err(ReflectError::Malformed("no list of services".to_owned())),
    };
    if list.service.len() > MAX_FILES {
        return Err(ReflectError::TooLarge);
    }
    let names = list.service.into_iter().map(|service| service.name);
    let is_reflection =
        |name: &String| METHODS.iter().any(|method| method.split('/').nth(1) == Some(name.as_str()));
    Ok(names.filter(|name| !is_reflection(name)).collect())
}

/// One call of reflection: questions on the way there, answers in their order on the way back.
struct Session {
    sender: Sender,
    receiver: Receiver,
    received: usize,
}

impl Session {
    async fn answer(&mut self) -> Result<MessageResponse, ReflectError> {
        let message = match self.receiver.next().await.map_err(ReflectError::Call)? {
            Event::Message(message) => message,
            Event::End(end) if end.status.is_ok() => {
                return Err(ReflectError::Malformed("it ends before all is answered".to_owned()));
            }
            Event::End(end) => return Err(ReflectError::Status(end.status)),
        };
        self.received = self.received.saturating_add(message.len());
        if self.received > MAX_BYTES {
            return Err(ReflectError::TooLarge);
        }
        let answer = ServerReflectionResponse::decode(message)
            .map_err(|error| ReflectError::Malformed(error.to_string()))?;
        answer.message_response.ok_or_else(|| ReflectError::Malformed("an empty answer".to_owned()))
    }

    /// Sends up to [`BATCH`] questions, then reads their answers.
    async fn ask(&mut self, requests: Vec<MessageRequest>) -> Result<Vec<MessageResponse>, ReflectError> {
        let mut answers = Vec::with_capacity(requests.len());
        let mut sent = 0;
        for request in requests {
            // When it takes no more, the answer says why.
            if self.sender.send(question(request)).await.is_err() {
                self.answer().await?;
                return Err(ReflectError::Malformed("it takes no more questions".to_owned()));
            }
            sent += 1;
        }
        for _ in 0..sent {
            answers.push(self.answer().await?);
        }
        Ok(answers)
    }
}
