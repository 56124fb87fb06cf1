//! The user service, asked over one lazy connection that all calls share: within a deadline, again after UNAVAILABLE,
//! under the caller's request id and trace.

use std::error::Error;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::time::Duration;

use kit::calls;
use kit::settings::{Environment, SettingError};
use tokio::time::Instant;
use tonic::metadata::MetadataMap;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status};

use self::pb::user_service_client::UserServiceClient;

/// The code that `proto/shop/user/v1/user.proto` compiles to.
pub mod pb {
    #![allow(missing_docs, clippy::all, unused_qualifications, reason = "generated code")]
    tonic::include_proto!("shop.user.v1");
}

/// How long a question may take, with all its tries.
const DEADLINE: Duration = Duration::from_secs(3);
/// How long one connection may take to come up.
const CONNECT_PATIENCE: Duration = Duration::from_secs(1);
/// Tries in all.
const TRIES: u32 = 4;
/// The longest pause after the first try; it doubles with each one.
const PAUSE: Duration = Duration::from_millis(50);
/// A peer that is gone without a word is noticed after this and [`PING_PATIENCE`].
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_PATIENCE: Duration = Duration::from_secs(5);

/// Where the user service is, and how it is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserSettings {
    /// `USER_SERVICE_URL` as a URI.
    uri: String,
    /// The variable as it was given.
    given: String,
    /// `USER_SERVICE_CA`: who signed its certificate, if not one whom the host trusts.
    ca: Option<PathBuf>,
    /// `USER_SERVICE_CERT` and `USER_SERVICE_KEY`: what it is shown when it asks for a certificate.
    identity: Option<(PathBuf, PathBuf)>,
}

impl UserSettings {
    /// Reads the variables.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub fn read(environment: &Environment) -> Result<Self, SettingError> {
        let given = environment.get("USER_SERVICE_URL").unwrap_or("localhost:50051");
        let uri = uri_of(given).ok_or_else(|| {
            let wanted = "expected host:port, http://host:port or https://host:port";
            SettingError::new("USER_SERVICE_URL", given, wanted)
        })?;
        let identity = match (environment.get("USER_SERVICE_CERT"), environment.get("USER_SERVICE_KEY")) {
            (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
            (None, None) => None,
            (Some(lonely), None) => {
                return Err(SettingError::new(
                    "USER_SERVICE_CERT",
                    lonely,
                    "needs USER_SERVICE_KEY beside it",
                ));
            }
            (None, Some(lonely)) => {
                return Err(SettingError::new(
                    "USER_SERVICE_KEY",
                    lonely,
                    "needs USER_SERVICE_CERT beside it",
                ));
            }
        };
        let ca = environment.get("USER_SERVICE_CA").map(PathBuf::from);
        Ok(Self { uri, given: given.to_owned(), ca, identity })
    }

    fn tls(&self) -> Result<ClientTlsConfig, SettingError> {
        let mut tls = match &self.ca {
            Some(ca) => {
                let pem = kit::server::read("USER_SERVICE_CA", ca)?;
                ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem))
            }
            None => ClientTlsConfig::new().with_native_roots(),
        };
        if let Some((certificate, key)) = &self.identity {
            let certificate = kit::server::read("USER_SERVICE_CERT", certificate)?;
            tls = tls.identity(Identity::from_pem(certificate, kit::server::read("USER_SERVICE_KEY", key)?));
        }
        Ok(tls)
    }
}

fn uri_of(given: &str) -> Option<String> {
    let given = given.trim_end_matches('/');
    if let Some(host) = given.strip_prefix("https://").or_else(|| given.strip_prefix("http://")) {
        let named = !host.is_empty() && !host.contains(['/', '@']);
        return named.then(|| given.to_owned());
    }
    let address = given.strip_prefix("dns:///").unwrap_or(given);
    let (host, port) = address.rsplit_once(':')?;
    let fine = !host.is_empty() && !host.contains(['/', '@']) && port.parse::<u16>().is_ok();
    fine.then(|| format!("http://{address}"))
}

/// The client. Clones share the connection.
#[derive(Debug, Clone)]
pub struct Users {
    client: UserServiceClient<Channel>,
}

