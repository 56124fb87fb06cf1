//! The types of fields, extensions and methods.

use super::symbols::{self, join};
use super::{Found, NotFound, Pool, Sort, field_mut, item_mut};
use crate::descriptor::{Field, File, MessageType, kind};

/// A name to resolve.
struct Use {
    path: Vec<i32>,
    name: String,
    scope: String,
    what: What,
}

#[derive(Clone, Copy, PartialEq)]
enum What {
    FieldType,
    Extendee,
    Input,
    Output,
}

impl Pool {
    /// Resolves the names of types in a file.
    pub(crate) fn resolve(&mut self, unit: usize) {
        let Some(file) = self.units.get(unit).map(|unit| &unit.file) else { return };
        for wanted in uses(file) {
            self.resolve_one(unit, &wanted);
        }
        self.check_extensions(unit);
        self.number_extensions(unit);
    }

    fn resolve_one(&mut self, unit: usize, wanted: &Use) {
        let part = match wanted.what {
            What::FieldType => 6,
            What::Extendee | What::Input => 2,
            What::Output => 3,
        };
        let place = [&wanted.path[..], &[part]].concat();
        let types_only = matches!(wanted.what, What::FieldType);
        let found = self.look_up(unit, &wanted.name, &wanted.scope, types_only);
        let (full, sort, defined_in) = match found {
            Found::Symbol(full, symbol) => (full, symbol.sort, symbol.file),
            Found::Shadowed(full) => {
                return self.undefined(unit, &place, &wanted.name, &NotFound::Shadowed(full));
            }
            Found::NotImported(file) => {
                return self.undefined(unit, &place, &wanted.name, &NotFound::NotImported(file));
            }
            Found::Nothing => return self.undefined(unit, &place, &wanted.name, &NotFound::Nothing),
        };
        let wrong = match (wanted.what, sort) {
            (_, Sort::Message) | (What::FieldType, Sort::Enum) => None,
            (What::FieldType, _) => Some("is not a type"),
            _ => Some("is not a message"),
        };
        if let Some(wrong) = wrong {
            return self.report(unit, &place, format!("`{}` {wrong}", wanted.name), None);
        }
        if defined_in != unit && !self.is_exported(&full) {
            let message = format!("`{}` is local to its file", wanted.name);
            return self.report(unit, &place, message, Some("declare it with `export`".to_owned()));
        }
        self.set(unit, wanted, format!(".{full}"), sort);
    }

    fn undefined(&mut self, unit: usize, place: &[i32], name: &str, why: &NotFound) {
        let at = self.at(unit, place);
        self.not_defined(unit, at, name, why);
    }

    fn set(&mut self, unit: usize, wanted: &Use, full: String, sort: Sort) {
        let Some(file) = self.units.get_mut(unit).map(|unit| &mut unit.file) else { return };
        match (wanted.what, &wanted.path[..]) {
            (What::Input | What::Output, [6, service, 2, method]) => {
                let service = item_mut(&mut file.services, *service);
                let Some(method) = service.and_then(|service| item_mut(&mut service.methods, *method)) else {
                    return;
                };
                let slot =
                    if wanted.what == What::Input { &mut method.input_type } else { &mut method.output_type };
                *slot = Some(full);
            }
            (What::Extendee, path) => {
                if let Some(field) = field_mut(file, path) {
                    field.extendee = Some(full);
                }
            }
            (_, path) => {
                let Some(field) = field_mut(file, path) else { return };
                field.type_name = Some(full);
                if field.r#type.is_none() {
                    field.r#type = Some(if sort == Sort::Enum { kind::ENUM } else { kind::MESSAGE });
                }
            }
        }
    }

    /// That what is extended takes these numbers.
    fn check_extensions(&mut self, unit: usize) {
        let Some(file) = self.units.get(unit).map(|unit| &unit.file) else { return };
        let mut wrong = Vec::new();
        symbols::extensions(file, &mut |path, _, field| {
            let extendee = field.extendee.as_deref().and_then(|name| name.strip_prefix('.'));
            let Some((name, extendee)) = extendee.and_then(|name| Some((name, self.message(name)?))) else {
                return;
            };
            let number = field.number.unwrap_or_default();
            let range = extendee
                .extension_range
                .iter()
                .any(|range| range.start.unwrap_or(0) <= number && number < range.end.unwrap_or(0));
            if !range {
                wrong.push((path, 3, format!("`{name}` takes no extension of the number {number}")));
            }
        });
        for (path, part, message) in wrong {
            self.report(unit, &[&path[..], &[part]].concat(), message, None);
        }
    }
}

fn uses(file: &File) -> Vec<Use> {
    let mut uses = Vec::new();
    let package = file.package.as_deref().unwrap_or_default();
    for (index, message) in (0..).zip(&file.messages) {
        of_message(message, package, vec![4, index], &mut uses);
    }
    for (index, field) in (0..).zip(&file.extensions) {
        of_field(field, package, vec![7, index], &mut uses);
    }
    for (index, service) in (0..).zip(&file.services) {
        let service_name = join(package, service.name.as_deref());
        for (method_index, method) in (0..).zip(&service.methods) {
            let scope = join(&service_name, method.name.as_deref());
            for (name, what) in [(&method.input_type, What::Input), (&method.output_type, What::Output)] {
                if let Some(name) = name {
                    let path = vec![6, index, 2, method_index];
                    uses.push(Use { path, name: name.clone(), scope: scope.clone(), what });
                }
            }
        }
    }
    uses
}

fn of_message(message: &MessageType, scope: &str, path: Vec<i32>, uses: &mut Vec<Use>) {
    let name = join(scope, message.name.as_deref());
    let inside = |step: [i32; 2]| [&path[..], &step].concat();
    for (index, field) in (0..).zip(&message.fields) {
        of_field(field, &name, inside([2, index]), uses);
    }
    for (index, field) in (0..).zip(&message.extensions) {
        of_field(field, &name, inside([6, index]), uses);
    }
    for (index, nested) in (0..).zip(&message.messages) {
        of_message(nested, &name, inside([3, index]), uses);
    }
}

fn of_field(field: &Field, scope: &str, path: Vec<i32>, uses: &mut Vec<Use>) {
    let scope = join(scope, field.name.as_deref());
    if let Some(extendee) = &field.extendee {
        let what = What::Extendee;
        uses.push(Use { path: path.clone(), name: extendee.clone(), scope: scope.clone(), what });
    }
    if let Some(name) = &field.type_name {
        uses.push(Use { path, name: name.clone(), scope, what: What::FieldType });
    }
}
