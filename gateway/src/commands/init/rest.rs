//! Conventional REST for methods without annotations: by the names of the methods and the shapes of their messages.
//!
//! Get, List, Create, Update and Delete become what their names say on `/things` and `/things/{thing_id}`; everything
//! else becomes a verb after a colon, of a thing where the name tells one. A verb without a noun (`Containers/Get`) is
//! about the things that the service is named after.

mod fields;
mod phrase;

use std::collections::HashSet;

use prost_reflect::{MessageDescriptor, MethodDescriptor, ServiceDescriptor};

use super::words::{camel, is_plural, kebab, plural, singular, snake, words};
use fields::{
    Names, field_of, id_of, is_all, is_key, is_mask, is_scalar, message_of, one, only_field, only_message,
    own_id, parent,
};
use phrase::{Nouns, Phrase, Standard};

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
    /// The things that exist once, as settings do: their Get needs no id.
    single: HashSet<Vec<String>>,
    nouns: Nouns,
}

/// Method names that describe a state: a GET of it.
const STATES: [&str; 5] = ["version", "status", "info", "stats", "health"];

impl Things {
    pub(super) fn of(service: &ServiceDescriptor) -> Self {
        let nouns = Nouns::of(service);
        let mut things = Self { names: HashSet::new(), single: HashSet::new(), nouns };
        for method in service.methods() {
            let Some(phrase) = things.nouns.phrase(&method) else { continue };
            let noun = phrase.thing();
            let is_state = phrase.verb == Some(Standard::Get)
                && phrase.key().is_none()
                && method.input().fields().all(|field| !is_key(&field))
                && id_of(noun, &method.input(), Names::Any).is_none()
                && !answers_many(noun, &method);
            if is_state {
                things.single.insert(noun.to_vec());
            }
            things.names.insert(singular(noun));
        }
        things
    }

    fn has(&self, noun: &[String]) -> bool {
        !noun.is_empty() && self.names.contains(&singular(noun))
    }

    /// The path of the service itself: its things, when it is named after them.
    fn home(&self) -> String {
        let many = self.has(&self.nouns.service) && !self.single.contains(&self.nouns.service);
        let name = if many { plural(&self.nouns.service) } else { self.nouns.service.clone() };
        if name.is_empty() { "rpc".to_owned() } else { kebab(&name) }
    }

    /// What a method may become, the best first. The last one is always different from that of any other method.
    pub(super) fn candidates(&self, method: &MethodDescriptor) -> Vec<Binding> {
        let mut found = Vec::new();
        let (name, is_stream) = phrase::name_of(method);
        if let Some(phrase) = self.nouns.phrase(method) {
            found.extend(self.standard(&phrase, method));
        }
        found.extend(self.state(&name, method));
        found.extend(self.custom(&name, method));
        // `Backup/Backup` is `/backup`, `Health/HealthCheck` is `/health:check`.
        let own = name.strip_prefix(self.nouns.service.as_slice()).filter(|_| !self.nouns.service.is_empty());
        match own {
            Some([]) => found.push(post(format!("/{}", kebab(&self.nouns.service)), method)),
            Some(rest) => found.push(post(format!("/{}:{}", self.home(), camel(rest)), method)),
            None => {}
        }
        let verb = if name.is_empty() { method.name().to_owned() } else { camel(&name) };
        found.push(post(format!("/{}:{verb}", self.home()), method));
        if is_stream {
            for binding in found.iter_mut().filter(|binding| !binding.path.contains(':')) {
                binding.path.push_str(":stream");
            }
        }
        let service = method.parent_service();
        found.push(post(format!("/{}/{}", service.full_name(), method.name()), method));
        found
    }