impl Users {
    /// Prepares the connection; it comes up with the first question, and again whenever it was lost.
    ///
    /// # Errors
    /// The address or a file cannot be used. The user service itself need not be there.
    pub fn new(settings: &UserSettings) -> Result<Self, SettingError> {
        let wrong = |error: tonic::transport::Error| {
            SettingError::new("USER_SERVICE_URL", &settings.given, error.to_string())
        };
        let mut endpoint = Endpoint::from_shared(settings.uri.clone())
            .map_err(wrong)?
            .connect_timeout(CONNECT_PATIENCE)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_PATIENCE)
            .keep_alive_while_idle(true);
        if settings.uri.starts_with("https://") {
            endpoint = endpoint.tls_config(settings.tls()?).map_err(wrong)?;
        }
        Ok(Self { client: UserServiceClient::new(endpoint.connect_lazy()) })
    }

    /// The user with this id, if there is one. `caller` is the metadata of the call that this is asked for.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the user service cannot be reached, `DEADLINE_EXCEEDED` when it does not answer in time,
    /// `INTERNAL` when it fails.
    pub async fn validate(&self, user_id: i32, caller: &MetadataMap) -> Result<Option<pb::User>, Status> {
        let begun = Instant::now();
        let deadline = begun + DEADLINE;
        let mut tries = 0;
        let outcome = loop {
            tries += 1;
            let status = match tokio::time::timeout_at(deadline, self.ask(user_id, caller, deadline)).await {
                Ok(Ok(answer)) => break Ok(answer),
                Ok(Err(status)) if !is_of_the_clock(&status) => status,
                Ok(Err(_)) | Err(_) => break Err(Status::deadline_exceeded("no answer")),
            };
            let pause = pause_after(tries);
            if !may_help_to_retry(&status) || tries == TRIES || Instant::now() + pause >= deadline {
                break Err(status);
            }
            tokio::time::sleep(pause).await;
        };
        let code = calls::name_of(outcome.as_ref().map_or_else(Status::code, |_| Code::Ok));
        let request_id = caller.get(calls::REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or("-");
        let took = begun.elapsed();
        match outcome {
            Ok(answer) => {
                tracing::info!(method = VALIDATE, %code, ?took, tries, %request_id, "call to the user service");
                Ok(answer.user.filter(|_| answer.is_valid))
            }
            Err(status) => {
                let error = status.message();
                tracing::warn!(method = VALIDATE, %code, ?took, tries, %request_id, error, "call to the user service");
                Err(as_own(&status))
            }
        }
    }

    async fn ask(
        &self,
        user_id: i32,
        caller: &MetadataMap,
        deadline: Instant,
    ) -> Result<pb::ValidateUserResponse, Status> {
        let mut request = Request::new(pb::ValidateUserRequest { user_id });
        request.set_timeout(deadline.saturating_duration_since(Instant::now()));
        for name in [calls::REQUEST_ID, calls::TRACEPARENT] {
            if let Some(value) = caller.get(name) {
                request.metadata_mut().insert(name, value.clone());
            }
        }
        Ok(self.client.clone().validate_user(request).await?.into_inner())
    }
}

const VALIDATE: &str = "shop.user.v1.UserService/ValidateUser";

/// An answer UNAVAILABLE, or none because the connection broke. Asking changes nothing, so it may be asked twice.
fn may_help_to_retry(status: &Status) -> bool {
    status.code() == Code::Unavailable || is_of_the_connection(status)
}

/// Whether the status was made here, from an error of the connection, and not by the user service.
fn is_of_the_connection(status: &Status) -> bool {
    status.source().is_some()
}

/// Whether the deadline has passed: some servers say CANCELLED then, and nobody here cancels.
fn is_of_the_clock(status: &Status) -> bool {
    matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled)
}

/// Exponential, with full jitter.
fn pause_after(tries: u32) -> Duration {
    let longest = PAUSE * 2u32.saturating_pow(tries.saturating_sub(1));
    let random = RandomState::new().hash_one(tries) % 1024;
    longest * u32::try_from(random).unwrap_or(0) / 1024
}

/// What a caller of the order service is told; it never learns addresses.
fn as_own(status: &Status) -> Status {
    match status.code() {
        Code::DeadlineExceeded => Status::deadline_exceeded("the user service did not answer in time"),
        Code::Unavailable => Status::unavailable("the user service is unavailable"),
        _ if is_of_the_connection(status) => Status::unavailable("the user service is unavailable"),
        _ => Status::internal("the user service failed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_may_be_given_in_any_usual_form() {
        for (given, uri) in [
            ("localhost:50051", Some("http://localhost:50051")),
            ("[::1]:50051", Some("http://[::1]:50051")),
            ("dns:///users.local:50051", Some("http://users.local:50051")),
            ("http://users:1/", Some("http://users:1")),
            ("https://users.example", Some("https://users.example")),
            ("users", None),
            (":50051", None),
            ("users:port", None),
            ("http://", None),
            ("ftp://users:1", None),
            ("users:1/path", None),
        ] {
            assert_eq!(uri_of(given).as_deref(), uri, "{given}");
        }
    }

    #[test]
    fn a_bad_address_is_named() {
        let error = UserSettings::read(&[("USER_SERVICE_URL", "users")].into_iter().collect()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "USER_SERVICE_URL=\"users\": expected host:port, http://host:port or https://host:port"
        );
        let error = UserSettings::read(&[("USER_SERVICE_CERT", "c.pem")].into_iter().collect()).unwrap_err();
        assert_eq!(error.to_string(), "USER_SERVICE_CERT=\"c.pem\": needs USER_SERVICE_KEY beside it");
    }

    #[test]
    fn pauses_grow_and_vary() {
        for tries in 1..TRIES {
            let longest = PAUSE * 2u32.pow(tries - 1);
            let pauses: Vec<_> = (0..50).map(|_| pause_after(tries)).collect();
            assert!(pauses.iter().all(|pause| *pause < longest));
            assert!(pauses.iter().any(|pause| *pause != pauses[0]));
        }
    }
}
