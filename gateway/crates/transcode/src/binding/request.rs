//! A rule bound to its request message: checked when routes are loaded, run for every request.

use std::borrow::Cow;

use super::{
    error::{BindingError, Subject},
    given::{Binder, Source, Text},
    mask::MaskPlan,
    parameters::{self, Open},
    path::{FieldPath, Step, Steps, numbers, unknown_field, write_varint},
    raw,
    report::Report,
    required::{self, Required},
    setter::Setter,
};
use crate::{EncodeError, EncodeOptions, Encoded, Message, Reason, plan::FieldPlan};

/// What a route's rule says about its request.
#[derive(Debug, Clone, Copy)]
pub struct RequestRule<'a> {
    /// The field paths of the template's variables, in their order, in proto names.
    pub variables: &'a [&'a str],
    /// What the HTTP body fills.
    pub body: BodyRule<'a>,
    /// Whether an unset field mask is filled from the keys that were sent: for PATCH.
    pub patch_mask: bool,
    /// What happens to a body where the rule has none.
    pub stray_body: StrayBody,
}

impl<'a> RequestRule<'a> {
    /// The rule as the HTTP method has it: PATCH fills masks, and only GET, HEAD, DELETE and OPTIONS, whose bodies
    /// mean nothing to HTTP, may bring a body that nobody asked for.
    pub fn new(method: &str, variables: &'a [&'a str], body: BodyRule<'a>) -> Self {
        let stray_body = match method {
            "GET" | "HEAD" | "DELETE" | "OPTIONS" => StrayBody::Ignore,
            _ => StrayBody::Reject,
        };
        Self { variables, body, patch_mask: method == "PATCH", stray_body }
    }
}

/// What the HTTP body fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyRule<'a> {
    /// Nothing.
    None,
    /// The whole request: `body: "*"`. Nothing is taken from the query then.
    Whole,
    /// One top-level field, by its proto name, of any type.
    Field(&'a str),
}

impl<'a> BodyRule<'a> {
    /// Reads the rule as it is written: `"*"`, `""` or a field.
    pub fn parse(text: &'a str) -> Self {
        match text {
            "" => Self::None,
            "*" => Self::Whole,
            field => Self::Field(field),
        }
    }
}

/// What happens to a body where the rule has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StrayBody {
    /// The request is refused: somebody meant something by it that would be lost.
    Reject,
    /// It is not looked at.
    Ignore,
}

/// The pieces of an HTTP request that fill the message.
#[derive(Debug, Clone, Copy)]
pub struct RequestParts<'r, C> {
    /// The decoded captures of the path, one for each variable, in the order of the variables.
    pub captures: C,
    /// What stands behind the `?`, still percent-encoded.
    pub query: Option<&'r str>,
    /// The body; empty for none.
    pub body: &'r [u8],
    /// The body's content type: for `google.api.HttpBody`, which passes it on.
    pub content_type: Option<&'r str>,
}

/// A rule compiled against its request message.
#[derive(Debug)]
pub struct RequestPlan {
    message: Message,
    variables: Box<[FieldPath]>,
    body: BodyPlan,
    stray_body: StrayBody,
    mask: Option<MaskPlan>,
    required: Required,
    set: Vec<Setter>,
    redacted: bool,
}

/// What the HTTP body fills, resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BodyPlan {
    None,
    /// JSON of the whole request.
    Whole,
    /// The request is an `HttpBody`.
    WholeRaw,
    /// JSON of the field at this position.
    Field(u32),
    /// The field at this position is an `HttpBody`.
    FieldRaw(u32),
}

impl BodyPlan {
    fn position(self) -> Option<u32> {
        match self {
            Self::Field(position) | Self::FieldRaw(position) => Some(position),
            Self::None | Self::Whole | Self::WholeRaw => None,
        }
    }

    fn open(self) -> Open {
        match self {
            Self::None => Open::All,
            Self::Whole | Self::WholeRaw => Open::None,
            Self::Field(position) | Self::FieldRaw(position) => Open::AllBut(position),
        }
    }

    fn is_json(self) -> bool {
        matches!(self, Self::Whole | Self::Field(_))
    }
}

