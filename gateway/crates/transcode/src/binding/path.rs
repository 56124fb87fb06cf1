//! Field paths: from `user.address.city` to the fields it leads through, and to nested wire.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::error::{BindingError, Subject};
use crate::{
    Message, Schema,
    plan::{Cardinality, FieldPlan, Kind, MessageIndex, MessagePlan, WellKnown},
};

/// One field of a path, and the message it is a field of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step<'s> {
    pub(crate) parent: &'s MessagePlan,
    pub(crate) field: &'s FieldPlan,
}

/// The fields that a path leads through; the last one is the leaf.
pub(crate) type Steps<'s> = SmallVec<[Step<'s>; 4]>;

/// Their numbers.
pub(crate) type Numbers = SmallVec<[u32; 4]>;

/// The numbers of the fields on a path.
pub(crate) fn numbers(steps: &[Step<'_>]) -> Numbers {
    steps.iter().map(|step| step.field.number).collect()
}

/// What text in a path or query can do with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One value: a scalar, an enum or a well-known type whose JSON form is a scalar.
    Leaf,
    /// A list of those.
    Leaves,
    /// A map from text to one value of those: its entries can be given, one by one.
    Entries,
    /// An ordinary message: only its fields can be given.
    Nested(MessageIndex),
    /// Nothing: text cannot say what goes in there.
    Closed(&'static str),
}

/// What text can do with `field`. This is decided by the descriptor alone, never by a request.
pub(crate) fn shape(schema: &Schema, field: &FieldPlan) -> Shape {
    if let Cardinality::Map(map) = &field.cardinality {
        return match shape(schema, &map.value) {
            Shape::Leaf => Shape::Entries,
            _ => Shape::Closed("a map of messages"),
        };
    }
    let repeated = field.is_list();
    let leaf = if repeated { Shape::Leaves } else { Shape::Leaf };
    let (Kind::Message(index) | Kind::Group(index)) = field.kind else { return leaf };
    match schema.plan(index).well_known {
        WellKnown::Timestamp | WellKnown::Duration | WellKnown::FieldMask | WellKnown::Wrapper => leaf,
        WellKnown::Any | WellKnown::Struct | WellKnown::Value | WellKnown::ListValue => {
            Shape::Closed("a value of any shape")
        }
        WellKnown::None | WellKnown::Empty | WellKnown::MessageSet if repeated => {
            Shape::Closed("a list of messages")
        }
        WellKnown::None | WellKnown::Empty | WellKnown::MessageSet => Shape::Nested(index),
    }
}

/// The message that a path goes on into: an ordinary one, or a singular one that text could fill as a whole.
pub(crate) fn inside(shape: Shape, field: &FieldPlan) -> Option<MessageIndex> {
    match (shape, field.kind) {
        (Shape::Nested(index), _) | (Shape::Leaf, Kind::Message(index) | Kind::Group(index)) => Some(index),
        _ => None,
    }
}

/// A field path that was resolved at load. Keeps places, not references: it lives beside the schema.
#[derive(Debug)]
pub(crate) struct FieldPath {
    /// As it was written, in proto names.
    pub(crate) name: Box<str>,
    places: Box<[(MessageIndex, u32)]>,
}

impl FieldPath {
    /// Resolves a path of proto names that leads through singular messages to one scalar value, or, for a variable, to a
    /// list of scalars and enums, whose elements are then separated by commas.
    pub(crate) fn compile(root: &Message, path: &str, subject: Subject) -> Result<Self, BindingError> {
        let schema = root.schema();
        let mut plan = root.plan();
        let mut places = Vec::new();
        let mut segments = path.split('.').peekable();
        while let Some(segment) = segments.next() {
            let Some(field) = plan.field_by_proto_name(segment) else {
                return Err(unknown_field(subject, plan, segment));
            };
            places.push((plan.index, field.position));
            let shape = shape(schema, field);
            let last = segments.peek().is_none();
            match inside(shape, field) {
                Some(index) if !last => plan = schema.plan(index),
                _ if last && shape == Shape::Leaf => {}
                _ if last && shape == Shape::Leaves && takes_lists(subject) && is_plain(plan, field) => {}
                _ => return Err(misfit(subject, path, segment, field, shape, last)),
            }
        }
        Ok(Self { name: path.into(), places: places.into() })
    }

    /// The fields of the path.
    pub(crate) fn steps<'s>(&self, schema: &'s Schema) -> Steps<'s> {
        let resolve = |&(message, position): &(MessageIndex, u32)| {
            let parent = schema.plan(message);
            Some(Step { parent, field: parent.fields.get(position as usize)? })
        };
        self.places.iter().filter_map(resolve).collect()
    }
}

