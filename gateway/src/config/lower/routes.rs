//! Routes of every origin → one table: entries of the files, annotations, and whole services.

mod api;
mod exposed;
mod http_method;
mod notation;
mod table;
mod taken;
mod unprotected;
mod written;

use std::sync::Arc;

use http_rule::{MethodPattern, Template};
use prost_reflect::MethodDescriptor;

use super::auth::{Limiter, Ways};
use super::descriptors::Descriptors;
use super::services::Services;
use super::settings::Settings;
use super::unused::Used;
use super::upstreams::Upstreams;
use super::{is_lost, methods, plan};
use crate::config::diagnostic::{Code, Diagnostic, Place};
use crate::config::files::File;
use crate::config::raw::{At, RawSettings, RawTargets};
use crate::config::suggest;
use crate::config::{Before, Context, Why};
use crate::policy::ChainSpec;
use crate::route::{HostPattern, Origin, OriginKind, RoutePlan, Table, Target, Targets};

pub(super) use taken::Taking;

/// All that routes are made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inputs<'i> {
    pub(super) files: &'i [File],
    pub(super) upstreams: &'i Upstreams,
    pub(super) descriptors: &'i Descriptors,
    pub(super) services: &'i Services,
    pub(super) settings: &'i Settings,
    pub(super) ways: &'i Ways,
    pub(super) limiter: &'i Limiter,
    /// The running configuration.
    pub(super) before: Option<&'i Before<'i>>,
}

/// What the routes came to.
#[derive(Debug, Default)]
pub(super) struct Compiled {
    pub(super) routes: Vec<Arc<RoutePlan>>,
    /// The table; nothing when a route is broken.
    pub(super) table: Option<Arc<Table>>,
    /// What servers have described since the running configuration and would take requests from others. Empty when the
    /// operator has ordered the load.
    pub(super) takings: Vec<Taking>,
}

/// A rule, on its way to a route.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) origin: Origin,
    pub(super) places: Places,
    /// The HTTP method as text, `*` for any.
    pub(super) http_method: String,
    /// Nothing when the path is no template.
    pub(super) template: Option<Template>,
    pub(super) body: String,
    pub(super) response_body: String,
    /// What all rules of one entry share.
    pub(super) shared: Arc<Shared>,
}

impl Rule {
    /// `GET /users/{id}`.
    pub(super) fn name(&self) -> String {
        let path = self.template.as_ref().map_or("", |template| template.source());
        format!("{} {path}", self.http_method)
    }

    pub(super) fn pattern(&self) -> MethodPattern {
        MethodPattern::from(self.http_method.as_str())
    }
}

/// Where the parts of a rule stand. Those of an annotation stand in descriptors, which have no text: the place is the
/// line of the .proto file where it is at hand, or where the annotations are switched on.
#[derive(Debug, Clone)]
pub(super) struct Places {
    /// The rule as a whole.
    pub(super) rule: Place,
    pub(super) path: Place,
    pub(super) body: Place,
    pub(super) response_body: Place,
    /// For rules without a text of their own: what they are.
    pub(super) note: Option<String>,
}

/// What the bindings of one route, or the annotations of one method, share.
#[derive(Debug)]
pub(super) struct Shared {
    /// Nothing when it is broken, or the descriptors are.
    pub(super) method: Option<MethodDescriptor>,
    /// False for a method of a service that may be described later, and is not now.
    pub(super) is_described: bool,
    /// Tells its limits from those of other entries: its first rule, for its hosts.
    pub(super) identity: String,
    pub(super) settings: RawSettings,
    pub(super) hosts: Vec<HostPattern>,
    pub(super) targets: Option<Targets>,
    /// Nothing when they are broken.
    pub(super) policies: Option<ChainSpec>,
}

