//! The files that `auth` names: keys of issuers, key sets, and the keys of clients.

use crate::config::Context;
use crate::config::diagnostic::{Code, Diagnostic, Place};
use crate::config::files::File;
use crate::config::lower::policies::{self, parsed};
use crate::config::lower::tls;
use crate::config::raw::{self, At, Key, RawJwt, Reader, Secret};
use crate::policy::{Finding, KeySource, Problem, is_key_hash};

/// What verifies the tokens of an entry.
pub(super) fn source(raw: &RawJwt, file: &File, context: &mut Context) -> Option<KeySource> {
    if let Some(secret) = &raw.secret {
        return Some(KeySource::Secret(secret.value.as_bytes().into()));
    }
    if let Some(key) = &raw.key {
        return tls::read(file, key, context).map(KeySource::Pem);
    }
    let jwks = raw.jwks.as_ref()?;
    if jwks.value.contains("://") {
        return Some(KeySource::JwksUrl(jwks.value.clone()));
    }
    tls::read(file, jwks, context).map(KeySource::Jwks)
}

/// The clients of a file of API keys, with the hashes of their keys.
pub(super) fn read(at: &At<String>, file: &File, context: &mut Context) -> Option<Vec<(Key, At<String>)>> {
    let bytes = tls::read(file, at, context)?;
    let path = file.path(&at.value);
    let Ok(text) = std::str::from_utf8(&bytes) else {
        let problem = Problem::KeysUnreadable(path.display().to_string());
        return parsed(Err(problem), Code::BadAuth, at.place, context);
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let id = context.sources.add(path.display().to_string(), text);
    let told = context.found.len();
    // Who writes a key where its hash belongs must not find it in a log.
    let keys = match raw::parse_masked(&mut context.sources, id, Secret::Values) {
        Ok(node) => {
            let mut reader = Reader::new(&context.sources, &mut context.found);
            raw::api_keys(&node, &mut reader)
        }
        Err(diagnostic) => {
            context.push(*diagnostic);
            Vec::new()
        }
    };
    (context.found.len() == told).then_some(keys)
}

/// The client whose key a problem is about.
pub(super) fn client(problem: &Problem) -> Option<&str> {
    match problem {
        Problem::ApiKeyHash(name) | Problem::ApiKeyRepeated(name) | Problem::ClientName(name) => Some(name),
        Problem::ApiKeyTwice { second, .. } => Some(second),
        _ => None,
    }
}

/// Tells what is wrong with clients, in their own file, and which line names that.
pub(super) fn tell(findings: &[Finding], clients: &[(Key, At<String>)], named: Place, context: &mut Context) {
    let place =
        |name: &str| clients.iter().find(|(client, _)| client.name == name).map(|(client, _)| client.place);
    // Each is told of once, in their order.
    let mut no_hashes = clients.iter().map(|(_, hash)| hash).filter(|hash| !is_key_hash(&hash.value));
    for Finding { problem, .. } in findings {
        let own = match problem {
            Problem::ApiKeyHash(_) => no_hashes.next().map(|hash| hash.place),
            _ => client(problem).and_then(place),
        };
        let Some(own) = own else {
            policies::tell(problem, Code::BadAuth, named, context);
            continue;
        };
        let mut diagnostic =
            Diagnostic::error(Code::BadAuth, problem.to_string()).at(own, "").and_at(named, "named here");
        if let Problem::ApiKeyTwice { first, .. } = problem
            && let Some(first) = place(first).filter(|first| *first != own)
        {
            diagnostic = diagnostic.and_at(first, "first here");
        }
        context.push(diagnostic.with_help(problem.help()));
    }
}