impl RequestPlan {
    /// Checks a rule against its request message, and resolves all its names. Every error, not only the first.
    pub fn compile(message: &Message, rule: &RequestRule<'_>) -> Result<Self, Vec<BindingError>> {
        let mut errors = Vec::new();
        let mut variables = Vec::with_capacity(rule.variables.len());
        for (index, path) in rule.variables.iter().enumerate() {
            match FieldPath::compile(message, path, Subject::Variable(index)) {
                Ok(path) => variables.push(path),
                Err(error) => errors.push(error),
            }
        }
        let body =
            compile_body(message, rule.body).map_err(|error| errors.push(error)).unwrap_or(BodyPlan::None);
        if !errors.is_empty() {
            return Err(errors);
        }
        check_disjoint(message, &variables, body, &mut errors);
        if !errors.is_empty() {
            return Err(errors);
        }
        let wants_mask = rule.patch_mask && body.is_json();
        let mask = wants_mask.then(|| MaskPlan::compile(message, body.position(), &variables)).flatten();
        let required = Required::compile(message, &variables, body == BodyPlan::Whole);
        let schema = message.schema();
        let redacted =
            variables.iter().flat_map(|path| path.steps(schema)).any(|step| step.field.debug_redact);
        let (message, variables) = (message.clone(), variables.into());
        let stray_body = rule.stray_body;
        Ok(Self { message, variables, body, stray_body, mask, required, set: Vec::new(), redacted })
    }

    /// Gives the field of this path, in proto names, to the gateway: see [`Self::encode_with`]. It leads through singular
    /// messages to a scalar, an enum or a well-known type that is written as one text.
    ///
    /// # Errors
    /// When there is no such field, or it is of another kind.
    pub fn with_set(&mut self, path: &str) -> Result<(), BindingError> {
        let setter = Setter::compile(&self.message, path)?;
        if setter.touches_required(self.message.schema()) {
            self.required = Required::Whole;
        }
        self.set.push(setter);
        Ok(())
    }