/// Gathers, matches and compiles every route.
pub(super) fn routes(inputs: &Inputs<'_>, used: &mut Used, context: &mut Context) -> Compiled {
    // The order decides which of two equal rules stays: what is written in the file before what comes with an API.
    let mut rules = written::rules(inputs, used, context);
    exposed::annotations(inputs, &mut rules, used, context);
    exposed::auto(inputs, &mut rules, used, context);

    // A rule that cannot be served must not keep another one off its path: compiled first, compared then. What a route of
    // the file replaces is not looked at.
    let replaced = table::replaced(&rules);
    let (mut compiled, mut whole) = (Vec::with_capacity(rules.len()), true);
    for (index, rule) in rules.iter().enumerate() {
        let is_compiled = !replaced.contains_key(&index) && rule.shared.is_described;
        let plan = if is_compiled { plan::compile(rule, inputs, context) } else { None };
        // What comes with descriptors and cannot be served is left out, which has been told.
        whole &= plan.is_some() || rule.origin.kind != OriginKind::File || !rule.shared.is_described;
        compiled.push(plan);
    }
    let is_whole = |index: usize, rule: &Rule| {
        rule.template.is_some()
            && !replaced.contains_key(&index)
            && (rule.origin.kind == OriginKind::File
                || !rule.shared.is_described
                || compiled.get(index).is_some_and(Option::is_some))
    };
    let compared: Vec<usize> = rules
        .iter()
        .enumerate()
        .filter(|(index, rule)| is_whole(*index, rule))
        .map(|(index, _)| index)
        .collect();
    table::report_replaced(&rules, &replaced, context);
    let (mut matcher, kept) = table::table(&rules, compared, &inputs.settings.own, context);
    let mut plans = Vec::with_capacity(kept.len());
    let mut served = Vec::with_capacity(kept.len());
    for index in &kept {
        if let Some(plan) = compiled.get_mut(*index).and_then(Option::take) {
            plans.push(Arc::new(RoutePlan { index: plans.len(), ..plan }));
            served.push(*index);
        }
    }
    if served.len() != kept.len() {
        // Routes that wait for their descriptors come behind those that have a plan.
        let waits = |index: &&usize| rules.get(**index).is_some_and(|rule| !rule.shared.is_described);
        let waiting = kept.iter().filter(waits).copied();
        matcher = table::build(&rules, &served.iter().copied().chain(waiting).collect::<Vec<_>>()).0;
    }
    if !is_lost(inputs.files, "defaults") {
        unprotected::unprotected(&rules, &served, context);
    }
    taken::warn(&rules, &served, &inputs.descriptors.reflected, context);
    let unordered = inputs.before.filter(|before| before.why != Why::Ordered);
    let takings = unordered
        .map_or_else(Vec::new, |before| taken::takings(&rules, &inputs.descriptors.changed, before.config));
    let table = whole.then(|| Arc::new(Table::new(matcher, plans.clone())));
    Compiled { routes: plans, table, takings }
}

/// Reads a template, and tells what is wrong with it at its place.
fn template(
    path: &At<String>,
    note: Option<&str>,
    severity: Blame,
    context: &mut Context,
) -> Option<Template> {
    match Template::parse(&path.value) {
        Ok(template) => {
            // `$$` in the file is a dollar sign that is meant.
            let is_meant = || context.sources.slice(path.place).contains("$$");
            if let Some(name) = notation::dollar_name(&path.value)
                && severity == Blame::Operator
                && !is_meant()
            {
                context.push(literal_dollar(path, name, context));
            }
            Some(template)
        }
        Err(error) => {
            let place = context.sources.inside(path.place, &path.value, &error.span());
            let message = format!("`{}` is not a path: {}", path.value, error.message());
            let mut diagnostic = severity.diagnostic(Code::BadTemplate, message).at(place, "");
            if let Some(related) = error.related() {
                let place = context.sources.inside(path.place, &path.value, &related);
                diagnostic = diagnostic.and_at(place, "");
            }
            diagnostic = diagnostic.with_help(notation::help(&path.value).unwrap_or_else(|| error.help()));
            if let Some(note) = note {
                diagnostic = diagnostic.with_note(note);
            }
            context.push(diagnostic);
            None
        }
    }
}

/// A segment such as `$name` is valid, and almost never meant.
fn literal_dollar(path: &At<String>, name: &str, context: &Context) -> Diagnostic {
    let start = path.value.find(name).unwrap_or(0);
    let place = context.sources.inside(path.place, &path.value, &(start..start + name.len()));
    Diagnostic::warning(Code::BadTemplate, format!("`{name}` matches only the text `{name}`"))
        .at(place, "a literal segment")
        .with_help(format!("a path variable is written `{{{}}}`", name.trim_start_matches('$')))
}

/// Who has to mend a rule: what the operator wrote is refused; what came with descriptors is left out, and told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blame {
    Operator,
    Descriptors,
}

impl Blame {
    pub(super) fn of(kind: OriginKind) -> Self {
        match kind {
            OriginKind::File => Self::Operator,
            OriginKind::Annotation | OriginKind::Auto => Self::Descriptors,
        }
    }

