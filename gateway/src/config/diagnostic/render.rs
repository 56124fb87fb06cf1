//! Findings as text: the source line, a caret, what is wrong, and what to do.

use std::collections::BTreeMap;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::{Diagnostic, Diagnostics, FileId, Label, Place, Severity, Sources};

/// The most findings that are shown to people: more help nobody, and each takes a tenth of a millisecond.
const MAX_SHOWN: usize = 1000;

/// The findings that are shown, in their order: as many as may be, errors before others; and how many are not.
pub(super) fn shown(diagnostics: &Diagnostics) -> (Vec<&Diagnostic>, usize) {
    let all = &diagnostics.items;
    if all.len() <= MAX_SHOWN {
        return (all.iter().collect(), 0);
    }
    let errors = diagnostics.count(Severity::Error).min(MAX_SHOWN);
    let (mut errors, mut others) = (errors, MAX_SHOWN - errors);
    let mut take = |diagnostic: &&Diagnostic| {
        let left = if diagnostic.severity == Severity::Error { &mut errors } else { &mut others };
        let taken = *left > 0;
        *left = left.saturating_sub(1);
        taken
    };
    (all.iter().filter(|diagnostic| take(diagnostic)).collect(), all.len() - MAX_SHOWN)
}

/// The findings that are shown, and a line that counts all of them.
pub(super) fn render(diagnostics: &Diagnostics, colour: bool) -> String {
    if diagnostics.items.is_empty() {
        return String::new();
    }
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut out = String::new();
    let (shown, more) = shown(diagnostics);
    for diagnostic in shown {
        let group = group(&diagnostics.sources, diagnostic);
        let text = renderer.render(&[group]);
        // Behind an origin of its own, the renderer gives an excerpt an empty one.
        for line in text.split_inclusive('\n').filter(|line| colour || line.trim() != ":::") {
            out.push_str(line);
        }
        out.push_str("\n\n");
    }
    if more > 0 {
        out.push_str(&format!("and {more} more, which are not shown\n\n"));
    }
    out.push_str(&summary(diagnostics));
    out.push('\n');
    out
}

/// A finding on one line.
pub(super) fn line(diagnostics: &Diagnostics, diagnostic: &Diagnostic) -> String {
    let severity = diagnostic.severity.as_str();
    let code = diagnostic.code.as_str();
    let message = &diagnostic.message;
    let mut line = match diagnostics.position(diagnostic) {
        Some(at) => format!("{}:{}:{}: {severity}[{code}]: {message}", at.file, at.line, at.column),
        None => format!("{severity}[{code}]: {message}"),
    };
    if let Some(help) = diagnostic.help.first() {
        line.push_str("; ");
        line.push_str(help);
    }
    line
}

fn summary(diagnostics: &Diagnostics) -> String {
    let counts = [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Note, "note")];
    let parts: Vec<String> = counts
        .into_iter()
        .map(|(severity, word)| (diagnostics.count(severity), word))
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| format!("{n} {word}{}", if n == 1 { "" } else { "s" }))
        .collect();
    parts.join(", ")
}

fn group<'a>(sources: &'a Sources, diagnostic: &'a Diagnostic) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(diagnostic.message.as_str()).id(diagnostic.code.as_str());
    let mut group = Group::with_title(title);
    for (file, labels) in by_file(diagnostic) {
        for Excerpt { origin, snippet } in snippets(sources, file, &labels) {
            if let Some(origin) = origin {
                group = group.element(origin);
            }
            group = group.element(snippet);
        }
    }
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(note.as_str()));
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    group
}

/// The labels of each file: the file of the primary label first.
fn by_file(diagnostic: &Diagnostic) -> Vec<(FileId, Vec<(AnnotationKind, &Label)>)> {
    let primary = diagnostic.primary.iter().map(|l| (AnnotationKind::Primary, l));
    let secondary = diagnostic.secondary.iter().map(|l| (AnnotationKind::Context, l));
    let mut order = Vec::new();
    let mut files: BTreeMap<FileId, Vec<(AnnotationKind, &Label)>> = BTreeMap::new();
    for (kind, label) in primary.chain(secondary) {
        let file = label.place.file;
        if !files.contains_key(&file) {
            order.push(file);
        }
        files.entry(file).or_default().push((kind, label));
    }
    order.into_iter().filter_map(|file| files.remove(&file).map(|labels| (file, labels))).collect()
}

