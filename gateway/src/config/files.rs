//! Reads the first file and everything that it includes, in order, each file once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::diagnostic::{Code, Diagnostic, FileId, Place};
use super::glob;
use super::raw::{
    At, Kind, RawFile, Reader, Secret, find_look_alikes, foreign_file, foreign_text, ignore_foreign,
    mask_unparsed, parse_masked,
};
use super::{Context, Watched};
use crate::descriptors::read_file;

/// A file that was read.
#[derive(Debug)]
pub(super) struct File {
    pub(super) id: FileId,
    /// What its relative paths count from.
    pub(super) folder: PathBuf,
    pub(super) raw: RawFile,
}

impl File {
    /// A path as this file means it.
    pub(super) fn path(&self, text: &str) -> PathBuf {
        self.folder.join(text)
    }
}

/// Whether a file says nothing: blank lines and comments.
fn is_empty(text: &str) -> bool {
    text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#'))
}

/// An empty file is never meant: it is one that an editor or a copy has only begun to write. Taken at its word it would
/// take every route away, or those of the included file.
fn empty(path: &Path, included: Option<Place>) -> Diagnostic {
    let diagnostic = Diagnostic::error(Code::EmptyFile, format!("{} is empty", path.display()));
    match included {
        Some(place) => diagnostic
            .at(place, "included here")
            .with_help("write what belongs there, or include it no more"),
        None => diagnostic.with_help("write at least `descriptors:`, `upstreams:`, `services:` and `routes:`; examples/minimal.yaml shows how"),
    }
}

/// The environment, as the file's `${VAR}` see it.
type Env<'e> = &'e dyn Fn(&str) -> Option<String>;

/// Reads the file and its includes. The first one is first; each include follows the file that includes it.
pub(super) fn read(path: &Path, env: Env<'_>, context: &mut Context) -> Vec<File> {
    let mut walk = Walk { env, context, files: Vec::new(), seen: HashMap::new() };
    walk.read(path, None);
    walk.files
}

struct Walk<'w> {
    env: Env<'w>,
    context: &'w mut Context,
    files: Vec<File>,
    /// Every file by its canonical path, and where it was included.
    seen: HashMap<PathBuf, Option<Place>>,
}

impl Walk<'_> {
    /// Whether what the file says is known; why not has been told. What is lost of its includes, it remembers itself.
    fn read(&mut self, path: &Path, included: Option<Place>) -> bool {
        self.context.watch.push(Watched::File(path.to_owned()));
        let canonical = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if let Some(first) = self.seen.get(&canonical) {
            let diagnostic = again(path, included, *first);
            self.context.push(diagnostic);
            return true;
        }
        self.seen.insert(canonical, included);
        let text = match read_text(path) {
            Ok(text) => text,
            Err(ReadError::Io(error)) => {
                self.context.push(unreadable(path, &error, included));
                return false;
            }
            Err(ReadError::NotUtf8(bytes)) => {
                self.not_utf8(path, &bytes, included);
                return false;
            }
        };
        if is_empty(&text) {
            self.context.push(empty(path, included));
            return false;
        }
        let id = self.context.sources.add(path.display().to_string(), text);
        let foreign = foreign_text(self.context.sources.text(id), id);
        let look_alikes = find_look_alikes(&self.context.sources, id);
        let raw = match parse_masked(&mut self.context.sources, id, Secret::Known) {
            Ok(node) if matches!(node.kind, Kind::Null) => {
                self.context.push(empty(path, included));
                return false;
            }
            Ok(mut node) => {
                // What is wrong besides follows from these.
                let is_mapping = matches!(node.kind, Kind::Map(_));
                if let Some(foreign) = foreign_file(&node).or_else(|| foreign.filter(|_| !is_mapping)) {
                    self.context.push(foreign);
                    return false;
                }
                if !look_alikes.is_empty() {
                    look_alikes.into_iter().for_each(|finding| self.context.push(finding));
                    return false;
                }
                let Context { sources, found, .. } = &mut *self.context;
                // Before variables are filled in: the documentation of an API may contain `${`.
                ignore_foreign(&mut node, &mut Reader::new(sources, found));
                let concealed = Reader::new(sources, found).interpolate(&mut node, self.env);
                for (place, text) in concealed {
                    sources.conceal(place, &text);
                    sources.conceal_everywhere(&text);
                }
                RawFile::read(&node, &mut Reader::new(sources, found))
            }
            Err(diagnostic) => {
                match foreign {
                    Some(foreign) => self.context.push(foreign),
                    None if look_alikes.is_empty() => self.context.push(*diagnostic),
                    None => look_alikes.into_iter().for_each(|finding| self.context.push(finding)),
                }
                return false;
            }
        };
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        let includes = raw.include.clone();
        let index = self.files.len();
        self.files.push(File { id, folder: folder.clone(), raw });
        for include in includes {
            if !self.include(&folder, &include)
                && let Some(file) = self.files.get_mut(index)
            {
                file.raw.lost.push("include");
            }
        }
        true
    }

    /// Shows the first byte that no UTF-8 text has, in its line.
    fn not_utf8(&mut self, path: &Path, bytes: &[u8], included: Option<Place>) {
        let at = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), |_| bytes.len());
        let message = format!("`{}` is not UTF-8 text", path.display());
        let mut finding = Diagnostic::error(Code::FileUnreadable, message);
        if matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) || bytes.contains(&0) {
            // There are no lines to show.
            finding = finding.with_help("save it as UTF-8: it is UTF-16, or no text at all");
            if let Some(place) = included {
                finding = finding.at(place, "included here");
            }
            self.context.push(finding);
            return;
        }
        let id = self.context.sources.add(path.display().to_string(), String::from_utf8_lossy(bytes));
        mask_unparsed(&mut self.context.sources, id);
        let place = Place::of(id, at..at + char::REPLACEMENT_CHARACTER.len_utf8());
        finding = finding.at(place, "this byte is not").with_help("save it as UTF-8");
        self.context.push(match included {
            Some(place) => finding.and_at(place, "included here"),
            None => finding,
        });
    }

    fn include(&mut self, folder: &Path, include: &At<String>) -> bool {
        let path = folder.join(&include.value);
        if !glob::is_pattern(&include.value) {
            return self.read(&path, Some(include.place));
        }
        let matches = glob::expand(&path);
        let folders = matches.folders.into_iter();
        self.context.watch.extend(folders.map(|(folder, pattern)| Watched::Names { folder, pattern }));
        self.context.watch.extend(matches.others.into_iter().map(Watched::File));
        if matches.files.is_empty() {
            self.context.push(
                Diagnostic::warning(Code::Include, format!("no file matches `{}`", include.value))
                    .at(include.place, "matches nothing")
                    .with_help("relative paths count from the folder of this file; `*` does not cross a `/`"),
            );
        }
        let mut whole = true;
        for file in matches.files {
            whole &= self.read(&file, Some(include.place));
        }
        whole
    }
}

