//! Where secrets stand in a file, so that no finding shows them.
//!
//! Whoever parses a file says what is secret in it and gets a tree of a source that is masked already, whether it is YAML or not.

mod unparsed;

use std::ops::Range;

use super::auth::KINDS;
use super::file::KEYS;
use super::node::{Key, Kind, Node, parse};
use crate::config::diagnostic::{Diagnostic, FileId, Place, Sources};
use crate::config::suggest;

/// What of a file is not for everybody's eyes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Secret {
    /// Values by their names, ways to know callers, passwords in URLs, private keys.
    Known,
    /// Everything but the keys of its mapping: the file is nothing but secrets.
    Values,
}

/// Parses a source, and makes what is secret in it unreadable.
pub(in crate::config) fn parse_masked(
    sources: &mut Sources,
    file: FileId,
    secret: Secret,
) -> Result<Node, Box<Diagnostic>> {
    let parsed = parse(sources, file);
    let text = sources.text(file);
    // Keys with a question mark can be whole mappings, whose parts have no names: nobody means them here.
    let tree = parsed.as_ref().ok().filter(|_| !text.contains("? ") && !text.contains("?\t"));
    let (places, references) = match (tree, secret) {
        (Some(node), Secret::Known) => secrets(node, text),
        (Some(node), Secret::Values) => (places(file, values(node, text)), Vec::new()),
        (None, Secret::Known) => (places(file, unparsed::secrets(text)), Vec::new()),
        (None, Secret::Values) => (places(file, whole(text)), Vec::new()),
    };
    let parsed = parsed.map_err(|diagnostic| {
        let hidden = places.iter().map(|place| sources.slice(*place));
        Box::new(unparsed::without_pieces(*diagnostic, hidden))
    });
    let written = sources.shared_text(file);
    sources.mask(&places);
    if let Ok(node) = &parsed {
        references.into_iter().for_each(|place| sources.conceal(place, ""));
        Conceal { written: &written, sources, everywhere: secret == Secret::Known }.file(node);
    }
    parsed
}

/// Remembers the values and keys that are masked.
struct Conceal<'c> {
    /// The source as it was.
    written: &'c str,
    sources: &'c mut Sources,
    /// Whether they are secrets wherever they are quoted.
    everywhere: bool,
}

impl Conceal<'_> {
    fn file(mut self, node: &Node) {
        let Kind::Map(entries) = &node.kind else { return self.below(node) };
        let everywhere = self.everywhere;
        for (key, value) in entries {
            // What stands below a misspelt key is hidden to be safe; most of it is known from elsewhere.
            self.everywhere = everywhere && suggest::nearest(&key.name, KEYS.iter().copied()).is_some();
            self.entry(key, value);
        }
    }

    fn below(&mut self, node: &Node) {
        match &node.kind {
            Kind::Scalar(text) => self.text(node.place, text),
            Kind::List(items) => items.iter().for_each(|item| self.below(item)),
            Kind::Map(entries) => entries.iter().for_each(|(key, value)| self.entry(key, value)),
            Kind::Null | Kind::Broken => {}
        }
    }

    fn entry(&mut self, key: &Key, value: &Node) {
        self.text(key.place, key.name.split_once(':').map_or(key.name.as_str(), |(_, value)| value));
        self.below(value);
    }

    fn text(&mut self, place: Place, text: &str) {
        let written = self.written.get(place.start as usize..place.end as usize);
        if written.is_some_and(|written| written != self.sources.slice(place)) {
            self.sources.conceal(place, text);
            if self.everywhere {
                self.sources.conceal_everywhere(text);
            }
        }
    }
}

/// Makes what may be secret in a source unreadable that cannot be parsed at all.
pub(in crate::config) fn mask_unparsed(sources: &mut Sources, file: FileId) {
    let places = places(file, unparsed::secrets(sources.text(file)));
    sources.mask(&places);
}

fn places(file: FileId, ranges: Vec<Range<usize>>) -> Vec<Place> {
    ranges.into_iter().map(|range| Place::of(file, range)).collect()
}

