//! Descriptor sources: loaded, and their mistakes told where the file names them.

mod reflected;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use transcode::{LoadError, LoadErrorKind, Schema};

use super::is_lost;
use super::routes::Taking;
use super::upstreams::Upstreams;
use crate::config::diagnostic::{Code, Diagnostic, FileId, Place, Severity};
use crate::config::files::File;
use crate::config::raw::{At, RawDescriptor};
use crate::config::{Before, Context, Watched};
use crate::descriptors::{
    self, Content, Digest, Input, Made, ProtoError, Reflected, SourceError, SourceErrorKind,
    SourceWarningKind,
};

/// What the sources came to.
#[derive(Debug, Default)]
pub(super) struct Descriptors {
    /// All types; nothing when a source is broken, so that nothing is said about names that might be in it.
    pub(super) schema: Option<Arc<Schema>>,
    /// What they are made of.
    pub(super) digest: Digest,
    /// Where compiled .proto files are, by the names that descriptors know them by.
    pub(super) proto_files: HashMap<String, PathBuf>,
    /// What upstreams have told of themselves.
    pub(super) reflected: IndexMap<Arc<str>, Reflected>,
    /// Those of them that have changed since the running configuration.
    pub(super) changed: IndexMap<Arc<str>, Reflected>,
    /// The upstreams that are asked, whether they answer or not.
    pub(super) asked: Vec<Arc<str>>,
    /// Those that did not answer, and never have.
    pub(super) silent: Vec<Arc<str>>,
    /// The services that a server has and that do not link.
    left_out: Vec<String>,
}

/// The sources that the files name: what is read, and what servers have answered.
#[derive(Debug)]
pub(super) struct Sources {
    inputs: Vec<Input>,
    places: Vec<Place>,
    /// The places of the folders for imports.
    folders_at: HashMap<PathBuf, Place>,
    told: reflected::Told,
}

/// Gathers the sources of all files, and asks those that are servers. `None` when there are none.
pub(super) fn sources(
    files: &[File],
    upstreams: &Upstreams,
    before: Option<&Before<'_>>,
    context: &mut Context,
) -> Option<Sources> {
    let mut inputs: Vec<Input> = Vec::new();
    let mut places: Vec<Place> = Vec::new();
    let mut folders_at: HashMap<PathBuf, Place> = HashMap::new();
    let mut servers: Vec<&At<String>> = Vec::new();
    for file in files {
        for source in &file.raw.descriptors {
            let (at, imports) = match source {
                RawDescriptor::Path { path, imports } => (path, imports),
                RawDescriptor::Reflection(at) => {
                    match servers.iter().find(|other| other.value == at.value) {
                        Some(first) => context.push(named_again(at, Some(first.place))),
                        None => servers.push(at),
                    }
                    continue;
                }
            };
            let folders: Vec<PathBuf> = imports.iter().map(|folder| file.path(&folder.value)).collect();
            folders_at.extend(folders.iter().cloned().zip(imports.iter().map(|folder| folder.place)));
            let input = Input::path(at.value.clone(), file.path(&at.value));
            if let Some(first) = inputs.iter().position(|other| other.content == input.content) {
                context.push(named_again(at, places.get(first).copied()));
                if let Some(first) = inputs.get_mut(first) {
                    first.imports.extend(folders);
                }
                continue;
            }
            inputs.push(input.with_imports(folders));
            places.push(at.place);
        }
    }
    if inputs.is_empty() && servers.is_empty() && none(files, context) {
        return None;
    }
    let told = reflected::ask(&servers, upstreams, before, context);
    Some(Sources { inputs, places, folders_at, told })
}

