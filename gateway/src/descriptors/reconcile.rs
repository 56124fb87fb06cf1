//! Files of one name in several sources, when they differ.
//!
//! Two teams each have their `types.proto`, and two servers were built from two versions of a shared file. Files that
//! declare different things are kept apart: the later one gets another name. Of two versions, the one that has all that
//! the other has is used for both, when a server is among the sources; two files can be mended, so between files it is a
//! conflict.

use std::collections::{HashMap, HashSet};

use prost::Message as _;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, ServiceDescriptorProto,
};
use transcode::{LoadError, LoadErrorKind, same_file};

use super::file_set::{FileSet, Head, rename};

/// A source, as far as it matters here.
pub(super) struct Source<'s> {
    /// What it is called in the new names of its files.
    pub(super) label: &'s str,
    /// Whether a server has sent it.
    pub(super) is_reflected: bool,
    pub(super) set: &'s mut Vec<u8>,
}

/// What was done, or cannot be done, about a file. Sources are given by their indices.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A file has got another name.
    Renamed { source: usize, file: String, new_name: String },
    /// Two versions of one file, of which the newer one is used for both.
    Newer { file: String, older: usize, newer: usize },
    /// Two versions of one file, of which neither has all that the other has.
    Conflict { file: String, first: usize, second: usize },
}

/// The error of [`Outcome::Conflict`].
pub(super) fn conflict(file: String, source: &str, other: &str) -> LoadError {
    let kind = LoadErrorKind::Conflict(other.to_owned());
    LoadError { source: Some(source.to_owned()), file: Some(file), symbol: None, kind }
}

