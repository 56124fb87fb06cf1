//! The query: which field each parameter means, and what none of them may mean.

use std::{borrow::Cow, ops::Range};

use smallvec::SmallVec;

use super::{
    given::{Binder, Source, Text},
    path::{Shape, Step, Steps, inside, shape},
    percent::decode_query,
    query::{Parameter, parameters},
    report::Report,
};
use crate::{
    IgnoredParameters, Names, Reason, Schema,
    plan::{FieldPlan, Kind, MessagePlan, WellKnown},
    suggest::nearest,
};

/// How many parameters a query may have. Far beyond any honest request, and low enough that the worst one is cheap.
pub(crate) const MAX_PARAMETERS: usize = 1000;

/// How deep a parameter may reach into nested messages. Recursive messages have no end of their own.
const MAX_SEGMENTS: usize = 32;

/// No part of a name that another would put right.
const NOTHING: Range<usize> = 0..0;

/// Which fields the query may fill.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Open {
    /// All that the path does not.
    All,
    /// All but the field at this position, which is the body.
    AllBut(u32),
    /// None: the body is the whole request.
    None,
}

/// A parameter's name, resolved.
enum Target<'s> {
    Field(Steps<'s>),
    /// One entry of a map: the map, and where in the name the key stands.
    Entry(Steps<'s>, Range<usize>),
    /// The name leads nowhere: this part of it is no field of this message.
    Unknown(&'s MessagePlan, Range<usize>),
    /// The name leads to something that text cannot fill, and why.
    Closed(String),
}

/// How the parameters of a route's requests are bound.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Query<'s, 'o> {
    pub(crate) schema: &'s Schema,
    /// The request message.
    pub(crate) request: &'s MessagePlan,
    pub(crate) open: Open,
    /// Parameters that are not for the message.
    pub(crate) ignored: &'o IgnoredParameters,
}

impl<'s> Query<'s, '_> {
    /// Binds every parameter of `query`.
    pub(crate) fn bind<'r>(&self, query: &'r str, binder: &mut Binder<'_, 's, 'r>, report: &mut Report) {
        if parameters(query).nth(MAX_PARAMETERS).is_some() {
            let description = format!("the query has more than {MAX_PARAMETERS} parameters");
            return report.violation("", Reason::Size, description);
        }
        for parameter in parameters(query) {
            if report.is_full() {
                return;
            }
            match decode_query(parameter.name) {
                Ok(name) => self.one(name, parameter, binder, report),
                Err(fault) => report.violation(parameter.name, Reason::Format, fault.describe()),
            }
        }
    }

    fn one<'r>(
        &self,
        name: Cow<'r, str>,
        parameter: Parameter<'r>,
        binder: &mut Binder<'_, 's, 'r>,
        report: &mut Report,
    ) {
        let Self { schema, request, open, .. } = *self;
        if matches!(open, Open::None) {
            let is_field = || !matches!(resolve(schema, request, &name, report.names()), Target::Unknown(..));
            if self.ignored.contains(&name) && !is_field() {
                return self.ignore(&name, parameter, report);
            }
            let describe = || "the body is the whole request, so there are no query parameters".to_owned();
            return report.unknown(&name, Reason::UnknownParameter, describe);
        }
        let (steps, key) = match resolve(schema, request, &name, report.names()) {
            Target::Field(steps) => (steps, None),
            Target::Entry(steps, key) => (steps, Some(key)),
            Target::Unknown(..) if self.ignored.contains(&name) => {
                return self.ignore(&name, parameter, report);
            }
            Target::Unknown(parent, segment) => {
                let names = report.names();
                let describe = || unknown(parent, &name, segment, names);
                return report.unknown(&name, Reason::UnknownParameter, describe);
            }
            Target::Closed(why) => return report.unknown(&name, Reason::UnknownParameter, || why),
        };
        let Some(value) = value(schema, &steps, &name, parameter, report) else { return };
        let text = Text { name, value, source: Source::Query };
        let in_body = matches!(open, Open::AllBut(body) if steps.first().is_some_and(|step| step.field.position == body));
        match key {
            _ if in_body => {}
            Some(key) => return binder.give_entry(steps, key, text, report),
            None => return binder.give(steps, text, report),
        }
        if !binder.compare(&steps, &text, report) {
            let describe = || "this field is given in the body, not in the query".to_owned();
            report.unknown(&text.name, Reason::UnknownParameter, describe);
        }
    }

    /// Passes over a parameter that is not for the message. Of Google's, the encoding of enums is honoured.
    fn ignore(&self, name: &str, parameter: Parameter<'_>, report: &mut Report) {
        if !self.ignored.system || !matches!(name, "$alt" | "alt") {
            return;
        }
        let value = parameter.value.and_then(|value| decode_query(value).ok()).unwrap_or_default();
        if value.split(';').skip(1).any(|option| option.trim() == "enum-encoding=int") {
            report.wants_enum_numbers();
        }
    }
}

