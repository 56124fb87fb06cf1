//! Reads every source and merges them.

mod agree;
mod link;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use transcode::{LoadError, Schema};

use super::compile::{self, Builtin, ProtoError, ProtoFile};
use super::reflection::{self, Reflected};
use super::units;
use agree::agree;
use link::merge;

/// A source that the configuration names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// What errors call it: the path as it was written, or the upstream that was asked.
    pub name: String,
    /// What it holds.
    pub content: Content,
}

/// What a source holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A descriptor set, a .proto file, or a folder of .proto files.
    Path(PathBuf),
    /// What a server has told.
    Reflected(Reflected),
}

impl Input {
    /// A file or folder.
    pub fn path(name: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self { name: name.into(), content: Content::Path(path.into()) }
    }

    /// What a server has told.
    pub fn reflected(name: impl Into<String>, reflected: Reflected) -> Self {
        Self { name: name.into(), content: Content::Reflected(reflected) }
    }
}

/// What a schema is made of, all of it: what has the same digest makes the same schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Digest([u8; 32]);

impl Digest {
    fn of(sets: &[Set]) -> Self {
        let mut context = Context::new(&SHA256);
        for set in sets {
            context.update(&set.bytes.len().to_le_bytes());
            context.update(&set.bytes);
        }
        let mut digest = [0; 32];
        digest.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
        Self(digest)
    }
}

/// A schema that was made before.
#[derive(Debug, Clone, Copy)]
pub struct Made<'m> {
    /// The schema.
    pub schema: &'m Arc<Schema>,
    /// What it was made of.
    pub of: Digest,
}

/// What came of the sources.
#[derive(Debug, Default)]
pub struct Loaded {
    /// All of them as one schema; nothing when any is broken.
    pub schema: Option<Arc<Schema>>,
    /// What it is made of.
    pub digest: Digest,
    /// Everything that is wrong with them.
    pub errors: Vec<SourceError>,
    /// What servers have sent and is not used as it came.
    pub warnings: Vec<SourceWarning>,
    /// The files and folders that were read, or would have been.
    pub watch: Vec<PathBuf>,
    /// Where the .proto files are that were compiled, by the names that descriptors know them by.
    pub proto_files: HashMap<String, PathBuf>,
}

/// A source that cannot be used.
#[derive(Debug)]
pub struct SourceError {
    /// The index of the input, when one is to blame.
    pub input: Option<usize>,
    /// What is wrong.
    pub kind: SourceErrorKind,
}

/// What is wrong with a source.
#[derive(Debug, thiserror::Error)]
pub enum SourceErrorKind {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// A folder without a single .proto file.
    #[error("the folder holds no .proto file")]
    NoProtoFiles,
    /// A descriptor set of no bytes: it is a valid one, and nobody means it.
    #[error("the file is empty")]
    Empty,
    /// A .proto file does not compile.
    #[error(transparent)]
    Proto(Box<ProtoError>),
    /// The descriptors are not usable.
    #[error(transparent)]
    Load(LoadError),
}

/// What is not used as a server has sent it.
#[derive(Debug)]
pub struct SourceWarning {
    /// The index of the input that the server is.
    pub input: usize,
    /// What was done.
    pub kind: SourceWarningKind,
}

/// What was done about something that a server has sent.
#[derive(Debug)]
pub enum SourceWarningKind {
    /// A file does not link: it is left out, with those that import it.
    Unlinked {
        /// Why.
        error: LoadError,
        /// The services that are not served because of it.
        services: Vec<String>,
    },
    /// Another input has a version of a file that has more, and it is used for both.
    Older {
        /// The file.
        file: String,
        /// The index of the other input.
        newer: usize,
    },
}

/// A descriptor set, and the input that it came from.
struct Set {
    input: Option<usize>,
    name: String,
    bytes: Vec<u8>,
    /// Where its files were compiled from, by their names.
    paths: HashMap<String, PathBuf>,
}

/// Reads, compiles and merges the inputs.
pub fn load(inputs: &[Input]) -> Loaded {
    load_after(inputs, None)
}

