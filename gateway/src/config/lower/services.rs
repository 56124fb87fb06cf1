//! `services`: which upstream serves a gRPC service.

use std::sync::Arc;

use indexmap::IndexMap;

use super::descriptors::Descriptors;
use super::methods;
use super::upstreams::Upstreams;
use crate::config::Context;
use crate::config::diagnostic::{Code, Diagnostic, FileId, Place};
use crate::config::files::File;

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
            if let Some(schema) = &descriptors.schema {
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
            let on = |switch: &Option<crate::config::raw::At<bool>>| {
                switch.as_ref().filter(|at| at.value).map(|at| at.place)
            };
            let service = Service {
                place: key.place,
                file: file.id,
                upstream,
                annotations: on(&raw.annotations),
                auto: on(&raw.auto),
            };
            services.insert(key.name.clone(), service);
        }
    }
    services
}
