//! Path templates as OpenAPI writes them: every wildcard is a parameter, the verb stays in the path.
//!
//! Two templates that match the same paths are one path item, whatever their variables are called: OpenAPI forbids both
//! `/users/{user_id}` and `/users/{id}`. The first one names the parameters.

use http_rule::{MethodPattern, Segment, Template, Variable};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

/// The path items, in the order of the routes.
#[derive(Debug, Default)]
pub(super) struct Paths {
    items: IndexMap<String, Item>,
}

#[derive(Debug)]
struct Item {
    path: String,
    names: Vec<String>,
    methods: Map<String, Value>,
}

/// Where an operation belongs.
#[derive(Debug)]
pub(super) struct Slot {
    shape: String,
    /// The parameters of the path, from left to right.
    pub(super) parameters: Vec<PathParameter>,
}

/// A wildcard of a template.
#[derive(Debug)]
pub(super) struct PathParameter {
    /// What the path calls it.
    pub(super) name: String,
    /// The variable of the template that it fills or is part of.
    pub(super) variable: Option<usize>,
    /// The value of the variable, when that is more than this parameter: `shelves/{name}`.
    pub(super) pattern: Option<String>,
    /// Whether it stands for any number of segments.
    pub(super) multi: bool,
}

impl Paths {
    /// The place of a template's operations.
    pub(super) fn slot(&mut self, template: &Template) -> Slot {
        let shape = write(template, &mut std::iter::repeat("").map(str::to_owned));
        let item = self.items.entry(shape.clone()).or_insert_with(|| {
            let names = names(template);
            let path = write(template, &mut names.clone().into_iter());
            Item { path, names, methods: Map::new() }
        });
        Slot { parameters: parameters(template, &item.names), shape }
    }

    /// Whether the method is there already.
    pub(super) fn has(&self, slot: &Slot, method: &MethodPattern) -> bool {
        let methods = self.items.get(&slot.shape).map(|item| &item.methods);
        matches!((methods, method), (Some(methods), MethodPattern::Named(name))
            if methods.contains_key(&name.to_ascii_lowercase()))
    }

    /// Adds an operation. What is there stays: it belongs to a host that comes first.
    pub(super) fn insert(&mut self, slot: Slot, method: &MethodPattern, operation: Value) {
        let Some(item) = self.items.get_mut(&slot.shape) else { return };
        match method {
            MethodPattern::Any => {
                for method in ["get", "put", "post", "delete", "patch"] {
                    let mut operation = operation.clone();
                    if let Some(Value::String(id)) = operation.get_mut("operationId") {
                        *id = format!("{id}_{method}");
                    }
                    item.methods.entry(method).or_insert(operation);
                }
            }
            MethodPattern::Named(name) => {
                let name = name.to_ascii_lowercase();
                match name.as_str() {
                    "get" | "put" | "post" | "delete" | "patch" | "options" | "head" | "trace" => {
                        item.methods.entry(name).or_insert(operation);
                    }
                    // OpenAPI 3.1 has no place for other methods.
                    other => {
                        let others = item.methods.entry("x-additional-operations").or_insert(json!({}));
                        if let Some(others) = others.as_object_mut() {
                            others.entry(other.to_ascii_uppercase()).or_insert(operation);
                        }
                    }
                }
            }
        }
    }

    pub(super) fn finish(self) -> Value {
        self.items
            .into_values()
            .map(|item| (item.path, Value::from(item.methods)))
            .collect::<Map<_, _>>()
            .into()
    }
}

/// The template with these names for its wildcards.
fn write(template: &Template, names: &mut dyn Iterator<Item = String>) -> String {
    let mut path = String::new();
    for segment in template.segments() {
        path.push('/');
        match segment {
            Segment::Literal(text) => path.push_str(text),
            // OpenAPI does not tell the two kinds of wildcard apart.
            Segment::Single | Segment::Multi => {
                path.push_str(&format!("{{{}}}", names.next().unwrap_or_default()));
            }
        }
    }
    if path.is_empty() {
        path.push('/');
    }
    if let Some(verb) = template.verb() {
        path.push(':');
        path.push_str(verb);
    }
    path
}

fn is_wildcard(segment: &Segment) -> bool {
    !matches!(segment, Segment::Literal(_))
}

