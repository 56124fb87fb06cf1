//! Fields of the request that the gateway fills, over whatever the client sent.

use std::sync::Arc;

use super::claims::ClaimName;
use super::request::Facts;
use super::source::Source;

/// A field and where its value comes from. Whether the request message has the field is for the binding to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetSpec {
    /// The path of the field in the request message: `tenant_id`, `filter.owner`.
    pub field: Arc<str>,
    /// Where its value comes from.
    pub source: Source,
}

/// A field that the gateway fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its path in the request message.
    pub path: Arc<str>,
    /// Its value, to be read as a query parameter's would be. `None`: the request has none, and the field must be left
    /// unset, whatever the client sent.
    pub text: Option<Arc<str>>,
}

/// Resolves every field.
///
/// # Errors
/// The claim that a token lacks: a request must not run for no tenant because its token names none.
pub(super) fn resolve<'a>(specs: &'a [SetSpec], facts: &Facts<'_>) -> Result<Vec<Field>, &'a ClaimName> {
    let mut fields = Vec::with_capacity(specs.len());
    for spec in specs {
        let text = match &spec.source {
            Source::Const(text) => Some(Arc::clone(text)),
            source => source.read(facts).map(Arc::from),
        };
        match (&text, spec.source.claim()) {
            (None, Some(claim)) => return Err(claim),
            _ => fields.push(Field { path: Arc::clone(&spec.field), text }),
        }
    }
    Ok(fields)
}
