//! What a template's variables cut out of a path.

use std::borrow::Cow;

use crate::escape::{self, Keep};
use crate::path::Segments;
use crate::template::Template;

/// How many captures need no allocation.
const IN_PLACE: usize = 4;

/// The values of a template's variables, in the order of [`Template::variables`].
///
/// A value borrows from the path where nothing in it is escaped.
#[derive(Debug, Clone)]
pub struct Captures<'p> {
    head: [Cow<'p, str>; IN_PLACE],
    tail: Vec<Cow<'p, str>>,
    len: usize,
}

impl<'p> Captures<'p> {
    /// Cuts the variables of a template out of a path that it matches; `None` if an escape cannot be decoded.
    pub(crate) fn cut(template: &Template, segments: &Segments<'p>) -> Option<Self> {
        let mut captures = Self { head: [const { Cow::Borrowed("") }; IN_PLACE], tail: Vec::new(), len: 0 };
        for variable in template.variables() {
            let from = template.position(variable.segments.start, segments.len());
            let to = template.position(variable.segments.end, segments.len());
            let keep = if variable.multi { Keep::Slash } else { Keep::Nothing };
            captures.push(escape::decode(segments.written(from, to), keep)?);
        }
        Some(captures)
    }

    fn push(&mut self, value: Cow<'p, str>) {
        match self.head.get_mut(self.len) {
            Some(slot) => *slot = value,
            None => self.tail.push(value),
        }
        self.len += 1;
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the template has no variables.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The decoded value of the variable at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&str> {
        if index >= self.len {
            return None;
        }
        self.head.get(index).or_else(|| self.tail.get(index - IN_PLACE)).map(AsRef::as_ref)
    }

    /// All decoded values.
    pub fn iter(&self) -> impl Iterator<Item = &str> + Clone {
        self.values().map(AsRef::as_ref)
    }

    /// All values, each of which tells whether it is borrowed from the path.
    pub fn values(&self) -> impl Iterator<Item = &Cow<'p, str>> + Clone {
        self.head.iter().take(self.len).chain(&self.tail)
    }
}
