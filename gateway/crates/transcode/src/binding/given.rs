//! What path and query have given so far, and whether they agree: with each other and with the body.
//!
//! A field that is given twice with different values is refused, wherever the two came from: whichever won, somebody
//! who checked the other one (a proxy, a policy on the path) would have checked something that does not happen.

use std::{borrow::Cow, ops::Range};

use smallvec::SmallVec;

use super::{
    path::{Step, Steps, nest, numbers},
    report::{Report, quoted},
    scan::{Fields, each},
    times,
    value::{describe, same},
};
use crate::{
    Reason, Schema, Unknown,
    plan::{FieldPlan, Kind, WellKnown},
};

/// Where a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Path,
    Query,
}

impl Source {
    fn name(self) -> &'static str {
        match self {
            Self::Path => "the path",
            Self::Query => "the query",
        }
    }
}

/// A piece of text on its way into a field.
#[derive(Debug)]
pub(crate) struct Text<'r> {
    /// What the client knows the field as: the variable, or the parameter as it was sent.
    pub(crate) name: Cow<'r, str>,
    /// The decoded value.
    pub(crate) value: Cow<'r, str>,
    pub(crate) source: Source,
}

/// A singular field that has its value.
#[derive(Debug)]
struct Given<'s, 'r> {
    steps: Steps<'s>,
    text: Text<'r>,
    /// Where the encoded field lies in the output; `None` if the body has the same value, which then stands.
    wire: Option<Range<usize>>,
    /// Of an entry of a map, where its encoded key lies in the output; else empty.
    key: Range<usize>,
}

/// What the body has in a field's place.
enum InBody {
    Nothing,
    Same,
    Other(String),
}

/// Writes the fields of path and query behind the encoded body.
pub(crate) struct Binder<'b, 's, 'r> {
    schema: &'s Schema,
    unknown: Unknown,
    out: &'b mut Vec<u8>,
    /// Where the encoded body lies in the output; `None` if it could not be encoded, so that nobody knows what it says.
    body: Option<Range<usize>>,
    given: SmallVec<[Given<'s, 'r>; 4]>,
    /// For each of `given`, a digest of its path, so that the usual search touches nothing else.
    digests: SmallVec<[u64; 8]>,
}

impl<'b, 's, 'r> Binder<'b, 's, 'r> {
    pub(crate) fn new(
        schema: &'s Schema,
        unknown: Unknown,
        body: Option<Range<usize>>,
        out: &'b mut Vec<u8>,
    ) -> Self {
        Self { schema, unknown, out, body, given: SmallVec::new(), digests: SmallVec::new() }
    }

    /// Gives a field its value, unless that cannot be.
    pub(crate) fn give(&mut self, steps: Steps<'s>, text: Text<'r>, report: &mut Report) {
        let Some(leaf) = steps.last() else { return };
        let Some(at) = self.append(leaf.field, &text, report) else { return };
        if !self.oneofs_agree(&steps, &text, report) || !self.wholes_agree(&steps, &text, report) {
            return self.out.truncate(at);
        }
        let Some((leaf, parents)) = steps.split_last() else { return };
        let digest = digest(&steps);
        if leaf.field.is_list() {
            if self.find(&steps, digest, 0..0).is_some_and(|earlier| self.is_from_path(earlier)) {
                report.violation(&text.name, Reason::Conflict, "given twice: the path gives the whole list");
                return self.out.truncate(at);
            }
            nest(parents, at, self.out);
            if leaf.parent.well_known != WellKnown::None {
                self.digests.push(digest);
                self.given.push(Given { steps, text, wire: None, key: 0..0 });
            }
            return;
        }
        if let Some(earlier) = self.find(&steps, digest, 0..0) {
            self.agree(earlier, at, &steps, &text, report);
            return self.out.truncate(at);
        }
        let wire = match self.in_body(&steps, at) {
            InBody::Nothing => {
                let length = self.out.len() - at;
                let place = nest(parents, at, self.out);
                Some(place..place + length)
            }
            InBody::Same => {
                self.out.truncate(at);
                None
            }
            InBody::Other(other) => {
                differs_from_body(&steps, &text, &other, report);
                return self.out.truncate(at);
            }
        };
        self.digests.push(digest);
        self.given.push(Given { steps, text, wire, key: 0..0 });
    }