/// Gathers the places of what nobody may see, before variables are replaced.
struct Walk<'w> {
    text: &'w str,
    places: Vec<Place>,
    /// References to variables: what they hold is secret, and their names are not.
    references: Vec<Place>,
}

impl Walk<'_> {
    /// What is called like a secret, and what is one by its looks, wherever it stands.
    fn anywhere(&mut self, node: &Node) {
        match &node.kind {
            Kind::Scalar(text) if is_plainly_secret(text) => self.places.push(node.place),
            Kind::List(items) => items.iter().for_each(|item| self.anywhere(item)),
            Kind::Map(entries) => {
                for (key, value) in entries {
                    self.places.extend(behind_colon(key));
                    match &value.kind {
                        Kind::List(_) | Kind::Map(_) if is_secret(&key.name) => self.value(key, value),
                        Kind::List(_) | Kind::Map(_) => self.anywhere(value),
                        _ if is_named(&key.name) => self.value(key, value),
                        _ => self.anywhere(value),
                    }
                }
            }
            Kind::Scalar(_) | Kind::Null | Kind::Broken => {}
        }
    }

    /// An entry of `auth`, or a part of it.
    fn way(&mut self, key: &Key, node: &Node) {
        let Kind::Map(entries) = &node.kind else {
            self.value(key, node);
            return;
        };
        for (key, value) in entries {
            let open = suggest::nearest(&key.name, OPEN.iter().copied());
            match (&value.kind, open) {
                // A file's name, or what was meant to be in the file.
                (Kind::List(_) | Kind::Map(_), Some("key" | "jwks" | "file")) => self.value(key, value),
                (_, Some(_)) => {}
                // A word by itself, as in `{secret, VALUE}`, may be the value; one of the language is none.
                (Kind::Null, None) if KINDS.contains(&key.name.as_str()) => self.value(key, value),
                (Kind::Null, None) if !is_secret(&key.name) => {
                    self.places.push(key.place);
                    self.value(key, value);
                }
                (_, None) => self.way(key, value),
            }
        }
    }

    /// Everything behind a key: tags, anchors and comments before the value too, which may be a mistake about it.
    fn value(&mut self, key: &Key, value: &Node) {
        if matches!(&value.kind, Kind::Scalar(text) if is_reference(text)) {
            self.references.push(value.place);
            return;
        }
        let behind = |at: u32| self.text.get(at as usize..).unwrap_or("");
        let start = key.place.end.saturating_add(colon(behind(key.place.end)));
        let mut end = end(value);
        // An alias stands for what is elsewhere.
        if end < start {
            self.places.push(Place { end, ..value.place });
            end = start;
        }
        let empty = matches!(&value.kind, Kind::Scalar(text) if text.trim().is_empty());
        if empty || matches!(value.kind, Kind::Null | Kind::Broken) {
            let line = behind(end).split('\n').next().unwrap_or("").len();
            end = end.saturating_add(u32::try_from(line).unwrap_or(0));
        }
        self.places.push(Place { start, end, ..key.place });
    }
}

/// How long the colon behind a key is, with the spaces around it.
fn colon(text: &str) -> u32 {
    let value = text.split_once(':').map_or(text, |(_, value)| value).trim_start_matches(' ');
    u32::try_from(text.len() - value.len()).unwrap_or(0)
}

/// Where the text of a node ends.
fn end(node: &Node) -> u32 {
    let below = match &node.kind {
        Kind::List(items) => items.iter().map(end).max(),
        Kind::Map(entries) => entries.iter().map(|(_, value)| end(value)).max(),
        Kind::Scalar(_) | Kind::Null | Kind::Broken => None,
    };
    below.unwrap_or(0).max(node.place.end)
}