/// The same, and if that makes what was `made` before, it is this: to link thousands of files takes seconds, and as much memory
/// again.
pub fn load_after(inputs: &[Input], made: Option<Made<'_>>) -> Loaded {
    let mut loaded = Loaded::default();
    let mut sets = Vec::new();
    let mut protos = Vec::new();
    let mut roots = Vec::new();
    for (index, input) in inputs.iter().enumerate() {
        if let Err(kind) = read(index, input, &mut loaded, &mut sets, &mut protos, &mut roots) {
            loaded.errors.push(SourceError { input: Some(index), kind });
        }
    }
    thin_out(inputs, &mut sets);
    let builtin = Builtin::new();
    if !protos.is_empty() {
        compile_protos(protos, roots, &builtin, &mut loaded, &mut sets);
    }
    if loaded.errors.is_empty() {
        agree(inputs, &mut sets, &mut loaded);
    }
    for set in &sets {
        for (name, path) in &set.paths {
            loaded.proto_files.entry(name.clone()).or_insert_with(|| path.clone());
        }
    }
    if loaded.errors.is_empty() {
        add_annotations(builtin, &mut sets);
        loaded.digest = Digest::of(&sets);
        match made.filter(|made| made.of == loaded.digest) {
            Some(made) => loaded.schema = Some(Arc::clone(made.schema)),
            None => merge(inputs, &mut sets, &mut loaded),
        }
    }
    loaded
}

/// Compiles .proto files and folders to one descriptor set, with their imports and source info; descriptor sets among
/// the inputs only serve as imports.
///
/// # Errors
/// Everything that is wrong with them.
pub fn compile_set(inputs: &[Input]) -> Result<Vec<u8>, Vec<SourceError>> {
    let mut loaded = Loaded::default();
    let (mut sets, mut protos, mut roots) = (Vec::new(), Vec::new(), Vec::new());
    for (index, input) in inputs.iter().enumerate() {
        if let Err(kind) = read(index, input, &mut loaded, &mut sets, &mut protos, &mut roots) {
            loaded.errors.push(SourceError { input: Some(index), kind });
        }
    }
    let mut compiled = Vec::new();
    if loaded.errors.is_empty() {
        let known = sets.len();
        compile_protos(protos, roots, &Builtin::new(), &mut loaded, &mut sets);
        compiled = sets.split_off(known);
        agree(inputs, &mut compiled, &mut loaded);
    }
    if !loaded.errors.is_empty() {
        return Err(loaded.errors);
    }
    let sets: Vec<Vec<u8>> = compiled.into_iter().map(|set| set.bytes).collect();
    Ok(units::join(sets))
}

/// Reads one input: into `sets`, or into `protos` and `roots` to be compiled together with the others.
fn read(
    index: usize,
    input: &Input,
    loaded: &mut Loaded,
    sets: &mut Vec<Set>,
    protos: &mut Vec<ProtoFile>,
    roots: &mut Vec<PathBuf>,
) -> Result<(), SourceErrorKind> {
    let unreadable = |error: std::io::Error| SourceErrorKind::Unreadable(error.to_string());
    let path = match &input.content {
        Content::Path(path) => path,
        Content::Reflected(reflected) => {
            let bytes = reflected.set().to_vec();
            sets.push(Set { input: Some(index), name: input.name.clone(), bytes, paths: HashMap::new() });
            return Ok(());
        }
    };
    loaded.watch.push(path.clone());
    let meta = std::fs::metadata(path).map_err(unreadable)?;
    if meta.is_dir() {
        let mut files = Vec::new();
        find_protos(path, 0, &mut loaded.watch, &mut files).map_err(unreadable)?;
        if files.is_empty() {
            return Err(SourceErrorKind::NoProtoFiles);
        }
        files.sort();
        roots.push(path.clone());
        let in_root =
            files.into_iter().map(|file| ProtoFile { input: index, path: file, root: Some(path.clone()) });
        protos.extend(in_root);
    } else if path.extension().is_some_and(|extension| extension == "proto") {
        super::files::check_file(path).map_err(unreadable)?;
        protos.push(ProtoFile { input: index, path: path.clone(), root: None });
    } else {
        let bytes = super::read_file(path).map_err(unreadable)?;
        if bytes.is_empty() {
            return Err(SourceErrorKind::Empty);
        }
        sets.push(Set { input: Some(index), name: input.name.clone(), bytes, paths: HashMap::new() });
    }
    Ok(())
}

