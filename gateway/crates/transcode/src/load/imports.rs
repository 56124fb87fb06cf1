//! Which file sees which: imports, public imports, and when two files are the same.

use std::collections::HashMap;

use super::{
    Loaded,
    editions::json_name,
    raw::{Field, File, MessageType},
};
use crate::LoadErrorKind;

/// How many files may be seen through public imports, all files together. A real set has a few.
const MAX_PUBLIC: usize = 1_000_000;

/// Proves that all imports are there and go in no circle, and makes public imports plain ones.
///
/// prost-reflect follows public imports one level deep only, and forever if they go in a circle.
pub(super) fn resolve(
    files: &mut [Loaded],
    names: &HashMap<String, usize>,
) -> Result<(), (usize, LoadErrorKind)> {
    let mut imports = Vec::with_capacity(files.len());
    for (index, loaded) in files.iter().enumerate() {
        imports.push(find(&loaded.file, names).map_err(|kind| (index, kind))?);
    }
    let order = order(&imports).map_err(|at| (at, LoadErrorKind::ImportCycle(name(files, at))))?;
    let mut public: Vec<Vec<usize>> = vec![Vec::new(); files.len()];
    let mut total = 0;
    for index in order {
        let (mut seen, mut passed_on) = (Vec::new(), Vec::new());
        for import in imports.get(index).into_iter().flatten() {
            let through = public.get(import.file).into_iter().flatten();
            if import.is_public {
                passed_on.push(import.file);
                passed_on.extend(through.clone());
            }
            seen.push(import.file);
            seen.extend(through);
        }
        dedup(&mut seen);
        dedup(&mut passed_on);
        total += seen.len() + passed_on.len();
        if total > MAX_PUBLIC {
            return Err((index, LoadErrorKind::Invalid("too many public imports".to_owned())));
        }
        let dependency: Vec<String> = seen.iter().map(|file| name(files, *file)).collect();
        if let (Some(loaded), Some(slot)) = (files.get_mut(index), public.get_mut(index)) {
            loaded.file.dependency = dependency;
            loaded.file.public_dependency = Vec::new();
            loaded.file.option_dependency = Vec::new();
            *slot = passed_on;
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Import {
    file: usize,
    is_public: bool,
}

fn find(file: &File, names: &HashMap<String, usize>) -> Result<Vec<Import>, LoadErrorKind> {
    let mut imports = Vec::new();
    for (position, import) in (0i32..).zip(&file.dependency) {
        let found = names.get(import).ok_or_else(|| LoadErrorKind::MissingImport(import.clone()))?;
        imports.push(Import { file: *found, is_public: file.public_dependency.contains(&position) });
    }
    // Files that are imported for their options alone need not be there.
    let for_options = file.option_dependency.iter().filter_map(|import| names.get(import));
    imports.extend(for_options.map(|file| Import { file: *file, is_public: false }));
    Ok(imports)
}

/// Imported files before the files that import them; an index on a circle if there is one.
fn order(imports: &[Vec<Import>]) -> Result<Vec<usize>, usize> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done,
    }
    let mut states = vec![State::New; imports.len()];
    let mut order = Vec::with_capacity(imports.len());
    for root in 0..imports.len() {
        // A stack of our own: imports can nest deeper than the machine's stack.
        let mut stack = vec![(root, 0)];
        while let Some((file, next)) = stack.pop() {
            let Some(state) = states.get_mut(file) else { continue };
            if *state == State::Done {
                continue;
            }
            *state = State::Open;
            match imports.get(file).and_then(|imports| imports.get(next)) {
                Some(import) => {
                    stack.push((file, next + 1));
                    match states.get(import.file) {
                        Some(State::Open) => return Err(import.file),
                        Some(State::New) => stack.push((import.file, 0)),
                        _ => {}
                    }
                }
                None => {
                    *state = State::Done;
                    order.push(file);
                }
            }
        }
    }
    Ok(order)
}

fn name(files: &[Loaded], index: usize) -> String {
    files.get(index).map(|loaded| loaded.name().to_owned()).unwrap_or_default()
}

fn dedup(files: &mut Vec<usize>) {
    files.sort_unstable();
    files.dedup();
}

/// The full names that a file defines at its top level.
pub(super) fn symbols(file: &File) -> Vec<String> {
    let package = file.package.as_deref().unwrap_or_default();
    let messages = file.messages.iter().map(|message| &message.name);
    let enums = file.enums.iter().map(|descriptor| &descriptor.name);
    let names = messages.chain(enums).flatten();
    names.map(|name| if package.is_empty() { name.clone() } else { format!("{package}.{name}") }).collect()
}

/// Whether two files mean the same: comments and options of the file (for code generators) aside.
pub(super) fn same(one: &File, other: &File) -> bool {
    essence(one) == essence(other)
}

fn essence(file: &File) -> File {
    let mut file = file.clone();
    file.source_code_info = Vec::new();
    file.options = Vec::new();
    file.syntax = file.syntax.filter(|syntax| !syntax.is_empty() && syntax != "proto2");
    file.extensions.iter_mut().for_each(name_in_json);
    file.messages.iter_mut().for_each(name_in_json_all);
    file
}

/// Some compilers write the JSON names that follow from the names, some do not.
fn name_in_json(field: &mut Field) {
    field.json_name = Some(json_name(field));
}

fn name_in_json_all(message: &mut MessageType) {
    message.fields.iter_mut().chain(&mut message.extensions).for_each(name_in_json);
    message.messages.iter_mut().for_each(name_in_json_all);
}
