//! The keys of a body as the paths of a field mask.

use super::scan::{Scanner, Step};
use crate::{
    Schema,
    plan::{Cardinality, FieldPlan, Kind, MessagePlan, WellKnown},
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

struct Walk<'a, 'j> {
    schema: &'a Schema,
    scan: Scanner<'j>,
    /// The path of the message that is being walked, with a point at its end.
    prefix: String,
    paths: Vec<String>,
}

impl<'a> Walk<'a, '_> {
    fn object(&mut self, plan: &'a MessagePlan) -> Step {
        let mut scratch = Vec::new();
        let mut more = self.scan.begin(b'}')?;
        while more {
            let field = plan.field_by_key(self.scan.key()?.resolve(&mut scratch));
            match field {
                Some(field) => self.member(field)?,
                None => self.scan.skip()?,
            }
            more = self.scan.more(b'}')?;
        }
        Ok(())
    }

    fn member(&mut self, field: &FieldPlan) -> Step {
        let name = if field.is_extension { &field.json_name } else { &field.name };
        let is_object = self.scan.token() == b'{';
        let inner = if is_object { self.descends_into(field) } else { None };
        let found = self.paths.len();
        if let Some(inner) = inner {
            let before = self.prefix.len();
            self.prefix.push_str(name);
            self.prefix.push('.');
            self.object(inner)?;
            self.prefix.truncate(before);
        } else {
            self.scan.skip()?;
        }
        // Nothing was named inside: the field as a whole is meant.
        if self.paths.len() == found {
            self.paths.push(format!("{}{name}", self.prefix));
        }
        Ok(())
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
