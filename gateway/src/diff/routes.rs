//! One route, before and after: its rule and settings, and the messages behind it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor};
use transcode::{Names, Unknown};

use super::{Alteration, Grouped};
use crate::config::GatewayConfig;
use crate::descriptors::changes::{Change, Comparison, Side, What, path_fits, type_of};
use crate::policy::ChainPlan;
use crate::route::RoutePlan;

/// What is different about a route.
pub(super) fn between(was: &RoutePlan, is: &RoutePlan) -> Vec<Alteration> {
    let mut found = Vec::new();
    if was.name != is.name {
        found.push(Alteration::new("path", &was.name, &is.name, false));
    }
    variables(was, is, &mut found);
    let mut differ = |what: &str, was: String, is: String, breaking: bool| {
        if was != is {
            found.push(Alteration::new(what, was, is, breaking));
        }
    };
    differ("host", hosts(was), hosts(is), !covers(is, was));
    differ("grpc", was.grpc.to_string(), is.grpc.to_string(), false);
    let (before, after) = (body(was), body(is));
    differ("body", before, after, !is_renamed(was.request.body_field().zip(is.request.body_field())));
    let (before, after) = (answer(was), answer(is));
    differ("response_body", before, after, !is_renamed(was.response.field().zip(is.response.field())));
    differ("status", was.status.as_u16().to_string(), is.status.as_u16().to_string(), true);
    authentication(&was.policies, &is.policies, &mut differ);
    let lines = |plan: &RoutePlan| {
        let lines = plan.policies.describe();
        let others = plan.policies.auth().map_or(0, |_| 1);
        lines.into_iter().skip(others).collect::<Vec<_>>().join(", ")
    };
    differ("policies", lines(was), lines(is), false);
    differ("timeout", format!("{:?}", was.timeout), format!("{:?}", is.timeout), false);
    differ("upstream", was.targets.to_string(), is.targets.to_string(), false);
    let mirror = |plan: &RoutePlan| plan.targets.mirror.as_deref().unwrap_or_default().to_owned();
    differ("mirror", mirror(was), mirror(is), false);
    let stricter = is.encode.unknown == Unknown::Reject;
    differ("unknown", unknown(was), unknown(is), stricter);
    differ("idempotent", was.idempotent.to_string(), is.idempotent.to_string(), false);
    if !is.policies.has_headers_of(&was.policies) {
        found.push(Alteration::new("headers", "", "", false));
    }
    found
}

fn unknown(plan: &RoutePlan) -> String {
    format!("{:?}", plan.encode.unknown).to_lowercase()
}

/// Variables at the same places of the path, which may fill other fields now.
fn variables(was: &RoutePlan, is: &RoutePlan, found: &mut Vec<Alteration>) {
    if was.template.segments() != is.template.segments() {
        return;
    }
    let old = was.template.variables().iter().zip(path_fields(was));
    let new = is.template.variables().iter().zip(path_fields(is));
    for ((_, old), (variable, new)) in old.zip(new) {
        if let (Some(old), Some(new)) = (old, new)
            && !path_fits(&old, &new)
        {
            let what = format!("path variable {{{}}}", variable.field_path);
            found.push(Alteration::new(&what, type_of(&old), type_of(&new), true));
        }
    }
}

/// The fields that the path fills, as far as they are found.
fn path_fields(plan: &RoutePlan) -> Vec<Option<FieldDescriptor>> {
    let message = plan.request.message().descriptor();
    let field = |path: &str| -> Option<FieldDescriptor> {
        let mut message: MessageDescriptor = message.clone();
        let mut names = path.split('.').peekable();
        while let Some(name) = names.next() {
            let field = message.get_field_by_name(name)?;
            if names.peek().is_none() {
                return Some(field);
            }
            let Kind::Message(below) = field.kind() else { return None };
            message = below;
        }
        None
    };
    plan.template.variables().iter().map(|variable| field(&variable.field_path)).collect()
}

fn hosts(plan: &RoutePlan) -> String {
    let mut hosts: Vec<String> = plan.hosts.iter().map(ToString::to_string).collect();
    hosts.sort();
    hosts.join(", ")
}

/// Whether a route is still for all hosts that it was for.
fn covers(is: &RoutePlan, was: &RoutePlan) -> bool {
    is.hosts.is_empty() || !was.hosts.is_empty() && was.hosts.iter().all(|host| is.hosts.contains(host))
}

fn body(plan: &RoutePlan) -> String {
    match plan.request.body_field() {
        Some(field) => field.name.to_string(),
        None if plan.request.takes_body() => "*".to_owned(),
        None => String::new(),
    }
}

fn answer(plan: &RoutePlan) -> String {
    plan.response.field().map(|field| field.name.to_string()).unwrap_or_default()
}

