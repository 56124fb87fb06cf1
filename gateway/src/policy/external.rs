//! Decisions of an authorization service that speaks Envoy's `ext_authz` gRPC API.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use upstream::Upstream;

use super::envoy::Ask;
use super::envoy::auth::{
    Address, AppendAction, AttributeContext, AttributeRequest, CHECK, CheckRequest, CheckResponse,
    DeniedResponse, HeaderOption, HttpRequest, OkResponse, Peer, SocketAddress,
};
use super::finding::{Finding, Problem};
use super::headers::{self, Encoding, fold};
use super::query::QueryEdits;
use super::refusal::{Reason, Refusal};
use super::request::Request;
use crate::edge::ClientCertificate;

const X_FORWARDED_CLIENT_CERT: &str = "x-forwarded-client-cert";

/// The longest text of a denial that is told to the client, in bytes.
const MAX_MESSAGE: usize = 1024;

/// An `ext_authz` policy as it is declared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExternalSpec {
    /// The upstream to ask.
    pub upstream: Arc<str>,
    /// How long an answer may take.
    pub timeout: Duration,
    /// What to do without an answer.
    pub on_failure: OnFailure,
    /// Headers that the service vouches for: never taken from clients, whether it sets them or not.
    pub headers: Vec<HeaderName>,
    /// How the values that it sets are sent upstream.
    pub encoding: Encoding,
}

/// What to do when a service that decides cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnFailure {
    /// Let the request through.
    Allow,
    /// Refuse it.
    Deny,
}

impl ExternalSpec {
    pub(super) fn check(&self) -> Result<(), Vec<Finding>> {
        if self.timeout.is_zero() {
            return Err(vec![Finding::new("timeout", Problem::TimeoutZero)]);
        }
        Ok(())
    }
}

/// An `ext_authz` policy, running.
#[derive(Debug)]
pub(super) struct External {
    pub(super) spec: ExternalSpec,
    pub(super) upstream: Arc<Upstream>,
    /// Told to the service as `route`.
    pub(super) route: Arc<str>,
    /// Whether it has been logged that the dynamic metadata of the service is ignored.
    pub(super) has_reported_metadata: AtomicBool,
}

/// What the service wants done to a request that it lets through.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) metadata: Vec<Change>,
    /// What is taken from the client's headers: the names that the service removes, and those that it sets.
    pub(super) removed: Vec<HeaderName>,
    pub(super) response: Vec<Change>,
    pub(super) query: QueryEdits,
    /// Whether nobody decided, and the configuration allows then.
    pub(super) undecided: bool,
}

/// A header that a service adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) name: HeaderName,
    pub(super) value: HeaderValue,
    pub(super) how: How,
}

/// What becomes of values that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Append,
    AddIfAbsent,
    Overwrite,
    OverwriteIfPresent,
}

impl External {
    /// Asks.
    pub(super) async fn check(&self, request: &Request<'_>) -> Result<Changes, Refusal> {
        let ask = Ask { upstream: &self.upstream, path: CHECK, timeout: self.spec.timeout, idempotent: true };
        let answer: Result<CheckResponse, String> = ask.send(request, &self.question(request)).await;
        match (answer, self.spec.on_failure) {
            (Ok(answer), _) => self.judge(answer, request),
            (Err(error), on_failure) => {
                tracing::debug!(upstream = &*self.spec.upstream, %error, ?on_failure, "authorization service");
                match on_failure {
                    OnFailure::Allow => Ok(Changes { undecided: true, ..Changes::default() }),
                    OnFailure::Deny => {
                        let message = "the request cannot be authorized at the moment";
                        let refusal = Refusal::new(Reason::ExternalUnavailable, message);
                        let record = format!("authorization service `{}`: {error}", self.spec.upstream);
                        Err(refusal.with_record(record).retry_after(Duration::from_secs(1)))
                    }
                }
            }
        }
    }

