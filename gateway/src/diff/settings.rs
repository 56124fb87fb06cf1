//! What belongs to no route: listeners, upstreams, and settings of the whole gateway.

use std::collections::BTreeMap;

use transcode::{DecodeOptions, Unset};

use super::Alteration;
use crate::config::GatewayConfig;
use crate::edge::ListenerSpec;

/// What is different.
pub(super) fn between(old: &GatewayConfig, new: &GatewayConfig) -> Vec<Alteration> {
    let mut found = Vec::new();
    listeners(old, new, &mut found);
    upstreams(old, new, &mut found);
    found.extend(super::auth::between(old, new));
    json(old, new, &mut found);
    limits(old, new, &mut found);
    let mut differ = |what: &str, was: String, is: String, breaking: bool| {
        if was != is {
            found.push(Alteration::new(what, was, is, breaking));
        }
    };
    let word = |config: &GatewayConfig| format!("{:?}", config.errors).to_lowercase();
    differ("errors", word(old), word(new), true);
    let hidden = |config: &GatewayConfig| config.hidden_errors.names().collect::<Vec<_>>().join(", ");
    differ("errors.hide", hidden(old), hidden(new), false);
    let word = |config: &GatewayConfig| format!("{:?}", config.breaking).to_lowercase();
    differ("reload.breaking", word(old), word(new), false);
    let health = |config: &GatewayConfig| config.own.health.clone().unwrap_or_default();
    differ("health", health(old), health(new), false);
    let degraded = |config: &GatewayConfig| config.degraded.as_u16().to_string();
    differ("health.degraded", degraded(old), degraded(new), false);
    let probes = |config: &GatewayConfig| {
        let paths = [&config.own.live, &config.own.ready].map(|path| path.clone().unwrap_or_default());
        paths.join(" ").trim().to_owned()
    };
    differ("probes", probes(old), probes(new), false);
    let docs = |config: &GatewayConfig| {
        config.own.docs.as_ref().map(|docs| docs.as_str().to_owned()).unwrap_or_default()
    };
    differ("docs", docs(old), docs(new), false);
    let drain = |config: &GatewayConfig| format!("{:?}", config.drain);
    differ("drain", drain(old), drain(new), false);
    let admin = |config: &GatewayConfig| {
        config.admin.as_ref().map(|admin| admin.address.to_string()).unwrap_or_default()
    };
    let admin_hosts = |config: &GatewayConfig| {
        let hosts = config.admin.iter().flat_map(|admin| &admin.hosts);
        hosts.map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let admin_orders = |config: &GatewayConfig| {
        config.admin.as_ref().map(|admin| admin.orders.to_string()).unwrap_or_default()
    };
    differ("admin", admin(old), admin(new), false);
    if old.admin.is_some() && new.admin.is_some() {
        differ("admin.hosts", admin_hosts(old), admin_hosts(new), false);
        differ("admin.orders", admin_orders(old), admin_orders(new), false);
    }
    // These are too long to be shown; that they differ is worth knowing.
    let unlike = [
        (
            "cors",
            format!("{:?}", old.cors) != format!("{:?}", new.cors),
            old.cors.is_some() && new.cors.is_none(),
        ),
        (
            "trusted_proxies",
            format!("{:?}", old.trusted_proxies) != format!("{:?}", new.trusted_proxies),
            false,
        ),
        ("compression", format!("{:?}", old.compression) != format!("{:?}", new.compression), false),
        ("explain", old.explain != new.explain, false),
        ("log", old.log != new.log, false),
    ];
    for (what, _, breaking) in unlike.into_iter().filter(|(_, differs, _)| *differs) {
        found.push(Alteration::new(what, "", "", breaking));
    }
    found
}

fn listeners(old: &GatewayConfig, new: &GatewayConfig, found: &mut Vec<Alteration>) {
    let by_address = |config: &'_ GatewayConfig| -> BTreeMap<String, ListenerSpec> {
        config.listeners.iter().map(|spec| (spec.address.to_string(), spec.clone())).collect()
    };
    let (was, is) = (by_address(old), by_address(new));
    let speaks = |spec: &ListenerSpec| match &spec.tls {
        None => "plain text",
        Some(tls) if tls.client_ca.is_some() => "TLS with client certificates",
        Some(_) => "TLS",
    };
    for (address, spec) in &was {
        let what = format!("listener {address}");
        match is.get(address) {
            None => found.push(Alteration::new(&what, speaks(spec), "", true)),
            Some(other) if speaks(spec) != speaks(other) => {
                let breaking = speaks(other) != "TLS" || spec.tls.is_none();
                found.push(Alteration::new(&what, speaks(spec), speaks(other), breaking));
            }
            Some(other) if spec.proxy_protocol != other.proxy_protocol => {
                let (was, is) = (spec.proxy_protocol, other.proxy_protocol);
                found.push(Alteration::new(&format!("{what} proxy_protocol"), was, is, true));
            }
            Some(other) if spec != other => found.push(Alteration::new(&what, "", "", false)),
            Some(_) => {}
        }
    }
    for (address, spec) in is.iter().filter(|(address, _)| !was.contains_key(*address)) {
        found.push(Alteration::new(&format!("listener {address}"), "", speaks(spec), false));
    }
}

