//! Fields that the gateway itself fills, whatever the client said.
//!
//! The client's value is taken out of the encoded request first, so that it reaches nobody: not beside the gateway's, and
//! not in its place where the gateway has none.

use super::{
    disjoint,
    error::{BindingError, Subject},
    path::{FieldPath, nest, numbers, write_varint},
    scan::{Fields, Value, each},
};
use crate::{Message, Reason, Schema, Violation};

/// One field of a request that is filled from somewhere else than the request.
#[derive(Debug)]
pub(crate) struct Setter {
    path: FieldPath,
}

impl Setter {
    /// Resolves a path of proto names that leads through singular messages to one scalar value.
    pub(crate) fn compile(message: &Message, path: &str) -> Result<Self, BindingError> {
        Ok(Self { path: FieldPath::compile(message, path, Subject::Set)? })
    }

    /// The path as it was written.
    pub(crate) fn name(&self) -> &str {
        &self.path.name
    }

    /// Why the gateway cannot fill this field beside another one.
    pub(crate) fn why_not_beside(&self, schema: &Schema, other: &Self) -> Option<String> {
        disjoint::why_not_both(schema, &self.path, &other.path)
    }

    /// Whether a message on the path has required fields.
    pub(crate) fn touches_required(&self, schema: &Schema) -> bool {
        self.path.steps(schema).iter().any(|step| !step.parent.required.is_empty())
    }

    /// Makes the field of the request that begins at `start` this value, or none.
    pub(crate) fn apply(
        &self,
        schema: &Schema,
        text: Option<&str>,
        start: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        self.clear(schema, start, out);
        text.map_or(Ok(()), |text| self.append(schema, text, out))
    }

    /// Takes the field out of the request that begins at `start`.
    fn clear(&self, schema: &Schema, start: usize, out: &mut Vec<u8>) {
        let path = numbers(&self.path.steps(schema));
        let wire = out.get(start..).unwrap_or_default();
        let mut given = false;
        each(Fields::new(wire), &path, &mut |_| given = true);
        if given {
            let mut kept = Vec::with_capacity(wire.len());
            without(Fields::new(wire), &path, &mut kept);
            out.truncate(start);
            out.append(&mut kept);
        }
    }

    fn append(&self, schema: &Schema, text: &str, out: &mut Vec<u8>) -> Result<(), Violation> {
        let steps = self.path.steps(schema);
        let Some((leaf, parents)) = steps.split_last() else { return Ok(()) };
        let at = out.len();
        match schema.append_text(leaf.field, text, out) {
            Ok(()) => {
                nest(parents, at, out);
                Ok(())
            }
            Err(fault) => {
                let field = self.path.name.to_string();
                Err(Violation {
                    field,
                    description: fault.description,
                    line: 0,
                    column: 0,
                    reason: Reason::Set,
                })
            }
        }
    }
}

/// Copies a message, but for the field that `path` leads to.
fn without(mut fields: Fields<'_>, path: &[u32], kept: &mut Vec<u8>) {
    let Some((&number, rest)) = path.split_first() else { return };
    while let Some((found, value, raw)) = fields.next_raw() {
        match (found == number, rest.is_empty(), value) {
            (false, ..) => kept.extend_from_slice(raw),
            (true, true, _) => {}
            (true, false, Value::Bytes(inner)) => {
                let mut message = Vec::with_capacity(inner.len());
                without(Fields::new(inner), rest, &mut message);
                write_tag(found, 2, kept);
                write_varint(message.len(), kept);
                kept.append(&mut message);
            }
            (true, false, Value::Group(inner)) => {
                write_tag(found, 3, kept);
                without(Fields::new(inner), rest, kept);
                write_tag(found, 4, kept);
            }
            (true, false, _) => kept.extend_from_slice(raw),
        }
    }
}

fn write_tag(number: u32, wire_type: usize, out: &mut Vec<u8>) {
    write_varint((number as usize) << 3 | wire_type, out);
}
