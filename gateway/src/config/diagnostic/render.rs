//! Findings as text: the source line, a caret, what is wrong, and what to do.

use std::collections::BTreeMap;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Diagnostic, Diagnostics, FileId, Label, Severity, Sources};

/// Every finding, and a line that counts them.
pub(super) fn render(diagnostics: &Diagnostics, colour: bool) -> String {
    if diagnostics.items.is_empty() {
        return String::new();
    }
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut out = String::new();
    for diagnostic in &diagnostics.items {
        let group = group(&diagnostics.sources, diagnostic);
        out.push_str(&renderer.render(&[group]));
        out.push_str("\n\n");
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
        group = group.element(snippet(sources, file, &labels));
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

/// The lines from the first label to the last: the renderer reads all that it is given, for every finding.
fn snippet<'a>(
    sources: &'a Sources,
    file: FileId,
    labels: &[(AnnotationKind, &'a Label)],
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let text = sources.text(file);
    let ranges: Vec<Range<usize>> = labels.iter().map(|(_, label)| one_line(text, label)).collect();
    let first = ranges.iter().map(|range| range.start).min().unwrap_or(0);
    let last = ranges.iter().map(|range| range.end).max().unwrap_or(0);
    let from = text.get(..first).and_then(|t| t.rfind('\n')).map_or(0, |at| at + 1);
    let to = text.get(last..).and_then(|t| t.find('\n')).map_or(text.len(), |at| last + at);
    let line = text.get(..from).map_or(0, |t| memchr::memchr_iter(b'\n', t.as_bytes()).count()) + 1;

    let mut snippet =
        Snippet::source(text.get(from..to).unwrap_or("")).path(sources.name(file)).line_start(line);
    for ((kind, label), range) in labels.iter().zip(ranges) {
        let span = range.start - from..range.end - from;
        let mut annotation = kind.span(span);
        if !label.text.is_empty() {
            annotation = annotation.label(label.text.as_str());
        }
        snippet = snippet.annotation(annotation);
    }
    snippet
}

/// The label's range, cut at the end of its first line and moved into the text, on character boundaries.
fn one_line(text: &str, label: &Label) -> Range<usize> {
    let floor = |at: u32| text.floor_char_boundary((at as usize).min(text.len()));
    let start = floor(label.place.start);
    let end = floor(label.place.end).max(start);
    let cut = text.get(start..end).and_then(|t| t.find('\n')).map_or(end, |at| start + at);
    start..cut
}
