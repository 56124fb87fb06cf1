//! Text format: the values of options that are messages.

use std::ops::Range;

use super::{Flaw, Target, find_field, value};
use crate::descriptor::{MessageType, edition, kind};
use crate::lex::{Kind, Lexer, Token};
use crate::link::Pool;
use crate::literal;
use crate::parse::RawValue;
use crate::wire::{Node, Slot, Tree};

/// Values nest no deeper.
const MAX_DEPTH: usize = 100;

impl Pool {
    /// The message that is written at a place of a file.
    pub(super) fn aggregate(&self, unit: usize, target: &Target, at: Range<usize>) -> Result<Node, Flaw> {
        let text = self.units.get(unit).map_or(&[][..], |unit| &unit.text);
        let text = text.get(..at.end).unwrap_or_default();
        let mut lexer = Lexer::starting_at(text, at.start);
        lexer.next();
        let mut reader = Reader { pool: self, unit, lexer, depth: 0 };
        let tree = reader.fields(target.message_name(), None)?;
        Ok(target.node(tree))
    }
}

impl Target {
    fn message_name(&self) -> &str {
        self.field.type_name.as_deref().unwrap_or_default().trim_start_matches('.')
    }

    fn node(&self, tree: Tree) -> Node {
        if self.field.r#type == Some(kind::GROUP) { Node::Group(tree) } else { Node::Message(tree) }
    }
}

struct Reader<'p> {
    pool: &'p Pool,
    unit: usize,
    lexer: Lexer<'p>,
    depth: usize,
}

