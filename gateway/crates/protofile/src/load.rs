//! Files → units, imports first → linked and checked → descriptors.

use std::collections::HashMap;

use prost::Message as _;

use crate::descriptor::{Field, File, Location, MessageType, SourceInfo, edition};
use crate::link::{Pool, Unit};
use crate::parse::parse;
use crate::place::Lines;
use crate::{Compiled, CompiledFile, Content, Mistake};

/// The file whose messages are the options of everything.
const DESCRIPTOR: &str = "google/protobuf/descriptor.proto";

/// Compiles the files of these names; `find` gives the content of a file by its name, for imports, too.
pub fn compile(names: &[String], find: &mut dyn FnMut(&str) -> Option<Content>) -> Compiled {
    let mut loading = Loading { find, pool: Pool::default(), names: HashMap::new(), mistakes: Vec::new() };
    loading.open(DESCRIPTOR);
    for name in names {
        loading.open(name);
    }
    let mut order = Vec::new();
    let mut states = vec![State::New; loading.pool.units.len()];
    for name in std::iter::once(DESCRIPTOR).chain(names.iter().map(String::as_str)) {
        if let Some(index) = loading.names.get(name).copied() {
            loading.order(index, &mut states, &mut order);
        }
    }
    loading.see(&order);
    loading.use_own_names();
    let Loading { mut pool, names: indices, mut mistakes, .. } = loading;
    link(&mut pool, &order);
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    let reports = std::mem::take(&mut pool.reports);
    for report in reports {
        let Some(unit) = pool.units.get(report.file).filter(|unit| unit.is_source) else { continue };
        let at = report.at.map(|at| in_text(&unit.text, at));
        let file = unit.file.name.clone().unwrap_or_default();
        let mistake = Mistake { file, message: report.message, at, help: report.help, missing: None };
        if report.is_warning { warnings.push(mistake) } else { mistakes.push(mistake) }
    }
    errors.append(&mut mistakes);
    let mut compiled = Compiled { files: Vec::new(), errors, warnings };
    if compiled.errors.is_empty() {
        let mut wanted = vec![false; pool.units.len()];
        for index in names.iter().filter_map(|name| indices.get(name)) {
            mark(&pool, &indices, *index, &mut wanted);
        }
        for index in order.into_iter().filter(|index| wanted.get(*index) == Some(&true)) {
            if let Some(unit) = pool.units.get_mut(index) {
                compiled.files.push(finish(unit));
            }
        }
    }
    compiled
}

/// The bytes of a text behind a byte order mark.
pub(crate) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// A range of bytes in the text that is shown: bytes that are not UTF-8 are longer there.
fn in_text(bytes: &[u8], at: std::ops::Range<usize>) -> std::ops::Range<usize> {
    if std::str::from_utf8(bytes).is_ok() {
        return at;
    }
    let shown = |end: usize| String::from_utf8_lossy(bytes.get(..end).unwrap_or(bytes)).len();
    shown(at.start)..shown(at.end)
}

struct Loading<'f> {
    find: &'f mut dyn FnMut(&str) -> Option<Content>,
    pool: Pool,
    names: HashMap<String, usize>,
    mistakes: Vec<Mistake>,
}

enum Read {
    Unit(Box<Unit>),
    /// It goes by another name.
    Same(String),
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    Open,
    Done,
}

