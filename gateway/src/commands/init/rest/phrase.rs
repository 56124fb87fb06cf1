//! A method's name as a verb and what it is about.

use prost_reflect::MethodDescriptor;

use super::super::words::words;

/// What the verb of a method's name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standard {
    Get,
    List,
    Create,
    Update,
    Delete,
    /// Creates or updates.
    Upsert,
}

/// A method's name that begins with a standard verb: `GetUserByEmail`, `AddOrUpdateCluster`, `List`.
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
    /// Reads the name of a method in a service that is named after `service`. None without a standard verb, and for a
    /// verb without a noun when the service has none either.
    pub(super) fn of(method: &MethodDescriptor, service: &[String]) -> Option<Self> {
        let (name, _) = name_of(method);
        let (first, rest) = name.split_first()?;
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
        // `GetAllUsers` lists users.
        let (verb, rest) = match (verb, rest) {
            (Some(Standard::Get | Standard::List), [all, rest @ ..]) if all == "all" => {
                (Some(Standard::List), rest)
            }
            (verb, [one]) if one == "one" => (verb, [].as_slice()),
            // One call deletes them all: nothing to call by mistake with a plain DELETE.
            (Some(_), [all]) if all == "all" => (None, [].as_slice()),
            found => found,
        };
        let at = rest.iter().position(|word| word == "by").filter(|at| at + 1 < rest.len());
        let (noun, key) = rest.split_at(at.unwrap_or(rest.len()));
        let key = key.get(1..).unwrap_or_default().to_vec();
        let is_bare = noun.is_empty();
        let noun = if is_bare { service } else { noun };
        (!noun.is_empty()).then(|| Self { verb, is_bare, noun: noun.to_vec(), key })
    }

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
