//! Compiles .proto files in process, without protoc.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use miette::Diagnostic as _;
use prost_reflect::DescriptorPool;
use protox::file::{DescriptorSetFileResolver, File, FileResolver};
use protox::{Compiler, Error};
use transcode::Schema;

/// The files of `google.api` that the gateway brings: names, numbers and types of the real ones.
pub(super) const ANNOTATIONS: &[(&str, &str)] = &[
    ("google/api/http.proto", include_str!("../../../proto/google/api/http.proto")),
    ("google/api/annotations.proto", include_str!("../../../proto/google/api/annotations.proto")),
    ("google/api/httpbody.proto", include_str!("../../../proto/google/api/httpbody.proto")),
];

/// A .proto file that does not compile.
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

/// A .proto file to compile.
pub(super) struct ProtoFile {
    /// The index of the input that named it.
    pub(super) input: usize,
    pub(super) path: PathBuf,
    /// The folder that its name counts from, when the input is a folder.
    pub(super) root: Option<PathBuf>,
}

/// What came of compiling.
#[derive(Default)]
pub(super) struct Compiled {
    /// The input, the name and the bytes of each descriptor set.
    pub(super) sets: Vec<(usize, String, Vec<u8>)>,
    pub(super) errors: Vec<(usize, ProtoError)>,
    pub(super) files: HashMap<String, PathBuf>,
}

/// Compiles all files together, so that they can import each other; imports may also be in the `known` sets.
pub(super) fn compile(
    files: Vec<ProtoFile>,
    mut roots: Vec<PathBuf>,
    known: &[&[u8]],
    builtin: Builtin,
) -> Compiled {
    let mut compiled = Compiled::default();
    let Some(first) = files.first().map(|file| file.input) else {
        return compiled;
    };
    let named: Vec<(usize, String, PathBuf)> = files
        .into_iter()
        .map(|file| {
            let root = file.root.unwrap_or_else(|| root_of(&file.path, &mut roots, &builtin));
            (file.input, name_in(&root, &file.path), file.path)
        })
        .collect();
    // The files' own folders come before those of others.
    let own = |root: &PathBuf| named.iter().any(|(_, _, path)| path.starts_with(root));
    roots.sort_by_cached_key(|root| !own(root));
    let sets = known.iter().filter_map(|set| DescriptorSetFileResolver::decode(*set).ok()).collect();
    let mut compiler = Compiler::with_file_resolver(Resolver { roots: roots.clone(), sets, builtin });
    compiler.include_imports(true).include_source_info(true);
    let mut told = HashSet::new();
    for (input, name, path) in named {
        match compiler.open_file(&name) {
            Ok(_) => {}
            Err(error) => {
                let error = proto_error(&error, &path, &roots);
                // A file that many import is told about once.
                if told.insert((error.path.clone(), error.message.clone(), error.at.clone())) {
                    compiled.errors.push((input, error));
                }
            }
        }
        compiled.files.insert(name, path);
    }
    if compiled.errors.is_empty() {
        let name = "the compiled .proto files".to_owned();
        compiled.sets.push((first, name, compiler.encode_file_descriptor_set()));
    }
    compiled
}

/// The descriptor set of some of [`ANNOTATIONS`].
pub(super) fn annotations(names: &[&str], builtin: Builtin) -> Option<Vec<u8>> {
    if names.is_empty() {
        return None;
    }
    let mut compiler = Compiler::with_file_resolver(builtin);
    compiler.include_imports(false).include_source_info(false);
    for name in names {
        compiler.open_file(name).ok()?;
    }
    Some(compiler.encode_file_descriptor_set())
}