    /// Whether a field given to the gateway takes this text; for texts that are known at load.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check_set(&self, path: &str, text: &str) -> Result<(), crate::Violation> {
        match self.set.iter().find(|setter| setter.name() == path) {
            Some(setter) => setter.apply(self.message.schema(), Some(text), 0, &mut Vec::new()),
            None => Ok(()),
        }
    }

    /// What else the rule fills a field with that was given to the gateway, and in vain: a variable or the body, by its path.
    pub fn is_overridden(&self, path: &str) -> bool {
        let request = self.message.plan();
        let body = self.body.position().and_then(|position| request.fields.get(position as usize));
        let body = body.is_some_and(|field| &*field.name == path);
        body || self.variables.iter().any(|variable| &*variable.name == path)
    }

    /// The request message.
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// Whether the body is taken as it is, and not as JSON: the request, or its body field, is a `google.api.HttpBody`.
    pub fn takes_raw_body(&self) -> bool {
        matches!(self.body, BodyPlan::WholeRaw | BodyPlan::FieldRaw(_))
    }

    /// Whether the rule has a use for a body.
    pub fn takes_body(&self) -> bool {
        self.body != BodyPlan::None
    }

    /// The field that the body fills, if it is not the whole request.
    pub fn body_field(&self) -> Option<&FieldPlan> {
        self.message.plan().fields.get(self.body.position()? as usize)
    }

    /// Whether a variable of the path fills a field that is not for logs (`debug_redact`).
    pub fn has_redacted_variable(&self) -> bool {
        self.redacted
    }

    /// Whether fields are taken from the query.
    pub fn takes_query(&self) -> bool {
        !matches!(self.body.open(), Open::None)
    }

    /// Whether a field mask that the client leaves unset is made of the keys that were sent.
    pub fn fills_mask(&self) -> bool {
        self.mask.is_some()
    }

    /// Appends the request message made of `parts` to `out`. On an error `out` is as it was.
    ///
    /// All violations of path, query and body are told at once. Fields given to the gateway stay unset.
    pub fn encode<'r, C>(
        &self,
        parts: RequestParts<'r, C>,
        options: &EncodeOptions,
        out: &mut Vec<u8>,
    ) -> Result<Encoded, EncodeError>
    where
        C: IntoIterator<Item = &'r str>,
    {
        self.encode_with(parts, std::iter::empty(), options, out)
    }

    /// As [`Self::encode`], with values for the fields given to the gateway, in the order in which they were given. A field
    /// without a value stays unset, whatever the client sent.
    pub fn encode_with<'r, 's, C, S>(
        &self,
        parts: RequestParts<'r, C>,
        set: S,
        options: &EncodeOptions,
        out: &mut Vec<u8>,
    ) -> Result<Encoded, EncodeError>
    where
        C: IntoIterator<Item = &'r str>,
        S: IntoIterator<Item = Option<&'s str>>,
    {
        let start = out.len();
        let mut report = Report::new(options);
        let body = self.encode_body(parts.body, parts.content_type, options, out);
        let schema = self.message.schema();
        let encoded = body.is_ok().then_some(start..out.len());
        let mut binder = Binder::new(schema, options.unknown, encoded, out);
        for (variable, capture) in self.variables.iter().zip(parts.captures) {
            let text = Text {
                name: Cow::Borrowed(&*variable.name),
                value: Cow::Borrowed(capture),
                source: Source::Path,
            };
            binder.give(variable.steps(schema), text, &mut report);
        }
        if let Some(query) = parts.query {
            parameters::bind(schema, self.message.plan(), self.body.open(), query, &mut binder, &mut report);
        }
        report.body(body);
        if report.is_clean() {
            self.fill_mask(parts.body, &mut binder);
            self.fill_set(set, start, out, &mut report);
        }
        if self.required == Required::Whole && report.is_clean() {
            let wire = out.get(start..).unwrap_or_default();
            required::check(schema, self.message.plan(), wire, &mut report);
        }
        let size = out.len() - start;
        if report.is_clean() && size > options.max_size {
            let description = format!("the request takes {size} bytes, {} are allowed", options.max_size);
            report.violation("", Reason::Size, description);
        }
        if !report.is_clean() {
            out.truncate(start);
        }
        report.finish()
    }

    /// Appends a message of a client stream after the first: it has a body, but path and query belong to the first. Fields
    /// given to the gateway stay unset.
    pub fn encode_following(
        &self,
        body: &[u8],
        content_type: Option<&str>,
        options: &EncodeOptions,
        out: &mut Vec<u8>,
    ) -> Result<Encoded, EncodeError> {
        self.encode_following_with(body, content_type, std::iter::empty(), options, out)
    }

    /// As [`Self::encode_following`], with values for the fields given to the gateway.
    pub fn encode_following_with<'s>(
        &self,
        body: &[u8],
        content_type: Option<&str>,
        set: impl IntoIterator<Item = Option<&'s str>>,
        options: &EncodeOptions,
        out: &mut Vec<u8>,
    ) -> Result<Encoded, EncodeError> {
        let start = out.len();
        let mut report = Report::new(options);
        report.body(self.encode_body(body, content_type, options, out));
        if report.is_clean() {
            self.fill_set(set, start, out, &mut report);
        }
        if !report.is_clean() {
            out.truncate(start);
        }
        report.finish()
    }

    fn fill_set<'s>(
        &self,
        set: impl IntoIterator<Item = Option<&'s str>>,
        start: usize,
        out: &mut Vec<u8>,
        report: &mut Report,
    ) {
        let mut texts = set.into_iter();
        for setter in &self.set {
            let text = texts.next().flatten();
            if let Err(violation) = setter.apply(self.message.schema(), text, start, out) {
                report.violation(&violation.field, violation.reason, violation.description);
            }
        }
    }

    fn encode_body(
        &self,
        body: &[u8],
        content_type: Option<&str>,
        options: &EncodeOptions,
        out: &mut Vec<u8>,
    ) -> Result<Encoded, EncodeError> {
        let request = self.message.plan();
        let position = self.body.position().unwrap_or_default() as usize;
        match (self.body, request.fields.get(position)) {
            (BodyPlan::None, _) if !body.is_empty() && self.stray_body == StrayBody::Reject => {
                return Err(stray());
            }
            (BodyPlan::WholeRaw, _) => raw::append(body, content_type, out),
            _ if body.is_empty() => {}
            (BodyPlan::Whole, _) => return self.encode_json(None, body, options, out),
            (BodyPlan::Field(_), Some(field)) => return self.encode_json(Some(field), body, options, out),
            (BodyPlan::FieldRaw(_), Some(field)) => append_raw(field, body, content_type, out),
            _ => {}
        }
        Ok(Encoded::default())
    }

    fn encode_json(
        &self,
        field: Option<&FieldPlan>,
        body: &[u8],
        options: &EncodeOptions,
        out: &mut Vec<u8>,
    ) -> Result<Encoded, EncodeError> {
        match (self.required, field) {
            (Required::Whole, field) => self.message.encode_piece(field, body, options, out),
            (Required::Encoder, Some(field)) => self.message.encode_field(field, body, options, out),
            (Required::Encoder, None) => self.message.encode(body, options, out),
        }
    }

    fn fill_mask(&self, body: &[u8], binder: &mut Binder<'_, '_, '_>) {
        let Some(mask) = &self.mask else { return };
        if !binder.has(mask.number()) {
            mask.append(&self.message, body, binder.out());
        }
    }
}

