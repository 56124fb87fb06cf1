//! Printing `Any`: the fields of the message inside, under its type.

use super::{Decoder, halt::Halt, text, wire};
use crate::{
    UnknownAny,
    plan::{MessageIndex, WellKnown, WireType},
};

impl<'a> Decoder<'a, '_> {
    pub(super) fn any(&mut self, pieces: &[&'a [u8]], depth: u32) -> Result<(), Halt> {
        let (mut url, mut value): (&[u8], &[u8]) = (&[], &[]);
        self.each_field(pieces, |tag, input| {
            match tag.number() {
                1 if tag.is(WireType::Len) => url = wire::piece(input)?,
                2 if tag.is(WireType::Len) => value = wire::piece(input)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        if url.is_empty() && value.is_empty() {
            self.out.bytes(b"{}");
            return Ok(());
        }

        let before = self.out.len();
        self.out.bytes(b"{\"@type\":");
        let written = text::string(&mut self.out, url, url.len());
        match written {
            Err(_) if self.keeps_all_anys => {
                self.out.truncate(before);
                self.out.bytes(b"{\"@type\":");
                let url = String::from_utf8_lossy(url);
                text::string(&mut self.out, url.as_bytes(), url.len())?;
            }
            outcome => outcome?,
        }
        let body = self.out.len();
        let (seen, keys) = (self.seen.len(), self.keys.len());
        let index = self.type_of(url);
        let is_opaque = self.keeps_all_anys || index.is_err() && self.options.any == UnknownAny::Opaque;
        let printed = index.and_then(|index| self.any_body(index, value, depth));
        match printed {
            Err(halt) if is_opaque && !halt.is_split() => {
                self.out.truncate(body);
                self.seen.truncate(seen);
                self.keys.truncate(keys);
                self.out.bytes(b",\"value\":");
                text::base64(&mut self.out, value);
            }
            Err(halt) => {
                self.out.truncate(before);
                return Err(halt);
            }
            Ok(()) => {}
        }
        self.out.push(b'}');
        Ok(())
    }

    /// Prints what follows `@type`.
    fn any_body(&mut self, index: MessageIndex, value: &'a [u8], depth: u32) -> Result<(), Halt> {
        let plan = self.schema.plan(index);
        match plan.well_known {
            WellKnown::None => {
                self.enter(depth + 1)?;
                return self.members(plan, &[value], depth + 1);
            }
            WellKnown::MessageSet => {
                self.enter(depth + 1)?;
                return self.items(plan, &[value], depth + 1);
            }
            _ => {}
        }
        self.out.bytes(b",\"value\":");
        self.message(plan, &[value], depth + 1)
    }

    fn type_of(&self, url: &[u8]) -> Result<MessageIndex, Halt> {
        let url = String::from_utf8_lossy(url); // it was printed, so nothing is lost
        let name = url.rsplit_once('/').map(|(_, name)| name);
        name.and_then(|name| self.schema.find(name)).ok_or_else(|| {
            Halt::unprintable(format!("google.protobuf.Any holds a {url:?}, which is not in the schema"))
        })
    }
}
