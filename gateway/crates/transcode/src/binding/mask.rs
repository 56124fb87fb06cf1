//! The field mask of a PATCH, from the JSON keys that were sent.
//!
//! `{"phone": null}` says "clear the phone, leave the rest", but once it is a message nothing of that is left: an
//! unset field looks like one that was never named. So the keys are read off the JSON text itself.
//!
//! A mask is relative to the resource, as its services expect. The resource is the `body` field. With `body: "*"` it is
//! a message field of the request only when the route identifies it: a variable or a field that the gateway fills leads
//! into it (`{user.id}`), or all other fields are filled so. Otherwise the request itself is the resource, because a request such
//! as `{user_id, update_mask, name, settings}` describes the resource by all of its fields.
//!
//! A mask without paths means "all fields" to most services, so none is written for a body that sends keys.

use super::{
    path::{FieldPath, write_varint},
    scan::{Fields, Value, each},
};
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
    /// The numbers of the other members of the mask's oneof.
    rivals: Box<[u32]>,
    resource: Resource,
    /// Paths, relative to the resource, of fields that the body does not change: those that the path or the gateway
    /// fills, and the mask itself.
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
    /// The plan for a request with exactly one singular field mask that neither a variable nor the body field nor the
    /// gateway fills. `body` is the position of the body field, or `None` for the whole request; `set` has the paths that
    /// the gateway fills.
    pub(crate) fn compile(
        message: &Message,
        body: Option<u32>,
        variables: &[FieldPath],
        set: &[&str],
    ) -> Option<Self> {
        let (schema, request) = (message.schema(), message.plan());
        let mut masks = request.fields.iter().filter(|field| is_mask(schema, field));
        let mask = masks.next()?;
        let variables = variables.iter().map(|path| &*path.name);
        let filled: Vec<&str> = variables.chain(set.iter().copied()).collect();
        if body == Some(mask.position) || filled.contains(&&*mask.name) || masks.next().is_some() {
            return None;
        }
        let field = body.and_then(|position| request.fields.get(position as usize));
        let (resource, prefix) = match field {
            Some(field) => match resource(schema, field) {
                Some(index) => (Resource::Body(schema.message_at(index)), Some(field)),
                None => (Resource::Opaque(field.position), None),
            },
            None => match resource_field(schema, request, mask, &filled) {
                Some(field) => (Resource::Field(field.name.clone()), Some(field)),
                None => (Resource::Body(message.clone()), None),
            },
        };
        let relative = |path| match prefix {
            Some(field) => inside(path, &field.name),
            None => Some(path),
        };
        let own = prefix.is_none().then_some(&*mask.name);
        let identity = filled.iter().copied().filter_map(relative).chain(own).map(Box::from).collect();
        let is_rival = |field: &&FieldPlan| field.oneof == mask.oneof && field.number != mask.number;
        let rivals = request.fields.iter().filter(|_| mask.oneof.is_some()).filter(is_rival);
        Some(Self {
            number: mask.number,
            rivals: rivals.map(|field| field.number).collect(),
            resource,
            identity,
        })
    }

    /// The numbers of the fields that leave no place for a mask: the mask itself, and the members of its oneof.
    pub(crate) fn excluded_by(&self) -> impl Iterator<Item = u32> {
        self.rivals.iter().copied().chain([self.number])
    }

    /// Appends the mask of the keys in `body`, JSON that the encoder has accepted. Appends nothing when the body sends
    /// keys and none of them is a field of the resource that a mask can name.
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
        // A mask has no form for extensions, whose names stand in brackets.
        let is_named =
            |path: &&String| !path.contains('[') && !self.identity.iter().any(|own| **own == ***path);
        let mut mask = Vec::new();
        for path in paths.iter().filter(is_named) {
            write_path(path, &mut mask);
        }
        if mask.is_empty() && !sends_nothing(body) {
            return;
        }
        self.write(&mask, out);
    }

    /// Gives the paths of a mask that the client sent, in the request that begins at `start`, the names of fields.
    pub(crate) fn correct(&self, request: &Message, start: usize, out: &mut Vec<u8>) {
        let schema = request.schema();
        let plan = match &self.resource {
            Resource::Body(resource) => resource.plan(),
            Resource::Field(name) => {
                let field = request.plan().field_by_proto_name(name);
                let Some(index) = field.and_then(|field| resource(schema, field)) else { return };
                schema.plan(index)
            }
            Resource::Opaque(_) => return,
        };
        let wire = out.get(start..).unwrap_or_default();
        let (mut mask, mut differs) = (Vec::new(), false);
        each(Fields::new(wire), &[self.number, PATHS], &mut |path| {
            let Value::Bytes(path) = path else { return };
            let sent = String::from_utf8_lossy(path);
            let path = proto_names(schema, plan, &sent);
            differs |= path != sent;
            write_path(&path, &mut mask);
        });
        if !differs {
            return;
        }
        let mut kept = Vec::with_capacity(wire.len());
        let mut fields = Fields::new(wire);
        while let Some((number, _, raw)) = fields.next_raw() {
            if number != self.number {
                kept.extend_from_slice(raw);
            }
        }
        out.truncate(start);
        out.append(&mut kept);
        self.write(&mask, out);
    }

    /// Appends the mask field with this content.
    fn write(&self, mask: &[u8], out: &mut Vec<u8>) {
        Tag::new(self.number, WireType::Len).write(out);
        write_varint(mask.len(), out);
        out.extend_from_slice(mask);
    }
}