fn stray() -> EncodeError {
    let description = "this route takes no body; leave it out".to_owned();
    let (field, reason) = (String::new(), Reason::StrayBody);
    EncodeError::from(crate::Violation { field, description, line: 0, column: 0, reason })
}

fn append_raw(field: &FieldPlan, body: &[u8], content_type: Option<&str>, out: &mut Vec<u8>) {
    let mut inner = Vec::with_capacity(body.len() + 64);
    raw::append(body, content_type, &mut inner);
    field.tag.write(out);
    write_varint(inner.len(), out);
    out.extend_from_slice(&inner);
}

fn compile_body(message: &Message, rule: BodyRule<'_>) -> Result<BodyPlan, BindingError> {
    let (schema, request) = (message.schema(), message.plan());
    let name = match rule {
        BodyRule::None => return Ok(BodyPlan::None),
        BodyRule::Whole if raw::is_http_body(request) => return Ok(BodyPlan::WholeRaw),
        BodyRule::Whole => return Ok(BodyPlan::Whole),
        BodyRule::Field(name) => name,
    };
    if let Some(field) = request.field_by_proto_name(name) {
        let raw = raw::holds_http_body(schema, field);
        return Ok(if raw { BodyPlan::FieldRaw(field.position) } else { BodyPlan::Field(field.position) });
    }
    let error = unknown_field(Subject::Body, request, name);
    Err(match name.contains('.') {
        true => error.help("the body fills one top-level field of the request, not one inside another"),
        false => error,
    })
}

/// Path and body may share a message but never a field, nor may they fill two members of one oneof.
fn check_disjoint(
    message: &Message,
    variables: &[FieldPath],
    body: BodyPlan,
    errors: &mut Vec<BindingError>,
) {
    let (schema, request) = (message.schema(), message.plan());
    let mut filled: Vec<(String, Steps<'_>)> = Vec::new();
    if let Some(field) = body.position().and_then(|position| request.fields.get(position as usize)) {
        filled.push((
            format!("the body (`{}`)", field.name),
            Steps::from_slice(&[Step { parent: request, field }]),
        ));
    }
    for (index, variable) in variables.iter().enumerate() {
        let (name, steps) = (&variable.name, variable.steps(schema));
        for (other, other_steps) in &filled {
            let message = match clash(&steps, other_steps) {
                Some(Clash::Field) => format!("`{name}` is filled by {other} already"),
                Some(Clash::Oneof) => {
                    format!("`{name}` and {other} are in one oneof: only one of them can be set")
                }
                None => continue,
            };
            errors.push(BindingError::new(Subject::Variable(index), message).help("let one of the two go"));
        }
        filled.push((format!("the variable `{name}`"), steps));
    }
}

/// Why two parts of a rule cannot both fill their fields.
enum Clash {
    Field,
    Oneof,
}

fn clash(a: &[Step<'_>], b: &[Step<'_>]) -> Option<Clash> {
    if numbers(a) == numbers(b) {
        return Some(Clash::Field);
    }
    let (a, b) = a.iter().zip(b).find(|(a, b)| a.field.number != b.field.number)?;
    (a.field.oneof.is_some() && a.field.oneof == b.field.oneof).then_some(Clash::Oneof)
}
