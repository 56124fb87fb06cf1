//! What a file leaves out, and the summary of it.

use std::fmt::Write as _;

use super::draft::{Draft, name};

/// Why a method, or one of its paths, is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Stream,
    /// Its authors annotated other methods of the service.
    NotAnnotated,
    /// Other routes have its path.
    Conflict,
    /// The gateway cannot serve the path or the fields of the annotation.
    Unservable,
}

/// A reason, for the file and for the summary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub(super) kind: Kind,
    /// A clause without its full stop.
    pub(super) reason: String,
}

impl LeftOut {
    pub(super) fn new(kind: Kind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into() }
    }
}

/// Names in one line of the summary.
const MOST_NAMES: usize = 3;

/// How many methods are routed, then a line for each kind of what is left out. Empty when nothing is.
pub(super) fn summary(draft: &Draft) -> Vec<String> {
    let entries = || draft.groups.iter().flat_map(|group| &group.entries);
    let mut lines = Vec::new();
    for (kind, why) in [
        (Kind::Stream, "with streams, which are not served yet"),
        (Kind::NotAnnotated, "without an annotation in a service that has some"),
        (Kind::Conflict, "with a path of other routes"),
        (Kind::Unservable, "with an annotation that cannot be served"),
    ] {
        let left_out =
            entries().filter(|entry| entry.left_out.as_ref().is_some_and(|found| found.kind == kind));
        let names: Vec<String> = left_out.map(|entry| name(&entry.method)).collect();
        lines.extend(counted(&names, "method", why));
    }
    let partly: Vec<String> = entries()
        .filter(|entry| entry.left_out.is_none())
        .flat_map(|entry| &entry.dropped)
        .map(|(binding, _)| format!("{} {}", binding.method, binding.path))
        .collect();
    lines.extend(counted(&partly, "further path", "of routed methods"));
    lines.extend(counted(&draft.infrastructure, "service", "of the gRPC libraries"));
    lines.extend(counted(&draft.empty, "service", "without methods"));
    if lines.is_empty() {
        return lines;
    }
    let routed = entries().filter(|entry| entry.left_out.is_none()).count();
    let all = entries().count();
    let head = format!(
        "{routed} of {all} {} routed; left out, each with a comment in the file:",
        are(all, "method")
    );
    std::iter::once(head).chain(lines).collect()
}

fn are(count: usize, noun: &str) -> String {
    if count == 1 { format!("{noun} is") } else { format!("{noun}s are") }
}

/// `  4 methods …: a, b, c and 1 more`; nothing for none.
fn counted(names: &[String], noun: &str, why: &str) -> Option<String> {
    if names.is_empty() {
        return None;
    }
    let count = names.len();
    let plural = if count == 1 { "" } else { "s" };
    let shown = names.iter().take(MOST_NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    let mut line = format!("  {count} {noun}{plural} {why}: {shown}");
    if count > MOST_NAMES {
        // Writing to a string cannot fail.
        let _ = write!(line, " and {} more", count - MOST_NAMES);
    }
    Some(line)
}
