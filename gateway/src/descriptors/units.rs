//! Which .proto files are compiled together: all, unless two folders have different files of one name.
//!
//! Then each folder is a unit of its own, in which its own files come before those of others.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use prost::Message as _;

use super::compile::ProtoFile;
use super::file_set::{FileSet, Head};

/// Files that are compiled together.
pub(super) struct Unit {
    /// The folder, when there are several units.
    pub(super) folder: Option<String>,
    pub(super) files: Vec<ProtoFile>,
}

/// Divides the files.
pub(super) fn units(files: Vec<ProtoFile>) -> Vec<Unit> {
    let mut folders: Vec<PathBuf> = Vec::new();
    for file in &files {
        let folder = folder_of(file, &files);
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    if folders.len() < 2 || !any_differ(&folders, &files) {
        return vec![Unit { folder: None, files }];
    }
    let mut by_folder: HashMap<PathBuf, Vec<ProtoFile>> = HashMap::new();
    let of_each: Vec<PathBuf> = files.iter().map(|file| folder_of(file, &files)).collect();
    for (file, folder) in files.into_iter().zip(of_each) {
        by_folder.entry(folder).or_default().push(file);
    }
    let unit = |folder: PathBuf| {
        let files = by_folder.remove(&folder)?;
        Some(Unit { folder: Some(folder.display().to_string()), files })
    };
    folders.into_iter().filter_map(unit).collect()
}

/// The folder that a file's name counts from, as far as that is known before its imports are.
fn folder_of(file: &ProtoFile, files: &[ProtoFile]) -> PathBuf {
    if let Some(root) = &file.root {
        return root.clone();
    }
    let mut roots = files.iter().filter_map(|other| other.root.as_ref());
    let around = roots.find(|root| file.path.starts_with(root)).map(PathBuf::as_path);
    around.or_else(|| file.path.parent()).unwrap_or_else(|| Path::new("")).to_owned()
}

/// Whether two folders have files of one name that differ. Files beside one that is named may be imported.
fn any_differ(folders: &[PathBuf], files: &[ProtoFile]) -> bool {
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
    let of_roots = files.iter().filter_map(|file| Some((file.root.clone()?, file.path.clone())));
    let of_roots: Vec<(PathBuf, PathBuf)> = of_roots.collect();
    let roots: HashSet<PathBuf> = of_roots.iter().map(|(root, _)| root.clone()).collect();
    let beside = folders.iter().filter(|folder| !roots.contains(*folder)).flat_map(|folder| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let protos = entries.map(|entry| entry.path());
        let protos = protos.filter(|path| path.extension().is_some_and(|extension| extension == "proto"));
        protos.filter(|path| path.is_file()).map(|path| (folder.clone(), path)).collect::<Vec<_>>()
    });
    let beside: Vec<_> = beside.collect();
    of_roots.into_iter().chain(beside).any(|(folder, path)| differs(&folder, path))
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
