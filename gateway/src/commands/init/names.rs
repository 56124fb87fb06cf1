//! Names for upstreams: each one once, also as a variable of the environment.

use std::collections::{BTreeSet, HashMap};

use super::words::{camel, words};

/// An upstream to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UpstreamName {
    /// `userService`
    pub(super) name: String,
    /// `USER_SERVICE_URL`
    pub(super) variable: String,
}

impl UpstreamName {
    pub(super) fn of(text: &str) -> Self {
        let words = words(text);
        let name = if words.is_empty() { "service".to_owned() } else { camel(&words) };
        let variable = if words.is_empty() { "SERVICE".to_owned() } else { words.join("_").to_uppercase() };
        let variable: String = variable
            .chars()
            .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' })
            .collect();
        // A variable does not begin with a digit.
        let variable = if variable.starts_with(|c: char| c.is_ascii_digit()) {
            format!("_{variable}")
        } else {
            variable
        };
        Self { name, variable: format!("{variable}_URL") }
    }

    /// A name that a person chose, as it is.
    pub(super) fn given(name: &str) -> Self {
        let words = name.replace(['-', '.'], "_");
        Self { name: name.to_owned(), ..Self::of(&words) }
    }
}

/// A name for each of these upstreams: the first of its wishes that no other upstream wishes or has, else one with a number.
/// `taken` are names that are given already.
pub(super) fn unique<'t>(
    wanted: Vec<Vec<String>>,
    taken: impl Iterator<Item = &'t str>,
) -> Vec<UpstreamName> {
    let mut used: BTreeSet<String> = BTreeSet::new();
    for name in taken {
        used.extend(keys(&UpstreamName::given(name)));
    }
    let mut wishes: HashMap<String, usize> = HashMap::new();
    for text in wanted.iter().filter_map(|wishes| wishes.first()) {
        *wishes.entry(UpstreamName::of(text).variable).or_default() += 1;
    }
    let mut names = Vec::with_capacity(wanted.len());
    for texts in wanted {
        let is_free =
            |name: &UpstreamName, used: &BTreeSet<String>| keys(name).iter().all(|key| !used.contains(key));
        let options: Vec<UpstreamName> = texts.iter().map(|text| UpstreamName::of(text)).collect();
        let is_alone = |name: &&UpstreamName| wishes.get(&name.variable).is_none_or(|count| *count < 2);
        let free = options.iter().filter(|name| is_free(name, &used));
        let found = free.clone().find(is_alone).or_else(|| free.clone().next()).cloned();
        let plain = texts.last().cloned().unwrap_or_default();
        let numbered = (2_usize..).map(|count| UpstreamName::of(&format!("{plain}_{count}")));
        let name = found.or_else(|| numbered.into_iter().find(|name| is_free(name, &used)));
        let name = name.unwrap_or_else(|| UpstreamName::of(&plain));
        used.extend(keys(&name));
        names.push(name);
    }
    names
}

/// What has to be different from those of other upstreams.
fn keys(name: &UpstreamName) -> [String; 2] {
    [name.name.clone(), name.variable.clone()]
}

/// `v1`, `v2beta1`
pub(super) fn is_version(segment: &str) -> bool {
    let mut letters = segment.chars();
    letters.next() == Some('v') && letters.next().is_some_and(|letter| letter.is_ascii_digit())
}
