//! What is wrong with a template, where, and what to write instead.

use std::fmt;
use std::ops::Range;

use crate::path::{MAX_PATH_BYTES, MAX_SEGMENTS};

/// Why a text is not a template.
///
/// Its `Display` is one line with the column; [`Self::message`], [`Self::help`] and the spans are for those who draw
/// a caret under the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    kind: TemplateErrorKind,
    template: Box<str>,
    span: Range<usize>,
    related: Option<Range<usize>>,
}

/// The rule that a template breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TemplateErrorKind {
    /// It is empty, or does not begin with `/`.
    NoLeadingSlash,
    /// It ends in `/`.
    TrailingSlash,
    /// Nothing between two slashes, or before a verb.
    EmptySegment,
    /// A segment begins with `:`, as variables do in other routers.
    ColonVariable,
    /// A character that may not stand in a path; a query or a fragment.
    Character(char),
    /// A `%` without two hex digits.
    BadEscape,
    /// Escapes that do not decode to UTF-8.
    NotUtf8,
    /// `.` or `..`.
    DotSegment,
    /// A wildcard or variable beside other text within one segment.
    MixedSegment,
    /// `{` without `}`.
    UnclosedVariable,
    /// `}` without `{`.
    UnopenedVariable,
    /// `{}`, or a field path that begins or ends with a dot.
    EmptyName,
    /// `{*name}`, as in other routers.
    StarName,
    /// A field name with other characters than letters, digits and `_`, or with a digit at its front.
    BadName,
    /// `{name=}`.
    EmptyPattern,
    /// `{name=/…}`: variables do not capture the first slash.
    SlashInVariable,
    /// A variable within a variable.
    NestedVariable,
    /// A verb within a variable.
    VerbInVariable,
    /// A second `**`.
    SecondMulti,
    /// The same field path twice.
    DuplicateVariable,
    /// A field path that is the beginning of another one.
    VariableWithinVariable,
    /// `:` without a verb.
    EmptyVerb,
    /// A verb before the last segment's end.
    VerbNotLast,
    /// Wildcards or variables in the verb.
    BadVerb,
    /// Longer than any path that is routed.
    TooLong,
    /// More segments than any path that is routed.
    TooManySegments,
}

impl TemplateError {
    pub(super) fn new(kind: TemplateErrorKind, template: &str, span: Range<usize>) -> Self {
        Self { kind, template: template.into(), span, related: None }
    }

    pub(super) fn related_to(self, span: Range<usize>) -> Self {
        Self { related: Some(span), ..self }
    }

    /// Which rule is broken.
    #[must_use]
    pub fn kind(&self) -> TemplateErrorKind {
        self.kind
    }

    /// The template's bytes at fault; empty where something is missing.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Other bytes of the template that the message refers to: the first one of two equal variables, the first `**`.
    #[must_use]
    pub fn related(&self) -> Option<Range<usize>> {
        self.related.clone()
    }

    /// What is wrong.
    #[must_use]
    pub fn message(&self) -> String {
        use TemplateErrorKind as Kind;
        let text = self.template.get(self.span()).unwrap_or_default();
        match self.kind {
            Kind::NoLeadingSlash => "a path template begins with `/`".into(),
            Kind::TrailingSlash => "a path template does not end in `/`".into(),
            Kind::EmptySegment => "this segment is empty".into(),
            Kind::ColonVariable => format!("`{text}` is a verb that no segment comes before"),
            Kind::Character(c @ ('?' | '#')) => {
                format!("`{c}` begins a query or fragment, and a template is a path")
            }
            Kind::Character(c) if c.is_whitespace() => "a path contains no whitespace".into(),
            Kind::Character(c) => format!("{c:?} may not stand in a path"),
            Kind::BadEscape => format!("`{text}` is a malformed escape"),
            Kind::NotUtf8 => format!("`{text}` does not decode to UTF-8"),
            Kind::DotSegment => format!("`{text}` is a dot segment, and requests with these are refused"),
            Kind::MixedSegment => format!("`{text}` mixes text and wildcards in one segment"),
            Kind::UnclosedVariable => "this `{` is never closed".into(),
            Kind::UnopenedVariable => "no `{` comes before this `}`".into(),
            Kind::EmptyName => "a field name is missing".into(),
            Kind::StarName => format!("`{text}` is a wildcard where the name of a field is expected"),
            Kind::BadName => format!("`{text}` is not the name of a field"),
            Kind::EmptyPattern => "a pattern is missing after `=`".into(),
            Kind::SlashInVariable => "a variable cannot capture the slash before it".into(),
            Kind::NestedVariable => "a variable within a variable".into(),
            Kind::VerbInVariable => "a verb within a variable".into(),
            Kind::SecondMulti => "a template has at most one `**`, and this is the second".into(),
            Kind::DuplicateVariable => format!("`{text}` is captured twice"),
            Kind::VariableWithinVariable => {
                let other = self.related().and_then(|span| self.template.get(span)).unwrap_or_default();
                format!("`{text}` and `{other}` would fill the same field")
            }
            Kind::EmptyVerb => "a verb is missing after `:`".into(),
            Kind::VerbNotLast => format!("the verb `{text}` is not the template's end"),
            Kind::BadVerb => format!("`{text}` may not stand in a verb"),
            Kind::TooLong => format!("longer than {MAX_PATH_BYTES} bytes"),
            Kind::TooManySegments => format!("more than {MAX_SEGMENTS} segments"),
        }
    }