    pub(super) fn diagnostic(self, code: Code, message: String) -> Diagnostic {
        match self {
            Self::Operator => Diagnostic::error(code, message),
            Self::Descriptors => Diagnostic::warning(Code::BadAnnotation, message)
                .with_note("the rule is left out; the other routes are served"),
        }
    }
}

/// The hosts of a route.
fn hosts(settings: &RawSettings, context: &mut Context) -> Vec<HostPattern> {
    settings.host.as_ref().map_or_else(Vec::new, |written| host_patterns(written, context))
}

/// Parses host patterns, and reports those that are none.
pub(super) fn host_patterns(written: &[At<String>], context: &mut Context) -> Vec<HostPattern> {
    let mut hosts = Vec::new();
    for at in written {
        match HostPattern::parse(&at.value) {
            Ok(host) => hosts.push(host),
            Err(error) => context.push(
                Diagnostic::error(Code::BadValue, format!("`{}` is not a host: {error}", at.value))
                    .at(at.place, "")
                    .with_help("write a name, as api.example.com, or *.example.com for all names below it"),
            ),
        }
    }
    hosts
}

/// Who serves a method: what its settings say, else its service's upstream.
fn targets(
    settings: &RawSettings,
    service: &str,
    place: Place,
    inputs: &Inputs<'_>,
    used: &mut Used,
    context: &mut Context,
) -> Option<Targets> {
    used.services.insert(service.to_owned());
    // Every name is looked up before any of them ends this, so that all unknown ones are told.
    let mirror = settings.mirror.as_ref().map(|name| inputs.upstreams.resolve(name, context));
    used.upstreams.extend(mirror.clone().flatten());
    let named = settings.upstream.as_ref().map(|named| by_share(named, inputs, used, context));
    let mirror = match mirror {
        Some(mirror) => Some(mirror?),
        None => None,
    };
    if let Some(upstreams) = named {
        return Some(Targets { upstreams: upstreams?, mirror });
    }
    let Some(entry) = inputs.services.get(service) else {
        if !is_lost(inputs.files, "services") && !is_misnamed(service, inputs) {
            context.push(no_upstream(service, place, inputs));
        }
        return None;
    };
    let upstream = entry.upstream.clone()?;
    used.upstreams.insert(Arc::clone(&upstream));
    Some(Targets { upstreams: vec![target(upstream, 100, inputs)], mirror })
}

/// The upstreams that a route names itself.
fn by_share(
    named: &RawTargets,
    inputs: &Inputs<'_>,
    used: &mut Used,
    context: &mut Context,
) -> Option<Vec<Target>> {
    let shares =
        named.names.iter().map(|(_, share)| share.as_ref().map_or(100, |share| u32::from(share.value)));
    let sum: u32 = shares.clone().sum();
    if sum != 100 && !named.broken {
        context.push(
            Diagnostic::error(Code::BadValue, format!("the shares of the upstreams add up to {sum}%"))
                .at(named.place, "")
                .with_help("let them add up to 100%"),
        );
    }
    let found: Vec<Option<Arc<str>>> =
        named.names.iter().map(|(name, _)| inputs.upstreams.resolve(name, context)).collect();
    used.upstreams.extend(found.iter().flatten().cloned());
    if named.broken {
        return None;
    }
    found.into_iter().zip(shares).map(|(upstream, weight)| Some(target(upstream?, weight, inputs))).collect()
}

fn target(upstream: Arc<str>, weight: u32, inputs: &Inputs<'_>) -> Target {
    let hash = inputs.upstreams.hash(&upstream).cloned();
    Target { upstream, weight, hash }
}

/// Whether `services` has a name that is none, which has been told, and probably means this one.
fn is_misnamed(service: &str, inputs: &Inputs<'_>) -> bool {
    let Some(schema) = &inputs.descriptors.schema else { return false };
    let unknown = inputs.services.keys().filter(|name| schema.pool().get_service_by_name(name).is_none());
    unknown.into_iter().any(|name| methods::meant(schema.pool(), name).as_deref() == Some(service))
}

fn no_upstream(service: &str, place: Place, inputs: &Inputs<'_>) -> Diagnostic {
    let names: Vec<&str> = inputs.upstreams.names().map(|(name, _)| &**name).collect();
    let near = suggest::nearest(service.rsplit('.').next().unwrap_or(service), names.iter().copied());
    let name = near.or_else(|| names.first().copied()).unwrap_or("NAME");
    Diagnostic::error(Code::NoUpstream, format!("no upstream serves `{service}`"))
        .at(place, "nobody serves it")
        .with_help(format!("add it under `services`: `{service}: {name}`"))
}
