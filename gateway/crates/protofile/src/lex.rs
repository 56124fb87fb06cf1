//! Text → tokens, and the comments between them attached as protoc attaches them.

use std::ops::Range;

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) at: Range<usize>,
    pub(crate) message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Start,
    Ident,
    Int,
    Float,
    Str,
    Symbol,
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Comments between two tokens.
#[derive(Debug, Default)]
pub(crate) struct Comments {
    /// Of what is before them.
    pub(crate) trailing: Option<String>,
    pub(crate) detached: Vec<String>,
    /// Of what follows.
    pub(crate) leading: Option<String>,
}

/// More faults than that in one file help no reader.
const MAX_FAULTS: usize = 20;

pub(crate) struct Lexer<'t> {
    text: &'t [u8],
    at: usize,
    pub(crate) current: Token,
    pub(crate) previous: Token,
    pub(crate) faults: Vec<Fault>,
}

enum CommentStart {
    Line,
    Block,
    None,
}

impl<'t> Lexer<'t> {
    pub(crate) fn new(text: &'t [u8]) -> Self {
        let start = Token { kind: Kind::Start, start: 0, end: 0 };
        Self { text, at: 0, current: start, previous: start, faults: Vec::new() }
    }

    /// Begins in the middle of a text.
    pub(crate) fn starting_at(text: &'t [u8], at: usize) -> Self {
        Self { at, ..Self::new(text) }
    }

