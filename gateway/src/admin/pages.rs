//! The pages of the admin address, by method and path.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde::Serialize;

use super::access::{self, Rejection};
use super::{State, views};
use crate::edge::Body;
use crate::reload::Trigger;
use crate::snapshot::Health;

/// The largest body of an order, in bytes: a log level.
const MAX_ORDER: usize = 1024;
/// The time that the body of an order may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// What there is: path, method, and a sentence for the front page.
const PAGES: [(&str, Method, &str); 11] = [
    ("/health", Method::GET, "whether every upstream has a healthy endpoint"),
    ("/live", Method::GET, "whether the process responds"),
    ("/ready", Method::GET, "whether to send requests here; no once it drains"),
    ("/metrics", Method::GET, "for Prometheus"),
    ("/routes", Method::GET, "the routes"),
    ("/upstreams", Method::GET, "upstreams and their endpoints"),
    ("/config", Method::GET, "the effective configuration, without secrets"),
    ("/reloads", Method::GET, "the last reloads, with diagnostics"),
    ("/reload", Method::POST, "reloads now"),
    ("/drain", Method::POST, "finishes what runs, then ends"),
    ("/log", Method::PUT, "sets the log level; the body is error, warn, info, debug or trace"),
];

pub(super) async fn answer(request: Request<Incoming>, state: &State) -> Response<Body> {
    let (head, body) = request.into_parts();
    let snapshot = state.current.pin();
    // None while the admin address is being removed by a reload.
    let spec = snapshot.config.admin.as_ref();
    match access::check_host(&head, spec.map_or(&[], |spec| &spec.hosts)) {
        Ok(()) => {}
        Err(Rejection::BadHost) => {
            return text(StatusCode::BAD_REQUEST, "the request must have one `Host` header\n".into());
        }
        Err(Rejection::UnknownHost(host)) => return text(StatusCode::FORBIDDEN, access::advice(&host)),
    }
    let orders = spec.is_none_or(|spec| spec.orders);
    let path = head.uri.path();
    if path == "/" {
        return text(StatusCode::OK, index(orders));
    }
    let Some((path, method, _)) = PAGES.iter().find(|(page, ..)| *page == path) else {
        return text(StatusCode::NOT_FOUND, index(orders));
    };
    if !orders && is_order(method) {
        return text(
            StatusCode::FORBIDDEN,
            format!("{path} is off: the configuration says `admin.orders: false`\n"),
        );
    }
    let asked = &head.method;
    if asked != method && !(asked == Method::HEAD && method == Method::GET) {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, format!("use {method}\n"));
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(name(method)));
        return response;
    }
    if is_order(method) && access::is_from_a_page(&head) {
        return text(StatusCode::FORBIDDEN, "orders are not taken from web pages\n".into());
    }
    match *path {
        "/health" => {
            let health = Health::of(&snapshot);
            let ok = if health.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            json(ok, &health)
        }
        "/live" => text(StatusCode::OK, "live\n".into()),
        "/ready" if state.draining.load(Relaxed) => {
            text(StatusCode::SERVICE_UNAVAILABLE, "draining\n".into())
        }
        "/ready" => text(StatusCode::OK, "ready\n".into()),
        "/metrics" => metrics(views::metrics(state, &snapshot)),
        "/routes" => json(StatusCode::OK, &views::routes(&snapshot)),
        "/upstreams" => json(StatusCode::OK, &views::upstreams(&snapshot)),
        "/config" => json(StatusCode::OK, &views::config::config(&snapshot)),
        "/reloads" => json(StatusCode::OK, &views::reloads(&state.history.entries())),
        "/reload" => reload(state).await,
        "/drain" => {
            state.draining.store(true, Relaxed);
            state.drain.notify_one();
            text(StatusCode::ACCEPTED, "draining\n".into())
        }
        _ => set_level(body, state).await,
    }
}

const fn name(method: &Method) -> &'static str {
    match *method {
        Method::POST => "POST",
        Method::PUT => "PUT",
        _ => "GET, HEAD",
    }
}

/// Returns whether requests of this method change something.
fn is_order(method: &Method) -> bool {
    *method != Method::GET
}

/// Lists the pages, and the orders if they are on.
fn index(orders: bool) -> String {
    let pages = PAGES.iter().filter(|(_, method, _)| orders || !is_order(method));
    pages.map(|(path, method, about)| format!("{:4} {path:12} {about}\n", method.as_str())).collect()
}

async fn reload(state: &State) -> Response<Body> {
    let Some(entry) = state.requests.reload(Trigger::Admin).await else {
        return text(StatusCode::SERVICE_UNAVAILABLE, "draining\n".into());
    };
    match entry.version {
        Some(version) => {
            let warnings: String = entry.warnings.iter().map(|warning| format!("{warning}\n")).collect();
            text(StatusCode::OK, format!("version {version} is live: {}\n{warnings}", entry.text))
        }
        None => text(StatusCode::UNPROCESSABLE_ENTITY, entry.text),
    }
}

async fn set_level(body: Incoming, state: &State) -> Response<Body> {
    let body = Limited::new(body, MAX_ORDER).collect();
    let body = match tokio::time::timeout(BODY_TIMEOUT, body).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return text(StatusCode::PAYLOAD_TOO_LARGE, "the body is a log level\n".into()),
        Err(_) => return text(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time\n".into()),
    };
    let body = body.to_bytes();
    let level = String::from_utf8_lossy(&body);
    match state.level.set(level.trim()) {
        Ok(()) => text(StatusCode::OK, format!("log level: {}\n", level.trim())),
        Err(error) => text(StatusCode::BAD_REQUEST, format!("{error}\n")),
    }
}

fn text(status: StatusCode, body: String) -> Response<Body> {
    respond(status, "text/plain; charset=utf-8", body)
}

fn metrics(body: String) -> Response<Body> {
    respond(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", body)
}

fn json(status: StatusCode, body: &impl Serialize) -> Response<Body> {
    let mut text = serde_json::to_string_pretty(body).unwrap_or_default();
    text.push('\n');
    respond(status, "application/json", text)
}

fn respond(status: StatusCode, content_type: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::full(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
