//! How the order service asks the user service: what it hands on, when it asks again, what it makes of errors.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use order_service::users::{UserSettings, Users};
use tokio::net::TcpListener;
use tonic::metadata::MetadataMap;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status};
use user_service::pb;
use user_service::pb::user_service_server::{UserService, UserServiceServer};

type Answer = Result<Option<pb::User>, Status>;

/// A user service that answers as it was told, one answer a call, and remembers how it was asked.
#[derive(Clone, Default)]
struct Scripted {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    asked: Arc<Mutex<Vec<MetadataMap>>>,
}

macro_rules! not_scripted {
    ($($method:ident($request:ident) -> $response:ident;)*) => {
        #[tonic::async_trait]
        impl UserService for Scripted {
            async fn validate_user(
                &self,
                request: Request<pb::ValidateUserRequest>,
            ) -> Result<Response<pb::ValidateUserResponse>, Status> {
                self.asked.lock().unwrap().push(request.metadata().clone());
                let user = self.answers.lock().unwrap().pop_front().expect("no more answers")?;
                Ok(Response::new(pb::ValidateUserResponse { is_valid: user.is_some(), user }))
            }

            $(async fn $method(
                &self,
                _: Request<pb::$request>,
            ) -> Result<Response<pb::$response>, Status> {
                Err(Status::unimplemented("not scripted"))
            })*
        }
    };
}

not_scripted! {
    create_user(CreateUserRequest) -> CreateUserResponse;
    get_user(GetUserRequest) -> GetUserResponse;
    list_users(ListUsersRequest) -> ListUsersResponse;
    update_user(UpdateUserRequest) -> UpdateUserResponse;
    delete_user(DeleteUserRequest) -> DeleteUserResponse;
}

async fn serve(answers: impl IntoIterator<Item = Answer>) -> (Scripted, Users) {
    let script = Scripted::default();
    script.answers.lock().unwrap().extend(answers);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = Server::builder().add_service(UserServiceServer::new(script.clone()));
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    let settings = UserSettings::read(&[("USER_SERVICE_URL", address)].into_iter().collect()).unwrap();
    (script, Users::new(&settings).unwrap())
}

fn ann() -> pb::User {
    pb::User { id: 1, name: "Ann".into(), ..pb::User::default() }
}

#[tokio::test]
async fn the_request_id_the_trace_and_the_deadline_go_along() {
    let (script, users) = serve([Ok(Some(ann()))]).await;
    let mut caller = MetadataMap::new();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    caller.insert("x-request-id", "abc".parse().unwrap());
    caller.insert("traceparent", trace.parse().unwrap());
    caller.insert("authorization", "secret".parse().unwrap());
    assert_eq!(users.validate(1, &caller).await.unwrap().unwrap().name, "Ann");

    let asked = script.asked.lock().unwrap().remove(0);
    assert_eq!(asked.get("x-request-id").unwrap(), "abc");
    assert_eq!(asked.get("traceparent").unwrap(), trace);
    assert!(asked.contains_key("grpc-timeout"));
    assert!(!asked.contains_key("authorization"), "what is not asked for stays here");
}

#[tokio::test]
async fn unavailable_is_asked_again() {
    let away = || Err(Status::unavailable("in a minute"));
    let (script, users) = serve([away(), away(), Ok(Some(ann()))]).await;
    assert!(users.validate(1, &MetadataMap::new()).await.unwrap().is_some());
    assert_eq!(script.asked.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn unavailable_is_not_asked_for_ever() {
    let away = (0..9).map(|_| Err(Status::unavailable("in a minute")));
    let (script, users) = serve(away).await;
    let status = users.validate(1, &MetadataMap::new()).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "the user service is unavailable"));
    assert_eq!(script.asked.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn an_answer_is_asked_for_once() {
    let no_user: Answer = Ok(None);
    let failure: Answer = Err(Status::internal("at 10.0.0.1"));
    let (script, users) = serve([no_user, failure]).await;
    assert!(users.validate(1, &MetadataMap::new()).await.unwrap().is_none());
    let status = users.validate(1, &MetadataMap::new()).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Internal, "the user service failed"));
    assert_eq!(script.asked.lock().unwrap().len(), 2);
}
