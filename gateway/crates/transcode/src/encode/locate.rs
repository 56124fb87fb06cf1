//! Offsets → field paths: a second walk over a body in which something was wrong.
//!
//! It follows the plans as the first walk did, so that it can tell fields from map keys, and stops where the
//! first walk stopped.

use super::{
    Target,
    report::Note,
    scan::{Scanner, Step, Stop},
};
use crate::{
    Names, Schema, Violation,
    plan::{Cardinality, FieldPlan, Kind, MessagePlan, WellKnown},
};

/// How many characters of a key are shown in a path.
const SHOWN: usize = 64;

/// Makes violations of notes, in the order of the input.
pub(super) fn violations(
    schema: &Schema,
    names: Names,
    target: Target<'_>,
    input: &[u8],
    mut notes: Vec<Note>,
) -> Vec<Violation> {
    notes.sort_by_key(|note| note.at);
    let offsets: Vec<usize> = notes.iter().map(|note| note.at).collect();
    let places = locate(schema, names, target, input, &offsets);
    notes
        .into_iter()
        .zip(places)
        .map(|(note, place)| note.into_violation(input, place.path, place.redacted))
        .collect()
}

/// The paths of offsets, which are ascending.
pub(super) fn paths(
    schema: &Schema,
    names: Names,
    target: Target<'_>,
    input: &[u8],
    offsets: &[usize],
) -> Vec<String> {
    locate(schema, names, target, input, offsets).into_iter().map(|place| place.path).collect()
}

#[derive(Default, Clone)]
struct Place {
    path: String,
    redacted: bool,
}

fn locate(schema: &Schema, names: Names, target: Target<'_>, input: &[u8], offsets: &[usize]) -> Vec<Place> {
    let mut walk = Walk {
        schema,
        names,
        scan: Scanner::new(input, super::DEPTH_CAP),
        offsets,
        places: Vec::new(),
        here: Place::default(),
    };
    let shape = match target {
        Target::Message(plan) => Shape::Message(plan),
        Target::Field(field) => {
            walk.here.path = field.key(names).to_owned();
            Shape::of(field)
        }
    };
    // Where the walk stops, the first one did; what is left over belongs to the innermost value that was begun.
    let _ = walk.value(shape);
    let Walk { mut places, here, .. } = walk;
    places.resize(offsets.len(), here);
    places
}

/// What a value is, as far as paths are concerned.
#[derive(Clone, Copy)]
enum Shape<'a> {
    Message(&'a MessagePlan),
    /// A field's value; a list or map if it is one.
    Field(&'a FieldPlan),
    /// One value of a field: an element, a map's value.
    Single(&'a FieldPlan),
    /// Anything.
    Untyped,
}

impl<'a> Shape<'a> {
    fn of(field: &'a FieldPlan) -> Self {
        match field.cardinality {
            Cardinality::Repeated { .. } | Cardinality::Map(_) => Self::Field(field),
            _ => Self::Single(field),
        }
    }
}

struct Walk<'a, 'w> {
    schema: &'a Schema,
    names: Names,
    scan: Scanner<'w>,
    offsets: &'w [usize],
    /// The places of the first offsets.
    places: Vec<Place>,
    here: Place,
}

impl<'a> Walk<'a, '_> {
    /// Everything up to here that has no place yet is in this place.
    fn arrive(&mut self) -> Step {
        self.scan.token();
        while let Some(offset) = self.offsets.get(self.places.len()) {
            if *offset > self.scan.pos() {
                return Ok(());
            }
            self.places.push(self.here.clone());
        }
        // Nothing is left to be found.
        Err(Stop)
    }

    fn value(&mut self, shape: Shape<'a>) -> Step {
        self.arrive()?;
        match self.scan.peek() {
            b'{' => self.object(self.resolve(shape)),
            b'[' => self.list(shape),
            _ => self.scan.skip(),
        }
    }

    /// The message that a field's value is.
    fn resolve(&self, shape: Shape<'a>) -> Shape<'a> {
        let plan = match shape {
            Shape::Message(plan) => plan,
            Shape::Single(field) => match field.kind {
                Kind::Message(index) | Kind::Group(index) => self.schema.plan(index),
                _ => return Shape::Untyped,
            },
            other => return other,
        };
        match plan.well_known {
            WellKnown::None | WellKnown::MessageSet => Shape::Message(plan),
            _ => Shape::Untyped,
        }
    }

    fn object(&mut self, shape: Shape<'a>) -> Step {
        let mut more = self.scan.begin(b'}')?;
        while more {
            self.scan.token();
            let key_at = self.scan.pos();
            let mut scratch = Vec::new();
            let key = self.scan.key()?.resolve(&mut scratch);
            let before = self.here.clone();
            let inner = self.descend(shape, key);
            // A note about a key points at the key.
            let value_at = self.scan.pos();
            self.scan.seek(key_at);
            self.arrive()?;
            self.scan.seek(value_at);
            self.value(inner)?;
            self.here = before;
            more = self.scan.more(b'}')?;
        }
        Ok(())
    }

    /// Appends a key to the path and says what its value is.
    fn descend(&mut self, shape: Shape<'a>, key: &[u8]) -> Shape<'a> {
        match shape {
            Shape::Message(plan) => match plan.field_by_key(key) {
                Some(field) => {
                    append_name(&mut self.here.path, field.key(self.names));
                    self.here.redacted |= field.debug_redact;
                    Shape::of(field)
                }
                None => {
                    append_key(&mut self.here.path, key, false);
                    Shape::Untyped
                }
            },
            Shape::Field(field) => {
                append_key(&mut self.here.path, key, true);
                field.map().map_or(Shape::Untyped, |map| Shape::Single(&map.value))
            }
            Shape::Single(_) | Shape::Untyped => {
                append_key(&mut self.here.path, key, false);
                Shape::Untyped
            }
        }
    }

    fn list(&mut self, shape: Shape<'a>) -> Step {
        let inner = match shape {
            Shape::Field(field) => Shape::Single(field),
            _ => Shape::Untyped,
        };
        let mut more = self.scan.begin(b']')?;
        let mut index = 0u64;
        let before = self.here.path.len();
        while more {
            self.here.path.push_str(&format!("[{index}]"));
            self.value(inner)?;
            self.here.path.truncate(before);
            index += 1;
            more = self.scan.more(b']')?;
        }
        Ok(())
    }
}

fn append_name(path: &mut String, name: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(name);
}

/// Appends a key: after a point if it looks like a name, in brackets and quotes otherwise (always for maps).
fn append_key(path: &mut String, key: &[u8], in_map: bool) {
    let key = String::from_utf8_lossy(key);
    let shown = match key.char_indices().nth(SHOWN) {
        None => key.into_owned(),
        Some((cut, _)) => format!("{}…", key.get(..cut).unwrap_or_default()),
    };
    let is_name =
        !shown.is_empty() && shown.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '@' | '…'));
    if is_name && !in_map {
        append_name(path, &shown);
    } else {
        path.push_str(&format!("[{shown:?}]"));
    }
}
