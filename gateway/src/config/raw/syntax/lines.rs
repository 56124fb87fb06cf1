//! Mistakes that the parser only notices further down: a key without its colon, a line that is indented too deep, a bracket
//! that is never closed.

/// A mistake, and what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) message: &'static str,
    pub(super) help: &'static str,
}

const DASH: Mistake = Mistake {
    message: "a `-` without a space behind it",
    help: "write a space between `-` and what it begins",
};
const TIGHT: Mistake = Mistake {
    message: "a key without a space behind its colon",
    help: "write `key: value`, with a space behind the colon",
};
const BARE: Mistake =
    Mistake { message: "neither a key nor its value", help: "write `key: value`, with a colon and a space" };
const DEEP: Mistake = Mistake {
    message: "indented deeper than the line above, which has a value already",
    help: "indent keys of one mapping alike; what a key holds stands below it or beside it, not both",
};

/// A piece of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) line: u64,
    /// The bytes before it.
    pub(super) indent: usize,
    pub(super) len: usize,
}

/// The mistake behind a key that stands in this line and where none is expected, and where it is. The column is that of the colon
/// which the parser stumbled over, from 1.
pub(super) fn above(text: &str, line: u64, column: u64) -> Option<(Piece, Mistake)> {
    let numbered = text.lines().zip(1..).take_while(|(_, number)| *number <= line);
    let mut lines =
        numbered.filter(|(source, _)| says_something(source)).collect::<Vec<_>>().into_iter().rev();
    let (here, _) = lines.next().filter(|(_, number)| *number == line)?;
    let (before, number) = lines.next()?;
    let (own, content) = content(here);
    let (indent, above) = self::content(before);
    // A second colon is a mistake of its own.
    if has_colon(until(here, column)) || may_stand_above_a_key(above) {
        return None;
    }
    let of_above = Piece { line: number, indent, len: above.len() };
    if is_tight_dash(above) && own > indent {
        return Some((of_above, DASH));
    }
    if own >= indent && !is_key(above) {
        let are_items = is_item(before) && is_item(here);
        return (!are_items).then(|| (of_above, without_colon(above)));
    }
    (own > indent && has_value(above) && is_key(content))
        .then_some((Piece { line, indent: own, len: content.len() }, DEEP))
}

/// The mistake of a line that should begin with a key and has no colon where one is looked for, if the column is its first.
pub(super) fn beginning(text: &str, line: u64, column: u64) -> Option<(Piece, Mistake)> {
    let here = text.lines().nth(usize::try_from(line).ok()?.checked_sub(1)?)?;
    let (indent, content) = content(here);
    let mistake = if is_tight_dash(content) { DASH } else { without_colon(content) };
    (until(here, column).len() == indent).then_some((Piece { line, indent, len: content.len() }, mistake))
}

/// The mistake of what is no key, where one should be.
fn without_colon(content: &str) -> Mistake {
    let name = content.split([' ', '$', '"', '\'']).next().unwrap_or(content);
    let is_tight = name.contains(':') && !name.contains("://");
    if is_tight { TIGHT } else { BARE }
}

/// A line up to a column.
fn until(line: &str, column: u64) -> &str {
    let column = usize::try_from(column).unwrap_or(usize::MAX).saturating_sub(1);
    let end = line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
    line.get(..end).unwrap_or(line)
}

/// Whether a line is none of a mapping and yet good above one: the beginning of a document, within brackets or the end of them, the
/// end of a quoted value, an anchor, a tag or an alias.
fn may_stand_above_a_key(content: &str) -> bool {
    let is_in_brackets = content.starts_with([']', '}']) || content.ends_with(['[', '{', ',']);
    let is_sign = is_in_brackets || content == "---" || content.starts_with("? ");
    let ends_quote = |quote: char| content.ends_with(quote) && content.matches(quote).count() % 2 == 1;
    is_sign || content.split_whitespace().all(is_property) || ends_quote('"') || ends_quote('\'')
}

/// Whether a word is an anchor, a tag, or an alias.
fn is_property(word: &str) -> bool {
    word.starts_with(['&', '!', '*'])
}

fn is_item(line: &str) -> bool {
    line.trim_start().starts_with("- ")
}

fn says_something(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#')
}

/// What stands behind the indentation and the dashes of lists, without a comment, and how far to the right.
fn content(line: &str) -> (usize, &str) {
    let mut rest = line.trim_start();
    while let Some(item) = rest.strip_prefix("- ") {
        rest = item.trim_start();
    }
    let indent = line.len() - rest.len();
    let end = rest.find(" #").or_else(|| rest.find("\t#")).unwrap_or(rest.len());
    (indent, rest.get(..end).unwrap_or(rest).trim_end())
}

fn is_tight_dash(content: &str) -> bool {
    content.strip_prefix('-').is_some_and(|rest| rest.starts_with(char::is_alphabetic))
}

fn is_key(content: &str) -> bool {
    has_colon(content) || content.ends_with(':')
}

fn has_colon(content: &str) -> bool {
    content.contains(": ") || content.contains(":\t")
}

