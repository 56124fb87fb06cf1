//! Which of two templates that match one path is the more specific.

use std::cmp::Ordering;
use std::iter::once;

use crate::template::{Segment, Template};

/// `Less` is more specific. The matcher finds routes in this order; here it is written down for those who look at
/// templates without a table: `explain`, and the tests that hold the two together.
///
/// `Equal` means that the two match the same paths equally well, provided that both match one path: literals are not
/// compared with each other.
pub(crate) fn compare(one: &Template, other: &Template) -> Ordering {
    let verbs = other.verb().is_some().cmp(&one.verb().is_some());
    verbs.then_with(|| classes(one).cmp(classes(other)))
}

/// The end comes before `**`, which takes nothing where the two meet on one path, and after literals, which are more
/// than the same template with a `**` alone asks for.
fn classes(template: &Template) -> impl Iterator<Item = u8> {
    const END: u8 = 2;
    let class = |segment: &Segment| match segment {
        Segment::Literal(_) => 0,
        Segment::Single => 1,
        Segment::Multi => 3,
    };
    template.segments().iter().map(class).chain(once(END))
}
