//! Where the tag of a value stands, as `!env`: the parser tells that there is one, but only where the value itself begins.

use std::ops::Range;

/// The tag of a value that begins at a place and has one. Between them stand blanks, comments, an anchor, or the sign of a block
/// of text, and nothing else.
pub(super) fn tag_before(text: &str, value: usize) -> Option<Range<usize>> {
    let mut start = value;
    for line in text.get(..value)?.split_inclusive('\n').rev() {
        start = start.saturating_sub(line.len());
        let mut said = without_comment(line);
        while let Some((at, word)) = last_word(said) {
            if let Some(tag) = tag_in(word) {
                return Some(start + at + tag..start + at + word.len());
            }
            if !word.starts_with(['&', '|', '>']) {
                return None;
            }
            said = said.get(..at)?;
        }
    }
    None
}

/// A line without its comment. One that is not whole ends where a value begins, so that what looks like a comment in it is none.
fn without_comment(line: &str) -> &str {
    let is_whole = line.ends_with('\n');
    let mut signs = line.match_indices('#').map(|(at, _)| at).filter(|_| is_whole);
    let begins =
        |at: &usize| line.get(..*at).is_some_and(|before| before.is_empty() || before.ends_with([' ', '\t']));
    signs.find(begins).and_then(|at| line.get(..at)).unwrap_or(line)
}

fn last_word(text: &str) -> Option<(usize, &str)> {
    let blanks = [' ', '\t', '\r', '\n'];
    let text = text.trim_end_matches(blanks);
    let at = text.rfind(blanks).map_or(0, |at| at + 1);
    text.get(at..).filter(|word| !word.is_empty()).map(|word| (at, word))
}

/// Where a tag begins in a word: at once, or behind a bracket, a comma or a key that leaves no space.
fn tag_in(word: &str) -> Option<usize> {
    if word.starts_with('!') {
        return Some(0);
    }
    ["[!", "{!", ",!", ":!"].into_iter().filter_map(|sign| word.rfind(sign)).max().map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_of_a_value_is_found() {
        for (before, tag) in [
            ("a: !b ", Some("!b")),
            ("a: !b &c ", Some("!b")),
            ("a: &c !b ", Some("!b")),
            ("a: !b |\n  ", Some("!b")),
            ("a: !b >-\r\n  ", Some("!b")),
            ("a: !b # !c\n  # !d\n\n  ", Some("!b")),
            ("a: !b # !c\r\n\t# !d\r\n  ", Some("!b")),
            ("!b\n", Some("!b")),
            ("!b ", Some("!b")),
            ("[!b ", Some("!b")),
            ("[c,!b ", Some("!b")),
            ("{\"c\":!b ", Some("!b")),
            ("a: !<tag:b,2:c> ", Some("!<tag:b,2:c>")),
            ("\"a # b\": !c ", Some("!c")),
            ("ä: !ö ", Some("!ö")),
            // No tag of this value.
            ("# !b\n", None),
            ("a: # !b\n  ", None),
            ("a: !b c\nd: ", None),
            ("a: ", None),
            ("", None),
        ] {
            let found = tag_before(before, before.len()).map(|at| &before[at]);
            assert_eq!(found, tag, "{before}");
        }
    }

    #[test]
    fn a_place_that_is_none_has_no_tag() {
        for at in [1, 9] {
            assert_eq!(tag_before("ä", at), None);
        }
    }
}
