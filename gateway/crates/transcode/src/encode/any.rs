//! `google.protobuf.Any`: an object whose `@type` says what the other keys mean.

use super::{
    Encoder,
    escape::Text,
    report::{self, Note},
    scan::Step,
};
use crate::{
    Reason, UnknownAny,
    plan::{MessagePlan, Tag, WellKnown, WireType},
};

/// `type_url`, length-delimited.
const TYPE_URL: u8 = 0x0a;
/// `value`, length-delimited.
const VALUE: u8 = 0x12;

/// How many times the length of the body may be read again in search of types. Nested objects that
/// all have their type at the end are read once per level; this is where that ends.
const SEARCHES: usize = 8;

/// Whether an object is that of an `Any`, and whether its type has been passed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum InAny {
    No,
    Before,
    After,
}

impl<'a> Encoder<'a, '_> {
    /// Encodes the object as an `Any`. When `@type` does not come first, the object is looked through for it.
    pub(super) fn any(&mut self) -> Step<bool> {
        if self.scan.token() != b'{' {
            return self.mismatch("an object with \"@type\"");
        }
        let start = self.scan.pos();
        let Some(type_at) = self.any_type(start)? else { return Ok(true) };
        let inner = type_name(&self.scratch).and_then(|name| self.schema.find(name));
        if inner.is_none() && self.options.any == UnknownAny::Opaque {
            self.scan.seek(start);
            return self.opaque();
        }
        let Some(inner) = inner else {
            let name = report::echo(&self.scratch);
            let description = match self.scratch.contains(&b'/') {
                true => format!("the schema has no type `{name}`"),
                false => format!("expected the URL of a type, as `type.googleapis.com/{name}`, got `{name}`"),
            };
            self.scan.seek(start);
            self.scan.skip()?;
            self.note(Note::plainly(type_at, Reason::UnknownType, description))?;
            return Ok(true);
        };
        self.scan.seek(start);
        self.out.byte(TYPE_URL);
        self.out.delimited(&self.scratch);
        self.out.byte(VALUE);
        let mark = self.out.open();
        let inner = self.schema.plan(inner);
        match inner.well_known {
            WellKnown::None | WellKnown::MessageSet => self.object(inner, InAny::Before)?,
            _ => self.special(inner)?,
        };
        self.out.close(mark);
        Ok(true)
    }

    /// The members of an `Any` of unknown type, whose URL is in the scratch buffer: `value` has its bytes in base64.
    fn opaque(&mut self) -> Step<bool> {
        self.out.byte(TYPE_URL);
        self.out.delimited(&self.scratch);
        let mut more = self.scan.begin(b'}')?;
        let mut in_any = InAny::Before;
        let mut given = false;
        while more {
            self.scan.token();
            let key_at = self.scan.pos();
            let key = self.scan.key()?.resolve(&mut self.scratch);
            if key == b"@type" {
                self.pass_type(&mut in_any, key_at)?;
            } else if key != b"value" {
                self.scan.skip()?;
                let description = "the schema does not have the type of this Any: only \"value\" with its bytes in \
                                   base64 is accepted";
                self.note(Note::plainly(key_at, Reason::UnknownType, description))?;
            } else if given {
                self.duplicate(key_at)?;
            } else {
                given = true;
                match self.scan.token() {
                    b'n' => self.scan.literal("null")?,
                    _ => drop(self.base64(&Tag::new(2, WireType::Len), false)?),
                }
            }
            more = self.scan.more(b'}')?;
        }
        Ok(true)
    }

    /// Puts the type URL into the scratch buffer and returns where it stands. `None` if there is no type to
    /// go by: then the object has been read and the mistake, if it is one, been noted.
    fn any_type(&mut self, start: usize) -> Step<Option<usize>> {
        match self.find_type()? {
            Found::Type { at, text } => {
                self.scratch.clear();
                text.append_to(&mut self.scratch);
                return Ok(Some(at));
            }
            Found::Nothing => {}
            Found::NotAString { at } => {
                self.refuse(at, Reason::Type, "the URL of a type")?;
                self.scan.seek(start);
                self.scan.skip()?;
            }
            Found::NoType => {
                self.note(Note::plainly(start, Reason::Type, "expected \"@type\" in the object"))?;
            }
        }
        Ok(None)
    }

    /// The members of an `Any` whose type has its own JSON form: that form stands under `value`.
    fn special(&mut self, inner: &'a MessagePlan) -> Step<bool> {
        let start = self.scan.pos();
        let mut more = self.scan.begin(b'}')?;
        let mut in_any = InAny::Before;
        let mut given = false;
        while more {
            self.scan.token();
            let key_at = self.scan.pos();
            let key = self.scan.key()?.resolve(&mut self.scratch);
            if key == b"@type" {
                self.pass_type(&mut in_any, key_at)?;
            } else if key != b"value" {
                self.unknown_key(key_at, None)?;
            } else if given {
                self.duplicate(key_at)?;
            } else {
                given = true;
                self.message_body(inner)?;
            }
            more = self.scan.more(b'}')?;
        }
        // An Empty needs no value, having only one.
        if !given && inner.well_known != WellKnown::Empty {
            let description = format!("expected \"value\" with the JSON form of {}", inner.full_name);
            self.note(Note::plainly(start, Reason::Required, description))?;
        }
        Ok(true)
    }

    /// Passes over the `@type` of an `Any`, which was read before. Twice is a mistake.
    pub(super) fn pass_type(&mut self, in_any: &mut InAny, key_at: usize) -> Step {
        if *in_any == InAny::After {
            return self.duplicate(key_at);
        }
        *in_any = InAny::After;
        self.scan.skip()
    }

    /// Reads the object until its `@type`, at the same depth as before.
    fn find_type(&mut self) -> Step<Found<'a>> {
        let start = self.scan.pos();
        let mut more = self.scan.begin(b'}')?;
        if !more {
            return Ok(Found::Nothing);
        }
        let mut first = true;
        while more {
            let key = self.scan.key()?.resolve(&mut self.scratch);
            if key == b"@type" {
                self.searched += if first { 0 } else { self.scan.pos() - start };
                return self.read_type();
            }
            if first {
                first = false;
                self.allow_search(start)?;
            }
            self.scan.skip()?;
            more = self.scan.more(b'}')?;
        }
        self.searched += self.scan.pos() - start;
        Ok(Found::NoType)
    }

    fn read_type(&mut self) -> Step<Found<'a>> {
        let first = self.scan.token();
        let at = self.scan.pos();
        let found = if first == b'"' {
            Found::Type { at, text: self.scan.string()? }
        } else {
            self.scan.skip()?;
            Found::NotAString { at }
        };
        self.scan.leave();
        Ok(found)
    }

    fn allow_search(&mut self, start: usize) -> Step {
        if self.searched > SEARCHES * self.scan.input().len() {
            self.note(Note::plainly(
                start,
                Reason::Depth,
                "nested too deep with \"@type\" at the end; it must come first",
            ))?;
            return Err(super::Stop);
        }
        Ok(())
    }
}

/// What an object says about its type; offsets are those of the value.
enum Found<'j> {
    Type { at: usize, text: Text<'j> },
    NotAString { at: usize },
    NoType,
    Nothing,
}

/// The full name in a type URL: what follows the last slash. There must be one.
fn type_name(type_url: &[u8]) -> Option<&str> {
    let (_, name) = str::from_utf8(type_url).ok()?.rsplit_once('/')?;
    Some(name)
}
