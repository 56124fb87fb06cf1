//! Reads JSON tokens: whitespace, strings, numbers, literals; and skips whole values.
//!
//! Strict RFC 8259. Strings, which alone may hold anything but ASCII, are checked to be UTF-8 as they are read.

use super::{
    escape::{Text, hex4},
    text_scan::string_end,
};
use crate::{
    block::{self, BLOCK},
    plan::{KEY, Write},
    utf8,
};

/// Reading cannot go on: the input is not JSON (or is nested too deep). Carries nothing, because it
/// is returned from every step; what went wrong stands in [`Scanner::failure`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stop;

/// The outcome of one step.
pub(crate) type Step<T = ()> = Result<T, Stop>;

/// Why reading stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The offset at fault.
    pub(crate) at: usize,
    pub(crate) description: String,
    pub(crate) too_deep: bool,
}

/// A position in a JSON text.
pub(crate) struct Scanner<'j> {
    input: &'j [u8],
    pos: usize,
    /// How many more levels may be entered.
    room: u32,
    pub(crate) failure: Option<Failure>,
}

impl<'j> Scanner<'j> {
    pub(crate) fn new(input: &'j [u8], max_depth: u32) -> Self {
        Self { input, pos: 0, room: max_depth, failure: None }
    }

    /// The offset of the next byte.
    #[inline]
    pub(crate) fn pos(&self) -> usize {
        self.pos
    }

    /// Goes back (or forth) to an offset that was read before, at the same depth.
    #[inline]
    pub(crate) fn seek(&mut self, pos: usize) {
        self.pos = pos;
    }

