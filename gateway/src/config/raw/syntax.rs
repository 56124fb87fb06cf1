//! What is wrong with a text that is no YAML: what the parser says, in words for those who do not know its grammar, at the place
//! where the mistake is.

mod lines;
mod tags;

use self::tags::tag_before;
use crate::config::diagnostic::{Code, Diagnostic, FileId, Place, Sources};

/// What the parser stumbled over.
pub(super) fn syntax_error(sources: &Sources, file: FileId, error: &serde_yaml::Error) -> Diagnostic {
    let text = error.to_string();
    // The position stands at the end of the message as well; the label shows it better.
    let message = text.split_once(" at line ").map_or(text.as_str(), |(message, _)| message);
    let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
    if let Some(tab) = tab(sources, file, message, line) {
        return Diagnostic::error(Code::YamlSyntax, "not valid YAML: a tab in the indentation")
            .at(tab, "here")
            .with_help("YAML is indented with spaces");
    }
    let source = line_of(sources.text(file), line).unwrap_or("");
    let place = sources.place_of(file, line, column);
    if let Some(tag) = message.strip_prefix("unsupported tag `").and_then(|rest| rest.strip_suffix('`')) {
        return meaningless(tag).at(tag_of(sources, place), "here");
    }
    if let Some((piece, found)) = mistake(sources.text(file), message, line, column) {
        let start = sources.place_of(file, piece.line, 1).start as usize + piece.indent;
        let place = Place::of(file, start..start + piece.len);
        return Diagnostic::error(Code::YamlSyntax, format!("not valid YAML: {}", found.message))
            .at(place, "here")
            .with_help(found.help);
    }
    let is_tagged = tag_before(sources.text(file), place.start as usize).is_some();
    let (message, help) = explain(message, source, is_tagged);
    let finding = Diagnostic::error(Code::YamlSyntax, format!("not valid YAML: {message}"))
        .at(place, "here")
        .with_help_if(help.map(str::to_owned));
    let is_about_brackets = message.contains("flow") || message.contains("illegal placement");
    let opened = lines::unclosed(sources.text(file), place.start as usize).filter(|_| is_about_brackets);
    match opened.and_then(|at| Some(sources.place_at(file, at)).filter(|at| is_above(sources, *at, place))) {
        Some(bracket) => finding.and_at(bracket, "in what is opened here"),
        None => finding,
    }
}

/// What the parser says of a key where it expects none, and of something else where it expects one.
const NO_MAPPING: &str = "mapping values are not allowed";
const NO_KEY: &str = "simple key expected";

/// What is behind a mistake that has to do with a key, and where it stands.
fn mistake(text: &str, message: &str, line: u64, column: u64) -> Option<(lines::Piece, lines::Mistake)> {
    match message {
        message if message.contains(NO_MAPPING) => lines::above(text, line, column),
        message if message.contains(NO_KEY) => lines::beginning(text, line, column),
        _ => None,
    }
}

/// Whether a place is in a line further up.
fn is_above(sources: &Sources, place: Place, other: Place) -> bool {
    let line = |place| sources.position(place).map(|at| at.line);
    line(place) < line(other)
}

/// A tag that nothing here reads, as `!env`, or `!!binary`.
fn meaningless(tag: &str) -> Diagnostic {
    Diagnostic::error(Code::YamlSyntax, format!("not valid YAML: the tag `{tag}` means nothing here")).with_help(
        "leave the tag out: what a value is follows from its key, and what is in the environment is written \"${NAME}\"",
    )
}

/// As [`meaningless`], of a tag that the parser takes, for it makes other bytes of a value; the place is that of the value.
pub(super) fn binary(sources: &Sources, value: Place) -> Diagnostic {
    let place = tag_of(sources, value);
    // What is no tag may be a secret.
    let tag = Some(sources.slice(place)).filter(|tag| tag.starts_with('!')).unwrap_or("!!binary");
    meaningless(tag).at(place, "here")
}

/// Where the tag of a value stands, or the value where that can't be told.
fn tag_of(sources: &Sources, value: Place) -> Place {
    let tag = tag_before(sources.text(value.file), value.start as usize);
    tag.map_or(value, |tag| Place::of(value.file, tag))
}

fn line_of(text: &str, line: u64) -> Option<&str> {
    text.lines().nth(usize::try_from(line.max(1)).ok()? - 1)
}

/// The tab that the parser stumbled over: in the line that it names, or in the first indentation behind the value that it
/// names the beginning of.
fn tab(sources: &Sources, file: FileId, message: &str, line: u64) -> Option<Place> {
    let text = sources.text(file);
    let is_indented = |line: &str| line.trim_start_matches(' ').starts_with('\t');
    let further = if message.contains("found a tab") { u64::MAX } else { line };
    let lines = text.lines().zip(1..).skip_while(|(_, number)| *number < line);
    let (source, line) =
        lines.take_while(|(_, number)| *number <= further).find(|(line, _)| is_indented(line))?;
    let column = source.find('\t')? as u64 + 1;
    Some(sources.place_of(file, line, column))
}

