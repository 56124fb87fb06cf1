//! Header names that services cannot tell apart: CGI, WSGI and many frameworks fold case, hyphens and underscores.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName};

/// Returns a header name with `-` for every character that is neither a letter nor a digit. Names that fold to the same
/// text are spellings of one name. Allocates only for names with characters other than letters, digits and `-`.
pub(in crate::policy) fn fold(name: &HeaderName) -> Cow<'_, str> {
    let text = name.as_str();
    if text.bytes().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let folded = text.bytes().map(|byte| if is_plain(byte) { char::from(byte) } else { '-' });
    Cow::Owned(folded.collect())
}

/// A `HeaderName` has no upper case.
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}

/// A set of header names, each with all its spellings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::policy) struct Spellings(Vec<Box<str>>);

impl Spellings {
    /// Whether the set has the name that folds to this text.
    pub(in crate::policy) fn contains(&self, folded: &str) -> bool {
        self.0.iter().any(|name| **name == *folded)
    }

    /// Removes every spelling of these names.
    pub(in crate::policy) fn strip(&self, headers: &mut HeaderMap) {
        if self.0.is_empty() {
            return;
        }
        let found: Vec<HeaderName> =
            headers.keys().filter(|name| self.contains(&fold(name))).cloned().collect();
        for name in found {
            headers.remove(name);
        }
    }
}

impl<'n> FromIterator<&'n HeaderName> for Spellings {
    fn from_iter<I: IntoIterator<Item = &'n HeaderName>>(names: I) -> Self {
        let mut spellings = Self::default();
        spellings.extend(names);
        spellings
    }
}

impl<'n> Extend<&'n HeaderName> for Spellings {
    fn extend<I: IntoIterator<Item = &'n HeaderName>>(&mut self, names: I) {
        for name in names {
            let folded = fold(name);
            if !self.contains(&folded) {
                self.0.push(folded.into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn names_fold_by_their_letters_and_digits() {
        for (name, folded) in [
            ("x-user-id", "x-user-id"),
            ("X_User-Id", "x-user-id"),
            ("x.user~id", "x-user-id"),
            ("x-user-1", "x-user-1"),
            ("x--user", "x--user"),
            ("_", "-"),
        ] {
            assert_eq!(fold(&name.parse().unwrap()), folded);
        }
    }

    #[test]
    fn all_spellings_are_stripped_and_nothing_else() {
        let names = ["x-user-id", "x_team"].map(|name| HeaderName::from_bytes(name.as_bytes()).unwrap());
        let spellings: Spellings = names.iter().collect();
        let mut headers = HeaderMap::new();
        for name in ["x-user-id", "x-user_id", "x_user_id", "x-team", "x_team", "x-user", "x-user-ids"] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static("1"));
            headers.append(HeaderName::from_static(name), HeaderValue::from_static("2"));
        }
        spellings.strip(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["x-user", "x-user-ids"]);
    }
}
