//! Conventional REST for methods without annotations: by the names of the methods and the shapes of their messages.
//!
//! Get, List, Create, Update and Delete become what their names say on `/things` and `/things/{thing_id}`; everything
//! else becomes a verb after a colon, of a thing where the name tells one.

use std::collections::HashSet;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, ServiceDescriptor};

use super::words::{camel, is_plural, kebab, plural, singular, snake, words};

/// An HTTP method and path for a gRPC method, before it is known whether it can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binding {
    /// In capitals; `*` for any.
    pub(super) method: String,
    pub(super) path: String,
    /// `*`, a field, or nothing.
    pub(super) body: String,
    /// A field, or nothing.
    pub(super) response_body: String,
    pub(super) status: u16,
}

/// The words of a service's methods that name its things, in the singular.
pub(super) struct Things {
    names: HashSet<Vec<String>>,
    /// The service's own name: `user` for UserService.
    service: Vec<String>,
}

/// What the first word of a method's name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standard {
    Get,
    List,
    Create,
    Update,
    Delete,
}

fn standard(word: &str) -> Option<Standard> {
    Some(match word {
        "get" | "fetch" | "retrieve" => Standard::Get,
        "list" => Standard::List,
        "create" | "add" => Standard::Create,
        "update" => Standard::Update,
        "delete" | "remove" => Standard::Delete,
        _ => return None,
    })
}

impl Things {
    pub(super) fn of(service: &ServiceDescriptor) -> Self {
        let mut names = HashSet::new();
        for method in service.methods() {
            let words = words(method.name());
            if let Some((verb, noun)) = words.split_first()
                && standard(verb).is_some()
                && !noun.is_empty()
            {
                names.insert(singular(noun));
            }
        }
        let mut name = words(service.name());
        if name.len() > 1 && matches!(name.last().map(String::as_str), Some("service" | "api" | "svc")) {
            name.pop();
        }
        Self { names, service: name }
    }

    fn has(&self, noun: &[String]) -> bool {
        !noun.is_empty() && self.names.contains(&singular(noun))
    }

    /// The path of the service itself: its things, when it is named after them.
    fn home(&self) -> String {
        let name = if self.has(&self.service) { plural(&self.service) } else { self.service.clone() };
        if name.is_empty() { "rpc".to_owned() } else { kebab(&name) }
    }

    /// What a method may become, the best first. The last one is always different from that of any other method.
    pub(super) fn candidates(&self, method: &MethodDescriptor) -> Vec<Binding> {
        let mut found = Vec::new();
        let name = words(method.name());
        if let Some((verb, noun)) = name.split_first()
            && let Some(standard) = standard(verb)
            && !noun.is_empty()
        {
            found.extend(self.standard(standard, noun, method));
        }
        found.extend(self.custom(&name, method));
        let verb = if name.is_empty() { method.name().to_owned() } else { camel(&name) };
        found.push(post(format!("/{}:{verb}", self.home()), method));
        let service = method.parent_service();
        found.push(post(format!("/{}/{}", service.full_name(), method.name()), method));
        found
    }

    fn standard(&self, standard: Standard, noun: &[String], method: &MethodDescriptor) -> Option<Binding> {
        let input = method.input();
        match standard {
            Standard::Get => get(noun, method),
            Standard::List => {
                let path = match parent(noun, &input) {
                    Some((parent, rest)) => format!("{parent}/{}", kebab(&plural(&rest))),
                    None => format!("/{}", kebab(&plural(noun))),
                };
                Some(read("GET", path))
            }
            Standard::Create => {
                let path = match parent(noun, &input) {
                    Some((parent, rest)) => format!("{parent}/{}", kebab(&plural(&rest))),
                    None => format!("/{}", kebab(&plural(noun))),
                };
                let body = only_message(&input).unwrap_or_else(|| "*".to_owned());
                Some(Binding { body, status: 201, ..post(path, method) })
            }
            Standard::Update => update(noun, method),
            Standard::Delete => {
                let path = one(noun, &input, Names::Any)?;
                Some(Binding { response_body: String::new(), ..read("DELETE", path) })
            }
        }
    }

