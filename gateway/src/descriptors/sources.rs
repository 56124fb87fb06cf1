//! Reads every source and merges them.

mod agree;
mod link;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use transcode::{LoadError, Schema};

use super::compile::{self, ProtoError, ProtoFile};
use super::reflection::{self, Reflected};
use super::roots::Roots;
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
    /// Folders that imports count from, too; their files are compiled only when they are imported.
    pub imports: Vec<PathBuf>,
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
        Self { name: name.into(), content: Content::Path(path.into()), imports: Vec::new() }
    }

    /// What a server has told.
    pub fn reflected(name: impl Into<String>, reflected: Reflected) -> Self {
        Self { name: name.into(), content: Content::Reflected(reflected), imports: Vec::new() }
    }

    /// The same with folders for imports.
    #[must_use]
    pub fn with_imports(self, imports: Vec<PathBuf>) -> Self {
        Self { imports, ..self }
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
    /// What is used, but not as it came or not as it is meant.
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
    /// A folder for imports that is none.
    #[error("the folder for imports `{0}` cannot be read: {1}")]
    NoImports(PathBuf, String),
    /// A .proto file does not compile.
    #[error(transparent)]
    Proto(Box<ProtoError>),
    /// The descriptors are not usable.
    #[error(transparent)]
    Load(LoadError),
}

/// Something about a source that the operator should know.
#[derive(Debug)]
pub struct SourceWarning {
    /// The index of the input.
    pub input: usize,
    /// What was done.
    pub kind: SourceWarningKind,
}

/// What was found or done.
#[derive(Debug)]
pub enum SourceWarningKind {
    /// A .proto file is probably not as it is meant.
    Proto(Box<ProtoError>),
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
    let Gathered { mut sets, protos, roots } = gather(inputs, &mut loaded);
    thin_out(inputs, &mut sets);
    if !protos.is_empty() {
        compile_protos(protos, roots, &mut loaded, &mut sets);
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
        add_annotations(&mut sets);
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
    let Gathered { mut sets, protos, roots } = gather(inputs, &mut loaded);
    let mut compiled = Vec::new();
    if loaded.errors.is_empty() {
        let known = sets.len();
        compile_protos(protos, roots, &mut loaded, &mut sets);
        compiled = sets.split_off(known);
        agree(inputs, &mut compiled, &mut loaded);
    }
    if !loaded.errors.is_empty() {
        return Err(loaded.errors);
    }
    let sets: Vec<Vec<u8>> = compiled.into_iter().map(|set| set.bytes).collect();
    Ok(units::join(sets))
}

/// What the inputs are, before anything is compiled.
#[derive(Default)]
struct Gathered {
    sets: Vec<Set>,
    protos: Vec<ProtoFile>,
    roots: Roots,
}

fn gather(inputs: &[Input], loaded: &mut Loaded) -> Gathered {
    let mut gathered = Gathered::default();
    for (index, input) in inputs.iter().enumerate() {
        for folder in &input.imports {
            loaded.watch.push(folder.clone());
            if let Err(error) = std::fs::read_dir(folder) {
                let kind = SourceErrorKind::NoImports(folder.clone(), plain(&error));
                loaded.errors.push(SourceError { input: Some(index), kind });
            }
            gathered.roots.add_import(folder);
        }
    }
    for (index, input) in inputs.iter().enumerate() {
        if let Err(kind) = read(index, input, loaded, &mut gathered) {
            loaded.errors.push(SourceError { input: Some(index), kind });
        }
    }
    gathered
}

/// An error of the system without its number.
fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

/// Reads one input: a set, or .proto files to be compiled together with the others.
fn read(
    index: usize,
    input: &Input,
    loaded: &mut Loaded,
    gathered: &mut Gathered,
) -> Result<(), SourceErrorKind> {
    let Gathered { sets, protos, roots } = gathered;
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
        find_protos(path, 0, roots, &mut loaded.watch, &mut files).map_err(unreadable)?;
        if files.is_empty() {
            return Err(SourceErrorKind::NoProtoFiles);
        }
        files.sort();
        roots.named.push(path.clone());
        // A folder within a folder that is named as well: its files are the same.
        files.retain(|file| !protos.iter().any(|other| other.path == *file));
        protos.extend(files.into_iter().map(|file| ProtoFile { input: index, path: file }));
    } else if path.extension().is_some_and(|extension| extension == "proto") {
        super::files::check_file(path).map_err(unreadable)?;
        if !protos.iter().any(|other| other.path == *path) {
            protos.push(ProtoFile { input: index, path: path.clone() });
        }
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
    roots: &Roots,
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
            if leads_back(&path, folder) || roots.is_for_imports(&path) {
                continue;
            }
            watch.push(path.clone());
            find_protos(&path, depth + 1, roots, watch, files)?;
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

fn compile_protos(protos: Vec<ProtoFile>, mut roots: Roots, loaded: &mut Loaded, sets: &mut Vec<Set>) {
    let known: Vec<Vec<u8>> = sets.iter().map(|set| set.bytes.clone()).collect();
    let known: Vec<&[u8]> = known.iter().map(Vec::as_slice).collect();
    let placed = compile::place(protos, &mut roots, &known);
    for unit in units::units(placed) {
        let folder = unit.folder;
        let compiled = compile::compile(unit.files, &roots, &known);
        loaded.watch.extend(compiled.watch);
        for (input, error) in compiled.errors {
            // A file that several units import is reported once.
            let is_known = |known: &SourceError| matches!(&known.kind, SourceErrorKind::Proto(known) if **known == error);
            if !loaded.errors.iter().any(is_known) {
                let kind = SourceErrorKind::Proto(Box::new(error));
                loaded.errors.push(SourceError { input: Some(input), kind });
            }
        }
        for (input, warning) in compiled.warnings {
            let is_known = |known: &SourceWarning| matches!(&known.kind, SourceWarningKind::Proto(known) if **known == warning);
            if !loaded.warnings.iter().any(is_known) {
                loaded
                    .warnings
                    .push(SourceWarning { input, kind: SourceWarningKind::Proto(Box::new(warning)) });
            }
        }
        match compiled.set {
            Some((input, name, bytes)) => sets.push(Set {
                input: Some(input),
                name: folder.unwrap_or(name),
                bytes,
                paths: compiled.files,
            }),
            // Where nothing was compiled, the places of errors are needed all the same.
            None => loaded.proto_files.extend(compiled.files),
        }
    }
}

/// Adds `google.api`'s annotations where no source has them: protoc leaves imports out unless it is told otherwise.
fn add_annotations(sets: &mut Vec<Set>) {
    let missing: Vec<&str> = compile::ANNOTATIONS
        .iter()
        .copied()
        .filter(|name| !sets.iter().any(|set| compile::has_file(&set.bytes, name)))
        .collect();
    if let Some(bytes) = compile::annotations(&missing) {
        let name = "the built-in google.api".to_owned();
        sets.push(Set { input: None, name, bytes, paths: HashMap::new() });
    }
}
