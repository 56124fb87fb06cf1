//! A method's name as a verb and what it is about.

use std::collections::{HashMap, HashSet};

use prost_reflect::{MethodDescriptor, ServiceDescriptor};

use super::super::words::{singular, words};

/// What the verb of a method's name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Standard {
    Get,
    List,
    Create,
    Update,
    Delete,
    /// Creates or updates.
    Upsert,
}

/// What the names of a service's methods can be about.
pub(super) struct Nouns {
    /// The service's own name: `user` for UserService.
    pub(super) service: Vec<String>,
    /// Whether the service is named after its things, because its methods get, list or otherwise keep them: `Containers`
    /// with Get. A single `Delete` says no such thing: `MilvusService`.
    pub(super) is_named_after_things: bool,
    /// The nouns that come before their verbs, as in `MemberAdd` and `MemberRemove`, in the singular.
    first: HashSet<Vec<String>>,
    /// The methods whose name is a single word.
    verbs: HashSet<String>,
}

/// Last words that say how something is done, where a method without them is there too: `Update` and `UpdateBatch`.
const QUALIFIERS: [&str; 8] = ["batch", "bulk", "full", "many", "multiple", "multi", "async", "stream"];

/// First words that say how something is done, and are no nouns: `BatchGet`, `BatchCreate`.
const MODIFIERS: [&str; 20] = [
    "batch", "bulk", "multi", "mass", "soft", "hard", "force", "async", "stream", "validate", "prepare",
    "can", "check", "try", "begin", "commit", "dry", "test", "safe", "do",
];

impl Nouns {
    pub(super) fn of(service: &ServiceDescriptor) -> Self {
        let mut name = words(service.name());
        if name.len() > 1 && matches!(name.last().map(String::as_str), Some("service" | "api" | "svc")) {
            name.pop();
        }
        let mut verbs: HashMap<Vec<String>, HashSet<Standard>> = HashMap::new();
        for method in service.methods() {
            let (name, _) = name_of(&method);
            if let Some((verb, noun)) = verb_last(&name) {
                verbs.entry(singular(noun)).or_default().insert(verb);
            }
        }
        // One name alone may end with any word: `SubmitList`.
        let first = verbs.into_iter().filter(|(_, verbs)| verbs.len() > 1).map(|(noun, _)| noun);
        let mut nouns = Self {
            service: name,
            is_named_after_things: true,
            first: first.collect(),
            verbs: HashSet::new(),
        };
        let single = service.methods().map(|method| name_of(&method).0).filter(|name| name.len() == 1);
        nouns.verbs = single.flatten().collect();
        let bare = service
            .methods()
            .filter_map(|method| nouns.phrase(&method).filter(|phrase| phrase.is_bare)?.verb);
        let bare: HashSet<Standard> = bare.collect();
        let reads = bare.contains(&Standard::Get) || bare.contains(&Standard::List);
        let writes = [Standard::Create, Standard::Update, Standard::Delete];
        let writes = writes.into_iter().filter(|verb| bare.contains(verb)).count();
        nouns.is_named_after_things = reads || writes > 1;
        nouns
    }

    /// How many of the first words are a noun that comes before its verb: `user` of `UserChangePassword`.
    pub(super) fn leading(&self, name: &[String]) -> Option<usize> {
        let is_noun = |at: &usize| name.get(..*at).is_some_and(|noun| self.first.contains(&singular(noun)));
        (1..name.len()).rev().find(is_noun)
    }

    /// Reads the name of a method. None without a standard verb, and for a verb without a noun when the service is not
    /// named after things.
    pub(super) fn phrase(&self, method: &MethodDescriptor) -> Option<Phrase> {
        let (name, _) = name_of(method);
        if let Some((verb, noun)) = verb_last(&name)
            && self.first.contains(&singular(noun))
        {
            return Some(Phrase { verb: Some(verb), is_bare: false, noun: noun.to_vec(), key: Vec::new() });
        }
        let (first, rest) = name.split_first()?;
        if let [last] = rest
            && QUALIFIERS.contains(&last.as_str())
            && self.verbs.contains(first)
        {
            return None;
        }
        let first = standard(first)?;
        let (verb, rest) = match rest {
            [joint, second, rest @ ..]
                if matches!(joint.as_str(), "or" | "and") && standard(second).is_some() =>
            {
                let is_upsert = joint == "or"
                    && matches!(
                        (first, standard(second)),
                        (Standard::Create, Some(Standard::Update))
                            | (Standard::Update, Some(Standard::Create))
                    );
                (is_upsert.then_some(Standard::Upsert), rest)
            }
            rest => (Some(first), rest),
        };
        let (verb, rest) = match (verb, rest) {
            // `GetAllUsers` lists users.
            (Some(Standard::Get | Standard::List), [all, rest @ ..]) if all == "all" => {
                (Some(Standard::List), rest)
            }
            (verb, [one]) if one == "one" => (verb, [].as_slice()),
            // One call deletes them all: no plain DELETE, which is easily sent by mistake.
            (Some(_), [all]) if all == "all" => (None, [].as_slice()),
            found => found,
        };
        let at = rest.iter().position(|word| word == "by").filter(|at| at + 1 < rest.len());
        let (noun, key) = rest.split_at(at.unwrap_or(rest.len()));
        let key = key.get(1..).unwrap_or_default().to_vec();
        let is_bare = noun.is_empty();
        if is_bare && !self.is_named_after_things {
            return None;
        }
        let noun = if is_bare { &self.service } else { noun };
        (!noun.is_empty()).then(|| Phrase { verb, is_bare, noun: noun.to_vec(), key })
    }
}

/// A noun and the standard verb behind it.
fn verb_last(name: &[String]) -> Option<(Standard, &[String])> {
    let (verb, noun) = name.split_last()?;
    let first = noun.first()?;
    if standard(first).is_some() || MODIFIERS.contains(&first.as_str()) {
        return None;
    }
    Some((standard(verb)?, noun))
}

/// A method's name with a standard verb: `GetUserByEmail`, `AddOrUpdateCluster`, `MemberAdd`, `List`.
pub(super) struct Phrase {
    /// Nothing for two verbs that are no standard one together, as in `GetOrCreateUser`.
    pub(super) verb: Option<Standard>,
    /// Whether the noun is the service's, because the name has none.
    pub(super) is_bare: bool,
    noun: Vec<String>,
    /// What comes after `By`.
    key: Vec<String>,
}

impl Phrase {
    /// What the method is about, as it is written.
    pub(super) fn thing(&self) -> &[String] {
        &self.noun
    }

    /// The field that `By` names.
    pub(super) fn key(&self) -> Option<&[String]> {
        (!self.key.is_empty()).then_some(self.key.as_slice())
    }
}

/// The words of a method's name, and whether `Stream` was taken from the end of it: `ListStream` is a List.
pub(super) fn name_of(method: &MethodDescriptor) -> (Vec<String>, bool) {
    let mut name = words(method.name());
    let streams = method.is_client_streaming() || method.is_server_streaming();
    let is_stream = streams && name.len() > 1 && name.last().is_some_and(|last| last == "stream");
    if is_stream {
        name.pop();
    }
    (name, is_stream)
}

fn standard(word: &str) -> Option<Standard> {
    Some(match word {
        "get" | "fetch" | "retrieve" => Standard::Get,
        "list" => Standard::List,
        "create" | "add" => Standard::Create,
        "update" => Standard::Update,
        "delete" | "remove" => Standard::Delete,
        "upsert" => Standard::Upsert,
        _ => return None,
    })
}
