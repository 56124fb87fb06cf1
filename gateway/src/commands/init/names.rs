//! Names for upstreams: after the services that they serve, each one once, also as a variable of the environment.

use std::collections::{BTreeSet, HashMap};

use prost_reflect::ServiceDescriptor;

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
}

/// Names for all of these services, in their order. Services of the same name get as much of their packages as tells them
/// apart.
pub(super) fn upstreams(services: &[ServiceDescriptor]) -> Vec<UpstreamName> {
    let mut names: Vec<UpstreamName> =
        services.iter().map(|service| UpstreamName::of(service.name())).collect();
    for more in 1..=MOST_SEGMENTS {
        let twice = twice(&names);
        if twice.is_empty() {
            return names;
        }
        for index in twice {
            if let (Some(name), Some(service)) = (names.get_mut(index), services.get(index)) {
                *name = UpstreamName::of(&qualified(service, more));
            }
        }
    }
    // Packages that differ only in what names leave out, as `a_b` and `a.b`.
    let mut taken = BTreeSet::new();
    for name in &mut names {
        let (plain, mut count) = (name.name.clone(), 1_usize);
        while taken.contains(&name.variable) || taken.contains(&name.name) {
            count += 1;
            *name = UpstreamName::of(&format!("{plain}_{count}"));
        }
        taken.extend([name.name.clone(), name.variable.clone()]);
    }
    names
}

/// More segments than packages have.
const MOST_SEGMENTS: usize = 6;

/// The places of names that another one has too.
fn twice(names: &[UpstreamName]) -> Vec<usize> {
    let mut count: HashMap<&str, usize> = HashMap::new();
    for name in names {
        *count.entry(&name.variable).or_default() += 1;
    }
    let is_twice = |name: &UpstreamName| count.get(name.variable.as_str()).is_some_and(|count| *count > 1);
    (0..names.len()).filter(|index| names.get(*index).is_some_and(is_twice)).collect()
}

/// The service's name after some of its package's segments: first those that say something, then versions as well.
fn qualified(service: &ServiceDescriptor, segments: usize) -> String {
    let package: Vec<&str> =
        service.package_name().split('.').filter(|segment| !segment.is_empty()).collect();
    let spoken: Vec<&str> = package.iter().copied().filter(|segment| !is_version(segment)).collect();
    // One segment, then with the version, then more and more of the package.
    let chosen = match segments {
        1 => spoken.get(spoken.len().saturating_sub(1)..),
        2 => package.get(package.len().saturating_sub(2)..),
        more => package.get(package.len().saturating_sub(more)..),
    };
    format!("{}_{}", chosen.unwrap_or_default().join("_"), service.name())
}

/// `v1`, `v2beta1`
pub(super) fn is_version(segment: &str) -> bool {
    let mut letters = segment.chars();
    letters.next() == Some('v') && letters.next().is_some_and(|letter| letter.is_ascii_digit())
}
