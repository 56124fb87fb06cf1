//! Why a request goes where it goes, and why it does not go elsewhere.

use std::cmp::{Ordering, Reverse};
use std::fmt;

use super::{MethodPattern, Route, Table};
use crate::path::Segments;
use crate::precedence;
use crate::template::{Segment, Template};

/// The most candidates that [`Table::explain`] returns.
pub const EXPLAIN_LIMIT: usize = 16;

/// A route that takes a request, or nearly does. `Display` is a sentence without the route's name, such as
/// `segment 2 is "order", not "orders"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate<'t> {
    /// Its index, as [`super::TableBuilder::insert`] returned it.
    pub route: usize,
    /// How near it came.
    pub outcome: Outcome<'t>,
}

/// What became of a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome<'t> {
    /// It takes the request.
    Matched,
    /// It would take the request if a more specific route did not.
    Outranked,
    /// It is for the path, but for other methods.
    MethodDiffers {
        /// The method that it is for.
        wanted: &'t str,
    },
    /// It is not for the path.
    FailedAt {
        /// The path's first segment that does not fit, from 0; the number of segments, where one is missing.
        segment: usize,
        /// What should have been there.
        wanted: Wanted<'t>,
        /// The segment as it came, cut to 64 characters; `None` at the path's end.
        got: Option<String>,
    },
}

/// What a template asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wanted<'t> {
    /// This text, in the normal form of [`Segment::Literal`].
    Literal(&'t str),
    /// One segment that is not empty.
    Single,
    /// No further segment.
    End,
    /// This verb at the end of the last segment, given without its colon.
    Verb(&'t str),
}

impl<T> Table<T> {
    /// The routes that take a request or nearly do, at most [`EXPLAIN_LIMIT`]: first those that match the path, the
    /// most specific first, then those that fail, the nearest first. Empty for paths that [`Self::lookup`] refuses.
    ///
    /// This looks at all routes, unlike the lookup: it is for people.
    #[must_use]
    pub fn explain(&self, method: &str, path: &str) -> Vec<Candidate<'_>> {
        let Ok(Some(mut segments)) = Segments::split(path) else { return Vec::new() };
        let mut traces: Vec<Trace<'_>> = Vec::with_capacity(EXPLAIN_LIMIT + 1);
        for index in 0..self.routes.len() {
            let Some(trace) = self.trace(index, method, &mut segments) else { continue };
            let place = traces.partition_point(|other| self.order(other, &trace).is_lt());
            if place < EXPLAIN_LIMIT {
                traces.insert(place, trace);
                traces.truncate(EXPLAIN_LIMIT);
            }
        }
        let mut taken = false;
        for trace in &mut traces {
            if trace.outcome == Outcome::Matched && std::mem::replace(&mut taken, true) {
                trace.outcome = Outcome::Outranked;
            }
        }
        traces.into_iter().map(|Trace { route, outcome, .. }| Candidate { route, outcome }).collect()
    }

    fn trace<'t>(&'t self, index: usize, method: &str, segments: &mut Segments<'_>) -> Option<Trace<'t>> {
        let route = self.routes.get(index)?;
        let (near, failed) = walk(&route.template, segments);
        let outcome = match failed {
            Some(outcome) => outcome,
            None if !self.reaches(index, route) => return None,
            None => match &route.method {
                MethodPattern::Named(own) if own != method && !(own == "GET" && method == "HEAD") => {
                    Outcome::MethodDiffers { wanted: own }
                }
                _ => Outcome::Matched,
            },
        };
        Some(Trace { route: index, near, outcome })
    }

    /// Whether the route is in the table, and not left out for a conflict.
    fn reaches(&self, index: usize, route: &Route<T>) -> bool {
        let leaf = self.trie(route.template.verb()).and_then(|trie| trie.leaf_of(&route.template));
        leaf.is_some_and(|leaf| leaf.routes.iter().any(|(_, own)| *own == index))
    }

    fn order(&self, one: &Trace<'_>, other: &Trace<'_>) -> Ordering {
        let (Some(first), Some(second)) = (self.routes.get(one.route), self.routes.get(other.route)) else {
            return one.route.cmp(&other.route);
        };
        let near = |trace: &Trace<'_>| match trace.outcome {
            Outcome::FailedAt { .. } => Some(Reverse(trace.near)),
            _ => None,
        };
        near(one)
            .cmp(&near(other))
            .then_with(|| precedence::compare(&first.template, &second.template))
            .then_with(|| by_method(&first.method).cmp(&by_method(&second.method)))
            .then(one.route.cmp(&other.route))
    }
}

