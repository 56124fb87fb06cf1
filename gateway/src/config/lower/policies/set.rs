//! `set` of a route: fields that the gateway fills.

use std::sync::Arc;

use transcode::binding::{RequestPlan, Subject};

use super::{all, parsed};
use crate::config::Context;
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::raw::{At, Key};
use crate::config::suggest;
use crate::policy::{SetSpec, Source};

/// The fields, and where their values come from.
pub(super) fn sources(raw: &[(Key, At<String>)], context: &mut Context) -> Option<Vec<SetSpec>> {
    all(raw.iter().map(|(field, at)| {
        let source = parsed(Source::parse(&at.value), Code::BadValue, at.place, context)?;
        Some(SetSpec { field: Arc::from(field.name.as_str()), source })
    }))
}

/// Whose request is filled, for people.
pub(in crate::config::lower) struct Filled<'f> {
    pub(in crate::config::lower) route: &'f str,
    /// What is wrong with the request is so on all paths of the method.
    pub(in crate::config::lower) method: &'f str,
}

/// Gives the fields to the gateway. Whether all of them can be; what can't is told.
pub(in crate::config::lower) fn set(
    request: &mut RequestPlan,
    raw: &[(Key, At<String>)],
    of: &Filled<'_>,
    context: &mut Context,
) -> bool {
    let mut whole = true;
    for (position, (field, value)) in raw.iter().enumerate() {
        let before = raw.get(..position).unwrap_or_default();
        whole &= give(request, field, value, before, of, context);
    }
    whole
}

fn give(
    request: &mut RequestPlan,
    field: &Key,
    value: &At<String>,
    before: &[(Key, At<String>)],
    of: &Filled<'_>,
    context: &mut Context,
) -> bool {
    let overridden = request.is_overridden(&field.name);
    if let Err(error) = request.with_set(&field.name) {
        let rival = match error.subject {
            Subject::SetBeside(index) => request.set_path(index),
            _ => None,
        };
        let help = match &error.unknown {
            Some(name) => {
                let known = error.known.iter().map(String::as_str);
                suggest::did_you_mean(name, known.clone())
                    .or_else(|| error.help.clone())
                    .unwrap_or_else(|| format!("its fields are: {}", suggest::list(known)))
            }
            None if rival.is_some() => "remove one of them".to_owned(),
            None => "set names one scalar, enum or scalar-like well-known type, as `filter.owner`".to_owned(),
        };
        let code = if error.unknown.is_some() { Code::UnknownField } else { Code::UnbindableField };
        let mut finding = Diagnostic::error(code, error.message).at(field.place, "").with_help(help);
        let rival = before.iter().find(|(key, _)| Some(key.name.as_str()) == rival);
        if let Some((rival, _)) = rival {
            finding = finding.and_at(rival.place, "the other one");
        }
        context.push(finding.with_note(format!("of the request of `{}`", of.method)));
        return false;
    }
    if overridden {
        context.push(
            Diagnostic::warning(
                Code::Ineffective,
                format!(
                    "`{}` of `{}` is filled by the gateway, whatever the client sends",
                    field.name, of.route
                ),
            )
            .at(field.place, "wins over the path or body")
            .with_help("set another field, or let the path or body name another one"),
        );
    }
    let fits = match Source::parse(&value.value) {
        Ok(Source::Const(text)) => {
            request.check_set(&field.name, &text).map_err(|violation| violation.description)
        }
        Ok(Source::RequestId) => {
            request.check_set(&field.name, REQUEST_ID).map_err(|_| "it is text".to_owned())
        }
        // What is no source has been told.
        Ok(Source::Claim(_) | Source::Header(_)) | Err(_) => Ok(()),
    };
    let Err(why) = fits else { return true };
    let message = format!("`{}` does not fit the field `{}`: {why}", value.value, field.name);
    context.push(
        Diagnostic::error(Code::UnbindableField, message)
            .at(value.place, "")
            .with_help("write a value of the field's type")
            .with_note(format!("of the request of `{}`", of.method)),
    );
    false
}

/// What request ids look like to fields: clients may choose them.
const REQUEST_ID: &str = "id-~.1";
