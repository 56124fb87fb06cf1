//! `${VAR}` and `${VAR:-default}` in any scalar; `$$` is a dollar sign.
//!
//! It works on the values of the parsed tree, so what the environment holds can never become YAML.

use std::ops::Range;

use super::node::{Key, Kind, Node};
use super::reader::Reader;
use super::secrets::{is_named_variable, is_plainly_secret};
use crate::config::diagnostic::{Code, Diagnostic, Place};

/// What reads the environment.
pub(in crate::config) type Env<'e> = &'e dyn Fn(&str) -> Option<String>;

/// A value that came from the environment and is not for everybody's eyes, and where it stands.
pub(in crate::config) type Concealed = (Place, String);

/// Replaces every reference below `node`. A scalar with a broken one is told about and becomes [`Kind::Broken`].
pub(in crate::config) fn interpolate(
    node: &mut Node,
    env: Env<'_>,
    reader: &mut Reader<'_>,
    concealed: &mut Vec<Concealed>,
) {
    match &mut node.kind {
        Kind::Scalar(scalar) if scalar.contains('$') => {
            if let Some(text) = scalar_text(scalar, node.place, env, reader, concealed) {
                *scalar = text;
            } else {
                node.kind = Kind::Broken;
            }
        }
        Kind::List(items) => {
            for item in items {
                interpolate(item, env, reader, concealed);
            }
        }
        Kind::Map(entries) => {
            for (key, value) in entries {
                reject_in_key(key, reader);
                interpolate(value, env, reader, concealed);
            }
        }
        Kind::Scalar(_) | Kind::Null | Kind::Broken => {}
    }
}

fn reject_in_key(key: &Key, reader: &mut Reader<'_>) {
    if key.name.contains("${") {
        reader.push(
            Diagnostic::error(Code::BadVariable, "a key cannot come from the environment")
                .at(key.place, "a variable in a key")
                .with_help("write the key out; only values are taken from the environment"),
        );
    }
}

/// One mistake in a text: what, where in the text, and what to do.
#[derive(Debug, PartialEq, Eq)]
struct Mistake {
    code: Code,
    message: String,
    range: Range<usize>,
    help: String,
}

/// The text of a scalar. It is secret where its place is, by its looks, and as far as variables with such names go.
fn scalar_text(
    scalar: &str,
    place: Place,
    env: Env<'_>,
    reader: &mut Reader<'_>,
    concealed: &mut Vec<Concealed>,
) -> Option<String> {
    let mut secrets = Vec::new();
    match expand(scalar, env, &mut secrets) {
        Ok(text) => {
            if reader.sources().is_concealed(place) || is_plainly_secret(&text) {
                secrets.push(text.clone());
            }
            concealed.extend(secrets.into_iter().map(|secret| (place, secret)));
            Some(text)
        }
        Err(mistakes) => {
            for mistake in mistakes {
                let at = reader.sources().inside(place, scalar, &mistake.range);
                reader.push(
                    Diagnostic::error(mistake.code, mistake.message).at(at, "").with_help(mistake.help),
                );
            }
            None
        }
    }
}

/// `$NAME` and nothing else: taken as it is, it would be a secret that everybody knows.
fn is_shell_variable(text: &str) -> bool {
    text.strip_prefix('$').is_some_and(|name| {
        name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    })
}

