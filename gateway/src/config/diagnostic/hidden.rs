//! What no finding may quote: the texts that are masked in the sources, and what secret variables hold.
//!
//! Findings quote values. Whoever writes one need not think of secrets: all of them pass here before anybody sees them.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;

use super::{Diagnostic, Label, Place};

/// Stands for a secret in a message. How long that is stays untold.
const STARS: &str = "***";
/// The fewest bytes that are a piece of a secret, where a finding is about it: shorter ones are in every sentence.
const PIECE: usize = 4;
/// The fewest bytes of a secret that is looked for in findings about other places: a short one is an ordinary word too.
const TELLING: usize = 8;

/// The secrets of all sources.
#[derive(Debug, Clone, Default)]
pub(super) struct Hidden {
    /// Values by their places, which do not overlap; what a variable held stands where the variable does.
    at: BTreeMap<Place, Vec<String>>,
    /// Values that are told nowhere.
    everywhere: BTreeSet<String>,
}

impl Hidden {
    pub(super) fn add(&mut self, place: Place, text: &str) {
        self.at.entry(place).or_default().push(text.to_owned());
    }

    pub(super) fn add_everywhere(&mut self, text: &str) {
        if text.len() >= TELLING {
            self.everywhere.insert(text.to_owned());
        }
    }

    pub(super) fn contains(&self, place: Place) -> bool {
        self.at.contains_key(&place)
    }

    /// Takes every secret out of what a finding says.
    pub(super) fn strike_from(&self, diagnostic: &mut Diagnostic) {
        let labels = diagnostic.primary.iter().chain(&diagnostic.secondary);
        let near: Vec<&str> = labels.flat_map(|label| self.near(label.place)).collect();
        let labels = diagnostic.primary.iter_mut().chain(&mut diagnostic.secondary);
        let texts = labels.map(|Label { text, .. }| text).chain(&mut diagnostic.notes);
        for text in texts.chain(&mut diagnostic.help).chain([&mut diagnostic.message]) {
            if let Some(without) = self.without(text, &near) {
                *text = without;
            }
        }
    }

    /// The secrets that a place touches.
    fn near(&self, place: Place) -> impl Iterator<Item = &str> {
        let last = Place { start: place.end, end: u32::MAX, ..place };
        let before = self.at.range(..=last).rev();
        let near = before.take_while(move |(at, _)| at.file == place.file && at.end >= place.start);
        near.flat_map(|(_, texts)| texts).map(String::as_str)
    }

    /// A text without secrets; nothing when it has none.
    fn without(&self, text: &str, near: &[&str]) -> Option<String> {
        let mut struck = Struck { text, bytes: vec![false; text.len()] };
        let (long, short): (Vec<&str>, Vec<&str>) = near.iter().partition(|secret| secret.len() >= PIECE);
        for secret in long {
            struck.whole(secret);
            struck.pieces(secret);
        }
        short.into_iter().for_each(|secret| struck.short(secret));
        self.everywhere.iter().for_each(|secret| struck.whole(secret));
        struck.bytes.contains(&true).then(|| struck.starred())
    }
}

/// A text, and which of its bytes belong to a secret.
struct Struck<'t> {
    text: &'t str,
    bytes: Vec<bool>,
}

