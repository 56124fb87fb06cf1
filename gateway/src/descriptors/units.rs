//! Which .proto files are compiled together: all, unless two folders have different files of one name.
//!
//! Then each folder is a unit of its own, in which its own files come before those of others.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use prost::Message as _;

use super::compile::PlacedFile;
use super::file_set::{FileSet, Head};

/// Files that are compiled together.
pub(super) struct Unit {
    /// The folder, when there are several units.
    pub(super) folder: Option<String>,
    pub(super) files: Vec<PlacedFile>,
}

/// Divides the files.
pub(super) fn units(files: Vec<PlacedFile>) -> Vec<Unit> {
    let mut folders: Vec<PathBuf> = Vec::new();
    for file in &files {
        if !folders.contains(&file.root) {
            folders.push(file.root.clone());
        }
    }
    if folders.len() < 2 || !any_differ(&files) {
        return vec![Unit { folder: None, files }];
    }
    let mut by_folder: HashMap<PathBuf, Vec<PlacedFile>> = HashMap::new();
    for file in files {
        by_folder.entry(file.root.clone()).or_default().push(file);
    }
    let unit = |folder: PathBuf| {
        let files = by_folder.remove(&folder)?;
        Some(Unit { folder: Some(folder.display().to_string()), files })
    };
    folders.into_iter().filter_map(unit).collect()
}

/// Whether two folders have files of one name that differ. Files beside one that is named may be imported.
fn any_differ(files: &[PlacedFile]) -> bool {
    let mut known: HashMap<PathBuf, PathBuf> = HashMap::new();
    let mut differs = |folder: &Path, path: PathBuf| {
        let name = path.strip_prefix(folder).unwrap_or(&path).to_owned();
        match known.get(&name) {
            Some(other) if *other == path => false,
            Some(other) => std::fs::read(other).ok() != std::fs::read(&path).ok(),
            None => {
                known.insert(name, path);
                false
            }
        }
    };
    let named = files.iter().map(|file| (file.root.clone(), file.path.clone()));
    let mut singles: Vec<&PathBuf> = Vec::new();
    for file in files.iter().filter(|file| file.is_single) {
        if !singles.contains(&&file.root) {
            singles.push(&file.root);
        }
    }
    let beside = singles.into_iter().flat_map(|folder| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let protos = entries.map(|entry| entry.path());
        let protos = protos.filter(|path| path.extension().is_some_and(|extension| extension == "proto"));
        protos.filter(|path| path.is_file()).map(|path| (folder.clone(), path)).collect::<Vec<_>>()
    });
    let beside: Vec<_> = beside.collect();
    named.chain(beside).any(|(folder, path)| differs(&folder, path))
}

/// One set of several, each file once.
pub(super) fn join(sets: Vec<Vec<u8>>) -> Vec<u8> {
    let mut sets = sets.into_iter();
    let Some(first) = sets.next() else { return Vec::new() };
    if sets.len() == 0 {
        return first;
    }
    let mut names = HashSet::new();
    let all = std::iter::once(first).chain(sets);
    let files = all.filter_map(|set| FileSet::decode(set.as_slice()).ok()).flat_map(|set| set.files);
    let files = files.filter(|file| Head::decode(file.as_slice()).is_ok_and(|head| names.insert(head.name)));
    FileSet { files: files.collect() }.encode_to_vec()
}
