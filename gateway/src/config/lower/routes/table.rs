//! The table, and what is wrong between routes: conflicts, shadows, and the gateway's own paths.

use std::collections::{BTreeMap, HashSet};

use http_rule::{MethodPattern, Template};

use super::Rule;
use crate::config::Context;
use crate::config::diagnostic::{Code, Diagnostic};
use crate::route::{Matcher, OriginKind, Own, OwnPaths, Problem, TableBuilder};

/// The matcher, and the rules that it leads to, in its order.
pub(super) fn table(
    rules: &[Rule],
    whole: Vec<usize>,
    own: &OwnPaths,
    context: &mut Context,
) -> (Matcher, Vec<usize>) {
    let (matcher, problems) = build(rules, &whole);
    let mut dropped = HashSet::new();
    for problem in problems {
        match problem {
            Problem::Conflict { first, second } => {
                let Some((first, second, index)) = pair(rules, &whole, first, second) else { continue };
                if let Some(diagnostic) = conflict(first, second) {
                    context.push(diagnostic);
                }
                if second.origin.kind != OriginKind::File {
                    dropped.insert(index);
                }
            }
            Problem::Shadowed { route, by } => {
                if let Some((by, route, _)) = pair(rules, &whole, by, route) {
                    context.push(shadowed(route, by));
                }
            }
        }
    }
    let own: Vec<(Template, Own)> =
        own.all().filter_map(|(path, own)| Some((Template::parse(&path).ok()?, own))).collect();
    for rule in whole.iter().filter_map(|index| rules.get(*index)) {
        if let Some(own) = hidden(rule, &own) {
            context.push(hidden_by(rule, own));
        }
    }
    if dropped.is_empty() {
        return (matcher, whole);
    }
    let kept: Vec<usize> = whole.into_iter().filter(|index| !dropped.contains(index)).collect();
    (build(rules, &kept).0, kept)
}

/// The rules of APIs whose paths routes of the file take, with those routes.
pub(super) fn replaced(rules: &[Rule]) -> BTreeMap<usize, usize> {
    let is_written =
        |index: &usize| rules.get(*index).is_some_and(|rule| rule.origin.kind == OriginKind::File);
    let whole =
        (0..rules.len()).filter(|index| rules.get(*index).is_some_and(|rule| rule.template.is_some()));
    // Of rules that are equal the first one stays.
    let (mut order, others): (Vec<usize>, Vec<usize>) = whole.partition(is_written);
    if order.is_empty() || others.is_empty() {
        return BTreeMap::new();
    }
    order.extend(others);
    let pairs = build(rules, &order).1.into_iter().filter_map(|problem| match problem {
        Problem::Conflict { first, second } => Some((*order.get(second)?, *order.get(first)?)),
        Problem::Shadowed { .. } => None,
    });
    pairs.filter(|(second, first)| is_written(first) && !is_written(second)).collect()
}

/// Reports the annotations that routes of the file replace.
pub(super) fn report_replaced(rules: &[Rule], replaced: &BTreeMap<usize, usize>, context: &mut Context) {
    for (second, first) in replaced {
        if let (Some(first), Some(second)) = (rules.get(*first), rules.get(*second))
            && let Some(diagnostic) = conflict(first, second)
        {
            context.push(diagnostic);
        }
    }
}

/// The matcher of these rules.
pub(super) fn build(rules: &[Rule], kept: &[usize]) -> (Matcher, Vec<Problem>) {
    let mut builder = TableBuilder::new();
    for rule in kept.iter().filter_map(|index| rules.get(*index)) {
        if let Some(template) = &rule.template {
            builder.insert(&rule.shared.hosts, &rule.pattern(), template);
        }
    }
    builder.build()
}

/// Two rules by their indices in the table, and the index of the second among all rules.
fn pair<'r>(
    rules: &'r [Rule],
    whole: &[usize],
    first: usize,
    second: usize,
) -> Option<(&'r Rule, &'r Rule, usize)> {
    let (first, second) = (*whole.get(first)?, *whole.get(second)?);
    Some((rules.get(first)?, rules.get(second)?, second))
}

