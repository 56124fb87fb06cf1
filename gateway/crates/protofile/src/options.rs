//! Options: their names resolved, their values brought into the wire format.

mod text;
mod value;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use crate::descriptor::{Field, edition, kind};
use crate::link::{Found, NotFound, Pool, Report, Sort, enum_mut, field_mut, message_mut};
use crate::parse::{NamePart, Owner, RawOption, RawValue};
use crate::wire::{self, Node, Tree};

/// What is wrong with an option, and where; no place is the option itself.
pub(crate) struct Flaw {
    at: Option<Range<usize>>,
    message: String,
    name: Option<(String, NotFound)>,
}

impl Flaw {
    fn new(message: impl Into<String>) -> Self {
        Self { at: None, message: message.into(), name: None }
    }

    fn at(mut self, at: Range<usize>) -> Self {
        self.at.get_or_insert(at);
        self
    }
}

/// Options by what they are of.
type Trees = BTreeMap<(Vec<i32>, bool), (Owner, Tree)>;

fn tree_of<'t>(trees: &'t mut Trees, option: &RawOption) -> &'t mut Tree {
    let key = (option.element.clone(), option.owner == Owner::File);
    &mut trees.entry(key).or_insert_with(|| (option.owner, Tree::default())).1
}

/// The options of an element as descriptors have them, when some of them are for the source alone.
#[derive(Debug)]
pub(crate) struct Stripped {
    owner: Owner,
    element: Vec<i32>,
    options: Vec<u8>,
}

impl Stripped {
    pub(crate) fn apply(self, file: &mut crate::descriptor::File) {
        if let Some(slot) = slot(file, self.owner, &self.element) {
            *slot = Some(self.options).filter(|options| !options.is_empty());
        }
    }
}

/// A field that a value is for.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) field: Field,
    /// As messages call it.
    pub(crate) name: String,
}

impl Pool {
    /// Interprets the options of a file. Types are resolved by now, of this file and of those that it imports.
    pub(crate) fn interpret(&mut self, unit: usize) {
        let Some(options) = self.units.get_mut(unit).map(|unit| std::mem::take(&mut unit.options)) else {
            return;
        };
        // Options of fields say how other options are to be taken.
        let (fields, others): (Vec<_>, Vec<_>) =
            options.into_iter().partition(|option| option.owner == Owner::Field);
        self.interpret_all(unit, &fields);
        self.interpret_all(unit, &others);
    }

    fn interpret_all(&mut self, unit: usize, options: &[RawOption]) {
        let mut trees = Trees::new();
        let mut places: Vec<(usize, Vec<i32>)> = Vec::new();
        let mut counts: HashMap<Vec<i32>, i32> = HashMap::new();
        let mut source_only: Vec<Option<Vec<i32>>> = vec![None; options.len()];
        for (option, is_source_only) in options.iter().zip(&mut source_only) {
            match self.interpret_one(unit, option, tree_of(&mut trees, option)) {
                Ok(path) => {
                    *is_source_only = path.is_source_only.then(|| path.numbers.clone());
                    let Some(spot) = option.spot else { continue };
                    let mut full =
                        [&option.element[..], &[options_number(option.owner)], &path.numbers].concat();
                    if path.is_repeated {
                        let count = counts.entry(full.clone()).or_insert(0);
                        full.push(*count);
                        *count += 1;
                    }
                    places.push((spot, full));
                }
                // What the compiler itself made of it has been reported where it is written.
                Err(_) if option.spot.is_none() => {}
                Err(flaw) => self.tell(unit, option, flaw),
            }
        }
        let stripped = source_only
            .iter()
            .any(Option::is_some)
            .then(|| self.without_source_only(unit, options, &source_only));
        let Some(unit) = self.units.get_mut(unit) else { return };
        for (spot, path) in places {
            if let Some(spot) = unit.spots.get_mut(spot) {
                spot.path = path;
            }
        }
        for ((element, _), (owner, tree)) in trees {
            if let Some(slot) = slot(&mut unit.file, owner, &element) {
                slot.get_or_insert_default().extend(tree.encode());
            }
        }
        unit.stripped.extend(stripped.into_iter().flatten());
    }

    /// The options of those elements that have some which are for the source alone, without these.
    fn without_source_only(
        &self,
        unit: usize,
        options: &[RawOption],
        source_only: &[Option<Vec<i32>>],
    ) -> Vec<Stripped> {
        let mut trees = Trees::new();
        for (option, source_only) in options.iter().zip(source_only) {
            let mut tree = tree_of(&mut trees, option);
            let Some(path) = source_only else {
                // It went well before.
                let _ = self.interpret_one(unit, option, tree);
                continue;
            };
            // The messages around it stay, empty as they may be.
            for number in path.iter().take(path.len().saturating_sub(1)) {
                let slot = tree.fields.entry(*number).or_default();
                if slot.nodes.is_empty() {
                    slot.nodes.push(Node::Message(Tree::default()));
                }
                let Some(Node::Message(inner)) = slot.nodes.first_mut() else { break };
                tree = inner;
            }
        }
        let touched = |element: &[i32], owner: Owner| {
            let mut all = options.iter().zip(source_only);
            all.any(|(option, gone)| gone.is_some() && option.owner == owner && option.element == element)
        };
        let touched = trees.into_iter().filter(|((element, _), (owner, _))| touched(element, *owner));
        touched
            .map(|((element, _), (owner, tree))| Stripped { owner, element, options: tree.encode() })
            .collect()
    }

