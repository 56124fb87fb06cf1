//! Options as they are written.

use super::{NamePart, Owner, Parser, RawOption, RawValue, Step};
use crate::lex::Kind;

impl Parser<'_> {
    /// `option NAME = VALUE;`
    pub(super) fn option_statement(&mut self, owner: Owner, element: &[i32], path: &[i32]) -> Step {
        self.option(owner, element, path, true)
    }

    /// `[NAME = VALUE, ...]`, if there are any.
    pub(super) fn option_list(&mut self, owner: Owner, element: &[i32], path: &[i32]) -> Step {
        if !self.looking("[") {
            return Ok(());
        }
        self.within(path, &[], |p, _| {
            p.advance();
            loop {
                p.option(owner, element, path, false)?;
                if !p.try_eat(",") {
                    return p.expect("]");
                }
            }
        })
    }

    pub(super) fn option(&mut self, owner: Owner, element: &[i32], path: &[i32], is_statement: bool) -> Step {
        let spot = self.open(path, &[999]);
        let start = self.lexer.current.start;
        let read = self.option_parts(is_statement);
        let (name, name_at, value, value_at) = match read {
            Ok(parts) => parts,
            Err(failed) => {
                self.close(spot);
                return Err(failed);
            }
        };
        let ended = if is_statement { self.end(";", Some(spot)) } else { Ok(()) };
        self.close(spot);
        let at = start..self.lexer.previous.end;
        self.options.push(RawOption {
            owner,
            element: element.to_vec(),
            name,
            value,
            at,
            name_at,
            value_at,
            spot: Some(spot),
        });
        ended
    }

    #[allow(clippy::type_complexity, reason = "the parts of one thing, taken apart at once")]
    fn option_parts(
        &mut self,
        is_statement: bool,
    ) -> Step<(Vec<NamePart>, std::ops::Range<usize>, RawValue, std::ops::Range<usize>)> {
        if is_statement {
            self.expect("option")?;
        }
        let start = self.lexer.current.start;
        let mut name = vec![self.name_part()?];
        while self.try_eat(".") {
            name.push(self.name_part()?);
        }
        let name_at = start..self.lexer.previous.end;
        self.expect("=")?;
        let start = self.lexer.current.start;
        let value = self.option_value()?;
        Ok((name, name_at, value, start..self.lexer.previous.end))
    }

    fn name_part(&mut self) -> Step<NamePart> {
        if !self.try_eat("(") {
            let name = self.ident("expected the name of an option")?;
            return Ok(NamePart { name, is_extension: false });
        }
        let mut name = String::new();
        if self.try_eat(".") {
            name.push('.');
        }
        name.push_str(&self.ident("expected the name of an option")?);
        while self.try_eat(".") {
            name.push('.');
            name.push_str(&self.ident("expected a name")?);
        }
        self.expect(")")?;
        Ok(NamePart { name, is_extension: true })
    }

    fn option_value(&mut self) -> Step<RawValue> {
        let negative = self.try_eat("-");
        let token = self.lexer.current;
        match token.kind {
            Kind::Ident => {
                let name = self.text(token);
                if negative && name != "inf" && name != "nan" {
                    return self.fail_here("only a number, inf or nan can follow \"-\"");
                }
                self.advance();
                Ok(if negative { RawValue::MinusIdent(name) } else { RawValue::Ident(name) })
            }
            Kind::Int => {
                let max = if negative { 1 << 63 } else { u64::MAX };
                let value = self.integer64(max, "expected an integer")?;
                Ok(if negative { RawValue::MinusInt(value) } else { RawValue::Int(value) })
            }
            Kind::Float => {
                let value = self.number("expected a number")?;
                Ok(RawValue::Float(if negative { -value } else { value }))
            }
            Kind::Str if !negative => Ok(RawValue::Bytes(self.bytes("expected a string")?)),
            _ if self.looking("{") && !negative => self.aggregate(),
            _ => self.fail_here("expected the value of the option"),
        }
    }

    fn aggregate(&mut self) -> Step<RawValue> {
        let open = self.lexer.current;
        self.advance();
        let mut depth = 1usize;
        while !self.at_end() {
            if self.looking("{") {
                depth += 1;
            } else if self.looking("}") {
                depth -= 1;
                if depth == 0 {
                    let end = self.lexer.current.start;
                    self.advance();
                    return Ok(RawValue::Aggregate(open.end..end));
                }
            }
            self.advance();
        }
        self.fail_at(open, "the file ends inside of this value: \"}\" is missing")
    }
}
