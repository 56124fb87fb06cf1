//! Decoding nodes into raw structs: expected kinds, known keys, and a finding for whatever does not fit.
//!
//! Every function returns what it could read; what it could not has been told. So one pass finds every mistake.

use super::foreign;
use super::interpolate::{self, Concealed, Env};
use super::node::{Key, Kind, Node};
use super::units;
use crate::config::diagnostic::{Code, Diagnostic, Place, Sources};
use crate::config::suggest;

/// A value that remembers where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct At<T> {
    pub(in crate::config) value: T,
    pub(in crate::config) place: Place,
}

impl<T> At<T> {
    pub(in crate::config) fn new(value: T, place: Place) -> Self {
        Self { value, place }
    }
}

/// The largest count; nobody means an upper bound by it.
const ANY: u64 = u32::MAX as u64;

/// Where findings go while a file is read.
pub(in crate::config) struct Reader<'r> {
    sources: &'r Sources,
    found: &'r mut Vec<Diagnostic>,
}

impl<'r> Reader<'r> {
    pub(in crate::config) fn new(sources: &'r Sources, found: &'r mut Vec<Diagnostic>) -> Self {
        Self { sources, found }
    }

    pub(in crate::config) fn sources(&self) -> &Sources {
        self.sources
    }

    pub(in crate::config) fn push(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// How much has been told so far.
    fn told(&self) -> usize {
        self.found.len()
    }

    /// Replaces variables by what they hold, and returns what of that is secret.
    pub(in crate::config) fn interpolate(&mut self, node: &mut Node, env: Env<'_>) -> Vec<Concealed> {
        let mut concealed = Vec::new();
        interpolate::interpolate(node, env, self, &mut concealed);
        concealed
    }

    /// What `read` makes of a node, and whether anything of it is broken, which has been told.
    pub(in crate::config) fn judged<T>(
        &mut self,
        node: &Node,
        read: impl FnOnce(&Node, &mut Self) -> T,
    ) -> (T, bool) {
        let told = self.told();
        let value = read(node, self);
        (value, self.told() > told || node.is_broken())
    }

    fn wrong_type(&mut self, node: &Node, expected: &str) {
        let found = match &node.kind {
            Kind::Null => "nothing",
            Kind::Scalar(_) => "a single value",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
            Kind::Broken => return,
        };
        self.push(
            Diagnostic::error(Code::WrongType, format!("expected {expected}, found {found}"))
                .at(node.place, format!("expected {expected}")),
        );
    }

    /// The entries of a mapping, each key once. Nothing at all counts as an empty mapping.
    pub(in crate::config) fn entries<'n>(
        &mut self,
        node: &'n Node,
        expected: &str,
    ) -> Option<Vec<(&'n Key, &'n Node)>> {
        let entries = match &node.kind {
            Kind::Map(entries) => entries,
            Kind::Null => return Some(Vec::new()),
            _ => {
                self.wrong_type(node, expected);
                return None;
            }
        };
        let mut seen: std::collections::HashMap<&str, &Key> =
            std::collections::HashMap::with_capacity(entries.len());
        let mut kept = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            match seen.entry(&key.name) {
                std::collections::hash_map::Entry::Occupied(first) => self.duplicate(first.get(), key),
                std::collections::hash_map::Entry::Vacant(free) => {
                    free.insert(key);
                    kept.push((key, value));
                }
            }
        }
        Some(kept)
    }

    pub(in crate::config) fn duplicate(&mut self, first: &Key, second: &Key) {
        self.push(
            Diagnostic::error(Code::DuplicateKey, format!("`{}` stands twice", second.name))
                .at(second.place, "again here")
                .and_at(first.place, "first here")
                .with_help("remove one of them"),
        );
    }

    /// The items of a list; nothing at all counts as an empty list.
    pub(in crate::config) fn items<'n>(&mut self, node: &'n Node, expected: &str) -> &'n [Node] {
        match &node.kind {
            Kind::List(items) => items,
            Kind::Null => &[],
            _ => {
                self.wrong_type(node, expected);
                &[]
            }
        }
    }

    /// A list, or the one item by itself.
    pub(in crate::config) fn one_or_more<'n>(&mut self, node: &'n Node, expected: &str) -> &'n [Node] {
        match &node.kind {
            Kind::List(items) => items,
            Kind::Scalar(_) => std::slice::from_ref(node),
            _ => {
                self.wrong_type(node, expected);
                &[]
            }
        }
    }

    pub(in crate::config) fn unknown_key(&mut self, key: &Key, of: &str, known: &[&str]) {
        self.unknown_key_besides(key, of, known, &[]);
    }

    /// As [`Self::unknown_key`]; `not_yet` may be meant, but is not offered.
    pub(in crate::config) fn unknown_key_besides(
        &mut self,
        key: &Key,
        of: &str,
        known: &[&str],
        not_yet: &[&str],
    ) {
        // `secret:value` without a space is one long key; what it says stays its own.
        let (name, value) = key.name.split_once(':').unwrap_or((&key.name, ""));
        let help = if value.is_empty() {
            foreign::help(of, name)
                .map(str::to_owned)
                .or_else(|| {
                    let near = suggest::nearest_key(name, known.iter().chain(not_yet).copied())?;
                    Some(format!("did you mean `{near}`?"))
                })
                .unwrap_or_else(|| format!("{of} takes: {}", suggest::all(known.iter().copied())))
        } else {
            format!("write a space between `{name}:` and its value")
        };
        // What is masked in the source is not quoted either.
        let message = match self.sources.slice(key.place).trim_matches(['*', '\n']).is_empty() {
            false => format!("unknown key `{name}` in {of}"),
            true => format!("unknown key in {of}"),
        };
        self.push(Diagnostic::error(Code::UnknownKey, message).at(key.place, "no such key").with_help(help));
    }

    /// A key that the language has and this version does not implement. It is never ignored: that would be worse.
    pub(in crate::config) fn not_supported(&mut self, key: &Key) {
        self.push(
            Diagnostic::error(Code::NotSupported, format!("`{}` is not supported yet", key.name))
                .at(key.place, "not supported yet")
                .with_help("remove it: this version of the gateway would not act on it"),
        );
    }

    pub(in crate::config) fn missing(&mut self, place: Place, of: &str, key: &str, example: &str) {
        self.push(
            Diagnostic::error(Code::MissingKey, format!("{of} needs `{key}`"))
                .at(place, format!("`{key}` is missing"))
                .with_help(format!("add `{key}: {example}`")),
        );
    }

    /// Whether a key is there, or one that was probably meant to be it, which is told about anyway.
    pub(in crate::config) fn has(entries: &[(&Key, &Node)], name: &str, known: &[&str]) -> bool {
        entries.iter().any(|(key, _)| key.name == name) || Self::has_misspelt(entries, name, known)
    }

    /// Whether there is a key that was probably meant to be this one.
    pub(in crate::config) fn has_misspelt(entries: &[(&Key, &Node)], name: &str, known: &[&str]) -> bool {
        entries.iter().any(|(key, _)| {
            let is_known = known.contains(&key.name.as_str());
            !is_known && suggest::nearest_key(&key.name, known.iter().copied()) == Some(name)
        })
    }

    /// As [`Self::has`], where there are so few keys that whatever is unknown may be meant to be it: what there is, is told
    /// with that.
    pub(in crate::config) fn may_have(entries: &[(&Key, &Node)], name: &str, known: &[&str]) -> bool {
        let is_unknown = |key: &Key| !known.contains(&key.name.as_str());
        Self::has(entries, name, known) || entries.iter().any(|(key, _)| is_unknown(key))
    }

    pub(in crate::config) fn bad(
        &mut self,
        code: Code,
        place: Place,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(Diagnostic::error(code, message).at(place, "").with_help(help));
    }

    /// A scalar of any spelling.
    pub(in crate::config) fn scalar<'n>(&mut self, node: &'n Node, expected: &str) -> Option<&'n str> {
        match &node.kind {
            Kind::Scalar(scalar) => Some(scalar),
            _ => {
                self.wrong_type(node, expected);
                None
            }
        }
    }

    /// A text; it may be empty.
    pub(in crate::config) fn text(&mut self, node: &Node, expected: &str) -> Option<At<String>> {
        let scalar = self.scalar(node, expected)?;
        Some(At::new(scalar.to_owned(), node.place))
    }

    /// A text that must hold something.
    pub(in crate::config) fn name(&mut self, node: &Node, expected: &str) -> Option<At<String>> {
        let text = self.text(node, expected)?;
        if text.value.trim().is_empty() {
            self.bad(
                Code::BadValue,
                node.place,
                format!("expected {expected}, found an empty value"),
                format!("write {expected}"),
            );
            return None;
        }
        Some(text)
    }

    pub(in crate::config) fn boolean(&mut self, node: &Node) -> Option<At<bool>> {
        let scalar = self.scalar(node, "true or false")?;
        let value = match scalar {
            "true" | "True" | "TRUE" => true,
            "false" | "False" | "FALSE" => false,
            other => {
                let message = format!("expected true or false, found `{other}`");
                self.bad(Code::WrongType, node.place, message, "write true or false");
                return None;
            }
        };
        Some(At::new(value, node.place))
    }

    /// A whole number from `min` to `max`.
    pub(in crate::config) fn integer(&mut self, node: &Node, min: u64, max: u64) -> Option<At<u64>> {
        let expected = match max {
            ANY => format!("a whole number, {min} or more"),
            _ => format!("a whole number from {min} to {max}"),
        };
        let scalar = self.scalar(node, &expected)?;
        let digits = !scalar.is_empty() && scalar.bytes().all(|byte| byte.is_ascii_digit());
        if digits && scalar.len() > 1 && scalar.starts_with('0') {
            let plain = scalar.trim_start_matches('0');
            let plain = if plain.is_empty() { "0" } else { plain };
            let message =
                format!("`{scalar}` has a leading zero, which some YAML tools read as an octal number");
            self.bad(Code::BadValue, node.place, message, format!("write {plain}"));
            return None;
        }
        match scalar.parse::<u64>() {
            Ok(value) if digits && (min..=max).contains(&value) => Some(At::new(value, node.place)),
            parsed => {
                let expected = match parsed.map_or(digits, |value| value > max) {
                    true => format!("a whole number from {min} to {max}"),
                    false => expected,
                };
                let message = format!("expected {expected}, found `{scalar}`");
                self.bad(Code::BadValue, node.place, message, format!("write {expected}"));
                None
            }
        }
    }

    pub(in crate::config) fn number32(&mut self, node: &Node, min: u32) -> Option<At<u32>> {
        let At { value, place } = self.integer(node, min.into(), ANY)?;
        Some(At::new(u32::try_from(value).unwrap_or(u32::MAX), place))
    }

    /// One of a few words.
    pub(in crate::config) fn choice<T: Copy>(&mut self, node: &Node, choices: &[(&str, T)]) -> Option<At<T>> {
        self.choice_or(node, choices, None)
    }

    /// One of a few words, where `other` is taken as well.
    pub(in crate::config) fn choice_or<T: Copy>(
        &mut self,
        node: &Node,
        choices: &[(&str, T)],
        other: Option<&str>,
    ) -> Option<At<T>> {
        let words = || suggest_words(choices.iter().map(|(word, _)| *word).chain(other));
        let scalar = self.scalar(node, &words())?;
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == scalar) {
            return Some(At::new(*value, node.place));
        }
        let help = suggest::did_you_mean(scalar, choices.iter().map(|(word, _)| *word))
            .unwrap_or_else(|| format!("write {}", words()));
        let message = format!("expected {}, found `{scalar}`", words());
        self.bad(Code::BadValue, node.place, message, help);
        None
    }

    /// A length of time that is more than nothing.
    pub(in crate::config) fn duration(&mut self, node: &Node) -> Option<At<std::time::Duration>> {
        let duration = self.duration_or_zero(node)?;
        if duration.value.is_zero() {
            let message = "a duration of 0 leaves no time at all";
            self.bad(Code::BadDuration, node.place, message, "write a longer one, as 250ms, 3s or 1m");
            return None;
        }
        Some(duration)
    }

    /// A length of time.
    pub(in crate::config) fn duration_or_zero(&mut self, node: &Node) -> Option<At<std::time::Duration>> {
        let scalar = self.scalar(node, "a duration")?;
        self.unit(node, Code::BadDuration, units::duration(scalar))
    }

    /// A size in bytes that is more than nothing.
    pub(in crate::config) fn size(&mut self, node: &Node) -> Option<At<usize>> {
        let scalar = self.scalar(node, "a size")?;
        self.unit(node, Code::BadSize, units::size(scalar))
    }

    /// A share, `0%` to `100%`, in whole percents.
    pub(in crate::config) fn percent(&mut self, node: &Node) -> Option<At<u8>> {
        let scalar = self.scalar(node, "a percentage")?;
        self.unit(node, Code::BadPercent, units::percent(scalar))
    }

    fn unit<T>(&mut self, node: &Node, code: Code, result: Result<T, units::UnitError>) -> Option<At<T>> {
        match result {
            Ok(value) => Some(At::new(value, node.place)),
            Err(error) => {
                self.bad(code, node.place, error.message, error.help);
                None
            }
        }
    }
}

/// `a, b or c`.
fn suggest_words<'w>(words: impl Iterator<Item = &'w str>) -> String {
    let words: Vec<&str> = words.collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => words.concat(),
    }
}