    fn tell(&mut self, unit: usize, option: &RawOption, flaw: Flaw) {
        let at = flaw.at.unwrap_or_else(|| option.at.clone());
        match flaw.name {
            Some((name, why)) => self.not_defined(unit, Some(at), &name, &why),
            None => self.reports.push(Report {
                file: unit,
                at: Some(at),
                message: flaw.message,
                help: None,
                is_warning: false,
            }),
        }
    }

    fn interpret_one(&self, unit: usize, option: &RawOption, tree: &mut Tree) -> Result<Path, Flaw> {
        let scope = self.option_scope(unit, option);
        let is_feature =
            option.name.first().is_some_and(|part| part.name == "features" && !part.is_extension);
        if is_feature && self.units.get(unit).is_some_and(|unit| unit.edition < edition::E2023) {
            return Err(Flaw::new("features are of editions only").at(option.name_at.clone()));
        }
        let mut message = format!("google.protobuf.{}", options_message(option.owner));
        let mut path = Path { numbers: Vec::new(), is_repeated: false, is_source_only: false };
        let mut tree = tree;
        let mut said = String::new();
        let last = option.name.len().saturating_sub(1);
        for (position, part) in option.name.iter().enumerate() {
            if position > 0 {
                said.push('.');
            }
            said.push_str(&if part.is_extension { format!("({})", part.name) } else { part.name.clone() });
            let target = self
                .option_field(unit, &message, part, &scope, &said, position == 0)
                .map_err(|flaw| flaw.at(option.name_at.clone()))?;
            let number = target.field.number.unwrap_or_default();
            if position == 0 || option.name.first().is_some_and(|first| first.name == "features") {
                check_target(&target, option.owner, &said).map_err(|flaw| flaw.at(option.name_at.clone()))?;
            }
            path.numbers.push(number);
            path.is_source_only |= wire::number(target.field.options.as_ref(), 17) == Some(2);
            if position == last {
                path.is_repeated = target.field.is_repeated();
                let value = match &option.value {
                    RawValue::Aggregate(_) if !target.field.is_message() => {
                        Err(Flaw::new(format!("the option `{said}` takes a single value, not a message")))
                    }
                    value => self.value(unit, &target, value, &said),
                };
                let value = value.map_err(|flaw| flaw.at(option.value_at.clone()))?;
                value::put(tree, &target.field, value).map_err(|()| {
                    Flaw::new(format!("the option `{said}` is set already")).at(option.name_at.clone())
                })?;
                return Ok(path);
            }
            let flaw = match () {
                () if !target.field.is_message() => Some("is no message: it has no fields"),
                () if target.field.is_repeated() => Some("is a list: it is set as a whole, with `{ ... }`"),
                () => None,
            };
            if let Some(flaw) = flaw {
                return Err(Flaw::new(format!("the option `{said}` {flaw}")).at(option.name_at.clone()));
            }
            target
                .field
                .type_name
                .as_deref()
                .unwrap_or_default()
                .trim_start_matches('.')
                .clone_into(&mut message);
            let slot = tree.fields.entry(number).or_default();
            if slot.nodes.is_empty() {
                let group = target.field.r#type == Some(kind::GROUP);
                slot.nodes.push(if group {
                    Node::Group(Tree::default())
                } else {
                    Node::Message(Tree::default())
                });
            }
            tree = match slot.nodes.first_mut() {
                Some(Node::Message(tree) | Node::Group(tree)) => tree,
                _ => return Err(Flaw::new(format!("the option `{said}` is set already"))),
            };
        }
        Err(Flaw::new("an option without a name"))
    }

    /// The field of an options message that a part of a name means.
    fn option_field(
        &self,
        unit: usize,
        message: &str,
        part: &NamePart,
        scope: &str,
        said: &str,
        is_first: bool,
    ) -> Result<Target, Flaw> {
        if part.is_extension {
            let found = self.extension_of(unit, message, &part.name, scope);
            return found.map_err(|why| match why {
                Ok(why) => Flaw { at: None, message: String::new(), name: Some((part.name.clone(), why)) },
                Err(()) => Flaw::new(format!("`{}` is no extension of `{message}`", part.name)),
            });
        }
        if is_first && part.name == "uninterpreted_option" {
            return Err(Flaw::new("no option can be called `uninterpreted_option`"));
        }
        let field = self.message(message).and_then(|message| find_field(message, &part.name));
        field.ok_or_else(|| {
            Flaw::new(if is_first {
                format!("the option `{said}` is not known; the names of custom options are in parentheses: `({said})`")
            } else {
                format!("the option `{said}` is not known: `{message}` has no field `{}`", part.name)
            })
        })
    }

