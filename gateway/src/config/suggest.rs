//! The nearest of the known names, for "did you mean".

/// `did you mean …?` with the nearest of `known`, when one is near enough to be meant.
pub(super) fn did_you_mean<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    nearest(name, known).map(|known| format!("did you mean `{known}`?"))
}

/// The nearest of `known`: at most a third of it differs, or the two begin alike, or `name` is a word of just one of them,
/// or its beginning.
/// Case, `-` and `_` count little.
pub(super) fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let folded = fold(name);
    if folded.is_empty() {
        return None;
    }
    let known: Vec<&str> = known.into_iter().collect();
    by_distance(name, &folded, &known)
        .or_else(|| by_beginning(&folded, &known))
        .or_else(|| by_word(&folded, &known))
        .or_else(|| by_meaning(&folded, &known))
}

/// As [`nearest`], for keys: also the only one that is a word of the name, as `origins` is of `allow_origins`.
pub(super) fn nearest_key<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let known: Vec<&str> = known.into_iter().collect();
    nearest(name, known.iter().copied()).or_else(|| {
        let is_word = |candidate: &str| name.split(['_', '-']).any(|word| fold(word) == fold(candidate));
        let mut words = known.iter().filter(|candidate| is_word(candidate));
        let first = words.next()?;
        words.next().is_none().then_some(*first)
    })
}

/// What others call what is known here by another word.
const SYNONYMS: &[(&str, &[&str])] = &[
    (
        "address",
        &[
            "url",
            "uri",
            "host",
            "hosts",
            "endpoint",
            "endpoints",
            "target",
            "targets",
            "server",
            "servers",
            "backend",
            "backends",
            "proxypass",
            "grpcpass",
            "port",
            "bind",
            "listen",
        ],
    ),
    ("rate", &["requests", "limit", "rps"]),
    ("otlp", &["endpoint", "address", "url", "collector"]),
];

fn by_meaning<'k>(folded: &str, known: &[&'k str]) -> Option<&'k str> {
    let known_as = |candidate: &str| {
        SYNONYMS.iter().any(|(word, others)| *word == candidate && others.contains(&folded))
    };
    known.iter().find(|candidate| known_as(candidate)).copied()
}

fn by_distance<'k>(name: &str, folded: &str, known: &[&'k str]) -> Option<&'k str> {
    let len = folded.chars().count();
    known
        .iter()
        .filter_map(|candidate| {
            let other = fold(candidate);
            let other_len = other.chars().count();
            let longest = len.max(other_len);
            let most = (longest / 3).max(1);
            // Cheap way out: the distance is at least the difference in length.
            if len.abs_diff(other_len) > most {
                return None;
            }
            let distance = strsim::osa_distance(folded, &other);
            (distance <= most && distance < longest).then_some((distance, *candidate))
        })
        .min_by_key(|(distance, candidate)| (*distance, candidate.len().abs_diff(name.len()), *candidate))
        .map(|(_, candidate)| candidate)
}

/// The one that begins most alike: four letters at least, and half of the longer or all of the name.
fn by_beginning<'k>(folded: &str, known: &[&'k str]) -> Option<&'k str> {
    let name_len = folded.chars().count();
    known
        .iter()
        .filter_map(|candidate| {
            let other = fold(candidate);
            let alike = folded.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
            let longest = name_len.max(other.chars().count());
            (alike >= 4 && (alike * 2 >= longest || alike == name_len)).then_some((alike, *candidate))
        })
        .max_by_key(|(alike, candidate)| (*alike, std::cmp::Reverse(*candidate)))
        .map(|(_, candidate)| candidate)
}

/// The only one that has the name as one of its words.
fn by_word<'k>(folded: &str, known: &[&'k str]) -> Option<&'k str> {
    let mut with_word =
        known.iter().filter(|candidate| candidate.split(['_', '-', '.']).any(|word| fold(word) == folded));
    let first = with_word.next()?;
    with_word.next().is_none().then_some(*first)
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
    fn a_key_is_found_by_one_of_its_words() {
        let known = ["origins", "methods", "headers", "max_age"];
        for (name, expected) in [
            ("allow_origins", Some("origins")),
            ("allowed-methods", Some("methods")),
            ("origins_and_methods", None),
            ("other", None),
        ] {
            assert_eq!(nearest_key(name, known), expected, "{name}");
        }
    }

    #[test]
    fn the_nearest_name_is_found_only_when_it_is_near() {
        let known = ["timeout", "connect_timeout", "retry", "balance", "tls", "outlier_detection"];
        for (name, expected) in [
            ("timout", Some("timeout")),
            ("Timeout", Some("timeout")),
            ("connectTimeout", Some("connect_timeout")),
            ("retries", Some("retry")),
            ("outlier", Some("outlier_detection")),
            ("outl", Some("outlier_detection")),
            ("out", None),
            ("connect", Some("connect_timeout")),
            ("ballance", Some("balance")),
            ("tsl", Some("tls")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
    }
}