/// What the parser says, in words for those who do not know its grammar, and what to do about it.
fn explain<'m>(message: &'m str, source: &str, is_tagged: bool) -> (&'m str, Option<&'static str>) {
    let said = SAYINGS.iter().find(|saying| message.contains(saying.parser));
    if let Some(said) = said {
        return (said.message.unwrap_or(message), Some(said.help));
    }
    if message.contains("anchor or alias") {
        let help = "a bare `*` begins the name of an alias; write \"*\" in quotes for a star";
        return (message.strip_prefix("while scanning an anchor or alias, ").unwrap_or(message), Some(help));
    }
    if message.contains("flow") && source.contains("${") {
        return (
            message,
            Some("inside `{…}` and `[…]`, quote values that hold a variable: {address: \"${HOST}:50051\"}"),
        );
    }
    if message.contains("flow") {
        let help = "close every `{` and `[`, and inside them quote values that hold braces or commas: {get: \"/users/{id}\"}";
        return (message, Some(help));
    }
    if is_tagged && message.starts_with("invalid ") || message.contains("tagged scalar") {
        return ("the value is not of the type that its tag names", Some("leave the tag (`!!…`) out"));
    }
    (message, None)
}

/// A mistake that the parser has words for, and ours.
struct Saying {
    /// What its message holds.
    parser: &'static str,
    /// Ours, where the parser's own does not say it.
    message: Option<&'static str>,
    help: &'static str,
}

const SAYINGS: &[Saying] = &[
    Saying {
        parser: "multiple YAML documents",
        message: Some("a file holds one document"),
        help: "remove what follows `---`, or move it to a file of its own and `include` it",
    },
    Saying {
        parser: "unknown anchor",
        message: None,
        help: "give a value that name with `&name` further up, or quote this one",
    },
    Saying {
        parser: "recursive references",
        message: Some("an alias within the value that it stands for"),
        help: "write the value out, or give the anchor to another one",
    },
    Saying {
        parser: "merge value must be",
        message: Some("`<<` takes a mapping, or a list of mappings"),
        help: "name one by its anchor, as `<<: *defaults`",
    },
    Saying {
        parser: "Depth {",
        message: Some("nested deeper than 24 levels"),
        help: "nothing in a configuration nests that deep: a bracket is probably repeated",
    },
    Saying {
        parser: "recursion limit",
        message: Some("nested deeper than 24 levels"),
        help: "nothing in a configuration nests that deep: a bracket is probably repeated",
    },
    Saying {
        parser: "budget breached",
        message: Some("too large, once all of its aliases are written out"),
        help: "use fewer aliases of aliases, or split the file and `include` its parts",
    },
    Saying {
        parser: "alias replay",
        message: Some("too large, once all of its aliases are written out"),
        help: "use fewer aliases of aliases, or split the file and `include` its parts",
    },
    Saying {
        parser: "illegal placement",
        message: None,
        help: "a `{`, `[` or quote further up is probably not closed",
    },
    Saying {
        parser: "unclosed quote",
        message: None,
        help: "end the value with the quote that it begins with",
    },
    Saying {
        parser: NO_MAPPING,
        message: None,
        help: "indent keys of one mapping alike, and quote values that contain `: `",
    },
    Saying {
        parser: NO_KEY,
        message: Some("neither a key nor its value"),
        help: "write `key: value`, with a colon and a space",
    },
    Saying {
        parser: "trailing content after",
        message: Some("something behind a closing quote"),
        help: "write `key: value`, with a colon and a space; of a value in quotes, all of it stands within them",
    },
    Saying {
        parser: "while parsing a block",
        message: None,
        help: "indent keys of one mapping alike, and so the `-` of one list",
    },
    Saying {
        parser: "handle wasn't declared",
        message: Some("a tag that is declared nowhere"),
        help: "leave the tag out, or quote a value that begins with `!`",
    },
    Saying {
        parser: "mismatched bracket",
        message: None,
        help: "close `[` with `]` and `{` with `}`, the inner one first",
    },
    Saying {
        parser: "unclosed bracket",
        message: None,
        help: "close every `[` with `]` and every `{` with `}`",
    },
    Saying {
        parser: "misplaced bracket",
        message: Some("a bracket closed that is not open"),
        help: "remove it, or quote the value that it belongs to",
    },
    Saying {
        parser: "comment intercepting",
        message: Some("a value that goes on below its comment"),
        help: "indent keys of one mapping alike: the next line is indented deeper than this one",
    },
    Saying { parser: "unexpected character", message: None, help: "quote the value" },
];