/// The most bytes between two labels that are shown in one excerpt, and of a line that is shown whole.
const EXCERPT: usize = 4 << 10;
/// The bytes shown on both sides of a label in a longer line.
const AROUND: usize = 100;

/// The excerpts of a file that show its labels: one from the first label to the last, unless they are far apart. The
/// renderer reads all that it is given, for every finding.
fn snippets<'a>(
    sources: &'a Sources,
    file: FileId,
    labels: &[(AnnotationKind, &'a Label)],
) -> Vec<Excerpt<'a>> {
    let text = sources.text(file);
    let ranges: Vec<Range<usize>> = labels.iter().map(|(_, label)| one_line(text, label)).collect();
    let first = ranges.iter().map(|range| range.start).min().unwrap_or(0);
    let last = ranges.iter().map(|range| range.end).max().unwrap_or(0);
    let (from, to) = (sources.line_around(file, first).start, sources.line_around(file, last).end);
    let is_short = |range: &Range<usize>| sources.line_around(file, range.start).len() <= EXCERPT;
    let whole: Vec<_> =
        labels.iter().zip(ranges).map(|((kind, label), range)| (*kind, *label, range)).collect();
    if last - first <= EXCERPT
        && to - from <= 3 * EXCERPT
        && whole.iter().all(|(_, _, range)| is_short(range))
    {
        return vec![excerpt(sources, file, from..to, &whole)];
    }
    let one = |label: &(AnnotationKind, &'a Label, Range<usize>)| {
        let (_, _, range) = label;
        let line = sources.line_around(file, range.start);
        let shown = if line.len() <= EXCERPT { line } else { around(text, line, range) };
        excerpt(sources, file, shown, std::slice::from_ref(label))
    };
    whole.iter().map(one).collect()
}

/// The part of a long line that is about a label.
fn around(text: &str, line: Range<usize>, label: &Range<usize>) -> Range<usize> {
    let from = text.floor_char_boundary(label.start.saturating_sub(AROUND)).max(line.start);
    let end = label.end.min(label.start + EXCERPT);
    from..text.ceil_char_boundary((end + AROUND).min(line.end))
}

/// A piece of a source with labels. Where it does not begin with a line, its origin says which column it is about.
struct Excerpt<'a> {
    origin: Option<Origin<'a>>,
    snippet: Snippet<'a, annotate_snippets::Annotation<'a>>,
}

fn excerpt<'a>(
    sources: &'a Sources,
    file: FileId,
    shown: Range<usize>,
    labels: &[(AnnotationKind, &'a Label, Range<usize>)],
) -> Excerpt<'a> {
    let position = |at: usize| sources.position(Place::of(file, at..at));
    let line = position(shown.start).map_or(1, |at| at.line as usize);
    let mut snippet = Snippet::source(sources.text(file).get(shown.clone()).unwrap_or("")).line_start(line);
    let is_cut = sources.line_around(file, shown.start).start < shown.start;
    let origin = labels.first().filter(|_| is_cut).map(|(_, _, range)| {
        let at = position(range.start);
        let (line, column) = at.map_or((1, 1), |at| (at.line as usize, at.column as usize));
        Origin::path(sources.name(file)).line(line).char_column(column)
    });
    if origin.is_none() {
        snippet = snippet.path(sources.name(file));
    }
    for (kind, label, range) in labels {
        let span = range.start - shown.start..range.end.min(shown.end) - shown.start;
        let mut annotation = kind.span(span);
        if !label.text.is_empty() {
            annotation = annotation.label(label.text.as_str());
        }
        snippet = snippet.annotation(annotation);
    }
    Excerpt { origin, snippet }
}

/// The label's range, cut at the end of its first line and moved into the text, on character boundaries.
fn one_line(text: &str, label: &Label) -> Range<usize> {
    let floor = |at: u32| text.floor_char_boundary((at as usize).min(text.len()));
    let start = floor(label.place.start);
    let end = floor(label.place.end).max(start);
    let cut = text.get(start..end).and_then(|t| t.find('\n')).map_or(end, |at| start + at);
    start..cut
}