fn conflict(first: &Rule, second: &Rule) -> Option<Diagnostic> {
    let calls = |rule: &Rule| match &rule.shared.method {
        Some(method) => format!("calls {}/{}", method.parent_service().full_name(), method.name()),
        None => String::new(),
    };
    let diagnostic = match (first.origin.kind, second.origin.kind) {
        (OriginKind::File, OriginKind::Annotation) => Diagnostic::note(
            Code::RouteReplaced,
            format!("`{}` replaces the annotation of the same path", first.name()),
        )
        .at(first.places.rule, "this route is served"),
        // Their authors may have had a prefix in mind, or another order: what an API brings along costs that route only.
        (OriginKind::Annotation, OriginKind::Annotation) => Diagnostic::warning(
            Code::RouteConflict,
            format!("`{}` and `{}` match the same requests equally well", first.name(), second.name()),
        )
        .at(second.places.path, format!("{}, left out", calls(second)))
        .and_at(first.places.path, format!("{}, served", calls(first)))
        .with_help(way_out(first, second)),
        // Whoever writes a route of that name means it.
        (OriginKind::File | OriginKind::Annotation, OriginKind::Auto) => return None,
        _ => Diagnostic::error(
            Code::RouteConflict,
            format!("`{}` and `{}` match the same requests equally well", first.name(), second.name()),
        )
        .at(second.places.path, calls(second))
        .and_at(first.places.path, calls(first))
        .with_help("remove one, or change its method, path or host"),
    };
    let notes = [&first.places.note, &second.places.note];
    Some(notes.into_iter().flatten().fold(diagnostic, |diagnostic, note| diagnostic.with_note(note.clone())))
}

/// What an operator can do about two rules of an API.
fn way_out(first: &Rule, second: &Rule) -> &'static str {
    let of = [first, second].map(|rule| rule.shared.method.as_ref().map(|method| method.parent_service()));
    if let [Some(one), Some(other)] = of
        && one == other
    {
        "to serve it too, write a route with a path of its own under `routes`"
    } else {
        "to serve both, give one of the services a `prefix`, or write a route with a path of its own under `routes`"
    }
}

fn shadowed(route: &Rule, by: &Rule) -> Diagnostic {
    let diagnostic =
        Diagnostic::warning(Code::RouteShadowed, format!("no request reaches `{}`", route.name()))
            .at(route.places.path, "never reached")
            .and_at(by.places.path, "takes all of its requests")
            .with_help("remove it, or make its path match something that the other one does not");
    let notes = [&route.places.note, &by.places.note];
    notes.into_iter().flatten().fold(diagnostic, |diagnostic, note| diagnostic.with_note(note.clone()))
}

/// What the gateway itself answers to all requests of a rule.
fn hidden(rule: &Rule, own: &[(Template, Own)]) -> Option<Own> {
    let is_read = matches!(rule.pattern(), MethodPattern::Named(name) if name == "GET" || name == "HEAD");
    let template = rule.template.as_ref().filter(|template| is_read && template.variables().is_empty())?;
    own.iter()
        .find(|(path, _)| path.segments() == template.segments() && path.verb() == template.verb())
        .map(|(_, own)| *own)
}

fn hidden_by(rule: &Rule, own: Own) -> Diagnostic {
    let help = match own {
        Own::Health => "move the health answer with `health: /healthz` (\"\" for none)",
        Own::Live | Own::Ready => "move the probes with `probes: {live: /livez, ready: /readyz}`",
        Own::Docs(_) => "move the page of the API with `docs: /api-docs`",
    };
    Diagnostic::warning(
        Code::RouteShadowed,
        format!("no request reaches `{}`: the gateway answers there itself", rule.name()),
    )
    .at(rule.places.path, "never reached")
    .with_help(format!("give the route another path, or {help}"))
}
