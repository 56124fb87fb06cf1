//! What requests have to pass: the policies of routes, and who may call from other origins.

mod cors;
mod headers;

pub(super) use cors::cors;

use crate::config::Context;
use crate::config::diagnostic::{Code, Diagnostic, Place};
use crate::config::raw::RawSettings;
use crate::policy::{ChainSpec, Finding, Problem};

/// The policies of a route; nothing when any of them is broken, which is told.
pub(super) fn policies(settings: &RawSettings, context: &mut Context) -> Option<ChainSpec> {
    let headers = headers::headers(settings.headers.as_ref(), context);
    Some(ChainSpec { headers: headers?, ..ChainSpec::default() })
}

/// A value, or its problem told at its place.
fn parsed<T>(result: Result<T, Problem>, place: Place, context: &mut Context) -> Option<T> {
    result.map_err(|problem| tell(&problem, Code::BadValue, place, context)).ok()
}

/// All of them, or nothing; each problem is told.
fn all<T>(items: impl IntoIterator<Item = Option<T>>) -> Option<Vec<T>> {
    // Every item is looked at, so that every mistake is told.
    let items: Vec<Option<T>> = items.into_iter().collect();
    items.into_iter().collect()
}

/// Tells what compiling a policy found, each at its place.
fn tell_all(findings: &[Finding], code: Code, place: impl Fn(&'static str) -> Place, context: &mut Context) {
    for finding in findings {
        tell(&finding.problem, code, place(finding.key), context);
    }
}

fn tell(problem: &Problem, code: Code, place: Place, context: &mut Context) {
    let message = problem.to_string();
    let diagnostic = if problem.is_error() {
        Diagnostic::error(code, message)
    } else {
        Diagnostic::warning(code, message)
    };
    context.push(diagnostic.at(place, "").with_help(problem.help()));
}
