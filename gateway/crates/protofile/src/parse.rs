//! Tokens → descriptors whose names and options are not resolved yet, and where everything is.
//!
//! The order and the extent of the locations are protoc's.

mod element;
mod field;
mod message;
mod option;

use std::ops::Range;

use crate::descriptor::{File, edition};
use crate::lex::{Comments, Fault, Kind, Lexer, Token};
use crate::literal;

pub(crate) use message::END_OF_NUMBERS;

/// A location of source info, in bytes of the text.
#[derive(Debug, Clone)]
pub(crate) struct Spot {
    pub(crate) path: Vec<i32>,
    pub(crate) at: Range<usize>,
    pub(crate) comments: Comments,
}

impl Clone for Comments {
    fn clone(&self) -> Self {
        Self {
            trailing: self.trailing.clone(),
            detached: self.detached.clone(),
            leading: self.leading.clone(),
        }
    }
}

/// What an option is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    File,
    Message,
    Field,
    Oneof,
    Range,
    Enum,
    EnumValue,
    Service,
    Method,
}

/// An option as it is written.
#[derive(Debug, Clone)]
pub(crate) struct RawOption {
    pub(crate) owner: Owner,
    /// The path of what it is of.
    pub(crate) element: Vec<i32>,
    pub(crate) name: Vec<NamePart>,
    pub(crate) value: RawValue,
    pub(crate) at: Range<usize>,
    pub(crate) name_at: Range<usize>,
    pub(crate) value_at: Range<usize>,
    /// Its location; what is made of another option has none.
    pub(crate) spot: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamePart {
    pub(crate) name: String,
    pub(crate) is_extension: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RawValue {
    Ident(String),
    /// `-inf` and `-nan`.
    MinusIdent(String),
    Int(u64),
    MinusInt(u64),
    Float(f64),
    Bytes(Vec<u8>),
    /// What is between the braces.
    Aggregate(Range<usize>),
}

/// A file as it is written.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) file: File,
    pub(crate) edition: i32,
    pub(crate) options: Vec<RawOption>,
    pub(crate) spots: Vec<Spot>,
    pub(crate) faults: Vec<Fault>,
}

/// A statement could not be read; the fault is noted.
struct Failed;

type Step<T = ()> = Result<T, Failed>;

/// Reads a file.
pub(crate) fn parse(name: &str, text: &[u8]) -> Parsed {
    let mut parser = Parser {
        lexer: Lexer::new(text),
        file: File { name: Some(name.to_owned()), ..File::default() },
        edition: edition::PROTO2,
        options: Vec::new(),
        spots: Vec::new(),
        leading: None,
        detached: Vec::new(),
        depth: 0,
    };
    parser.file();
    Parsed {
        file: parser.file,
        edition: parser.edition,
        options: parser.options,
        spots: parser.spots,
        faults: parser.lexer.faults,
    }
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    file: File,
    edition: i32,
    options: Vec<RawOption>,
    spots: Vec<Spot>,
    /// Comments that the next declaration gets.
    leading: Option<String>,
    detached: Vec<String>,
    depth: usize,
}

/// Messages nest no deeper, as with protoc.
const MAX_DEPTH: usize = 32;

impl<'t> Parser<'t> {
    fn file(&mut self) {
        let comments = self.lexer.next_with_comments();
        (self.leading, self.detached) = (comments.leading, comments.detached);
        let root = self.open(&[], &[]);
        let known = !(self.looking("syntax") || self.looking("edition")) || self.syntax().is_ok();
        while known && !self.at_end() {
            if self.top_level().is_err() {
                self.skip_statement();
                if self.looking("}") {
                    self.fault_here("a \"}\" that closes nothing");
                    self.end_token(None);
                }
            }
        }
        self.close(root);
    }

