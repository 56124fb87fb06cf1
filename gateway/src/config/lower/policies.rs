//! What requests have to pass: the policies of routes, and who may call from other origins.

mod cors;
mod headers;
mod limits;
mod set;

pub(super) use cors::cors;
pub(super) use set::{Filled, set};

use std::sync::Arc;

use super::routes::Inputs;
use super::unused::Used;
use crate::config::Context;
use crate::config::diagnostic::{Code, Diagnostic, Place};
use crate::config::raw::{RawRateLimit, RawRouteAuth, RawSettings};
use crate::policy::{Auth, ChainPlan, ChainSpec, Finding, Problem, is_scope};

/// The policies of a route; nothing when any of them is broken, which is told.
pub(super) fn policies(
    settings: &RawSettings,
    inputs: &Inputs<'_>,
    used: &mut Used,
    context: &mut Context,
) -> Option<ChainSpec> {
    let auth = auth(settings.auth.as_ref(), inputs, used, context);
    let limits = limits::limits(settings.rate_limit.as_ref(), inputs.limiter, used, context);
    let set = set::sources(settings.set.as_deref().unwrap_or_default(), context);
    let headers = headers::headers(settings.headers.as_ref(), context);
    if auth.is_none() || limits.is_none() || set.is_none() || headers.is_none() {
        // There will be no chain to tell them.
        tell_scopes(settings.auth.as_ref(), context);
    }
    let ((auth, scopes), (rate_limit, shared_limit)) = (auth?, limits?);
    let spec = ChainSpec {
        auth,
        scopes,
        rate_limit,
        shared_limit,
        set: set?,
        headers: headers?,
        vouched: inputs.ways.vouched(),
    };
    match ChainPlan::compile("", "", &spec) {
        Ok(_) => Some(spec),
        Err(findings) => {
            for finding in &findings {
                tell(&finding.problem, code(&finding.problem), place(finding, settings, inputs)?, context);
            }
            None
        }
    }
}

/// Tells what is no scope.
fn tell_scopes(raw: Option<&RawRouteAuth>, context: &mut Context) {
    let Some(RawRouteAuth::By { scopes: Some((_, scopes)), .. }) = raw else { return };
    for at in scopes.iter().filter(|at| !is_scope(&at.value)) {
        tell(&Problem::Scope(at.value.clone()), Code::BadAuth, at.place, context);
    }
}

/// Who may call: everybody, or those whom an entry of `auth` knows and who have these scopes.
fn auth(
    raw: Option<&RawRouteAuth>,
    inputs: &Inputs<'_>,
    used: &mut Used,
    context: &mut Context,
) -> Option<(Option<Arc<Auth>>, Vec<String>)> {
    match raw {
        None | Some(RawRouteAuth::Nobody) => Some((None, Vec::new())),
        Some(RawRouteAuth::Broken) => None,
        Some(RawRouteAuth::By { kind, name, scopes }) => {
            let auth = inputs.ways.resolve(kind.as_ref(), name, used, context)?;
            let scopes = scopes.iter().flat_map(|(_, scopes)| scopes).map(|at| at.value.clone()).collect();
            Some((Some(auth), scopes))
        }
    }
}

const fn code(problem: &Problem) -> Code {
    match problem {
        Problem::DescriptorEmpty | Problem::TimeoutZero => Code::BadRateLimit,
        _ => Code::BadAuth,
    }
}

/// Where the part of a route stands that a finding about its policies is about.
fn place(finding: &Finding, settings: &RawSettings, inputs: &Inputs<'_>) -> Option<Place> {
    let limit = match &settings.rate_limit {
        Some(RawRateLimit::By(limit)) => Some(limit),
        _ => None,
    };
    let descriptor = limit.and_then(|limit| limit.descriptor.as_ref());
    let source = match &finding.problem {
        Problem::ClaimWithoutJwt(claim) => format!("jwt:{claim}"),
        _ => String::new(),
    };
    let found = match finding.key {
        "set" => settings.set.iter().flatten().find(|(_, at)| at.value == source).map(|(_, at)| at.place),
        "key" => limit.and_then(|limit| limit.key.as_ref()).map(|at| at.place),
        "descriptor" => descriptor.map(|(key, entries)| {
            let entry = entries.iter().find(|(_, at)| at.value == source);
            entry.map_or(key.place, |(_, at)| at.place)
        }),
        "scopes" => match &settings.auth {
            Some(RawRouteAuth::By { scopes: Some((key, scopes)), .. }) => {
                let scope = |problem: &Problem| match problem {
                    Problem::Scope(text) => scopes.iter().find(|at| at.value == *text).map(|at| at.place),
                    _ => None,
                };
                Some(scope(&finding.problem).unwrap_or(key.place))
            }
            _ => None,
        },
        _ => None,
    };
    found.or_else(|| limit.map(|limit| limit.place)).or(inputs.limiter.place)
}

/// A value, or its problem told at its place.
pub(super) fn parsed<T>(
    result: Result<T, Problem>,
    code: Code,
    place: Place,
    context: &mut Context,
) -> Option<T> {
    result.map_err(|problem| tell(&problem, code, place, context)).ok()
}

/// All of them, or nothing; each problem is told.
pub(super) fn all<T>(items: impl IntoIterator<Item = Option<T>>) -> Option<Vec<T>> {
    // Every item is looked at, so that every mistake is told.
    let items: Vec<Option<T>> = items.into_iter().collect();
    items.into_iter().collect()
}

/// Tells what compiling a policy found, each at its place.
pub(super) fn tell_all(
    findings: &[Finding],
    code: Code,
    place: impl Fn(&'static str) -> Place,
    context: &mut Context,
) {
    for finding in findings {
        tell(&finding.problem, code, place(finding.key), context);
    }
}

pub(super) fn tell(problem: &Problem, code: Code, place: Place, context: &mut Context) {
    let message = problem.to_string();
    let diagnostic = if problem.is_error() {
        Diagnostic::error(code, message)
    } else {
        Diagnostic::warning(code, message)
    };
    let diagnostic = problem.notes().into_iter().fold(diagnostic.at(place, ""), Diagnostic::with_note);
    context.push(diagnostic.with_help(problem.help()));
}
