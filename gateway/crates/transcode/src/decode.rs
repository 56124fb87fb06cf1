//! Wire → JSON: one streaming pass from wire bytes to JSON text, no message tree between.
//!
//! Fields are printed as they come. That is right as long as each field comes in one piece, and that is how
//! serializers write. When one does not (a list interleaved with other fields, a message split in two, a
//! scalar given twice, two members of a oneof, a map key repeated), the output is thrown away and made again
//! in the [`careful`] way, which gathers the pieces of each field first. Once for the whole message, not for
//! each nested one: so hostile input costs at most one pass more.
//!
//! Objects and lists are written with a comma before every member; closing one turns its first comma into
//! the opening brace.

mod alone;
mod any;
mod careful;
mod digits;
mod fields;
mod halt;
mod lists;
mod map;
mod message_set;
mod number;
mod predicted;
mod scalar;
mod seen;
mod status;
mod text;
mod time;
mod well_known;
mod wire;

pub(crate) use alone::{field_alone, http_body};
use halt::Halt;
use smallvec::SmallVec;
pub use status::Status;

use crate::{
    DecodeError, DecodeErrorKind, DecodeOptions, Message, Schema, Unset, plan::MessagePlan, room::Room,
};

/// Depth beyond which the machine's stack would be at stake, whatever the options say.
const DEPTH_CAP: u32 = 500;

/// How many keys of maps are remembered without allocating.
const FEW_KEYS: usize = 16;

impl Message {
    /// Prints `wire`, the wire form of this message, as JSON: appended to `out`, compact.
    ///
    /// On an error `out` is as it was before.
    ///
    /// # Errors
    /// When the bytes are not a message, or hold what the JSON mapping cannot express; the error names the field.
    pub fn decode(&self, wire: &[u8], options: &DecodeOptions, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        let plan = self.plan();
        run(self.schema(), options, wire, out, plan, |decoder| decoder.message(plan, &[wire], 0))
    }
}

/// Runs `print` the fast way and, if the wire holds a field in pieces or may do so, again the careful way.
pub(crate) fn run<'a, T>(
    schema: &'a Schema,
    options: &'a DecodeOptions,
    wire: &'a [u8],
    out: &mut Vec<u8>,
    plan: &MessagePlan,
    mut print: impl FnMut(&mut Decoder<'a, '_>) -> Result<T, Halt>,
) -> Result<T, DecodeError> {
    let start = out.len();
    let mut decoder = Decoder::new(schema, options, wire, out);
    let outcome = print(&mut decoder).or_else(|halt| {
        if !halt.may_be_split() {
            return Err(halt);
        }
        decoder.restart(start);
        print(&mut decoder)
    });
    decoder.leave_keys();
    if outcome.is_err() {
        decoder.out.truncate(start);
    }
    outcome.map_err(|halt| halt.into_error(plan))
}

/// One decoding in progress.
pub(crate) struct Decoder<'a, 'o> {
    schema: &'a Schema,
    options: &'a DecodeOptions,
    /// All of the wire, which every piece is a part of.
    wire: &'a [u8],
    out: Room<'o>,
    /// Whether fields may come in pieces: set for the second try.
    careful: bool,
    /// Whether an `Any` that cannot be printed stays as type and base64, rather than being an error.
    keeps_all_anys: bool,
    /// The longest output, counted in `out`.
    limit: usize,
    /// Which fields have come, for those beyond the 64th of a message: a stack, one frame a message.
    seen: SmallVec<[u64; 4]>,
    /// Hashes of the keys of the maps being printed: a stack, one frame a map.
    keys: SmallVec<[u64; FEW_KEYS]>,
}

impl<'a, 'o> Decoder<'a, 'o> {
    fn new(schema: &'a Schema, options: &'a DecodeOptions, wire: &'a [u8], out: &'o mut Vec<u8>) -> Self {
        let limit = out.len().saturating_add(options.max_size);
        Self {
            schema,
            options,
            wire,
            out: Room::new(out),
            careful: false,
            keeps_all_anys: false,
            limit,
            seen: SmallVec::new(),
            keys: SmallVec::new(),
        }
    }

    /// Forgets the first try.
    fn restart(&mut self, start: usize) {
        self.out.truncate(start);
        self.careful = true;
        self.seen.clear();
        self.keys.clear();
    }

    /// Whether fields without presence are printed at their default too.
    fn prints_unset(&self) -> bool {
        self.options.unset == Unset::Print
    }

    /// Turns the comma at `open` into `brace` and ends with `end`; or writes both, when nothing was written since.
    #[inline]
    fn close(&mut self, open: usize, brace: u8, end: u8) {
        match self.out.written_mut().get_mut(open) {
            Some(comma) => *comma = brace,
            None => self.out.push(brace),
        }
        self.out.push(end);
    }

    /// Checks the depth of a message about to be entered.
    #[inline]
    fn enter(&self, depth: u32) -> Result<(), Halt> {
        if depth >= self.options.max_depth.min(DEPTH_CAP) {
            return Err(Halt::new(DecodeErrorKind::Depth(self.options.max_depth.min(DEPTH_CAP))));
        }
        if self.out.len() > self.limit {
            return Err(Halt::new(DecodeErrorKind::TooLarge(self.options.max_size)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