/// The decoded value. One that is not there at all (`?flag`) is an empty string where a string is wanted.
fn value<'r>(
    schema: &Schema,
    steps: &[Step<'_>],
    name: &str,
    parameter: Parameter<'r>,
    report: &mut Report,
) -> Option<Cow<'r, str>> {
    let Some(raw) = parameter.value else {
        let kind = steps.last().map(|leaf| text_kind(schema, leaf.field));
        if kind == Some(Kind::String) {
            return Some(Cow::Borrowed(""));
        }
        let expected = kind.map_or("a value", |kind| expected(schema, kind));
        report.violation(name, Reason::Type, format!("expected {expected}, got no value; write `{name}=…`"));
        return None;
    };
    match decode_query(raw) {
        Ok(value) => Some(value),
        Err(fault) => {
            report.violation(name, Reason::Format, fault.describe());
            None
        }
    }
}

/// The kind of the text that fills a field: a wrapper's is that of what it wraps, a map's that of its values.
fn text_kind(schema: &Schema, field: &FieldPlan) -> Kind {
    let field = field.map().map_or(field, |map| &map.value);
    let Kind::Message(index) = field.kind else { return field.kind };
    let plan = schema.plan(index);
    match plan.well_known {
        WellKnown::Wrapper => plan.field_by_number(1).map_or(field.kind, |value| value.kind),
        _ => field.kind,
    }
}

/// What a text of this kind is called.
fn expected(schema: &Schema, kind: Kind) -> &'static str {
    let Kind::Message(index) = kind else { return kind.name() };
    match schema.plan(index).well_known {
        WellKnown::Timestamp => "a timestamp",
        WellKnown::Duration => "a duration",
        WellKnown::FieldMask => "a field mask",
        _ => kind.name(),
    }
}

/// How many opening brackets of a name may begin a map's key. Keys may have more, names of maps not.
const MAX_BRACKETS: usize = 8;

/// The path in a parameter's name, and in `path[key]` where the key stands, for each bracket that may open the key.
fn split_keys(name: &str) -> impl DoubleEndedIterator<Item = (&str, Range<usize>)> {
    let keyed = name.strip_suffix(']').unwrap_or_default();
    let brackets: SmallVec<[usize; MAX_BRACKETS]> =
        keyed.match_indices('[').map(|(at, _)| at).take(MAX_BRACKETS).collect();
    brackets.into_iter().filter_map(move |at| Some((keyed.get(..at)?, at + 1..keyed.len())))
}

/// Finds what a parameter's name means. A name as a whole comes before one with a map's key behind it, and a long name of
/// a map before a short one: JSON names may have brackets.
fn resolve<'s>(schema: &'s Schema, request: &'s MessagePlan, name: &str, names: Names) -> Target<'s> {
    let whole = resolve_as(schema, request, name, name, None, names);
    if !matches!(whole, Target::Unknown(..)) || !name.ends_with(']') {
        return whole;
    }
    let mut keyed = None;
    for (path, key) in split_keys(name).rev() {
        let target = resolve_as(schema, request, name, path, Some(key), names);
        if matches!(target, Target::Entry(..)) {
            return target;
        }
        keyed = Some(target);
    }
    keyed.unwrap_or(whole)
}

