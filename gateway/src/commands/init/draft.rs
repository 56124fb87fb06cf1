//! Which methods get which paths: annotations as they are, conventions where there are none, and never two for one.
//!
//! Every route is compiled here as `check` would compile it. What cannot be served is kept, with the reason, to stand in
//! the file as a comment.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use http_rule::{MethodPattern, Segment, Template};
use prost_reflect::{MethodDescriptor, ServiceDescriptor};
use transcode::binding::{BodyRule, RequestPlan, RequestRule};
use transcode::{ResponsePlan, Schema};

use super::left_out::{Kind, LeftOut};
use super::names::is_version;
use super::rest::{Binding, Things};
use super::words::{kebab, words};
use crate::descriptors::{HttpRule, INFRASTRUCTURE, RuleReader};
use crate::route::{Problem, TableBuilder};

/// The routes of one service.
pub(super) struct Group {
    pub(super) service: ServiceDescriptor,
    /// In the order of the methods.
    pub(super) entries: Vec<Entry>,
    /// What comes before the paths of its annotations, because other services have these paths.
    pub(super) moved: Option<String>,
}

impl Group {
    /// Whether any method of it is served.
    pub(super) fn is_live(&self) -> bool {
        self.entries.iter().any(|entry| entry.left_out.is_none())
    }
}

/// One method.
pub(super) struct Entry {
    pub(super) method: MethodDescriptor,
    /// The rule, then its additional bindings; empty when there is nothing to say.
    pub(super) bindings: Vec<Binding>,
    /// Why it is not served; nothing when it is.
    pub(super) left_out: Option<LeftOut>,
    /// Bindings of a served method that are left out.
    pub(super) dropped: Vec<(Binding, LeftOut)>,
}

impl Entry {
    fn served(method: MethodDescriptor, bindings: Vec<Binding>) -> Self {
        Self { method, bindings, left_out: None, dropped: Vec::new() }
    }

    fn left_out(method: MethodDescriptor, bindings: Vec<Binding>, reason: LeftOut) -> Self {
        Self { method, bindings, left_out: Some(reason), dropped: Vec::new() }
    }

    /// Leaves out one binding, and the method with its last one.
    fn drop_binding(&mut self, index: usize, reason: &LeftOut) {
        if index >= self.bindings.len() {
            return;
        }
        self.dropped.push((self.bindings.remove(index), reason.clone()));
        if self.bindings.is_empty() {
            let dropped = std::mem::take(&mut self.dropped);
            let reasons = dropped.iter().map(|(_, reason)| reason);
            self.left_out = all_reasons(reasons);
            self.bindings = dropped.into_iter().map(|(binding, _)| binding).collect();
        }
    }
}

/// Several reasons as one, each text once; the first one's kind counts.
fn all_reasons<'r>(reasons: impl Iterator<Item = &'r LeftOut>) -> Option<LeftOut> {
    let reasons: Vec<&LeftOut> = reasons.collect();
    let mut texts: Vec<&str> = Vec::new();
    for reason in &reasons {
        if !texts.contains(&reason.reason.as_str()) {
            texts.push(&reason.reason);
        }
    }
    Some(LeftOut::new(reasons.first()?.kind, texts.join("; ")))
}

/// Paths of `routes.yaml`'s own default answers.
const HEALTH: &str = "/health";

/// The routes of a schema.
pub(super) struct Draft {
    pub(super) groups: Vec<Group>,
    /// The services that come with gRPC libraries, which are not meant to be served over HTTP.
    pub(super) infrastructure: Vec<String>,
    /// The services without methods.
    pub(super) empty: Vec<String>,
}

