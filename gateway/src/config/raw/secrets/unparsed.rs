//! Secrets in a text that is not YAML: there is no tree to ask, so more is hidden rather than less.

use std::ops::Range;

use super::{OPEN, PEM, is_named, is_plainly_secret};
use crate::config::diagnostic::Diagnostic;
use crate::config::raw::file::KEYS;
use crate::config::suggest;

/// What hides the lines that follow.
#[derive(Debug, Clone, Copy)]
enum Below {
    /// `auth` of the file: until another of its keys.
    Auth,
    /// A name of secrets on a line of this indentation: until a key beside or above it.
    Secret(usize),
}

impl Below {
    fn ends_at(self, line: &str) -> bool {
        let indent = indent(line);
        match (self, key(line)) {
            (_, None) => false,
            (Self::Auth, Some((name, _))) => indent == 0 && KEYS.contains(&name),
            (Self::Secret(above), Some(_)) => indent <= above,
        }
    }
}

/// What stands below `auth` or behind a name of secrets, on the lines that follow as well; private keys; URLs with
/// passwords.
pub(super) fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut hidden = Vec::new();
    let mut below: Option<Below> = None;
    let mut pem = false;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let from = start;
        start += line.len();
        below = below.filter(|below| !below.ends_at(line));
        pem = pem || line.contains(PEM);
        let shown = match below {
            _ if pem => 0,
            Some(_) => behind_known_keys(line),
            None => match begins(line) {
                Some((what, end)) => {
                    below = Some(what);
                    end + behind_known_keys(line.get(end..).unwrap_or(""))
                }
                None => line.len(),
            },
        };
        pem = pem && !line.contains("-----END");
        hidden.push(from + shown..start);
        hidden.extend(urls(line.get(..shown).unwrap_or("")).map(|url| from + url.start..from + url.end));
    }
    hidden.retain(|range| !range.is_empty());
    hidden
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// What may stand before a key: indentation, dashes of lists, brackets and quotes.
const BEFORE_KEYS: [char; 7] = [' ', '\t', '-', '{', '[', '"', '\''];

/// The key at the beginning of a text, and where what stands behind its colon begins.
fn key(text: &str) -> Option<(&str, usize)> {
    let trimmed = text.trim_start_matches(BEFORE_KEYS);
    let name = trimmed.split(|c| !is_name(c)).next().filter(|name| !name.is_empty())?;
    let rest = trimmed.get(name.len()..)?.trim_start_matches(['"', '\'']).trim_start_matches(' ');
    let value = rest.strip_prefix(':')?;
    Some((name, text.len() - value.len()))
}

/// How much of a line may be seen where all else is secret: keys that belong there.
fn behind_known_keys(line: &str) -> usize {
    let mut shown = 0;
    while let Some((name, end)) = line.get(shown..).and_then(key) {
        if !OPEN.contains(&name) && !["jwt", "api_key", "external", "secret", "auth"].contains(&name) {
            break;
        }
        shown += end;
    }
    shown
}

/// What begins on a line, and where its value does.
fn begins(line: &str) -> Option<(Below, usize)> {
    if indent(line) == 0
        && let Some((name, end)) = key(line)
        && suggest::nearest(name, ["auth"]).is_some()
    {
        return Some((Below::Auth, end));
    }
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        let begins = is_name(c) && !is_name(before);
        before = c;
        if begins
            && let Some((name, end)) = line.get(at..).and_then(key)
            && is_named(name)
        {
            return Some((Below::Secret(indent(line)), at + end));
        }
    }
    None
}

const fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/')
}

/// The words of a line that are URLs with a password.
fn urls(line: &str) -> impl Iterator<Item = Range<usize>> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',');
    line.split_inclusive(ends)
        .scan(0, |end, word| {
            let start = *end;
            *end += word.len();
            Some((start..*end, word))
        })
        .filter(|(_, word)| is_plainly_secret(word))
        .map(|(range, _)| range)
}

/// A finding that quotes no piece of what is hidden: parsers like to name what they did not expect.
pub(super) fn without_pieces<'h>(
    mut diagnostic: Diagnostic,
    hidden: impl Iterator<Item = &'h str>,
) -> Diagnostic {
    let words = diagnostic.message.split(|c: char| !c.is_alphanumeric());
    let words: Vec<&str> = words.filter(|word| word.chars().count() > 3).collect();
    let mut hidden = hidden.into_iter();
    if hidden.any(|text| words.iter().any(|word| text.contains(word))) {
        diagnostic.message = "not valid YAML: this cannot be read here".to_owned();
    }
    diagnostic
}