    /// A verb of a thing: `CancelOrder` is `/orders/{order_id}:cancel`, `UserLogin` is `/users:login`.
    fn custom(&self, name: &[String], method: &MethodDescriptor) -> Option<Binding> {
        let input = method.input();
        for at in 1..name.len() {
            let (verb, noun) = name.split_at(at);
            let id = field_of(&input, &format!("{}_id", snake(&singular(noun))));
            if !self.has(noun) && id.is_none() {
                continue;
            }
            let many = noun.last().is_some_and(|word| is_plural(word)) && singular(noun) != noun;
            let path = if many { None } else { one(noun, &input, Names::OwnId) };
            let path = path.unwrap_or_else(|| format!("/{}", kebab(&plural(noun))));
            return Some(post(format!("{path}:{}", camel(verb)), method));
        }
        for at in (1..name.len()).rev() {
            let (noun, verb) = name.split_at(at);
            if self.has(noun) {
                let path = one(noun, &input, Names::OwnId);
                let path = path.unwrap_or_else(|| format!("/{}", kebab(&plural(noun))));
                return Some(post(format!("{path}:{}", camel(verb)), method));
            }
        }
        None
    }
}

fn get(noun: &[String], method: &MethodDescriptor) -> Option<Binding> {
    let input = method.input();
    let with = |path| Binding { response_body: only_field(&method.output()), ..read("GET", path) };
    // GetUserByEmail
    if let Some(at) = noun.iter().position(|word| word == "by").filter(|at| *at > 0) {
        let (thing, key) = noun.split_at(at);
        let key = key.get(1..).unwrap_or_default();
        let field = field_of(&input, &snake(key)).filter(is_key)?;
        let (things, key) = (kebab(&plural(thing)), kebab(key));
        return Some(with(format!("/{things}/by-{key}/{{{}}}", field.name())));
    }
    let many = noun.last().is_some_and(|word| is_plural(word));
    let answers_many = method.output().fields().any(|field| field.is_list());
    if many && answers_many {
        let path = match parent(noun, &input) {
            Some((parent, rest)) => format!("{parent}/{}", kebab(&rest)),
            None => format!("/{}", kebab(noun)),
        };
        return Some(read("GET", path));
    }
    if let Some(path) = one(noun, &input, Names::Any) {
        return Some(with(path));
    }
    // There is only one of it.
    input.fields().all(|field| !is_key(&field)).then(|| with(format!("/{}", kebab(noun))))
}

fn update(noun: &[String], method: &MethodDescriptor) -> Option<Binding> {
    let input = method.input();
    let path = one(noun, &input, Names::OwnId)?;
    let mask = input.fields().any(|field| message_of(&field).is_some_and(|of| is_mask(&of)));
    let is_thing =
        |field: &FieldDescriptor| message_of(field).is_some_and(|of| of.package_name() != "google.protobuf");
    let named = field_of(&input, &snake(noun)).filter(is_thing);
    let mut things = input.fields().filter(is_thing);
    let thing = named.or_else(|| things.next().filter(|_| things.next().is_none()));
    let (verb, body) = match (thing, mask) {
        (Some(thing), true) => ("PATCH", thing.name().to_owned()),
        (Some(thing), false) if is_all(&input, &thing) => ("PUT", thing.name().to_owned()),
        _ => ("PATCH", "*".to_owned()),
    };
    Some(Binding { method: verb.to_owned(), body, ..post(path, method) })
}

/// Whether a request holds nothing but a thing and its id.
fn is_all(input: &MessageDescriptor, thing: &FieldDescriptor) -> bool {
    input
        .fields()
        .all(|field| field.number() == thing.number() || is_key(&field) && field.name().contains("id"))
}

/// Which fields may name a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    /// Its id only.
    OwnId,
    /// Also a name, a code, or the only key that there is.
    Any,
}

