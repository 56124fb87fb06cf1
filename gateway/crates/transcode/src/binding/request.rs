//! A rule bound to its request message: checked when routes are loaded, run for every request.

use std::borrow::Cow;

use super::{
    body::BodyPlan,
    disjoint,
    error::{BindingError, Subject},
    given::{Binder, Source, Text},
    mask::MaskPlan,
    parameters::{Open, Query},
    path::{FieldPath, Step, write_varint},
    raw,
    report::Report,
    required::{self, Required},
    rule::{RequestRule, StrayBody},
    setter::Setter,
};
use crate::{EncodeError, EncodeOptions, Encoded, Message, Reason, plan::FieldPlan};

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
        let body = BodyPlan::compile(message, rule.body)
            .map_err(|error| errors.push(error))
            .unwrap_or(BodyPlan::None);
        if !errors.is_empty() {
            return Err(errors);
        }
        disjoint::check(message, &variables, body, &mut errors);
        if !errors.is_empty() {
            return Err(errors);
        }
        let wants_mask = rule.patch_mask && body.is_json();
        let mask = wants_mask.then(|| MaskPlan::compile(message, body.position(), &variables, &[])).flatten();
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
    /// When there is no such field, it is of another kind, or one that was given before excludes it.
    pub fn with_set(&mut self, path: &str) -> Result<(), BindingError> {
        let setter = Setter::compile(&self.message, path)?;
        let schema = self.message.schema();
        for (index, before) in self.set.iter().enumerate() {
            if let Some(why) = setter.why_not_beside(schema, before) {
                return Err(BindingError::new(Subject::SetBeside(index), why).help("let one of the two go"));
            }
        }
        if setter.touches_required(self.message.schema()) {
            self.required = Required::Whole;
        }
        self.set.push(setter);
        if self.mask.is_some() {
            // What the gateway fills is not what the client changes.
            let set: Vec<&str> = self.set.iter().map(Setter::name).collect();
            self.mask = MaskPlan::compile(&self.message, self.body.position(), &self.variables, &set);
        }
        Ok(())
    }

    /// The path of the field with this index that was given to the gateway.
    pub fn set_path(&self, index: usize) -> Option<&str> {
        self.set.get(index).map(Setter::name)
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
        let Ok(field) = FieldPath::compile(&self.message, path, Subject::Set) else { return false };
        let (schema, request) = (self.message.schema(), self.message.plan());
        let steps = field.steps(schema);
        let body = self.body.position().and_then(|position| request.fields.get(position as usize));
        let body = body.is_some_and(|field| disjoint::exclude(&steps, &[Step { parent: request, field }]));
        body || self.variables.iter().any(|variable| disjoint::exclude(&steps, &variable.steps(schema)))
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
            let steps = variable.steps(schema);
            if steps.last().is_some_and(|leaf| leaf.field.is_list()) {
                binder.give_list(steps, &variable.name, capture, &mut report);
                continue;
            }
            let text = Text {
                name: Cow::Borrowed(&*variable.name),
                value: Cow::Borrowed(capture),
                source: Source::Path,
            };
            binder.give(steps, text, &mut report);
        }
        if let Some(query) = parts.query {
            let rules = Query {
                schema,
                request: self.message.plan(),
                open: self.body.open(),
                ignored: &options.ignored,
            };
            rules.bind(query, &mut binder, &mut report);
        }
        binder.check_times(&mut report);
        report.body(body);
        if report.is_clean() {
            self.fill_mask(parts.body, start, &mut binder);
            self.fill_set(set, start, out, &mut report);
        }
        if self.looks_for_required(parts.body) && report.is_clean() {
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

    /// Whether fields that are required have to be looked for: the encoder does it unless there is nothing for it to see.
    fn looks_for_required(&self, body: &[u8]) -> bool {
        let is_unseen = body.is_empty() && !self.message.plan().required.is_empty();
        self.required == Required::Whole || is_unseen
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

    fn fill_mask(&self, body: &[u8], start: usize, binder: &mut Binder<'_, '_, '_>) {
        let Some(mask) = &self.mask else { return };
        match mask.excluded_by().any(|number| binder.has(number)) {
            false => mask.append(&self.message, body, binder.out()),
            true => mask.correct(&self.message, start, binder.out()),
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