    fn standard(&self, phrase: &Phrase, method: &MethodDescriptor) -> Vec<Binding> {
        let input = method.input();
        let owned = self.owned(phrase, &input);
        let noun = owned.as_deref().unwrap_or_else(|| phrase.thing());
        let is_single = self.single.contains(noun);
        if let Some(key) = phrase.key() {
            return match phrase.verb {
                Some(Standard::Get | Standard::List) => get_by(noun, key, phrase.verb, method),
                _ => Vec::new(),
            };
        }
        let path = || match parent(noun, &input) {
            Some((parent, rest)) => format!("{parent}/{}", kebab(&plural(&rest))),
            None => format!("/{}", kebab(&plural(noun))),
        };
        let found = match phrase.verb {
            Some(Standard::Get) => get(noun, method, phrase.is_bare),
            Some(Standard::List) => Some(read("GET", path())),
            Some(Standard::Create) if is_single => None,
            Some(Standard::Create) => {
                let body = only_message(&input).unwrap_or_else(|| "*".to_owned());
                Some(Binding { body, status: 201, ..post(path(), method) })
            }
            Some(Standard::Update) => update(noun, method, is_single, phrase.is_bare),
            Some(Standard::Delete) => item(noun, &input, Names::Any, phrase.is_bare)
                .or_else(|| is_single.then(|| format!("/{}", kebab(noun))))
                .map(|path| Binding { response_body: String::new(), ..read("DELETE", path) }),
            Some(Standard::Upsert) => item(noun, &input, Names::OwnId, phrase.is_bare)
                .map(|path| Binding { method: "PUT".to_owned(), ..post(path, method) }),
            None => None,
        };
        found.into_iter().collect()
    }

    /// What belongs to the things of the service: `Users/ListOrders(user_id)` is about user orders.
    fn owned(&self, phrase: &Phrase, input: &MessageDescriptor) -> Option<Vec<String>> {
        let owner = singular(&self.nouns.service);
        if !self.nouns.is_named_after_things
            || phrase.is_bare
            || phrase.key().is_some()
            || singular(phrase.thing()).starts_with(&owner)
        {
            return None;
        }
        own_id(&owner, input)?;
        Some([owner.as_slice(), phrase.thing()].concat())
    }

    /// A state of the service or of one of its things: `Version/Version` is `GET /version`, `Health/Check` is
    /// `GET /health:check`, `Tasks/Status(task_id)` is `GET /tasks/{task_id}/status`.
    fn state(&self, name: &[String], method: &MethodDescriptor) -> Option<Binding> {
        let input = method.input();
        if !input.fields().all(|field| is_scalar(&field)) {
            return None;
        }
        if name.first().is_some_and(|first| first == "health")
            && name.get(1..).is_some_and(|rest| rest == ["check"])
        {
            let verb = if self.nouns.service == ["health"] { "check" } else { "healthCheck" };
            return Some(read("GET", format!("/{}:{verb}", kebab(&self.nouns.service))));
        }
        let [word] = name else { return None };
        let is_health = self.nouns.service.first().is_some_and(|first| first.starts_with("health"));
        if is_health && word == "check" {
            return Some(read("GET", format!("/{}:check", kebab(&self.nouns.service))));
        }
        if !STATES.contains(&word.as_str()) {
            return None;
        }
        if name == self.nouns.service {
            return Some(read("GET", format!("/{word}")));
        }
        let home =
            if self.has(&self.nouns.service) { one(&self.nouns.service, &input, Names::OwnId) } else { None };
        let home = home.unwrap_or_else(|| format!("/{}", self.home()));
        Some(read("GET", format!("{home}/{word}")))
    }

