//! `gateway init`: from what describes the services to a first routes.yaml.
//!
//! ```text
//!  Schema ─► draft: annotations, else conventions (rest) ─► names for upstreams ─► yaml
//! ```

mod draft;
mod left_out;
mod names;
mod rest;
mod upstreams;
mod words;
mod yaml;

use std::sync::Arc;

use prost_reflect::ServiceDescriptor;
use transcode::Schema;

use draft::{Draft, Group};
pub use upstreams::{NamedUpstream, NamedUpstreamError};

/// Where the descriptors come from, as the file is to name them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A descriptor set, .proto file or folder: its path from the folder of the new file.
    Path {
        /// The path.
        path: String,
        /// The folders for imports, from there as well.
        imports: Vec<String>,
    },
    /// A server that describes itself: its address.
    Server(String),
}

/// Why no file is written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InitError {
    /// No service at all.
    #[error("there is no gRPC service in it")]
    NoService,
    /// Only services that come with gRPC libraries.
    #[error("there is no gRPC service in it but those that come with gRPC libraries: {0}")]
    OnlyInfrastructure(String),
    /// Only services without a method that can be called.
    #[error("no method of its services can be routed: {0}")]
    NoMethod(String),
    /// Two named upstreams have one name.
    #[error("the upstream `{0}` is named twice")]
    UpstreamTwice(String),
    /// Two named upstreams have no package.
    #[error("only one upstream may be without packages; `{0}` and `{1}` are: write NAME=ADDRESS,PACKAGE")]
    TwoForTheRest(String, String),
    /// A named upstream serves nothing.
    #[error("the upstream `{0}` serves nothing: {1}")]
    UnusedUpstream(String, String),
}

/// A file, and what is not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The text of routes.yaml.
    pub text: String,
    /// How many methods are routed and what is left out, a line each; empty when everything is routed.
    pub summary: Vec<String>,
}

/// Writes a routes.yaml for all services of a schema. `from` names the source for a reader. `named` are the upstreams that
/// are known by name; services that none of them serves get one for each package root, or the server that described them.
///
/// # Errors
/// When there is nothing to route, and when a named upstream serves nothing or has the name of another one.
pub fn write(
    schema: &Arc<Schema>,
    origin: &Origin,
    from: &str,
    named: &[NamedUpstream],
) -> Result<Written, InitError> {
    let draft = draft::draft(schema);
    let Draft { groups, infrastructure, empty } = &draft;
    let live: Vec<usize> =
        (0..groups.len()).filter(|index| groups.get(*index).is_some_and(Group::is_live)).collect();
    if live.is_empty() {
        let mut reasons = groups.iter().flat_map(|group| &group.entries);
        let reason = reasons.find_map(|entry| Some(entry.left_out.as_ref()?.reason.clone()));
        return Err(match reason {
            Some(reason) => InitError::NoMethod(reason),
            None if infrastructure.is_empty() => InitError::NoService,
            None => InitError::OnlyInfrastructure(infrastructure.join(", ")),
        });
    }
    let services: Vec<ServiceDescriptor> =
        live.iter().filter_map(|index| Some(groups.get(*index)?.service.clone())).collect();
    let server = match origin {
        Origin::Path { .. } => None,
        Origin::Server(address) => Some(address.as_str()),
    };
    let assignment = upstreams::assign(&services, named, server)?;
    let source = match origin {
        Origin::Path { path, imports } => files(path, imports),
        Origin::Server(_) => {
            let upstream = assignment.server.and_then(|index| assignment.upstreams.get(index));
            let name = upstream.map(|(name, _)| yaml::scalar(&name.name)).unwrap_or_default();
            format!("reflection: {name}")
        }
    };
    let upstream_of = |group: usize| {
        let at = live.iter().position(|index| *index == group)?;
        assignment.of.get(at).copied()
    };
    let head = yaml::Head { from, source, upstreams: &assignment.upstreams, infrastructure, empty };
    let text = yaml::write(&head, groups, upstream_of);
    Ok(Written { text, summary: left_out::summary(&draft) })
}

/// A source of files, with its folders for imports.
fn files(path: &str, imports: &[String]) -> String {
    if imports.is_empty() {
        return yaml::scalar(path);
    }
    let imports: Vec<String> = imports.iter().map(|folder| yaml::flow_scalar(folder)).collect();
    format!("{{proto: {}, imports: [{}]}}", yaml::flow_scalar(path), imports.join(", "))
}
