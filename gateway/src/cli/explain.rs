//! `gateway explain`

use std::process::ExitCode;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{ExplainArgs, load};
use crate::proxy::explain::{Explained, Request};

pub(super) fn run(args: &ExplainArgs) -> ExitCode {
    let config = match load(&args.file) {
        Ok(config) => config,
        Err(code) => return code,
    };
    let headers = match headers(&args.header) {
        Ok(headers) => headers,
        Err(bad) => {
            eprintln!("-H {bad}: expected NAME: VALUE");
            return ExitCode::from(2);
        }
    };
    let (path, query) = match args.path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (args.path.as_str(), None),
    };
    let method = args.method.to_ascii_uppercase();
    let request = Request { method: &method, path, query, headers: &headers, body: args.body.as_bytes() };
    let explained = Explained::of(&config.table, &request);
    print!("{}", text(&request, &explained));
    if explained.taken.is_some() && explained.error.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
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
        if let Some(message) = &taken.message {
            lines.push(format!("  request   {} {message}", plan.grpc.input));
        }
        for (name, value) in &taken.metadata {
            lines.push(format!("  metadata  {name}: {}", value.to_str().unwrap_or("…")));
        }
        lines.push(format!("  answers   {} {} on success", plan.status, plan.grpc.output));
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
