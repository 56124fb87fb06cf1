//! Files that see each other: the names that they declare, and what a name means where it is written.

mod resolve;
mod symbols;

use std::collections::HashMap;
use std::ops::Range;

use crate::descriptor::{EnumType, Field, File, MessageType};
use crate::parse::{RawOption, Spot};

pub(crate) use symbols::json_name;

/// What is wrong with a file.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub(crate) file: usize,
    pub(crate) at: Option<Range<usize>>,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    pub(crate) is_warning: bool,
}

/// A file among the others.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) file: File,
    pub(crate) edition: i32,
    pub(crate) options: Vec<RawOption>,
    /// What descriptors have in place of some options.
    pub(crate) stripped: Vec<crate::options::Stripped>,
    pub(crate) spots: Vec<Spot>,
    pub(crate) text: Vec<u8>,
    /// Compiled from text, and not a descriptor that was given.
    pub(crate) is_source: bool,
    /// All that it imports is there, and so on.
    pub(crate) is_complete: bool,
    /// The files whose names it sees, sorted: itself, its imports, and what these import publicly.
    pub(crate) visible: Vec<usize>,
    /// Those that it sees in its options alone, sorted.
    pub(crate) for_options: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Package,
    Message,
    Enum,
    EnumValue,
    Field,
    Extension,
    Oneof,
    Service,
    Method,
}

impl Sort {
    fn is_type(self) -> bool {
        matches!(self, Self::Message | Self::Enum)
    }

    /// Whether names can be inside of it.
    fn is_aggregate(self) -> bool {
        matches!(self, Self::Message | Self::Package | Self::Enum | Self::Service)
    }
}

/// What a full name stands for.
#[derive(Debug, Clone)]
pub(crate) struct Symbol {
    pub(crate) sort: Sort,
    pub(crate) file: usize,
    /// Its path in the file.
    pub(crate) path: Box<[i32]>,
}

/// All files, and all names.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    pub(crate) units: Vec<Unit>,
    symbols: HashMap<String, Symbol>,
    /// Extensions by what they extend and their number.
    extensions: HashMap<(String, i32), String>,
    pub(crate) reports: Vec<Report>,
    /// Whether names are looked up for options, for which files can be imported that are not seen otherwise.
    pub(crate) is_for_options: bool,
}

/// What a name came to.
pub(crate) enum Found<'p> {
    Symbol(String, &'p Symbol),
    /// The first part was found in an inner scope, and the rest not in it.
    Shadowed(String),
    /// A file has it which is not imported.
    NotImported(usize),
    Nothing,
}

impl Pool {
    pub(crate) fn report(&mut self, file: usize, path: &[i32], message: String, help: Option<String>) {
        let at = self.at(file, path);
        self.reports.push(Report { file, at, message, help, is_warning: false });
    }

    /// Where something is; the nearest thing around it that has a place.
    pub(crate) fn at(&self, file: usize, path: &[i32]) -> Option<Range<usize>> {
        let spots = &self.units.get(file)?.spots;
        (1..=path.len()).rev().find_map(|len| {
            let path = path.get(..len)?;
            spots.iter().find(|spot| spot.path == path).map(|spot| spot.at.clone())
        })
    }

    fn sees(&self, file: usize, other: usize) -> bool {
        self.units.get(file).is_some_and(|unit| {
            unit.visible.binary_search(&other).is_ok()
                || self.is_for_options && unit.for_options.binary_search(&other).is_ok()
        })
    }

    fn visible(&self, file: usize) -> impl Iterator<Item = &Unit> {
        let unit = self.units.get(file);
        let visible = unit.map_or(&[][..], |unit| &unit.visible);
        let for_options = unit.filter(|_| self.is_for_options).map_or(&[][..], |unit| &unit.for_options);
        visible.iter().chain(for_options).filter_map(|index| self.units.get(*index))
    }

    /// A full name, as this file sees it.
    fn find(&self, file: usize, name: &str) -> Result<&Symbol, Option<usize>> {
        let symbol = self.symbols.get(name).ok_or(None)?;
        let seen = match symbol.sort {
            // A package is there when a file that is seen is in it.
            Sort::Package => self.visible(file).any(|unit| is_in_package(&unit.file, name)),
            _ => self.sees(file, symbol.file),
        };
        if seen { Ok(symbol) } else { Err(Some(symbol.file)) }
    }