    /// An extension of a message by its name, as seen from a scope.
    fn extension_of(
        &self,
        unit: usize,
        message: &str,
        name: &str,
        scope: &str,
    ) -> Result<Target, Result<NotFound, ()>> {
        match self.look_up(unit, name, scope, false) {
            Found::Symbol(full, symbol) if symbol.sort == Sort::Extension => {
                let field = self.extension(&full).ok_or(Err(()))?;
                let extendee = field.extendee.as_deref().unwrap_or_default().trim_start_matches('.');
                if extendee != message {
                    return Err(Err(()));
                }
                Ok(Target { field: field.clone(), name: format!("[{full}]") })
            }
            Found::Symbol(..) => Err(Err(())),
            Found::Shadowed(full) => Err(Ok(NotFound::Shadowed(full))),
            Found::NotImported(file) => Err(Ok(NotFound::NotImported(file))),
            Found::Nothing => Err(Ok(NotFound::Nothing)),
        }
    }
}

/// The fields that an option goes through, by number.
struct Path {
    numbers: Vec<i32>,
    is_repeated: bool,
    /// `FieldOptions.retention`: it is for the source alone.
    is_source_only: bool,
}

impl Pool {
    /// The scope that the names of an option's extensions are looked up in.
    fn option_scope(&self, unit: usize, option: &RawOption) -> String {
        let Some(file) = self.units.get(unit).map(|unit| &unit.file) else { return String::new() };
        let package = file.package.as_deref().unwrap_or_default();
        if option.owner == Owner::File {
            return if package.is_empty() { "dummy".to_owned() } else { format!("{package}.dummy") };
        }
        crate::place::full_name(file, &option.element).unwrap_or_default()
    }
}

fn find_field(message: &crate::descriptor::MessageType, name: &str) -> Option<Target> {
    let field = message.fields.iter().find(|field| field.name.as_deref() == Some(name))?;
    Some(Target { field: field.clone(), name: name.to_owned() })
}

fn options_message(owner: Owner) -> &'static str {
    match owner {
        Owner::File => "FileOptions",
        Owner::Message => "MessageOptions",
        Owner::Field => "FieldOptions",
        Owner::Oneof => "OneofOptions",
        Owner::Range => "ExtensionRangeOptions",
        Owner::Enum => "EnumOptions",
        Owner::EnumValue => "EnumValueOptions",
        Owner::Service => "ServiceOptions",
        Owner::Method => "MethodOptions",
    }
}

/// The number of the field `options` of what has them.
fn options_number(owner: Owner) -> i32 {
    match owner {
        Owner::File | Owner::Field => 8,
        Owner::Message => 7,
        Owner::Oneof => 2,
        Owner::Range | Owner::Enum | Owner::EnumValue | Owner::Service => 3,
        Owner::Method => 4,
    }
}

/// `FieldOptions.targets`: what an option may be set on.
fn check_target(target: &Target, owner: Owner, said: &str) -> Result<(), Flaw> {
    let (number, what) = match owner {
        Owner::File => (1, "a file"),
        Owner::Range => (2, "a range of extensions"),
        Owner::Message => (3, "a message"),
        Owner::Field => (4, "a field"),
        Owner::Oneof => (5, "a oneof"),
        Owner::Enum => (6, "an enum"),
        Owner::EnumValue => (7, "an enum value"),
        Owner::Service => (8, "a service"),
        Owner::Method => (9, "a method"),
    };
    let options = target.field.options.as_deref().unwrap_or_default();
    let mut targets = wire::fields(options).filter_map(|(number, value)| match (number, value) {
        (19, wire::Value::Varint(value)) => Some(value),
        _ => None,
    });
    let mut any = false;
    if targets.any(|target| {
        any = true;
        target == number
    }) || !any
    {
        return Ok(());
    }
    Err(Flaw::new(format!("the option `{said}` cannot be set on {what}")))
}

/// Where the options of an element are kept.
fn slot<'f>(
    file: &'f mut crate::descriptor::File,
    owner: Owner,
    path: &[i32],
) -> Option<&'f mut Option<Vec<u8>>> {
    fn item<T>(list: &mut [T], index: i32) -> Option<&mut T> {
        list.get_mut(usize::try_from(index).ok()?)
    }
    Some(match (owner, path) {
        (Owner::File, _) => &mut file.options,
        (Owner::Message, path) => &mut message_mut(file, path)?.options,
        (Owner::Field, path) => &mut field_mut(file, path)?.options,
        (Owner::Enum, path) => &mut enum_mut(file, path)?.options,
        (Owner::Oneof, [outer @ .., 8, index]) => {
            &mut item(&mut message_mut(file, outer)?.oneofs, *index)?.options
        }
        (Owner::Range, [outer @ .., 5, index]) => {
            &mut item(&mut message_mut(file, outer)?.extension_range, *index)?.options
        }
        (Owner::EnumValue, [outer @ .., 2, index]) => {
            &mut item(&mut enum_mut(file, outer)?.values, *index)?.options
        }
        (Owner::Service, [6, index]) => &mut item(&mut file.services, *index)?.options,
        (Owner::Method, [6, service, 2, index]) => {
            &mut item(&mut item(&mut file.services, *service)?.methods, *index)?.options
        }
        _ => return None,
    })
}