/// Whether a descriptor set has a file of this name. What is no descriptor set has none.
pub(super) fn has_file(set: &[u8], name: &str) -> bool {
    // FileDescriptorSet.file = 1, FileDescriptorProto.name = 1.
    fields(set).any(|(number, file)| {
        number == 1 && fields(file).any(|(number, text)| number == 1 && text == name.as_bytes())
    })
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

/// Finds the folder that a file's imports count from: the nearest one above it in which all of them exist.
fn root_of(path: &Path, roots: &mut Vec<PathBuf>, builtin: &Builtin) -> PathBuf {
    if let Some(root) = roots.iter().find(|root| path.starts_with(root)) {
        return root.clone();
    }
    let parent = path.parent().map(Path::to_owned).unwrap_or_default();
    let text = super::read_text(path).unwrap_or_default();
    let imports = File::from_source("imports.proto", &text)
        .map(|file| file.file_descriptor_proto().dependency.clone())
        .unwrap_or_default();
    let outside: Vec<&String> = imports
        .iter()
        .filter(|import| !builtin.has(import) && !roots.iter().any(|root| root.join(import).is_file()))
        .collect();
    let root = path
        .ancestors()
        .skip(1)
        .find(|folder| outside.iter().all(|import| folder.join(import).is_file()))
        .map_or(parent, Path::to_owned);
    roots.push(root.clone());
    root
}

fn name_in(root: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = inside.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}

/// Finds imports: first in the folders, then in the descriptor sets, last among what is always there.
struct Resolver {
    roots: Vec<PathBuf>,
    sets: Vec<DescriptorSetFileResolver>,
    builtin: Builtin,
}

impl FileResolver for Resolver {
    fn open_file(&self, name: &str) -> Result<File, Error> {
        let inside = !name.starts_with('/') && name.split('/').all(|part| part != "..");
        if inside {
            for root in &self.roots {
                let path = root.join(name);
                if path.is_file() {
                    return File::open(name, &path);
                }
            }
        }
        let sets = self.sets.iter().filter_map(|set| set.open_file(name).ok());
        sets.into_iter().next().map_or_else(|| self.builtin.open_file(name), Ok)
    }
}

/// `google.protobuf`, `google.rpc` and `google.api`'s annotations.
#[derive(Clone)]
pub(super) struct Builtin {
    pool: DescriptorPool,
}

impl Builtin {
    pub(super) fn new() -> Self {
        let pool = Schema::load(&[]).map(|schema| schema.pool().clone());
        Self { pool: pool.unwrap_or_else(|_| DescriptorPool::global()) }
    }

    fn has(&self, name: &str) -> bool {
        self.pool.get_file_by_name(name).is_some() || ANNOTATIONS.iter().any(|(known, _)| *known == name)
    }
}

impl FileResolver for Builtin {
    fn open_file(&self, name: &str) -> Result<File, Error> {
        if let Some(file) = self.pool.get_file_by_name(name) {
            return Ok(File::from_file_descriptor_proto(file.file_descriptor_proto().clone()));
        }
        match ANNOTATIONS.iter().find(|(known, _)| *known == name) {
            Some((name, text)) => File::from_source(name, text),
            None => Err(Error::file_not_found(name)),
        }
    }
}

fn proto_error(error: &Error, opened: &Path, roots: &[PathBuf]) -> ProtoError {
    let path =
        error.file().and_then(|name| roots.iter().map(|root| root.join(name)).find(|path| path.is_file()));
    let path = path.unwrap_or_else(|| opened.to_owned());
    let text = super::read_text(&path).unwrap_or_default();
    let label = error.labels().and_then(|mut labels| labels.next());
    let at = label.as_ref().map(|label| label.offset()..label.offset() + label.len());
    let mut help = error.help().map(|help| help.to_string());
    if error.is_file_not_found() && help.is_none() {
        help = Some("imports count from the folder that `descriptors` names; name the folder above it, or add the file".to_owned());
    }
    let mut message = error.to_string();
    if message.ends_with("found 'edition'") {
        message = "this file is of an edition, which is not compiled here".to_owned();
        help = Some("make a descriptor set of it, with `buf build -o` or `protoc --include_imports -o`, and name that".to_owned());
    }
    ProtoError {
        path,
        text,
        message,
        at,
        label: label.and_then(|label| label.label().map(str::to_owned)).unwrap_or_default(),
        help,
    }
}