/// The text with every reference replaced, or everything that is wrong with it. What variables hold whose names say that it is
/// secret is added to `secrets`.
fn expand(text: &str, env: Env<'_>, secrets: &mut Vec<String>) -> Result<String, Vec<Mistake>> {
    let mut out = String::with_capacity(text.len());
    let mut mistakes = Vec::new();
    if is_shell_variable(text) {
        mistakes.push(Mistake {
            code: Code::BadVariable,
            message: "a variable without its braces".to_owned(),
            range: 0..text.len(),
            help: "write ${NAME} or ${NAME:-default}; $$ is a dollar sign".to_owned(),
        });
    }
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(dollar) = rest.find('$') else {
            out.push_str(rest);
            break;
        };
        out.push_str(rest.get(..dollar).unwrap_or(""));
        at += dollar;
        let after = rest.get(dollar + 1..).unwrap_or("");
        if after.starts_with('$') {
            out.push('$');
            at += 2;
        } else if let Some(reference) = after.strip_prefix('{') {
            let Some(end) = closing_brace(reference) else {
                mistakes.push(Mistake {
                    code: Code::BadVariable,
                    message: "a variable without its closing brace".to_owned(),
                    range: at..text.len(),
                    help: "write ${NAME} or ${NAME:-default}; $$ is a dollar sign".to_owned(),
                });
                break;
            };
            let range = at..at + end + 3;
            at = range.end;
            match resolve(reference.get(..end).unwrap_or(""), env, secrets) {
                Ok(value) => out.push_str(&value),
                Err((code, message, mut help)) => {
                    if code == Code::UnsetVariable && text.starts_with('/') {
                        help.push_str("; a path variable is written `{name}`, without the dollar sign");
                    }
                    mistakes.push(Mistake { code, message, range, help });
                }
            }
        } else {
            // A lone dollar sign is itself: prices and regular expressions have them.
            out.push('$');
            at += 1;
        }
    }
    if mistakes.is_empty() { Ok(out) } else { Err(mistakes) }
}

/// The offset of the brace that closes the reference; a default may hold references of its own.
fn closing_brace(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    let mut previous = '\0';
    for (at, c) in text.char_indices() {
        match c {
            '{' if previous == '$' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
        previous = c;
    }
    None
}

fn resolve(
    reference: &str,
    env: Env<'_>,
    secrets: &mut Vec<String>,
) -> Result<String, (Code, String, String)> {
    let (name, default) = match reference.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (reference, None),
    };
    let valid = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !valid {
        // Not quoted: it may be a piece of a secret that has a `${` in it.
        let message = "what stands in `${…}` is no name of a variable".to_owned();
        let help =
            "write ${NAME} or ${NAME:-default}, with a name of letters, digits and _; $$ is a dollar sign";
        return Err((Code::BadVariable, message, help.to_owned()));
    }
    let value = env(name);
    let resolved = match default {
        // As in a shell, `:-` also replaces an empty value.
        Some(default) => match value.filter(|value| !value.is_empty()) {
            Some(value) => Ok(value),
            None => expand(default, env, secrets).map_err(|mut mistakes| {
                let first = mistakes.swap_remove(0);
                (first.code, first.message, first.help)
            }),
        },
        None => value.ok_or_else(|| {
            let message = format!("the environment variable `{name}` is not set");
            (Code::UnsetVariable, message, format!("set it, or give it a default: ${{{name}:-…}}"))
        }),
    };
    if is_named_variable(name) {
        secrets.extend(resolved.iter().cloned());
    }
    resolved
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "HOST" => Some("users".to_owned()),
            "EMPTY" => Some(String::new()),
            "YAML" => Some("a: [1, {b".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn references_are_replaced() {
        for (text, expected) in [
            ("plain", "plain"),
            ("${HOST}:1", "users:1"),
            ("${HOST}${HOST}", "usersusers"),
            ("${NONE:-x:1}", "x:1"),
            ("${EMPTY:-x}", "x"),
            ("${EMPTY}", ""),
            ("${NONE:-}", ""),
            ("${NONE:-${HOST}}", "users"),
            ("${NONE:-{a}}", "{a}"),
            ("$$", "$"),
            ("$${HOST}", "${HOST}"),
            ("a$b $", "a$b $"),
            ("${YAML}", "a: [1, {b"),
            ("é${HOST}é", "éusersé"),
        ] {
            assert_eq!(expand(text, &env, &mut Vec::new()).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn every_mistake_is_told() {
        let mistakes = expand("a${NONE}b${A B}c${HOST", &env, &mut Vec::new()).unwrap_err();
        let found: Vec<_> = mistakes.iter().map(|m| (m.code, m.range.clone())).collect();
        assert_eq!(
            found,
            [(Code::UnsetVariable, 1..8), (Code::BadVariable, 9..15), (Code::BadVariable, 16..22)]
        );
        assert!(mistakes[0].message.contains("`NONE`"));
    }
}