    fn judge(&self, answer: CheckResponse, request: &Request<'_>) -> Result<Changes, Refusal> {
        if answer.dynamic_metadata.is_some() && !self.has_reported_metadata.swap(true, Relaxed) {
            let (upstream, route) = (&*self.spec.upstream, &*self.route);
            tracing::warn!(upstream, route, "dynamic_metadata of the authorization service is ignored");
        }
        // A service that sends no status has allowed nothing.
        let status = answer.status.unwrap_or(super::envoy::auth::Status { code: -1, message: String::new() });
        if status.code != 0 {
            return Err(denied(answer.denied_response.unwrap_or_default(), &status.message));
        }
        let ok = answer.ok_response.unwrap_or_default();
        changes(&ok, request.headers, self.spec.encoding).map_err(|header| {
            // Without the header, or with the client's value, the call would have another identity.
            let upstream = &*self.spec.upstream;
            tracing::warn!(upstream, header, "authorization service set a header that metadata cannot carry");
            let message = "the authorization service set a header that cannot be sent to the service";
            let record = format!("authorization service `{upstream}`: header `{header}` cannot be sent");
            Refusal::new(Reason::ExternalInvalid, message).with_record(record)
        })
    }

    fn question(&self, request: &Request<'_>) -> CheckRequest {
        let http = HttpRequest {
            id: request.request_id.to_str().unwrap_or_default().to_owned(),
            method: request.method.as_str().to_owned(),
            headers: flatten(request),
            path: request.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            host: request.authority.unwrap_or_default().to_owned(),
            scheme: if request.peer.tls { "https" } else { "http" }.to_owned(),
            size: -1,
            protocol: protocol(request.version).to_owned(),
        };
        let time = prost_types::Timestamp {
            seconds: i64::try_from(request.now.unix.as_secs()).unwrap_or(i64::MAX),
            nanos: i32::try_from(request.now.unix.subsec_nanos()).unwrap_or(0),
        };
        CheckRequest {
            attributes: Some(AttributeContext {
                source: Some(source(request)),
                destination: destination(request),
                request: Some(AttributeRequest { time: Some(time), http: Some(http) }),
                context_extensions: HashMap::from([("route".to_owned(), self.route.to_string())]),
            }),
        }
    }
}

/// The client. Its port is 0 where a trusted proxy names its address without one.
fn source(request: &Request<'_>) -> Peer {
    let certificate = request.peer.certificate();
    Peer {
        address: Some(address(request.client, request.peer.address.port())),
        principal: certificate.map(ClientCertificate::principal).unwrap_or_default().to_owned(),
        certificate: certificate.map(ClientCertificate::url_encoded_pem).unwrap_or_default(),
    }
}

/// The address of the listener at which the client has connected, and the identity in the listener's certificate.
fn destination(request: &Request<'_>) -> Option<Peer> {
    let local = request.peer.local?;
    let own = request.peer.identities.as_ref().map(|identities| identities.own.principal());
    Some(Peer {
        address: Some(address(local.ip().to_canonical(), local.port())),
        principal: own.unwrap_or_default().to_owned(),
        certificate: String::new(),
    })
}

fn address(ip: IpAddr, port: u16) -> Address {
    let socket_address = SocketAddress { address: ip.to_string(), port_value: Some(u32::from(port)) };
    Address { socket_address: Some(socket_address) }
}

/// Headers as Envoy sends them: names in lower case, values of one name joined by commas.
fn flatten(request: &Request<'_>) -> HashMap<String, String> {
    let mut flat: HashMap<String, String> = HashMap::with_capacity(request.headers.keys_len() + 6);
    for (name, value) in request.headers {
        // The gateway alone says which certificate a client has shown.
        if fold(name) == X_FORWARDED_CLIENT_CERT {
            continue;
        }
        // A protobuf string is UTF-8.
        let value = String::from_utf8_lossy(value.as_bytes());
        match flat.get_mut(name.as_str()) {
            Some(joined) => {
                joined.push(',');
                joined.push_str(&value);
            }
            None => drop(flat.insert(name.as_str().to_owned(), value.into_owned())),
        }
    }
    flat.insert(":method".to_owned(), request.method.as_str().to_owned());
    flat.insert(
        ":path".to_owned(),
        request.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
    );
    // HTTP/1.1 has one of the two, HTTP/2 the other.
    if let Some(authority) = request.authority {
        flat.insert("host".to_owned(), authority.to_owned());
    }
    flat.insert(":authority".to_owned(), request.authority.unwrap_or_default().to_owned());
    if let Some(value) = request.peer.certificate().and_then(ClientCertificate::forwarded) {
        flat.insert(
            X_FORWARDED_CLIENT_CERT.to_owned(),
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        );
    }
    flat.insert(":scheme".to_owned(), if request.peer.tls { "https" } else { "http" }.to_owned());
    flat
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2",
        _ => "HTTP/1.1",
    }
}

