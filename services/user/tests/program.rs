//! The program `user-service`: its settings, its log, its health check, its end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use tonic::Request;
use user_service::pb::GetUserRequest;
use user_service::pb::user_service_client::UserServiceClient;

fn program(variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_user-service"));
    command.env_clear().envs([("LISTEN", "127.0.0.1:0"), ("DATABASE_URL", "sqlite::memory:")]);
    command.envs(variables.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A running service, which is killed with its owner.
struct Service {
    process: Child,
    log: BufReader<ChildStdout>,
    address: String,
}

impl Service {
    fn start() -> Self {
        let mut process = program(&[("LOG_FORMAT", "json")]).spawn().unwrap();
        let mut log = BufReader::new(process.stdout.take().unwrap());
        let line = read_until(&mut log, "serving");
        let address = field(&line, "address").to_owned();
        Self { process, log, address }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            self.process.kill().unwrap();
            self.process.wait().unwrap();
        }
    }
}

/// The next line of the log with this message.
fn read_until(log: &mut impl BufRead, message: &str) -> String {
    let mut line = String::new();
    while log.read_line(&mut line).unwrap() > 0 {
        if field(&line, "message") == message {
            return line;
        }
        line.clear();
    }
    panic!("the log ended without {message:?}")
}

/// A text field of a JSON line, as far as these tests need JSON.
fn field<'l>(line: &'l str, name: &str) -> &'l str {
    let rest = line.split_once(&format!("\"{name}\":\"")).map_or("", |(_, rest)| rest);
    rest.split('"').next().unwrap_or_default()
}

#[test]
fn a_bad_setting_is_one_line_and_exit_code_1() {
    for (variable, wanted) in [
        (("LOG_FORMAT", "xml"), "user-service: LOG_FORMAT=\"xml\": expected text or json\n"),
        (("LISTEN", "50051"), "user-service: LISTEN=\"50051\": expected host:port, such as 0.0.0.0:50051\n"),
        (
            ("DATABASE_URL", "mysql://shop:secret@db/users"),
            "user-service: DATABASE_URL=\"mysql://shop:***@db/users\": \
             expected sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE\n",
        ),
    ] {
        let output = program(&[variable]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(String::from_utf8(output.stderr).unwrap(), wanted);
    }
    let output = program(&[]).arg("--port").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn each_call_is_a_line_with_its_request_and_trace_id() {
    let mut service = Service::start();
    let mut client = UserServiceClient::connect(format!("http://{}", service.address)).await.unwrap();
    let mut request = Request::new(GetUserRequest { user_id: 9 });
    request.metadata_mut().insert("x-request-id", "abc".parse().unwrap());
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    request.metadata_mut().insert("traceparent", trace.parse().unwrap());
    client.get_user(request).await.unwrap_err();
    let line = read_until(&mut service.log, "call");
    assert_eq!(field(&line, "method"), "shop.user.v1.UserService/GetUser");
    assert_eq!(field(&line, "code"), "NOT_FOUND");
    assert_eq!(field(&line, "request_id"), "abc");
    assert_eq!(field(&line, "trace_id"), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert!(!field(&line, "took").is_empty(), "{line}");
}

#[test]
fn the_health_check_tells_whether_the_service_serves() {
    let mut service = Service::start();
    let check = |address: &str| program(&[("LISTEN", address)]).arg("healthcheck").output().unwrap();
    assert_eq!(check(&service.address).status.code(), Some(0));
    service.process.kill().unwrap();
    service.process.wait().unwrap();
    let output = check(&service.address);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("is not reachable"));
}

#[test]
fn a_signal_ends_it_in_good_order() {
    for signal in ["-TERM", "-INT"] {
        let mut service = Service::start();
        let process = service.process.id().to_string();
        assert!(Command::new("kill").args([signal, &process]).status().unwrap().success());
        assert_eq!(service.process.wait().unwrap().code(), Some(0));
        read_until(&mut service.log, "stopped");
    }
}