    /// What to write instead.
    #[must_use]
    pub fn help(&self) -> String {
        use TemplateErrorKind as Kind;
        let text = self.template.get(self.span()).unwrap_or_default();
        match self.kind {
            Kind::NoLeadingSlash if self.template.is_empty() => "write at least `/`".into(),
            Kind::NoLeadingSlash => match self.template.split_once("://") {
                Some((_, rest)) => match rest.split_once('/').filter(|(_, path)| !path.is_empty()) {
                    Some((_, path)) => format!("write the path alone: `/{path}`"),
                    None => "write the path alone, without scheme and host".into(),
                },
                None => format!("write `/{}`", self.template),
            },
            Kind::TrailingSlash => "remove the last slash, or write `/**` to match all that lies below".into(),
            Kind::EmptySegment => "write one `/` between two segments, and a `:` only behind a segment".into(),
            Kind::ColonVariable => format!("a variable is written `{{{}}}`", text.trim_start_matches(':')),
            Kind::Character('?' | '#') => {
                "leave it out: fields that are neither in the path nor in the body come from the query".into()
            }
            Kind::Character('<' | '>') => "a variable is written `{name}`".into(),
            Kind::Character(c) => {
                let escapes: String = c.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect();
                let or = if c.is_whitespace() { "remove it, or " } else { "" };
                format!("{or}write it as `{escapes}`, if requests contain it")
            }
            Kind::BadEscape => "two hex digits follow a `%`, which itself is written `%25`".into(),
            Kind::NotUtf8 => "write the escapes of all bytes of each character, or the character itself".into(),
            Kind::DotSegment => "write the path with `.` and `..` resolved".into(),
            Kind::MixedSegment => "`*`, `**` and `{name}` are whole segments: put a `/` between them and the text".into(),
            Kind::UnclosedVariable => "write `}` behind the field path or its pattern, as in `{name}` or `{name=a/*}`".into(),
            Kind::UnopenedVariable => "remove it, or write `%7D` if requests contain it".into(),
            Kind::EmptyName => "write the request's field, as in `{user_id}` or `{user.id}`".into(),
            Kind::StarName => match text.trim_start_matches('*') {
                "" => format!("write `{text}` without braces, or `{{name={text}}}`"),
                name => format!("write `{{{name}=**}}`"),
            },
            Kind::BadName => {
                "write field names as in the .proto file, of letters, digits and `_`, with dots between; a pattern \
                 follows `=`"
                    .into()
            }
            Kind::EmptyPattern => "write a pattern such as `*`, `**` or `shelves/*`, or leave the `=` out".into(),
            Kind::SlashInVariable => "put the slash before the brace: `/{name=a/**}`, not `{name=/a/**}`".into(),
            Kind::NestedVariable => "capture the parts side by side, as in `/{a}/{b}`, or the whole, as in `{a=*/*}`".into(),
            Kind::VerbInVariable => "write the verb behind the last `}`, at the template's end".into(),
            Kind::SecondMulti => "write `*` for each segment that one of them matches".into(),
            Kind::DuplicateVariable => "name another field, or write `*` where the value does not matter".into(),
            Kind::VariableWithinVariable => "capture the field or its parts, not both".into(),
            Kind::EmptyVerb => "write the verb, as in `:cancel`, or leave the colon out".into(),
            Kind::VerbNotLast => "write it behind the last segment; a `:` within a segment is matched by `*` or `{name}`".into(),
            Kind::BadVerb => "a verb is a literal, as in `:cancel`".into(),
            Kind::TooLong | Kind::TooManySegments => "write a shorter one: longer requests are refused".into(),
        }
    }
}

impl fmt::Display for TemplateError {
    /// Columns count characters from 1.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column = 1 + self.template.get(..self.span.start).map_or(0, |before| before.chars().count());
        write!(f, "path template `{}`, column {column}: {}; {}", self.template, self.message(), self.help())
    }
}

impl std::error::Error for TemplateError {}