    fn syntax(&mut self) -> Step {
        let is_edition = self.looking("edition");
        // Editions, too, are at the path of the syntax.
        let spot = self.open(&[], &[12]);
        self.advance();
        self.expect("=")?;
        let token = self.lexer.current;
        let value = self.string("expected the syntax or edition as a string")?;
        self.end(";", Some(spot))?;
        self.close(spot);
        self.edition = match (is_edition, value.as_str()) {
            (false, "proto2") => edition::PROTO2,
            (false, "proto3") => edition::PROTO3,
            (true, "2023") => edition::E2023,
            (true, "2024") => edition::E2024,
            (false, other) => {
                let what =
                    format!("the syntax \"{other}\" is not known: there are \"proto2\" and \"proto3\"");
                return self.fail_at(token, what);
            }
            (true, other) => {
                let what = format!("the edition \"{other}\" is not known: there are \"2023\" and \"2024\"");
                return self.fail_at(token, what);
            }
        };
        match self.edition {
            edition::PROTO2 => {}
            edition::PROTO3 => self.file.syntax = Some("proto3".to_owned()),
            other => {
                self.file.syntax = Some("editions".to_owned());
                self.file.edition = Some(other);
            }
        }
        Ok(())
    }

    fn is_proto3(&self) -> bool {
        self.edition == edition::PROTO3
    }

    fn is_edition(&self) -> bool {
        self.edition >= edition::E2023
    }

    // Tokens

    fn looking(&self, text: &str) -> bool {
        let token = self.lexer.current;
        matches!(token.kind, Kind::Ident | Kind::Symbol) && self.lexer.text(token) == text.as_bytes()
    }

    fn at_end(&self) -> bool {
        self.lexer.current.kind == Kind::End
    }

    fn advance(&mut self) {
        self.lexer.next();
    }

    fn try_eat(&mut self, text: &str) -> bool {
        let found = self.looking(text);
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, text: &str) -> Step {
        if self.try_eat(text) { Ok(()) } else { self.fail_here(format!("expected \"{text}\"")) }
    }

    fn text(&self, token: Token) -> String {
        String::from_utf8_lossy(self.lexer.text(token)).into_owned()
    }

    fn ident(&mut self, error: &str) -> Step<String> {
        if self.lexer.current.kind != Kind::Ident {
            return self.fail_here(error);
        }
        let text = self.text(self.lexer.current);
        self.advance();
        Ok(text)
    }

    /// One string, or several behind each other, which are one.
    fn bytes(&mut self, error: &str) -> Step<Vec<u8>> {
        if self.lexer.current.kind != Kind::Str {
            return self.fail_here(error);
        }
        let mut bytes = Vec::new();
        while self.lexer.current.kind == Kind::Str {
            bytes.extend(literal::unquote(self.lexer.text(self.lexer.current)));
            self.advance();
        }
        Ok(bytes)
    }

    fn string(&mut self, error: &str) -> Step<String> {
        let token = self.lexer.current;
        let bytes = self.bytes(error)?;
        String::from_utf8(bytes).or_else(|_| self.fail_at(token, "this string is not UTF-8"))
    }

    fn integer64(&mut self, max: u64, error: &str) -> Step<u64> {
        let token = self.lexer.current;
        if token.kind != Kind::Int {
            return self.fail_here(error);
        }
        let value = literal::integer(self.lexer.text(token)).filter(|value| *value <= max);
        self.advance();
        match value {
            Some(value) => Ok(value),
            None => {
                self.lexer.fault(token.start..token.end, "this integer is out of range");
                Ok(0)
            }
        }
    }

    fn integer(&mut self, error: &str) -> Step<i32> {
        let value = self.integer64(i32::MAX as u64, error)?;
        Ok(i32::try_from(value).unwrap_or(0))
    }

    fn signed_integer(&mut self, error: &str) -> Step<i32> {
        let negative = self.try_eat("-");
        let value = self.integer64(i32::MAX as u64 + u64::from(negative), error)?;
        let value = i64::try_from(value).unwrap_or(0);
        Ok(i32::try_from(if negative { -value } else { value }).unwrap_or(0))
    }

