//! The HTTP methods of rules, written or annotated: those that requests can have and that are served.

use http::Method;

use super::Blame;
use crate::config::Context;
use crate::config::diagnostic::{Code, Place};

/// Nothing when no request has such a method, or none is to be served, which is told.
pub(super) fn check(
    name: &str,
    place: Place,
    note: Option<&str>,
    blame: Blame,
    context: &mut Context,
) -> Option<()> {
    let upper = name.to_uppercase();
    let (message, help) = if name == "*" {
        return Some(());
    } else if Method::from_bytes(name.as_bytes()).is_err() {
        let help = "a method is a word of letters, as PURGE; * is any";
        (format!("`{name}` is not an HTTP method"), help.to_owned())
    } else if matches!(upper.as_str(), "CONNECT" | "TRACE") {
        let help = "choose another method: this one is for proxies, and a risk for everybody else";
        (format!("`{name}` is not served"), help.to_owned())
    } else if name != upper && Method::from_bytes(upper.as_bytes()).is_ok_and(is_standard) {
        (format!("`{name}` is not `{upper}`: HTTP methods have their case"), format!("write {upper}"))
    } else {
        return Some(());
    };
    let diagnostic = blame.diagnostic(Code::BadValue, message).at(place, "").with_help(help);
    context.push(match note {
        Some(note) => diagnostic.with_note(note),
        None => diagnostic,
    });
    None
}

fn is_standard(method: Method) -> bool {
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS]
        .contains(&method)
}