impl Sources {
    /// Loads what the sources hold.
    pub(super) fn load(&mut self, before: Option<&Before<'_>>, context: &mut Context) -> Descriptors {
        let (mut inputs, mut places) = (self.inputs.clone(), self.places.clone());
        for answer in &self.told.answers {
            let name = format!("reflection of {}", answer.upstream);
            inputs.push(Input::reflected(name, answer.used.clone()));
            places.push(answer.place);
        }
        let made =
            before.map(|before| Made { schema: &before.config.schema, of: before.config.schema_digest });
        let mut loaded = descriptors::load_after(&inputs, made);
        if let Some(before) = before
            && keep_known(&loaded.errors, &mut inputs, &mut self.told, before, context)
        {
            loaded = descriptors::load_after(&inputs, made);
        }
        context.watch.extend(loaded.watch.into_iter().map(Watched::of));
        let mut left_out = Vec::new();
        let mut texts = HashMap::new();
        for warning in loaded.warnings {
            let Some((input, place)) = inputs.get(warning.input).zip(places.get(warning.input)) else {
                continue;
            };
            let newer = |index: usize| Some((inputs.get(index)?, *places.get(index)?));
            let diagnostic = match warning.kind {
                SourceWarningKind::Proto(error) => {
                    proto_finding(*error, Some(*place), Severity::Warning, &mut texts, context)
                }
                SourceWarningKind::Unlinked { error, services } => {
                    left_out.extend(services.iter().cloned());
                    unlinked(error, &services, input).at(*place, "named here")
                }
                SourceWarningKind::Older { file, newer: index } => {
                    older(&file, input, newer(index)).at(*place, "named here")
                }
            };
            context.push(diagnostic);
        }
        for error in loaded.errors {
            if let SourceErrorKind::NoImports(folder, text) = &error.kind {
                context.push(no_imports(folder, text, self.folders_at.get(folder).copied()));
                continue;
            }
            let input = error.input.and_then(|index| Some((inputs.get(index)?, *places.get(index)?)));
            let other = conflicting(&error, &inputs, &places);
            let diagnostic = finding(error, input, &mut texts, context);
            context.push(match other {
                Some(place) => diagnostic.and_at(place, "differs from this one"),
                None => diagnostic,
            });
        }
        let answers = self.told.answers.iter();
        let changed = answers.clone().filter(|answer| answer.previous.is_some());
        let named = |answer: &reflected::Answer| (Arc::clone(&answer.upstream), answer.used.clone());
        Descriptors {
            schema: loaded.schema.filter(|_| !self.told.is_broken),
            digest: loaded.digest,
            proto_files: loaded.proto_files,
            reflected: answers.map(named).collect(),
            changed: changed.map(named).collect(),
            asked: self.told.asked.clone(),
            silent: self.told.silent.clone(),
            left_out,
        }
    }

    /// Goes back to what servers described before, and tells why. Returns whether anything is different now.
    pub(super) fn hold(&mut self, takings: &[Taking], context: &mut Context) -> bool {
        self.told.hold(takings, context)
    }
}

/// Where what a server says now contradicts another source, and what it said before did not: takes that back. Otherwise the
/// server would block every later change of the configuration. Returns whether there was something to take back.
fn keep_known(
    errors: &[SourceError],
    inputs: &mut [Input],
    told: &mut reflected::Told,
    before: &Before<'_>,
    context: &mut Context,
) -> bool {
    let conflict = |error: &SourceError| match &error.kind {
        SourceErrorKind::Load(LoadError { kind: LoadErrorKind::Conflict(other), file, .. }) => {
            Some((error.input, other.clone(), file.clone().unwrap_or_default()))
        }
        _ => None,
    };
    let Some(conflicts) = errors.iter().map(conflict).collect::<Option<Vec<_>>>() else { return false };
    // The servers come behind the files.
    let first = inputs.len().saturating_sub(told.answers.len());
    let mut any = false;
    for (index, answer) in told.answers.iter_mut().enumerate() {
        let index = first + index;
        let known = before.config.reflected.get(&answer.upstream).filter(|known| **known != answer.used);
        let (Some(known), Some(input)) = (known, inputs.get_mut(index)) else { continue };
        let is_meant =
            |(one, other, _): &&(Option<usize>, String, String)| *one == Some(index) || *other == input.name;
        let Some((_, _, file)) = conflicts.iter().find(is_meant) else { continue };
        let message = format!(
            "the new descriptors of `{}` cannot be used: {file} contradicts another source",
            answer.upstream
        );
        context.push(
            Diagnostic::warning(Code::DescriptorsConflict, message)
                .at(answer.place, "the descriptors of before stay"),
        );
        input.content = Content::Reflected(known.clone());
        answer.used = known.clone();
        answer.previous = None;
        any = true;
    }
    any
}