/// Reads what an allowing answer changes. The client's own value of a header that the service names never survives: values
/// are appended to those of the gateway, and a header is absent if the gateway has not set it. Only whether a header is
/// there to be overwritten is looked up in what the client sent, for the value is the service's either way.
///
/// # Errors
/// The name of a header that metadata cannot carry.
pub(super) fn changes<'r>(
    ok: &'r OkResponse,
    client: &HeaderMap,
    encoding: Encoding,
) -> Result<Changes, &'r str> {
    let mut changes = Changes::default();
    let removed = ok.headers_to_remove.iter().filter_map(|name| name.trim().parse().ok());
    changes.removed.extend(removed);
    for option in &ok.headers {
        let pair = option.header.as_ref().map(|pair| pair.metadata(encoding)).transpose()?;
        let Some((name, value)) = pair.flatten() else { continue };
        let mut how = how(option, How::Overwrite);
        if how == How::OverwriteIfPresent && client.keys().any(|sent| fold(sent) == fold(&name)) {
            how = How::Overwrite;
        }
        changes.removed.push(name.clone());
        changes.metadata.push(Change { name, value, how });
    }
    let set = ok.query_parameters_to_set.iter().map(|pair| (pair.key.clone(), pair.value.clone()));
    changes.query = QueryEdits::new(set.collect(), ok.query_parameters_to_remove.clone());
    let response = ok.response_headers_to_add.iter().filter_map(|option| change(option, How::Append));
    changes.response.extend(response.filter(|change| headers::is_returnable(&change.name)));
    Ok(changes)
}

/// A header of the response.
fn change(option: &HeaderOption, otherwise: How) -> Option<Change> {
    let (name, value) = option.header.as_ref()?.parse()?;
    Some(Change { name, value, how: how(option, otherwise) })
}

/// `append` decides where it is set, then `append_action` where it is not the default; else what Envoy does here.
fn how(option: &HeaderOption, otherwise: How) -> How {
    match (option.append, AppendAction::try_from(option.append_action)) {
        (Some(true), _) => How::Append,
        (Some(false), _) => How::Overwrite,
        (None, Ok(AppendAction::AddIfAbsent)) => How::AddIfAbsent,
        (None, Ok(AppendAction::OverwriteIfExistsOrAdd)) => How::Overwrite,
        (None, Ok(AppendAction::OverwriteIfExists)) => How::OverwriteIfPresent,
        (None, Ok(AppendAction::AppendIfExistsOrAdd) | Err(_)) => otherwise,
    }
}

/// The service's status and headers as they are; its body as the message of the gateway's own error.
fn denied(response: DeniedResponse, message: &str) -> Refusal {
    let status = response.status.and_then(|status| u16::try_from(status.code).ok());
    let status = status.and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or(StatusCode::FORBIDDEN);
    let told = [response.body.as_str(), message].into_iter().map(str::trim).find(|text| is_tellable(text));
    let told = told.unwrap_or("the request is not authorized").to_owned();
    let mut refusal = Refusal::new(Reason::ExternalDenied, told);
    // Whatever it says, a denial is no success.
    if status.is_client_error() || status.is_server_error() || status.is_redirection() {
        refusal = refusal.with_status(status);
    }
    for option in &response.headers {
        // The body is the gateway's own, and so is its type.
        let fits = |change: &Change| headers::is_returnable(&change.name) && change.name != CONTENT_TYPE;
        if let Some(change) = change(option, How::Append).filter(fits) {
            refusal = refusal.with_header(change.name, change.value);
        }
    }
    refusal
}

/// Text that stands well in an error: not a page, not a novel.
fn is_tellable(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_MESSAGE && !text.starts_with('<') && !text.starts_with('{')
}

#[cfg(test)]
mod tests;
