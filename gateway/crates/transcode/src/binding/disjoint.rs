//! Whether the parts of a rule keep out of one another's way.

use super::{
    body::BodyPlan,
    error::{BindingError, Subject},
    path::{FieldPath, Step, Steps, numbers},
};
use crate::Message;

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
                None => continue,
            };
            errors.push(BindingError::new(Subject::Variable(index), message).help("let one of the two go"));
        }
        filled.push((format!("the variable `{name}`"), steps));
    }
}

/// Why two parts of a rule cannot both fill their fields.
enum Clash {
    Field,
    Oneof,
}

fn clash(a: &[Step<'_>], b: &[Step<'_>]) -> Option<Clash> {
    if numbers(a) == numbers(b) {
        return Some(Clash::Field);
    }
    let (a, b) = a.iter().zip(b).find(|(a, b)| a.field.number != b.field.number)?;
    (a.field.oneof.is_some() && a.field.oneof == b.field.oneof).then_some(Clash::Oneof)
}