/// Finds what a path means, behind which the key of a map may stand.
fn resolve_as<'s>(
    schema: &'s Schema,
    request: &'s MessagePlan,
    name: &str,
    path: &str,
    key: Option<Range<usize>>,
    names: Names,
) -> Target<'s> {
    let mut steps = Steps::new();
    let mut parent = request;
    let mut start = 0;
    while start <= path.len() {
        let rest = path.get(start..).unwrap_or_default();
        let Some((field, segment)) = field_at(parent, rest) else {
            let first = rest.split('.').next().unwrap_or_default();
            return Target::Unknown(parent, start..start + first.len());
        };
        let end = start + segment.len();
        let last = end == path.len();
        steps.push(Step { parent, field });
        let shape = shape(schema, field);
        match (shape, inside(shape, field)) {
            (Shape::Entries, _) if last => {
                return match key {
                    Some(key) => Target::Entry(steps, key),
                    None => {
                        Target::Closed(format!("is a map; give its entries one by one, as `{name}[key]=…`"))
                    }
                };
            }
            (Shape::Closed(what), _) => {
                return Target::Closed(format!("`{segment}` is {what}, which a query cannot hold"));
            }
            (Shape::Entries, _) => {
                return Target::Closed(format!("`{segment}` is a map; name its entries as `{segment}[key]`"));
            }
            (Shape::Leaves, _) if last && key.is_some() => {
                return Target::Closed(format!("is a list; repeat the parameter, as `{path}=…&{path}=…`"));
            }
            _ if last && key.is_some() => {
                return Target::Closed(format!("`{segment}` is no map, so it has no `[…]`"));
            }
            (Shape::Leaf | Shape::Leaves, _) if last => return Target::Field(steps),
            (Shape::Nested(index), _) if last => {
                return Target::Closed(match schema.plan(index).fields.first() {
                    Some(first) => {
                        let first = first.key(names);
                        format!("is a message; give its fields one by one, as `{name}.{first}=…`")
                    }
                    None => "is a message without fields, which a query cannot give".to_owned(),
                });
            }
            (_, Some(index)) if steps.len() < MAX_SEGMENTS => parent = schema.plan(index),
            (_, Some(_)) => return Target::Closed(format!("reaches deeper than {MAX_SEGMENTS} levels")),
            (_, None) => return Target::Unknown(parent, NOTHING),
        }
        start = end + 1;
    }
    Target::Unknown(request, NOTHING)
}

/// The field that a path begins with, and its name there: up to the first point, or a later one where a JSON name has points
/// in it.
fn field_at<'s, 'p>(parent: &'s MessagePlan, path: &'p str) -> Option<(&'s FieldPlan, &'p str)> {
    let ends = path.match_indices('.').map(|(at, _)| at).take(MAX_SEGMENTS).chain([path.len()]);
    let names = ends.filter_map(|end| path.get(..end));
    let mut found = names.filter_map(|name| Some((parent.field_by_key(name.as_bytes())?, name)));
    found.find(|(field, _)| !field.is_extension)
}

/// What to say of a name that leads nowhere: with its unknown segment put right, if another name is near.
fn unknown(parent: &MessagePlan, name: &str, segment: Range<usize>, names: Names) -> String {
    let names = parent.fields.iter().filter(|field| !field.is_extension).map(|field| field.key(names));
    let near = name.get(segment.clone()).and_then(|segment| nearest(segment, names));
    let whole = near.and_then(|near| Some((name.get(..segment.start)?, near, name.get(segment.end..)?)));
    match whole {
        Some((before, near, after)) => {
            format!("no such query parameter; did you mean `{before}{near}{after}`?")
        }
        None => "no such query parameter".to_owned(),
    }
}
