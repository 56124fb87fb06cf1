//! Why decoding stops: an error with the path to it, or a field in pieces, which calls for the careful way.

use std::fmt::Write as _;

use crate::{
    DecodeError, DecodeErrorKind,
    plan::{FieldPlan, MessagePlan},
};

/// The reason to stop. As small as a pointer: it is the error half of every result on the hot path.
#[derive(Debug)]
pub(crate) struct Halt(Option<Box<Failure>>);

#[derive(Debug)]
struct Failure {
    /// From the innermost step outwards.
    path: Vec<Step>,
    kind: DecodeErrorKind,
}

#[derive(Debug)]
enum Step {
    Field(Box<str>),
    Index(usize),
    Key(String),
}

impl Halt {
    /// A field came in pieces.
    #[cold]
    pub(super) fn split() -> Self {
        Self(None)
    }

    #[cold]
    pub(super) fn new(kind: DecodeErrorKind) -> Self {
        Self(Some(Box::new(Failure { path: Vec::new(), kind })))
    }

    #[cold]
    pub(super) fn truncated() -> Self {
        Self::new(DecodeErrorKind::Truncated)
    }

    #[cold]
    pub(super) fn malformed(what: &'static str) -> Self {
        Self::new(DecodeErrorKind::Malformed(what))
    }

    #[cold]
    pub(super) fn unprintable(what: String) -> Self {
        Self::new(DecodeErrorKind::Unprintable(what))
    }

    pub(super) fn is_split(&self) -> bool {
        self.0.is_none()
    }

    /// Whether a field came in pieces, or what was wrong with a message may be mended by pieces of it that come later.
    pub(super) fn may_be_split(&self) -> bool {
        use DecodeErrorKind::{Required, Unprintable};
        self.0.as_ref().is_none_or(|failure| matches!(failure.kind, Required | Unprintable(_)))
    }

    /// Says that it happened inside this field.
    #[cold]
    pub(super) fn within(mut self, field: &FieldPlan) -> Self {
        if let Some(failure) = &mut self.0 {
            failure.path.push(Step::Field(field.json_name.clone()));
        }
        self
    }

    /// Says that it happened inside this element of the list that is told next.
    #[cold]
    pub(super) fn at(mut self, index: usize) -> Self {
        if let Some(failure) = &mut self.0 {
            failure.path.push(Step::Index(index));
        }
        self
    }

    /// Says that it happened at this key, given as JSON, of the map that is told next.
    #[cold]
    pub(super) fn at_key(mut self, key: &[u8]) -> Self {
        if let Some(failure) = &mut self.0 {
            failure.path.push(Step::Key(String::from_utf8_lossy(key).into_owned()));
        }
        self
    }

    /// The error as callers see it.
    pub(super) fn into_error(self, plan: &MessagePlan) -> DecodeError {
        let message = plan.full_name.to_string();
        let Some(failure) = self.0 else {
            // The careful way never stops at a field in pieces.
            let kind = DecodeErrorKind::Malformed("fields in an order that cannot be printed");
            return DecodeError { message, field: String::new(), kind };
        };
        let mut field = String::new();
        for step in failure.path.iter().rev() {
            match step {
                Step::Field(name) if field.is_empty() => field.push_str(name),
                Step::Field(name) => {
                    field.push('.');
                    field.push_str(name);
                }
                Step::Key(key) => {
                    let _ = write!(field, "[{key}]");
                }
                Step::Index(index) => {
                    let _ = write!(field, "[{index}]"); // writing to a String does not fail
                }
            }
        }
        DecodeError { message, field, kind: failure.kind }
    }
}
