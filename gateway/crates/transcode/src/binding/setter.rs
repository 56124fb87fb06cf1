//! Fields that the gateway itself fills, over whatever the client said.

use super::{
    error::{BindingError, Subject},
    path::{FieldPath, nest},
};
use crate::{Message, Violation, plan::Kind};

/// One field of a request that is filled from somewhere else than the request.
#[derive(Debug)]
pub struct Setter {
    message: Message,
    path: FieldPath,
}

impl Setter {
    /// Resolves a path of proto names that leads through singular messages to a scalar or enum.
    ///
    /// Nothing else can be set: the wire *merges* messages, so a client's part of a `Timestamp` would shine through.
    pub fn compile(message: &Message, path: &str) -> Result<Self, BindingError> {
        let compiled = FieldPath::compile(message, path, Subject::Set)?;
        let steps = compiled.steps(message.schema());
        if steps.last().is_some_and(|leaf| matches!(leaf.field.kind, Kind::Message(_) | Kind::Group(_))) {
            let error = BindingError::new(
                Subject::Set,
                format!("`{path}` is a message; only scalars and enums can be set"),
            );
            return Err(error);
        }
        Ok(Self { message: message.clone(), path: compiled })
    }

    /// Appends the field to an encoded request: the last one on the wire counts.
    pub fn append(&self, text: &str, out: &mut Vec<u8>) -> Result<(), Violation> {
        let schema = self.message.schema();
        let steps = self.path.steps(schema);
        let Some((leaf, parents)) = steps.split_last() else { return Ok(()) };
        let at = out.len();
        match schema.append_text(leaf.field, text, out) {
            Ok(()) => {
                nest(parents, at, out);
                Ok(())
            }
            Err(fault) => {
                let (field, description) = (self.path.name.to_string(), fault.description);
                Err(Violation { field, description, line: 0, column: 0, reason: fault.reason })
            }
        }
    }
}