    fn number(&mut self, error: &str) -> Step<f64> {
        let token = self.lexer.current;
        let value = match (token.kind, self.lexer.text(token)) {
            (Kind::Float, text) => literal::float(text),
            // As large as they like, when decimal.
            (Kind::Int, text) => {
                literal::integer(text).map(|value| value as f64).or_else(|| literal::float(text))
            }
            (Kind::Ident, b"inf") => Some(f64::INFINITY),
            (Kind::Ident, b"nan") => Some(f64::NAN),
            _ => None,
        };
        let Some(value) = value else { return self.fail_here(error) };
        self.advance();
        Ok(value)
    }

    // Ends of declarations, and the comments there

    fn try_end(&mut self, text: &str, spot: Option<usize>) -> bool {
        let found = self.looking(text);
        if found {
            self.end_token(spot);
        }
        found
    }

    fn end(&mut self, text: &str, spot: Option<usize>) -> Step {
        if self.try_end(text, spot) { Ok(()) } else { self.fail_here(format!("expected \"{text}\"")) }
    }

    fn end_token(&mut self, spot: Option<usize>) {
        let closes = self.looking("}");
        let comments = self.lexer.next_with_comments();
        let leading = std::mem::replace(&mut self.leading, comments.leading);
        let Some(spot) = spot.and_then(|spot| self.spots.get_mut(spot)) else {
            if closes {
                self.detached = comments.detached;
            } else {
                self.detached.extend(comments.detached);
            }
            return;
        };
        let detached = std::mem::replace(&mut self.detached, comments.detached);
        if leading.is_some() {
            spot.comments.leading = leading;
        }
        if comments.trailing.is_some() {
            spot.comments.trailing = comments.trailing;
        }
        spot.comments.detached.extend(detached);
    }

    // Locations

    /// Begins a location at the current token.
    fn open(&mut self, path: &[i32], more: &[i32]) -> usize {
        let start = self.lexer.current.start;
        self.open_at(path, more, start..usize::MAX)
    }

    fn open_at(&mut self, path: &[i32], more: &[i32], at: Range<usize>) -> usize {
        let path = [path, more].concat();
        self.spots.push(Spot { path, at, comments: Comments::default() });
        self.spots.len() - 1
    }

    /// Ends a location with the token before the current one.
    fn close(&mut self, spot: usize) {
        let end = self.lexer.previous.end;
        if let Some(spot) = self.spots.get_mut(spot).filter(|spot| spot.at.end == usize::MAX) {
            spot.at.end = end.max(spot.at.start);
        }
    }

    /// Reads something inside of a location, which ends however that ends.
    fn within<T>(
        &mut self,
        path: &[i32],
        more: &[i32],
        read: impl FnOnce(&mut Self, usize) -> Step<T>,
    ) -> Step<T> {
        let spot = self.open(path, more);
        let read = read(self, spot);
        self.close(spot);
        read
    }

    // Faults

    fn fault_here(&mut self, message: impl Into<String>) {
        let token = self.lexer.current;
        self.lexer.fault(token.start..token.end, message);
    }

    fn fail_here<T>(&mut self, message: impl Into<String>) -> Step<T> {
        self.fault_here(message);
        Err(Failed)
    }

    fn fail_at<T>(&mut self, token: Token, message: impl Into<String>) -> Step<T> {
        self.lexer.fault(token.start..token.end, message);
        Err(Failed)
    }

    fn skip_statement(&mut self) {
        while !self.at_end() {
            if self.try_end(";", None) {
                return;
            }
            if self.try_end("{", None) {
                return self.skip_block();
            }
            if self.looking("}") {
                return;
            }
            self.advance();
        }
    }

    fn skip_block(&mut self) {
        let mut open = 1usize;
        while !self.at_end() && open > 0 {
            if self.try_end("{", None) {
                open += 1;
            } else if self.try_end("}", None) {
                open -= 1;
            } else {
                self.advance();
            }
        }
    }
}

/// The position of the next element of a list.
fn index<T>(list: &[T]) -> i32 {
    i32::try_from(list.len()).unwrap_or(i32::MAX)
}
