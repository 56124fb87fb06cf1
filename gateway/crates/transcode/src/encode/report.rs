//! Mistakes as they are noted during the walk, and their wording.

use super::scan::Failure;
use crate::{EncodeError, Reason, Violation};

/// How many characters of what came are echoed.
const ECHO: usize = 40;

/// A mistake, by offset.
#[derive(Debug)]
pub(super) struct Note {
    /// Where the value or key at fault begins.
    pub(super) at: usize,
    pub(super) reason: Reason,
    pub(super) said: Said,
}

/// What is to be said about it.
#[derive(Debug)]
pub(super) enum Said {
    /// `expected {what}, got …` with what stands between the note's offset and `end`.
    Expected { what: String, end: usize },
    /// Just this.
    Plainly(String),
    /// This about a member of the object at the offset, by its name.
    Member { name: Box<str>, description: &'static str },
}

impl Note {
    pub(super) fn plainly(at: usize, reason: Reason, description: impl Into<String>) -> Self {
        Self { at, reason, said: Said::Plainly(description.into()) }
    }

    pub(super) fn stopped(failure: &Failure) -> Self {
        let reason = if failure.too_deep { Reason::Depth } else { Reason::Syntax };
        Self::plainly(failure.at, reason, failure.description.clone())
    }

    pub(super) fn too_large(limit: usize) -> Self {
        Self::plainly(0, Reason::Size, format!("the message is longer than {limit} bytes"))
    }

    /// Makes the violation. `redacted` values are not echoed.
    pub(super) fn into_violation(self, input: &[u8], path: String, redacted: bool) -> Violation {
        let (line, column) = line_column(input, self.at);
        let (field, description) = match self.said {
            Said::Expected { what, .. } if redacted => (path, format!("expected {what}")),
            Said::Expected { what, end } => {
                let got = echo(input.get(self.at..end).unwrap_or_default());
                (path, format!("expected {what}, got {got}"))
            }
            Said::Plainly(description) => (path, description),
            Said::Member { name, description } if path.is_empty() => (name.into(), description.to_owned()),
            Said::Member { name, description } => (format!("{path}.{name}"), description.to_owned()),
        };
        Violation { field, description, line, column, reason: self.reason }
    }
}

/// A body that is not UTF-8.
pub(super) fn not_utf8(input: &[u8], at: usize) -> EncodeError {
    Note::plainly(at, Reason::Syntax, "the body is not valid UTF-8")
        .into_violation(input, String::new(), false)
        .into()
}

/// What came, short enough to be repeated.
pub(super) fn echo(value: &[u8]) -> String {
    match value.first() {
        Some(b'{') => return "an object".to_owned(),
        Some(b'[') => return "a list".to_owned(),
        _ => {}
    }
    let text = String::from_utf8_lossy(value);
    match text.char_indices().nth(ECHO) {
        None => text.into_owned(),
        Some((cut, _)) => {
            let quote = if value.first() == Some(&b'"') { "\"" } else { "" };
            format!("{}…{quote}", text.get(..cut).unwrap_or_default())
        }
    }
}

/// The line and column (in bytes) of an offset, both from 1.
fn line_column(input: &[u8], at: usize) -> (u32, u32) {
    let before = input.get(..at.min(input.len())).unwrap_or_default();
    let lines = memchr::memchr_iter(b'\n', before).count();
    let line_start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
    (clamp(lines + 1), clamp(before.len() - line_start + 1))
}

fn clamp(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
