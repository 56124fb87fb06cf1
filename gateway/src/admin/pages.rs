//! The pages of the admin address, by method and path.

use std::sync::atomic::Ordering::Relaxed;

use http::header::{ALLOW, CONTENT_TYPE, ORIGIN};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde::Serialize;

use super::{State, views};
use crate::edge::Body;
use crate::reload::Trigger;
use crate::snapshot::Health;

/// The largest body of an order, in bytes: a log level.
const MAX_ORDER: usize = 1024;

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
    let path = request.uri().path();
    if path == "/" {
        return text(StatusCode::OK, index());
    }
    let Some((path, method, _)) = PAGES.iter().find(|(page, ..)| *page == path) else {
        return text(StatusCode::NOT_FOUND, index());
    };
    let asked = request.method();
    if asked != method && !(asked == Method::HEAD && method == Method::GET) {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, format!("use {method}\n"));
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(name(method)));
        return response;
    }
    if *method != Method::GET && is_from_a_page(request.headers()) {
        return text(StatusCode::FORBIDDEN, "orders are not taken from web pages\n".into());
    }
    let snapshot = state.current.pin();
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
        _ => set_level(request, state).await,
    }
}

/// Whether a browser sends it for a page, which could be anybody's: browsers name the page's origin with every order.
fn is_from_a_page(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN) || headers.get("sec-fetch-site").is_some_and(|site| site != "none")
}

const fn name(method: &Method) -> &'static str {
    match *method {
        Method::POST => "POST",
        Method::PUT => "PUT",
        _ => "GET, HEAD",
    }
}

fn index() -> String {
    PAGES.iter().map(|(path, method, about)| format!("{:4} {path:12} {about}\n", method.as_str())).collect()
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

async fn set_level(request: Request<Incoming>, state: &State) -> Response<Body> {
    let Ok(body) = Limited::new(request.into_body(), MAX_ORDER).collect().await else {
        return text(StatusCode::PAYLOAD_TOO_LARGE, "the body is a log level\n".into());
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
