//! Whether two routes match one request, and which of them takes it.

use std::cmp::Ordering;

use crate::precedence;
use crate::table::MethodPattern;
use crate::template::{Segment, Template};

/// Compares two routes by the requests that both match. `None` when there are none; `Less` when `one` takes them in a table
/// of the two, `Greater` when `other` does, `Equal` when the routes conflict.
///
/// ```
/// use std::cmp::Ordering;
/// use http_rule::{Template, contest};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (me, any) = (Template::parse("/users/me")?, Template::parse("/users/{id}")?);
/// assert_eq!(contest((&"GET".into(), &me), (&"GET".into(), &any)), Some(Ordering::Less));
/// assert_eq!(contest((&"POST".into(), &me), (&"GET".into(), &any)), None);
/// # Ok(())
/// # }
/// ```
///
/// The cost is at most cubic in the numbers of segments; most templates differ in one of their first literals.
#[must_use]
pub fn contest(one: (&MethodPattern, &Template), other: (&MethodPattern, &Template)) -> Option<Ordering> {
    let by_method = contest_methods(one.0, other.0)?;
    if !templates_overlap(one.1, other.1) {
        return None;
    }
    Some(precedence::compare(one.1, other.1).then(by_method))
}

/// Compares the methods by those that both take: a route's own method, GET answering HEAD, and any method, in this order.
fn contest_methods(one: &MethodPattern, other: &MethodPattern) -> Option<Ordering> {
    use MethodPattern::{Any, Named};
    match (one, other) {
        (Named(one), Named(other)) if one == other => Some(Ordering::Equal),
        (Named(one), Named(other)) if one == "HEAD" && other == "GET" => Some(Ordering::Less),
        (Named(one), Named(other)) if one == "GET" && other == "HEAD" => Some(Ordering::Greater),
        (Named(_), Named(_)) => None,
        (Named(_), Any) => Some(Ordering::Less),
        (Any, Named(_)) => Some(Ordering::Greater),
        (Any, Any) => Some(Ordering::Equal),
    }
}

fn templates_overlap(one: &Template, other: &Template) -> bool {
    match (one.verb(), other.verb()) {
        (Some(one_verb), Some(other_verb)) if one_verb != other_verb => false,
        (Some(_), None) => overlap_with_verb(one.segments(), other.segments()),
        (None, Some(_)) => overlap_with_verb(other.segments(), one.segments()),
        _ => segments_overlap(one.segments(), other.segments()),
    }
}

/// Compares a template with a verb to one without: the verb is data of the last segment to the latter, which therefore has
/// to end in a wildcard that takes this segment.
fn overlap_with_verb(with: &[Segment], without: &[Segment]) -> bool {
    match without.split_last() {
        Some((Segment::Single, _)) => segments_overlap(with, without),
        Some((Segment::Multi, before)) => {
            let at_least_one: Vec<Segment> = without.iter().cloned().chain([Segment::Single]).collect();
            segments_overlap(with, &at_least_one) || overlap_with_verb(with, before)
        }
        _ => false,
    }
}

/// Returns whether one path matches both. Segments that are not empty suffice to show it: only `**` takes empty ones.
fn segments_overlap(one: &[Segment], other: &[Segment]) -> bool {
    match (one.split_first(), other.split_first()) {
        (None, None) => true,
        (Some((Segment::Multi, rest)), None) => segments_overlap(rest, other),
        (None, Some((Segment::Multi, rest))) => segments_overlap(one, rest),
        (None, Some(_)) | (Some(_), None) => false,
        (Some((Segment::Multi, one_rest)), Some((_, other_rest))) => {
            segments_overlap(one_rest, other) || segments_overlap(one, other_rest)
        }
        (Some((_, one_rest)), Some((Segment::Multi, other_rest))) => {
            segments_overlap(one, other_rest) || segments_overlap(one_rest, other)
        }
        (Some((Segment::Literal(a), _)), Some((Segment::Literal(b), _))) if a != b => false,
        (Some((_, one_rest)), Some((_, other_rest))) => segments_overlap(one_rest, other_rest),
    }
}
