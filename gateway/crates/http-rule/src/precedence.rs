//! Which of two templates that match one path is the more specific.

use std::cmp::{Ordering, Reverse};
use std::iter::once;

use crate::template::{Segment, Template};

/// `Less` is more specific. The matcher finds routes in this order; here it is written down for those who look at
/// templates without a table: `explain`, and the tests that hold the two together.
///
/// `Equal` means that the two match the same paths equally well, provided that both match one path: literals are not
/// compared with each other.
pub(crate) fn compare(one: &Template, other: &Template) -> Ordering {
    let verbs = other.verb().is_some().cmp(&one.verb().is_some());
    verbs.then_with(|| key(one).cmp(&key(other)))
}

/// A sort key. The segments before `**` come first, closed by what follows them: the end of the template sorts before
/// `**`, which takes nothing where the two match one path. Then come the tails: a longer one asks for more.
fn key(template: &Template) -> impl Ord {
    const END: u8 = 2;
    const MULTI: u8 = 3;
    let class = |segment: &Segment| match segment {
        Segment::Literal(_) => 0,
        Segment::Single => 1,
        Segment::Multi => MULTI,
    };
    let (before, tail) = template.around_multi();
    let prefix: Vec<u8> =
        before.iter().map(class).chain(once(if tail.is_some() { MULTI } else { END })).collect();
    let tail: Vec<u8> = tail.unwrap_or_default().iter().map(class).collect();
    (prefix, Reverse(tail.len()), tail)
}
