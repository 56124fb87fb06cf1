//! The folders that imports count from, and what a .proto file is called in them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use protofile::Content;

use super::compile::has_file;

/// The folders that imports count from: those that were named first, those for imports behind them.
#[derive(Debug, Default, Clone)]
pub(super) struct Roots {
    pub(super) named: Vec<PathBuf>,
    /// Folders whose files are compiled only when they are imported.
    pub(super) imports: Vec<PathBuf>,
}

impl Roots {
    fn all(&self) -> impl Iterator<Item = &PathBuf> {
        self.named.iter().chain(&self.imports)
    }

    pub(super) fn add_import(&mut self, folder: &Path) {
        if !self.imports.iter().any(|known| known == folder) {
            self.imports.push(folder.to_owned());
        }
    }

    /// The folder that the name of a file counts from: the innermost one for imports, else the innermost that is named.
    pub(super) fn of(&self, path: &Path) -> Option<&PathBuf> {
        let innermost = |folders: &'_ [PathBuf]| {
            let around = folders.iter().enumerate().filter(|(_, folder)| path.starts_with(folder));
            around.max_by_key(|(_, folder)| folder.components().count()).map(|(index, _)| index)
        };
        innermost(&self.imports)
            .and_then(|index| self.imports.get(index))
            .or_else(|| innermost(&self.named).and_then(|index| self.named.get(index)))
    }

    /// Whether a folder is only for imports.
    pub(super) fn is_for_imports(&self, folder: &Path) -> bool {
        self.imports.iter().any(|known| known == folder)
    }

    /// Finds the folder that the imports of a single file count from: one that is known, else the nearest above it in
    /// which all of them exist that are not elsewhere.
    pub(super) fn find_for(&mut self, path: &Path, known: &[&[u8]]) -> PathBuf {
        if let Some(root) = self.of(path) {
            return root.clone();
        }
        let parent = path.parent().map(Path::to_owned).unwrap_or_default();
        let text = super::read_file(path).unwrap_or_default();
        let imports = protofile::imports(&text);
        let is_elsewhere = |import: &&String| {
            protofile::builtin(import).is_some()
                || self.all().any(|root| root.join(import).is_file())
                || known.iter().any(|set| has_file(set, import))
        };
        let near: Vec<&String> = imports.iter().filter(|import| !is_elsewhere(import)).collect();
        let root =
            path.ancestors().skip(1).find(|folder| near.iter().all(|import| folder.join(import).is_file()));
        let root = root.map_or(parent, Path::to_owned);
        self.named.push(root.clone());
        root
    }
}

/// A file as its name in a folder has it.
pub(super) fn name_in(root: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = inside.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}

/// Finds files by their names: first in the folders, then in the descriptor sets. What is built in is the compiler's.
pub(super) struct Finder<'s> {
    roots: &'s Roots,
    sets: &'s [&'s [u8]],
    /// The files by name, and the names by file.
    pub(super) paths: HashMap<String, PathBuf>,
    names: HashMap<PathBuf, String>,
    /// Files that were read, and places where a file would be found before the one that was.
    pub(super) watch: Vec<PathBuf>,
}

impl<'s> Finder<'s> {
    pub(super) fn new(roots: &'s Roots, sets: &'s [&'s [u8]]) -> Self {
        Self { roots, sets, paths: HashMap::new(), names: HashMap::new(), watch: Vec::new() }
    }

    /// Notes where a file is that was named itself.
    pub(super) fn know(&mut self, name: &str, path: &Path) {
        self.names.insert(identity(path), name.to_owned());
        self.paths.insert(name.to_owned(), path.to_owned());
    }

    pub(super) fn find(&mut self, name: &str) -> Option<Content> {
        if let Some(path) = self.paths.get(name) {
            return Some(read(path));
        }
        let inside = !name.starts_with('/') && name.split('/').all(|part| part != "..");
        for root in self.roots.all().filter(|_| inside) {
            let path = root.join(name);
            self.watch.push(path.clone());
            if !path.is_file() {
                continue;
            }
            let identity = identity(&path);
            // Roots within roots: the same file by another name.
            if let Some(known) = self.names.get(&identity).filter(|known| *known != name) {
                return Some(Content::Same(known.clone()));
            }
            self.names.insert(identity, name.to_owned());
            let content = read(&path);
            self.paths.insert(name.to_owned(), path);
            return Some(content);
        }
        let file = self.sets.iter().find_map(|set| super::compile::file_of(set, name))?;
        Some(Content::Descriptor(file.to_vec()))
    }
}

/// What two paths of one file have in common.
fn identity(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn read(path: &Path) -> Content {
    match super::read_file(path) {
        Ok(bytes) => Content::Text(bytes),
        Err(error) => {
            let text = error.to_string();
            let text = text.split(" (os error").next().unwrap_or_default().to_lowercase();
            Content::Unreadable(format!("cannot read this file: {text}"))
        }
    }
}