fn upstreams(old: &GatewayConfig, new: &GatewayConfig, found: &mut Vec<Alteration>) {
    let addresses = |spec: &upstream::UpstreamSpec| {
        spec.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    for (name, was) in &old.upstreams {
        let what = format!("upstream {name}");
        match new.upstreams.get(name) {
            None => found.push(Alteration::new(&what, addresses(was), "", false)),
            Some(is) if addresses(was) != addresses(is) => {
                found.push(Alteration::new(&what, addresses(was), addresses(is), false));
            }
            Some(is) if was != is => found.push(Alteration::new(&what, "", "", false)),
            Some(_) => {}
        }
    }
    for (name, is) in new.upstreams.iter().filter(|(name, _)| !old.upstreams.contains_key(*name)) {
        found.push(Alteration::new(&format!("upstream {name}"), "", addresses(is), false));
    }
}

/// How JSON is printed is the same for all routes.
fn json(old: &GatewayConfig, new: &GatewayConfig, found: &mut Vec<Alteration>) {
    let options = |config: &GatewayConfig| -> Option<DecodeOptions> {
        config.routes.first().map(|route| route.decode.clone())
    };
    let (Some(was), Some(is)) = (options(old), options(new)) else { return };
    let word = |value: &dyn std::fmt::Debug| format!("{value:?}").to_lowercase();
    let parts = [
        ("json.names", word(&was.names), word(&is.names), true),
        ("json.enums", word(&was.enums), word(&is.enums), true),
        // More is printed than before: who reads it does not mind.
        ("json.unset", word(&was.unset), word(&is.unset), is.unset == Unset::Omit),
    ];
    for (what, was, is, breaking) in parts.into_iter().filter(|(_, was, is, _)| was != is) {
        found.push(Alteration::new(what, was, is, breaking));
    }
}

fn limits(old: &GatewayConfig, new: &GatewayConfig, found: &mut Vec<Alteration>) {
    let (was, is) = (&old.limits, &new.limits);
    for (what, was, is) in [
        ("limits.body", was.body, is.body),
        ("limits.headers", was.headers, is.headers),
        ("limits.response", was.response, is.response),
    ] {
        if was != is {
            found.push(Alteration::new(what, format!("{was} bytes"), format!("{is} bytes"), is < was));
        }
    }
    let mut rest = was.clone();
    (rest.body, rest.headers, rest.response) = (is.body, is.headers, is.response);
    if rest != *is {
        found.push(Alteration::new("limits", "", "", false));
    }
}
