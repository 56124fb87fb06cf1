//! Why a rule does not fit its message: found when routes are loaded, never while a request runs.

use std::fmt;

/// A rule that cannot be bound to its message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BindingError {
    /// The part of the rule at fault, so that the caller can point at it.
    pub subject: Subject,
    /// What is wrong with it.
    pub message: String,
    /// What to do about it, when there is more to say than a name that is near.
    pub help: Option<String>,
    /// The name that was not found, if that is what is wrong: the segment, not the whole path.
    pub unknown: Option<String>,
    /// The names that would have been right in its place, for a suggestion of the nearest.
    pub known: Vec<String>,
}

/// A part of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The variable of the path template with this index.
    Variable(usize),
    /// `body`.
    Body,
    /// `response_body`.
    ResponseBody,
    /// A field that the gateway itself fills.
    Set,
    /// One that it cannot fill beside the one with this index.
    SetBeside(usize),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(index) => write!(f, "variable {}", index + 1),
            Self::Body => f.write_str("body"),
            Self::ResponseBody => f.write_str("response_body"),
            Self::Set | Self::SetBeside(_) => f.write_str("set"),
        }
    }
}

impl BindingError {
    /// An error without a suggestion.
    pub(crate) fn new(subject: Subject, message: impl Into<String>) -> Self {
        Self { subject, message: message.into(), help: None, unknown: None, known: Vec::new() }
    }

    /// Adds what to do about it.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says which name is unknown, and which are known in its place.
    pub(crate) fn unknown(mut self, name: &str, known: impl Iterator<Item = String>) -> Self {
        self.unknown = Some(name.to_owned());
        self.known = known.collect();
        self
    }
}
