//! Who may call, as entries of `auth` and the rate-limit service say it for all routes.

use std::collections::BTreeSet;

use super::Alteration;
use crate::config::GatewayConfig;
use crate::policy::{ApiKeySpec, AuthSpec, JwtSpec};

/// What is different.
pub(super) fn between(old: &GatewayConfig, new: &GatewayConfig) -> Vec<Alteration> {
    let mut found = Vec::new();
    for (name, was) in &old.auth {
        match new.auth.get(name) {
            // Which routes that concerns is for them to tell.
            None => found.push(Alteration::new(&format!("auth {name}"), kind(was), "", false)),
            Some(is) if was != is => entry(name, was, is, &mut found),
            Some(_) => {}
        }
    }
    for (name, is) in new.auth.iter().filter(|(name, _)| !old.auth.contains_key(*name)) {
        found.push(Alteration::new(&format!("auth {name}"), "", kind(is), false));
    }
    if old.rate_limit_service != new.rate_limit_service {
        found.push(Alteration::new("rate_limit_service", "", "", false));
    }
    found
}

const fn kind(spec: &AuthSpec) -> &'static str {
    match spec {
        AuthSpec::Jwt(_) => "jwt",
        AuthSpec::ApiKey(_) => "api_key",
        AuthSpec::External(_) => "external",
    }
}

fn entry(name: &str, was: &AuthSpec, is: &AuthSpec, found: &mut Vec<Alteration>) {
    match (was, is) {
        (AuthSpec::Jwt(was), AuthSpec::Jwt(is)) => jwt(name, was, is, found),
        (AuthSpec::ApiKey(was), AuthSpec::ApiKey(is)) => api_key(name, was, is, found),
        // Whom the service lets in is for it to say.
        (AuthSpec::External(_), AuthSpec::External(_)) => {
            found.push(Alteration::new(&format!("auth {name}"), "", "", false));
        }
        _ => found.push(Alteration::new(&format!("auth {name}"), kind(was), kind(is), true)),
    }
}

/// Tokens that were good and may not be so any more are what breaks clients.
fn jwt(name: &str, was: &JwtSpec, is: &JwtSpec, found: &mut Vec<Alteration>) {
    let mut differ = |what: &str, was: String, is: String, breaking: bool| {
        if was != is {
            found.push(Alteration::new(&format!("auth {name} {what}"), was, is, breaking));
        }
    };
    let algorithms = |spec: &JwtSpec| {
        spec.algorithms.iter().map(|algorithm| algorithm.name()).collect::<Vec<_>>().join(", ")
    };
    let fewer = was.algorithms.iter().any(|algorithm| !is.algorithms.contains(algorithm));
    differ("algorithms", algorithms(was), algorithms(is), fewer);
    let issuer = |spec: &JwtSpec| spec.issuer.clone().unwrap_or_default();
    differ("issuer", issuer(was), issuer(is), is.issuer.is_some());
    let fewer = was.audiences.is_empty() || was.audiences.iter().any(|name| !is.audiences.contains(name));
    differ("audience", was.audiences.join(", "), is.audiences.join(", "), fewer && !is.audiences.is_empty());
    differ("leeway", format!("{:?}", was.leeway), format!("{:?}", is.leeway), is.leeway < was.leeway);
    differ("refused", was.refused.as_str().to_owned(), is.refused.as_str().to_owned(), true);
    let forward = |spec: &JwtSpec| {
        let pairs = spec.forward.iter().map(|(claim, name)| format!("{claim} as {name}"));
        pairs.collect::<Vec<_>>().join(", ")
    };
    differ("forward", forward(was), forward(is), false);
    differ("encoding", was.encoding.name().to_owned(), is.encoding.name().to_owned(), false);
    if was.keys != is.keys {
        let (was, is) = (was.keys.describe(), is.keys.describe());
        let (was, is) = if was == is { (String::new(), String::new()) } else { (was, is) };
        found.push(Alteration::new(&format!("auth {name} keys"), was, is, true));
    }
}

fn api_key(name: &str, was: &ApiKeySpec, is: &ApiKeySpec, found: &mut Vec<Alteration>) {
    if was.header != is.header {
        found.push(Alteration::new(&format!("auth {name} header"), &was.header, &is.header, true));
    }
    if was.refused != is.refused {
        let (was, is) = (was.refused.as_str(), is.refused.as_str());
        found.push(Alteration::new(&format!("auth {name} refused"), was, is, true));
    }
    let keys = |spec: &ApiKeySpec| -> BTreeSet<(String, String)> { spec.keys.iter().cloned().collect() };
    let (old, new) = (keys(was), keys(is));
    let gone: Vec<String> = clients(old.difference(&new));
    let added: Vec<String> = clients(new.difference(&old));
    if !gone.is_empty() {
        found.push(Alteration::new(&format!("auth {name} keys of"), gone.join(", "), "", true));
    }
    if !added.is_empty() {
        found.push(Alteration::new(&format!("auth {name} keys of"), "", added.join(", "), false));
    }
}

/// Clients by name, each once.
fn clients<'k>(keys: impl Iterator<Item = &'k (String, String)>) -> Vec<String> {
    keys.map(|(client, _)| client.clone()).collect::<BTreeSet<_>>().into_iter().collect()
}
