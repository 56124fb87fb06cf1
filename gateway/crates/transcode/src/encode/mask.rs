//! The keys of a body as the paths of a field mask.
//!
//! What was left out of the message because nobody knows it is in no path: a mask that named it would clear what the client
//! meant to change.

use super::{
    number,
    scan::{Scanner, Step},
};
use crate::{
    Schema,
    plan::{Cardinality, EnumPlan, FieldPlan, Kind, MessagePlan, WellKnown},
};

/// The paths of the keys, in the order of the body.
pub(super) fn paths(schema: &Schema, plan: &MessagePlan, json: &[u8]) -> Vec<String> {
    let mut walk =
        Walk { schema, scan: Scanner::new(json, super::DEPTH_CAP), prefix: String::new(), paths: Vec::new() };
    if walk.scan.token() == b'{' {
        // The body has been encoded before, so it is JSON; if it is not, the paths end where it ends.
        let _ = walk.object(plan);
    }
    walk.paths
}

/// Whether all of a field's value is known.
pub(super) fn is_known(schema: &Schema, field: &FieldPlan, json: &[u8]) -> bool {
    let mut walk =
        Walk { schema, scan: Scanner::new(json, super::DEPTH_CAP), prefix: String::new(), paths: Vec::new() };
    walk.value(field).unwrap_or(true)
}

struct Walk<'a, 'j> {
    schema: &'a Schema,
    scan: Scanner<'j>,
    /// The path of the message that is being walked, with a point at its end.
    prefix: String,
    paths: Vec<String>,
}

impl<'a> Walk<'a, '_> {
    /// Tells whether there is nothing in it.
    fn object(&mut self, plan: &'a MessagePlan) -> Step<bool> {
        let mut scratch = Vec::new();
        let mut more = self.scan.begin(b'}')?;
        let is_empty = !more;
        while more {
            let field = plan.field_by_key(self.scan.key()?.resolve(&mut scratch));
            match field {
                Some(field) => self.member(field)?,
                None => self.scan.skip()?,
            }
            more = self.scan.more(b'}')?;
        }
        Ok(is_empty)
    }

    fn member(&mut self, field: &FieldPlan) -> Step {
        let name = if field.is_extension { &field.json_name } else { &field.name };
        let is_object = self.scan.token() == b'{';
        let inner = if is_object { self.descends_into(field) } else { None };
        let is_meant_as_a_whole = if let Some(inner) = inner {
            let before = self.prefix.len();
            self.prefix.push_str(name);
            self.prefix.push('.');
            let is_empty = self.object(inner)?;
            self.prefix.truncate(before);
            is_empty
        } else {
            self.value(field)?
        };
        if is_meant_as_a_whole {
            self.paths.push(format!("{}{name}", self.prefix));
        }
        Ok(())
    }

    /// Passes over a value; tells whether it is one that the field takes, as far as the encoder may leave it out.
    fn value(&mut self, field: &FieldPlan) -> Step<bool> {
        let item = field.map().map_or(field.kind, |map| map.value.kind);
        let Kind::Enum(index) = item else { return self.scan.skip().map(|()| true) };
        let plan = self.schema.enum_plan(index);
        let mut known = true;
        match (self.scan.token(), &field.cardinality) {
            (b'[', Cardinality::Repeated { .. }) => {
                let mut more = self.scan.begin(b']')?;
                while more {
                    known &= self.enumeration(plan)?;
                    more = self.scan.more(b']')?;
                }
            }
            (b'{', Cardinality::Map(_)) => {
                let mut more = self.scan.begin(b'}')?;
                while more {
                    self.scan.key()?;
                    known &= self.enumeration(plan)?;
                    more = self.scan.more(b'}')?;
                }
            }
            _ => known = self.enumeration(plan)?,
        }
        Ok(known)
    }

    fn enumeration(&mut self, plan: &EnumPlan) -> Step<bool> {
        match self.scan.token() {
            b'"' => {
                let mut scratch = Vec::new();
                Ok(plan.by_name(self.scan.string()?.resolve(&mut scratch)).is_some())
            }
            b'-' | b'0'..=b'9' => {
                let number =
                    number::integer(self.scan.number()?).ok().and_then(|number| number.signed().ok());
                let number = number.and_then(|number| i32::try_from(number).ok());
                Ok(!plan.closed || number.is_some_and(|number| plan.by_number(number).is_some()))
            }
            _ => self.scan.skip().map(|()| true),
        }
    }

    /// The message whose own fields a mask can name.
    fn descends_into(&self, field: &FieldPlan) -> Option<&'a MessagePlan> {
        if matches!(field.cardinality, Cardinality::Repeated { .. } | Cardinality::Map(_)) {
            return None;
        }
        let (Kind::Message(index) | Kind::Group(index)) = field.kind else { return None };
        let plan = self.schema.plan(index);
        (plan.well_known == WellKnown::None).then_some(plan)
    }
}
