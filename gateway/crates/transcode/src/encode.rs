//! JSON → protobuf wire, in one pass and without a tree.
//!
//! [`Encoder`] walks the JSON with a [`scan::Scanner`] and the plan of the message side by side and
//! writes the wire form as it goes. Mistakes do not end the walk as long as the JSON can be followed:
//! they are noted by offset alone, and only if there are any, [`locate`] walks the body once more to
//! learn the paths, so that keeping track of paths costs nothing when all is well.

mod any;
mod escape;
mod keys;
mod locate;
mod mask;
mod number;
mod object;
mod report;
mod scalar;
mod scan;
mod strangers;
mod text;
mod text_scan;
mod usual;
mod value;
mod well_known;
mod wire;

use crate::{
    EncodeError, EncodeOptions, Encoded, Message, Schema,
    plan::{FieldPlan, MessagePlan},
};

pub(crate) use keys::HashedKeys;
pub use text::TextError;

use self::{
    keys::{Keys, Seen},
    report::{Note, Said},
    scan::{Scanner, Step, Stop},
    wire::Writer,
};

/// Depth beyond which the machine's stack would be at stake, whatever the options say.
const DEPTH_CAP: u32 = 500;

impl Message {
    /// Encodes a JSON body as this message and appends the wire form to `out`.
    ///
    /// On error `out` is left as it was.
    pub fn encode(
        &self,
        json: &[u8],
        options: &EncodeOptions,
        out: &mut Vec<u8>,
    ) -> Result<Encoded, EncodeError> {
        encode(self, Target::Message(self.plan()), true, json, options, out)
    }

    /// Encodes a JSON body as the value of one field of this message and appends the field, tag included.
    ///
    /// Lists, maps and scalars are taken in their JSON forms; `null` leaves the field out (unless it is a
    /// `google.protobuf.Value`). The field's plan must be one of this message's.
    pub fn encode_field(
        &self,
        field: &FieldPlan,
        json: &[u8],
        options: &EncodeOptions,
        out: &mut Vec<u8>,
    ) -> Result<Encoded, EncodeError> {
        encode(self, Target::Field(field), true, json, options, out)
    }

    /// Encodes a piece of this message, or the whole if `field` is `None`, although required fields may be missing:
    /// for who has the other pieces, and looks for those fields when all are there.
    pub(crate) fn encode_piece(
        &self,
        field: Option<&FieldPlan>,
        json: &[u8],
        options: &EncodeOptions,
        out: &mut Vec<u8>,
    ) -> Result<Encoded, EncodeError> {
        let target = field.map_or_else(|| Target::Message(self.plan()), Target::Field);
        encode(self, target, false, json, options, out)
    }

    /// The paths, in proto names, of the keys in a JSON body that encodes as this message: what a
    /// `google.protobuf.FieldMask` needs to hold for the body to be an update of just these fields.
    ///
    /// Keys of message fields are followed downwards (`{"a":{"b":1}}` is `a.b`); lists, maps and well-known types are
    /// not, nor is `null` or `{}`, which name the field itself. Keys and enum values that the schema does not know are
    /// left out, and fields of which nothing else was sent, or lists and maps with one of them.
    pub fn mask_paths(&self, json: &[u8]) -> Vec<String> {
        mask::paths(self.schema(), self.plan(), json)
    }
}

impl Schema {
    /// Whether the JSON of a field's value, which encodes, holds no enum value that the schema does not know.
    pub(crate) fn is_known(&self, field: &FieldPlan, json: &[u8]) -> bool {
        mask::is_known(self, field, json)
    }

    /// Appends one field, tag included, whose value is given as text: a path segment or a query value.
    ///
    /// Scalars are written as in JSON without quotes; enums by name or number; `Timestamp`, `Duration`,
    /// `FieldMask` and wrappers in their JSON forms. For a list one element is appended.
    pub fn append_text(&self, field: &FieldPlan, text: &str, out: &mut Vec<u8>) -> Result<(), TextError> {
        text::append(self, field, text, out)
    }
}

