//! The files that a server tells: gathered until none is missing, and rid of those that everybody has.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use prost::Message as _;
use prost_reflect::DescriptorPool;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use super::{BATCH, ReflectError, Reflected, Session};
use crate::descriptors::file_set::{FileSet, Head};

/// The most files, and the most services.
pub(super) const MAX_FILES: usize = 20_000;

/// A FileDescriptorSet of which only the names of the files are read.
#[derive(Clone, PartialEq, prost::Message)]
struct FileNames {
    #[prost(message, repeated, tag = "1")]
    files: Vec<FileName>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct FileName {
    #[prost(string, tag = "1")]
    name: String,
}

/// Returns the names of the files of a serialized FileDescriptorSet.
pub(super) fn names(set: &[u8]) -> Vec<String> {
    let names = FileNames::decode(set).unwrap_or_default();
    names.files.into_iter().map(|file| file.name).collect()
}

/// What has been told so far.
#[derive(Default)]
pub(super) struct Files {
    files: BTreeMap<String, Vec<u8>>,
    /// The services that they define.
    services: HashSet<String>,
    /// What they import, whether it is there or not.
    imports: BTreeSet<String>,
    /// What the server does not have: the gateway may have it, and if not, linking tells.
    absent: HashSet<String>,
}

impl Files {
    /// The files that define these services. A server may list one that it cannot describe: then its routes have no
    /// method, which is told where they are written.
    pub(super) async fn find(
        &mut self,
        services: &[String],
        session: &mut Session,
    ) -> Result<(), ReflectError> {
        let mut services = services.iter().peekable();
        while services.peek().is_some() {
            let unknown = services.by_ref().filter(|name| !self.services.contains(*name));
            let symbols: Vec<MessageRequest> =
                unknown.take(BATCH).cloned().map(MessageRequest::FileContainingSymbol).collect();
            for answer in session.ask(symbols).await? {
                if let MessageResponse::FileDescriptorResponse(response) = answer {
                    self.add(response.file_descriptor_proto)?;
                }
            }
        }
        Ok(())
    }

    /// The files that those import, until there is nothing left to ask for.
    pub(super) async fn find_imports(&mut self, session: &mut Session) -> Result<(), ReflectError> {
        loop {
            let missing: Vec<String> = self
                .imports
                .iter()
                .filter(|name| !self.files.contains_key(*name) && !self.absent.contains(*name))
                .filter(|name| !is_built_in(name))
                .take(BATCH)
                .cloned()
                .collect();
            if missing.is_empty() {
                return Ok(());
            }
            let names = missing.iter().cloned().map(MessageRequest::FileByFilename).collect();
            for answer in session.ask(names).await? {
                if let MessageResponse::FileDescriptorResponse(response) = answer {
                    self.add(response.file_descriptor_proto)?;
                }
            }
            let still = missing.into_iter().filter(|name| !self.files.contains_key(name));
            self.absent.extend(still);
        }
    }

    fn add(&mut self, files: Vec<Vec<u8>>) -> Result<(), ReflectError> {
        for bytes in files {
            let head =
                Head::decode(bytes.as_slice()).map_err(|error| ReflectError::Malformed(error.to_string()))?;
            if self.files.contains_key(&head.name) || is_built_in(&head.name) {
                continue;
            }
            self.services.extend(head.services());
            self.imports.extend(head.imports);
            self.files.insert(head.name, bytes);
        }
        if self.files.len() > MAX_FILES || self.imports.len() > MAX_FILES {
            return Err(ReflectError::TooLarge);
        }
        Ok(())
    }

    pub(super) fn into_set(self) -> Result<Reflected, ReflectError> {
        if self.files.is_empty() {
            return Err(ReflectError::Empty);
        }
        let files = self.files.into_values().collect();
        Ok(Reflected(FileSet { files }.encode_to_vec().into()))
    }
}

/// Whether a file is one of protobuf's own, which the gateway has.
fn is_built_in(name: &str) -> bool {
    name.starts_with("google/protobuf/") && DescriptorPool::global().get_file_by_name(name).is_some()
}

/// Leaves out what every server brings and `others` have already: Google's common files by name, and the services of gRPC
/// itself (health, channelz) by package. Servers are built with different versions of them, and no operator could mend that.
pub(in crate::descriptors) fn without_common(set: &[u8], others: &[&[u8]]) -> Vec<u8> {
    let Ok(set) = FileSet::decode(set) else { return set.to_vec() };
    let others: Vec<Head> = others
        .iter()
        .filter_map(|other| FileSet::decode(*other).ok())
        .flat_map(|other| other.files)
        .filter_map(|bytes| Head::decode(bytes.as_slice()).ok())
        .filter(is_common)
        .collect();
    let is_there = |bytes: &Vec<u8>| {
        let Ok(head) = Head::decode(bytes.as_slice()) else { return false };
        let same = |other: &Head| {
            if is_of_grpc(&head.package) { other.package == head.package } else { other.name == head.name }
        };
        is_common(&head) && others.iter().any(same)
    };
    let files = set.files.into_iter().filter(|bytes| !is_there(bytes)).collect();
    FileSet { files }.encode_to_vec()
}

fn is_common(head: &Head) -> bool {
    head.name.starts_with("google/") || is_of_grpc(&head.package)
}

/// Whether a package is one of gRPC's own. Others may begin with `grpc.`, too: `grpc.examples.echo` is an API like any.
fn is_of_grpc(package: &str) -> bool {
    crate::descriptors::INFRASTRUCTURE.contains(&package)
}
