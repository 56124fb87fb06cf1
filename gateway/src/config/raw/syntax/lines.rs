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

/// The mistake behind a key that stands in this line and where none is expected, and where it is.
pub(super) fn above(text: &str, line: u64) -> Option<(Piece, Mistake)> {
    let numbered = text.lines().zip(1..).take_while(|(_, number)| *number <= line);
    let mut lines =
        numbered.filter(|(source, _)| says_something(source)).collect::<Vec<_>>().into_iter().rev();
    let (here, _) = lines.next().filter(|(_, number)| *number == line)?;
    let (before, number) = lines.next()?;
    let (own, content) = content(here);
    let (indent, above) = self::content(before);
    let of_above = Piece { line: number, indent, len: above.len() };
    if is_tight_dash(above) && own > indent {
        return Some((of_above, DASH));
    }
    if own == indent && !is_key(above) {
        let name = above.split([' ', '$', '"', '\'']).next().unwrap_or(above);
        let mistake = if name.contains(':') { TIGHT } else { BARE };
        return Some((of_above, mistake));
    }
    (own > indent && has_value(above) && is_key(content))
        .then_some((Piece { line, indent: own, len: content.len() }, DEEP))
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
    let end = rest.find(" #").unwrap_or(rest.len());
    (indent, rest.get(..end).unwrap_or(rest).trim_end())
}

fn is_tight_dash(content: &str) -> bool {
    content.strip_prefix('-').is_some_and(|rest| rest.starts_with(char::is_alphabetic))
}

fn is_key(content: &str) -> bool {
    content.contains(": ") || content.ends_with(':')
}

fn has_value(content: &str) -> bool {
    is_key(content) && !content.ends_with(':')
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
            ("a: 1", 1, None),
            ("a: 1\nb: 2", 9, None),
        ] {
            let found = above(text, line).map(|(at, mistake)| {
                let source = text.lines().nth(usize::try_from(at.line).unwrap() - 1).unwrap();
                (&source[at.indent..at.indent + at.len], at.line, mistake)
            });
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