impl Loading<'_> {
    /// Reads a file and all that it imports, without recursion: imports can be as deep as they like.
    fn open(&mut self, name: &str) {
        let mut wanted = vec![name.to_owned()];
        while let Some(name) = wanted.pop() {
            if self.names.contains_key(&name) {
                continue;
            }
            let unit = match self.read(&name) {
                Some(Read::Unit(unit)) => *unit,
                Some(Read::Same(other)) => {
                    self.open(&other);
                    if let Some(index) = self.names.get(&other).copied() {
                        self.names.insert(name, index);
                    }
                    continue;
                }
                None => continue,
            };
            wanted.extend(unit.file.dependency.iter().chain(&unit.file.option_dependency).rev().cloned());
            self.names.insert(name, self.pool.units.len());
            self.pool.units.push(unit);
        }
    }

    fn read(&mut self, name: &str) -> Option<Read> {
        let Some(content) = (self.find)(name) else {
            let text = crate::builtin(name)?;
            // Its source info would name a file that is nowhere.
            let unit = self.parse(name, text.as_bytes().to_vec());
            return Some(Read::Unit(Box::new(Unit { spots: Vec::new(), ..unit })));
        };
        let unit = match content {
            Content::Same(other) if other == name => return None,
            Content::Same(other) => return Some(Read::Same(other)),
            Content::Text(bytes) => self.parse(name, without_mark(&bytes).to_vec()),
            Content::Descriptor(bytes) => {
                let file = File::decode(&*bytes).unwrap_or_default();
                let edition = match (file.edition, file.syntax.as_deref()) {
                    (Some(edition), _) => edition,
                    (None, Some("proto3")) => edition::PROTO3,
                    _ => edition::PROTO2,
                };
                Unit { edition, ..unit(File { name: Some(name.to_owned()), ..file }) }
            }
            Content::Unreadable(message) => {
                self.mistakes.push(Mistake {
                    file: name.to_owned(),
                    message,
                    at: None,
                    help: None,
                    missing: None,
                });
                Unit { is_complete: false, ..unit(File { name: Some(name.to_owned()), ..File::default() }) }
            }
        };
        Some(Read::Unit(Box::new(unit)))
    }

    fn parse(&mut self, name: &str, text: Vec<u8>) -> Unit {
        let mut parsed = parse(name, &text);
        // What a mistake has left open ends with the text.
        for spot in &mut parsed.spots {
            spot.at.end = spot.at.end.min(text.len());
        }
        let is_complete = parsed.faults.is_empty();
        for fault in parsed.faults {
            self.mistakes.push(Mistake {
                file: name.to_owned(),
                message: fault.message,
                at: Some(in_text(&text, fault.at)),
                help: None,
                missing: None,
            });
        }
        Unit {
            file: parsed.file,
            edition: parsed.edition,
            options: parsed.options,
            stripped: Vec::new(),
            spots: parsed.spots,
            text,
            is_source: true,
            is_complete,
            visible: Vec::new(),
            for_options: Vec::new(),
        }
    }

    /// Imports before what imports them; reports those that are nowhere, and circles.
    fn order(&mut self, root: usize, states: &mut [State], order: &mut Vec<usize>) {
        let mut stack = vec![(root, 0usize)];
        while let Some((unit, next)) = stack.pop() {
            let Some(state) = states.get_mut(unit) else { continue };
            if *state == State::Done {
                continue;
            }
            *state = State::Open;
            let Some((path, import)) = self.import(unit, next) else {
                *state = State::Done;
                order.push(unit);
                continue;
            };
            stack.push((unit, next + 1));
            match self.names.get(&import).copied() {
                None => self.missing(unit, path, &import),
                Some(other) => match states.get(other) {
                    Some(State::Open) => self.circle(unit, path, &import),
                    Some(State::New) => stack.push((other, 0)),
                    _ => {}
                },
            }
        }
    }

    fn import(&self, unit: usize, index: usize) -> Option<([i32; 2], String)> {
        let file = &self.pool.units.get(unit)?.file;
        let position = i32::try_from(index).ok()?;
        if let Some(name) = file.dependency.get(index) {
            return Some(([3, position], name.clone()));
        }
        let index = index - file.dependency.len();
        let name = file.option_dependency.get(index)?;
        Some(([15, i32::try_from(index).ok()?], name.clone()))
    }

    fn missing(&mut self, unit: usize, path: [i32; 2], import: &str) {
        let at = self.pool.at(unit, &path);
        let Some(unit) = self.pool.units.get_mut(unit) else { return };
        unit.is_complete = false;
        if !unit.is_source {
            // The set was made without its imports: what it needs of them is in it already.
            return;
        }
        let help = crate::package_of(import).map(|package| {
            format!(
                "`{import}` is part of {package}: add its folder to `imports` (on the command line: `-I`)"
            )
        });
        self.mistakes.push(Mistake {
            file: unit.file.name.clone().unwrap_or_default(),
            message: format!("`{import}` is imported and not found"),
            at: at.map(|at| in_text(&unit.text, at)),
            help,
            missing: Some(import.to_owned()),
        });
    }

    fn circle(&mut self, unit: usize, path: [i32; 2], import: &str) {
        let message =
            format!("`{import}` imports this file, directly or by others: imports cannot form a circle");
        self.pool.report(unit, &path, message, None);
        if let Some(unit) = self.pool.units.get_mut(unit) {
            unit.is_complete = false;
        }
    }

    /// Imports by another name of a file become imports by its own.
    fn use_own_names(&mut self) {
        let own: Vec<Option<String>> = self.pool.units.iter().map(|unit| unit.file.name.clone()).collect();
        for unit in self.pool.units.iter_mut().filter(|unit| unit.is_source) {
            for name in unit.file.dependency.iter_mut().chain(&mut unit.file.option_dependency) {
                let index = self.names.get(name.as_str());
                if let Some(own) =
                    index.and_then(|index| own.get(*index)?.as_ref()).filter(|own| *own != name)
                {
                    name.clone_from(own);
                }
            }
        }
    }

    /// Which files see which, and which see all that they need.
    fn see(&mut self, order: &[usize]) {
        let mut public: Vec<Vec<usize>> = vec![Vec::new(); self.pool.units.len()];
        for index in order.iter().copied() {
            let Some(unit) = self.pool.units.get(index) else { continue };
            let (mut seen, mut passed_on, mut for_options) = (vec![index], Vec::new(), Vec::new());
            let mut is_complete = unit.is_complete;
            let complete = |other: usize| {
                self.pool.units.get(other).is_some_and(|unit| unit.is_complete || !unit.is_source)
            };
            for (at, name) in (0..).zip(&unit.file.dependency) {
                let Some(other) = self.names.get(name).copied() else { continue };
                is_complete &= complete(other);
                let through = public.get(other).into_iter().flatten();
                if unit.file.public_dependency.contains(&at) {
                    passed_on.push(other);
                    passed_on.extend(through.clone());
                }
                seen.push(other);
                seen.extend(through);
            }
            for other in unit.file.option_dependency.iter().filter_map(|name| self.names.get(name).copied()) {
                is_complete &= complete(other);
                for_options.push(other);
                for_options.extend(public.get(other).into_iter().flatten());
            }
            for list in [&mut seen, &mut passed_on, &mut for_options] {
                list.sort_unstable();
                list.dedup();
            }
            if let Some(slot) = public.get_mut(index) {
                *slot = passed_on;
            }
            if let Some(unit) = self.pool.units.get_mut(index) {
                unit.visible = seen;
                unit.for_options = for_options;
                unit.is_complete = is_complete;
            }
        }
    }
}