/// Whether a key has its value beside it: more than an anchor or a tag.
fn has_value(content: &str) -> bool {
    let value = content.split_once(": ").or_else(|| content.split_once(":\t"));
    value.is_some_and(|(_, value)| !value.split_whitespace().all(is_property))
}

/// The innermost bracket that is open at a place, as far as can be told without reading all of YAML.
pub(super) fn unclosed(text: &str, until: usize) -> Option<usize> {
    let mut open = Vec::new();
    let mut quote = None;
    let mut chars = text.get(..until)?.char_indices();
    // What comes before a character, blanks left out; and right before it.
    let (mut last, mut before) = ('\n', '\n');
    while let Some((at, c)) = chars.next() {
        let begins = matches!(last, '\n' | ':' | '-' | ',' | '[' | '{')
            && (before.is_whitespace() || !open.is_empty());
        match (quote, c) {
            (Some('"'), '\\') => drop(chars.next()),
            (Some(end), c) if c == end => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') if begins => quote = Some(c),
            (None, '#') if before.is_whitespace() => drop(chars.find(|(_, c)| *c == '\n')),
            (None, '[' | '{') if begins => open.push(at),
            (None, ']' | '}') => drop(open.pop()),
            (None, _) => {}
        }
        last = if c == '\n' || !c.is_whitespace() { c } else { last };
        before = c;
    }
    open.pop()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, (at, mistake): (Piece, Mistake)) -> (&str, u64, Mistake) {
        let source = text.lines().nth(usize::try_from(at.line).unwrap() - 1).unwrap();
        (&source[at.indent..at.indent + at.len], at.line, mistake)
    }

    fn column_of_last_colon(line: &str) -> u64 {
        line.rfind(':').map_or(0, |at| at as u64) + 1
    }

    #[test]
    fn a_line_that_begins_with_no_key_is_explained() {
        for (line, column, expected) in [
            ("  b 2 # c", 3, Some(("b 2", BARE))),
            ("b:2", 1, Some(("b:2", TIGHT))),
            ("-b", 1, Some(("-b", DASH))),
            ("- ä 2", 3, Some(("ä 2", BARE))),
            ("a: b", 4, None),
            ("", 9, None),
        ] {
            let text = format!("a: 1\n{line}");
            let found = beginning(&text, 2, column).map(|found| shown(&text, found));
            assert_eq!(found, expected.map(|(piece, mistake)| (piece, 2, mistake)), "{line}");
        }
        assert_eq!(beginning("a", 0, 1), None);
        assert_eq!(beginning("a", 2, 1), None);
    }

    #[test]
    fn the_line_above_explains_a_key_where_none_is_expected() {
        for (text, line, expected) in [
            ("a: 1\nb 2\nc: 3", 3, Some(("b 2", 2, BARE))),
            ("a: 1\nb:2\n\n# c\nc: 3", 5, Some(("b:2", 2, TIGHT))),
            ("a: 1\nb ${C:-d:1}\nc: 3", 3, Some(("b ${C:-d:1}", 2, BARE))),
            ("r:\n  - get /a # b\n    grpc: b", 3, Some(("get /a", 2, BARE))),
            ("r:\n  -get: /a\n    grpc: b", 3, Some(("-get: /a", 2, DASH))),
            ("a: 1 # b:\n  b: 2", 2, Some(("b: 2", 2, DEEP))),
            ("a:\n  b: 2", 2, None),
            ("a\n  b: 1", 2, Some(("a", 1, BARE))),
            ("a:1\n  b: 1", 2, Some(("a:1", 1, TIGHT))),
            ("- http://a b\n  c: 1", 2, Some(("http://a b", 1, BARE))),
            ("a:\t1\n  b: 2", 2, Some(("b: 2", 2, DEEP))),
            ("a: *b\n  c: 2", 2, None),
            ("a: &b\n  c: 2", 2, None),
            ("a: !b\n  c: 2", 2, None),
            ("&b\nc: 2", 2, None),
            ("b \"c\"\nc: 2", 2, Some(("b \"c\"", 1, BARE))),
            ("a: \"b\nc\"\nd: 2", 3, None),
            ("- a\n- b: 2", 2, None),
            ("]\nb: 2", 2, None),
            ("[b,\nb: 2", 2, None),
            ("---\nb: 2", 2, None),
            ("a b\nc: d: e", 2, None),
            ("a: 1", 1, None),
            ("a: 1\nb: 2", 9, None),
        ] {
            let column = text.lines().nth(usize::try_from(line).unwrap() - 1).map_or(1, column_of_last_colon);
            let found = above(text, line, column).map(|found| shown(text, found));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn the_bracket_that_is_open_is_found() {
        for (text, open) in [
            ("a: [b\nc:", Some(3)),
            ("a: {b: [c, d}", Some(3)),
            ("a: {b: [c]\nd:", Some(3)),
            ("a: [b]\nc:", None),
            ("a: /b/{c\nd:", None),
            ("a: \"[\"\nc:", None),
            ("a: '\\'\nb: \"\\\"[\"\nc: {d", Some(19)),
            ("a: b # [\nc:", None),
            ("- [a\nb", Some(2)),
        ] {
            assert_eq!(unclosed(text, text.len()), open, "{text}");
        }
    }
}
