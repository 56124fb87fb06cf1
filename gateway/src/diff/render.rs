//! A report as text and as JSON.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Alteration, Grouped, Report};
use crate::route::RoutePlan;

/// Routes that are named where many have the same to tell; more are counted.
const SHOWN: usize = 6;

pub(super) fn text(report: &Report) -> String {
    if report.is_empty() {
        return "nothing changes\n".to_owned();
    }
    let mut out = summary(report);
    for route in &report.added {
        line(&mut out, &format!("+ {}{}  {}", route.name, on_hosts(route), route.grpc));
    }
    for (route, now) in &report.removed {
        line(&mut out, &format!("- {}{}  {}", route.name, on_hosts(route), route.grpc));
        line(&mut out, &format!("    breaks clients: {now}"));
    }
    let mut same: Grouped<Vec<String>, &str> = Grouped::new();
    for altered in &report.altered {
        same.add(altered.alterations.iter().map(sentence).collect(), &altered.route);
    }
    for (alterations, routes) in &same.groups {
        line(&mut out, &format!("~ {}", names(routes)));
        for text in alterations {
            line(&mut out, &format!("    {text}"));
        }
    }
    for (change, routes) in &report.messages {
        let breaks = if change.is_breaking() { "breaks clients: " } else { "" };
        line(&mut out, &format!("~ {breaks}{change}"));
        let routes: Vec<&str> = routes.iter().map(|route| &**route).collect();
        line(&mut out, &format!("    {}", names(&routes)));
    }
    for alteration in &report.settings {
        line(&mut out, &format!("~ {}", sentence(alteration)));
    }
    out
}

fn summary(report: &Report) -> String {
    let routes = format!(
        "routes: {} added, {} removed, {} altered",
        report.added.len(),
        report.removed.len(),
        report.altered.len()
    );
    let breaking = match report.breaking() {
        0 => "nothing breaks clients".to_owned(),
        1 => "1 change breaks clients".to_owned(),
        many => format!("{many} changes break clients"),
    };
    format!("{routes}; {breaking}\n\n")
}

fn sentence(alteration: &Alteration) -> String {
    let breaks = if alteration.breaking { "breaks clients: " } else { "" };
    format!("{breaks}{}", change_text(alteration))
}

/// What has changed, without whether that breaks clients.
pub(super) fn change_text(alteration: &Alteration) -> String {
    let Alteration { what, was, is, .. } = alteration;
    let change = match (was.as_str(), is.as_str()) {
        ("", "") => ": different".to_owned(),
        ("", is) => format!(": {is} (new)"),
        (was, "") => format!(": {was} (gone)"),
        (was, is) => format!(": {was} → {is}"),
    };
    format!("{what}{change}")
}

/// The first of these routes, and how many more there are.
pub(super) fn names(routes: &[&str]) -> String {
    let shown = routes.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    match routes.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn on_hosts(route: &RoutePlan) -> String {
    let hosts: Vec<String> = route.hosts.iter().map(ToString::to_string).collect();
    if hosts.is_empty() { String::new() } else { format!(" on {}", hosts.join(", ")) }
}

fn line(out: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}

pub(super) fn json(report: &Report) -> Value {
    let route = |route: &Arc<RoutePlan>| {
        json!({
            "route": &*route.name,
            "hosts": route.hosts.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "grpc": route.grpc.to_string(),
        })
    };
    let removed = report.removed.iter().map(|(plan, now)| {
        let mut removed = route(plan);
        if let Some(object) = removed.as_object_mut() {
            object.insert("now".to_owned(), now.clone().into());
            object.insert("breaking".to_owned(), true.into());
        }
        removed
    });
    let altered = report.altered.iter().map(|altered| {
        json!({
            "route": &*altered.route,
            "changes": altered.alterations.iter().map(change).collect::<Vec<_>>(),
        })
    });
    let messages = report.messages.iter().map(|(change, routes)| {
        json!({
            "side": change.side.map(|side| side.as_str()),
            "owner": change.owner,
            "member": change.member,
            "change": change.to_string(),
            "breaking": change.is_breaking(),
            "routes": routes.iter().map(|route| &**route).collect::<Vec<&str>>(),
        })
    });
    json!({
        "breaking": report.breaking(),
        "added": report.added.iter().map(route).collect::<Vec<_>>(),
        "removed": removed.collect::<Vec<_>>(),
        "altered": altered.collect::<Vec<_>>(),
        "messages": messages.collect::<Vec<_>>(),
        "settings": report.settings.iter().map(change).collect::<Vec<_>>(),
    })
}

fn change(alteration: &Alteration) -> Value {
    let Alteration { what, was, is, breaking } = alteration;
    json!({ "what": what, "was": was, "is": is, "breaking": breaking })
}
