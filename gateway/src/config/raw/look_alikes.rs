//! Characters that look like YAML's own and are others: a no-break space in an indentation, a typographic quote, a full-width
//! colon. Text that is copied from web pages and chats has them, and no editor shows the difference.

use std::ops::Range;

use crate::config::diagnostic::{Code, Diagnostic, FileId, Place, Sources};

/// Finds them in a file, each line's first one, at most [`MAX_FOUND`] of them.
pub(in crate::config) fn find(sources: &Sources, file: FileId) -> Vec<Diagnostic> {
    let text = sources.text(file);
    if text.is_ascii() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut start = 0;
    let mut block: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end();
        let indent = content.len() - content.trim_start_matches(' ').len();
        // The lines of a block scalar are text.
        let in_block = block.is_some_and(|above| content.is_empty() || indent > above);
        if !in_block {
            block = opens_block(content).then_some(indent);
            if let Some(at) = look_alike(content) {
                found.push(finding(content, &at, Place::of(file, start + at.start..start + at.end)));
            }
        }
        if found.len() == MAX_FOUND {
            break;
        }
        start += line.len();
    }
    found
}

/// More of them are of one kind, and mended with them.
const MAX_FOUND: usize = 20;

fn opens_block(line: &str) -> bool {
    let line = line.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'));
    line.ends_with(": |") || line.ends_with(": >") || line.ends_with("- |") || line.ends_with("- >")
}

/// Where a line has a character that is not what it looks like, in a place where YAML has a sign of its own.
fn look_alike(line: &str) -> Option<Range<usize>> {
    let mut rest = line;
    // The indentation, and the dashes of lists.
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        let first = rest.chars().next()?;
        let at = line.len() - rest.len();
        if is_space(first) {
            return Some(at..at + first.len_utf8());
        }
        if is_dash(first) && rest.chars().nth(1).is_some_and(|c| c == ' ' || is_space(c)) {
            return Some(at..at + first.len_utf8());
        }
        match rest.strip_prefix("- ") {
            Some(item) => rest = item,
            None => break,
        }
    }
    if rest.starts_with('#') {
        return None;
    }
    let (mut before, mut quote) = (' ', None);
    // The last character that is not a space: what it opens begins a value.
    let mut opener = ':';
    // A full-width colon is text once the line has its own; other signs are only signs within brackets.
    let (mut has_colon, mut brackets) = (false, 0_usize);
    for (index, c) in rest.char_indices() {
        let at = line.len() - rest.len() + index;
        let range = at..at + c.len_utf8();
        match quote {
            // Within quotes, everything is text.
            Some(open) => {
                if c == open {
                    quote = None;
                }
            }
            None if matches!(c, '"' | '\'') && matches!(before, ' ' | '[' | '{' | ',' | ':') => {
                quote = Some(c)
            }
            None if c == '#' && before == ' ' => return None,
            // `key:<nbsp>value`, `-<nbsp>value`: a separator.
            None if is_space(c) && matches!(before, ':' | '-' | ',') => return Some(range),
            None if is_quote(c) && (opener == ':' || (brackets > 0 && matches!(opener, '[' | '{' | ','))) => {
                return Some(range);
            }
            None if is_colon(c) && (!has_colon || brackets > 0) => return Some(range),
            None if is_sign(c) && brackets > 0 => return Some(range),
            None => match c {
                ' ' => has_colon |= before == ':',
                '[' | '{' => brackets += 1,
                ']' | '}' => brackets = brackets.saturating_sub(1),
                _ => {}
            },
        }
        before = c;
        if !c.is_whitespace() {
            opener = c;
        }
    }
    None
}

fn is_space(c: char) -> bool {
    (c.is_whitespace() && !c.is_ascii())
        || matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{180e}')
}

fn is_dash(c: char) -> bool {
    matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe63}' | '\u{ff0d}' | '•' | '·')
}

fn is_quote(c: char) -> bool {
    matches!(c, '“' | '”' | '„' | '‟' | '‘' | '’' | '‚' | '‛' | '«' | '»' | '\u{ff02}' | '\u{ff07}')
}

fn is_colon(c: char) -> bool {
    matches!(c, '\u{ff1a}' | '\u{fe55}')
}

fn is_sign(c: char) -> bool {
    matches!(c, '\u{ff0c}' | '\u{ff3b}' | '\u{ff3d}' | '\u{ff5b}' | '\u{ff5d}' | '\u{ff03}')
}

fn finding(line: &str, at: &Range<usize>, place: Place) -> Diagnostic {
    let c = line.get(at.clone()).and_then(|text| text.chars().next()).unwrap_or('\u{fffd}');
    let code = u32::from(c);
    let (name, write) = match c {
        '\u{a0}' | '\u{202f}' => ("a no-break space", "a space"),
        '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{180e}' => ("an invisible character", ""),
        c if is_space(c) => ("a space of another kind", "a space"),
        c if is_dash(c) => ("a dash of another kind", "`-`"),
        '‘' | '’' | '‚' | '‛' | '\u{ff07}' => ("a typographic quote", "`'` or `\"`"),
        c if is_quote(c) => ("a typographic quote", "`\"`"),
        '\u{ff1a}' | '\u{fe55}' => ("a full-width colon", "`:` and a space"),
        '\u{ff0c}' => ("a full-width comma", "`,`"),
        _ => ("a full-width character", "the ASCII one"),
    };
    let instead = if write.is_empty() { String::new() } else { format!(" instead of {write}") };
    let mend = if write.is_empty() { "remove it".to_owned() } else { format!("write {write}") };
    Diagnostic::error(Code::YamlSyntax, format!("{name} (U+{code:04X}){instead}"))
        .at(place, "this character")
        .with_help(format!("{mend}; a value that is to contain the character needs quotes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_that_are_others_are_found_where_yaml_has_signs() {
        for (line, at) in [
            ("\u{a0}\u{a0}address: x", Some(0)),
            ("  \u{a0} address: x", Some(2)),
            ("  -\u{a0}get: /x", Some(3)),
            ("  – get: /x", Some(2)),
            ("  • get: /x", Some(2)),
            ("  - get: “/v1/x”", Some(9)),
            ("name: ‘x’", Some(6)),
            ("name:\u{a0}x", Some(5)),
            ("name：x", Some(4)),
            ("list: [a，b]", Some(8)),
            ("a: {b: “c”}", Some(7)),
            ("name:\u{200b} x", Some(5)),
            // Text.
            ("# “x”\u{a0}", None),
            ("name: x # “y” ：", None),
            ("name: \"“x” ：\u{a0}\"", None),
            ("name: 'a “b”'", None),
            ("title: say “hello” – now", None),
            ("title: a\u{a0}b", None),
            ("title: 你好：世界，再见", None),
            ("name: Grüße", None),
            ("", None),
        ] {
            assert_eq!(look_alike(line).map(|range| range.start), at, "{line}");
        }
    }
}
