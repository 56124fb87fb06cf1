//! The user service over real sockets, as its callers see it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use kit::server::Running;
use kit::settings::Environment;
use kit::testing::Postgres;
use prost_types::FieldMask;
use tempfile::TempDir;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1 as reflection;
use tonic_types::StatusExt;
use user_service::pb::user_service_client::UserServiceClient;
use user_service::pb::{self, User};

struct Server {
    running: Running,
    _folder: TempDir,
}

async fn server(more: &[(&str, &str)]) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}/user.db", folder.path().display());
    let variables = [("LISTEN", "127.0.0.1:0"), ("DATABASE_URL", &database)];
    let environment: Environment = variables.iter().chain(more).copied().collect();
    Server { running: user_service::start(&environment).await.unwrap(), _folder: folder }
}

impl Server {
    async fn channel(&self) -> Channel {
        let uri = format!("http://{}", self.running.address());
        Endpoint::from_shared(uri).unwrap().connect().await.unwrap()
    }

    async fn client(&self) -> UserServiceClient<Channel> {
        UserServiceClient::new(self.channel().await)
    }
}

fn ann() -> pb::CreateUserRequest {
    pb::CreateUserRequest {
        name: "Ann".into(),
        email: "ann@shop.example".into(),
        phone: "1".into(),
        address: "Main Street".into(),
    }
}

/// The fields that a bad request names.
fn fields(status: &Status) -> Vec<String> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let details = status.get_details_bad_request().expect("google.rpc.BadRequest");
    details.field_violations.into_iter().map(|violation| violation.field).collect()
}

#[tokio::test]
async fn a_user_is_created_read_and_validated() {
    let server = server(&[]).await;
    let mut client = server.client().await;
    let created = client.create_user(ann()).await.unwrap().into_inner();
    assert_eq!(created.message, "User created successfully");
    let user = created.user.unwrap();
    assert_eq!((user.id, user.name.as_str(), user.email.as_str()), (1, "Ann", "ann@shop.example"));
    assert!(user.created_at.unwrap().seconds > 1_700_000_000);

    let read = client.get_user(pb::GetUserRequest { user_id: 1 }).await.unwrap().into_inner();
    assert_eq!(read.user.as_ref(), Some(&user));
    let valid = client.validate_user(pb::ValidateUserRequest { user_id: 1 }).await.unwrap().into_inner();
    assert_eq!((valid.is_valid, valid.user), (true, Some(user)));
}

#[tokio::test]
async fn an_unknown_user_is_not_found() {
    let server = server(&[]).await;
    let mut client = server.client().await;
    let missing = [
        client.get_user(pb::GetUserRequest { user_id: 9 }).await.map(drop),
        client.delete_user(pb::DeleteUserRequest { user_id: 9 }).await.map(drop),
        client.update_user(update(User { id: 9, ..User::default() }, &["phone"])).await.map(drop),
    ];
    for outcome in missing {
        let status = outcome.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::NotFound, "user not found"));
    }
    let invalid = client.validate_user(pb::ValidateUserRequest { user_id: 9 }).await.unwrap().into_inner();
    assert_eq!((invalid.is_valid, invalid.user), (false, None));
}

#[tokio::test]
async fn a_bad_user_is_refused_with_every_field_named() {
    let server = server(&[]).await;
    let mut client = server.client().await;
    let long = "x".repeat(501);
    for (request, wanted) in [
        (pb::CreateUserRequest { email: String::new(), ..ann() }, &["email"][..]),
        (pb::CreateUserRequest { name: " ".into(), email: "ann".into(), ..ann() }, &["name", "email"]),
        (pb::CreateUserRequest { email: "a@b@c".into(), ..ann() }, &["email"]),
        (pb::CreateUserRequest { email: "a b@c".into(), ..ann() }, &["email"]),
        (pb::CreateUserRequest { email: "@c".into(), ..ann() }, &["email"]),
        (
            pb::CreateUserRequest { phone: long.clone(), address: long.clone(), ..ann() },
            &["phone", "address"],
        ),
    ] {
        assert_eq!(fields(&client.create_user(request).await.unwrap_err()), wanted);
    }
    let status = client.get_user(pb::GetUserRequest { user_id: 0 }).await.unwrap_err();
    assert_eq!(fields(&status), ["user_id"]);
}

#[tokio::test]
async fn a_taken_email_already_exists() {
    let server = server(&[]).await;
    let mut client = server.client().await;
    client.create_user(ann()).await.unwrap();
    let again = pb::CreateUserRequest { email: "ANN@SHOP.EXAMPLE".into(), ..ann() };
    let status = client.create_user(again).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::AlreadyExists, "a user with this email already exists")
    );
}