/// The path of one thing: `/orders/{order_id}`, `/orders/{order_id}/items/{item_id}`, `/orders/{order_id}/status`.
fn one(noun: &[String], input: &MessageDescriptor, names: Names) -> Option<String> {
    if let Some((parent, rest)) = parent(noun, input) {
        let own = [format!("{}_id", snake(&singular(&rest))), format!("{}_id", snake(noun)), "id".to_owned()];
        let own = own.iter().find_map(|name| field_of(input, name).filter(is_key));
        let rest_path = match own {
            Some(own) => format!("{}/{{{}}}", kebab(&plural(&rest)), own.name()),
            None => kebab(&rest),
        };
        return Some(format!("{parent}/{rest_path}"));
    }
    let id = id_of(noun, input, names)?;
    Some(format!("/{}/{{{id}}}", kebab(&plural(noun))))
}

/// The path of the thing that a thing belongs to, and what is left of the name: `/orders/{order_id}` and `item`.
fn parent(noun: &[String], input: &MessageDescriptor) -> Option<(String, Vec<String>)> {
    (1..noun.len()).rev().find_map(|at| {
        let (parent, rest) = noun.split_at(at);
        let id = field_of(input, &format!("{}_id", snake(&singular(parent)))).filter(is_key)?;
        Some((format!("/{}/{{{}}}", kebab(&plural(parent)), id.name()), rest.to_vec()))
    })
}

/// The field that tells which one is meant: by its name, in the request or in a message right below it.
fn id_of(noun: &[String], input: &MessageDescriptor, names: Names) -> Option<String> {
    let noun = snake(&singular(noun));
    let last = noun.rsplit('_').next().unwrap_or(&noun);
    let ids = [
        format!("{noun}_id"),
        format!("{last}_id"),
        "id".to_owned(),
        format!("{noun}_uuid"),
        "uuid".to_owned(),
        "uid".to_owned(),
    ];
    let others = [
        format!("{noun}_name"),
        "name".to_owned(),
        "key".to_owned(),
        "slug".to_owned(),
        "code".to_owned(),
        noun.clone(),
    ];
    let find = |message: &MessageDescriptor, names: &[String]| {
        names.iter().find_map(|name| field_of(message, name).filter(is_key))
    };
    if let Some(field) = find(input, &ids) {
        return Some(field.name().to_owned());
    }
    if names == Names::Any {
        if let Some(field) = find(input, &others) {
            return Some(field.name().to_owned());
        }
        let mut keys = input.fields().filter(is_key);
        if let (Some(only), None) = (keys.next(), keys.next()) {
            return Some(only.name().to_owned());
        }
    }
    let nested = [ids.as_slice(), &["name".to_owned()]].concat();
    input.fields().find_map(|field| {
        let below = message_of(&field).filter(|of| of.package_name() != "google.protobuf")?;
        Some(format!("{}.{}", field.name(), find(&below, &nested)?.name()))
    })
}

/// A binding without body.
fn read(method: &str, path: String) -> Binding {
    Binding {
        method: method.to_owned(),
        path,
        body: String::new(),
        response_body: String::new(),
        status: 200,
    }
}

fn post(path: String, method: &MethodDescriptor) -> Binding {
    Binding { body: "*".to_owned(), response_body: only_field(&method.output()), ..read("POST", path) }
}

/// The only field of a message, when it is a message itself: a client wants the user, not an object around it.
fn only_field(message: &MessageDescriptor) -> String {
    only_message(message).unwrap_or_default()
}

fn only_message(message: &MessageDescriptor) -> Option<String> {
    let mut fields = message.fields();
    match (fields.next(), fields.next()) {
        (Some(only), None) => {
            let of = message_of(&only).filter(|of| of.package_name() != "google.protobuf");
            of.map(|_| only.name().to_owned())
        }
        _ => None,
    }
}

fn field_of(message: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    message.get_field_by_name(name)
}

/// The message of a field that holds one of it.
fn message_of(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    match field.kind() {
        Kind::Message(message) if !field.is_list() && !field.is_map() => Some(message),
        _ => None,
    }
}

fn is_mask(message: &MessageDescriptor) -> bool {
    message.full_name() == "google.protobuf.FieldMask"
}

/// Whether a field's value can be a segment of a path that names something: a text or a whole number.
fn is_key(field: &FieldDescriptor) -> bool {
    let kind = !matches!(
        field.kind(),
        Kind::Message(_) | Kind::Enum(_) | Kind::Bool | Kind::Bytes | Kind::Float | Kind::Double
    );
    kind && !field.is_list() && !field.is_map()
}
