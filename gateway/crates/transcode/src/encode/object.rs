//! JSON objects as messages: the loop over keys.

use super::{
    Encoder,
    any::InAny,
    keys::Fields,
    report::{Note, Said},
    scan::Step,
    strangers::Strangers,
};
use crate::{
    Names, Reason, Unknown,
    plan::{Cardinality, FieldPlan, Kind, MessagePlan, Tag, WellKnown, WireType, Write},
    suggest::nearest,
};

impl<'a> Encoder<'a, '_> {
    /// Encodes an object as the fields of a message. Inside an `Any` its `@type` key is passed over.
    pub(super) fn object(&mut self, plan: &'a MessagePlan, mut in_any: InAny) -> Step<bool> {
        if self.scan.token() != b'{' {
            return self.mismatch("an object");
        }
        let start = self.scan.pos();
        let mut seen = self.seen.enter(plan);
        let mut strangers = Strangers::default();
        let mut more = self.scan.begin(b'}')?;
        // Most senders write the fields in order: the key that is expected next is compared whole, from its comma to its
        // colon, before anything is looked up.
        let mut expected = 0;
        let mut next = plan.writes.first().filter(|first| more && self.scan.take_key_alone(first));
        while more {
            let (key_at, field) = match next {
                Some(field) => (self.scan.pos() + 1 - usize::from(field.key_len), Some(field)),
                None => self.any_key(plan, expected, &mut in_any, &mut strangers)?,
            };
            next = None;
            if let Some(field) = field {
                if seen.few & field.bits == 0 && self.usual_value(field)? {
                    seen.few |= field.bits;
                } else {
                    self.any_member(plan, field, &mut seen, key_at)?;
                }
                expected = field.position as usize + 1;
                next = plan.writes.get(expected).filter(|next| self.scan.take_key(next));
            }
            more = next.is_some() || self.scan.more(b'}')?;
        }
        if !plan.required.is_empty() && self.complete {
            self.check_required(plan, &seen, start)?;
        }
        self.leave_strangers(&strangers);
        self.seen.leave(&seen);
        Ok(true)
    }

    /// Reads a key and looks its field up; where it stands is told too. A key without a field is dealt with, its value
    /// included.
    fn any_key(
        &mut self,
        plan: &'a MessagePlan,
        expected: usize,
        in_any: &mut InAny,
        strangers: &mut Strangers,
    ) -> Step<(usize, Option<&'a Write>)> {
        self.scan.token();
        let key_at = self.scan.pos();
        // There is space between the members, perhaps, but they are in order.
        if let Some(next) = plan.writes.get(expected)
            && self.scan.take_key_alone(next)
        {
            return Ok((key_at, Some(next)));
        }
        let key = self.scan.key()?.resolve(&mut self.scratch);
        if let Some(field) = plan.field_by_key(key) {
            return Ok((key_at, plan.writes.get(field.position as usize)));
        }
        if *in_any != InAny::No && key == b"@type" {
            self.pass_type(in_any, key_at)?;
        } else {
            let near = match self.options.unknown {
                Unknown::Reject => near(plan, key, self.options.names),
                Unknown::Warn | Unknown::Ignore => {
                    if self.keys.is_known(strangers, key, &self.schema.hash_sets) {
                        self.duplicate(key_at)?;
                        return Ok((key_at, None));
                    }
                    None
                }
            };
            self.unknown_key(key_at, near)?;
        }
        Ok((key_at, None))
    }

    #[cold]
    pub(super) fn duplicate(&mut self, key_at: usize) -> Step {
        self.scan.skip()?;
        self.note(Note::plainly(key_at, Reason::Duplicate, "given twice"))
    }

    /// Encodes the value of a field, whatever it is, or notes that the field was given before.
    #[inline(never)]
    fn any_member(&mut self, plan: &'a MessagePlan, write: &Write, seen: &mut Fields, key_at: usize) -> Step {
        let Some(field) = plan.fields.get(write.position as usize) else { return Ok(()) };
        if self.seen.mark_field(seen, field.position) {
            return self.duplicate(key_at);
        }
        if self.scan.token() == b'n' && self.is_absent(field)? {
            return Ok(());
        }
        if let Some(oneof) = field.oneof
            && self.seen.mark_oneof(seen, oneof)
        {
            return self.second_of_oneof(plan, field, key_at);
        }
        if plan.well_known == WellKnown::MessageSet {
            return self.item_of_set(field);
        }
        self.field(field)
    }

    /// Encodes an extension of a message set: an item, which is a group of its number and its message.
    #[cold]
    fn item_of_set(&mut self, field: &'a FieldPlan) -> Step {
        let Kind::Message(index) = field.kind else { return self.field(field) };
        self.out.tag(&Tag::new(1, WireType::StartGroup));
        self.out.tag(&Tag::new(2, WireType::Varint));
        self.out.varint(field.number.into());
        self.out.tag(&Tag::new(3, WireType::Len));
        let mark = self.out.open();
        self.message_body(self.schema.plan(index))?;
        self.out.close(mark);
        self.out.tag(&Tag::new(1, WireType::EndGroup));
        Ok(())
    }

    /// Takes a `null` that means that the field is not set; `false` (and nothing is taken) if it is a value.
    pub(super) fn is_absent(&mut self, field: &FieldPlan) -> Step<bool> {
        if !matches!(field.cardinality, Cardinality::Repeated { .. } | Cardinality::Map(_))
            && self.takes_null(field.kind)
        {
            return Ok(false);
        }
        let at = self.scan.pos();
        self.scan.literal("null")?;
        if matches!(field.cardinality, Cardinality::Required) && self.complete {
            self.refuse(at, Reason::Required, "a value, because the field is required")?;
        }
        Ok(true)
    }

    /// Whether `null` is a value of this type.
    pub(super) fn takes_null(&self, kind: Kind) -> bool {
        match kind {
            Kind::Message(index) | Kind::Group(index) => {
                self.schema.plan(index).well_known == WellKnown::Value
            }
            Kind::Enum(index) => self.schema.enum_plan(index).null_value,
            _ => false,
        }
    }

    #[cold]
    fn second_of_oneof(&mut self, plan: &MessagePlan, field: &FieldPlan, key_at: usize) -> Step {
        let siblings: Vec<&str> = plan
            .fields
            .iter()
            .filter(|other| other.oneof == field.oneof && other.position != field.position)
            .map(|other| other.key(self.options.names))
            .collect();
        let more = match siblings.len().saturating_sub(5) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let some = siblings.get(..5).unwrap_or(&siblings).join(", ");
        self.scan.skip()?;
        let description = format!("only one of it and {some}{more} may be given");
        self.note(Note::plainly(key_at, Reason::Duplicate, description))
    }

    #[cold]
    fn check_required(&mut self, plan: &'a MessagePlan, seen: &Fields, start: usize) -> Step {
        for position in &plan.required {
            if self.seen.has_field(seen, *position) {
                continue;
            }
            let Some(field) = plan.fields.get(*position as usize) else { continue };
            let said = Said::Member {
                name: field.key(self.options.names).into(),
                description: "required, but missing",
            };
            self.note(Note { at: start, reason: Reason::Required, said })?;
        }
        Ok(())
    }
}

/// The name of the field that a key is probably meant to be.
#[cold]
fn near<'p>(plan: &'p MessagePlan, key: &[u8], names: Names) -> Option<&'p str> {
    nearest(str::from_utf8(key).ok()?, plan.fields.iter().map(|field| field.key(names)))
}
