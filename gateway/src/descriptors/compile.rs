//! Compiles .proto files in process, without protoc.

use std::collections::HashMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use protofile::{Compiled, Mistake};

use super::roots::{Finder, Roots, name_in};

/// The files of `google.api` that are there whether a source has them or not.
pub(super) const ANNOTATIONS: &[&str] =
    &["google/api/http.proto", "google/api/annotations.proto", "google/api/httpbody.proto"];

/// A .proto file that does not compile, or not as it is meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ProtoError {
    /// The file.
    pub path: PathBuf,
    /// Its text; empty when it could not be read.
    pub text: String,
    /// What is wrong.
    pub message: String,
    /// Where in the text.
    pub at: Option<Range<usize>>,
    /// What is to be seen there.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// The text of a .proto file, if it can be read; its comments need not be UTF-8.
pub fn proto_text(path: &Path) -> Option<String> {
    super::read_file(path).ok().map(|bytes| protofile::text_of(&bytes))
}

/// A .proto file to compile.
pub(super) struct ProtoFile {
    /// The index of the input that named it.
    pub(super) input: usize,
    pub(super) path: PathBuf,
}

/// A .proto file, and the folder that its name counts from.
pub(super) struct PlacedFile {
    pub(super) input: usize,
    pub(super) path: PathBuf,
    pub(super) root: PathBuf,
    /// Whether the file was named by itself: files beside it may be imported.
    pub(super) is_single: bool,
}

/// Finds the folders of files; those of files that were named by themselves are added to `roots`.
pub(super) fn place(files: Vec<ProtoFile>, roots: &mut Roots, known: &[&[u8]]) -> Vec<PlacedFile> {
    let place = |ProtoFile { input, path }| {
        let is_single = roots.of(&path).is_none();
        let root = roots.find_for(&path, known);
        PlacedFile { input, path, root, is_single }
    };
    files.into_iter().map(place).collect()
}

/// What came of compiling.
#[derive(Default)]
pub(super) struct Outcome {
    /// The input, the name and the bytes of the descriptor set.
    pub(super) set: Option<(usize, String, Vec<u8>)>,
    pub(super) errors: Vec<(usize, ProtoError)>,
    pub(super) warnings: Vec<(usize, ProtoError)>,
    pub(super) files: HashMap<String, PathBuf>,
    /// What the outcome depends on beside the files that were named.
    pub(super) watch: Vec<PathBuf>,
}

/// Compiles all files together, so that they can import each other; imports may also be in the `known` sets.
pub(super) fn compile(files: Vec<PlacedFile>, roots: &Roots, known: &[&[u8]]) -> Outcome {
    let mut outcome = Outcome::default();
    let Some(first) = files.first().map(|file| file.input) else { return outcome };
    // The files' own folders come before those of others.
    let mut roots = roots.clone();
    roots.named.sort_by_key(|root| !files.iter().any(|file| file.root == *root));
    let mut finder = Finder::new(&roots, known);
    let mut names: Vec<String> = Vec::new();
    let mut inputs: HashMap<String, usize> = HashMap::new();
    for file in files {
        let name = name_in(&file.root, &file.path);
        // Files of one name within a unit are equal: one of them is enough.
        if finder.paths.contains_key(&name) {
            continue;
        }
        finder.know(&name, &file.path);
        inputs.insert(name.clone(), file.input);
        names.push(name);
    }
    let compiled = fenced(&names, &mut finder);
    let mut texts = HashMap::new();
    for (mistakes, into) in
        [(&compiled.errors, &mut outcome.errors), (&compiled.warnings, &mut outcome.warnings)]
    {
        for mistake in mistakes {
            let input = inputs.get(&mistake.file).copied().unwrap_or(first);
            into.push((input, describe(mistake, &finder.paths, &mut texts)));
        }
    }
    if outcome.errors.is_empty() {
        outcome.set = Some((first, "the compiled .proto files".to_owned(), compiled.set()));
    }
    outcome.watch = finder.watch;
    outcome.files = finder.paths;
    outcome
}