/// The values that nobody may see, and the variables that hold such.
fn secrets(node: &Node, text: &str) -> (Vec<Place>, Vec<Place>) {
    let mut walk = Walk { text, places: Vec::new(), references: Vec::new() };
    walk.anywhere(node);
    let Kind::Map(keys) = &node.kind else { return (walk.places, walk.references) };
    for (key, value) in keys {
        let known = suggest::nearest(&key.name, KEYS.iter().copied());
        match (known, &value.kind) {
            (Some("auth"), Kind::Map(ways)) => ways.iter().for_each(|(name, way)| walk.way(name, way)),
            // Below no key of a file may stand what belongs below `auth`, indented wrongly.
            (Some("auth") | None, _) => walk.value(key, value),
            (Some(_), _) => {}
        }
    }
    (walk.places, walk.references)
}

fn whole(text: &str) -> Vec<Range<usize>> {
    std::iter::once(0..text.len()).collect()
}

/// Everything but the names.
fn values(node: &Node, text: &str) -> Vec<Range<usize>> {
    let Kind::Map(entries) = &node.kind else { return whole(text) };
    let named = entries.iter().filter(|(_, value)| !matches!(value.kind, Kind::Null));
    let names = named.map(|(key, _)| key);
    let mut hidden = Vec::with_capacity(entries.len() + 1);
    let mut from = 0;
    for key in names.filter(|key| !key.name.contains(':')) {
        hidden.push(from..key.place.start as usize);
        from = key.place.end as usize;
        from += text.get(from..).map_or(0, colon) as usize;
    }
    hidden.push(from..text.len());
    hidden
}

/// What entries of `auth` say that may be seen; everything else there may be a secret by a wrong name.
const OPEN: &[&str] = &[
    "algorithms",
    "issuer",
    "audience",
    "leeway",
    "refused",
    "forward",
    "header",
    "file",
    "key",
    "jwks",
    "upstream",
    "timeout",
    "on_failure",
    "headers",
    "encoding",
];

/// `secret:value` without a space is a key by itself; what it was meant to be stands behind the colon.
fn behind_colon(key: &Key) -> Option<Place> {
    let (name, _) = key.name.split_once(':')?;
    let start = key.place.start.saturating_add(u32::try_from(name.len() + 1).ok()?);
    Some(Place { start: start.min(key.place.end), ..key.place })
}

/// Whether the name alone says that a value is nobody's business.
fn is_named(name: &str) -> bool {
    const WORDS: [&str; 7] = ["password", "passwd", "authorization", "cookie", "-token", "-key", "-secret"];
    let name_of = name.to_ascii_lowercase();
    is_secret(name) || WORDS.iter().any(|word| name_of.contains(word))
}

/// Whether it is called `secret`, or was meant to be, or has no name at all.
fn is_secret(name: &str) -> bool {
    name.is_empty() || suggest::nearest(name, ["secret"]).is_some()
}

/// URLs with a password, and keys themselves where a file is to be named.
pub(super) fn is_plainly_secret(text: &str) -> bool {
    text.split_once("://").is_some_and(|(_, rest)| rest.contains('@')) || text.contains(PEM)
}

/// Whether a variable's name says that what it holds is nobody's business. `JWT_KEY_FILE` only says where that is.
pub(super) fn is_named_variable(name: &str) -> bool {
    const PARTS: [&str; 6] = ["secret", "passw", "passphrase", "token", "credential", "private"];
    const WORDS: [&str; 10] =
        ["key", "keys", "apikey", "pass", "pwd", "auth", "authorization", "cookie", "jwt", "pem"];
    let name = name.to_ascii_lowercase();
    let is_path = ["_file", "_path", "_dir"].iter().any(|end| name.ends_with(end));
    !is_path
        && (PARTS.iter().any(|part| name.contains(part)) || name.split('_').any(|word| WORDS.contains(&word)))
}

/// How a key or certificate begins.
pub(in crate::config) const PEM: &str = "-----BEGIN";

/// `${NAME}`, without a default: that a secret comes from the environment may be seen.
fn is_reference(text: &str) -> bool {
    let name = text.strip_prefix("${").and_then(|text| text.strip_suffix('}'));
    name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
}