    /// What a name means in a scope: the innermost scope that has its first part decides.
    pub(crate) fn look_up(&self, file: usize, name: &str, scope: &str, types_only: bool) -> Found<'_> {
        let mut hidden = None;
        let mut find = |full: &str| match self.find(file, full) {
            Ok(symbol) => Some(symbol),
            Err(other) => {
                hidden = other.or(hidden);
                None
            }
        };
        if let Some(full) = name.strip_prefix('.') {
            return match find(full) {
                Some(symbol) => Found::Symbol(full.to_owned(), symbol),
                None => hidden.map_or(Found::Nothing, Found::NotImported),
            };
        }
        let first = name.split('.').next().unwrap_or(name);
        let mut scope = scope;
        while let Some((outer, _)) = scope.rsplit_once('.') {
            scope = outer;
            let candidate = format!("{scope}.{first}");
            let Some(symbol) = find(&candidate) else { continue };
            if first.len() == name.len() {
                if !types_only || symbol.sort.is_type() {
                    return Found::Symbol(candidate, symbol);
                }
            } else if symbol.sort.is_aggregate() {
                let full = format!("{scope}.{name}");
                return match find(&full) {
                    Some(symbol) => Found::Symbol(full, symbol),
                    None => Found::Shadowed(full),
                };
            }
        }
        match find(name) {
            Some(symbol) => Found::Symbol(name.to_owned(), symbol),
            None => hidden.map_or(Found::Nothing, Found::NotImported),
        }
    }

    pub(crate) fn symbol(&self, name: &str) -> Option<&Symbol> {
        self.symbols.get(name)
    }

    pub(crate) fn message(&self, name: &str) -> Option<&MessageType> {
        let symbol = self.symbols.get(name).filter(|symbol| symbol.sort == Sort::Message)?;
        message_at(&self.units.get(symbol.file)?.file, &symbol.path)
    }

    pub(crate) fn enumeration(&self, name: &str) -> Option<&EnumType> {
        let symbol = self.symbols.get(name).filter(|symbol| symbol.sort == Sort::Enum)?;
        enum_at(&self.units.get(symbol.file)?.file, &symbol.path)
    }

    pub(crate) fn extension(&self, name: &str) -> Option<&Field> {
        let symbol = self.symbols.get(name).filter(|symbol| symbol.sort == Sort::Extension)?;
        field_at(&self.units.get(symbol.file)?.file, &symbol.path)
    }

    /// Whether other files may use a message or enum.
    fn is_exported(&self, name: &str) -> bool {
        let Some(symbol) = self.symbols.get(name) else { return true };
        let Some(unit) = self.units.get(symbol.file) else { return true };
        let visibility = match symbol.sort {
            Sort::Message => message_at(&unit.file, &symbol.path).and_then(|message| message.visibility),
            _ => enum_at(&unit.file, &symbol.path).and_then(|descriptor| descriptor.visibility),
        };
        crate::features::is_exported(unit, visibility, symbol.path.len() > 2)
    }

    /// Reports that a name is not found.
    pub(crate) fn not_defined(
        &mut self,
        file: usize,
        at: Option<Range<usize>>,
        name: &str,
        found: &NotFound,
    ) {
        let (message, help) = match found {
            NotFound::Shadowed(full) => (
                format!("`{name}` means `{full}` here, which is not defined"),
                Some(format!(
                    "the innermost scope that has the first part of a name decides; `.{name}` begins at the outermost"
                )),
            ),
            NotFound::NotImported(other) => {
                let other =
                    self.units.get(*other).and_then(|unit| unit.file.name.clone()).unwrap_or_default();
                (
                    format!("`{name}` is declared in `{other}`, which this file does not import"),
                    Some(format!("add `import \"{other}\";`")),
                )
            }
            NotFound::Nothing => (format!("`{name}` is not defined"), None),
        };
        self.reports.push(Report { file, at, message, help, is_warning: false });
    }
}

/// Why a name was not found.
pub(crate) enum NotFound {
    Shadowed(String),
    NotImported(usize),
    Nothing,
}

fn is_in_package(file: &File, name: &str) -> bool {
    let package = file.package.as_deref().unwrap_or_default();
    package.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn item<T>(list: &[T], index: i32) -> Option<&T> {
    list.get(usize::try_from(index).ok()?)
}

fn item_mut<T>(list: &mut [T], index: i32) -> Option<&mut T> {
    list.get_mut(usize::try_from(index).ok()?)
}

pub(crate) fn message_at<'f>(file: &'f File, path: &[i32]) -> Option<&'f MessageType> {
    let [4, index, rest @ ..] = path else { return None };
    let mut message = item(&file.messages, *index)?;
    let mut rest = rest;
    while let [3, index, more @ ..] = rest {
        message = item(&message.messages, *index)?;
        rest = more;
    }
    rest.is_empty().then_some(message)
}

pub(crate) fn message_mut<'f>(file: &'f mut File, path: &[i32]) -> Option<&'f mut MessageType> {
    let [4, index, rest @ ..] = path else { return None };
    let mut message = item_mut(&mut file.messages, *index)?;
    let mut rest = rest;
    while let [3, index, more @ ..] = rest {
        message = item_mut(&mut message.messages, *index)?;
        rest = more;
    }
    rest.is_empty().then_some(message)
}

pub(crate) fn enum_at<'f>(file: &'f File, path: &[i32]) -> Option<&'f EnumType> {
    match path {
        [5, index] => item(&file.enums, *index),
        [outer @ .., 4, index] => item(&message_at(file, outer)?.enums, *index),
        _ => None,
    }
}

pub(crate) fn enum_mut<'f>(file: &'f mut File, path: &[i32]) -> Option<&'f mut EnumType> {
    match path {
        [5, index] => item_mut(&mut file.enums, *index),
        [outer @ .., 4, index] => item_mut(&mut message_mut(file, outer)?.enums, *index),
        _ => None,
    }
}

pub(crate) fn field_at<'f>(file: &'f File, path: &[i32]) -> Option<&'f Field> {
    match path {
        [7, index] => item(&file.extensions, *index),
        [outer @ .., 2, index] => item(&message_at(file, outer)?.fields, *index),
        [outer @ .., 6, index] => item(&message_at(file, outer)?.extensions, *index),
        _ => None,
    }
}

pub(crate) fn field_mut<'f>(file: &'f mut File, path: &[i32]) -> Option<&'f mut Field> {
    match path {
        [7, index] => item_mut(&mut file.extensions, *index),
        [outer @ .., 2, index] => item_mut(&mut message_mut(file, outer)?.fields, *index),
        [outer @ .., 6, index] => item_mut(&mut message_mut(file, outer)?.extensions, *index),
        _ => None,
    }
}
