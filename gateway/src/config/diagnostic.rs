//! What is wrong with a configuration: one finding with its place, cause and help, and the list of all of them.
//!
//! A load never stops at the first finding. Every finding has a stable [`Code`], explained in
//! `docs/reference/diagnostics.md`.

mod code;
mod hidden;
mod json;
mod render;
mod source;

use std::fmt;

pub use code::Code;
pub use source::{FileId, Place, Position, Sources};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// The configuration loads, and probably does not do what was meant.
    Warning,
    /// Worth knowing; nothing is wrong.
    Note,
}

impl Severity {
    /// The word that begins a printed finding.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// A place in a source, with what to say about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub place: Place,
    /// What is to be seen there; may be empty.
    pub text: String,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Its stable name.
    pub code: Code,
    /// What is wrong, in one line.
    pub message: String,
    /// Where it is wrong. A finding about the whole, such as a missing file, has no place.
    pub primary: Option<Label>,
    /// Other places that matter, such as the first of two routes in conflict.
    pub secondary: Vec<Label>,
    /// Facts that help to understand it.
    pub notes: Vec<String>,
    /// What to do about it.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// A finding that refuses the configuration.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    /// A finding that lets the configuration load.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    /// A finding that is merely worth knowing.
    pub fn note(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, message)
    }

    fn new(severity: Severity, code: Code, message: impl Into<String>) -> Self {
        Self {
            severity,
            code,
            message: message.into(),
            primary: None,
            secondary: Vec::new(),
            notes: Vec::new(),
            help: Vec::new(),
        }
    }

    /// Says where, and what is to be seen there.
    #[must_use]
    pub fn at(mut self, place: Place, text: impl Into<String>) -> Self {
        self.primary = Some(Label { place, text: text.into() });
        self
    }

    /// Adds a second place.
    #[must_use]
    pub fn and_at(mut self, place: Place, text: impl Into<String>) -> Self {
        self.secondary.push(Label { place, text: text.into() });
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Adds advice.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Adds advice when there is some.
    #[must_use]
    pub fn with_help_if(mut self, help: Option<String>) -> Self {
        self.help.extend(help);
        self
    }

    /// The finding as it may be seen: without secrets, its message on one line. Secrets go first, while they are still
    /// written as they are.
    fn finished(mut self, sources: &Sources) -> Self {
        sources.strike_secrets(&mut self);
        self.message = one_line(self.message);
        self
    }
}

/// Every finding of one load, with the sources that they point into.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics {
    sources: Sources,
    items: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Puts the findings in the order in which a reader meets them: by file and place, those without a place first. What is
    /// secret in the sources is taken out of them.
    pub(crate) fn new(sources: Sources, mut items: Vec<Diagnostic>) -> Self {
        items.sort_by_key(|d| d.primary.as_ref().map(|label| label.place));
        items.dedup();
        let items = items.into_iter().map(|item| item.finished(&sources)).collect();
        Self { sources, items }
    }

    /// All findings.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Diagnostic> {
        self.items.iter()
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether any finding refuses the configuration.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// How many findings are of this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.items.iter().filter(|d| d.severity == severity).count()
    }

    /// The texts that the findings point into.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// File, line and column of a finding, when it has a place.
    pub fn position(&self, diagnostic: &Diagnostic) -> Option<Position<'_>> {
        let label = diagnostic.primary.as_ref()?;
        self.sources.position(label.place)
    }

    /// The findings as `check` prints them, in colour for a terminal, and a last line that counts them.
    /// Empty when there is nothing to say.
    pub fn render(&self, colour: bool) -> String {
        render::render(self, colour)
    }

    /// One line for each finding, `file:line:column: severity[code]: message`, as the log has them; of very many, the first
    /// thousand and how many more there are.
    pub fn lines(&self) -> Vec<String> {
        let (shown, more) = render::shown(self);
        let mut lines: Vec<String> = shown.into_iter().map(|d| render::line(self, d)).collect();
        if more > 0 {
            lines.push(format!("and {more} more findings"));
        }
        lines
    }

    /// The findings for machines.
    pub fn to_json(&self) -> serde_json::Value {
        json::to_json(self)
    }
}

/// The most characters of a message: it quotes values, and those may be of any length.
const MAX_MESSAGE: usize = 400;

/// A message as it can be printed: on one line, and not without end. A quoted value shows its beginning and its end.
fn one_line(message: String) -> String {
    let message = match message.contains(char::is_control) {
        true => message.chars().flat_map(escaped).collect(),
        false => message,
    };
    if message.len() <= MAX_MESSAGE || message.chars().count() <= MAX_MESSAGE {
        return message;
    }
    let half = MAX_MESSAGE / 2;
    let head: String = message.chars().take(half).collect();
    let tail: Vec<char> = message.chars().rev().take(half).collect();
    format!("{head}…{}", tail.into_iter().rev().collect::<String>())
}

/// A character as it is, or as what it is written as in code.
fn escaped(c: char) -> impl Iterator<Item = char> {
    let control = c.is_control().then(|| c.escape_default());
    let plain = (!c.is_control()).then_some(c);
    control.into_iter().flatten().chain(plain)
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}