/// A file that is not compiled here.
fn unit(file: File) -> Unit {
    Unit {
        file,
        edition: edition::PROTO2,
        options: Vec::new(),
        stripped: Vec::new(),
        spots: Vec::new(),
        text: Vec::new(),
        is_source: false,
        is_complete: true,
        visible: Vec::new(),
        for_options: Vec::new(),
    }
}

/// Resolves everything, one step for all files after the other.
fn link(pool: &mut Pool, order: &[usize]) {
    for index in order.iter().copied() {
        pool.declare(index);
    }
    let linked = |pool: &Pool, index: usize| {
        pool.units.get(index).is_some_and(|unit| unit.is_source && unit.is_complete)
    };
    for index in order.iter().copied() {
        if linked(pool, index) {
            pool.resolve(index);
        } else if pool.units.get(index).is_some_and(|unit| !unit.is_source) {
            pool.number_extensions(index);
        }
    }
    pool.is_for_options = true;
    for index in order.iter().copied().filter(|index| linked(pool, *index)).collect::<Vec<_>>() {
        pool.interpret(index);
    }
    for index in order.iter().copied() {
        if pool.units.get(index).is_some_and(|unit| unit.is_source) {
            let is_linked = linked(pool, index);
            pool.check(index, is_linked);
        }
    }
}

/// Marks a file and all that it imports.
fn mark(pool: &Pool, names: &HashMap<String, usize>, root: usize, wanted: &mut [bool]) {
    let mut stack = vec![root];
    while let Some(index) = stack.pop() {
        match wanted.get_mut(index) {
            Some(is_wanted) if !*is_wanted => *is_wanted = true,
            _ => continue,
        }
        let Some(unit) = pool.units.get(index) else { continue };
        let imports = unit.file.dependency.iter().chain(&unit.file.option_dependency);
        stack.extend(imports.filter_map(|name| names.get(name)));
    }
}

/// The descriptor of a file, with JSON names and source info.
fn finish(unit: &mut Unit) -> CompiledFile {
    let mut file = std::mem::take(&mut unit.file);
    for stripped in std::mem::take(&mut unit.stripped) {
        stripped.apply(&mut file);
    }
    if unit.is_source {
        file.messages.iter_mut().for_each(name_in_json);
        file.extensions.iter_mut().for_each(name_field);
        file.source_code_info = (!unit.spots.is_empty()).then(|| source_info(unit));
    }
    CompiledFile { name: file.name.clone().unwrap_or_default(), descriptor: file.encode_to_vec() }
}

fn name_in_json(message: &mut MessageType) {
    message.fields.iter_mut().chain(&mut message.extensions).for_each(name_field);
    message.messages.iter_mut().for_each(name_in_json);
}

fn name_field(field: &mut Field) {
    let name = field.name.as_deref().unwrap_or_default();
    field.json_name.get_or_insert_with(|| crate::link::json_name(name));
}

/// Parts of options that were interpreted have no location.
fn source_info(unit: &mut Unit) -> SourceInfo {
    let lines = Lines::new(&unit.text);
    let location = std::mem::take(&mut unit.spots).into_iter().map(|spot| {
        let (start, end) = (lines.place(spot.at.start), lines.place(spot.at.end));
        let span = if start.0 == end.0 {
            vec![start.0, start.1, end.1]
        } else {
            vec![start.0, start.1, end.0, end.1]
        };
        Location {
            path: spot.path,
            span,
            leading: spot.comments.leading,
            trailing: spot.comments.trailing,
            detached: spot.comments.detached,
        }
    });
    SourceInfo { location: location.collect() }
}