/// Drafts the routes of every service, in the order of the descriptors.
pub(super) fn draft(schema: &Arc<Schema>) -> Draft {
    let rules = RuleReader::new(schema.pool());
    let (infrastructure, services): (Vec<ServiceDescriptor>, Vec<ServiceDescriptor>) =
        schema.pool().services().partition(|service| INFRASTRUCTURE.contains(&service.package_name()));
    let (empty, services): (Vec<ServiceDescriptor>, Vec<ServiceDescriptor>) =
        services.into_iter().partition(|service| service.methods().len() == 0);
    let names = |services: Vec<ServiceDescriptor>| {
        services.iter().map(|service| service.full_name().to_owned()).collect()
    };
    let mut taken = Taken { schema, routes: HashMap::new() };
    // Annotations say where they want to be; conventions can go elsewhere.
    let annotated: Vec<Option<Group>> =
        services.iter().map(|service| annotated(service, &rules, &mut taken)).collect();
    let groups = annotated.into_iter().zip(services).map(|(annotated, service)| match annotated {
        Some(group) => group,
        None => conventional(service, &mut taken),
    });
    let mut groups: Vec<Group> = groups.collect();
    leave_out_what_is_never_reached(&mut groups);
    Draft { groups, infrastructure: names(infrastructure), empty: names(empty) }
}

/// What makes two routes the same to a client.
type Key = (String, Vec<Segment>, Option<String>);

/// The routes that there are already, and what each calls.
struct Taken<'s> {
    schema: &'s Arc<Schema>,
    routes: HashMap<Key, String>,
}

impl Taken<'_> {
    /// The key of a rule that can be served; otherwise why it cannot.
    fn key(&self, method: &MethodDescriptor, binding: &Binding) -> Result<Key, String> {
        check_method(&binding.method)?;
        let template = Template::parse(&binding.path)
            .map_err(|error| format!("`{}` is not a path: {}", binding.path, error.message()))?;
        if matches!(binding.method.as_str(), "GET" | "HEAD") {
            if !binding.body.is_empty() {
                return Err(format!("a body on {} has no meaning to HTTP", binding.method));
            }
            let health = Template::parse(HEALTH);
            if template.variables().is_empty()
                && health
                    .is_ok_and(|health| health.segments() == template.segments() && template.verb().is_none())
            {
                return Err(format!("the gateway answers at {HEALTH} itself"));
            }
        }
        let message = |name: &str| self.schema.message(name).ok_or_else(|| format!("{name} is unknown"));
        let (input, output) = (message(method.input().full_name())?, message(method.output().full_name())?);
        let variables: Vec<&str> =
            template.variables().iter().map(|variable| variable.field_path.as_str()).collect();
        let rule = RequestRule::new(&binding.method, &variables, BodyRule::parse(&binding.body));
        RequestPlan::compile(&input, &rule)
            .map_err(|errors| errors.into_iter().map(|error| error.message).collect::<Vec<_>>().join("; "))?;
        let response_body = Some(binding.response_body.as_str()).filter(|field| !field.is_empty());
        ResponsePlan::compile(&output, response_body).map_err(|error| error.message)?;
        let verb = template.verb().map(str::to_owned);
        Ok((binding.method.clone(), template.segments().to_vec(), verb))
    }

    /// Whether another route is there already.
    fn is_free(&self, key: &Key) -> bool {
        !self.routes.contains_key(key)
    }

    /// Takes a route for a method, unless it cannot be served or another one is there.
    fn take(&mut self, method: &MethodDescriptor, binding: &Binding) -> Result<(), LeftOut> {
        let key = self.key(method, binding).map_err(|reason| LeftOut::new(Kind::Unservable, reason))?;
        if let Some(owner) = self.routes.get(&key) {
            let reason = format!("`{} {}` calls {owner} already", binding.method, binding.path);
            return Err(LeftOut::new(Kind::Conflict, reason));
        }
        self.routes.insert(key, name(method));
        Ok(())
    }
}

/// Why a method cannot be called over HTTP at all.
fn unserved(method: &MethodDescriptor) -> Option<LeftOut> {
    let kind = match (method.is_client_streaming(), method.is_server_streaming()) {
        (false, false) => return None,
        (false, true) => "answers a stream",
        (true, false) => "takes a stream",
        (true, true) => "takes and answers a stream",
    };
    Some(LeftOut::new(Kind::Stream, format!("it {kind}, and streams are not served yet")))
}

