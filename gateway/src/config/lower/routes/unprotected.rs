//! What services expose whole, beside routes of the file that ask more of callers: a way around them.
//!
//! Annotations and `auto` have the policies of `defaults`, not those of a route to the same method. Whoever means that a
//! method be open there writes that path down as a route, or has another route that lets the same callers in.

use std::sync::Arc;

use super::Rule;
use crate::config::Context;
use crate::config::diagnostic::{Code, Diagnostic, Place};
use crate::config::raw::RawRouteAuth;
use crate::route::OriginKind;

/// Warns of every rule that comes with descriptors and lets in whom no route of the file to its method lets in.
pub(super) fn unprotected(rules: &[Rule], served: &[usize], context: &mut Context) {
    let served = served.iter().filter_map(|index| rules.get(*index));
    let (written, exposed): (Vec<&Rule>, Vec<&Rule>) =
        served.partition(|rule| rule.origin.kind == OriginKind::File);
    for rule in exposed {
        let same_method = written.iter().filter(|route| route.shared.method == rule.shared.method);
        let missing: Option<Vec<(&Rule, String)>> =
            same_method.map(|route| Some((*route, missing(rule, route)?))).collect();
        if let Some((route, missing)) = missing.as_ref().and_then(|all| all.first()) {
            context.push(way_around(rule, route, missing));
        }
    }
}

/// What `route` asks of callers and `rule` does not. Different ways to know callers are not compared.
fn missing(rule: &Rule, route: &Rule) -> Option<String> {
    let (has, asked) = (rule.shared.policies.as_ref()?, route.shared.policies.as_ref()?);
    let auth = asked.auth.as_ref()?;
    match &has.auth {
        None => Some(format!("`auth: {}`", auth.name())),
        Some(own) if Arc::ptr_eq(own, auth) => {
            let scopes = asked.scopes.iter().filter(|scope| !has.scopes.contains(scope));
            let scopes: Vec<String> = scopes.map(|scope| format!("`{scope}`")).collect();
            (!scopes.is_empty()).then(|| format!("scopes {}", scopes.join(", ")))
        }
        Some(_) => None,
    }
}

fn way_around(rule: &Rule, route: &Rule, missing: &str) -> Diagnostic {
    let name = rule.name();
    let diagnostic = Diagnostic::warning(
        Code::ExposedUnprotected,
        format!("`{name}` calls the method of `{}` without its {missing}", route.name()),
    )
    .at(rule.places.rule, "a way around the route")
    .and_at(auth_place(route), "what the route asks for")
    .with_help(format!(
        "put the `auth` into `defaults`, or write `{name}` as a route with its own (`auth: none` if it is meant to be open)"
    ));
    match &rule.places.note {
        Some(note) => diagnostic.with_note(note.clone()),
        None => diagnostic,
    }
}

fn auth_place(route: &Rule) -> Place {
    match &route.shared.settings.auth {
        Some(RawRouteAuth::By { name, .. }) => name.place,
        _ => route.places.rule,
    }
}