#[tokio::test]
async fn pages_cover_all_users_once_while_users_come_and_go() {
    let server = server(&[]).await;
    let mut client = server.client().await;
    for n in 0..5 {
        let user = pb::CreateUserRequest { email: format!("{n}@shop.example"), ..ann() };
        client.create_user(user).await.unwrap();
    }
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let request = pb::ListUsersRequest { page_size: 2, page_token: token };
        let page = client.list_users(request).await.unwrap().into_inner();
        seen.extend(page.users.iter().map(|user| user.id));
        // A user of the page just read goes away: the next page starts where it would have.
        client.delete_user(pb::DeleteUserRequest { user_id: page.users[0].id }).await.unwrap();
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, [1, 2, 3, 4, 5]);
    let strange = pb::ListUsersRequest { page_size: 0, page_token: "x".into() };
    assert_eq!(fields(&client.list_users(strange).await.unwrap_err()), ["page_token"]);
    let negative = pb::ListUsersRequest { page_size: -1, page_token: String::new() };
    assert_eq!(fields(&client.list_users(negative).await.unwrap_err()), ["page_size"]);
}

fn update(user: User, paths: &[&str]) -> pb::UpdateUserRequest {
    let paths = paths.iter().map(ToString::to_string).collect();
    pb::UpdateUserRequest { user: Some(user), update_mask: Some(FieldMask { paths }) }
}

#[tokio::test]
async fn an_update_honours_its_mask() {
    let server = server(&[]).await;
    let mut client = server.client().await;
    client.create_user(ann()).await.unwrap();
    let new = User { id: 1, name: "Anna".into(), email: "anna@shop.example".into(), ..User::default() };
    // The paths of the mask, and what the name, the email, the phone and the address are then.
    for (paths, wanted) in [
        (&["name"][..], ["Anna", "ann@shop.example", "1", "Main Street"]),
        (&["id", "phone"], ["Anna", "ann@shop.example", "", "Main Street"]),
        (&[], ["Anna", "anna@shop.example", "", "Main Street"]),
        (&["*"], ["Anna", "anna@shop.example", "", ""]),
    ] {
        let user = client.update_user(update(new.clone(), paths)).await.unwrap().into_inner().user.unwrap();
        assert_eq!([&user.name, &user.email, &user.phone, &user.address], wanted, "{paths:?}");
    }
    for (user, paths, wanted) in [
        (User { id: 1, ..User::default() }, &["email"][..], "user.email"),
        (new.clone(), &["nickname"], "update_mask"),
        (new.clone(), &["created_at"], "update_mask"),
        (User::default(), &["name"], "user.id"),
    ] {
        assert_eq!(fields(&client.update_user(update(user, paths)).await.unwrap_err()), [wanted]);
    }
    let nobody = pb::UpdateUserRequest::default();
    assert_eq!(fields(&client.update_user(nobody).await.unwrap_err()), ["user"]);
}

#[tokio::test]
async fn a_removed_user_frees_the_email() {
    let server = server(&[]).await;
    let mut client = server.client().await;
    client.create_user(ann()).await.unwrap();
    client.delete_user(pb::DeleteUserRequest { user_id: 1 }).await.unwrap();
    assert_eq!(client.create_user(ann()).await.unwrap().into_inner().user.unwrap().id, 2);
}

#[tokio::test]
async fn health_is_told_per_service() {
    let server = server(&[]).await;
    let mut health = HealthClient::new(server.channel().await);
    let mut check = async |service: &str| {
        let request = tonic_health::pb::HealthCheckRequest { service: service.into() };
        health.check(request).await.map(|answer| answer.into_inner().status())
    };
    assert_eq!(check("").await.unwrap(), ServingStatus::Serving);
    assert_eq!(check(user_service::NAME).await.unwrap(), ServingStatus::Serving);
    assert_eq!(check("shop.Unknown").await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn health_follows_the_database() {
    let Some(mut postgres) = Postgres::start() else { return };
    let database = postgres.database("users");
    let server = server(&[("DATABASE_URL", &database)]).await;
    let mut client = server.client().await;
    client.create_user(ann()).await.unwrap();
    let mut health = HealthClient::new(server.channel().await);
    let request = tonic_health::pb::HealthCheckRequest { service: user_service::NAME.into() };
    let mut watch = health.watch(request).await.unwrap().into_inner();
    let mut next = async || watch.message().await.unwrap().unwrap().status();
    assert_eq!(next().await, ServingStatus::Serving);

    postgres.halt();
    assert_eq!(next().await, ServingStatus::NotServing);
    let status = client.get_user(pb::GetUserRequest { user_id: 1 }).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "the database is unavailable"));

    postgres.resume();
    assert_eq!(next().await, ServingStatus::Serving);
    client.get_user(pb::GetUserRequest { user_id: 1 }).await.unwrap();
}

