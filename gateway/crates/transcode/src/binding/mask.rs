//! The field mask of a PATCH, from the JSON keys that were sent.
//!
//! `{"phone": null}` says "clear the phone, leave the rest", but once it is a message nothing of that is left: an
//! unset field looks like one that was never named. So the keys are read off the JSON text itself.
//!
//! A mask is relative to the resource, as its services expect. The resource is the `body` field; with `body: "*"`
//! it is the request's only message field, or the request itself when there is no such field or more than one.

use super::path::{FieldPath, write_varint};
use crate::{
    Message, Schema,
    plan::{FieldPlan, Kind, MessageIndex, MessagePlan, Tag, WellKnown, WireType},
};

/// The number of `google.protobuf.FieldMask.paths`.
const PATHS: u32 = 1;

/// How to fill the one field mask of a request.
#[derive(Debug)]
pub(crate) struct MaskPlan {
    /// The number of the mask among the request's fields.
    number: u32,
    resource: Resource,
    /// Paths, relative to the resource, that the URL gives: they tell which resource, not what of it changes.
    identity: Box<[Box<str>]>,
}

/// Where the resource stands in the body.
#[derive(Debug)]
enum Resource {
    /// The body is the resource.
    Body(Message),
    /// The body is the request, and the resource is its message field of this name.
    Field(Box<str>),
    /// The body is a list, map, scalar or free-form value: the mask can only name the field at this position, which takes it.
    Opaque(u32),
}

impl MaskPlan {
    /// The plan for a request with exactly one singular field mask that neither a variable nor the body field is.
    /// `body` is the position of the body field, or `None` for the whole request.
    pub(crate) fn compile(message: &Message, body: Option<u32>, variables: &[FieldPath]) -> Option<Self> {
        let (schema, request) = (message.schema(), message.plan());
        let mut masks = request.fields.iter().filter(|field| is_mask(schema, field));
        let mask = masks.next()?;
        let taken = body == Some(mask.position) || variables.iter().any(|path| *path.name == *mask.name);
        if taken || masks.next().is_some() {
            return None;
        }
        let field = body.and_then(|position| request.fields.get(position as usize));
        let (resource, prefix) = match field {
            Some(field) => match resource(schema, field) {
                Some(index) => (Resource::Body(schema.message_at(index)), Some(field)),
                None => (Resource::Opaque(field.position), None),
            },
            None => match only_resource(schema, request) {
                Some(field) => (Resource::Field(field.name.clone()), Some(field)),
                None => (Resource::Body(message.clone()), None),
            },
        };
        let relative = |path: &FieldPath| match prefix {
            Some(field) => Some(path.name.strip_prefix(&*field.name)?.strip_prefix('.')?.into()),
            None => Some(path.name.clone()),
        };
        let own = prefix.is_none().then(|| mask.name.clone());
        let identity = variables.iter().filter_map(relative).chain(own).collect();
        Some(Self { number: mask.number, resource, identity })
    }

    /// A field that the gateway fills is not what the client changes, whatever it sends.
    pub(crate) fn exclude(&mut self, message: &Message, body: Option<u32>, path: &str) {
        let resource = match &self.resource {
            Resource::Field(name) => Some(&**name),
            _ => body
                .and_then(|position| message.plan().fields.get(position as usize))
                .map(|field| &*field.name),
        };
        let relative = match resource {
            Some(resource) => path.strip_prefix(resource).and_then(|path| path.strip_prefix('.')),
            None => Some(path),
        };
        if let Some(relative) = relative {
            self.identity = self.identity.iter().cloned().chain([relative.into()]).collect();
        }
    }

    /// The number of the mask field.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// Appends the mask of the keys in `body`, JSON that the encoder has accepted.
    pub(crate) fn append(&self, request: &Message, body: &[u8], out: &mut Vec<u8>) {
        let paths = match &self.resource {
            Resource::Body(resource) => resource.mask_paths(body),
            Resource::Field(prefix) => within(request.mask_paths(body), prefix),
            Resource::Opaque(position) => {
                let field = request.plan().fields.get(*position as usize);
                let known = field.filter(|field| request.schema().is_known(field, body));
                known.map(|field| field.name.to_string()).into_iter().collect()
            }
        };
        let mut mask = Vec::new();
        // A mask has no form for extensions, whose names stand in brackets.
        let nameable = |path: &&String| !path.contains('[');
        for path in
            paths.iter().filter(nameable).filter(|path| !self.identity.iter().any(|own| **own == ***path))
        {
            Tag::new(PATHS, WireType::Len).write(&mut mask);
            write_varint(path.len(), &mut mask);
            mask.extend_from_slice(path.as_bytes());
        }
        Tag::new(self.number, WireType::Len).write(out);
        write_varint(mask.len(), out);
        out.extend_from_slice(&mask);
    }
}

/// The paths that lead into a field, relative to it.
fn within(paths: Vec<String>, prefix: &str) -> Vec<String> {
    let relative = |path: String| Some(path.strip_prefix(prefix)?.strip_prefix('.')?.to_owned());
    paths.into_iter().filter_map(relative).collect()
}

fn is_mask(schema: &Schema, field: &FieldPlan) -> bool {
    let mask = |index| schema.plan(index).well_known == WellKnown::FieldMask;
    !field.is_list() && matches!(field.kind, Kind::Message(_)) && field.message().is_some_and(mask)
}

/// The message that a key's value descends into: a singular, ordinary one.
fn resource(schema: &Schema, field: &FieldPlan) -> Option<MessageIndex> {
    let ordinary = |index: &MessageIndex| schema.plan(*index).well_known == WellKnown::None;
    field.message().filter(|_| !field.is_list()).filter(ordinary)
}

/// The only field of the request that is an ordinary message.
fn only_resource<'s>(schema: &Schema, request: &'s MessagePlan) -> Option<&'s FieldPlan> {
    let mut found = request.fields.iter().filter(|field| resource(schema, field).is_some());
    let first = found.next()?;
    found.next().is_none().then_some(first)
}