/// Services of a server are left out because one of their files does not link.
fn unlinked(error: LoadError, services: &[String], input: &Input) -> Diagnostic {
    let source = source_name(input);
    let file = error.file.unwrap_or_default();
    let message = match services {
        [] => format!("a file of {source} is left out: {file} {}", error.kind),
        [service] => format!("`{service}` of {source} is left out: {file} {}", error.kind),
        [first, rest @ ..] => {
            let n = rest.len();
            format!("`{first}` and {n} more services of {source} are left out: {file} {}", error.kind)
        }
    };
    let mut diagnostic = Diagnostic::warning(Code::DescriptorsUnlinked, message);
    if !services.is_empty() {
        diagnostic =
            diagnostic.with_note("its routes answer 503; the other services of the server are served");
    }
    let diagnostic = services.iter().skip(1).fold(diagnostic, |diagnostic, service| {
        diagnostic.with_note(format!("`{service}` is left out, too"))
    });
    diagnostic.with_help("the server lacks a file that it was built from; to serve all of it, name a source that has the file, or a descriptor set")
}

/// Of two versions of a file, the newer one is used for both sources.
fn older(file: &str, input: &Input, newer: Option<(&Input, Place)>) -> Diagnostic {
    let source = source_name(input);
    let name = newer.map_or_else(|| "another source".to_owned(), |(input, _)| source_name(input));
    let message = format!("{file} of {source} is older than that of {name}, which is used for both");
    let diagnostic = Diagnostic::warning(Code::DescriptorsConflict, message)
        .with_note("the newer one has all that the older one has");
    match newer {
        Some((_, place)) => diagnostic.and_at(place, "has the newer one"),
        None => diagnostic,
    }
}

/// The place of the other source of a conflict.
fn conflicting(error: &SourceError, inputs: &[Input], places: &[Place]) -> Option<Place> {
    let SourceErrorKind::Load(LoadError { kind: LoadErrorKind::Conflict(other), .. }) = &error.kind else {
        return None;
    };
    let index = inputs.iter().position(|input| input.name == *other)?;
    places.get(index).copied()
}

fn named_again(at: &At<String>, first: Option<Place>) -> Diagnostic {
    let diagnostic = Diagnostic::warning(Code::DuplicateKey, format!("`{}` is named twice", at.value))
        .at(at.place, "again here")
        .with_help("remove one of them");
    match first {
        Some(place) => diagnostic.and_at(place, "first here"),
        None => diagnostic,
    }
}

/// Tells when something needs descriptors and there are none: without them there are no methods to call.
fn none(files: &[File], context: &mut Context) -> bool {
    // What is wrong with a list that came to nothing has been told, unless it is simply empty.
    let empty = files.iter().find_map(|file| file.raw.key("descriptors"));
    let told = empty.is_some() && context.found.iter().any(|finding| finding.severity == Severity::Error)
        || is_lost(files, "descriptors");
    let needed = files.iter().find(|file| !file.raw.routes.is_empty() || !file.raw.services.is_empty());
    let Some(file) = needed else { return false };
    if !told {
        let place = empty.or_else(|| file.raw.key("routes")).or_else(|| file.raw.key("services"));
        let mut diagnostic = Diagnostic::error(Code::NoDescriptors, "nothing describes the gRPC services")
            .with_help("add `descriptors: [shop.binpb]` (made by protoc, buf or `gateway descriptors`) or `descriptors: [proto/]`");
        if let Some(place) = place {
            diagnostic =
                diagnostic.at(place, if empty.is_some() { "names none" } else { "needs descriptors" });
        }
        context.push(diagnostic);
    }
    true
}

/// A source as findings call it.
fn source_name(input: &Input) -> String {
    match &input.content {
        Content::Path(path) => format!("`{}`", path.display()),
        Content::Reflected(_) => format!("the {}", input.name),
    }
}

fn finding(
    error: SourceError,
    input: Option<(&Input, Place)>,
    texts: &mut HashMap<PathBuf, FileId>,
    context: &mut Context,
) -> Diagnostic {
    let name = input.map_or_else(|| "the descriptors".to_owned(), |(input, _)| source_name(input));
    let place = input.map(|(_, place)| place);
    let diagnostic = match error.kind {
        SourceErrorKind::Unreadable(text) => {
            let text = text.split(" (os error").next().unwrap_or("").to_lowercase();
            Diagnostic::error(Code::FileUnreadable, format!("cannot read {name}: {text}"))
                .with_help("relative paths count from the folder of this file")
        }
        SourceErrorKind::NoProtoFiles => {
            Diagnostic::error(Code::BadDescriptors, format!("{name} holds no .proto file"))
                .with_help("name the folder that the imports of your .proto files count from")
        }
        SourceErrorKind::Empty => Diagnostic::error(Code::BadDescriptors, format!("{name} is empty"))
            .with_help("make it again: `gateway descriptors`, `buf build -o` and `protoc --include_imports -o` write descriptor sets"),
        SourceErrorKind::NoImports(folder, text) => return no_imports(&folder, &text, place),
        SourceErrorKind::Proto(error) => return proto_finding(*error, place, Severity::Error, texts, context),
        SourceErrorKind::Load(error) => load_finding(&name, error),
    };
    match place {
        Some(place) => diagnostic.at(place, "named here"),
        None => diagnostic,
    }
}