/// Whether a body is a field in both: then its type matters to clients, not its name.
fn is_renamed<T>(fields: Option<T>) -> bool {
    fields.is_some()
}

fn authentication(was: &ChainPlan, is: &ChainPlan, differ: &mut impl FnMut(&str, String, String, bool)) {
    let name = |plan: &ChainPlan| {
        plan.auth().map_or_else(|| "none".to_owned(), |auth| format!("{} {}", auth.kind(), auth.name()))
    };
    differ("auth", name(was), name(is), is.auth().is_some());
    let more = is.scopes().iter().any(|scope| !was.scopes().contains(scope));
    differ("scopes", was.scopes().join(" "), is.scopes().join(" "), more);
}

/// Compares the messages behind routes, each pair of methods once.
pub(super) struct Messages<'c> {
    old: &'c GatewayConfig,
    new: &'c GatewayConfig,
    known: HashMap<(Arc<str>, Arc<str>, String), Vec<Change>>,
    found: Grouped<Change, Arc<str>>,
}

impl<'c> Messages<'c> {
    pub(super) fn new(old: &'c GatewayConfig, new: &'c GatewayConfig) -> Self {
        Self { old, new, known: HashMap::new(), found: Grouped::new() }
    }

    /// The messages of a route. What its path or body name themselves is for the route to tell.
    pub(super) fn compare(&mut self, was: &RoutePlan, is: &RoutePlan) {
        let (Some(old), Some(new)) = (method(self.old, was), method(self.new, is)) else { return };
        let bodies = [body(was), body(is), answer(was), answer(is)].join("|");
        let key = (was.grpc.path.as_str().into(), is.grpc.path.as_str().into(), bodies);
        let changes = self.known.entry(key).or_insert_with(|| messages(was, is, &old, &new));
        let named = named(was);
        for change in changes.iter().filter(|change| !is_named(change, &named)) {
            self.found.add(change.clone(), Arc::clone(&was.name));
        }
    }

    pub(super) fn finish(self) -> Vec<(Change, Vec<Arc<str>>)> {
        self.found.groups
    }
}

fn method(config: &GatewayConfig, route: &RoutePlan) -> Option<MethodDescriptor> {
    let service = config.schema.pool().get_service_by_name(&route.grpc.service)?;
    service.methods().find(|method| *method.name() == *route.grpc.name)
}

fn messages(was: &RoutePlan, is: &RoutePlan, old: &MethodDescriptor, new: &MethodDescriptor) -> Vec<Change> {
    let proto_names = was.decode.names == Names::Proto && is.decode.names == Names::Proto;
    let mut comparison = Comparison::default();
    comparison.prints_proto_names = proto_names;
    comparison.streaming(old, new);
    let field = |message: &MessageDescriptor, name: &str| message.get_field_by_name(name);
    if let Some((was, is)) = was.request.body_field().zip(is.request.body_field())
        && let (Some(was), Some(is)) = (field(&old.input(), &was.name), field(&new.input(), &is.name))
    {
        comparison.body(Side::Request, &was, &is);
    }
    comparison.request(&old.input(), &new.input());
    match was.response.field().zip(is.response.field()) {
        Some((was, is)) => {
            if let (Some(was), Some(is)) = (field(&old.output(), &was.name), field(&new.output(), &is.name)) {
                comparison.body(Side::Response, &was, &is);
            }
        }
        // Another part of the answer is told by its route.
        None if was.response.field().is_some() || is.response.field().is_some() => {}
        None => comparison.response(&old.output(), &new.output(), None),
    }
    // A field may be met twice, as the body and as part of the request.
    let mut once = HashSet::new();
    comparison.changes.retain(|change| once.insert(change.clone()));
    comparison.changes
}

/// The fields that clients do not name, by message and name in JSON; and whether their type is told by the route.
fn named(was: &RoutePlan) -> HashMap<(String, String), bool> {
    let message = was.request.message().descriptor();
    let body = was.request.body_field().and_then(|field| message.get_field_by_name(&field.name));
    let path = path_fields(was).into_iter().flatten().map(|field| (field, true));
    let name = |(field, is_path): (FieldDescriptor, bool)| {
        ((field.parent_message().full_name().to_owned(), field.json_name().to_owned()), is_path)
    };
    body.map(|field| (field, false)).into_iter().chain(path).map(name).collect()
}

/// Whether a change is about the name of a field that clients do not name.
fn is_named(change: &Change, named: &HashMap<(String, String), bool>) -> bool {
    let field = (change.owner.clone(), change.member.clone());
    let Some(is_path) = named.get(&field).filter(|_| change.side == Some(Side::Request)) else {
        return false;
    };
    match change.what {
        What::FieldRemoved | What::FieldRenamed(_) | What::FieldRequired => true,
        What::FieldRetyped(..) => *is_path,
        _ => false,
    }
}