    /// A verb of a thing: `CancelOrder` is `/orders/{order_id}:cancel`, `UserLogin` is `/users:login`.
    fn custom(&self, name: &[String], method: &MethodDescriptor) -> Option<Binding> {
        let input = method.input();
        let leading = self.nouns.leading(name);
        for at in (1..name.len()).filter(|_| leading.is_none()) {
            let (verb, noun) = name.split_at(at);
            let id = own_id(noun, &input);
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
        // `Containers/Pause(id)`: a verb of the one thing that the service is named after.
        if name.is_empty() || !self.has(&self.nouns.service) || self.single.contains(&self.nouns.service) {
            return None;
        }
        let path = own_path(&self.nouns.service, &input)?;
        Some(post(format!("{path}:{}", camel(name)), method))
    }
}

/// The path of one thing by a key of the request itself.
fn own_path(noun: &[String], input: &MessageDescriptor) -> Option<String> {
    let id = id_of(noun, input, Names::OwnId).filter(|id| !id.contains('.'))?;
    Some(format!("/{}/{{{id}}}", kebab(&plural(noun))))
}

/// The path of one thing. A bare verb also takes the first id of the request: `Tasks/Get(container_id)`.
fn item(noun: &[String], input: &MessageDescriptor, names: Names, is_bare: bool) -> Option<String> {
    let any_id = || {
        let is_id = |name: &str| matches!(words(name).as_slice(), [_, .., last] if last == "id");
        let mut fields = input.fields().filter(|field| is_key(field) && is_id(field.name()));
        Some(format!("/{}/{{{}}}", kebab(&plural(noun)), fields.next()?.name()))
    };
    one(noun, input, names).or_else(|| if is_bare { any_id() } else { None })
}

/// `GetUserByEmail(email)` is `/users/by-email/{email}`; by its id it is `/users/{id}` first.
fn get_by(
    noun: &[String],
    key: &[String],
    verb: Option<Standard>,
    method: &MethodDescriptor,
) -> Vec<Binding> {
    let names = [snake(key), format!("{}_id", snake(key))];
    let field = names.iter().find_map(|name| field_of(&method.input(), name).filter(is_key));
    let Some(field) = field else { return Vec::new() };
    let is_list = verb == Some(Standard::List) || answers_many(noun, method);
    let response_body = if is_list { String::new() } else { only_field(&method.output()) };
    let with = |path| Binding { response_body: response_body.clone(), ..read("GET", path) };
    let (things, field, key) = (kebab(&plural(noun)), field.name(), kebab(key));
    let by_id = (!is_list && matches!(key.as_str(), "id" | "uuid" | "uid"))
        .then(|| with(format!("/{things}/{{{field}}}")));
    by_id.into_iter().chain([with(format!("/{things}/by-{key}/{{{field}}}"))]).collect()
}

/// Whether a method gives a list of things.
fn answers_many(noun: &[String], method: &MethodDescriptor) -> bool {
    let many = noun.last().is_some_and(|word| is_plural(word));
    many && method.output().fields().any(|field| field.is_list())
}

fn get(noun: &[String], method: &MethodDescriptor, is_bare: bool) -> Option<Binding> {
    let input = method.input();
    let with = |path| Binding { response_body: only_field(&method.output()), ..read("GET", path) };
    // `Images/Get(id)` is one of them, although the service's name is a plural.
    let is_one = is_bare && one(noun, &input, Names::OwnId).is_some();
    if answers_many(noun, method) && !is_one {
        let path = match parent(noun, &input) {
            Some((parent, rest)) => format!("{parent}/{}", kebab(&rest)),
            None => format!("/{}", kebab(noun)),
        };
        return Some(read("GET", path));
    }
    if let Some(path) = item(noun, &input, Names::Any, is_bare) {
        return Some(with(path));
    }
    // There is only one of it.
    input.fields().all(|field| !is_key(&field)).then(|| with(format!("/{}", kebab(noun))))
}

fn update(noun: &[String], method: &MethodDescriptor, is_single: bool, is_bare: bool) -> Option<Binding> {
    let input = method.input();
    let single = || is_single.then(|| format!("/{}", kebab(noun)));
    let path = item(noun, &input, Names::OwnId, is_bare).or_else(single)?;
    let mask = input.fields().any(|field| message_of(&field).is_some_and(|of| is_mask(&of)));
    let is_thing = |field: &prost_reflect::FieldDescriptor| {
        message_of(field).is_some_and(|of| of.package_name() != "google.protobuf")
    };
    let named = field_of(&input, &snake(&singular(noun))).filter(is_thing);
    let mut things = input.fields().filter(is_thing);
    let thing = named.or_else(|| things.next().filter(|_| things.next().is_none()));
    let (verb, body) = match (thing, mask) {
        (Some(thing), true) => ("PATCH", thing.name().to_owned()),
        (Some(thing), false) if is_all(&input, &thing) => ("PUT", thing.name().to_owned()),
        _ => ("PATCH", "*".to_owned()),
    };
    Some(Binding { method: verb.to_owned(), body, ..post(path, method) })
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
