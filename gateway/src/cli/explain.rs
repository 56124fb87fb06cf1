//! `gateway explain`

use std::process::ExitCode;
use std::time::Duration;

use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

use super::{ExplainArgs, OutputFormat, load, show};
use crate::proxy::explain::{Explained, Request, Taken};
use crate::route::Own;

pub(super) fn run(args: &ExplainArgs) -> ExitCode {
    let config = match load(&args.file) {
        Ok(config) => config,
        Err(code) => return code,
    };
    let mut headers = match headers(&args.header) {
        Ok(headers) => headers,
        Err(bad) => {
            eprintln!("-H {bad}: expected NAME: VALUE");
            return ExitCode::from(2);
        }
    };
    let target = from_absolute(&args.path, &mut headers);
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let method = args.method.to_ascii_uppercase();
    let request = Request { method: &method, path, query, headers: &headers, body: args.body.as_bytes() };
    let explained = Explained::of(&config.own, &config.table, &request);
    let written = match args.format {
        OutputFormat::Json => show(&format!("{:#}\n", object(&request, &explained))),
        OutputFormat::Text => show(&text(&request, &explained)),
    };
    let answered = explained.taken.is_some() || explained.own.is_some() || explained.allow.is_some();
    if answered && explained.error.is_none() { written } else { ExitCode::FAILURE }
}

/// The path of a target that may be a whole URL, whose host then counts (RFC 9112 section 3.2.2).
fn from_absolute<'t>(target: &'t str, headers: &mut HeaderMap) -> &'t str {
    let rest = ["http://", "https://"].iter().find_map(|scheme| target.strip_prefix(scheme));
    let Some(rest) = rest else { return target };
    let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    if let Ok(host) = HeaderValue::try_from(host) {
        headers.insert(HOST, host);
    }
    if path.is_empty() { "/" } else { path }
}

fn headers(given: &[String]) -> Result<HeaderMap, &str> {
    let mut headers = HeaderMap::new();
    for header in given {
        let parsed = header.split_once(':').and_then(|(name, value)| {
            let name = HeaderName::try_from(name.trim()).ok()?;
            Some((name, HeaderValue::try_from(value.trim()).ok()?))
        });
        let (name, value) = parsed.ok_or(header.as_str())?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// `{method, path, sent, route, own, allow, error, nearMisses}`; `route` is null when none takes the request, `own` when the gateway
/// does not answer it itself.
fn object(request: &Request<'_>, explained: &Explained<'_>) -> Value {
    json!({
        "method": request.method,
        "path": request.path,
        "sent": explained.taken.is_some() && explained.error.is_none(),
        "route": explained.taken.as_ref().map(route),
        "own": explained.own.map(Own::key),
        "allow": explained.allow,
        "error": explained.error,
        "nearMisses": explained.misses,
    })
}

fn route(taken: &Taken<'_>) -> Value {
    let plan = taken.plan;
    let message = taken.message.as_deref().and_then(|message| serde_json::from_str::<Value>(message).ok());
    let mut metadata = Map::new();
    for (name, value) in &taken.metadata {
        let values = metadata.entry(name.as_str()).or_insert_with(|| json!([]));
        if let Some(values) = values.as_array_mut() {
            values.push(value.to_str().unwrap_or("…").into());
        }
    }
    json!({
        "name": *plan.name,
        "origin": plan.origin.to_string(),
        "grpc": plan.grpc.to_string(),
        "upstream": plan.targets.to_string(),
        "timeout": seconds(taken.timeout),
        "idempotent": taken.idempotent,
        "request": { "type": *plan.grpc.input, "message": message },
        "metadata": metadata,
        "response": { "type": *plan.grpc.output, "status": plan.status.as_u16() },
    })
}

fn text(request: &Request<'_>, explained: &Explained<'_>) -> String {
    let mut lines = vec![format!("{} {}", request.method, request.path), String::new()];
    if let Some(taken) = &explained.taken {
        let plan = taken.plan;
        lines.push(format!("  takes it  {}  ({})", plan.name, plan.origin));
        lines.push(format!("  calls     {}", plan.grpc));
        lines.push(format!("  upstream  {}, deadline {}", plan.targets, seconds(taken.timeout)));
        lines.push(format!(
            "  retried   {}",
            if taken.idempotent {
                "yes, as its upstream says"
            } else {
                "only when it was certainly not processed"
            }
        ));
        lines.extend(plan.policies.describe().into_iter().map(|policy| format!("  policy    {policy}")));
        if let Some(message) = &taken.message {
            lines.push(format!("  request   {} {message}", plan.grpc.input));
        }
        for (name, value) in &taken.metadata {
            lines.push(format!("  metadata  {name}: {}", value.to_str().unwrap_or("…")));
        }
        lines.push(format!("  answers   {} {} on success", plan.status, plan.grpc.output));
    }
    if let Some(allow) = &explained.allow {
        lines.push(format!("  answered  by the gateway itself (204, `Allow: {allow}`)"));
    }
    if let Some(own) = explained.own {
        lines.push(format!("  answered  by the gateway itself (`{}`)", own.key()));
    }
    if let Some(error) = &explained.error {
        lines.push(format!("  refused   {error}"));
    }
    if !explained.misses.is_empty() {
        lines.push("\n  near misses:".to_owned());
        lines.extend(explained.misses.iter().map(|miss| format!("    {miss}")));
    }
    lines.join("\n") + "\n"
}

fn seconds(duration: Duration) -> String {
    format!("{duration:?}")
}
