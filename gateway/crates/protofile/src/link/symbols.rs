//! The names that files declare.

use super::{Pool, Sort, Symbol};
use crate::descriptor::{EnumType, Field, File, MessageType};

impl Pool {
    /// Declares all names of a file, and reports those that are taken.
    pub(crate) fn declare(&mut self, unit: usize) {
        let Some(file) = self.units.get_mut(unit).map(|unit| std::mem::take(&mut unit.file)) else { return };
        let mut declaring = Declaring { pool: self, unit };
        declaring.file(&file);
        if let Some(unit) = self.units.get_mut(unit) {
            unit.file = file;
        }
    }

    /// Notes which extension has which number, once it is known what they extend.
    pub(crate) fn number_extensions(&mut self, unit: usize) {
        let Some(file) = self.units.get(unit).map(|unit| &unit.file) else { return };
        let mut found = Vec::new();
        extensions(file, &mut |path, full_name, field| {
            if let (Some(extendee), Some(number)) = (&field.extendee, field.number) {
                found.push((path, full_name, extendee.trim_start_matches('.').to_owned(), number));
            }
        });
        for (path, full_name, extendee, number) in found {
            if let Some(other) =
                self.extensions.get(&(extendee.clone(), number)).filter(|other| **other != full_name)
            {
                let message =
                    format!("the number {number} of `{extendee}` is taken by the extension `{other}`");
                self.report(unit, &[&path[..], &[3]].concat(), message, None);
                continue;
            }
            self.extensions.insert((extendee, number), full_name);
        }
    }
}

/// All extensions of a file: path, full name, field.
pub(crate) fn extensions(file: &File, each: &mut impl FnMut(Vec<i32>, String, &Field)) {
    let package = file.package.as_deref().unwrap_or_default();
    for (index, field) in (0..).zip(&file.extensions) {
        each(vec![7, index], join(package, field.name.as_deref()), field);
    }
    for (index, message) in (0..).zip(&file.messages) {
        in_message(message, vec![4, index], join(package, message.name.as_deref()), each);
    }
}

fn in_message(
    message: &MessageType,
    path: Vec<i32>,
    name: String,
    each: &mut impl FnMut(Vec<i32>, String, &Field),
) {
    for (index, field) in (0..).zip(&message.extensions) {
        each([&path[..], &[6, index]].concat(), join(&name, field.name.as_deref()), field);
    }
    for (index, nested) in (0..).zip(&message.messages) {
        in_message(nested, [&path[..], &[3, index]].concat(), join(&name, nested.name.as_deref()), each);
    }
}

struct Declaring<'p> {
    pool: &'p mut Pool,
    unit: usize,
}

impl Declaring<'_> {
    fn file(&mut self, file: &File) {
        let package = file.package.as_deref().unwrap_or_default();
        self.package(package);
        for (index, message) in (0..).zip(&file.messages) {
            self.message(message, package, vec![4, index]);
        }
        for (index, descriptor) in (0..).zip(&file.enums) {
            self.enumeration(descriptor, package, vec![5, index]);
        }
        for (index, service) in (0..).zip(&file.services) {
            // What is inside of a name that is taken is not reported again.
            let Some(name) = self.add(package, service.name.as_deref(), Sort::Service, vec![6, index]) else {
                continue;
            };
            for (method_index, method) in (0..).zip(&service.methods) {
                self.add(&name, method.name.as_deref(), Sort::Method, vec![6, index, 2, method_index]);
            }
        }
        for (index, field) in (0..).zip(&file.extensions) {
            self.add(package, field.name.as_deref(), Sort::Extension, vec![7, index]);
        }
    }

    fn package(&mut self, package: &str) {
        let ends = package.match_indices('.').map(|(at, _)| at).chain(Some(package.len()));
        for end in ends.filter(|end| *end > 0) {
            let name = package.get(..end).unwrap_or_default();
            match self.pool.symbols.get(name) {
                None => {
                    let symbol = Symbol { sort: Sort::Package, file: self.unit, path: Box::from([2]) };
                    self.pool.symbols.insert(name.to_owned(), symbol);
                }
                Some(symbol) if symbol.sort == Sort::Package => {}
                Some(symbol) => {
                    let other = self.file_name(symbol.file);
                    let message = format!("`{name}` is defined in `{other}`, and not as a package");
                    self.pool.report(self.unit, &[2], message, None);
                }
            }
        }
    }

    fn message(&mut self, message: &MessageType, scope: &str, path: Vec<i32>) {
        let Some(name) = self.add(scope, message.name.as_deref(), Sort::Message, path.clone()) else {
            return;
        };
        let inside = |step: [i32; 2]| [&path[..], &step].concat();
        for (index, field) in (0..).zip(&message.fields) {
            self.add(&name, field.name.as_deref(), Sort::Field, inside([2, index]));
        }
        for (index, oneof) in (0..).zip(&message.oneofs) {
            self.add(&name, oneof.name.as_deref(), Sort::Oneof, inside([8, index]));
        }
        for (index, nested) in (0..).zip(&message.messages) {
            self.message(nested, &name, inside([3, index]));
        }
        for (index, descriptor) in (0..).zip(&message.enums) {
            self.enumeration(descriptor, &name, inside([4, index]));
        }
        for (index, field) in (0..).zip(&message.extensions) {
            self.add(&name, field.name.as_deref(), Sort::Extension, inside([6, index]));
        }
    }

    fn enumeration(&mut self, descriptor: &EnumType, scope: &str, path: Vec<i32>) {
        if self.add(scope, descriptor.name.as_deref(), Sort::Enum, path.clone()).is_none() {
            return;
        }
        // The values of an enum are beside it, not inside of it.
        for (index, value) in (0..).zip(&descriptor.values) {
            self.add(scope, value.name.as_deref(), Sort::EnumValue, [&path[..], &[2, index]].concat());
        }
    }

    /// Declares a name, unless it is taken; the full name if it is not.
    fn add(&mut self, scope: &str, name: Option<&str>, sort: Sort, path: Vec<i32>) -> Option<String> {
        let full = join(scope, name);
        if name.unwrap_or_default().is_empty() {
            // It could not be read; that has been reported.
            return Some(full);
        }
        let Some(other) = self.pool.symbols.get(&full) else {
            let symbol = Symbol { sort, file: self.unit, path: path.into_boxed_slice() };
            self.pool.symbols.insert(full.clone(), symbol);
            return Some(full);
        };
        let (message, help) = if other.file == self.unit {
            let help = (sort == Sort::EnumValue).then(|| {
                "the names of enum values are beside the enum, not inside of it: they differ from all other names there".to_owned()
            });
            (format!("`{full}` is defined twice"), help)
        } else {
            let other = self.file_name(other.file);
            let help = "each name is declared once among the files that are compiled together; folders that are needed for imports only belong into `imports`";
            (format!("`{full}` is already defined in `{other}`"), Some(help.to_owned()))
        };
        self.pool.report(self.unit, &[&path[..], &[1]].concat(), message, help);
        None
    }

    fn file_name(&self, file: usize) -> String {
        self.pool.units.get(file).and_then(|unit| unit.file.name.clone()).unwrap_or_default()
    }
}

pub(crate) fn join(scope: &str, name: Option<&str>) -> String {
    let name = name.unwrap_or_default();
    if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") }
}

/// The JSON name that follows from a name.
pub(crate) fn json_name(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut capital = false;
    for letter in name.chars() {
        if letter == '_' {
            capital = true;
        } else {
            out.push(if capital { letter.to_ascii_uppercase() } else { letter });
            capital = false;
        }
    }
    out
}