    /// Gives a list all of its elements, which commas separate; an empty text gives none. Only the path does so, and then
    /// nothing else may give the list.
    pub(crate) fn give_list(&mut self, steps: Steps<'s>, name: &'r str, text: &'r str, report: &mut Report) {
        let Some((leaf, parents)) = steps.split_last() else { return };
        let piece = |value: &'r str| Text {
            name: Cow::Borrowed(name),
            value: Cow::Borrowed(value),
            source: Source::Path,
        };
        if !self.oneofs_agree(&steps, &piece(text), report) {
            return;
        }
        let mut in_body = false;
        each(self.body_fields(), &numbers(&steps), &mut |_| in_body = true);
        if in_body {
            let description = "given twice: the path gives the whole list, and the body has it, too";
            return report.violation(name, Reason::Conflict, description);
        }
        for element in text.split(',').filter(|_| !text.is_empty()) {
            let Some(at) = self.append(leaf.field, &piece(element), report) else { return };
            nest(parents, at, self.out);
        }
        self.digests.push(digest(&steps));
        self.given.push(Given { steps, text: piece(text), wire: None, key: 0..0 });
    }

    fn is_from_path(&self, given: usize) -> bool {
        self.given.get(given).is_some_and(|given| given.text.source == Source::Path)
    }

    /// Gives a map an entry, whose key is this part of the parameter's name. The body has no say: it would have the whole
    /// request, and then there were no parameters, or the whole map.
    pub(crate) fn give_entry(
        &mut self,
        steps: Steps<'s>,
        key: Range<usize>,
        text: Text<'r>,
        report: &mut Report,
    ) {
        let Some(map) = steps.last().and_then(|step| step.field.map()) else { return };
        let at = self.out.len();
        let key = text.name.get(key).unwrap_or_default();
        if let Err(fault) = self.schema.append_text(&map.key, key, self.out) {
            return report.violation(&text.name, fault.reason, format!("the key: {}", fault.description));
        }
        let value_at = self.out.len();
        let fits = self.append(&map.value, &text, report).is_some();
        if !fits || !self.oneofs_agree(&steps, &text, report) {
            return self.out.truncate(at);
        }
        let digest = with_key(digest(&steps), self.out.get(at..value_at).unwrap_or_default());
        if let Some(earlier) = self.find(&steps, digest, at..value_at) {
            self.agree(earlier, value_at, &steps, &text, report);
            return self.out.truncate(at);
        }
        let (key, value) = (value_at - at, self.out.len() - value_at);
        let place = nest(&steps, at, self.out);
        let (key, wire) = (place..place + key, place + key..place + key + value);
        self.digests.push(digest);
        self.given.push(Given { steps, text, wire: Some(wire), key });
    }

    /// Compares a parameter with the body, which has the field's place to itself. `false` if the body leaves it out.
    pub(crate) fn compare(&mut self, steps: &Steps<'s>, text: &Text<'r>, report: &mut Report) -> bool {
        if steps.last().is_none_or(|leaf| leaf.field.is_list() || leaf.field.map().is_some()) {
            return false;
        }
        let Some(leaf) = steps.last() else { return false };
        let Some(at) = self.append(leaf.field, text, report) else { return true };
        let found = self.in_body(steps, at);
        self.out.truncate(at);
        match found {
            InBody::Nothing => return self.body.is_none(),
            InBody::Same => {}
            InBody::Other(other) => differs_from_body(steps, text, &other, report),
        }
        true
    }

    /// Looks at the times that were given by their parts, once all are there.
    pub(crate) fn check_times(&self, report: &mut Report) {
        let start = self.body.as_ref().map_or(0, |body| body.start);
        let request = self.out.get(start..).unwrap_or_default();
        for given in &self.given {
            times::check(&given.steps, &given.text.name, request, report);
        }
    }

    /// Whether a top-level field has a value from anywhere.
    pub(crate) fn has(&self, number: u32) -> bool {
        let start = self.body.as_ref().map_or(0, |body| body.start);
        let wire = self.out.get(start..).unwrap_or_default();
        Fields::new(wire).any(|(found, _)| found == number)
    }

    /// The output.
    pub(crate) fn out(&mut self) -> &mut Vec<u8> {
        self.out
    }

    fn body_fields(&self) -> Fields<'_> {
        let wire = self.body.clone().and_then(|body| self.out.get(body));
        Fields::new(wire.unwrap_or_default())
    }

    /// Appends the field alone, outside the messages it belongs into; tells where.
    fn append(&mut self, field: &FieldPlan, text: &Text<'r>, report: &mut Report) -> Option<usize> {
        let at = self.out.len();
        let Err(fault) = self.schema.append_text(field, &text.value, self.out) else { return Some(at) };
        let lenient = text.source == Source::Query && fault.reason == Reason::UnknownEnum;
        match lenient && self.unknown != Unknown::Reject {
            true => report.unknown(&text.name, fault.reason, || fault.description),
            false => report.violation(&text.name, fault.reason, fault.description),
        }
        None
    }

    /// Who has given the field already, or the entry of the map with the key that lies there in the output.
    fn find(&self, steps: &[Step<'s>], digest: u64, key: Range<usize>) -> Option<usize> {
        let key = self.out.get(key);
        let is_same = |given: &Given<'s, 'r>| {
            self.out.get(given.key.clone()) == key && numbers(&given.steps) == numbers(steps)
        };
        let candidates = self.digests.iter().enumerate().filter(|(_, found)| **found == digest);
        candidates.map(|(index, _)| index).find(|&index| self.given.get(index).is_some_and(is_same))
    }

    /// Whether nobody has given a field inside this one, nor one that this one is inside of. Only well-known types can be
    /// given both as a whole and by their fields.
    fn wholes_agree(&self, steps: &[Step<'s>], text: &Text<'r>, report: &mut Report) -> bool {
        let Some(leaf) = steps.last() else { return true };
        let is_whole = matches!(leaf.field.kind, Kind::Message(_));
        if !is_whole && leaf.parent.well_known == WellKnown::None {
            return true;
        }
        let overlaps = |given: &&Given<'s, 'r>| {
            given.steps.len() != steps.len()
                && given.steps.iter().zip(steps).all(|(one, other)| one.field.number == other.field.number)
        };
        let Some(rival) = self.given.iter().find(overlaps) else { return true };
        let (name, source) = (&rival.text.name, rival.text.source.name());
        let description = format!("given twice: `{name}` of {source} gives it, or a part of it, already");
        report.violation(&text.name, Reason::Conflict, description);
        false
    }

    /// Reports a conflict if the field appended at `at` differs from the one that is given already.
    fn agree(&self, earlier: usize, at: usize, steps: &Steps<'s>, text: &Text<'r>, report: &mut Report) {
        let Some(given) = self.given.get(earlier) else { return };
        let Some(wire) = given.wire.clone() else {
            if let InBody::Other(other) = self.in_body(steps, at) {
                differs_from_body(steps, text, &other, report);
            }
            return;
        };
        if self.out.get(wire) == self.out.get(at..) {
            return;
        }
        let Some(leaf) = steps.last() else { return };
        let (first, second) = (shown(leaf, &given.text), shown(leaf, text));
        let description = match (given.text.source, text.source) {
            (first_source, second_source) if first_source == second_source => {
                format!("given twice: as {first} and as {second}")
            }
            (first_source, second_source) => {
                format!(
                    "given twice: {} says {first}, {} {second}",
                    first_source.name(),
                    second_source.name()
                )
            }
        };
        report.violation(&text.name, Reason::Conflict, description);
    }

    /// What the body says about the field that was appended at `at`.
    fn in_body(&self, steps: &[Step<'s>], at: usize) -> InBody {
        let Some(leaf) = steps.last() else { return InBody::Nothing };
        if self.body.as_ref().is_none_or(Range::is_empty) {
            return InBody::Nothing;
        }
        let mut found = None;
        each(self.body_fields(), &numbers(steps), &mut |value| found = Some(value));
        let Some(theirs) = found else { return InBody::Nothing };
        let ours = Fields::new(self.out.get(at..).unwrap_or_default()).next().map(|(_, value)| value);
        match same(leaf.field, ours, theirs) {
            true => InBody::Same,
            false => InBody::Other(describe(self.schema, leaf.field, theirs)),
        }
    }

    /// Whether no other member of a oneof that the path leads through is given.
    fn oneofs_agree(&self, steps: &[Step<'s>], text: &Text<'r>, report: &mut Report) -> bool {
        for (depth, step) in steps.iter().enumerate() {
            let Some(oneof) = step.field.oneof else { continue };
            let parents = steps.get(..depth).unwrap_or_default();
            let in_body = || {
                let rival = self.rival_in_body(parents, step, oneof)?;
                Some((report.name_of(rival).to_owned(), "the body"))
            };
            let rival = self.rival_given(parents, step, oneof).or_else(in_body);
            if let Some((rival, source)) = rival {
                let description =
                    format!("cannot be given beside `{rival}` of {source}: only one of them can be set");
                report.violation(&text.name, Reason::Conflict, description);
                return false;
            }
        }
        true
    }

    fn rival_given(
        &self,
        parents: &[Step<'s>],
        step: &Step<'s>,
        oneof: u32,
    ) -> Option<(String, &'static str)> {
        let parents = numbers(parents);
        let is_rival = |given: &&Given<'s, 'r>| {
            let other = given.steps.get(parents.len()).map(|other| other.field);
            other.is_some_and(|other| other.oneof == Some(oneof) && other.number != step.field.number)
                && given.steps.iter().zip(&parents).all(|(other, number)| other.field.number == *number)
        };
        let given = self.given.iter().find(is_rival)?;
        Some((given.text.name.to_string(), given.text.source.name()))
    }

    fn rival_in_body(&self, parents: &[Step<'s>], step: &Step<'s>, oneof: u32) -> Option<&'s FieldPlan> {
        let mut rival = None;
        let mut look = |fields: Fields<'_>| {
            let others = fields.filter_map(|(number, _)| step.parent.field_by_number(number));
            let found = others
                .into_iter()
                .find(|other| other.oneof == Some(oneof) && other.number != step.field.number);
            rival = rival.take().or(found);
        };
        match parents.is_empty() {
            true => look(self.body_fields()),
            false => each(self.body_fields(), &numbers(parents), &mut |value| {
                if let Some(fields) = value.message() {
                    look(fields);
                }
            }),
        }
        rival
    }
}

/// A value for an error message, unless it is not for anybody's eyes.
fn shown(leaf: &Step<'_>, text: &Text<'_>) -> String {
    if leaf.field.debug_redact { "a value".to_owned() } else { quoted(&text.value) }
}

fn differs_from_body(steps: &[Step<'_>], text: &Text<'_>, other: &str, report: &mut Report) {
    let Some(leaf) = steps.last() else { return };
    let (source, value) = (text.source.name(), shown(leaf, text));
    let description = format!("given twice: {source} says {value}, the body {other}");
    report.violation(&text.name, Reason::Conflict, description);
}

fn digest(steps: &[Step<'_>]) -> u64 {
    steps.iter().fold(0xcbf2_9ce4_8422_2325, |all, step| mixed(all, step.field.number.into()))
}

/// The digest of one entry of a map: entries with other keys are no candidates.
fn with_key(digest: u64, key: &[u8]) -> u64 {
    key.iter().fold(digest, |all, byte| mixed(all, (*byte).into()))
}

fn mixed(all: u64, more: u64) -> u64 {
    (all ^ more).wrapping_mul(0x0000_0100_0000_01b3)
}