    pub(crate) fn fault(&mut self, at: Range<usize>, message: impl Into<String>) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(Fault { at, message: message.into() });
        }
    }

    pub(crate) fn text(&self, token: Token) -> &'t [u8] {
        self.text.get(token.start..token.end).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn skip(&mut self, accept: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&accept) {
            self.at += 1;
        }
    }

    fn skip_blanks(&mut self) {
        self.skip(|byte| matches!(byte, b' ' | b'\t' | b'\r' | 0x0b | 0x0c));
    }

    fn comment_start(&mut self) -> CommentStart {
        match (self.peek(), self.text.get(self.at + 1)) {
            (Some(b'/'), Some(b'/')) => {
                self.at += 2;
                CommentStart::Line
            }
            (Some(b'/'), Some(b'*')) => {
                self.at += 2;
                CommentStart::Block
            }
            _ => CommentStart::None,
        }
    }

    fn line_comment(&mut self) -> Vec<u8> {
        let start = self.at;
        self.skip(|byte| byte != b'\n');
        self.eat(b'\n');
        self.text.get(start..self.at).unwrap_or_default().to_vec()
    }

    /// The content of a block comment, the stars that begin its lines left out.
    fn block_comment(&mut self) -> Vec<u8> {
        let open = self.at.saturating_sub(2);
        let mut content = Vec::new();
        let mut start = self.at;
        loop {
            let take = |from: usize, to: usize| self.text.get(from..to).unwrap_or_default();
            match self.peek() {
                None => {
                    self.fault(open..open + 2, "the file ends inside of this block comment");
                    return content;
                }
                Some(b'\n') => {
                    self.at += 1;
                    content.extend_from_slice(self.text.get(start..self.at).unwrap_or_default());
                    self.skip_blanks();
                    if self.eat(b'*') && self.eat(b'/') {
                        return content;
                    }
                    start = self.at;
                }
                Some(b'*') if self.text.get(self.at + 1) == Some(&b'/') => {
                    content.extend_from_slice(take(start, self.at));
                    self.at += 2;
                    return content;
                }
                Some(b'/') if self.text.get(self.at + 1) == Some(&b'*') => {
                    self.fault(self.at..self.at + 2, "\"/*\" inside of a block comment: they do not nest");
                    self.at += 1;
                }
                Some(_) => self.at += 1,
            }
        }
    }

    /// Advances, over comments that belong to nothing.
    pub(crate) fn next(&mut self) {
        self.previous = self.current;
        loop {
            self.skip_blanks();
            if self.eat(b'\n') {
                continue;
            }
            match self.comment_start() {
                CommentStart::Line => drop(self.line_comment()),
                CommentStart::Block => drop(self.block_comment()),
                CommentStart::None => break,
            }
        }
        self.current = self.token();
    }

    /// Advances, and attaches the comments in between.
    pub(crate) fn next_with_comments(&mut self) -> Comments {
        let mut collector = Collector::default();
        let first_line = self.at;
        let mut trailing_end = None;
        if self.current.kind == Kind::Start {
            collector.can_attach = false;
        } else {
            self.skip_blanks();
            match self.comment_start() {
                CommentStart::Line => {
                    trailing_end = Some(self.at);
                    let text = self.line_comment();
                    collector.line(&text);
                    collector.flush();
                }
                CommentStart::Block => {
                    let text = self.block_comment();
                    trailing_end = Some(self.at);
                    self.skip_blanks();
                    if !self.eat(b'\n') {
                        // The next token is on the same line: the comment could belong to either.
                        self.next();
                        return Comments::default();
                    }
                    collector.block(&text);
                    collector.flush();
                }
                CommentStart::None => {
                    if !self.eat(b'\n') {
                        self.next();
                        return Comments::default();
                    }
                }
            }
        }
        loop {
            self.skip_blanks();
            match self.comment_start() {
                CommentStart::Line => {
                    let text = self.line_comment();
                    collector.line(&text);
                }
                CommentStart::Block => {
                    let text = self.block_comment();
                    collector.block(&text);
                    self.skip_blanks();
                    self.eat(b'\n');
                }
                CommentStart::None => {
                    if self.eat(b'\n') {
                        collector.flush();
                        collector.can_attach = false;
                        continue;
                    }
                    let before = self.at;
                    self.next();
                    let closes = matches!(self.text(self.current), b"}" | b"]" | b")");
                    if self.current.kind == Kind::End || closes {
                        collector.flush();
                    } else if self.same_line(first_line, before)
                        || trailing_end.is_some_and(|end| self.same_line(end, before))
                    {
                        collector.maybe_detach();
                    }
                    return collector.finish();
                }
            }
        }
    }

    fn same_line(&self, from: usize, to: usize) -> bool {
        self.text.get(from..to).is_some_and(|between| !between.contains(&b'\n'))
    }

    fn token(&mut self) -> Token {
        loop {
            let start = self.at;
            let Some(first) = self.peek() else {
                return Token { kind: Kind::End, start, end: start };
            };
            let kind = match first {
                b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                    self.skip(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                    Kind::Ident
                }
                b'0'..=b'9' => self.number(),
                b'.' if self.text.get(self.at + 1).is_some_and(u8::is_ascii_digit) => {
                    let before = start.checked_sub(1).and_then(|before| self.text.get(before));
                    if self.previous_touches(start)
                        && before.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
                    {
                        self.fault(start..start + 1, "a space is missing between the name and the number");
                    }
                    self.number()
                }
                b'"' | b'\'' => {
                    self.string(first);
                    Kind::Str
                }
                0..0x20 | 0x7f | 0x80.. => {
                    self.skip(|byte| {
                        byte < 0x20 && !byte.is_ascii_whitespace() && byte != 0x0b || byte >= 0x7f
                    });
                    self.at = self.at.max(start + 1);
                    let what = if first >= 0x80 {
                        "characters that are not ASCII are allowed in comments and strings only"
                    } else {
                        "a control character"
                    };
                    self.fault(start..self.at, what);
                    self.skip(|byte| byte.is_ascii_whitespace() || byte == 0x0b);
                    continue;
                }
                _ => {
                    self.at += 1;
                    Kind::Symbol
                }
            };
            return Token { kind, start, end: self.at };
        }
    }

    fn previous_touches(&self, start: usize) -> bool {
        self.current.kind == Kind::Ident && self.current.end == start
    }

    fn number(&mut self) -> Kind {
        let start = self.at;
        let mut kind = Kind::Int;
        if self.peek() == Some(b'0') && matches!(self.text.get(self.at + 1), Some(b'x' | b'X')) {
            self.at += 2;
            let digits = self.at;
            self.skip(|byte| byte.is_ascii_hexdigit());
            if digits == self.at {
                self.fault(start..self.at, "\"0x\" must be followed by hexadecimal digits");
            }
        } else if self.peek() == Some(b'0') && self.text.get(self.at + 1).is_some_and(u8::is_ascii_digit) {
            self.skip(|byte| matches!(byte, b'0'..=b'7'));
            if self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                self.skip(|byte| byte.is_ascii_digit());
                self.fault(start..self.at, "a number with a leading zero is octal: it has no digits 8 and 9");
            }
        } else {
            self.skip(|byte| byte.is_ascii_digit());
            if self.eat(b'.') {
                kind = Kind::Float;
                self.skip(|byte| byte.is_ascii_digit());
            }
            if self.eat(b'e') || self.eat(b'E') {
                kind = Kind::Float;
                let _ = self.eat(b'-') || self.eat(b'+');
                let digits = self.at;
                self.skip(|byte| byte.is_ascii_digit());
                if digits == self.at {
                    self.fault(start..self.at, "\"e\" must be followed by an exponent");
                }
            }
        }
        match self.peek() {
            Some(byte) if byte.is_ascii_alphabetic() || byte == b'_' => {
                self.fault(start..self.at + 1, "a space is missing between the number and the name");
            }
            Some(b'.') => {
                self.fault(
                    start..self.at + 1,
                    "a number has one decimal point at most, and none when hexadecimal or octal",
                );
            }
            _ => {}
        }
        kind
    }

    fn string(&mut self, quote: u8) {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                None => return self.fault(start..self.at, "the file ends inside of this string"),
                Some(b'\n') => {
                    return self.fault(start..self.at, "a string ends on the line that it begins on");
                }
                Some(0) => {
                    self.fault(self.at..self.at + 1, "a NUL character in a string: write \\0");
                    self.at += 1;
                }
                Some(b'\\') => {
                    let escape = self.at;
                    if crate::literal::escape(self.text, &mut self.at).is_none() {
                        self.at = self.at.max(escape + 1);
                        self.fault(escape..self.at, "not an escape sequence");
                    }
                }
                Some(byte) => {
                    self.at += 1;
                    if byte == quote {
                        break;
                    }
                }
            }
        }
        let inside = self.text.get(start..self.at).unwrap_or_default();
        if let Err(error) = std::str::from_utf8(inside) {
            let at = start + error.valid_up_to();
            self.fault(
                at..at + 1,
                "a byte in a string that is not UTF-8: save the file as UTF-8, or write the byte as \\x..",
            );
        }
    }
}