/// `shop.v1.UserService/GetUser`
pub(super) fn name(method: &MethodDescriptor) -> String {
    format!("{}/{}", method.parent_service().full_name(), method.name())
}

fn check_method(method: &str) -> Result<(), String> {
    let standard = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let upper = method.to_uppercase();
    if matches!(upper.as_str(), "CONNECT" | "TRACE") {
        return Err(format!("{upper} is not served"));
    }
    let misspelt = upper != method && standard.contains(&upper.as_str());
    if method == "*" || http::Method::from_bytes(method.as_bytes()).is_ok() && !misspelt {
        return Ok(());
    }
    Err(format!("`{method}` is not an HTTP method"))
}

/// The annotations of a service; nothing when it has none.
fn annotated(service: &ServiceDescriptor, rules: &RuleReader, taken: &mut Taken<'_>) -> Option<Group> {
    if !service.methods().any(|method| !rules.rules(&method).is_empty()) {
        return None;
    }
    let things = Things::of(service);
    let prefix = free_prefix(service, rules, taken);
    let entries = service.methods().map(|method| {
        let bindings = rules.rules(&method).into_iter().map(|rule| below(&prefix, &Binding::from(rule)));
        let bindings: Vec<Binding> = bindings.collect();
        if bindings.is_empty() {
            return unexposed(method, &things, taken);
        }
        if let Some(reason) = unserved(&method) {
            return Entry::left_out(method, bindings, reason);
        }
        let mut live = Vec::new();
        let mut dropped = Vec::new();
        for binding in bindings {
            match taken.take(&method, &binding) {
                Ok(()) => live.push(binding),
                Err(reason) => dropped.push((binding, reason)),
            }
        }
        if live.is_empty() {
            let left_out = all_reasons(dropped.iter().map(|(_, reason)| reason));
            let bindings = dropped.into_iter().map(|(binding, _)| binding).collect();
            return Entry { method, bindings, left_out, dropped: Vec::new() };
        }
        Entry { dropped, ..Entry::served(method, live) }
    });
    let entries = entries.collect();
    let moved = Some(prefix).filter(|prefix| !prefix.is_empty());
    Some(Group { service: service.clone(), entries, moved })
}

/// The shortest prefix below which no other service has a path of these annotations; none when there is no such prefix.
fn free_prefix(service: &ServiceDescriptor, rules: &RuleReader, taken: &Taken<'_>) -> String {
    let is_free = |prefix: &String| {
        service.methods().all(|method| {
            let bindings = rules.rules(&method).into_iter().map(|rule| below(prefix, &Binding::from(rule)));
            // What cannot be served is left out below any prefix.
            bindings
                .into_iter()
                .all(|binding| taken.key(&method, &binding).map_or(true, |key| taken.is_free(&key)))
        })
    };
    prefixes(service).into_iter().find(is_free).unwrap_or_default()
}

impl From<HttpRule> for Binding {
    fn from(rule: HttpRule) -> Self {
        let HttpRule { method, path, body, response_body } = rule;
        Self { method, path, body, response_body, status: 200 }
    }
}

/// A method that its authors have not exposed, though they have others: shown, and left to the operator.
fn unexposed(method: MethodDescriptor, things: &Things, taken: &Taken<'_>) -> Entry {
    let free = |binding: &Binding| taken.key(&method, binding).is_ok_and(|key| taken.is_free(&key));
    let bindings = things.candidates(&method).into_iter().find(free).into_iter().collect();
    let reason = unserved(&method);
    let reason = reason.unwrap_or_else(|| LeftOut::new(Kind::NotAnnotated, "it has no annotation"));
    Entry::left_out(method, bindings, reason)
}