/// The first name of the path of a field that lies within another one; nothing when there is no such field.
pub(crate) fn outermost<'p>(message: &Message, path: &'p str) -> Option<&'p str> {
    let (first, _) = path.split_once('.')?;
    let mut plan = message.plan();
    let mut names = path.split('.').peekable();
    while let Some(name) = names.next() {
        let field = plan.field_by_proto_name(name)?;
        if names.peek().is_some() {
            plan = message.schema().plan(field.message()?);
        }
    }
    Some(first)
}

/// Whether one text may give several elements: `google/api/http.proto` has no lists in a path, but annotations that were
/// written for grpc-gateway have them. What the gateway itself sets is one value.
fn takes_lists(subject: Subject) -> bool {
    matches!(subject, Subject::Variable(_))
}

/// Whether commas separate the elements of a list and nothing else: those of well-known types have JSON forms of their own.
fn is_plain(parent: &MessagePlan, field: &FieldPlan) -> bool {
    parent.well_known == WellKnown::None && !matches!(field.kind, Kind::Message(_) | Kind::Group(_))
}

/// The error for a name that a message does not have.
pub(crate) fn unknown_field(subject: Subject, plan: &MessagePlan, name: &str) -> BindingError {
    let known = plan.fields.iter().filter(|field| !field.is_extension).map(|field| field.name.to_string());
    let error = BindingError::new(subject, format!("{} has no field `{name}`", plan.full_name));
    let by_json_name = plan.fields.iter().find(|field| &*field.json_name == name);
    match by_json_name {
        Some(field) => error.help(format!("rules take names as in the .proto file: `{}`", field.name)),
        None => error,
    }
    .unknown(name, known)
}

fn misfit(
    subject: Subject,
    path: &str,
    segment: &str,
    field: &FieldPlan,
    shape: Shape,
    last: bool,
) -> BindingError {
    let what = match (shape, field.kind) {
        (Shape::Leaves, _) => Cow::Borrowed("a list"),
        (Shape::Entries, _) => Cow::Borrowed("a map"),
        (Shape::Nested(_), _) => Cow::Borrowed("a message"),
        (Shape::Closed(what), _) => Cow::Borrowed(what),
        (Shape::Leaf, kind) => Cow::Owned(format!("of type {}", kind.name())),
    };
    let place = if segment == path { String::new() } else { format!(" in `{path}`") };
    let error = BindingError::new(
        subject,
        match last {
            true => format!("field `{segment}`{place} is {what}, which one piece of text cannot fill"),
            false => format!("field `{segment}`{place} is {what}, so nothing lies within it"),
        },
    );
    match shape {
        Shape::Nested(_) => {
            error.help(format!("name one of its fields, as `{path}.id`, or make it the body"))
        }
        _ => error
            .help("paths lead through singular messages to one scalar, enum or scalar-like well-known type"),
    }
}

/// Puts the leaf that was appended at `at` inside the messages that `parents` lead through; returns its new place.
///
/// Whoever reads the wire merges a message that comes in several pieces, so this adds to what is there already.
pub(crate) fn nest(parents: &[Step<'_>], at: usize, out: &mut Vec<u8>) -> usize {
    if parents.is_empty() {
        return at;
    }
    // Lengths are known from the inside out, so the head is built backwards: each piece before the last.
    let mut size = out.len().saturating_sub(at);
    let mut head = SmallVec::<[u8; 32]>::new();
    for step in parents.iter().rev() {
        let before = head.len();
        if is_group(step.field) {
            size += step.field.end_tag.len();
            step.field.end_tag.write(out);
        } else {
            let (bytes, length) = varint(size);
            head.insert_from_slice(0, bytes.get(..length).unwrap_or_default());
        }
        head.insert_from_slice(0, step.field.tag.as_bytes());
        size += head.len() - before;
    }
    out.splice(at..at, head.iter().copied());
    at + head.len()
}

fn is_group(field: &FieldPlan) -> bool {
    matches!(field.kind, Kind::Group(_))
}

/// Appends a length as a varint.
pub(crate) fn write_varint(value: usize, out: &mut Vec<u8>) {
    let (bytes, length) = varint(value);
    out.extend_from_slice(bytes.get(..length).unwrap_or_default());
}

/// A length as a varint: the bytes, and how many of them count.
fn varint(mut value: usize) -> ([u8; 10], usize) {
    let (mut bytes, mut length) = ([0; 10], 0);
    for slot in &mut bytes {
        length += 1;
        *slot = (value as u8) & 0x7f;
        value >>= 7;
        if value == 0 {
            break;
        }
        *slot |= 0x80;
    }
    (bytes, length)
}
