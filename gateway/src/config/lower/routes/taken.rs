//! Routes that servers describe by reflection, and that take requests from others: a literal beside a variable of another
//! team, or a path below its `**`.
//!
//! Such a route is a change of what clients get. It goes live at a start or an ordered reload, with a warning. When a
//! server describes it while the gateway runs, the descriptors of that server are held back.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use http_rule::{MethodPattern, Template};
use indexmap::IndexMap;

use super::Rule;
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::{Context, GatewayConfig};
use crate::descriptors::Reflected;
use crate::route::{HostPattern, Matches, Origin, OriginKind, contest, identity};

/// A route that would take requests from another one.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::config::lower) struct Taking {
    /// The upstream that describes it.
    pub(in crate::config::lower) server: Arc<str>,
    /// Which route takes requests from which.
    pub(in crate::config::lower) text: String,
}

/// A route, as far as matching goes.
struct Candidate<'r> {
    name: String,
    /// The full name of the gRPC method; empty when it is unknown.
    grpc: String,
    identity: String,
    method: MethodPattern,
    matches: (&'r [HostPattern], &'r Template),
    origin: &'r Origin,
}

impl<'r> Candidate<'r> {
    fn of_rule(rule: &'r Rule) -> Option<Self> {
        let method = rule.shared.method.as_ref();
        let grpc = method.map(|method| format!("{}/{}", method.parent_service().full_name(), method.name()));
        Some(Self {
            grpc: grpc.unwrap_or_default(),
            identity: identity(&rule.name(), &rule.shared.hosts),
            name: rule.name(),
            method: rule.pattern(),
            matches: (&rule.shared.hosts, rule.template.as_ref()?),
            origin: &rule.origin,
        })
    }

    fn of_running(config: &'r GatewayConfig) -> impl Iterator<Item = Self> {
        config.routes.iter().map(|plan| Self {
            grpc: plan.grpc.to_string(),
            identity: identity(&plan.name, &plan.hosts),
            name: plan.name.to_string(),
            method: plan.method.clone(),
            matches: (&plan.hosts, &plan.template),
            origin: &plan.origin,
        })
    }

    fn matches(&self) -> Matches<'_> {
        Matches { hosts: self.matches.0, method: &self.method, template: self.matches.1 }
    }

    fn contest(&self, other: &Self) -> Option<Ordering> {
        contest(&self.matches(), &other.matches())
    }

    fn key(&self) -> (&str, &str) {
        (&self.identity, &self.grpc)
    }

    fn is_written(&self) -> bool {
        self.origin.kind == OriginKind::File
    }

    fn takes_from(&self, other: &Self) -> String {
        format!("`{}` would take requests from `{}` ({})", self.name, other.name, other.origin)
    }
}

/// Returns the servers that describe each file, of those given.
fn servers_of_files<'s>(
    servers: impl Iterator<Item = (&'s Arc<str>, &'s Reflected)>,
) -> HashMap<String, Vec<Arc<str>>> {
    let mut by_file: HashMap<String, Vec<Arc<str>>> = HashMap::new();
    for (server, reflected) in servers {
        for file in reflected.file_names() {
            by_file.entry(file).or_default().push(Arc::clone(server));
        }
    }
    by_file
}

/// Finds what the changed servers describe beyond the running configuration, and would take requests from a route of the
/// files or one that runs.
pub(super) fn takings(
    rules: &[Rule],
    changed: &IndexMap<Arc<str>, Reflected>,
    running: &GatewayConfig,
) -> Vec<Taking> {
    if changed.is_empty() {
        return Vec::new();
    }
    let by_file = servers_of_files(changed.iter());
    let running: Vec<Candidate<'_>> = Candidate::of_running(running).collect();
    let live: HashSet<(&str, &str)> = running.iter().map(Candidate::key).collect();
    let candidates: Vec<(Candidate<'_>, &Rule)> =
        rules.iter().filter_map(|rule| Some((Candidate::of_rule(rule)?, rule))).collect();
    let loaded: HashSet<(&str, &str)> = candidates.iter().map(|(candidate, _)| candidate.key()).collect();
    // What the operator has deleted has nothing that could be taken; what a server has withdrawn has.
    let withdrawn: Vec<&Candidate<'_>> =
        running.iter().filter(|route| !route.is_written() && !loaded.contains(&route.key())).collect();
    let mut takings = Vec::new();
    for (new, rule) in &candidates {
        if new.is_written() || live.contains(&new.key()) {
            continue;
        }
        let file = rule.shared.method.as_ref().map(|method| method.parent_file().name().to_owned());
        let Some(servers) = file.and_then(|file| by_file.get(&file)) else { continue };
        let loser = candidates.iter().map(|(other, _)| other).chain(withdrawn.iter().copied());
        let Some(loser) = first_loser(new, loser, &live) else { continue };
        let text = new.takes_from(loser);
        takings
            .extend(servers.iter().map(|server| Taking { server: Arc::clone(server), text: text.clone() }));
    }
    takings
}

/// The first route that a new one takes requests from.
fn first_loser<'c, 'r>(
    new: &Candidate<'r>,
    others: impl Iterator<Item = &'c Candidate<'r>>,
    live: &HashSet<(&str, &str)>,
) -> Option<&'c Candidate<'r>>
where
    'r: 'c,
{
    let mut loser = None;
    for other in others.filter(|other| other.key() != new.key()) {
        let counts = other.is_written() || live.contains(&other.key());
        let is_taken = match new.contest(other) {
            // A written route replaces the annotation, which then takes nothing.
            Some(Ordering::Equal) if other.is_written() => return None,
            // A method that is exposed by its name gives way to an annotation.
            Some(Ordering::Equal) if new.origin.kind == OriginKind::Auto => false,
            // Only the names of variables differ.
            Some(Ordering::Equal) => new.grpc != other.grpc,
            Some(Ordering::Less) => counts,
            Some(Ordering::Greater) | None => false,
        };
        if is_taken && loser.is_none() {
            loser = Some(other);
        }
    }
    loser
}

/// Warns of each served route that a server describes and that takes requests from a route of the files.
pub(super) fn warn(
    rules: &[Rule],
    served: &[usize],
    reflected: &IndexMap<Arc<str>, Reflected>,
    context: &mut Context,
) {
    if reflected.is_empty() {
        return;
    }
    let served = served.iter().filter_map(|index| rules.get(*index));
    let candidates = served.filter_map(|rule| Some((Candidate::of_rule(rule)?, rule)));
    let (written, exposed): (Vec<_>, Vec<_>) = candidates.partition(|(candidate, _)| candidate.is_written());
    if written.is_empty() || exposed.is_empty() {
        return;
    }
    let by_file = servers_of_files(reflected.iter());
    for (new, rule) in exposed {
        let file = rule.shared.method.as_ref().map(|method| method.parent_file().name().to_owned());
        let Some(server) = file.and_then(|file| by_file.get(&file)?.first()) else { continue };
        let loser = written.iter().find(|(other, _)| new.contest(other) == Some(Ordering::Less));
        let Some((loser, loser_rule)) = loser else { continue };
        let diagnostic = Diagnostic::warning(
            Code::Reflection,
            format!("`{}`, which `{server}` describes, takes requests from `{}`", new.name, loser.name),
        )
        .at(rule.places.rule, "exposed here")
        .and_at(loser_rule.places.path, "no longer gets these")
        .with_help(format!("write `{}` as a route, which replaces what the server describes", new.name));
        let note = rule.places.note.iter();
        context.push(note.fold(diagnostic, |diagnostic, note| diagnostic.with_note(note.clone())));
    }
}