    /// The whole input.
    #[inline]
    pub(crate) fn input(&self) -> &'j [u8] {
        self.input
    }

    /// What has not been read.
    #[inline]
    pub(crate) fn rest(&self) -> &'j [u8] {
        self.input.get(self.pos..).unwrap_or_default()
    }

    /// The next so many bytes, if there are as many.
    #[inline(always)]
    pub(crate) fn window<const N: usize>(&self) -> Option<&'j [u8; N]> {
        self.rest().first_chunk()
    }

    /// The next byte; 0 at the end (which no token begins with).
    #[inline]
    pub(crate) fn peek(&self) -> u8 {
        self.input.get(self.pos).copied().unwrap_or(0)
    }

    /// Steps over bytes that have been looked at.
    #[inline]
    pub(crate) fn advance(&mut self, count: usize) {
        self.pos += count;
    }

    /// Skips whitespace and returns the byte that follows it.
    #[inline]
    pub(crate) fn token(&mut self) -> u8 {
        loop {
            let byte = self.peek();
            if byte > b' ' {
                return byte;
            }
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return byte;
            }
            self.pos += 1;
        }
    }

    /// Enters an object or a list.
    #[inline]
    pub(crate) fn enter(&mut self) -> Step {
        if self.room == 0 {
            return self.too_deep();
        }
        self.room -= 1;
        Ok(())
    }

    #[cold]
    fn too_deep(&mut self) -> Step {
        self.failure =
            Some(Failure { at: self.pos, description: "nested too deep".to_owned(), too_deep: true });
        Err(Stop)
    }

    /// Leaves it.
    #[inline]
    pub(crate) fn leave(&mut self) {
        self.room += 1;
    }

    /// Takes the opening bracket of an object or list, and its end if it is empty: then `false`.
    #[inline]
    pub(crate) fn begin(&mut self, end: u8) -> Step<bool> {
        self.enter()?;
        self.pos += 1;
        if self.token() == end {
            self.pos += 1;
            self.leave();
            return Ok(false);
        }
        Ok(true)
    }

    /// After a member or element: takes the comma (then `true`) or the end.
    #[inline]
    pub(crate) fn more(&mut self, end: u8) -> Step<bool> {
        let byte = self.token();
        if byte == b',' {
            self.pos += 1;
            return Ok(true);
        }
        if byte == end {
            self.pos += 1;
            self.leave();
            return Ok(false);
        }
        self.unexpected(if end == b'}' { "`,` or `}`" } else { "`,` or `]`" })
    }

    /// Takes a key and its colon.
    pub(crate) fn key(&mut self) -> Step<Text<'j>> {
        if self.token() != b'"' {
            return self.unexpected("a key in double quotes");
        }
        let text = self.string()?;
        if self.token() != b':' {
            return self.unexpected("`:`");
        }
        self.pos += 1;
        Ok(text)
    }

    /// Takes the key of a field, from the comma to the colon, if it comes next.
    #[inline(always)]
    pub(crate) fn take_key(&mut self, field: &Write) -> bool {
        self.takes(self.pos, field, field.mask)
    }

    /// Takes the key of a field if it comes next, behind its comma or what else came before.
    #[inline(always)]
    pub(crate) fn take_key_alone(&mut self, field: &Write) -> bool {
        self.pos > 0 && self.takes(self.pos - 1, field, field.mask & !1)
    }

    #[inline(always)]
    fn takes(&mut self, at: usize, field: &Write, mask: u32) -> bool {
        let Some(window) = self.input.get(at..).and_then(|rest| rest.first_chunk::<KEY>()) else {
            return false;
        };
        let (([a, b], _), ([c, d], _)) = (window.as_chunks(), field.key.as_chunks()) else { return false };
        let same = block::same(a, c) | block::same(b, d) << BLOCK;
        let taken = same & mask == mask && mask > 1;
        self.pos = if taken { at + usize::from(field.key_len) } else { self.pos };
        taken
    }

    /// Takes a string; the next byte is its opening quote.
    #[inline]
    pub(crate) fn string(&mut self) -> Step<Text<'j>> {
        let start = self.pos + 1;
        let (end, is_ascii) = string_end(self.input, start);
        if self.input.get(end) == Some(&b'"') {
            self.pos = end + 1;
            let text = Text { raw: self.input.get(start..end).unwrap_or_default(), escaped: false };
            return if is_ascii { Ok(text) } else { self.valid(text) };
        }
        let text = self.escaped_string(start, end)?;
        self.valid(text)
    }

    /// A text that has just been taken, if it is UTF-8.
    fn valid(&mut self, text: Text<'j>) -> Step<Text<'j>> {
        if utf8::is_valid(text.raw) {
            return Ok(text);
        }
        self.fail(self.pos, "a string that is not UTF-8")
    }

    fn escaped_string(&mut self, start: usize, mut at: usize) -> Step<Text<'j>> {
        loop {
            match self.input.get(at) {
                Some(b'"') => break,
                Some(b'\\') => at = self.escape(at)?,
                Some(_) => return self.fail(at, "control character in a string; it must be escaped"),
                None => return self.fail(at, "the string has no end"),
            }
            at = string_end(self.input, at).0;
        }
        self.pos = at + 1;
        Ok(Text { raw: self.input.get(start..at).unwrap_or_default(), escaped: true })
    }

    /// Checks the escape at `at` and returns where it ends.
    fn escape(&mut self, at: usize) -> Step<usize> {
        match self.input.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
            Some(b'u') => self.unicode_escape(at),
            _ => self.fail(at, "unknown escape in a string"),
        }
    }

    fn unicode_escape(&mut self, at: usize) -> Step<usize> {
        match hex4(self.input, at + 2) {
            None => self.fail(at, "`\\u` needs four hexadecimal digits"),
            Some(0xdc00..=0xdfff) => self.fail(at, "lone surrogate in a string"),
            Some(0xd800..=0xdbff) => match (self.input.get(at + 6..at + 8), hex4(self.input, at + 8)) {
                (Some(b"\\u"), Some(0xdc00..=0xdfff)) => Ok(at + 12),
                _ => self.fail(at, "lone surrogate in a string"),
            },
            Some(_) => Ok(at + 6),
        }
    }

    /// Takes a number; the next byte is a digit or a minus sign. Returns its text.
    pub(crate) fn number(&mut self) -> Step<&'j [u8]> {
        let start = self.pos;
        match number_end(self.input, start) {
            Ok(end) => {
                self.pos = end;
                Ok(self.input.get(start..end).unwrap_or_default())
            }
            Err(at) => self.fail(at, "not a number by the rules of JSON"),
        }
    }

    /// Takes `true`, `false` or `null`.
    pub(crate) fn literal(&mut self, literal: &'static str) -> Step {
        if !self.rest().starts_with(literal.as_bytes()) {
            return self.unexpected("a JSON value");
        }
        self.pos += literal.len();
        // `nullx` is caught by whoever expects a comma next.
        Ok(())
    }

    /// Takes a whole value of any kind, checking that it is JSON.
    pub(crate) fn skip(&mut self) -> Step {
        match self.token() {
            b'"' => self.string().map(|_| ()),
            b'{' => self.skip_object(),
            b'[' => self.skip_list(),
            b'-' | b'0'..=b'9' => self.number().map(|_| ()),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            _ => self.unexpected("a JSON value"),
        }
    }

    fn skip_object(&mut self) -> Step {
        let mut more = self.begin(b'}')?;
        while more {
            self.key()?;
            self.skip()?;
            more = self.more(b'}')?;
        }
        Ok(())
    }

    fn skip_list(&mut self) -> Step {
        let mut more = self.begin(b']')?;
        while more {
            self.skip()?;
            more = self.more(b']')?;
        }
        Ok(())
    }

    /// Nothing but whitespace may follow.
    pub(crate) fn end(&mut self) -> Step {
        self.token();
        if self.pos < self.input.len() {
            return self.unexpected("the end of the body");
        }
        Ok(())
    }

    /// Stops because something else was expected here.
    #[cold]
    pub(crate) fn unexpected<T>(&mut self, expected: &str) -> Step<T> {
        let got = match self.rest().utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next()) {
            None => "the end of the body".to_owned(),
            Some('\u{feff}') => "a byte order mark".to_owned(),
            Some(c) if c.is_control() => format!("{:?}", c),
            Some(c) => format!("`{c}`"),
        };
        self.fail(self.pos, &format!("expected {expected}, got {got}"))
    }

    #[cold]
    fn fail<T>(&mut self, at: usize, description: &str) -> Step<T> {
        self.failure = Some(Failure { at, description: description.to_owned(), too_deep: false });
        Err(Stop)
    }
}

/// Where the number that begins at `start` ends, or where it stops being one.
pub(crate) fn number_end(input: &[u8], start: usize) -> Result<usize, usize> {
    let digits = |mut at: usize| {
        let from = at;
        while input.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        if at == from { Err(at) } else { Ok(at) }
    };
    let mut at = start + usize::from(input.get(start) == Some(&b'-'));
    if input.get(at) == Some(&b'0') {
        at += 1;
        if input.get(at).is_some_and(u8::is_ascii_digit) {
            return Err(at);
        }
    } else {
        at = digits(at)?;
    }
    if input.get(at) == Some(&b'.') {
        at = digits(at + 1)?;
    }
    if let Some(b'e' | b'E') = input.get(at) {
        at = digits(at + 1 + usize::from(matches!(input.get(at + 1), Some(b'+' | b'-'))))?;
    }
    Ok(at)
}

#[cfg(test)]
#[path = "scan/tests.rs"]
mod tests;
