//! The parser of templates: recursive descent, one method for each rule of the grammar.

use std::ops::Range;

use super::{Segment, Template, TemplateError, TemplateErrorKind as Kind, Variable};
use crate::escape::{self, is_path_byte};
use crate::path::{MAX_PATH_BYTES, MAX_SEGMENTS};

pub(super) fn parse(text: &str) -> Result<Template, TemplateError> {
    if text.len() > MAX_PATH_BYTES {
        // What is quoted in messages is short, whatever came.
        let shown: String = text.chars().take(80).collect();
        return Err(TemplateError::new(Kind::TooLong, &shown, 0..shown.len()));
    }
    Parser { text, at: 0, segments: Vec::new(), variables: Vec::new(), multi: None }.template()
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    segments: Vec<Segment>,
    variables: Vec<Variable>,
    /// Index and place of the `**`.
    multi: Option<(usize, Range<usize>)>,
}

type Parsed<T = ()> = Result<T, TemplateError>;

impl Parser<'_> {
    fn template(mut self) -> Parsed<Template> {
        if !self.take('/') {
            return Err(self.error(Kind::NoLeadingSlash, 0..self.end_of_char()));
        }
        let mut verb = None;
        if self.peek().is_some() {
            self.segment_list(None)?;
            verb = self.verb()?;
        }
        Ok(Template {
            source: self.text.to_owned(),
            segments: self.segments,
            variables: self.variables,
            verb,
            multi: self.multi.map(|(index, _)| index),
        })
    }

    /// Segments up to the end, a `:` or a `}`. `variable`: where the `{` stands that these are the pattern of.
    fn segment_list(&mut self, variable: Option<usize>) -> Parsed {
        loop {
            self.segment(variable)?;
            if !self.take('/') {
                return Ok(());
            }
        }
    }

    fn segment(&mut self, variable: Option<usize>) -> Parsed {
        let start = self.at;
        match (self.peek(), variable) {
            (None, Some(open)) => return Err(self.error(Kind::UnclosedVariable, open..open + 1)),
            (None, None) | (Some('}'), Some(_)) => {
                return Err(self.error(Kind::TrailingSlash, start - 1..start));
            }
            (Some('/'), _) => return Err(self.error(Kind::EmptySegment, start..start + 1)),
            (Some(':'), None) => return Err(self.colon_first()),
            (Some(':'), Some(_)) => return Err(self.error(Kind::VerbInVariable, start..start + 1)),
            (Some('}'), None) => return Err(self.error(Kind::UnopenedVariable, start..start + 1)),
            (Some('{'), Some(_)) => return Err(self.error(Kind::NestedVariable, start..start + 1)),
            (Some('{'), None) => self.variable()?,
            (Some('*'), _) => self.wildcard()?,
            (Some(_), _) => self.literal()?,
        }
        self.boundary(start, variable)
    }

    /// A segment ends where the next one, a verb or the variable around it does; anything else is glued to it.
    fn boundary(&self, start: usize, variable: Option<usize>) -> Parsed {
        match self.peek() {
            None | Some('/' | ':') => Ok(()),
            Some('}') if variable.is_some() => Ok(()),
            Some('}') => Err(self.error(Kind::UnopenedVariable, self.at..self.at + 1)),
            Some(c @ ('?' | '#')) => Err(self.error(Kind::Character(c), self.at..self.at + 1)),
            Some(c) if c.is_whitespace() => Err(self.error(Kind::Character(c), self.at..self.end_of_char())),
            Some(_) => Err(self.error(Kind::MixedSegment, start..self.end_of_segment())),
        }
    }

    fn wildcard(&mut self) -> Parsed {
        let start = self.at;
        self.take('*');
        if !self.take('*') {
            return self.push(Segment::Single, start);
        }
        if let Some((_, first)) = &self.multi {
            return Err(self.error(Kind::SecondMulti, start..self.at).related_to(first.clone()));
        }
        self.multi = Some((self.segments.len(), start..self.at));
        self.push(Segment::Multi, start)
    }

    fn literal(&mut self) -> Parsed {
        let start = self.at;
        let normal = self.literal_text()?;
        if matches!(&*normal, "." | "..") {
            return Err(self.error(Kind::DotSegment, start..self.at));
        }
        self.push(Segment::Literal(normal), start)
    }

    /// The normal form of the literal that begins here, be it of a segment or a verb.
    fn literal_text(&mut self) -> Parsed<String> {
        let start = self.at;
        while let Some(c) = self.peek() {
            match c {
                '/' | ':' | '*' | '{' | '}' => break,
                '%' => self.escape()?,
                c if !c.is_ascii() && !c.is_whitespace() && !c.is_control() => self.at += c.len_utf8(),
                c if u8::try_from(c).is_ok_and(is_path_byte) => self.at += 1,
                c => return Err(self.error(Kind::Character(c), self.at..self.end_of_char())),
            }
        }
        let written = self.text.get(start..self.at).unwrap_or_default();
        if escape::decode(written, escape::Keep::Nothing).is_none() {
            return Err(self.error(Kind::NotUtf8, start..self.at));
        }
        Ok(escape::normalise(written).into_owned())
    }

    fn escape(&mut self) -> Parsed {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if escape::escaped_byte(rest.as_bytes()).is_none() {
            let length = rest
                .chars()
                .take(3)
                .take_while(|c| !matches!(c, '/' | '}' | ':'))
                .map(char::len_utf8)
                .sum::<usize>();
            return Err(self.error(Kind::BadEscape, self.at..self.at + length));
        }
        self.at += 3;
        Ok(())
    }

    fn variable(&mut self) -> Parsed {
        let open = self.at;
        self.take('{');
        let span = self.field_path(open)?;
        let first = self.segments.len();
        if self.take('=') {
            match self.peek() {
                Some('/') => return Err(self.error(Kind::SlashInVariable, self.at..self.at + 1)),
                Some('}') => return Err(self.error(Kind::EmptyPattern, self.at - 1..self.at)),
                _ => {}
            }
            self.segment_list(Some(open))?;
        } else {
            self.push(Segment::Single, open)?;
        }
        match self.peek() {
            Some('}') => self.at += 1,
            Some(':') => return Err(self.error(Kind::VerbInVariable, self.at..self.at + 1)),
            _ => return Err(self.error(Kind::UnclosedVariable, open..open + 1)),
        }
        let segments = first..self.segments.len();
        let with_multi = self.multi.as_ref().is_some_and(|(index, _)| segments.contains(index));
        let field_path = self.text.get(span.clone()).unwrap_or_default().to_owned();
        self.refuse_clash(&field_path, &span)?;
        self.variables.push(Variable {
            field_path,
            multi: segments.len() != 1 || with_multi,
            span,
            segments,
        });
        Ok(())
    }

    fn field_path(&mut self, open: usize) -> Parsed<Range<usize>> {
        let start = self.at;
        loop {
            self.field_name(open)?;
            if !self.take('.') {
                return Ok(start..self.at);
            }
        }
    }

    fn field_name(&mut self, open: usize) -> Parsed {
        let start = self.at;
        let rest = self.text.get(start..).unwrap_or_default();
        let length = rest.find(['.', '=', '}', '/', '{']).unwrap_or(rest.len());
        let name = rest.get(..length).unwrap_or_default();
        let span = start..start + length;
        if let Some(space) = name.find(char::is_whitespace) {
            self.at += space;
            return Err(self.error(Kind::Character(' '), self.at..self.end_of_char()));
        }
        if name.is_empty() {
            return Err(match rest.chars().next() {
                None => self.error(Kind::UnclosedVariable, open..open + 1),
                Some('{') => self.error(Kind::NestedVariable, start..start + 1),
                Some(_) => self.error(Kind::EmptyName, span),
            });
        }
        if name.starts_with('*') {
            return Err(self.error(Kind::StarName, span));
        }
        let mut bytes = name.bytes();
        let well_begun = bytes.next().is_some_and(|b| b == b'_' || b.is_ascii_alphabetic());
        if !well_begun || !bytes.all(|b| b == b'_' || b.is_ascii_alphanumeric()) {
            return Err(self.error(Kind::BadName, span));
        }
        self.at += length;
        Ok(())
    }

    fn refuse_clash(&self, field_path: &str, span: &Range<usize>) -> Parsed {
        for other in &self.variables {
            let kind = if other.field_path == field_path {
                Kind::DuplicateVariable
            } else if is_within(&other.field_path, field_path) || is_within(field_path, &other.field_path) {
                Kind::VariableWithinVariable
            } else {
                continue;
            };
            return Err(self.error(kind, span.clone()).related_to(other.span.clone()));
        }
        Ok(())
    }

    /// The verb, if one begins here; then the template ends.
    fn verb(&mut self) -> Parsed<Option<String>> {
        let start = self.at;
        if !self.take(':') {
            // `segment_list` ends only at the end, a colon, or a brace that it has refused.
            return Ok(None);
        }
        let verb = self.literal_text()?;
        match self.peek() {
            Some('/') => Err(self.error(Kind::VerbNotLast, start..self.at)),
            Some(':') => Err(self.error(Kind::VerbNotLast, start..self.at.max(start + 1))),
            Some(_) => Err(self.error(Kind::BadVerb, self.at..self.end_of_char())),
            None if verb.is_empty() => Err(self.error(Kind::EmptyVerb, start..self.at)),
            None => Ok(Some(verb)),
        }
    }

    fn colon_first(&self) -> TemplateError {
        let end = self.end_of_segment();
        let kind = if end - self.at > 1 { Kind::ColonVariable } else { Kind::EmptySegment };
        self.error(kind, self.at..end)
    }

    fn push(&mut self, segment: Segment, start: usize) -> Parsed {
        if self.segments.len() == MAX_SEGMENTS {
            return Err(self.error(Kind::TooManySegments, start..self.at));
        }
        self.segments.push(segment);
        Ok(())
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    fn take(&mut self, expected: char) -> bool {
        let here = self.peek() == Some(expected);
        if here {
            self.at += expected.len_utf8();
        }
        here
    }

    fn end_of_char(&self) -> usize {
        self.at + self.peek().map_or(0, char::len_utf8)
    }

    /// Where the next `/` outside of braces stands.
    fn end_of_segment(&self) -> usize {
        let mut depth = 0_usize;
        for (offset, c) in self.text.get(self.at..).unwrap_or_default().char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                '/' if depth == 0 => return self.at + offset,
                _ => {}
            }
        }
        self.text.len()
    }

    fn error(&self, kind: Kind, span: Range<usize>) -> TemplateError {
        TemplateError::new(kind, self.text, span)
    }
}

/// Whether `inner` names a field of the message that `outer` names.
fn is_within(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'))
}