fn no_imports(folder: &Path, text: &str, place: Option<Place>) -> Diagnostic {
    let message = format!("cannot read the folder for imports `{}`: {text}", folder.display());
    let diagnostic = Diagnostic::error(Code::FileUnreadable, message)
        .with_help("relative paths count from the folder of this file");
    match place {
        Some(place) => diagnostic.at(place, "named here"),
        None => diagnostic,
    }
}

/// A mistake in a .proto file is shown there, with the place that names the source beside it.
fn proto_finding(
    error: ProtoError,
    named: Option<Place>,
    severity: Severity,
    texts: &mut HashMap<PathBuf, FileId>,
    context: &mut Context,
) -> Diagnostic {
    let diagnostic = match severity {
        Severity::Error => Diagnostic::error(Code::ProtoSyntax, error.message),
        Severity::Warning | Severity::Note => Diagnostic::warning(Code::ProtoSyntax, error.message),
    };
    let mut diagnostic = diagnostic.with_help_if(error.help);
    let Some(range) = error.at.filter(|_| !error.text.is_empty()) else {
        let diagnostic = diagnostic.with_note(format!("in {}", error.path.display()));
        return match named {
            Some(place) => diagnostic.at(place, "compiled because it is named here"),
            None => diagnostic,
        };
    };
    let file = *texts
        .entry(error.path)
        .or_insert_with_key(|path| context.sources.add(path.display().to_string(), error.text));
    diagnostic = diagnostic.at(Place::of(file, range), error.label);
    match named {
        Some(place) => diagnostic.and_at(place, "compiled because it is named here"),
        None => diagnostic,
    }
}

fn load_finding(name: &str, error: LoadError) -> Diagnostic {
    let inside = match (&error.file, &error.symbol) {
        (Some(file), Some(symbol)) => format!(" in {file}, {symbol}:"),
        (Some(file), None) => format!(" in {file}:"),
        (None, Some(symbol)) => format!(" in {symbol}:"),
        (None, None) => String::new(),
    };
    let kind = &error.kind;
    let (code, help) = match kind {
        LoadErrorKind::Malformed(_) => (
            Code::BadDescriptors,
            "a descriptor set is what `gateway descriptors`, `buf build -o` or `protoc --include_imports -o` writes; .proto files end in .proto",
        ),
        LoadErrorKind::MissingImport(_) => (
            Code::DescriptorsUnlinked,
            "make the set with its imports (protoc: --include_imports), or name a source that has the file",
        ),
        LoadErrorKind::Conflict(_) => {
            (Code::DescriptorsConflict, "make both sources from the same .proto files, or remove one")
        }
        _ => (Code::DescriptorsUnlinked, "make the set again from .proto files that compile"),
    };
    Diagnostic::error(code, format!("cannot use {name}:{inside} {kind}")).with_help(help)
}

impl Descriptors {
    /// Whether a service that is not here may be described later: a server has not answered so far, or what it has sent of
    /// the service does not link. Either has been reported.
    pub(super) fn may_come(&self, service: &str) -> bool {
        let is_here = |schema: &Arc<Schema>| schema.pool().get_service_by_name(service).is_some();
        self.schema.as_ref().is_some_and(|schema| !is_here(schema))
            && (!self.silent.is_empty() || self.left_out.iter().any(|other| other == service))
    }

    /// The line of a .proto file as a place, when its text is at hand.
    pub(super) fn place(&self, file: &str, line: u32, context: &mut Context) -> Option<Place> {
        let path = self.proto_files.get(file).filter(|_| line > 0)?;
        let name = path.display().to_string();
        let id = match context.sources.find(&name) {
            Some(id) => id,
            None => context.sources.add(name, descriptors::proto_text(path)?),
        };
        Some(context.sources.line_of(id, line))
    }
}