/// Conventional routes for a service, below a prefix when others have its paths already.
fn conventional(service: ServiceDescriptor, taken: &mut Taken<'_>) -> Group {
    let things = Things::of(&service);
    let methods: Vec<(MethodDescriptor, Vec<Binding>)> =
        service.methods().map(|method| (method.clone(), things.candidates(&method))).collect();
    let collides = |prefix: &str| {
        methods.iter().any(|(method, candidates)| {
            let mut keys =
                candidates.iter().filter_map(|binding| taken.key(method, &below(prefix, binding)).ok());
            keys.next().is_some_and(|key| !taken.is_free(&key))
        })
    };
    let prefixes = prefixes(&service);
    let prefix = prefixes.iter().find(|prefix| !collides(prefix)).or_else(|| prefixes.last());
    let prefix = prefix.cloned().unwrap_or_default();
    let entries = methods.into_iter().map(|(method, candidates)| {
        // The last candidate is its own already.
        let (plain, own) = candidates.split_at(candidates.len().saturating_sub(1));
        let candidates: Vec<Binding> =
            plain.iter().map(|binding| below(&prefix, binding)).chain(own.iter().cloned()).collect();
        if let Some(reason) = unserved(&method) {
            let bindings = candidates.into_iter().take(1).collect();
            return Entry::left_out(method, bindings, reason);
        }
        let mut left_out = None;
        let found = candidates.into_iter().find(|binding| match taken.take(&method, binding) {
            Ok(()) => true,
            Err(reason) => {
                left_out = Some(reason);
                false
            }
        });
        match found {
            Some(binding) => Entry::served(method, vec![binding]),
            None => Entry { method, bindings: Vec::new(), left_out, dropped: Vec::new() },
        }
    });
    let entries = entries.collect();
    Group { service, entries, moved: None }
}

fn below(prefix: &str, binding: &Binding) -> Binding {
    let path = match binding.path.as_str() {
        "/" if !prefix.is_empty() => prefix.to_owned(),
        path => format!("{prefix}{path}"),
    };
    Binding { path, ..binding.clone() }
}

/// What may stand before the paths of a service, the shortest first: nothing, what its package says, all of its name.
fn prefixes(service: &ServiceDescriptor) -> Vec<String> {
    let segments: Vec<String> = service
        .package_name()
        .split('.')
        .map(|segment| kebab(&words(segment)))
        .filter(|segment| !segment.is_empty())
        .collect();
    let spoken = segments.iter().rev().find(|segment| !is_version(segment));
    let version = segments.last().filter(|segment| is_version(segment));
    let name = kebab(&words(service.name()));
    let all = segments.iter().map(|segment| format!("/{segment}")).collect::<String>();
    let mut prefixes = vec![String::new()];
    prefixes.extend(spoken.map(|segment| format!("/{segment}")));
    prefixes.extend(version.map(|segment| format!("/{segment}")));
    prefixes.push(all.clone());
    prefixes.push(format!("{all}/{name}"));
    prefixes
}

/// Some templates take every request of others, as `/**` does. The more general ones of the table are told by building it.
fn leave_out_what_is_never_reached(groups: &mut [Group]) {
    loop {
        let mut builder = TableBuilder::new();
        let mut at = Vec::new();
        for (group, entry, found) in groups.iter().enumerate().flat_map(|(index, group)| {
            let live = group.entries.iter().enumerate().filter(|(_, entry)| entry.left_out.is_none());
            live.map(move |(at, entry)| (index, at, entry))
        }) {
            for (index, binding) in found.bindings.iter().enumerate() {
                if let Ok(template) = Template::parse(&binding.path) {
                    builder.insert(&[], &MethodPattern::from(binding.method.as_str()), &template);
                    at.push((group, entry, index));
                }
            }
        }
        let (_, problems) = builder.build();
        let losers: BTreeSet<(usize, usize, usize)> = problems
            .into_iter()
            .filter_map(|problem| match problem {
                Problem::Conflict { second, .. } => at.get(second).copied(),
                Problem::Shadowed { route, .. } => at.get(route).copied(),
            })
            .collect();
        if losers.is_empty() {
            return;
        }
        let reason = LeftOut::new(Kind::Conflict, "other routes take all of its requests");
        // From the last one: the places before it stay.
        for (group, entry, binding) in losers.into_iter().rev() {
            if let Some(entry) = groups.get_mut(group).and_then(|group| group.entries.get_mut(entry)) {
                entry.drop_binding(binding, &reason);
            }
        }
    }
}