/// The last fence: a defect of the compiler costs a diagnostic, and not more.
fn fenced(names: &[String], finder: &mut Finder<'_>) -> Compiled {
    let mut run = |names: &[String]| {
        catch_unwind(AssertUnwindSafe(|| protofile::compile(names, &mut |name| finder.find(name))))
    };
    if let Ok(compiled) = run(names) {
        return compiled;
    }
    let mut compiled = Compiled::default();
    let failing = names.iter().filter(|name| run(std::slice::from_ref(name)).is_err());
    compiled.errors.extend(failing.map(|name| Mistake {
        file: name.clone(),
        message: "the compiler failed at this file: that is a defect of the gateway, not of the file".to_owned(),
        at: None,
        help: Some("make a descriptor set of it, with `buf build -o` or `protoc --include_imports -o`, and name that".to_owned()),
        missing: None,
    }));
    if compiled.errors.is_empty() {
        compiled.errors.push(Mistake {
            file: names.first().cloned().unwrap_or_default(),
            message: "the compiler failed at these files together: that is a defect of the gateway"
                .to_owned(),
            at: None,
            help: None,
            missing: None,
        });
    }
    compiled
}

fn describe(
    mistake: &Mistake,
    paths: &HashMap<String, PathBuf>,
    texts: &mut HashMap<PathBuf, String>,
) -> ProtoError {
    let path = paths.get(&mistake.file).cloned().unwrap_or_else(|| PathBuf::from(&mistake.file));
    let text = texts.entry(path.clone()).or_insert_with_key(|path| proto_text(path).unwrap_or_default());
    let help = mistake.help.clone().or_else(|| {
        mistake.missing.as_ref().map(|_| {
            "imports count from the folders that `descriptors` names and from those of `imports`: name the folder above it".to_owned()
        })
    });
    ProtoError {
        path,
        text: text.clone(),
        message: mistake.message.clone(),
        at: mistake.at.clone(),
        label: if mistake.missing.is_some() { "imported here" } else { "here" }.to_owned(),
        help,
    }
}

/// The descriptor set of some of [`ANNOTATIONS`].
pub(super) fn annotations(names: &[&str]) -> Option<Vec<u8>> {
    if names.is_empty() {
        return None;
    }
    let wanted: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut compiled = protofile::compile(&wanted, &mut |_| None);
    compiled.files.retain(|file| names.contains(&file.name.as_str()));
    compiled.errors.is_empty().then(|| compiled.set())
}

/// Whether a descriptor set has a file of this name. What is no descriptor set has none.
pub(super) fn has_file(set: &[u8], name: &str) -> bool {
    file_of(set, name).is_some()
}

/// The file of this name in a descriptor set.
pub(super) fn file_of<'s>(set: &'s [u8], name: &str) -> Option<&'s [u8]> {
    // FileDescriptorSet.file = 1, FileDescriptorProto.name = 1.
    let mut files = fields(set).filter(|(number, _)| *number == 1).map(|(_, file)| file);
    files.find(|file| fields(file).any(|(number, text)| number == 1 && text == name.as_bytes()))
}

/// The length-delimited fields of a message, until something else than a varint or a fixed one stands there.
fn fields(mut wire: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    std::iter::from_fn(move || {
        loop {
            let tag = varint(&mut wire)?;
            let skip = match tag & 7 {
                0 => {
                    varint(&mut wire)?;
                    0
                }
                1 => 8,
                2 => {
                    let len = usize::try_from(varint(&mut wire)?).ok()?;
                    let field = wire.get(..len)?;
                    wire = wire.get(len..)?;
                    return Some((tag >> 3, field));
                }
                5 => 4,
                _ => return None,
            };
            wire = wire.get(skip..)?;
        }
    })
}

fn varint(wire: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = wire.split_first()?;
        *wire = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
