//! `services`: which upstream serves a gRPC service.

use std::sync::Arc;

use http_rule::{Segment, Template, TemplateErrorKind};
use indexmap::IndexMap;

use super::descriptors::Descriptors;
use super::methods;
use super::upstreams::Upstreams;
use crate::config::Context;
use crate::config::diagnostic::{Code, Diagnostic, FileId, Place};
use crate::config::files::File;
use crate::config::raw::At;

/// A service that the file names.
#[derive(Debug)]
pub(super) struct Service {
    /// The place of its name.
    pub(super) place: Place,
    /// The file that names it: its defaults hold for what the service exposes whole.
    pub(super) file: FileId,
    /// Nothing when what is said is broken, which has been told.
    pub(super) upstream: Option<Arc<str>>,
    /// Where its annotations are switched on.
    pub(super) annotations: Option<Place>,
    /// Where its methods are exposed by their gRPC names.
    pub(super) auto: Option<Place>,
    /// What comes before the paths of both: a literal path, or nothing.
    pub(super) prefix: String,
}

impl Service {
    /// Whether it has paths that are written nowhere in the files.
    pub(super) fn exposes(&self) -> bool {
        self.annotations.is_some() || self.auto.is_some()
    }
}

/// The services of all files, by full name.
pub(super) type Services = IndexMap<String, Service>;

/// Lowers the services of all files.
pub(super) fn services(
    files: &[File],
    upstreams: &Upstreams,
    descriptors: &Descriptors,
    context: &mut Context,
) -> Services {
    let mut services = Services::new();
    for file in files {
        for (key, raw) in &file.raw.services {
            if let Some(first) = services.get(&key.name) {
                context.push(
                    Diagnostic::error(
                        Code::DuplicateKey,
                        format!("the service `{}` is named twice", key.name),
                    )
                    .at(key.place, "again here")
                    .and_at(first.place, "first here")
                    .with_help("say all about a service in one place"),
                );
                continue;
            }
            if let Some(schema) = descriptors.schema.as_ref().filter(|_| !descriptors.may_come(&key.name)) {
                methods::service(schema.pool(), &key.name, key.place, context);
            }
            let upstream = raw.upstream.as_ref().and_then(|name| upstreams.resolve(name, context));
            if raw.upstream.is_none() && !raw.broken {
                context.push(
                    Diagnostic::error(Code::NoUpstream, format!("`{}` has no upstream", key.name))
                        .at(key.place, "nobody serves it")
                        .with_help("add `upstream: NAME`, with a name from `upstreams`"),
                );
            }
            let on = |switch: &Option<At<bool>>| switch.as_ref().filter(|at| at.value).map(|at| at.place);
            let service = Service {
                place: key.place,
                file: file.id,
                upstream,
                annotations: on(&raw.annotations),
                auto: on(&raw.auto),
                prefix: raw.prefix.as_ref().and_then(|at| prefix(at, context)).unwrap_or_default(),
            };
            if let Some(at) = raw.prefix.as_ref().filter(|_| !service.exposes()) {
                context.push(
                    Diagnostic::warning(
                        Code::Ineffective,
                        format!("the prefix of `{}` has no effect", key.name),
                    )
                    .at(at.place, "nothing to move")
                    .with_help(
                        "add `annotations: true` or `auto: true`; routes have the prefix in their paths",
                    ),
                );
            }
            if service.exposes() && descriptors.may_come(&key.name) {
                context.push(
                    Diagnostic::warning(
                        Code::UnknownService,
                        format!(
                            "what `{}` exposes is left out: the service is not described so far",
                            key.name
                        ),
                    )
                    .at(key.place, "not described"),
                );
            }
            services.insert(key.name.clone(), service);
        }
    }
    services
}

/// A prefix that is a literal path; other ones are reported.
fn prefix(at: &At<String>, context: &mut Context) -> Option<String> {
    let (span, why, help) = match Template::parse(&at.value) {
        Ok(template) if template.segments().is_empty() => (
            0..at.value.len(),
            "it is the path of the root".to_owned(),
            "remove it, or write /admin/v1".to_owned(),
        ),
        Ok(template) if template.verb().is_some() => {
            let colon = at.value.find(':').unwrap_or_default();
            (colon..at.value.len(), "a verb ends a path".to_owned(), "remove the verb".to_owned())
        }
        Ok(template) if template.segments().iter().all(|segment| matches!(segment, Segment::Literal(_))) => {
            // `{a=b}` is a literal segment, and still a variable.
            if template.variables().is_empty() {
                return Some(at.value.clone());
            }
            not_literal(at)
        }
        Ok(_) => not_literal(at),
        Err(error) if error.kind() == TemplateErrorKind::TrailingSlash => {
            (error.span(), "it ends in a slash".to_owned(), "remove the last slash".to_owned())
        }
        Err(error) => (error.span(), error.message(), error.help()),
    };
    let place = context.sources.inside(at.place, &at.value, &span);
    context.push(
        Diagnostic::error(Code::BadTemplate, format!("`{}` is not a prefix: {why}", at.value))
            .at(place, "")
            .with_help(help),
    );
    None
}

fn not_literal(at: &At<String>) -> (std::ops::Range<usize>, String, String) {
    let start = at.value.find(['*', '{']).unwrap_or_default();
    let end = at.value.get(start..).and_then(|rest| rest.find('/')).map_or(at.value.len(), |end| start + end);
    (start..end, "it has wildcards or variables".to_owned(), "write a literal path, as /admin/v1".to_owned())
}