/// What the body is.
#[derive(Clone, Copy)]
enum Target<'a> {
    Message(&'a MessagePlan),
    Field(&'a FieldPlan),
}

fn encode(
    message: &Message,
    target: Target<'_>,
    complete: bool,
    json: &[u8],
    options: &EncodeOptions,
    out: &mut Vec<u8>,
) -> Result<Encoded, EncodeError> {
    // Wire is rarely longer than JSON; growing in the middle would copy.
    out.reserve(json.len().min(options.max_size));
    let mut encoder = Encoder {
        schema: message.schema(),
        options,
        complete,
        scan: Scanner::new(json, options.max_depth.min(DEPTH_CAP)),
        out: Writer::new(out),
        notes: Vec::new(),
        unknown: Vec::new(),
        scratch: Vec::new(),
        seen: Seen::default(),
        keys: Keys::default(),
        searched: 0,
    };
    let outcome = encoder.body(target);
    encoder.keys.end(&message.schema().hash_sets);
    encoder.finish(target, outcome)
}

/// The state of one walk.
struct Encoder<'a, 'o> {
    schema: &'a Schema,
    options: &'a EncodeOptions,
    /// Whether this is all there is, so that required fields must be in it.
    complete: bool,
    scan: Scanner<'a>,
    out: Writer<'o>,
    /// The mistakes so far.
    notes: Vec<Note>,
    /// Offsets of what was left out because the schema does not know it, when that is to be told.
    unknown: Vec<usize>,
    /// Where strings with escapes are resolved.
    scratch: Vec<u8>,
    seen: Seen,
    keys: Keys,
    /// How many bytes were read in search of the types of `Any`s.
    searched: usize,
}

impl<'a> Encoder<'a, '_> {
    fn body(&mut self, target: Target<'a>) -> Step {
        match target {
            Target::Message(plan) => {
                self.message_body(plan)?;
            }
            Target::Field(field) => {
                if self.scan.token() != b'n' || !self.is_absent(field)? {
                    self.field(field)?;
                }
            }
        }
        self.scan.end()
    }

    fn finish(self, target: Target<'_>, outcome: Step) -> Result<Encoded, EncodeError> {
        let Self { schema, options, scan, out, mut notes, unknown, .. } = self;
        if let (Err(Stop), Some(failure)) = (outcome, &scan.failure) {
            notes.push(Note::stopped(failure));
        }
        if notes.is_empty() && out.len() > options.max_size {
            notes.push(Note::too_large(options.max_size));
        }
        if !notes.is_empty() {
            out.abandon();
            // What is not text has no mistakes but that.
            str::from_utf8(scan.input())
                .map_err(|error| report::not_utf8(scan.input(), error.valid_up_to()))?;
            return Err(EncodeError {
                violations: locate::violations(schema, options.names, target, scan.input(), notes),
            });
        }
        out.finish();
        if unknown.is_empty() {
            return Ok(Encoded::default());
        }
        let unknown = locate::paths(schema, options.names, target, scan.input(), &unknown);
        Ok(Encoded { unknown, ..Encoded::default() })
    }

    /// Notes a mistake at an offset; stops when there have been enough of them.
    #[cold]
    fn note(&mut self, note: Note) -> Step {
        self.notes.push(note);
        if self.notes.len() >= self.options.max_violations.max(1) { Err(Stop) } else { Ok(()) }
    }

    /// Notes that the value that began at `at` and has just been read is not what was expected.
    #[cold]
    fn refuse(&mut self, at: usize, reason: crate::Reason, expected: impl Into<String>) -> Step<bool> {
        let said = Said::Expected { what: expected.into(), end: self.scan.pos() };
        self.note(Note { at, reason, said })?;
        Ok(true)
    }

    /// Skips the next value, which is of another type than expected, and notes that.
    #[cold]
    fn mismatch(&mut self, expected: impl Into<String>) -> Step<bool> {
        self.scan.token();
        let at = self.scan.pos();
        self.scan.skip()?;
        self.refuse(at, crate::Reason::Type, expected)
    }
}

#[cfg(test)]
mod tests;