/// Appends one path of a mask.
fn write_path(path: &str, mask: &mut Vec<u8>) {
    Tag::new(PATHS, WireType::Len).write(mask);
    write_varint(path.len(), mask);
    mask.extend_from_slice(path.as_bytes());
}

/// The proto name of each field on a path. A segment that names no field may be what the mapping made of a JSON name that
/// does not convert back, as `display_name2` of `displayName2`: then it is that field's.
fn proto_names<'s>(schema: &'s Schema, mut plan: &'s MessagePlan, path: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    let mut segments = path.split('.');
    for segment in segments.by_ref() {
        let found = plan.field_by_proto_name(segment).or_else(|| {
            let mut fields = plan.fields.iter().filter(|field| !field.is_extension);
            fields.find(|field| is_camel_case_of(&field.json_name, segment))
        });
        names.push(found.map_or(segment, |field| &field.name));
        match found.and_then(|field| resource(schema, field)) {
            Some(index) => plan = schema.plan(index),
            None => break,
        }
    }
    names.extend(segments);
    names.join(".")
}

/// Whether the mapping makes this text of a JSON name: each capital letter becomes `_` and the small one.
fn is_camel_case_of(json_name: &str, text: &str) -> bool {
    let mut written = Vec::with_capacity(text.len());
    for byte in json_name.bytes() {
        if byte.is_ascii_uppercase() {
            written.push(b'_');
        }
        written.push(byte.to_ascii_lowercase());
    }
    written == text.as_bytes()
}

/// The paths that lead into a field, relative to it.
fn within(paths: Vec<String>, prefix: &str) -> Vec<String> {
    paths.iter().filter_map(|path| inside(path, prefix)).map(str::to_owned).collect()
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

/// The field of the request that is the resource, when the body is the whole request. `filled` has the paths of the fields
/// that the URL or the gateway fills.
fn resource_field<'s>(
    schema: &Schema,
    request: &'s MessagePlan,
    mask: &FieldPlan,
    filled: &[&str],
) -> Option<&'s FieldPlan> {
    let leads_into = |field: &&FieldPlan| filled.iter().any(|path| inside(path, &field.name).is_some());
    let fields = || request.fields.iter().filter(|field| !field.is_extension && field.number != mask.number);
    let mut identified = fields().filter(|field| resource(schema, field).is_some()).filter(leads_into);
    match (identified.next(), identified.next()) {
        (Some(field), None) => return Some(field),
        (Some(_), Some(_)) => return None,
        (None, _) => {}
    }
    let mut open = fields().filter(|field| !filled.contains(&&*field.name));
    let only = open.next().filter(|field| resource(schema, field).is_some())?;
    open.next().is_none().then_some(only)
}

/// The rest of a path behind a field of this name.
fn inside<'p>(path: &'p str, field: &str) -> Option<&'p str> {
    path.strip_prefix(field)?.strip_prefix('.')
}

/// Whether a JSON body has no keys: it is empty, or `{}`.
fn sends_nothing(body: &[u8]) -> bool {
    let body = body.trim_ascii();
    let members = body.strip_prefix(b"{").and_then(|body| body.strip_suffix(b"}"));
    members.unwrap_or(body).trim_ascii().is_empty()
}