/// The wildcards of a template, each with its variable.
fn wildcards(template: &Template) -> impl Iterator<Item = (usize, &Segment, Option<(usize, &Variable)>)> {
    template.segments().iter().enumerate().filter(|(_, segment)| is_wildcard(segment)).map(|(at, segment)| {
        let mut variables = template.variables().iter().enumerate();
        (at, segment, variables.find(|(_, variable)| variable.segments.contains(&at)))
    })
}

/// How many wildcards a variable has.
fn count(template: &Template, variable: &Variable) -> usize {
    template
        .segments()
        .get(variable.segments.clone())
        .unwrap_or_default()
        .iter()
        .filter(|s| is_wildcard(s))
        .count()
}

/// A name for each wildcard: that of its field, numbered where a field takes several.
fn names(template: &Template) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (at, _, variable) in wildcards(template) {
        let name = match variable {
            Some((_, variable)) if count(template, variable) == 1 => variable.field_path.clone(),
            Some((_, variable)) => {
                let before = template.segments().get(variable.segments.start..at).unwrap_or_default();
                let nth = before.iter().filter(|segment| is_wildcard(segment)).count() + 1;
                format!("{}_{nth}", variable.field_path)
            }
            None => "wildcard".to_owned(),
        };
        let mut unique = name.clone();
        let mut n = 1;
        while names.contains(&unique) {
            n += 1;
            unique = format!("{name}_{n}");
        }
        names.push(unique);
    }
    names
}

fn parameters(template: &Template, names: &[String]) -> Vec<PathParameter> {
    let all = wildcards(template).zip(names).map(|((_, segment, variable), name)| PathParameter {
        name: name.clone(),
        variable: variable.map(|(index, _)| index),
        pattern: variable.and_then(|(_, variable)| pattern(template, variable, names)),
        multi: matches!(segment, Segment::Multi),
    });
    all.collect()
}

/// The value of a variable of several segments, made of its parameters.
fn pattern(template: &Template, variable: &Variable, names: &[String]) -> Option<String> {
    if variable.segments.len() < 2 {
        return None;
    }
    let before = template.segments().get(..variable.segments.start)?;
    let mut names = names.iter().skip(before.iter().filter(|segment| is_wildcard(segment)).count());
    let pieces = template.segments().get(variable.segments.clone())?.iter().map(|segment| match segment {
        Segment::Literal(text) => text.clone(),
        _ => format!("{{{}}}", names.next().map_or("", String::as_str)),
    });
    Some(pieces.collect::<Vec<_>>().join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_become_paths() {
        for (template, path, patterns) in [
            ("/", "/", vec![]),
            ("/users/{user_id}", "/users/{user_id}", vec![None]),
            ("/orders/{order_id}:cancel", "/orders/{order_id}:cancel", vec![None]),
            ("/v1/{name=shelves/*}", "/v1/shelves/{name}", vec![Some("shelves/{name}")]),
            (
                "/v1/{name=shelves/*/books/*}:read",
                "/v1/shelves/{name_1}/books/{name_2}:read",
                vec![Some("shelves/{name_1}/books/{name_2}"); 2],
            ),
            ("/files/{path=**}", "/files/{path}", vec![None]),
            ("/a/*/b/*", "/a/{wildcard}/b/{wildcard_2}", vec![None, None]),
            (
                "/{name_1}/{name=a/*/*}",
                "/{name_1}/a/{name_1_2}/{name_2}",
                vec![None, Some("a/{name_1_2}/{name_2}"), Some("a/{name_1_2}/{name_2}")],
            ),
        ] {
            let template = Template::parse(template).unwrap();
            let names = names(&template);
            assert_eq!(write(&template, &mut names.clone().into_iter()), path);
            let found: Vec<Option<String>> =
                parameters(&template, &names).into_iter().map(|parameter| parameter.pattern).collect();
            assert_eq!(found.iter().map(Option::as_deref).collect::<Vec<_>>(), patterns, "{path}");
        }
    }

    #[test]
    fn paths_that_are_alike_share_the_names_of_the_first() {
        let mut paths = Paths::default();
        for (template, method) in
            [("/users/{id}", "GET"), ("/users/{user.id}", "PATCH"), ("/users/{x}", "GET")]
        {
            let slot = paths.slot(&Template::parse(template).unwrap());
            assert_eq!(slot.parameters[0].name, "id");
            paths.insert(slot, &MethodPattern::from(method), json!({ "summary": template }));
        }
        assert_eq!(
            paths.finish(),
            json!({"/users/{id}": {"get": {"summary": "/users/{id}"}, "patch": {"summary": "/users/{user.id}"}}})
        );
    }
}
