//! Strings with escapes, and what they mean.

/// A string of the input, without its quotes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'j> {
    /// As it stands in the input; valid escapes if `escaped`.
    pub(crate) raw: &'j [u8],
    /// Whether there are escapes in it.
    pub(crate) escaped: bool,
}

/// Four hexadecimal digits.
pub(super) fn hex4(input: &[u8], at: usize) -> Option<u32> {
    let digits = input.get(at..at + 4)?;
    digits.iter().try_fold(0, |all, digit| Some(all << 4 | char::from(*digit).to_digit(16)?))
}

impl<'j> Text<'j> {
    /// Appends the string with its escapes resolved.
    pub(crate) fn append_to(self, out: &mut Vec<u8>) {
        let mut rest = self.raw;
        while let Some(at) = memchr::memchr(b'\\', rest) {
            let (plain, escape) = rest.split_at(at);
            out.extend_from_slice(plain);
            rest = unescape_one(escape, out);
        }
        out.extend_from_slice(rest);
    }

    /// The string with its escapes resolved; uses `scratch` only if there are any.
    pub(crate) fn resolve<'s>(self, scratch: &'s mut Vec<u8>) -> &'s [u8]
    where
        'j: 's,
    {
        if !self.escaped {
            return self.raw;
        }
        scratch.clear();
        self.append_to(scratch);
        scratch
    }
}

/// Appends the character of the escape at the beginning of `escape` (which has been checked); returns what follows.
fn unescape_one<'j>(escape: &'j [u8], out: &mut Vec<u8>) -> &'j [u8] {
    let simple = match escape.get(1) {
        Some(b'b') => 8,
        Some(b'f') => 12,
        Some(b'n') => b'\n',
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        Some(b'u') => return unescape_unicode(escape, out),
        Some(other) => *other,
        None => return &[],
    };
    out.push(simple);
    escape.get(2..).unwrap_or_default()
}

fn unescape_unicode<'j>(escape: &'j [u8], out: &mut Vec<u8>) -> &'j [u8] {
    let mut code = hex4(escape, 2).unwrap_or_default();
    let mut len = 6;
    if let (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) = (code, hex4(escape, 8)) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        len = 12;
    }
    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    escape.get(len..).unwrap_or_default()
}