/// Why a file has no text.
enum ReadError {
    Io(std::io::Error),
    /// What it holds instead.
    NotUtf8(Vec<u8>),
}

impl From<std::io::Error> for ReadError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

fn read_text(path: &Path) -> Result<String, ReadError> {
    let text = String::from_utf8(read_file(path)?).map_err(|error| ReadError::NotUtf8(error.into_bytes()))?;
    // What some editors add is no part of what is shown.
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    Ok(if text.contains("\r\n") { text.replace("\r\n", "\n") } else { text })
}

/// A system's error without its number.
pub(super) fn io_text(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((text, _)) => text.to_lowercase(),
        None => text,
    }
}

fn unreadable(path: &Path, error: &std::io::Error, included: Option<Place>) -> Diagnostic {
    let message = format!("cannot read `{}`: {}", path.display(), io_text(error));
    let mut diagnostic = Diagnostic::error(Code::FileUnreadable, message);
    if error.kind() == std::io::ErrorKind::IsADirectory && included.is_some() {
        diagnostic = diagnostic.with_help("for every file in a folder, write its name and /*.yaml");
    }
    if error.kind() == std::io::ErrorKind::NotFound && included.is_some() {
        diagnostic = diagnostic.with_help("relative paths count from the folder of this file");
    }
    match included {
        Some(place) => diagnostic.at(place, "included here"),
        None if error.kind() == std::io::ErrorKind::NotFound => {
            diagnostic.with_help("name the file with `-c FILE`; `gateway init` writes a first one")
        }
        None if error.kind() == std::io::ErrorKind::PermissionDenied => {
            diagnostic.with_help("let the user of the gateway read the file and enter its folders")
        }
        None => diagnostic,
    }
}

fn again(path: &Path, included: Option<Place>, first: Option<Place>) -> Diagnostic {
    let mut diagnostic =
        Diagnostic::warning(Code::Include, format!("`{}` is included again", path.display()))
            .with_help("a file is read once; remove this include");
    if let Some(place) = included {
        diagnostic = diagnostic.at(place, "ignored");
    }
    match first {
        Some(place) => diagnostic.and_at(place, "first included here"),
        None => diagnostic.with_note("it is the file that the configuration begins with"),
    }
}