impl Reader<'_> {
    fn looking(&self, text: &str) -> bool {
        let token = self.lexer.current;
        token.kind == Kind::Symbol && self.lexer.text(token) == text.as_bytes()
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.looking(text);
        if found {
            self.lexer.next();
        }
        found
    }

    fn wrong<T>(&self, token: Token, message: impl Into<String>) -> Result<T, Flaw> {
        Err(Flaw::new(message).at(token.start..token.end.max(token.start)))
    }

    fn word(&self, token: Token) -> String {
        String::from_utf8_lossy(self.lexer.text(token)).into_owned()
    }

    /// Fields until the closing bracket, or the end.
    fn fields(&mut self, message_name: &str, close: Option<&str>) -> Result<Tree, Flaw> {
        if self.depth >= MAX_DEPTH {
            return self.wrong(self.lexer.current, "values nest too deep");
        }
        self.depth += 1;
        let pool = self.pool;
        let Some(message) = pool.message(message_name) else {
            return self.wrong(self.lexer.current, format!("`{message_name}` is not defined"));
        };
        let mut tree = Tree::default();
        loop {
            match close {
                Some(close) if self.eat(close) => break,
                None if self.lexer.current.kind == Kind::End => break,
                _ => self.field(message, message_name, &mut tree)?,
            }
            let _ = self.eat(",") || self.eat(";");
        }
        self.depth -= 1;
        let symbol = pool.symbol(message_name);
        let unit = symbol.and_then(|symbol| pool.units.get(symbol.file));
        if unit.is_some_and(|unit| unit.edition == edition::PROTO3) {
            tree.fields.retain(|number, slot| !is_unset(message, *number, slot));
        }
        Ok(tree)
    }

    fn field(&mut self, message: &MessageType, message_name: &str, tree: &mut Tree) -> Result<(), Flaw> {
        let token = self.lexer.current;
        if token.kind == Kind::End {
            return self.wrong(token, "the value ends inside of a message");
        }
        let target = if self.eat("[") {
            let name = self.bracketed()?;
            if let Some((_, type_name)) = name.rsplit_once('/') {
                return self.any(token, &name, type_name, tree);
            }
            let found = self.pool.extension_of(self.unit, message_name, &name, &format!("{message_name}.x"));
            match found {
                Ok(target) => target,
                Err(_) => return self.wrong(token, format!("`{name}` is no extension of `{message_name}`")),
            }
        } else {
            if token.kind != Kind::Ident {
                return self.wrong(token, "expected the name of a field");
            }
            let name = self.word(token);
            self.lexer.next();
            match find_field(message, &name).or_else(|| find_group(message, &name)) {
                Some(target) => target,
                None => return self.wrong(token, format!("`{message_name}` has no field `{name}`")),
            }
        };
        if let Some(other) = oneof_sibling(message, &target, tree) {
            return self.wrong(
                token,
                format!("`{}` and `{other}` are of one oneof: only one of them can be set", target.name),
            );
        }
        let colon = self.eat(":");
        if !colon
            && !(target.field.is_message() && (self.looking("{") || self.looking("<") || self.looking("[")))
        {
            return self.wrong(self.lexer.current, "expected \":\"");
        }
        if target.field.is_repeated() && self.eat("[") {
            if self.eat("]") {
                return Ok(());
            }
            loop {
                self.one(&target, token, tree)?;
                if self.eat("]") {
                    return Ok(());
                }
                if !self.eat(",") {
                    return self.wrong(self.lexer.current, "expected \",\" or \"]\"");
                }
            }
        }
        self.one(&target, token, tree)
    }

    /// One value of a field.
    fn one(&mut self, target: &Target, name: Token, tree: &mut Tree) -> Result<(), Flaw> {
        let node = if target.field.is_message() {
            let close = if self.eat("{") {
                "}"
            } else if self.eat("<") {
                ">"
            } else {
                return self
                    .wrong(self.lexer.current, format!("`{}` is a message: expected \"{{\"", target.name));
            };
            target.node(self.fields(target.message_name(), Some(close))?)
        } else {
            let token = self.lexer.current;
            let raw = self.raw(target)?;
            self.number_of_enum(target, &raw).map_or_else(
                || {
                    self.pool
                        .scalar(target, &raw, &target.name)
                        .map_err(|flaw| flaw.at(token.start..token.end))
                },
                Ok,
            )?
        };
        value::put(tree, &target.field, node)
            .or_else(|()| self.wrong(name, format!("`{}` is set already", target.name)))
    }

    /// Enum values can be given by number here.
    fn number_of_enum(&self, target: &Target, raw: &RawValue) -> Option<Node> {
        if target.field.r#type != Some(kind::ENUM) {
            return None;
        }
        let number = match raw {
            RawValue::Int(value) => i64::try_from(*value).ok()?,
            RawValue::MinusInt(value) => -i64::try_from(*value).ok()?,
            _ => return None,
        };
        let number = i32::try_from(number).ok()?;
        let descriptor = self.pool.enumeration(target.message_name())?;
        let known = descriptor.values.iter().any(|value| value.number == Some(number));
        (known || !self.pool.is_closed(target.message_name()))
            .then(|| Node::Varint(i64::from(number).cast_unsigned()))
    }

    fn raw(&mut self, target: &Target) -> Result<RawValue, Flaw> {
        let minus = self.eat("-");
        let token = self.lexer.current;
        let of = target.field.r#type.unwrap_or_default();
        let raw = match token.kind {
            Kind::Str if !minus => {
                let mut bytes = Vec::new();
                while self.lexer.current.kind == Kind::Str {
                    bytes.extend(literal::unquote(self.lexer.text(self.lexer.current)));
                    self.lexer.next();
                }
                return Ok(RawValue::Bytes(bytes));
            }
            Kind::Int => match literal::integer(self.lexer.text(token)) {
                Some(value @ (0 | 1)) if of == kind::BOOL && !minus => {
                    RawValue::Ident(if value == 1 { "true" } else { "false" }.to_owned())
                }
                Some(value) if minus => RawValue::MinusInt(value),
                Some(value) => RawValue::Int(value),
                None => return self.wrong(token, "this integer is out of range"),
            },
            Kind::Float => match literal::float(self.lexer.text(token)) {
                Some(value) => RawValue::Float(if minus { -value } else { value }),
                None => return self.wrong(token, "not a number"),
            },
            Kind::Ident => {
                let word = self.word(token);
                let word = match (of, word.as_str()) {
                    (kind::BOOL, "t" | "True") => "true".to_owned(),
                    (kind::BOOL, "f" | "False") => "false".to_owned(),
                    (kind::FLOAT | kind::DOUBLE, _) => match word.to_ascii_lowercase().as_str() {
                        "inf" | "infinity" => "inf".to_owned(),
                        "nan" => "nan".to_owned(),
                        _ => word,
                    },
                    _ => word,
                };
                if minus && !matches!(word.as_str(), "inf" | "nan") {
                    return self.wrong(token, "only a number, inf or nan can follow \"-\"");
                }
                if minus { RawValue::MinusIdent(word) } else { RawValue::Ident(word) }
            }
            _ => return self.wrong(token, format!("expected a value for `{}`", target.name)),
        };
        self.lexer.next();
        Ok(raw)
    }

    /// The name in brackets: of an extension, or of the type of an `Any` behind a `/`.
    fn bracketed(&mut self) -> Result<String, Flaw> {
        let mut name = String::new();
        while !self.eat("]") {
            let token = self.lexer.current;
            let is_name =
                token.kind == Kind::Ident || self.looking(".") || self.looking("/") || self.looking("-");
            if !is_name {
                return self.wrong(token, "expected a name in brackets");
            }
            name.push_str(&self.word(token));
            self.lexer.next();
        }
        Ok(name)
    }

    /// `[type.googleapis.com/x.Y] { ... }` in an `Any`.
    fn any(&mut self, at: Token, url: &str, type_name: &str, tree: &mut Tree) -> Result<(), Flaw> {
        self.eat(":");
        let close = if self.eat("{") {
            "}"
        } else if self.eat("<") {
            ">"
        } else {
            return self.wrong(self.lexer.current, "expected \"{\"");
        };
        let is_known_host =
            matches!(url.split('/').next(), Some("type.googleapis.com" | "type.googleprod.com"));
        if !is_known_host || self.pool.message(type_name).is_none() {
            return self.wrong(at, format!("`{type_name}` is not defined"));
        }
        let value = self.fields(type_name, Some(close))?.encode();
        let single = |node| Slot { is_packed: false, nodes: vec![node] };
        tree.fields.insert(1, single(Node::Bytes(url.as_bytes().to_vec())));
        tree.fields.insert(2, single(Node::Bytes(value)));
        Ok(())
    }
}

