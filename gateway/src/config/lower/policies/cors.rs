//! `cors:`.

use http::{HeaderName, Method};

use super::{all, parsed, tell_all};
use crate::config::Context;
use crate::config::diagnostic::{Code, Place};
use crate::config::files::File;
use crate::config::raw::{At, RawCors};
use crate::policy::{AllowedHeaders, Cors, CorsSpec, OriginPattern, Problem};

/// The one `cors` of all files.
pub(in crate::config::lower) fn cors(files: &[File], context: &mut Context) -> Option<Cors> {
    let raw = files.iter().find_map(|file| file.raw.cors.as_ref())?;
    let spec = spec(raw, context)?;
    let mut findings = match Cors::compile(&spec) {
        Ok(cors) => return Some(cors).filter(|_| !raw.broken),
        Err(findings) => findings,
    };
    findings.retain(|finding| !raw.broken || finding.problem != Problem::NoOrigin);
    tell_all(&findings, Code::BadValue, |key| place(raw, key), context);
    None
}

fn place(raw: &RawCors, key: &str) -> Place {
    raw.keys.iter().find(|at| at.name == key).map_or(raw.place, |at| at.place)
}

fn spec(raw: &RawCors, context: &mut Context) -> Option<CorsSpec> {
    let origins = all(raw
        .origins
        .iter()
        .map(|at| parsed(OriginPattern::parse(&at.value), Code::BadValue, at.place, context)));
    let methods =
        all(raw.methods.iter().map(|at| parsed(method(&at.value), Code::BadValue, at.place, context)));
    let headers = if raw.headers.iter().any(|at| at.value == "*") {
        Some(AllowedHeaders::Any)
    } else {
        names(&raw.headers, context).map(AllowedHeaders::List)
    };
    let expose = names(&raw.expose, context);
    Some(CorsSpec {
        origins: origins?,
        methods: methods?,
        headers: headers?,
        expose: expose?,
        max_age: raw.max_age.as_ref().map(|at| at.value),
        credentials: raw.credentials.as_ref().is_some_and(|at| at.value),
    })
}

/// Methods have their case, and those in use are in capitals.
fn method(text: &str) -> Result<Method, Problem> {
    let bad = || Problem::Method(text.to_owned());
    let capital = !text.bytes().any(|byte| byte.is_ascii_lowercase()) && text != "*";
    Method::from_bytes(text.as_bytes()).ok().filter(|_| capital).ok_or_else(bad)
}

fn names(raw: &[At<String>], context: &mut Context) -> Option<Vec<HeaderName>> {
    all(raw.iter().map(|at| {
        let name = at.value.parse().map_err(|_| Problem::HeaderName(at.value.clone()));
        parsed(name, Code::BadValue, at.place, context)
    }))
}
