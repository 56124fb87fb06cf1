//! The nearest of the known names, for "did you mean".

/// `did you mean …?` with the nearest of `known`, when one is near enough to be meant.
pub(super) fn did_you_mean<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    nearest(name, known).map(|known| format!("did you mean `{known}`?"))
}

/// The nearest of `known`, when at most a third of it differs. Case, `-` and `_` count little.
pub(super) fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let folded = fold(name);
    let len = folded.chars().count();
    known
        .into_iter()
        .filter_map(|candidate| {
            let other = fold(candidate);
            let longest = len.max(other.chars().count());
            // Cheap way out: the distance is at least the difference in length.
            if len.abs_diff(other.chars().count()) > longest.div_ceil(3) {
                return None;
            }
            let distance = strsim::osa_distance(&folded, &other);
            let near = distance <= (longest / 3).max(1) && distance < longest;
            near.then_some((distance, candidate))
        })
        .min_by_key(|(distance, candidate)| (*distance, candidate.len().abs_diff(name.len()), *candidate))
        .map(|(_, candidate)| candidate)
}

/// `a, b, c`, at most twelve of them.
pub(super) fn list<'k>(names: impl IntoIterator<Item = &'k str>) -> String {
    listed(names, 12)
}

/// `a, b, c`, all of them.
pub(super) fn all<'k>(names: impl IntoIterator<Item = &'k str>) -> String {
    listed(names, usize::MAX)
}

fn listed<'k>(names: impl IntoIterator<Item = &'k str>, most: usize) -> String {
    let mut names: Vec<&str> = names.into_iter().collect();
    names.sort_unstable();
    let more = names.len().saturating_sub(most);
    names.truncate(most);
    let text = names.join(", ");
    if more > 0 { format!("{text} and {more} more") } else { text }
}

fn fold(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_only_when_it_is_near() {
        let known = ["timeout", "connect_timeout", "retry", "balance", "tls"];
        for (name, expected) in [
            ("timout", Some("timeout")),
            ("Timeout", Some("timeout")),
            ("connectTimeout", Some("connect_timeout")),
            ("retires", Some("retry")),
            ("ballance", Some("balance")),
            ("tsl", Some("tls")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
    }
}