impl Struck<'_> {
    fn strike(&mut self, range: Range<usize>) {
        self.bytes.get_mut(range).unwrap_or_default().fill(true);
    }

    fn whole(&mut self, secret: &str) {
        for (at, found) in self.text.match_indices(secret) {
            self.strike(at..at + found.len());
        }
    }

    /// Everything that the secret also has, from the first to the last quote: values are quoted by their pieces too, and
    /// in lower case.
    fn pieces(&mut self, secret: &str) {
        let Some((first, last)) = self.text.find('`').zip(self.text.rfind('`')) else { return };
        let first = first + 1;
        let text = self.text.get(first..last).unwrap_or("").to_ascii_lowercase();
        let secret = behind_scheme(secret).to_ascii_lowercase();
        let pieces: HashSet<&[u8]> = secret.as_bytes().windows(PIECE).collect();
        for (at, piece) in text.as_bytes().windows(PIECE).enumerate() {
            if pieces.contains(piece) {
                self.strike(first + at..first + at + PIECE);
            }
        }
    }

    /// One that is shorter than a piece, where it is all that is quoted.
    fn short(&mut self, secret: &str) {
        for (at, _) in self.text.match_indices(&format!("`{secret}`")) {
            self.strike(at + 1..at + 1 + secret.len());
        }
    }

    fn starred(&self) -> String {
        let mut starred = String::with_capacity(self.text.len());
        let mut inside = false;
        for (at, c) in self.text.char_indices() {
            let bytes = self.bytes.get(at..at + c.len_utf8()).unwrap_or_default();
            match (bytes.contains(&true), inside) {
                (true, false) => starred.push_str(STARS),
                (true, true) => {}
                (false, _) => starred.push(c),
            }
            inside = bytes.contains(&true);
        }
        starred
    }
}

/// A URL without `https://`: that is in many examples, and tells nothing.
fn behind_scheme(text: &str) -> &str {
    let is_scheme = |scheme: &str| scheme.bytes().all(|byte| byte.is_ascii_alphabetic());
    text.split_once("://").filter(|(scheme, _)| is_scheme(scheme)).map_or(text, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::diagnostic::{Code, Sources};

    fn struck(secret: &str, label: Range<u32>, message: &str) -> String {
        let mut hidden = Hidden::default();
        let file = Sources::default().add("a.yaml", "");
        hidden.add(Place { file, start: 10, end: 20 }, secret);
        hidden.add_everywhere(secret);
        let place = Place { file, start: label.start, end: label.end };
        let mut finding = Diagnostic::error(Code::BadValue, message).at(place, message).with_help(message);
        hidden.strike_from(&mut finding);
        assert_eq!(finding.primary.map(|label| label.text).as_ref(), Some(&finding.message));
        assert_eq!(finding.help, [finding.message.as_str()]);
        finding.message
    }

    #[test]
    fn what_is_said_about_a_secret_does_not_quote_it() {
        for (secret, message, told) in [
            ("hunter2", "`hunter2` is no word", "`***` is no word"),
            ("hunter2", "no word: hunter2", "no word: ***"),
            ("hunter2", "write `/hunter2`, or `x`", "write `/***`, or `x`"),
            ("const:Hunter2", "`hunter2` is no word", "`***` is no word"),
            ("5hunter2", "`hunt` in `5hunter2` is no unit", "`***` in `***` is no unit"),
            ("a`hunter2", "`hunter2` of `a`hunter2`", "`***` of `***`"),
            ("x", "`x` is no word", "`***` is no word"),
            ("x", "`xx` in `x` is no word", "`xx` in `***` is no word"),
            ("x://hunter2", "not `x://hunter2`, but `x://word`", "not `***`, but `x://word`"),
            ("ähöü", "`ähöü` is no `höü`", "`***` is no `***`"),
            ("", "`hunter2` is no word", "`hunter2` is no word"),
            ("a word", "a word is expected, not `b`", "*** is expected, not `b`"),
            ("some word", "a word is expected, not `b`", "a word is expected, not `b`"),
        ] {
            for label in [10..20, 12..13, 20..20, 5..30] {
                assert_eq!(struck(secret, label, message), told, "{secret}");
            }
        }
    }

    #[test]
    fn elsewhere_only_the_whole_of_a_long_one_is_hidden() {
        for (secret, message, told) in [
            ("hunter2hunter2", "`hunter2hunter2` is no word", "`***` is no word"),
            ("hunter2hunter2", "`hunter2` is no word", "`hunter2` is no word"),
            ("hunter2", "`hunter2` is no word", "`hunter2` is no word"),
        ] {
            assert_eq!(struck(secret, 0..9, message), told, "{secret}");
            assert_eq!(struck(secret, 21..22, message), told, "{secret}");
        }
    }
}
