//! Which of two templates that match one path is the more specific.

use std::cmp::Ordering;

use crate::template::{Segment, Template};

/// `Less` is more specific. The matcher finds routes in this order; here it is written down for those who look at
/// templates without a table: `explain`, and the tests that hold the two together.
///
/// `Equal` means that the two match the same paths equally well, provided that both match one path: literals are not
/// compared with each other.
pub(crate) fn compare(one: &Template, other: &Template) -> Ordering {
    other.verb().is_some().cmp(&one.verb().is_some()).then_with(|| {
        let mut pairs = one.segments().iter().zip(other.segments());
        let first_difference = pairs.find_map(|(one, other)| match class(one).cmp(&class(other)) {
            Ordering::Equal => None,
            order => Some(order),
        });
        first_difference.unwrap_or_else(|| by_length(one, other))
    })
}

/// One template begins as the other does. If `**` is among what they share, more literals after it ask for more;
/// otherwise the longer one goes on with a `**` that takes no segment here.
fn by_length(one: &Template, other: &Template) -> Ordering {
    let (one_length, other_length) = (one.segments().len(), other.segments().len());
    let shared = one_length.min(other_length);
    if one.segments().iter().take(shared).any(|segment| *segment == Segment::Multi) {
        other_length.cmp(&one_length)
    } else {
        one_length.cmp(&other_length)
    }
}

fn class(segment: &Segment) -> u8 {
    match segment {
        Segment::Literal(_) => 0,
        Segment::Single => 1,
        Segment::Multi => 2,
    }
}
