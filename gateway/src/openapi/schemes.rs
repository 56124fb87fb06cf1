//! The names of security schemes: those of the ways to know callers, as far as a document can have them.

use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};

use crate::route::RoutePlan;

/// A name for each way to know callers that these routes use, of the characters that keys of components may have. What
/// has such a name already keeps it.
pub(super) fn names(routes: &[&RoutePlan]) -> IndexMap<Arc<str>, String> {
    let named = routes.iter().filter_map(|plan| Some(plan.policies.auth()?.name()));
    let all: IndexSet<&Arc<str>> = named.collect();
    let (good, other): (Vec<_>, Vec<_>) = all.into_iter().partition(|name| is_key(name));
    let mut names: IndexMap<Arc<str>, String> =
        good.into_iter().map(|name| (Arc::clone(name), name.to_string())).collect();
    for name in other {
        let plain: String = name.chars().map(|c| if is_key_char(c) { c } else { '_' }).collect();
        let plain = if plain.is_empty() { "auth".to_owned() } else { plain };
        let mut unique = plain.clone();
        let mut n = 1;
        while names.values().any(|known| *known == unique) {
            n += 1;
            unique = format!("{plain}_{n}");
        }
        names.insert(Arc::clone(name), unique);
    }
    names
}

fn is_key(name: &str) -> bool {
    !name.is_empty() && name.chars().all(is_key_char)
}

fn is_key_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}