/// Takes out of what servers have told the common files that other sources have as well; files of the operator count
/// before those of servers.
fn thin_out(inputs: &[Input], sets: &mut [Set]) {
    let reflected = |set: &Set| is_reflected(inputs, set);
    for index in 0..sets.len() {
        let Some(set) = sets.get(index).filter(|set| reflected(set)) else { continue };
        let before =
            sets.iter().enumerate().filter(|(at, other)| *at != index && (*at < index || !reflected(other)));
        let before: Vec<&[u8]> = before.map(|(_, other)| other.bytes.as_slice()).collect();
        let bytes = reflection::without_common(&set.bytes, &before);
        if let Some(set) = sets.get_mut(index) {
            set.bytes = bytes;
        }
    }
}

fn is_reflected(inputs: &[Input], set: &Set) -> bool {
    let input = set.input.and_then(|index| inputs.get(index));
    input.is_some_and(|input| matches!(input.content, Content::Reflected(_)))
}

/// Deeper than any source tree; a loop of links ends here.
const MAX_FOLDER_DEPTH: usize = 32;

fn find_protos(
    folder: &Path,
    depth: usize,
    watch: &mut Vec<PathBuf>,
    files: &mut Vec<PathBuf>,
) -> std::io::Result<()> {
    if depth > MAX_FOLDER_DEPTH {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if hidden {
            continue;
        }
        if path.is_dir() {
            if leads_back(&path, folder) {
                continue;
            }
            watch.push(path.clone());
            find_protos(&path, depth + 1, watch, files)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            check_inside(&path)?;
            watch.push(path.clone());
            files.push(path);
        }
    }
    Ok(())
}

/// That a .proto file of a folder is one. A link that leads nowhere is for the compiler to tell.
fn check_inside(path: &Path) -> std::io::Result<()> {
    match super::files::check_file(path) {
        Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => {
            Err(std::io::Error::new(error.kind(), format!("`{}` is {error}", path.display())))
        }
        _ => Ok(()),
    }
}

/// Whether a link in a folder leads to the folder itself, or to one that it is in.
fn leads_back(path: &Path, folder: &Path) -> bool {
    if !path.is_symlink() {
        return false;
    }
    let (Ok(path), Ok(folder)) = (path.canonicalize(), folder.canonicalize()) else { return false };
    folder.starts_with(path)
}

fn compile_protos(
    protos: Vec<ProtoFile>,
    roots: Vec<PathBuf>,
    builtin: &Builtin,
    loaded: &mut Loaded,
    sets: &mut Vec<Set>,
) {
    let units = units::units(protos);
    let known: Vec<Vec<u8>> = sets.iter().map(|set| set.bytes.clone()).collect();
    let known: Vec<&[u8]> = known.iter().map(Vec::as_slice).collect();
    for unit in units {
        let folder = unit.folder;
        let compiled = compile::compile(unit.files, roots.clone(), &known, builtin.clone());
        for (input, error) in compiled.errors {
            // A file that several units import is reported once.
            let told = loaded
                .errors
                .iter()
                .any(|known| matches!(&known.kind, SourceErrorKind::Proto(known) if **known == error));
            if !told {
                let kind = SourceErrorKind::Proto(Box::new(error));
                loaded.errors.push(SourceError { input: Some(input), kind });
            }
        }
        let mut paths = Some(compiled.files);
        sets.extend(compiled.sets.into_iter().map(|(input, name, bytes)| Set {
            input: Some(input),
            name: folder.clone().unwrap_or(name),
            bytes,
            paths: paths.take().unwrap_or_default(),
        }));
        // Where nothing was compiled, the places of errors are needed all the same.
        loaded.proto_files.extend(paths.unwrap_or_default());
    }
}

/// Adds `google.api`'s annotations where no source has them: protoc leaves imports out unless it is told otherwise.
fn add_annotations(builtin: Builtin, sets: &mut Vec<Set>) {
    let missing: Vec<&str> = compile::ANNOTATIONS
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| !sets.iter().any(|set| compile::has_file(&set.bytes, name)))
        .collect();
    if let Some(bytes) = compile::annotations(&missing, builtin) {
        let name = "the built-in google.api".to_owned();
        sets.push(Set { input: None, name, bytes, paths: HashMap::new() });
    }
}