struct Trace<'t> {
    route: usize,
    near: Near,
    outcome: Outcome<'t>,
}

/// How near a path comes to a template that it fails: more literals that are there, then less that is missing or too
/// much, then more letters of the first literal that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Near {
    literals: usize,
    misfits: Reverse<usize>,
    letters: usize,
}

/// On one template, a route for GET that answers HEAD comes after one for HEAD, and one for any method after both.
fn by_method(pattern: &MethodPattern) -> u8 {
    match pattern {
        MethodPattern::Named(name) if name == "GET" => 1,
        MethodPattern::Named(_) => 0,
        MethodPattern::Any => 2,
    }
}

/// Holds a path against one template.
fn walk<'t>(template: &'t Template, segments: &mut Segments<'_>) -> (Near, Option<Outcome<'t>>) {
    let Some(verb) = template.verb() else {
        return walk_segments(template, segments);
    };
    let cut = if segments.verb() == Some(verb) { segments.cut_verb() } else { None };
    let (near, failed) = walk_segments(template, segments);
    match cut {
        Some(cut) => {
            segments.restore(cut);
            (near, failed)
        }
        // The verb is the last thing that a reader looks for: what comes before it is told first.
        None => (
            near,
            failed
                .or_else(|| Some(failed_at(segments, segments.len().saturating_sub(1), Wanted::Verb(verb)))),
        ),
    }
}

fn walk_segments<'t>(template: &'t Template, segments: &Segments<'_>) -> (Near, Option<Outcome<'t>>) {
    let (before, after) = template.around_multi();
    let mut near = Near::default();
    let mut failed = None;
    let mut hold = |segment: &'t Segment, at: usize| {
        let got = segments.text(at);
        let (fits, wanted, letters) = match segment {
            Segment::Literal(text) => (got == text, Wanted::Literal(text), common(got, text)),
            Segment::Single | Segment::Multi => (!got.is_empty(), Wanted::Single, 0),
        };
        if fits {
            near.literals += usize::from(matches!(segment, Segment::Literal(_)));
            return;
        }
        near.misfits.0 += 1;
        if failed.is_none() {
            near.letters = letters;
            failed = Some(failed_at(segments, at, wanted));
        }
    };
    before.iter().enumerate().for_each(|(at, segment)| hold(segment, at));
    match after {
        Some(after) => {
            let from = segments.len().saturating_sub(after.len()).max(before.len());
            after.iter().enumerate().for_each(|(at, segment)| hold(segment, from + at));
        }
        None => {
            let extra = segments.len().saturating_sub(before.len());
            near.misfits.0 += extra;
            if extra > 0 && failed.is_none() {
                failed = Some(failed_at(segments, before.len(), Wanted::End));
            }
        }
    }
    (near, failed)
}

fn failed_at<'t>(segments: &Segments<'_>, segment: usize, wanted: Wanted<'t>) -> Outcome<'t> {
    let got =
        (segment < segments.len()).then(|| segments.written(segment, segment + 1).chars().take(64).collect());
    Outcome::FailedAt { segment, wanted, got }
}

fn common(one: &str, other: &str) -> usize {
    one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count()
}

impl fmt::Display for Candidate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.outcome.fmt(f)
    }
}

impl fmt::Display for Outcome<'_> {
    /// Segments are counted from 1, as people do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Matched => f.write_str("takes the request"),
            Self::Outranked => f.write_str("matches, but a more specific route takes the request"),
            Self::MethodDiffers { wanted } => write!(f, "matches the path, but its method is {wanted}"),
            Self::FailedAt { segment, wanted: Wanted::End, got: Some(got) } => {
                write!(f, "ends before segment {}, {got:?}", segment + 1)
            }
            Self::FailedAt { segment, wanted: Wanted::Verb(verb), got: Some(got) } => {
                write!(f, "segment {} is {got:?}, without the verb \":{verb}\"", segment + 1)
            }
            Self::FailedAt { segment, wanted, got: Some(got) } => {
                write!(f, "segment {} is {got:?}, not {wanted}", segment + 1)
            }
            Self::FailedAt { segment, wanted, got: None } => {
                write!(f, "the path ends where segment {} should be {wanted}", segment + 1)
            }
        }
    }
}

impl fmt::Display for Wanted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(text) => write!(f, "{text:?}"),
            Self::Single => f.write_str("one that is not empty"),
            Self::End => f.write_str("the end"),
            Self::Verb(verb) => write!(f, "the verb \":{verb}\""),
        }
    }
}
