//! Characters that a reader of a log cannot see, or that move what the reader sees. They reach no log as they are.

use std::fmt::Write;

/// Whether a character is invisible or has an effect instead of a shape: C0 and C1 controls, line and paragraph separators,
/// direction marks, zero-width characters, variation selectors, tags, fillers (Unicode `Default_Ignorable_Code_Point` and
/// the categories Cc, Cf, Zl and Zp).
pub(super) const fn is_hidden(character: char) -> bool {
    matches!(character,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}'
        | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a text is printable ASCII throughout. Looks at all of it, many bytes at a time.
pub(super) fn is_plain(text: &[u8]) -> bool {
    text.iter().fold(true, |plain, byte| plain & (b' '..=b'~').contains(byte))
}

/// Appends a text with `\u{202e}` for each hidden character, but for those that `keeps` names.
pub(super) fn escape_text(out: &mut Vec<u8>, text: &str, keeps: impl Fn(char) -> bool) {
    escape(
        out,
        text,
        |character| is_hidden(character) && !keeps(character),
        |escaped, character| {
            _ = write!(escaped, "{}", character.escape_unicode());
        },
    );
}

/// Appends a text that stands without quotes among others: with `\u{2003}` for blanks, too.
pub(super) fn escape_word(out: &mut Vec<u8>, text: &str) {
    let is_blank = |character: char| is_hidden(character) || character.is_whitespace();
    escape(out, text, is_blank, |escaped, character| {
        _ = write!(escaped, "{}", character.escape_unicode());
    });
}

/// Appends JSON with `\u202e` for each hidden character of its strings. Outside of strings JSON has none but line ends, which
/// stay.
pub(super) fn escape_json(out: &mut Vec<u8>, json: &str) {
    escape(
        out,
        json,
        |character| is_hidden(character) && character != '\n',
        |escaped, character| {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Formatting to a string can't fail, here and above.
                _ = write!(escaped, "\\u{unit:04x}");
            }
        },
    );
}

fn escape(
    out: &mut Vec<u8>,
    text: &str,
    is_escaped: impl Fn(char) -> bool,
    write: impl Fn(&mut String, char),
) {
    if is_plain(text.as_bytes()) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match is_escaped(character) {
            true => write(&mut escaped, character),
            false => escaped.push(character),
        }
    }
    out.extend_from_slice(escaped.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> String {
        let mut out = Vec::new();
        escape_text(&mut out, text, |character| character == '\n');
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn hidden_characters_are_escaped_and_visible_ones_stay() {
        for hidden in [
            '\u{0}',
            '\u{1b}',
            '\r',
            '\t',
            '\u{7f}',
            '\u{85}',
            '\u{9b}',
            '\u{ad}',
            '\u{61c}',
            '\u{180e}',
            '\u{200b}',
            '\u{200d}',
            '\u{200e}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{206a}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{fffb}',
            '\u{e0001}',
            '\u{e0041}',
            '\u{e0100}',
        ] {
            assert_eq!(text(&format!("a{hidden}b\n")), format!("a\\u{{{:x}}}b\n", u32::from(hidden)));
            let json = serde_json::to_string(&format!("a{hidden}\"b")).unwrap() + "\n";
            let mut out = Vec::new();
            escape_json(&mut out, &json);
            let escaped = String::from_utf8(out).unwrap();
            assert!(!escaped.trim_end().contains(is_hidden), "{escaped:?}");
            let value: String = serde_json::from_str(&escaped).unwrap();
            assert_eq!(value, format!("a{hidden}\"b"));
        }
        for visible in ["", "GET /users/7", "Grüße, 世界 שלום مرحبا 👍", "é\u{301}"] {
            assert_eq!(text(visible), visible);
        }
        let mut out = Vec::new();
        escape_word(&mut out, "/a\u{2003}b c");
        assert_eq!(String::from_utf8(out).unwrap(), "/a\\u{2003}b\\u{20}c");
    }
}
