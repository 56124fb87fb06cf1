//! Answering with one field of a message, or with the bytes of a `google.api.HttpBody`.

use smallvec::SmallVec;

use super::{Decoder, halt::Halt, run, wire};
use crate::{
    DecodeError, DecodeErrorKind, DecodeOptions, Schema,
    plan::{Cardinality, FieldPlan, Kind, MapPlan, MessagePlan, WireType},
};

/// Prints one field of a message as if nothing else were there. Unset, it is what stands for that in JSON.
pub(crate) fn field_alone(
    schema: &Schema,
    plan: &MessagePlan,
    field: &FieldPlan,
    wire: &[u8],
    options: &DecodeOptions,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    run(schema, options, wire, out, plan, |decoder| {
        match &field.cardinality {
            Cardinality::Repeated { .. } => decoder.list_alone(field, wire),
            Cardinality::Map(map) => decoder.map_alone(plan, field, map, wire),
            _ => decoder.singular_alone(plan, field, wire),
        }
        .map_err(|halt| halt.within(field))
    })
}

/// Writes the data of a `google.api.HttpBody` (the message itself, or a field of it), and tells its content type.
pub(crate) fn http_body(
    schema: &Schema,
    plan: &MessagePlan,
    field: Option<&FieldPlan>,
    wire: &[u8],
    options: &DecodeOptions,
    out: &mut Vec<u8>,
) -> Result<String, DecodeError> {
    run(schema, options, wire, out, plan, |decoder| match field {
        None => decoder.http_body(&[wire]),
        Some(field) => {
            let pieces = decoder.pieces_of(plan, field, wire)?;
            decoder.http_body(&pieces).map_err(|halt| halt.within(field))
        }
    })
}

/// The occurrences of a singular field that count: the content of each if it is a message, else what follows its tag.
type Pieces<'a> = SmallVec<[&'a [u8]; 1]>;

impl<'a> Decoder<'a, '_> {
    fn http_body(&mut self, pieces: &[&'a [u8]]) -> Result<String, Halt> {
        let (mut content_type, mut data): (&[u8], &[u8]) = (&[], &[]);
        self.each_field(pieces, |tag, input| {
            match tag.number() {
                1 if tag.is(WireType::Len) => content_type = wire::piece(input)?,
                2 if tag.is(WireType::Len) => data = wire::piece(input)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        self.out.bytes(data);
        match content_type {
            [] => Ok("application/octet-stream".to_owned()),
            text => String::from_utf8(text.to_vec()).map_err(|_| Halt::new(DecodeErrorKind::Utf8)),
        }
    }

    /// Calls `occurrence` for each of the field, with the input behind its tag, which it reads.
    fn each_of(
        &mut self,
        field: &FieldPlan,
        wire: &'a [u8],
        mut occurrence: impl FnMut(&mut Self, wire::RawTag, &mut &'a [u8]) -> Result<(), Halt>,
    ) -> Result<(), Halt> {
        let mut input = wire;
        while !input.is_empty() {
            let tag = wire::tag(&mut input)?;
            if tag.number() == field.number {
                occurrence(self, tag, &mut input)?;
            } else {
                wire::skip(tag, &mut input, self.options.max_depth)?;
            }
        }
        Ok(())
    }

    fn list_alone(&mut self, field: &'a FieldPlan, wire: &'a [u8]) -> Result<(), Halt> {
        let open = self.out.len();
        let mut index = 0;
        self.each_of(field, wire, |decoder, tag, input| {
            decoder.elements(field, tag, input, 0).map_err(|halt| halt.at(index))?;
            index += 1;
            Ok(())
        })?;
        self.close(open, b'[', b']');
        Ok(())
    }

    fn map_alone(
        &mut self,
        plan: &'a MessagePlan,
        field: &'a FieldPlan,
        map: &'a MapPlan,
        wire: &'a [u8],
    ) -> Result<(), Halt> {
        let open = self.out.len();
        if self.careful {
            self.gathered_entries(plan, field, map, &[wire], 0)?;
        } else {
            let keys = self.keys.len();
            self.each_of(field, wire, |decoder, tag, input| {
                if !tag.is(WireType::Len) {
                    return wire::skip(tag, input, decoder.options.max_depth);
                }
                decoder.entry(map, wire::piece(input)?, 0)
            })?;
            self.check_keys(keys)?;
        }
        self.close(open, b'{', b'}');
        Ok(())
    }

    fn singular_alone(
        &mut self,
        plan: &'a MessagePlan,
        field: &'a FieldPlan,
        wire: &'a [u8],
    ) -> Result<(), Halt> {
        let pieces = self.pieces_of(plan, field, wire)?;
        match (field.kind, pieces.last()) {
            (Kind::Message(index) | Kind::Group(index), Some(_)) => {
                self.message(self.schema.plan(index), &pieces, 1)?;
            }
            (_, Some(last)) => {
                self.scalar(field, &mut { *last })?;
            }
            (_, None) if field.has_presence() => self.out.bytes(b"null"),
            (_, None) => self.default(field),
        }
        Ok(())
    }

    fn pieces_of(&self, plan: &MessagePlan, field: &FieldPlan, wire: &'a [u8]) -> Result<Pieces<'a>, Halt> {
        let mut pieces = Pieces::new();
        let mut input = wire;
        while !input.is_empty() {
            let tag = wire::tag(&mut input)?;
            let mut value = input;
            wire::skip(tag, &mut input, self.options.max_depth)?;
            let Some(other) = plan.field_by_number(tag.number()) else { continue };
            let same = other.position == field.position;
            let rival = !same && other.oneof.is_some() && other.oneof == field.oneof;
            if !(same || rival) || !self.counts(other, tag, value)? {
                continue;
            }
            if rival {
                // Another member of the oneof: what came of this one before is gone.
                pieces.clear();
                continue;
            }
            pieces.push(match field.kind {
                Kind::Message(_) => wire::piece(&mut value)?,
                Kind::Group(_) => wire::group(tag, &mut value, self.options.max_depth)?,
                _ => value,
            });
        }
        Ok(pieces)
    }
}