/// Comments as they are gathered.
struct Collector {
    comments: Comments,
    buffer: Vec<u8>,
    has_comment: bool,
    is_line: bool,
    can_attach: bool,
    has_trailing: bool,
    count: usize,
}

impl Default for Collector {
    fn default() -> Self {
        Self {
            comments: Comments::default(),
            buffer: Vec::new(),
            has_comment: false,
            is_line: false,
            can_attach: true,
            has_trailing: false,
            count: 0,
        }
    }
}

impl Collector {
    /// Line comments that follow each other are one.
    fn line(&mut self, text: &[u8]) {
        if self.has_comment && !self.is_line {
            self.flush();
        }
        (self.has_comment, self.is_line) = (true, true);
        self.buffer.extend_from_slice(text);
    }

    fn block(&mut self, text: &[u8]) {
        if self.has_comment {
            self.flush();
        }
        (self.has_comment, self.is_line) = (true, false);
        self.buffer.extend_from_slice(text);
    }

    fn flush(&mut self) {
        if !self.has_comment {
            return;
        }
        let text = self.take();
        if self.can_attach {
            self.comments.trailing.get_or_insert_default().push_str(&text);
            self.has_trailing = true;
            self.can_attach = false;
        } else {
            self.comments.detached.push(text);
        }
        self.count += 1;
    }

    /// A single comment that could belong to what is before it or behind it belongs to neither.
    fn maybe_detach(&mut self) {
        if self.count + usize::from(self.has_comment) == 1
            && self.has_trailing
            && let Some(trailing) = self.comments.trailing.take()
        {
            self.comments.detached.insert(0, trailing);
        }
    }

    /// Comments need not be UTF-8: they are for readers.
    fn take(&mut self) -> String {
        self.has_comment = false;
        String::from_utf8_lossy(&std::mem::take(&mut self.buffer)).into_owned()
    }

    fn finish(mut self) -> Comments {
        if self.has_comment {
            self.comments.leading = Some(self.take());
        }
        self.comments
    }
}
