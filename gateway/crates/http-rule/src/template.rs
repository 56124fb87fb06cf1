//! A parsed path template.

mod error;
mod parse;

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

pub use error::{TemplateError, TemplateErrorKind};

/// A `google.api.http` path template: its segments, variables and verb.
///
/// Templates that are written differently but match the same requests have equal [`Self::segments`] and
/// [`Self::verb`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    source: String,
    segments: Vec<Segment>,
    variables: Vec<Variable>,
    verb: Option<String>,
    /// Where the `**` stands.
    multi: Option<usize>,
}

/// What one segment of a path must be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    /// This text, in normal form: escapes of unreserved characters decoded, others with upper-case digits.
    Literal(String),
    /// `*`: any one segment that is not empty.
    Single,
    /// `**`: any number of segments, none and empty ones included.
    Multi,
}

/// A field of the request message that the template fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Names of fields, as in the `.proto` file, with dots between: `a.b.c`.
    pub field_path: String,
    /// Whether the variable's pattern is more than one segment or contains `**`; its value then keeps `%2F`.
    pub multi: bool,
    /// Where the field path stands in [`Template::source`], in bytes.
    pub span: Range<usize>,
    /// Which of [`Template::segments`] it takes.
    pub segments: Range<usize>,
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    ///
    /// The text is not a template, or is one that no request can match. The error says where, why and what to write.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        parse::parse(text)
    }

    /// The text that was parsed.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What a path must be, segment by segment; variables are erased.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The variables from left to right.
    #[must_use]
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// The verb, in normal form and without its colon.
    #[must_use]
    pub fn verb(&self) -> Option<&str> {
        self.verb.as_deref()
    }

    /// The segments before `**` (all, if there is none) and, if there is one, those after it.
    pub(crate) fn around_multi(&self) -> (&[Segment], Option<&[Segment]>) {
        match self
            .multi
            .and_then(|multi| Some((self.segments.get(..multi)?, self.segments.get(multi + 1..)?)))
        {
            Some((before, after)) => (before, Some(after)),
            None => (&self.segments, None),
        }
    }

    /// Where the template's segment `index` begins in a path of `n_segments` that it matches: what stands after `**`
    /// is counted from the end.
    pub(crate) fn position(&self, index: usize, n_segments: usize) -> usize {
        match self.multi {
            Some(multi) if index > multi => (index + n_segments).saturating_sub(self.segments.len()),
            _ => index,
        }
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests;