/// Whether a field without presence has its default, which is not written.
fn is_unset(message: &MessageType, number: i32, slot: &Slot) -> bool {
    let field = message.fields.iter().find(|field| field.number == Some(number));
    let is_implicit = field.is_some_and(|field| !field.is_repeated() && field.oneof_index.is_none());
    is_implicit
        && slot.nodes.iter().all(|node| match node {
            Node::Varint(value) | Node::Fixed64(value) => *value == 0,
            Node::Fixed32(value) => *value == 0,
            Node::Bytes(bytes) => bytes.is_empty(),
            Node::Message(_) | Node::Group(_) => false,
        })
}

/// Groups go by the name of their type.
fn find_group(message: &MessageType, name: &str) -> Option<Target> {
    let field = message.fields.iter().find(|field| {
        field.r#type == Some(kind::GROUP)
            && field.type_name.as_deref().is_some_and(|full| full.rsplit('.').next() == Some(name))
    })?;
    Some(Target { field: field.clone(), name: name.to_owned() })
}

/// The member of the same oneof that is set.
fn oneof_sibling<'m>(message: &'m MessageType, target: &Target, tree: &Tree) -> Option<&'m str> {
    let oneof = target.field.oneof_index?;
    let mut members = message.fields.iter().filter(|field| field.oneof_index == Some(oneof));
    let sibling = members.find(|field| {
        field.number != target.field.number
            && field
                .number
                .is_some_and(|number| tree.fields.get(&number).is_some_and(|slot| !slot.nodes.is_empty()))
    })?;
    sibling.name.as_deref()
}
