//! The values of fields: lists, maps, messages; scalars by way of [`scalar`](super::scalar).

use super::{
    Encoder,
    any::InAny,
    escape::Text,
    report::Note,
    scalar::{fit, quoted_integer},
    scan::Step,
};
use crate::{
    Reason,
    plan::{Cardinality, FieldPlan, Kind, MapPlan, MessagePlan, Tag, WellKnown},
};

impl<'a> Encoder<'a, '_> {
    /// Encodes the value of a field, which is not an absent one.
    #[inline]
    pub(super) fn field(&mut self, field: &'a FieldPlan) -> Step {
        match &field.cardinality {
            Cardinality::Implicit => self.value(field, &field.tag, false).map(|_| ()),
            Cardinality::Explicit | Cardinality::Required => self.value(field, &field.tag, true).map(|_| ()),
            Cardinality::Repeated { packed } => self.list(field, *packed),
            Cardinality::Map(map) => self.map(field, map),
        }
    }

    fn list(&mut self, field: &'a FieldPlan, packed: bool) -> Step {
        if self.scan.token() != b'[' {
            return self.mismatch(format!("a list of {}", self.type_name(field.kind))).map(|_| ());
        }
        let mut more = self.scan.begin(b']')?;
        if !more {
            return Ok(());
        }
        if !packed {
            while more {
                self.value(field, &field.tag, true)?;
                more = self.scan.more(b']')?;
            }
            return Ok(());
        }
        self.out.tag(&field.tag);
        let mark = self.out.open();
        self.packed(field)?;
        self.out.close(mark);
        Ok(())
    }

    /// The elements of a packed list, of which there is one at least. The type is looked at once, not per element.
    fn packed(&mut self, field: &'a FieldPlan) -> Step {
        match field.kind {
            Kind::Double => self.elements(|encoder| encoder.double(&Tag::NONE, true)),
            Kind::Float => self.elements(|encoder| encoder.float(&Tag::NONE, true)),
            Kind::Bool => self.elements(|encoder| encoder.boolean(&Tag::NONE, true)),
            Kind::Int32 => self.elements(|encoder| encoder.integer(Kind::Int32, &Tag::NONE, true)),
            Kind::Int64 => self.elements(|encoder| encoder.integer(Kind::Int64, &Tag::NONE, true)),
            Kind::Uint32 => self.elements(|encoder| encoder.integer(Kind::Uint32, &Tag::NONE, true)),
            Kind::Uint64 => self.elements(|encoder| encoder.integer(Kind::Uint64, &Tag::NONE, true)),
            Kind::Fixed64 => self.elements(|encoder| encoder.integer(Kind::Fixed64, &Tag::NONE, true)),
            _ => self.elements(|encoder| encoder.value(field, &Tag::NONE, true)),
        }
    }

    #[inline]
    fn elements(&mut self, one: impl Fn(&mut Self) -> Step<bool>) -> Step {
        loop {
            one(self)?;
            if !self.scan.more(b']')? {
                return Ok(());
            }
        }
    }

    fn map(&mut self, field: &'a FieldPlan, map: &'a MapPlan) -> Step {
        if self.scan.token() != b'{' {
            return self.mismatch("an object (a map)").map(|_| ());
        }
        let mut more = self.scan.begin(b'}')?;
        let mut keys = self.keys.enter();
        while more {
            self.scan.token();
            let key_at = self.scan.pos();
            let start = self.out.position();
            self.out.tag(&field.tag);
            let mark = self.out.open();
            let (seen, key_fits) = match self.usual_map_key(map, &mut keys) {
                Some(seen) => (seen, true),
                None => {
                    let key = self.scan.key()?;
                    self.map_key(&map.key, key, &mut keys, key_at)?
                }
            };
            if seen {
                self.duplicate(key_at)?;
            } else if !(self.usual_value(&map.value_write)?
                || self.value(&map.value, &map.value.tag, true)?)
                || !key_fits
            {
                self.out.rewind(start);
                more = self.scan.more(b'}')?;
                continue;
            }
            self.out.close(mark);
            more = self.scan.more(b'}')?;
        }
        self.keys.leave(&keys);
        Ok(())
    }

    /// Writes the key of a map entry; whether it was there before, and whether it is one at all.
    fn map_key(
        &mut self,
        plan: &FieldPlan,
        key: Text<'a>,
        keys: &mut super::keys::Map,
        at: usize,
    ) -> Step<(bool, bool)> {
        let text = key.resolve(&mut self.scratch);
        self.out.tag(&plan.tag);
        if plan.kind == Kind::String {
            self.out.delimited(text);
            return Ok((self.keys.insert(keys, text, &self.schema.hash_sets), true));
        }
        let parsed = match (plan.kind, text) {
            (Kind::Bool, b"true") => Ok(1),
            (Kind::Bool, b"false") => Ok(0),
            (Kind::Bool, _) => Err(None),
            (kind, text) => quoted_integer(text).and_then(|value| fit(kind, value).map_err(Some)),
        };
        match parsed {
            Ok(bits) => {
                self.write_integer(plan.kind, bits);
                Ok((self.keys.insert(keys, bits, &self.schema.hash_sets), true))
            }
            Err(_) => {
                let description = format!("expected a key that is {}", article(plan.kind.name()));
                self.note(Note::plainly(at, Reason::Type, description))?;
                Ok((false, false))
            }
        }
    }

    /// Encodes one value with its tag before it. `false` if it was left out because an enum does not know it.
    ///
    /// Defaults are not written unless `keep_default`.
    #[inline]
    pub(super) fn value(&mut self, field: &'a FieldPlan, tag: &Tag, keep_default: bool) -> Step<bool> {
        match field.kind {
            Kind::String => self.string(tag, keep_default),
            Kind::Message(index) => self.message(self.schema.plan(index), tag),
            Kind::Double => self.double(tag, keep_default),
            Kind::Float => self.float(tag, keep_default),
            Kind::Bool => self.boolean(tag, keep_default),
            Kind::Bytes => self.base64(tag, keep_default),
            Kind::Enum(index) => self.enumeration(self.schema.enum_plan(index), tag, keep_default),
            Kind::Group(index) => self.group(self.schema.plan(index), tag, &field.end_tag),
            kind => self.integer(kind, tag, keep_default),
        }
    }

    #[inline]
    fn message(&mut self, plan: &'a MessagePlan, tag: &Tag) -> Step<bool> {
        self.out.tag(tag);
        let mark = self.out.open();
        let written = self.message_body(plan)?;
        self.out.close(mark);
        Ok(written)
    }

    fn group(&mut self, plan: &'a MessagePlan, tag: &Tag, end_tag: &Tag) -> Step<bool> {
        self.out.tag(tag);
        self.message_body(plan)?;
        self.out.tag(end_tag);
        Ok(true)
    }

    /// Encodes a value as the fields of a message, whatever its JSON form is.
    #[inline]
    pub(super) fn message_body(&mut self, plan: &'a MessagePlan) -> Step<bool> {
        if matches!(plan.well_known, WellKnown::None | WellKnown::Empty) {
            return self.object(plan, InAny::No);
        }
        self.well_known(plan)
    }

    /// How a type is called when it was expected.
    fn type_name(&self, kind: Kind) -> &'static str {
        match kind {
            Kind::Message(_) | Kind::Group(_) => "objects",
            kind => kind.name(),
        }
    }
}

/// `an int32`, `a bool`.
fn article(name: &str) -> String {
    let article = if name.starts_with('i') { "an" } else { "a" };
    format!("{article} {name}")
}