/// Makes the sources agree, as far as they can.
pub(super) fn reconcile(sources: &mut [Source<'_>]) -> Vec<Outcome> {
    if sources.len() < 2 {
        return Vec::new();
    }
    // What is no descriptor set is left for the linker to report.
    let mut sets: Vec<Vec<Entry>> =
        sources.iter().map(|source| entries(source.set).unwrap_or_default()).collect();
    let mut first: HashMap<String, (usize, usize)> = HashMap::new();
    let mut taken: HashSet<String> = sets.iter().flatten().map(|entry| entry.name.clone()).collect();
    // Versions that have got other names, with these.
    let mut renamed: HashMap<String, Vec<(Entry, String)>> = HashMap::new();
    let mut outcomes = Vec::new();
    let mut touched: HashSet<usize> = HashSet::new();
    for second in 0..sources.len() {
        let mut new_names = HashMap::new();
        for at in 0..sets.get(second).map_or(0, Vec::len) {
            let Some(entry) = sets.get(second).and_then(|set| set.get(at)) else { continue };
            let name = entry.name.clone();
            let Some(&place) = first.get(&name) else {
                first.insert(name, (second, at));
                continue;
            };
            let Some(earlier) = sets.get(place.0).and_then(|set| set.get(place.1)) else { continue };
            if place.0 == second || agree(earlier, entry) {
                continue;
            }
            let (Ok(old), Ok(new)) = (earlier.decode(), entry.decode()) else { continue };
            if symbols(&old).is_disjoint(&symbols(&new)) {
                let label = sources.get(second).map_or("", |source| source.label);
                let versions = renamed.entry(name.clone()).or_default();
                let known = versions.iter().find(|(version, _)| agree(version, entry));
                let new_name = match known {
                    Some((_, known)) => known.clone(),
                    None => {
                        let new_name = unique(label, &name, &mut taken);
                        versions.push((entry.clone(), new_name.clone()));
                        new_name
                    }
                };
                outcomes.push(Outcome::Renamed {
                    source: second,
                    file: name.clone(),
                    new_name: new_name.clone(),
                });
                new_names.insert(name, new_name);
                continue;
            }
            let any_reflected = [place.0, second]
                .iter()
                .any(|index| sources.get(*index).is_some_and(|source| source.is_reflected));
            let (older, newer) = match (any_reflected, has_all(&new, &old), has_all(&old, &new)) {
                (true, true, _) => (place, (second, at)),
                (true, false, true) => ((second, at), place),
                _ => {
                    outcomes.push(Outcome::Conflict { file: name, first: place.0, second });
                    continue;
                }
            };
            let bytes = sets.get(newer.0).and_then(|set| set.get(newer.1)).map(|entry| entry.bytes.clone());
            if let (Some(bytes), Some(slot)) =
                (bytes, sets.get_mut(older.0).and_then(|set| set.get_mut(older.1)))
            {
                slot.bytes = bytes;
                touched.insert(older.0);
            }
            outcomes.push(Outcome::Newer { file: name, older: older.0, newer: newer.0 });
        }
        if let Some(set) = sets.get_mut(second).filter(|_| !new_names.is_empty()) {
            set.iter_mut().for_each(|entry| entry.bytes = rename(&entry.bytes, &new_names));
            touched.insert(second);
        }
    }
    for index in touched {
        if let (Some(source), Some(set)) = (sources.get_mut(index), sets.get_mut(index)) {
            let files = set.drain(..).map(|entry| entry.bytes).collect();
            *source.set = FileSet { files }.encode_to_vec();
        }
    }
    outcomes
}

#[derive(Clone)]
struct Entry {
    name: String,
    bytes: Vec<u8>,
}

impl Entry {
    fn decode(&self) -> Result<FileDescriptorProto, prost::DecodeError> {
        FileDescriptorProto::decode(self.bytes.as_slice())
    }
}

fn entries(set: &[u8]) -> Option<Vec<Entry>> {
    let files = FileSet::decode(set).ok()?.files;
    let entry = |bytes: Vec<u8>| Some(Entry { name: Head::decode(bytes.as_slice()).ok()?.name, bytes });
    files.into_iter().map(entry).collect()
}

/// Whether the linker takes one for the other. It brings `google.protobuf` itself.
fn agree(one: &Entry, other: &Entry) -> bool {
    one.bytes == other.bytes
        || one.name.starts_with("google/protobuf/")
        || same_file(&one.bytes, &other.bytes)
}

/// `x2/types.proto`, or the same with a number.
fn unique(label: &str, name: &str, taken: &mut HashSet<String>) -> String {
    let mut new_name = format!("{label}/{name}");
    let mut n = 1;
    while !taken.insert(new_name.clone()) {
        n += 1;
        new_name = format!("{label}-{n}/{name}");
    }
    new_name
}

/// The full names that a file declares outside of messages.
fn symbols(file: &FileDescriptorProto) -> HashSet<String> {
    let values = file.enum_type.iter().flat_map(|descriptor| &descriptor.value).map(|value| value.name());
    let names = file.message_type.iter().map(DescriptorProto::name);
    let names = names.chain(file.enum_type.iter().map(EnumDescriptorProto::name)).chain(values);
    let names = names.chain(file.service.iter().map(ServiceDescriptorProto::name));
    let names = names.chain(file.extension.iter().map(FieldDescriptorProto::name));
    names.map(|name| format!("{}.{name}", file.package())).collect()
}

/// Whether a file has all that another one has, so that what was made for the other one works with it.
fn has_all(file: &FileDescriptorProto, other: &FileDescriptorProto) -> bool {
    let is_same_language = file.package() == other.package() && file.syntax() == other.syntax();
    is_same_language
        && each(&file.message_type, &other.message_type, DescriptorProto::name, message_has_all)
        && each(&file.enum_type, &other.enum_type, EnumDescriptorProto::name, enum_has_all)
        && each(&file.service, &other.service, ServiceDescriptorProto::name, service_has_all)
        && each(&file.extension, &other.extension, FieldDescriptorProto::name, is_same_field)
}

/// Whether for each of `others` there is one of that name that has all of it.
fn each<T>(all: &[T], others: &[T], name: impl Fn(&T) -> &str, has_all: impl Fn(&T, &T) -> bool) -> bool {
    others.iter().all(|other| all.iter().any(|one| name(one) == name(other) && has_all(one, other)))
}

fn message_has_all(message: &DescriptorProto, other: &DescriptorProto) -> bool {
    let oneof = |message: &DescriptorProto, field: &FieldDescriptorProto| {
        let index = usize::try_from(field.oneof_index?).ok()?;
        message.oneof_decl.get(index).map(|oneof| oneof.name().to_owned())
    };
    let fields = |one: &FieldDescriptorProto, theirs: &FieldDescriptorProto| {
        is_same_field(one, theirs) && oneof(message, one) == oneof(other, theirs)
    };
    // A required field that is new would refuse what was made without it.
    let known: HashSet<i32> = other.field.iter().map(FieldDescriptorProto::number).collect();
    let is_required =
        |field: &&FieldDescriptorProto| field.label == Some(2) && !known.contains(&field.number());
    !message.field.iter().any(|field| is_required(&field))
        && each(&message.field, &other.field, FieldDescriptorProto::name, fields)
        && each(&message.nested_type, &other.nested_type, DescriptorProto::name, message_has_all)
        && each(&message.enum_type, &other.enum_type, EnumDescriptorProto::name, enum_has_all)
        && each(&message.extension, &other.extension, FieldDescriptorProto::name, is_same_field)
}

fn is_same_field(one: &FieldDescriptorProto, other: &FieldDescriptorProto) -> bool {
    one.number() == other.number()
        && one.label() == other.label()
        && one.r#type == other.r#type
        && one.type_name() == other.type_name()
        && one.extendee() == other.extendee()
        && one.proto3_optional() == other.proto3_optional()
        && one.default_value() == other.default_value()
}

fn enum_has_all(descriptor: &EnumDescriptorProto, other: &EnumDescriptorProto) -> bool {
    let first = |descriptor: &EnumDescriptorProto| descriptor.value.first().map(|value| value.number());
    first(descriptor) == first(other)
        && other.value.iter().all(|value| {
            descriptor.value.iter().any(|own| own.name() == value.name() && own.number() == value.number())
        })
}

fn service_has_all(service: &ServiceDescriptorProto, other: &ServiceDescriptorProto) -> bool {
    other.method.iter().all(|method| {
        service.method.iter().any(|own| {
            own.name() == method.name()
                && own.input_type() == method.input_type()
                && own.output_type() == method.output_type()
                && own.client_streaming() == method.client_streaming()
                && own.server_streaming() == method.server_streaming()
        })
    })
}
