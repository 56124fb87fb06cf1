//! `gateway init`: from what describes the services to a first routes.yaml.
//!
//! ```text
//!  Schema ─► draft: annotations, else conventions (rest) ─► names for upstreams ─► yaml
//! ```

mod draft;
mod names;
mod rest;
mod words;
mod yaml;

use std::sync::Arc;

use prost_reflect::ServiceDescriptor;
use transcode::Schema;

use draft::{Draft, Group};
use names::UpstreamName;

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

/// There is nothing that a file could be written for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NothingToRoute {
    /// No service at all.
    #[error("there is no gRPC service in it")]
    NoService,
    /// Only services that come with gRPC libraries.
    #[error("there is no gRPC service in it but those that come with gRPC libraries: {0}")]
    OnlyInfrastructure(String),
    /// Only services without a method that can be called.
    #[error("no method of its services can be routed: {0}")]
    NoMethod(String),
}

/// Writes a routes.yaml for all services of a schema. `from` is what a reader is told that it was made from.
///
/// # Errors
/// When there is nothing to route.
pub fn write(schema: &Arc<Schema>, origin: &Origin, from: &str) -> Result<String, NothingToRoute> {
    let Draft { groups, skipped } = draft::draft(schema);
    let live: Vec<usize> =
        (0..groups.len()).filter(|index| groups.get(*index).is_some_and(Group::is_live)).collect();
    if live.is_empty() {
        let reason = groups.iter().flat_map(|group| &group.entries).find_map(|entry| entry.left_out.clone());
        return Err(match reason {
            Some(reason) => NothingToRoute::NoMethod(reason),
            None if skipped.is_empty() => NothingToRoute::NoService,
            None => NothingToRoute::OnlyInfrastructure(skipped.join(", ")),
        });
    }
    let services: Vec<ServiceDescriptor> =
        live.iter().filter_map(|index| Some(groups.get(*index)?.service.clone())).collect();
    let (upstreams, source) = match origin {
        Origin::Path { path, imports } => (upstream_each(&services), files(path, imports)),
        Origin::Server(address) => {
            let upstream = server(&services, address);
            let source = format!("reflection: {}", yaml::scalar(&upstream.0.name));
            (vec![upstream], source)
        }
    };
    let shared = matches!(origin, Origin::Server(_));
    let upstream_of = |group: usize| {
        if shared { Some(0) } else { live.iter().position(|index| *index == group) }
    };
    Ok(yaml::write(
        &yaml::Head { from, source, upstreams: &upstreams, skipped: &skipped },
        &groups,
        upstream_of,
    ))
}

/// A source of files, with its folders for imports.
fn files(path: &str, imports: &[String]) -> String {
    if imports.is_empty() {
        return yaml::scalar(path);
    }
    let imports: Vec<String> = imports.iter().map(|folder| yaml::flow_scalar(folder)).collect();
    format!("{{proto: {}, imports: [{}]}}", yaml::flow_scalar(path), imports.join(", "))
}

/// The port of the first service, unless the environment says otherwise.
const FIRST_PORT: usize = 50051;

/// An upstream for each service, on ports that count up.
fn upstream_each(services: &[ServiceDescriptor]) -> Vec<(UpstreamName, String)> {
    let ports = FIRST_PORT..=usize::from(u16::MAX);
    let names = names::upstreams(services).into_iter();
    names.zip(ports.cycle()).map(|(name, port)| with_address(name, &format!("localhost:{port}"))).collect()
}

/// One upstream for all services of a server.
fn server(services: &[ServiceDescriptor], address: &str) -> (UpstreamName, String) {
    let name = match services {
        [only] => UpstreamName::of(only.name()),
        _ => UpstreamName::of("server"),
    };
    with_address(name, address)
}

fn with_address(name: UpstreamName, address: &str) -> (UpstreamName, String) {
    // What would end the default, or begin another variable, stands there by itself.
    if address.contains(['{', '}', '$', '"', '\\', '#', ' ']) {
        return (name, yaml::scalar(address));
    }
    let text = format!("${{{}:-{address}}}", name.variable);
    (name, text)
}
