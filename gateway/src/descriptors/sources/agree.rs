//! Files of one name in several sources: settled before they are linked, and reported by the inputs that they came from.

use std::path::Path;

use super::{
    Content, Input, Loaded, Set, SourceError, SourceErrorKind, SourceWarning, SourceWarningKind, is_reflected,
};
use crate::descriptors::reconcile::{self, Outcome, Source};

/// Settles what the sources have under one name and differently.
pub(super) fn agree(inputs: &[Input], sets: &mut [Set], loaded: &mut Loaded) {
    let reflected: Vec<bool> = sets.iter().map(|set| is_reflected(inputs, set)).collect();
    let labels: Vec<String> = sets.iter().map(|set| label(&set.name).to_owned()).collect();
    let sources = sets.iter_mut().zip(&labels).zip(reflected);
    let mut sources: Vec<Source<'_>> = sources
        .map(|((set, label), is_reflected)| Source { label, is_reflected, set: &mut set.bytes })
        .collect();
    for outcome in reconcile::reconcile(&mut sources) {
        match outcome {
            Outcome::Renamed { source, file, new_name } => {
                let Some(set) = sets.get_mut(source) else { continue };
                if let Some(path) = set.paths.remove(&file) {
                    set.paths.insert(new_name, path);
                }
            }
            Outcome::Newer { file, older, newer } => {
                let input = |index: usize| sets.get(index).and_then(|set| input_of(inputs, set, &file));
                if let (Some(older), Some(newer)) = (input(older), input(newer)) {
                    let kind = SourceWarningKind::Older { file: file.clone(), newer };
                    loaded.warnings.push(SourceWarning { input: older, kind });
                }
            }
            Outcome::Conflict { file, first, second } => {
                let input = |index: usize| sets.get(index).and_then(|set| input_of(inputs, set, &file));
                let name = |input: Option<usize>| {
                    input.and_then(|input| inputs.get(input)).map_or("another source", |input| &input.name)
                };
                let (first, second) = (input(first), input(second));
                let error = reconcile::conflict(file.clone(), name(second), name(first));
                loaded.errors.push(SourceError { input: second, kind: SourceErrorKind::Load(error) });
            }
        }
    }
}

/// What the files of a source are told apart by.
fn label(source: &str) -> &str {
    let name = source.strip_prefix("reflection of ").unwrap_or(source);
    Path::new(name).file_name().and_then(|name| name.to_str()).unwrap_or(name)
}

/// The input that a file of a set came from: of compiled files, several may be in one set.
fn input_of(inputs: &[Input], set: &Set, file: &str) -> Option<usize> {
    let path = set.paths.get(file);
    let holds = |input: &Input| matches!((&input.content, path), (Content::Path(folder), Some(path)) if path.starts_with(folder));
    inputs.iter().position(holds).or(set.input)
}
