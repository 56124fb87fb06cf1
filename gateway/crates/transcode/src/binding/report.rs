//! What is wrong with a request, gathered while it is bound.

use crate::{EncodeError, EncodeOptions, Encoded, Names, Reason, Unknown, Violation, plan::FieldPlan};

/// The longest piece of a client's text that an error repeats, in characters.
const ECHO: usize = 64;

/// Gathers violations and, if asked to, the unknown parameters that were let through.
#[derive(Debug)]
pub(crate) struct Report {
    unknown: Unknown,
    names: Names,
    limit: usize,
    violations: Vec<Violation>,
    warnings: Vec<String>,
    enum_numbers: bool,
}

impl Report {
    pub(crate) fn new(options: &EncodeOptions) -> Self {
        Self {
            unknown: options.unknown,
            names: options.names,
            limit: options.max_violations.max(1),
            violations: Vec::new(),
            warnings: Vec::new(),
            enum_numbers: false,
        }
    }

    /// Which names violations use for fields.
    pub(crate) fn names(&self) -> Names {
        self.names
    }

    /// The name of a field in violations.
    pub(crate) fn name_of<'f>(&self, field: &'f FieldPlan) -> &'f str {
        field.key(self.names)
    }

    /// Notes that the client asks for enums as numbers.
    pub(crate) fn wants_enum_numbers(&mut self) {
        self.enum_numbers = true;
    }

    /// Whether nothing is wrong so far.
    pub(crate) fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    /// Whether there is no room for more violations, so that going on tells nobody anything.
    pub(crate) fn is_full(&self) -> bool {
        self.violations.len() >= self.limit
    }

    /// Adds a violation of the path or query.
    pub(crate) fn violation(&mut self, field: &str, reason: Reason, description: impl Into<String>) {
        if !self.is_full() {
            let field = cut(field);
            self.violations.push(Violation {
                field,
                description: description.into(),
                line: 0,
                column: 0,
                reason,
            });
        }
    }

    /// Deals with something that the schema does not know as the options say.
    pub(crate) fn unknown(&mut self, field: &str, reason: Reason, description: impl FnOnce() -> String) {
        match self.unknown {
            Unknown::Reject => self.violation(field, reason, description()),
            Unknown::Warn if self.warnings.len() < self.limit => self.warnings.push(cut(field)),
            Unknown::Warn | Unknown::Ignore => {}
        }
    }

    /// Adds what encoding the body came to.
    pub(crate) fn body(&mut self, result: Result<Encoded, EncodeError>) {
        let limit = self.limit;
        match result {
            Ok(encoded) => {
                self.warnings.extend(encoded.unknown);
                self.warnings.truncate(limit);
            }
            Err(error) => {
                self.violations.extend(error.violations);
                self.violations.truncate(limit);
            }
        }
    }

    /// The outcome.
    pub(crate) fn finish(self) -> Result<Encoded, EncodeError> {
        match self.violations.is_empty() {
            true => Ok(Encoded { unknown: self.warnings, enum_numbers: self.enum_numbers }),
            false => Err(EncodeError { violations: self.violations }),
        }
    }
}

/// A client's text in quotes, cut short, control characters escaped.
pub(crate) fn quoted(text: &str) -> String {
    match text.char_indices().nth(ECHO) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

/// A client's text as the place of a violation.
fn cut(text: &str) -> String {
    match text.char_indices().nth(ECHO * 4) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
