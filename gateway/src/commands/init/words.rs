//! Names taken apart into words, and put together as REST, YAML and the environment write them.

/// The words of a name, in lower case: `GetHTTPServer_2` is get, http, server, 2.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let letters: Vec<char> = name.chars().collect();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| letters.get(before));
        let after = letters.get(at + 1);
        let begins = letter.is_uppercase()
            && before.is_some_and(|before| {
                !before.is_uppercase() || after.is_some_and(|after| after.is_lowercase())
            });
        if begins || *letter == '_' {
            words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
        }
        if *letter != '_' {
            word.extend(letter.to_lowercase());
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}

/// `orderItem`
pub(super) fn camel(words: &[String]) -> String {
    let mut text = String::new();
    for word in words {
        if text.is_empty() {
            text.push_str(word);
        } else {
            let mut letters = word.chars();
            text.extend(letters.next().into_iter().flat_map(char::to_uppercase));
            text.push_str(letters.as_str());
        }
    }
    text
}

/// `order-item`
pub(super) fn kebab(words: &[String]) -> String {
    words.join("-")
}

/// `order_item`
pub(super) fn snake(words: &[String]) -> String {
    words.join("_")
}

/// Words that are their own plural.
const UNCOUNTABLE: &[&str] = &[
    "content",
    "data",
    "info",
    "metadata",
    "news",
    "media",
    "equipment",
    "feedback",
    "series",
    "inventory",
    "history",
    "analytics",
    "settings",
    "preferences",
];

/// The last word in the plural: `order`, `items`.
pub(super) fn plural(words: &[String]) -> Vec<String> {
    with_last(words, |word| {
        if is_plural(word) {
            return word.to_owned();
        }
        let before_last = word.chars().rev().nth(1);
        let stem = word.strip_suffix('y').filter(|_| before_last.is_some_and(|letter| !is_vowel(letter)));
        if let Some(stem) = stem {
            return format!("{stem}ies");
        }
        let hisses = ["s", "x", "z", "ch", "sh"].iter().any(|end| word.ends_with(end));
        if hisses { format!("{word}es") } else { format!("{word}s") }
    })
}

/// The last word in the singular.
pub(super) fn singular(words: &[String]) -> Vec<String> {
    with_last(words, |word| {
        if !is_plural(word) || UNCOUNTABLE.contains(&word) {
            return word.to_owned();
        }
        if let Some(stem) = word.strip_suffix("ies").filter(|stem| stem.len() > 1) {
            return format!("{stem}y");
        }
        let hissing = ["sses", "xes", "zes", "ches", "shes", "uses"];
        if hissing.iter().any(|end| word.ends_with(end)) {
            return word.strip_suffix("es").unwrap_or(word).to_owned();
        }
        word.strip_suffix('s').unwrap_or(word).to_owned()
    })
}

/// Whether a word looks like a plural: `status`, `address` and `basis` do not.
pub(super) fn is_plural(word: &str) -> bool {
    let single = ["ss", "us", "is"].iter().any(|end| word.ends_with(end));
    UNCOUNTABLE.contains(&word) || word.len() > 2 && word.ends_with('s') && !single
}

fn is_vowel(letter: char) -> bool {
    matches!(letter, 'a' | 'e' | 'i' | 'o' | 'u')
}

fn with_last(words: &[String], change: impl Fn(&str) -> String) -> Vec<String> {
    let mut words = words.to_vec();
    if let Some(last) = words.last_mut() {
        *last = change(last);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words() {
        let table = [
            ("GetUser", "get user"),
            ("HTTPServer", "http server"),
            ("GetHTTPServer_2", "get http server 2"),
            ("get_user", "get user"),
            ("ListV2Users", "list v2 users"),
            ("A", "a"),
            ("ABC", "abc"),
            ("__", ""),
            ("userID", "user id"),
        ];
        for (name, expected) in table {
            assert_eq!(words(name).join(" "), expected, "{name}");
        }
    }

    #[test]
    fn nouns_have_a_singular_and_a_plural() {
        let table = [
            ("User", "users"),
            ("OrderItem", "order-items"),
            ("Category", "categories"),
            ("Day", "days"),
            ("Status", "statuses"),
            ("Address", "addresses"),
            ("Box", "boxes"),
            ("Branch", "branches"),
            ("Bus", "buses"),
        ];
        for (name, expected) in table {
            let many = plural(&words(name));
            assert_eq!(kebab(&many), expected);
            assert_eq!(singular(&many), words(name), "{expected}");
            assert_eq!(plural(&many), many, "{expected}");
        }
        assert_eq!(kebab(&plural(&words("News"))), "news");
        assert_eq!(camel(&words("ORDER_ITEM")), "orderItem");
    }
}
