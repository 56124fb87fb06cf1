//! Reading `google.rpc.Status`, what services send in `grpc-status-details-bin`.

use super::{Decoder, halt::Halt, run, wire};
use crate::{
    DecodeError, DecodeErrorKind, DecodeOptions, Schema,
    plan::{MessagePlan, WellKnown, WireType},
};

/// A `google.rpc.Status`, its details printed as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// The gRPC code.
    pub code: i32,
    /// The message. What is not UTF-8 in it is replaced.
    pub message: String,
    /// The details as a JSON list of objects, each with its `@type`; `[]` if there are none.
    pub details: Vec<u8>,
}

impl Schema {
    /// Reads a `google.rpc.Status` from its wire form.
    ///
    /// An error must reach the client whatever it holds: a detail of unknown type, or one that does not hold what its
    /// type says, becomes `{"@type":…,"value":"<base64>"}`.
    ///
    /// # Errors
    /// When the bytes are not a `google.rpc.Status`.
    pub fn decode_status(&self, bytes: &[u8], options: &DecodeOptions) -> Result<Status, DecodeError> {
        let any = self.find("google.protobuf.Any").map(|index| self.plan(index));
        let Some(any) = any.filter(|plan| plan.well_known == WellKnown::Any) else {
            let kind = DecodeErrorKind::Unprintable("google.protobuf.Any is not in the schema".to_owned());
            return Err(DecodeError { message: "google.rpc.Status".to_owned(), field: String::new(), kind });
        };
        let mut details = Vec::new();
        let (code, message) = run(self, options, bytes, &mut details, any, |decoder| {
            decoder.keeps_all_anys = true;
            decoder.status(any, bytes)
        })
        .map_err(|error| DecodeError { message: "google.rpc.Status".to_owned(), ..error })?;
        Ok(Status { code, message, details })
    }
}

impl<'a> Decoder<'a, '_> {
    fn status(&mut self, any: &'a MessagePlan, bytes: &'a [u8]) -> Result<(i32, String), Halt> {
        let (mut code, mut message) = (0, String::new());
        let open = self.out.len();
        let mut input = bytes;
        while !input.is_empty() {
            let tag = wire::tag(&mut input)?;
            match tag.number() {
                1 if tag.is(WireType::Varint) => code = wire::varint(&mut input)? as i32,
                2 if tag.is(WireType::Len) => {
                    message = String::from_utf8_lossy(wire::piece(&mut input)?).into_owned();
                }
                3 if tag.is(WireType::Len) => {
                    let piece = wire::piece(&mut input)?;
                    self.out.push(b',');
                    self.message(any, &[piece], 1)?;
                }
                _ => wire::skip(tag, &mut input, self.options.max_depth)?,
            }
        }
        self.close(open, b'[', b']');
        Ok((code, message))
    }
}
