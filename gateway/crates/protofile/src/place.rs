//! The full name of what a descriptor path points at, and offsets as lines and columns.

use crate::descriptor::{File, MessageType};
use crate::link::enum_at;

/// The name at a path; enum values are beside their enum.
pub(crate) fn full_name(file: &File, path: &[i32]) -> Option<String> {
    let package = file.package.clone().unwrap_or_default();
    match path {
        [6, service, rest @ ..] => {
            let service = at(&file.services, *service)?;
            let name = join(&package, service.name.as_deref());
            match rest {
                [2, method, ..] => Some(join(&name, at(&service.methods, *method)?.name.as_deref())),
                _ => Some(name),
            }
        }
        [7, index, ..] => Some(join(&package, at(&file.extensions, *index)?.name.as_deref())),
        [5, index, rest @ ..] => {
            let descriptor = at(&file.enums, *index)?;
            match rest {
                [2, value] => Some(join(&package, at(&descriptor.values, *value)?.name.as_deref())),
                _ => Some(join(&package, descriptor.name.as_deref())),
            }
        }
        [4, index, rest @ ..] => in_message(file, at(&file.messages, *index)?, &package, &[4, *index], rest),
        _ => None,
    }
}

fn in_message(file: &File, message: &MessageType, scope: &str, own: &[i32], path: &[i32]) -> Option<String> {
    let name = join(scope, message.name.as_deref());
    match path {
        [2, index, ..] => Some(join(&name, at(&message.fields, *index)?.name.as_deref())),
        [6, index, ..] => Some(join(&name, at(&message.extensions, *index)?.name.as_deref())),
        [8, index, ..] => Some(join(&name, at(&message.oneofs, *index)?.name.as_deref())),
        [3, index, rest @ ..] => {
            let nested = at(&message.messages, *index)?;
            in_message(file, nested, &name, &[own, &[3, *index]].concat(), rest)
        }
        [4, index, rest @ ..] => {
            let descriptor = enum_at(file, &[own, &[4, *index]].concat())?;
            match rest {
                [2, value] => Some(join(&name, at(&descriptor.values, *value)?.name.as_deref())),
                _ => Some(join(&name, descriptor.name.as_deref())),
            }
        }
        _ => Some(name),
    }
}

fn at<T>(list: &[T], index: i32) -> Option<&T> {
    list.get(usize::try_from(index).ok()?)
}

fn join(scope: &str, name: Option<&str>) -> String {
    let name = name.unwrap_or_default();
    if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") }
}

/// Lines of a text.
pub(crate) struct Lines<'t> {
    text: &'t [u8],
    starts: Vec<usize>,
}

/// protoc advances to columns that are multiples of this at a tab.
const TAB: usize = 8;

impl<'t> Lines<'t> {
    pub(crate) fn new(text: &'t [u8]) -> Self {
        let ends = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(ends).collect() }
    }

    /// Line and column, from 0.
    pub(crate) fn place(&self, offset: usize) -> (i32, i32) {
        let line = self.starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = self.starts.get(line).copied().unwrap_or_default();
        let before = self.text.get(start..offset).unwrap_or_default();
        let column = before
            .iter()
            .fold(0, |column, byte| if *byte == b'\t' { column + TAB - column % TAB } else { column + 1 });
        (i32::try_from(line).unwrap_or(i32::MAX), i32::try_from(column).unwrap_or(i32::MAX))
    }
}