#[tokio::test]
async fn reflection_tells_of_the_service_and_its_http_rules() {
    use reflection::server_reflection_request::MessageRequest;
    use reflection::server_reflection_response::MessageResponse;

    let server = server(&[]).await;
    let mut client =
        reflection::server_reflection_client::ServerReflectionClient::new(server.channel().await);
    let ask =
        |message| reflection::ServerReflectionRequest { host: String::new(), message_request: Some(message) };
    let requests = vec![
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol("shop.user.v1.UserService".into())),
    ];
    let mut answers = client.server_reflection_info(tokio_stream::iter(requests)).await.unwrap().into_inner();
    let mut next = async || answers.message().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(list) = next().await else { panic!("a list of services") };
    let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
    for name in ["shop.user.v1.UserService", "grpc.health.v1.Health"] {
        assert!(names.contains(&name), "{names:?}");
    }
    let MessageResponse::FileDescriptorResponse(file) = next().await else { panic!("a file") };
    let has_rule = file.file_descriptor_proto[0].windows(16).any(|part| part == b"/users/{user_id}");
    assert!(has_rule, "the google.api.http options survive reflection");
}

#[tokio::test]
async fn a_stop_ends_those_who_watch_the_health() {
    let server = server(&[("DRAIN", "5s")]).await;
    let mut health = HealthClient::new(server.channel().await);
    let request = tonic_health::pb::HealthCheckRequest { service: user_service::NAME.into() };
    let mut watch = health.watch(request).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    assert!(server.running.stop().await, "the stream did not hold the server up");
    while let Ok(Some(update)) = watch.message().await {
        assert_eq!(update.status(), ServingStatus::NotServing);
    }
}

#[tokio::test]
async fn a_taken_port_is_one_clear_line() {
    let server = server(&[]).await;
    let listen = server.running.address().to_string();
    let environment = [("LISTEN", listen.as_str()), ("DATABASE_URL", "sqlite::memory:")];
    let error = user_service::start(&environment.into_iter().collect()).await.unwrap_err().to_string();
    assert_eq!(error, format!("LISTEN={listen:?}: the port is taken by another program"));
}

/// A certificate authority with a certificate for `localhost` and one for a client, in files.
struct Certificates {
    folder: TempDir,
    ca: String,
    client: (String, String),
}

impl Certificates {
    fn make() -> Self {
        use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let signed = |name: &str| {
            let key = KeyPair::generate().unwrap();
            let certificate =
                CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &ca).unwrap();
            (certificate.pem(), key.serialize_pem())
        };
        let folder = tempfile::tempdir().unwrap();
        let server = signed("localhost");
        for (name, text) in [("cert.pem", &server.0), ("key.pem", &server.1), ("ca.pem", &ca.pem())] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Self { folder, ca: ca.pem(), client: signed("client") }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn trust(&self) -> ClientTlsConfig {
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&self.ca)).domain_name("localhost")
    }
}

async fn call_over_tls(server: &Server, tls: ClientTlsConfig) -> Result<(), String> {
    let uri = format!("https://{}", server.running.address());
    let endpoint = Endpoint::from_shared(uri).unwrap().tls_config(tls).unwrap();
    let channel = endpoint.connect().await.map_err(|error| error.to_string())?;
    let request = pb::ValidateUserRequest { user_id: 1 };
    let answer = UserServiceClient::new(channel).validate_user(request).await;
    answer.map(drop).map_err(|status| status.to_string())
}

#[tokio::test]
async fn tls_is_served_and_clients_show_certificates_when_told_to() {
    let files = Certificates::make();
    let (certificate, key, ca) = (files.path("cert.pem"), files.path("key.pem"), files.path("ca.pem"));
    let tls = [("TLS_CERT", certificate.as_str()), ("TLS_KEY", key.as_str())];

    let open = server(&tls).await;
    call_over_tls(&open, files.trust()).await.unwrap();

    let closed = server(&[tls[0], tls[1], ("TLS_CLIENT_CA", ca.as_str())]).await;
    call_over_tls(&closed, files.trust()).await.unwrap_err();
    let identity = Identity::from_pem(&files.client.0, &files.client.1);
    call_over_tls(&closed, files.trust().identity(identity)).await.unwrap();
}

#[tokio::test]
async fn a_missing_certificate_is_named() {
    let variables = [
        ("LISTEN", "127.0.0.1:0"),
        ("DATABASE_URL", "sqlite::memory:"),
        ("TLS_CERT", "no/such.pem"),
        ("TLS_KEY", "no/such.key"),
    ];
    let error = user_service::start(&variables.into_iter().collect()).await.unwrap_err().to_string();
    assert!(error.starts_with(r#"TLS_CERT="no/such.pem": cannot be read:"#), "{error}");
}
