//! proto2's required fields, looked for in the whole request: one piece of it may bring what another leaves out.

use smallvec::SmallVec;

use super::{
    path::FieldPath,
    report::Report,
    scan::{Fields, Value},
};
use crate::{
    Message, Reason, Schema,
    plan::{Cardinality, FieldPlan, MessagePlan},
};

/// Who looks for required fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Required {
    /// The encoder of the body: it sees all of the request that could lack one.
    Encoder,
    /// [`check`], when all pieces are there.
    Whole,
}

impl Required {
    /// Decides it for a rule: only proto2 requests, and only those that are filled by more than a whole body, are
    /// worth another walk.
    pub(crate) fn compile(message: &Message, variables: &[FieldPath], whole_body: bool) -> Self {
        let schema = message.schema();
        let touches =
            |path: &FieldPath| path.steps(schema).iter().any(|step| !step.parent.required.is_empty());
        match (!whole_body && !message.plan().required.is_empty()) || variables.iter().any(touches) {
            true => Self::Whole,
            false => Self::Encoder,
        }
    }
}

/// Reports every required field that `wire` lacks.
pub(crate) fn check(schema: &Schema, plan: &MessagePlan, wire: &[u8], report: &mut Report) {
    walk(schema, plan, &[Fields::new(wire)], &mut String::new(), report);
}

/// A message comes in as many pieces as the wire has of it; they are one message only together.
fn walk(schema: &Schema, plan: &MessagePlan, pieces: &[Fields<'_>], path: &mut String, report: &mut Report) {
    let length = path.len();
    for field in plan.required.iter().filter_map(|position| plan.fields.get(*position as usize)) {
        if !pieces.iter().flat_map(Clone::clone).any(|(number, _)| number == field.number) {
            path.push_str(report.name_of(field));
            report.violation(path, Reason::Required, "required, but missing");
            path.truncate(length);
        }
    }
    for field in plan.fields.iter() {
        let Some((inner, values)) = inner(schema, field, pieces) else { continue };
        path.push_str(report.name_of(field));
        match field.cardinality {
            Cardinality::Repeated { .. } | Cardinality::Map(_) => {
                for (index, value) in values.into_iter().enumerate() {
                    let length = path.len();
                    path.push_str(&format!("[{index}]."));
                    walk(schema, inner, &[value], path, report);
                    path.truncate(length);
                }
            }
            _ if values.is_empty() => {}
            _ => {
                path.push('.');
                walk(schema, inner, &values, path, report);
            }
        }
        path.truncate(length);
    }
}

/// The message inside a field, and every piece of it on the wire; for a map, its values.
fn inner<'s, 'w>(
    schema: &'s Schema,
    field: &FieldPlan,
    pieces: &[Fields<'w>],
) -> Option<(&'s MessagePlan, SmallVec<[Fields<'w>; 2]>)> {
    let of_entry = field.map().map(|map| &map.value);
    let plan = schema.plan(of_entry.unwrap_or(field).message()?);
    let occurrences = pieces.iter().flat_map(Clone::clone).filter(|(number, _)| *number == field.number);
    let values = occurrences.filter_map(|(_, value)| match of_entry {
        Some(_) => {
            value.message()?.filter(|(number, _)| *number == 2).filter_map(|(_, v)| Value::message(v)).last()
        }
        None => value.message(),
    });
    Some((plan, values.collect()))
}
