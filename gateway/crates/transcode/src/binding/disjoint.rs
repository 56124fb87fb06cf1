//! Whether the parts of a rule keep out of one another's way.

use super::{
    body::BodyPlan,
    error::{BindingError, Subject},
    path::{FieldPath, Step, Steps, numbers},
};
use crate::{Message, Schema};

/// Path and body may share a message but never a field, nor may they fill two members of one oneof.
pub(super) fn check(
    message: &Message,
    variables: &[FieldPath],
    body: BodyPlan,
    errors: &mut Vec<BindingError>,
) {
    let (schema, request) = (message.schema(), message.plan());
    let mut filled: Vec<(String, Steps<'_>)> = Vec::new();
    if let Some(field) = body.position().and_then(|position| request.fields.get(position as usize)) {
        filled.push((
            format!("the body (`{}`)", field.name),
            Steps::from_slice(&[Step { parent: request, field }]),
        ));
    }
    for (index, variable) in variables.iter().enumerate() {
        let (name, steps) = (&variable.name, variable.steps(schema));
        for (other, other_steps) in &filled {
            let message = match clash(&steps, other_steps) {
                Some(Clash::Field) => format!("`{name}` is filled by {other} already"),
                Some(Clash::Oneof) => {
                    format!("`{name}` and {other} are in one oneof: only one of them can be set")
                }
                // The path may give what the body leaves out of one message.
                Some(Clash::Part) | None => continue,
            };
            errors.push(BindingError::new(Subject::Variable(index), message).help("let one of the two go"));
        }
        filled.push((format!("the variable `{name}`"), steps));
    }
}

/// Why the gateway cannot fill both of two fields.
pub(super) fn why_not_both(schema: &Schema, new: &FieldPath, before: &FieldPath) -> Option<String> {
    let (name, other) = (&new.name, &before.name);
    Some(match clash(&new.steps(schema), &before.steps(schema))? {
        Clash::Oneof => format!("`{name}` and `{other}` are in one oneof: only one of them can be set"),
        Clash::Field => format!("`{name}` is set already"),
        Clash::Part if name.len() < other.len() => format!("`{other}` is a part of `{name}`"),
        Clash::Part => format!("`{name}` is a part of `{other}`"),
    })
}

/// Whether of two fields only one can have a value.
pub(super) fn exclude(a: &[Step<'_>], b: &[Step<'_>]) -> bool {
    matches!(clash(a, b), Some(Clash::Field | Clash::Oneof))
}

/// Why two parts of a rule cannot both fill their fields.
enum Clash {
    Field,
    /// One is a part of the other.
    Part,
    Oneof,
}

fn clash(a: &[Step<'_>], b: &[Step<'_>]) -> Option<Clash> {
    if numbers(a) == numbers(b) {
        return Some(Clash::Field);
    }
    let Some((a, b)) = a.iter().zip(b).find(|(a, b)| a.field.number != b.field.number) else {
        return Some(Clash::Part);
    };
    (a.field.oneof.is_some() && a.field.oneof == b.field.oneof).then_some(Clash::Oneof)
}
